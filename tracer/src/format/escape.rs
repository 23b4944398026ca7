//! Makes text that a traced program can choose safe for a terminal: the only implementation.
//!
//! Control characters (C0, DEL, C1), characters that are not seen or change the direction of text, line separators and bytes that are not
//! UTF-8 are written as `\xNN` or `\u{N}`, so that two texts that look alike are alike. Everything else is copied. A backslash stays as it is, so that
//! paths look as people know them; the result is for reading, not for parsing.

use std::{borrow::Cow, io::Write};

/// Characters that move the cursor, end the line, reorder the text around them, or take no room and leave no mark: control characters, and what
/// Unicode 16 calls `Default_Ignorable_Code_Point`, with U+2028, U+2029 and the marks of interlinear annotation.
pub(crate) const fn is_hidden(character: char) -> bool {
    matches!(character,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a hidden character is a part of how its neighbours are written: a joiner (U+200C, U+200D) between letters of a script that
/// needs it or between parts of an emoji, and the form of an emoji or of a Chinese character.
fn is_needed(before: Option<char>, character: char, after: Option<char>) -> bool {
    let is = |it: Option<char>, wanted: fn(char) -> bool| it.is_some_and(|it| wanted(it) && !is_hidden(it));
    match character {
        '\u{200c}' if is(before, joins) && is(after, joins) => true,
        '\u{200d}' if is(before, joins) && is(after, joins) => true,
        '\u{200d}' => (is(before, is_emoji) || before == Some(EMOJI_FORM)) && is(after, is_emoji),
        EMOJI_FORM | '\u{fe0e}' => is(before, is_emoji),
        '\u{e0100}'..='\u{e01ef}' => is(before, is_ideograph),
        _ => false,
    }
}

/// Asks for an emoji's coloured form.
const EMOJI_FORM: char = '\u{fe0f}';

/// Scripts in which joiners change what is read: Arabic, Syriac, Thaana, N'Ko, those of India, Myanmar, Khmer and Mongolian.
const fn joins(character: char) -> bool {
    matches!(character, '\u{620}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}')
}

const fn is_emoji(character: char) -> bool {
    matches!(character, '\u{2190}'..='\u{27bf}' | '\u{2900}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

const fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
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
            let mut before = None;
            let mut characters = chunk.valid().chars().peekable();
            while let Some(character) = characters.next() {
                put(before, character, characters.peek().copied(), out);
                before = Some(character);
            }
            for byte in chunk.invalid() {
                // Writing to a vector cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
        rest = &rest[run..];
    }
}

fn put(before: Option<char>, character: char, after: Option<char>, out: &mut Vec<u8>) {
    let _ = match character {
        '\0'..='\x1f' | '\x7f' => write!(out, "\\x{:02x}", character as u32),
        _ if is_hidden(character) && !is_needed(before, character, after) => {
            write!(out, "\\u{{{:x}}}", character as u32)
        }
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
    fn what_is_not_seen_is_escaped() {
        for hidden in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{202a}',
            '\u{2060}',
            '\u{2064}',
            '\u{2066}',
            '\u{206a}',
            '\u{3164}',
            '\u{fe00}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
        ] {
            let code = format!("\\u{{{:x}}}", hidden as u32);
            for (before, after) in [("ssh", "d"), ("", ""), ("é", "é"), ("日", ""), ("🚀", "")] {
                let needed = matches!((before, hidden), ("日", '\u{e0100}') | ("🚀", '\u{fe0f}'));
                let expected = if needed { format!("{before}{hidden}") } else { format!("{before}{code}{after}") };
                assert_eq!(escaped(format!("{before}{hidden}{after}").as_bytes()), expected);
            }
            // One that follows another is never needed.
            assert!(escaped(format!("🚀{hidden}{hidden}").as_bytes()).ends_with(&code));
        }
    }

    #[test]
    fn joiners_stay_where_they_are_read() {
        for text in ["می\u{200c}خواهم", "क\u{94d}\u{200d}ष", "👩\u{200d}💻", "❤\u{fe0f}\u{200d}🔥", "葛\u{e0100}"]
        {
            assert_eq!(escaped(text.as_bytes()), text);
        }
        assert_eq!(escaped("م\u{200c}\u{200c}م\u{200c}x".as_bytes()), "م\\u{200c}\\u{200c}م\\u{200c}x");
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
