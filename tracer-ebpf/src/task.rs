//! Every read of the running task's own numbers.
//!
//! Source: kernel include/linux/{sched,sched/signal,pid,cred,mm_types,tty}.h.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_task_btf};
use tracer_common::{
    config::ABSENT,
    flags::CHILD_IN_PIDNS,
    plan::{EXEC, TaskField},
};

use crate::{
    arch::Task,
    collect::{Call, arg},
    maps::offset,
    read,
    record::{NUMBERS, Record, opaque},
    special::{file, text},
};

/// `RLIMIT_NOFILE`.
const NOFILE: usize = 7;
/// kB of a page.
const PAGE_KB: u64 = 4;
/// The most threads that are looked at for one that is alive.
const THREADS: usize = 16;
/// The most ancestors that are looked at for one that takes orphans.
const ANCESTORS: usize = 16;
/// `PF_EXITING`.
const EXITING: u32 = 4;

/// Address of the running task.
#[inline(always)]
pub fn address() -> usize {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_get_current_task_btf() as usize }
}

/// A member of the running task.
#[inline(always)]
pub fn field<T: Copy>(offset: usize) -> T {
    Task::current().field(offset)
}

/// A number that was gathered.
#[inline(always)]
pub fn number(record: Record, which: u8) -> u64 {
    let which = opaque(usize::from(which)) & (NUMBERS - 1);
    // SAFETY: the index is below `NUMBERS`; volatile, so that the verifier sees one way and not one for each field.
    unsafe { core::ptr::read_volatile(&raw const (*record.scratch).numbers[which]) }
}

#[inline(always)]
fn keep(record: Record, field: TaskField, number: u64) {
    // SAFETY: the scratch is a live map value and the field is below `NUMBERS`.
    unsafe { core::ptr::write_volatile(&raw mut (*record.scratch).numbers[field as usize], number) };
}

/// Keeps a number that is no field of the task in the place of one.
#[inline(always)]
pub fn keep_number(record: Record, which: usize, number: u64) {
    let which = opaque(which) & (NUMBERS - 1);
    // SAFETY: the index is below `NUMBERS`.
    unsafe { core::ptr::write_volatile(&raw mut (*record.scratch).numbers[which], number) };
}

/// Gathers the numbers that plans may want, before the parameters: all of it is in the program once.
#[inline(never)]
pub fn gather(record: Record, call: Call) {
    let ids = bpf_get_current_pid_tgid();
    keep(record, TaskField::Tid, ids & 0xffff_ffff);
    keep(record, TaskField::Tgid, ids >> 32);
    keep(record, TaskField::ParentTgid, u64::from(parent()));
    let signal: usize = field(offset!(task_signal));
    keep(record, TaskField::FdLimit, read::kernel(signal + offset!(signal_rlim) + 16 * NOFILE));
    keep(record, TaskField::MajorFaults, field(offset!(task_major_faults)));
    keep(record, TaskField::MinorFaults, field(offset!(task_minor_faults)));
    let [size, resident, swapped] = memory();
    keep(record, TaskField::VmSize, size);
    keep(record, TaskField::VmRss, resident);
    keep(record, TaskField::VmSwap, swapped);
    keep(record, TaskField::Uid, u64::from(uid()));
    keep(record, TaskField::Gid, u64::from(gid()));
    keep(record, TaskField::CapInheritable, cred64(offset!(cred_cap_inheritable)));
    keep(record, TaskField::CapPermitted, cred64(offset!(cred_cap_permitted)));
    keep(record, TaskField::CapEffective, cred64(offset!(cred_cap_effective)));
    keep(record, TaskField::Vtid, u64::from(namespace_id(thread_pid())));
    keep(record, TaskField::Vpid, u64::from(vpid()));
    if call.flags() & EXEC != 0 {
        gather_exec(record);
    } else {
        keep(record, TaskField::PidnsInitStart, pidns_init_start());
        keep(record, TaskField::CloneFlags, u64::from(clone_flags(record, call)));
    }
}

/// What only an exec has.
#[inline(never)]
fn gather_exec(record: Record) {
    keep(record, TaskField::LoginUid, login_uid());
    let group = group_pid();
    keep(record, TaskField::Vpgid, u64::from(namespace_id(group)));
    let global: u32 = read::kernel(group + offset!(pid_numbers) + offset!(upid_nr));
    keep(record, TaskField::Pgid, u64::from(global));
    keep(record, TaskField::Tty, tty());
    keep(record, TaskField::ExeFlags, text::exe_flags());
    keep(record, TaskField::ExeIno, file::inode_number(text::exe_file()));
    keep(record, TaskField::ExeCtime, exe_time(offset!(inode_ctime_sec), offset!(inode_ctime_nsec)));
    keep(record, TaskField::ExeMtime, exe_time(offset!(inode_mtime_sec), offset!(inode_mtime_nsec)));
}

