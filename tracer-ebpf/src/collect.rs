//! The collector: for each parameter of a plan, the value from its source, stored by its kind.
//!
//! The matches on sources stand here and in `gather`; `tracer-common` tests that each row has only sources that its program knows. A
//! parameter that cannot be read has length zero or the value zero; the record is still sent.

use tracer_common::{
    plan::{self, NONE, Plan, RET, Store, VM_SWAP, op, task_field},
    wire,
};

use crate::{
    arch::{Registers, Task},
    entry::{self, Thread},
    gather,
    maps::{flags_of, turn_flag, turn_of},
    read,
    record::{ARGS, Record, Scratch, Slot, TooLong, opaque},
    running,
    special::{
        file, iovec, opened, quota, rare, sockaddr, text,
        user::{empty, user_bytes, user_text},
    },
    task,
};

/// The most parameters of the row for the end of a thread.
const EXIT_PARAMS: usize = 8;

/// What is being reported.
#[derive(Clone, Copy)]
pub struct Call {
    /// Registers of a system call; other hooks have none.
    pub registers: Option<Registers>,
    /// Return value.
    pub result: i64,
    /// The running task.
    pub task: Task,
    /// What to report.
    pub plan: *const Plan,
    /// Number of the call.
    pub number: u32,
    /// Of an exec that succeeded, the kernel's `struct linux_binprm`.
    pub binprm: usize,
}

impl Call {
    /// Of no system call.
    #[inline(always)]
    pub fn of(task: Task, plan: *const Plan, number: u32) -> Self {
        Self { registers: None, result: 0, task, plan, number, binprm: 0 }
    }

    /// Flags of the plan.
    #[inline(always)]
    pub fn flags(self) -> u16 {
        // SAFETY: a live map value.
        unsafe { (*self.plan).flags }
    }
}

/// The second argument of a call.
#[inline(always)]
pub fn second(registers: Registers, flags: u16) -> u64 {
    if flags & plan::SOCKETCALL != 0 {
        // The arguments of the call that it stands for are an array of `u32`.
        u64::from(read::user(registers.compat_arg::<1>() as usize + 4).unwrap_or(0u32))
    } else if flags & plan::COMPAT != 0 {
        registers.compat_arg::<1>()
    } else {
        registers.arg::<1>()
    }
}

/// Keeps the arguments where a plan can index them.
#[inline(always)]
fn keep_args(record: Record, call: Call) {
    // SAFETY: the scratch is a live map value; the indices are constants.
    unsafe {
        let args = &raw mut (*record.scratch).args;
        if let Some(registers) = call.registers {
            if call.flags() & plan::COMPAT == 0 {
                (*args)[0] = registers.arg::<0>();
                (*args)[1] = registers.arg::<1>();
                (*args)[2] = registers.arg::<2>();
                (*args)[3] = registers.arg::<3>();
                (*args)[4] = registers.arg::<4>();
                (*args)[5] = registers.arg::<5>();
            } else {
                keep_compat_args(record, registers, call.flags());
            }
        }
        let mask = if call.flags() & plan::COMPAT != 0 { u64::from(u32::MAX) } else { u64::MAX };
        core::ptr::write_volatile(&raw mut (*record.scratch).pointer_mask, mask);
        (*args)[6] = 0;
        (*args)[7] = call.result as u64;
        if call.flags() & plan::MESSAGES != 0 {
            (*args)[1] = core::ptr::read_volatile(&raw const (*record.scratch).header);
            (*args)[7] = core::ptr::read_volatile(&raw const (*record.scratch).moved);
        }
        (*args)[usize::from(NUMBER)] = u64::from(call.number);
        (*args)[usize::from(SYSCALL_ID)] = u64::from((*call.plan).syscall_id);
        let signed = u64::from((*call.plan).signed);
        if call.registers.is_some() {
            record.put_call(0, widened(signed, 0, (*args)[0]));
            record.put_call(1, widened(signed, 1, (*args)[1]));
            record.put_call(2, widened(signed, 2, (*args)[2]));
            record.put_call(3, widened(signed, 3, (*args)[3]));
            record.put_call(4, widened(signed, 4, (*args)[4]));
            record.put_call(5, widened(signed, 5, (*args)[5]));
        }
        record.put_call(wire::CALL_RESULT, widened(signed, wire::CALL_RESULT, (*args)[7]));
        record.put_call(wire::CALL_SYSCALL, syscall(call));
    }
}

