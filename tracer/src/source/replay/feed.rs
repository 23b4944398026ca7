//! The thread that reads: files become batches of events in the form of today, so that reading, decompressing and lifting run
//! beside the state and everything above it.
//!
//! A batch is sent when the reader would have to wait for its input, so that events of a pipe are shown as they come.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender},
    },
};

use tracer_common::events;

use super::{
    extras::{Extras, Scratch},
    machine::{self, Told},
    progress::Position,
};
use crate::message::Shown as _;
use crate::{
    event::{Params, Row, is_never_shown},
    scap::{
        Block, Event, EventParams, Input, Opened, Reader,
        convert::{Converter, Lifted},
    },
    source::FileRecord,
    state::container,
};

/// A batch is sent at the latest with that many bytes or events.
const MAX_BYTES: usize = 1 << 20;
const MAX_EVENTS: usize = 16_384;

/// What is read at once: first what the state has to know, then events.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) told: Vec<Told>,
    events: Vec<Entry>,
    /// Lengths and parameters of the events.
    bytes: Vec<u8>,
    /// Events whose code is not known, or whose parameters do not fit.
    pub(super) not_taken: u64,
    /// Nothing comes behind it; why, if that is not the end of the last file.
    pub(super) end: Option<Option<anyhow::Error>>,
}

/// An event of a batch. Its parameters are in the bytes of the batch.
struct Entry {
    row: &'static Row,
    record: FileRecord<'static>,
    wide: bool,
    start: usize,
    lengths: usize,
    payload: usize,
}

impl Batch {
    pub(super) fn count(&self) -> usize {
        self.events.len()
    }

    pub(super) fn record(&self, index: usize) -> Option<FileRecord<'_>> {
        let entry = self.events.get(index)?;
        let lengths = self.bytes.get(entry.start..entry.start + entry.lengths)?;
        let payload = self.bytes.get(entry.start + entry.lengths..)?.get(..entry.payload)?;
        Some(FileRecord { params: Params::of_file(entry.row, lengths, entry.wide, payload), ..entry.record })
    }

    pub(super) fn clear(&mut self) {
        self.told.clear();
        self.events.clear();
        self.bytes.clear();
        self.not_taken = 0;
        self.end = None;
    }

    fn is_empty(&self) -> bool {
        self.told.is_empty() && self.events.is_empty() && self.not_taken == 0
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= MAX_BYTES || self.events.len() >= MAX_EVENTS
    }

    fn push(
        &mut self,
        event: &Event<'_>,
        row: &'static Row,
        params: &EventParams<'_>,
        extras: &Extras<'_>,
        latency_ns: Option<u64>,
        hidden: bool,
    ) {
        let record = FileRecord {
            cpu: event.cpu,
            // Ids fit into 32 bits; -1 is nobody.
            tid: event.tid as u32,
            time_ns: event.time_ns,
            latency_ns,
            result: extras.result,
            peeked: extras.peeked,
            done: extras.done,
            compat: extras.compat,
            hidden,
            params: Params::empty(row),
        };
        let (start, lengths, payload) = (self.bytes.len(), params.lengths.len(), params.payload.len());
        self.bytes.extend_from_slice(params.lengths);
        self.bytes.extend_from_slice(params.payload);
        self.events.push(Entry { row, record, wide: params.large, start, lengths, payload });
    }
}

/// A file that is read, and how.
pub(super) struct Next {
    pub(super) path: PathBuf,
    pub(super) opened: From,
}

/// Where its bytes come from.
pub(super) enum From {
    /// It is open.
    Opened(Opened),
    /// Its bytes are known already.
    Input(Input),
    /// It is opened when those in front of it were read.
    Path,
}

impl Next {
    /// A file behind others: open already if it is a plain one. A pipe may have a writer only when those in front of it were
    /// read. What is wrong with it is said when it is its turn.
    pub(super) fn later(path: PathBuf, opens: bool) -> Self {
        let is_plain = opens && path.metadata().is_ok_and(|it| it.is_file());
        let opened = if is_plain { Opened::new(&path).map_or(From::Path, From::Opened) } else { From::Path };
        Self { path, opened }
    }
}

/// Reads files, one after the other.
pub(super) struct Feed {
    pub(super) files: VecDeque<Next>,
    pub(super) position: Arc<Position>,
    pub(super) full: SyncSender<Batch>,
    /// Batches that were used and whose memory is used again.
    pub(super) empty: Receiver<Batch>,
}

