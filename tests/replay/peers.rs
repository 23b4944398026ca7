//! The released readers themselves, on captures whose lines are known: what they are asked elsewhere counts only if this
//! holds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tracer_tests::{
    peer::{Peer, Tool, peer, peers},
    scap::{
        self,
        build::{
            EVENT, EVENT_FLAGS, PROCESSES, TID, block, event, fds, flagged, head, machine, option, process, read_x,
            section,
        },
    },
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

/// Between the two, what a case is about stands in a capture that is otherwise sound.
const FIRST: u64 = 1_000_000_000;
const LAST: u64 = 3_000_000_000;

/// What a case has behind the lists, and behind the first event.
type Case = (String, Vec<u8>, Vec<u8>);

/// A capture: the lists and more of them, a `read`, other blocks, a `read`.
fn capture(lists: &[u8], blocks: &[u8]) -> Vec<u8> {
    [&head(), lists, &block(EVENT, &read_x(FIRST, b"")), blocks, &block(EVENT, &read_x(LAST, b""))].concat()
}

/// Why a reader does not come to the last event of a capture; `None` if it does.
fn refusal(peer: &Peer, path: &Path, events: u64) -> Option<String> {
    let said = peer.read(path, &[]);
    if let Some(fault) = said.fault() {
        return Some(fault);
    }
    let lines = &said.output.lines;
    let came = match peer.tool() {
        Tool::Wireshark => lines.len() as u64 == events,
        Tool::Old | Tool::New => lines.last().is_some_and(|line| line.contains(" 00:00:03.000000000 ")),
    };
    (!came).then(|| format!("{}: {} lines, not to the last event, without a word", peer.tool(), lines.len()))
}

/// Lists in front of the events.
fn cases_of_lists() -> Vec<Case> {
    let list = |name: String, bytes: Vec<u8>| (name, bytes, Vec::new());
    let mut cases = vec![
        list("an unknown block".to_owned(), block(0x300, b"what")),
        list("an old list of processes".to_owned(), block(0x213, &[])),
        list("descriptors of an unknown thread".to_owned(), fds(8, 1, b"/x")),
        list("a list without an entry".to_owned(), block(0x218, &TID.to_le_bytes())),
    ];
    let other = |name: &[u8]| {
        let mut entry = process(name);
        entry[4..12].copy_from_slice(&9_u64.to_le_bytes());
        block(PROCESSES, &entry)
    };
    cases.extend([1024, 1025].map(|len| list(format!("a name of {len}"), other(&vec![b'a'; len]))));
    cases.extend([1023, 1024].map(|len| list(format!("a descriptor named by {len}"), fds(TID, 1, &vec![b'a'; len]))));
    cases.extend([1, 2, 7, 10, 15, 17, 18, 19, 20, 21, 22, 200].map(|kind| {
        let name = format!("a descriptor of kind {kind}");
        list(name, fds(TID, kind, b"/x"))
    }));
    cases
}

