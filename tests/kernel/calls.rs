//! Calls that the `.scap` format does not know, or only by their name.

use libc::{AT_FDCWD, EBADF, ECHILD, EEXIST, EFAULT, EINVAL, ENODATA, ENOENT, ENOSYS};
use tracer_common::events::{
    file::{CACHESTAT, FDATASYNC, FSYNC, FTRUNCATE, SYNCFS, TRUNCATE},
    inode::{FACCESSAT, FACCESSAT2, FCHMODAT2, FSTATFS, STATFS, STATX},
    kernel::{GETRANDOM, MEMBARRIER, RSEQ},
    link::{READLINK, READLINKAT},
    memory::{MADVISE, MAP_SHADOW_STACK, MSEAL, MSYNC},
    process::{WAIT4, WAITID},
    xattr::{
        FGETXATTR, FLISTXATTR, FREMOVEXATTR, FSETXATTR, GETXATTR, LGETXATTR, LISTXATTR, LLISTXATTR, LREMOVEXATTR,
        LSETXATTR, REMOVEXATTR, SETXATTR,
    },
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut, call},
    check,
    check::{flags, missing},
    scratch::Scratch,
    sys,
};

use crate::traced;

/// Calls that the library does not know.
const CACHESTAT_NUMBER: i64 = 451;
const MAP_SHADOW_STACK_NUMBER: i64 = 453;

#[test]
fn attributes_that_are_asked_for_have_names() {
    let scratch = Scratch::new();
    let (file, absent) = (scratch.file("file", b"x"), scratch.c_path("absent"));
    let Some(run) = traced(|| {
        let mut room = [0_u64; 64];
        let mask = libc::STATX_SIZE | libc::STATX_BTIME;
        [
            sys!(SYS_statx, AT_FDCWD, &*file, libc::AT_SYMLINK_NOFOLLOW, mask, at_mut(&mut room)),
            sys!(SYS_statx, 999, c"file", 0x2000, 0, at_mut(&mut room)),
            sys!(SYS_statx, AT_FDCWD, NOWHERE, 0, 0, at_mut(&mut room)),
            sys!(SYS_faccessat, AT_FDCWD, &*file, libc::R_OK),
            sys!(SYS_faccessat2, AT_FDCWD, &*absent, libc::W_OK, libc::AT_EACCESS),
            sys!(SYS_fchmodat2, AT_FDCWD, &*file, 0o640, libc::AT_SYMLINK_NOFOLLOW),
            sys!(SYS_statfs, &*file, at_mut(&mut room)),
            sys!(SYS_fstatfs, -1, at_mut(&mut room)),
        ]
    }) else {
        return;
    };
    let statx = |flags: &'static str, mask: &'static str| {
        [("flags", tracer_tests::check::flags(flags)), ("mask", tracer_tests::check::flags(mask))]
    };
    let all = statx("AT_SYMLINK_NOFOLLOW", "STATX_SIZE|STATX_BTIME");
    check!(run, STATX { res: 0, dirfd: AT_FDCWD, path: &*file }, all);
    check!(run, STATX { res: -EBADF, dirfd: 999, path: "file" }, statx("AT_STATX_FORCE_SYNC", ""));
    check!(run, STATX { res: -EFAULT, dirfd: AT_FDCWD, path: missing() }, statx("", ""));
    check!(run, FACCESSAT { res: 0, dirfd: AT_FDCWD, path: &*file, mode: flags("R_OK") });
    let (mode, with) = (flags("W_OK"), flags("AT_EACCESS"));
    check!(run, FACCESSAT2 { res: -ENOENT, dirfd: AT_FDCWD, path: &*absent, mode: mode, flags: with });
    let res = run.said[5];
    assert!(res == 0 || res == i64::from(-ENOSYS) || res == i64::from(-libc::EOPNOTSUPP), "{res}");
    let no_follow = flags("AT_SYMLINK_NOFOLLOW");
    let mode = flags("S_IRGRP|S_IWUSR|S_IRUSR");
    check!(run, FCHMODAT2 { res: res, dirfd: AT_FDCWD, filename: &*file, mode: mode, flags: no_follow });
    check!(run, STATFS { res: 0, path: &*file });
    check!(run, FSTATFS { res: -EBADF, fd: -1 });
}

