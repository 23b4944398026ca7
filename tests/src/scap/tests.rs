//! The reader on captures of other tools and on small ones made here, whole and damaged.

use std::{io::Write as _, path::PathBuf};

use super::{
    build::{EVENT, EVENT_FLAGS, READ_X, block, entry, event, fds, flagged, head, machine, read_x, section, text},
    *,
};

const SAMPLES: [&str; 5] = ["connect_localhost", "files", "run_as_user_0_container", "sample", "tcp-client-server"];

/// A parameter without a byte.
const NONE: &[u8] = b"";
const SOCKET_X: u16 = 19;
const SWITCH: u16 = 152;
const CONTAINER: u16 = 324;

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).join(format!("{name}.scap"))
}

/// A report of these blocks behind [`head`].
fn with(blocks: &[Vec<u8>]) -> Report {
    read(&[head(), blocks.concat()].concat(), Rules::Released)
}

/// The only fault there is.
#[track_caller]
fn only(report: &Report) -> String {
    let [fault] = &report.faults[..] else { panic!("{:#?}", report.faults) };
    fault.what.clone()
}

#[test]
fn captures_of_other_tools_are_sound() {
    for name in SAMPLES {
        let report = read_file(&path(name), Rules::Any);
        report.assert_sound();
        assert!(report.event_count() > 300, "{name}");
        // All but one of them is as we write today.
        let strict = read_file(&path(name), Rules::Released);
        assert_eq!(strict.faults.is_empty(), name != "connect_localhost", "{name}: {:?}", strict.faults);
    }
}

#[test]
fn times_that_go_back_are_counted() {
    let report = read_file(&path("run_as_user_0_container"), Rules::Any);
    assert_eq!((report.inversions.count, report.cpu_inversions.count), (32, 12));
    let report =
        with(&[block(EVENT, &read_x(30, b"")), block(EVENT, &read_x(10, b"")), block(EVENT, &read_x(20, b""))]);
    report.assert_sound();
    assert_eq!((report.inversions.count, report.inversions.worst_ns), (2, 20));
    assert_eq!(report.inversions, report.cpu_inversions);
}

#[test]
fn what_the_tracer_may_write_is_sound() {
    // Custom, with 9 bytes, and a comment.
    let options = [&[0xAD, 0x0B, 9, 0][..], &[5; 9], &[0; 3], &[1, 0, 3, 0, b'a', b'b', b'c', 0], &[0; 4]].concat();
    let events = [
        block(EVENT, &read_x(1, b"")),
        block(EVENT, &read_x(2, &options)),
        block(EVENT_FLAGS, &flagged(&event(3, SWITCH, &[&[0; 8]], b""), 1)),
    ];
    let report = with(&events);
    report.assert_sound();
    assert_eq!((report.event_count(), report.flagged, report.state_only, report.short), (3, 1, 1, 1));
    assert_eq!(report.options.into_iter().collect::<Vec<_>>(), [(1, 1), (2989, 1)]);
    // A second section has lists of its own.
    let twice = [head(), events.concat(), head(), events.concat()].concat();
    let report = read(&twice, Rules::Released);
    report.assert_sound();
    assert_eq!((report.sections, report.processes.count, report.inversions.count), (2, 2, 0));
}

#[test]
fn what_released_readers_refuse_is_a_fault() {
    let large = |content: &[u8]| block(EVENT, content);
    let cases: [(&str, Vec<u8>); 14] = [
        ("a section of", {
            let mut bytes = section(&[]);
            bytes[16] = 0;
            bytes
        }),
        ("options of a section", section(&[0; 4])),
        ("version 8 of processes is an old one", block(0x214, &[])),
        ("machine behind the first event", [block(EVENT, &read_x(1, b"")), machine()].concat()),
        ("a block of the unknown kind 0x300", block(0x300, &[])),
        ("descriptors of thread 8, which is in no list", fds(8, 1, b"x")),
        ("a descriptor of kind 20", fds(7, 20, b"x")),
        ("a name of 1025 bytes, where readers take 1024", {
            let process = [&[0; 40][..], &text(&[b'a'; 1025])].concat();
            block(0x215, &entry(&process))
        }),
        ("socket <: 5 parameters where readers know 4", large(&event(1, SOCKET_X, &[NONE; 5], b""))),
        ("read <: 3 parameters, as no release ever had", large(&event(1, READ_X, &[NONE; 3], b""))),
        ("container > in a block of the wrong size", large(&event(1, CONTAINER, &[b"{}\0"], b""))),
        ("the unknown event 999", large(&event(1, 999, &[], b""))),
        ("option 32769, at which Wireshark ends", large(&read_x(1, &[1, 0x80, 0, 0, 0, 0, 0, 0]))),
        ("a custom option of 2 bytes", large(&read_x(1, &[0xAD, 0x0B, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]))),
    ];
    for (what, bytes) in cases {
        let report = with(&[bytes]);
        assert!(report.faults.iter().any(|fault| fault.what.starts_with(what)), "{what}: {:#?}", report.faults);
    }
    let long = block(EVENT, &read_x(1, &[&[1, 0, 0xFC, 0xFF][..], &[0; 0xFFFC], &[0; 4]].concat()));
    assert!(only(&with(&[long])).contains("where readers take 65544"));
    // With the newest schema, the fifth parameter and the newer kind are none.
    let newest = [head(), fds(7, 20, b"x"), block(EVENT, &event(1, SOCKET_X, &[NONE; 5], b""))].concat();
    read(&newest, Rules::Newest).assert_sound();
}

