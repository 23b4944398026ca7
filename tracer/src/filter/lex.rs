//! The words of a filter. What a word is depends on where it stands, so the parser asks for the kind that may come.

use std::ops::Range;

use super::{ast::Literal, error::FilterError};

const BLANKS: &[u8] = b" \t\r\n\x08";

/// Reads a filter from left to right.
#[derive(Debug)]
pub struct Cursor<'f> {
    filter: &'f str,
    at: usize,
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

impl<'f> Cursor<'f> {
    /// At the start.
    #[must_use]
    pub const fn new(filter: &'f str) -> Self {
        Self { filter, at: 0 }
    }

    fn rest(&self) -> &'f [u8] {
        &self.filter.as_bytes()[self.at..]
    }

    /// Skips blanks and returns the place behind them.
    pub fn skip(&mut self) -> usize {
        self.at += self.rest().iter().take_while(|byte| BLANKS.contains(byte)).count();
        self.at
    }

    /// Whether nothing but blanks is left.
    pub fn is_end(&mut self) -> bool {
        self.skip();
        self.rest().is_empty()
    }

    /// Takes `character` if it is next.
    pub fn take(&mut self, character: u8) -> bool {
        self.skip();
        let hit = self.rest().first() == Some(&character);
        self.at += usize::from(hit);
        hit
    }

    /// Takes a word of letters if it is next and ends there.
    pub fn keyword(&mut self, word: &str) -> bool {
        self.skip();
        let rest = self.rest();
        let hit = rest.starts_with(word.as_bytes()) && !rest.get(word.len()).copied().is_some_and(is_name);
        self.at += if hit { word.len() } else { 0 };
        hit
    }

    /// Takes signs like `<=` if they are next.
    pub fn signs(&mut self, signs: &str) -> bool {
        self.skip();
        let hit = self.rest().starts_with(signs.as_bytes());
        self.at += if hit { signs.len() } else { 0 };
        hit
    }

    /// Takes a field with its argument, if a name is next.
    pub fn field(&mut self) -> Option<(String, Range<usize>)> {
        let start = self.skip();
        let rest = self.rest();
        let mut len = rest.iter().take_while(|byte| is_name(**byte)).count();
        if len == 0 || !rest[0].is_ascii_alphabetic() {
            return None;
        }
        if rest.get(len) == Some(&b'[') {
            len += rest[len..].iter().position(|byte| *byte == b']').map_or(0, |end| end + 1);
        }
        self.at += len;
        Some((self.filter[start..self.at].to_owned(), start..self.at))
    }

    /// Takes a value: quoted, or all characters up to a blank, comma, bracket, quote or `=`.
    pub fn value(&mut self) -> Result<Option<Literal>, FilterError> {
        let start = self.skip();
        match self.rest().first() {
            None => Ok(None),
            Some(quote @ (b'"' | b'\'')) => self.quoted(*quote).map(Some),
            Some(_) => {
                let end = |byte: &u8| BLANKS.contains(byte) || b"()\"',=".contains(byte);
                let len = self.rest().iter().take_while(|byte| !end(byte)).count();
                self.at += len;
                let text = self.filter.as_bytes()[start..self.at].to_vec();
                Ok((len > 0).then_some(Literal { text, at: start..self.at }))
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<Literal, FilterError> {
        let start = self.at;
        let bytes = self.filter.as_bytes();
        let mut text = Vec::new();
        let mut at = start + 1;
        loop {
            let Some(byte) = bytes.get(at).copied() else {
                return Err(self.error(start..bytes.len(), "the quote is not closed"));
            };
            at += 1;
            if byte == quote {
                break;
            }
            if byte != b'\\' {
                text.push(byte);
                continue;
            }
            let escape = bytes.get(at).copied();
            at += 1;
            text.push(match escape {
                Some(b'b') => 8,
                Some(b'f') => 12,
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'\\') => b'\\',
                Some(b'/') => b'/',
                Some(byte) if byte == quote => quote,
                Some(b'x') => {
                    let digits = self.filter.get(at..at + 2).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
                    at += 2;
                    match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                        Some(byte) => byte,
                        None => {
                            let end = at.min(bytes.len());
                            return Err(self.error(at - 4..end, "\\x needs two hexadecimal digits"));
                        }
                    }
                }
                _ => {
                    let end = at.min(bytes.len());
                    return Err(self.error(at - 2..end, "unknown escape; \\\\ is a backslash"));
                }
            });
        }
        self.at = at;
        Ok(Literal { text, at: start..at })
    }

    /// The place behind what was taken last.
    #[must_use]
    pub const fn place(&self) -> usize {
        self.at
    }

    /// The text of a place; nothing when it cuts a character.
    #[must_use]
    pub fn text(&self, at: Range<usize>) -> &'f str {
        self.filter.get(at).unwrap_or_default()
    }

    /// The place of the next word, for messages.
    pub fn here(&mut self) -> Range<usize> {
        let start = self.skip();
        let len = self.rest().iter().take_while(|byte| !BLANKS.contains(byte)).count();
        start..start + len
    }

    /// An error at a place.
    #[must_use]
    pub fn error(&self, at: Range<usize>, message: impl Into<String>) -> FilterError {
        // A place inside a character is moved out of it, so that it can be marked.
        let floor = |mut at: usize| {
            while !self.filter.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        FilterError::new(self.filter, floor(at.start)..floor(at.end).max(floor(at.start)), message)
    }
}
