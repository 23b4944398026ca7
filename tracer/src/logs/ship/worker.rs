//! What takes records from a queue and sends them, on a thread for each target, until all have come to their end.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::queue::{Fate, Queue, Record};
use crate::message::note;

/// The most records, and bytes, that are sent at once.
const MAX_RECORDS: usize = 1_000;
const MAX_BYTES: usize = 1 << 20;
/// How long is waited for more, before it is looked again at what has arrived.
const WAIT: Duration = Duration::from_millis(100);
/// The pause after a failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The most reasons of a target for refusing lines that are told at once.
const MAX_TOLD: usize = 10;

/// Why something was not sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may be possible later; not before that time.
    Later(String, Option<Duration>),
    /// These records will never be taken.
    Refused(String),
    /// Some of these records have to be sent again, for this reason and not before that time; one fate for each.
    Partly(Vec<Fate>, String, Option<Duration>),
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
    /// How many of these were dropped there, and why.
    pub rejected: Vec<(u64, String)>,
}

/// Sends until the queue is over.
pub fn work(queue: &Queue, target: &str, mut transport: Box<dyn Transport>) {
    let mut pause = FIRST_PAUSE;
    let mut since: Option<Instant> = None;
    let mut refused = BTreeSet::new();
    let mut refuse = |why: &str| {
        if refused.len() < MAX_TOLD && refused.insert(why.to_owned()) {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            note(&format!("warning: {target} refuses lines{why}; they are lost"));
        }
    };
    while !queue.is_over() {
        let batch = queue.next(MAX_RECORDS, MAX_BYTES, WAIT);
        if batch.is_empty() && queue.is_closing() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let sent = if batch.is_empty() { Ok(()) } else { transport.send(&batch) };
        let outcome = sent.and_then(|()| transport.arrived());
        match outcome {
            Ok(Arrived { count, rejected }) => {
                let mut taken = count;
                for (lost, why) in rejected {
                    let lost = usize::try_from(lost).unwrap_or(usize::MAX).min(taken);
                    taken -= lost;
                    refuse(&why);
                    let why = if why.is_empty() { why } else { format!(": {why}") };
                    queue.settle(lost, Some(&format!("refused{why}")));
                }
                if taken > 0 {
                    queue.settle(taken, None);
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
                refuse(&why);
                queue.settle(batch.len(), Some(&format!("refused: {why}")));
            }
            Err(Failure::Broken) => queue.break_off(),
            Err(failure @ (Failure::Later(..) | Failure::Partly(..))) => {
                queue.rewind();
                let (why, not_before) = match failure {
                    Failure::Partly(fates, why, not_before) => {
                        queue.settle_each(&fates);
                        (why, not_before)
                    }
                    Failure::Later(why, not_before) => (why, not_before),
                    Failure::Refused(why) => (why, None),
                    Failure::Broken => (String::new(), None),
                };
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
