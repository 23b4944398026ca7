//! `Plan`: the extract of a row that the kernel side reads.
//!
//! For each system call number there is one plan in an array map: which event to make, and for each parameter where its
//! value comes from ([`Source`]) and how it is stored ([`Store`]). Plans hold numbers only.

use crate::{
    arch::MAX_SYSCALLS,
    events::{Effect, Event, Flags},
    wire::{self, MAX_PARAMS},
};

/// How a value is stored in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Store {
    /// The low byte.
    U8 = 0,
    /// The low two bytes.
    U16 = 1,
    /// The low four bytes.
    U32 = 2,
    /// All eight bytes.
    U64 = 3,
    /// The low four bytes as a C `int`, widened to eight with its sign.
    SignedInt = 4,
    /// As many bytes as there are.
    Var = 5,
}

macro_rules! ops {
    ($($(#[$doc:meta])+ $name:ident = $number:literal,)+) => {
        /// Where the kernel side takes a value from: the operation of a [`Source`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Op {
            $($(#[$doc])+ $name = $number,)+
        }

        /// The operations as bytes, for the kernel's `match` on what it read from a map.
        #[allow(missing_docs, reason = "each constant is documented at the variant of `Op` that it repeats")]
        pub mod op {
            #![allow(non_upper_case_globals, reason = "the constants have the names of the variants")]
            $(pub const $name: u8 = super::Op::$name as u8;)+
        }
    };
}

ops! {
    /// The return value.
    Ret = 0,
    /// Argument `a`.
    Arg = 1,
    /// The portable number of the system call, from the plan.
    SyscallId = 2,
    /// The number of the system call on this architecture.
    SyscallNumber = 3,
    /// The `u64` at byte `b` of the user memory that argument `a` points to.
    UserU64 = 4,
    /// The `u32` there.
    UserU32 = 5,
    /// The flags in argument `a` (at byte `b` of the user memory there unless `b` is [`NONE`]) and what the opened file
    /// says: created, overlay layer.
    OpenFlags = 6,
    /// Device number of the filesystem of the file behind fd `a`.
    Dev = 7,
    /// Inode number of the file behind fd `a`.
    Ino = 8,
    /// The overlay layer of the file behind fd `a`, as the bits of `creat_flags`.
    Layer = 9,
    /// Inode number of the file behind the fd that is the first `int` at argument `a`.
    UserFdIno = 10,
    /// Connections that wait for `accept` on the listening socket of fd `a`, in percent of the most that may wait.
    QueuePercent = 11,
    /// How many wait.
    QueueLen = 12,
    /// How many may wait.
    QueueMax = 13,
    /// Kernel address of the socket behind the `int` number `b` at argument `a`.
    UserSockAddress = 14,
    /// Sum of the lengths of the `b` entries (an argument) of the iovec at argument `a`, the first 256 of them.
    IovecLen = 15,
    /// The same, of the iovec of the message header at argument `a`.
    MsgLen = 16,
    /// A field of the task: `a` is a [`TaskField`].
    Task = 17,
    /// The NUL-terminated text at argument `a`; with `b`, only when the call succeeded.
    UserText = 18,
    /// The bytes at argument `a`, as many as `b` says (an argument or [`RET`]), cut at snaplen.
    UserBytes = 19,
    /// The bytes of the iovec at argument `a` with `b` entries, cut at snaplen and, unless `c` is [`NONE`], at the
    /// return value.
    Iovec = 20,
    /// The bytes of the iovec of the message header at argument `a`, cut at snaplen and, unless `c` is [`NONE`], at the
    /// return value.
    MsgBytes = 21,
    /// The control data of the message header at argument `a`, cut at snaplen.
    MsgControl = 22,
    /// The socket address at argument `a` with the length in argument `b`.
    SockAddr = 23,
    /// The ends of the socket of fd `a`; `b` is a [`TupleWay`], `c` the argument with the address of the peer, which for
    /// a message header is found inside it when `d` is 1.
    SockTuple = 24,
    /// A variable-length field of the task: `a` is a [`TaskField`].
    TaskText = 25,
    /// The number `a`, whatever the call was.
    Const = 26,
    /// Nothing: the parameter has length zero.
    Empty = 27,
    /// Memory of the task in kB: size, resident or swapped, as [`VM_SIZE`] and its neighbours say in `a`.
    Vm = 28,
    /// The `struct timespec` at argument `a` in nanoseconds; all ones when there is none.
    UserTime = 29,
    /// The `struct pollfd` array at argument `a` with `b` entries (an argument), the first 32: a count, then fd and
    /// returned events of each.
    Fds = 30,
    /// The `u16` at byte `b` of the user memory at argument `a`; zero unless argument `c` is above `d`.
    UserU16 = 31,
    /// The `u64` at byte `b` of the user memory at argument `a`; all ones when it cannot be read and, with `c`, when the
    /// call failed.
    UserU64Or = 32,
    /// Argument `a` when the low four bytes of argument `b` are `c`, else zero.
    ArgWhen = 33,
    /// What quotactl was asked or said: `a` is a [`QuotaField`].
    Quota = 34,
    /// The number that argument 1 of prctl means for its option.
    PrctlNumber = 35,
    /// The text that argument 1 of prctl means for its option.
    PrctlText = 36,
    /// The value of a socket option: index of its type, then the value. With `a`, the length stands behind a pointer.
    SockOpt = 37,
    /// Argument `a` of ptrace, typed by the request.
    PtraceArg = 38,
    /// Argument `a` of keyctl, typed by the operation.
    KeyArg = 39,
    /// The bytes that fsconfig was given as value.
    FsconfigBytes = 40,
    /// The text that fsconfig was given as value.
    FsconfigText = 41,
    /// Path of the file behind fd `a`.
    FilePath = 42,
    /// A text that quotactl was given: with `a` as [`QUOTA_DEVICE`] or [`QUOTA_PATH`].
    QuotaText = 43,
    /// Argument `a` and, as the high half, the one behind it: how 32-bit calls pass 64 bits.
    ArgPair = 44,
    /// The signals that io_uring_enter waits with: at argument `a`, or behind the first member of the struct there when the
    /// flags say so.
    RingSignals = 47,
    /// Argument `a` as the high half, and the one behind it: `_llseek`.
    ArgHalves = 46,
    /// Argument `a` as a signed number of 32 bits.
    ArgSigned = 45,
}

/// Which memory [`Op::Vm`] means.
pub const VM_SIZE: u8 = 0;
/// See [`VM_SIZE`].
pub const VM_RSS: u8 = 1;
/// See [`VM_SIZE`].
pub const VM_SWAP: u8 = 2;

/// The device of [`Op::QuotaText`]: where the texts of a task begin, which such a row does not have.
pub const QUOTA_DEVICE: u8 = TaskField::Comm as u8;
/// The file with the quotas, which only one command has.
pub const QUOTA_PATH: u8 = TaskField::Exe as u8;

/// What [`Op::Quota`] gives, in the order of `struct if_dqblk` and `struct if_dqinfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the members, see quotactl(2)")]
#[repr(u8)]
pub enum QuotaField {
    BlockHardLimit = 0,
    BlockSoftLimit = 1,
    CurrentSpace = 2,
    InodeHardLimit = 3,
    InodeSoftLimit = 4,
    BlockTime = 5,
    InodeTime = 6,
    BlockGrace = 7,
    InodeGrace = 8,
    InfoFlags = 9,
    FormatOut = 10,
    Command = 11,
    Type = 12,
    Id = 13,
    FormatIn = 14,
}

/// The program that a source is for. A row goes to the last of those of its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The one on `sys_exit` itself.
    First,
    /// The one that reads the task.
    Task,
    /// The one for rare calls.
    Rare,
}

impl Op {
    /// Where it is done.
    #[must_use]
    pub const fn place(self) -> Place {
        match self {
            Self::Task | Self::TaskText | Self::Quota | Self::QuotaText => Place::Task,
            Self::UserU16
            | Self::UserU64Or
            | Self::ArgWhen
            | Self::PrctlNumber
            | Self::PrctlText
            | Self::SockOpt
            | Self::PtraceArg
            | Self::KeyArg
            | Self::FsconfigBytes
            | Self::FsconfigText
            | Self::RingSignals
            | Self::FilePath => Place::Rare,
            _ => Place::First,
        }
    }

    /// Whether its value has any length.
    #[must_use]
    pub const fn is_variable(self) -> bool {
        matches!(
            self,
            Self::UserText
                | Self::UserBytes
                | Self::Iovec
                | Self::MsgBytes
                | Self::MsgControl
                | Self::SockAddr
                | Self::SockTuple
                | Self::TaskText
                | Self::Fds
                | Self::PrctlText
                | Self::SockOpt
                | Self::PtraceArg
                | Self::KeyArg
                | Self::FsconfigBytes
                | Self::FsconfigText
                | Self::QuotaText
                | Self::FilePath
        )
    }
}

/// In the place of an argument number: the return value.
pub const RET: u8 = 0xff;
/// In the place of an argument number: there is none.
pub const NONE: u8 = 0xfe;

/// Which way the data of a tuple goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TupleWay {
    /// From this end to the peer: `connect`, `send`.
    Out = 0,
    /// From the peer to this end: `accept`, `recv`.
    In = 1,
}

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

/// Where the value of a parameter comes from. Made by the functions of [`crate::events::source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The operation.
    pub op: Op,
    /// First operand, see [`Op`].
    pub a: u8,
    /// Second operand.
    pub b: u8,
    /// Third operand.
    pub c: u8,
    /// Fourth operand.
    pub d: u8,
}

