//! What the engine counts for metrics: its tables, and the families that are made of their rows, a row each.
//!
//! Tables of calls are counted in the kernel. Those of exits, forks and TCP are made of events, which are few; times of threads are measured in
//! the kernel, and tables get their sums. Keys begin with the id of the container. What is in no container is not counted.

use std::borrow::Cow;

use super::{
    calls::{self, Call},
    metrics::Kind,
};
use crate::{
    aggregate::{Column, Op, Sort, Spec, TableError, Value},
    fields::{FieldError, FieldRef, Show, Unit},
    filter::{Filter, FilterError},
};

/// How much is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    /// Calls, errors, bytes and processes.
    Basic,
    /// All of basic, and the duration of calls.
    #[default]
    Full,
    /// All of full, and CPU time of containers that have ended, which costs time at each switch of a CPU to another thread.
    All,
}

/// What is kept for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    /// How many events there were.
    Events,
    /// How many of them failed.
    Failures,
    /// The sum of a field in bytes.
    Bytes(&'static str),
    /// The sum of a field in nanoseconds.
    Nanoseconds(&'static str),
    /// How many events moved bytes.
    Transfers,
    /// How many took less than two to this power, nanoseconds.
    Below(u8),
    /// What all of them took, nanoseconds.
    Time,
    /// How many were timed.
    Timed,
}

/// Which events count.
#[derive(Debug, Clone, Copy)]
enum Events {
    /// Those that pass a filter.
    Filter(&'static str),
    /// Calls whose times have a class.
    Timed,
}

impl Events {
    fn filter(self) -> String {
        let events = match self {
            Self::Filter(text) => text.to_owned(),
            Self::Timed => format!("evt.type in ({})", calls::timed().collect::<Vec<_>>().join(", ")),
        };
        format!("{IN_CONTAINERS} and {events}")
    }
}

/// A table.
#[derive(Debug)]
struct Table {
    /// What tells rows of a container apart.
    keys: &'static [&'static str],
    filter: Events,
    numbers: &'static [Number],
    level: Level,
    /// The most rows of one container; what comes then is counted in one more, with [`OTHER`] for each key.
    rows: usize,
}

/// In place of what there is no room for.
pub(super) const OTHER: &str = "other";

/// The bounds of histograms as powers of two, nanoseconds: 4 µs, 16 µs and so on to 17 s.
pub(super) const BOUNDS: [u8; 12] = [12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34];

/// Numbers of a table of times: those below each bound, the sum, and how many there were.
const TIMES_OF: [Number; BOUNDS.len() + 2] = {
    let mut numbers = [Number::Time; BOUNDS.len() + 2];
    let mut at = 0;
    while at < BOUNDS.len() {
        numbers[at] = Number::Below(BOUNDS[at]);
        at += 1;
    }
    numbers[BOUNDS.len() + 1] = Number::Timed;
    numbers
};

/// The places of tables in [`TABLES`].
pub(super) const CALLS: usize = 0;
const FAILURES: usize = 1;
pub(super) const FILES: usize = 2;
const CONNECTS: usize = 3;
pub(super) const TIMES: usize = 4;
pub(super) const SOCKETS: usize = 5;
pub(super) const EXITS: usize = 6;
const FORKS: usize = 7;
const CPU: usize = 8;
const SENT_AGAIN: usize = 9;
const RESETS: usize = 10;
const ENDS: usize = 11;

/// Processes outside of containers do not count.
const IN_CONTAINERS: &str = "container.id!=host";

const TABLES: [Table; 12] = [
    Table {
        keys: &["evt.type"],
        filter: Events::Filter("syscall.type exists"),
        numbers: &[Number::Events, Number::Failures],
        level: Level::Basic,
        rows: 512,
    },
    Table {
        keys: &["evt.type", "evt.res"],
        // What is no error to those who ask again, or wait.
        filter: Events::Filter(
            "evt.failed=true and not evt.res in (EAGAIN, EINPROGRESS, ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, \
            ERESTART_RESTARTBLOCK)",
        ),
        numbers: &[Number::Events],
        level: Level::Basic,
        rows: 32,
    },
    Table {
        keys: &["evt.type"],
        filter: Events::Filter("evt.is_io=true and fd.type=file"),
        numbers: &[Number::Bytes("evt.buflen"), Number::Transfers],
        level: Level::Basic,
        rows: 64,
    },
    Table {
        keys: &["evt.res"],
        filter: Events::Filter("evt.type=connect"),
        numbers: &[Number::Events],
        level: Level::Basic,
        rows: 64,
    },
    Table { keys: &["evt.type"], filter: Events::Timed, numbers: &TIMES_OF, level: Level::Full, rows: 64 },
    Table {
        keys: &[],
        filter: Events::Filter("evt.is_io=true and fd.type in (ipv4, ipv6)"),
        numbers: &[Number::Bytes("evt.buflen.in"), Number::Bytes("evt.buflen.out")],
        level: Level::Basic,
        rows: 1,
    },
    Table {
        keys: &["evt.rawarg.sig", "evt.rawarg.ret", "proc.vpid"],
        filter: Events::Filter("evt.type=procexit and thread.ismain=true"),
        numbers: &[Number::Events],
        level: Level::Basic,
        rows: 64,
    },
    Table {
        keys: &[],
        filter: Events::Filter("evt.type in (clone, clone3, fork, vfork) and evt.rawres=0 and thread.ismain=true"),
        numbers: &[Number::Events],
        level: Level::Basic,
        rows: 1,
    },
    // Of each thread that ran, once an interval, those that have ended included.
    Table {
        keys: &[],
        filter: Events::Filter("evt.type=procinfo"),
        numbers: &[Number::Nanoseconds("evt.rawarg.cpu_usr"), Number::Nanoseconds("evt.rawarg.cpu_sys")],
        level: Level::All,
        rows: 1,
    },
    Table {
        keys: &[],
        filter: Events::Filter("evt.type=tcp_retransmit"),
        numbers: &[Number::Events],
        level: Level::Basic,
        rows: 1,
    },
    Table {
        keys: &["evt.arg.direction"],
        filter: Events::Filter("evt.type=tcp_reset"),
        numbers: &[Number::Events],
        level: Level::Basic,
        rows: 2,
    },
    Table {
        keys: &["evt.arg.side", "evt.arg.res"],
        filter: Events::Filter("evt.type=tcp_close"),
        numbers: &[Number::Events],
        level: Level::All,
        rows: 32,
    },
];

/// How many tables there are.
pub(super) const COUNT: usize = TABLES.len();

/// Labels and values of a sample.
type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// A row of a table: keys without that of the container, and numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) keys: &'a [String],
    pub(super) numbers: &'a [f64],
}

