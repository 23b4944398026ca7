//! Any bytes as a capture: every block and every entry of its lists is read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::scap::{Block, Reader, decompress};

fuzz_target!(|bytes: &[u8]| {
    // A compressed input may be long; what is behind the beginning is more of the same.
    let Ok(input) = decompress(std::io::Cursor::new(bytes.to_vec())) else { return };
    let mut reader = Reader::new(std::io::Read::take(input, 16 << 20));
    loop {
        match reader.next() {
            Ok(Some(block)) => read(block),
            Ok(None) => break,
            Err(error) if error.is_local() => {}
            Err(_) => break,
        }
    }
});

fn read(block: Block<'_>) {
    match block {
        Block::Section(section) => section.options().for_each(drop),
        Block::Processes(list) => list.for_each(drop),
        Block::Fds(list) => list.for_each(drop),
        Block::Interfaces(list) => list.for_each(drop),
        Block::Users(list) => list.for_each(drop),
        Block::Event(event) => {
            if let Some(params) = event.params(32) {
                assert_eq!(params.iter().count(), params.count);
            }
        }
        Block::Machine(_) | Block::Unknown { .. } => {}
    }
}
