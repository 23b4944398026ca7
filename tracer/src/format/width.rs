//! How wide text is on a terminal: the only implementation. Wide characters take two columns, colours none, and characters that are drawn as one,
//! such as a letter with its accents, are one part.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::format::color::RESET;

/// The characters of a text, and sequences that set a colour, with the columns that each takes.
fn parts(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let color = rest.strip_prefix("\x1b[").and_then(|codes| codes.find('m'));
        let (len, columns) = match color {
            Some(end) => (end + 3, 0),
            None => {
                let first = rest.graphemes(true).next()?;
                (first.len(), first.width())
            }
        };
        let (part, after) = rest.split_at(len);
        rest = after;
        Some((part, columns))
    })
}

/// Columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    match text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        true => text.len(),
        false => parts(text).map(|(_, columns)| columns).sum(),
    }
}

/// As much of the beginning of a text as fits. A colour that is cut short is switched off.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let (mut out, mut used) = (String::new(), 0);
    for (part, columns) in parts(text) {
        if used + columns > room {
            break;
        }
        out.push_str(part);
        used += columns;
    }
    // What would join the next character is not seen any more.
    out.truncate(out.trim_end_matches(['\u{200c}', '\u{200d}']).len());
    if out.contains('\x1b') {
        out.push_str(RESET);
    }
    out
}

/// The parts of a text that is broken into lines of that width.
pub(crate) fn chunks(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for (part, columns) in parts(text) {
        if used + columns > room && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(part);
        }
        used += columns;
    }
    lines
}

/// The text without its middle, in whose place `mark` is, if it does not fit. Of a path, most of the end is kept: it has the name of the file.
pub(crate) fn cut_middle(text: &str, room: usize, mark: &str) -> String {
    let all = width(text);
    if all <= room {
        return text.to_owned();
    }
    let Some(kept) = room.checked_sub(width(mark)).filter(|kept| *kept > 0) else { return cut(text, room) };
    let head = if text.contains('/') { kept / 3 } else { kept.div_ceil(2) };
    let head = cut(text, head);
    let tail = kept - width(&head);
    let mut skipped = 0;
    let end: String = parts(text)
        .skip_while(|(_, columns)| {
            let skips = all - skipped > tail;
            skipped += columns;
            skips
        })
        .map(|(part, _)| part)
        .collect();
    // An accent without its letter would now be on the mark.
    let end = end.trim_start_matches(|first: char| first.width() == Some(0));
    format!("{head}{mark}{end}")
}

/// Where columns begin, but for the first one, in lines below a title: its words stand above them with two blanks or more between them.
pub(crate) fn places(title: &str) -> Vec<usize> {
    let heads = title.lines().next_back().unwrap_or_default();
    let begins = |at: &usize| heads.as_bytes()[..*at].ends_with(b"  ") && !heads[*at..].starts_with(' ');
    (2..heads.len()).filter(|at| heads.is_char_boundary(*at)).filter(begins).map(|at| width(&heads[..at])).collect()
}

/// A line with columns that fits: without the middle of its last column, and without those before it if that has no room.
pub(crate) fn cut_line(line: &str, room: usize, columns: &[usize], mark: &str) -> String {
    /// So many columns of a terminal show most names.
    const NAME: usize = 12;
    let (Some(last), Some(kept)) = (columns.last(), columns.iter().rev().find(|at| **at + NAME <= room)) else {
        return cut_middle(line, room, mark);
    };
    let (head, before) = (cut(line, *kept), cut(line, *last));
    // Colours are in no list whose columns have a place.
    let rest = line.strip_prefix(&before).unwrap_or_default();
    let blanks = kept.saturating_sub(width(&head));
    format!("{head}{}{}", " ".repeat(blanks), cut_middle(rest, room - kept, mark))
}

/// Appends a text with blanks up to `room` columns: before it if it is a number, else after it.
pub(crate) fn pad(text: &str, room: usize, right: bool, out: &mut String) {
    let blanks = room.saturating_sub(width(text));
    if right {
        out.extend(std::iter::repeat_n(' ', blanks));
    }
    out.push_str(text);
    if !right {
        out.extend(std::iter::repeat_n(' ', blanks));
    }
}