impl Row<'_> {
    fn key(&self, at: usize) -> &str {
        self.keys.get(at).map_or("", String::as_str)
    }

    fn number(&self, at: usize) -> f64 {
        self.numbers.get(at).copied().unwrap_or_default()
    }
}

/// A family of metrics of a container.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    /// Whether its sums are also kept for workloads, containers that have ended included.
    pub(super) outlives: bool,
    /// Whether it is left out first where there are too many series: it has many for one container.
    pub(super) is_detail: bool,
    pub(super) of: Of,
}

/// What a row of a table adds to a family: labels, and a value.
type Adds = fn(Row<'_>) -> Vec<(Labels, f64)>;

/// What a family is made of.
#[derive(Debug)]
pub(super) enum Of {
    /// A counter: the tables, and what their rows add.
    Sums(&'static [(usize, Adds)]),
    /// A histogram: the labels of a row of the table of times.
    Times(fn(Row<'_>) -> Labels),
}

impl Family {
    pub(super) const fn kind(&self) -> Kind {
        match self.of {
            Of::Sums(_) => Kind::Counter,
            Of::Times(_) => Kind::Histogram,
        }
    }
}

/// One label.
fn one(name: &'static str, value: impl Into<Cow<'static, str>>) -> Labels {
    vec![(name, value.into())]
}

/// The families of a container, in the order in which they are written.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "tracer_container_syscalls_total",
        help: "System calls that returned, by class.",
        outlives: true,
        is_detail: false,
        of: Of::Sums(&[(CALLS, |row| vec![(one("class", Call::of(row.key(0)).class), row.number(0))])]),
    },
    Family {
        name: "tracer_container_syscall_errors_total",
        help: "Failed system calls, except EAGAIN, EINPROGRESS and calls that are restarted. After 32 pairs of call and error per container, the rest is other.",
        outlives: false,
        is_detail: true,
        of: Of::Sums(&[(FAILURES, |row| {
            let labels = vec![("syscall", row.key(0).to_owned().into()), ("errno", row.key(1).to_owned().into())];
            vec![(labels, row.number(0))]
        })]),
    },
    Family {
        name: "tracer_container_syscall_duration_seconds",
        help: "Duration of system calls by class, including the time they wait.",
        outlives: false,
        is_detail: true,
        of: Of::Times(|row| one("class", Call::of(row.key(0)).timed.unwrap_or(OTHER))),
    },
    Family {
        name: "tracer_container_file_bytes_total",
        help: "Bytes read from and written to files, including the page cache.",
        outlives: true,
        is_detail: false,
        of: Of::Sums(&[(FILES, |row| vec![(one("direction", Call::of(row.key(0)).direction), row.number(0))])]),
    },
    Family {
        name: "tracer_container_file_operations_total",
        help: "Successful file operations.",
        outlives: false,
        is_detail: false,
        of: Of::Sums(&[
            (FILES, |row| vec![(one("operation", Call::of(row.key(0)).direction), row.number(1))]),
            (CALLS, |row| match Call::of(row.key(0)).operation {
                Some(operation) => vec![(one("operation", operation), row.number(0) - row.number(1))],
                None => Vec::new(),
            }),
        ]),
    },
    Family {
        name: "tracer_container_network_bytes_total",
        help: "Bytes received and sent over IPv4 and IPv6, without headers; works with host networking too.",
        outlives: true,
        is_detail: false,
        of: Of::Sums(&[(SOCKETS, |row| {
            vec![(one("direction", "receive"), row.number(0)), (one("direction", "transmit"), row.number(1))]
        })]),
    },
    Family {
        name: "tracer_container_connects_total",
        help: "Calls to connect by result, on sockets of any kind; pending ones succeed or fail later.",
        outlives: false,
        is_detail: false,
        of: Of::Sums(&[(CONNECTS, |row| vec![(one("result", connected(row.key(0))), row.number(0))])]),
    },
    Family {
        name: "tracer_container_execs_total",
        help: "Programs started, and attempts that failed.",
        outlives: true,
        is_detail: false,
        of: Of::Sums(&[(CALLS, |row| {
            if !matches!(row.key(0), "execve" | "execveat") {
                return Vec::new();
            }
            vec![(one("result", "ok"), row.number(0) - row.number(1)), (one("result", "error"), row.number(1))]
        })]),
    },
    Family {
        name: "tracer_container_forks_total",
        help: "Processes created; threads are not counted.",
        outlives: true,
        is_detail: false,
        of: Of::Sums(&[(FORKS, |row| vec![(Vec::new(), row.number(0))])]),
    },
    Family {
        name: "tracer_container_exits_total",
        help: "Processes that exited, by reason.",
        outlives: true,
        is_detail: false,
        of: Of::Sums(&[(EXITS, |row| vec![(one("reason", exit_reason(row.key(0), row.key(1))), row.number(0))])]),
    },
    Family {
        name: "tracer_container_cpu_seconds_total",
        help: "CPU time since tracer began, by mode, added up at each switch between threads; only with --metrics=all.",
        outlives: true,
        is_detail: false,
        of: Of::Sums(&[(CPU, |row| {
            vec![(one("mode", "user"), row.number(0) / 1e9), (one("mode", "system"), row.number(1) / 1e9)]
        })]),
    },
    Family {
        name: "tracer_container_tcp_retransmits_total",
        help: "Segments of TCP that were sent again because no acknowledgement came.",
        outlives: true,
        is_detail: false,
        of: Of::Sums(&[(SENT_AGAIN, |row| vec![(Vec::new(), row.number(0))])]),
    },
    Family {
        name: "tracer_container_tcp_resets_total",
        help: "Resets of TCP connections that were sent and received.",
        outlives: true,
        is_detail: false,
        of: Of::Sums(&[(RESETS, |row| {
            let direction = match row.key(0) {
                "sent" => "sent",
                "received" => "received",
                _ => OTHER,
            };
            vec![(one("direction", direction), row.number(0))]
        })]),
    },
    Family {
        name: "tracer_container_tcp_connections_total",
        help: "TCP connections that ended, by side and result; ok is an end without an error; only with --metrics=all.",
        outlives: true,
        is_detail: true,
        of: Of::Sums(&[(ENDS, |row| {
            let side = match row.key(0) {
                "client" => "client",
                "server" => "server",
                _ => OTHER,
            };
            let result = if row.key(1) == "0" { "ok" } else { connected(row.key(1)) };
            vec![(vec![("side", side.into()), ("result", result.into())], row.number(0))]
        })]),
    },
];

fn connected(result: &str) -> &'static str {
    match result {
        "SUCCESS" => "ok",
        "EINPROGRESS" | "EALREADY" | "EINTR" => "pending",
        "ECONNREFUSED" => "refused",
        "ETIMEDOUT" => "timeout",
        "EHOSTUNREACH" | "ENETUNREACH" => "unreachable",
        "ECONNRESET" => "reset",
        _ => OTHER,
    }
}

/// Why a process ended, from its signal and its code.
pub(super) fn exit_reason(signal: &str, code: &str) -> &'static str {
    match (signal, code) {
        (OTHER, _) => OTHER,
        ("0" | "", "0" | "") => "ok",
        ("0" | "", _) => "error",
        _ => "signal",
    }
}

