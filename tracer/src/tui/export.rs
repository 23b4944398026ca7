//! What is shown, for other programs: exact values, not the short ones of the screen.

use super::{cells::number, level::Level};
use crate::{
    format::{
        escape, json,
        width::{padded, width},
    },
    output::Row,
    view::{Mode, Place},
};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Csv,
    Json,
    Text,
}

impl Form {
    /// All of them, with their keys and names.
    pub const ALL: [(Self, char, &'static str); 3] = [
        (Self::Csv, 'c', "CSV, exact values"),
        (Self::Json, 'j', "JSON, a line for each row"),
        (Self::Text, 't', "text, as it is on the screen"),
    ];

    /// The end of the name of its files.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Text => "txt",
        }
    }
}

/// A value: text as it is, or a number.
enum Exact<'a> {
    Text(&'a [u8]),
    Number(Option<f64>),
}

/// All rows of a level.
#[must_use]
pub fn export(level: &Level, form: Form) -> Vec<u8> {
    if level.mode != Mode::Rows {
        let lines = (0..level.len()).map(|at| level.line(at));
        return lines
            .map(|line| match form {
                Form::Text => line + "\n",
                Form::Csv => quoted(&line) + "\n",
                Form::Json => serde_json::json!({ "line": line }).to_string() + "\n",
            })
            .collect::<String>()
            .into_bytes();
    }
    let titles: Vec<&str> = level.columns.iter().map(|at| level.shown[*at].title.as_str()).collect();
    let rows = || (0..level.len()).filter_map(|at| level.row(at));
    let mut out = Vec::new();
    match form {
        Form::Text => {
            let cells = rows().map(|row| level.columns.iter().map(|at| level.cell(&level.shown[*at], row)).collect());
            let lines: Vec<Vec<String>> =
                std::iter::once(titles.iter().map(|&title| title.to_owned()).collect()).chain(cells).collect();
            let room = |column: usize| lines.iter().map(|line| width(&line[column])).max().unwrap_or(0);
            let widths: Vec<usize> = (0..titles.len()).map(room).collect();
            for line in &lines {
                let cells = line.iter().zip(&widths).map(|(cell, room)| padded(cell, *room));
                out.extend_from_slice(cells.collect::<Vec<_>>().join("  ").trim_end().as_bytes());
                out.push(b'\n');
            }
        }
        Form::Csv => {
            out.extend_from_slice(titles.iter().map(|title| quoted(title)).collect::<Vec<_>>().join(",").as_bytes());
            out.push(b'\n');
            for row in rows() {
                for (number, at) in level.columns.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    match exact(level, *at, row) {
                        Exact::Text(text) => {
                            out.push(b'"');
                            for byte in text {
                                out.extend_from_slice(if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) });
                            }
                            out.push(b'"');
                        }
                        Exact::Number(value) => {
                            out.extend_from_slice(value.map(|value| value.to_string()).unwrap_or_default().as_bytes());
                        }
                    }
                }
                out.push(b'\n');
            }
        }
        Form::Json => {
            for row in rows() {
                out.push(b'{');
                for (number, at) in level.columns.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    json::text(level.shown[*at].title.as_bytes(), &mut out);
                    out.push(b':');
                    match exact(level, *at, row) {
                        Exact::Text(text) => json::text(text, &mut out),
                        Exact::Number(Some(value)) => out.extend_from_slice(value.to_string().as_bytes()),
                        Exact::Number(None) => out.extend_from_slice(b"null"),
                    }
                }
                out.extend_from_slice(b"}\n");
            }
        }
    }
    out
}

fn exact<'r>(level: &Level, at: usize, row: &'r Row) -> Exact<'r> {
    let text = |at: usize| Exact::Text(row.keys.get(at).map_or(&[][..], Vec::as_slice));
    match level.shown[at].place {
        _ if level.is_list() => text(at + usize::from(level.view.key.is_some())),
        Place::Key(at) => text(at),
        Place::Value(at) => Exact::Number(row.values.get(at).copied().flatten().filter(|value| value.is_finite())),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The cells of a row, for the clipboard.
#[must_use]
pub fn copied(level: &Level, at: usize) -> String {
    match level.row(at) {
        Some(row) if level.mode == Mode::Rows => {
            level.columns.iter().map(|at| level.cell(&level.shown[*at], row)).collect::<Vec<_>>().join("\t")
        }
        Some(_) => level.line(at),
        None => String::new(),
    }
}

/// A number of the detail pane: short, and exact where that says more.
#[must_use]
pub fn both(value: f64, unit: crate::fields::Unit) -> String {
    let (short, exact) = (number(value, unit), value.to_string());
    if short == exact { exact } else { format!("{short}  ({})", escape::escaped(exact.as_bytes())) }
}
