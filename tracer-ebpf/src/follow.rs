//! Which threads are followed, when only some are: a command and its descendants, or those of processes that run already.
//!
//! User space puts in the first ones. A thread that a followed one makes is followed before it runs, so nothing that it does is
//! missed. The entry goes with the thread.

use tracer_common::follow::{ENDS, FOLLOWED as FOLLOWS, WAITS};

use crate::{
    arch::{Registers, Task, member},
    entry::{self, Thread},
    maps::{FOLLOWED, config, offset},
    record::{Loss, count_loss},
};

/// Whether only some threads are followed.
#[inline(always)]
fn only_some() -> bool {
    config!(follow) != 0
}

/// The state of a thread, if it has an entry.
#[inline(always)]
fn state(tid: u32) -> Option<*mut u32> {
    FOLLOWED.get_ptr_mut(tid)
}

/// Whether events of a thread are wanted.
#[inline(always)]
fn has(tid: u32) -> bool {
    // SAFETY: a live map value.
    state(tid).is_some_and(|state| unsafe { *state } != WAITS)
}

/// Whether events of a task are wanted: those of all tasks, unless only some are followed.
#[inline(always)]
pub fn wants(task: Task) -> bool {
    !only_some() || has(task.field(offset!(task_pid)))
}

/// The same for the end of a call. What was found out at its beginning is not asked again.
#[inline(always)]
pub fn wants_end(task: Task, registers: Registers, number: u32) -> bool {
    if !only_some() {
        return true;
    }
    let known = if config!(latency) != 0 { entry::follows(Thread::of(registers), number) } else { None };
    known.unwrap_or_else(|| has(task.field(offset!(task_pid))))
}

/// Whether the beginning of a call of the running thread is looked at, and if so, whether the thread is followed already: the first exec
/// of the command is timed, too.
#[inline(always)]
pub fn beginning() -> Option<bool> {
    if !only_some() {
        return Some(true);
    }
    // SAFETY: a live map value.
    state(Task::current().field(offset!(task_pid))).map(|state| unsafe { *state } != WAITS)
}

/// Whether the time of a thread that leaves the CPU counts. That of one that has ended counts once more: its last slice.
#[inline(always)]
pub fn wants_slice(tid: u32) -> bool {
    if !only_some() {
        return true;
    }
    let Some(state) = state(tid) else { return false };
    // SAFETY: a live map value.
    match unsafe { *state } {
        WAITS => false,
        ENDS => {
            let _ = FOLLOWED.remove(tid);
            true
        }
        _ => true,
    }
}

/// Whether a thread that comes to a CPU is one whose time counts.
#[inline(always)]
pub fn wants_running(tid: u32) -> bool {
    !only_some() || has(tid)
}

/// A task made another one, which has not run yet.
#[inline(always)]
pub fn forks(parent: *const u8, child: *const u8) {
    if has(member(parent, offset!(task_pid)))
        && FOLLOWED.insert(member::<u32>(child, offset!(task_pid)), FOLLOWS, 0).is_err()
    {
        count_loss(Loss::Followed, 1);
    }
}

/// The running task has begun a program. Of a process with several threads, it has the number of the first one from here on, whose
/// entry went when that one was ended for it.
#[inline(always)]
pub fn execs(task: Task, old_tid: u32) {
    if !only_some() {
        return;
    }
    let tid: u32 = task.field(offset!(task_pid));
    if state(old_tid).is_none() {
        return;
    }
    if tid != old_tid {
        let _ = FOLLOWED.remove(old_tid);
    }
    if FOLLOWED.insert(tid, FOLLOWS, 0).is_err() {
        count_loss(Loss::Followed, 1);
    }
}

/// The running task ends, and that was reported. The scheduler still adds up its last slice, when that is asked for.
#[inline(always)]
pub fn exits(task: Task) {
    if !only_some() {
        return;
    }
    let tid: u32 = task.field(offset!(task_pid));
    if config!(cpu_time) == 0 {
        let _ = FOLLOWED.remove(tid);
    } else if let Some(state) = state(tid) {
        // SAFETY: a live map value.
        unsafe { *state = ENDS };
    }
}
