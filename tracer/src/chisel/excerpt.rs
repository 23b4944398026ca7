//! Captures of what is around events: a script marks events, and what their threads did shortly before and after them is written
//! when the capture that is read is read once more.

use std::path::PathBuf;

use crate::filter::{Filter, Stretches};

/// The most stretches of time of one capture.
const MAX_STRETCHES: usize = 4_096;

/// What is written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The capture that is written.
    pub path: PathBuf,
    around_ns: u64,
    stretches: Stretches,
}

impl Excerpt {
    /// So many nanoseconds before and behind each event that will be marked.
    #[must_use]
    pub fn new(path: PathBuf, around_ns: u64) -> Self {
        Self { path, around_ns, stretches: Stretches::default() }
    }

    /// Marks an event.
    ///
    /// # Errors
    /// There are too many that are far from each other.
    pub fn mark(&mut self, tid: i64, time_ns: u64) -> Result<(), String> {
        let (first, last) = (time_ns.saturating_sub(self.around_ns), time_ns.saturating_add(self.around_ns));
        if self.stretches.add(tid, first, last, MAX_STRETCHES) {
            return Ok(());
        }
        Err(format!("mark: more than {MAX_STRETCHES} time ranges: mark fewer events, or use a longer time"))
    }

    /// The filter that lets through what is to be written; `None` when nothing was marked.
    #[must_use]
    pub fn filter(&self) -> Option<Filter> {
        (self.stretches.count() > 0).then(|| Filter::of_stretches(self.stretches.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn what_is_near_marks_is_let_through() {
        let world = World::new();
        let record = world.openat(10, 3, b"/etc/passwd");
        let mut excerpt = Excerpt::new("x".into(), 10);
        assert!(excerpt.filter().is_none());
        let (tid, time_ns) = world.with(&record, |context| (i64::from(context.event.tid), context.event.time_ns));
        for (marked, at, wanted) in [(tid + 1, time_ns, false), (tid, time_ns + 11, false), (tid, time_ns - 9, true)] {
            excerpt.mark(marked, at).unwrap();
            let filter = excerpt.filter().unwrap();
            world.with(&record, |context| assert_eq!(filter.matches(context), wanted, "{marked} {at}"));
        }
        // As many as may be, with numbers as long as they get, which would be too long for the text of a filter.
        for time in 0..MAX_STRETCHES as u64 - 3 {
            excerpt.mark(i64::from(i32::MAX) - time as i64, 1_700_000_000_000_000_000 + 100 * time).unwrap();
        }
        assert!(excerpt.filter().is_some());
        assert!(excerpt.mark(9, u64::MAX / 2).unwrap_err().contains("time ranges"));
    }
}