/// The keys under which a row is kept: of processes that end, only whether it is the first of its container.
pub(super) fn kept(table: usize, mut keys: Vec<String>) -> Vec<String> {
    if table == EXITS
        && let Some(vpid) = keys.get_mut(2).filter(|vpid| *vpid != INIT)
    {
        OTHER.clone_into(vpid);
    }
    keys
}

/// The number of the first process of a container in its pid namespace.
pub(super) const INIT: &str = "1";

/// A table of metrics does not go with the fields and filters of this version.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountedError {
    /// There is no such field.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The filter makes no sense.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The table makes no sense.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Number {
    fn value(self) -> Result<Value, CountedError> {
        let (field, op) = match self {
            Self::Events => (None, Op::Count),
            Self::Failures => (Some("evt.count.error"), Op::Sum),
            Self::Bytes(field) | Self::Nanoseconds(field) => (Some(field), Op::Sum),
            Self::Transfers => (Some("evt.buflen"), Op::Count),
            Self::Below(power) => (Some("evt.latency"), Op::Below(power)),
            Self::Time => (Some("evt.latency"), Op::Sum),
            Self::Timed => (Some("evt.latency"), Op::Count),
        };
        let field = field.map(|name| FieldRef::resolve(name, Show::PLAIN)).transpose()?;
        let title = String::new();
        Ok(Value {
            title,
            field,
            also: Vec::new(),
            op,
            unit: Unit::None,
            share: false,
            per_second: false,
            total: false,
        })
    }
}

