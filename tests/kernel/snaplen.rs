//! How much payload is taken.

use libc::{O_CREAT, O_RDWR};
use tracer_common::events::io::{READ, WRITE, WRITEV};
use tracer_tests::{
    call::{at, at_mut},
    check,
    check::missing,
    level,
    live::Tracer,
    scratch::Scratch,
    sys,
};

use crate::io::iovec;

#[test]
fn snaplen_zero_takes_no_data() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.c_path("file");
    let run = Tracer::start(0).run(|| {
        let fd = sys!(SYS_open, &*path, O_CREAT | O_RDWR, 0o600);
        let buffers = iovec(&["ab", "cd"]);
        [fd, sys!(SYS_write, fd, c"hello", 5), sys!(SYS_writev, fd, at(&*buffers), 2)]
    });
    check!(run, WRITE { res: 5, data: missing(), fd: run.said[0], size: 5 });
    check!(run, WRITEV { res: 4, data: missing(), fd: run.said[0], size: 4 });
}

#[test]
fn the_largest_snaplen_takes_that_much() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.c_path("file");
    let data: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let run = Tracer::start(65_000).run(|| {
        let fd = sys!(SYS_open, &*path, O_CREAT | O_RDWR, 0o600);
        let buffers = iovec(&[&data[..30_000], &data[30_000..50_000], &data[50_000..]]);
        let mut buffer = vec![0; 70_000];
        [
            fd,
            sys!(SYS_write, fd, at(&*data), 100_000),
            sys!(SYS_writev, fd, at(&*buffers), 3),
            sys!(SYS_lseek, fd, 0, 0),
            sys!(SYS_read, fd, at_mut(&mut *buffer), 1000),
        ]
    });
    let fd = run.said[0];
    check!(run, WRITE { res: 100_000, data: &data[..65_000], fd: fd, size: 100_000 });
    check!(run, WRITEV { res: 100_000, data: &data[..65_000], fd: fd, size: 100_000 });
    check!(run, READ { res: 1000, data: &data[..1000], fd: fd, size: 1000 });
}