/// Blocks between two events.
fn cases_of_events() -> Vec<Case> {
    let of = |name: String, bytes: Vec<u8>| (name, Vec::new(), bytes);
    let one = |code, params: &[&[u8]]| block(EVENT, &event(2_000_000_000, code, params, b""));
    let with = |behind: &[u8]| block(EVENT, &read_x(2_000_000_000, behind));
    let (eight, four, text) = (&[0; 8][..], &[0; 4][..], &b"/x\0"[..]);
    let mut cases = vec![
        of("flags 1".to_owned(), block(EVENT_FLAGS, &flagged(&read_x(2_000_000_000, b""), 1))),
        of("a machine".to_owned(), machine()),
        of("an unknown block".to_owned(), block(0x300, b"what")),
        of("a section".to_owned(), [head(), block(EVENT, &read_x(2_000_000_000, b""))].concat()),
        of("a section with options".to_owned(), [section(&option(4, b"us")), head()[28..].to_vec()].concat()),
        of("an unknown event".to_owned(), one(999, &[eight])),
        of("a container in a small block".to_owned(), one(324, &[b"{}\0"])),
        of("an asynchronous event in a small block".to_owned(), one(402, &[four, b"container\0", b"{}"])),
        of("a narrow fd".to_owned(), one(5, &[eight, four])),
        of("a text without end".to_owned(), one(3, &[eight, b"/x", four, four, four, eight])),
        of("a text with two ends".to_owned(), one(3, &[eight, b"/\0x\0", four, four, four, eight])),
        of("an open without flags".to_owned(), one(3, &[eight, text, b"", four, four, eight])),
        of("a pipe without ends".to_owned(), one(61, &[eight, b"", b"", b""])),
        of("a pipe that failed".to_owned(), one(61, &[&[0xFF; 8], b"", b"", b""])),
        of("two options".to_owned(), with(&[&option(1, b"it")[..8], &option(2989, &[1; 9])].concat())),
        of("an option without end".to_owned(), with(&option(2989, &[1; 8])[..12])),
    ];
    for (code, params) in [
        (5, &[eight, eight, eight][..]),
        (7, &[eight, b"abc", eight, four, four]),
        (19, &[eight, four, four, four, four]),
        (67, &[eight, text, four]),
        (151, &[eight, eight, b"\x01", eight]),
    ] {
        let counts = 1..=params.len();
        cases.extend(counts.map(|count| of(format!("event {code} with {count}"), one(code, &params[..count]))));
    }
    let connect = one(22, &[eight, b""]);
    let begun = block(EVENT_FLAGS, &flagged(&event(2_000_000_000, 292, &[text], b""), 1));
    let execve = |count: usize| {
        let numbers = |count: usize| vec![eight; count];
        let texts =
            [&[eight, text, b"", eight, eight, eight, text][..], &numbers(3), &[four; 3], &[text, b"", b"", four]];
        let rest = [&[eight, four, four][..], &numbers(6), &[four, text, eight, four, text]];
        let params = [texts.concat(), rest.concat()].concat();
        one(293, &params[..count])
    };
    cases.extend([
        of("an execve".to_owned(), execve(30)),
        of("an execve with all".to_owned(), execve(31)),
        of("an execve behind a connect".to_owned(), [connect.clone(), execve(30)].concat()),
        of("an execve that began, behind a connect".to_owned(), [connect, begun, execve(30)].concat()),
    ]);
    let codes = [1, 2, 5, 2988, 2989, 2990, 19372, 19373, 0x8001, 0xFFFF];
    cases.extend(codes.map(|code| of(format!("option {code}"), with(&option(code, &[0, 0, 0x7E, 0xD9, 5, 6])))));
    cases.extend([0, 3, 4].map(|len| of(format!("a custom option of {len}"), with(&option(2989, &vec![1; len])))));
    // The frame, the event, the option's frame and the end take 80 bytes.
    for len in [65536 - 80, 65544 - 80, 65548 - 80] {
        cases.push(of(format!("a comment of {len}"), with(&option(1, &vec![b' '; len]))));
    }
    cases
}

/// The reader of the tests is at least as strict as any released one, so that a capture without a fault opens everywhere.
#[test]
fn what_a_released_reader_refuses_is_a_fault_for_the_reader_of_the_tests() {
    let readers: Vec<_> = peers().into_iter().chain(peer(Tool::Wireshark)).collect();
    let scratch = Scratch::new();
    let (mut sound, mut refused) = (0, 0);
    for (name, lists, blocks) in cases_of_lists().into_iter().chain(cases_of_events()) {
        // Wireshark reads over lists.
        let looks = |reader: &&Peer| !blocks.is_empty() || reader.tool() != Tool::Wireshark;
        let bytes = capture(&lists, &blocks);
        let path = scratch.path("case.scap");
        fs::write(&path, &bytes).unwrap();
        let report = scap::read(&bytes, scap::Rules::Released);
        let faults: Vec<_> = report.faults.iter().map(ToString::to_string).collect();
        let refusals: Vec<_> =
            readers.iter().filter(looks).filter_map(|reader| refusal(reader, &path, report.event_count())).collect();
        println!("{name}: {faults:?} {refusals:#?}");
        assert!(refusals.is_empty() || !faults.is_empty(), "{name}: {refusals:#?}");
        sound += usize::from(faults.is_empty());
        refused += usize::from(!refusals.is_empty());
    }
    assert!(sound >= 20, "{sound}");
    assert!(refused >= 25 || readers.len() < 3, "{refused}");
}
