//! Leaving early: what is decided before anything is built.

use tracer_common::{
    arch::{COMPAT_SIGRETURN, COMPAT_SOCKETCALL, MAX_SYSCALLS, number_of},
    plan::{self, Plan},
};

use crate::{
    arch::{Registers, compat},
    maps::{PLANS, PREDICATES, config, offset},
    predicate, task,
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
}

/// Whether the running process is the tracer itself.
#[inline(always)]
pub fn own() -> bool {
    task::field::<u32>(offset!(task_tgid)) == config().own_tgid
}

/// Whether a call of this plan passes its predicate. `registers` are those of a system call; other hooks have none.
#[inline(always)]
pub fn passes(plan: *const Plan, registers: Option<Registers>, result: i64, number: u32) -> bool {
    // SAFETY: a live map value.
    let index = unsafe { (*plan).predicate };
    if index == 0 {
        return true;
    }
    let Some(predicate) = PREDICATES.get_ptr(u32::from(index)) else { return true };
    match registers {
        Some(registers) => predicate::call_passes(predicate, registers, result, number),
        None => predicate::task_passes(predicate, result),
    }
}

/// Flags of a plan.
#[inline(always)]
fn flags_of(plan: *const Plan) -> u16 {
    // SAFETY: only used with live map values.
    unsafe { (*plan).flags }
}

/// The plan of a 32-bit call. For `socketcall` that of the call that it stands for.
#[inline(never)]
fn compat_plan(registers: Registers, number: u32) -> Option<*const Plan> {
    let call = registers.compat_arg::<0>() as u32;
    if number == COMPAT_SOCKETCALL && call < plan::SOCKETCALLS {
        let plan = PLANS.get_ptr(plan::PLAN_SOCKETCALL + call)?;
        if flags_of(plan) & plan::SOCKETCALL != 0 {
            return Some(plan);
        }
    }
    PLANS.get_ptr(plan::PLAN_COMPAT + number)
}

/// The plan of a system call, if it is wanted. Whether the call is the tracer's own is asked later.
#[inline(always)]
pub fn syscall(registers: Registers) -> Option<Passed> {
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
    let mut plan = PLANS.get_ptr(number)?;
    let mut flags = flags_of(plan);
    if flags & (plan::WANTED | plan::COMPAT_TOO) == 0 {
        return None;
    }
    if compat() {
        number = if sigreturn { COMPAT_SIGRETURN } else { number };
        plan = compat_plan(registers, number)?;
        flags = flags_of(plan);
    }
    if flags & plan::WANTED == 0 {
        return None;
    }
    Some(Passed { plan, flags, number })
}
