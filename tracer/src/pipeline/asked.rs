//! From filter and sinks to what the kernel side is asked for: which events, what is kept for names, what is decided and counted there.

use tracer_common::{events::Event, group::by};

use crate::{
    event::Origin,
    fields::{EventType, Needs},
    filter::kernel::{Question, Target},
    sample::Sample,
    sink::{Outputs, Tables},
    source::live::{
        Options,
        plan::{self, Demand, Wanted},
    },
};

/// How the kernel side is asked, whatever it is asked for.
#[derive(Debug, Clone)]
pub struct Mode {
    /// Sizes and switches of the source. What depends on filter and sinks is filled in: CPU time, latency, who made a call, tables.
    pub options: Options,
    /// Whether the kernel side decides what it can of the filters.
    pub pushdown: bool,
    /// Whether calls that never come back are reported, if nothing else shows them.
    pub ends: bool,
    /// How many events are looked at, when it is not all of them.
    pub sample: Option<Sample>,
}

/// What the kernel side is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whether threads are followed.
    pub threads: bool,
    /// Whether descriptors are.
    pub descriptors: bool,
    /// Whether records say who made the call.
    pub who: bool,
    /// Whether something is asked that differs between the descriptors of a call that moves data from one to the other.
    pub sides: bool,
    /// Whether the bytes of reads and writes are asked for.
    pub bytes: bool,
    /// Whether the kernel side decides what it can of the filters.
    pub pushdown: bool,
    /// The tables that are counted in the kernel.
    pub tables: Tables,
    /// Whether calls that never come back are reported.
    pub ends: bool,
    /// How many events are looked at, when it is not all of them and not all that is shown is exact.
    pub sample: Option<Sample>,
    /// Whether all that is there at the start is wanted before the first event.
    pub whole: bool,
    /// The options of the source.
    pub options: Options,
}

impl Asked {
    /// What filter and sinks ask for, on a kernel that may have the hooks of sockets. They know from here on where their events come from.
    pub fn of(outputs: &mut Outputs, mode: &Mode, has_socket_hooks: impl Fn() -> bool) -> Self {
        let why = if !mode.pushdown {
            Some("--no-pushdown")
        } else if mode.options.page_faults {
            Some("page faults are events")
        } else {
            None
        };
        let tables = why.map_or_else(|| outputs.tables(has_socket_hooks), |why| outputs.no_tables(why));
        let asked = Self::with(outputs, mode, tables);
        // What is counted is not tested again: nothing may pass that should not.
        if asked.tables.calls.is_some() && asked.is_cut(outputs) {
            let tables = asked.tables.without_calls("the filter has more tests than the kernel takes");
            return Self::with(outputs, mode, tables);
        }
        asked
    }

    fn with(outputs: &mut Outputs, mode: &Mode, tables: Tables) -> Self {
        outputs.set_origins(&tables.origins);
        let needs = outputs.needs();
        // Of sockets without a peer, and the like, a table by descriptors gets events.
        let by_descriptor = tables.calls.is_some_and(|it| it.by & by::DESCRIPTOR != 0);
        let of_records = |origin| origin == Origin::Records || origin == Origin::Calls && by_descriptor;
        let (of_records, of_calls) = if tables.is_any() {
            (outputs.needs_of(of_records), outputs.needs_of(|origin| origin != Origin::Sockets))
        } else {
            (needs, needs)
        };
        let threads = of_records.has(Needs::THREADS);
        let who = needs.has(Needs::WHO) && !threads;
        Self {
            threads,
            descriptors: of_records.has(Needs::STATE),
            who,
            sides: of_calls.has(Needs::SIDES),
            bytes: of_calls.has(Needs::BYTES),
            pushdown: mode.pushdown,
            ends: mode.ends,
            sample: mode.sample.filter(|_| tables.calls.is_none() && outputs.is_sampled()),
            whole: needs.has(Needs::WHOLE),
            options: Options {
                cpu_time: needs.has(Needs::CPU_TIME),
                latency: needs.has(Needs::LATENCY),
                who: who || mode.options.who,
                calls: tables.calls,
                sockets: tables.sockets,
                ..mode.options.clone()
            },
            tables,
        }
    }

    /// Whether the kernel side cannot take all of a predicate.
    fn is_cut(&self, outputs: &Outputs) -> bool {
        let event = |row, call: Option<&'static str>| self.collects(outputs, row, call);
        let demand = |target: &Target<'_>, questions: &mut Vec<Question>| outputs.demand(target, questions);
        plan::all(&self.wanted(&event, &demand)).cut
    }

    /// Whether events of a row, or of a system call, have to be collected.
    pub fn collects(&self, outputs: &Outputs, row: &'static Event, call: Option<&'static str>) -> bool {
        let event = call.map_or_else(|| EventType::of(row), |call| EventType::of_call(row, call));
        outputs.collects(&event)
    }

    /// What is wanted of the kernel side.
    pub fn wanted<'a>(
        &self,
        event: &'a dyn Fn(&'static Event, Option<&'static str>) -> bool,
        demand: Demand<'a>,
    ) -> Wanted<'a> {
        Wanted {
            event,
            threads: self.threads,
            descriptors: self.descriptors,
            demand: if self.pushdown { Some(demand) } else { None },
            grouped: self.tables.calls.is_some(),
            sides: self.sides,
            bytes: self.bytes,
            by_descriptor: self.tables.calls.is_some_and(|grouping| grouping.by & by::DESCRIPTOR != 0),
            ends: self.ends,
            sample: self.sample,
        }
    }
}
