//! System calls without a row of their own, and records of the tracer.

use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use libc::{EBADF, ENOSYS};
use tracer_common::events::meta::{CGROUP_MKDIR, CGROUP_RMDIR, GENERIC};
use tracer_tests::{call::at_mut, check, scratch::c_path, sys};

use crate::traced;

/// Portable number of a call, of the table.
fn portable(name: &str) -> i64 {
    tracer_common::arch::SYSCALLS.iter().find(|call| call.name == name).map_or(0, |call| call.id.into())
}

#[test]
fn every_other_call_has_its_name() {
    let Some(run) = traced(|| {
        let mut name = [0_u8; 65 * 6];
        let ours = sys!(SYS_getpid);
        [ours, sys!(SYS_uname, at_mut(&mut name)), sys!(SYS_sched_yield), sys!(SYS_sigaltstack, 0, 0)]
    }) else {
        return;
    };
    let numbers = [libc::SYS_getpid, libc::SYS_uname, libc::SYS_sched_yield, libc::SYS_sigaltstack];
    for (name, number) in ["getpid", "uname", "sched_yield", "sigaltstack"].iter().zip(numbers) {
        let event = check!(run, GENERIC { ID: portable(name), nativeID: number });
        assert_eq!((event.name(), event.compat), (*name, false));
    }
}

#[test]
fn a_call_that_does_not_exist_is_no_event() {
    let Some(run) = traced(|| [tracer_tests::call::call(5000, &[]), sys!(SYS_close, -1), sys!(SYS_getppid)]) else {
        return;
    };
    assert_eq!(run.said[..2], [-i64::from(ENOSYS), -i64::from(EBADF)]);
    let event = check!(run, GENERIC { ID: portable("getppid"), nativeID: libc::SYS_getppid });
    assert_eq!(event.name(), "getppid");
}

/// Where the tree of cgroup v2 is mounted: on a hybrid system beside the others.
fn unified() -> PathBuf {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = mounts.find(|words| words.get(2) == Some(&"cgroup2")).expect("cgroup v2 is mounted");
    PathBuf::from(mount[1])
}

#[test]
fn cgroups_come_and_go() {
    let name = format!("tracer-test-{}", std::process::id());
    let dir = unified().join(&name);
    let path = c_path(&dir);
    let Some(run) = traced(|| {
        let made = sys!(SYS_mkdir, &*path, 0o755);
        let ino = fs::metadata(&dir).unwrap().ino();
        [made, ino as i64, sys!(SYS_rmdir, &*path)]
    }) else {
        return;
    };
    assert_eq!((run.said[0], run.said[2]), (0, 0), "a cgroup can be made in {}", dir.display());
    let shown = format!("/{name}");
    check!(run, CGROUP_MKDIR { id: run.said[1], path: &*shown });
    check!(run, CGROUP_RMDIR { id: run.said[1], path: &*shown });
}
