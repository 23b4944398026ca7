//! A thread that is made, a program that was run, and the end of a thread.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{
    arch::number_of,
    config::ABSENT,
    plan::{self, PLAN_PROCEXIT, Plan},
    wire,
};

use crate::{
    arch::Task,
    collect::{self, Call, TASK},
    entry, follow, gate, group,
    maps::{each_plan, offset},
    read,
    record::Slot,
};

/// Number of `execve`.
const EXECVE: u16 = number_of("execve");
/// Number of `execveat`.
const EXECVEAT: u16 = number_of("execveat");

/// Follows a thread that a followed one makes: attached only when some are followed.
///
/// Source: kernel include/trace/events/sched.h, `TP_PROTO(struct task_struct *parent, struct task_struct *child)`;
/// kernel/fork.c, `kernel_clone`: before the new one is woken up.
#[btf_tracepoint(function = "sched_process_fork")]
#[inline(always)]
pub fn process_fork(ctx: BtfTracePointContext) -> i32 {
    follow::forks(ctx.arg(0), ctx.arg(1));
    0
}

/// Reports a program that was run. Here all of it stands in kernel objects; the registers of the call are gone.
///
/// Source: kernel include/trace/events/sched.h,
/// `TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`.
#[btf_tracepoint(function = "sched_process_exec")]
#[inline(always)]
pub fn exec(ctx: BtfTracePointContext) -> i32 {
    let old_tid: u32 = ctx.arg(1);
    follow::execs(Task::current(), old_tid);
    let binprm: *const u8 = ctx.arg(2);
    let number = u32::from(if by_descriptor(binprm as usize) { EXECVEAT } else { EXECVE });
    let mut recorded: *const Plan = core::ptr::null();
    each_plan(number, |plan| {
        // SAFETY: a live map value.
        let flags = unsafe { (*plan).flags };
        if flags & plan::WANTED == 0 || flags & plan::EXEC == 0 || gate::left_out() || !gate::task_passes(plan) {
        } else if flags & plan::GROUP != 0 {
            group::exec(plan, number);
        } else {
            recorded = plan;
        }
    });
    // An exec has no descriptor, so its key is always known: only one table can want its record.
    if !recorded.is_null() {
        let call = Call { binprm: binprm as usize, ..Call::of(Task::current(), recorded, number) };
        collect::record::<{ wire::MAX_PARAMS }, TASK>(Slot::Exec, call);
    }
    0
}

/// Whether the program was named by a descriptor, which only `execveat` does: by now the registers say `execve` in any
/// case. Source: kernel arch/x86/kernel/process_64.c, `set_personality_64bit`; fs/exec.c, `alloc_bprm`.
#[inline(always)]
fn by_descriptor(binprm: usize) -> bool {
    offset!(binprm_fdpath) != ABSENT as usize && read::kernel::<usize>(binprm + offset!(binprm_fdpath)) != 0
}

/// Reports the end of a thread.
///
/// Source: kernel include/trace/events/sched.h, `sched_process_exit`; kernel/exit.c, `do_exit`.
#[btf_tracepoint(function = "sched_process_exit")]
#[inline(always)]
pub fn process_exit(_ctx: BtfTracePointContext) -> i32 {
    entry::forget();
    report_exit();
    follow::exits(Task::current());
    0
}

#[inline(always)]
fn report_exit() {
    let mut recorded: *const Plan = core::ptr::null();
    each_plan(PLAN_PROCEXIT, |plan| {
        // SAFETY: a live map value.
        let flags = unsafe { (*plan).flags };
        if flags & plan::WANTED == 0 || gate::left_out() || !gate::task_passes(plan) {
        } else if flags & plan::GROUP != 0 {
            group::event(plan);
        } else {
            recorded = plan;
        }
    });
    if !recorded.is_null() {
        collect::exit_record(Call::of(Task::current(), recorded, 0));
    }
}
