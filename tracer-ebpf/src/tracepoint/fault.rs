//! Page faults of programs: attached only with `--page-faults`.
//!
//! Source: kernel arch/x86/include/asm/trace/exceptions.h, since 6.14 include/trace/events/exceptions.h,
//! `TP_PROTO(unsigned long address, struct pt_regs *regs, unsigned long error_code)`.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::events::code;

use crate::{
    arch::Registers,
    gate,
    maps::{turn, turn_flag},
    record::{Room, Small},
};

/// Reports a page fault in user mode.
#[btf_tracepoint(function = "page_fault_user")]
#[inline(always)]
pub fn page_fault_user(ctx: BtfTracePointContext) -> i32 {
    report(&ctx)
}

/// Reports a page fault in the kernel, mostly when it copies from or to a program.
#[btf_tracepoint(function = "page_fault_kernel")]
#[inline(always)]
pub fn page_fault_kernel(ctx: BtfTracePointContext) -> i32 {
    report(&ctx)
}

#[inline(always)]
fn report(ctx: &BtfTracePointContext) -> i32 {
    if gate::left_out() {
        return 0;
    }
    let mut room = Room::uninit();
    let mut record = Small::begin(&mut room, code::PAGE_FAULT, 3, turn_flag(turn()));
    record.put::<8>(0, ctx.arg(0));
    record.put::<8>(1, Registers(ctx.arg(1)).instruction());
    record.put::<4>(2, ctx.arg(2));
    record.submit();
    0
}
