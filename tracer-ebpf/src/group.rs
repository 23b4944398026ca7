//! Counting where it happens: a row for each key, in a table that user space takes away and empties.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::{bpf_get_smp_processor_id, generated::bpf_get_current_comm};
use tracer_common::{
    events::{NOT_TAKEN, code::GENERIC},
    group::{COMPAT, FAILED, GroupKey, GroupValue, NO_NUMBER, NUMBER_SHIFT, NUMBERS, OUT, SOCKETS, by, number, range},
    plan::{self, NO_DESCRIPTOR, NONE, Plan, UNKNOWN_DESCRIPTOR},
    wire::{COMM_LEN, NO_LATENCY},
};

use crate::{
    arch::{Registers, Task},
    descriptor,
    entry::{self, Thread},
    maps::{self, GROUPS, RUNNING, config, counted_by, counted_number, offset, place, table_of, turn, turn_of},
    predicate, read,
    record::{Loss, count_loss},
    running, task,
};

/// `BPF_NOEXIST`.
const NO_EXIST: u64 = 1;

/// Events of one kind, as they go to a row.
#[derive(Clone, Copy)]
pub struct Counted {
    /// As in the key.
    call: u32,
    /// As in the key.
    error: u32,
    /// How many.
    count: u64,
    /// Their number, if they have one.
    number: u64,
    /// Whether they have.
    has_number: bool,
    /// Whether they failed.
    failed: bool,
    /// Where their table stands.
    place: u32,
}

/// An event of this plan that is no call.
#[inline(always)]
pub fn event(plan: *const Plan) {
    let latency_ns = NO_LATENCY;
    add(&counted(plan, 0, 0, latency_ns), read::zeroed(&mut MaybeUninit::uninit()));
}

/// A program that was run.
#[inline(always)]
pub fn exec(plan: *const Plan, number: u32) {
    let latency_ns = if asks(plan, number::LATENCY) { entry::end_exec(table_of(plan) == 0) } else { NO_LATENCY };
    add(&counted(plan, number, 0, latency_ns), read::zeroed(&mut MaybeUninit::uninit()));
}

/// Puts what is asked of the descriptor of a call to the key. False when that is not known for sure.
#[inline(always)]
pub fn describe(plan: *const Plan, registers: Registers, key: &mut GroupKey) -> bool {
    let asked = counted_by(place_of(plan));
    if asked & by::DESCRIPTOR == 0 {
        return true;
    }
    // SAFETY: a live map value.
    match unsafe { (*plan).descriptor } {
        UNKNOWN_DESCRIPTOR => false,
        NO_DESCRIPTOR => true,
        argument => descriptor::of_fd(predicate::argument(registers, argument), asked, &mut key.descriptor),
    }
}

/// A call of this plan, or one of the messages of a call, which moved so many bytes and took so long.
#[inline(always)]
pub fn call(plan: *const Plan, registers: Registers, number: u32, result: i64, latency_ns: u64, key: &mut GroupKey) {
    let mut counted = counted(plan, number, result, latency_ns);
    // Looked at here, since a call that is no message is the usual one, and needs no function.
    // SAFETY: a live map value.
    let may_stay = counted.has_number && unsafe { (*plan).message_flags } != NONE;
    if may_stay && asks(plan, number::BYTES) && predicate::message_flags(plan, registers) & u64::from(NOT_TAKEN) != 0 {
        counted.has_number = false;
    }
    add(&counted, key);
}

/// The same for a part of a call, which took so long and moves what it moves: one of two descriptors, or a request that is done.
#[inline(always)]
pub fn part(plan: *const Plan, number: u32, result: i64, latency_ns: u64, key: &mut GroupKey) {
    add(&counted(plan, number, result, latency_ns), key);
}

/// Nanoseconds that the call took, if that is asked for; it can be asked once.
#[inline(always)]
pub fn latency(plan: *const Plan, registers: Registers, number: u32) -> u64 {
    if asks(plan, number::LATENCY) { entry::end_now(Thread::of(registers), number, is_last(plan)) } else { NO_LATENCY }
}

