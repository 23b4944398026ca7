//! Every map and global: its purpose and its size.

use aya_ebpf::{
    btf_maps::{Array, ArrayOfMaps, HashMap, PerCpuArray, PerCpuHashMap, ProgramArray, RingBuf},
    macros::btf_map,
};
use tracer_common::{
    config::{Config, Offsets, TURNS, Turn},
    counters::{Counters, CpuTime, Entry, Running},
    follow::MAX_FOLLOWED,
    group::{GroupKey, GroupValue, MAX_GROUPS, TABLES},
    plan::{NEXT_PROGRAMS, PLANS as PLAN_COUNT, Plan},
    predicate::{PREDICATES as PREDICATE_COUNT, Predicate},
    wire::{self, MAX_RINGS},
};

use crate::record::Scratch;

/// What to do for each system call number, 64 bits and 32, and for the other hooks behind them: 290 KiB, written once. User space makes it
/// twice as long when the question may change.
#[btf_map]
pub static PLANS: Array<Plan, PLAN_COUNT> = Array::new();

/// Which question counts now, by its number: see `turn`.
#[btf_map]
pub static TURN: Array<u32, 1> = Array::new();

/// What differs between the questions.
#[btf_map]
pub static ASKED: Array<Turn, TURNS> = Array::new();

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

/// The first map for calls.
#[btf_map]
pub static CALLS_A: Groups = Groups::new();

/// The second one.
#[btf_map]
pub static CALLS_B: Groups = Groups::new();

/// The first map for sockets.
#[btf_map]
pub static SOCKETS_A: Groups = Groups::new();

/// The second one.
#[btf_map]
pub static SOCKETS_B: Groups = Groups::new();

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

/// The plan of that number in that turn.
#[inline(always)]
pub fn plan_of(turn: u32, number: u32) -> Option<*const Plan> {
    PLANS.get_ptr(if config!(changes) == 0 { number } else { turn * PLAN_COUNT as u32 + number })
}

/// The turn of a plan.
#[inline(always)]
pub fn turn_of(plan: *const Plan) -> u32 {
    // SAFETY: only used with live map values.
    if config!(changes) == 0 { 0 } else { u32::from(unsafe { (*plan).turn }) }
}

/// What the records of a turn have among their flags.
#[inline(always)]
pub fn turn_flag(turn: u32) -> u16 {
    if config!(changes) == 0 { 0 } else { turn as u16 * wire::FLAG_TURN }
}

/// What a question asks for that another one may not.
macro_rules! asked {
    ($turn:expr, $field:ident) => {
        if $crate::maps::config!(changes) == 0 {
            $crate::maps::config!($field)
        } else {
            // SAFETY: a live map value.
            $crate::maps::ASKED.get_ptr($turn).map_or(0, |asked| unsafe { (*asked).$field })
        }
    };
}
pub(crate) use asked;
