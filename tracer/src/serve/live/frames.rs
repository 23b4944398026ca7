//! Frames as JSON: columns with field and unit, rows with keys first, and the lines of what is printed in lines.

use serde_json::{Map, Value, json};

use crate::{
    fields::Unit,
    output::{Column, Form, Frame, Row},
};

/// The most rows of a frame that are sent.
const MAX_ROWS: usize = 1000;

fn text(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(bytes).into_owned())
}

fn column(column: &Column) -> Value {
    let unit = match column.unit {
        Unit::None => Value::Null,
        Unit::Bytes => json!("bytes"),
        Unit::Time => json!("ns"),
        Unit::Percent => json!("percent"),
    };
    json!({ "title": column.title, "field": column.name, "unit": unit })
}

fn cells(row: &Row, keys: usize) -> Value {
    let numbers = row.values.iter().map(|value| value.filter(|value| value.is_finite()));
    row.keys.iter().take(keys).map(|key| text(key)).chain(numbers.map(|number| json!(number))).collect()
}

/// A frame; rows of a view come with the largest first.
pub(super) fn frame(frame: &Frame) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("began_ms", json!(frame.span.began_ns / 1_000_000));
    put("time_ms", json!(frame.span.ended_ns / 1_000_000));
    if !frame.title.is_empty() {
        put("title", json!(frame.title));
    }
    if frame.keys.is_empty() && frame.values.is_empty() {
        let lines = frame.rows.iter().take(MAX_ROWS).map(|row| text(&row.line));
        put("lines", lines.collect());
    } else {
        put("columns", frame.keys.iter().chain(&frame.values).map(column).collect());
        let mut rows: Vec<&Row> = frame.rows.iter().collect();
        if frame.form == Form::Table {
            let number = |row: &Row| row.values.get(frame.sort).copied().flatten().unwrap_or(f64::NEG_INFINITY);
            rows.sort_by(|a, b| number(b).total_cmp(&number(a)));
        }
        put("rows", rows.into_iter().take(MAX_ROWS).map(|row| cells(row, frame.keys.len())).collect());
    }
    put("left_out", json!(frame.rows.len().saturating_sub(MAX_ROWS) as u64 + frame.lost));
    put("lost", json!(frame.dropped));
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Span;

    #[test]
    fn rows_have_their_keys_first_and_the_largest_comes_first() {
        let row = |name: &str, value| Row { keys: vec![name.into()], values: vec![value], line: Vec::new() };
        let bytes = Column { unit: Unit::Bytes, ..Column::key("Bytes".into(), "evt.buflen".into()) };
        let table = Frame {
            keys: vec![Column::key("File".into(), "fd.name".into())],
            values: vec![bytes],
            rows: vec![row("/a", Some(1.0)), row("/b", None), row("/c", Some(2.5))],
            ..Frame::new(Form::Table, "", Span { began_ns: 1_000_000, ended_ns: 3_000_000 })
        };
        assert_eq!(
            frame(&table),
            json!({
                "began_ms": 1, "time_ms": 3, "left_out": 0, "lost": 0,
                "columns": [
                    { "title": "File", "field": "fd.name", "unit": null },
                    { "title": "Bytes", "field": "evt.buflen", "unit": "bytes" },
                ],
                "rows": [["/c", 2.5], ["/a", 1.0], ["/b", null]],
            })
        );
    }

    #[test]
    fn lines_stay_lines_and_long_tables_are_cut() {
        let line = |text: &str| Row { keys: Vec::new(), values: Vec::new(), line: text.into() };
        let lines = Frame {
            rows: vec![line("a"), line("b")],
            ..Frame::new(Form::Lines { continues: true }, "x", Span::default())
        };
        assert_eq!(frame(&lines)["lines"], json!(["a", "b"]));
        let row = |at: usize| Row { keys: vec![at.to_string().into_bytes()], values: Vec::new(), line: Vec::new() };
        let keys = vec![Column::key("N".into(), "n".into())];
        let long =
            Frame { keys, rows: (0..MAX_ROWS + 7).map(row).collect(), ..Frame::new(Form::Table, "", Span::default()) };
        assert_eq!(
            (frame(&long)["rows"].as_array().map(Vec::len), &frame(&long)["left_out"]),
            (Some(MAX_ROWS), &json!(7))
        );
    }
}
