//! Records made by hand, for tests of everything above the source.

use std::collections::VecDeque;

use super::{Drained, Record, Source, Visit, record::Head};

/// A record with these parameters, at time 1 s, CPU 0, cgroup 1.
#[must_use]
pub fn record(code: u16, tid: u32, tgid: u32, params: &[&[u8]]) -> Vec<u8> {
    record_at(1_000_000_000, code, tid, tgid, 1, params)
}

/// A record with these parameters at a boot time in nanoseconds.
#[must_use]
pub fn record_at(boot_ns: u64, code: u16, tid: u32, tgid: u32, cgroup: u64, params: &[&[u8]]) -> Vec<u8> {
    Head { tgid, cgroup, time_ns: boot_ns, tid: tid.into(), code, ..Head::default() }.with(params)
}

/// A source that delivers records that were put in.
#[derive(Debug, Default)]
pub struct Inject {
    records: VecDeque<Vec<u8>>,
}

impl Inject {
    /// Puts a record behind the others.
    pub fn push(&mut self, record: Vec<u8>) {
        self.records.push_back(record);
    }
}

impl Source for Inject {
    fn drain(&mut self, visit: Visit<'_>) -> anyhow::Result<Drained> {
        while let Some(record) = self.records.pop_front() {
            if visit(Record::Wire(&record)).is_break() {
                break;
            }
        }
        Ok(Drained::End)
    }
}
