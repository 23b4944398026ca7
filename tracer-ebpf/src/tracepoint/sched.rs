//! CPU time: what each thread ran, added up in a map at every switch. No records.
//!
//! Source: kernel include/trace/events/sched.h,
//! `TP_PROTO(bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)`.

use aya_ebpf::{
    helpers::{bpf_get_current_cgroup_id, bpf_get_smp_processor_id, bpf_ktime_get_boot_ns},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use tracer_common::counters::{CpuTime, Running};

use crate::{
    maps::{CPU_TIMES, RUNNING, offset},
    record::{Loss, count_loss},
};

/// Reads a member of a task whose type the verifier knows.
#[inline(always)]
fn id(task: *const u8, offset: usize) -> u32 {
    // SAFETY: the verifier refuses the program if the offset is not that of a member of this size.
    unsafe { core::ptr::read_volatile(task.add(offset).cast()) }
}

/// Ends the slice of the thread that leaves the CPU and begins that of the next.
#[btf_tracepoint(function = "sched_switch")]
pub fn sched_switch(ctx: BtfTracePointContext) -> i32 {
    let prev: *const u8 = ctx.arg(1);
    let next: *const u8 = ctx.arg(2);
    // SAFETY: the helpers have no preconditions.
    let (cpu, now) = unsafe { (bpf_get_smp_processor_id(), bpf_ktime_get_boot_ns()) };
    let Some(running) = RUNNING.get_ptr_mut(cpu) else { return 0 };
    // SAFETY: the value is this CPU's own; user space only reads it.
    unsafe {
        let tid = id(prev, offset!(task_pid));
        let since = (*running).since_ns;
        if tid != 0 && since != 0 && since <= now {
            add(prev, tid, now - since);
        }
        *running = Running { since_ns: now, tid: id(next, offset!(task_pid)), tgid: id(next, offset!(task_tgid)) };
    }
    0
}

#[inline(always)]
fn time(task: *const u8, offset: usize) -> u64 {
    // SAFETY: as in `id`.
    unsafe { core::ptr::read_volatile(task.add(offset).cast()) }
}

#[inline(always)]
fn add(task: *const u8, tid: u32, ran_ns: u64) {
    let (utime, stime) = (time(task, offset!(task_utime)), time(task, offset!(task_stime)));
    if let Some(entry) = CPU_TIMES.get_ptr_mut(tid) {
        // SAFETY: a live map value. A thread runs on one CPU at a time, so nobody else adds to it.
        unsafe {
            (*entry).ran_ns += ran_ns;
            (*entry).utime = utime;
            (*entry).stime = stime;
        }
        return;
    }
    // SAFETY: the helper has no preconditions; the thread that leaves is still the current one.
    let cgroup = unsafe { bpf_get_current_cgroup_id() };
    let first = CpuTime { ran_ns, tgid: id(task, offset!(task_tgid)), reserved: 0, cgroup, utime, stime };
    if CPU_TIMES.insert(tid, first, 0).is_err() {
        count_loss(Loss::CpuTable, 1);
    }
}
