//! Attributes of files.

use libc::{AT_FDCWD, EACCES, EBADF, EFAULT, EINVAL, ENOENT, F_OK, O_DIRECTORY, R_OK, W_OK, X_OK};
use tracer_common::events::inode::{
    ACCESS, CHMOD, CHOWN, FCHMOD, FCHMODAT, FCHOWN, FCHOWNAT, FSTAT, LCHOWN, LSTAT, NEWFSTATAT, STAT,
};
use tracer_tests::{
    call::{NOWHERE, at_mut},
    check,
    check::{flags, missing},
    scratch::{Scratch, c_path},
    sys,
};

use crate::traced;

/// `struct stat` is smaller.
type Buffer = [u64; 32];

#[test]
fn stat_and_its_relatives_have_a_path_or_a_descriptor() {
    let scratch = Scratch::new();
    let (path, absent) = (scratch.file("file", b"x"), scratch.c_path("absent"));
    let Some(run) = traced(|| {
        let mut buffer: Buffer = [0; 32];
        let stat = at_mut(&mut buffer);
        let fd = sys!(SYS_open, &*path, 0, 0);
        [
            fd,
            sys!(SYS_stat, &*path, stat),
            sys!(SYS_stat, &*absent, stat),
            sys!(SYS_stat, NOWHERE, stat),
            sys!(SYS_lstat, &*path, stat),
            sys!(SYS_lstat, &*path, NOWHERE),
            sys!(SYS_fstat, fd, stat),
            sys!(SYS_fstat, -1, stat),
        ]
    }) else {
        return;
    };
    check!(run, STAT { res: 0, path: &*path });
    check!(run, STAT { res: -ENOENT, path: &*absent });
    check!(run, STAT { res: -EFAULT, path: missing() });
    check!(run, LSTAT { res: 0, path: &*path });
    check!(run, LSTAT { res: -EFAULT, path: &*path });
    check!(run, FSTAT { res: 0, fd: run.said[0] });
    check!(run, FSTAT { res: -EBADF, fd: -1 });
}

#[test]
fn newfstatat_has_a_directory_and_flags() {
    let scratch = Scratch::new();
    let path = scratch.file("file", b"x");
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        let mut buffer: Buffer = [0; 32];
        let stat = at_mut(&mut buffer);
        let dir = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        let no_follow = libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT;
        [
            dir,
            sys!(SYS_newfstatat, dir, c"file", stat, no_follow),
            sys!(SYS_newfstatat, dir, c"", stat, libc::AT_EMPTY_PATH),
            sys!(SYS_newfstatat, AT_FDCWD, &*path, stat, 0),
            sys!(SYS_newfstatat, 999, c"file", stat, 0),
            sys!(SYS_newfstatat, dir, c"file", stat, 1),
        ]
    }) else {
        return;
    };
    let dir = run.said[0];
    let no_follow = flags("AT_NO_AUTOMOUNT|AT_SYMLINK_NOFOLLOW");
    check!(run, NEWFSTATAT { res: 0, dirfd: dir, path: "file", flags: no_follow });
    check!(run, NEWFSTATAT { res: 0, dirfd: dir, path: "", flags: flags("AT_EMPTY_PATH") });
    check!(run, NEWFSTATAT { res: 0, dirfd: AT_FDCWD, path: &*path, flags: flags("") });
    check!(run, NEWFSTATAT { res: -EBADF, dirfd: 999, path: "file", flags: flags("") });
    check!(run, NEWFSTATAT { res: -EINVAL, dirfd: dir, path: "file", flags: flags("") });
}

#[test]
fn access_says_what_was_asked() {
    let scratch = Scratch::new();
    let (path, absent) = (scratch.file("file", b"x"), scratch.c_path("absent"));
    let Some(run) = traced(|| {
        [
            sys!(SYS_access, &*path, R_OK | W_OK),
            sys!(SYS_access, &*path, X_OK),
            sys!(SYS_access, &*absent, F_OK),
            sys!(SYS_access, &*path, 8),
        ]
    }) else {
        return;
    };
    check!(run, ACCESS { res: 0, name: &*path, mode: flags("R_OK|W_OK") });
    check!(run, ACCESS { res: -EACCES, name: &*path, mode: flags("X_OK") });
    check!(run, ACCESS { res: -ENOENT, name: &*absent, mode: flags("F_OK") });
    check!(run, ACCESS { res: -EINVAL, name: &*path, mode: flags("F_OK") });
}

