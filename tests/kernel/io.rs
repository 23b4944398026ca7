//! Reading and writing.

use libc::{EBADF, EFAULT, EINVAL, O_CREAT, O_RDWR};
use tracer_common::events::io::{PREAD, PREADV, PWRITE, PWRITEV, READ, READV, WRITE, WRITEV};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::missing,
    scratch::Scratch,
    sys,
};

use crate::traced;

/// `struct iovec` over these buffers.
pub(crate) fn iovec<T: AsRef<[u8]>>(buffers: &[T]) -> Vec<[u64; 2]> {
    buffers.iter().map(|buffer| [at(buffer.as_ref()), buffer.as_ref().len() as u64]).collect()
}

/// 200 bytes that are all different from their neighbours.
pub(crate) const TEXT: [u8; 200] = {
    let mut text = [0; 200];
    let mut n = 0;
    while n < text.len() {
        text[n] = n as u8;
        n += 1;
    }
    text
};

#[test]
fn read_has_what_was_read_up_to_snaplen() {
    let scratch = Scratch::new();
    let path = scratch.file("file", &TEXT);
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, 0, 0);
        let mut buffer = [0; 300];
        let all = sys!(SYS_read, fd, at_mut(&mut buffer), 5);
        [
            fd,
            all,
            sys!(SYS_read, fd, at_mut(&mut buffer), 300),
            sys!(SYS_read, fd, at_mut(&mut buffer), 300),
            sys!(SYS_read, -1, at_mut(&mut buffer), 300),
            sys!(SYS_pread64, fd, NOWHERE, 10, 0),
        ]
    }) else {
        return;
    };
    let fd = run.said[0];
    check!(run, READ { res: 5, data: &TEXT[..5], fd: fd, size: 5 });
    check!(run, READ { res: 195, data: &TEXT[5..85], fd: fd, size: 300 });
    check!(run, READ { res: 0, data: missing(), fd: fd, size: 300 });
    check!(run, READ { res: -EBADF, data: missing(), fd: -1, size: 300 });
    check!(run, PREAD { res: -EFAULT, data: missing(), fd: fd, size: 10, pos: 0 });
}

#[test]
fn write_has_what_was_to_be_written() {
    let scratch = Scratch::new();
    let path = scratch.c_path("file");
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, O_CREAT | O_RDWR, 0o600);
        [
            fd,
            sys!(SYS_write, fd, c"hello", 5),
            sys!(SYS_write, fd, at(&TEXT), 200),
            sys!(SYS_write, fd, at(&TEXT), 0),
            sys!(SYS_write, -1, c"hello", 5),
            sys!(SYS_write, fd, NOWHERE, 5),
        ]
    }) else {
        return;
    };
    let fd = run.said[0];
    check!(run, WRITE { res: 5, data: "hello", fd: fd, size: 5 });
    check!(run, WRITE { res: 200, data: &TEXT[..80], fd: fd, size: 200 });
    check!(run, WRITE { res: 0, data: missing(), fd: fd, size: 0 });
    check!(run, WRITE { res: -EBADF, data: "hello", fd: -1, size: 5 });
    check!(run, WRITE { res: -EFAULT, data: missing(), fd: fd, size: 5 });
}

#[test]
fn pread_and_pwrite_have_an_offset() {
    let scratch = Scratch::new();
    let path = scratch.file("file", b"0123456789");
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, O_RDWR, 0);
        let mut buffer = [0; 8];
        [
            fd,
            sys!(SYS_pread64, fd, at_mut(&mut buffer), 4, 3),
            sys!(SYS_pread64, fd, at_mut(&mut buffer), 4, -1_i64),
            sys!(SYS_pwrite64, fd, c"abc", 3, 5_u64 << 32),
            sys!(SYS_pwrite64, -1, c"abc", 3, 7),
        ]
    }) else {
        return;
    };
    let fd = run.said[0];
    check!(run, PREAD { res: 4, data: "3456", fd: fd, size: 4, pos: 3 });
    check!(run, PREAD { res: -EINVAL, data: missing(), fd: fd, size: 4, pos: u64::MAX });
    check!(run, PWRITE { res: 3, data: "abc", fd: fd, size: 3, pos: 5_u64 << 32 });
    check!(run, PWRITE { res: -EBADF, data: "abc", fd: -1, size: 3, pos: 7 });
}

