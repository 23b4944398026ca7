//! From filter and sinks to what the kernel side is asked for: which events, what is kept for names, what is decided and counted there.

use tracer_common::{
    events::{self, Event, Flags},
    group::{Counted, Grouping, Number, by, number},
};

use crate::{
    aggregate,
    event::Origin,
    fields::{EventType, Needs},
    filter::kernel::{Expr, Question, Target, Untold},
    sample::Sample,
    sink::{Outputs, Tables},
    source::live::{
        Options,
        plan::{self, Plans, Wanted},
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

/// What is asked for a table of calls.
#[derive(Debug, Clone, Copy)]
struct OfTable {
    /// Whether something is asked that differs between the descriptors of a call that moves data from one to the other.
    sides: bool,
    /// Whether the bytes of reads and writes are asked for.
    bytes: bool,
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
    /// What is asked for each table of calls; without one, of records.
    of_tables: Vec<OfTable>,
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
        let tables = match mode {
            // What is chosen by chance, or at the beginning of a call, is chosen for records and tables alike.
            Mode { sample: Some(_), .. } if tables.is_beside_records() => tables.without_calls("--sample"),
            Mode { options: Options { entry_args: true, .. }, .. } if tables.is_beside_records() => {
                tables.without_calls("the beginning of calls is reported")
            }
            _ => tables,
        };
        let mut asked = Self::with(outputs, mode, tables);
        if asked.tables.calls.is_empty() {
            return asked;
        }
        loop {
            let plans = asked.with_wanted(outputs, plan::all);
            // What is counted is not tested again: nothing may pass that should not.
            if plans.cut {
                let tables = asked.tables.without_calls("the filter has too many tests for the kernel");
                return Self::with(outputs, mode, tables);
            }
            let Some((table, with, both)) = asked.alike(&plans, outputs) else { break };
            asked = Self::with(outputs, mode, asked.tables.shared(table, with, both));
        }
        let mut with_bytes = |asked: &Self, (table, bytes_of, both)| {
            let asked = Self::with(outputs, mode, asked.tables.clone().numbered(table, bytes_of, both));
            let plans = asked.with_wanted(outputs, plan::all);
            (plans.numbered && !plans.cut).then_some(asked)
        };
        while let Some(next) = asked.numbered().into_iter().find_map(|pair| with_bytes(&asked, pair)) {
            asked = next;
        }
        asked
    }

    /// Two tables of calls that can be one, because the same passes for them and goes to the same rows; and what is added up in it.
    fn alike(&self, plans: &Plans, outputs: &Outputs) -> Option<(usize, usize, Grouping)> {
        let tables = &self.tables.calls;
        let untold = |table| outputs.untold(Origin::Calls(u8::try_from(table).unwrap_or(u8::MAX)));
        let untold: Vec<Untold> = (0..tables.len()).map(untold).collect();
        let mut pairs = (0..tables.len()).flat_map(|table| (0..table).map(move |with| (table, with)));
        pairs.find_map(|(table, with)| {
            let (one, other) = tables[table].zip(tables[with])?;
            let both = Grouping { by: one.by | other.by, number: one.number.with(other.number)?, ..one };
            let is_alike = || aggregate::same_rows(one.by, other.by) && plans.section(table) == plans.section(with);
            let are_told_apart = || {
                let asked = untold[table].apart_from(&untold[with]).filter(|_| can_tell(one, other));
                // Calls that nobody wants timed are not, unless all are anyway.
                let is_timed = |of: Grouping| of.number as u32 & number::LATENCY != 0;
                asked.is_some_and(|asked| asked & !both.by == 0 && (asked == 0 || is_timed(one) == is_timed(other)))
            };
            (is_alike() || are_told_apart()).then_some((table, with, both))
        })
    }

    /// Tables that can have the bytes of another one in their rows, if its calls pass for them, and what is counted then: the key may be finer
    /// than each of the two needs by what a call is and what came of it.
    fn numbered(&self) -> Vec<(usize, usize, Grouping)> {
        let tables = || self.tables.calls.iter().enumerate().filter_map(|(at, of)| Some((at, (*of)?)));
        let pairs = tables().flat_map(|one| tables().map(move |other| (one, other)));
        let found = pairs.filter_map(|((table, one), (of, bytes))| {
            let number = match one.number {
                Number::None => Number::Bytes,
                Number::Failure => Number::BytesAndFailure,
                Number::Bytes | Number::Latency | Number::LatencyAndFailure | Number::BytesAndFailure => return None,
            };
            let all = one.by | bytes.by;
            let is_free =
                bytes.bytes_of.is_none() && tables().all(|(_, other)| other.bytes_of.map(usize::from) != Some(of));
            let is_one = is_free
                && bytes.number == Number::Bytes
                && (one.by ^ bytes.by) & !(OF_RESULTS | by::DIRECTION) == 0
                && all & (by::DESCRIPTOR | by::RANGE) == 0;
            // The call says which way its bytes go.
            let by = if all & by::CALL == 0 { all } else { all & !by::DIRECTION };
            is_one.then_some((table, of, Grouping { by, number, ..one }))
        });
        found.collect()
    }

    fn with(outputs: &mut Outputs, mode: &Mode, mut tables: Tables) -> Self {
        outputs.set_origins(&tables.origins);
        let needs = outputs.needs();
        // Of sockets without a peer, and the like, a table by descriptors gets events.
        let by_descriptor = |table: u8| is_by_descriptor(&tables, table);
        let of_records = |origin| match origin {
            Origin::Records => true,
            Origin::Calls(table) => by_descriptor(table),
            Origin::Sockets => false,
        };
        let of_records = if tables.is_any() { outputs.needs_of(of_records) } else { needs };
        let of_tables = (0..tables.calls.len().max(1)).map(|table| {
            let is_of_it = |origin| match origin {
                Origin::Records => table == 0,
                Origin::Calls(own) => usize::from(own) == table,
                Origin::Sockets => false,
            };
            let needs = if tables.is_any() { outputs.needs_of(is_of_it) } else { needs };
            OfTable { sides: needs.has(Needs::SIDES), bytes: needs.has(Needs::BYTES) }
        });
        let of_tables = of_tables.collect();
        let threads = of_records.has(Needs::THREADS);
        let who = needs.has(Needs::WHO) && !threads;
        if needs.has(Needs::CPU_TIME) && mode.options.follow.is_none() {
            tables.sockets = tables.sockets.map(|sockets| with_time(sockets, who || mode.options.who));
        }
        Self {
            threads,
            descriptors: of_records.has(Needs::STATE),
            who,
            of_tables,
            pushdown: mode.pushdown,
            ends: mode.ends,
            sample: mode.sample.filter(|_| tables.calls.is_empty() && outputs.is_sampled()),
            whole: needs.has(Needs::WHOLE),
            options: Options {
                cpu_time: needs.has(Needs::CPU_TIME),
                latency: needs.has(Needs::LATENCY),
                who: who || mode.options.who,
                owners: [&events::tcp::TCP_RETRANSMIT, &events::tcp::TCP_RESET].into_iter().any(|row| {
                    let needs = outputs.needs_of_row(row);
                    needs.has(Needs::THREADS) || needs.has(Needs::WHO)
                }),
                calls: tables.calls.clone(),
                sockets: tables.sockets,
                ..mode.options.clone()
            },
            tables,
        }
    }

    /// Whether events of a row, or of a system call, have to be collected.
    pub fn collects(&self, outputs: &Outputs, row: &'static Event, call: Option<&'static str>) -> bool {
        outputs.collects(&event_type(row, call))
    }

    /// Calls `then` with what is wanted of the kernel side.
    pub fn with_wanted<T>(&self, outputs: &Outputs, then: impl FnOnce(&Wanted<'_>) -> T) -> T {
        type Wants<'a> = Box<dyn Fn(&'static Event, Option<&'static str>) -> bool + 'a>;
        type Demands<'a> = Box<dyn Fn(&Target<'_>, &mut Vec<Question>) -> Expr + 'a>;
        let number = self.of_tables.len();
        let tables = 0..u8::try_from(number).unwrap_or(u8::MAX);
        let asked = |row: &'static Event| !row.flags.has(Flags::ASKED) || outputs.names(row);
        let event = |table: u8| -> Wants<'_> {
            if number == 1 {
                Box::new(move |row, call| asked(row) && self.collects(outputs, row, call))
            } else {
                Box::new(move |row, call| asked(row) && outputs.counts(table, &event_type(row, call)))
            }
        };
        let demand = |table: u8| -> Demands<'_> {
            Box::new(move |target: &Target<'_>, questions: &mut Vec<Question>| outputs.demand(table, target, questions))
        };
        let events: Vec<Wants<'_>> = tables.clone().map(event).collect();
        let demands: Vec<Demands<'_>> = tables.clone().map(demand).collect();
        let of_table = |table: u8| {
            let at = usize::from(table);
            let OfTable { sides, bytes } = self.of_tables[at];
            Wanted {
                demand: if self.pushdown { Some(&*demands[at]) } else { None },
                grouped: self.tables.calls.get(at).is_some_and(Option::is_some),
                bytes_of: self.tables.calls.get(at).copied().flatten().and_then(|grouping| grouping.bytes_of),
                sides,
                bytes,
                by_descriptor: is_by_descriptor(&self.tables, table),
                ends: self.ends,
                sample: self.sample,
                paths: self.descriptors,
                ..Wanted::only(&*events[at])
            }
        };
        // What keeps names right is recorded once.
        let more: Vec<Wanted<'_>> = tables.skip(1).map(of_table).collect();
        then(&Wanted { threads: self.threads, descriptors: self.descriptors, more: &more, ..of_table(0) })
    }
}

