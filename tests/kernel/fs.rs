//! Directories and mounts.

use libc::{AT_FDCWD, EBADF, EEXIST, EFAULT, EINVAL, ENODEV, ENOENT, ENOTDIR, ERANGE, O_DIRECTORY};
use tracer_common::events::fs::{
    CHDIR, CHROOT, FCHDIR, FSCONFIG, GETCWD, GETDENTS, GETDENTS64, MKDIR, MKDIRAT, MOUNT, RMDIR, UMOUNT2,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::{flags, missing},
    scratch::{Scratch, c_path},
    sys,
};

use crate::traced;

#[test]
fn chdir_says_where_to() {
    let scratch = Scratch::new();
    let (dir, absent) = (c_path(scratch.dir()), scratch.c_path("absent"));
    let Some(run) =
        traced(|| [sys!(SYS_chdir, &*dir), sys!(SYS_chdir, c"."), sys!(SYS_chdir, &*absent), sys!(SYS_chdir, NOWHERE)])
    else {
        return;
    };
    check!(run, CHDIR { res: 0, path: &*dir, cwd: &*dir });
    check!(run, CHDIR { res: 0, path: ".", cwd: &*dir });
    check!(run, CHDIR { res: -ENOENT, path: &*absent, cwd: missing() });
    check!(run, CHDIR { res: -EFAULT, path: missing(), cwd: missing() });
}

#[test]
fn fchdir_says_which_descriptor() {
    let scratch = Scratch::new();
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        [fd, sys!(SYS_fchdir, fd), sys!(SYS_fchdir, -1)]
    }) else {
        return;
    };
    check!(run, FCHDIR { res: 0, fd: run.said[0], cwd: &*dir });
    check!(run, FCHDIR { res: -EBADF, fd: -1, cwd: missing() });
}

#[test]
fn getcwd_has_what_it_returned() {
    let scratch = Scratch::new();
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        let mut buffer = [b'x'; 4096];
        let moved = sys!(SYS_chdir, &*dir);
        let place = at_mut(&mut buffer);
        [moved, sys!(SYS_getcwd, place, 4096), sys!(SYS_getcwd, place, 2), sys!(SYS_getcwd, NOWHERE, 4096)]
    }) else {
        return;
    };
    let with_nul = dir.as_bytes_with_nul().len();
    check!(run, GETCWD { res: with_nul, path: &*dir });
    check!(run, GETCWD { res: -ERANGE, path: missing() });
    check!(run, GETCWD { res: -EFAULT, path: missing() });
}

#[test]
fn chroot_says_where_to() {
    let scratch = Scratch::new();
    let (dir, file) = (c_path(scratch.dir()), scratch.file("file", b"x"));
    let Some(run) = traced(|| {
        let moved = sys!(SYS_chdir, &*dir);
        [moved, sys!(SYS_chroot, &*file), sys!(SYS_chroot, NOWHERE), sys!(SYS_chroot, &*dir), sys!(SYS_chroot, c"/")]
    }) else {
        return;
    };
    check!(run, CHROOT { res: -ENOTDIR, path: &*file, cwd: missing() });
    check!(run, CHROOT { res: -EFAULT, path: missing(), cwd: missing() });
    check!(run, CHROOT { res: 0, path: &*dir, cwd: "/" });
    check!(run, CHROOT { res: 0, path: "/", cwd: "/" });
}