#[test]
fn chmod_and_its_relatives_have_permissions() {
    let scratch = Scratch::new();
    let (path, absent) = (scratch.file("file", b"x"), scratch.c_path("absent"));
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        let dir = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        let fd = sys!(SYS_open, &*path, 0, 0);
        [
            dir,
            fd,
            sys!(SYS_chmod, &*path, 0o4751),
            sys!(SYS_chmod, &*absent, 0o1),
            sys!(SYS_chmod, NOWHERE, 0o177777),
            sys!(SYS_fchmod, fd, 0o640),
            sys!(SYS_fchmod, -1, 0o2000),
            sys!(SYS_fchmodat, dir, c"file", 0o444),
            sys!(SYS_fchmodat, 999, c"file", 0),
        ]
    }) else {
        return;
    };
    let [dir, fd, ..] = run.said;
    let names = flags("S_IXOTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID");
    check!(run, CHMOD { res: 0, filename: &*path, mode: names });
    check!(run, CHMOD { res: -ENOENT, filename: &*absent, mode: 0o1 });
    check!(run, CHMOD { res: -EFAULT, filename: missing(), mode: 0o7777 });
    check!(run, FCHMOD { res: 0, fd: fd, mode: 0o640 });
    check!(run, FCHMOD { res: -EBADF, fd: -1, mode: 0o2000 });
    check!(run, FCHMODAT { res: 0, dirfd: dir, filename: "file", mode: 0o444 });
    check!(run, FCHMODAT { res: -EBADF, dirfd: 999, filename: "file", mode: 0 });
}

#[test]
fn chown_and_its_relatives_have_both_ids() {
    let scratch = Scratch::new();
    let (path, absent) = (scratch.file("file", b"x"), scratch.c_path("absent"));
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        let dir = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        let fd = sys!(SYS_open, &*path, 0, 0);
        [
            dir,
            fd,
            sys!(SYS_chown, &*path, 1234, 70_000),
            sys!(SYS_chown, &*absent, 1, 2),
            sys!(SYS_lchown, &*path, -1, 5),
            sys!(SYS_lchown, NOWHERE, 1, 2),
            sys!(SYS_fchown, fd, 6, -1),
            sys!(SYS_fchown, -1, 1, 2),
            sys!(SYS_fchownat, dir, c"file", 7, 8, libc::AT_SYMLINK_NOFOLLOW),
            sys!(SYS_fchownat, dir, c"", 7, 8, libc::AT_EMPTY_PATH),
            sys!(SYS_fchownat, AT_FDCWD, &*path, 7, 8, libc::AT_SYMLINK_FOLLOW),
        ]
    }) else {
        return;
    };
    let [dir, fd, ..] = run.said;
    check!(run, CHOWN { res: 0, path: &*path, uid: 1234, gid: 70_000 });
    check!(run, CHOWN { res: -ENOENT, path: &*absent, uid: 1, gid: 2 });
    check!(run, LCHOWN { res: 0, path: &*path, uid: u32::MAX, gid: 5 });
    check!(run, LCHOWN { res: -EFAULT, path: missing(), uid: 1, gid: 2 });
    check!(run, FCHOWN { res: 0, fd: fd, uid: 6, gid: u32::MAX });
    check!(run, FCHOWN { res: -EBADF, fd: -1, uid: 1, gid: 2 });
    let no_follow = flags("AT_SYMLINK_NOFOLLOW");
    check!(run, FCHOWNAT { res: 0, dirfd: dir, pathname: "file", uid: 7, gid: 8, flags: no_follow });
    check!(run, FCHOWNAT { res: 0, dirfd: dir, pathname: "", uid: 7, gid: 8, flags: flags("AT_EMPTY_PATH") });
    let none = flags("");
    check!(run, FCHOWNAT { res: -EINVAL, dirfd: AT_FDCWD, pathname: &*path, uid: 7, gid: 8, flags: none });
}
