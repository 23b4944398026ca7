//! When each thread began the call that it is in: latency.
//!
//! Kept by thread, updated in place. A call that began before the hook was attached, or whose beginning the kernel did not
//! report, has no latency.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns};
use tracer_common::{counters::Entry, wire};

use crate::{
    maps::{ENTRIES, config},
    record::{Loss, count_loss},
};

#[inline(always)]
fn tid() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

/// The running thread begins a call.
#[inline(always)]
pub fn begin(number: u32) {
    // SAFETY: the helper has no preconditions.
    let began_ns = unsafe { bpf_ktime_get_boot_ns() };
    let entry = Entry { began_ns, number, reserved: 0 };
    if let Some(known) = ENTRIES.get_ptr_mut(tid()) {
        // SAFETY: a live map value that only this thread changes.
        unsafe { *known = entry };
    } else if ENTRIES.insert(tid(), entry, 0).is_err() {
        count_loss(Loss::EntryTable, 1);
    }
}

/// Nanoseconds since the running thread began call `number`; `wire::NO_LATENCY` when that is not known. The second time
/// it is not known.
#[inline(always)]
pub fn end(number: u32) -> u64 {
    if config!(latency) == 0 {
        return wire::NO_LATENCY;
    }
    take(tid(), number)
}

#[inline(always)]
fn take(tid: u32, number: u32) -> u64 {
    let Some(known) = ENTRIES.get_ptr_mut(tid) else { return wire::NO_LATENCY };
    // SAFETY: a live map value that only this thread changes; the helper has no preconditions.
    unsafe {
        let Entry { began_ns, number: begun, .. } = *known;
        let now_ns = bpf_ktime_get_boot_ns();
        (*known).began_ns = 0;
        if began_ns == 0 || begun != number || now_ns < began_ns { wire::NO_LATENCY } else { now_ns - began_ns }
    }
}

/// As [`end`], and it can be asked again.
#[inline(always)]
pub fn so_far(number: u32) -> u64 {
    let Some(known) = ENTRIES.get_ptr(tid()) else { return wire::NO_LATENCY };
    // SAFETY: a live map value that only this thread changes; the helper has no preconditions.
    unsafe {
        let Entry { began_ns, number: begun, .. } = *known;
        let now_ns = bpf_ktime_get_boot_ns();
        if began_ns == 0 || begun != number || now_ns < began_ns { wire::NO_LATENCY } else { now_ns - began_ns }
    }
}

/// As [`end`], of an exec, whatever entry it came through. A thread that was not the leader of its process has the leader's
/// id by now, and `old_tid` is the one that it began with.
#[inline(always)]
pub fn end_exec(old_tid: u32) -> u64 {
    if config!(latency) == 0 {
        return wire::NO_LATENCY;
    }
    let Some(known) = ENTRIES.get_ptr_mut(old_tid) else { return wire::NO_LATENCY };
    // SAFETY: a live map value.
    let number = unsafe { (*known).number };
    let latency = take(old_tid, number);
    if old_tid != tid() {
        let _ = ENTRIES.remove(old_tid);
    }
    latency
}

/// The running thread ends.
#[inline(always)]
pub fn forget() {
    if config!(latency) != 0 {
        let _ = ENTRIES.remove(tid());
    }
}
