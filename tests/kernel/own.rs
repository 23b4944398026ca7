//! The tracer's own events.

use tracer_tests::{
    command::{Running, tracer},
    level,
};

/// How many events of itself a tracer shows in a second or two.
fn own(options: &[&str]) -> usize {
    let filter = ["-M", "2", "-p", "%proc.pid", "proc.name=tracer and evt.type!=switch"];
    let running = Running::start(&mut tracer(options.iter().copied().chain(filter)));
    let pid = running.pid().to_string();
    let output = running.end();
    assert!(output.status.success(), "{}", output.errors);
    output.lines.iter().filter(|line| **line == pid).count()
}

#[test]
fn its_own_events_are_there_when_they_are_asked_for() {
    if !level::root_or_skip() {
        return;
    }
    assert_eq!(own(&[]), 0);
    assert!(own(&["-D"]) > 0);
}
