//! Records made by hand, for tests of everything above the source.

use std::{collections::VecDeque, ops::ControlFlow};

use tracer_common::wire;

use super::{Drained, Source};

/// A record with these parameters, at time 1 s, CPU 0, cgroup 1.
#[must_use]
pub fn record(code: u16, tid: u32, tgid: u32, params: &[&[u8]]) -> Vec<u8> {
    record_at(1_000_000_000, code, tid, tgid, 1, params)
}

/// A record with these parameters at a boot time in nanoseconds.
#[must_use]
pub fn record_at(boot_ns: u64, code: u16, tid: u32, tgid: u32, cgroup: u64, params: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0; wire::LENGTHS];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    let payload: usize = params.iter().map(|param| param.len()).sum();
    let len = wire::LENGTHS - wire::EVENT + 2 * params.len() + payload;
    put(wire::TGID, &tgid.to_le_bytes());
    put(wire::CGROUP, &cgroup.to_le_bytes());
    put(wire::LATENCY, &wire::NO_LATENCY.to_le_bytes());
    put(wire::TIME, &boot_ns.to_le_bytes());
    put(wire::TID, &u64::from(tid).to_le_bytes());
    put(wire::LEN, &(len as u32).to_le_bytes());
    put(wire::CODE, &code.to_le_bytes());
    put(wire::COUNT, &(params.len() as u32).to_le_bytes());
    for param in params {
        bytes.extend((param.len() as u16).to_le_bytes());
    }
    for param in params {
        bytes.extend_from_slice(param);
    }
    bytes
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
    fn drain(&mut self, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> anyhow::Result<Drained> {
        while let Some(record) = self.records.pop_front() {
            if visit(&record).is_break() {
                break;
            }
        }
        Ok(Drained::End)
    }
}
