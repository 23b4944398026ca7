//! Exact counts, with the real binary: what ten processes did is what its tables say, and CPU time is that of /proc.

use std::{
    collections::HashMap,
    net::TcpListener,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use libc::{AF_INET, O_CREAT, O_RDWR, SOCK_STREAM};
use tracer::{
    event::decode,
    source::{
        Record, Source as _,
        live::{Live, Options, plan::Wanted},
    },
};
use tracer_tests::{
    call::{at, at_mut},
    command::{self, Running},
    level,
    scratch::Scratch,
    sys,
    workload::Workload,
};

use crate::socket::v4;

/// Processes that run at once.
const PROCESSES: usize = 10;
/// Writes and reads of each.
const TIMES: i64 = 50;
/// Bytes of each write and read.
const SIZE: i64 = 10;
/// Connections of each.
const CONNECTS: i64 = 5;
/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Rows of tables, added up: key by value column's title and key.
type Sums = HashMap<(String, String), f64>;

/// Reads the tables that are printed until `enough`; each row is a value and its key.
fn sum_until(running: &Running, sums: &mut Sums, title: &mut String, enough: impl Fn(&Sums) -> bool) {
    let end = Instant::now() + DEADLINE;
    while !enough(sums) {
        assert!(Instant::now() < end, "the tables do not come to what was done: {sums:?}");
        let line = running.line().expect("the tracer runs on");
        add(&line, title, sums);
    }
}

fn add(line: &str, title: &mut String, sums: &mut Sums) {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with("--") {
        return;
    }
    if !line.starts_with(|first: char| first.is_ascii_digit()) {
        title.clone_from(&line.to_owned());
        return;
    }
    let (value, key) = line.split_once(' ').unwrap();
    let number = value.trim_end_matches(|last: char| !last.is_ascii_digit());
    assert!(!value.ends_with("KB"), "the test uses sizes that are printed exactly: {line}");
    let value: f64 = number.parse().unwrap_or_else(|_| panic!("{line}"));
    *sums.entry((title.split("  ").next().unwrap().to_owned(), key.trim().to_owned())).or_default() += value;
}

/// Writes and reads a file of its own, and connects.
fn work(path: &std::ffi::CStr, port: u16) {
    let fd = sys!(SYS_openat, libc::AT_FDCWD, path, O_CREAT | O_RDWR, 0o600);
    let (mut buffer, to) = ([b'x'; SIZE as usize], v4(port));
    for n in 0..TIMES {
        assert_eq!(sys!(SYS_write, fd, at(&buffer), SIZE), SIZE);
        assert_eq!(sys!(SYS_pread64, fd, at_mut(&mut buffer), SIZE, n * SIZE), SIZE);
    }
    for _ in 0..CONNECTS {
        let socket = sys!(SYS_socket, AF_INET, SOCK_STREAM, 0);
        assert_eq!(sys!(SYS_connect, socket, at(&*to), to.len()), 0);
        let _ = sys!(SYS_close, socket);
    }
    let _ = sys!(SYS_close, fd);
}

/// A process that makes one call now and then, so that a test knows when the tracer runs; it ends with the test.
fn beacon() -> Workload<0> {
    let workload = Workload::fork(|| {
        loop {
            let _ = (sys!(SYS_getppid), sys!(SYS_poll, 0, 0, 20));
        }
    });
    workload.start();
    workload
}

#[test]
fn tables_show_exactly_what_ten_processes_did() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let paths: Vec<_> = (0..PROCESSES).map(|n| scratch.c_path(format!("file-{n}"))).collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = std::thread::spawn(move || {
        listener.incoming().take(PROCESSES * CONNECTS as usize).for_each(|connection| drop(connection.unwrap()));
    });
    let workloads: Vec<_> = paths
        .iter()
        .map(|path| {
            Workload::fork(|| {
                work(path, port);
                []
            })
        })
        .collect();
    let beacon = beacon();
    let pids: Vec<_> = workloads.iter().chain([&beacon]).map(|workload| workload.pid.to_string()).collect();
    let filter = format!("proc.pid in ({})", pids.join(", "));
    let running = Running::start(&mut command::tracer(["-c", "topfiles_bytes", "-c", "topscalls", &filter]));

    let (mut sums, mut title) = (Sums::new(), String::new());
    let calls = |name: &str| ("Calls".to_owned(), name.to_owned());
    sum_until(&running, &mut sums, &mut title, |sums| sums.contains_key(&calls("getppid")));
    workloads.iter().for_each(Workload::start);
    for workload in workloads {
        let _ = workload.end();
    }
    connections.join().unwrap();
    sum_until(&running, &mut sums, &mut title, |sums| sums.get(&calls("procexit")) == Some(&(PROCESSES as f64)));
    beacon.kill();
    running.interrupt();
    let output = running.end();
    output.lines.iter().for_each(|line| add(line, &mut title, &mut sums));

    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
    let each = |times: i64| (PROCESSES as i64 * times) as f64;
    let expected = [
        ("openat", 1),
        ("write", TIMES),
        ("pread", TIMES),
        ("socket", CONNECTS),
        ("connect", CONNECTS),
        ("close", CONNECTS + 1),
    ];
    for (name, times) in expected {
        assert_eq!(sums.get(&calls(name)), Some(&each(times)), "{name}: {sums:?}");
    }
    for path in &paths {
        let key = ("Bytes".to_owned(), path.to_str().unwrap().to_owned());
        assert_eq!(sums.get(&key), Some(&((2 * TIMES * SIZE) as f64)), "{key:?}: {sums:?}");
    }
}

