//! Random tables are the same whether the kernel counts them or user space does: two tracers side by side, one of them with
//! `--no-pushdown`, over the same workload.
//!
//! `TRACER_TEST_CASES` says how many tables there are, `TRACER_TEST_SEED` where to begin.

use std::collections::BTreeMap;

use serde_json::Value;
use tracer_tests::{
    command::{self, Running},
    level,
    scratch::Scratch,
};

use crate::pushdown::{Random, World, filter, number};

/// Random tables in a usual run.
const CASES: usize = 24;
/// How many are counted at once: each is two tracers.
const AT_ONCE: usize = 3;
/// How long a table is printed for, milliseconds.
pub const INTERVAL_MS: u64 = 300;

/// Fields by which the kernel can count.
const KEYS: &[&str] = &[
    "proc.name",
    "proc.pid",
    "proc.vpid",
    "thread.tid",
    "user.uid",
    "evt.type",
    "evt.cpu",
    "evt.res",
    "evt.failed",
    "container.name",
    "container.id",
    "proc.main_name",
    "user.name",
    "fd.type",
    "fd.l4proto",
    "fd.name",
    "fd.lport",
    "fd.rport",
    "fd.cport",
    "fd.sport",
    "fd.lip",
    "fd.rip",
    "fd.cip",
    "fd.sip",
    "fd.is_server",
];

/// Values that can be put together from several tables: operation and field.
const VALUES: &[(&str, &str)] = &[
    ("count", ""),
    ("sum", "evt.buflen"),
    ("sum", "evt.buflen.in"),
    ("sum", "evt.buflen.out"),
    ("min", "evt.buflen"),
    ("max", "evt.buflen"),
    ("count", "evt.buflen"),
    ("count", "evt.latency"),
    ("sum", "evt.count.error"),
    ("count", "evt.count.error"),
    ("max", "evt.count.error"),
];
/// Those of them, by their places, that one row in the kernel can have together.
const TOGETHER: &[usize] = &[0, 7, 8, 9, 10];

/// Tests that the kernel knows exactly, and one that it does not.
const TESTS: &[&str] = &[
    "evt.type=read",
    "evt.type in (openat, close, write, sendmmsg)",
    "evt.type!=getuid",
    "evt.is_io=true",
    "evt.category=net",
    "proc.name=first",
    "proc.name!=second",
    "proc.name in (first, other)",
    "proc.name startswith sec",
    "user.uid=0",
    "user.uid>0",
    "group.gid!=0",
    "evt.failed=true",
    "evt.failed=false",
    "evt.res=ENOENT",
    "evt.res in (EBADF, SUCCESS)",
    "evt.rawres<0",
    "evt.buflen>10",
    "evt.buflen exists",
    "container.id=host",
    "container.id!=host",
    "fd.num>3",
    "evt.is_io=true and fd.type=file",
    "evt.is_io=true and fd.type!=file",
    "evt.type in (read, write, pread) and not fd.type in (ipv4, ipv6)",
    "evt.is_io=true and fd.type in (ipv4, ipv6)",
    "evt.is_io=true and fd.type in (ipv4, ipv6) and fd.l4proto=tcp",
    "evt.is_io=true and fd.type=pipe",
    "fd.type in (ipv4, ipv6) and fd.sport=PORT",
    "fd.port=PORT",
    "not fd.rport=PORT",
    "fd.cip=127.0.0.1 or fd.net=::/64",
    "fd.l4proto=udp",
    "fd.is_server=true",
];

