//! Histograms as bars, a line for each range.

use super::{Block, Room};
use crate::{
    format::{
        escape::escaped,
        units,
        width::{cut_middle, width},
    },
    output::{Frame, Row},
    sample::Sample,
};

/// Characters of the longest bar.
const BAR: usize = 40;
/// Characters before it, and the one after it.
const BESIDE: usize = 35;

/// The bars as text.
pub(in crate::output) fn block(frame: &Frame, room: Room) -> Block {
    let title = Sample::title(&frame.title, frame.sample);
    let head = title.iter().flat_map(|title| title.lines()).map(str::to_owned).collect();
    let longest = room.width.map_or(BAR, |width| width.saturating_sub(BESIDE).clamp(1, BAR));
    let mut lines = Vec::new();
    for rows in frame.rows.chunk_by(|a, b| a.keys == b.keys) {
        if let Some(first) = rows.first().filter(|row| !row.keys.is_empty()) {
            let keys: Vec<String> = first.keys.iter().map(|key| escaped(key)).collect();
            let keys = keys.join(" ");
            lines.push(cut_middle(&keys, room.width.unwrap_or_else(|| width(&keys)), room.mark()));
        }
        let unit = frame.values.first().map(|column| column.unit).unwrap_or_default();
        let most = rows.iter().map(|row| number(row, 2) as u64).fold(1, u64::max);
        for row in rows {
            let (low, high) = (units::text(number(row, 0), unit), units::text(number(row, 1), unit));
            let count = number(row, 2) as u64;
            let bar = "@".repeat((count * longest as u64).div_ceil(most) as usize);
            lines.push(format!("{low:>10} - {high:<10} {count:>8} |{bar:<longest$}|"));
        }
    }
    let note =
        (frame.lost > 0).then(|| format!("({} events are not shown, because there are too many keys)", frame.lost));
    Block { head, rows: lines, note }.fit(room)
}

fn number(row: &Row, column: usize) -> f64 {
    row.values.get(column).copied().flatten().unwrap_or(0.0)
}