/// A number of the call; one that is an `int` is widened with its sign. Without a branch, which would part the ways for the
/// verifier.
#[inline(always)]
fn widened(signed: u64, slot: usize, number: u64) -> u64 {
    let spare = (signed >> slot & 1) * 32;
    (((number << spare) as i64) >> spare) as u64
}

/// Both numbers of the call.
#[inline(always)]
fn syscall(call: Call) -> u64 {
    // SAFETY: a live map value.
    let portable = unsafe { (*call.plan).syscall_id };
    u64::from(call.number) | u64::from(portable) << 32
}

/// The flags that say which question and which tables the record of the running call is for.
#[inline(always)]
fn of_tables(plan: *const Plan) -> u16 {
    turn_flag(turn_of(plan)) | running::tables() << wire::TABLE_SHIFT
}

/// Reports a call whose parameters are all numbers of it.
#[inline(always)]
pub fn plain(registers: Registers, call: Call) {
    // SAFETY: a live map value.
    let (code, signed) = unsafe { ((*call.plan).code, u64::from((*call.plan).signed)) };
    let flags = plan::record_flags(call.flags()) | of_tables(call.plan);
    let Some(record) = Record::begin(Slot::Syscall, call.task, code, 0, flags) else { return };
    record.set_latency(entry::end(Thread::of(registers), call.number, record.time(), true));
    record.put_call(0, widened(signed, 0, registers.arg::<0>()));
    record.put_call(1, widened(signed, 1, registers.arg::<1>()));
    record.put_call(2, widened(signed, 2, registers.arg::<2>()));
    record.put_call(3, widened(signed, 3, registers.arg::<3>()));
    record.put_call(4, widened(signed, 4, registers.arg::<4>()));
    record.put_call(5, widened(signed, 5, registers.arg::<5>()));
    record.put_call(wire::CALL_RESULT, widened(signed, wire::CALL_RESULT, call.result as u64));
    record.put_call(wire::CALL_SYSCALL, syscall(call));
    record.submit();
}

/// The arguments of a 32-bit call; those of `socketcall` stand in user memory.
#[inline(never)]
fn keep_compat_args(record: Record, registers: Registers, flags: u16) {
    let mut words: [u32; 6] = [
        registers.compat_arg::<0>() as u32,
        registers.compat_arg::<1>() as u32,
        registers.compat_arg::<2>() as u32,
        registers.compat_arg::<3>() as u32,
        registers.compat_arg::<4>() as u32,
        registers.compat_arg::<5>() as u32,
    ];
    if flags & plan::SOCKETCALL != 0 {
        words = read::user(words[1] as usize).unwrap_or([0; 6]);
    }
    // SAFETY: the scratch is a live map value; the indices are constants.
    unsafe {
        let args = &raw mut (*record.scratch).args;
        (*args)[0] = u64::from(words[0]);
        (*args)[1] = u64::from(words[1]);
        (*args)[2] = u64::from(words[2]);
        (*args)[3] = u64::from(words[3]);
        (*args)[4] = u64::from(words[4]);
        (*args)[5] = u64::from(words[5]);
    }
}

/// In the place of an argument number: the number of the call.
const NUMBER: u8 = 8;
/// In the place of an argument number: its portable number.
const SYSCALL_ID: u8 = 9;

/// Argument `n`; [`RET`](tracer_common::plan::RET) is the return value, [`NONE`] is zero.
#[inline(always)]
pub fn arg(record: Record, n: u8) -> u64 {
    let n = opaque(usize::from(if n >= NONE { n & 7 } else { n })) & (ARGS - 1);
    // SAFETY: the index is below `ARGS`; volatile, so that the verifier sees one way and not one for each register.
    unsafe { core::ptr::read_volatile(&raw const (*record.scratch).args[n]) }
}

/// Which program collects: it knows some sources and not others.
pub const FIRST: u8 = 0;
/// See [`FIRST`].
pub const TASK: u8 = 1;
/// See [`FIRST`].
pub const RARE: u8 = 2;
/// See [`FIRST`].
pub const ENTER: u8 = 3;

