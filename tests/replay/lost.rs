//! What was lost when a capture was written is said when it is read.

use serde_json::Value;
use tracer::scap::options::own;
use tracer_common::events::{code, old::code as old};
use tracer_tests::{
    command::{Output, output},
    scap::build::{EVENT, block, event_of, head, option},
    scratch::Scratch,
};

/// The code of options of programs.
const CUSTOM: u16 = 2989;

/// A section in which one call is between marks with these numbers. `live` says that we wrote it while the events happened.
fn section(live: bool, marks: &[(u16, u32)]) -> Vec<u8> {
    let facts = [&own::FACTS.to_ne_bytes()[..], br#"{"live":true}"#].concat();
    let behind = if live { option(CUSTOM, &facts) } else { Vec::new() };
    let mut bytes = head();
    bytes.extend(block(EVENT, &event_of(1_000, 7, code::GETUID, &[&[0; 4]], &behind)));
    for (at, (code, count)) in marks.iter().enumerate() {
        let content = event_of(2_000 + at as u64, u64::MAX, *code, &[&count.to_le_bytes()], b"");
        bytes.extend(block(EVENT, &content));
    }
    bytes
}

/// What is said of these sections at the end, with words of the command before the filter; and by `info`.
fn said(bytes: &[u8], words: &[&str]) -> (Output, String) {
    let scratch = Scratch::new();
    let path = scratch.path("lost.scap");
    std::fs::write(&path, bytes).unwrap();
    let path = path.to_str().unwrap();
    let read = output(["-r", path].iter().chain(words).copied());
    (read, output(["info", path]).lines.join("\n"))
}

#[test]
fn what_was_lost_when_it_was_captured_is_lost() {
    let ours = section(true, &[(code::DROP, 5), (code::DROP, 70_000)]);
    for words in [&["-q"][..], &["evt.type=getuid"], &["-c", "topscalls"], &["-w", "/dev/null", "-z"]] {
        let (read, info) = said(&ours, words);
        assert!(read.errors.contains(", 70005 lost (when it was captured 70005)"), "{words:?}: {}", read.errors);
        assert_eq!(read.status.code(), Some(0), "{words:?}");
        assert!(info.contains("drop marks   2, for 70005 events lost when it was captured\n"), "{info}");
    }
    let (read, _) = said(&ours, &["-q", "--fail-on-drop", "-j"]);
    let summary: Value = read.errors.lines().find_map(|line| serde_json::from_str(line).ok()).expect("a summary");
    assert_eq!((&summary["lost"], &summary["lost_by_cause"]["captured"]), (&70_005.into(), &70_005.into()));
    assert_eq!(read.status.code(), Some(3), "{}", read.errors);
    let (read, info) = said(&section(true, &[]), &["-q", "--fail-on-drop"]);
    assert_eq!((read.status.code(), read.errors.contains(", 0 lost\n")), (Some(0), true), "{}", read.errors);
    assert!(info.contains("drop marks   0\n"), "{info}");
}

/// sysdig writes there by how much it samples, which is no number of events.
#[test]
fn marks_of_other_tools_are_not_taken_for_numbers() {
    let foreign = section(false, &[(code::DROP, 64), (old::DROP_X, 64)]);
    let (read, info) = said(&foreign, &["-q", "--fail-on-drop"]);
    assert!(read.errors.contains(", 0 lost; 2 drop marks of another tool do not say how many more"), "{}", read.errors);
    assert_eq!(read.status.code(), Some(3), "{}", read.errors);
    assert!(info.contains("drop marks   2, which do not say how many events were lost\n"), "{info}");
    // Each section says for itself.
    let both = [section(true, &[(code::DROP, 3)]), foreign].concat();
    let (read, info) = said(&both, &["-q"]);
    let text = ", 3 lost (when it was captured 3); 2 drop marks of another tool do not say how many more";
    assert!(read.errors.contains(text), "{}", read.errors);
    assert!(info.contains("3, for 3 events lost when it was captured, and 2 of them do not say how many\n"), "{info}");
}
