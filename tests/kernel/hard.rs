//! Counts stay exact when the machine is hard on the tracer: what is seen and what is said to be lost are together what was done.

use std::{process::Command, thread, time::Duration};

use serde_json::Value;
use tracer_tests::{
    command::{Output, Running, tracer},
    level, sys,
    workload::{Workload, wait},
};

/// A call that nothing else on a machine makes.
const CALL: &str = "sched_rr_get_interval";

/// A process that makes it so often.
fn caller(calls: u64) -> Workload<1> {
    let workload = Workload::fork(|| {
        for _ in 0..calls {
            let _ = sys!(SYS_sched_rr_get_interval, -1, 0);
        }
        [calls as i64]
    });
    workload.start();
    workload
}

/// A tracer that watches these calls, and counts in its summary.
fn watch(more: &[&str]) -> Running {
    let filter = format!("evt.type={CALL}");
    let args = more.iter().copied().chain(["-j", "-p", "%evt.type", &filter]);
    let running = Running::start(&mut tracer(args));
    running.attached();
    running
}

/// Seen, and lost, as the summary says.
fn counted(output: &Output) -> (u64, u64) {
    let line = output.errors.lines().find(|line| line.starts_with('{')).expect("a summary");
    let summary: Value = serde_json::from_str(line).expect("JSON");
    let number = |name: &str| summary[name].as_u64().expect("a number");
    assert_eq!(number("shown"), output.lines.len() as u64, "{summary}");
    (number("seen"), number("lost"))
}

fn ended(running: Running) -> (u64, u64) {
    running.interrupt();
    counted(&running.end())
}

fn signal(pid: u32, signal: i32) {
    let sent = Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status().expect("kill");
    assert!(sent.success());
}

fn done(callers: Vec<Workload<1>>) -> u64 {
    callers.into_iter().map(|caller| caller.end().1[0] as u64).sum()
}

#[test]
fn many_callers_and_the_smallest_ring() {
    if !level::root_or_skip() {
        return;
    }
    let running = watch(&["--buffer-size", "4K"]);
    let done = done((0..64).map(|_| caller(5_000)).collect());
    let (seen, lost) = ended(running);
    assert!(lost > 0, "4 KiB are too little for {done} events");
    assert_eq!(seen + lost, done, "{lost} lost");
}

#[test]
fn a_tracer_that_is_stopped() {
    if !level::root_or_skip() {
        return;
    }
    let running = watch(&["--buffer-size", "64K"]);
    let first = done(vec![caller(300)]);
    // They have been read by then.
    thread::sleep(Duration::from_millis(500));
    signal(running.pid(), libc::SIGSTOP);
    let meanwhile = done(vec![caller(100_000)]);
    thread::sleep(Duration::from_secs(2));
    signal(running.pid(), libc::SIGCONT);
    let (seen, lost) = ended(running);
    assert!(lost > 0 && seen > first, "{seen} seen, {lost} lost");
    assert_eq!(seen + lost, first + meanwhile, "{lost} lost");
}

#[test]
fn a_tracer_that_gets_a_twentieth_of_a_processor() {
    if !level::root_or_skip() {
        return;
    }
    let running = watch(&["--buffer-size", "64K"]);
    let pid = running.pid();
    let callers = vec![caller(300_000), caller(300_000)];
    let slow = thread::spawn(move || {
        for _ in 0..20 {
            signal(pid, libc::SIGSTOP);
            thread::sleep(Duration::from_millis(95));
            signal(pid, libc::SIGCONT);
            thread::sleep(Duration::from_millis(5));
        }
    });
    let done = done(callers);
    slow.join().expect("the signals are sent");
    let (seen, lost) = ended(running);
    assert_eq!(seen + lost, done, "{lost} lost");
}

#[test]
fn ten_tracers_at_once() {
    if !level::root_or_skip() {
        return;
    }
    let all: Vec<_> = (0..10).map(|_| watch(&[])).collect();
    let done = done(vec![caller(2_000), caller(2_000)]);
    for running in all {
        assert_eq!(ended(running), (done, 0));
    }
}

#[test]
fn a_storm_of_forks() {
    if !level::root_or_skip() {
        return;
    }
    const FORKS: u64 = 20_000;
    let running = Running::start(&mut tracer([
        "-j",
        "-p",
        "%proc.pid %proc.ppid",
        "evt.type=procexit and proc.name=forkstorm and proc.pname=forkstorm",
    ]));
    running.attached();
    let workload = Workload::fork(|| {
        let _ = sys!(SYS_prctl, libc::PR_SET_NAME, c"forkstorm");
        let mut forked = 0;
        for _ in 0..FORKS {
            let child = sys!(SYS_fork);
            if child == 0 {
                let _ = sys!(SYS_exit_group, 0);
            }
            forked += i64::from(child > 0 && wait(child as u32) == 0);
        }
        [forked]
    });
    workload.start();
    let parent = workload.pid.to_string();
    let (_, [forked]) = workload.end();
    running.interrupt();
    let output = running.end();
    assert_eq!(counted(&output).1, 0, "{}", output.errors);
    let of_it = output.lines.iter().filter(|line| line.contains(&format!("\"proc.ppid\":{parent}")));
    assert_eq!(of_it.count() as i64, forked);
}
