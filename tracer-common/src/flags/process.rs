//! Flags of processes. Source: include/uapi/linux/sched.h; the flags of an executable are of the `.scap` format only.

use super::{FlagSet, flag, value};

/// `CLONE_FILES` in file form.
pub const CLONE_FILES: u32 = 0x1;
/// `CLONE_FS` in file form.
pub const CLONE_FS: u32 = 0x2;
/// `CLONE_NEWNS` in file form.
pub const CLONE_NEWNS: u32 = 0x20;
/// `CLONE_THREAD` in file form.
pub const CLONE_THREAD: u32 = 0x2000;
/// `CLONE_PARENT` in file form.
pub const CLONE_PARENT: u32 = 0x100;

/// Ours, in the bits of the exit signal, which are not flags: the child is in a pid namespace below the initial one.
pub const CHILD_IN_PIDNS: u32 = 1;

/// `CLONE_*`, those that the kernel has.
pub static CLONE_FLAGS: FlagSet = FlagSet::bits(
    "clone_flags",
    &[
        flag("CLONE_FILES", CLONE_FILES, 0x400),
        flag("CLONE_FS", CLONE_FS, 0x200),
        flag("CLONE_IO", 0x4, 0x80000000),
        flag("CLONE_NEWIPC", 0x8, 0x8000000),
        flag("CLONE_NEWNET", 0x10, 0x40000000),
        flag("CLONE_NEWNS", CLONE_NEWNS, 0x20000),
        flag("CLONE_NEWPID", 0x40, 0x20000000),
        flag("CLONE_NEWUTS", 0x80, 0x4000000),
        flag("CLONE_PARENT", CLONE_PARENT, 0x8000),
        flag("CLONE_PARENT_SETTID", 0x200, 0x100000),
        flag("CLONE_PTRACE", 0x400, 0x2000),
        flag("CLONE_SIGHAND", 0x800, 0x800),
        flag("CLONE_SYSVSEM", 0x1000, 0x40000),
        flag("CLONE_THREAD", CLONE_THREAD, 0x10000),
        flag("CLONE_UNTRACED", 0x4000, 0x800000),
        flag("CLONE_VM", 0x8000, 0x100),
        flag("CLONE_NEWUSER", 0x100000, 0x10000000),
        flag("CLONE_CHILD_CLEARTID", 0x800000, 0x200000),
        flag("CLONE_CHILD_SETTID", 0x1000000, 0x1000000),
        flag("CLONE_SETTLS", 0x2000000, 0x80000),
        flag("CLONE_VFORK", 0x8000000, 0x4000),
        flag("CLONE_NEWCGROUP", 0x10000000, 0x2000000),
        flag("CLONE_CHILD_IN_PIDNS", 0x20000000, CHILD_IN_PIDNS),
    ],
);

/// Properties of an executable; the kernel side makes them in file form.
pub static EXECVE_FLAGS: FlagSet = FlagSet::bits(
    "execve_flags",
    &[
        flag("EXE_WRITABLE", 0x1, 0x1),
        flag("EXE_UPPER_LAYER", 0x2, 0x2),
        flag("EXE_FROM_MEMFD", 0x4, 0x4),
        flag("EXE_LOWER_LAYER", 0x8, 0x8),
    ],
);

/// `W*`. Source: include/uapi/linux/wait.h.
pub static WAIT_OPTIONS: FlagSet = FlagSet::bits(
    "wait_options",
    &[
        flag("WNOHANG", 0x1, 0x1),
        flag("WUNTRACED", 0x2, 0x2),
        flag("WEXITED", 0x4, 0x4),
        flag("WCONTINUED", 0x8, 0x8),
        flag("WNOWAIT", 0x100_0000, 0x100_0000),
        flag("__WNOTHREAD", 0x2000_0000, 0x2000_0000),
        flag("__WALL", 0x4000_0000, 0x4000_0000),
        flag("__WCLONE", 0x8000_0000, 0x8000_0000),
    ],
);

/// `P_*`. Source: include/uapi/linux/wait.h.
pub static WAIT_IDTYPES: FlagSet = FlagSet::numbers(
    "wait_idtypes",
    &[value("P_ALL", 0, 0), value("P_PID", 1, 1), value("P_PGID", 2, 2), value("P_PIDFD", 3, 3)],
);
