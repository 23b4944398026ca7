//! Rows of engines as tables that fit the terminal.

use serde_json::Value;

use crate::{
    format::{
        escape::escaped,
        time, units,
        width::{cut_middle, pad, width},
    },
    message::note,
    output::Out,
    state::container::engine::{Question, Row},
};

/// Blanks between columns.
const GAP: usize = 2;
/// No text is cut to less.
const SHORTEST: usize = 6;
/// Of an id, so much tells it from others.
const ID: usize = 12;
/// What a list begins with.
const FIRST: [&str; 4] = ["engine", "address", "name", "version"];

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// The first letters.
    Id,
    Bytes,
    Count,
    Percent,
    /// Seconds since the epoch.
    Date,
    /// Nanoseconds since the epoch.
    Time,
}

/// A column: its title, its field, and how that is shown.
pub(super) type Column = (&'static str, &'static str, Form);

/// The columns of a table; those that are empty are left out.
pub(super) fn columns(question: Question) -> &'static [Column] {
    match question {
        Question::Version | Question::Info => &[
            ("ENGINE", "engine", Form::Text),
            ("VERSION", "version", Form::Text),
            ("API", "api", Form::Text),
            ("OS", "os", Form::Text),
            ("ARCH", "architecture", Form::Text),
            ("KERNEL", "kernel", Form::Text),
            ("ADDRESS", "address", Form::Text),
        ],
        Question::Images => &[
            ("ENGINE", "engine", Form::Text),
            ("NAMESPACE", "namespace", Form::Text),
            ("IMAGE", "tags", Form::Text),
            ("ID", "id", Form::Id),
            ("CREATED", "created_s", Form::Date),
            ("SIZE", "size_bytes", Form::Bytes),
        ],
        Question::Containers => &[
            ("ENGINE", "engine", Form::Text),
            ("NAMESPACE", "namespace", Form::Text),
            ("POD", "pod", Form::Text),
            ("NAME", "name", Form::Text),
            ("ID", "id", Form::Id),
            ("IMAGE", "image", Form::Text),
            ("STATE", "state", Form::Text),
            ("CREATED", "created_s", Form::Date),
            ("PORTS", "ports", Form::Text),
        ],
        Question::Stats => &[
            ("ENGINE", "engine", Form::Text),
            ("NAME", "name", Form::Text),
            ("ID", "id", Form::Id),
            ("CPU%", "cpu_percent", Form::Percent),
            ("MEMORY", "memory_bytes", Form::Bytes),
            ("LIMIT", "memory_limit_bytes", Form::Bytes),
            ("RECEIVED", "received_bytes", Form::Bytes),
            ("SENT", "sent_bytes", Form::Bytes),
            ("READ", "read_bytes", Form::Bytes),
            ("WRITTEN", "written_bytes", Form::Bytes),
            ("PROCS", "processes", Form::Count),
        ],
    }
}

/// What an event says, in one line.
pub(super) const EVENT: &[Column] = &[
    ("TIME", "time_ns", Form::Time),
    ("ENGINE", "engine", Form::Text),
    ("TYPE", "type", Form::Text),
    ("ACTION", "action", Form::Text),
    ("NAMESPACE", "namespace", Form::Text),
    ("NAME", "name", Form::Text),
    ("ID", "id", Form::Id),
    ("IMAGE", "image", Form::Text),
    ("EXIT", "exit_code", Form::Text),
];

impl Form {
    fn is_number(self) -> bool {
        matches!(self, Self::Bytes | Self::Count | Self::Percent)
    }

    /// A value as it stands in a table: nothing of it can move the cursor.
    pub(super) fn shown(self, value: Option<&Value>) -> String {
        let Some(value) = value else { return String::new() };
        let number = || value.as_f64().unwrap_or_default();
        match self {
            Self::Bytes => units::bytes(number()),
            Self::Count => value.to_string(),
            Self::Percent => format!("{:.2}", number()),
            Self::Date | Self::Time => {
                let scale = if self == Self::Date { 1_000_000_000 } else { 1 };
                let mut text = Vec::new();
                time::date_time(
                    value.as_u64().unwrap_or_default().saturating_mul(scale),
                    self == Self::Time,
                    &mut text,
                );
                String::from_utf8_lossy(&text).into_owned()
            }
            Self::Text | Self::Id => {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Array(all) => {
                        let texts: Vec<String> = all.iter().map(|value| Self::Text.shown(Some(value))).collect();
                        return texts.join(", ");
                    }
                    Value::Object(all) => {
                        let all = all
                            .iter()
                            .map(|(name, value)| format!("{}={}", escaped_text(name), Self::Text.shown(Some(value))));
                        return all.collect::<Vec<_>>().join(", ");
                    }
                    other => other.to_string(),
                };
                let is_id = self == Self::Id && text.len() > ID && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                if is_id { text[..ID].to_owned() } else { escaped_text(&text) }
            }
        }
    }
}

fn escaped_text(text: &str) -> String {
    escaped(text.as_bytes())
}

