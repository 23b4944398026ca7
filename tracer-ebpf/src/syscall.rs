//! The programs on `sys_exit` and `sys_enter`: gate, plan, collect.
//!
//! The first one does the frequent calls, and itself again for each further message of a call with several. What is rarer goes
//! on in another program, so that the verifier's work stays a sum: rows that read the task, and rows whose arguments depend
//! on each other.
//!
//! Source: kernel include/trace/events/syscalls.h, `TP_PROTO(struct pt_regs *regs, long ret)`.

use aya_ebpf::{helpers::bpf_get_prandom_u32, macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{
    group::{CALL_TABLES, number},
    plan::{self, Plan},
    wire::{self, NO_LATENCY},
};

use crate::{
    arch::Registers,
    collect::{self, Call, ENTER, FIRST, RARE, TASK},
    entry::{self, Thread},
    follow,
    gate::{self, Passed},
    group,
    maps::{NEXT, config, more_of, plan_of, table_of, turn},
    read,
    record::{Loss, Slot, count_loss},
    running,
};

/// In the place of a table: what is left is to make a record, for tables that could not count the call.
const RECORD: u32 = CALL_TABLES;

/// Ends every system call of every process: what nobody asked for must cost nothing.
///
/// Where there are several tables of calls, the program follows itself for each of them; the first table comes last, because what it
/// wants may be a record.
#[btf_tracepoint(function = "sys_exit")]
#[inline(always)]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    // A call belongs to one question, with all of its messages.
    let resumed = running::is_resumed();
    let (turn, table) = if resumed { running::handed_on() } else { (turn(), 0) };
    let Some((passed, call)) = call(&ctx, turn, table) else { return 0 };
    if !follow::wants_end(passed.task, Registers(ctx.arg(0)), passed.number) {
        return 0;
    }
    // Chance asks nothing of the call, and costs less than a predicate.
    if config!(sample_below) != 0 && is_left_out(passed.flags) {
        return 0;
    }
    if config!(varies) != 0 {
        if !resumed {
            running::set_tables(0);
            if more_of(passed.plan) != 0 {
                go_on(&ctx, passed.plan, more_of(passed.plan));
                return 0;
            }
        }
        if table == RECORD {
            report(&ctx, passed, call, table);
            return 0;
        }
        if passed.flags & plan::WANTED == 0 {
            next_table(&ctx, passed.plan);
            return 0;
        }
    }
    if passed.flags & (plan::BOTH | plan::REQUESTS) != 0 {
        running::hand_on(passed.plan, table);
        // SAFETY: as below.
        unsafe { NEXT.tail_call(&ctx, plan::NEXT_PARTS) };
        count_loss(Loss::Scratch, 1);
        return 0;
    }
    if !gate::call_passes(passed, Registers(ctx.arg(0)), call.result) || gate::is_own(passed.task) {
        leave(passed.flags);
        next_table(&ctx, passed.plan);
        return 0;
    }
    if passed.flags & plan::GROUP != 0 {
        gate::decide_number(passed, Registers(ctx.arg(0)), call.result);
        let counted = count(Registers(ctx.arg(0)), passed.plan, passed.number, call.result);
        if counted == Counted::OneMessage as u32 {
            next_message(&ctx, passed.plan, table);
            return 0;
        }
        if counted == Counted::Yes as u32 {
            leave(passed.flags);
            next_table(&ctx, passed.plan);
            return 0;
        }
        // A call of which the key is not known for sure makes a record.
    }
    if config!(varies) != 0 {
        running::set_tables(running::tables() | 1 << (table & 7));
        if table != 0 {
            next_table(&ctx, passed.plan);
            return 0;
        }
    }
    report(&ctx, passed, call, table);
    0
}

/// Makes the record of a call, in this program or in one that knows more.
#[inline(always)]
fn report(ctx: &BtfTracePointContext, passed: Passed, call: Call, table: u32) {
    if passed.flags & plan::PLAIN != 0 {
        collect::plain(Registers(ctx.arg(0)), call);
        return;
    }
    let next = match passed.flags & (plan::TASK | plan::RARE) {
        0 => {
            if passed.flags & plan::MESSAGES != 0 {
                one_message(Registers(ctx.arg(0)), passed.flags, call.result);
            }
            collect::record::<{ plan::SHORT_PARAMS }, FIRST>(Slot::Syscall, call);
            // Not asked again whether it is such a call: what is known of the answer would part the ways for the verifier.
            next_message(ctx, passed.plan, table);
            return;
        }
        plan::TASK => plan::NEXT_TASK,
        _ => plan::NEXT_RARE,
    };
    running::hand_on(passed.plan, table);
    // SAFETY: it does not return when it succeeds; when it does return, the record is lost and counted.
    unsafe { NEXT.tail_call(ctx, next) };
    count_loss(Loss::Scratch, 1);
}

