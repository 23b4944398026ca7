//! Paths and directories.

use libc::{EBADF, EFAULT, ENOENT, O_DIRECTORY};
use tracer_common::events::fs::{CHDIR, FCHDIR};
use tracer_tests::{
    call::NOWHERE,
    check,
    check::missing,
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
    check!(run, CHDIR { res: 0, path: &*dir });
    check!(run, CHDIR { res: 0, path: "." });
    check!(run, CHDIR { res: -ENOENT, path: &*absent });
    check!(run, CHDIR { res: -EFAULT, path: missing() });
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
    check!(run, FCHDIR { res: 0, fd: run.said[0] });
    check!(run, FCHDIR { res: -EBADF, fd: -1 });
}
