//! Killed at any moment, a capture has all but the last half second, and what it has is counted when it is read.

use std::{thread, time::Duration};

use tracer_tests::{
    command, level,
    peer::{Tool, peer},
    scap::{self, Rules},
    scratch::Scratch,
};

use super::{
    flood::{Flood, calls, no_gap, now_ns, wait_for_bytes},
    text, writing,
};

/// What may be missing at the end.
const LAST_NS: u64 = 500_000_000;

/// Kills a tracer that long after it wrote something.
fn killed(options: &[&str], after: Duration) {
    let scratch = Scratch::new();
    let file = scratch.path("killed.scap");
    let flood = Flood::start(16);
    let tracer = writing(&file, &[options, &[&flood.filter()]].concat());
    wait_for_bytes(&file, 0);
    thread::sleep(after);
    let at = now_ns();
    // SIGKILL.
    drop(tracer);
    drop(flood);

    let report = scap::read_file(&file, Rules::Released);
    assert!(report.faults.is_empty(), "{options:?} {after:?}: {:?}", report.faults.first());
    let (calls, code, errors) = calls(&file);
    assert!(code == Some(0) || report.cut.is_some() && code == Some(1), "{options:?} {after:?}: {code:?} {errors}");
    assert!(errors.contains(" events seen, "), "{options:?} {after:?}: {errors}");
    let info = command::output(["info", text(&file)]);
    assert!(info.lines.iter().any(|line| line.starts_with("events ")), "{options:?} {after:?}: {info:?}");
    no_gap(&calls);
    let last = calls.last().expect("calls").time_ns;
    let missing = at.saturating_sub(last);
    println!("{options:?} {after:?}: {} calls, the last {} ms before the end", calls.len(), missing / 1_000_000);
    assert!(missing < LAST_NS, "{options:?} {after:?}: the last {missing} ns are missing");
    if options.contains(&"--compress=zstd") {
        return;
    }
    let Some(new) = peer(Tool::New) else { return };
    let shown = new.read(&file, &[]).output.lines.len();
    assert_eq!(shown, calls.len(), "{options:?} {after:?}: lines of sysdig 0.41");
}

#[test]
fn a_plain_capture_has_all_but_the_last_half_second() {
    if !level::root_or_skip() {
        return;
    }
    for after_ms in [0, 130, 390, 710, 1570] {
        killed(&[], Duration::from_millis(after_ms));
    }
}

#[test]
fn a_compressed_capture_has_all_but_the_last_half_second() {
    if !level::root_or_skip() {
        return;
    }
    for (option, after_ms) in [("-z", 170), ("-z", 830), ("--compress=zstd", 90), ("--compress=zstd", 1130)] {
        killed(&[option], Duration::from_millis(after_ms));
    }
}