/// Gathers how the running task ends. Source: wait(2) for the code.
#[inline(always)]
pub fn gather_exit(record: Record) {
    let code: u32 = field(offset!(task_exit_code));
    keep(record, TaskField::ExitStatus, u64::from(code));
    keep(record, TaskField::ExitValue, if code & 0x7f == 0 { u64::from((code >> 8) & 0xff) } else { 0 });
    keep(record, TaskField::ExitSignal, u64::from(code & 0x7f));
    keep(record, TaskField::CoreDumped, u64::from((code >> 7) & 1));
    keep(record, TaskField::Reaper, u64::from(reaper()));
}

/// Thread group of the parent.
#[inline(always)]
pub fn parent() -> u32 {
    let parent: usize = field(offset!(task_parent));
    read::kernel(parent + offset!(task_tgid))
}

/// Effective user id.
#[inline(always)]
pub fn uid() -> u32 {
    cred(offset!(cred_euid))
}

/// Effective group id.
#[inline(always)]
pub fn gid() -> u32 {
    cred(offset!(cred_egid))
}

#[inline(always)]
fn cred(offset: usize) -> u32 {
    let cred: usize = field(offset!(task_cred));
    read::kernel(cred + offset)
}

#[inline(always)]
fn cred64(offset: usize) -> u64 {
    let cred: usize = field(offset!(task_cred));
    read::kernel(cred + offset)
}

#[inline(never)]
fn login_uid() -> u64 {
    if offset!(task_loginuid) == ABSENT as usize {
        return u64::from(u32::MAX);
    }
    u64::from(read::kernel::<u32>(address() + offset!(task_loginuid)))
}

/// Memory in kB: size, resident, swapped. Since 6.2 resident memory is counted per CPU and the base value lags by at most
/// a batch.
#[inline(never)]
pub fn memory() -> [u64; 3] {
    let mm: usize = field(offset!(task_mm));
    if mm == 0 {
        return [0; 3];
    }
    let element = offset!(mm_rss_element);
    let inside = if element == offset!(percpu_counter_size) { offset!(percpu_counter_count) } else { 0 };
    let counter = |n: usize| {
        let pages: i64 = read::kernel(mm + offset!(mm_rss_stat) + n * element + inside);
        if pages < 0 { 0 } else { pages as u64 * PAGE_KB }
    };
    let size = read::kernel::<u64>(mm + offset!(mm_total_vm)) * PAGE_KB;
    // MM_FILEPAGES 0, MM_ANONPAGES 1, MM_SWAPENTS 2, MM_SHMEMPAGES 3.
    [size, counter(0) + counter(1) + counter(3), counter(2)]
}

/// The `struct pid` of the running task, read through the helper: the number of its namespace is added to it, which the
/// verifier does not allow for a pointer of its own.
#[inline(always)]
fn thread_pid() -> usize {
    read::kernel(address() + offset!(task_thread_pid))
}

/// The number of a `struct pid` in its own namespace, the innermost.
#[inline(never)]
fn namespace_id(pid: usize) -> u32 {
    let level: u32 = read::kernel(pid + offset!(pid_level));
    let level = (level & 0xf) as usize;
    read::kernel(pid + offset!(pid_numbers) + level * offset!(upid_size) + offset!(upid_nr))
}

/// The thread group in its own pid namespace.
#[inline(always)]
pub fn vpid() -> u32 {
    let leader: usize = field(offset!(task_group_leader));
    namespace_id(read::kernel(leader + offset!(task_thread_pid)))
}

#[inline(never)]
fn group_pid() -> usize {
    let signal: usize = field(offset!(task_signal));
    read::kernel(signal + offset!(signal_pids) + 8 * offset!(pid_type_pgid))
}

/// The task that is init of the running task's pid namespace.
#[inline(always)]
fn namespace_init() -> usize {
    let pid = thread_pid();
    let level: u32 = read::kernel(pid + offset!(pid_level));
    let level = (level & 0xf) as usize;
    let namespace: usize = read::kernel(pid + offset!(pid_numbers) + level * offset!(upid_size) + offset!(upid_ns));
    if namespace == 0 { 0 } else { read::kernel(namespace + offset!(pidns_child_reaper)) }
}

#[inline(never)]
fn pidns_init_start() -> u64 {
    let init = namespace_init();
    if init == 0 { 0 } else { read::kernel(init + offset!(task_start_boottime)) }
}

