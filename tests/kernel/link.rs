//! Names of files: made, changed and removed.

use libc::{AT_FDCWD, EBADF, EEXIST, EFAULT, EINVAL, EISDIR, ENOENT, O_DIRECTORY, S_IFBLK, S_IFIFO, S_IFLNK, S_IFSOCK};
use tracer_common::events::link::{
    LINK, LINKAT, MKNOD, MKNODAT, RENAME, RENAMEAT, RENAMEAT2, SYMLINK, SYMLINKAT, UNLINK, UNLINKAT,
};
use tracer_tests::{
    call::NOWHERE,
    check,
    check::{flags, missing},
    scratch::{Scratch, c_path},
    sys,
};

use crate::traced;

#[test]
fn rename_has_both_paths() {
    let scratch = Scratch::new();
    let (old, new) = (scratch.file("old", b"x"), scratch.c_path("new"));
    let Some(run) = traced(|| {
        [sys!(SYS_rename, &*old, &*new), sys!(SYS_rename, &*old, &*new), sys!(SYS_rename, NOWHERE, c"new name")]
    }) else {
        return;
    };
    check!(run, RENAME { res: 0, oldpath: &*old, newpath: &*new });
    check!(run, RENAME { res: -ENOENT, oldpath: &*old, newpath: &*new });
    check!(run, RENAME { res: -EFAULT, oldpath: missing(), newpath: "new name" });
}

#[test]
fn renameat_and_renameat2_have_a_directory_for_each_path() {
    let scratch = Scratch::new();
    let (_one, two) = (scratch.file("one", b"x"), scratch.file("two", b"x"));
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        let dir = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        [
            dir,
            sys!(SYS_renameat, dir, c"one", dir, c"three"),
            sys!(SYS_renameat, 999, c"one", AT_FDCWD, c"three"),
            sys!(SYS_renameat, dir, c"one", AT_FDCWD, NOWHERE),
            sys!(SYS_renameat2, AT_FDCWD, &*two, dir, c"three", libc::RENAME_EXCHANGE),
            sys!(SYS_renameat2, dir, c"two", dir, c"three", libc::RENAME_NOREPLACE),
            sys!(SYS_renameat2, dir, c"two", dir, c"three", libc::RENAME_NOREPLACE | libc::RENAME_EXCHANGE),
            sys!(SYS_renameat2, dir, c"two", 999, c"three", 0),
        ]
    }) else {
        return;
    };
    let dir = run.said[0];
    check!(run, RENAMEAT { res: 0, olddirfd: dir, oldpath: "one", newdirfd: dir, newpath: "three" });
    check!(run, RENAMEAT { res: -EBADF, olddirfd: 999, oldpath: "one", newdirfd: AT_FDCWD, newpath: "three" });
    check!(run, RENAMEAT { res: -EFAULT, olddirfd: dir, oldpath: "one", newdirfd: AT_FDCWD, newpath: missing() });
    let at = |old: i64, new: i64| [("olddirfd", old.into()), ("newdirfd", new.into()), ("newpath", "three".into())];
    let (cwd, both) = (AT_FDCWD.into(), flags("RENAME_NOREPLACE|RENAME_EXCHANGE"));
    check!(run, RENAMEAT2 { res: 0, oldpath: &*two, flags: flags("RENAME_EXCHANGE") }, at(cwd, dir));
    check!(run, RENAMEAT2 { res: -EEXIST, oldpath: "two", flags: flags("RENAME_NOREPLACE") }, at(dir, dir));
    check!(run, RENAMEAT2 { res: -EINVAL, oldpath: "two", flags: both }, at(dir, dir));
    check!(run, RENAMEAT2 { res: -EBADF, oldpath: "two", flags: flags("") }, at(dir, 999));
}

#[test]
fn link_and_linkat_have_both_paths() {
    let scratch = Scratch::new();
    let (old, new) = (scratch.file("old", b"x"), scratch.c_path("new"));
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        let dir = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        let follow = libc::AT_SYMLINK_FOLLOW;
        [
            dir,
            sys!(SYS_link, &*old, &*new),
            sys!(SYS_link, &*old, &*new),
            sys!(SYS_link, &*old, NOWHERE),
            sys!(SYS_linkat, dir, c"old", dir, c"third", follow),
            sys!(SYS_linkat, dir, c"", dir, c"dir", libc::AT_EMPTY_PATH | follow),
            sys!(SYS_linkat, 999, c"old", AT_FDCWD, &*new, 1),
        ]
    }) else {
        return;
    };
    let [dir, .., of_dir, _] = run.said;
    assert!(of_dir < 0, "a directory got a second name");
    check!(run, LINK { res: 0, oldpath: &*old, newpath: &*new });
    check!(run, LINK { res: -EEXIST, oldpath: &*old, newpath: &*new });
    check!(run, LINK { res: -EFAULT, oldpath: &*old, newpath: missing() });
    let (follow, both) = (flags("AT_SYMLINK_FOLLOW"), flags("AT_SYMLINK_FOLLOW|AT_EMPTY_PATH"));
    check!(run, LINKAT { res: 0, olddir: dir, oldpath: "old", newdir: dir, newpath: "third", flags: follow });
    check!(run, LINKAT { res: of_dir, olddir: dir, oldpath: "", newdir: dir, newpath: "dir", flags: both });
    let none = flags("");
    check!(run, LINKAT { res: -EINVAL, olddir: 999, oldpath: "old", newdir: AT_FDCWD, newpath: &*new, flags: none });
}