#[test]
fn links_say_where_they_lead() {
    let scratch = Scratch::new();
    let link = scratch.c_path("link");
    let Some(run) = traced(|| {
        let mut room = [0_u8; 64];
        assert_eq!(sys!(SYS_symlink, c"where it leads", &*link), 0);
        [
            sys!(SYS_readlink, &*link, at_mut(&mut room), 64),
            sys!(SYS_readlinkat, AT_FDCWD, &*link, at_mut(&mut room), 5),
            sys!(SYS_readlinkat, 999, c"link", at_mut(&mut room), 5),
        ]
    }) else {
        return;
    };
    check!(run, READLINK { res: 14, path: &*link, target: &b"where it leads"[..], size: 64 });
    check!(run, READLINKAT { res: 5, dirfd: AT_FDCWD, path: &*link, target: &b"where"[..], size: 5 });
    check!(run, READLINKAT { res: -EBADF, dirfd: 999, path: "link", target: missing(), size: 5 });
}

#[test]
fn lengths_and_flushes_have_their_file() {
    let scratch = Scratch::new();
    let path = scratch.file("file", b"some data");
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, libc::O_RDWR, 0);
        let (range, mut pages) = ([1_u64, 4096], [0_u64; 5]);
        [
            fd,
            sys!(SYS_truncate, &*path, 5000),
            sys!(SYS_ftruncate, fd, -1),
            sys!(SYS_fsync, -1),
            sys!(SYS_fdatasync, fd),
            sys!(SYS_syncfs, -1),
            call(CACHESTAT_NUMBER, &[fd as u64, at(&range), at_mut(&mut pages), 0]),
            pages[0] as i64,
            pages[1] as i64,
        ]
    }) else {
        return;
    };
    let fd = run.said[0];
    check!(run, TRUNCATE { res: 0, path: &*path, length: 5000 });
    check!(run, FTRUNCATE { res: -EINVAL, fd: fd, length: -1 });
    check!(run, FSYNC { res: -EBADF, fd: -1 });
    check!(run, FDATASYNC { res: run.said[4], fd: fd });
    check!(run, SYNCFS { res: -EBADF, fd: -1 });
    let (res, pages, dirty) = (run.said[6], run.said[7], run.said[8]);
    check!(run, CACHESTAT { res: res, fd: fd, off: 1, len: 4096, nr_cache: pages, nr_dirty: dirty, flags: 0 });
}

#[test]
fn extended_attributes_have_a_name_and_a_value() {
    let scratch = Scratch::new();
    let path = scratch.file("file", b"x");
    let name = c"user.tracer";
    // What the file has besides: a policy may give it a label.
    let mut names = [0_u8; 128];
    let _ = sys!(SYS_setxattr, &*path, name, at(b"1"), 1, 0);
    let len = sys!(SYS_listxattr, &*path, at_mut(&mut names), 128);
    let _ = sys!(SYS_removexattr, &*path, name);
    let names = &names[..usize::try_from(len).unwrap_or(0)];
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, libc::O_RDWR, 0);
        let (value, mut room) = (b"a value", [0_u8; 128]);
        let mut said = [0; 14];
        said[0] = fd;
        said[1] = sys!(SYS_setxattr, &*path, name, at(value), 7, libc::XATTR_CREATE);
        said[2] = sys!(SYS_lsetxattr, &*path, name, at(value), 7, libc::XATTR_CREATE);
        said[3] = sys!(SYS_fsetxattr, -1, name, at(value), 7, 0);
        said[4] = sys!(SYS_getxattr, &*path, name, at_mut(&mut room), 128);
        said[5] = sys!(SYS_lgetxattr, &*path, name, 0, 0);
        said[6] = sys!(SYS_fgetxattr, fd, c"user.none", at_mut(&mut room), 128);
        said[7] = sys!(SYS_listxattr, &*path, at_mut(&mut room), 128);
        said[8] = sys!(SYS_llistxattr, &*path, 0, 0);
        said[9] = sys!(SYS_flistxattr, -1, at_mut(&mut room), 128);
        said[10] = sys!(SYS_removexattr, &*path, name);
        said[11] = sys!(SYS_lremovexattr, &*path, name);
        said[12] = sys!(SYS_fremovexattr, -1, name);
        said
    }) else {
        return;
    };
    let said = run.said;
    // Not every filesystem has them.
    let has = said[1] == 0;
    let (set, got) = (if has { EEXIST } else { libc::EOPNOTSUPP }, if has { ENODATA } else { libc::EOPNOTSUPP });
    let create = || flags("XATTR_CREATE");
    let value = || &b"a value"[..];
    check!(run, SETXATTR { res: said[1], path: &*path, name: "user.tracer", value: value(), size: 7, flags: create() });
    check!(run, LSETXATTR { res: -set, path: &*path, name: "user.tracer", value: value(), size: 7, flags: create() });
    check!(run, FSETXATTR { res: -EBADF, fd: -1, name: "user.tracer", value: value(), size: 7, flags: flags("") });
    let read = if has { value().into() } else { missing() };
    check!(run, GETXATTR { res: said[4], path: &*path, name: "user.tracer", value: read, size: 128 });
    check!(run, LGETXATTR { res: said[5], path: &*path, name: "user.tracer", value: missing(), size: 0 });
    check!(run, FGETXATTR { res: -got, fd: said[0], name: "user.none", value: missing(), size: 128 });
    assert_eq!(names.windows(12).any(|part| part == b"user.tracer\0"), has);
    let list = if names.is_empty() { missing() } else { names.into() };
    check!(run, LISTXATTR { res: said[7], path: &*path, list: list, size: 128 });
    check!(run, LLISTXATTR { res: said[8], path: &*path, list: missing(), size: 0 });
    check!(run, FLISTXATTR { res: -EBADF, fd: -1, list: missing(), size: 128 });
    check!(run, REMOVEXATTR { res: said[10], path: &*path, name: "user.tracer" });
    check!(run, LREMOVEXATTR { res: -got, path: &*path, name: "user.tracer" });
    check!(run, FREMOVEXATTR { res: -EBADF, fd: -1, name: "user.tracer" });
}

