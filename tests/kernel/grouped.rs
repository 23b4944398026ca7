//! Tables that are counted in the kernel, with the real binary: what ten processes did over several intervals is what they
//! say, to the last call and byte, and the same as what is counted from events.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;
use tracer_tests::{
    call::at,
    command::{self, Output, Running},
    level,
    scratch::Scratch,
    sys,
    workload::Workload,
};

/// Processes that run at once.
const PROCESSES: usize = 10;
/// How often each does all of its calls, with a pause behind each time.
const ROUNDS: usize = 40;
/// Bytes that each sends in a round.
const BYTES: usize = 1_234;
/// How long a table is printed for, milliseconds: rounds are spread over several.
const INTERVAL_MS: usize = 200;

/// Counts calls by process and name.
const CALLS: &str = r##"
chisel(#{ summary: "calls of processes" });
interval(INTERVAL);
table(#{
    keys: [#{ field: "proc.name", title: "P" }, #{ field: "proc.pid", title: "PID" }, #{ field: "evt.type", title: "T" }],
    value: #{ title: "N", op: "count" },
    top: 100000,
});
"##;

/// Adds up the bytes of the network by process.
pub(crate) const BYTES_OF: &str = r##"
chisel(#{ summary: "bytes of processes" });
interval(INTERVAL);
filter("evt.is_io=true and fd.type in (ipv4, ipv6)");
table(#{
    keys: [#{ field: "proc.pid", title: "PID" }],
    value: #{ field: "evt.buflen", title: "Bytes", op: "sum" },
    top: 100000,
});
"##;

/// Rows of all tables of a run, added up: what stands behind the keys is a number.
pub(crate) fn sums<'l>(lines: impl Iterator<Item = &'l String>) -> (BTreeMap<Vec<String>, u64>, usize) {
    let mut sums = BTreeMap::new();
    let mut tables = 0;
    for line in lines {
        let table: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let rows = table["data"].as_array().expect("a table has rows");
        tables += usize::from(!rows.is_empty());
        for row in rows.iter().filter_map(Value::as_array) {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let (number, keys) = row.split_last().expect("a row has values");
            *sums.entry(keys.iter().map(text).collect()).or_default() += number.as_f64().expect("a number") as u64;
        }
    }
    (sums, tables)
}

/// A chisel in a file of the test.
pub(crate) fn chisel(scratch: &Scratch, name: &str, text: &str) -> String {
    let path = scratch.path(format!("{name}.rhai"));
    std::fs::write(&path, text.replace("INTERVAL", &INTERVAL_MS.to_string())).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs a chisel in both ways while `work` is done; the output of each, the one that the kernel counts first.
pub(crate) fn both(chisel: &str, filter: &[&str], work: impl FnOnce()) -> [Output; 2] {
    let explain = command::output(["--explain", "-c", chisel].into_iter().chain(filter.iter().copied()));
    let counted = explain.lines.iter().any(|line| line.trim_start().starts_with("the table "));
    assert!(counted, "the kernel does not count it: {:?}", explain.lines);
    let start = |more: &[&str]| {
        let words = [more, &["-j", "-c", chisel], filter].concat();
        Running::start(&mut command::tracer(words))
    };
    let running = [start(&[]), start(&["--no-pushdown"])];
    // A table says that the hooks are there: each run prints one for an interval.
    for running in &running {
        assert!(running.line().is_some(), "a table is printed");
    }
    work();
    // What is on its way comes with the next table.
    std::thread::sleep(Duration::from_millis(2 * INTERVAL_MS as u64));
    running.map(|running| {
        running.interrupt();
        let output = running.end();
        assert_eq!(output.status.code(), Some(0), "{}", output.errors);
        assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
        output
    })
}

#[test]
fn calls_are_counted_to_the_last_one() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let chisel = chisel(&scratch, "calls", CALLS);
    let workloads: Vec<_> = (0..PROCESSES)
        .map(|number| {
            Workload::fork(move || {
                for _ in 0..ROUNDS {
                    for _ in 0..=number {
                        let _ = (sys!(SYS_getuid), sys!(SYS_read, 7777, 0, 0), sys!(SYS_sysinfo, 0));
                    }
                    let pause = libc::timespec { tv_sec: 0, tv_nsec: 20_000_000 };
                    let _ = sys!(SYS_nanosleep, at(&pause), 0);
                }
                []
            })
        })
        .collect();
    let pids: Vec<String> = workloads.iter().map(|workload| workload.pid.to_string()).collect();
    let filter = [format!("proc.pid in ({}) and not evt.type in (poll, ppoll)", pids.join(", "))];
    let filter: Vec<&str> = filter.iter().map(String::as_str).collect();
    let outputs = both(&chisel, &filter, || {
        workloads.iter().for_each(Workload::start);
        for workload in workloads {
            let _: (u64, [i64; 0]) = workload.end();
        }
    });
    for (output, way) in outputs.iter().zip(["in the kernel", "from events"]) {
        let (sums, tables) = sums(output.lines.iter());
        assert!(tables > 2, "{way}: the rounds are spread over several tables");
        for (number, pid) in pids.iter().enumerate() {
            let count = |name: &str| {
                let of_call = sums.iter().filter(|(keys, _)| keys[1] == *pid && keys[2] == name);
                of_call.map(|(_, count)| *count).sum::<u64>()
            };
            for name in ["getuid", "read", "sysinfo"] {
                assert_eq!(count(name), (ROUNDS * (number + 1)) as u64, "{way}: {name} of {pid}");
            }
            assert_eq!((count("nanosleep"), count("procexit")), (ROUNDS as u64, 1), "{way}: {pid}");
        }
    }
}

/// Adds up the bytes of the network by port of the server, from both ends.
const BYTES_OF_PORTS: &str = r##"
chisel(#{ summary: "bytes of ports" });
interval(INTERVAL);
filter("evt.is_io=true and fd.type in (ipv4, ipv6)");
table(#{
    keys: [#{ field: "fd.sport", title: "Port" }, #{ field: "fd.is_server", title: "Server" }],
    value: #{ field: "evt.buflen", title: "Bytes", op: "sum" },
    top: 100000,
});
"##;

/// Processes that send to one server over several intervals, and what both ways saw of it.
struct Network {
    port: u16,
    pids: Vec<String>,
    outputs: [Output; 2],
}

impl Network {
    fn watch(chisel: &str, filter: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // The test itself takes what is sent: it is traced like any other process.
        let server = std::thread::spawn(move || {
            let taken = listener.incoming().take(PROCESSES).map(|connection| {
                std::thread::spawn(move || connection.unwrap().read_to_end(&mut Vec::new()).unwrap())
            });
            taken.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        let workloads: Vec<_> = (0..PROCESSES)
            .map(|_| {
                Workload::fork(move || {
                    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                    for _ in 0..ROUNDS {
                        stream.write_all(&[b'x'; BYTES]).unwrap();
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    []
                })
            })
            .collect();
        let pids: Vec<String> = workloads.iter().map(|workload| workload.pid.to_string()).collect();
        let begin = Instant::now();
        let outputs = both(chisel, filter, || {
            workloads.iter().for_each(Workload::start);
            for workload in workloads {
                let _: (u64, [i64; 0]) = workload.end();
            }
            assert_eq!(server.join().unwrap(), PROCESSES * ROUNDS * BYTES);
        });
        assert!(begin.elapsed() > Duration::from_millis(INTERVAL_MS as u64));
        Self { port, pids, outputs }
    }

    /// The rows of each way.
    fn sums(&self) -> impl Iterator<Item = (&'static str, BTreeMap<Vec<String>, u64>)> {
        let ways = self.outputs.iter().zip(["in the kernel", "from events"]);
        ways.map(|(output, way)| (way, sums(output.lines.iter()).0))
    }
}

/// What each process sent and received is in a table of bytes, in both ways, whatever else these words ask for.
fn bytes_are_exact(scratch: &Scratch, words: &[&str]) {
    let network = Network::watch(&chisel(scratch, "bytes", BYTES_OF), words);
    let own = std::process::id().to_string();
    for (way, sums) in network.sums() {
        for pid in &network.pids {
            assert_eq!(sums.get(&vec![pid.clone()]), Some(&((ROUNDS * BYTES) as u64)), "{way}: {pid}");
        }
        assert_eq!(sums.get(&vec![own.clone()]), Some(&((PROCESSES * ROUNDS * BYTES) as u64)), "{way}: the receiver");
    }
}

#[test]
fn bytes_of_the_network_are_added_up_to_the_last_one() {
    if level::socket_hooks_or_skip() {
        bytes_are_exact(&Scratch::new(), &[]);
    }
}

/// CPU time of processes, by two keys: their rows are not those of bytes.
const TIME: &str = r##"
chisel(#{ summary: "time of processes" });
interval(INTERVAL);
filter("evt.type=procinfo");
table(#{
    keys: [#{ field: "proc.pid", title: "PID" }, #{ field: "proc.name", title: "Name" }],
    value: #{ field: "thread.cpu", title: "CPU", op: "sum" },
});
"##;

#[test]
fn bytes_that_are_kept_with_cpu_time_are_added_up_to_the_last_one() {
    if !level::socket_hooks_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (bytes, time) = (chisel(&scratch, "bytes", BYTES_OF), chisel(&scratch, "time", TIME));
    let explain = command::output(["--explain", "-c", &bytes, "-c", &time]).lines.join(" ");
    let words: Vec<&str> = explain.split_whitespace().collect();
    assert!(words.join(" ").contains("together with CPU time"), "{explain}");
    bytes_are_exact(&scratch, &["-c", &time]);
}

#[test]
fn bytes_of_a_port_are_added_up_from_both_ends_to_the_last_one() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let chisel = chisel(&scratch, "ports", BYTES_OF_PORTS);
    // By system calls, and where sockets move bytes.
    for filter in [&[][..], &["fd.l4proto=tcp"]] {
        if !filter.is_empty() && !tracer::source::live::groups::has_socket_hooks() {
            println!("skipped for {filter:?}: the kernel has no socket hooks");
            continue;
        }
        let network = Network::watch(&chisel, filter);
        for (way, sums) in network.sums() {
            for end in ["true", "false"] {
                let row = vec![network.port.to_string(), end.to_owned()];
                let all = (PROCESSES * ROUNDS * BYTES) as u64;
                assert_eq!(sums.get(&row), Some(&all), "{way}, {filter:?}: {row:?}");
            }
        }
    }
}
