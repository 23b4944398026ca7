//! What belongs to a process: session, group, namespaces, limits; and handles on other processes.

use libc::{CLONE_NEWIPC, CLONE_NEWUTS, CLONE_PARENT};
use libc::{EBADF, EFAULT, EINVAL, EIO, EPERM, ESRCH};
use libc::{SIGSTOP, SIGURG};
use tracer_common::events::attr::{
    GETRLIMIT, PIDFD_GETFD, PIDFD_OPEN, PRCTL, PRLIMIT, PTRACE, SECCOMP, SETNS, SETPGID, SETRLIMIT, SETSID, UNSHARE,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::{flags, missing},
    scratch::c_path,
    sys,
    workload::wait,
};

use crate::{process::in_child, traced};

const CORE: i32 = libc::RLIMIT_CORE as i32;
const NOFILE: i32 = libc::RLIMIT_NOFILE as i32;

#[test]
fn a_group_is_chosen_and_a_session_begun() {
    let Some(run) = traced(|| {
        let session = [sys!(SYS_setsid), sys!(SYS_setsid)];
        let child = sys!(SYS_fork);
        let ended = in_child(child, || {
            let own = sys!(SYS_getpid);
            let _ = (sys!(SYS_setpgid, 0, 0), sys!(SYS_setpgid, own, sys!(SYS_getppid)));
            let _ = (sys!(SYS_setpgid, 0, -5), sys!(SYS_setpgid, 1, 0));
        });
        [session[0], session[1], child, ended]
    }) else {
        return;
    };
    let child = run.said[2];
    check!(run, SETSID { res: run.pid });
    check!(run, SETSID { res: -EPERM });
    let thread = run.by(child);
    check!(thread, SETPGID { res: 0, pid: 0, pgid: 0 });
    check!(thread, SETPGID { res: 0, pid: child, pgid: run.pid });
    check!(thread, SETPGID { res: -EINVAL, pid: 0, pgid: -5 });
    check!(thread, SETPGID { res: -ESRCH, pid: 1, pgid: 0 });
}

#[test]
fn namespaces_are_left_and_entered() {
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, c"/proc/self/ns/uts", 0, 0);
        [
            fd,
            sys!(SYS_unshare, CLONE_NEWUTS | CLONE_NEWIPC),
            sys!(SYS_unshare, CLONE_PARENT),
            sys!(SYS_setns, fd, CLONE_NEWUTS),
            sys!(SYS_setns, fd, CLONE_NEWIPC),
            sys!(SYS_setns, -1, 0),
        ]
    }) else {
        return;
    };
    let fd = run.said[0];
    let cwd = c_path(&std::env::current_dir().expect("a directory"));
    check!(run, UNSHARE { res: 0, flags: flags("CLONE_NEWIPC|CLONE_NEWUTS") });
    check!(run, UNSHARE { res: -EINVAL, flags: flags("CLONE_PARENT") });
    check!(run, SETNS { res: 0, fd: fd, nstype: flags("CLONE_NEWUTS"), cwd: &*cwd });
    check!(run, SETNS { res: -EINVAL, fd: fd, nstype: flags("CLONE_NEWIPC"), cwd: missing() });
    check!(run, SETNS { res: -EBADF, fd: -1, nstype: flags(""), cwd: missing() });
}

#[test]
fn seccomp_has_its_operation() {
    let allow = libc::SECCOMP_RET_ALLOW;
    let Some(run) = traced(|| {
        [sys!(SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL as i32, 0, at(&allow)), sys!(SYS_seccomp, 77, 0x30, NOWHERE)]
    }) else {
        return;
    };
    check!(run, SECCOMP { res: 0, op: 2, flags: 0 });
    check!(run, SECCOMP { res: -EINVAL, op: 77, flags: 0x30 });
}

