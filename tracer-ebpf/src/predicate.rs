//! Whether a call passes the part of a filter that is decided here, before anything is built.
//!
//! The steps of a predicate are followed in a loop. What a step looks at is read when it is reached, so that a filter by
//! process costs nothing for descriptors.

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use tracer_common::{
    events::NOT_TAKEN,
    group::by,
    plan::{self, NONE, Plan, Store},
    predicate::{COMPAT_ARGUMENT, DROP, PASS, Predicate, QUESTIONS, STEPS, Step, class, subject},
    wire::{COMM_LEN, NO_LATENCY},
};

use crate::{
    arch::{Registers, Task},
    entry,
    maps::{CGROUPS, config, offset},
    read::{self, Room},
    record::opaque,
    running,
    special::{
        file::{self, format},
        sockaddr::{HEAD, Head, INET, INET6, UNIX},
    },
    task,
};

/// What the first step says.
pub enum Verdict {
    /// The call passes.
    Passes,
    /// Nobody wants it.
    Drops,
    /// The steps have to be followed.
    Open,
}

/// The first step of a predicate, if it is one of those that most calls end at. In the place where it is asked: a call of a
/// function costs more than the test.
#[inline(always)]
pub fn first(predicate: *const Predicate, task: Task, result: i64) -> Verdict {
    // SAFETY: a live map value.
    let step = unsafe { &raw const (*predicate).steps[0] };
    // SAFETY: as above.
    let (subject, yes, no) = unsafe { ((*step).subject, (*step).yes, (*step).no) };
    // SAFETY: as above.
    let holds = unsafe {
        match subject {
            subject::Comm => comm_is(task, step),
            subject::Result => (*step).low <= result && result <= (*step).high,
            subject::Tgid => {
                let tgid = i64::from(task.field::<u32>(offset!(task_tgid)));
                (*step).low <= tgid && tgid <= (*step).high
            }
            _ => return Verdict::Open,
        }
    };
    match if holds { yes } else { no } {
        PASS => Verdict::Passes,
        DROP => Verdict::Drops,
        _ => Verdict::Open,
    }
}

/// Whether a system call passes.
#[inline(never)]
pub fn call_passes(
    predicate: *const Predicate,
    registers: Registers,
    result: i64,
    number: u32,
    plan: *const Plan,
) -> bool {
    passes(predicate, |step| {
        // SAFETY: a live map value.
        let (subject, operand) = unsafe { ((*step).subject, (*step).operand) };
        let argument =
            if subject == subject::Taken { message_flags(plan, registers) } else { argument(registers, operand) };
        step_of_call(step, result, number.into(), argument) != 0
    })
}

/// The same with arguments that are not those of the running call; it receives no message.
#[inline(always)]
pub fn arguments_pass(predicate: *const Predicate, result: i64, number: u32, argument: impl Fn(u32) -> u64) -> bool {
    passes(predicate, |step| {
        // SAFETY: a live map value.
        let operand = unsafe { (*step).operand };
        step_of_call(step, result, number.into(), argument(operand)) != 0
    })
}

/// The `MSG_*` flags of a call of this plan; 0 of one that has none.
#[inline(never)]
pub fn message_flags(plan: *const Plan, registers: Registers) -> u64 {
    // SAFETY: a live map value.
    let (at, flags) = unsafe { ((*plan).message_flags, (*plan).flags) };
    if at == NONE {
        0
    } else if flags & plan::SOCKETCALL != 0 {
        // The arguments of the call are an array of `u32`.
        u64::from(read::user(registers.compat_arg::<1>() as usize + 4 * usize::from(at)).unwrap_or(0u32))
    } else {
        argument(registers, u32::from(at) + if flags & plan::COMPAT != 0 { COMPAT_ARGUMENT } else { 0 })
    }
}

