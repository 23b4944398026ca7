//! Captures that are written from captures: what they print, what a reader of other make finds in them, and what released
//! readers make of them.

mod again;
mod released;
mod rotation;
mod secrets;
mod slices;

use std::path::{Path, PathBuf};

use tracer_tests::{
    command::{Output, Running, tracer},
    scap::{self, Report, Rules},
};

const CAPTURES: [&str; 5] = ["connect_localhost", "files", "run_as_user_0_container", "sample", "tcp-client-server"];

fn sample(capture: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).join(format!("{capture}.scap"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// Runs the tracer to its end, which must be a good one.
#[track_caller]
fn run(args: &[&str]) -> Output {
    let output = Running::start(tracer(args.iter().copied()).env("TZ", "UTC")).end();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", output.errors);
    assert!(output.errors.contains(" 0 lost"), "{args:?}: {}", output.errors);
    output
}

/// Writes one capture from another, with these options and filter; nothing is printed.
#[track_caller]
fn write(from: &Path, to: &Path, more: &[&str]) {
    let args = [&["-r", text(from), "-w", text(to)], more].concat();
    let output = run(&args);
    assert!(output.lines.is_empty(), "{args:?}: {:?}", output.lines.first());
}

/// What is printed of a capture, byte by byte.
#[track_caller]
fn printed(capture: &Path, more: &[&str]) -> Vec<u8> {
    let output = tracer(["-r", text(capture)]).args(more).env("TZ", "UTC").output().expect("the binary starts");
    assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The same as lines.
#[track_caller]
fn lines(capture: &Path, more: &[&str]) -> Vec<String> {
    run(&[&["-r", text(capture)], more].concat()).lines
}

/// Fails at the first line that is another one, with what is around the first byte that is.
#[track_caller]
fn same(found: &[u8], expected: &[u8], what: &str) {
    let ended = |text: &[u8]| text.split(|byte| *byte == b'\n').count();
    let mut lines = found.split(|byte| *byte == b'\n').zip(expected.split(|byte| *byte == b'\n'));
    if let Some((found, expected)) = lines.find(|(found, expected)| found != expected) {
        let at = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
        let part =
            |line: &[u8]| String::from_utf8_lossy(&line[at.saturating_sub(60)..(at + 60).min(line.len())]).into_owned();
        let begin = String::from_utf8_lossy(&expected[..expected.len().min(60)]);
        panic!("{what}: at byte {at} of {begin}\nis     {}\nshould {}", part(found), part(expected));
    }
    assert_eq!(ended(found), ended(expected), "{what}: lines");
}

/// The same for lines.
#[track_caller]
fn same_lines(found: &[String], expected: &[String], what: &str) {
    same(found.join("\n").as_bytes(), expected.join("\n").as_bytes(), what);
}

/// A capture that a released reader must take, as a reader of other make sees it.
#[track_caller]
fn sound(path: &Path) -> Report {
    let report = scap::read_file(path, Rules::Released);
    report.assert_sound();
    report
}