#[test]
fn prctl_has_a_text_or_a_number() {
    let Some(run) = traced(|| {
        let (mut name, mut is_reaper) = ([0_u8; 16], 0_i32);
        [
            sys!(SYS_prctl, libc::PR_SET_NAME, c"a name that is too long"),
            sys!(SYS_prctl, libc::PR_GET_NAME, at_mut(&mut name)),
            sys!(SYS_prctl, libc::PR_SET_NAME, NOWHERE),
            sys!(SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1),
            sys!(SYS_prctl, libc::PR_GET_CHILD_SUBREAPER, at_mut(&mut is_reaper)),
            sys!(SYS_prctl, libc::PR_GET_DUMPABLE, -3),
            sys!(SYS_prctl, libc::PR_SET_PDEATHSIG, 999),
        ]
    }) else {
        return;
    };
    let dumpable = run.said[5];
    let set = || flags("PR_SET_NAME");
    check!(run, PRCTL { res: 0, option: set(), arg2_str: "a name that is too long", arg2_int: 0 });
    check!(run, PRCTL { res: 0, option: flags("PR_GET_NAME"), arg2_str: "a name that is ", arg2_int: 0 });
    check!(run, PRCTL { res: -EFAULT, option: set(), arg2_str: missing(), arg2_int: 0 });
    check!(run, PRCTL { res: 0, option: flags("PR_SET_CHILD_SUBREAPER"), arg2_str: missing(), arg2_int: 1 });
    check!(run, PRCTL { res: 0, option: flags("PR_GET_CHILD_SUBREAPER"), arg2_str: missing(), arg2_int: 1 });
    check!(run, PRCTL { res: dumpable, option: flags("PR_GET_DUMPABLE"), arg2_str: missing(), arg2_int: -3 });
    // An option without a name keeps its number.
    check!(run, PRCTL { res: -EINVAL, option: libc::PR_SET_PDEATHSIG, arg2_str: missing(), arg2_int: 999 });
}

#[test]
fn limits_are_asked_for_and_set() {
    let Some(run) = traced(|| {
        let (mut files, none) = ([0_u64; 2], [0, u64::MAX]);
        let asked = sys!(SYS_getrlimit, NOFILE, at_mut(&mut files));
        let [soft, hard] = files;
        let (lower, mut before) = ([soft - 1, hard], [0_u64; 2]);
        let own = sys!(SYS_getpid);
        let results = [
            asked,
            sys!(SYS_getrlimit, CORE, NOWHERE),
            sys!(SYS_getrlimit, 99, at_mut(&mut before)),
            sys!(SYS_setrlimit, CORE, at(&[100_u64, 200])),
            sys!(SYS_setrlimit, CORE, NOWHERE),
            sys!(SYS_setrlimit, 99, at(&none)),
            sys!(SYS_prlimit64, own, NOFILE, at(&lower), at_mut(&mut before)),
            sys!(SYS_prlimit64, 0, NOFILE, 0, at_mut(&mut before)),
            sys!(SYS_prlimit64, 0x7fff_fff0, CORE, at(&lower), at_mut(&mut before)),
        ];
        assert_eq!(results, [0, -EFAULT, -EINVAL, 0, -EFAULT, -EINVAL, 0, 0, -ESRCH].map(i64::from));
        [soft as i64, hard as i64]
    }) else {
        return;
    };
    let ([soft, hard], core, files) = (run.said, || flags("RLIMIT_CORE"), || flags("RLIMIT_NOFILE"));
    check!(run, GETRLIMIT { res: 0, cur: soft, max: hard, resource: files() });
    check!(run, GETRLIMIT { res: -EFAULT, cur: -1, max: -1, resource: core() });
    check!(run, GETRLIMIT { res: -EINVAL, cur: -1, max: -1, resource: flags("RLIMIT_UNKNOWN") });
    check!(run, SETRLIMIT { res: 0, cur: 100, max: 200, resource: core() });
    check!(run, SETRLIMIT { res: -EFAULT, cur: -1, max: -1, resource: core() });
    check!(run, SETRLIMIT { res: -EINVAL, cur: 0, max: -1, resource: flags("RLIMIT_UNKNOWN") });
    check!(
        run,
        PRLIMIT { res: 0, newcur: soft - 1, newmax: hard, oldcur: soft, oldmax: hard, pid: run.pid, resource: files() }
    );
    check!(run, PRLIMIT { res: 0, newcur: -1, newmax: -1, oldcur: soft - 1, oldmax: hard, pid: 0, resource: files() });
    check!(
        run,
        PRLIMIT {
            res: -ESRCH,
            newcur: soft - 1,
            newmax: hard,
            oldcur: -1,
            oldmax: -1,
            pid: 0x7fff_fff0,
            resource: core()
        }
    );
}