/// Values and filters of tables that can have rows in common.
const ALIKE: &[((&str, &str), &str)] = &[
    (("count", ""), "syscall.type exists"),
    (("sum", "evt.count.error"), "syscall.type exists"),
    (("count", ""), "evt.failed=true"),
    (("count", ""), "evt.failed=true and not evt.res in (EAGAIN, ENOENT)"),
    (("count", ""), "evt.type in (openat, read, connect)"),
    (("count", ""), "evt.type=read or evt.res=EBADF"),
    (("count", ""), "proc.name=first"),
    (("count", "evt.latency"), "evt.type in (openat, read, write)"),
    (("count", "evt.latency"), "syscall.type exists"),
    (("sum", "evt.buflen"), "evt.is_io=true and fd.type=file"),
    (("count", "evt.buflen"), "evt.is_io=true and fd.type=file"),
    (("sum", "evt.buflen.in"), "evt.is_io=true and fd.type=file"),
    (("max", "evt.buflen"), "evt.is_io=true"),
    (("sum", "evt.buflen.out"), "evt.is_io=true"),
    (("sum", "evt.buflen"), "evt.buflen>10"),
    (("sum", "evt.buflen"), "evt.type in (read, write, pread, sendfile) and not fd.type in (ipv4, ipv6)"),
    (("sum", "evt.buflen"), "proc.name=first and evt.is_io=true and fd.type=pipe"),
];

/// A table and what it is asked of.
pub struct Case {
    keys: Vec<&'static str>,
    values: Vec<(&'static str, &'static str)>,
    filter: String,
}

/// A row by its keys: its values, as far as they are there.
pub type Rows = BTreeMap<String, Vec<Option<f64>>>;

impl Case {
    /// Tables with many keys get simple filters.
    pub fn random(random: &mut Random, port: u16) -> Self {
        let mut keys: Vec<&str> = (0..1 + random.below(3)).map(|_| random.of(KEYS)).collect();
        keys.sort_unstable();
        keys.dedup();
        let values = match random.below(4) {
            0 => (0..2 + random.below(2)).map(|_| VALUES[random.of(TOGETHER)]).collect(),
            1 => (0..2).map(|_| random.of(VALUES)).collect(),
            _ => vec![random.of(VALUES)],
        };
        let filter = filter(random, TESTS, 3 - keys.len()).replace("PORT", &port.to_string());
        Self { keys, values, filter }
    }