#[test]
fn writev_gathers_from_one_and_several_and_many_buffers() {
    let scratch = Scratch::new();
    let path = scratch.c_path("file");
    let one = iovec(&["whole"]);
    let several = iovec(&["ab", "", "cde"]);
    let long = iovec(&[&TEXT[..50], &TEXT[50..120]]);
    let many = iovec(&TEXT.each_ref().map(std::slice::from_ref)[..40]);
    let faulting = [several[0], [NOWHERE, 4]];
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, O_CREAT | O_RDWR, 0o600);
        [
            fd,
            sys!(SYS_writev, fd, at(&*one), 1),
            sys!(SYS_writev, fd, at(&*several), 3),
            sys!(SYS_writev, fd, at(&*long), 2),
            sys!(SYS_writev, fd, at(&*many), 40),
            sys!(SYS_writev, -1, at(&*one), 1),
            sys!(SYS_writev, fd, NOWHERE, 2),
            sys!(SYS_writev, fd, at(&faulting), 2),
            sys!(SYS_pwritev, fd, at(&*several), 3, 1000, 0),
            sys!(SYS_pwritev, -1, at(&*several), 3, 1000, 0),
        ]
    }) else {
        return;
    };
    let fd = run.said[0];
    check!(run, WRITEV { res: 5, data: "whole", fd: fd, size: 5 });
    check!(run, WRITEV { res: 5, data: "abcde", fd: fd, size: 5 });
    check!(run, WRITEV { res: 120, data: &TEXT[..80], fd: fd, size: 120 });
    // Data is taken from the first 32 buffers, the size from all.
    check!(run, WRITEV { res: 40, data: &TEXT[..32], fd: fd, size: 40 });
    check!(run, WRITEV { res: -EBADF, data: "whole", fd: -1, size: 5 });
    check!(run, WRITEV { res: -EFAULT, data: missing(), fd: fd, size: 0 });
    // The file system may have written the first buffer before it met the second.
    check!(run, WRITEV { res: run.said[7], data: "ab", fd: fd, size: 6 });
    check!(run, PWRITEV { res: 5, data: "abcde", fd: fd, size: 5, pos: 1000 });
    check!(run, PWRITEV { res: -EBADF, data: "abcde", fd: -1, size: 5, pos: 1000 });
}

#[test]
fn readv_scatters_what_was_read_and_no_more() {
    let scratch = Scratch::new();
    let path = scratch.file("file", b"0123456789");
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, 0, 0);
        let buffers = [[0xee; 4]; 40];
        let buffers = iovec(&buffers);
        [
            fd,
            sys!(SYS_readv, fd, at(&*buffers), 1),
            sys!(SYS_readv, fd, at(&*buffers), 40),
            sys!(SYS_readv, fd, at(&*buffers), 2),
            sys!(SYS_readv, -1, at(&*buffers), 2),
            sys!(SYS_preadv, fd, at(&*buffers), 2, 1, 0),
            sys!(SYS_preadv, -1, at(&*buffers), 2, 1, 0),
        ]
    }) else {
        return;
    };
    let fd = run.said[0];
    check!(run, READV { res: 4, size: 4, data: "0123", fd: fd });
    check!(run, READV { res: 6, size: 160, data: "456789", fd: fd });
    check!(run, READV { res: 0, size: 8, data: missing(), fd: fd });
    check!(run, READV { res: -EBADF, size: 8, data: missing(), fd: -1 });
    check!(run, PREADV { res: 8, size: 8, data: "12345678", fd: fd, pos: 1 });
    check!(run, PREADV { res: -EBADF, size: 8, data: missing(), fd: -1, pos: 1 });
}