#[test]
fn lines_are_exactly_what_ten_processes_did() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let paths: Vec<_> = (0..PROCESSES).map(|n| scratch.c_path(format!("file-{n}"))).collect();
    let workloads: Vec<_> = paths
        .iter()
        .map(|path| {
            Workload::fork(|| {
                let fd = sys!(SYS_openat, libc::AT_FDCWD, &**path, O_CREAT | O_RDWR, 0o600);
                for size in 1..=TIMES {
                    assert_eq!(sys!(SYS_write, fd, at(&[0_u8; TIMES as usize]), size), size);
                }
                []
            })
        })
        .collect();
    let beacon = beacon();
    let filter = format!("(evt.type=write and fd.directory={}) or proc.pid={}", scratch.dir().display(), beacon.pid);
    let format = "*%evt.type %proc.pid %evt.rawres %fd.name";
    let running = Running::start(&mut command::tracer(["--unbuffered", "-p", format, &filter]));
    assert!(running.line().is_some(), "the beacon is seen");
    workloads.iter().for_each(Workload::start);
    let pids: Vec<_> = workloads.iter().map(|workload| workload.pid).collect();
    for workload in workloads {
        let _ = workload.end();
    }
    // What the beacon does from here on comes behind all of it.
    beacon.kill();
    let mut lines = Vec::new();
    loop {
        let line = running.line().expect("the end of the beacon is seen");
        if line.starts_with("procexit") {
            break;
        }
        lines.extend(line.starts_with("write").then_some(line));
    }
    running.interrupt();
    let output = running.end();
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
    let mut expected = Vec::new();
    for (pid, path) in pids.iter().zip(&paths) {
        expected.extend((1..=TIMES).map(|size| format!("write {pid} {size} {}", path.to_str().unwrap())));
    }
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
}

/// A process that uses a CPU for so long, never sleeping.
fn spin(time: Duration) -> Workload<2> {
    Workload::fork(move || {
        let end = Instant::now() + time;
        let mut n = 0_u64;
        while Instant::now() < end {
            n = std::hint::black_box(n + 1);
        }
        cpu_time()
    })
}

/// User and system time of this process, microseconds: the kernel's own sums, as in /proc/PID/stat but finer.
fn cpu_time() -> [i64; 2] {
    let mut usage = [0_i64; 18];
    assert_eq!(sys!(SYS_getrusage, 0, at_mut(&mut usage)), 0);
    [usage[0] * 1_000_000 + usage[1], usage[2] * 1_000_000 + usage[3]]
}

/// CPU seconds by process id, added up over the tables of one second each; and that no table has more than all CPUs.
fn cpu_seconds(lines: &[String]) -> HashMap<u32, f64> {
    let cpus = std::thread::available_parallelism().unwrap().get() as f64;
    let (mut seconds, mut table) = (HashMap::new(), 0.0);
    for line in lines {
        let words: Vec<_> = line.split_whitespace().collect();
        match (
            words.first().and_then(|word| word.strip_suffix('%')).and_then(|word| word.parse::<f64>().ok()),
            words.last(),
        ) {
            (Some(percent), Some(pid)) => {
                table += percent;
                *seconds.entry(pid.parse().unwrap()).or_default() += percent / 100.0;
            }
            _ => table = 0.0,
        }
        assert!(table <= 100.0 * cpus + 0.1, "a table shows {table} % on {cpus} CPUs");
    }
    seconds
}

