//! Waiting for something with a deadline, never for a fixed time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long anything may take on a slow machine.
pub const LONG: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer.
///
/// # Panics
/// If there is none within [`LONG`]; `what` says what was waited for.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LONG;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {LONG:?} for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
