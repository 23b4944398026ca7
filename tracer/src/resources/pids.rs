//! How many tasks there are: `pids.*`, which v1 and v2 have alike.

use super::{
    File, Limit,
    text::{keyed, limit, number},
};

/// What is known of tasks, which are processes and their threads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pids {
    /// How many there are.
    pub current: Option<u64>,
    /// The most that there were (kernel 6.1).
    pub peak: Option<u64>,
    /// How many there may be.
    pub limit: Option<Limit>,
    /// How often one more was refused.
    pub at_limit: Option<u64>,
}

impl Pids {
    pub(super) fn read(file: &mut File<'_>) -> Self {
        Self {
            current: file("pids.current").as_deref().and_then(number),
            peak: file("pids.peak").as_deref().and_then(number),
            limit: file("pids.max").as_deref().and_then(limit),
            at_limit: file("pids.events").and_then(|text| keyed(&text, "max")),
        }
    }
}
