//! The kernel level: each test makes exactly one kind of call on the running kernel and compares every parameter of its
//! event. Counts and losses are exact.

mod asked;
mod attr;
mod blind;
mod calls;
mod capture;
mod change;
mod chisels;
mod compat;
mod concurrency;
mod confined;
mod counts;
mod coverage;
mod cut;
mod ends;
mod enter;
mod exec;
mod failed;
mod file;
mod fs;
mod grouped;
mod groups;
mod hard;
mod inode;
mod io;
mod ipc;
mod kernel;
mod leader;
mod link;
mod loss;
mod memory;
mod messages;
mod meta;
mod moved;
mod nested;
mod net;
mod odd;
mod own;
mod paths;
mod poll;
mod process;
mod pushdown;
mod reader;
mod renamed;
mod run;
mod sample;
mod sched;
mod serve;
mod service;
mod signal;
mod snaplen;
mod socket;
mod sockopt;
mod start;
mod strace;
mod tables;
mod tcp;
mod tids;
mod time;
mod together;
mod top;
mod top_live;
mod user;

use std::{ffi::CStr, os::unix::fs::MetadataExt as _, path::Path};

use tracer_tests::{
    level,
    live::{Run, Tracer},
};

/// Runs a workload under the tracer that all tests share; `None` where that is not allowed.
fn traced<const N: usize>(calls: impl FnOnce() -> [i64; N]) -> Option<Run<N>> {
    level::root_or_skip().then(|| Tracer::shared().run(calls))
}

/// Device and inode number, as stat(2) gives them.
fn dev_ino(path: impl AsRef<Path>) -> (u64, u64) {
    let stat = std::fs::metadata(path).unwrap();
    (stat.dev(), stat.ino())
}

/// Inode number of an open descriptor.
#[allow(unsafe_code, reason = "fstat writes to a struct")]
fn ino_of(fd: i64) -> i64 {
    // SAFETY: all-zero is a value of this struct of numbers; the call writes to it only.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        assert_eq!(libc::fstat(fd as i32, &raw mut stat), 0);
        stat.st_ino as i64
    }
}

/// Closes descriptors.
fn close<const N: usize>(fds: [i64; N]) {
    for fd in fds {
        let _ = tracer_tests::sys!(SYS_close, fd);
    }
}

/// A path without its directory.
fn name(path: &CStr) -> String {
    let path = Path::new(path.to_str().unwrap());
    path.file_name().unwrap().to_str().unwrap().to_owned()
}