#[test]
fn ptrace_has_what_was_read_or_a_signal() {
    let value = 0x1122_3344_5566_7788_u64;
    let address = at(&value);
    let Some(run) = traced(|| {
        let child = sys!(SYS_fork);
        if child == 0 {
            let _ = (sys!(SYS_ptrace, 0, 0, 0, 0), sys!(SYS_kill, sys!(SYS_getpid), SIGSTOP), sys!(SYS_exit, 0));
        }
        let stopped = wait(child as u32);
        let mut read = 0_u64;
        let out = at_mut(&mut read);
        let results = [
            sys!(SYS_ptrace, libc::PTRACE_PEEKDATA as i32, child, address, out),
            sys!(SYS_ptrace, libc::PTRACE_PEEKTEXT as i32, child, NOWHERE, out),
            sys!(SYS_ptrace, libc::PTRACE_POKEDATA as i32, child, address, 99),
            sys!(SYS_ptrace, 0x4200, child, 0, 1),
            sys!(SYS_ptrace, 12345, child, 6, 7),
            sys!(SYS_ptrace, libc::PTRACE_CONT as i32, child, 1, SIGURG),
        ];
        assert_eq!((stopped >> 8, read), (SIGSTOP, value));
        assert_eq!(results, [0, -EIO, 0, 0, -EIO, 0].map(i64::from));
        let ended = wait(child as u32);
        let gone = sys!(SYS_ptrace, libc::PTRACE_DETACH as i32, child, 0, 0);
        [child, ended.into(), gone, out as i64]
    }) else {
        return;
    };
    let [child, _, gone, _] = run.said;
    assert_eq!(gone, i64::from(-ESRCH));
    let me = flags("PTRACE_TRACEME");
    check!(run.by(child), PTRACE { res: 0, addr: 0, data: 0, request: me, pid: 0 });
    let peek = flags("PTRACE_PEEKDATA");
    check!(run, PTRACE { res: 0, addr: address, data: value, request: peek, pid: child });
    check!(run, PTRACE { res: -EIO, addr: NOWHERE, data: 0, request: flags("PTRACE_PEEKTEXT"), pid: child });
    check!(run, PTRACE { res: 0, addr: address, data: 99, request: flags("PTRACE_POKEDATA"), pid: child });
    check!(run, PTRACE { res: 0, addr: 0, data: 1, request: flags("PTRACE_SETOPTIONS"), pid: child });
    check!(run, PTRACE { res: -EIO, addr: 6, data: 7, request: flags("PTRACE_UNKNOWN"), pid: child });
    let event = check!(run, PTRACE { res: 0, addr: 1, data: SIGURG, request: flags("PTRACE_CONT"), pid: child });
    // The index of its type, then the signal.
    assert_eq!(event.params.raw(2), Some(&[1, SIGURG as u8][..]));
    check!(run, PTRACE { res: -ESRCH, addr: 0, data: 0, request: flags("PTRACE_DETACH"), pid: child });
}

#[test]
fn a_pidfd_gives_what_its_process_has_open() {
    let Some(run) = traced(|| {
        let own = sys!(SYS_getpid);
        let pidfd = sys!(SYS_pidfd_open, own, libc::O_NONBLOCK);
        [
            pidfd,
            sys!(SYS_pidfd_open, -1, 0),
            sys!(SYS_pidfd_getfd, pidfd, 0, 0),
            sys!(SYS_pidfd_getfd, pidfd, 999, 0),
            sys!(SYS_pidfd_getfd, 0, 1, 0x10),
        ]
    }) else {
        return;
    };
    let [pidfd, _, copy, ..] = run.said;
    assert!(pidfd >= 0 && copy > pidfd, "since Linux 5.6: {pidfd}, {copy}");
    check!(run, PIDFD_OPEN { fd: pidfd, pid: run.pid, flags: flags("PIDFD_NONBLOCK") });
    check!(run, PIDFD_OPEN { fd: -EINVAL, pid: -1, flags: flags("") });
    check!(run, PIDFD_GETFD { fd: copy, pid_fd: pidfd, target_fd: 0, flags: 0 });
    check!(run, PIDFD_GETFD { fd: -EBADF, pid_fd: pidfd, target_fd: 999, flags: 0 });
    check!(run, PIDFD_GETFD { fd: -EINVAL, pid_fd: 0, target_fd: 1, flags: 0x10 });
}
