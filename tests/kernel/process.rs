//! Making processes and threads, and their end. Running programs: `exec.rs`.

use std::{fs, path::Path};

use libc::{CLONE_FS, CLONE_NEWPID, CLONE_SIGHAND, EFAULT, EINVAL, SIGABRT, SIGCHLD, SIGKILL};
use tracer_common::events::process::{CLONE, CLONE3, FORK, PROCEXIT, VFORK};
use tracer_tests::{
    call::{NOWHERE, at, at_mut, x86_64::vfork_exit},
    check,
    check::{Is, flags, list, missing},
    scratch::{Scratch, c_path},
    sys,
    workload::wait,
};

use crate::traced;

/// In a process that was just made (`pid` is 0) makes `calls` and exits with 99; in its parent waits for it. Its status.
pub(crate) fn in_child(pid: i64, calls: impl FnOnce()) -> i64 {
    if pid == 0 {
        calls();
        let _ = sys!(SYS_exit, 99);
    }
    wait(pid as u32).into()
}

/// For a call that does not return when it succeeds.
pub(crate) fn ignore(_result: i64) {}

/// Gives the running thread a name that does not depend on the test.
pub(crate) fn set_comm() {
    assert_eq!(sys!(SYS_prctl, libc::PR_SET_NAME, c"a workload"), 0);
}

/// A field of `/proc/self/status`, in its number base.
pub(crate) fn status(field: &str, base: u32) -> i64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.unwrap_or_default().trim().split([' ', '\t']).next().unwrap_or_default();
    u64::from_str_radix(number, base).unwrap() as i64
}

/// The cgroup of each controller, as the kernel has them for this process.
fn cgroups() -> Is {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let legacy = |name: &str| {
        own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            parts.next()?.split(',').any(|controller| controller == name).then(|| parts.next())?
        })
    };
    let unified = legacy("").unwrap_or("/");
    let known = fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let entry = |(shown, name): (&str, &str)| {
        let path = legacy(name).or_else(|| {
            // In the unified tree, the nearest cgroup that has the controller.
            let has = |dir: &&Path| {
                let file = Path::new("/sys/fs/cgroup").join(dir.strip_prefix("/").ok()?).join("cgroup.controllers");
                fs::read_to_string(file).ok()?.split_whitespace().any(|one| one == shown).then_some(())
            };
            let all = known.lines().any(|line| line.split('\t').next() == Some(name)) || name != "cpuacct";
            all.then(|| {
                Path::new(unified).ancestors().find(|dir| has(dir).is_some()).map_or("/", |dir| dir.to_str().unwrap())
            })
        });
        path.map(|path| format!("{shown}={path}"))
    };
    let pairs = [("cpuset", "cpuset"), ("cpu", "cpu"), ("cpuacct", "cpuacct"), ("io", "blkio"), ("memory", "memory")];
    list(pairs.into_iter().filter_map(entry))
}

/// Start of process 1, in the ticks that /proc has.
fn init_start() -> Is {
    let stat = fs::read_to_string("/proc/1/stat").unwrap();
    let ticks: i128 = stat.rsplit(')').next().unwrap().split(' ').nth(20).unwrap().parse().unwrap();
    Is::Between(ticks * 10_000_000, (ticks + 1) * 10_000_000)
}

/// What the test's process and all that it forks have in common.
pub(crate) fn image() -> Vec<(&'static str, Is)> {
    let mut args = std::env::args();
    let exe = args.next().unwrap();
    let args: Vec<_> = args.collect();
    vec![("exe", exe.into()), ("args", if args.is_empty() { missing() } else { list(args) })]
}

/// Soft limit of open files.
pub(crate) fn fd_limit() -> i64 {
    let mut limit = [0_u64; 2];
    assert_eq!(sys!(SYS_prlimit64, 0, libc::RLIMIT_NOFILE as i32, 0, at_mut(&mut limit)), 0);
    limit[0] as i64
}

/// Counters, ids and places that do not change within a test. Since 6.2 resident memory is counted by CPU, and the base
/// that the tracer reads lags: it may still be 0.
pub(crate) fn surroundings() -> Vec<(&'static str, Is)> {
    let memory = || Is::Between(0, 1 << 31);
    vec![
        ("cwd", std::env::current_dir().unwrap().to_str().unwrap().into()),
        ("fdlimit", fd_limit().into()),
        ("pgft_maj", Is::Between(0, 1 << 20)),
        ("pgft_min", Is::Between(0, 1 << 30)),
        ("vm_rss", memory()),
        ("vm_swap", memory()),
        ("cgroups", cgroups()),
        ("uid", 0.into()),
        ("gid", 0.into()),
    ]
}

fn common(vm_size_kb: i64) -> Vec<(&'static str, Is)> {
    let near = Is::Between((vm_size_kb * 8 / 10).into(), (vm_size_kb * 12 / 10).into());
    let own = vec![("comm", "a workload".into()), ("vm_size", near), ("pidns_init_start_ts", init_start())];
    [image(), surroundings(), own].concat()
}

