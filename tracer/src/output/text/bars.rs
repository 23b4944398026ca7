//! Histograms as bars, a line for each range.

use super::fit;
use crate::{
    format::{escape::escaped, units},
    output::{Frame, Row},
    sample::Sample,
};

/// Characters of the longest bar.
const BAR: usize = 40;

/// The lines, at most `width` characters each and at most `height` of them, when there is a limit.
pub(in crate::output) fn lines(frame: &Frame, width: Option<usize>, height: Option<usize>) -> Vec<String> {
    let mut lines: Vec<String> = Sample::title(&frame.title, frame.sample).into_iter().collect();
    for rows in frame.rows.chunk_by(|a, b| a.keys == b.keys) {
        if let Some(first) = rows.first().filter(|row| !row.keys.is_empty()) {
            let keys: Vec<String> = first.keys.iter().map(|key| escaped(key)).collect();
            lines.push(keys.join(" "));
        }
        let unit = frame.values.first().map(|column| column.unit).unwrap_or_default();
        let most = rows.iter().map(|row| number(row, 2) as u64).fold(1, u64::max);
        for row in rows {
            let (low, high) = (units::text(number(row, 0), unit), units::text(number(row, 1), unit));
            let count = number(row, 2) as u64;
            let bar = "@".repeat((count * BAR as u64).div_ceil(most) as usize);
            lines.push(format!("{low:>10} - {high:<10} {count:>8} |{bar:<BAR$}|"));
        }
    }
    let note = (frame.lost > 0).then(|| format!("({} events are not shown: there are too many keys)", frame.lost));
    fit(&mut lines, note, width, height);
    lines
}

fn number(row: &Row, column: usize) -> f64 {
    row.values.get(column).copied().flatten().unwrap_or(0.0)
}