#[test]
fn mkdir_and_mkdirat_make_what_rmdir_removes() {
    let scratch = Scratch::new();
    let (new, dir) = (scratch.c_path("new"), c_path(scratch.dir()));
    let Some(run) = traced(|| {
        let dir = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        [
            dir,
            sys!(SYS_mkdir, &*new, 0o750),
            sys!(SYS_mkdir, &*new, 0o1777),
            sys!(SYS_mkdir, NOWHERE, 0),
            sys!(SYS_mkdirat, dir, c"new/sub", 0o700),
            sys!(SYS_mkdirat, AT_FDCWD, &*new, 0o700),
            sys!(SYS_mkdirat, 999, c"sub", 0o700),
            sys!(SYS_rmdir, &*new),
            sys!(SYS_unlinkat, dir, c"new/sub", libc::AT_REMOVEDIR),
            sys!(SYS_rmdir, &*new),
            sys!(SYS_rmdir, NOWHERE),
        ]
    }) else {
        return;
    };
    let dir = run.said[0];
    check!(run, MKDIR { res: 0, path: &*new, mode: 0o750 });
    check!(run, MKDIR { res: -EEXIST, path: &*new, mode: 0o1777 });
    check!(run, MKDIR { res: -EFAULT, path: missing(), mode: 0 });
    check!(run, MKDIRAT { res: 0, dirfd: dir, path: "new/sub", mode: 0o700 });
    check!(run, MKDIRAT { res: -EEXIST, dirfd: AT_FDCWD, path: &*new, mode: 0o700 });
    check!(run, MKDIRAT { res: -EBADF, dirfd: 999, path: "sub", mode: 0o700 });
    check!(run, RMDIR { res: -libc::ENOTEMPTY, path: &*new });
    check!(run, RMDIR { res: 0, path: &*new });
    check!(run, RMDIR { res: -EFAULT, path: missing() });
}

#[test]
fn getdents_says_how_much_it_read() {
    let scratch = Scratch::new();
    let (dir, file) = (c_path(scratch.dir()), scratch.file("file", b"x"));
    let Some(run) = traced(|| {
        let mut buffer = [0_u64; 512];
        let place = at_mut(&mut buffer);
        let old = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        let new = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        let file = sys!(SYS_open, &*file, 0, 0);
        [
            old,
            new,
            file,
            sys!(SYS_getdents, old, place, 4096),
            sys!(SYS_getdents, old, place, 4096),
            sys!(SYS_getdents, file, place, 4096),
            sys!(SYS_getdents64, new, place, 4096),
            sys!(SYS_getdents64, new, place, 4096),
            sys!(SYS_getdents64, -1, place, 4096),
        ]
    }) else {
        return;
    };
    let [old, new, file, in_old, _, _, in_new, ..] = run.said;
    assert!(in_old > 0 && in_new > 0);
    check!(run, GETDENTS { res: in_old, fd: old });
    check!(run, GETDENTS { res: 0, fd: old });
    check!(run, GETDENTS { res: -ENOTDIR, fd: file });
    check!(run, GETDENTS64 { res: in_new, fd: new });
    check!(run, GETDENTS64 { res: 0, fd: new });
    check!(run, GETDENTS64 { res: -EBADF, fd: -1 });
}

#[test]
fn mount_and_umount2_have_names_and_flags() {
    use libc::{MNT_DETACH, MS_NODEV, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, UMOUNT_NOFOLLOW};
    let scratch = Scratch::new();
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        // Mounts of its own, of which the others see nothing.
        let alone = sys!(SYS_unshare, libc::CLONE_NEWNS);
        [
            alone,
            sys!(SYS_mount, 0, c"/", 0, MS_REC | MS_PRIVATE, 0),
            sys!(SYS_mount, c"memory", &*dir, c"tmpfs", MS_NOSUID | MS_NODEV | 0xc0ed_0000, 0),
            sys!(SYS_mount, c"memory", &*dir, c"no filesystem", MS_RDONLY, 0),
            sys!(SYS_mount, NOWHERE, NOWHERE, c"tmpfs", 0, 0),
            sys!(SYS_umount2, &*dir, MNT_DETACH | UMOUNT_NOFOLLOW),
            sys!(SYS_umount2, &*dir, libc::MNT_EXPIRE | libc::MNT_FORCE),
            sys!(SYS_umount2, NOWHERE, 0),
        ]
    }) else {
        return;
    };
    assert_eq!(run.said[..3], [0, 0, 0], "mounts are not allowed");
    check!(run, MOUNT { res: 0, dev: missing(), dir: "/", type: missing(), flags: flags("REC|PRIVATE") });
    let safe = flags("NOSUID|NODEV");
    check!(run, MOUNT { res: 0, dev: "memory", dir: &*dir, type: "tmpfs", flags: safe });
    let read_only = flags("RDONLY");
    check!(run, MOUNT { res: -ENODEV, dev: "memory", dir: &*dir, type: "no filesystem", flags: read_only });
    check!(run, MOUNT { res: -EFAULT, dev: missing(), dir: missing(), type: "tmpfs", flags: flags("") });
    check!(run, UMOUNT2 { res: 0, name: &*dir, flags: flags("DETACH|NOFOLLOW") });
    check!(run, UMOUNT2 { res: -EINVAL, name: &*dir, flags: flags("FORCE|EXPIRE") });
    check!(run, UMOUNT2 { res: -EFAULT, name: missing(), flags: flags("") });
}

