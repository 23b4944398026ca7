//! Switches between threads: CPU time, added up in a map, and an event when somebody wants it.
//!
//! Source: kernel include/trace/events/sched.h,
//! `TP_PROTO(bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)`.

use aya_ebpf::{helpers::bpf_get_smp_processor_id, macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{
    counters::{CpuTime, Moved},
    events::code,
    group::by,
    plan::{GROUP, PLAN_SWITCH, WANTED},
};

use crate::{
    arch::{Task, member},
    follow, gate, group,
    maps::{CPU_TIMES, RUNNING, config, each_plan, flags_of, offset},
    read,
    record::{Loss, Room, Small, count_loss, who},
    task,
};

/// A thread leaves the CPU, another one begins.
#[btf_tracepoint(function = "sched_switch")]
#[inline(always)]
pub fn sched_switch(ctx: BtfTracePointContext) -> i32 {
    let prev: *const u8 = ctx.arg(1);
    let next: *const u8 = ctx.arg(2);
    if config!(cpu_time) != 0 {
        count(prev, next);
    }
    each_plan(PLAN_SWITCH, |plan| {
        // SAFETY: a live map value.
        let flags = unsafe { (*plan).flags };
        if flags & WANTED == 0 || gate::left_out() || !gate::task_passes(plan) {
        } else if flags & GROUP != 0 {
            group::event(plan);
        } else {
            report(next, flags_of(plan));
        }
    });
    0
}

/// The thread that leaves is still the running one. With a stack of its own, as older kernels add them up.
#[inline(never)]
fn report(next: *const u8, flags: u16) {
    let [size, resident, swapped] = task::memory();
    let mut room = Room::uninit();
    let mut record = Small::begin(&mut room, code::SWITCH, 6, flags);
    record.put::<8>(0, u64::from(member::<u32>(next, offset!(task_pid))));
    record.put::<8>(1, task::field(offset!(task_major_faults)));
    record.put::<8>(2, task::field(offset!(task_minor_faults)));
    record.put::<4>(3, size);
    record.put::<4>(4, resident);
    record.put::<4>(5, swapped);
    record.submit();
}

/// Ends the slice of the thread that leaves the CPU and begins that of the next.
#[inline(always)]
fn count(prev: *const u8, next: *const u8) {
    // SAFETY: the helper has no preconditions.
    let (cpu, now) = (unsafe { bpf_get_smp_processor_id() }, read::now_ns());
    let Some(running) = RUNNING.get_ptr_mut(cpu) else { return };
    // SAFETY: the value is this CPU's own; user space only reads it.
    unsafe {
        let tid = member(prev, offset!(task_pid));
        let (since, moved) = ((*running).since_ns, (*running).moved);
        if tid != 0 && since != 0 && since <= now && follow::wants_slice(tid) {
            // Whoever reads meanwhile must not take it from both places.
            core::ptr::write_volatile(&raw mut (*running).since_ns, 0);
            add(prev, tid, now - since, &moved);
        }
        let next_tid = member(next, offset!(task_pid));
        let tid = if follow::wants_running(next_tid) { next_tid } else { 0 };
        (*running).tid = tid;
        (*running).tgid = member(next, offset!(task_tgid));
        if keeps_bytes() {
            (*running).moved = Moved::default();
        }
        core::ptr::write_volatile(&raw mut (*running).since_ns, now);
    }
}

/// Whether bytes of sockets may be kept with CPU time.
#[inline(always)]
fn keeps_bytes() -> bool {
    config!(sockets_by) & by::SLICES != 0
}

#[inline(never)]
fn add(task: *const u8, tid: u32, ran_ns: u64, moved: &Moved) {
    let (utime, stime) = (member(task, offset!(task_utime)), member(task, offset!(task_stime)));
    // The thread that leaves is still the current one. Its number may have been another one's, and it may have been moved.
    let (tgid, cgroup) = (member(task, offset!(task_tgid)), Task::current().cgroup());
    if let Some(entry) = CPU_TIMES.get_ptr_mut(tid) {
        // SAFETY: a live map value. A thread runs on one CPU at a time, so nobody else adds to it.
        unsafe {
            (*entry).ran_ns += ran_ns;
            (*entry).utime = utime;
            (*entry).stime = stime;
            (*entry).tgid = tgid;
            (*entry).cgroup = cgroup;
            if keeps_bytes() {
                (*entry).moved = (*entry).moved.and(*moved);
            }
            if config!(who) != 0 {
                who((&raw mut (*entry).who).cast());
            }
        }
        return;
    }
    let mut first = CpuTime { ran_ns, tgid, reserved: 0, cgroup, utime, stime, who: [0; 4], moved: *moved };
    if config!(who) != 0 {
        // SAFETY: `who` takes `WHO_LEN` bytes.
        unsafe { who(first.who.as_mut_ptr().cast()) };
    }
    if CPU_TIMES.insert(tid, first, 0).is_err() {
        count_loss(Loss::CpuTable, 1);
        if keeps_bytes() {
            count_loss(Loss::Groups, moved.receives + moved.sends);
        }
    }
}
