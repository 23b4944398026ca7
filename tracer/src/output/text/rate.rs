//! Numbers of an interval on one line: `14:01:07 in:512 out:0`.

use std::io::Write as _;

use crate::{
    format::{time, units},
    output::Frame,
};

/// Appends the line.
pub(in crate::output) fn line(frame: &Frame, out: &mut Vec<u8>) {
    time::time_of_day(frame.span.ended_ns, false, out);
    let values = frame.rows.iter().flat_map(|row| &row.values);
    // Writing to a vector cannot fail.
    for (column, value) in frame.values.iter().zip(values) {
        let _ = write!(out, " {}:{}", column.title, units::text(value.unwrap_or(0.0), column.unit));
    }
    if let Some(sample) = frame.sample {
        let _ = write!(out, " {}", sample.mark());
    }
}