/// Nobody wants more.
struct Gone;

/// What a file is read into.
struct State {
    batch: Batch,
    converter: Converter,
    /// Where parameters are put together that are not as they stand in the file.
    scratch: Scratch,
    /// Whether threads or descriptors were told since the last event.
    incomplete: bool,
}

impl Feed {
    /// Runs to the end of the files, or until nobody wants more.
    pub(super) fn run(mut self) {
        let mut state = State {
            batch: Batch::default(),
            converter: Converter::default(),
            scratch: Scratch::default(),
            incomplete: false,
        };
        let error = loop {
            let Some(Next { path, opened }) = self.files.pop_front() else { break None };
            let count = self.position.counter();
            let input = match opened {
                From::Input(input) => Ok(input),
                From::Opened(opened) => opened.input(count),
                From::Path => Opened::new(&path).and_then(|opened| opened.input(count)),
            };
            let read = match input {
                Ok(input) => self.file(input, &mut state),
                Err(error) => Ok(Err(error.into())),
            };
            match read {
                Ok(Ok(())) => {}
                Ok(Err(error)) => break Some(error.context(failed(&path))),
                Err(Gone) => return,
            }
        };
        state.batch.end = Some(error);
        let _ = self.send(&mut state.batch);
    }

    /// Reads a file to its end.
    fn file(&self, input: Input, state: &mut State) -> Result<anyhow::Result<()>, Gone> {
        let mut reader = Reader::new(input);
        loop {
            if !reader.is_ready() && !state.batch.is_empty() || state.batch.is_full() {
                self.send(&mut state.batch)?;
            }
            match reader.next() {
                Ok(Some(Block::Event(event))) => self.event(&event, state)?,
                Ok(Some(block)) => {
                    if state.batch.count() > 0 {
                        self.send(&mut state.batch)?;
                    }
                    state.incomplete = true;
                    if let Err(error) = machine::take(&block, &mut state.batch.told) {
                        return Ok(Err(error));
                    }
                }
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error.into())),
            }
        }
    }

    fn event(&self, event: &Event<'_>, state: &mut State) -> Result<(), Gone> {
        let State { batch, converter, scratch, incomplete } = state;
        let params = events::of_format(event.code).and_then(|row| event.params(row.params.len()));
        let Some(mut params) = params else {
            batch.not_taken += 1;
            return Ok(());
        };
        let mut extras = Extras::default();
        if event.options().are_there() {
            extras = Extras::read(event.options());
            params = extras.params(params, scratch);
        }
        let unknown = extras.row();
        let lifted = match unknown {
            Some(row) => Some(Lifted { code: row.code, params, latency_ns: None }),
            None => converter.lift(event.tid as u64, event.time_ns, event.code, params),
        };
        let Some(lifted) = lifted else { return Ok(()) };
        let Some(row) = events::by_code(lifted.code) else {
            batch.not_taken += 1;
            return Ok(());
        };
        let get = |at| lifted.params.get(at);
        let container = container::told::param(row.code, get).and_then(get);
        let facts = extras.facts();
        if *incomplete || container.is_some() || facts.is_some() {
            // The state has to know it before this event.
            if batch.count() > 0 {
                self.send(batch)?;
            }
            if let Some(json) = container {
                let told = container::told::Told::parse(json);
                batch.told.extend(told.map(Box::new).map(Told::Container));
            }
            if std::mem::take(incomplete) {
                batch.told.push(Told::Complete);
            }
            batch.told.extend(facts.map(Box::new).map(Told::Facts));
        }
        let latency_ns = extras.latency_ns.unwrap_or(lifted.latency_ns);
        // A request that is done is there for its bytes.
        let hidden = is_never_shown(row) || event.state_only() && !extras.done && unknown.is_none();
        batch.push(event, row, &lifted.params, &extras, latency_ns, hidden);
        Ok(())
    }

    /// Sends the batch, and leaves an empty one in its place.
    fn send(&self, batch: &mut Batch) -> Result<(), Gone> {
        let mut empty = self.empty.try_recv().unwrap_or_default();
        empty.clear();
        self.full.send(std::mem::replace(batch, empty)).map_err(|_| Gone)
    }
}

pub(super) fn failed(path: &std::path::Path) -> String {
    format!("cannot read capture '{}'", path.shown())
}
