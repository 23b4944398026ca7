//! Any bytes as logs: files in each form, and what an engine gives, in pieces of any length.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::logs::{Entries, Form, Next};

/// What entries come to: time, stream, text, whether a line ends.
type Entry = (u64, &'static str, Vec<u8>, bool);

fn taken(next: Next<'_>) -> Option<(Option<Entry>, usize)> {
    match next {
        Next::Piece(it, length) => {
            Some((Some((it.time_ns, it.stream.name(), it.text.into_owned(), it.is_last)), length))
        }
        Next::Unknown(length) => Some((None, length)),
        Next::Incomplete => None,
    }
}

/// The entries that an engine gives in pieces of that length, up to what is none.
fn given(runtime: &str, is_terminal: bool, bytes: &[u8], piece: usize) -> Vec<Entry> {
    let (mut entries, mut all) = (Entries::of(runtime), Vec::new());
    entries.begin(is_terminal);
    for piece in bytes.chunks(piece) {
        entries.push(piece);
        while let Some((entry, length)) = taken(entries.first()) {
            assert!(length > 0, "it goes on");
            let Some(entry) = entry else { return all };
            all.push(entry);
            entries.drop_first(length);
        }
    }
    all
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (piece, bytes) = input;
    for form in [Form::JsonFile, Form::Local, Form::Cri] {
        let mut rest = &bytes[..];
        while let Some((_, length)) = taken(form.next(rest)) {
            assert!(length > 0 && length <= rest.len(), "{form:?}: it goes on, and not too far");
            rest = &rest[length..];
        }
        for count in [0, 1, 3] {
            assert!(form.tail(&bytes, count).is_none_or(|at| at <= bytes.len()), "{form:?}");
        }
    }
    let piece = usize::from(piece).max(1);
    for runtime in ["docker", "podman"] {
        let whole = given(runtime, false, &bytes, bytes.len().max(1));
        assert_eq!(given(runtime, false, &bytes, piece), whole, "pieces make no difference");
        given(runtime, true, &bytes, piece);
    }
});
