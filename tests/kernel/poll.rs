//! Waiting for descriptors.

use libc::{EBADF, EFAULT, EINVAL, POLLIN, POLLOUT};
use tracer_common::events::poll::{EPOLL_WAIT, POLL, PPOLL, SELECT};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::missing,
    sys,
};

use crate::{close, traced};

/// Both ends of a new pipe.
fn pipe() -> [i64; 2] {
    let mut ends = [0_i32; 2];
    assert_eq!(sys!(SYS_pipe, at_mut(&mut ends)), 0);
    ends.map(i64::from)
}

fn entry(fd: i64, events: i16) -> libc::pollfd {
    libc::pollfd { fd: fd as i32, events, revents: 0x7fff }
}

#[test]
fn poll_lists_what_is_ready() {
    let Some(run) = traced(|| {
        let [from, to] = pipe();
        let mut all = [entry(from, POLLIN), entry(to, POLLOUT | POLLIN), entry(-1, POLLIN), entry(999, 0)];
        let all = at_mut(&mut all);
        let empty = sys!(SYS_poll, all, 4, 5);
        let nothing = sys!(SYS_poll, all, 1, 1);
        let written = sys!(SYS_write, to, c"data", 4);
        let full = sys!(SYS_poll, all, 2, u32::MAX);
        close([to]);
        let closed = sys!(SYS_poll, all, 1, -7);
        [from, to, empty, nothing, written, full, closed, sys!(SYS_poll, NOWHERE, 2, 0), sys!(SYS_poll, 0, 0, 0)]
    }) else {
        return;
    };
    let [from, to, ..] = run.said;
    // The numbers of the format: POLLIN 1, POLLOUT 4, POLLHUP 0x20, POLLNVAL 0x40.
    check!(run, POLL { res: 2, fds: format!("{to}:4 999:40"), timeout: 5 });
    check!(run, POLL { res: 0, fds: "", timeout: 1 });
    check!(run, POLL { res: 2, fds: format!("{from}:1 {to}:4"), timeout: -1 });
    check!(run, POLL { res: 1, fds: format!("{from}:21"), timeout: -7 });
    check!(run, POLL { res: -EFAULT, fds: missing(), timeout: 0 });
    check!(run, POLL { res: 0, fds: "", timeout: 0 });
}

#[test]
fn poll_lists_only_the_first_descriptors_of_many() {
    const MANY: usize = 100;
    let Some(run) = traced(|| {
        let [_, to] = pipe();
        let mut all = [entry(to, POLLOUT); MANY];
        [to, sys!(SYS_poll, at_mut(&mut all), MANY, 0)]
    }) else {
        return;
    };
    let listed = [format!("{}:4", run.said[0]).as_str(); 64].join(" ");
    check!(run, POLL { res: MANY, fds: listed, timeout: 0 });
}

#[test]
fn ppoll_has_what_is_left_of_its_time_and_the_signals_that_wait() {
    let Some(run) = traced(|| {
        let [from, to] = pipe();
        let mut all = [entry(from, POLLIN), entry(to, POLLOUT)];
        let all = at_mut(&mut all);
        let mut time = [2_u64, 500];
        // SIGINT and SIGUSR1 among the first 32, the first of the real-time signals behind them.
        let signals = 1_u64 << 1 | 1 << 9 | 1 << 33;
        let limited = sys!(SYS_ppoll, all, 2, at_mut(&mut time), at(&signals), 8);
        let left = (time[0] * 1_000_000_000 + time[1]) as i64;
        time = [0, 1_000_000];
        let in_vain = sys!(SYS_ppoll, all, 1, at_mut(&mut time), 0, 8);
        let unlimited = sys!(SYS_ppoll, all, 2, 0, 0, 0);
        let refused = sys!(SYS_ppoll, NOWHERE, 2, 0, at(&signals), 1);
        [from, to, left, limited, in_vain, unlimited, refused]
    }) else {
        return;
    };
    let [_, to, left, ..] = run.said;
    assert!((1_000_000_000..2_000_000_500).contains(&left));
    check!(run, PPOLL { res: 1, fds: format!("{to}:4"), timeout: left, sigmask: 0x202 });
    check!(run, PPOLL { res: 0, fds: "", timeout: 0, sigmask: 0 });
    check!(run, PPOLL { res: 1, fds: format!("{to}:4"), timeout: u64::MAX, sigmask: 0 });
    check!(run, PPOLL { res: -EINVAL, fds: missing(), timeout: u64::MAX, sigmask: 0x202 });
}

#[test]
fn select_has_a_result() {
    let Some(run) = traced(|| {
        let [_, to] = pipe();
        let mut set = [0_u64; 16];
        set[to as usize / 64] = 1 << (to % 64);
        let time = [0_u64; 2];
        [
            sys!(SYS_select, to + 1, 0, at_mut(&mut set), 0, at(&time)),
            sys!(SYS_select, 0, 0, 0, 0, at(&time)),
            sys!(SYS_select, -1, 0, 0, 0, at(&time)),
        ]
    }) else {
        return;
    };
    check!(run, SELECT { res: 1 });
    check!(run, SELECT { res: 0 });
    check!(run, SELECT { res: -EINVAL });
}

#[test]
fn epoll_wait_has_room_for_some_events() {
    let Some(run) = traced(|| {
        let [_, to] = pipe();
        let epoll = sys!(SYS_epoll_create1, 0);
        let mut events = [libc::epoll_event { events: libc::EPOLLOUT as u32, u64: 7 }; 8];
        let place = at_mut(&mut events);
        let added = sys!(SYS_epoll_ctl, epoll, libc::EPOLL_CTL_ADD, to, place);
        [
            added,
            sys!(SYS_epoll_wait, epoll, place, 8, 0),
            sys!(SYS_epoll_wait, epoll, place, u32::MAX, 0),
            sys!(SYS_epoll_wait, -1, place, 3, 0),
        ]
    }) else {
        return;
    };
    check!(run, EPOLL_WAIT { res: 1, maxevents: 8 });
    check!(run, EPOLL_WAIT { res: -EINVAL, maxevents: -1 });
    check!(run, EPOLL_WAIT { res: -EBADF, maxevents: 3 });
}