/// A call whose parameters are all numbers of it, and which has no descriptor.
#[inline(always)]
pub fn plain(passed: Passed, registers: Registers, result: i64) {
    if !gate::call_passes(passed, registers, result) {
        return;
    }
    if passed.flags & plan::GROUP != 0 {
        count(registers, passed.plan, passed.number, result);
    } else {
        let call = Call { registers: Some(registers), result, ..Call::of(passed.task, passed.plan, passed.number) };
        collect::plain(registers, call);
    }
}

/// Whether chance leaves out a call. A call with several messages is asked about once, at its first.
#[inline(always)]
fn is_left_out(flags: u16) -> bool {
    if flags & plan::SAMPLE == 0 || flags & plan::MESSAGES != 0 && running::message() != 0 {
        return false;
    }
    // SAFETY: the helper has no preconditions.
    let number = unsafe { bpf_get_prandom_u32() };
    number >= config!(sample_below)
}

/// What became of a call that may go to a table.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Counted {
    /// It did.
    Yes = 0,
    /// One of its messages did, and the others follow.
    OneMessage = 1,
    /// Its key is not known for sure.
    No = 2,
}

/// Counts a call in the table; of one with several messages each, if more is asked than how many there were.
#[inline(never)]
fn count(registers: Registers, plan: *const Plan, number: u32, result: i64) -> u32 {
    // Not on the stack, of which older kernels give 512 bytes to all functions together.
    let Some(key) = running::key() else { return Counted::No as u32 };
    if !group::describe(plan, registers, key) {
        return Counted::No as u32;
    }
    // SAFETY: a live map value.
    let flags = unsafe { (*plan).flags };
    if flags & plan::MESSAGES == 0 {
        let latency_ns = group::latency(plan, registers, number);
        group::call(plan, registers, number, result, latency_ns, key);
    } else if group::asks(plan, number::BYTES) || group::asks(plan, number::LATENCY) {
        // What the call took belongs to its first message.
        let latency_ns = if running::message() == 0 { group::latency(plan, registers, number) } else { NO_LATENCY };
        one_message(registers, flags, result);
        group::call(plan, registers, number, running::moved(), latency_ns, key);
        return Counted::OneMessage as u32;
    } else {
        group::messages(plan, number, result, key);
    }
    Counted::Yes as u32
}

/// Nothing more comes of a call. The answer may be another one than for its first message: then the next call must not begin
/// at the message that this one ends with.
#[inline(always)]
fn leave(flags: u16) {
    if flags & plan::MESSAGES != 0 {
        running::set_message(0, 0, 0);
    }
}

/// Prepares the next message of a call with several: where its header is, the bytes that were moved with it, and which one
/// comes then. In memory, so that the ways with and without messages meet again for the verifier.
#[inline(never)]
fn one_message(registers: Registers, flags: u16, result: i64) {
    let number = running::message();
    let second = collect::second(registers, flags);
    if result <= 0 {
        running::set_message(0, second, result);
        return;
    }
    // struct mmsghdr: a message header and the bytes that were moved.
    let (size, len_at) = if flags & plan::COMPAT != 0 { (32, 28) } else { (64, 56) };
    let header = second + size * number;
    let next = number + 1;
    let moved = i64::from(read::user((header + len_at) as usize).unwrap_or(0u32));
    running::set_message(if (next as i64) < result { next } else { 0 }, header, moved);
}

/// Goes on with the table that comes after that of a plan, if there is one; after the last one, with the record of a call that some could
/// not count.
#[inline(always)]
pub fn next_table(ctx: &BtfTracePointContext, plan: *const Plan) {
    if config!(varies) == 0 {
        return;
    }
    let tables = running::tables();
    // The first one comes last. Its own records have the bits of the others.
    let is_last = table_of(plan) == 0 || more_of(plan) == u32::from(plan::NO_MORE);
    if !is_last {
        go_on(ctx, plan, more_of(plan));
    } else if tables != 0 && tables & 1 == 0 {
        go_on(ctx, plan, RECORD);
    }
}

