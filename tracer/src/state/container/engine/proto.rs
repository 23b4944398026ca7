//! Protocol buffers, as far as engines use them: fields of a message one by one, requests of a few fields, and a long message
//! cut into its parts while it comes.
//!
//! What an engine sends is not trusted. Nothing here recurses, and nothing grows with the input: a text ends at its limit, a
//! map takes so many entries, a part longer than [`MAX_VALUE`] is skipped. A field of a wrong type is missing and costs no other.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    cut::MAX_VALUE,
    text::{MAX_ENTRIES, MAX_TEXT, MAX_TEXTS, cut},
};

/// The longest varint, bytes.
const MAX_VARINT: usize = 10;

/// The kinds of fields on the wire.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;
const FIXED_32: u64 = 5;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A whole number or a truth value.
    Number(u64),
    /// A text or a message.
    Bytes(&'a [u8]),
}

/// What comes is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its answer is not a message of its interface")]
pub struct NoMessage;

/// The fields of a message, in their order; it ends where the message is not well formed.
#[derive(Debug, Clone)]
pub struct Fields<'a>(&'a [u8]);

/// A varint, and what follows; `None` when it is not whole.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let len = bytes.iter().take(MAX_VARINT).position(|byte| byte & 0x80 == 0)? + 1;
    let value = bytes[..len].iter().rev().fold(0_u64, |value, byte| (value << 7) | u64::from(byte & 0x7f));
    Some((value, &bytes[len..]))
}

impl<'a> Fields<'a> {
    /// Of a message.
    #[must_use]
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn advance(&mut self) -> Option<(u64, Option<Value<'a>>)> {
        let (tag, rest) = varint(self.0)?;
        let (value, rest) = match tag & 7 {
            VARINT => varint(rest).map(|(number, rest)| (Some(Value::Number(number)), rest))?,
            FIXED_64 => (None, rest.get(8..)?),
            FIXED_32 => (None, rest.get(4..)?),
            BYTES => {
                let (len, rest) = varint(rest)?;
                let (bytes, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
                (Some(Value::Bytes(bytes)), rest)
            }
            _ => return None,
        };
        self.0 = rest;
        Some((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let (number, Some(value)) = self.advance()? {
                return Some((number, value));
            }
        }
    }
}

/// The last field of that number that is a text or a message; empty if there is none.
#[must_use]
pub fn bytes(message: &[u8], number: u64) -> &[u8] {
    let all = Fields::of(message).filter_map(|(own, value)| match value {
        Value::Bytes(bytes) if own == number => Some(bytes),
        Value::Bytes(_) | Value::Number(_) => None,
    });
    all.last().unwrap_or_default()
}

/// The last field of that number that is a number; 0 if there is none, as the sender means it.
#[must_use]
pub fn number(message: &[u8], number: u64) -> u64 {
    let all = Fields::of(message).filter_map(|(own, value)| match value {
        Value::Number(value) if own == number => Some(value),
        Value::Bytes(_) | Value::Number(_) => None,
    });
    all.last().unwrap_or_default()
}

/// A text, cut at its limit; `None` if it is empty.
#[must_use]
pub fn text(message: &[u8], number: u64) -> Option<String> {
    let bytes = bytes(message, number);
    (!bytes.is_empty()).then(|| as_text(bytes).into_owned())
}

fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_TEXT)]) {
        Cow::Borrowed(text) => Cow::Borrowed(text),
        Cow::Owned(text) => Cow::Owned(cut(&text, MAX_TEXT).to_owned()),
    }
}

/// The messages of a repeated field, the first ones of very many.
pub fn each(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    let all = Fields::of(message).filter_map(move |(own, value)| match value {
        Value::Bytes(bytes) if own == number => Some(bytes),
        Value::Bytes(_) | Value::Number(_) => None,
    });
    all.take(MAX_ENTRIES)
}

/// A map of texts, as far as there is room for its entries.
#[must_use]
pub fn texts(message: &[u8], number: u64) -> BTreeMap<String, String> {
    let (mut texts, mut left) = (BTreeMap::new(), MAX_TEXTS);
    for entry in each(message, number) {
        let (name, value) = (as_text(bytes(entry, 1)), as_text(bytes(entry, 2)));
        if let Some(rest) = left.checked_sub(name.len() + value.len()) {
            left = rest;
            texts.insert(name.into_owned(), value.into_owned());
        }
    }
    texts
}

