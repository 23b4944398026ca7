//! Every map and global: its purpose and its size.

use aya_ebpf::{
    btf_maps::{Array, ArrayOfMaps, HashMap, LruHashMap, PerCpuArray, PerCpuHashMap, ProgramArray, RingBuf},
    macros::btf_map,
};
use tracer_common::{
    config::{Config, Counting, Offsets, TURNS},
    connection::{Connection, MAX_CONNECTIONS},
    counters::{Counters, CpuTime, Entry, Running},
    follow::MAX_FOLLOWED,
    group::{CALL_TABLES, GroupKey, GroupValue, MAX_GROUPS, SOCKETS, TABLES, number},
    plan::{NEXT_PROGRAMS, PLANS as PLAN_COUNT, Plan},
    predicate::{PREDICATES as PREDICATE_COUNT, Predicate},
    wire::{self, MAX_RINGS},
};

use crate::record::Scratch;

/// What to do for each system call number, 64 bits and 32, and for the other hooks behind them: 290 KiB, written once. User space makes it
/// as many times as long as there are tables and turns.
#[btf_map]
pub static PLANS: Array<Plan, PLAN_COUNT> = Array::new();

/// Which question counts now, by its number: see `turn`.
#[btf_map]
pub static TURN: Array<u32, 1> = Array::new();

/// What is counted in each table, by its place: see `place`.
#[btf_map]
pub static COUNTING: Array<Counting, { TURNS * TABLES as usize }> = Array::new();

/// What calls must pass, by the number in their plan; number 0 is not used. User space sets how many there are.
#[btf_map]
pub static PREDICATES: Array<Predicate, PREDICATE_COUNT> = Array::new();

/// Where the question may change: since when calls are timed without a gap, nanoseconds of the monotonic clock; later than all times
/// while they are not timed.
#[btf_map]
pub static TIMED_SINCE: Array<u64, 1> = Array::new();

/// What predicates ask of cgroups, a bit for each question of each turn, by the id of the cgroup.
#[btf_map]
pub static CGROUPS: HashMap<u64, [u64; TURNS], 16384> = HashMap::new();

/// Where records are built: a slot for each program and CPU. Array elements, since a per-CPU value ends at 32 KiB. User
/// space sets the number of entries.
#[btf_map]
pub static SCRATCH: Array<Scratch, 4> = Array::new();

/// The rings. User space makes the inner maps, of the size that was asked for.
#[btf_map]
pub static RINGS: ArrayOfMaps<RingBuf<u8, 4096>, { MAX_RINGS as usize }> = ArrayOfMaps::new();

/// A table of groups. User space sets the number of entries: one unless a table is counted here.
type Groups = PerCpuHashMap<GroupKey, GroupValue, { MAX_GROUPS as usize }>;

/// What stands for a table before user space puts one there. The kernel makes one of the size that is said here each time that the
/// object is loaded, only to compare kinds.
type AnyGroups = PerCpuHashMap<GroupKey, GroupValue, 1>;

/// The tables that are counted in now, by number, behind each other for each turn: of each, one of the two maps that follow. User space
/// puts the other one here when it takes this one, and the kernel waits then for the programs that still count. The last place is
/// empty: what is put there only makes the kernel wait.
#[btf_map]
pub static GROUPS: ArrayOfMaps<AnyGroups, { TURNS * TABLES as usize + 1 }> = ArrayOfMaps::new();

macro_rules! group_maps {
    ($($name:ident)+) => {
        $(
            /// One of the two maps of a table: its number and a letter, or the one of sockets.
            #[btf_map]
            pub static $name: Groups = Groups::new();
        )+

        /// Removes a row from all maps of tables.
        #[inline(always)]
        pub fn forget(key: &GroupKey) {
            $(let _ = $name.remove(key);)+
        }
    };
}

// User space knows them by these names: `source/live/groups.rs`.
group_maps! { CALLS_0A CALLS_0B CALLS_1A CALLS_1B CALLS_2A CALLS_2B CALLS_3A CALLS_3B CALLS_4A CALLS_4B CALLS_5A CALLS_5B SOCKETS_A SOCKETS_B }

/// What was written and lost, for each CPU.
#[btf_map]
pub static COUNTERS: PerCpuArray<Counters, 1> = PerCpuArray::new();

/// CPU time of each thread that ran since the programs were attached: about 2 MiB, only used when it is asked for.
#[btf_map]
pub static CPU_TIMES: HashMap<u32, CpuTime, 32768> = HashMap::new();

/// What runs on each CPU. User space sets the number of entries.
#[btf_map]
pub static RUNNING: Array<Running, 1> = Array::new();

/// The call that each thread is in, by the address of its stack: 1 MiB, one entry unless latency is asked for.
#[btf_map]
pub static ENTRY_ARRAY: Array<Entry, 1> = Array::new();

/// The same of threads whose place there is taken by another one; one entry unless latency is asked for.
#[btf_map]
pub static ENTRIES: HashMap<u64, Entry, 1> = HashMap::new();

/// The threads that are followed, by id, each with its state (`tracer_common::follow`); one entry unless only some are.
#[btf_map]
pub static FOLLOWED: HashMap<u32, u32, { MAX_FOLLOWED as usize }> = HashMap::new();

/// Connections of TCP, by the address of their socket; one entry unless they are asked for.
#[btf_map]
pub static CONNECTIONS: HashMap<u64, Connection, { MAX_CONNECTIONS as usize }> = HashMap::new();