/// A table that fits.
#[derive(Debug)]
pub(super) struct Table {
    /// The heading, and a line for each row.
    pub(super) lines: Vec<String>,
    /// Titles of columns that there was no room for.
    pub(super) left_out: Vec<&'static str>,
}

impl Table {
    /// Prints it, and says what there was no room for.
    pub(super) fn print(&self, out: &Out) -> std::io::Result<()> {
        self.lines.iter().try_for_each(|line| out.text_line(line))?;
        if !self.left_out.is_empty() {
            out.flush()?;
            let columns = self.left_out.join(", ");
            note(&format!("note: the terminal is too narrow for {columns}\nhint: -j shows everything"));
        }
        Ok(())
    }
}

/// A table with its heading. On a terminal it is not wider than that: texts are cut in their middle, and then the last columns are left out.
pub(super) fn table(columns: &[Column], rows: &[Row], room: Option<usize>) -> Table {
    let filled = |(_, field, _): &&Column| rows.is_empty() || rows.iter().any(|row| row.contains_key(*field));
    let columns: Vec<Column> = columns.iter().filter(filled).copied().collect();
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|(_, field, form)| form.shown(row.get(*field))).collect()).collect();
    let mut widths: Vec<usize> = columns.iter().map(|(title, ..)| title.len()).collect();
    for (width_of, at) in widths.iter_mut().zip(0..) {
        *width_of = cells.iter().map(|row| width(&row[at])).max().unwrap_or(0).max(*width_of);
    }
    let mut left_out = 0;
    if let Some(room) = room {
        let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        while total(&widths) > room {
            let texts = widths.iter_mut().zip(&columns).filter(|(_, (.., form))| *form == Form::Text);
            let longest = texts.map(|(width, _)| width).max_by_key(|width| **width).filter(|width| **width > SHORTEST);
            if let Some(longest) = longest {
                *longest -= 1;
            } else if widths.len() > 1 {
                widths.pop();
                left_out += 1;
            } else {
                break;
            }
        }
    }
    let shown = &columns[..columns.len() - left_out];
    let line = |cells: &[String]| {
        let mut out = String::new();
        for (at, ((cell, room), (.., form))) in cells.iter().zip(&widths).zip(shown).enumerate() {
            if at > 0 {
                out.push_str(&" ".repeat(GAP));
            }
            pad(&cut_middle(cell, *room, "…"), *room, form.is_number(), &mut out);
        }
        out.trim_end().to_owned()
    };
    let titles: Vec<String> = columns.iter().map(|(title, ..)| (*title).to_owned()).collect();
    let lines = std::iter::once(&titles).chain(&cells).map(|cells| line(cells)).collect();
    Table { lines, left_out: columns[shown.len()..].iter().map(|(title, ..)| *title).collect() }
}

/// Each row as a list of its fields.
pub(super) fn lists(rows: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let longest = row.keys().map(|name| width(&escaped_text(name))).max().unwrap_or(0);
        let (first, rest): (Vec<_>, Vec<_>) = row.iter().partition(|(name, _)| FIRST.contains(&name.as_str()));
        let place = |name: &str| FIRST.iter().position(|first| *first == name);
        let mut first = first;
        first.sort_by_key(|(name, _)| place(name));
        for (name, value) in first.into_iter().chain(rest) {
            let form = if name.ends_with("_bytes") { Form::Bytes } else { Form::Text };
            let mut line = String::new();
            let name = escaped_text(name.strip_suffix("_bytes").unwrap_or(name)).replace('_', " ");
            pad(&name, longest + GAP, false, &mut line);
            line.push_str(&form.shown(Some(value)));
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: &Value) -> Row {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn tables_fit_and_move_no_cursor() {
        let rows = [
            row(&json!({"engine": "docker", "name": "we\u{1b}[2Jb\u{202e}", "id": "0123456789abcdef",
                "cpu_percent": 1.5, "memory_bytes": 2048, "processes": 18_446_744_073_709_551_615_u64})),
            row(&json!({"engine": "podman@1000", "name": "x".repeat(300), "memory_bytes": 1})),
        ];
        let whole = table(columns(Question::Stats), &rows, None).lines;
        assert!(whole[0].starts_with("ENGINE") && !whole[0].contains("READ"), "{whole:?}");
        assert!(whole[1].contains("0123456789ab ") && whole[1].contains("2.00KB"), "{whole:?}");
        assert!(whole[1].ends_with("18446744073709551615"), "{whole:?}");
        assert!(!whole.concat().contains(['\u{1b}', '\u{202e}']), "{whole:?}");
        for room in [200, 80, 40, 20] {
            let Table { lines: cut, left_out } = table(columns(Question::Stats), &rows, Some(room));
            assert_eq!(left_out.is_empty(), cut[0].contains("PROCS"), "{room}: {left_out:?}");
            assert!(cut.iter().all(|line| width(line) <= room), "{room}: {cut:?}");
        }
    }

    #[test]
    fn an_answer_without_rows_still_has_a_heading() {
        assert_eq!(table(columns(Question::Images), &[], None).lines.len(), 1);
    }
}
