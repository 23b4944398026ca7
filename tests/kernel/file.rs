//! Opening, closing and duplicating.

use std::{ffi::CString, os::unix::ffi::OsStringExt as _};

use libc::{AT_FDCWD, EBADF, EEXIST, EFAULT, EINVAL, ENAMETOOLONG, ENOENT, ENOTTY, EWOULDBLOCK, EXDEV};
use libc::{
    O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY,
};
use tracer_common::events::file::{
    CLOSE, CLOSE_RANGE, CREAT, DUP, DUP2, DUP3, FCNTL, FLOCK, IOCTL, OPEN, OPEN_BY_HANDLE_AT, OPENAT, OPENAT2,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::{flags, missing},
    scratch::{Scratch, c_path},
    sys,
};

use crate::{close, dev_ino, ino_of, name, traced};

#[test]
fn open_creates_a_file() {
    let scratch = Scratch::new();
    let path = scratch.c_path("new");
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640);
        [fd, sys!(SYS_open, &*path, O_WRONLY | O_CREAT | O_EXCL, 0o640), sys!(SYS_open, &*path, O_RDWR | O_APPEND, 0)]
    }) else {
        return;
    };
    let (dev, ino) = dev_ino(scratch.path("new"));
    let created = flags("O_EXCL|O_CREAT|O_WRONLY|O_CLOEXEC|O_F_CREATED");
    check!(
        run,
        OPEN { fd: run.said[0], name: &*path, flags: created, mode: 0o640, dev: dev, ino: ino, realpath: &*path }
    );
    let failed = flags("O_EXCL|O_CREAT|O_WRONLY");
    check!(run, OPEN { fd: -EEXIST, name: &*path, flags: failed, mode: 0o640, dev: 0, ino: 0, realpath: missing() });
    let opened = flags("O_APPEND|O_RDWR");
    check!(run, OPEN { fd: run.said[2], name: &*path, flags: opened, mode: 0, dev: dev, ino: ino, realpath: &*path });
}

#[test]
fn open_of_a_path_that_cannot_be_read_is_still_an_event() {
    let Some(run) = traced(|| [sys!(SYS_open, NOWHERE, O_RDWR, 0)]) else { return };
    check!(
        run,
        OPEN { fd: -EFAULT, name: missing(), flags: flags("O_RDWR"), mode: 0, dev: 0, ino: 0, realpath: missing() }
    );
}

#[test]
fn openat_is_relative_to_a_directory_or_not() {
    let scratch = Scratch::new();
    let path = scratch.file("file", b"x");
    let Some(run) = traced(|| {
        let dir = sys!(SYS_openat, AT_FDCWD, &*c_path(scratch.dir()), O_DIRECTORY, 0);
        let fd = sys!(SYS_openat, dir, c"file", 0, 0);
        [
            dir,
            fd,
            sys!(SYS_openat, AT_FDCWD, &*path, O_WRONLY | O_TRUNC | O_NONBLOCK, 0),
            sys!(SYS_openat, 999, c"file", 0, 0),
        ]
    }) else {
        return;
    };
    let ((dir_dev, dir_ino), (dev, ino)) = (dev_ino(scratch.dir()), dev_ino(scratch.path("file")));
    let [dir, fd, absolute, bad] = run.said;
    assert_eq!(bad, i64::from(-EBADF));
    let directory = flags("O_DIRECTORY|O_RDONLY");
    let dir_name = c_path(scratch.dir());
    check!(
        run,
        OPENAT {
            fd: dir,
            dirfd: AT_FDCWD,
            name: &*dir_name,
            flags: directory,
            mode: 0,
            dev: dir_dev,
            ino: dir_ino,
            realpath: &*dir_name
        }
    );
    check!(
        run,
        OPENAT {
            fd: fd,
            dirfd: dir,
            name: "file",
            flags: flags("O_RDONLY"),
            mode: 0,
            dev: dev,
            ino: ino,
            realpath: &*path
        }
    );
    let truncating = flags("O_TRUNC|O_NONBLOCK|O_WRONLY");
    check!(
        run,
        OPENAT {
            fd: absolute,
            dirfd: AT_FDCWD,
            name: &*path,
            flags: truncating,
            mode: 0,
            dev: dev,
            ino: ino,
            realpath: &*path
        }
    );
    check!(
        run,
        OPENAT {
            fd: -EBADF,
            dirfd: 999,
            name: "file",
            flags: flags("O_RDONLY"),
            mode: 0,
            dev: 0,
            ino: 0,
            realpath: missing()
        }
    );
}

