//! `Plan`: the extract of a row that the kernel side reads.
//!
//! For each system call number there is one plan in an array map: which event to make, and for each parameter where its
//! value comes from ([`Source`]) and how it is stored ([`Store`]). Plans hold numbers only. `operation` is what a source does,
//! `short` which parameters need nothing done, `task` which fields of the task there are.

mod operation;
mod short;
mod task;

pub use operation::*;
pub use short::*;
pub use task::*;

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

/// One parameter of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
/// The flags of a record of a plan with these flags: of a 32-bit call, `wire::FLAG_COMPAT`; of one that is sampled,
/// `wire::FLAG_SAMPLED`. Without a branch, which would part the ways for the verifier.
#[inline(always)]
#[must_use]
pub const fn record_flags(flags: u16) -> u16 {
    (flags / COMPAT) & wire::FLAG_COMPAT | (flags / (SAMPLE / wire::FLAG_SAMPLED)) & wire::FLAG_SAMPLED
}
/// The arguments stand in memory, at the second argument of `socketcall`.
pub const SOCKETCALL: u16 = 256;
/// In the plan of a 64-bit call: the 32-bit call of the same number is wanted.
pub const COMPAT_TOO: u16 = 512;

/// The call is counted in the kernel, and makes no record.
pub const GROUP: u16 = 1024;

/// The result of the call is the number of bytes that it read or wrote.
pub const IO: u16 = 2048;

/// Of the calls, only those are recorded that chance chooses (`Config::sample_below`).
pub const SAMPLE: u16 = 4096;

/// All parameters are numbers of the call itself: its record has nothing else.
pub const PLAIN: u16 = 8192;

/// The call is counted for each of its two descriptors: as a read by this plan, as a write by [`Plan::second`].
pub const BOTH: u16 = 16_384;

/// The call reports requests that are done, which count as the calls that they stand for.
pub const REQUESTS: u16 = 32_768;

/// In [`Plan::descriptor`]: such events have none.
pub const NO_DESCRIPTOR: u32 = 6;
/// In [`Plan::descriptor`]: they have one, but when the call ends, it cannot be told any more what it was.
pub const UNKNOWN_DESCRIPTOR: u32 = 7;

/// In [`Plan::more`]: the first table does not want the call.
pub const NO_MORE: u8 = 0xff;

/// In [`Plan::numbered`]: no number of such an event is added up.
pub const NO_NUMBER: u16 = u16::MAX;

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
/// Index of the program for calls that are counted in parts.
pub const NEXT_PARTS: u32 = 3;
/// How many such programs there are.
pub const NEXT_PROGRAMS: usize = 4;

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
/// Index of the plan of a switch.
pub const PLAN_SWITCH: u32 = PLAN_PROCEXIT + 2;
/// Index of the first plan for the beginning of calls.
pub const PLAN_ENTER: u32 = PLAN_PROCEXIT + 3;
/// Index of the first plan for the second descriptor of calls.
pub const PLAN_SECOND: u32 = PLAN_ENTER + 16;
/// How many plans there are.
pub const PLANS: usize = PLAN_SECOND as usize + 16;

/// The most parameters of a row for the beginning of a call.
pub const ENTER_PARAMS: usize = 5;

/// What the kernel side does for one system call number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Index of the predicate that a call must pass, or 0.
    pub predicate: u16,
    /// A bit for each number of the call (`wire::CALL`) that is an `int`, to be widened with its sign.
    pub signed: u32,
    /// For tables that are counted by descriptors: the argument that is one, numbered as in a step of a predicate, or
    /// [`NO_DESCRIPTOR`], or [`UNKNOWN_DESCRIPTOR`].
    pub descriptor: u32,
    /// Index of the plan for the second descriptor of the call, or 0: see [`BOTH`].
    pub second: u16,
    /// Whether the number of such an event is added up where the table adds up numbers: 0 when it always is, [`NO_NUMBER`] when it never
    /// is, or the index of the predicate that decides.
    pub numbered: u16,
    /// The argument with the `MSG_*` flags of a receiving call, or [`NONE`].
    pub message_flags: u8,
    /// Not zero when the bytes that the call moves count as written.
    pub writes: u8,
    /// Which question it belongs to: [`TURNS`](crate::config::TURNS).
    pub turn: u8,
    /// The table of calls that it is for.
    pub table: u8,
    /// In the first table, the next one that such calls are counted in, or 0 when there is none. In the others, the same, 0 for the first
    /// one, which comes last, or [`NO_MORE`].
    pub more: u8,
    /// Unused, zero.
    pub reserved: [u8; 3],
    /// The parameters.
    pub params: [PlanParam; MAX_PARAMS],
}

const _: () = assert!(size_of::<PlanParam>() == 8 && size_of::<Plan>() == 36 + 8 * MAX_PARAMS);

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
        predicate: 0,
        signed: 0,
        descriptor: UNKNOWN_DESCRIPTOR,
        second: 0,
        numbered: 0,
        message_flags: NONE,
        writes: 0,
        turn: 0,
        table: 0,
        more: 0,
        reserved: [0; 3],
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
                Op::FilePath | Op::CwdPath | Op::OpenedPath => plan.path = index,
                Op::QueuePercent | Op::QueueLen | Op::QueueMax | Op::UserSockAddress => plan.file = index,
                _ => {}
            }
        }
        if event.flags.has(Flags::SEVERAL) {
            plan.flags |= MESSAGES;
        }
        if event.is_io() {
            plan.flags |= IO;
        }
        plan.writes = u8::from(event.is_io() && !event.flags.has(Flags::READS_FROM_FD));
        plan.message_flags = match event.message_flags() {
            Some(argument) => argument,
            None => NONE,
        };
        if matches!(event.effect, Effect::Exec) {
            plan.flags |= FAILED_ONLY | EXEC;
            if event.param("filename").is_none() {
                plan.flags |= EXEC_AT;
            }
        }
        plan
    }
}

impl Plan {
    /// The same without the path of a file that is opened: the parameter has no value.
    #[must_use]
    pub fn without_opened_path(mut self) -> Self {
        if let Some(param) = self.params.get_mut(usize::from(self.path)).filter(|it| it.op == Op::OpenedPath as u8) {
            param.op = Op::Const as u8;
            self.path = NONE;
        }
        self
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