#[test]
fn cpu_time_is_that_of_the_kernel_for_a_loop_and_for_short_processes() {
    if !level::root_or_skip() {
        return;
    }
    let long = spin(Duration::from_millis(4_000));
    let short: Vec<_> = (0..4).map(|_| spin(Duration::from_millis(500))).collect();
    let pids = [long.pid, short[0].pid, short[1].pid, short[2].pid, short[3].pid];
    let filter = format!("proc.pid in ({})", pids.map(|pid| pid.to_string()).join(", "));
    let everything = Running::start(&mut command::tracer(["-c", "topprocs_cpu"]));
    let running = Running::start(&mut command::tracer(["-c", "topprocs_cpu", &filter]));
    let mut lines = Vec::new();
    let mut wait_for_tables = |count: usize| {
        let tables = |lines: &[String]| lines.iter().filter(|line| line.trim_start().starts_with("CPU%")).count();
        let enough = tables(&lines) + count;
        while tables(&lines) < enough {
            lines.push(running.line().expect("the tracer runs on"));
        }
    };
    wait_for_tables(2);
    long.start();
    let mut used = Vec::new();
    for workload in short {
        workload.start();
        used.push(workload.end().1);
    }
    used.insert(0, long.end().1);
    // What did not fit into one table is in the next.
    wait_for_tables(3);
    running.interrupt();
    everything.interrupt();
    let (output, all) = (running.end(), everything.end());
    assert_eq!((output.status.code(), all.status.code()), (Some(0), Some(0)), "{}", output.errors);
    assert!(cpu_seconds(&all.lines).len() > 1);
    lines.extend(output.lines);
    let seconds = cpu_seconds(&lines);
    for (pid, [user_us, system_us]) in pids.iter().zip(used) {
        let used = (user_us + system_us) as f64 / 1e6;
        let shown = seconds.get(pid).copied().unwrap_or_default();
        // A tenth, one tick, and what it ran before and after it asked for its time. A table that came late has percents of
        // more than a second, which only evens out over several.
        let allowed = if *pid == pids[0] { used * 0.1 + 0.02 } else { used * 0.25 + 0.02 };
        let close = (shown - used).abs() <= allowed;
        assert!(close, "process {pid} used {used} s, shown are {shown} s:\n{}", lines.join("\n"));
    }
}

/// The same without tables, whose percents are of intervals that the test does not know exactly.
#[test]
fn cpu_time_is_exact_for_processes_of_half_a_second() {
    if !level::root_or_skip() {
        return;
    }
    let options = Options { cpu_time: true, ..Options::default() };
    let mut live = Live::start(&options, &Wanted::only(&|_, _| false)).unwrap();
    let (mut ran_ns, mut last) = (HashMap::<u32, u64>::new(), Instant::now());
    let mut sample = || {
        let length = std::mem::replace(&mut last, Instant::now()).elapsed();
        let visit = &mut |record: Record<'_>| {
            let event = decode::record(record, 0, 0).unwrap();
            let of = |name: &str| event.row.param(name).and_then(|(at, _)| event.params.u64(at)).unwrap();
            *ran_ns.entry(event.tgid).or_default() += of("cpu_usr") + of("cpu_sys");
            ControlFlow::Continue(())
        };
        live.interval(length.as_nanos() as u64, visit).unwrap();
        ran_ns.clone()
    };
    let mut used = Vec::new();
    for _ in 0..4 {
        let workload = spin(Duration::from_millis(500));
        let pid = workload.pid;
        workload.start();
        let (_, [user_us, system_us]) = workload.end();
        used.push((pid, (user_us + system_us) as f64 / 1e6));
        let _ = sample();
    }
    let ran_ns = sample();
    for (pid, used) in used {
        let shown = ran_ns.get(&pid).copied().unwrap_or_default() as f64 / 1e9;
        assert!((shown - used).abs() <= used * 0.02 + 0.02, "process {pid} used {used} s, counted are {shown} s");
    }
}
