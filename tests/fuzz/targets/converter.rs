//! Any sequence of events through the converter: what comes out is whole, and of the newest form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::scap::{EventParams, convert::Converter};
use tracer_common::events;

/// Takes a number off the front.
fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let mut converter = Converter::default();
    let mut time_ns = 0;
    // Of each event: code, thread, how many parameters, their lengths, the parameters.
    while let (Some(low), Some(high), Some(count)) = (byte(&mut rest), byte(&mut rest), byte(&mut rest)) {
        let code = u16::from_le_bytes([low, high]);
        let (large, count) = (count & 0x80 != 0, usize::from(count & 0x1f));
        let Some((widths, behind)) = rest.split_at_checked(count) else { return };
        let total: usize = widths.iter().map(|width| usize::from(*width)).sum();
        let Some((payload, behind)) = behind.split_at_checked(total) else { return };
        rest = behind;
        let lengths: Vec<u8> = widths
            .iter()
            .flat_map(|width| {
                let bytes = u32::from(*width).to_ne_bytes();
                bytes[..if large { 4 } else { 2 }].to_vec()
            })
            .collect();
        time_ns += 1;
        let params = EventParams { count, large, lengths: &lengths, payload };
        let Some(lifted) = converter.lift(u64::from(low & 3), time_ns, code % 512, params) else { continue };
        assert!(events::by_code(lifted.code).is_some(), "code {} is not known", lifted.code);
        let width = if lifted.params.large { 4 } else { 2 };
        assert_eq!(lifted.params.lengths.len(), lifted.params.count * width);
        let sum: usize = lifted.params.iter().map(<[u8]>::len).sum();
        assert_eq!((sum, lifted.params.iter().count()), (lifted.params.payload.len(), lifted.params.count));
    }
});
