//! The words of a filter. What a word is depends on where it stands, so the parser asks for the kind that may come. Each
//! byte is looked at a bounded number of times.

use std::ops::Range;

use super::{
    ast::{Literal, Place},
    error::FilterError,
};

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

    /// Whether `character` is next.
    pub fn sees(&mut self, character: u8) -> bool {
        self.skip();
        self.rest().first() == Some(&character)
    }

    /// Takes `character` if it is next.
    pub fn take(&mut self, character: u8) -> bool {
        let hit = self.sees(character);
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

    /// A name without points with a bracket behind it, if that is next: what a call begins with. Nothing is taken.
    pub fn call(&mut self) -> Option<Range<usize>> {
        let start = self.skip();
        let rest = self.rest();
        let len = rest.iter().take_while(|byte| is_name(**byte) && **byte != b'.').count();
        let blanks = rest[len..].iter().take_while(|byte| BLANKS.contains(byte)).count();
        let hit = rest.first()?.is_ascii_alphabetic() && rest.get(len + blanks) == Some(&b'(');
        hit.then_some(start..start + len)
    }

    /// Takes a field with its argument, if a name is next.
    pub fn field(&mut self) -> Result<Option<(String, Place)>, FilterError> {
        let start = self.skip();
        let rest = self.rest();
        let mut len = rest.iter().take_while(|byte| is_name(**byte)).count();
        if len == 0 || !rest[0].is_ascii_alphabetic() {
            return Ok(None);
        }
        if rest.get(len) == Some(&b'[') {
            let Some(arg) = argument(&rest[len..]) else {
                return Err(self.error(start + len..start + len + 1, "the bracket is not closed"));
            };
            len += arg;
        }
        self.at += len;
        // The brackets are characters of their own, so that nothing is cut.
        let text = self.filter.get(start..self.at).unwrap_or_default();
        Ok(Some((text.to_owned(), Place(start..self.at))))
    }

    /// Takes what stands in square brackets, if they follow at once.
    pub fn part(&mut self) -> Result<Option<String>, FilterError> {
        let Some(inside) = self.rest().strip_prefix(b"[") else { return Ok(None) };
        let Some(len) = inside.iter().position(|byte| *byte == b']') else {
            return Err(self.error(self.at..self.at + 1, "the bracket is not closed"));
        };
        let start = self.at + 1;
        self.at = start + len + 1;
        Ok(Some(self.text(start..start + len).to_owned()))
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
                Ok((len > 0).then_some(Literal { text, at: Place(start..self.at) }))
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
                // Not taken away: a backslash that stands before a blank is one.
                Some(b' ') => {
                    at -= 1;
                    b'\\'
                }
                Some(b'/') => b'/',
                Some(byte) if byte == quote => quote,
                Some(b'x') => {
                    let digits = self.filter.get(at..at + 2).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
                    at += 2;
                    match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                        Some(byte) => byte,
                        None => return Err(self.error(at - 4..at, "\\x needs two hexadecimal digits")),
                    }
                }
                None => return Err(self.error(start..bytes.len(), "the quote is not closed")),
                Some(_) => {
                    let len = self.filter.get(at - 1..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                    let error = self.error(at - 2..at - 1 + len, "unknown escape");
                    return Err(error.hint(Some("escapes are \\b \\f \\n \\r \\t \\\\ \\/ \\xHH and the quote itself")));
                }
            });
        }
        self.at = at;
        Ok(Literal { text, at: Place(start..at) })
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
        let ends = |byte: &u8| BLANKS.contains(byte) || b"()\"',".contains(byte);
        let len = self.rest().iter().take_while(|byte| !ends(byte)).count();
        start..(start + len.max(1)).min(self.filter.len())
    }

    /// An error at a place.
    #[must_use]
    pub fn error(&self, at: Range<usize>, message: impl Into<String>) -> FilterError {
        FilterError::new(self.filter, at, message)
    }
}

/// The length of what stands in square brackets, with them. In quotes it may contain brackets.
fn argument(text: &[u8]) -> Option<usize> {
    let quote = text.get(1).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    match quote {
        Some(quote) => {
            let close = text[2..].windows(2).position(|two| two == [quote, b']'])?;
            Some(close + 4)
        }
        None => text.iter().position(|byte| *byte == b']').map(|at| at + 1),
    }
}
