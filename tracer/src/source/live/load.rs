//! Loading the object: globals, maps, rings.

use std::{
    error::Error,
    path::Path,
    sync::{Mutex, PoisonError},
};

use aya::{
    Btf, Ebpf, EbpfLoader, Pod,
    maps::{Array, ArrayOfMaps, HashMap, Map, MapData},
};
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_RINGBUF;
use rustc_hash::{FxHashMap, FxHashSet};
use tracer_common::{
    config::{Config, Counting, TURNS},
    connection::{Connection, MAX_CONNECTIONS},
    counters::ENTRY_SLOTS,
    group::{CALL_TABLES, Counted, GroupKey, GroupValue, Grouping, MAX_GROUPS, TABLES, by},
    plan::{self, NO_NUMBER, PLANS, Plan},
    predicate::{PREDICATES, Predicate},
    wire::{MAX_RINGS, MAX_SNAPLEN, SCRATCH_SLOTS},
};

use super::{
    LiveError, Options, btf,
    follow::Followed,
    groups,
    own::Own,
    plan::Plans,
    probes::{self, Outcomes, Probe},
    ring::Ring,
};
use crate::{sample::Sample, thread};

/// The kernel side, compiled by the build script.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("TRACER_EBPF_OBJECT"));

/// The most memory for all rings together, unless `--buffer-size` says otherwise, bytes.
const MAX_TOTAL: usize = 128 << 20;
/// The memory of one ring, unless that would be too much together, bytes.
const DEFAULT_RING: usize = 8 << 20;

/// So many predicates have room in any case.
const MIN_PREDICATES: u32 = 128;

/// The most threads whose calls are timed beside those that have a place of their own.
const MAX_TIMED: u32 = 16_384;

/// The loaded object.
pub struct Loaded {
    /// Programs and maps.
    pub bpf: Ebpf,
    /// The types of the hooks in the running kernel.
    pub hooks: Btf,
    /// Where the rings are put, their number, and the size of each.
    rings: (Map, u32, usize),
    /// What this kernel cannot do.
    pub losses: Vec<String>,
}

/// A number that nobody can guess.
fn secret() -> u32 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0u8) as u32
}

/// An error with its causes, in one line per cause.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// How many rings, and how large each is: a power of two and at least a page.
#[must_use]
pub fn ring_sizes(cpus: u32, asked: Option<usize>) -> (u32, usize) {
    let rings = cpus.clamp(1, MAX_RINGS);
    let size = asked.unwrap_or_else(|| DEFAULT_RING.min(MAX_TOTAL / rings as usize));
    let rounded = if size.is_power_of_two() { size } else { size.next_power_of_two() / 2 };
    (rings, rounded.max(4096))
}

/// The most rows of a table, if there are so many of them: each has a value for each CPU, in two maps.
fn max_groups(cpus: u32, tables: usize) -> u32 {
    const OF_ONE: usize = 64 << 20;
    const OF_ALL: usize = 128 << 20;
    let row = size_of::<GroupKey>() + size_of::<GroupValue>() * cpus.max(1) as usize;
    let memory = OF_ONE.min(OF_ALL / tables.max(1));
    ((memory / 2 / row) as u32).min(MAX_GROUPS)
}

/// How many tables of calls have plans of their own.
fn tables_of_calls(options: &Options) -> u32 {
    if options.changes { CALL_TABLES } else { (options.calls.len() as u32).clamp(1, CALL_TABLES) }
}

/// Whether tables differ in what is asked of them.
fn varies(options: &Options) -> bool {
    options.changes || options.calls.len() > 1
}

