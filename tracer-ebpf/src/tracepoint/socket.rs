//! Bytes that go through sockets, whichever call moves them: `sendfile` and io_uring too.
//!
//! Source: kernel include/trace/events/sock.h, since 6.3, `TP_PROTO(struct sock *sk, int ret, int flags)`.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::events::NOT_TAKEN;

use crate::{
    arch::member,
    gate, group,
    maps::offset,
    special::sockaddr::{INET, INET6},
};

/// Bytes were sent.
#[btf_tracepoint(function = "sock_send_length")]
#[inline(always)]
pub fn sock_send_length(ctx: BtfTracePointContext) -> i32 {
    count(&ctx, true)
}

/// Bytes were received, or only looked at.
#[btf_tracepoint(function = "sock_recv_length")]
#[inline(always)]
pub fn sock_recv_length(ctx: BtfTracePointContext) -> i32 {
    count(&ctx, false)
}

#[inline(always)]
fn count(ctx: &BtfTracePointContext, sent: bool) -> i32 {
    let result: i32 = ctx.arg(1);
    // What is sent has none of these.
    let flags: u32 = ctx.arg(2);
    if result <= 0 || flags & NOT_TAKEN != 0 || gate::left_out() {
        return 0;
    }
    let sock: *const u8 = ctx.arg(0);
    if let INET | INET6 = member(sock, offset!(sock_family)) {
        group::bytes(sock as usize, result as u64, sent);
    }
    0
}
