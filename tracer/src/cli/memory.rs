//! How fast live records are decoded, kept in the state and shown, without the kernel: `--bench-memory`, for measurements.
//!
//! The events of capture files become records as the kernel side makes them, all in memory; then the clock runs.

use std::{ops::ControlFlow, time::Instant};

use super::{Plan, replay::confine};
use crate::{
    confine::Paths,
    event::{Params, decode},
    message::note,
    pipeline::{Limits, Pipeline},
    source::{Drained, FileRecord, Record, Source, Visit, record::Head, replay::Replay},
    state::{Procfs, State, effects},
};

/// Records one behind the other, each with its end.
#[derive(Debug, Default)]
struct Memory {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Source for Memory {
    fn drain(&mut self, visit: Visit<'_>) -> anyhow::Result<Drained> {
        let mut start = 0;
        for end in self.ends.drain(..) {
            if visit(Record::Wire(&self.bytes[start..end])).is_break() {
                break;
            }
            start = end;
        }
        Ok(Drained::End)
    }
}

impl Memory {
    fn push(&mut self, state: &State, record: FileRecord<'_>, buffer: &mut Vec<u8>) {
        let params: Params<'_> = record.params;
        let Ok(event) = decode::record(Record::File(record), 0, 0) else { return };
        let head = Head {
            cpu: record.cpu,
            tgid: effects::process_of(state, &event),
            latency_ns: record.latency_ns,
            time_ns: record.time_ns,
            tid: record.tid.into(),
            code: params.row().code,
            ..Head::default()
        };
        let raw: Vec<&[u8]> = (0..params.count()).map(|at| params.raw(at).unwrap_or_default()).collect();
        head.write(raw.iter().map(|param| param.len() as u16), &raw.concat(), buffer);
        self.bytes.extend_from_slice(buffer);
        self.ends.push(self.bytes.len());
    }
}

fn empty() -> State {
    State { procfs: Procfs::none(), ..State::default() }
}

/// Reads the files, and says how long their events took.
///
/// # Errors
/// A file cannot be read, or output cannot be written.
pub fn run(plan: Plan) -> anyhow::Result<()> {
    // The threads of the beginning are known in the measured run, too.
    let mut before = empty();
    let mut first = Replay::open(plan.read.clone())?;
    let mut outputs = plan.outputs;
    outputs.open(0)?;
    let mut source = Replay::open(plan.read)?;
    let mut paths = Paths { read: source.later(), folders: outputs.folders(), terminal: false };
    paths.read.extend(first.later());
    confine(&paths, plan.verbose);
    while first.drain(&mut |_| ControlFlow::Break(()))? == Drained::Metadata {
        first.metadata(&mut before)?;
    }
    let mut state = empty();
    let (mut memory, mut buffer) = (Memory::default(), Vec::new());
    loop {
        let drained = source.drain(&mut |record| {
            if let Record::File(record) = record {
                if !record.hidden {
                    memory.push(&state, record, &mut buffer);
                }
                if let Ok(event) = decode::record(Record::File(record), 0, 0) {
                    effects::before(&mut state, &event);
                    effects::after(&mut state, &event);
                }
            }
            ControlFlow::Continue(())
        })?;
        match drained {
            Drained::Metadata => source.metadata(&mut state)?,
            Drained::End => break,
            Drained::Records(_) => {}
        }
    }
    let count = memory.ends.len() as f64;
    let start = Instant::now();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let stats = Pipeline::new(before, outputs, 0).run(&mut memory, Limits::default(), &stop)?;
    let seconds = start.elapsed().as_secs_f64();
    note(&format!("{stats}"));
    note(&format!("{count} events from memory, {:.1} ns each", seconds * 1e9 / count));
    Ok(())
}
