//! Any bytes as what a container runtime answers over gRPC, in pieces of any length: messages cut into parts, and what is read of
//! them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::state::container::engine::{
    MAX_VALUE,
    proto::{Fields, Message, Parts, Value, each, number, text, texts},
    read_cri,
};

/// What one container may take in memory: labels, annotations and mounts at their limits, and names.
const MAX_BYTES: usize = 768 << 10;

/// The parts of a message that comes in pieces of that length; `None` if it is not one.
fn parts(bytes: &[u8], piece: usize) -> Option<Vec<(u64, Vec<u8>)>> {
    let (mut parts, mut all) = (Parts::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        parts.push(piece, &mut |number, part| all.push((number, part.to_vec()))).ok()?;
    }
    Some(all)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, answer)) = bytes.split_first() else { return };
    let whole = parts(answer, answer.len().max(1));
    // How it is cut makes no difference.
    assert_eq!(whole, parts(answer, usize::from(*first) + 1));
    for (_, part) in whole.iter().flatten() {
        assert!(part.len() <= MAX_VALUE);
    }
    // What is read is what would be written.
    let written = Fields::of(answer).fold(Message::default(), |message, (number, value)| match value {
        Value::Number(value) => message.number(number, value),
        Value::Bytes(bytes) => message.bytes(number, bytes),
    });
    let written = written.finish();
    assert!(Fields::of(&written).eq(Fields::of(answer)));
    for field in 0..20 {
        let _ = (text(answer, field), number(answer, field), texts(answer, field), each(answer, field).count());
    }
    for metadata in read_cri(answer) {
        assert_eq!(metadata.full_id.len(), 64);
        assert!(metadata.bytes() <= MAX_BYTES, "{} bytes", metadata.bytes());
    }
});
