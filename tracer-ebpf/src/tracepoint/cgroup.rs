//! Cgroups that appear and disappear: how a container is known before its first process runs.
//!
//! Source: kernel include/trace/events/cgroup.h, `TP_PROTO(struct cgroup *cgrp, const char *path)`.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::events::code;

use crate::{
    arch::Task,
    maps::{offset, turn, turn_flag},
    read,
    record::{Record, Slot, TEXT_LEN, TooLong},
};

/// A cgroup appears.
#[btf_tracepoint(function = "cgroup_mkdir")]
#[inline(always)]
pub fn cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    report(&ctx, code::CGROUP_MKDIR)
}

/// A cgroup disappears.
#[btf_tracepoint(function = "cgroup_rmdir")]
#[inline(always)]
pub fn cgroup_rmdir(ctx: BtfTracePointContext) -> i32 {
    report(&ctx, code::CGROUP_RMDIR)
}

#[inline(always)]
fn report(ctx: &BtfTracePointContext, code: u16) -> i32 {
    let cgroup: *const u8 = ctx.arg(0);
    let path: *const u8 = ctx.arg(1);
    // Only the v2 hierarchy, which is number 0: ids of others are counted on their own and mean other cgroups there.
    let root: usize = read::kernel(cgroup as usize + offset!(cgroup_root));
    if read::kernel::<i32>(root + offset!(cgroup_root_hierarchy)) != 0 {
        return 0;
    }
    let Some(record) = Record::begin(Slot::Cgroup, Task::current(), code, 2, turn_flag(turn())) else { return 0 };
    if build(record, cgroup as usize, path as usize).is_ok() {
        record.submit();
    } else {
        record.too_long();
    }
    0
}

#[inline(always)]
fn build(record: Record, cgroup: usize, path: usize) -> Result<(), TooLong> {
    let node: usize = read::kernel(cgroup + offset!(cgroup_kn));
    record.put::<8>(0, read::kernel(node + offset!(kernfs_id)))?;
    let (to, position) = record.room()?;
    // SAFETY: `room` gives more than `TEXT_LEN` bytes.
    let len = unsafe { read::kernel_text(to, TEXT_LEN, path) };
    record.end_param(1, position, len);
    Ok(())
}
