//! Calls that count in parts. A call that moves data between two descriptors is counted as a read from one and as a write to the
//! other. A request of `io_submit` that `io_getevents` reports as done counts as the `pread` or `pwrite` that it asked for: by the
//! plan of that call, its predicate and its table.
//!
//! Source: io_getevents(2); kernel include/uapi/linux/aio_abi.h, struct io_event, struct iocb, enum of `IOCB_CMD_*`.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{
    arch::number_of,
    group::{by, number},
    plan::{self, Plan},
    wire::{self, NO_LATENCY},
};

use crate::{
    arch::{Registers, Task},
    descriptor,
    gate::{self, Passed},
    group,
    maps::{config, counted_by, flags_of, place, plan_of, table_of, turn_of},
    predicate, read,
    record::{Loss, Record, Slot, count_loss, opaque},
    running,
    special::user::empty,
    syscall,
};

/// `IOCB_CMD_PREAD` and its neighbours.
const PREAD: u16 = 0;
const PWRITE: u16 = 1;
const PREADV: u16 = 7;
const PWRITEV: u16 = 8;

/// The calls that requests stand for.
const PREAD64: u16 = number_of("pread64");
const PWRITE64: u16 = number_of("pwrite64");

/// Bytes of a `struct io_event`.
const EVENT_LEN: u64 = 32;
/// Offset of `aio_lio_opcode` in a `struct iocb`: behind it stand, in 32 bytes, priority, descriptor, buffer, length and offset.
const REQUEST: usize = 16;
/// The most requests of one call that are looked at.
const MOST: u64 = 128;

/// Ends a call that is counted for both of its descriptors, or one that reports requests: first the call, as any other one, then
/// what it reports. The loop comes last, because the verifier explores what follows it once for each number of requests.
#[btf_tracepoint(function = "sys_exit")]
#[inline(always)]
pub fn sys_exit_parts(ctx: BtfTracePointContext) -> i32 {
    let registers = Registers(ctx.arg(0));
    let result: i64 = ctx.arg(1);
    let (turn, table) = running::handed_on();
    let Some(passed) = gate::syscall(registers, turn, table) else { return 0 };
    if gate::is_own(passed.task) {
        return 0;
    }
    if passed.flags & plan::BOTH != 0 {
        sides(passed, registers, result);
        syscall::next_table(&ctx, passed.plan);
        return 0;
    }
    if passed.flags & (plan::GROUP | plan::PLAIN) != 0 {
        syscall::plain(passed, registers, result);
    }
    let events = registers.arg::<3>();
    for at in 0..MOST {
        if at as i64 >= result {
            break;
        }
        request(events + EVENT_LEN * at);
    }
    if result > MOST as i64 {
        count_loss(Loss::Messages, result as u64 - MOST);
    }
    syscall::next_table(&ctx, passed.plan);
    0
}

/// Counts both sides of a call. Each has a plan with a predicate of its own.
#[inline(always)]
fn sides(passed: Passed, registers: Registers, result: i64) {
    // SAFETY: a live map value.
    let Some(second) =
        plan_of(turn_of(passed.plan), table_of(passed.plan), u32::from(unsafe { (*passed.plan).second }))
    else {
        return;
    };
    let reads = gate::call_passes(passed, registers, result);
    let writes = gate::call_passes(Passed { plan: second, ..passed }, registers, result);
    if !reads && !writes {
        return;
    }
    let latency_ns = group::latency(passed.plan, registers, passed.number);
    if reads && let Some(key) = running::key() {
        group::part(passed.plan, passed.number, result, latency_ns, key);
    }
    // What is no number of bytes counts once for a call.
    if writes
        && (group::asks(second, number::BYTES) || !reads)
        && let Some(key) = running::key()
    {
        group::part(second, passed.number, result, latency_ns, key);
    }
}

/// A request that is done: the plan of what it asked for, and what a call would have as arguments.
#[derive(Clone, Copy)]
struct Request {
    plan: *const Plan,
    number: u32,
    fd: u64,
    buffer: u64,
    len: u64,
    offset: u64,
    moved: i64,
}

/// Counts or reports a request, whose `struct io_event` is at `event`. One function to the verifier.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn request(event: u64) -> u64 {
    let [_, iocb, moved, _] = read::user::<[u64; 4]>(event as usize).unwrap_or([0; 4]);
    let moved = moved as i64;
    if moved < 0 || iocb == 0 {
        return 0;
    }
    let [head, buffer, len, offset] = read::user::<[u64; 4]>(iocb as usize + REQUEST).unwrap_or([u64::MAX; 4]);
    let number: u32 = match head as u16 {
        PREAD | PREADV => PREAD64.into(),
        PWRITE | PWRITEV => PWRITE64.into(),
        _ => return 0,
    };
    let (turn, table) = running::handed_on();
    let Some(plan) = plan_of(turn, table, number) else { return 0 };
    let request = Request { plan, number, fd: head >> 32, buffer, len, offset, moved };
    // SAFETY: a live map value.
    let flags = unsafe { (*plan).flags };
    if flags & plan::WANTED == 0 || !passes(&request) {
        return 0;
    }
    if flags & plan::GROUP != 0 && (!group::asks(plan, number::BYTES) || count(&request)) {
        return 0;
    }
    report(&request, flags);
    0
}

/// Whether it passes the predicate of its plan.
#[inline(always)]
fn passes(request: &Request) -> bool {
    if config!(group_by) & by::DESCRIPTOR != 0 {
        running::set_socket(0, 0);
    }
    let Some(predicate) = gate::predicate_of(request.plan) else { return true };
    let arguments = [request.fd, request.buffer, request.len, request.offset];
    predicate::arguments_pass(predicate, request.moved, request.number, |operand| {
        // Such a call has no more arguments than these.
        arguments[opaque(operand as usize) & 3]
    })
}

/// Adds it to the table. False when its key is not known for sure.
#[inline(always)]
fn count(request: &Request) -> bool {
    let Some(key) = running::key() else { return true };
    let asked = counted_by(place(turn_of(request.plan), table_of(request.plan)));
    if asked & by::DESCRIPTOR != 0 && !descriptor::of_fd(request.fd, asked, &mut key.descriptor) {
        return false;
    }
    group::part(request.plan, request.number, request.moved, NO_LATENCY, key);
    true
}

/// Makes a record, without the data.
#[inline(always)]
fn report(request: &Request, flags: u16) {
    // SAFETY: a live map value.
    let (code, id) = unsafe { ((*request.plan).code, (*request.plan).syscall_id) };
    let flags = plan::record_flags(flags) | flags_of(request.plan) | wire::FLAG_DONE;
    let Some(record) = Record::begin(Slot::Syscall, Task::current(), code, 1, flags) else { return };
    record.set_latency(NO_LATENCY);
    record.put_call(0, request.fd);
    record.put_call(1, request.buffer);
    record.put_call(2, request.len);
    record.put_call(3, request.offset);
    record.put_call(4, 0);
    record.put_call(5, 0);
    record.put_call(wire::CALL_RESULT, request.moved as u64);
    record.put_call(wire::CALL_SYSCALL, u64::from(request.number) | u64::from(id) << 32);
    if empty(record, 0).is_ok() {
        record.submit();
    }
}
