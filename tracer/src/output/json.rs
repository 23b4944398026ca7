//! Frames as JSON, an object for each.

use std::io::Write as _;

use super::{Column, Form, Frame, Row};
use crate::format::json;

const SECOND: u64 = 1_000_000_000;

/// Appends the object of a frame. `ts` is text: the second, or the nanosecond of a heat map and of what is about less than a second.
///
/// A table has `data`, its rows with the keys first, and `info`, its columns. Histograms and heat maps have the ranges that any
/// event had. A rate has its values by title.
pub(super) fn frame(frame: &Frame, out: &mut Vec<u8>) {
    let ended_ns = frame.span.ended_ns;
    // Of a part of a second, the second would be that of the frame before.
    let exact = matches!(frame.form, Form::Heat { .. }) || frame.is_short;
    let ts = if exact { ended_ns } else { ended_ns / SECOND * SECOND };
    // Writing to a vector cannot fail.
    let _ = write!(out, "{{\"ts\":\"{ts}\"");
    match frame.form {
        Form::Table => table(frame, out),
        Form::Rate => rate(frame, out),
        Form::Bars => bars(frame, out),
        Form::Heat { .. } => {
            field(frame, out);
            ranges(&frame.rows, out);
        }
        Form::Lines { .. } => {}
    }
    if frame.lost > 0 {
        let _ = write!(out, ",\"overflow\":{}", frame.lost);
    }
    if let Some(sample) = frame.sample {
        let _ = write!(out, ",\"sample\":{}", sample.one_in());
    }
    out.push(b'}');
}

/// Between the entries of a list.
fn comma(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

fn table(frame: &Frame, out: &mut Vec<u8>) {
    if !frame.title.is_empty() {
        out.extend_from_slice(b",\"title\":");
        json::text(frame.title.as_bytes(), out);
    }
    out.extend_from_slice(b",\"data\":[");
    for (at, row) in frame.rows.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"[" } else { b",[" });
        for (at, key) in row.keys.iter().enumerate() {
            comma(at, out);
            json::text(key, out);
        }
        for (at, value) in row.values.iter().enumerate() {
            comma(row.keys.len() + at, out);
            match value.filter(|value| value.is_finite()) {
                Some(value) => _ = write!(out, "{value}"),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b']');
    }
    out.extend_from_slice(b"],\"info\":[");
    for (at, column) in frame.keys.iter().enumerate() {
        comma(at, out);
        info(column, true, out);
    }
    if frame.keys.len() == 1 && !frame.values.is_empty() {
        // The value of tables with one or two keys is the third entry.
        out.extend_from_slice(b",null");
    }
    for (at, column) in frame.values.iter().enumerate() {
        comma(frame.keys.len() + at, out);
        info(column, false, out);
    }
    out.push(b']');
}

fn info(column: &Column, is_key: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    json::text(column.name.as_bytes(), out);
    out.extend_from_slice(b",\"desc\":");
    json::text(column.title.as_bytes(), out);
    let _ = write!(out, ",\"is_key\":{is_key}}}");
}

fn rate(frame: &Frame, out: &mut Vec<u8>) {
    let values = frame.rows.iter().flat_map(|row| &row.values);
    for (column, value) in frame.values.iter().zip(values) {
        out.push(b',');
        json::text(column.title.as_bytes(), out);
        let _ = write!(out, ":{}", value.unwrap_or(0.0));
    }
}

fn field(frame: &Frame, out: &mut Vec<u8>) {
    let name = frame.values.first().map(|column| column.name.as_str()).unwrap_or_default();
    out.extend_from_slice(b",\"field\":");
    json::text(name.as_bytes(), out);
}

fn bars(frame: &Frame, out: &mut Vec<u8>) {
    field(frame, out);
    out.extend_from_slice(b",\"histograms\":[");
    for (at, rows) in frame.rows.chunk_by(|a, b| a.keys == b.keys).enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"keys\":[" } else { b",{\"keys\":[" });
        for (at, key) in rows.iter().take(1).flat_map(|row| &row.keys).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            json::text(key, out);
        }
        out.push(b']');
        ranges(rows, out);
        out.push(b'}');
    }
    out.push(b']');
}

/// The ranges that any event had. Their count is the last value of each row.
fn ranges(rows: &[Row], out: &mut Vec<u8>) {
    let numbers = |row: &Row| row.values.iter().map(|value| format!("{:.0}", value.unwrap_or(0.0))).collect::<Vec<_>>();
    let filled = rows.iter().filter(|row| row.values.last().copied().flatten().is_some_and(|count| count > 0.0));
    let data: Vec<String> = filled.map(|row| format!("[{}]", numbers(row).join(","))).collect();
    let _ = write!(out, ",\"data\":[{}]", data.join(","));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::frame::testing::processes;

    #[test]
    fn an_object_has_exact_keys_and_numbers() {
        let object = |table: &Frame| {
            let mut out = Vec::new();
            frame(table, &mut out);
            serde_json::from_slice::<serde_json::Value>(&out).unwrap()
        };
        let mut table = processes();
        let first = object(&table);
        assert_eq!(first["ts"], "1690557263000000000");
        assert_eq!(first["data"][1], serde_json::json!(["c\nt", "7", 3]));
        assert_eq!(first["info"][2], serde_json::json!({"name": "evt.buflen", "desc": "Bytes", "is_key": false}));
        table.keys.pop();
        table.rows.clear();
        assert_eq!(object(&table)["data"], serde_json::json!([]));
        assert!(object(&table)["info"][1].is_null());
    }
}