impl Source {
    /// What the value can be trusted for, in one word: `call` is in a register, `kernel` is in a kernel object, `memory` is
    /// in the caller's memory, where another thread may have changed it, `hook` is given to a tracepoint.
    #[must_use]
    pub const fn origin(self) -> &'static str {
        match self.op {
            Op::Ret
            | Op::Arg
            | Op::SyscallId
            | Op::SyscallNumber
            | Op::ArgWhen
            | Op::ArgPair
            | Op::ArgSigned
            | Op::ArgHalves
            | Op::Const => "call",
            Op::Dev
            | Op::Ino
            | Op::Layer
            | Op::UserFdIno
            | Op::QueuePercent
            | Op::QueueLen
            | Op::QueueMax
            | Op::UserSockAddress
            | Op::Task
            | Op::TaskText
            | Op::SockTuple
            | Op::Vm
            | Op::FilePath => "kernel",
            Op::OpenFlags if self.b == NONE => "call",
            Op::OpenFlags
            | Op::UserU64
            | Op::UserU32
            | Op::UserU16
            | Op::UserU64Or
            | Op::UserText
            | Op::UserBytes
            | Op::UserTime
            | Op::Iovec
            | Op::IovecLen
            | Op::MsgBytes
            | Op::MsgLen
            | Op::MsgControl
            | Op::SockAddr
            | Op::Fds
            | Op::Quota
            | Op::QuotaText
            | Op::RingSignals
            | Op::PrctlNumber
            | Op::PrctlText
            | Op::SockOpt
            | Op::PtraceArg
            | Op::KeyArg
            | Op::FsconfigBytes
            | Op::FsconfigText => "memory",
            Op::Empty => "hook",
        }
    }
}

