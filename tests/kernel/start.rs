//! The start on a machine on which a user has more open than can be read in time.

use std::{
    fs,
    time::{Duration, Instant},
};

use libc::rlimit;
use tracer_tests::{call::at_mut, level, session::Session, sys, wait, workload::Workload};

/// Somebody without any right.
const NOBODY: u32 = 65534;
/// Processes of that user.
const PROCESSES: usize = 25;

/// A process of another user that opens as many descriptors as it may, and stays. How many there are then, its `/proc` says.
fn hoarder() -> Workload<0> {
    let workload = Workload::fork(|| {
        let mut limit = rlimit { rlim_cur: 0, rlim_max: 0 };
        let _ = sys!(SYS_prlimit64, 0, libc::RLIMIT_NOFILE, 0, at_mut(std::slice::from_mut(&mut limit)));
        limit.rlim_cur = limit.rlim_max;
        let _ = sys!(SYS_prlimit64, 0, libc::RLIMIT_NOFILE, at_mut(std::slice::from_mut(&mut limit)), 0);
        let _ = (sys!(SYS_setresgid, NOBODY, NOBODY, NOBODY), sys!(SYS_setresuid, NOBODY, NOBODY, NOBODY));
        let first = sys!(SYS_open, c"/etc/hostname", 0, 0);
        // Each has a path of its own to be looked up.
        while sys!(SYS_dup, first) >= 0 {}
        let _ = sys!(SYS_prctl, libc::PR_SET_NAME, c"hoarder");
        loop {
            let _ = sys!(SYS_pause);
        }
    });
    workload.start();
    workload
}

/// How long a tracer took until it showed its first event, how long to end, and the most memory that it had, KiB.
fn run() -> (Duration, Duration, u64) {
    let start = Instant::now();
    let session = Session::lines("%proc.name %fd.name", "evt.type=write and proc.name=hoarder");
    let first = start.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", session.pid())).expect("it runs");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    let end = Instant::now();
    // It says how many were lost, and fails if any was.
    let _ = session.end();
    (first, end.elapsed(), memory.expect("the most memory that it had"))
}

#[test]
fn a_million_descriptors_of_a_user_do_not_delay_the_start() {
    if !level::root_or_skip() {
        return;
    }
    let (quiet, _, quiet_kib) = run();
    let hoarders: Vec<_> = (0..PROCESSES).map(|_| hoarder()).collect();
    for hoarder in &hoarders {
        wait::until("a process to have all that it may", || {
            let name = fs::read_to_string(format!("/proc/{}/comm", hoarder.pid)).ok()?;
            (name == "hoarder\n").then_some(())
        });
    }
    let (first, end, kib) = run();
    // Reading all of them takes ten times as long.
    assert!(first < quiet + Duration::from_secs(2), "{first:?}, and {quiet:?} without them");
    assert!(end < Duration::from_secs(2), "{end:?}");
    assert!(kib < quiet_kib + (64 << 10), "{kib} KiB, and {quiet_kib} without them");
}
