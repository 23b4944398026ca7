//! A process whose calls are numbered, so that what is missing of them is seen.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use tracer_tests::{
    command::{Running, tracer},
    sys, wait,
    workload::Workload,
};

use super::text;

/// Seeks in /dev/null, to one place after the other.
pub struct Flood(Workload<0>);

impl Flood {
    /// Begins it; so many calls follow each other without a pause of a millisecond.
    pub fn start(at_once: u64) -> Self {
        let workload = Workload::fork(move || {
            let null = sys!(SYS_open, c"/dev/null", libc::O_RDONLY);
            for number in 0_u64.. {
                let _ = sys!(SYS_lseek, null, number, libc::SEEK_SET);
                if number % at_once == 0 {
                    let _ = sys!(SYS_poll, 0, 0, 1);
                }
            }
            []
        });
        workload.start();
        Self(workload)
    }

    /// The filter for its calls.
    pub fn filter(&self) -> String {
        format!("evt.type=lseek and proc.pid={}", self.0.pid)
    }
}

/// A call of a flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub number: u64,
    /// Nanoseconds since the epoch.
    pub time_ns: u64,
}

/// The calls that a capture has, in its order, as far as it can be read; and how the reader ended.
pub fn calls(capture: &Path) -> (Vec<Call>, Option<i32>, String) {
    let format = "%evt.rawarg.offset %evt.rawtime";
    let output = Running::start(&mut tracer(["-r", text(capture), "-p", format, "evt.type=lseek"])).end();
    let call = |line: &String| {
        let (number, time) = line.split_once(' ').unwrap();
        Call { number: number.parse().unwrap(), time_ns: time.parse().unwrap() }
    };
    (output.lines.iter().map(call).collect(), output.status.code(), output.errors)
}

/// Between the first and the last nothing is missing, and nothing is there twice.
#[track_caller]
pub fn no_gap(calls: &[Call]) {
    let gap = calls.windows(2).find(|pair| pair[1].number != pair[0].number + 1);
    assert!(gap.is_none(), "of {} calls, between {gap:?}", calls.len());
    assert!(calls.is_sorted_by_key(|call| call.time_ns));
}

/// Waits until a file has more bytes than that: what is behind the lists of a capture is events.
pub fn wait_for_bytes(file: &Path, bytes: u64) {
    let len = || fs::metadata(file).ok().map(|metadata| metadata.len());
    wait::until("bytes of a capture", || len().filter(|len| *len > bytes));
}

/// Nanoseconds since the epoch.
pub fn now_ns() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos() as u64
}
