//! Calls that end in other ways than most: interrupted, begun again, or without a number of their own.

use libc::SIGUSR1;
use tracer_common::events::{io::READ, meta::GENERIC, process::PROCEXIT, sched::SIGNALDELIVER, time::NANOSLEEP};
use tracer_tests::{
    call::{self, at, at_mut},
    check,
    check::missing,
    sys,
};

use crate::traced;

/// The kernel's own errors, which a program never sees. Source: kernel include/linux/errno.h.
const ERESTARTSYS: i64 = 512;
const ERESTART_RESTARTBLOCK: i64 = 516;

extern "C" fn nothing(_: i32) {}

/// A child that sends the signal to its parent after a moment, and then writes a byte.
fn interrupter(parent: i64, pipe: i32) -> i64 {
    let child = sys!(SYS_fork);
    if child == 0 {
        let moment = [0_u64, 20_000_000];
        let _ = (sys!(SYS_nanosleep, at(&moment), 0), sys!(SYS_kill, parent, SIGUSR1));
        let _ = (sys!(SYS_nanosleep, at(&moment), 0), sys!(SYS_write, pipe, c"x", 1), sys!(SYS_exit_group, 0));
    }
    child
}

#[test]
fn a_call_that_a_signal_ends_has_the_error_of_the_kernel() {
    let Some(run) = traced(|| {
        call::handle(SIGUSR1, nothing);
        call::interrupts(SIGUSR1);
        let mut ends = [0_i32; 2];
        assert_eq!(sys!(SYS_pipe, at_mut(&mut ends)), 0);
        let child = interrupter(sys!(SYS_getpid), ends[1]);
        let mut byte = [0_u8];
        let interrupted = sys!(SYS_read, ends[0], at_mut(&mut byte), 1);
        while sys!(SYS_wait4, child, 0, 0, 0) != child {}
        [ends[0].into(), child, interrupted]
    }) else {
        return;
    };
    let [fd, child, interrupted] = run.said;
    assert_eq!(interrupted, -i64::from(libc::EINTR), "that is what the program sees");
    check!(run, READ { res: -ERESTARTSYS, data: missing(), fd: fd, size: 1 });
    check!(run, SIGNALDELIVER { spid: child, dpid: run.pid, sig: SIGUSR1 });
}

#[test]
fn a_call_that_begins_again_ends_twice() {
    let Some(run) = traced(|| {
        // Handlers let calls begin again unless they say otherwise.
        call::handle(SIGUSR1, nothing);
        let mut ends = [0_i32; 2];
        assert_eq!(sys!(SYS_pipe, at_mut(&mut ends)), 0);
        let child = interrupter(sys!(SYS_getpid), ends[1]);
        let mut byte = [0_u8];
        let got = sys!(SYS_read, ends[0], at_mut(&mut byte), 1);
        while sys!(SYS_wait4, child, 0, 0, 0) != child {}
        [ends[0].into(), got]
    }) else {
        return;
    };
    let [fd, got] = run.said;
    assert_eq!(got, 1, "the program sees one call");
    check!(run, READ { res: -ERESTARTSYS, data: missing(), fd: fd, size: 1 });
    check!(run, READ { res: 1, data: "x", fd: fd, size: 1 });
    let ends: Vec<_> = run.own().all(&READ).map(|event| event.latency_ns).collect();
    assert!(ends.iter().all(Option::is_some), "both were timed: {ends:?}");
}

#[test]
fn a_sleep_that_goes_on_is_restart_syscall() {
    let Some(run) = traced(|| {
        // A signal without a handler that stops and continues the process: the sleep goes on by itself.
        let child = sys!(SYS_fork);
        if child == 0 {
            let long = [0_u64, 60_000_000];
            let _ = (sys!(SYS_nanosleep, at(&long), 0), sys!(SYS_exit_group, 0));
        }
        let moment = [0_u64, 10_000_000];
        for signal in [libc::SIGSTOP, libc::SIGCONT] {
            let _ = (sys!(SYS_nanosleep, at(&moment), 0), sys!(SYS_kill, child, signal));
        }
        while sys!(SYS_wait4, child, 0, 0, 0) != child {}
        [child]
    }) else {
        return;
    };
    let child = run.by(run.said[0]);
    check!(child, NANOSLEEP { res: -ERESTART_RESTARTBLOCK, interval: 60_000_000 });
    let again = child.all(&GENERIC).filter(|event| event.name() == "restart_syscall").count();
    assert!(again >= 1, "the sleep went on");
}

#[test]
fn the_end_of_a_handler_is_rt_sigreturn() {
    let Some(run) = traced(|| {
        call::handle(SIGUSR1, nothing);
        [sys!(SYS_kill, sys!(SYS_getpid), SIGUSR1), sys!(SYS_getppid)]
    }) else {
        return;
    };
    let names: Vec<_> = run.own().all(&GENERIC).map(|event| event.name()).collect();
    let last: Vec<_> = names.iter().rev().take(2).rev().copied().collect();
    assert_eq!(last, ["rt_sigreturn", "getppid"], "{names:?}");
    let id = tracer_common::arch::SYSCALLS.iter().find(|call| call.name == "rt_sigreturn").map_or(0, |call| call.id);
    let event = run.own().all(&GENERIC).find(|event| event.name() == "rt_sigreturn").unwrap();
    assert_eq!((event.params.u64(0), event.params.u64(1)), (Some(id.into()), Some(15)));
}

#[test]
fn an_exit_is_the_end_of_the_process_and_no_call() {
    let Some(run) = traced(|| {
        let child = sys!(SYS_fork);
        if child == 0 {
            let _ = sys!(SYS_exit_group, 7);
        }
        while sys!(SYS_wait4, child, 0, 0, 0) != child {}
        [child]
    }) else {
        return;
    };
    let child = run.by(run.said[0]);
    let calls: Vec<_> =
        run.events().filter(|event| event.tid == run.said[0] as u32).map(|event| event.name()).collect();
    assert!(!calls.iter().any(|name| name.starts_with("exit")), "{calls:?}");
    check!(child, PROCEXIT { status: 7 << 8, ret: 7, sig: 0, core: 0, reaper_tid: 0 });
}
