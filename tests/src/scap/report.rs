//! What was found in a capture.

use std::{collections::BTreeMap, fmt};

/// How many faults are kept.
const MOST_FAULTS: usize = 100;

/// Something that should not be in a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In the plain bytes.
    pub offset: u64,
    /// In words.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.what)
    }
}

/// Counts of all that is in a capture, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong; the first 100.
    pub faults: Vec<Fault>,
    /// Where the block begins that the file ends in, as that of a tracer that was killed.
    pub cut: Option<u64>,
    /// Section headers.
    pub sections: u64,
    /// By name and version: section, machine, processes, fds, interfaces, users, events.
    pub blocks: BTreeMap<(&'static str, u8), u64>,
    /// Blocks of kinds that are not known.
    pub unknown_blocks: u64,
    /// Processes and threads in lists.
    pub processes: Processes,
    /// Descriptors in lists, by kind.
    pub fds: BTreeMap<u8, u64>,
    /// Bytes of all their names, and the sum of their ports.
    pub fd_sums: (u64, u64),
    /// Users, groups, and bytes of all their texts.
    pub users: (u64, u64, u64),
    /// Interfaces, and bytes of all their names.
    pub interfaces: (u64, u64),
    /// By code.
    pub events: BTreeMap<u16, u64>,
    /// Events in blocks with flags.
    pub flagged: u64,
    /// Those of them that are only there for what they change, and are not shown.
    pub state_only: u64,
    /// Events in large blocks.
    pub large: u64,
    /// Events with fewer parameters than released readers know.
    pub short: u64,
    /// Parameters: how many, bytes.
    pub params: (u64, u64),
    /// Parameters without a byte, by code and place.
    pub empty: BTreeMap<(u16, usize), u64>,
    /// Options behind events, by code.
    pub options: BTreeMap<u16, u64>,
    /// Bytes of all blocks of events.
    pub event_bytes: u64,
    /// Events that are older than one in front of them, in the same section.
    pub inversions: Inversions,
    /// The same among events of one CPU.
    pub cpu_inversions: Inversions,
}

/// Sums over all processes and threads.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Processes {
    /// How many.
    pub count: u64,
    /// Of thread ids.
    pub tids: i64,
    /// Of users.
    pub uids: u64,
    /// Bytes of all texts.
    pub text_bytes: u64,
    /// Of process ids in their namespace.
    pub vpids: i64,
}

/// Events out of the order of time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Inversions {
    /// How many.
    pub count: u64,
    /// Where the first one is.
    pub first: Option<u64>,
    /// The longest way back, in ns.
    pub worst_ns: u64,
}

impl Inversions {
    /// Notes an event at an offset that has a time, behind one with the `latest` time of all before.
    pub(super) fn note(&mut self, offset: usize, time: u64, latest: u64) {
        if time < latest {
            self.count += 1;
            self.first.get_or_insert(offset as u64);
            self.worst_ns = self.worst_ns.max(latest - time);
        }
    }
}

impl Report {
    /// How many events there are.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.events.values().sum()
    }

    /// Nothing is wrong, and it is whole.
    ///
    /// # Panics
    /// If not so.
    #[track_caller]
    pub fn assert_sound(&self) {
        let faults: Vec<_> = self.faults.iter().take(10).map(Fault::to_string).collect();
        assert!(faults.is_empty(), "{} faults, the first: {faults:#?}", self.faults.len());
        assert_eq!(self.cut, None, "the capture is cut");
    }

    pub(super) fn add(&mut self, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }

    pub(super) fn fault(&mut self, offset: usize, what: impl Into<String>) {
        self.add(Fault { offset: offset as u64, what: what.into() });
    }
}
