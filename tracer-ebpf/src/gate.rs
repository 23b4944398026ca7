//! Leaving early: what is decided before anything is built.

use tracer_common::{
    arch::{COMPAT_SIGRETURN, COMPAT_SOCKETCALL, MAX_SYSCALLS, number_of},
    group::by,
    plan::{self, Plan},
    predicate::Predicate,
};

use crate::{
    arch::{Registers, Task},
    follow,
    maps::{PREDICATES, config, more_of, offset, plan_of, turn},
    predicate::{self, Verdict},
    running,
};

/// Number of `rt_sigreturn`.
const SIGRETURN: u16 = number_of("rt_sigreturn");

/// A system call that passed.
#[derive(Clone, Copy)]
pub struct Passed {
    /// What to do.
    pub plan: *const Plan,
    /// Its flags.
    pub flags: u16,
    /// Number of the call, in the table of its entry.
    pub number: u32,
    /// Whose call it is.
    pub task: Task,
}

/// Whether events of the running task are left out, whatever they are: it is the tracer itself, or only others are followed.
#[inline(always)]
pub fn left_out() -> bool {
    let task = Task::current();
    is_own(task) || !follow::wants(task)
}

/// Whether a task is one of the tracer itself.
#[inline(always)]
pub fn is_own(task: Task) -> bool {
    task.field::<u32>(offset!(task_tgid)) == config!(own_tgid)
}

/// The predicate of a plan.
#[inline(always)]
pub fn predicate_of(plan: *const Plan) -> Option<*const Predicate> {
    if config!(predicates) == 0 {
        return None;
    }
    // SAFETY: a live map value.
    let index = unsafe { (*plan).predicate };
    if index == 0 { None } else { PREDICATES.get_ptr(u32::from(index)) }
}

/// Whether a system call passes the predicate of its plan.
#[inline(always)]
pub fn call_passes(passed: Passed, registers: Registers, result: i64) -> bool {
    if config!(group_by) & by::DESCRIPTOR != 0 {
        running::set_socket(0, 0);
    }
    let Some(predicate) = predicate_of(passed.plan) else { return true };
    match predicate::first(predicate, passed.task, result) {
        Verdict::Passes => true,
        Verdict::Drops => false,
        Verdict::Open => predicate::call_passes(predicate, registers, result, passed.number, passed.plan),
    }
}

/// Finds out whether the number of a call is added up, where a predicate decides that.
#[inline(always)]
pub fn decide_number(passed: Passed, registers: Registers, result: i64) {
    // SAFETY: a live map value.
    let index = unsafe { (*passed.plan).numbered };
    if config!(numbered) == 0 || index == 0 || index == plan::NO_NUMBER {
        return;
    }
    // What failed has no number.
    let passes = result >= 0
        && PREDICATES
            .get_ptr(u32::from(index))
            .is_some_and(|predicate| predicate::call_passes(predicate, registers, result, passed.number, passed.plan));
    running::set_numbered(passes);
}

/// Whether an event of another hook passes the predicate of its plan.
#[inline(always)]
pub fn task_passes(plan: *const Plan) -> bool {
    predicate_of(plan).is_none_or(predicate::task_passes)
}

/// Flags of a plan.
#[inline(always)]
fn flags_of(plan: *const Plan) -> u16 {
    // SAFETY: only used with live map values.
    unsafe { (*plan).flags }
}

/// The plan of a 32-bit call. For `socketcall` that of the call that it stands for.
#[inline(never)]
fn compat_plan(registers: Registers, number: u32, turn: u32, table: u32) -> Option<*const Plan> {
    let call = registers.compat_arg::<0>() as u32;
    if number == COMPAT_SOCKETCALL && call < plan::SOCKETCALLS {
        let plan = plan_of(turn, table, plan::PLAN_SOCKETCALL + call)?;
        if flags_of(plan) & plan::SOCKETCALL != 0 {
            return Some(plan);
        }
    }
    plan_of(turn, table, plan::PLAN_COMPAT + number)
}

/// The number of a call that begins, if calls of that number are wanted, be they of 64-bit or of 32-bit programs: what can be said
/// without asking who runs.
#[inline(always)]
pub fn begins(registers: Registers) -> Option<u32> {
    let number = registers.number();
    if number < 0 || number >= MAX_SYSCALLS as i64 {
        return None;
    }
    let number = number as u32;
    let plan = plan_of(turn(), 0, number)?;
    if flags_of(plan) & (plan::WANTED | plan::COMPAT_TOO) == 0 && more_of(plan) == 0 { None } else { Some(number) }
}

/// The plan of a system call, if it is wanted for this table of a turn or, in the first one, for another table. Whether the call is the
/// tracer's own is asked later.
#[inline(always)]
pub fn syscall(registers: Registers, turn: u32, table: u32) -> Option<Passed> {
    let mut number = registers.number();
    // The call restores the registers of the interrupted code, and with them no number.
    let sigreturn = number == -1;
    if sigreturn {
        number = i64::from(SIGRETURN);
    }
    if number < 0 || number >= MAX_SYSCALLS as i64 {
        return None;
    }
    let mut number = number as u32;
    let mut plan = plan_of(turn, table, number)?;
    let mut flags = flags_of(plan);
    if flags & (plan::WANTED | plan::COMPAT_TOO) == 0 && more_of(plan) == 0 {
        return None;
    }
    let task = Task::current();
    if task.compat() {
        number = if sigreturn { COMPAT_SIGRETURN } else { number };
        plan = compat_plan(registers, number, turn, table)?;
        flags = flags_of(plan);
    }
    if flags & plan::WANTED == 0 && more_of(plan) == 0 {
        return None;
    }
    Some(Passed { plan, flags, number, task })
}