    /// One of several tables by the same keys, which the kernel may put into the same rows: what a call is or what came of it may be in the
    /// key, too, and in the filter, and bytes may be those of calls that another table counts.
    pub fn alike(random: &mut Random, keys: &[&'static str]) -> Self {
        let of_result = ["evt.type", "evt.res", "evt.failed"];
        let more = if random.below(2) == 0 { Some(random.of(&of_result)) } else { None };
        let keys: Vec<&str> = keys.iter().copied().chain(more).collect();
        let (value, filter) = random.of(ALIKE);
        Self { keys, values: vec![value], filter: filter.to_owned() }
    }

    /// The script, whose filter is that of the case within `around`.
    pub fn chisel_within(&self, around: &str) -> String {
        let filter = format!("{around} and ({})", self.filter).replace('"', "\\\"");
        self.chisel().replacen("interval(", &format!("filter(\"{filter}\");\ninterval("), 1)
    }

    /// Whether rows differ by that field.
    pub fn has_key(&self, field: &str) -> bool {
        self.keys.contains(&field)
    }

    /// What it is, for a message.
    pub fn name(&self) -> String {
        format!("{:?} by {:?}, filter '{}'", self.values, self.keys, self.filter)
    }

    fn chisel(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(|key| format!("#{{ field: \"{key}\", title: \"K\" }}")).collect();
        let value = |(op, field): &(&str, &str)| {
            let field = if field.is_empty() { String::new() } else { format!("field: \"{field}\", ") };
            format!("#{{ {field}title: \"V\", op: \"{op}\" }}")
        };
        let values: Vec<String> = self.values.iter().map(value).collect();
        format!(
            "chisel(#{{ summary: \"a random table\" }});\ninterval({INTERVAL_MS});\n\
             table(#{{ keys: [{}], values: [{}], top: 100000 }});\n",
            keys.join(", "),
            values.join(", ")
        )
    }

    /// The rows of all tables of a run, put together.
    pub fn rows(&self, lines: &[String]) -> Rows {
        let parsed =
            lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        self.rows_of(parsed)
    }

    /// The same of tables that were read already.
    pub fn rows_of(&self, tables: impl Iterator<Item = Value>) -> Rows {
        let mut rows = Rows::new();
        for table in tables {
            for row in table["data"].as_array().expect("a table has rows").iter().filter_map(Value::as_array) {
                let (keys, values) = row.split_at(self.keys.len());
                assert_eq!(values.len(), self.values.len(), "a row has all values: {row:?}");
                let kept = rows.entry(Value::from(keys.to_vec()).to_string()).or_default();
                kept.resize(values.len(), None);
                for ((kept, value), (op, _)) in kept.iter_mut().zip(values).zip(&self.values) {
                    let Some(value) = value.as_f64() else { continue };
                    *kept = Some(match (*kept, *op) {
                        (None, _) => value,
                        (Some(kept), "min") => kept.min(value),
                        (Some(kept), "max") => kept.max(value),
                        (Some(kept), _) => kept + value,
                    });
                }
            }
        }
        rows
    }
}

/// Counts some tables over one workload; how many of them the kernel counted, and how many had rows.
fn compare(cases: &[Case], world: &World) -> [usize; 2] {
    let scratch = Scratch::new();
    let workload = world.workload();
    let running: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(at, case)| {
            let path = scratch.path(format!("table{at}.rhai"));
            std::fs::write(&path, case.chisel()).unwrap();
            let chisel = path.to_str().unwrap().to_owned();
            let pid = workload.pid;
            // What the parent does while it waits for its start is left out.
            let filter = format!(
                "(proc.pid={pid} or proc.ppid={pid}) and not evt.type in (poll, ppoll, switch) and ({})",
                case.filter
            );
            let explain = command::output(["--explain", "-c", &chisel, &filter]);
            let counted = explain.lines.iter().any(|line| line.trim_start().starts_with("the table "));
            let start =
                |more: &[&str]| Running::start(&mut command::tracer([more, &["-j", "-c", &chisel, &filter]].concat()));
            (counted, [start(&[]), start(&["--no-pushdown", "--buffer-size", "64M"])])
        })
        .collect();
    // A table says that the hooks are there: each run prints one for an interval.
    for running in running.iter().flat_map(|(_, both)| both) {
        assert!(running.line().is_some(), "a table is printed");
    }
    workload.start();
    let _: (u64, [i64; 1]) = workload.end();
    // What is on its way comes with the next table.
    std::thread::sleep(std::time::Duration::from_millis(2 * INTERVAL_MS));
    let mut seen = [0, 0];
    for (case, (counted, both)) in cases.iter().zip(running) {
        let [counted_there, counted_here] = both.map(|running| {
            running.interrupt();
            let output = running.end();
            assert_eq!(output.status.code(), Some(0), "{}", output.errors);
            assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
            case.rows(&output.lines)
        });
        let name = case.name();
        assert_eq!(counted_there, counted_here, "{name}: counted in the kernel (left) and from events");
        seen = [seen[0] + usize::from(counted), seen[1] + usize::from(!counted_here.is_empty())];
    }
    seen
}

#[test]
fn random_tables_are_the_same_counted_in_the_kernel_and_here() {
    if !level::root_or_skip() {
        return;
    }
    let world = World::new();
    let mut random = Random(number("TRACER_TEST_SEED").unwrap_or(7) as u64 | 1);
    let cases: Vec<Case> =
        (0..number("TRACER_TEST_CASES").unwrap_or(CASES)).map(|_| Case::random(&mut random, world.port)).collect();
    let mut seen = [0, 0];
    for some in cases.chunks(AT_ONCE) {
        let [counted, filled] = compare(some, &world);
        seen = [seen[0] + counted, seen[1] + filled];
    }
    println!("{} tables: {} counted in the kernel, {} with rows", cases.len(), seen[0], seen[1]);
    assert!(seen[0] * 3 > cases.len(), "many tables are counted in the kernel");
    assert!(seen[1] * 3 > cases.len(), "most tables have rows");
}