/// Whether nobody asks after the table of this plan how long the call took.
#[inline(always)]
fn is_last(plan: *const Plan) -> bool {
    config!(varies) == 0 || table_of(plan) == 0 && running::tables() == 0
}

/// The messages of a call, of which nothing is asked but how many there were.
#[inline(always)]
pub fn messages(plan: *const Plan, number: u32, result: i64, key: &mut GroupKey) {
    let first = counted(plan, number, result, NO_LATENCY);
    add(&Counted { count: if result > 1 { result as u64 } else { 1 }, ..first }, key);
}

/// Bytes that an internet socket moved; whether it sent them.
#[inline(always)]
pub fn bytes(sock: usize, bytes: u64, sent: bool) {
    let place = place(turn(), SOCKETS);
    let asked = counted_by(place);
    if config!(changes) != 0 && asked & by::COUNTED == 0 {
        // The hook is attached for the next question, or for the one before.
        return;
    }
    if asked & by::SLICES != 0 {
        return in_slice(bytes, sent);
    }
    let mut key = MaybeUninit::<GroupKey>::uninit();
    let key = read::zeroed(&mut key);
    if asked & by::DESCRIPTOR != 0 && !descriptor::of_sock(sock, false, asked, &mut key.descriptor) {
        // Of others than TCP such tables have no rows. User space knows protocols by their low byte, which MPTCP shares with TCP.
        if key.descriptor.protocol as u8 == descriptor::TCP as u8 {
            count_loss(Loss::Groups, 1);
        }
        return;
    }
    let call = if sent { OUT } else { 0 };
    add(&Counted { call, error: 0, count: 1, number: bytes, has_number: true, failed: false, place }, key);
}

/// Adds to what the running thread moved in this slice of its time. The kernel may take the CPU away from it in between: then this is the
/// next slice.
#[inline(always)]
fn in_slice(bytes: u64, sent: bool) {
    // SAFETY: the helper has no preconditions.
    let Some(running) = RUNNING.get_ptr_mut(unsafe { bpf_get_smp_processor_id() }) else { return };
    // SAFETY: a live map value, 8-byte aligned.
    unsafe {
        if (*running).since_ns == 0 {
            // No switch was seen on this CPU yet.
            let task = Task::current();
            (*running).tid = task.field(offset!(task_pid));
            (*running).tgid = task.field(offset!(task_tgid));
            core::ptr::write_volatile(&raw mut (*running).since_ns, read::now_ns());
        }
        let moved = &raw mut (*running).moved;
        let (sum, count) = if sent {
            (&raw mut (*moved).sent, &raw mut (*moved).sends)
        } else {
            (&raw mut (*moved).received, &raw mut (*moved).receives)
        };
        add_to(sum, bytes);
        add_to(count, 1);
    }
}

/// Whether that number is one of those of a row to which events of this plan go.
#[inline(always)]
pub fn asks(plan: *const Plan, number: u32) -> bool {
    counted_number(place_of(plan)) & number != 0
}

#[inline(always)]
fn counted(plan: *const Plan, number: u32, result: i64, latency_ns: u64) -> Counted {
    // SAFETY: a live map value.
    let (code, flags, writes) = unsafe { ((*plan).code, (*plan).flags, (*plan).writes) };
    let out = if writes != 0 { OUT } else { 0 };
    let of_call = number << NUMBER_SHIFT & NUMBERS;
    let compat = if flags & plan::COMPAT != 0 { COMPAT } else { 0 };
    let failed = result < 0;
    let (number, has_number) = if asks(plan, number::BYTES) {
        (result as u64, !failed && flags & plan::IO != 0 && is_numbered(plan))
    } else {
        (latency_ns, latency_ns != NO_LATENCY)
    };
    let error = if failed { result.unsigned_abs() as u32 } else { 0 };
    Counted {
        call: u32::from(code) | of_call | compat | out,
        error,
        count: 1,
        number,
        has_number,
        failed,
        place: place_of(plan),
    }
}