#[test]
fn fsconfig_has_a_value_of_its_command() {
    // include/uapi/linux/mount.h, enum fsconfig_command.
    let [set_flag, set_string, set_binary, set_path, _, set_fd, create] = [0, 1, 2, 3, 4, 5, 6];
    let scratch = Scratch::new();
    let dir = c_path(scratch.dir());
    let bytes = [1_u8, 2, 0, 3];
    let Some(run) = traced(|| {
        let fs = sys!(SYS_fsopen, c"tmpfs", 0);
        [
            fs,
            sys!(SYS_fsconfig, fs, set_string, c"size", c"1m", 0),
            sys!(SYS_fsconfig, fs, set_flag, c"ro", 0, 0),
            sys!(SYS_fsconfig, fs, set_binary, c"blob", at(&bytes), 4),
            sys!(SYS_fsconfig, fs, set_path, c"dir", &*dir, AT_FDCWD),
            sys!(SYS_fsconfig, fs, set_fd, c"file", 0, 0),
            sys!(SYS_fsconfig, fs, create, 0, 0, 0),
            sys!(SYS_fsconfig, -1, set_string, c"size", NOWHERE, 0),
            sys!(SYS_fsconfig, fs, 77, NOWHERE, NOWHERE, -1),
        ]
    }) else {
        return;
    };
    let [fs, string, flag, binary, path, fd, create, ..] = run.said;
    assert_eq!([string, flag, create], [0; 3]);
    let expected = |res: i64, cmd, key, bytes, text, aux: i32| {
        let cmd = ("cmd", flags(cmd));
        [
            ("res", res.into()),
            ("fd", fs.into()),
            cmd,
            ("key", key),
            ("value_bytebuf", bytes),
            ("value_charbuf", text),
            ("aux", aux.into()),
        ]
    };
    let none = missing;
    check!(run, FSCONFIG {}, expected(0, "FSCONFIG_SET_STRING", "size".into(), none(), "1m".into(), 0));
    check!(run, FSCONFIG {}, expected(0, "FSCONFIG_SET_FLAG", "ro".into(), none(), none(), 0));
    let blob = (&bytes).into();
    check!(run, FSCONFIG {}, expected(binary, "FSCONFIG_SET_BINARY", "blob".into(), blob, none(), 4));
    let text = (&*dir).into();
    check!(run, FSCONFIG {}, expected(path, "FSCONFIG_SET_PATH", "dir".into(), none(), text, AT_FDCWD));
    check!(run, FSCONFIG {}, expected(fd, "FSCONFIG_SET_FD", "file".into(), none(), none(), 0));
    check!(run, FSCONFIG {}, expected(0, "FSCONFIG_CMD_CREATE", none(), none(), none(), 0));
    let cmd = flags("FSCONFIG_SET_STRING");
    let nothing = [("value_bytebuf", none()), ("value_charbuf", none())];
    check!(run, FSCONFIG { res: run.said[7], fd: -1, cmd: cmd, key: "size", aux: 0 }, nothing);
    let nothing = [("value_bytebuf", none()), ("value_charbuf", none()), ("key", none())];
    check!(run, FSCONFIG { res: run.said[8], fd: fs, cmd: u32::MAX, aux: -1 }, nothing);
}
