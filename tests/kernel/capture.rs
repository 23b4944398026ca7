//! Captures that are written live, in bad times: killed, without a disk, rotated under load. And in good ones: what they show
//! is what another tracer printed.

mod again;
mod disk;
mod flood;
mod killed;
mod limits;
mod planted;
mod rotated;
mod secrets;

use std::path::Path;

use tracer_tests::{
    command::{Output, Running, tracer},
    scap::{self, Report, Rules},
};

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// What is printed of a capture that is whole.
#[track_caller]
pub(crate) fn replay(capture: &Path, more: &[&str]) -> Output {
    let output = Running::start(tracer(["-r", text(capture)]).args(more).env("TZ", "UTC")).end();
    assert!(output.status.success(), "{more:?}: {}", output.errors);
    output
}

/// A capture that released readers take, in the order of time.
#[track_caller]
fn sound(path: &Path) -> Report {
    let report = scap::read_file(path, Rules::Released);
    report.assert_sound();
    let late = report.inversions;
    assert_eq!(late.count, 0, "{}: {late:?}", path.display());
    report
}

/// Starts one that writes.
fn writing(file: &Path, more: &[&str]) -> Running {
    Running::start(tracer(["-w", text(file)]).args(more))
}