#[test]
fn a_path_need_not_be_utf_8_and_may_be_as_long_as_the_kernel_allows() {
    let scratch = Scratch::new();
    let bytes = scratch.c_path(std::ffi::OsString::from_vec(b"in\xffvalid\xc3\x01\n".to_vec()));
    let long_path = |len: usize| {
        let (dir, file) = (c_path(scratch.dir()).into_bytes(), b"/file");
        let mut path = dir.clone();
        while path.len() + 2 <= len - file.len() {
            path.extend(b"/.");
        }
        path.resize(len - file.len(), b'/');
        path.extend(file);
        CString::new(path).unwrap()
    };
    let (longest, too_long) = (long_path(4095), long_path(4096));
    let Some(run) = traced(|| {
        let open = |path: &std::ffi::CStr| sys!(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY, 0o600);
        [open(&bytes), open(&longest), open(&too_long)]
    }) else {
        return;
    };
    let created = || flags("O_CREAT|O_WRONLY|O_F_CREATED");
    let file = scratch.c_path("file");
    let (dev, ino) = dev_ino(scratch.path("file"));
    let (_, bytes_ino) =
        dev_ino(std::path::Path::new(std::ffi::OsStr::new(&std::ffi::OsString::from_vec(bytes.to_bytes().to_vec()))));
    check!(
        run,
        OPENAT {
            fd: run.said[0],
            dirfd: AT_FDCWD,
            name: &*bytes,
            flags: created(),
            mode: 0o600,
            dev: dev,
            ino: bytes_ino,
            realpath: &*bytes
        }
    );
    check!(
        run,
        OPENAT {
            fd: run.said[1],
            dirfd: AT_FDCWD,
            name: &*longest,
            flags: created(),
            mode: 0o600,
            dev: dev,
            ino: ino,
            realpath: &*file
        }
    );
    let cut = &too_long.as_bytes()[..4095];
    let asked = flags("O_CREAT|O_WRONLY");
    check!(
        run,
        OPENAT {
            fd: -ENAMETOOLONG,
            dirfd: AT_FDCWD,
            name: cut,
            flags: asked,
            mode: 0o600,
            dev: 0,
            ino: 0,
            realpath: missing()
        }
    );
}

#[test]
fn o_tmpfile_makes_a_file_without_a_name() {
    let scratch = Scratch::new();
    let dir = c_path(scratch.dir());
    let Some(run) = traced(|| {
        let fd = sys!(SYS_openat, AT_FDCWD, &*dir, O_TMPFILE | O_RDWR, 0o600);
        [fd, if fd < 0 { 0 } else { ino_of(fd) }]
    }) else {
        return;
    };
    let [fd, ino] = run.said;
    assert!(fd >= 0, "the file system of {} has no O_TMPFILE: {fd}", scratch.dir().display());
    let event = run.own().all(&OPENAT).next().unwrap();
    let names: Vec<_> = OPENAT.params[3].kind.flag_set().unwrap().names(event.params.u64(3).unwrap() as u32).collect();
    assert!(names.contains(&"O_TMPFILE") && names.contains(&"O_RDWR"), "{names:?}");
    assert_eq!(event.params.i64(6), Some(ino));
}

