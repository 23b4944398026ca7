//! The programs on `sys_exit`: plan, gate, collect.
//!
//! Source: kernel include/trace/events/syscalls.h, `TP_PROTO(struct pt_regs *regs, long ret)`.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{events::code, plan, wire};

use crate::{
    arch::Registers,
    collect::{self, Call},
    gate,
    maps::NEXT,
    record::{Loss, Record, Slot, count_loss},
};

/// Ends every system call of every process: what nobody asked for must cost nothing.
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    let registers = Registers(ctx.arg(0));
    let result: i64 = ctx.arg(1);
    let Some(passed) = gate::syscall(registers, result) else { return 0 };
    if passed.compat {
        return raw(passed.number);
    }
    // SAFETY: a live map value.
    if unsafe { (*passed.plan).flags } & plan::TASK != 0 {
        // SAFETY: it does not return when it succeeds; when it does return, the record is lost and counted.
        unsafe { NEXT.tail_call(&ctx, 0) };
        count_loss(Loss::Scratch);
        return 0;
    }
    let call = Call { registers: Some(registers), result, plan: passed.plan, number: passed.number, binprm: 0 };
    collect::record::<{ plan::SHORT_PARAMS }, false>(Slot::Syscall, call);
    0
}

/// Goes on for rows that read the task, or are long.
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit_task(ctx: BtfTracePointContext) -> i32 {
    let registers = Registers(ctx.arg(0));
    let result: i64 = ctx.arg(1);
    let Some(passed) = gate::syscall(registers, result) else { return 0 };
    let call = Call { registers: Some(registers), result, plan: passed.plan, number: passed.number, binprm: 0 };
    collect::record::<{ wire::MAX_PARAMS }, true>(Slot::Syscall, call);
    0
}

/// A call through the 32-bit entry: its number is one of another table and its arguments are not decoded.
#[inline(always)]
fn raw(number: u32) -> i32 {
    let Some(record) = Record::begin(Slot::Syscall, code::GENERIC, 2, wire::FLAG_COMPAT) else { return 0 };
    match record.put::<2>(0, 0).and_then(|()| record.put::<2>(1, u64::from(number))) {
        Ok(()) => record.submit(),
        Err(_) => record.too_long(),
    }
    0
}