/// Builds and sends the record of a call whose plan has at most `MAX` parameters.
#[inline(always)]
pub fn record<const MAX: usize, const PROGRAM: u8>(slot: Slot, call: Call) {
    // SAFETY: a live map value.
    let (code, count) = unsafe { ((*call.plan).code, (*call.plan).count) };
    let is_call = matches!(slot, Slot::Syscall);
    let flags = plan::record_flags(call.flags()) | if is_call { of_tables(call.plan) } else { flags_of(call.plan) };
    let Some(record) = Record::begin(slot, call.task, code, u32::from(count), flags) else { return };
    keep_args(record, call);
    if PROGRAM != ENTER {
        record.set_latency(match call.registers {
            Some(registers) if PROGRAM == FIRST => entry::end(Thread::of(registers), call.number, record.time(), true),
            Some(registers) => entry::end_rarely(Thread::of(registers), call.number, record.time(), true),
            None => entry::end_exec(true),
        });
    }
    if PROGRAM == ENTER {
        gather::address(record, call.plan);
    } else if PROGRAM == TASK && code == tracer_common::events::code::QUOTACTL {
        quota::gather(record);
    } else if PROGRAM == TASK {
        text::gather(record, call);
        task::gather(record, call);
    } else if PROGRAM == RARE {
        gather::of_rare_call(record, call.plan);
    } else {
        gather::of_call(record, call);
    }
    for index in 0..MAX {
        if index >= usize::from(count) {
            break;
        }
        // SAFETY: `index` is below `MAX_PARAMS`; a parameter is eight bytes.
        let param = unsafe { core::ptr::read((&raw const (*call.plan).params[index]).cast::<u64>()) };
        if !one::<PROGRAM>(record, index, param) {
            record.too_long();
            return;
        }
    }
    let is_sent = record.submit();
    // SAFETY: a live map value.
    if PROGRAM == FIRST && is_sent && unsafe { (*call.plan).path } != NONE {
        opened::sent(record);
    }
}

/// As [`record`], for the end of a thread.
#[inline(always)]
pub fn exit_record(call: Call) {
    // SAFETY: a live map value.
    let (code, count) = unsafe { ((*call.plan).code, (*call.plan).count) };
    let Some(record) = Record::begin(Slot::Exit, call.task, code, u32::from(count), flags_of(call.plan)) else {
        return;
    };
    task::gather_exit(record);
    for index in 0..EXIT_PARAMS {
        if index >= usize::from(count) {
            break;
        }
        // SAFETY: `index` is below `MAX_PARAMS`.
        let param = unsafe { (*call.plan).params[index] };
        if put_number(record.scratch, index as u64, param.store.into(), task::number(record, param.a)) == 0 {
            record.too_long();
            return;
        }
    }
    record.submit();
}

/// One parameter. A number is taken first and stored then, each in a function of its own: nothing of how it was made is
/// left in the registers and on the stack of the loop, where it would part the ways for the verifier.
#[inline(always)]
fn one<const PROGRAM: u8>(record: Record, index: usize, param: u64) -> bool {
    let [_, store, ..] = param.to_le_bytes();
    if store == Store::Var as u8 {
        return match PROGRAM {
            TASK => task_bytes(record.scratch, index as u64, param) != 0,
            RARE => rare_bytes(record.scratch, index as u64, param) != 0,
            ENTER => enter_bytes(record.scratch, index as u64, param) != 0,
            _ => call_bytes(record.scratch, index as u64, param) != 0,
        };
    }
    let number = match PROGRAM {
        TASK => task_value(record.scratch, param),
        RARE => rare_value(record.scratch, param),
        ENTER => enter_value(record.scratch, param),
        // In one function, since each call costs the traced one.
        _ => return call_number(record.scratch, index as u64, param) != 0,
    };
    put_number(record.scratch, index as u64, store.into(), number) != 0
}

/// A number of a row that reads the task. Such a row has few sources, and the verifier need not look at the others for
/// each of its many parameters; the event table has a test for it.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn task_value(scratch: *mut Scratch, param: u64) -> u64 {
    let Some(record) = Record::of(scratch) else { return 0 };
    let [operation, _, a, ..] = param.to_le_bytes();
    if operation == op::Ret { arg(record, RET) } else { task::number(record, a) }
}

