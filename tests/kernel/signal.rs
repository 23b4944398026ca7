//! Signals.

use libc::{EFAULT, EINVAL, ESRCH, SFD_CLOEXEC, SFD_NONBLOCK, SIGTERM, SIGURG, SIGUSR1};
use tracer_common::events::signal::{KILL, SIGNALFD, SIGNALFD4, TGKILL, TKILL};
use tracer_tests::{
    call::{NOWHERE, at},
    check,
    check::flags,
    sys,
};

use crate::traced;

/// A process id that no process has: above the most that the kernel gives, 2^22.
const NOBODY: i32 = 0x7fff_fff0;

#[test]
fn kill_has_a_process_or_a_group() {
    let Some(run) = traced(|| {
        let own = sys!(SYS_getpid);
        [own, sys!(SYS_kill, own, SIGURG), sys!(SYS_kill, -NOBODY, SIGTERM), sys!(SYS_kill, own, 200)]
    }) else {
        return;
    };
    let own = run.pid;
    check!(run, KILL { res: 0, pid: own, sig: SIGURG });
    check!(run, KILL { res: -ESRCH, pid: -NOBODY, sig: SIGTERM });
    check!(run, KILL { res: -EINVAL, pid: own, sig: 200 });
}

#[test]
fn tkill_and_tgkill_have_a_thread() {
    let Some(run) = traced(|| {
        let own = sys!(SYS_getpid);
        let one = [sys!(SYS_tkill, own, SIGURG), sys!(SYS_tkill, -1, 0)];
        [own, one[0], one[1], sys!(SYS_tgkill, own, own, SIGURG), sys!(SYS_tgkill, own, NOBODY, SIGUSR1)]
    }) else {
        return;
    };
    let own = run.pid;
    check!(run, TKILL { res: 0, tid: own, sig: SIGURG });
    check!(run, TKILL { res: -EINVAL, tid: -1, sig: 0 });
    check!(run, TGKILL { res: 0, pid: own, tid: own, sig: SIGURG });
    check!(run, TGKILL { res: -ESRCH, pid: own, tid: NOBODY, sig: SIGUSR1 });
}

#[test]
fn signalfd_has_the_first_signals() {
    let mask: u64 = 1 << (SIGUSR1 - 1) | 1 << (SIGTERM - 1) | 1 << 40;
    let low = mask as u32;
    let Some(run) = traced(|| {
        let old = sys!(SYS_signalfd, -1, at(&mask), 8);
        let both = SFD_CLOEXEC | SFD_NONBLOCK;
        let new = sys!(SYS_signalfd4, -1, at(&mask), 8, both);
        [
            old,
            sys!(SYS_signalfd, old, at(&mask), 3),
            sys!(SYS_signalfd, old, NOWHERE, 8),
            new,
            sys!(SYS_signalfd4, new, at(&mask), 8, 0),
            sys!(SYS_signalfd4, -1, NOWHERE, 8, SFD_CLOEXEC),
        ]
    }) else {
        return;
    };
    let [old, _, _, new, changed, _] = run.said;
    assert_eq!(changed, new);
    check!(run, SIGNALFD { res: old, fd: -1, mask: low, flags: 0 });
    check!(run, SIGNALFD { res: -EINVAL, fd: old, mask: low, flags: 0 });
    check!(run, SIGNALFD { res: -EFAULT, fd: old, mask: 0, flags: 0 });
    check!(run, SIGNALFD4 { res: new, flags: flags("O_NONBLOCK|O_CLOEXEC"), fd: -1, mask: low });
    check!(run, SIGNALFD4 { res: new, flags: flags(""), fd: new, mask: low });
    check!(run, SIGNALFD4 { res: -EFAULT, flags: flags("O_CLOEXEC"), fd: -1, mask: 0 });
}
