//! Several tables at once, each counted by its own hooks in the kernel: what ten processes did is in each of them to the last byte, call
//! and millisecond, as it is in one table alone.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use serde_json::Value;
use tracer_tests::{
    call::at_mut,
    command::{self, Running},
    level,
    scratch::Scratch,
    sys,
    workload::Workload,
};

use crate::grouped::{BYTES_OF, chisel, sums};

/// Processes that run at once, the rounds of each, and bytes that it sends in one.
const PROCESSES: usize = 10;
const ROUNDS: usize = 30;
const BYTES: usize = 4_321;
/// Bytes that each sends once from a socket that is not connected.
const DATAGRAM: usize = 777;
/// CPU time that each uses in a round, microseconds.
const BUSY: i64 = 3_000;
/// How long an interval is, milliseconds.
const INTERVAL_MS: u64 = 200;

const BYTES_OF_PORTS: &str = r##"
chisel(#{ summary: "bytes of ports" });
interval(INTERVAL);
filter("evt.is_io=true and fd.type in (ipv4, ipv6) and fd.l4proto=tcp");
table(#{
    keys: [#{ field: "fd.sport", title: "Port" }],
    value: #{ field: "evt.buflen", title: "Bytes", op: "sum" },
    top: 100000,
});
"##;

const CALLS: &str = r##"
chisel(#{ summary: "calls of processes" });
interval(INTERVAL);
table(#{
    keys: [#{ field: "proc.pid", title: "PID" }, #{ field: "evt.type", title: "T" }],
    value: #{ title: "N", op: "count" },
    top: 100000,
});
"##;

/// In percent of each interval.
const CPU: &str = r##"
chisel(#{ summary: "CPU time of processes" });
interval(INTERVAL);
filter("evt.type=procinfo");
table(#{
    keys: [#{ field: "proc.pid", title: "PID" }],
    value: #{ field: "thread.cpu", title: "CPU", op: "sum" },
    top: 100000,
});
"##;

/// Needs each event.
const EVENTS: &str = r##"
chisel(#{ summary: "calls of processes, one by one" });
let pid = field("proc.pid", 0);
let calls = tally(#{ keys: ["PID"], value: #{ title: "N" }, top: 100000 });
filter("evt.type=getuid");
fn on_event(evt) { this.calls.add([`${evt.get(this.pid)}`], 1); }
"##;

/// The same, for which threads are followed.
const EVENTS_OF_THREADS: &str = r##"
chisel(#{ summary: "calls of programs, one by one" });
let pid = field("proc.pid", 0);
let name = field("proc.name", "");
let program = field("proc.exepath", "");
let calls = tally(#{ keys: ["PID", "Name", "Program"], value: #{ title: "N" }, top: 100000 });
filter("evt.type=getuid");
fn on_event(evt) { this.calls.add([`${evt.get(this.pid)}`, evt.get(this.name), evt.get(this.program)], 1); }
"##;

/// CPU time that this process has used, microseconds.
fn used_us() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let _ = sys!(SYS_clock_gettime, libc::CLOCK_PROCESS_CPUTIME_ID, at_mut(&mut time));
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
}

/// What each chisel had, by its keys.
type Sums = BTreeMap<Vec<String>, u64>;

/// Runs the chisels at once while ten processes send to a server, and returns the sums of each, with the processes and the port; `None` where they
/// cannot be exact.
fn watch(scratch: &Scratch, texts: &[(&str, &str)], from_events: bool) -> Option<(Vec<Sums>, Vec<String>, String)> {
    let paths: Vec<String> = texts.iter().map(|(name, text)| chisel(scratch, name, text)).collect();
    let words: Vec<&str> = paths.iter().flat_map(|path| ["-c", path.as_str()]).collect();
    let explain = command::output([&["--explain"], &words[..]].concat());
    let says = |what: &str| explain.lines.iter().any(|line| line.trim_start().starts_with(what));
    assert!(says("the table ") && says("from events ") == from_events, "{:?}", explain.lines);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Nobody reads what comes here.
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagrams_to = mute.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let taken = listener
            .incoming()
            .take(PROCESSES)
            .map(|connection| std::thread::spawn(move || connection.unwrap().read_to_end(&mut Vec::new()).unwrap()));
        taken.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    let workloads: Vec<_> = (0..PROCESSES)
        .map(|_| {
            Workload::fork(move || {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
                datagrams.send_to(&[b'x'; DATAGRAM], datagrams_to).unwrap();
                for _ in 0..ROUNDS {
                    stream.write_all(&[b'x'; BYTES]).unwrap();
                    let _ = sys!(SYS_getuid);
                    let begin = used_us();
                    while used_us() - begin < BUSY {}
                    std::thread::sleep(Duration::from_millis(20));
                }
                [0; 0]
            })
        })
        .collect();
    let pids = workloads.iter().map(|workload| workload.pid.to_string()).collect();
    let running = Running::start(&mut command::tracer([&["-j"], &words[..]].concat()));
    assert!(running.line().is_some(), "a table is printed");
    workloads.iter().for_each(Workload::start);
    for workload in workloads {
        let _: (u64, [i64; 0]) = workload.end();
    }
    assert_eq!(server.join().unwrap(), PROCESSES * ROUNDS * BYTES);
    // What is on its way comes with the next table.
    std::thread::sleep(Duration::from_millis(500));
    running.interrupt();
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    let is_whole = output.errors.contains(" 0 lost");
    // Where programs may be skipped the counts are not exact, which the summary says.
    if !is_whole && level::programs_may_be_skipped() && output.errors.contains("program skipped") {
        println!("not compared: {}", output.errors);
        return None;
    }
    assert!(is_whole, "{}", output.errors);
    let of = |path: &String| {
        let is_of = |line: &&String| serde_json::from_str::<Value>(line).is_ok_and(|it| it["chisel"] == **path);
        sums(output.lines.iter().filter(is_of)).0
    };
    Some((paths.iter().map(of).collect(), pids, port.to_string()))
}

#[test]
fn tables_of_the_network_calls_and_cpu_are_counted_at_once() {
    if !level::socket_hooks_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let all = [("bytes", BYTES_OF), ("calls", CALLS), ("cpu", CPU)];
    let Some((found, pids, _)) = watch(&scratch, &all, false) else { return };
    let [bytes, calls, cpu] = &found[..] else { panic!("{found:?}") };
    for pid in &pids {
        let key =
            |more: &[&str]| std::iter::once(pid.as_str()).chain(more.iter().copied()).map(str::to_owned).collect();
        let of = |sums: &Sums, more: &[&str]| sums.get(&key(more) as &Vec<String>).copied();
        assert_eq!(of(bytes, &[]), Some((ROUNDS * BYTES + DATAGRAM) as u64), "bytes of {pid}");
        // A stream is written to by sendto, too.
        for (name, count) in [("getuid", ROUNDS), ("sendto", ROUNDS + 1)] {
            assert_eq!(of(calls, &[name]), Some(count as u64), "{name} of {pid}");
        }
        // What it does beside being busy takes a few milliseconds, and more where the processor is emulated.
        let busy = ROUNDS as u64 * BUSY as u64 / 1000 * 100 / INTERVAL_MS;
        let cpu = of(cpu, &[]).unwrap_or(0);
        assert!(cpu > busy * 8 / 10 && cpu < busy * 8, "CPU of {pid}: {cpu} %, and {busy} at least");
    }
    let own = vec![std::process::id().to_string()];
    let sent = (PROCESSES * ROUNDS * BYTES) as u64;
    assert_eq!(bytes.get(&own), Some(&sent), "the receiver");
}

/// A socket without a peer has no ends, and must not be missing in the table that does not ask for them.
#[test]
fn tables_with_and_without_ends_of_sockets_have_all_bytes() {
    if !level::socket_hooks_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    for order in [[("bytes", BYTES_OF), ("ports", BYTES_OF_PORTS)], [("ports", BYTES_OF_PORTS), ("bytes", BYTES_OF)]] {
        let Some((found, pids, port)) = watch(&scratch, &order, true) else { return };
        let [bytes, ports] = if order[0].0 == "bytes" { [&found[0], &found[1]] } else { [&found[1], &found[0]] };
        for pid in pids {
            assert_eq!(bytes.get(&vec![pid.clone()]), Some(&((ROUNDS * BYTES + DATAGRAM) as u64)), "bytes of {pid}");
        }
        // Both ends have the port of the server.
        assert_eq!(ports.get(&vec![port]), Some(&((2 * PROCESSES * ROUNDS * BYTES) as u64)), "{ports:?}");
    }
}

/// What another chisel needs makes records, and nothing of the tables.
#[test]
fn tables_of_calls_are_counted_beside_a_chisel_that_needs_each_event() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let own = std::fs::read_link("/proc/self/exe").unwrap().display().to_string();
    let errors = CALLS.replace("interval", "filter(\"evt.failed=true\");\ninterval");
    for events in [EVENTS, EVENTS_OF_THREADS] {
        let all = [("calls", CALLS), ("events", events), ("errors", errors.as_str())];
        let Some((found, pids, _)) = watch(&scratch, &all, true) else { return };
        let name = std::fs::read_to_string("/proc/self/comm").unwrap();
        let is_named = |key: &[String]| key[1..].is_empty() || key[2] == own && !key[1].is_empty() && key[1] != name;
        for pid in &pids {
            for (call, count) in [("getuid", ROUNDS), ("sendto", ROUNDS + 1)] {
                let key = vec![pid.clone(), call.to_owned()];
                assert_eq!(found[0].get(&key), Some(&(count as u64)), "{call} of {pid}");
                assert_eq!(found[2].get(&key), None, "{call} of {pid} never failed");
            }
            let of_pid: Vec<_> = found[1].iter().filter(|(key, _)| key[0] == *pid).collect();
            assert_eq!(of_pid.len(), 1, "one name: {of_pid:?}");
            assert_eq!(*of_pid[0].1, ROUNDS as u64, "calls of {pid}");
            assert!(is_named(of_pid[0].0), "{of_pid:?}");
        }
    }
}

#[test]
fn a_table_of_sockets_is_counted_beside_a_chisel_that_needs_each_event() {
    if !level::socket_hooks_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let Some((found, pids, _)) = watch(&scratch, &[("bytes", BYTES_OF), ("events", EVENTS)], true) else { return };
    for pid in pids {
        let key = vec![pid];
        assert_eq!(found[0].get(&key), Some(&((ROUNDS * BYTES + DATAGRAM) as u64)), "bytes of {key:?}");
        assert_eq!(found[1].get(&key), Some(&(ROUNDS as u64)), "calls of {key:?}");
    }
}
