//! A table: values first, then keys, in columns.

use super::fit;
use crate::{
    format::{escape::escaped, template, units},
    output::Frame,
    sample::Sample,
};

/// Characters of a cell; the last column is as wide as it needs to be.
const CELL: usize = 20;
/// Dashes under the head.
const RULE: usize = 80;

/// The lines, at most `width` characters each and at most `height` of them, when there is a limit.
pub(in crate::output) fn lines(frame: &Frame, width: Option<usize>, height: Option<usize>) -> Vec<String> {
    let mut lines = Vec::with_capacity(frame.rows.len() + 3);
    lines.extend(Sample::title(&frame.title, frame.sample));
    lines.push(join(frame.values.iter().chain(&frame.keys).map(|column| column.title.clone())));
    lines.push("-".repeat(RULE));
    for row in &frame.rows {
        let values = row.values.iter().zip(&frame.values);
        let values = values.map(|(value, column)| value.map_or("-".to_owned(), |it| units::text(it, column.unit)));
        lines.push(join(values.chain(row.keys.iter().map(|key| escaped(key)))));
    }
    let note = (frame.lost > 0).then(|| format!("({} events are not in the table: it has too many keys)", frame.lost));
    fit(&mut lines, note, width, height);
    lines
}

/// Cells in columns: padded, and cut so that a blank stays between them, except the last.
fn join(cells: impl Iterator<Item = String>) -> String {
    let mut line = Vec::new();
    let mut cells = cells.peekable();
    while let Some(cell) = cells.next() {
        let from = line.len();
        line.extend_from_slice(cell.as_bytes());
        if cells.peek().is_some() {
            template::fit(&mut line, from, CELL - 1);
            line.push(b' ');
        }
    }
    String::from_utf8(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::frame::testing::processes;

    #[test]
    fn cells_are_twenty_wide_and_the_last_one_is_free() {
        let rule = "-".repeat(80);
        assert_eq!(
            lines(&processes(), None, None),
            [
                "Bytes               Process             PID",
                rule.as_str(),
                "1.50KB              a-very-long-process 12",
                "3B                  c\\x0at              7",
            ]
        );
    }

    #[test]
    fn lines_respect_the_terminal() {
        let lines = lines(&Frame { lost: 5, ..processes() }, Some(24), Some(4));
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[2], "1.50KB              a-ve");
        assert!(lines[3].starts_with("(5 events"));
    }
}