/// Whether a step holds for a call. This function and the next are functions of their own to the verifier, too.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn step_of_call(step: *const Step, result: i64, number: u64, argument: u64) -> u64 {
    if step.is_null() {
        return 1;
    }
    // SAFETY: the verifier knows that a whole step is there.
    let step = unsafe { *step };
    u64::from(match step.subject {
        subject::Argument => between(step, stored(argument, step.store)),
        subject::Latency => {
            let latency_ns = entry::so_far(number as u32);
            latency_ns != NO_LATENCY && between(step, latency_ns as i64)
        }
        subject::Taken => argument & u64::from(NOT_TAKEN) == 0 && between(step, result),
        subject::FdClass => (step.low >> (class_of(argument) & 63)) & 1 != 0,
        subject::Port | subject::Address => end_is(step, argument),
        _ => return step_of_task(&raw const step, result),
    })
}

/// Whether an event of another hook passes.
#[inline(never)]
pub fn task_passes(predicate: *const Predicate) -> bool {
    passes(predicate, |step| step_of_task(step, 0) != 0)
}

#[inline(always)]
fn passes(predicate: *const Predicate, holds: impl Fn(*const Step) -> bool) -> bool {
    let mut at = 0;
    for _ in 0..STEPS {
        let index = opaque(at) & (STEPS - 1);
        // SAFETY: a live map value, and the index is below `STEPS`.
        let (step, yes, no) = unsafe {
            let step = &raw const (*predicate).steps[index];
            (step, (*step).yes, (*step).no)
        };
        at = usize::from(if holds(step) { yes } else { no });
        if at >= STEPS {
            break;
        }
    }
    // A predicate that does not end lets all through.
    at != usize::from(DROP)
}

const _: () = assert!(PASS as usize >= STEPS && DROP as usize >= STEPS);

#[inline(always)]
fn between(step: Step, number: i64) -> bool {
    step.low <= number && number <= step.high
}

/// Whether a step holds that looks at the running task or the result.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn step_of_task(step: *const Step, result: i64) -> u64 {
    if step.is_null() {
        return 1;
    }
    // SAFETY: as in `step_of_call`.
    let step = unsafe { *step };
    let number = match step.subject {
        // SAFETY: the step is a value.
        subject::Comm => return u64::from(unsafe { comm_is(Task::current(), &raw const step) }),
        subject::Cgroup => return u64::from(cgroup_is(step.operand)),
        subject::Result => result as u64,
        subject::Tid => u64::from(task::field::<u32>(offset!(task_pid))),
        subject::Tgid => u64::from(task::field::<u32>(offset!(task_tgid))),
        subject::ParentTgid => u64::from(task::parent()),
        subject::Uid => u64::from(task::uid()),
        subject::Gid => u64::from(task::gid()),
        // SAFETY: the helper has no preconditions.
        subject::Cpu => u64::from(unsafe { bpf_get_smp_processor_id() }),
        // What is not known here decides nothing.
        _ => return 1,
    };
    u64::from(between(step, number as i64))
}

/// Argument `n`; from [`COMPAT_ARGUMENT`] on those of a 32-bit call.
#[inline(always)]
pub fn argument(registers: Registers, n: u32) -> u64 {
    const SECOND: u32 = COMPAT_ARGUMENT + 1;
    const THIRD: u32 = COMPAT_ARGUMENT + 2;
    const FOURTH: u32 = COMPAT_ARGUMENT + 3;
    const FIFTH: u32 = COMPAT_ARGUMENT + 4;
    match n {
        0 => registers.arg::<0>(),
        1 => registers.arg::<1>(),
        2 => registers.arg::<2>(),
        3 => registers.arg::<3>(),
        4 => registers.arg::<4>(),
        5 => registers.arg::<5>(),
        COMPAT_ARGUMENT => registers.compat_arg::<0>(),
        SECOND => registers.compat_arg::<1>(),
        THIRD => registers.compat_arg::<2>(),
        FOURTH => registers.compat_arg::<3>(),
        FIFTH => registers.compat_arg::<4>(),
        _ => registers.compat_arg::<5>(),
    }
}

/// An argument as it stands in a record.
#[inline(always)]
fn stored(number: u64, store: u8) -> i64 {
    const U8: u8 = Store::U8 as u8;
    const U16: u8 = Store::U16 as u8;
    const U32: u8 = Store::U32 as u8;
    const SIGNED_INT: u8 = Store::SignedInt as u8;
    match store {
        U8 => i64::from(number as u8),
        U16 => i64::from(number as u16),
        U32 => i64::from(number as u32),
        SIGNED_INT => i64::from(number as i32),
        _ => number as i64,
    }
}

