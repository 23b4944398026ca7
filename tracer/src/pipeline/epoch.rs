//! From the clock of records to the wall clock, which may be set meanwhile.

use crate::{
    event::decode,
    source::{Record, Step},
};

/// What is added to the times of records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch {
    now_ns: u64,
    /// The same of records that are older than `since_ns`: they were on their way when the clock was set.
    before_ns: u64,
    since_ns: u64,
}

impl Epoch {
    pub(super) fn new(to_epoch_ns: u64) -> Self {
        Self { now_ns: to_epoch_ns, before_ns: to_epoch_ns, since_ns: 0 }
    }

    /// The wall clock was set.
    pub(super) fn step(&mut self, step: Step) {
        *self = Self { now_ns: step.to_epoch_ns, before_ns: self.now_ns, since_ns: step.since_ns };
    }

    /// What is added to a time that is read now.
    pub(super) fn now(&self) -> u64 {
        self.now_ns
    }

    /// What is added to the time of a record.
    #[inline]
    pub(super) fn of(&self, record: Record<'_>) -> u64 {
        match record {
            Record::Wire(bytes) if decode::live_time(bytes) < self.since_ns => self.before_ns,
            _ => self.now_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::record::Head;

    #[test]
    fn what_happened_before_the_clock_was_set_keeps_its_time() {
        let at = |time_ns| Head { time_ns, ..Head::default() }.with(&[]);
        let mut epoch = Epoch::new(1_000);
        assert_eq!(epoch.of(Record::Wire(&at(0))), 1_000);
        epoch.step(Step { since_ns: 50, to_epoch_ns: 400 });
        assert_eq!([49, 50, 51].map(|time| epoch.of(Record::Wire(&at(time)))), [1_000, 400, 400]);
        epoch.step(Step { since_ns: 80, to_epoch_ns: 1_000 });
        assert_eq!([79, 80].map(|time| epoch.of(Record::Wire(&at(time)))), [400, 1_000]);
        assert_eq!(epoch.now(), 1_000);
    }
}
