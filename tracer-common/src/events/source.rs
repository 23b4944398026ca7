//! The functions that make a [`Source`], for the right side of a parameter.

use crate::plan::{
    NONE, Op, QUOTA_DEVICE, QUOTA_PATH, QuotaField, RET, Source, TaskField, TupleWay, VM_RSS, VM_SIZE, VM_SWAP,
};

const fn new(op: Op, a: u8, b: u8, c: u8, d: u8) -> Source {
    Source { op, a, b, c, d }
}
/// The return value.
#[must_use]
pub const fn ret() -> Source {
    new(Op::Ret, 0, 0, 0, 0)
}
/// Argument `n`.
#[must_use]
pub const fn arg(n: u8) -> Source {
    new(Op::Arg, n, 0, 0, 0)
}
/// Argument `n`, a C `int`: with its sign.
#[must_use]
pub const fn arg_signed(n: u8) -> Source {
    new(Op::ArgSigned, n, 0, 0, 0)
}
/// The number `n`.
#[must_use]
pub const fn constant(n: u8) -> Source {
    new(Op::Const, n, 0, 0, 0)
}
/// No value.
#[must_use]
pub const fn empty() -> Source {
    new(Op::Empty, 0, 0, 0, 0)
}
/// Portable number of the call.
#[must_use]
pub const fn syscall_id() -> Source {
    new(Op::SyscallId, 0, 0, 0, 0)
}
/// Native number of the call.
#[must_use]
pub const fn syscall_number() -> Source {
    new(Op::SyscallNumber, 0, 0, 0, 0)
}
/// `u64` at `offset` bytes behind the pointer in argument `n`.
#[must_use]
pub const fn user_u64(n: u8, offset: u8) -> Source {
    new(Op::UserU64, n, offset, 0, 0)
}
/// `u32` at `offset` bytes behind the pointer in argument `n`.
#[must_use]
pub const fn user_u32(n: u8, offset: u8) -> Source {
    new(Op::UserU32, n, offset, 0, 0)
}
/// Descriptor that a call wrote `offset` bytes behind the pointer in argument `n`; -1 when it failed.
#[must_use]
pub const fn user_fd(n: u8, offset: u8) -> Source {
    new(Op::UserU32, n, offset, 1, 0)
}
/// Open flags in argument `n`.
#[must_use]
pub const fn open_flags(n: u8) -> Source {
    new(Op::OpenFlags, n, NONE, 0, 0)
}
/// Open flags in the `struct open_how` at argument `n`.
#[must_use]
pub const fn open_how_flags(n: u8) -> Source {
    new(Op::OpenFlags, n, 0, 0, 0)
}
/// Device of the file behind the new fd.
#[must_use]
pub const fn dev_of_ret() -> Source {
    new(Op::Dev, RET, 0, 0, 0)
}
/// Inode number of the file behind the new fd.
#[must_use]
pub const fn ino_of_ret() -> Source {
    new(Op::Ino, RET, 0, 0, 0)
}
/// Overlay layer of the file behind the new fd.
#[must_use]
pub const fn layer_of_ret() -> Source {
    new(Op::Layer, RET, 0, 0, 0)
}
/// Inode number of the file behind the first of the fds at argument `n`.
#[must_use]
pub const fn ino_of_user_fd(n: u8) -> Source {
    new(Op::UserFdIno, n, 0, 0, 0)
}
/// Kernel address of the socket behind fd number `i` at argument `n`.
#[must_use]
pub const fn sock_of_user_fd(n: u8, i: u8) -> Source {
    new(Op::UserSockAddress, n, i, 0, 0)
}
/// Fill of the accept queue of the fd in argument `n`, percent.
#[must_use]
pub const fn queue_percent(n: u8) -> Source {
    new(Op::QueuePercent, n, 0, 0, 0)
}
/// Length of that queue.
#[must_use]
pub const fn queue_len(n: u8) -> Source {
    new(Op::QueueLen, n, 0, 0, 0)
}
/// Limit of that queue.
#[must_use]
pub const fn queue_max(n: u8) -> Source {
    new(Op::QueueMax, n, 0, 0, 0)
}
/// Path or text at argument `n`.
#[must_use]
pub const fn text(n: u8) -> Source {
    new(Op::UserText, n, 0, 0, 0)
}
/// Data at argument `n` that the call returned: as long as the return value.
#[must_use]
pub const fn data_in(n: u8) -> Source {
    new(Op::UserBytes, n, RET, 0, 0)
}
/// The same with room for as many bytes as argument `room`: the result of a receiving call may be longer (`MSG_TRUNC`).
#[must_use]
pub const fn data_in_room(n: u8, room: u8) -> Source {
    new(Op::UserBytes, n, RET, room, 0)
}
/// Data at argument `n` that the caller passed: as long as argument `len`, or as the part of it that was written.
#[must_use]
pub const fn data_out(n: u8, len: u8) -> Source {
    new(Op::UserBytes, n, len, RET, 0)
}
/// Data of the iovec at argument `n` with `count` entries that the call returned.
#[must_use]
pub const fn iovec_in(n: u8, count: u8) -> Source {
    new(Op::Iovec, n, count, RET, 0)
}
/// Data of the iovec that the caller passed, or the part of it that was written.
#[must_use]
pub const fn iovec_out(n: u8, count: u8) -> Source {
    new(Op::Iovec, n, count, NONE, 0)
}
/// Bytes that the iovec has room for.
#[must_use]
pub const fn iovec_len(n: u8, count: u8) -> Source {
    new(Op::IovecLen, n, count, 0, 0)
}
/// Data of the message at argument `n` that the call returned.
#[must_use]
pub const fn msg_in(n: u8) -> Source {
    new(Op::MsgBytes, n, 0, RET, 0)
}
/// Data of the message that the caller passed, or the part of it that was sent.
#[must_use]
pub const fn msg_out(n: u8) -> Source {
    new(Op::MsgBytes, n, 0, NONE, 0)
}
/// Bytes that the message has room for.
#[must_use]
pub const fn msg_len(n: u8) -> Source {
    new(Op::MsgLen, n, 0, 0, 0)
}
/// Control data of the message.
#[must_use]
pub const fn msg_control(n: u8) -> Source {
    new(Op::MsgControl, n, 0, 0, 0)
}
/// Socket address at argument `n` with its length in argument `len`.
#[must_use]
pub const fn sockaddr(n: u8, len: u8) -> Source {
    new(Op::SockAddr, n, len, 0, 0)
}
/// Tuple of the socket in argument `fd`, towards the peer whose address may stand at argument `peer`.
#[must_use]
pub const fn tuple_out(fd: u8, peer: u8) -> Source {
    new(Op::SockTuple, fd, TupleWay::Out as u8, peer, 0)
}
/// The same, with the address inside the message header at argument `msg`.
#[must_use]
pub const fn tuple_out_msg(fd: u8, msg: u8) -> Source {
    new(Op::SockTuple, fd, TupleWay::Out as u8, msg, 1)
}
/// Tuple from the peer, whose address may stand at argument `peer`.
#[must_use]
pub const fn tuple_in(fd: u8, peer: u8) -> Source {
    new(Op::SockTuple, fd, TupleWay::In as u8, peer, 0)
}
/// The same, with the address inside the message header at argument `msg`.
#[must_use]
pub const fn tuple_in_msg(fd: u8, msg: u8) -> Source {
    new(Op::SockTuple, fd, TupleWay::In as u8, msg, 1)
}
/// Tuple of the socket in argument `fd`, towards the peer that it is connected to.
#[must_use]
pub const fn tuple_out_connected(fd: u8) -> Source {
    new(Op::SockTuple, fd, TupleWay::Out as u8, NONE, 0)
}
/// The same, from the peer.
#[must_use]
pub const fn tuple_in_connected(fd: u8) -> Source {
    new(Op::SockTuple, fd, TupleWay::In as u8, NONE, 0)
}
/// Argument `n` as the high half and the one behind it as the low one.
#[must_use]
pub const fn arg_halves(n: u8) -> Source {
    new(Op::ArgHalves, n, 0, 0, 0)
}
/// Tuple of the connection that was accepted.
#[must_use]
pub const fn tuple_of_ret() -> Source {
    new(Op::SockTuple, RET, TupleWay::In as u8, NONE, 0)
}
/// Number of the task.
#[must_use]
pub const fn task(field: TaskField) -> Source {
    new(Op::Task, field as u8, 0, 0, 0)
}
/// Text of the task.
#[must_use]
pub const fn task_text(field: TaskField) -> Source {
    new(Op::TaskText, field as u8, 0, 0, 0)
}
/// Path or text at argument `n` that the call returned: nothing when it failed.
#[must_use]
pub const fn text_done(n: u8) -> Source {
    new(Op::UserText, n, 1, 0, 0)
}
/// Virtual memory of the task, kB.
#[must_use]
pub const fn vm_size() -> Source {
    new(Op::Vm, VM_SIZE, 0, 0, 0)
}
/// Its resident memory, kB.
#[must_use]
pub const fn vm_rss() -> Source {
    new(Op::Vm, VM_RSS, 0, 0, 0)
}
/// Its swapped memory, kB.
#[must_use]
pub const fn vm_swap() -> Source {
    new(Op::Vm, VM_SWAP, 0, 0, 0)
}
/// `struct timespec` at argument `n`, ns; all ones when there is none.
#[must_use]
pub const fn user_time(n: u8) -> Source {
    new(Op::UserTime, n, 0, 0, 0)
}
/// The array of `struct pollfd` at argument `n` with its length in argument `count`.
#[must_use]
pub const fn fds(n: u8, count: u8) -> Source {
    new(Op::Fds, n, count, 0, 0)
}
/// Member `field` (0 to 2) of `struct sembuf` number `i` at argument 1, whose length is argument 2.
#[must_use]
pub const fn sembuf(i: u8, field: u8) -> Source {
    new(Op::UserU16, 1, 6 * i + 2 * field, 2, i)
}
/// `u64` at `offset` bytes behind the pointer in argument `n`; all ones when it cannot be read.
#[must_use]
pub const fn user_u64_or_ones(n: u8, offset: u8) -> Source {
    new(Op::UserU64Or, n, offset, 0, 0)
}
/// The same, of what the call returned: all ones when it failed, too.
#[must_use]
pub const fn user_u64_done(n: u8, offset: u8) -> Source {
    new(Op::UserU64Or, n, offset, 1, 0)
}
/// Argument `n` when argument `other` is `value`, else 0.
#[must_use]
pub const fn arg_when(n: u8, other: u8, value: u8) -> Source {
    new(Op::ArgWhen, n, other, value, 0)
}
/// What quotactl was asked or said.
#[must_use]
pub const fn quota(field: QuotaField) -> Source {
    new(Op::Quota, field as u8, 0, 0, 0)
}
/// The device that quotactl was given.
#[must_use]
pub const fn quota_device() -> Source {
    new(Op::QuotaText, QUOTA_DEVICE, 0, 0, 0)
}
/// The file that quotactl was given.
#[must_use]
pub const fn quota_path() -> Source {
    new(Op::QuotaText, QUOTA_PATH, 0, 0, 0)
}
/// The first 32 signals that io_uring_enter waits with.
#[must_use]
pub const fn ring_signals() -> Source {
    new(Op::RingSignals, 4, 0, 0, 0)
}
/// Argument 1 of prctl as a number.
#[must_use]
pub const fn prctl_number() -> Source {
    new(Op::PrctlNumber, 0, 0, 0, 0)
}
/// Argument 1 of prctl as text.
#[must_use]
pub const fn prctl_text() -> Source {
    new(Op::PrctlText, 0, 0, 0, 0)
}
/// Value of the socket option that is set.
#[must_use]
pub const fn sockopt_in() -> Source {
    new(Op::SockOpt, 0, 0, 0, 0)
}
/// Value of the socket option that was read.
#[must_use]
pub const fn sockopt_out() -> Source {
    new(Op::SockOpt, 1, 0, 0, 0)
}
/// Argument `n` of ptrace.
#[must_use]
pub const fn ptrace_arg(n: u8) -> Source {
    new(Op::PtraceArg, n, 0, 0, 0)
}
/// Argument `n` of keyctl.
#[must_use]
pub const fn key_arg(n: u8) -> Source {
    new(Op::KeyArg, n, 0, 0, 0)
}
/// Value of fsconfig as bytes.
#[must_use]
pub const fn fsconfig_bytes() -> Source {
    new(Op::FsconfigBytes, 0, 0, 0, 0)
}
/// Value of fsconfig as text.
#[must_use]
pub const fn fsconfig_text() -> Source {
    new(Op::FsconfigText, 0, 0, 0, 0)
}
/// Path of the file that was opened; the last parameter of its row.
#[must_use]
pub const fn opened_path() -> Source {
    new(Op::OpenedPath, RET, 0, 0, 0)
}
/// The working directory after the call; nothing when it failed.
#[must_use]
pub const fn cwd_path() -> Source {
    new(Op::CwdPath, RET, 0, 0, 0)
}
/// Path of the file behind the new fd.
#[must_use]
pub const fn path_of_ret() -> Source {
    new(Op::FilePath, RET, 0, 0, 0)
}
