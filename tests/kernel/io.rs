//! Reading and writing.

use libc::{EBADF, EFAULT, EINVAL, O_CREAT, O_RDWR};
use tracer_common::events::io::{
    COPY_FILE_RANGE, LSEEK, PREAD, PREADV, PWRITE, PWRITEV, READ, READV, SENDFILE, SPLICE, WRITE, WRITEV,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::{flags, missing},
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
            sys!(SYS_pwritev2, fd, at(&*one), 1, 2000, 0, 0),
            sys!(SYS_pwritev2, -1, at(&*one), 1, -1_i64, -1_i64, 0),
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
    check!(run, PWRITEV { res: 5, data: "whole", fd: fd, size: 5, pos: 2000 });
    check!(run, PWRITEV { res: -EBADF, data: "whole", fd: -1, size: 5, pos: u64::MAX });
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
            sys!(SYS_preadv2, fd, at(&*buffers), 2, 2, 0, 0),
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
    check!(run, PREADV { res: 8, size: 8, data: "23456789", fd: fd, pos: 2 });
}

#[test]
fn lseek_says_from_where() {
    use libc::{SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_SET};
    let scratch = Scratch::new();
    let path = scratch.file("file", b"0123456789");
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, 0, 0);
        [
            fd,
            sys!(SYS_lseek, fd, 1_u64 << 40, SEEK_SET),
            sys!(SYS_lseek, fd, -3, SEEK_END),
            sys!(SYS_lseek, fd, 1, SEEK_CUR),
            sys!(SYS_lseek, fd, 2, SEEK_DATA),
            sys!(SYS_lseek, -1, 0, SEEK_SET),
        ]
    }) else {
        return;
    };
    let fd = run.said[0];
    check!(run, LSEEK { res: 1_u64 << 40, fd: fd, offset: 1_u64 << 40, whence: flags("SEEK_SET") });
    check!(run, LSEEK { res: 7, fd: fd, offset: -3, whence: flags("SEEK_END") });
    check!(run, LSEEK { res: 8, fd: fd, offset: 1, whence: flags("SEEK_CUR") });
    check!(run, LSEEK { res: run.said[4], fd: fd, offset: 2, whence: 0xff });
    check!(run, LSEEK { res: -EBADF, fd: -1, offset: 0, whence: flags("SEEK_SET") });
}

#[test]
fn splice_has_both_descriptors() {
    use libc::{SPLICE_F_MORE, SPLICE_F_MOVE, SPLICE_F_NONBLOCK};
    let scratch = Scratch::new();
    let path = scratch.file("file", b"0123456789");
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, O_RDWR, 0);
        let mut ends = [0_i32; 2];
        assert_eq!(sys!(SYS_pipe, at_mut(&mut ends)), 0);
        let [from, to] = ends.map(i64::from);
        [
            fd,
            from,
            to,
            sys!(SYS_splice, fd, 0, to, 0, 7, SPLICE_F_MOVE | SPLICE_F_MORE),
            sys!(SYS_splice, fd, 0, fd, 0, 7, 0),
            sys!(SYS_splice, from, 0, 999, 0, 1_u64 << 40, SPLICE_F_NONBLOCK),
        ]
    }) else {
        return;
    };
    let [fd, from, to, ..] = run.said;
    check!(run, SPLICE { res: 7, fd_in: fd, fd_out: to, size: 7, flags: flags("SPLICE_F_MOVE|SPLICE_F_MORE") });
    check!(run, SPLICE { res: -EINVAL, fd_in: fd, fd_out: fd, size: 7, flags: flags("") });
    let non_block = flags("SPLICE_F_NONBLOCK");
    check!(run, SPLICE { res: -EBADF, fd_in: from, fd_out: 999, size: 1_u64 << 40, flags: non_block });
}

#[test]
fn sendfile_and_copy_file_range_have_offsets_after_the_call() {
    let scratch = Scratch::new();
    let (from, to) = (scratch.file("from", b"0123456789"), scratch.c_path("to"));
    let Some(run) = traced(|| {
        let from = sys!(SYS_open, &*from, 0, 0);
        let to = sys!(SYS_open, &*to, O_RDWR | O_CREAT, 0o600);
        let (mut offset, mut start, mut place) = (3_u64, 1_u64, 100_u64);
        let offset = at_mut(&mut offset);
        let (start, place) = (at_mut(&mut start), at_mut(&mut place));
        [
            from,
            to,
            sys!(SYS_sendfile, to, from, offset, 4),
            sys!(SYS_sendfile, to, from, 0, 100),
            sys!(SYS_sendfile, to, 999, offset, 1),
            sys!(SYS_copy_file_range, from, start, to, place, 5, 0),
            sys!(SYS_copy_file_range, from, 0, 999, place, 5, 0),
            sys!(SYS_copy_file_range, from, start, to, 0, 1, 1),
        ]
    }) else {
        return;
    };
    let [from, to, ..] = run.said;
    check!(run, SENDFILE { res: 4, offset: 7, out_fd: to, in_fd: from, size: 4 });
    check!(run, SENDFILE { res: 10, offset: 0, out_fd: to, in_fd: from, size: 100 });
    check!(run, SENDFILE { res: -EBADF, offset: 7, out_fd: to, in_fd: 999, size: 1 });
    check!(run, COPY_FILE_RANGE { res: 5, fdout: to, offout: 105, fdin: from, offin: 6, len: 5 });
    check!(run, COPY_FILE_RANGE { res: -EBADF, fdout: 999, offout: 105, fdin: from, offin: 0, len: 5 });
    check!(run, COPY_FILE_RANGE { res: -EINVAL, fdout: to, offout: 0, fdin: from, offin: 6, len: 1 });
}