/// Loads the object into the kernel. Nothing is attached yet. `predicates` is how many there will be; of the calls whose plans
/// say so, a `sample` is recorded.
///
/// # Errors
/// The kernel refuses it, or lacks what it needs.
pub fn load(
    options: &Options,
    own: Own,
    cpus: u32,
    predicates: u32,
    sample: Option<Sample>,
) -> Result<Loaded, LiveError> {
    let hooks = probes::types();
    let hooks: Vec<&str> = hooks.iter().map(String::as_str).collect();
    // The library reads all types of the kernel for each loader, whether they are used or not: that is done meanwhile.
    let find = || btf::find(Path::new(btf::BTF_PATH), &hooks);
    let (mut loader, found) = thread::both(EbpfLoader::new, find);
    let found = found?;
    let (rings, ring_size) = ring_sizes(cpus, options.ring_bytes);
    // What is not asked for yet may be later.
    let may = |is_asked: bool| is_asked || options.changes;
    let asked = |tables: &[Option<Grouping>]| match options.changes {
        true => u32::MAX,
        false => tables.iter().flatten().fold(0, |all, grouping| all | asked_of(*grouping)),
    };
    let config = Config {
        snaplen: options.snaplen.min(MAX_SNAPLEN),
        rings,
        // No process has the greatest number.
        own_tgid: if options.own { u32::MAX } else { own.tgid },
        latency: may(options.latency).into(),
        entry_args: options.entry_args.into(),
        cpu_time: may(options.cpu_time).into(),
        cpus,
        who: may(options.who).into(),
        sample_below: sample.and_then(Sample::of_several).map_or(0, Sample::below),
        group_by: asked(&options.calls),
        group_number: options.calls.iter().flatten().next().map_or(0, |grouping| grouping.number as u32),
        sockets_by: asked(&[options.sockets]),
        predicates: may(predicates > 0).into(),
        changes: options.changes.into(),
        follow: options.follow.is_some().into(),
        tables: tables_of_calls(options),
        varies: varies(options).into(),
        numbered: may(options.calls.iter().flatten().any(|of| of.bytes_of.is_some())).into(),
        secret: secret(),
    };
    let tables = groups::wanted(options);
    let number = tables.iter().filter(|table| may(table.is_some())).count();
    let rows = |of: &Option<Grouping>| if may(of.is_some()) { max_groups(cpus, number) } else { 1 };
    let predicates = if options.changes { (TURNS * PREDICATES) as u32 } else { (predicates + 1).max(MIN_PREDICATES) };
    let log_level: u8 = if options.kernel_log { 5 } else { 0 };
    let turns = if options.changes { TURNS as u32 } else { 1 };
    for (names, table) in groups::NAMES.iter().zip(&tables) {
        for name in names {
            loader.map_max_entries(name, rows(table));
        }
    }
    let mut bpf = loader
        .btf(Some(&found.hooks))
        .override_global("CONFIG", &config, true)
        .override_global("OFFSETS", &found.offsets, true)
        .override_global("AYA_LOG_LEVEL", &log_level, false)
        .map_max_entries("SCRATCH", cpus * (SCRATCH_SLOTS + u32::from(options.entry_args)))
        .map_max_entries("ENTRY_ARRAY", if may(options.latency) { ENTRY_SLOTS } else { 1 })
        .map_max_entries("ENTRIES", if may(options.latency) { MAX_TIMED } else { 1 })
        .map_max_entries("CONNECTIONS", if may(options.connections) { MAX_CONNECTIONS } else { 1 })
        .map_max_entries("RUNNING", cpus)
        .map_max_entries("FOLLOWED", Followed::capacity(options.follow.as_ref()))
        .map_max_entries("PLANS", turns * tables_of_calls(options) * PLANS as u32)
        .map_max_entries("PREDICATES", predicates)
        .load(OBJECT)
        .map_err(|error| LiveError::Load { cause: chain(&error) })?;
    let outer = bpf.take_map("RINGS").ok_or(LiveError::Map("RINGS"))?;
    let rings = (outer, rings, ring_size);
    Ok(Loaded { bpf, hooks: found.hooks, rings, losses: found.losses.iter().map(ToString::to_string).collect() })
}

