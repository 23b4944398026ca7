//! The table of one interval as lines of text, or as an object of JSON.

use std::io::Write as _;

use crate::{
    fields::Unit,
    format::{escape::escaped, json, template::fit, units},
    sample::Sample,
};

/// Characters of a cell; the last column is as wide as it needs to be.
const CELL: usize = 20;
/// Dashes under the head.
const RULE: usize = 80;
const SECOND: u64 = 1_000_000_000;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Head of the column.
    pub title: String,
    /// The field.
    pub name: String,
    /// How it is printed.
    pub unit: Unit,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The values; `None` where there was none.
    pub values: Vec<Option<f64>>,
    /// The keys, exact: they are escaped when they are printed.
    pub keys: Vec<Vec<u8>>,
}

/// The rows of one interval, sorted and cut.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Line above the table; empty for none.
    pub title: String,
    /// Columns of the values.
    pub values: Vec<Cell>,
    /// Columns of the keys, behind those of the values.
    pub keys: Vec<Cell>,
    /// The rows, largest value first.
    pub rows: Vec<Row>,
    /// Events that did not count because there were too many keys.
    pub overflow: u64,
    /// How many events were looked at, when counts and sums are estimates.
    pub sample: Option<Sample>,
}

impl Snapshot {
    /// The table as lines, at most `width` characters each and at most `height` of them, when there is a limit.
    #[must_use]
    pub fn lines(&self, width: Option<usize>, height: Option<usize>) -> Vec<String> {
        let mut lines = Vec::with_capacity(self.rows.len() + 3);
        lines.extend(Sample::title(&self.title, self.sample));
        lines.push(join(self.values.iter().chain(&self.keys).map(|column| column.title.clone())));
        lines.push("-".repeat(RULE));
        for row in &self.rows {
            let values = row.values.iter().zip(&self.values);
            let values = values.map(|(value, column)| value.map_or("-".to_owned(), |it| units::text(it, column.unit)));
            lines.push(join(values.chain(row.keys.iter().map(|key| escaped(key)))));
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

    /// Appends the table as an object: `ts`, the second as text; `data`, the rows, keys first; `info`, the columns.
    pub fn json(&self, now_ns: u64, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{{\"ts\":\"{}\"", now_ns / SECOND * SECOND);
        if !self.title.is_empty() {
            out.extend_from_slice(b",\"title\":");
            json::text(self.title.as_bytes(), out);
        }
        out.extend_from_slice(b",\"data\":[");
        for (at, row) in self.rows.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"[" } else { b",[" });
            for key in &row.keys {
                json::text(key, out);
                out.push(b',');
            }
            for (at, value) in row.values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                match value.filter(|value| value.is_finite()) {
                    Some(value) => _ = write!(out, "{value}"),
                    None => out.extend_from_slice(b"null"),
                }
            }
            out.push(b']');
        }
        out.extend_from_slice(b"],\"info\":[");
        for column in &self.keys {
            info(column, true, out);
            out.push(b',');
        }
        if self.keys.len() == 1 {
            // The value of tables with one or two keys is the third entry.
            out.extend_from_slice(b"null,");
        }
        for (at, column) in self.values.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            info(column, false, out);
        }
        out.push(b']');
        if self.overflow > 0 {
            let _ = write!(out, ",\"overflow\":{}", self.overflow);
        }
        if let Some(sample) = self.sample {
            let _ = write!(out, ",\"sample\":{}", sample.one_in());
        }
        out.push(b'}');
    }
}

fn info(column: &Cell, is_key: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    json::text(column.name.as_bytes(), out);
    out.extend_from_slice(b",\"desc\":");
    json::text(column.title.as_bytes(), out);
    let _ = write!(out, ",\"is_key\":{is_key}}}");
}

/// Cells in columns: padded, and cut so that a blank stays between them, except the last.
fn join(cells: impl Iterator<Item = String>) -> String {
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

    fn column(title: &str, name: &str, unit: Unit) -> Cell {
        Cell { title: title.into(), name: name.into(), unit }
    }

    fn snapshot() -> Snapshot {
        let row =
            |value, name: &[u8], pid: &[u8]| Row { values: vec![Some(value)], keys: vec![name.into(), pid.into()] };
        Snapshot {
            title: String::new(),
            values: vec![column("Bytes", "evt.buflen", Unit::Bytes)],
            keys: vec![column("Process", "proc.name", Unit::None), column("PID", "proc.pid", Unit::None)],
            rows: vec![row(1536.0, b"a-very-long-process-name", b"12"), row(3.0, b"c\nt", b"7")],
            overflow: 0,
            sample: None,
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
                "3B                  c\\x0at              7",
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

    #[test]
    fn an_object_has_exact_keys_and_numbers() {
        let json = |snapshot: &Snapshot| {
            let mut out = Vec::new();
            snapshot.json(1_690_557_263_532_000_000, &mut out);
            serde_json::from_slice::<serde_json::Value>(&out).unwrap()
        };
        let mut table = snapshot();
        let object = json(&table);
        assert_eq!(object["ts"], "1690557263000000000");
        assert_eq!(object["data"][1], serde_json::json!(["c\nt", "7", 3]));
        assert_eq!(object["info"][2], serde_json::json!({"name": "evt.buflen", "desc": "Bytes", "is_key": false}));
        table.keys.pop();
        table.rows.clear();
        assert_eq!(json(&table)["data"], serde_json::json!([]));
        assert!(json(&table)["info"][1].is_null());
    }
}
