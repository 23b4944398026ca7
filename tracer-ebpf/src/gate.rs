//! Leaving early: what is decided before anything is built.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use tracer_common::{
    arch::MAX_SYSCALLS,
    plan::{self, Plan},
};

use crate::{
    arch::{Registers, compat},
    maps::{PLANS, config},
};

/// A system call that passed.
#[derive(Clone, Copy)]
pub struct Passed {
    /// What to do.
    pub plan: *const Plan,
    /// Number of the call.
    pub number: u32,
    /// Whether it came through the 32-bit entry. The arguments then mean something else.
    pub compat: bool,
}

/// Whether the running process is the tracer itself.
#[inline(always)]
pub fn own() -> bool {
    (bpf_get_current_pid_tgid() >> 32) as u32 == config().own_tgid
}

/// The plan of a system call that ended, if it is wanted.
#[inline(always)]
pub fn syscall(registers: Registers, result: i64) -> Option<Passed> {
    let number = registers.number();
    if number < 0 || number >= MAX_SYSCALLS as i64 {
        return None;
    }
    let number = number as u32;
    let plan = PLANS.get_ptr(number)?;
    // SAFETY: a live map value.
    let flags = unsafe { (*plan).flags };
    if flags & plan::WANTED == 0 {
        return None;
    }
    if flags & plan::FAILED_ONLY != 0 && result >= 0 {
        return None;
    }
    if own() {
        return None;
    }
    Some(Passed { plan, number, compat: compat() })
}
