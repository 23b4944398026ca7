//! Sampling of the running kernel, with the real binary: what is left out makes no record, what is counted is near to what was
//! done, and names and captures are right all the same.

use libc::{AF_INET, SOCK_DGRAM};
use serde_json::Value;
use tracer_tests::{
    call::{at, at_mut},
    command::{self, Output, Running},
    level,
    scratch::Scratch,
    sys,
    workload::Workload,
};

use crate::{
    io::iovec,
    messages::messages,
    net::message,
    socket::{bind, port, v4},
};

/// Reads of the workload.
const READS: u64 = 400_000;
/// One of so many is looked at.
const ONE_IN: u64 = 100;
const SAMPLE: &str = "1/100";

/// A process that reads a byte as often. Like all workloads here, it says whether all calls did what they should.
fn reader() -> Workload<1> {
    Workload::fork(|| {
        let mut byte = 0u8;
        let fd = sys!(SYS_open, c"/dev/zero", 0);
        let read = (0..READS).filter(|_| sys!(SYS_read, fd, at_mut(&mut byte), 1) == 1).count();
        [(read as u64 == READS).into()]
    })
}

/// Whether an estimate of `exact` events is within five standard deviations.
#[track_caller]
fn near(estimate: f64, exact: u64) {
    let sigma = ((exact * (ONE_IN - 1)) as f64).sqrt();
    assert!((estimate - exact as f64).abs() < 5.0 * sigma, "{estimate} of {exact}, sigma {sigma}");
}

/// Runs the tracer while the workload does its calls. It watches when it has printed a first line.
fn trace(args: &[&str], workload: Workload<1>, beacon: bool) -> Output {
    // Another process goes on with a rare call, so that there is a line before the workload begins.
    let other = beacon.then(|| {
        let other: Workload<0> = Workload::fork(|| {
            loop {
                let _ = (sys!(SYS_sched_get_priority_max, 99), sys!(SYS_poll, 0, 0, 1));
            }
        });
        other.start();
        other
    });
    let running = Running::start(&mut command::tracer(args.iter().copied()));
    let first = running.line();
    assert!(first.is_some(), "it watches");
    if let Some(other) = other {
        other.kill();
    }
    workload.start();
    let (_, [done]) = workload.end();
    assert_eq!(done, 1, "the calls of the workload");
    running.interrupt();
    let mut output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
    output.lines.splice(0..0, first);
    output
}

/// The object of `-j` at the end.
fn summary(output: &Output) -> Value {
    let line = output.errors.lines().find(|line| line.starts_with('{')).expect("a summary");
    serde_json::from_str(line).expect("an object")
}

/// The last columns of the rows of all tables whose first key is `key`, added up.
fn sum(output: &Output, key: &str) -> f64 {
    let tables = output.lines.iter().map(|line| serde_json::from_str::<Value>(line).expect("a table"));
    let rows = tables.flat_map(|table| {
        assert_eq!(table["sample"], ONE_IN, "each table says that it is an estimate: {table}");
        table["data"].as_array().cloned().unwrap_or_default()
    });
    rows.filter(|row| row[0] == key).filter_map(|row| row.as_array()?.last()?.as_f64()).sum()
}

#[test]
fn a_table_is_near_to_what_was_done_and_a_hundredth_is_seen() {
    if !level::root_or_skip() {
        return;
    }
    let workload = reader();
    let filter = format!("proc.pid={}", workload.pid);
    let args = ["--sample", SAMPLE, "--no-pushdown", "-j", "-c", "topscalls", &format!("{filter} and evt.type=read")];
    let output = trace(&args, workload, false);
    near(sum(&output, "read"), READS);
    // Reads of other processes are sampled, too, but for what keeps names right there is nothing else.
    let summary = summary(&output);
    let (seen, shown) = (summary["seen"].as_f64().unwrap(), summary["shown"].as_f64().unwrap());
    near(shown * ONE_IN as f64, READS);
    assert!(seen < 3.0 * (READS / ONE_IN) as f64, "{summary}");
    assert_eq!(summary["sample"], ONE_IN);
}

#[test]
fn names_of_files_are_those_of_all_events() {
    if !level::root_or_skip() {
        return;
    }
    let workload = reader();
    let filter = format!("proc.pid={}", workload.pid);
    let args = ["--sample", SAMPLE, "-j", "-c", "topfiles_bytes", &filter];
    let output = trace(&args, workload, false);
    // The one open was not left out.
    near(sum(&output, "/dev/zero"), READS);
}