#[test]
fn openat2_has_rules_for_the_way() {
    let scratch = Scratch::new();
    let path = scratch.file("file", b"x");
    let dir = c_path(scratch.dir());
    let how = [(O_RDWR | O_CREAT) as u64, 0o600, 0x8 | 0x4 | 0x2];
    let read_only = [O_CLOEXEC as u64, 0, 0x8];
    let Some(run) = traced(|| {
        let dir = sys!(SYS_open, &*dir, O_DIRECTORY, 0);
        let fd = sys!(SYS_openat2, dir, c"file", at(&how), 24);
        let outside = sys!(SYS_openat2, dir, c"../x", at(&read_only), 24);
        [dir, fd, outside, sys!(SYS_openat2, AT_FDCWD, c"file", NOWHERE, 24)]
    }) else {
        return;
    };
    let [dir, fd, outside, no_how] = run.said;
    assert_eq!((outside, no_how), ((-EXDEV).into(), (-EFAULT).into()));
    let (dev, ino) = dev_ino(scratch.path("file"));
    let resolve = flags("RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS|RESOLVE_NO_SYMLINKS");
    let both = flags("O_CREAT|O_RDWR");
    check!(
        run,
        OPENAT2 {
            fd: fd,
            dirfd: dir,
            name: "file",
            flags: both,
            mode: 0o600,
            resolve: resolve,
            dev: dev,
            ino: ino,
            realpath: &*path
        }
    );
    let (cloexec, beneath) = (flags("O_RDONLY|O_CLOEXEC"), flags("RESOLVE_BENEATH"));
    check!(
        run,
        OPENAT2 {
            fd: -EXDEV,
            dirfd: dir,
            name: "../x",
            flags: cloexec,
            mode: 0,
            resolve: beneath,
            dev: 0,
            ino: 0,
            realpath: missing()
        }
    );
    let (none, unknown) = (flags(""), flags("O_RDONLY"));
    check!(
        run,
        OPENAT2 {
            fd: -EFAULT,
            dirfd: AT_FDCWD,
            name: "file",
            flags: unknown,
            mode: 0,
            resolve: none,
            dev: 0,
            ino: 0,
            realpath: missing()
        }
    );
}

#[test]
fn creat_makes_or_empties_a_file() {
    let scratch = Scratch::new();
    let (path, nowhere) = (scratch.c_path("new"), scratch.c_path("no/file"));
    let Some(run) = traced(|| [sys!(SYS_creat, &*path, 0o604), sys!(SYS_creat, &*nowhere, 0o604)]) else { return };
    let (dev, ino) = dev_ino(scratch.path("new"));
    // Where the temporary directory is an overlay, the new file is in its upper layer.
    let layer = 0..=1;
    check!(
        run,
        CREAT { fd: run.said[0], name: &*path, mode: 0o604, dev: dev, ino: ino, creat_flags: layer, realpath: &*path }
    );
    check!(
        run,
        CREAT { fd: -ENOENT, name: &*nowhere, mode: 0o604, dev: 0, ino: 0, creat_flags: 0, realpath: missing() }
    );
    assert_eq!(name(&path), "new");
}

#[test]
fn close_says_what_and_whether() {
    let Some(run) = traced(|| {
        let fd = sys!(SYS_dup, 0);
        [fd, sys!(SYS_close, fd), sys!(SYS_close, fd), sys!(SYS_close, -1)]
    }) else {
        return;
    };
    check!(run, CLOSE { res: 0, fd: run.said[0] });
    check!(run, CLOSE { res: -EBADF, fd: run.said[0] });
    check!(run, CLOSE { res: -EBADF, fd: -1 });
}

#[test]
fn close_range_closes_or_marks() {
    let Some(run) = traced(|| {
        let fd = sys!(SYS_fcntl, 0, libc::F_DUPFD, 500);
        let marked = sys!(SYS_close_range, fd, fd, 4);
        let closed = sys!(SYS_close_range, fd, u32::MAX, 2);
        [fd, marked, closed, sys!(SYS_close_range, 9, 3, 0)]
    }) else {
        return;
    };
    let fd = run.said[0];
    check!(run, CLOSE_RANGE { res: 0, first: fd, last: fd, flags: flags("CLOSE_RANGE_CLOEXEC") });
    check!(run, CLOSE_RANGE { res: 0, first: fd, last: u32::MAX, flags: flags("CLOSE_RANGE_UNSHARE") });
    check!(run, CLOSE_RANGE { res: -EINVAL, first: 9, last: 3, flags: flags("") });
}