/// Whether the name of the thread begins with so many bytes of the step.
///
/// # Safety
/// `step` is valid.
#[inline(always)]
unsafe fn comm_is(task: Task, step: *const Step) -> bool {
    // What stands behind the final NUL is not compared: older kernels leave it as it was.
    let comm: [u64; COMM_LEN / 8] = [task.field(offset!(task_comm)), task.field(offset!(task_comm) + 8)];
    // SAFETY: the caller's promise: a live map value.
    let (count, low, high) = unsafe { ((*step).operand, (*step).low as u64, (*step).high as u64) };
    (comm[0] ^ low) & first_bytes(count) == 0 && (comm[1] ^ high) & first_bytes(count.saturating_sub(8)) == 0
}

/// A mask for the first `count` bytes of a word.
#[inline(always)]
fn first_bytes(count: u32) -> u64 {
    if count >= 8 { u64::MAX } else { (1 << (8 * (count & 7))) - 1 }
}

#[inline(always)]
fn cgroup_is(question: u32) -> bool {
    let id = Task::current().cgroup();
    CGROUPS.get_ptr(id).is_none_or(|answers| {
        // A turn has a word of its own.
        // SAFETY: a live map value.
        let answers = unsafe { if question < QUESTIONS { (*answers)[0] } else { (*answers)[1] } };
        (answers >> (question & 63)) & 1 != 0
    })
}

/// The `struct sock` of a descriptor, 0 when it is no socket, and its class.
#[inline(never)]
fn socket(fd: u64, class: &mut u32) -> usize {
    let kind = file::kind(file::find(fd));
    let Some(sock) = kind.sock() else {
        *class = class_of_no_socket(kind.inode);
        return 0;
    };
    if config!(group_by) & by::DESCRIPTOR != 0 {
        running::set_socket(fd, sock);
    }
    *class = match read::kernel::<u16>(sock + offset!(sock_family)) {
        UNIX => class::UNIX,
        INET => class::INET,
        INET6 => class::INET6,
        _ => class::OTHER,
    };
    sock
}

#[inline(always)]
fn class_of_no_socket(inode: usize) -> u32 {
    if inode == 0 {
        return class::NONE;
    }
    let is_file = match read::kernel::<u16>(inode + offset!(inode_mode)) & format::MASK {
        format::REGULAR | format::PIPE => {
            let super_block: usize = read::kernel(inode + offset!(inode_sb));
            read::kernel::<usize>(super_block + offset!(super_flags)) & file::KERNEL_MOUNT == 0
        }
        format::CHARACTERS | format::BLOCKS => true,
        _ => false,
    };
    if is_file { class::FILE } else { class::NO_SOCKET }
}

#[inline(always)]
fn class_of(fd: u64) -> u32 {
    let mut class = class::NONE;
    socket(fd, &mut class);
    class
}

/// Whether one of the ends of a socket is what the step says, or may be.
#[inline(never)]
fn end_is(step: Step, fd: u64) -> bool {
    let mut class = class::NONE;
    let sock = socket(fd, &mut class);
    match class {
        class::INET => {}
        // Its addresses are longer, its ports stand at the same place.
        class::INET6 if step.subject == subject::Port => {}
        class::INET6 | class::NONE => return true,
        _ => return false,
    }
    let mut room = Room::<HEAD>::uninit();
    let head = Head::of(&mut room, sock, 0);
    let (local, remote) = if step.subject == subject::Port {
        let remote: u16 = head.get(offset!(sock_dport));
        (u32::from(head.get::<u16>(offset!(sock_num))), u32::from(u16::from_be(remote)))
    } else {
        let local: u32 = head.get(offset!(sock_rcv_saddr));
        let remote: u32 = head.get(offset!(sock_daddr));
        (u32::from_be(local), u32::from_be(remote))
    };
    if local == 0 || remote == 0 {
        // It is not bound or not connected: the call itself may have named the other end.
        return true;
    }
    if step.subject == subject::Port {
        return between(step, i64::from(local)) || between(step, i64::from(remote));
    }
    let (network, mask) = (step.low as u32, step.high as u32);
    local & mask == network || remote & mask == network
}