/// A text with blanks after it, up to `room` columns; one that is wider stays whole.
pub(crate) fn padded(text: &str, room: usize) -> String {
    let mut out = String::new();
    pad(text, room, false, &mut out);
    out
}

/// A text of exactly that many columns: padded or cut. Half of a wide character is a blank.
pub(crate) fn fitted(text: &str, room: usize, right: bool) -> String {
    let mut out = String::new();
    pad(&cut(text, room), room, right, &mut out);
    out
}

/// The same of what is in `out` from `from` on, which is text.
pub(crate) fn fit(out: &mut Vec<u8>, from: usize, room: usize) {
    let text = &out[from..];
    if text.len() <= room && text.iter().all(|byte| matches!(byte, 0x20..=0x7e)) {
        out.resize(from + room, b' ');
        return;
    }
    let text = fitted(&String::from_utf8_lossy(text), room, false);
    out.truncate(from);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns_and_colours_none() {
        assert_eq!((width("nginx"), width("日本"), width("e\u{301}"), width("\x1b[31mred\x1b[0m")), (5, 4, 1, 3));
        assert_eq!(cut("日本語", 5), "日本");
        assert_eq!(cut("\x1b[31mred\x1b[0m", 2), "\x1b[31mre\x1b[00m");
        let padded = |text, right| {
            let mut out = String::new();
            pad(text, 6, right, &mut out);
            out
        };
        assert_eq!((padded("日本", false), padded("12", true)), ("日本  ".into(), "    12".into()));
    }

    #[test]
    fn what_is_fitted_has_exactly_that_width() {
        let bytes = |text: &str, room| {
            let mut out = [b"in front ", text.as_bytes()].concat();
            fit(&mut out, 9, room);
            String::from_utf8(out).unwrap().split_off(9)
        };
        for (text, room, expected) in [
            ("curl", 3, "cur"),
            ("cat", 5, "cat  "),
            ("grüße", 4, "grüß"),
            ("ü", 3, "ü  "),
            ("日本語", 5, "日本 "),
            ("日本語", 8, "日本語  "),
            ("🚀.txt", 7, "🚀.txt "),
            ("e\u{301}e\u{301}", 3, "e\u{301}e\u{301} "),
            ("❤\u{fe0f}x", 4, "❤\u{fe0f}x "),
        ] {
            assert_eq!((bytes(text, room).as_str(), fitted(text, room, false).as_str()), (expected, expected));
            assert_eq!(width(&fitted(text, room, true)), room, "{text}");
        }
        assert_eq!(fitted("日本", 6, true), "  日本");
    }

    #[test]
    fn of_a_list_the_last_column_stays() {
        let title = "first line  of two\nTID     USER NAME  PATH";
        let places = places(title);
        assert_eq!((&*places, super::places("PATH"), super::places("")), (&[8, 19][..], vec![], vec![]));
        let line = "4711    root       /var/lib/docker/overlay2/diff/usr/bin/python3";
        assert_eq!(cut_line(line, 43, &places, "…"), "4711    root       /var/li…/usr/bin/python3");
        assert_eq!(cut_line(line, 24, &places, "…"), "4711    /var/…in/python3");
        assert_eq!(cut_line("4711    root       cat", 20, &places, "…"), "4711    cat");
        for room in 1..50 {
            assert!(width(&cut_line(line, room, &places, "…")) <= room, "{room}");
        }
    }

    #[test]
    fn paths_keep_their_ends() {
        let path = "/var/lib/docker/overlay2/0123456789/diff/usr/bin/python3";
        let cut = cut_middle(path, 24, "…");
        assert_eq!((cut.as_str(), width(&cut)), ("/var/li…/usr/bin/python3", 24));
        assert_eq!(cut_middle("a-very-long-process-name", 11, "~"), "a-ver~-name");
        assert_eq!(cut_middle("short", 11, "…"), "short");
        for room in 0..24 {
            assert!(width(&cut_middle("日本語日本語日本語日本語", room, "…")) <= room, "{room}");
            assert!(width(&cut_middle(path, room, "…")) <= room, "{room}");
        }
    }
}
