//! What a source does: the operation, the program that knows it, and what its value can be trusted for.

use super::TaskField;

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
    /// The bytes at argument `a`, as many as `b` says (an argument or [`RET`]), cut at snaplen; unless `c` is 0, no more than `c`
    /// says, which as [`RET`] counts only above zero.
    UserBytes = 19,
    /// The bytes of the iovec at argument `a` with `b` entries, cut at snaplen and at the return value, which counts only above
    /// zero when `c` is [`NONE`].
    Iovec = 20,
    /// The bytes of the iovec of the message header at argument `a`, cut as those of [`Op::Iovec`].
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
    /// Path of the file behind fd `a`, as [`crate::wire::path`] says.
    OpenedPath = 48,
    /// The working directory after the call.
    CwdPath = 49,
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
            | Self::FilePath
            | Self::CwdPath => Place::Rare,
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
                | Self::CwdPath
                | Self::OpenedPath
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
    /// Whether only tracer has such a parameter, in rows that the `.scap` format knows.
    #[must_use]
    pub const fn is_own(self) -> bool {
        matches!(self.op, Op::OpenedPath | Op::CwdPath)
    }

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
            | Op::FilePath
            | Op::CwdPath
            | Op::OpenedPath => "kernel",
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
