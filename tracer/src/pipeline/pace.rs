//! Intervals, by the clock.

use std::time::{Duration, Instant};

/// How long the first interval is for people who wait for it.
const FIRST: Duration = Duration::from_millis(250);

/// When intervals end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    interval: Option<Duration>,
    /// When this one ends.
    due: Option<Instant>,
    /// When it began.
    began: Instant,
}

impl Pace {
    pub(super) fn new(interval: Option<Duration>, now: Instant) -> Self {
        Self { interval, due: interval.map(|interval| now + interval), began: now }
    }

    /// The same with a first interval that is short, if somebody waits for it.
    pub(super) fn waited_for(self, is_waited_for: bool) -> Self {
        let first = self.began + FIRST;
        Self { due: self.due.map(|due| if is_waited_for { due.min(first) } else { due }), ..self }
    }

    /// Whether the interval is over; then the next one begins. The length of the one that is over, nanoseconds.
    pub(super) fn over(&mut self, now: Instant) -> Option<u64> {
        let (due, interval) = self.due.zip(self.interval)?;
        if now < due {
            return None;
        }
        self.due = Some(following(due, interval, now));
        let length = self.length(now);
        self.began = now;
        Some(length)
    }

    /// How long this one is so far, nanoseconds.
    pub(super) fn length(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }

    /// How long it may be waited, at most `most`.
    pub(super) fn left(&self, most: Duration, now: Instant) -> Duration {
        self.due.map_or(most, |due| due.saturating_duration_since(now).min(most))
    }
}

/// When the next interval ends. One that ended late does not shorten the next one by much: tables wait for about a whole one.
fn following(due: Instant, interval: Duration, now: Instant) -> Instant {
    if now.saturating_duration_since(due) > interval / 4 { now + interval } else { due + interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_ended_late_does_not_shorten_the_next_one() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::new(Some(Duration::from_secs(1)), start);
        assert_eq!(pace.over(at(999)), None);
        assert_eq!(pace.over(at(1_100)), Some(1_100_000_000));
        assert_eq!(pace.left(Duration::from_secs(5), at(1_100)), Duration::from_millis(900), "a little late");
        assert_eq!(pace.over(at(2_600)), Some(1_500_000_000));
        assert_eq!(pace.left(Duration::from_secs(5), at(2_600)), Duration::from_secs(1), "very late");
        assert_eq!(pace.length(at(2_700)), 100_000_000);
        assert_eq!(Pace::new(None, start).over(at(10_000)), None);
    }

    #[test]
    fn the_first_interval_is_short_when_somebody_waits_for_it() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::new(Some(Duration::from_secs(1)), start).waited_for(true);
        assert_eq!(pace.over(at(249)), None);
        assert_eq!(pace.over(at(250)), Some(250_000_000));
        assert_eq!((pace.over(at(1_249)), pace.over(at(1_250))), (None, Some(1_000_000_000)));
        let mut pace = Pace::new(Some(Duration::from_millis(100)), start).waited_for(true);
        assert_eq!(pace.over(at(100)), Some(100_000_000), "shorter than that");
    }
}
