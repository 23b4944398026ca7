//! The fields of the running task that become parameters.

macro_rules! task_fields {
    ($($(#[$doc:meta])+ $name:ident = $number:literal,)+) => {
        /// Fields of the running task that become parameters.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum TaskField {
            $($(#[$doc])+ $name = $number,)+
        }

        /// The fields as bytes, for the kernel's `match` on what it read from a map.
        #[allow(missing_docs, reason = "each constant is documented at the variant of `TaskField` that it repeats")]
        pub mod task_field {
            #![allow(non_upper_case_globals, reason = "the constants have the names of the variants")]
            $(pub const $name: u8 = super::TaskField::$name as u8;)+
        }
    };
}

task_fields! {
    /// Thread id.
    Tid = 0,
    /// Thread group id.
    Tgid = 1,
    /// Thread group id of the real parent.
    ParentTgid = 2,
    /// Soft limit of open files.
    FdLimit = 3,
    /// Major page faults since the start.
    MajorFaults = 4,
    /// Minor page faults since the start.
    MinorFaults = 5,
    /// Virtual memory in kB.
    VmSize = 6,
    /// Resident memory in kB.
    VmRss = 7,
    /// Swapped memory in kB.
    VmSwap = 8,
    /// Effective user id.
    Uid = 9,
    /// Effective group id.
    Gid = 10,
    /// Audit login user id, all ones when unset.
    LoginUid = 11,
    /// Thread id in the task's own pid namespace.
    Vtid = 12,
    /// Thread group id there.
    Vpid = 13,
    /// Process group id there.
    Vpgid = 14,
    /// Process group id in the initial namespace.
    Pgid = 15,
    /// Start time of the init of the pid namespace, nanoseconds of the boot-time clock.
    PidnsInitStart = 16,
    /// Device number of the controlling terminal.
    Tty = 17,
    /// Inheritable capabilities.
    CapInheritable = 18,
    /// Permitted capabilities.
    CapPermitted = 19,
    /// Effective capabilities.
    CapEffective = 20,
    /// Properties of the executable: bits of `execve_flags`.
    ExeFlags = 21,
    /// Inode number of the executable.
    ExeIno = 22,
    /// Its change time, nanoseconds since the epoch.
    ExeCtime = 23,
    /// Its modification time, nanoseconds since the epoch.
    ExeMtime = 24,
    /// Exit code as `wait(2)` gives it.
    ExitStatus = 25,
    /// Value passed to `exit`, zero after a signal.
    ExitValue = 26,
    /// Signal that ended the task, or zero.
    ExitSignal = 27,
    /// Whether a core was written: 0 or 1.
    CoreDumped = 28,
    /// The thread that inherits the children, or zero when there are none.
    Reaper = 29,
    /// Name of the thread, as `PR_SET_NAME` sets it.
    Comm = 30,
    /// First argument.
    Exe = 31,
    /// The other arguments.
    Args = 32,
    /// Environment.
    Env = 33,
    /// Working directory.
    Cwd = 34,
    /// Path of the executable.
    ExePath = 35,
    /// The cgroup of each controller, as `name=path`.
    Cgroups = 36,
    /// The path that was passed to exec.
    ExecFilename = 37,
    /// Flags of the fork, with what the kernel knows of the child.
    CloneFlags = 38,
}