/// Directories whose text user space has, by their number: since when, nanoseconds of the monotonic clock. About 1 MiB.
#[btf_map]
pub static DIRECTORIES: LruHashMap<u64, u64, { wire::path::MAX_KNOWN as usize }> = LruHashMap::new();

/// The programs that `sys_exit` goes on in.
#[btf_map]
pub static NEXT: ProgramArray<NEXT_PROGRAMS> = ProgramArray::new();

/// Settings; read-only once the object is loaded.
#[unsafe(no_mangle)]
pub static CONFIG: Config = Config {
    snaplen: 80,
    rings: 1,
    own_tgid: 0,
    latency: 0,
    entry_args: 0,
    cpu_time: 0,
    cpus: 1,
    who: 0,
    group_by: 0,
    sample_below: 0,
    group_number: 0,
    predicates: 0,
    sockets_by: 0,
    follow: 0,
    changes: 0,
    tables: 1,
    varies: 0,
    numbered: 0,
    secret: 0,
};

/// Where the fields of kernel structs are; read-only once the object is loaded.
#[unsafe(no_mangle)]
pub static OFFSETS: Offsets = Offsets::ZERO;

/// Reads a read-only global.
#[inline(always)]
pub fn load(global: *const u32) -> u32 {
    // SAFETY: only used with the members of `CONFIG` and `OFFSETS`; volatile, so that the compiler does not take the value it
    // sees for the one that user space sets before the object is loaded.
    unsafe { core::ptr::read_volatile(global) }
}

/// A setting. One at a time: each is an instruction in every program.
macro_rules! config {
    ($field:ident) => {
        $crate::maps::load(&raw const $crate::maps::CONFIG.$field)
    };
}
pub(crate) use config;

/// The offset of a kernel field.
macro_rules! offset {
    ($field:ident) => {
        $crate::maps::load(&raw const $crate::maps::OFFSETS.$field) as usize
    };
}
pub(crate) use offset;

/// The number of the question that counts now. To be asked once for each event, which belongs to that question.
#[inline(always)]
pub fn turn() -> u32 {
    if config!(changes) == 0 {
        return 0;
    }
    // SAFETY: a live map value; volatile, so that it is read once.
    TURN.get_ptr(0).map_or(0, |turn| unsafe { core::ptr::read_volatile(turn) })
}

/// The plan of that number, of a turn and a table of calls.
#[inline(always)]
pub fn plan_of(turn: u32, table: u32, number: u32) -> Option<*const Plan> {
    if config!(varies) == 0 {
        return PLANS.get_ptr(number);
    }
    PLANS.get_ptr((turn * config!(tables) + table) * PLAN_COUNT as u32 + number)
}

/// Calls `then` with the plan of that number for each table of calls that has one.
#[inline(always)]
pub fn each_plan(number: u32, mut then: impl FnMut(*const Plan)) {
    let turn = turn();
    // The first one comes last, as it does for calls.
    for table in 0..CALL_TABLES {
        let table = CALL_TABLES - 1 - table;
        if table < config!(tables)
            && let Some(plan) = plan_of(turn, table, number)
        {
            then(plan);
        }
    }
}

/// The turn of a plan.
#[inline(always)]
pub fn turn_of(plan: *const Plan) -> u32 {
    // SAFETY: only used with live map values.
    if config!(varies) == 0 { 0 } else { u32::from(unsafe { (*plan).turn }) }
}

/// The table of a plan.
#[inline(always)]
pub fn table_of(plan: *const Plan) -> u32 {
    // SAFETY: only used with live map values.
    if config!(varies) == 0 { 0 } else { u32::from(unsafe { (*plan).table }) }
}

/// The next table that the call of a plan is counted in: see `Plan::more`.
#[inline(always)]
pub fn more_of(plan: *const Plan) -> u32 {
    // SAFETY: only used with live map values.
    if config!(varies) == 0 { 0 } else { u32::from(unsafe { (*plan).more }) }
}

/// What the records of a turn have among their flags.
#[inline(always)]
pub fn turn_flag(turn: u32) -> u16 {
    turn as u16 * wire::FLAG_TURN
}

// Three bits number a table in the flags of a record.
const _: () = assert!(CALL_TABLES <= 8);

/// What the records of a plan have among their flags.
#[inline(always)]
pub fn flags_of(plan: *const Plan) -> u16 {
    if config!(varies) == 0 {
        return 0;
    }
    // SAFETY: only used with live map values.
    let (turn, table) = unsafe { ((*plan).turn, (*plan).table) };
    turn_flag(turn.into()) | 1 << (u16::from(table & 7) + wire::TABLE_SHIFT)
}

/// Where a table of a turn stands.
#[inline(always)]
pub fn place(turn: u32, table: u32) -> u32 {
    if config!(varies) == 0 { table } else { turn * TABLES + table }
}

/// What the key of that table has: bits of `by`.
#[inline(always)]
pub fn counted_by(place: u32) -> u32 {
    if config!(varies) == 0 {
        return if place == SOCKETS { config!(sockets_by) } else { config!(group_by) };
    }
    // SAFETY: a live map value.
    COUNTING.get_ptr(place).map_or(0, |counting| unsafe { (*counting).by })
}

/// The number that it adds up.
#[inline(always)]
pub fn counted_number(place: u32) -> u32 {
    if config!(varies) == 0 {
        return if place == SOCKETS { number::BYTES } else { config!(group_number) };
    }
    // SAFETY: a live map value.
    COUNTING.get_ptr(place).map_or(0, |counting| unsafe { (*counting).number })
}