/// A number from the call itself.
#[inline(always)]
fn plain_value(record: Record, param: u64) -> u64 {
    let [operation, _, a, b, c, ..] = param.to_le_bytes();
    match operation {
        op::Ret => arg(record, RET),
        op::Arg => arg(record, a),
        op::Const => u64::from(a),
        op::SyscallId => arg(record, SYSCALL_ID),
        op::SyscallNumber => arg(record, NUMBER),
        op::UserU64 => read::user(arg(record, a) as usize + usize::from(b)).unwrap_or(0u64),
        op::UserU32 if c != 0 && (arg(record, RET) as i64) < 0 => u64::from(u32::MAX),
        op::UserU32 => u64::from(read::user(arg(record, a) as usize + usize::from(b)).unwrap_or(0u32)),
        op::ArgPair => arg(record, a) | arg(record, a + 1) << 32,
        op::ArgHalves => arg(record, a) << 32 | arg(record, a + 1) & 0xffff_ffff,
        op::ArgSigned => i64::from(arg(record, a) as i32) as u64,
        op::OpenFlags => {
            let flags = if b == NONE { arg(record, a) } else { read::user(arg(record, a) as usize).unwrap_or(0u64) };
            file::open_flags(record, flags as u32)
        }
        op::Dev => file::gathered(record, file::DEVICE),
        op::Ino | op::UserFdIno => file::gathered(record, file::INODE),
        _ => 0,
    }
}

/// Nanoseconds of a `struct timespec` in user memory; all ones when there is none.
#[inline(always)]
fn user_time(record: Record, address: u64) -> u64 {
    let at = address as usize;
    let (seconds, nanos) = if record.compat() {
        let [seconds, nanos] = read::user::<[u32; 2]>(at).unwrap_or([u32::MAX; 2]);
        (u64::from(seconds), u64::from(nanos))
    } else {
        let [seconds, nanos] = read::user::<[u64; 2]>(at).unwrap_or([u64::MAX; 2]);
        (seconds, nanos)
    };
    // Nanoseconds above a second are no time: the memory could not be read.
    if nanos > 999_999_999 { u64::MAX } else { seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos) }
}

/// A number of a row for the beginning of a call.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn enter_value(scratch: *mut Scratch, param: u64) -> u64 {
    let Some(record) = Record::of(scratch) else { return 0 };
    plain_value(record, param)
}

/// A parameter of any length, of a row for the beginning of a call.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn enter_bytes(scratch: *mut Scratch, index: u64, param: u64) -> u64 {
    let Some(record) = Record::of(scratch) else { return 0 };
    let index = index as usize;
    let [operation, ..] = param.to_le_bytes();
    let done = match operation {
        op::SockAddr => sockaddr::copy_address(record, index),
        _ => plain_bytes(record, index, param),
    };
    u64::from(done.is_ok())
}

/// A number of a row for rare calls.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn rare_value(scratch: *mut Scratch, param: u64) -> u64 {
    let Some(record) = Record::of(scratch) else { return 0 };
    let [operation, _, a, b, c, d, ..] = param.to_le_bytes();
    match operation {
        op::UserU16 if arg(record, c) <= u64::from(d) => 0,
        op::UserU16 => u64::from(read::user(arg(record, a) as usize + usize::from(b)).unwrap_or(0u16)),
        op::UserU64Or if c != 0 && (arg(record, RET) as i64) < 0 => u64::MAX,
        op::UserU64Or => read::user(arg(record, a) as usize + usize::from(b)).unwrap_or(u64::MAX),
        op::ArgWhen if arg(record, b) as u32 == u32::from(c) => arg(record, a),
        op::ArgWhen => 0,
        op::RingSignals => rare::ring_signals(record, a),
        op::PrctlNumber => rare::prctl_number(record),
        _ => plain_value(record, param),
    }
}

