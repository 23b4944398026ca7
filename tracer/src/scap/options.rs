//! Options: what stands behind an event, or behind the fields of a section header.
//!
//! ```text
//! u16 code
//! u16 length
//! value, and padding to a multiple of 4
//! ```
//! They begin at a multiple of 4 in their block, and end with code 0 or where fewer than 4 bytes remain. Code 1 is a comment,
//! code 2989 is for whoever writes the file: its value begins with the number of an organisation (`u32`). Wireshark ends at a
//! code that it does not know, so that there is no other way for what the parameters of an event have no place for. Numbers of
//! organisations are below 100,000; those of [`own`] are above, and say what follows:
//!
//! | number | value behind it |
//! |---|---|
//! | 0x74726301 | how long the call took, nanoseconds: `u32`, or `u64` when it took longer; nothing when that is not known |
//! | 0x74726302 | what is known when the event happens and no block says, JSON |
//! | 0x74726303 | parameters of the row that the file's schema does not have: for each a `u16` length and the value |
//! | 0x74726304 | `u32`, a bit for each parameter: those that have no value, and stand only for other readers |
//! | 0x74726305 | of a `procinfo` event: user and system time in the last interval, and its length, `u64` nanoseconds each |
//! | 0x74726306 | the first parameter; that of the event stands for readers whose tables are shorter |
//! | 0x74726307 | what the call returned, `i32` or `i64`, when no parameter says it |
//! | 0x74726308 | nothing: the bytes that the call received stayed where they were |
//! | 0x74726309 | nothing: it is no call, but a request of an earlier call that is done |
//! | 0x7472630a | nothing: the number of the call is one of the 32-bit table |
//! | 0x7472630b | the name of an event that the format does not know; the event of the block stands for other readers only, and all parameters are in 0x74726303 |

use tracer_common::events::{self, Event};

/// The code of custom options that may be copied to other files.
const CUSTOM: u16 = 2989;

/// What options of ours say.
pub mod own {
    /// The time that the call took.
    pub const LATENCY: u32 = 0x7472_6301;
    /// What is known.
    pub const FACTS: u32 = 0x7472_6302;
    /// Parameters beyond those of the schema.
    pub const MORE: u32 = 0x7472_6303;
    /// Which parameters have no value.
    pub const ABSENT: u32 = 0x7472_6304;
    /// CPU time of an interval.
    pub const CPU: u32 = 0x7472_6305;
    /// The first parameter.
    pub const FIRST: u32 = 0x7472_6306;
    /// What the call returned.
    pub const RESULT: u32 = 0x7472_6307;
    /// Bytes were received without being taken.
    pub const PEEKED: u32 = 0x7472_6308;
    /// A request is done.
    pub const DONE: u32 = 0x7472_6309;
    /// The number of the call is one of the 32-bit table.
    pub const COMPAT: u32 = 0x7472_630a;
    /// The event is another one.
    pub const NAME: u32 = 0x7472_630b;
}

/// Options, one after the other. Damage ends them.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Whether there can be one.
    #[must_use]
    #[inline]
    pub fn are_there(&self) -> bool {
        self.rest.len() >= 4
    }
}

impl<'a> Options<'a> {
    /// The row of an event that the format does not know, if the options name one that is known here.
    #[must_use]
    pub fn row(self) -> Option<&'static Event> {
        self.custom().find(|(number, _)| *number == own::NAME).and_then(|(_, name)| events::own_row(name))
    }

    /// The custom ones that may be ours: number and value.
    pub fn custom(self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        self.filter(|(code, _)| *code == CUSTOM).filter_map(|(_, value)| {
            let (number, value) = value.split_first_chunk()?;
            Some((u32::from_ne_bytes(*number), value))
        })
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([c0, c1, l0, l1], rest) = self.rest.split_first_chunk::<4>()?;
        let (code, len) = (u16::from_ne_bytes([*c0, *c1]), usize::from(u16::from_ne_bytes([*l0, *l1])));
        let value = rest.get(..len)?;
        // The padding of the last one may be that of the block.
        self.rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        (code != 0).then_some((code, value))
    }
}

/// Bytes that a custom option takes besides its value and padding.
pub(super) const CUSTOM_HEAD: usize = 8;
/// The longest value of a custom option.
pub(super) const CUSTOM_MOST: usize = u16::MAX as usize - 4;

/// Puts a custom option behind others. The value must not be longer than [`CUSTOM_MOST`].
pub(super) fn put(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    let Ok(len) = u16::try_from(value.len() + 4) else { return };
    out.extend_from_slice(&CUSTOM.to_ne_bytes());
    out.extend_from_slice(&len.to_ne_bytes());
    out.extend_from_slice(&number.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(out.len() + value.len().next_multiple_of(4) - value.len(), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_back_until_their_end_or_damage() {
        let mut bytes = Vec::new();
        put(&mut bytes, own::LATENCY, &[]);
        put(&mut bytes, own::FACTS, b"hello");
        let all =
            |bytes: &[u8]| Options::new(bytes).custom().map(|(code, value)| (code, value.to_vec())).collect::<Vec<_>>();
        let expected = [(own::LATENCY, vec![]), (own::FACTS, b"hello".to_vec())];
        assert_eq!(all(&bytes), expected);
        let unpadded = &bytes[..bytes.len() - 3];
        assert_eq!(all(unpadded), expected);
        assert_eq!(all(&unpadded[..unpadded.len() - 1]), expected[..1]);
        bytes.extend_from_slice(&[1, 0, 2, 0, b'h', b'i', 0, 0]);
        assert_eq!(Options::new(&bytes).last(), Some((1, &b"hi"[..])));
        bytes.extend_from_slice(&[0; 4]);
        put(&mut bytes, 7, b"x");
        assert_eq!(all(&bytes), expected);
        assert!(!Options::new(&[0, 0, 0]).are_there());
    }
}