#[test]
fn values_of_another_shape_are_faults() {
    let open = |name: &[u8]| {
        let report = with(&[block(EVENT, &event(1, 3, &[&[3; 8], name, &[0; 4], &[0; 4]], b""))]);
        report.faults.first().map(|fault| fault.what.clone()).unwrap_or_default()
    };
    assert_eq!(open(b"/x\0"), "");
    assert_eq!(open(b""), "");
    for name in [&b"/x"[..], b"/x\0y\0", b"\0\0"] {
        assert!(open(name).starts_with("open <, name: "), "{}", open(name));
    }
    let cases: [(&str, u16, &[&[u8]]); 5] = [
        ("close <, fd", 5, &[&[0; 8], &[0; 4]]),
        ("connect <, tuple", 23, &[&[0; 8], &[2, 0, 0, 0], &[0; 8], b""]),
        ("connect <, addr", 23, &[&[0; 8], b"", &[0; 8], &[1, b'/', 0, 0]]),
        ("open <, flags: no value", 3, &[&[3; 8], b"/x\0", b"", &[0; 4], &[0; 4], &[0; 8]]),
        ("poll >, fds", 80, &[&[2, 0, 0], &[0; 8]]),
    ];
    for (what, code, params) in cases {
        assert!(only(&with(&[block(EVENT, &event(1, code, params, b""))])).starts_with(what), "{what}");
    }
}

/// A capture with one byte changed, at an offset from the first block of a kind.
fn changed(kind: u32, offset: usize) -> (usize, Report) {
    let (mut bytes, _) = plain(fs::read(path("sample")).unwrap());
    let mut at = 0;
    loop {
        let Frame::Block { kind: found, end, .. } = frame::next(&bytes, at) else { panic!("no block {kind:#x}") };
        if found == kind {
            break;
        }
        at = end;
    }
    bytes[at + offset] ^= 4;
    (at, read(&bytes, Rules::Any))
}

#[test]
fn one_changed_byte_of_a_length_is_the_fault_it_should_be() {
    // Kind of the block, which byte of it; where in the block the fault is, and what it is.
    let cases = [
        (0x201, 4, 0, "a block of 196 bytes that ends as one of 537"),
        (0x201, 188, 0, "a block of 192 bytes that ends as one of 196"),
        (0x215, 8, 495, "the end of a process of 8 bytes where 4 are left"),
        (0x215, 52, 57, "a program of 25972 bytes, where readers take 1024"),
        (0x218, 16, 56, "4 bytes behind an entry"),
        (0x219, 8, 38, "4 bytes behind an entry"),
        (0x219, 14, 36, "the name of an interface of 6 bytes where 2 are left"),
        (0x220, 8, 36, "a text of a user of 9 bytes where 5 are left"),
        (0x220, 21, 23, "a text of a user of 28530 bytes, where readers take 255"),
        (0x216, 26, 10, "an event of 83 bytes whose parameters do not fill it"),
        (0x216, 32, 10, "an event of 87 bytes whose parameters do not fill it"),
        (0x216, 36, 10, "an event of 87 bytes whose parameters do not fill it"),
    ];
    for (kind, offset, fault_at, what) in cases {
        let (at, report) = changed(kind, offset);
        let fault = report.faults.first().unwrap_or_else(|| panic!("{kind:#x} + {offset}: no fault"));
        assert_eq!((fault.offset as usize - at, &*fault.what), (fault_at, what), "{kind:#x} + {offset}");
    }
}

#[test]
fn no_length_of_an_event_can_change_unseen() {
    let (bytes, _) = plain(fs::read(path("sample")).unwrap());
    let (mut at, mut changes) = (0, 0);
    while let Frame::Block { kind, content, end } = frame::next(&bytes, at) {
        if kind == 0x216 {
            let params = usize::from(content[24]);
            let lengths = [4..8, 26..30, 32..36 + 2 * params, end - at - 4..end - at];
            for offset in lengths.into_iter().flatten() {
                let mut block = bytes[at..end].to_vec();
                block[offset] ^= 1 << (offset % 8);
                let report = read(&[section(&[]), block].concat(), Rules::Any);
                assert!(!report.faults.is_empty() || report.cut.is_some(), "byte {}", at + offset);
                changes += 1;
            }
        }
        at = end;
    }
    assert!(changes > 5000, "{changes}");
}

#[test]
fn a_capture_that_is_cut_says_where() {
    let whole = [head(), block(EVENT, &read_x(1, b""))].concat();
    for len in head().len() + 1..whole.len() {
        let report = read(&whole[..len], Rules::Released);
        assert_eq!((report.cut, report.faults.len()), (Some(head().len() as u64), 0), "{len}");
    }
    assert_eq!(only(&read(&[], Rules::Any)), "there is nothing in it");
}

#[test]
fn compressed_captures_are_read_as_far_as_they_go() {
    let (bytes, _) = plain(fs::read(path("sample")).unwrap());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(&bytes[..], ruzstd::encoding::CompressionLevel::Fastest);
    for stored in [gzip, zstd] {
        // Twice: members or frames in a row.
        assert_eq!(plain([&stored[..], &stored].concat()), ([&bytes[..], &bytes].concat(), true));
        // Cut in the second.
        let (part, whole) = plain([&stored[..], &stored[..stored.len() - 100]].concat());
        assert!(!whole && part.starts_with(&bytes), "{} of {}", part.len(), bytes.len());
    }
}
