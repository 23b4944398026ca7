//! How fast an engine may make tracer work: a limit of bytes and values in a second, with a reserve for a busy moment.
//!
//! What comes faster is not read, so that it is the engine that waits.

use std::{cell::Cell, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::state::container::Owner;

/// What a value costs besides its bytes: it is parsed, and handed over.
const VALUE_BYTES: usize = 2 << 10;
/// After so long without a limit the whole reserve is there again.
const RESERVE: Duration = Duration::from_secs(4);

/// The pace of one engine, for all that is read from it.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: u32,
    /// When all that was read would have been read at that speed.
    due: Cell<Instant>,
}

impl Pace {
    /// A machine's engine may send the list of ten thousand containers at once; that of a user, of a thousand.
    pub(super) fn of(owner: Owner) -> Self {
        let bytes_per_second = if owner.is_machine() { 16 << 20 } else { 2 << 20 };
        Self { bytes_per_second, due: Cell::new(Instant::now()) }
    }

    /// That many bytes were read: waits if it was too fast.
    pub(super) async fn bytes(&self, count: usize) {
        let cost = Duration::from_secs_f64(count as f64 / f64::from(self.bytes_per_second));
        let now = Instant::now();
        let due = self.due.get().max(now.checked_sub(RESERVE).unwrap_or(now)) + cost;
        self.due.set(due);
        if due > now {
            sleep_until(due).await;
        }
    }

    /// That many values were parsed.
    pub(super) async fn values(&self, count: usize) {
        self.bytes(count.saturating_mul(VALUE_BYTES)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_reserve_is_free_and_what_is_beyond_takes_its_time() {
        let pace = Pace { bytes_per_second: 1 << 20, due: Cell::new(Instant::now()) };
        // As if nothing had come for long.
        pace.due.set(Instant::now().checked_sub(RESERVE * 2).unwrap_or_else(Instant::now));
        let start = Instant::now();
        pace.bytes(3 << 20).await;
        assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
        pace.bytes(3 << 19).await;
        assert!(start.elapsed() > Duration::from_millis(300), "{:?}", start.elapsed());
    }
}
