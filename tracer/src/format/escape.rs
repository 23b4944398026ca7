//! Makes text that a traced program can choose safe for a terminal: the only implementation.
//!
//! Control characters (C0, DEL, C1), characters that change the direction of text, line separators and bytes that are not
//! UTF-8 are written as `\xNN` or `\u{N}`. Everything else is copied. A backslash stays as it is, so that paths look as
//! people know them; the result is for reading, not for parsing.

use std::{borrow::Cow, io::Write};

/// Characters that reorder the text around them or end the line: Unicode's bidirectional controls, U+2028 and U+2029.
pub(super) const fn is_deceptive(character: char) -> bool {
    matches!(character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

/// How many bytes at the beginning are plain. Most text is: it is looked at in strides that the compiler turns into vectors.
pub(super) fn plain_len(text: &[u8], is_plain: impl Fn(u8) -> bool) -> usize {
    const STRIDE: usize = 16;
    let is_plain_stride = |stride: &&[u8; STRIDE]| stride.iter().fold(true, |plain, byte| plain & is_plain(*byte));
    let at = text.as_chunks().0.iter().take_while(is_plain_stride).count() * STRIDE;
    let rest = &text[at..];
    at + rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len())
}

/// Escapes what stands in `out` from `start` on.
pub fn escape_from(out: &mut Vec<u8>, start: usize) {
    if start + plain_len(&out[start..], is_plain) < out.len() {
        let text = out.split_off(start);
        escape(&text, out);
    }
}

/// Appends `text`, escaped.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let plain = plain_len(rest, is_plain);
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        if rest.is_empty() {
            return;
        }
        // The longest run that is not plain ASCII ends where plain ASCII begins again: no UTF-8 sequence spans it.
        let run = rest.iter().position(|byte| is_plain(*byte)).unwrap_or(rest.len());
        for chunk in rest[..run].utf8_chunks() {
            for character in chunk.valid().chars() {
                put(character, out);
            }
            for byte in chunk.invalid() {
                // Writing to a vector cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
        rest = &rest[run..];
    }
}

fn put(character: char, out: &mut Vec<u8>) {
    let _ = match character {
        '\0'..='\x1f' | '\x7f' => write!(out, "\\x{:02x}", character as u32),
        '\u{80}'..='\u{9f}' => write!(out, "\\u{{{:x}}}", character as u32),
        _ if is_deceptive(character) => write!(out, "\\u{{{:x}}}", character as u32),
        _ => write!(out, "{character}"),
    };
}

/// The same as a string.
#[must_use]
pub fn escaped(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    escape(text, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The same of a text whose lines are lines.
#[must_use]
pub fn lines(text: &str) -> String {
    String::from_utf8(lines_of(text.as_bytes())).unwrap_or_default()
}

/// The same of bytes.
#[must_use]
pub fn lines_of(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if at > 0 {
            out.push(b'\n');
        }
        escape(line, &mut out);
    }
    out
}

/// The same, which is the text itself if it is plain.
#[must_use]
pub fn text(text: &[u8]) -> Cow<'_, str> {
    let plain = std::str::from_utf8(text).ok().filter(|_| plain_len(text, is_plain) == text.len());
    plain.map_or_else(|| Cow::Owned(escaped(text)), Cow::Borrowed)
}

/// Text that is escaped unless it is plain, which most is.
#[must_use]
pub fn owned(text: String) -> String {
    if plain_len(text.as_bytes(), is_plain) == text.len() { text } else { escaped(text.as_bytes()) }
}

/// Appends what a script prints: colours, tabs and ends of lines stay, because they move nothing that was there before.
pub fn printed(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\t' | b'\n' | 0x1b)) {
        escape(&rest[..at], out);
        let kept = if rest[at] == 0x1b { color_len(&rest[at..]) } else { 1 };
        out.extend_from_slice(&rest[at..at + kept]);
        if kept == 0 {
            escape(&rest[at..=at], out);
        }
        rest = &rest[at + kept.max(1)..];
    }
    escape(rest, out);
}

/// Text that may have colours, without them.
#[must_use]
pub fn without_colors(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&0x1b) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
        let len = color_len(&rest[at..]);
        out.extend_from_slice(&rest[..at + usize::from(len == 0)]);
        rest = &rest[at + len.max(1)..];
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// The same as a string.
#[must_use]
pub fn printed_text(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    printed(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The length of the sequence that sets colours (SGR of ECMA-48) at the beginning; 0 if it is another one.
fn color_len(text: &[u8]) -> usize {
    let Some(numbers) = text.strip_prefix(b"\x1b[") else { return 0 };
    match numbers.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b';')) {
        Some(at) if numbers[at] == b'm' => 2 + at + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_can_be_taken_away_and_nothing_else() {
        assert_eq!(&*without_colors(b"a\x1b[1;31mb\x1b[0m\x1b[2Jc\x1b"), b"ab\x1b[2Jc\x1b");
        assert!(matches!(without_colors(b"plain"), Cow::Borrowed(b"plain")));
    }

    #[test]
    fn what_moves_the_cursor_or_reorders_text_is_escaped() {
        assert_eq!(escaped(b"a\x1b[2Jb\n\t\x7f"), "a\\x1b[2Jb\\x0a\\x09\\x7f");
        assert_eq!(escaped("\u{9b}31m".as_bytes()), "\\u{9b}31m");
        assert_eq!(escaped("x\u{202e}y\u{2066}".as_bytes()), "x\\u{202e}y\\u{2066}");
        assert_eq!(escaped(b"\xff\xfe\xc3"), "\\xff\\xfe\\xc3");
        assert_eq!(escaped(b"\x9b31m"), "\\x9b31m");
    }

    #[test]
    fn each_byte_is_looked_at_wherever_it_stands() {
        for len in 0..70 {
            for at in 0..len {
                let mut text = vec![b'a'; len];
                text[at] = 0x1b;
                let expected = [&b"a".repeat(at)[..], b"\\x1b", &b"a".repeat(len - at - 1)].concat();
                assert_eq!(escaped(&text).as_bytes(), expected);
                let mut line = [b"\x1b[0m", &text[..]].concat();
                escape_from(&mut line, 4);
                assert_eq!(line, [b"\x1b[0m", &expected[..]].concat(), "what stands in front stays");
            }
        }
    }

    #[test]
    fn colours_and_lines_of_scripts_stay() {
        let printed = printed_text;
        for kept in ["", "plain", "\x1b[01;31mred\x1b[00m\tx\ny", "grüße \x1b[m"] {
            assert_eq!(printed(kept), kept);
        }
        assert_eq!(printed("\x1b[2J\x1b]0;x\x07\x1b"), "\\x1b[2J\\x1b]0;x\\x07\\x1b");
        assert_eq!(printed("\x1b[31\x1b[1m\x1b[1;"), "\\x1b[31\x1b[1m\\x1b[1;");
        assert_eq!(printed("a\u{9b}1m\u{202e}\r"), "a\\u{9b}1m\\u{202e}\\x0d");
        assert_eq!((owned("a".into()), owned("\x1b".into())), ("a".into(), "\\x1b".into()));
    }

    #[test]
    fn readable_text_is_copied() {
        assert_eq!(escaped("/srv/grüße/日本 [x]\\".as_bytes()), "/srv/grüße/日本 [x]\\");
    }
}