/// Members of a key that say what a call is and what came of it: rows that are finer by them are not many more.
const OF_RESULTS: u32 = by::CALL | by::NUMBER | by::ERROR;

/// The table of sockets, where CPU time is measured: bytes are kept with the time of their thread, if its key has only what is known there.
fn with_time(sockets: Grouping, who: bool) -> Grouping {
    let is_known =
        sockets.by & !by::OF_SLICES == 0 && sockets.by & by::TGID != 0 && (who || sockets.by & by::COMM == 0);
    Grouping { counted: if is_known { Counted::SliceBytes } else { sockets.counted }, ..sockets }
}

/// Whether rows of one table can be finer, so that they tell which of its events those of the other one are. Bytes are left out: where
/// they count is not told by the call alone.
fn can_tell(one: Grouping, other: Grouping) -> bool {
    let (all, differ) = (one.by | other.by, one.by ^ other.by);
    let has_bytes = |of: Grouping| of.number as u32 & number::BYTES != 0;
    let is_fine = all & by::RANGE == 0 || aggregate::same_rows(one.by, other.by);
    differ & !(OF_RESULTS | by::RANGE) == 0
        && is_fine
        && all & by::DESCRIPTOR == 0
        && !has_bytes(one)
        && !has_bytes(other)
}

fn event_type(row: &'static Event, call: Option<&'static str>) -> EventType<'static> {
    call.map_or_else(|| EventType::of(row), |call| EventType::of_call(row, call))
}

/// Whether rows of a table of calls say what the descriptor is.
fn is_by_descriptor(tables: &Tables, table: u8) -> bool {
    tables.calls.get(usize::from(table)).copied().flatten().is_some_and(|grouping| grouping.by & by::DESCRIPTOR != 0)
}
