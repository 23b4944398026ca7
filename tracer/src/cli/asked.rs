//! From a plan to what the kernel side is asked for: which events, what is kept for names, what is decided and counted there.

use tracer_common::{
    events::Event,
    group::{Counted, Grouping, by},
};

use super::Plan;
use crate::{
    fields::{EventType, Needs},
    filter::kernel::{Question, Target},
    sample::Sample,
    sink::Outputs,
    source::live::{
        Options,
        plan::{self, Demand, Wanted},
    },
};

/// What the kernel side is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The table that is counted in the kernel; else the reason why none is.
    pub grouping: Result<Grouping, &'static str>,
    /// How many events are looked at, when it is not all of them and not all that is shown is exact.
    pub sample: Option<Sample>,
}

impl Asked {
    /// What a plan asks for, on a kernel that may have the hooks of sockets.
    pub fn of(plan: &Plan, has_socket_hooks: impl Fn() -> bool) -> Self {
        let counts = |grouping: Grouping| match grouping.counted {
            Counted::SocketBytes if !has_socket_hooks() => Err("the kernel has no hooks of sockets, as from 6.3 on"),
            _ if plan.page_faults => Err("page faults are events"),
            _ => Ok(grouping),
        };
        let grouping = if plan.pushdown { plan.outputs.grouping().and_then(counts) } else { Err("--no-pushdown") };
        let asked = Self::with(plan, grouping);
        // What is counted is not tested again: nothing may pass that should not.
        if grouping.is_ok() && asked.is_cut(&plan.outputs) {
            return Self::with(plan, Err("the filter has more tests than the kernel takes"));
        }
        asked
    }

    fn with(plan: &Plan, grouping: Result<Grouping, &'static str>) -> Self {
        let needs = plan.needs;
        // Of sockets without a peer, and the like, a table by descriptors gets events.
        let by_descriptor = |it: Grouping| it.counted == Counted::Events && it.by & by::DESCRIPTOR != 0;
        let events = grouping.map_or(true, by_descriptor);
        let threads = events && needs.has(Needs::THREADS);
        Self {
            threads,
            descriptors: events && needs.has(Needs::STATE),
            who: needs.has(Needs::WHO) && !threads,
            sides: needs.has(Needs::SIDES),
            bytes: needs.has(Needs::BYTES),
            pushdown: plan.pushdown,
            grouping,
            sample: plan.sample.filter(|_| grouping.is_err() && plan.outputs.is_sampled()),
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
        let sockets = self.grouping.is_ok_and(|grouping| grouping.counted == Counted::SocketBytes);
        let event = call.map_or_else(|| EventType::of(row), |call| EventType::of_call(row, call));
        !sockets && outputs.collects(&event)
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
            grouped: self.grouping.is_ok(),
            sides: self.sides,
            bytes: self.bytes,
            by_descriptor: self.grouping.is_ok_and(|grouping| grouping.by & by::DESCRIPTOR != 0),
            sample: self.sample,
        }
    }

    /// The options of the source.
    pub fn options(&self, plan: &Plan) -> Options {
        Options {
            snaplen: plan.snaplen,
            ring_bytes: plan.buffer_size.and_then(|size| usize::try_from(size).ok()),
            cpu_time: plan.needs.has(Needs::CPU_TIME),
            containers: true,
            kernel_log: plan.kernel_log,
            latency: plan.needs.has(Needs::LATENCY),
            entry_args: plan.entry_args,
            page_faults: plan.page_faults,
            own: plan.own,
            who: self.who,
            grouping: self.grouping.ok(),
            changes: false,
        }
    }
}