#[test]
fn symlink_and_symlinkat_have_a_target_that_need_not_exist() {
    let scratch = Scratch::new();
    let (link, dir) = (scratch.c_path("link"), c_path(scratch.dir()));
    let Some(run) = traced(|| {
        let dir = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        [
            dir,
            sys!(SYS_symlink, c"../to/nothing", &*link),
            sys!(SYS_symlink, c"../to/nothing", &*link),
            sys!(SYS_symlink, c"", &*link),
            sys!(SYS_symlinkat, c"link", dir, c"second"),
            sys!(SYS_symlinkat, NOWHERE, AT_FDCWD, c"third"),
            sys!(SYS_symlinkat, c"link", 999, c"third"),
        ]
    }) else {
        return;
    };
    let dir = run.said[0];
    check!(run, SYMLINK { res: 0, target: "../to/nothing", linkpath: &*link });
    check!(run, SYMLINK { res: -EEXIST, target: "../to/nothing", linkpath: &*link });
    check!(run, SYMLINK { res: -ENOENT, target: "", linkpath: &*link });
    check!(run, SYMLINKAT { res: 0, target: "link", linkdirfd: dir, linkpath: "second" });
    check!(run, SYMLINKAT { res: -EFAULT, target: missing(), linkdirfd: AT_FDCWD, linkpath: "third" });
    check!(run, SYMLINKAT { res: -EBADF, target: "link", linkdirfd: 999, linkpath: "third" });
}

#[test]
fn unlink_and_unlinkat_have_a_path() {
    let scratch = Scratch::new();
    let (one, _two) = (scratch.file("one", b"x"), scratch.file("two", b"x"));
    std::fs::create_dir(scratch.path("sub")).unwrap();
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        let dir = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        [
            dir,
            sys!(SYS_unlink, &*one),
            sys!(SYS_unlink, &*one),
            sys!(SYS_unlink, NOWHERE),
            sys!(SYS_unlinkat, dir, c"two", 0),
            sys!(SYS_unlinkat, dir, c"sub", 0),
            sys!(SYS_unlinkat, dir, c"sub", libc::AT_REMOVEDIR),
            sys!(SYS_unlinkat, 999, c"two", 1),
        ]
    }) else {
        return;
    };
    let dir = run.said[0];
    check!(run, UNLINK { res: 0, path: &*one });
    check!(run, UNLINK { res: -ENOENT, path: &*one });
    check!(run, UNLINK { res: -EFAULT, path: missing() });
    check!(run, UNLINKAT { res: 0, dirfd: dir, name: "two", flags: flags("") });
    check!(run, UNLINKAT { res: -EISDIR, dirfd: dir, name: "sub", flags: flags("") });
    check!(run, UNLINKAT { res: 0, dirfd: dir, name: "sub", flags: flags("AT_REMOVEDIR") });
    check!(run, UNLINKAT { res: -EINVAL, dirfd: 999, name: "two", flags: flags("") });
}

#[test]
fn mknod_and_mknodat_have_a_type_and_a_device() {
    let scratch = Scratch::new();
    let (pipe, link, dir) = (scratch.c_path("pipe"), scratch.c_path("link"), c_path(scratch.dir()));
    // Major 7 and minor 300: the upper bits of the minor number stand above the major.
    let device = libc::makedev(7, 300) as u32;
    let Some(run) = traced(|| {
        let dir = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        [
            dir,
            sys!(SYS_mknod, &*pipe, S_IFIFO | 0o640, 0),
            sys!(SYS_mknod, &*link, S_IFLNK | 0o777, 0),
            sys!(SYS_mknod, NOWHERE, 0o600, 0),
            sys!(SYS_mknodat, dir, c"device", S_IFBLK | 0o600, device),
            sys!(SYS_mknodat, dir, c"socket", S_IFSOCK | 0o4711, 0),
            sys!(SYS_mknodat, 999, c"pipe", S_IFIFO, 0),
        ]
    }) else {
        return;
    };
    let [dir, .., made_device, _, _] = run.said;
    check!(run, MKNOD { res: 0, path: &*pipe, mode: S_IFIFO | 0o640, dev: 0 });
    // The type of a symbolic link has no name in the format.
    check!(run, MKNOD { res: -EINVAL, path: &*link, mode: 0o777, dev: 0 });
    check!(run, MKNOD { res: -EFAULT, path: missing(), mode: 0o600, dev: 0 });
    check!(run, MKNODAT { res: made_device, dirfd: dir, path: "device", mode: S_IFBLK | 0o600, dev: device });
    check!(run, MKNODAT { res: 0, dirfd: dir, path: "socket", mode: S_IFSOCK | 0o4711, dev: 0 });
    check!(run, MKNODAT { res: -EBADF, dirfd: 999, path: "pipe", mode: S_IFIFO, dev: 0 });
}
