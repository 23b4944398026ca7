//! Capture files as a source: blocks become records of the same form as those of the running kernel, and what a file says of
//! the machine goes into the state.
//!
//! Events of older captures are lifted to today's table on the way. What a capture tells the reader itself – containers, users –
//! is taken into the state and not shown, as other readers do it.

mod machine;

use std::{collections::VecDeque, ops::ControlFlow, path::PathBuf};

use anyhow::Context as _;
use tracer_common::{
    events::{self, Flags, old},
    wire,
};

use self::machine::Told;
use super::{Drained, Losses, Source, record::Head};
use crate::{
    scap::{
        self, Block, Event, Input, Reader,
        convert::{Converter, Lifted},
    },
    state::{State, container},
};

/// The most records that are delivered at once, so that the loop comes round.
const BATCH: usize = 65_536;

/// Files that are read one after the other.
pub struct Replay {
    files: VecDeque<PathBuf>,
    /// The open file, and its name.
    reader: Option<(PathBuf, Reader<Input>)>,
    converter: Converter,
    /// The event that is being lifted; its memory is used again.
    lifted: Lifted,
    /// The record that is delivered.
    record: Vec<u8>,
    /// What the file said and the state does not know yet.
    told: Vec<Told>,
    /// Whether threads or descriptors were told since the last event.
    incomplete: bool,
    /// An event that waits until the state knows what was told before it: CPU, thread, time.
    held: Option<(u16, u64, u64)>,
    not_taken: u64,
}

impl Replay {
    /// Opens the first file.
    ///
    /// # Errors
    /// It cannot be read, or is no capture.
    pub fn open(files: Vec<PathBuf>) -> anyhow::Result<Self> {
        let mut replay = Self {
            files: files.into(),
            reader: None,
            converter: Converter::default(),
            lifted: Lifted::default(),
            record: Vec::new(),
            told: Vec::new(),
            incomplete: false,
            held: None,
            not_taken: 0,
        };
        replay.open_next()?;
        Ok(replay)
    }

    /// Opens the next file. False when there is none.
    fn open_next(&mut self) -> anyhow::Result<bool> {
        let Some(path) = self.files.pop_front() else { return Ok(false) };
        let input = scap::open(&path).with_context(|| format!("cannot read capture '{}'", path.display()))?;
        self.reader = Some((path, Reader::new(input)));
        Ok(true)
    }

    /// Makes the record of the lifted event. False when it has no place in one: parameters of more than 64 KiB.
    fn build(&mut self, (cpu, tid, time_ns): (u16, u64, u64)) -> bool {
        let Lifted { code, lengths, payload, latency_ns } = &self.lifted;
        if lengths.len() > wire::MAX_PARAMS || lengths.iter().any(|len| *len as usize > wire::MAX_PARAM_LEN) {
            return false;
        }
        let flags = if is_hidden(*code) { wire::FLAG_FILE | wire::FLAG_HIDDEN } else { wire::FLAG_FILE };
        let head = Head { cpu, flags, latency_ns: *latency_ns, time_ns, tid, code: *code, ..Head::default() };
        head.write(lengths.iter().map(|len| *len as u16), payload, &mut self.record);
        true
    }
}

/// Takes the event of a block over. False when its parameters do not fit the event, or its code is not known.
fn copy(event: &Event<'_>, lifted: &mut Lifted) -> bool {
    let Some(row) = events::by_code(event.code) else { return false };
    let Some(params) = event.params(row.params.len()) else { return false };
    lifted.code = event.code;
    lifted.latency_ns = None;
    lifted.lengths.clear();
    lifted.lengths.extend(params.iter().map(|param| param.len() as u32));
    lifted.payload.clear();
    lifted.payload.extend_from_slice(params.payload);
    true
}

/// Whether an event is one that only tells the reader something, or begins a call: it is not shown.
fn is_hidden(code: u16) -> bool {
    let Some(row) = events::by_code(code) else { return true };
    row.is_enter() || (row.flags.has(Flags::OLD) && code.is_multiple_of(2))
}

/// What one block was.
enum Step {
    /// An event: CPU, thread, time.
    Event((u16, u64, u64)),
    /// Something for the state.
    Told,
    /// Nothing: it is kept for another event, or a block that nobody needs.
    Skipped,
    /// An event that cannot be taken over.
    NotTaken,
    End,
}

impl Replay {
    fn step(&mut self) -> anyhow::Result<Step> {
        if let Some(held) = self.held.take() {
            return Ok(Step::Event(held));
        }
        let Some((path, reader)) = &mut self.reader else { return Ok(Step::End) };
        let failed = |path: &PathBuf| format!("cannot read capture '{}'", path.display());
        let Some(block) = reader.next().with_context(|| failed(path))? else {
            self.reader = None;
            return Ok(Step::End);
        };
        let Block::Event(event) = block else {
            machine::take(&block, &mut self.told).with_context(|| failed(path))?;
            self.incomplete = true;
            return Ok(if self.told.is_empty() { Step::Skipped } else { Step::Told });
        };
        let (cpu, tid, time_ns) = (event.cpu, event.tid as u64, event.time_ns);
        if !copy(&event, &mut self.lifted) {
            return Ok(Step::NotTaken);
        }
        if !self.converter.lift(tid, time_ns, &mut self.lifted) {
            return Ok(Step::Skipped);
        }
        if let old::code::CONTAINER_JSON_E | old::code::CONTAINER_JSON_2_E = self.lifted.code {
            self.told.extend(container::told::Told::parse(&self.lifted.payload).map(Box::new).map(Told::Container));
        }
        if self.incomplete {
            self.incomplete = false;
            self.told.push(Told::Complete);
        }
        if !self.told.is_empty() {
            self.held = Some((cpu, tid, time_ns));
            return Ok(Step::Told);
        }
        Ok(Step::Event((cpu, tid, time_ns)))
    }
}

impl Source for Replay {
    fn drain(&mut self, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> anyhow::Result<Drained> {
        let mut count = 0;
        while count < BATCH {
            match self.step()? {
                Step::Event(head) if self.build(head) => {
                    count += 1;
                    if visit(&self.record).is_break() {
                        break;
                    }
                }
                Step::Told => return Ok(Drained::Metadata),
                Step::Event(_) | Step::NotTaken => self.not_taken += 1,
                Step::Skipped => {}
                Step::End if self.open_next()? => {}
                Step::End if count > 0 => break,
                Step::End => return Ok(Drained::End),
            }
        }
        Ok(Drained::Records(count))
    }

    fn drain_rest(&mut self, _visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> anyhow::Result<()> {
        // What is asked for at the end is what is there already; the rest of a file is not.
        Ok(())
    }

    fn metadata(&mut self, state: &mut State) -> anyhow::Result<()> {
        for told in self.told.drain(..) {
            told.apply(state);
        }
        Ok(())
    }

    fn losses(&self) -> Losses {
        Losses { not_taken: self.not_taken, ..Losses::default() }
    }
}
