//! What another tool prints of the same captures with other options: times, data, JSON, summaries.
//!
//! `captures/peer/output` has the output of sysdig 0.41.4 with TZ=UTC, and in `cases.txt` the options. Each line is ours too,
//! or [`explained`]; `docs/differences.md` lists the reasons.

use std::path::PathBuf;

use tracer_tests::command::{Running, tracer};

use super::peer;

const CASES: &str = include_str!("../captures/peer/output/cases.txt");

/// A command and what it printed elsewhere.
struct Case {
    capture: &'static str,
    name: &'static str,
    kept: usize,
    options: Vec<&'static str>,
}

/// The words of a line, of which some stand in quotes.
pub fn words(text: &str) -> Vec<&str> {
    let parts = text.split('\'').enumerate();
    let words = parts.map(|(at, part)| if at % 2 == 0 { part.split_whitespace().collect() } else { vec![part] });
    words.flat_map(|words: Vec<_>| words).collect()
}

fn cases() -> impl Iterator<Item = Case> {
    CASES.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let [capture, name, kept, options] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        Case { capture, name, kept: kept.parse().unwrap(), options: words(options) }
    })
}

fn ours(case: &Case) -> Vec<String> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).join(format!("{}.scap", case.capture));
    let words = ["-r", path.to_str().unwrap()].into_iter().chain(case.options.iter().copied());
    let output = Running::start(tracer(words).env("TZ", "UTC")).end();
    assert_eq!(output.status.code(), Some(0), "{} {}: {}", case.capture, case.name, output.errors);
    output.lines
}

/// Why a line of ours is right though it is another one.
fn explained(case: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    if let Some(reason) = peer::explained(ours, theirs) {
        return Some(reason);
    }
    let same = |of: &dyn Fn(&str) -> String| of(ours) == of(theirs);
    match case {
        // The time is the second word.
        "time_d" => {
            let without = |line: &str| {
                line.split(' ')
                    .enumerate()
                    .filter(|(at, _)| *at != 1)
                    .map(|(_, word)| word.to_owned())
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            let rest = theirs.contains(" 0.000000000 ")
                && (same(&without) || peer::explained(&without(ours), &without(theirs)).is_some());
            rest.then_some("latency is that of the call")
        }
        "io_hexascii" => {
            let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            same(&squeeze).then_some("characters stand in their column behind an odd byte, too")
        }
        "io_json_base64" => {
            let number =
                |line: &str| line.rsplit_once("\"evt.num\":").map(|(_, number)| number.to_owned()).unwrap_or_default();
            (same(&number) && theirs.len() > ours.len()).then_some("base64 once, not twice")
        }
        "json" => {
            let shorter =
                |line: &str| line.replace(" flags=<NA>\"", "\"").replace("<4t>", "<4>").replace("<4u>", "<4>");
            if peer::lacks(ours, theirs) {
                return Some("what the capture does not have is missing, not 0");
            }
            (ours.contains("\"socket\"") && same(&shorter)).then_some("socket has flags and a protocol")
        }
        "summary" => {
            let joined = |line: &str| line.split_whitespace().collect::<String>();
            // A name of 16 characters touches the number there, and longer ones are cut.
            (theirs.len() <= ours.len() && joined(ours).starts_with(&joined(theirs)[..12])).then_some("names are whole")
        }
        _ => None,
    }
}

/// Equal counts stand in no order there.
fn in_order(case: &Case, mut lines: Vec<String>) -> Vec<String> {
    if case.name == "summary" {
        lines.sort_unstable();
    }
    if case.kept > 0 {
        lines.truncate(case.kept);
    }
    lines
}

#[test]
fn lines_with_other_options_are_those_of_another_tool() {
    let mut wrong = Vec::new();
    for case in cases() {
        let theirs = in_order(&case, peer::peer(&format!("output/{}.{}.gz", case.capture, case.name)));
        let ours: Vec<String> = ours(&case).into_iter().filter(|line| !line.is_empty()).collect();
        let mut ours = in_order(&case, ours);
        let internal = ["> scapevent ", "> procinfo "];
        let of_its_own = |line: &String| case.name == "summary" && internal.iter().any(|it| line.starts_with(it));
        let theirs: Vec<String> = theirs.into_iter().filter(|line| !of_its_own(line)).collect();
        if case.kept > 0 {
            // Empty lines among those that were kept are none here.
            ours.truncate(theirs.len());
        }
        let name = format!("{} {}", case.capture, case.name);
        let (mut equal, mut others) = (0, 0);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            if ours.trim_end() == theirs.trim_end() {
                equal += 1;
            } else if explained(case.name, ours.trim_end(), theirs.trim_end()).is_some() {
                others += 1;
            } else {
                wrong.push(format!("{name}:\nours   {ours}\ntheirs {theirs}"));
            }
        }
        if ours.len() != theirs.len() {
            wrong.push(format!("{name}: {} lines, not {}", ours.len(), theirs.len()));
        }
        let share = 100.0 * f64::from(equal) / theirs.len().max(1) as f64;
        println!("{name}: {equal} of {} lines equal ({share:.1} %), {others} explained", theirs.len());
    }
    assert!(wrong.is_empty(), "{} lines are not explained:\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
}

#[test]
fn cpu_time_of_a_capture_is_the_mean_over_its_time() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/tcp-client-server.scap"));
    let lines = Running::start(&mut tracer(["-r", path.to_str().unwrap(), "-c", "topprocs_cpu"])).end().lines;
    // What sysdig 0.29.3 says of them.
    for expected in [["0.32%", "sysdig"], ["0.32%", "dockerd"], ["0.21%", "containerd"], ["0.16%", "BESClient"]] {
        let row = |line: &&String| line.split_whitespace().take(2).eq(expected);
        assert!(lines.iter().any(|line| row(&line)), "{expected:?} is not in\n{}", lines.join("\n"));
    }
}

#[test]
fn time_is_limited_by_that_of_the_capture() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/tcp-client-server.scap"));
    let seconds = |limit: &str| -> Vec<f64> {
        let words = ["-r", path.to_str().unwrap(), "-M", limit, "-p", "%evt.reltime"];
        let lines = Running::start(&mut tracer(words)).end().lines;
        lines.iter().map(|line| line.parse::<f64>().unwrap() / 1e9).collect()
    };
    let (short, long) = (seconds("0.001"), seconds("3600"));
    assert!(!short.is_empty() && short.len() < long.len(), "{} of {}", short.len(), long.len());
    assert!(short.iter().all(|second| *second < 0.001), "{short:?}");
}
