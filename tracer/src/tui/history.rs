//! The last frames of a level, in a ring: lines of the last values of a row are drawn from it.

use std::{
    collections::VecDeque,
    hash::{Hash as _, Hasher as _},
    sync::Arc,
};

use rustc_hash::{FxHashMap, FxHasher};

use crate::output::{Frame, Row};

/// The most frames of a level, and what they may take.
const MAX_FRAMES: usize = 120;
const MAX_BYTES: usize = 64 << 20;
/// From little to much.
const SHADES: &[u8] = b" .:-=+*#%@";

/// A frame, and where its rows are by their keys.
#[derive(Debug)]
struct Past {
    frame: Arc<Frame>,
    places: FxHashMap<u64, u32>,
    bytes: usize,
}

/// The ring, the newest last.
#[derive(Debug, Default)]
pub struct History {
    past: VecDeque<Past>,
    bytes: usize,
}

fn hash(keys: &[Vec<u8>]) -> u64 {
    let mut hasher = FxHasher::default();
    keys.hash(&mut hasher);
    hasher.finish()
}

impl History {
    /// Takes the frame of an interval, whose rows are told apart by so many keys.
    pub fn take(&mut self, frame: &Arc<Frame>, keys: usize) {
        let place = |(at, row): (usize, &Row)| Some((hash(row.keys.get(..keys)?), u32::try_from(at).ok()?));
        let places: FxHashMap<u64, u32> = frame.rows.iter().enumerate().filter_map(place).collect();
        let of_row = |row: &Row| 96 + row.keys.iter().map(|key| key.len() + 24).sum::<usize>() + row.values.len() * 16;
        let bytes = frame.rows.iter().map(of_row).sum();
        self.bytes += bytes;
        self.past.push_back(Past { frame: Arc::clone(frame), places, bytes });
        while self.past.len() > MAX_FRAMES || self.bytes > MAX_BYTES && self.past.len() > 1 {
            let Some(gone) = self.past.pop_front() else { break };
            self.bytes -= gone.bytes;
        }
    }

    /// Forgets all: what comes now is of another question.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.past.len()
    }

    /// The largest value at that place in the last frames.
    #[must_use]
    pub fn largest(&self, at: usize, frames: usize) -> f64 {
        let newest = self.past.iter().rev().take(frames);
        let values = newest.flat_map(|past| &past.frame.rows).filter_map(|row| row.values.get(at).copied().flatten());
        values.fold(0.0, f64::max)
    }

    /// The values of a row in the last frames, the newest last; `None` where it had none.
    #[must_use]
    pub fn values(&self, keys: &[Vec<u8>], at: usize, frames: usize) -> Vec<Option<f64>> {
        let hash = hash(keys);
        let of = |past: &Past| {
            let row = past.frame.rows.get(*past.places.get(&hash)? as usize)?;
            // Two keys may have one hash.
            row.keys.starts_with(keys).then(|| row.values.get(at).copied().flatten())?
        };
        let skipped = self.past.len().saturating_sub(frames);
        self.past.iter().skip(skipped).map(of).collect()
    }
}

/// Values as a line of characters, right-aligned: blank for nothing, `@` for the largest.
#[must_use]
pub fn line(values: &[Option<f64>], largest: f64, width: usize) -> String {
    let shade = |value: &Option<f64>| {
        let share = value.filter(|value| *value > 0.0 && largest > 0.0).map(|value| value / largest);
        // What is there at all is seen.
        let at = share.map_or(0, |share| (share * 9.0).ceil().clamp(1.0, 9.0) as usize);
        char::from(SHADES[at])
    };
    let skipped = values.len().saturating_sub(width);
    let text: String = values.iter().skip(skipped).map(shade).collect();
    format!("{text:>width$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Form, Span};

    fn frame(rows: &[(&str, f64)]) -> Arc<Frame> {
        let row = |(key, value): &(&str, f64)| Row {
            keys: vec![key.as_bytes().to_vec(), b"text".to_vec()],
            values: vec![Some(*value)],
            line: Vec::new(),
        };
        Arc::new(Frame { rows: rows.iter().map(row).collect(), ..Frame::new(Form::Table, "", Span::default()) })
    }

    #[test]
    fn a_row_has_its_last_values_and_gaps_where_it_was_not_there() {
        let mut history = History::default();
        history.take(&frame(&[("1", 9.0), ("2", 1.0)]), 1);
        history.take(&frame(&[("2", 4.5)]), 1);
        history.take(&frame(&[("2", 3.0), ("1", 0.0)]), 1);
        let of = |key: &str, frames| history.values(&[key.as_bytes().to_vec()], 0, frames);
        assert_eq!(of("1", 9), [Some(9.0), None, Some(0.0)]);
        assert_eq!(of("2", 2), [Some(4.5), Some(3.0)]);
        assert_eq!((history.largest(0, 9), history.largest(0, 2)), (9.0, 4.5));
        assert_eq!(line(&of("1", 9), 9.0, 5), "  @  ");
        assert_eq!(line(&of("2", 9), 9.0, 2), "+-");
    }

    #[test]
    fn the_ring_does_not_grow() {
        let mut history = History::default();
        for _ in 0..500 {
            history.take(&frame(&[("1", 1.0)]), 1);
        }
        assert_eq!(history.len(), MAX_FRAMES);
        let name = "x".repeat(30 << 20);
        for _ in 0..5 {
            history.take(&frame(&[(&name, 1.0)]), 1);
        }
        assert!(history.len() <= 2, "{}", history.len());
    }
}
