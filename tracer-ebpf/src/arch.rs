//! Saved registers: number and arguments of a system call.

use aya_ebpf::helpers::bpf_get_current_task_btf;
use tracer_common::{
    arch::{REGS_ARGS, REGS_COMPAT_ARGS, REGS_IP, REGS_NUMBER, STATUS_COMPAT},
    config::ABSENT,
};

use crate::maps::offset;

/// `struct pt_regs` of the running task, as a pointer that the verifier knows.
#[derive(Clone, Copy)]
pub struct Registers(pub *const u8);

impl Registers {
    /// The number of the system call; negative after `rt_sigreturn`.
    #[inline(always)]
    pub fn number(self) -> i64 {
        // SAFETY: the verifier knows the type behind the pointer and checks the offset.
        unsafe { core::ptr::read_volatile(self.0.add(REGS_NUMBER).cast()) }
    }

    /// Argument `N`, 0 to 5.
    #[inline(always)]
    pub fn arg<const N: usize>(self) -> u64 {
        // SAFETY: as in `number`.
        unsafe { core::ptr::read_volatile(self.0.add(REGS_ARGS[N]).cast()) }
    }

    /// Address of the instruction.
    #[inline(always)]
    pub fn instruction(self) -> u64 {
        // SAFETY: as in `number`.
        unsafe { core::ptr::read_volatile(self.0.add(REGS_IP).cast()) }
    }

    /// Argument `N` of a 32-bit call.
    #[inline(always)]
    pub fn compat_arg<const N: usize>(self) -> u64 {
        // SAFETY: as in `number`.
        u64::from(unsafe { core::ptr::read_volatile(self.0.add(REGS_COMPAT_ARGS[N]).cast::<u32>()) })
    }
}

/// A member of a kernel struct behind a pointer whose type the verifier knows: the offset is a constant to it. A pointer that is
/// no good gives zero.
#[inline(always)]
pub fn member<T: Copy>(of: *const u8, offset: usize) -> T {
    // SAFETY: the verifier refuses the program if the offset is not that of a member of this size.
    unsafe { core::ptr::read_volatile(of.add(offset).cast()) }
}

/// The running task, as a pointer that the verifier knows. It is asked for once: each question is a call, and a call is a
/// good part of what an unwanted system call costs.
#[derive(Clone, Copy)]
pub struct Task(*const u8);

impl Task {
    /// The running one.
    #[inline(always)]
    pub fn current() -> Self {
        // SAFETY: the helper has no preconditions.
        Self(unsafe { bpf_get_current_task_btf() }.cast())
    }

    /// A member.
    #[inline(always)]
    pub fn field<T: Copy>(self, offset: usize) -> T {
        member(self.0, offset)
    }

    /// Id of its cgroup in the v2 tree, as `bpf_get_current_cgroup_id` says it, without the call: the inode number of its
    /// directory. Source: kernel include/linux/cgroup.h, `task_dfl_cgroup` and `cgroup_id`.
    #[inline(always)]
    pub fn cgroup(self) -> u64 {
        let set: *const u8 = self.field(offset!(task_cgroups));
        let cgroup: *const u8 = member(set, offset!(css_set_default_cgroup));
        let node: *const u8 = member(cgroup, offset!(cgroup_kn));
        member(node, offset!(kernfs_id))
    }

    /// Whether it is inside a 32-bit system call.
    #[inline(always)]
    pub fn compat(self) -> bool {
        let at = offset!(task_status);
        at != ABSENT as usize && self.field::<u32>(at) & STATUS_COMPAT != 0
    }
}