/// The tables for the engine, with their places in [`TABLES`].
///
/// # Errors
/// A field or a filter of ours does not exist.
pub(super) fn specs(level: Level) -> Result<Vec<(usize, Spec)>, CountedError> {
    let wanted = TABLES.iter().enumerate().filter(|(_, table)| table.level <= level);
    wanted
        .map(|(at, table)| {
            let names = ["container.full_id"].into_iter().chain(table.keys.iter().copied());
            let keys = names.map(|name| {
                let field = FieldRef::resolve(name, Show::PLAIN)?;
                Ok(Column { title: name.to_owned(), field: Some(field) })
            });
            let spec = Spec {
                title: String::new(),
                keys: keys.collect::<Result<_, CountedError>>()?,
                values: table.numbers.iter().map(|number| number.value()).collect::<Result<_, _>>()?,
                sort: Sort::Value(0),
                filter: Some(Filter::compile(&table.filter.filter(), Show::PLAIN)?),
                top: usize::MAX,
                each: false,
                any: true,
            };
            Ok((at, spec))
        })
        .collect()
}

/// The most rows of one container in a table.
pub(super) fn most_rows(table: usize) -> usize {
    TABLES.get(table).map_or(0, |table| table.rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{self, Aggregate as _};

    #[test]
    fn all_tables_of_calls_but_two_are_counted_in_the_kernel() {
        for (at, spec) in specs(Level::All).unwrap() {
            let table = aggregate::Table::new(spec).unwrap();
            let filters: Vec<&Filter> = table.filter().into_iter().collect();
            let counted = table.grouping().and_then(|counts| counts.in_kernel(&filters));
            let of_events = [EXITS, FORKS, CPU, SENT_AGAIN, RESETS, ENDS];
            assert_eq!(counted.is_ok(), !of_events.contains(&at), "{at}: {counted:?}");
        }
    }

    #[test]
    fn each_level_has_its_tables() {
        let places = |level| specs(level).unwrap().into_iter().map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(places(Level::All), (0..COUNT).collect::<Vec<_>>());
        assert_eq!(places(Level::Full), (0..COUNT).filter(|at| ![CPU, ENDS].contains(at)).collect::<Vec<_>>());
        assert_eq!(places(Level::Basic), (0..COUNT).filter(|at| ![TIMES, CPU, ENDS].contains(at)).collect::<Vec<_>>());
    }

    #[test]
    fn processes_end_for_a_reason() {
        assert_eq!((exit_reason("0", "0"), exit_reason("0", "1"), exit_reason("9", "0")), ("ok", "error", "signal"));
        assert_eq!(exit_reason(OTHER, OTHER), OTHER);
    }
}
