//! The record: what the kernel side puts into a ring.
//!
//! A record is a live prefix followed by an event much as a `.scap` file stores it: header, one `u16` length for each
//! parameter, then the parameters in the order of their row, without padding. All numbers are little endian. Flags and enumerated
//! values are those of the kernel, 4 bytes each (`Kind::live_store`), and the path of an opened file has a form of its own ([`path`]).
//!
//! ```text
//!  0 cpu u16 │ 2 flags u16 │ 4 tgid u32 │ 8 cgroup id u64 │ 16 latency u64        live prefix
//! 24 time u64 │ 32 tid u64 │ 40 length u32 │ 44 code u16 │ 46 parameter count u32  event header
//! 50 lengths u16 × count │ parameters
//! ```
//! With [`FLAG_CALL`], the numbers of the call stand in front of the lengths, and parameters that are among them are not stored:
//! [`Plan::short`](crate::plan::Plan::short) says which. The count is that of the stored ones.
//!
//! ```text
//! 56 arguments u64 × 6 │ 104 result i64 │ 112 number of the call u32 │ 116 portable number u32
//! 120 lengths u16 × count │ parameters
//! ```
//! With [`FLAG_WHO`], [`WHO_LEN`] bytes stand behind the event: what the kernel side decided by, or what user space would
//! have to keep otherwise.
//!
//! ```text
//!  0 name of the thread, 16 bytes padded with zeros │ 16 parent's tgid u32 │ 20 uid u32 │ 24 gid u32 │ 28 tgid in its own namespace u32
//! ```
//! The last one is zero unless a table asked for it.
//!
//! The length in the header counts from offset 24. The prefix is 24 bytes long so that the fields of the event header
//! fall on their natural alignment, except the parameter count.

/// Offset of the CPU number, `u16`.
pub const CPU: usize = 0;
/// Offset of the record flags, `u16` ([`FLAG_COMPAT`]).
pub const FLAGS: usize = 2;
/// Offset of the thread group id in the initial pid namespace, `u32`.
pub const TGID: usize = 4;
/// Offset of the id of the task's cgroup in the v2 tree, `u64`: the inode number of its directory.
pub const CGROUP: usize = 8;
/// Offset of the time from entry to exit in nanoseconds, `u64`; [`NO_LATENCY`] when it was not measured.
pub const LATENCY: usize = 16;
/// Where the event begins.
pub const EVENT: usize = 24;
/// Offset of the time, `u64`: nanoseconds of the monotonic clock.
pub const TIME: usize = EVENT;
/// Offset of the thread id in the initial pid namespace, `u64`.
pub const TID: usize = EVENT + 8;
/// Offset of the length of the event (header, lengths, parameters) in bytes, `u32`.
pub const LEN: usize = EVENT + 16;
/// Offset of the event code, `u16`.
pub const CODE: usize = EVENT + 20;
/// Offset of the parameter count, `u32`, aligned to two bytes only.
pub const COUNT: usize = EVENT + 22;
/// Where the parameter lengths begin, `u16` each.
pub const LENGTHS: usize = EVENT + 26;

/// Offset of the numbers of the call, `u64` each, in a record with [`FLAG_CALL`]. An argument that is an `int` to its parameter
/// is widened with its sign.
pub const CALL: usize = EVENT + 32;
/// How many there are: six arguments, the result, and both numbers of the call in one.
pub const CALL_NUMBERS: usize = 8;
/// Which of them is the result.
pub const CALL_RESULT: usize = 6;
/// Which of them has the number of the call, and in its high half the portable one.
pub const CALL_SYSCALL: usize = 7;
/// Where the parameter lengths begin behind them.
pub const CALL_LENGTHS: usize = CALL + 8 * CALL_NUMBERS;

/// The call came through the 32-bit entry of a 64-bit kernel.
pub const FLAG_COMPAT: u16 = 1;

