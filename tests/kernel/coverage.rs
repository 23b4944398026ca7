//! Every row of the table has a test.

use tracer_common::events;

/// The tests themselves: a row is tested by a `check!(…, ROW { … })`, which compares every parameter or fails.
const TESTS: &[&str] = &[
    include_str!("attr.rs"),
    include_str!("calls.rs"),
    include_str!("compat.rs"),
    include_str!("enter.rs"),
    include_str!("exec.rs"),
    include_str!("file.rs"),
    include_str!("fs.rs"),
    include_str!("inode.rs"),
    include_str!("io.rs"),
    include_str!("ipc.rs"),
    include_str!("kernel.rs"),
    include_str!("link.rs"),
    include_str!("memory.rs"),
    include_str!("messages.rs"),
    include_str!("meta.rs"),
    include_str!("net.rs"),
    include_str!("poll.rs"),
    include_str!("process.rs"),
    include_str!("sched.rs"),
    include_str!("signal.rs"),
    include_str!("socket.rs"),
    include_str!("sockopt.rs"),
    include_str!("tcp.rs"),
    include_str!("time.rs"),
    include_str!("user.rs"),
];

/// Rows that no workload can make, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("DROP", "made by user space, from what loss.rs tests"),
    ("PROCINFO", "made by user space once a second: counts.rs compares CPU time with /proc"),
];

#[test]
fn every_row_has_a_test() {
    let is_tested = |ident: &str| TESTS.iter().any(|text| text.contains(&format!(" {ident} {{")));
    let missing: Vec<_> = events::all()
        .map(|row| row.ident)
        .filter(|ident| !is_tested(ident) && !ELSEWHERE.iter().any(|(name, _)| name == ident))
        .collect();
    assert!(missing.is_empty(), "rows without a check!: {missing:?}");
}

#[test]
fn every_exception_is_a_row_and_needed() {
    for (ident, reason) in ELSEWHERE {
        assert!(events::all().any(|row| row.ident == *ident), "{ident} is no row ({reason})");
        assert!(!TESTS.iter().any(|text| text.contains(&format!(" {ident} {{"))), "{ident} has a test");
    }
}
