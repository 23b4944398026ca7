//! How long tasks waited: `cpu.pressure`, `memory.pressure` and `io.pressure`, which only a v2 tree has (kernel 4.20, and not
//! where it was turned off at boot). Source: kernel Documentation/accounting/psi.rst.

use super::{File, Version, text::ns_of_us};

/// How long tasks waited for one thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stall {
    /// For how long at least one task waited.
    pub some_ns: Option<u64>,
    /// For how long all of them waited at the same time. Of CPU: kernel 5.13.
    pub full_ns: Option<u64>,
    /// The kernel's average of the last 10 s, of at least one task, in hundredths of a percent.
    pub some_avg10: Option<u32>,
    /// The same of all of them.
    pub full_avg10: Option<u32>,
}

/// How long tasks waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pressure {
    /// For a CPU.
    pub cpu: Stall,
    /// For memory.
    pub memory: Stall,
    /// For I/O.
    pub io: Stall,
}

impl Pressure {
    pub(super) fn read(version: Version, file: &mut File<'_>) -> Self {
        if version == Version::V1 {
            return Self::default();
        }
        let mut stall = |name: &str| file(name).map(|text| Stall::of(&text)).unwrap_or_default();
        Self { cpu: stall("cpu.pressure"), memory: stall("memory.pressure"), io: stall("io.pressure") }
    }
}

impl Stall {
    fn of(text: &str) -> Self {
        let line = |kind: &str| text.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(' '));
        let value = |kind, key: &str| {
            line(kind)?.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned)
        };
        let total = |kind| value(kind, "total")?.parse().ok().map(ns_of_us);
        let average = |kind| hundredths(&value(kind, "avg10")?);
        Self {
            some_ns: total("some"),
            full_ns: total("full"),
            some_avg10: average("some"),
            full_avg10: average("full"),
        }
    }
}

/// A number with two digits after the point, as hundredths.
fn hundredths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.')?;
    let part: u32 = (part.len() == 2).then(|| part.parse().ok())??;
    whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part)
}