#[test]
fn who_waits_for_a_child_learns_what_became_of_it() {
    let Some(run) = traced(|| {
        let child = sys!(SYS_fork);
        if child == 0 {
            let _ = sys!(SYS_exit_group, 3);
        }
        let mut status = 0_u32;
        let waited = sys!(SYS_wait4, child, at_mut(&mut status), 0, 0);
        [child, waited, sys!(SYS_wait4, -1, 0, libc::WNOHANG, 0), sys!(SYS_waitid, 1, child, 0, libc::WEXITED, 0)]
    }) else {
        return;
    };
    let child = run.said[0];
    check!(run, WAIT4 { res: child, pid: child, status: 0x300, options: flags("") });
    check!(run, WAIT4 { res: -ECHILD, pid: -1, status: 0, options: flags("WNOHANG") });
    check!(run, WAITID { res: -ECHILD, idtype: flags("P_PID"), id: child, options: flags("WEXITED") });
}

#[test]
fn advice_and_other_small_things_have_names() {
    let Some(run) = traced(|| {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let memory = sys!(SYS_mmap, 0, 8192, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        let mut room = [0_u8; 16];
        [
            memory,
            sys!(SYS_madvise, memory, 4096, libc::MADV_DONTNEED),
            sys!(SYS_madvise, memory, 4096, 99),
            sys!(SYS_msync, memory, 4096, libc::MS_ASYNC),
            sys!(SYS_mseal, memory, 4096, 1),
            call(MAP_SHADOW_STACK_NUMBER, &[0, 1, 1]),
            sys!(SYS_getrandom, at_mut(&mut room), 8, libc::GRND_NONBLOCK),
            sys!(SYS_membarrier, 0, 0, 0),
            sys!(SYS_rseq, 0x1000, 32, 1, 0x5305_3053),
        ]
    }) else {
        return;
    };
    let said = run.said;
    let memory = said[0];
    check!(run, MADVISE { res: 0, addr: memory, length: 4096, advice: flags("MADV_DONTNEED") });
    check!(run, MADVISE { res: -EINVAL, addr: memory, length: 4096, advice: 99 });
    check!(run, MSYNC { res: 0, addr: memory, length: 4096, flags: flags("MS_ASYNC") });
    check!(run, MSEAL { res: said[4], addr: memory, length: 4096, flags: 1 });
    check!(run, MAP_SHADOW_STACK { res: said[5], addr: 0, size: 1, flags: flags("SHADOW_STACK_SET_TOKEN") });
    check!(run, GETRANDOM { res: 8, size: 8, flags: flags("GRND_NONBLOCK") });
    let command = flags("MEMBARRIER_CMD_QUERY");
    check!(run, MEMBARRIER { res: said[7], cmd: command, flags: flags(""), cpu_id: 0 });
    let unregister = flags("RSEQ_FLAG_UNREGISTER");
    check!(run, RSEQ { res: said[8], rseq: 0x1000, len: 32, flags: unregister, sig: 0x5305_3053 });
}
