//! When each thread began the call that it is in: latency.
//!
//! Each thread has a place in an array, which its id says, and which is looked up without a call of the kernel. Where that
//! place is taken by another thread in a call, the thread goes to a hash table. Two threads that take a free place at the same
//! moment on two CPUs lose one of the two times. A call that began before the hook was attached, or whose beginning the kernel
//! did not report, has no latency.

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use tracer_common::{
    counters::{ENTRY_SLOTS, Entry},
    wire,
};

use crate::{
    arch::Task,
    maps::{ENTRIES, ENTRY_ARRAY, config, offset},
    record::{Loss, count_loss},
};

#[inline(always)]
fn tid_of(task: Task) -> u32 {
    task.field(offset!(task_pid))
}

/// The place of a thread in the array.
#[inline(always)]
fn slot(tid: u32) -> Option<*mut Entry> {
    ENTRY_ARRAY.get_ptr_mut(tid & (ENTRY_SLOTS - 1))
}

/// The entry of a thread, wherever it is.
#[inline(always)]
fn find(tid: u32) -> Option<*mut Entry> {
    let slot = slot(tid)?;
    // SAFETY: a live map value.
    if unsafe { (*slot).tid } == tid { Some(slot) } else { ENTRIES.get_ptr_mut(tid) }
}

/// The running thread begins a call.
#[inline(always)]
pub fn begin(task: Task, number: u32) {
    // SAFETY: the helper has no preconditions.
    let began_ns = unsafe { bpf_ktime_get_boot_ns() };
    let tid = tid_of(task);
    let Some(slot) = slot(tid) else { return };
    // SAFETY: a live map value; whom it belongs to is looked at.
    unsafe {
        if (*slot).tid == tid || (*slot).began_ns == 0 {
            *slot = Entry { began_ns, number, tid };
            return;
        }
    }
    begin_elsewhere(Entry { began_ns, number, tid });
}

#[inline(never)]
fn begin_elsewhere(entry: Entry) {
    if ENTRIES.insert(entry.tid, entry, 0).is_err() {
        count_loss(Loss::EntryTable, 1);
    }
}

/// Nanoseconds from the beginning of call `number` of the running thread to `now_ns`; `wire::NO_LATENCY` when that is not
/// known. The second time it is not known.
#[inline(always)]
pub fn end(task: Task, number: u32, now_ns: u64) -> u64 {
    if config!(latency) == 0 {
        return wire::NO_LATENCY;
    }
    take(tid_of(task), number, now_ns)
}

/// As [`end`], up to now.
#[inline(always)]
pub fn end_now(number: u32) -> u64 {
    // SAFETY: the helper has no preconditions.
    end(Task::current(), number, unsafe { bpf_ktime_get_boot_ns() })
}

#[inline(always)]
fn take(tid: u32, number: u32, now_ns: u64) -> u64 {
    let Some(known) = find(tid) else { return wire::NO_LATENCY };
    // SAFETY: a live map value of this thread.
    unsafe {
        let latency_ns = since(known, number, now_ns);
        (*known).began_ns = 0;
        latency_ns
    }
}

/// Nanoseconds since the call of an entry began, if it is that one.
///
/// # Safety
/// `known` is a live map value.
#[inline(always)]
unsafe fn since(known: *const Entry, number: u32, now_ns: u64) -> u64 {
    // SAFETY: the caller's promise.
    let Entry { began_ns, number: begun, .. } = unsafe { *known };
    if began_ns == 0 || begun != number || now_ns < began_ns { wire::NO_LATENCY } else { now_ns - began_ns }
}

/// As [`end`], up to now, and it can be asked again.
#[inline(always)]
pub fn so_far(task: Task, number: u32) -> u64 {
    let Some(known) = find(tid_of(task)) else { return wire::NO_LATENCY };
    // SAFETY: a live map value of this thread; the helper has no preconditions.
    unsafe { since(known, number, bpf_ktime_get_boot_ns()) }
}

/// As [`end`], of an exec, whatever entry it came through. A thread that was not the leader of its process has the leader's
/// id by now, and `old_tid` is the one that it began with.
#[inline(always)]
pub fn end_exec(old_tid: u32) -> u64 {
    if config!(latency) == 0 {
        return wire::NO_LATENCY;
    }
    let Some(known) = find(old_tid) else { return wire::NO_LATENCY };
    // SAFETY: a live map value; the helper has no preconditions.
    let (number, now_ns) = unsafe { ((*known).number, bpf_ktime_get_boot_ns()) };
    take(old_tid, number, now_ns)
}

/// The running thread ends.
#[inline(always)]
pub fn forget() {
    if config!(latency) == 0 {
        return;
    }
    let tid = tid_of(Task::current());
    if let Some(slot) = slot(tid)
        // SAFETY: a live map value.
        && unsafe { (*slot).tid } == tid
    {
        // SAFETY: as above.
        unsafe { (*slot).began_ns = 0 };
    }
    let _ = ENTRIES.remove(tid);
}
