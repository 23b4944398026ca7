//! A second reader of captures, which shares no code with the tracer's: it says what is wrong with a file, and where.
//!
//! A capture is a row of blocks: kind, length, content, zeros up to a multiple of 4, the same length again. The first is
//! a section header; lists of what there was when it began come next, then events and nothing else. Another section
//! header may follow, with lists and events of its own. [`lists`] and [`event`] look into blocks; what is known of events
//! is in `captures/event-table.csv`, see [`table`].
//!
//! Limits that the format does not have, but both released readers, are limits here.

pub mod build;
mod bytes;
mod event;
mod frame;
mod lists;
mod report;
mod table;

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::Read,
    path::Path,
};

pub use report::{Fault, Report};

use frame::{Block, Frame};

/// How strict to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// What any tool of any age wrote: old versions of blocks, old numbers of parameters, kinds that are not known.
    Any,
    /// What the tracer writes: the newest versions of blocks, nothing that a released reader refuses.
    Released,
    /// What the tracer writes with `--schema newest`: also parameters and kinds that released readers do not know.
    Newest,
}

impl Rules {
    /// Whether the tracer wrote it.
    fn ours(self) -> bool {
        self != Self::Any
    }
}

/// Reads a file, compressed or not. A file that ends within a block is reported as cut, not as a fault.
///
/// # Panics
/// If the file cannot be read.
#[must_use]
pub fn read_file(path: &Path, rules: Rules) -> Report {
    let stored = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (bytes, whole) = plain(stored);
    let mut report = read(&bytes, rules);
    if !whole {
        report.cut.get_or_insert(bytes.len() as u64);
    }
    report
}

/// The bytes of a capture that may be compressed, as far as they can be had, and whether they go to the end.
fn plain(stored: Vec<u8>) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let ended = match &stored[..] {
        [0x1F, 0x8B, ..] => flate2::read::MultiGzDecoder::new(&stored[..]).read_to_end(&mut bytes).is_ok(),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => unzstd(&stored, &mut bytes),
        _ => return (stored, true),
    };
    (bytes, ended)
}

/// Frames in a row.
fn unzstd(mut stored: &[u8], bytes: &mut Vec<u8>) -> bool {
    while !stored.is_empty() {
        let Ok(mut frame) = ruzstd::decoding::StreamingDecoder::new(&mut stored) else { return false };
        if frame.read_to_end(bytes).is_err() {
            return false;
        }
    }
    true
}

/// Reads the plain bytes of a capture. A frame that is wrong ends it; what is wrong within a block is noted, and the next
/// block is read.
#[must_use]
pub fn read(bytes: &[u8], rules: Rules) -> Report {
    let mut walk = Walk { rules, report: Report::default(), section: None, connects: HashSet::new() };
    let mut at = 0;
    while at < bytes.len() {
        match frame::next(bytes, at) {
            Frame::Block { kind, content, end } => {
                walk.block(kind, content, at, end);
                at = end;
            }
            Frame::Cut => {
                walk.report.cut = Some(at as u64);
                break;
            }
            Frame::Wrong(what) => {
                walk.report.fault(at, what);
                break;
            }
        }
    }
    if bytes.is_empty() {
        walk.report.fault(0, "there is nothing in it");
    }
    if let Some(section) = walk.section.take() {
        walk.end_of_section(&section, bytes.len());
    }
    walk.report
}

/// What was found so far.
struct Walk {
    rules: Rules,
    report: Report,
    section: Option<Section>,
    /// Threads of which the last `connect` or `execve` that began is a `connect`.
    connects: HashSet<u64>,
}

/// What was found in this section.
#[derive(Default)]
struct Section {
    machines: u32,
    process_lists: u32,
    threads: HashSet<i64>,
    /// How many.
    events: u64,
    /// The latest time of all, and of each CPU.
    latest: u64,
    latest_of: HashMap<u16, u64>,
}

impl Walk {
    fn block(&mut self, kind: u32, content: &[u8], at: usize, end: usize) {
        let Some(block) = Block::of(kind) else {
            self.report.unknown_blocks += 1;
            let late = self.section.as_ref().is_some_and(|section| section.events > 0);
            if self.rules.ours() || late {
                self.report.fault(at, format!("a block of the unknown kind {kind:#x}"));
            }
            return;
        };
        *self.report.blocks.entry((block.name, block.version)).or_default() += 1;
        if self.rules.ours() && !block.newest {
            self.report.fault(at, format!("version {} of {} is an old one", block.version, block.name));
        }
        if kind == frame::SECTION {
            if let Some(section) = self.section.take() {
                self.end_of_section(&section, at);
            }
            self.section = Some(Section::default());
        } else if self.section.is_none() {
            self.report.fault(at, format!("{} in front of the section header", block.name));
            self.section = Some(Section::default());
        } else if !block.is_event() && self.section.as_ref().is_some_and(|section| section.events > 0) {
            self.report.fault(at, format!("{} behind the first event", block.name));
        }
        let mut cursor = bytes::Cursor::new(content, at + frame::HEADER);
        let done = match block.name {
            "section" => lists::section(self, &mut cursor),
            "machine" => lists::machine(self, &mut cursor),
            "processes" => lists::processes(self, &mut cursor, block.version),
            "fds" => lists::fds(self, &mut cursor, block.version),
            "interfaces" => lists::interfaces(self, &mut cursor, block.version),
            "users" => lists::users(self, &mut cursor, block.version),
            _ => event::event(self, &mut cursor, block, end - at),
        };
        if let Err(fault) = done {
            self.report.add(fault);
        }
    }

    /// The section that is read.
    fn section(&mut self) -> &mut Section {
        self.section.get_or_insert_with(Section::default)
    }

    /// What a whole section must have.
    fn end_of_section(&mut self, section: &Section, at: usize) {
        self.report.sections += 1;
        for (name, count) in [("machine", section.machines), ("processes", section.process_lists)] {
            if self.rules.ours() && count == 0 {
                self.report.fault(at, format!("a section without {name} ends"));
            }
        }
        if section.machines > 1 {
            self.report.fault(at, "a section with two machines ends");
        }
    }
}

#[cfg(test)]
mod tests;
