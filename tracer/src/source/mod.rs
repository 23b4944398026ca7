//! Where records come from. Live and file input meet here, below the decoder.

pub mod inject;
pub mod live;
pub mod record;
pub mod replay;

use std::{io, ops::ControlFlow, os::fd::BorrowedFd, time::Duration};

use crate::{event::Params, state::State};

pub use self::live::clock::Step;
pub use crate::event::decode::{FileRecord, Record};

/// Takes records one by one; it breaks when it wants no more.
pub type Visit<'a> = &'a mut dyn FnMut(Record<'_>) -> ControlFlow<()>;

/// What a source says after it was asked for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// That many records were delivered; more may be there at once.
    Records(usize),
    /// What the source knows of the machine has to be taken first, by [`Source::metadata`].
    Metadata,
    /// There will be no more.
    End,
}

/// What was lost or came too late, by cause.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    /// Records for which a ring had no room.
    pub ring_full: u64,
    /// Records that could not be built.
    pub scratch: u64,
    /// Runs of a program that the kernel skipped, since it interrupted itself.
    pub skipped: u64,
    /// Events of a capture file that have no place in a record, or whose code is not known.
    pub not_taken: u64,
    /// Messages of one call beyond those that can be reported.
    pub messages: u64,
    /// Slices of CPU time that were not counted, since too many threads ran.
    pub cpu_table: u64,
    /// Calls that were not timed, since too many threads were.
    pub entry_table: u64,
    /// Events that were not counted in the kernel, since the table had too many rows.
    pub groups: u64,
    /// Threads that were not followed, since too many were.
    pub followed: u64,
    /// Events that were lost when the capture that is read was written, as it says itself.
    pub captured: u64,
    /// Marks of another tool that events are missing in the capture, which do not say how many.
    pub uncounted: u64,
    /// Records that were delivered out of order.
    pub late: u64,
    /// What each CPU lost, in the order of their numbers.
    pub by_cpu: Vec<CpuLosses>,
}

/// What one CPU lost, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuLosses {
    /// As in [`Losses`].
    pub ring_full: u64,
    /// As in [`Losses`].
    pub scratch: u64,
    /// As in [`Losses`].
    pub messages: u64,
    /// As in [`Losses`].
    pub cpu_table: u64,
    /// As in [`Losses`].
    pub entry_table: u64,
    /// As in [`Losses`].
    pub groups: u64,
    /// As in [`Losses`].
    pub followed: u64,
}

impl CpuLosses {
    /// All causes.
    #[must_use]
    pub fn total(&self) -> u64 {
        let records = self.ring_full + self.scratch + self.messages;
        records + self.cpu_table + self.entry_table + self.groups + self.followed
    }
}

impl Losses {
    /// What is not in what was shown: records, events of tables, slices of CPU time, times of calls.
    #[must_use]
    pub fn total(&self) -> u64 {
        let records = self.ring_full + self.scratch + self.messages;
        let of_cpus = records + self.cpu_table + self.entry_table + self.groups + self.followed;
        of_cpus + self.skipped + self.not_taken + self.captured
    }

    /// Takes a mark of a capture that events are missing there. Only captures of ours, written while the events happened, say how many
    /// (`is_counted`): other tools write by how much they sample.
    fn add_drop(&mut self, params: &Params<'_>, is_counted: bool) {
        match params.u64(0).filter(|_| is_counted) {
            Some(count) => self.captured = self.captured.saturating_add(count),
            None => self.uncounted += 1,
        }
    }
}

/// A source of records (`tracer_common::wire`).
pub trait Source {
    /// Delivers the records that are there, in the order of their time. It returns when there are none left, when it has
    /// delivered a bounded number, or when `visit` breaks.
    ///
    /// # Errors
    /// The source is broken; nothing more will come.
    fn drain(&mut self, visit: Visit<'_>) -> anyhow::Result<Drained>;

    /// Delivers what is left, when no more is wanted.
    ///
    /// # Errors
    /// As [`Source::drain`].
    fn drain_rest(&mut self, visit: Visit<'_>) -> anyhow::Result<()> {
        self.drain(visit).map(drop)
    }

    /// Delivers what was lost since that was last said, when enough was shown: no other records are wanted.
    fn last_losses(&mut self, visit: Visit<'_>) {
        let _ = visit;
    }

    /// Puts into the state what the source knows of the machine, when [`Source::drain`] asked for it.
    ///
    /// # Errors
    /// As [`Source::drain`].
    fn metadata(&mut self, state: &mut State) -> anyhow::Result<()> {
        let _ = state;
        Ok(())
    }

    /// Waits for more, at most so long; `drained` is what the last look gave.
    fn wait(&mut self, drained: usize, at_most: Duration) {
        let _ = (drained, at_most);
    }

    /// Delivers the records that are made once per interval: CPU time, and what was lost. `length_ns` is how long the interval was.
    ///
    /// # Errors
    /// As [`Source::drain`].
    fn interval(&mut self, length_ns: u64, visit: Visit<'_>) -> anyhow::Result<()> {
        let _ = (length_ns, visit);
        Ok(())
    }

    /// Ends a wait whenever this can be read.
    ///
    /// # Errors
    /// The kernel refuses.
    fn wake_by(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let _ = fd;
        Ok(())
    }

    /// Makes all ready for another question; nothing has changed yet, and nothing has when it fails.
    ///
    /// # Errors
    /// The question is fixed, or the kernel refuses.
    fn prepare(&mut self, options: &live::Options, wanted: &live::plan::Wanted<'_>) -> anyhow::Result<()> {
        let _ = (options, wanted);
        anyhow::bail!("what is asked of a capture cannot change while it is read")
    }

    /// Takes back what was made ready: the question is not asked after all.
    fn give_up(&mut self) {}

    /// Goes over to the question that was prepared. All that belongs to the one before is delivered before this returns, marked by
    /// `wire::FLAG_TURN`, which changes with each question; so are the first records of the new one. `length_ns` is how long
    /// the interval was so far.
    ///
    /// # Errors
    /// As [`Source::drain`].
    fn pass_on(&mut self, length_ns: u64, visit: Visit<'_>) -> anyhow::Result<()> {
        let _ = (length_ns, visit);
        Ok(())
    }

    /// How the clock of records stands to the wall clock, when that has changed.
    fn step(&mut self) -> Option<Step> {
        None
    }

    /// Takes over what is known by now of the machine, as far as the source decides by it.
    fn follow(&mut self, state: &State) {
        let _ = state;
    }

    /// What was lost so far.
    fn losses(&self) -> Losses {
        Losses::default()
    }
}