/// A number of any other row.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn call_number(scratch: *mut Scratch, index: u64, param: u64) -> u64 {
    let Some(record) = Record::of(scratch) else { return 0 };
    let [operation, store, a, b, ..] = param.to_le_bytes();
    let number = match operation {
        op::Vm => file::gathered(record, usize::from(if a > VM_SWAP { VM_SWAP } else { a })),
        op::UserTime => user_time(record, arg(record, a)),
        op::Layer => file::layer_bits(record),
        op::UserSockAddress if b == 0 => file::gathered(record, sockaddr::FIRST),
        op::UserSockAddress => file::gathered(record, sockaddr::SECOND),
        op::QueuePercent => file::gathered(record, sockaddr::QUEUE_PERCENT),
        op::QueueLen => file::gathered(record, sockaddr::QUEUE_LEN),
        op::QueueMax => file::gathered(record, sockaddr::QUEUE_MAX),
        op::IovecLen | op::MsgLen => iovec::total(record),
        _ => plain_value(record, param),
    };
    u64::from(put_as(record, index as usize, store, number).is_ok())
}

/// A parameter of any length, of a row that reads the task.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn task_bytes(scratch: *mut Scratch, index: u64, param: u64) -> u64 {
    let Some(record) = Record::of(scratch) else { return 0 };
    let index = index as usize;
    let [_, _, a, ..] = param.to_le_bytes();
    u64::from(text::copy(record, index, a - task_field::Comm).is_ok())
}

/// A parameter of any length, of a row for rare calls.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn rare_bytes(scratch: *mut Scratch, index: u64, param: u64) -> u64 {
    let Some(record) = Record::of(scratch) else { return 0 };
    let index = index as usize;
    let [operation, _, a, ..] = param.to_le_bytes();
    let done = match operation {
        op::SockOpt | op::FilePath | op::CwdPath => text::copy_gathered(record, index),
        op::PtraceArg => rare::ptrace_arg(record, index, a),
        op::KeyArg => rare::key_arg(record, index, a),
        op::PrctlText => rare::prctl_text(record, index),
        op::FsconfigBytes => rare::fsconfig(record, index, false),
        op::FsconfigText => rare::fsconfig(record, index, true),
        _ => plain_bytes(record, index, param),
    };
    u64::from(done.is_ok())
}

/// A parameter of any length, from the call itself.
#[inline(always)]
fn plain_bytes(record: Record, index: usize, param: u64) -> Result<(), TooLong> {
    let [operation, _, a, b, c, ..] = param.to_le_bytes();
    match operation {
        op::UserText if b != 0 && (arg(record, RET) as i64) < 0 => empty(record, index),
        op::UserText => user_text(record, index, arg(record, a)),
        op::UserBytes => {
            let len = arg(record, b) as i64;
            let most = if c == 0 { i64::MAX } else { arg(record, c) as i64 };
            let cuts = (c != RET || most > 0) && most < len;
            user_bytes(record, index, arg(record, a), if cuts { most } else { len })
        }
        _ => empty(record, index),
    }
}

/// A parameter of any length, of any other row.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn call_bytes(scratch: *mut Scratch, index: u64, param: u64) -> u64 {
    let Some(record) = Record::of(scratch) else { return 0 };
    let index = index as usize;
    let [operation, _, a, ..] = param.to_le_bytes();
    let done = match operation {
        op::Iovec | op::MsgBytes => iovec::copy_data(record, index),
        op::Fds | op::OpenedPath => text::copy_gathered(record, index),
        op::MsgControl => {
            let (address, len) = iovec::message_control(record, arg(record, a), arg(record, RET) as i64);
            user_bytes(record, index, address, len)
        }
        op::SockAddr => sockaddr::copy_address(record, index),
        op::SockTuple => sockaddr::copy_tuple(record, index),
        _ => plain_bytes(record, index, param),
    };
    u64::from(done.is_ok())
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn put_number(scratch: *mut Scratch, index: u64, store: u64, number: u64) -> u64 {
    let Some(record) = Record::of(scratch) else { return 0 };
    u64::from(put_as(record, index as usize, store as u8, number).is_ok())
}

#[inline(always)]
fn put_as(record: Record, index: usize, store: u8, number: u64) -> Result<(), TooLong> {
    const U8: u8 = Store::U8 as u8;
    const U16: u8 = Store::U16 as u8;
    const U32: u8 = Store::U32 as u8;
    const SIGNED_INT: u8 = Store::SignedInt as u8;
    match store {
        U8 => record.put::<1>(index, number),
        U16 => record.put::<2>(index, number),
        U32 => record.put::<4>(index, number),
        SIGNED_INT => record.put::<8>(index, i64::from(number as i32) as u64),
        _ => record.put::<8>(index, number),
    }
}
