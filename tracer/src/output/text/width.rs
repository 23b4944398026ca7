//! How wide text is on a terminal: wide characters take two columns, colours none.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::format::color::RESET;

/// The characters of a text, and sequences that set a colour, with the columns that each takes.
fn parts(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let color = rest.strip_prefix("\x1b[").and_then(|codes| codes.find('m'));
        let (len, columns) = match color {
            Some(end) => (end + 3, 0),
            None => (first.len_utf8(), first.width().unwrap_or(0)),
        };
        let (part, after) = rest.split_at(len);
        rest = after;
        Some((part, columns))
    })
}

/// Columns that a text takes.
pub(in crate::output) fn width(text: &str) -> usize {
    match text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        true => text.len(),
        false if !text.contains('\x1b') => text.width(),
        false => parts(text).map(|(_, columns)| columns).sum(),
    }
}

/// As much of the beginning of a text as fits. A colour that is cut short is switched off.
pub(in crate::output) fn cut(text: &str, room: usize) -> String {
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
    if out.contains('\x1b') {
        out.push_str(RESET);
    }
    out
}

/// The parts of a text that is broken into lines of that width.
pub(in crate::output) fn chunks(text: &str, room: usize) -> Vec<String> {
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
pub(in crate::output) fn cut_middle(text: &str, room: usize, mark: &str) -> String {
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
    // A character that joins the one before it would now join the mark.
    let end = end.trim_start_matches(|first: char| first.width() == Some(0));
    format!("{head}{mark}{end}")
}

/// Where columns begin, but for the first one, in lines below a title: its words stand above them with two blanks or more between them.
pub(in crate::output) fn places(title: &str) -> Vec<usize> {
    let heads = title.lines().next_back().unwrap_or_default();
    let begins = |at: &usize| heads.as_bytes()[..*at].ends_with(b"  ") && !heads[*at..].starts_with(' ');
    (2..heads.len()).filter(|at| heads.is_char_boundary(*at)).filter(begins).map(|at| width(&heads[..at])).collect()
}

/// A line with columns that fits: without the middle of its last column, and without those before it if that has no room.
pub(in crate::output) fn cut_line(line: &str, room: usize, columns: &[usize], mark: &str) -> String {
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
pub(in crate::output) fn pad(text: &str, room: usize, right: bool, out: &mut String) {
    let blanks = room.saturating_sub(width(text));
    if right {
        out.extend(std::iter::repeat_n(' ', blanks));
    }
    out.push_str(text);
    if !right {
        out.extend(std::iter::repeat_n(' ', blanks));
    }
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
