//! Capture files as a source: the events of blocks are delivered as they stand there, and what a file says of the machine goes into
//! the state.
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
    time::Duration,
};

use anyhow::Context as _;
use tracer_common::events::{Category, code, old::code as old};

use self::feed::{Batch, Feed, From, Next, failed};
use self::machine::Told;
pub use self::progress::Position;
use super::{Drained, Losses, Record, Source, Visit};
use crate::{
    scap::{Input, Opened},
    state::State,
    thread,
};

/// Batches that wait to be taken.
const AHEAD: usize = 4;
/// How long a look waits for a batch, so that the loop comes round.
const PATIENCE: Duration = Duration::from_millis(20);

/// How many files are opened before the first is read, at most.
const OPENED: usize = 64;

/// Files that are read one after the other, on a thread that begins when the first event is asked for: until then nothing of
/// them is looked at.
pub struct Replay {
    feed: Option<Feed>,
    full: Receiver<Batch>,
    empty: SyncSender<Batch>,
    /// The batch that is being delivered, and how many of its events were.
    batch: Batch,
    delivered: usize,
    position: Arc<Position>,
    losses: Losses,
    /// Whether the file that is read says how many events were lost: one of ours, written while they happened.
    counts_drops: bool,
    users: bool,
    /// How much of the time of the captures is read, nanoseconds; and when that is over, once the first event was seen.
    length_ns: Option<u64>,
    last_ns: Option<u64>,
}

impl Replay {
    /// Opens the first file, and others as far as they are plain ones.
    ///
    /// # Errors
    /// The first one cannot be opened.
    pub fn open(files: Vec<PathBuf>) -> anyhow::Result<Self> {
        let position = Arc::new(Position::of(&files));
        let mut files = files.into_iter();
        let path = files.next().context("no capture to read")?;
        let opened = Opened::new(&path).with_context(|| failed(&path))?;
        let others = files.enumerate().map(|(at, path)| Next::later(path, at < OPENED));
        let first = Next { path, opened: From::Opened(opened) };
        Ok(Self::of_files([first].into_iter().chain(others).collect(), position))
    }

    /// A capture that is open already; `name` stands in errors.
    #[must_use]
    pub fn of(name: &str, input: Input) -> Self {
        let first = Next { path: name.into(), opened: From::Input(input) };
        Self::of_files([first].into(), Arc::new(Position::of(&[])))
    }

    fn of_files(files: VecDeque<Next>, position: Arc<Position>) -> Self {
        let (full, batches) = mpsc::sync_channel(AHEAD);
        let (used, empty) = mpsc::sync_channel(AHEAD);
        let feed = Feed { files, position: Arc::clone(&position), full, empty };
        Self {
            feed: Some(feed),
            full: batches,
            empty: used,
            batch: Batch::default(),
            delivered: 0,
            position,
            losses: Losses::default(),
            counts_drops: false,
            users: true,
            length_ns: None,
            last_ns: None,
        }
    }

    /// Files that will be opened when it is their turn.
    #[must_use]
    pub fn later(&self) -> Vec<PathBuf> {
        let files = self.feed.iter().flat_map(|feed| &feed.files);
        files.filter(|next| matches!(next.opened, From::Path)).map(|next| next.path.clone()).collect()
    }

    /// Begins to read.
    fn start(&mut self) -> anyhow::Result<()> {
        let Some(feed) = self.feed.take() else { return Ok(()) };
        thread::begin("capture", move || feed.run())?;
        Ok(())
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
        self.start()?;
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
            self.losses.not_taken += self.batch.not_taken;
            if !self.batch.told.is_empty() {
                return Ok(Drained::Metadata);
            }
        }
        let before = self.delivered;
        while let Some(record) = self.batch.record(self.delivered) {
            self.delivered += 1;
            if matches!(record.params.row().code, code::DROP | old::DROP_X) {
                self.losses.add_drop(&record.params, self.counts_drops);
            }
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
            match &told {
                Told::Section => self.counts_drops = false,
                Told::Facts(facts) => self.counts_drops |= facts.live,
                _ => {}
            }
            told.apply(state);
        }
        Ok(())
    }

    fn losses(&self) -> Losses {
        self.losses.clone()
    }
}