impl Loaded {
    /// Loads the programs that are wanted, and makes the rings meanwhile: for each of them the kernel waits until no program can still
    /// be reading what was there before. Returns the outcome for each program.
    ///
    /// # Errors
    /// The kernel gives no memory for a ring.
    pub fn programs_and_rings(&mut self, wanted: &[&'static Probe]) -> Result<(Outcomes, Vec<Ring>), LiveError> {
        let (bpf, hooks) = (&mut self.bpf, &self.hooks);
        let (outer, count, size) = &mut self.rings;
        let outer: ArrayOfMaps<_, MapData> = ArrayOfMaps::try_from(outer).map_err(|_| LiveError::Map("RINGS"))?;
        let (outer, count, size) = (Mutex::new(outer), *count, *size);
        let rings = || make_rings(&mut outer.lock().unwrap_or_else(PoisonError::into_inner), count, size);
        let (outcomes, rings) = thread::both(|| probes::load(bpf, hooks, wanted), rings);
        Ok((outcomes, rings?))
    }
}

fn make_rings(outer: &mut ArrayOfMaps<&mut MapData, MapData>, count: u32, size: usize) -> Result<Vec<Ring>, LiveError> {
    (0..count)
        .map(|number| {
            let entries = u32::try_from(size).map_err(|_| LiveError::Ring { size, cause: "too large".into() })?;
            let inner = aya_obj::Map::new_from_params(BPF_MAP_TYPE_RINGBUF as u32, 0, 0, entries, 0);
            let failed = |cause: String| LiveError::Ring { size, cause };
            let inner = MapData::create(inner, "ring", None).map_err(|error| failed(chain(&error)))?;
            outer.set(number, &inner, 0).map_err(|error| failed(chain(&error)))?;
            Ring::new(inner, size).map_err(|error| failed(error.to_string()))
        })
        .collect()
}

/// Writes the plans of a turn and their predicates; `again` when others may stand there.
///
/// # Errors
/// The map is not there or refuses.
pub fn write_plans(bpf: &mut Ebpf, plans: &Plans, turn: u32, options: &Options, again: bool) -> Result<(), LiveError> {
    let map = bpf.map_mut("PREDICATES").ok_or(LiveError::Map("PREDICATES"))?;
    let mut array: Array<_, Predicate> = Array::try_from(map).map_err(|_| LiveError::Map("PREDICATES"))?;
    let first = turn * PREDICATES as u32;
    for (index, predicate) in (first + 1..).zip(&plans.predicates) {
        let mut predicate = *predicate;
        predicate.ask_in(turn);
        array.set(index, predicate, 0).map_err(|_| LiveError::Map("PREDICATES"))?;
    }
    let map = bpf.map_mut("PLANS").ok_or(LiveError::Map("PLANS"))?;
    let mut array: Array<_, Plan> = Array::try_from(map).map_err(|_| LiveError::Map("PLANS"))?;
    let tables = tables_of_calls(options);
    for table in 0..tables {
        let section = (turn * tables + table) * PLANS as u32;
        for (index, plan) in chained(plans, table as usize) {
            let is_used = plan.flags & (plan::WANTED | plan::COMPAT_TOO) != 0 || plan.more != 0;
            if is_used || again {
                let of_turn = |index: u16| if index == 0 { 0 } else { first as u16 + index };
                let numbered = if plan.numbered == NO_NUMBER { NO_NUMBER } else { of_turn(plan.numbered) };
                let plan =
                    Plan { predicate: of_turn(plan.predicate), numbered, turn: turn as u8, table: table as u8, ..plan };
                array.set(section + index, plan, 0).map_err(|_| LiveError::Map("PLANS"))?;
            }
        }
    }
    Ok(())
}

/// The plans of a table of calls, each with the next table that wants such calls. The first table also leads to those that want a
/// call which it does not.
fn chained(plans: &Plans, table: usize) -> impl Iterator<Item = (u32, Plan)> {
    let following: Vec<(u8, FxHashMap<u32, u16>)> = (table + 1..=plans.more.len())
        .filter_map(|at| {
            Some((at as u8, plans.section(at)?.iter().map(|(index, plan)| (*index, plan.flags)).collect()))
        })
        .collect();
    let wanted = plans.plans.iter().filter(|(_, plan)| plan.flags & plan::WANTED != 0);
    let first: FxHashSet<u32> = wanted.map(|(index, _)| *index).collect();
    // A table that is not asked for has plans that want nothing: others may stand there.
    let (own, is_there) = plans.section(table).map_or((&plans.plans[..], false), |own| (own, true));
    own.iter().filter(|(index, _)| (*index as usize) < PLANS).map(move |(index, plan)| {
        let flags = |of: &FxHashMap<u32, u16>| of.get(index).copied().unwrap_or(0);
        // In the other tables, the first one is what follows the last.
        let last = if table > 0 && !first.contains(index) { plan::NO_MORE } else { 0 };
        let more = following.iter().find(|(_, of)| flags(of) & plan::WANTED != 0).map_or(last, |(at, _)| *at);
        let compat = following.iter().fold(0, |all, (_, of)| all | flags(of) & plan::COMPAT_TOO);
        let plan = if is_there { Plan { flags: plan.flags | compat, more, ..*plan } } else { Plan::UNWANTED };
        (*index, plan)
    })
}

/// What the kernel side is told of a table, besides the number: bits of [`by`].
fn asked_of(grouping: Grouping) -> u32 {
    grouping.by | if grouping.counted == Counted::SliceBytes { by::SLICES } else { 0 }
}

/// Writes what is counted in each table of a turn.
///
/// # Errors
/// The map is not there or refuses.
pub fn write_counting(bpf: &mut Ebpf, options: &Options, turn: u32) -> Result<(), LiveError> {
    if !varies(options) {
        return Ok(());
    }
    for (table, grouping) in (0..).zip(groups::wanted(options)) {
        let of = |grouping: Grouping| Counting { by: asked_of(grouping) | by::COUNTED, number: grouping.number as u32 };
        write(bpf, "COUNTING", turn * TABLES + table, grouping.map(of).unwrap_or_default())?;
    }
    Ok(())
}

/// Forgets the TCP connections: while nothing was attached to them, some ended, and others took their places.
///
/// # Errors
/// The map is not there or refuses.
pub fn forget_connections(bpf: &mut Ebpf) -> Result<(), LiveError> {
    let name = "CONNECTIONS";
    let map = bpf.map_mut(name).ok_or(LiveError::Map(name))?;
    let mut connections: HashMap<_, u64, Connection> = HashMap::try_from(map).map_err(|_| LiveError::Map(name))?;
    let known: Vec<u64> = connections.keys().filter_map(Result::ok).collect();
    known.iter().for_each(|socket| drop(connections.remove(socket)));
    Ok(())
}

/// Writes one number or what else is the element of an array.
///
/// # Errors
/// The map is not there or refuses.
pub fn write<T: Pod>(bpf: &mut Ebpf, name: &'static str, index: u32, value: T) -> Result<(), LiveError> {
    let map = bpf.map_mut(name).ok_or(LiveError::Map(name))?;
    let mut array: Array<_, T> = Array::try_from(map).map_err(|_| LiveError::Map(name))?;
    array.set(index, value, 0).map_err(|_| LiveError::Map(name))
}

#[cfg(test)]
mod tests {
    use super::ring_sizes;

    #[test]
    fn rings_stay_within_their_memory() {
        assert_eq!(ring_sizes(2, None), (2, 8 << 20));
        assert_eq!(ring_sizes(64, None), (64, 2 << 20));
        assert_eq!(ring_sizes(1000, None).0, 64);
        assert_eq!(ring_sizes(2, Some(65_536)), (2, 65_536));
        assert_eq!(ring_sizes(2, Some(100_000)), (2, 65_536), "rounded down to a power of two");
        assert_eq!(ring_sizes(2, Some(1)), (2, 4096));
    }
}