/// Whether the number of an event of this plan is added up.
#[inline(always)]
fn is_numbered(plan: *const Plan) -> bool {
    if config!(numbered) == 0 {
        return true;
    }
    // SAFETY: a live map value.
    match unsafe { (*plan).numbered } {
        0 => true,
        plan::NO_NUMBER => false,
        _ => running::is_numbered(),
    }
}

/// Where the table of a plan stands.
#[inline(always)]
fn place_of(plan: *const Plan) -> u32 {
    place(turn_of(plan), table_of(plan))
}

/// Adds to the row of the running task.
#[inline(never)]
fn add(counted: &Counted, key: &mut GroupKey) {
    let numbers = counted_number(counted.place);
    let has_sums = numbers & number::SUMS != 0;
    complete(key, counted, counted_by(counted.place), numbers);
    let key = &*key;
    let Some(table) = GROUPS.get(counted.place) else {
        // There always is one. Without a program that knows them, the maps would not be in the object.
        maps::forget(key);
        return;
    };
    let number = if counted.has_number { counted.number } else { 0 };
    // A hook may come in the middle of another one, and the kernel may take the CPU away from either: numbers are added as a
    // whole, and a row that somebody else begins meanwhile is found at the second look.
    for _ in 0..2 {
        if let Some(value) = table.get_ptr_mut(key) {
            // SAFETY: a live map value, 8-byte aligned.
            unsafe {
                if has_sums {
                    if (*value).count == 0 || number < (*value).min {
                        (*value).min = number;
                    }
                    if number > (*value).max {
                        (*value).max = number;
                    }
                    add_to(&raw mut (*value).sum, number);
                }
                add_to(&raw mut (*value).count, counted.count);
            }
            return;
        }
        let value = GroupValue { count: counted.count, sum: number, min: number, max: number };
        if table.insert(key, value, NO_EXIST).is_ok() {
            return;
        }
    }
    count_loss(Loss::Groups, counted.count);
}

/// Adds as a whole, whoever comes in between.
///
/// # Safety
/// `to` is valid and aligned.
#[inline(always)]
unsafe fn add_to(to: *mut u64, number: u64) {
    // SAFETY: the caller's promise; the language has no such operation for this target.
    unsafe { core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) to, in(reg) number, options(nostack)) };
}

/// Puts what is asked of the running task and the event to the key.
#[inline(always)]
fn complete(key: &mut GroupKey, counted: &Counted, asked: u32, numbers: u32) {
    // SAFETY: the helpers have no preconditions; the one for the name writes `COMM_LEN` bytes.
    unsafe {
        if asked & by::COMM != 0 {
            bpf_get_current_comm(key.comm.as_mut_ptr().cast(), COMM_LEN as u32);
        }
        if asked & by::CPU != 0 {
            key.cpu = bpf_get_smp_processor_id();
        }
    }
    if asked & (by::TGID | by::TID | by::CGROUP) != 0 {
        let task = Task::current();
        if asked & by::TGID != 0 {
            key.tgid = task.field(offset!(task_tgid));
        }
        if asked & by::TID != 0 {
            key.tid = task.field(offset!(task_pid));
        }
        if asked & by::CGROUP != 0 {
            key.cgroup = task.cgroup();
        }
    }
    if asked & by::UID != 0 {
        key.uid = task::uid();
    }
    if asked & by::CALL != 0 {
        let has_number = asked & by::NUMBER != 0 || counted.call as u16 == GENERIC;
        key.call = counted.call & if has_number { !OUT } else { !(OUT | NUMBERS) };
    }
    if asked & by::DIRECTION != 0 {
        key.call |= counted.call & OUT;
    }
    if asked & by::ERROR != 0 {
        key.error = counted.error;
    }
    if asked & by::VPID != 0 {
        key.vpid = task::vpid();
    }
    if numbers & number::SUMS != 0 {
        key.range = if !counted.has_number {
            NO_NUMBER
        } else if asked & by::RANGE != 0 {
            range(counted.number)
        } else {
            u32::from(counted.number != 0)
        };
    }
    if numbers & number::FAILURE != 0 && counted.failed {
        key.range |= FAILED;
    }
}
