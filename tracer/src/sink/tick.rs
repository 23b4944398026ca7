//! The moment at which sinks show what they have.

use crate::{output::Status, state::State, stats::Stats};

/// The moment of an interval or of the end.
#[derive(Debug, Clone, Copy)]
pub struct Tick<'a> {
    /// What is known.
    pub state: &'a State,
    /// Now, nanoseconds since the epoch.
    pub now_ns: u64,
    /// What was seen, shown and lost so far.
    pub stats: &'a Stats,
    /// Whether events ended with an error: that there is nothing says nothing then.
    pub failed: bool,
}

impl Tick<'_> {
    /// What a terminal says of the run.
    #[must_use]
    pub fn status(&self) -> Status {
        let Stats { seen, .. } = *self.stats;
        Status { now_ns: self.now_ns, seen, by_table: self.stats.is_seen_by_table(), lost: self.stats.lost() }
    }
}