/// One parameter of a plan.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct PlanParam {
    /// [`Op`] as a number.
    pub op: u8,
    /// [`Store`] as a number.
    pub store: u8,
    /// Operands of the source.
    pub a: u8,
    /// Second operand.
    pub b: u8,
    /// Third operand.
    pub c: u8,
    /// Fourth operand.
    pub d: u8,
    /// Unused, zero.
    pub reserved: u16,
}

/// The call is wanted; a plan without this bit ends the program at once.
pub const WANTED: u16 = 1;
/// The plan reads fields of the task: the second program does it.
pub const TASK: u16 = 2;
/// Successful calls are reported by another hook: exec by `sched_process_exec`.
pub const FAILED_ONLY: u16 = 4;
/// The row wants the environment, the executable and the file name of an exec.
pub const EXEC: u16 = 8;
/// The call was an exec relative to a directory: its arguments are one place further.
pub const EXEC_AT: u16 = 16;
/// The plan is one for rare calls: the third program does it.
pub const RARE: u16 = 32;
/// The call sends or receives several messages: the first program makes a record for each.
pub const MESSAGES: u16 = 64;
/// Structs of the caller have the layout of 32-bit programs.
pub const COMPAT: u16 = 128;
/// The flags of a record of a plan with these flags: of a 32-bit call, `wire::FLAG_COMPAT`. Without a branch, which would
/// part the ways for the verifier.
#[inline(always)]
#[must_use]
pub const fn record_flags(flags: u16) -> u16 {
    (flags / COMPAT) & wire::FLAG_COMPAT
}
/// The arguments stand in memory, at the second argument of `socketcall`.
pub const SOCKETCALL: u16 = 256;
/// In the plan of a 64-bit call: the 32-bit call of the same number is wanted.
pub const COMPAT_TOO: u16 = 512;