/// The record says who made the call, behind the event.
pub const FLAG_WHO: u16 = 2;
/// Bytes that stand there.
pub const WHO_LEN: usize = 32;
/// The record stands for several events, which were counted in the kernel: behind who made them stand, `u64` each, their count,
/// sum, least and greatest of their numbers, and the range of these, all ones when there are none; then what the descriptor is
/// ([`KeyDescriptor`](crate::group::KeyDescriptor)). Only user space makes such records.
pub const FLAG_GROUP: u16 = 4;
/// Bytes of those five.
pub const GROUP_NUMBERS_LEN: usize = 40;
/// The same with the descriptor.
pub const GROUP_LEN: usize = GROUP_NUMBERS_LEN + crate::group::KeyDescriptor::LEN;
/// The kernel side chose the call among others of its kind ([`SAMPLE`](crate::plan::SAMPLE)).
pub const FLAG_SAMPLED: u16 = 8;
/// The numbers of the call stand in front of the lengths.
pub const FLAG_CALL: u16 = 16;
/// The record is not of a call, but of a request that an earlier call made and that is done now: only its bytes count.
pub const FLAG_DONE: u16 = 32;
/// Of a record that stands for several events: they were counted in the table of sockets.
pub const FLAG_SOCKETS: u16 = 64;
/// It belongs to the question whose number is 1, not 0: see [`TURNS`](crate::config::TURNS).
pub const FLAG_TURN: u16 = 128;
/// From here on a bit for each table of calls that it is a row of, or would be, if its key were known for sure. Without any it is the first
/// one.
pub const TABLE_SHIFT: u16 = 8;
/// These bits, moved to the end.
pub const TABLES: u16 = (1 << crate::group::CALL_TABLES) - 1;

const _: () = assert!(((TABLES as u32) << TABLE_SHIFT) <= u16::MAX as u32);

/// Bytes of a name of a thread, which ends with a NUL.
pub const COMM_LEN: usize = 16;

/// The latency of a call that was not timed. Never a real latency: it would be 584 years.
pub const NO_LATENCY: u64 = u64::MAX;

/// The most parameters that a row may have.
pub const MAX_PARAMS: usize = 32;
/// The longest single parameter in bytes: lengths are `u16`.
pub const MAX_PARAM_LEN: usize = 0xffff;
/// A path, with its final NUL: `PATH_MAX`.
pub const MAX_PATH: usize = 4096;
/// Arguments and environment of a process, each, with the NULs: as much as the users' tools keep.
pub const MAX_ARGS: usize = 4096;
/// Of a longer list, so many bytes are stored, and behind them the length that it has, `u32`; 0 when that is not known. A list of
/// that whole length is always such a one: one that is not cut is shorter.
pub const CUT_LIST: usize = MAX_ARGS - 1 - 4;
/// The most that a record may hold before another parameter is begun.
pub const MAX_RECORD: usize = 0x1_0000;
/// The bytes of scratch in which a record is built: one more parameter fits behind a full record, and behind that the data
/// of scattered buffers, before it becomes a parameter.
pub const SCRATCH_LEN: usize = MAX_RECORD + 2 * (MAX_PARAM_LEN + 1);
/// Slots of scratch for each CPU: one for each program that may interrupt another. One more for the beginning of calls, when
/// that is asked for.
pub const SCRATCH_SLOTS: u32 = 4;
/// The most rings.
pub const MAX_RINGS: u32 = 64;
/// The longest payload that `--snaplen` may ask for, in bytes.
pub const MAX_SNAPLEN: u32 = 65_000;

/// How the path of an opened file stands in a record: always as the last parameter.
///
/// ```text
/// 0 NUL │ 1 kind u8 │ 2 directory u64 │ 10 text, with a NUL
/// ```
/// The number of a directory stands for its text, which comes once. It says nothing outside of this run.
pub mod path {
    /// Bytes in front of the text.
    pub const PREFIX: usize = 10;
    /// The text is the name of the file. The text of its directory came earlier.
    pub const KNOWN: u8 = 1;
    /// The text is the whole path; that of its directory is to be kept.
    pub const NEW: u8 = 2;
    /// The text is the whole path, and nothing is to be kept.
    pub const WHOLE: u8 = 3;
    /// The most directories that the kernel side knows.
    pub const MAX_KNOWN: u32 = 16_384;
}

const _: () = assert!(TIME.is_multiple_of(8) && TID.is_multiple_of(8) && LEN.is_multiple_of(4));
const _: () = assert!(CALL.is_multiple_of(8) && CALL >= LENGTHS);
const _: () = assert!(CODE.is_multiple_of(2) && COUNT.is_multiple_of(2));
const _: () = assert!(MAX_SNAPLEN as usize <= MAX_PARAM_LEN);