#[test]
fn fork_is_seen_in_the_parent_and_in_the_child() {
    let Some(run) = traced(|| {
        set_comm();
        let size = status("VmSize", 10);
        let child = sys!(SYS_fork);
        [child, in_child(child, || ()), size]
    }) else {
        return;
    };
    let ([child, _, size], own) = (run.said, run.pid);
    let (test, same) = (std::process::id(), common(size));
    let ids =
        check!(run, FORK { res: child, tid: own, pid: own, ptid: test, flags: flags(""), vtid: own, vpid: own }, same);
    assert_eq!(ids.tgid, own);
    let thread = run.by(child);
    check!(
        thread,
        FORK { res: 0, tid: child, pid: child, ptid: own, flags: flags(""), vtid: child, vpid: child },
        same
    );
}

#[test]
fn vfork_is_seen_in_the_parent_and_in_the_child() {
    let Some(run) = traced(|| {
        set_comm();
        let size = status("VmSize", 10);
        let child = vfork_exit(3);
        [child, wait(child as u32).into(), size]
    }) else {
        return;
    };
    let ([child, ended, size], own) = (run.said, run.pid);
    assert_eq!(ended, 3 << 8);
    let (test, same, shown) = (std::process::id(), common(size), "CLONE_VM|CLONE_VFORK");
    check!(run, VFORK { res: child, tid: own, pid: own, ptid: test, flags: flags(shown), vtid: own, vpid: own }, same);
    let thread = run.by(child);
    check!(
        thread,
        VFORK { res: 0, tid: child, pid: child, ptid: own, flags: flags(shown), vtid: child, vpid: child },
        same
    );
}

#[test]
fn clone_has_its_flags() {
    let Some(run) = traced(|| {
        set_comm();
        let size = status("VmSize", 10);
        let child = sys!(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
        let ended = in_child(child, || ());
        [child, ended, size, sys!(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0)]
    }) else {
        return;
    };
    let ([child, _, size, _], own) = (run.said, run.pid);
    let (test, same) = (std::process::id(), common(size));
    let shown = || flags("CLONE_FS");
    check!(run, CLONE { res: child, tid: own, pid: own, ptid: test, flags: shown(), vtid: own, vpid: own }, same);
    let thread = run.by(child);
    check!(thread, CLONE { res: 0, tid: child, pid: child, ptid: own, flags: shown(), vtid: child, vpid: child }, same);
    let wrong = flags("CLONE_SIGHAND");
    check!(run, CLONE { res: -EINVAL, tid: own, pid: own, ptid: test, flags: wrong, vtid: own, vpid: own }, same);
}

#[test]
fn clone3_has_its_flags_in_memory() {
    // struct clone_args: flags first, the exit signal fifth.
    let asked = [CLONE_FS as u64, 0, 0, 0, SIGCHLD as u64, 0, 0, 0];
    let Some(run) = traced(|| {
        set_comm();
        let size = status("VmSize", 10);
        let child = sys!(SYS_clone3, at(&asked), 64);
        let ended = in_child(child, || ());
        [child, ended, size, sys!(SYS_clone3, NOWHERE, 64)]
    }) else {
        return;
    };
    let ([child, _, size, _], own) = (run.said, run.pid);
    let (test, same) = (std::process::id(), common(size));
    let shown = || flags("CLONE_FS");
    check!(run, CLONE3 { res: child, tid: own, pid: own, ptid: test, flags: shown(), vtid: own, vpid: own }, same);
    let thread = run.by(child);
    check!(
        thread,
        CLONE3 { res: 0, tid: child, pid: child, ptid: own, flags: shown(), vtid: child, vpid: child },
        same
    );
    check!(run, CLONE3 { res: -EFAULT, tid: own, pid: own, ptid: test, flags: flags(""), vtid: own, vpid: own }, same);
}

#[test]
fn a_thread_has_the_process_of_its_maker() {
    let Some(run) = traced(|| {
        let thread = std::thread::spawn(|| sys!(SYS_gettid));
        [thread.join().unwrap()]
    }) else {
        return;
    };
    let thread = run.said[0];
    // The C library chooses between the two calls.
    let made: Vec<_> = run.events().filter(|event| [CLONE.code, CLONE3.code].contains(&event.row.code)).collect();
    let of = |tid: i64| made.iter().find(|event| i64::from(event.tid) == tid).expect("seen on both sides");
    let (maker, new) = (of(run.pid.into()), of(thread));
    let number =
        |event: &tracer::event::Event<'_>, name: &str| event.row.param(name).and_then(|(at, _)| event.params.i64(at));
    assert_eq!((number(maker, "res"), number(new, "res")), (Some(thread), Some(0)));
    assert_eq!((number(new, "tid"), number(new, "pid")), (Some(thread), Some(run.pid.into())));
    assert_eq!((new.tgid, number(new, "ptid")), (run.pid, Some(std::process::id().into())));
    for event in [maker, new] {
        let names: Vec<_> =
            CLONE.params[15].kind.flag_set().unwrap().names(number(event, "flags").unwrap() as u32).collect();
        assert!(["CLONE_THREAD", "CLONE_VM", "CLONE_SIGHAND"].iter().all(|name| names.contains(name)), "{names:?}");
    }
    check!(run.by(thread), PROCEXIT { status: 0, ret: 0, sig: 0, core: 0, reaper_tid: 0 });
}

#[test]
fn in_a_pid_namespace_both_numbers_are_known() {
    let Some(run) = traced(|| {
        let child = sys!(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        [child, in_child(child, || ())]
    }) else {
        return;
    };
    let child = run.said[0];
    assert!(child > 0, "a pid namespace can be made: {child}");
    let event = run.by(child).next(&CLONE);
    let number = |name: &str| event.params.i64(CLONE.param(name).unwrap().0);
    assert_eq!((number("tid"), number("pid")), (Some(child), Some(child)));
    assert_eq!((number("vtid"), number("vpid")), (Some(1), Some(1)));
    let names: Vec<_> = CLONE.params[15].kind.flag_set().unwrap().names(number("flags").unwrap() as u32).collect();
    assert_eq!(names, ["CLONE_NEWPID", "CLONE_CHILD_IN_PIDNS"]);
    let start = number("pidns_init_start_ts").unwrap() as u64;
    assert!(start > 0 && start <= event.time_ns, "it is the init of its namespace: {start}");
}

#[test]
fn the_end_of_a_process_says_how() {
    let scratch = Scratch::new();
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        let end = |how: &dyn Fn()| {
            let child = sys!(SYS_fork);
            [child, in_child(child, how)]
        };
        let exited = end(&|| ignore(sys!(SYS_exit_group, 7)));
        let killed = end(&|| ignore(sys!(SYS_kill, sys!(SYS_getpid), SIGKILL)));
        let aborted = end(&|| {
            let _ = (sys!(SYS_chdir, &*dir), sys!(SYS_prctl, libc::PR_SET_DUMPABLE, 1));
            let _ = sys!(SYS_prlimit64, 0, libc::RLIMIT_CORE as i32, at(&[u64::MAX; 2]), 0);
            let _ = sys!(SYS_kill, sys!(SYS_getpid), SIGABRT);
        });
        let [[a, b], [c, d], [e, f]] = [exited, killed, aborted];
        [a, b, c, d, e, f]
    }) else {
        return;
    };
    let [exited, exit_status, killed, kill_status, aborted, abort_status] = run.said;
    assert_eq!([exit_status, kill_status, abort_status & 0x7f], [7 << 8, SIGKILL.into(), SIGABRT.into()]);
    check!(run.by(exited), PROCEXIT { status: 7 << 8, ret: 7, sig: 0, core: 0, reaper_tid: 0 });
    check!(run.by(killed), PROCEXIT { status: SIGKILL, ret: 0, sig: SIGKILL, core: 0, reaper_tid: 0 });
    let core = abort_status >> 7;
    check!(run.by(aborted), PROCEXIT { status: abort_status, ret: 0, sig: SIGABRT, core: core, reaper_tid: 0 });
}