#[test]
fn calls_that_keep_names_right_are_sampled_once() {
    if !level::root_or_skip() {
        return;
    }
    const OPENS: u64 = 40_000;
    let workload: Workload<1> = Workload::fork(|| {
        for _ in 0..OPENS {
            let fd = sys!(SYS_open, c"/dev/zero", 0);
            let _ = (sys!(SYS_lseek, fd, 0, 0), sys!(SYS_close, fd));
        }
        [1]
    });
    let scratch = Scratch::new();
    let chisel = scratch.path("calls.rhai");
    let text = r##"
chisel(#{ summary: "calls by file" });
table(#{ keys: ["evt.type", "fd.name"], value: #{ title: "N", op: "count" }, top: 1000 });
"##;
    std::fs::write(&chisel, text).unwrap();
    let filter = format!("proc.pid={} and evt.type in (open, lseek, close)", workload.pid);
    let args = ["--sample", SAMPLE, "-j", "-c", chisel.to_str().unwrap(), &filter];
    let output = trace(&args, workload, false);
    for call in ["open", "lseek", "close"] {
        near(sum(&output, call), OPENS);
    }
    let summary = summary(&output);
    assert!(summary["seen"].as_u64().unwrap() > 2 * OPENS, "each open and close is seen: {summary}");
    let names = output.lines.iter().flat_map(|line| line.split('"')).filter(|word| word.starts_with('/'));
    assert!(names.clone().count() > 0 && names.clone().all(|name| name == "/dev/zero"), "{:?}", output.lines);
}

#[test]
fn what_the_kernel_counts_is_exact() {
    if !level::root_or_skip() {
        return;
    }
    let workload = reader();
    let filter = format!("proc.pid={} and evt.type=read", workload.pid);
    let output = trace(&["--sample", SAMPLE, "-j", "-c", "topscalls", &filter], workload, false);
    let tables = output.lines.iter().map(|line| serde_json::from_str::<Value>(line).expect("a table"));
    let mut reads = 0.0;
    for table in tables {
        assert!(table["sample"].is_null(), "{table}");
        reads += table["data"][0][1].as_f64().unwrap_or_default();
    }
    assert_eq!(reads, READS as f64);
}

#[test]
fn a_capture_has_the_sample_with_its_names() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.path("sample.scap");
    let capture = path.to_str().unwrap();
    let workload = reader();
    let filter = format!("(proc.pid={} and evt.type=read) or evt.type=sched_get_priority_max", workload.pid);
    let args = ["--sample", SAMPLE, "--unbuffered", "-p", "%evt.type", "-w", capture, &filter];
    let printed = trace(&args, workload, true).lines;
    let printed = printed.iter().filter(|line| *line == "read").count();
    near((printed as u64 * ONE_IN) as f64, READS);
    let read = command::output(["-r", capture, "-p", "%evt.type %fd.name", "evt.type=read"]);
    assert_eq!(read.status.code(), Some(0), "{}", read.errors);
    assert_eq!(read.lines.len(), printed);
    assert!(read.lines.iter().all(|line| line == "read /dev/zero"), "{:?}", read.lines.first());
    let mut table = command::output(["-r", capture, "-j", "-c", "topscalls", "evt.type=read"]);
    table.lines.retain(|line| !line.is_empty());
    near(sum(&table, "read"), READS);
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert!(bytes < 4 << 20, "the reads that were left out are not there: {bytes} bytes");
}

#[test]
fn a_call_with_several_messages_is_chosen_as_a_whole() {
    if !level::root_or_skip() {
        return;
    }
    const CALLS: u64 = 40_000;
    const MESSAGES: usize = 3;
    let workload: Workload<1> = Workload::fork(|| {
        let sockets = [0, 1].map(|_| sys!(SYS_socket, AF_INET, SOCK_DGRAM, 0));
        assert_eq!(bind(sockets[0], &v4(0)), 0);
        let mut to = v4(port(sockets[0]));
        let data = iovec(&["x"]);
        // What nobody receives is thrown away.
        let headers = messages(&[message(&mut to, &data, &mut []); MESSAGES]);
        let all = (0..CALLS).all(|_| sys!(SYS_sendmmsg, sockets[1], at(&headers[..]), MESSAGES, 0) == MESSAGES as i64);
        [all.into()]
    });
    // Without names, the kernel is the one that chooses.
    let filter = format!("(proc.pid={} and evt.type=sendmmsg) or evt.type=sched_get_priority_max", workload.pid);
    let explained = command::output(["--explain", "--sample", SAMPLE, "-p", "%evt.type", &filter]);
    assert!(explained.lines.iter().any(|line| line.contains("in the kernel for 2 calls")), "{:?}", explained.lines);
    let output = trace(&["--sample", SAMPLE, "--unbuffered", "-p", "%evt.type", &filter], workload, true);
    let sent = output.lines.iter().filter(|line| *line == "sendmmsg").count();
    assert!(sent.is_multiple_of(MESSAGES), "{sent} messages");
    near((sent / MESSAGES) as f64 * ONE_IN as f64, CALLS);
}
