//! What another tool prints for the same captures: its default lines, and the latency of each call.
//!
//! `captures/peer/NAME.lines.gz` is the output of sysdig 0.41.4, `NAME.latency.gz` the beginning of that of sysdig 0.29.3 with
//! `-t d`, both with TZ=UTC. Lines that differ are explained by [`explained`] and listed in `docs/differences.md`.

use std::{fs::File, io::Read as _, path::PathBuf};

use tracer_tests::command::{Running, tracer};

const CAPTURES: [&str; 5] = ["connect_localhost", "files", "run_as_user_0_container", "sample", "tcp-client-server"];

fn captures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures"))
}

/// What the other tool printed; empty when it is not there.
pub fn peer(name: &str) -> Vec<String> {
    let Ok(file) = File::open(captures().join("peer").join(name)) else { return Vec::new() };
    let mut text = Vec::new();
    tracer::scap::decompress(file).unwrap().read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What we print, and what we say at the end.
pub fn ours(capture: &str, more: &[&str]) -> Vec<String> {
    let path = captures().join(format!("{capture}.scap"));
    let args = ["-r", path.to_str().unwrap()].into_iter().chain(more.iter().copied());
    let output = Running::start(tracer(args).env("TZ", "UTC")).end();
    assert_eq!(output.status.code(), Some(0), "{capture}: {}", output.errors);
    assert!(output.errors.contains("0 lost"), "{}", output.errors);
    output.lines
}

/// Whether a text is the other one but for parameters that the capture does not have, which are missing here and 0 there: of a
/// call whose beginning is not in it.
pub fn lacks(ours: &str, theirs: &str) -> bool {
    let (ours, theirs): (Vec<_>, Vec<_>) =
        (ours.trim_end().split(' ').collect(), theirs.trim_end().split(' ').collect());
    let same = |(ours, theirs): (&&str, &&str)| {
        let end = ours.trim_start_matches(|byte: char| byte != '=').trim_start_matches("=<NA>");
        let name = ours.split('=').next().unwrap_or_default();
        ours == theirs || ours.contains("=<NA>") && theirs.starts_with(&format!("{name}=0")) && theirs.ends_with(end)
    };
    ours.len() == theirs.len() && ours.iter().zip(&theirs).all(same)
}

/// Why a line of ours is right though it is another one.
pub fn explained(ours: &str, theirs: &str) -> Option<&'static str> {
    if ours.contains(" < socket fd=") {
        // Only what is behind `flags=` and the letter of the protocol are more.
        let shorter = ours.split(" flags=").next()?.replace("<4t>", "<4>").replace("<4u>", "<4>");
        return (shorter.trim_end() == theirs.trim_end()).then_some("socket has flags and a protocol");
    }
    if lacks(ours, theirs) {
        return Some("what the capture does not have is missing, not 0");
    }
    let (_, behind) = theirs.split_once(" <NA> (")?;
    let (tid, rest) = behind.split_once(") > switch")?;
    let ours_is_named = ours.contains(&format!(" ({tid}) > switch{rest}"));
    ours_is_named.then_some("a thread that ended keeps its name for its last switch")
}

#[test]
fn default_lines_are_those_of_another_tool() {
    for capture in CAPTURES {
        let (theirs, ours) = (peer(&format!("{capture}.lines.gz")), ours(capture, &[]));
        assert!(!theirs.is_empty(), "no lines to compare with: {capture}");
        let mut equal = 0;
        for (ours, theirs) in ours.iter().zip(&theirs) {
            if ours.trim_end() == theirs.trim_end() {
                equal += 1;
                continue;
            }
            let reason = explained(ours, theirs);
            assert!(reason.is_some(), "{capture}, not explained:\nours   {ours}\ntheirs {theirs}");
        }
        assert_eq!(ours.len(), theirs.len(), "{capture}");
        println!("{capture}: {equal} of {} lines are equal", theirs.len());
        assert!(equal * 100 >= theirs.len() * 95 || theirs.len() < 10, "{capture}: {equal} of {}", theirs.len());
    }
}

/// Thread, name and latency of a line that ends a call. The last tool that knew latencies printed zero for none.
fn ended(line: &str) -> Option<(String, String, String)> {
    let (head, call) = line.split_once(" < ")?;
    let tid = head.rsplit_once('(')?.1.trim_end_matches(')');
    let latency = head.split(' ').nth(1)?;
    let latency = if latency == "<NA>" { "0.000000000" } else { latency };
    Some((tid.to_owned(), call.split(' ').next()?.to_owned(), latency.to_owned()))
}

#[test]
fn calls_took_as_long_as_another_tool_says() {
    let mut compared = 0;
    for capture in CAPTURES {
        let theirs: Vec<_> = peer(&format!("{capture}.latency.gz")).iter().filter_map(|line| ended(line)).collect();
        let ours: Vec<_> = ours(capture, &["-t", "d"]).iter().filter_map(|line| ended(line)).collect();
        // Theirs is only the beginning.
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "{capture}");
            compared += usize::from(theirs.2 != "0.000000000");
        }
    }
    assert!(compared >= 30, "{compared}");
}

#[test]
fn a_filter_and_a_chisel_work_on_a_capture() {
    let lines = ours("tcp-client-server", &["-p", "%proc.name %evt.type %fd.name", "evt.type=accept"]);
    assert_eq!(lines, ["server accept 127.0.0.1:40556->127.0.0.1:8080"]);
    let table = ours("tcp-client-server", &["-c", "topfiles_bytes"]);
    // One table for the whole capture.
    assert_eq!(table[2..], ["1.63KB  /lib64/libc.so.6", ""]);
    let containers = ours("run_as_user_0_container", &["-p", "%container.id %proc.name", "container.id!=host"]);
    assert!(containers.iter().any(|line| line.ends_with(" ls")), "{containers:?}");
}
