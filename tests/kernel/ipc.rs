//! Descriptors that are not files.

use libc::{EFAULT, EINVAL, EMFILE, O_CLOEXEC, O_NONBLOCK};
use tracer_common::events::ipc::{
    EPOLL_CREATE, EPOLL_CREATE1, EVENTFD, EVENTFD2, INOTIFY_INIT, INOTIFY_INIT1, MEMFD_CREATE, PIPE, PIPE2, USERFAULTFD,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::{flags, missing},
    sys,
};

use crate::{ino_of, traced};

#[test]
fn pipe_has_both_ends_and_its_inode() {
    let Some(run) = traced(|| {
        let mut ends = [0_i32; 2];
        let result = sys!(SYS_pipe, at_mut(&mut ends));
        [result, ends[0].into(), ends[1].into(), ino_of(ends[0].into()), sys!(SYS_pipe, NOWHERE)]
    }) else {
        return;
    };
    let [_, fd1, fd2, ino, _] = run.said;
    check!(run, PIPE { res: 0, fd1: fd1, fd2: fd2, ino: ino });
    check!(run, PIPE { res: -EFAULT, fd1: 0, fd2: 0, ino: 0 });
}

#[test]
fn pipe2_has_flags_too() {
    let Some(run) = traced(|| {
        let mut ends = [0_i32; 2];
        let result = sys!(SYS_pipe2, at_mut(&mut ends), O_CLOEXEC | O_NONBLOCK);
        let said = [result, ends[0].into(), ends[1].into(), ino_of(ends[0].into())];
        ends = [-1; 2];
        let [a, b, c, d] = said;
        [a, b, c, d, sys!(SYS_pipe2, at_mut(&mut ends), 1)]
    }) else {
        return;
    };
    let [_, fd1, fd2, ino, _] = run.said;
    check!(run, PIPE2 { res: 0, fd1: fd1, fd2: fd2, ino: ino, flags: flags("O_NONBLOCK|O_RDONLY|O_CLOEXEC") });
    check!(run, PIPE2 { res: -EINVAL, fd1: -1, fd2: -1, ino: 0, flags: flags("O_WRONLY") });
}

/// Allows no more descriptors.
fn no_more_fds() -> i64 {
    sys!(SYS_setrlimit, libc::RLIMIT_NOFILE, at(&[0_u64; 2]))
}

#[test]
fn eventfd_has_a_start_value_and_no_flags() {
    let Some(run) = traced(|| [sys!(SYS_eventfd, 77), no_more_fds(), sys!(SYS_eventfd, 1)]) else { return };
    check!(run, EVENTFD { res: run.said[0], initval: 77, flags: 0 });
    check!(run, EVENTFD { res: -EMFILE, initval: 1, flags: 0 });
}

#[test]
fn eventfd2_has_a_start_value() {
    let Some(run) =
        traced(|| [sys!(SYS_eventfd2, 77, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC), sys!(SYS_eventfd2, 1, 0x7000_0000)])
    else {
        return;
    };
    check!(run, EVENTFD2 { res: run.said[0], flags: flags("O_NONBLOCK|O_CLOEXEC"), initval: 77 });
    check!(run, EVENTFD2 { res: -EINVAL, flags: flags(""), initval: 1 });
}

#[test]
fn epoll_create_has_a_size() {
    let Some(run) = traced(|| [sys!(SYS_epoll_create, 9), sys!(SYS_epoll_create, 0), sys!(SYS_epoll_create, u32::MAX)])
    else {
        return;
    };
    check!(run, EPOLL_CREATE { res: run.said[0], size: 9 });
    check!(run, EPOLL_CREATE { res: -EINVAL, size: 0 });
    check!(run, EPOLL_CREATE { res: -EINVAL, size: -1 });
}

#[test]
fn epoll_create1_has_flags() {
    let Some(run) = traced(|| [sys!(SYS_epoll_create1, libc::EPOLL_CLOEXEC), sys!(SYS_epoll_create1, 1)]) else {
        return;
    };
    check!(run, EPOLL_CREATE1 { res: run.said[0], flags: flags("EPOLL_CLOEXEC") });
    check!(run, EPOLL_CREATE1 { res: -EINVAL, flags: flags("") });
}

#[test]
fn inotify_init_has_no_flags_and_inotify_init1_has() {
    let Some(run) = traced(|| {
        let both = libc::IN_CLOEXEC | libc::IN_NONBLOCK;
        let made = [sys!(SYS_inotify_init), sys!(SYS_inotify_init1, both), sys!(SYS_inotify_init1, 1)];
        [made[0], made[1], made[2], no_more_fds(), sys!(SYS_inotify_init)]
    }) else {
        return;
    };
    check!(run, INOTIFY_INIT { res: run.said[0], flags: 0 });
    check!(run, INOTIFY_INIT { res: -EMFILE, flags: 0 });
    check!(run, INOTIFY_INIT1 { res: run.said[1], flags: flags("O_NONBLOCK|O_CLOEXEC") });
    check!(run, INOTIFY_INIT1 { res: -EINVAL, flags: flags("") });
}

#[test]
fn userfaultfd_has_flags() {
    let Some(run) = traced(|| [sys!(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK), sys!(SYS_userfaultfd, 0x70)]) else {
        return;
    };
    // A kernel may be without it.
    check!(run, USERFAULTFD { res: run.said[0], flags: flags("O_NONBLOCK|O_CLOEXEC") });
    check!(run, USERFAULTFD { res: run.said[1], flags: flags("") });
    assert!(run.said[1] < 0);
}

#[test]
fn memfd_create_has_a_name() {
    let Some(run) = traced(|| {
        let cloexec = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        [sys!(SYS_memfd_create, c"scratch \xff", cloexec), sys!(SYS_memfd_create, NOWHERE, 0)]
    }) else {
        return;
    };
    let names = flags("MFD_CLOEXEC|MFD_ALLOW_SEALING");
    check!(run, MEMFD_CREATE { fd: run.said[0], name: b"scratch \xff", flags: names });
    check!(run, MEMFD_CREATE { fd: -EFAULT, name: missing(), flags: flags("") });
}
