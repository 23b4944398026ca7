//! The beginning of calls: arguments as they were then, and how long the call took.

use std::{
    ffi::CStr,
    time::{Duration, Instant},
};

use libc::{AF_INET, AT_FDCWD, O_CREAT, O_RDONLY, O_WRONLY, SOCK_STREAM};
use tracer_common::events::{
    enter::{CONNECT_E, CREAT_E, OPEN_E, OPENAT_E, OPENAT2_E},
    file::CLOSE,
    io::READ,
    net::CONNECT,
    process::EXECVE,
    time::NANOSLEEP,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::{flags, missing},
    sys,
};

use crate::{socket::v4, traced};

#[test]
fn the_path_is_that_of_the_beginning() {
    let Some(run) = traced(|| {
        let how = [O_RDONLY as u64, 0, 0x08];
        // In memory that was written: at the beginning of a call a page that nobody touched yet cannot be read.
        let [a, b, c, d] = [c"/nowhere/a", c"nowhere/b", c"/nowhere/c", c"/nowhere/d"].map(CStr::to_owned);
        [
            sys!(SYS_open, &*a, O_WRONLY | O_CREAT, 0o640),
            sys!(SYS_openat, AT_FDCWD, &*b, O_RDONLY, 0),
            sys!(SYS_openat2, AT_FDCWD, &*c, at(&how), 24),
            sys!(SYS_creat, &*d, 0o600),
            sys!(SYS_open, NOWHERE, O_RDONLY, 0),
        ]
    }) else {
        return;
    };
    check!(run, OPEN_E { name: "/nowhere/a", flags: flags("O_CREAT|O_WRONLY"), mode: 0o640 });
    check!(run, OPENAT_E { dirfd: AT_FDCWD, name: "nowhere/b", flags: flags("O_RDONLY"), mode: 0 });
    check!(
        run,
        OPENAT2_E {
            dirfd: AT_FDCWD,
            name: "/nowhere/c",
            flags: flags("O_RDONLY"),
            mode: 0,
            resolve: flags("RESOLVE_BENEATH")
        }
    );
    check!(run, CREAT_E { name: "/nowhere/d", mode: 0o600 });
    check!(run, OPEN_E { name: missing(), flags: flags("O_RDONLY"), mode: 0 });
}

#[test]
fn the_address_is_that_of_the_beginning() {
    let Some(run) = traced(|| {
        let fd = sys!(SYS_socket, AF_INET, SOCK_STREAM, 0);
        [fd, sys!(SYS_connect, fd, at(&v4(9)[..]), 16), sys!(SYS_connect, -1, NOWHERE, 16)]
    }) else {
        return;
    };
    check!(run, CONNECT_E { fd: run.said[0], addr: "127.0.0.1:9" });
    check!(run, CONNECT_E { fd: -1, addr: missing() });
    assert_eq!(run.own().all(&CONNECT).count(), 2);
}

#[test]
fn latency_is_the_time_from_entry_to_exit() {
    const SLEEP: Duration = Duration::from_millis(20);
    let Some(run) = traced(|| {
        let mut ends = [0_i32; 2];
        assert_eq!(sys!(SYS_pipe, at_mut(&mut ends)), 0);
        // A child writes after a while, and the read of the parent takes so long.
        let time = [0_u64, SLEEP.as_nanos() as u64];
        let child = sys!(SYS_fork);
        if child == 0 {
            let _ = (sys!(SYS_nanosleep, at(&time), 0), sys!(SYS_write, ends[1], c"x", 1), sys!(SYS_exit_group, 0));
        }
        let start = Instant::now();
        let mut byte = [0_u8];
        let got = sys!(SYS_read, ends[0], at_mut(&mut byte), 1);
        let took = start.elapsed().as_nanos() as i64;
        let _ = (sys!(SYS_wait4, child, 0, 0, 0), sys!(SYS_close, ends[0]));
        [child, got, took]
    }) else {
        return;
    };
    let [child, got, took] = run.said;
    assert_eq!(got, 1);
    let read = run.own().next(&READ).latency_ns.expect("the read was timed");
    assert!(read <= took as u64, "{read} of {took}");
    assert!(read as i64 > took - 5_000_000, "{read} of {took}: what the test measures more is not the call");
    let slept = run.by(child).next(&NANOSLEEP).latency_ns.expect("the sleep was timed");
    assert!(slept >= SLEEP.as_nanos() as u64, "{slept}");
    let close = run.own().next(&CLOSE).latency_ns.expect("the close was timed");
    assert!(close < 5_000_000, "{close}");
    // The child came back from a fork that it never began.
    let first = run.events().find(|event| event.tid == child as u32).expect("an event of the child");
    assert_eq!((first.name(), first.latency_ns), ("fork", None));
}

#[test]
fn an_exec_is_timed_though_the_thread_changes_its_id() {
    let Some(run) = traced(|| {
        let child = sys!(SYS_fork);
        if child == 0 {
            // By a thread that is not the leader, whose id it gets.
            let thread = std::thread::spawn(|| {
                let argv = [c"true".as_ptr(), std::ptr::null()];
                sys!(SYS_execve, c"/bin/true", at(&argv), 0)
            });
            let _ = thread.join();
        }
        [child, sys!(SYS_wait4, child, 0, 0, 0)]
    }) else {
        return;
    };
    let exec = run.by(run.said[0]).next(&EXECVE);
    assert_eq!(exec.result(), Some(0));
    assert!(exec.latency_ns.is_some_and(|ns| ns > 10_000), "{:?}", exec.latency_ns);
}