#[test]
fn dup_gives_the_lowest_number() {
    let Some(run) = traced(|| {
        let fd = sys!(SYS_dup, 0);
        close([fd]);
        [fd, sys!(SYS_dup, fd)]
    }) else {
        return;
    };
    check!(run, DUP { res: run.said[0], oldfd: 0 });
    check!(run, DUP { res: -EBADF, oldfd: run.said[0] });
}

#[test]
fn dup2_and_dup3_give_a_chosen_number() {
    let Some(run) = traced(|| {
        let bad = 900;
        [sys!(SYS_dup2, 0, 700), sys!(SYS_dup2, bad, 701), sys!(SYS_dup3, 0, 702, O_CLOEXEC), sys!(SYS_dup3, 0, 0, 0)]
    }) else {
        return;
    };
    assert_eq!(run.said, [700, (-EBADF).into(), 702, (-EINVAL).into()]);
    check!(run, DUP2 { res: 700, oldfd: 0, newfd: 700 });
    check!(run, DUP2 { res: -EBADF, oldfd: 900, newfd: 701 });
    check!(run, DUP3 { res: 702, oldfd: 0, newfd: 702, flags: flags("O_RDONLY|O_CLOEXEC") });
    check!(run, DUP3 { res: -EINVAL, oldfd: 0, newfd: 0, flags: flags("O_RDONLY") });
}

#[test]
fn fcntl_names_its_command() {
    let Some(run) = traced(|| {
        let fd = sys!(SYS_fcntl, 0, libc::F_DUPFD, 300);
        let closed_on_exec = sys!(SYS_fcntl, 0, libc::F_DUPFD_CLOEXEC, 301);
        [
            fd,
            closed_on_exec,
            sys!(SYS_fcntl, fd, libc::F_SETFD, libc::FD_CLOEXEC),
            sys!(SYS_fcntl, fd, libc::F_GETFD, 0),
            sys!(SYS_fcntl, -1, libc::F_GETFL, 0),
            sys!(SYS_fcntl, fd, 9999, 1_u64 << 40),
        ]
    }) else {
        return;
    };
    let [fd, closed_on_exec, ..] = run.said;
    assert!(fd >= 300 && closed_on_exec >= 301);
    check!(run, FCNTL { res: fd, fd: 0, cmd: flags("F_DUPFD"), arg: 300 });
    check!(run, FCNTL { res: closed_on_exec, fd: 0, cmd: flags("F_DUPFD_CLOEXEC"), arg: 301 });
    check!(run, FCNTL { res: 0, fd: fd, cmd: flags("F_SETFD"), arg: libc::FD_CLOEXEC });
    check!(run, FCNTL { res: 1, fd: fd, cmd: flags("F_GETFD"), arg: 0 });
    check!(run, FCNTL { res: -EBADF, fd: -1, cmd: flags("F_GETFL"), arg: 0 });
    check!(run, FCNTL { res: -EINVAL, fd: fd, cmd: flags("UNKNOWN"), arg: 1_u64 << 40 });
}

