//! What takes records from a queue and sends them, on a thread for each target, until all have come to their end.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::queue::{Queue, Record};
use crate::message::note;

/// The most records, and bytes, that are sent at once.
const MAX_RECORDS: usize = 1_000;
const MAX_BYTES: usize = 1 << 20;
/// How long is waited for more, before it is looked again at what has arrived.
const WAIT: Duration = Duration::from_millis(100);
/// The pause after a failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why something was not sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may be possible later; not before that time.
    Later(String, Option<Duration>),
    /// These records will never be taken.
    Refused(String),
    /// Nobody takes anything any more.
    Broken,
}

impl Failure {
    /// It may be possible later.
    pub fn later(error: impl ToString) -> Self {
        Self::Later(error.to_string(), None)
    }
}

/// How records are sent to one target.
pub trait Transport: Send {
    /// Sends records, after those that were sent before. If it fails, all of them that are not settled are sent again.
    fn send(&mut self, records: &[Arc<Record>]) -> Result<(), Failure>;

    /// How many of those that were sent have arrived since the last time, and how many of these the target dropped, with its word.
    fn arrived(&mut self) -> Result<Arrived, Failure>;

    /// Nothing more will be sent.
    fn end(&mut self) {}
}

/// What has arrived.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// So many.
    pub count: usize,
    /// So many of these were dropped there, and why.
    pub rejected: Option<(u64, String)>,
}

/// Sends until the queue is over.
pub fn work(queue: &Queue, target: &str, mut transport: Box<dyn Transport>) {
    let mut pause = FIRST_PAUSE;
    let mut since: Option<Instant> = None;
    let mut refused = BTreeSet::new();
    while !queue.is_over() {
        let batch = queue.next(MAX_RECORDS, MAX_BYTES, WAIT);
        if batch.is_empty() && queue.is_closing() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let sent = if batch.is_empty() { Ok(()) } else { transport.send(&batch) };
        let outcome = sent.and_then(|()| transport.arrived());
        match outcome {
            Ok(Arrived { count, rejected }) => {
                if let Some((lost, why)) = rejected {
                    let lost = usize::try_from(lost).unwrap_or(usize::MAX).min(count);
                    queue.settle(count - lost, None);
                    queue.settle(
                        lost,
                        Some(&format!("rejected by the target{}{why}", if why.is_empty() { "" } else { ": " })),
                    );
                } else if count > 0 {
                    queue.settle(count, None);
                }
                if (count > 0 || !batch.is_empty())
                    && let Some(since) = since.take()
                {
                    let seconds = since.elapsed().as_secs();
                    note(&format!("note: {target} takes logs again, after {seconds} s"));
                }
                if count > 0 {
                    pause = FIRST_PAUSE;
                }
            }
            Err(Failure::Refused(why)) => {
                if refused.insert(why.clone()) {
                    note(&format!("warning: {target} refuses logs: {why}; they are lost"));
                }
                queue.settle(batch.len(), Some(&format!("refused: {why}")));
            }
            Err(Failure::Broken) => queue.break_off(),
            Err(Failure::Later(why, not_before)) => {
                queue.rewind();
                if since.is_none() {
                    since = Some(Instant::now());
                    note(&format!("warning: cannot send logs to {target}: {why}; they wait, and it is tried again"));
                }
                queue.pause(not_before.unwrap_or(pause));
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
    }
    transport.end();
}
