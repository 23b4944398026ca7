//! The table of one interval as lines of text.

use crate::{
    fields::Unit,
    format::{template::fit, units},
};

/// Characters of a cell; the last column is as wide as it needs to be.
const CELL: usize = 20;
/// Dashes under the head.
const RULE: usize = 80;

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The value.
    pub value: f64,
    /// The keys, safe for a terminal.
    pub cells: Vec<String>,
}

/// The rows of one interval, sorted and cut.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Line above the table; empty for none.
    pub title: String,
    /// Heads of the columns, that of the value first.
    pub titles: Vec<String>,
    /// The rows, largest value first.
    pub rows: Vec<Row>,
    /// Unit of the value.
    pub unit: Unit,
    /// Events that did not count because there were too many keys.
    pub overflow: u64,
}

impl Snapshot {
    /// The table as lines, at most `width` characters each and at most `height` of them, when there is a limit.
    #[must_use]
    pub fn lines(&self, width: Option<usize>, height: Option<usize>) -> Vec<String> {
        let mut lines = Vec::with_capacity(self.rows.len() + 3);
        if !self.title.is_empty() {
            lines.push(self.title.clone());
        }
        lines.push(join(self.titles.iter().map(String::as_str)));
        lines.push("-".repeat(RULE));
        for row in &self.rows {
            let value = units::text(row.value, self.unit);
            lines.push(join(std::iter::once(value.as_str()).chain(row.cells.iter().map(String::as_str))));
        }
        let note = (self.overflow > 0)
            .then(|| format!("({} events are not in the table: it has too many keys)", self.overflow));
        if let Some(height) = height {
            lines.truncate(height.saturating_sub(usize::from(note.is_some())));
        }
        lines.extend(note);
        if let Some(width) = width {
            for line in &mut lines {
                if let Some((at, _)) = line.char_indices().nth(width) {
                    line.truncate(at);
                }
            }
        }
        lines
    }
}

/// Cells in columns: padded, and cut so that a blank stays between them, except the last.
fn join<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let mut line = Vec::new();
    let mut cells = cells.peekable();
    while let Some(cell) = cells.next() {
        let from = line.len();
        line.extend_from_slice(cell.as_bytes());
        if cells.peek().is_some() {
            fit(&mut line, from, CELL - 1);
            line.push(b' ');
        }
    }
    String::from_utf8(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            title: String::new(),
            titles: vec!["Bytes".into(), "Process".into(), "PID".into()],
            rows: vec![
                Row { value: 1536.0, cells: vec!["a-very-long-process-name".into(), "12".into()] },
                Row { value: 3.0, cells: vec!["cat".into(), "7".into()] },
            ],
            unit: Unit::Bytes,
            overflow: 0,
        }
    }

    #[test]
    fn cells_are_twenty_wide_and_the_last_one_is_free() {
        let rule = "-".repeat(80);
        assert_eq!(
            snapshot().lines(None, None),
            [
                "Bytes               Process             PID",
                rule.as_str(),
                "1.50KB              a-very-long-process 12",
                "3B                  cat                 7",
            ]
        );
    }

    #[test]
    fn lines_respect_the_terminal() {
        let lines = Snapshot { overflow: 5, ..snapshot() }.lines(Some(24), Some(4));
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[2], "1.50KB              a-ve");
        assert!(lines[3].starts_with("(5 events"));
    }
}