/// A message that is being written.
#[derive(Debug, Default, Clone)]
pub struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// With a text or a message.
    #[must_use]
    pub fn bytes(mut self, number: u64, bytes: &[u8]) -> Self {
        self.varint(number << 3 | BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// With a number.
    #[must_use]
    pub fn number(mut self, number: u64, value: u64) -> Self {
        self.varint(number << 3 | VARINT);
        self.varint(value);
        self
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Cuts a long message into its texts and messages while it comes: no more of it is kept than the part that is being read.
#[derive(Debug, Default)]
pub struct Parts {
    held: Vec<u8>,
    /// How much of a part that is too long is still to come.
    skip: u64,
    skipped: u64,
}

impl Parts {
    /// How many parts were longer than [`MAX_VALUE`].
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Takes the next piece of the message, and calls `visit` with the number and bytes of each part that ends in it.
    ///
    /// # Errors
    /// It is no message; nothing can be learned from the rest of it.
    pub fn push(&mut self, mut piece: &[u8], visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), NoMessage> {
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
        self.skip -= skip as u64;
        piece = &piece[skip..];
        self.held.extend_from_slice(piece);
        let mut at = 0;
        while let Some((number, kind, rest)) = head(&self.held[at..])? {
            let start = self.held.len() - rest;
            match kind {
                Kind::Small(len) => at = start + len,
                Kind::Part(len) if len > MAX_VALUE as u64 => {
                    self.skipped += 1;
                    let there = len.min(rest as u64);
                    self.skip = len - there;
                    at = start + there as usize;
                }
                Kind::Part(len) => {
                    let Some(part) = self.held[start..].get(..len as usize) else { break };
                    visit(number, part);
                    at = start + part.len();
                }
            }
        }
        self.held.drain(..at);
        Ok(())
    }
}

/// What follows the head of a field.
enum Kind {
    /// So many bytes that nobody asks for.
    Small(usize),
    /// A text or message of that length.
    Part(u64),
}

/// The number and kind of the field that begins there, and how many bytes are behind its head; `None` if not all of the head, or of
/// a number, is there.
fn head(bytes: &[u8]) -> Result<Option<(u64, Kind, usize)>, NoMessage> {
    let whole = |rest: &[u8]| if rest.len() >= MAX_VARINT { Err(NoMessage) } else { Ok(None) };
    let Some((tag, rest)) = varint(bytes) else { return whole(bytes) };
    let (kind, rest) = match tag & 7 {
        _ if tag >> 3 == 0 => return Err(NoMessage),
        VARINT => match varint(rest) {
            Some((_, rest)) => (Kind::Small(0), rest),
            None => return whole(rest),
        },
        FIXED_64 if rest.len() >= 8 => (Kind::Small(8), rest),
        FIXED_32 if rest.len() >= 4 => (Kind::Small(4), rest),
        FIXED_64 | FIXED_32 => return Ok(None),
        BYTES => match varint(rest) {
            Some((len, rest)) => (Kind::Part(len), rest),
            None => return whole(rest),
        },
        _ => return Err(NoMessage),
    };
    Ok(Some((tag >> 3, kind, rest.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, value: &str) -> Vec<u8> {
        Message::default().bytes(1, name.as_bytes()).bytes(2, value.as_bytes()).finish()
    }

    fn sample() -> Vec<u8> {
        let message = Message::default().bytes(1, b"abc").number(6, 300).bytes(8, &entry("app", "web"));
        let mut message = message.bytes(8, &entry("tier", "\u{1b}[2J")).finish();
        // A fixed64 and a fixed32, which nobody asks for.
        message.extend([9 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8, 10 << 3 | 5, 1, 2, 3, 4]);
        Message(message).bytes(11, "ä".as_bytes()).finish()
    }

    #[test]
    fn what_is_written_is_read() {
        let message = sample();
        assert_eq!((text(&message, 1).as_deref(), number(&message, 6)), (Some("abc"), 300));
        assert_eq!(text(&message, 11).as_deref(), Some("ä"));
        let map = texts(&message, 8);
        assert_eq!(map.get("app").map(String::as_str), Some("web"));
        assert_eq!((map.len(), text(&message, 7), number(&message, 1)), (2, None, 0));
    }

    #[test]
    fn parts_come_out_however_the_pieces_are_cut() {
        let message = sample();
        for piece in 1..=message.len() {
            let (mut parts, mut all) = (Parts::default(), Vec::new());
            for piece in message.chunks(piece) {
                parts.push(piece, &mut |number, part| all.push((number, part.len()))).unwrap();
            }
            assert_eq!(all, [(1, 3), (8, 10), (8, 12), (11, 2)], "in pieces of {piece}");
            assert!(parts.held.is_empty());
        }
    }

    #[test]
    fn a_part_that_is_too_long_is_skipped_and_the_next_one_is_not() {
        let message = Message::default().bytes(1, &vec![b'x'; MAX_VALUE + 1]).bytes(1, b"abc").finish();
        for piece in [1000, 64 << 10, message.len()] {
            let (mut parts, mut all) = (Parts::default(), Vec::new());
            for piece in message.chunks(piece) {
                parts.push(piece, &mut |_, part| all.push(part.to_vec())).unwrap();
                assert!(parts.held.capacity() <= 2 * (MAX_VALUE + piece.len()));
            }
            assert_eq!((parts.skipped(), all), (1, vec![b"abc".to_vec()]), "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_message_is_an_error_and_fields_end_there() {
        for bytes in [&[0xff; 32][..], &[0, 1], &[1 << 3 | 3], &[1 << 3 | 7]] {
            assert_eq!(Parts::default().push(bytes, &mut |_, _| {}), Err(NoMessage), "{bytes:?}");
            assert_eq!(Fields::of(bytes).filter(|(number, _)| *number != 0).count(), 0, "{bytes:?}");
        }
        // A length beyond the end.
        assert_eq!(Fields::of(&[1 << 3 | 2, 200, 1]).count(), 0);
    }

    #[test]
    fn texts_and_maps_have_limits() {
        let long = "ä".repeat(MAX_TEXT);
        let message = Message::default().bytes(1, long.as_bytes()).finish();
        assert!(text(&message, 1).is_some_and(|text| text.len() <= MAX_TEXT && text.len() > MAX_TEXT - 4));
        let map = (0..2 * MAX_ENTRIES).fold(Message::default(), |map, at| map.bytes(8, &entry(&at.to_string(), "v")));
        assert_eq!(texts(&map.finish(), 8).len(), MAX_ENTRIES);
        let fat = (0..40).fold(Message::default(), |map, at| map.bytes(8, &entry(&at.to_string(), &long)));
        let bytes: usize = texts(&fat.finish(), 8).iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes <= MAX_TEXTS && bytes > MAX_TEXTS / 2, "{bytes}");
    }
}