/// The most parameters of a row that the first program does.
pub const SHORT_PARAMS: usize = 10;
/// The most parameters of a row for rare calls.
pub const RARE_PARAMS: usize = 10;

/// Index of the program that reads the task, among those that `sys_exit` goes on in.
pub const NEXT_TASK: u32 = 0;
/// Index of the program for rare calls.
pub const NEXT_RARE: u32 = 1;
/// Index of the first program itself: for the next message of a call with several.
pub const NEXT_MESSAGES: u32 = 2;
/// How many such programs there are.
pub const NEXT_PROGRAMS: usize = 3;

/// Index of the first plan of the 32-bit calls, behind those of the others.
pub const PLAN_COMPAT: u32 = MAX_SYSCALLS as u32;
/// Index of the plan of number 0 of `socketcall`; they begin with 1.
pub const PLAN_SOCKETCALL: u32 = 2 * MAX_SYSCALLS as u32;
/// More than any number of `socketcall`.
pub const SOCKETCALLS: u32 = 32;
/// Index of the plan of the process exit event.
pub const PLAN_PROCEXIT: u32 = PLAN_SOCKETCALL + SOCKETCALLS;
/// Index of the plan of the delivery of a signal.
pub const PLAN_SIGNAL: u32 = PLAN_PROCEXIT + 1;
/// Index of the plan of a page fault.
pub const PLAN_FAULT: u32 = PLAN_PROCEXIT + 2;
/// Index of the plan of a switch.
pub const PLAN_SWITCH: u32 = PLAN_PROCEXIT + 3;
/// Index of the first plan for the beginning of calls.
pub const PLAN_ENTER: u32 = PLAN_PROCEXIT + 4;
/// How many plans there are.
pub const PLANS: usize = PLAN_ENTER as usize + 16;

/// The most parameters of a row for the beginning of a call.
pub const ENTER_PARAMS: usize = 5;