/// Goes on with this table, in the program on `sys_exit`.
#[inline(always)]
fn go_on(ctx: &BtfTracePointContext, plan: *const Plan, table: u32) {
    resume(ctx, plan, table);
    count_loss(Loss::Groups, 1);
}

/// Lets the program on `sys_exit` follow itself. Returns only when the kernel does not allow it: not more than 33 in a row.
#[inline(always)]
fn resume(ctx: &BtfTracePointContext, plan: *const Plan, table: u32) {
    running::hand_on(plan, table);
    running::set_resumed(true);
    // SAFETY: as in `report`.
    unsafe { NEXT.tail_call(ctx, plan::NEXT_MESSAGES) };
    running::set_resumed(false);
}

/// Goes on with the next message of a call, if there is one, in this same program; then with the next table.
#[inline(always)]
fn next_message(ctx: &BtfTracePointContext, plan: *const Plan, table: u32) {
    let next = running::message();
    if next == 0 {
        if config!(varies) != 0 && table != RECORD {
            next_table(ctx, plan);
        }
        return;
    }
    resume(ctx, plan, table);
    running::set_message(0, 0, 0);
    let messages: i64 = ctx.arg(1);
    count_loss(Loss::Messages, (messages as u64).wrapping_sub(next));
}

/// Begins every system call of every process: attached only when something asks for it.
///
/// Source: kernel include/trace/events/syscalls.h, `TP_PROTO(struct pt_regs *regs, long id)`.
#[btf_tracepoint(function = "sys_enter")]
#[inline(always)]
pub fn sys_enter(ctx: BtfTracePointContext) -> i32 {
    let registers = Registers(ctx.arg(0));
    let Some(number) = gate::begins(registers) else { return 0 };
    let Some(follows) = follow::beginning(registers) else { return 0 };
    if config!(latency) != 0 {
        entry::begin(Thread::of(registers), number, follows);
    }
    if config!(entry_args) != 0 {
        report_beginning(registers);
    }
    0
}

/// Makes a record of the beginning of a call that has one.
#[inline(always)]
fn report_beginning(registers: Registers) {
    let turn = turn();
    let Some(passed) = gate::syscall(registers, turn, 0) else { return };
    // SAFETY: a live map value.
    let enter = unsafe { (*passed.plan).enter };
    if enter == 0 || gate::is_own(passed.task) || !follow::wants(passed.task) {
        return;
    }
    let Some(plan) = plan_of(turn, 0, u32::from(enter)) else { return };
    let call = Call { registers: Some(registers), ..Call::of(passed.task, plan, passed.number) };
    collect::record::<{ plan::ENTER_PARAMS }, ENTER>(Slot::Enter, call);
}

/// The call that ended, if it is wanted.
#[inline(always)]
fn call(ctx: &BtfTracePointContext, turn: u32, table: u32) -> Option<(Passed, Call)> {
    let registers = Registers(ctx.arg(0));
    let result: i64 = ctx.arg(1);
    let table = if table == RECORD { 0 } else { table };
    let passed = gate::syscall(registers, turn, table)?;
    if passed.flags & plan::FAILED_ONLY != 0 && result >= 0 {
        return None;
    }
    Some((passed, Call { registers: Some(registers), result, ..Call::of(passed.task, passed.plan, passed.number) }))
}

/// Goes on for rows that read the task.
#[btf_tracepoint(function = "sys_exit")]
#[inline(always)]
pub fn sys_exit_task(ctx: BtfTracePointContext) -> i32 {
    let (turn, table) = running::handed_on();
    if let Some((_, call)) = call(&ctx, turn, table) {
        collect::record::<{ wire::MAX_PARAMS }, TASK>(Slot::Syscall, call);
    }
    0
}

/// Goes on for rows that are long, or whose arguments depend on each other.
#[btf_tracepoint(function = "sys_exit")]
#[inline(always)]
pub fn sys_exit_rare(ctx: BtfTracePointContext) -> i32 {
    let (turn, table) = running::handed_on();
    if let Some((_, call)) = call(&ctx, turn, table) {
        collect::record::<{ plan::RARE_PARAMS }, RARE>(Slot::Syscall, call);
    }
    0
}