#[test]
fn open_by_handle_at_has_the_path_of_the_file() {
    let scratch = Scratch::new();
    let (path, absent, dir) = (scratch.file("file", b"x"), scratch.c_path("absent"), scratch.c_path(""));
    let Some(run) = traced(|| {
        // `struct file_handle`: room in bytes, type, and what the filesystem needs to find the file.
        let (mut handle, mut mount) = ([0_u32; 34], 0_u32);
        handle[0] = 128;
        let place = at_mut(&mut handle);
        let found = sys!(SYS_name_to_handle_at, AT_FDCWD, &*path, place, at_mut(&mut mount), 0);
        // A descriptor on the same filesystem: the working directory may be on another.
        let mount = sys!(SYS_open, &*dir, O_RDONLY | O_DIRECTORY, 0);
        let fd = sys!(SYS_open_by_handle_at, mount, place, O_RDWR | O_CLOEXEC);
        let by_fd = sys!(SYS_open_by_handle_at, fd, place, O_WRONLY | O_APPEND);
        let moved = sys!(SYS_rename, &*path, &*absent);
        [
            found,
            fd,
            by_fd,
            moved,
            sys!(SYS_open_by_handle_at, mount, place, 0),
            sys!(SYS_open_by_handle_at, AT_FDCWD, NOWHERE, O_RDWR),
            sys!(SYS_open_by_handle_at, 999, place, 0),
            mount,
        ]
    }) else {
        return;
    };
    let [found, fd, by_fd, _, moved, _, _, mount] = run.said;
    assert_eq!(found, 0, "the file system of {} has no handles", scratch.dir().display());
    let (dev, ino) = dev_ino(scratch.path("absent"));
    let file = || [("dev", dev.into()), ("ino", ino.into())];
    let names = flags("O_RDWR|O_CLOEXEC");
    check!(run, OPEN_BY_HANDLE_AT { fd: fd, mountfd: mount, flags: names, path: &*path }, file());
    let names = flags("O_APPEND|O_WRONLY");
    check!(run, OPEN_BY_HANDLE_AT { fd: by_fd, mountfd: fd, flags: names, path: &*path }, file());
    let names = flags("O_RDONLY");
    check!(run, OPEN_BY_HANDLE_AT { fd: moved, mountfd: mount, flags: names, path: &*absent }, file());
    let none = || [("dev", 0.into()), ("ino", 0.into()), ("path", missing())];
    check!(run, OPEN_BY_HANDLE_AT { fd: -EFAULT, mountfd: AT_FDCWD, flags: flags("O_RDWR") }, none());
    check!(run, OPEN_BY_HANDLE_AT { fd: -EBADF, mountfd: 999, flags: flags("O_RDONLY") }, none());
}

#[test]
fn flock_names_its_operation() {
    use libc::{LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN};
    let scratch = Scratch::new();
    let path = scratch.file("file", b"x");
    let Some(run) = traced(|| {
        let (fd, other) = (sys!(SYS_open, &*path, 0, 0), sys!(SYS_open, &*path, 0, 0));
        [
            fd,
            other,
            sys!(SYS_flock, fd, LOCK_EX),
            sys!(SYS_flock, other, LOCK_SH | LOCK_NB),
            sys!(SYS_flock, fd, LOCK_UN),
            sys!(SYS_flock, fd, 0),
            sys!(SYS_flock, -1, LOCK_SH),
        ]
    }) else {
        return;
    };
    let [fd, other, ..] = run.said;
    check!(run, FLOCK { res: 0, fd: fd, operation: flags("LOCK_EX") });
    check!(run, FLOCK { res: -EWOULDBLOCK, fd: other, operation: flags("LOCK_SH|LOCK_NB") });
    check!(run, FLOCK { res: 0, fd: fd, operation: flags("LOCK_UN") });
    check!(run, FLOCK { res: -EINVAL, fd: fd, operation: flags("LOCK_NONE") });
    check!(run, FLOCK { res: -EBADF, fd: -1, operation: flags("LOCK_SH") });
}

#[test]
fn ioctl_has_a_request_and_its_argument() {
    let scratch = Scratch::new();
    let path = scratch.file("file", b"123");
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, 0, 0);
        let mut left = 0_i32;
        let argument = at_mut(&mut left);
        [
            fd,
            argument as i64,
            sys!(SYS_ioctl, fd, libc::FIONREAD, argument),
            sys!(SYS_ioctl, fd, libc::TIOCGWINSZ, 7),
            sys!(SYS_ioctl, -1, libc::FIOCLEX, 0),
        ]
    }) else {
        return;
    };
    let [fd, argument, ..] = run.said;
    check!(run, IOCTL { res: 0, fd: fd, request: libc::FIONREAD, argument: argument });
    check!(run, IOCTL { res: -ENOTTY, fd: fd, request: libc::TIOCGWINSZ, argument: 7 });
    check!(run, IOCTL { res: -EBADF, fd: -1, request: libc::FIOCLEX, argument: 0 });
}