/// Device number of the controlling terminal; 0 without one.
#[inline(never)]
fn tty() -> u64 {
    let signal: usize = field(offset!(task_signal));
    let tty: usize = read::kernel(signal + offset!(signal_tty));
    if tty == 0 {
        return 0;
    }
    let driver: usize = read::kernel(tty + offset!(tty_driver));
    let index: u32 = read::kernel(tty + offset!(tty_index));
    let major: u32 = read::kernel(driver + offset!(tty_driver_major));
    let first: u32 = read::kernel(driver + offset!(tty_driver_minor_start));
    file::encode_device((major << 20) | (first + index))
}

#[inline(never)]
fn exe_time(sec: usize, nsec: usize) -> u64 {
    let inode = file::inode(text::exe_file());
    if inode == 0 {
        return 0;
    }
    let seconds: u64 = read::kernel(inode + sec);
    let nanoseconds: u32 = read::kernel(inode + nsec);
    // Since 6.13 the highest bit of the change time says that somebody asked for it: include/linux/fs.h, I_CTIME_QUERIED.
    seconds * 1_000_000_000 + u64::from(nanoseconds & 0x7fff_ffff)
}

/// The flags of a fork, without the exit signal in their low byte; `clone3` has them in memory.
#[inline(never)]
fn clone_flags(record: Record, call: Call) -> u32 {
    // SAFETY: a live map value.
    let code = unsafe { (*call.plan).code };
    let flags = match code {
        tracer_common::events::code::CLONE => arg(record, 0),
        tracer_common::events::code::CLONE3 => read::user(arg(record, 0) as usize).unwrap_or(0u64),
        // fork has none; vfork is CLONE_VFORK | CLONE_VM.
        tracer_common::events::code::VFORK => 0x4100,
        _ => 0,
    };
    let pid = thread_pid();
    let inside = read::kernel::<u32>(pid + offset!(pid_level)) != 0;
    (flags as u32 & !0xff) | if inside { CHILD_IN_PIDNS } else { 0 }
}

/// One bit of a `struct signal_struct`, by its offset in bits.
#[inline(always)]
fn signal_bit(signal: usize, bit: usize) -> bool {
    if bit == ABSENT as usize {
        return false;
    }
    let byte: u8 = read::kernel(signal + bit / 8);
    byte & (1 << (bit % 8)) != 0
}

/// A thread of a process that has not ended, by its `struct signal_struct`; 0 when there is none.
#[inline(never)]
fn living_thread(signal: usize) -> u32 {
    let head = signal + offset!(signal_thread_head);
    let mut node: usize = read::kernel(head);
    for _ in 0..THREADS {
        if node == head || node == 0 {
            break;
        }
        let thread = node - offset!(task_thread_node);
        let flags: u32 = read::kernel(thread + offset!(task_flags));
        if flags & EXITING == 0 {
            return read::kernel(thread + offset!(task_pid));
        }
        node = read::kernel(node);
    }
    0
}

/// Depth of the pid namespace of a task.
#[inline(always)]
fn level(task: usize) -> u32 {
    let pid: usize = read::kernel(task + offset!(task_thread_pid));
    read::kernel(pid + offset!(pid_level))
}

/// The `struct signal_struct` of the nearest ancestor in the same pid namespace that takes orphans; 0 when there is none.
#[inline(never)]
fn subreaper() -> usize {
    let own: usize = field(offset!(task_signal));
    if !signal_bit(own, offset!(signal_has_subreaper)) {
        return 0;
    }
    let depth = level(address());
    let mut ancestor: usize = field(offset!(task_parent));
    for _ in 0..ANCESTORS {
        if read::kernel::<u32>(ancestor + offset!(task_pid)) == 0 || level(ancestor) != depth {
            break;
        }
        let signal: usize = read::kernel(ancestor + offset!(task_signal));
        if signal_bit(signal, offset!(signal_is_subreaper)) {
            return signal;
        }
        ancestor = read::kernel(ancestor + offset!(task_parent));
    }
    0
}

/// Who gets the children of the task that ends: a thread of its own process that lives on, else a subreaper, else the
/// init of its pid namespace; 0 when there are no children. Source: kernel kernel/exit.c, `find_new_reaper`.
#[inline(never)]
fn reaper() -> u32 {
    let children = address() + offset!(task_children);
    let first: usize = read::kernel(children);
    if first == children {
        return 0;
    }
    let sibling = living_thread(field(offset!(task_signal)));
    if sibling != 0 {
        return sibling;
    }
    // A subreaper that ends at this moment is passed over.
    let subreaper = subreaper();
    let thread = if subreaper == 0 { 0 } else { living_thread(subreaper) };
    if thread != 0 {
        return thread;
    }
    let init = namespace_init();
    if init == 0 { 0 } else { read::kernel(init + offset!(task_pid)) }
}

/// A field stands where its number says.
const _: () = assert!(TaskField::ExecFilename as u8 - TaskField::Comm as u8 == 7);
const _: () = assert!((TaskField::CloneFlags as usize) < NUMBERS);
