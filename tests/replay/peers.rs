//! The released readers themselves, on captures whose lines are known: what they are asked elsewhere counts only if this
//! holds.

use std::{fs, path::PathBuf};

use tracer_tests::{
    peer::{Tool, peer, peers},
    scap,
    scratch::Scratch,
};

use crate::peer::peer as kept;

const CAPTURES: [&str; 5] = ["connect_localhost", "files", "run_as_user_0_container", "sample", "tcp-client-server"];
/// The format of `NAME.container29.gz`.
const CONTAINER: &[&str] = &["-pc"];

fn path(capture: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).join(format!("{capture}.scap"))
}

fn same(theirs: &[String], kept: &[String], of: &str) {
    assert!(!kept.is_empty(), "no lines to compare with: {of}");
    let theirs: Vec<_> = theirs.iter().filter(|line| !line.is_empty()).take(kept.len()).collect();
    for (theirs, kept) in theirs.iter().zip(kept) {
        assert_eq!(*theirs, kept, "{of}");
    }
    assert_eq!(theirs.len(), kept.len(), "{of}");
}

#[test]
fn the_newer_reader_prints_the_lines_that_are_kept_of_it() {
    let Some(new) = peer(Tool::New) else { return };
    println!("{}", new.version());
    for capture in CAPTURES {
        let (lines, kept) = (new.read(&path(capture), &[]).lines(), kept(&format!("{capture}.lines.gz")));
        same(&lines, &kept, capture);
        assert_eq!(lines.len(), kept.len(), "{capture}");
    }
}

#[test]
fn the_older_reader_prints_the_lines_that_are_kept_of_it() {
    let Some(old) = peer(Tool::Old) else { return };
    println!("{}", old.version());
    for capture in ["run_as_user_0_container", "sample", "tcp-client-server"] {
        let lines = old.read(&path(capture), CONTAINER).lines();
        same(&lines, &kept(&format!("{capture}.container29.gz")), capture);
    }
}

#[test]
fn a_capture_that_a_reader_gives_up_on_is_a_fault() {
    let scratch = Scratch::new();
    let whole = fs::read(path("sample")).unwrap();
    // A block of a kind that is only known before the first event.
    let stray = [0x300_u32, 12, 12].map(u32::to_le_bytes).concat();
    let cases = [
        ("cut", whole[..whole.len() - 50].to_vec(), "Is the file truncated?"),
        ("stray block", [whole.as_slice(), &stray].concat(), "invalid block type"),
        ("no capture", b"none".to_vec(), ""),
    ];
    for peer in peers() {
        for (name, bytes, says) in &cases {
            fs::write(scratch.path(name), bytes).unwrap();
            let fault = peer.read(&scratch.path(name), &[]).fault().unwrap_or_default();
            assert!(!fault.is_empty() && fault.contains(says), "{name}: {fault}");
        }
        assert_eq!(peer.read(&path("sample"), &[]).fault(), None);
    }
}

#[test]
fn wireshark_shows_every_event_of_a_capture() {
    let Some(wireshark) = peer(Tool::Wireshark) else { return };
    println!("{}", wireshark.version());
    for capture in CAPTURES {
        let lines = wireshark.read(&path(capture), &[]).lines();
        assert_eq!(lines.len() as u64, scap::read_file(&path(capture), scap::Rules::Any).event_count(), "{capture}");
    }
}