/// A process ends before its child; the child tells who its new parent is. The process, and that parent.
fn leave_an_orphan() -> [i64; 2] {
    let (mut hold, mut tell) = ([0_i32; 2], [0_i32; 2]);
    assert_eq!((sys!(SYS_pipe, at_mut(&mut hold)), sys!(SYS_pipe, at_mut(&mut tell))), (0, 0));
    let mut parent = 0_i64;
    let middle = sys!(SYS_fork);
    in_child(middle, || {
        if sys!(SYS_fork) == 0 {
            // The end of the other process closes nothing here; the first process writes when it has waited for it.
            let mut byte = 0_u8;
            let _ = sys!(SYS_read, hold[0], at_mut(&mut byte), 1);
            let parent = sys!(SYS_getppid);
            let _ = sys!(SYS_write, tell[1], at(&parent), 8);
        }
    });
    let _ = (sys!(SYS_write, hold[1], c"x", 1), sys!(SYS_read, tell[0], at_mut(&mut parent), 8));
    [middle, parent]
}

#[test]
fn the_end_of_a_process_says_who_gets_its_children() {
    let Some(run) = traced(leave_an_orphan) else { return };
    let [middle, reaper] = run.said;
    check!(run.by(middle), PROCEXIT { status: 99 << 8, ret: 99, sig: 0, core: 0, reaper_tid: reaper });
}

#[test]
fn a_subreaper_gets_the_children() {
    let Some(run) = traced(|| {
        assert_eq!(sys!(SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1), 0);
        leave_an_orphan()
    }) else {
        return;
    };
    let [middle, reaper] = run.said;
    assert_eq!(reaper, i64::from(run.pid));
    check!(run.by(middle), PROCEXIT { status: 99 << 8, ret: 99, sig: 0, core: 0, reaper_tid: reaper });
}
