//! Signals that are delivered.
//!
//! Source: kernel include/trace/events/signal.h,
//! `TP_PROTO(int sig, struct kernel_siginfo *info, struct k_sigaction *ka)`.

use aya_ebpf::{helpers::bpf_get_current_pid_tgid, macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{
    events::code,
    plan::{GROUP, PLAN_SIGNAL, WANTED},
};

use crate::{
    gate, group,
    maps::{each_plan, flags_of, offset},
    read,
    record::{Room, Small},
};

/// `SIGCHLD`, whose sender is the child.
const SIGCHLD: i32 = 17;

/// Reports a signal that the running thread gets.
#[btf_tracepoint(function = "signal_deliver")]
#[inline(always)]
pub fn signal_deliver(ctx: BtfTracePointContext) -> i32 {
    each_plan(PLAN_SIGNAL, |plan| {
        // SAFETY: a live map value.
        let flags = unsafe { (*plan).flags };
        if flags & WANTED == 0 || gate::left_out() || !gate::task_passes(plan) {
        } else if flags & GROUP != 0 {
            group::event(plan);
        } else {
            report(&ctx, flags_of(plan));
        }
    });
    0
}

#[inline(always)]
fn report(ctx: &BtfTracePointContext, flags: u16) {
    let signal: i32 = ctx.arg(0);
    let info: *const u8 = ctx.arg(1);
    let code: i32 = read::kernel(info as usize + offset!(siginfo_code));
    // kill, tgkill and sigqueue have codes of zero and below; above, only that of a child has a sender.
    let sent = code <= 0 || signal == SIGCHLD;
    let sender: u32 = if sent { read::kernel(info as usize + offset!(siginfo_pid)) } else { 0 };
    let mut room = Room::uninit();
    let mut record = Small::begin(&mut room, code::SIGNALDELIVER, 3, flags);
    record.put::<8>(0, u64::from(sender));
    record.put::<8>(1, bpf_get_current_pid_tgid() & 0xffff_ffff);
    record.put::<1>(2, signal as u64);
    record.submit();
}
