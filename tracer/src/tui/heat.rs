//! A heat map on the screen: its lines, and the columns that are selected.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    format::units,
    output::{Frame, Scale},
    view::heat::{FIELD, LIMITS},
};

/// Lines that are kept.
const MAX_LINES: usize = 2000;
/// Columns that the whole range is divided into for selecting: eleven powers of ten.
pub const COLUMNS: usize = 110;

/// The lines of a heat map.
#[derive(Debug, Default)]
pub struct Map {
    pub lines: VecDeque<Arc<Frame>>,
    /// The column of the cursor, once it was moved, and the other end of what is selected.
    pub cursor: Option<usize>,
    pub other: Option<usize>,
}

impl Map {
    pub fn take(&mut self, frame: &Arc<Frame>) {
        self.lines.push_back(Arc::clone(frame));
        if self.lines.len() > MAX_LINES {
            self.lines.pop_front();
        }
    }

    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// Moves the cursor. From nowhere it begins in the middle of what there is.
    pub fn go(&mut self, by: isize) {
        let at = self.cursor.unwrap_or_else(|| self.middle());
        self.cursor = Some(at.saturating_add_signed(by).min(COLUMNS - 1));
    }

    /// The other end of what is selected is where the cursor is.
    pub fn mark(&mut self) {
        self.other = self.cursor;
    }

    /// The column with the most events.
    fn middle(&self) -> usize {
        let mut counts = [0.0; COLUMNS];
        for row in self.lines.iter().flat_map(|line| &line.rows) {
            if let [Some(from), Some(count)] = row.values[..] {
                counts[Scale::Log.column(from, LIMITS, COLUMNS)] += count;
            }
        }
        (0..COLUMNS).max_by(|a, b| counts[*a].total_cmp(&counts[*b])).unwrap_or(0)
    }

    /// The columns that are selected, from the first to the last.
    #[must_use]
    pub fn selected(&self) -> Option<(usize, usize)> {
        let cursor = self.cursor?;
        let other = self.other.unwrap_or(cursor);
        Some((cursor.min(other), cursor.max(other)))
    }

    /// The test for the events in what is selected, and how it reads.
    #[must_use]
    pub fn test(&self) -> Option<(String, String)> {
        let (first, last) = self.selected()?;
        let value = |column| Scale::Log.value(column, LIMITS, COLUMNS);
        let (low, high) = (value(first), value(last + 1));
        let text = format!("{}-{}", units::time(low), units::time(high));
        Some((format!("{FIELD}>={:.0} and {FIELD}<{:.0}", low, high.max(low + 1.0)), text))
    }

    /// How many events are in what is selected, and in all.
    #[must_use]
    pub fn counts(&self) -> (f64, f64) {
        let selected = self.selected();
        let mut counts = (0.0, 0.0);
        for row in self.lines.iter().flat_map(|line| &line.rows) {
            let [Some(from), Some(count)] = row.values[..] else { continue };
            counts.1 += count;
            let column = Scale::Log.column(from, LIMITS, COLUMNS);
            if selected.is_some_and(|(first, last)| (first..=last).contains(&column)) {
                counts.0 += count;
            }
        }
        counts
    }
}
