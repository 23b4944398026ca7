//! What was seen and lost, second by second.

use std::collections::VecDeque;

use super::history::line;

/// How many seconds are kept.
const KEPT: usize = 120;

/// The last seconds.
#[derive(Debug, Default)]
pub struct Timeline {
    seen: VecDeque<Option<f64>>,
    lost: VecDeque<u64>,
    lost_in_all: u64,
}

impl Timeline {
    /// Adds a second: how many events came in it, and how many were lost since the beginning.
    pub fn add(&mut self, seen_per_s: f64, lost_in_all: u64) {
        self.seen.push_back(Some(seen_per_s));
        self.lost.push_back(lost_in_all.saturating_sub(self.lost_in_all));
        self.lost_in_all = lost_in_all;
        if self.seen.len() > KEPT {
            self.seen.pop_front();
            self.lost.pop_front();
        }
    }

    /// The events as a line of that width, the newest at the right, and `!` where some were lost.
    #[must_use]
    pub fn lines(&self, width: usize) -> (String, String) {
        let skipped = self.seen.len().saturating_sub(width);
        let seen: Vec<_> = self.seen.iter().skip(skipped).copied().collect();
        let largest = seen.iter().flatten().copied().fold(0.0, f64::max);
        let lost: String = self.lost.iter().skip(skipped).map(|lost| if *lost > 0 { '!' } else { '.' }).collect();
        (line(&seen, largest, width), format!("{lost:>width$}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s088_a_second_with_losses_stays_marked() {
        let mut timeline = Timeline::default();
        for (seen, lost) in [(10.0, 0), (100.0, 7), (50.0, 7), (0.0, 7)] {
            timeline.add(seen, lost);
        }
        assert_eq!(timeline.lines(6), ("  .@+ ".to_owned(), "  .!..".to_owned()));
        for _ in 0..500 {
            timeline.add(1.0, 7);
        }
        assert_eq!(timeline.lines(3).1, "...");
    }
}
