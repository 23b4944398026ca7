//! Memory: `memory.current`, `memory.stat`, `memory.events` and limits; of v1 `memory.usage_in_bytes` and what belongs to it.
//!
//! The root of a v2 tree has only `memory.stat`: its usage is that of the machine.

use super::{
    File, Limit, Version,
    text::{keyed, limit, number},
};

/// What is known of memory; bytes, unless it says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// All of it, with the page cache.
    pub usage: Option<u64>,
    /// The most that it was (v2: kernel 5.19).
    pub peak: Option<u64>,
    /// How much it may be.
    pub limit: Option<Limit>,
    /// How much is kept for it when memory is short: v1 `soft_limit_in_bytes`, v2 `memory.min`.
    pub reserved: Option<Limit>,
    /// Above this it is slowed down (v2).
    pub high: Option<Limit>,
    /// What is in swap.
    pub swap: Option<u64>,
    /// How much may be in swap. v1 limits the sum of memory and swap: here it is the difference.
    pub swap_limit: Option<Limit>,
    /// Memory of processes that no file is behind: v1 `rss`, v2 `anon`.
    pub anon: Option<u64>,
    /// The page cache, with shared memory: v1 `cache`, v2 `file`.
    pub file: Option<u64>,
    /// Shared memory and tmpfs.
    pub shmem: Option<u64>,
    /// Files that are mapped.
    pub mapped: Option<u64>,
    /// Of the page cache, what waits to be written.
    pub dirty: Option<u64>,
    /// Of the page cache, what is being written.
    pub writeback: Option<u64>,
    /// The kernel's own (v2: kernel 5.18).
    pub kernel: Option<u64>,
    /// Of the page cache, what was used lately.
    pub active_file: Option<u64>,
    /// Of the page cache, what can go first.
    pub inactive_file: Option<u64>,
    /// Page faults, a count.
    pub faults: Option<u64>,
    /// Page faults that waited for a device, a count.
    pub major_faults: Option<u64>,
    /// How often it was about to be more than the limit, a count: v1 `failcnt`, v2 `max` of `memory.events`.
    pub at_limit: Option<u64>,
    /// How often it was above `high`, a count (v2).
    pub at_high: Option<u64>,
    /// How often memory was not to be had and the OOM killer was considered, a count (v2).
    pub oom: Option<u64>,
    /// Processes that the OOM killer ended, a count (v1: kernel 4.13).
    pub oom_kills: Option<u64>,
}

impl Memory {
    /// What cannot go without harm: usage less the page cache that was not used lately. Kubernetes evicts pods by it, and
    /// `docker stats` shows it.
    #[must_use]
    pub fn working_set(&self) -> Option<u64> {
        Some(self.usage?.saturating_sub(self.inactive_file?))
    }

    pub(super) fn read(version: Version, file: &mut File<'_>) -> Self {
        match version {
            Version::V1 => Self::read_v1(file),
            Version::V2 => Self::read_v2(file),
        }
    }

    fn read_v1(file: &mut File<'_>) -> Self {
        let stat = file("memory.stat").unwrap_or_default();
        // Those without `total_` leave out the cgroups in this one.
        let total = |key| keyed(&stat, key);
        let mut one = |name: &str| file(name).as_deref().and_then(limit);
        let bound = one("memory.limit_in_bytes");
        let both = one("memory.memsw.limit_in_bytes");
        let swap_limit = both.map(|both| match (both, bound) {
            (Limit::At(both), Some(Limit::At(memory))) => Limit::At(both.saturating_sub(memory)),
            (both, _) => both,
        });
        let reserved = one("memory.soft_limit_in_bytes");
        let mut count = |name: &str| file(name).as_deref().and_then(number);
        Self {
            usage: count("memory.usage_in_bytes"),
            peak: count("memory.max_usage_in_bytes"),
            limit: bound,
            reserved,
            high: None,
            swap: total("total_swap"),
            swap_limit,
            anon: total("total_rss"),
            file: total("total_cache"),
            shmem: total("total_shmem"),
            mapped: total("total_mapped_file"),
            dirty: total("total_dirty"),
            writeback: total("total_writeback"),
            kernel: count("memory.kmem.usage_in_bytes"),
            active_file: total("total_active_file"),
            inactive_file: total("total_inactive_file"),
            faults: total("total_pgfault"),
            major_faults: total("total_pgmajfault"),
            at_limit: count("memory.failcnt"),
            at_high: None,
            oom: None,
            oom_kills: file("memory.oom_control").and_then(|text| keyed(&text, "oom_kill")),
        }
    }

    fn read_v2(file: &mut File<'_>) -> Self {
        let stat = file("memory.stat").unwrap_or_default();
        let events = file("memory.events").unwrap_or_default();
        let stat = |key| keyed(&stat, key);
        let mut one = |name: &str| file(name).as_deref().and_then(limit);
        Self {
            limit: one("memory.max"),
            reserved: one("memory.min"),
            high: one("memory.high"),
            swap_limit: one("memory.swap.max"),
            usage: file("memory.current").as_deref().and_then(number),
            peak: file("memory.peak").as_deref().and_then(number),
            swap: file("memory.swap.current").as_deref().and_then(number),
            anon: stat("anon"),
            file: stat("file"),
            shmem: stat("shmem"),
            mapped: stat("file_mapped"),
            dirty: stat("file_dirty"),
            writeback: stat("file_writeback"),
            kernel: stat("kernel"),
            active_file: stat("active_file"),
            inactive_file: stat("inactive_file"),
            faults: stat("pgfault"),
            major_faults: stat("pgmajfault"),
            at_limit: keyed(&events, "max"),
            at_high: keyed(&events, "high"),
            oom: keyed(&events, "oom"),
            oom_kills: keyed(&events, "oom_kill"),
        }
    }
}
