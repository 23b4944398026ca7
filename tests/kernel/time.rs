//! Sleep and timers.

use libc::{EFAULT, EINVAL};
use tracer_common::events::time::{NANOSLEEP, TIMERFD_CREATE};
use tracer_tests::{
    call::{NOWHERE, at},
    check, sys,
};

use crate::traced;

#[test]
fn nanosleep_says_how_long() {
    let Some(run) = traced(|| {
        [
            sys!(SYS_nanosleep, at(&[0_u64, 1_500_000]), 0),
            sys!(SYS_nanosleep, at(&[3_u64, 1_000_000_000]), 0),
            sys!(SYS_nanosleep, NOWHERE, 0),
        ]
    }) else {
        return;
    };
    check!(run, NANOSLEEP { res: 0, interval: 1_500_000 });
    // No time: too many nanoseconds.
    check!(run, NANOSLEEP { res: -EINVAL, interval: u64::MAX });
    check!(run, NANOSLEEP { res: -EFAULT, interval: u64::MAX });
}

#[test]
fn timerfd_create_has_a_clock() {
    let Some(run) = traced(|| {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        [sys!(SYS_timerfd_create, libc::CLOCK_MONOTONIC, flags), sys!(SYS_timerfd_create, 77, 1)]
    }) else {
        return;
    };
    check!(run, TIMERFD_CREATE { res: run.said[0], clockid: libc::CLOCK_MONOTONIC, flags: 0 });
    check!(run, TIMERFD_CREATE { res: -EINVAL, clockid: 77, flags: 1 });
}
