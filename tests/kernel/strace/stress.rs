//! The same under load: many short processes and threads, some of which are killed.

use std::ffi::CString;

use tracer::source::live::Options;
use tracer_tests::{
    call::{at, at_mut},
    level,
    live::{Tracer, ring_bytes},
    scratch::Scratch,
    sys,
};

use super::{Compared, both, compared, strace_or_skip};

/// Classes of stress-ng and how much of each: strace stops a thread twice for each call, so that less has to be enough.
const STRESSORS: &[(&str, u32)] = &[
    ("open", 50),
    ("pipe", 300),
    ("sock", 2),
    ("futex", 300),
    ("poll", 100),
    ("dentry", 200),
    ("sigrt", 50),
    ("eventfd", 100),
    ("chmod", 10),
    ("get", 10),
    ("msg", 200),
    ("sem-sysv", 100),
    ("shm-sysv", 2),
    ("timerfd", 50),
    ("dup", 20),
    ("clone", 20),
    ("fork", 30),
    ("vfork", 30),
    ("pthread", 20),
];
/// Bytes of all rings: nothing may be lost.
const RINGS_BYTES: usize = 256 << 20;

/// Runs each class, one after the other.
fn stress() {
    for (class, ops) in STRESSORS {
        let words = [
            "stress-ng",
            "--quiet",
            &format!("--{class}"),
            "1",
            &format!("--{class}-ops"),
            &ops.to_string(),
            "-t",
            "20",
        ];
        let words = words.map(|word| CString::new(word).unwrap());
        let mut argv: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
        argv.push(std::ptr::null());
        let child = sys!(SYS_fork);
        if child == 0 {
            let _ = (sys!(SYS_execve, c"/usr/bin/stress-ng", at(&*argv), 0), sys!(SYS_exit_group, 99));
        }
        let mut status = [0_i32];
        assert_eq!(sys!(SYS_wait4, child, at_mut(&mut status), 0, 0), child);
        assert_ne!(status[0], 99 << 8, "stress-ng does not start");
    }
}

#[test]
fn under_load_each_call_is_as_strace_shows_it() {
    if !strace_or_skip() || !level::program_or_skip("stress-ng") {
        return;
    }
    let scratch = Scratch::new();
    let dir = scratch.c_path("");
    let tracer =
        Tracer::with(&Options { ring_bytes: Some(ring_bytes(RINGS_BYTES)), snaplen: 80, ..Options::default() });
    let (run, steps) = both(&tracer, &scratch, || {
        let _ = sys!(SYS_sched_get_priority_max, 1);
        // stress-ng makes its files in the working directory.
        assert_eq!(sys!(SYS_chdir, &*dir), 0);
        // So that all ends come before that of the workload: it waits for what was left behind, too.
        assert_eq!(sys!(SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1), 0);
        stress();
        while sys!(SYS_wait4, -1, 0, 0, 0) > 0 {}
        []
    });
    let Compared { calls, threads, differences, .. } = compared(&run, &steps);
    assert!(differences.is_empty(), "the tracer and strace differ:\n{differences}");
    assert!(calls > 10_000 && threads > 100, "stress-ng did too little: {calls} calls of {threads} threads");
}
