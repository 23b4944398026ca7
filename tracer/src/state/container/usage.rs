//! What containers and pods use now: read from the files of their cgroups when it is asked for, at most twice a second.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use crate::resources::{Files, Memory, Part, Resources, Stall, Trees};

/// For so long what was read is taken to be what it was.
const AGE: Duration = Duration::from_millis(450);
/// What was read before is too long ago to tell how much came since.
const MAX_AGE: Duration = Duration::from_secs(30);
/// The most cgroups that are kept; beyond, those that nothing asked for lately are forgotten.
const MAX_KEPT: usize = 4_096;
/// What is read.
const PARTS: [Part; 3] = [Part::Cpu, Part::Memory, Part::Pressure];

/// What a cgroup uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Its memory.
    pub memory: Memory,
    /// The smallest limit of memory that holds for it, its own or that of a cgroup around it, bytes.
    pub limit: Option<u64>,
    /// For how long tasks waited for the next period of the quota, nanoseconds in a second, summed over CPUs.
    pub throttled_ns: Option<f64>,
    /// In how much of the time at least one task waited for a CPU, percent.
    pub cpu_pressure: Option<f64>,
    /// The same for memory.
    pub memory_pressure: Option<f64>,
    /// The same for I/O.
    pub io_pressure: Option<f64>,
}

impl Usage {
    /// What was read, and what has come since it was read before, `seconds` ago.
    fn of(now: Resources, limit: Option<u64>, before: Option<(&Resources, f64)>) -> Self {
        let rate = |get: &dyn Fn(&Resources) -> Option<u64>| {
            let (before, seconds) = before?;
            // A cgroup of the same path may be another one, which began at zero.
            Some(get(&now)?.checked_sub(get(before)?)? as f64 / seconds)
        };
        let pressure = |get: fn(&Resources) -> Stall| rate(&|of| get(of).some_ns).map(|ns| (ns / 1e7).min(100.0));
        Self {
            limit,
            throttled_ns: rate(&|of| of.cpu.throttled_ns),
            cpu_pressure: pressure(|of| of.pressure.cpu),
            memory_pressure: pressure(|of| of.pressure.memory),
            io_pressure: pressure(|of| of.pressure.io),
            memory: now.memory,
        }
    }

    /// The memory that cannot go without harm, bytes.
    #[must_use]
    pub fn working_set(&self) -> Option<u64> {
        self.memory.working_set()
    }

    /// [`Usage::throttled_ns`] in whole nanoseconds.
    #[must_use]
    pub fn throttled(&self) -> Option<u64> {
        self.throttled_ns.map(|ns| ns.round() as u64)
    }

    /// The working set in percent of the limit.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        let limit = self.limit.filter(|limit| *limit > 0)?;
        Some(100.0 * self.memory.working_set()? as f64 / limit as f64)
    }
}

#[derive(Debug)]
struct Kept {
    at: Instant,
    read: Resources,
    usage: Rc<Usage>,
}

/// What was read of each cgroup last.
#[derive(Debug, Default)]
pub(super) struct Readings {
    trees: Trees,
    /// By path; `None` for what could not be read.
    kept: RefCell<FxHashMap<String, (Instant, Option<Kept>)>>,
}

impl Readings {
    pub(super) fn new(trees: Trees) -> Self {
        Self { trees, kept: RefCell::default() }
    }

    /// What the cgroup of that path uses; `None` if it is gone or cannot be read.
    pub(super) fn of(&self, path: &str) -> Option<Rc<Usage>> {
        if self.trees.are_none() {
            return None;
        }
        let mut kept = self.kept.borrow_mut();
        let now = Instant::now();
        let old = match kept.get(path) {
            Some((at, old)) if now.duration_since(*at) < AGE => {
                return old.as_ref().map(|kept| Rc::clone(&kept.usage));
            }
            Some((_, old)) => old.as_ref().filter(|old| now.duration_since(old.at) < MAX_AGE),
            None => None,
        };
        let new = self.trees.read(&mut Files::default(), path, &PARTS).map(|read| {
            let before = old.map(|old| (&old.read, now.duration_since(old.at).as_secs_f64()));
            let limit = self.trees.memory_limit(&mut Files::default(), path, read.memory.limit, &mut HashMap::new());
            let usage = Rc::new(Usage::of(read.clone(), limit, before));
            Kept { at: now, read, usage }
        });
        let usage = new.as_ref().map(|kept| Rc::clone(&kept.usage));
        if kept.len() >= MAX_KEPT && !kept.contains_key(path) {
            kept.retain(|_, (at, _)| now.duration_since(*at) < AGE);
        }
        if kept.len() < MAX_KEPT || kept.contains_key(path) {
            kept.insert(path.to_owned(), (now, new));
        }
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{Cpu, Limit, Pressure};

    fn read(throttled_ns: Option<u64>, waited_ns: u64) -> Resources {
        let stall = Stall { some_ns: Some(waited_ns), ..Stall::default() };
        Resources {
            cpu: Cpu { throttled_ns, ..Cpu::default() },
            memory: Memory { usage: Some(100), inactive_file: Some(40), limit: Some(Limit::Max), ..Memory::default() },
            pressure: Pressure { memory: stall, ..Pressure::default() },
            ..Resources::default()
        }
    }

    #[test]
    fn what_came_since_is_for_a_second() {
        let before = read(Some(1_000), 5_000_000);
        let usage = Usage::of(read(Some(3_000), 505_000_000), Some(240), Some((&before, 2.0)));
        assert_eq!((usage.throttled_ns, usage.memory_pressure), (Some(1_000.0), Some(25.0)));
        assert_eq!((usage.percent(), usage.cpu_pressure), (Some(25.0), None));
        let first = Usage::of(read(Some(3_000), 0), None, None);
        assert_eq!((first.throttled_ns, first.memory_pressure, first.percent()), (None, None, None));
        let anew = Usage::of(read(Some(10), 0), None, Some((&before, 2.0)));
        assert_eq!((anew.throttled_ns, anew.memory_pressure), (None, None), "another cgroup of that name");
        assert_eq!(Usage::of(read(None, 0), Some(0), Some((&before, 1.0))).throttled_ns, None);
    }

    #[test]
    fn without_hierarchies_nothing_is_known() {
        assert_eq!(Readings::default().of("/docker/1"), None);
    }
}