/// What the kernel side does for one system call number.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Plan {
    /// Event code.
    pub code: u16,
    /// Portable number of the system call, for generic events.
    pub syscall_id: u16,
    /// [`WANTED`], [`TASK`] and the others.
    pub flags: u16,
    /// How many of `params` are used.
    pub count: u8,
    /// Index of a parameter that has an iovec, or a message header with one; [`NONE`] when there is none. What these four
    /// name is gathered before the parameters, once.
    pub iovec: u8,
    /// Index of the parameter that is a tuple, or [`NONE`].
    pub tuple: u8,
    /// Index of the parameter that is a socket address, or [`NONE`].
    pub address: u8,
    /// Index of a parameter that asks for what is found once and used by several, or takes a loop: file or queue behind a
    /// descriptor, two sockets, memory, descriptors of poll, value of a socket option; or [`NONE`].
    pub file: u8,
    /// Index of the parameter that is the path of a file behind a descriptor, or [`NONE`].
    pub path: u8,
    /// Index of the plan for the beginning of the call, or 0.
    pub enter: u16,
    /// Unused, zero.
    pub reserved: u16,
    /// The parameters.
    pub params: [PlanParam; MAX_PARAMS],
}

const _: () = assert!(size_of::<PlanParam>() == 8 && size_of::<Plan>() == 16 + 8 * MAX_PARAMS);

impl Plan {
    /// A plan for nothing: the call is not wanted.
    pub const UNWANTED: Self = Self {
        code: 0,
        syscall_id: 0,
        flags: 0,
        count: 0,
        iovec: NONE,
        tuple: NONE,
        address: NONE,
        file: NONE,
        path: NONE,
        enter: 0,
        reserved: 0,
        params: [PlanParam::ZERO; MAX_PARAMS],
    };

    /// The plan of a row for a 32-bit call of the same kind.
    #[must_use]
    pub fn compat(event: &Event, syscall_id: u16) -> Self {
        let mut plan = Self::of(event, syscall_id);
        plan.flags |= COMPAT;
        for (param, row) in plan.params.iter_mut().zip(event.params) {
            if row.source.op == Op::Arg && row.name == "pos" {
                param.op = Op::ArgPair as u8;
            } else if row.source.op == Op::Arg && row.name == "offset" {
                param.op = Op::ArgSigned as u8;
            }
        }
        plan
    }

    /// The plan of a row. The call is not yet [`WANTED`].
    #[must_use]
    pub fn of(event: &Event, syscall_id: u16) -> Self {
        let mut plan = Self { code: event.code, syscall_id, count: event.params.len() as u8, ..Self::UNWANTED };
        for (index, param) in event.params.iter().enumerate() {
            let Source { op, a, b, c, d } = param.source;
            plan.params[index] =
                PlanParam { op: op as u8, store: param.kind.live_store() as u8, a, b, c, d, reserved: 0 };
            let index = index as u8;
            match op.place() {
                Place::First => {}
                Place::Task => plan.flags |= TASK,
                Place::Rare => plan.flags |= RARE,
            }
            match op {
                // The data is asked for with its limit, and its parameter is the one to look at.
                Op::Iovec | Op::MsgBytes => plan.iovec = index,
                Op::SockTuple => plan.tuple = index,
                Op::SockAddr => plan.address = index,
                Op::Dev | Op::Ino | Op::Layer | Op::UserFdIno => plan.file = index,
                Op::Vm | Op::Fds | Op::SockOpt => plan.file = index,
                Op::FilePath => plan.path = index,
                Op::QueuePercent | Op::QueueLen | Op::QueueMax | Op::UserSockAddress => plan.file = index,
                _ => {}
            }
        }
        if event.flags.has(Flags::SEVERAL) {
            plan.flags |= MESSAGES;
        }
        if matches!(event.effect, Effect::Exec) {
            plan.flags |= FAILED_ONLY | EXEC;
            if event.param("filename").is_none() {
                plan.flags |= EXEC_AT;
            }
        }
        plan
    }
}

impl PlanParam {
    /// An unused slot.
    pub const ZERO: Self = Self { op: 0, store: 0, a: 0, b: 0, c: 0, d: 0, reserved: 0 };
}

#[cfg(feature = "user")]
// SAFETY: `repr(C)` without padding (asserted above) or pointers; every bit pattern is a value.
#[allow(unsafe_code, reason = "aya copies the type into a map")]
unsafe impl aya::Pod for Plan {}
