//! Counting where it happens: a row for each key, in a table that user space takes away and empties.

use aya_ebpf::helpers::{
    bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_smp_processor_id, generated::bpf_get_current_comm,
};
use tracer_common::{
    events::code::GENERIC,
    group::{COMPAT, GroupKey, GroupValue, NUMBER_SHIFT, by},
    plan::{self, Plan},
    wire::COMM_LEN,
};

use crate::{
    maps::{GROUPS, GROUPS_A, GROUPS_B, config},
    record::{Loss, count_loss},
    task,
};

/// Counts a call of this plan; one with several messages as often as it moved some.
#[inline(always)]
pub fn count_call(plan: *const Plan, number: u32, result: i64) {
    // SAFETY: a live map value.
    let (code, flags) = unsafe { ((*plan).code, (*plan).flags) };
    let number = if code == GENERIC { number << NUMBER_SHIFT } else { 0 };
    let compat = if flags & plan::COMPAT != 0 { COMPAT } else { 0 };
    let messages = flags & plan::MESSAGES != 0 && result > 1;
    add(u32::from(code) | number | compat, if messages { result as u64 } else { 1 }, 0);
}

/// Adds to the row of the running task.
#[inline(never)]
pub fn add(call: u32, count: u64, bytes: u64) {
    let key = key(call);
    let Some(table) = GROUPS.get(0) else {
        // There always is one. Without a program that knows them, the two would not be in the object.
        let _ = GROUPS_A.remove(key);
        let _ = GROUPS_B.remove(key);
        return;
    };
    if let Some(value) = table.get_ptr_mut(key) {
        // SAFETY: a live map value, and the value of this CPU alone.
        unsafe {
            (*value).count += count;
            (*value).sum += bytes;
        }
    } else if table.insert(key, GroupValue { count, sum: bytes }, 0).is_err() {
        count_loss(Loss::Groups, 1);
    }
}

#[inline(always)]
fn key(call: u32) -> GroupKey {
    let asked = config().group_by;
    let mut key = GroupKey::default();
    // SAFETY: the helpers have no preconditions; the one for the name writes `COMM_LEN` bytes.
    unsafe {
        if asked & by::COMM != 0 {
            bpf_get_current_comm(key.comm.as_mut_ptr().cast(), COMM_LEN as u32);
        }
        if asked & by::TGID != 0 {
            key.tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
        }
        if asked & by::TID != 0 {
            key.tid = bpf_get_current_pid_tgid() as u32;
        }
        if asked & by::UID != 0 {
            key.uid = task::uid();
        }
        if asked & by::CGROUP != 0 {
            key.cgroup = bpf_get_current_cgroup_id();
        }
        if asked & by::CALL != 0 {
            key.call = call;
        }
        if asked & by::CPU != 0 {
            key.cpu = bpf_get_smp_processor_id();
        }
    }
    key
}
