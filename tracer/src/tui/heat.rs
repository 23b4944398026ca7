//! A heat map on the screen: its lines, and what is selected of them: a range of latency, and of time.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    format::{time, units},
    output::{Frame, Scale},
    view::heat::{FIELD, LIMITS},
};

/// Lines that are kept.
const MAX_LINES: usize = 2000;
/// Columns that the whole range is divided into for selecting: eleven powers of ten.
pub const COLUMNS: usize = 110;

/// A corner of what is selected: a column, and a line, counted from the first one that ever came. Without a line, all times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corner {
    pub column: usize,
    pub line: Option<u64>,
}

/// The lines of a heat map.
#[derive(Debug, Default)]
pub struct Map {
    pub lines: VecDeque<Arc<Frame>>,
    /// How many lines are gone.
    gone: u64,
    /// The cursor, once it was moved, and the other end of what is selected.
    pub cursor: Option<Corner>,
    pub other: Option<Corner>,
}

/// What is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selected {
    /// The columns, from the first to the last.
    pub columns: (usize, usize),
    /// The lines among those that are kept, from the first to the last; all when none was chosen.
    pub lines: Option<(usize, usize)>,
}

impl Map {
    pub fn take(&mut self, frame: &Arc<Frame>) {
        self.lines.push_back(Arc::clone(frame));
        if self.lines.len() > MAX_LINES {
            self.lines.pop_front();
            self.gone += 1;
        }
    }

    pub fn clear(&mut self) {
        self.lines.clear();
        (self.cursor, self.other) = (None, None);
    }

    /// Moves the cursor among the columns. From nowhere it begins where most is.
    pub fn go(&mut self, by: isize) {
        let at = self.cursor.unwrap_or_else(|| Corner { column: self.middle(), line: None });
        self.cursor = Some(Corner { column: at.column.saturating_add_signed(by).min(COLUMNS - 1), ..at });
    }

    /// Moves the cursor among the lines. From nowhere it begins at the newest.
    pub fn go_line(&mut self, by: i64) {
        if self.lines.is_empty() {
            return;
        }
        let at = self.cursor.unwrap_or_else(|| Corner { column: self.middle(), line: None });
        let last = self.gone + self.lines.len() as u64 - 1;
        let line = at.line.map_or(last, |line| line.saturating_add_signed(by).clamp(self.gone, last));
        self.cursor = Some(Corner { line: Some(line), ..at });
    }

    /// Puts the cursor at a line of those that are kept; with `both`, the other end, too.
    pub fn put(&mut self, column: usize, line: usize, both: bool) {
        if line < self.lines.len() {
            let line = Some(self.gone + line as u64);
            self.cursor = Some(Corner { column: column.min(COLUMNS - 1), line });
            if both {
                self.other = self.cursor;
            }
        }
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

    #[must_use]
    pub fn selected(&self) -> Option<Selected> {
        let cursor = self.cursor?;
        let other = self.other.unwrap_or(cursor);
        let kept = |line: u64| usize::try_from(line.saturating_sub(self.gone)).unwrap_or(0);
        let lines = cursor.line.map(|line| {
            let other = other.line.unwrap_or(line);
            (kept(line.min(other)), kept(line.max(other)).min(self.lines.len().saturating_sub(1)))
        });
        Some(Selected { columns: (cursor.column.min(other.column), cursor.column.max(other.column)), lines })
    }

    /// The test for the events in what is selected, and how it reads. `past`: whether events of the past can be looked at, as those of
    /// a capture can.
    #[must_use]
    pub fn test(&self, past: bool) -> Option<(String, String)> {
        let Selected { columns: (first, last), lines } = self.selected()?;
        let value = |column| Scale::Log.value(column, LIMITS, COLUMNS);
        let (low, high) = (value(first), value(last + 1));
        let mut text = format!("{}-{}", units::time(low), units::time(high));
        // What took longer than the scale has is in its last column.
        let below = if last + 1 < COLUMNS { format!(" and {FIELD}<{:.0}", high.max(low + 1.0)) } else { String::new() };
        let above = if first > 0 { low } else { 0.0 };
        let mut test = format!("{FIELD}>={above:.0}{below}");
        let is_newest = lines.is_some_and(|(_, last)| last + 1 == self.lines.len());
        if let Some((first, last)) = lines
            && let (Some(first), Some(last)) = (self.lines.get(first), self.lines.get(last))
        {
            // The last line of a capture ends with its last event, which belongs to it.
            let (from, to) = (first.span.began_ns, last.span.ended_ns + u64::from(is_newest));
            let clock = |ns: u64| {
                let mut text = Vec::new();
                time::time_of_day(ns, true, &mut text);
                text.truncate("00:00:00.0".len());
                String::from_utf8_lossy(&text).into_owned()
            };
            text = format!("{}-{}, {text}", clock(from), clock(to));
            if past {
                test = format!("{test} and evt.rawtime>={from} and evt.rawtime<{to}");
            }
        }
        Some((test, text))
    }

    /// How many events are in what is selected, and in all.
    #[must_use]
    pub fn counts(&self) -> (f64, f64) {
        let selected = self.selected();
        let mut counts = (0.0, 0.0);
        for (at, line) in self.lines.iter().enumerate() {
            for row in &line.rows {
                let [Some(from), Some(count)] = row.values[..] else { continue };
                counts.1 += count;
                let column = Scale::Log.column(from, LIMITS, COLUMNS);
                let is_in = selected.is_some_and(|Selected { columns: (first, last), lines }| {
                    (first..=last).contains(&column) && lines.is_none_or(|(first, last)| (first..=last).contains(&at))
                });
                if is_in {
                    counts.0 += count;
                }
            }
        }
        counts
    }
}
