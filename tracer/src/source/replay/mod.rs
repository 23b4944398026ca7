//! Capture files as a source: blocks become records of the same form as those of the running kernel, and what a file says of
//! the machine goes into the state.
//!
//! Events of older captures are lifted to today's table on the way. What a capture tells the reader itself – containers, users –
//! is taken into the state and not shown, as other readers do it.

mod extras;
mod feed;
pub mod machine;
mod progress;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use anyhow::Context as _;
use tracer_common::events::Category;

use self::feed::{Batch, Feed, failed};
pub use self::progress::Position;
use super::{Drained, Losses, Record, Source, Visit};
use crate::{
    scap::{self, Input},
    state::State,
};

/// Batches that wait to be taken.
const AHEAD: usize = 4;
/// How long a look waits for a batch, so that the loop comes round.
const PATIENCE: Duration = Duration::from_millis(20);

/// Files that are read one after the other.
pub struct Replay {
    full: Receiver<Batch>,
    empty: SyncSender<Batch>,
    /// The batch that is being delivered, and how many of its events were.
    batch: Batch,
    delivered: usize,
    position: Arc<Position>,
    not_taken: u64,
    users: bool,
    /// How much of the time of the captures is read, nanoseconds; and when that is over, once the first event was seen.
    length_ns: Option<u64>,
    last_ns: Option<u64>,
}

impl Replay {
    /// Opens the first file, and begins to read.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(files: Vec<PathBuf>) -> anyhow::Result<Self> {
        let position = Arc::new(Position::of(&files));
        let mut files = VecDeque::from(files);
        let first = files.pop_front().context("no capture to read")?;
        let input = scap::open_counted(&first, position.counter()).with_context(|| failed(&first))?;
        Self::start(first, input, files, position)
    }

    /// Begins to read a capture that is open already; `name` stands in errors.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn of(name: &str, input: Input) -> anyhow::Result<Self> {
        Self::start(name.into(), input, VecDeque::new(), Arc::new(Position::of(&[])))
    }

    fn start(first: PathBuf, input: Input, files: VecDeque<PathBuf>, position: Arc<Position>) -> anyhow::Result<Self> {
        let (full, batches) = mpsc::sync_channel(AHEAD);
        let (used, empty) = mpsc::sync_channel(AHEAD);
        let feed = Feed { files, position: Arc::clone(&position), full, empty };
        thread::Builder::new()
            .name("capture".into())
            .spawn(move || feed.run(first, input))
            .context("cannot begin a thread")?;
        Ok(Self {
            full: batches,
            empty: used,
            batch: Batch::default(),
            delivered: 0,
            position,
            not_taken: 0,
            users: true,
            length_ns: None,
            last_ns: None,
        })
    }

    /// Whether the users and groups of the files are taken.
    #[must_use]
    pub fn with_users(mut self, users: bool) -> Self {
        self.users = users;
        self
    }

    /// Ends so long after the first event that people can see, by the time of the events.
    #[must_use]
    pub fn with_length(mut self, length: Option<Duration>) -> Self {
        self.length_ns = length.map(|length| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX));
        self
    }

    /// How far reading is.
    #[must_use]
    pub fn position(&self) -> Arc<Position> {
        Arc::clone(&self.position)
    }
}

impl Source for Replay {
    fn drain(&mut self, visit: Visit<'_>) -> anyhow::Result<Drained> {
        if self.delivered >= self.batch.count() {
            if let Some(end) = self.batch.end.take() {
                self.batch.end = Some(None);
                return end.map_or(Ok(Drained::End), Err);
            }
            let next = match self.full.recv_timeout(PATIENCE) {
                Ok(batch) => batch,
                Err(RecvTimeoutError::Timeout) => return Ok(Drained::Records(0)),
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the thread that reads the capture ended early"),
            };
            // When nobody needs it any more, its memory is of no use.
            let _ = self.empty.try_send(std::mem::replace(&mut self.batch, next));
            self.delivered = 0;
            self.not_taken += self.batch.not_taken;
            if !self.batch.told.is_empty() {
                return Ok(Drained::Metadata);
            }
        }
        let before = self.delivered;
        while let Some(record) = self.batch.record(self.delivered) {
            self.delivered += 1;
            let is_visible = !record.hidden && record.params.row().category != Category::Internal;
            if let Some(length_ns) = self.length_ns.filter(|_| is_visible) {
                let last_ns = *self.last_ns.get_or_insert(record.time_ns.saturating_add(length_ns));
                if record.time_ns >= last_ns {
                    return Ok(Drained::End);
                }
            }
            if visit(Record::File(record)).is_break() {
                break;
            }
        }
        Ok(Drained::Records(self.delivered - before))
    }

    fn drain_rest(&mut self, _visit: Visit<'_>) -> anyhow::Result<()> {
        // What is asked for at the end is what is there already; the rest of a file is not.
        Ok(())
    }

    fn metadata(&mut self, state: &mut State) -> anyhow::Result<()> {
        let users = self.users;
        for told in self.batch.told.drain(..).filter(|told| users || !told.is_user()) {
            told.apply(state);
        }
        Ok(())
    }

    fn losses(&self) -> Losses {
        Losses { not_taken: self.not_taken, ..Losses::default() }
    }
}
