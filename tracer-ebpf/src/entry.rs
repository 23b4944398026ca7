//! When each thread began the call that it is in: latency.
//!
//! A thread is known by where its registers are saved, at the top of its stack in the kernel: that needs no question who runs,
//! and neither exec nor anything else changes it. Each thread has a place in an array, which that address says, and which is
//! looked up without a call of the kernel. Where that place is taken by another thread in a call, the thread goes to a hash
//! table. Two threads that take a free place at the same moment on two CPUs lose one of the two times. A call that began
//! before the hook was attached, or whose beginning the kernel did not report, has no latency.

use aya_ebpf::helpers::{bpf_get_current_task_btf, generated::bpf_task_pt_regs};
use tracer_common::{
    counters::{ENTRY_SLOTS, Entry},
    wire,
};

use crate::{
    arch::Registers,
    maps::{ENTRIES, ENTRY_ARRAY, TIMED_SINCE, config},
    read,
    record::{Loss, count_loss},
};

/// The address bits that stacks of two threads share: they are of 16 KiB, aligned to that, and have a page between them.
const STACK_BITS: u32 = 15;

/// A thread.
#[derive(Clone, Copy)]
pub struct Thread(*const u8);

impl Thread {
    /// Whose call it is.
    #[inline(always)]
    pub fn of(registers: Registers) -> Self {
        Self(registers.0)
    }

    /// The running one.
    #[inline(always)]
    pub fn current() -> Self {
        // SAFETY: the first helper has no preconditions, and says what the second one wants.
        Self(unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as *const u8)
    }

    /// The number of its place in the array.
    #[inline(always)]
    fn place(self) -> u32 {
        let mut low = self.0 as usize as u32;
        // SAFETY: the instruction moves a register onto itself. Half a pointer is a number to the verifier, which has rules for the
        // arithmetics of a whole one.
        unsafe { core::arch::asm!("{0} = {0}", inout(wreg) low, options(nomem, nostack, preserves_flags)) };
        low >> STACK_BITS & (ENTRY_SLOTS - 1)
    }

    /// The place of a thread in the array.
    #[inline(always)]
    fn slot(self) -> Option<*mut Entry> {
        ENTRY_ARRAY.get_ptr_mut(self.place())
    }

    /// Its address, as a key.
    #[inline(always)]
    fn address(self) -> u64 {
        self.0 as u64
    }

    /// Its entry, wherever that is.
    #[inline(always)]
    fn entry(self) -> Option<*mut Entry> {
        let slot = self.slot()?;
        // SAFETY: a live map value.
        if unsafe { (*slot).thread } == self.address() { Some(slot) } else { ENTRIES.get_ptr_mut(self.address()) }
    }
}

/// A thread begins a call; whether it is followed, where only some are.
#[inline(always)]
pub fn begin(thread: Thread, number: u32, follows: bool) {
    let began_ns = read::now_ns();
    let Some(slot) = thread.slot() else { return };
    // SAFETY: a live map value; whom it belongs to is looked at.
    unsafe {
        if (*slot).thread == thread.address() || (*slot).began_ns == 0 || (*slot).began_ns < since_ns() {
            (*slot).thread = thread.address();
            (*slot).number = number;
            (*slot).follows = follows.into();
            (*slot).began_ns = began_ns;
            return;
        }
    }
    begin_elsewhere(thread, number, began_ns, follows);
}

#[inline(never)]
fn begin_elsewhere(thread: Thread, number: u32, began_ns: u64, follows: bool) {
    let entry = Entry { began_ns, number, thread: thread.address(), follows: follows.into(), padding: [0; 2] };
    if ENTRIES.insert(entry.thread, entry, 0).is_err() {
        count_loss(Loss::EntryTable, 1);
    }
}

/// Whether a thread is followed, as it was known at the beginning of the call of this number that it is in; `None` when that is not known.
#[inline(always)]
pub fn follows(thread: Thread, number: u32) -> Option<bool> {
    let slot = thread.slot()?;
    // SAFETY: a live map value.
    unsafe {
        let is_it = (*slot).thread == thread.address() && (*slot).began_ns != 0 && (*slot).number == number;
        if is_it { Some((*slot).follows != 0) } else { None }
    }
}

/// Whether a thread was known to be followed at its last call. What is followed stays so until it ends.
#[inline(always)]
pub fn is_followed(thread: Thread) -> bool {
    thread.slot().is_some_and(|slot| {
        // SAFETY: a live map value.
        unsafe { (*slot).thread == thread.address() && (*slot).follows != 0 }
    })
}

/// Nanoseconds from the beginning of call `number` of a thread to `now_ns`; `wire::NO_LATENCY` when that is not known. It is not
/// known any more after `last`.
#[inline(always)]
pub fn end(thread: Thread, number: u32, now_ns: u64, last: bool) -> u64 {
    if config!(latency) == 0 || since_ns() == u64::MAX {
        return wire::NO_LATENCY;
    }
    let Some(known) = thread.entry() else { return wire::NO_LATENCY };
    // SAFETY: a live map value of this thread.
    unsafe {
        let latency_ns = since(known, number, now_ns);
        if last {
            (*known).began_ns = 0;
        }
        latency_ns
    }
}

/// As [`end`], once for the verifier.
#[inline(never)]
pub fn end_rarely(thread: Thread, number: u32, now_ns: u64, last: bool) -> u64 {
    end(thread, number, now_ns, last)
}

/// As [`end`], up to now.
#[inline(always)]
pub fn end_now(thread: Thread, number: u32, last: bool) -> u64 {
    end(thread, number, read::now_ns(), last)
}

/// Since when calls are timed without a gap.
#[inline(always)]
fn since_ns() -> u64 {
    if config!(changes) == 0 {
        return 0;
    }
    // SAFETY: a live map value.
    TIMED_SINCE.get_ptr(0).map_or(0, |since| unsafe { core::ptr::read_volatile(since) })
}

/// Nanoseconds since the call of an entry began, if it is that one.
///
/// # Safety
/// `known` is a live map value.
#[inline(always)]
unsafe fn since(known: *const Entry, number: u32, now_ns: u64) -> u64 {
    // SAFETY: the caller's promise.
    let (began_ns, begun) = unsafe { ((*known).began_ns, (*known).number) };
    if began_ns == 0 || begun != number || now_ns < began_ns || began_ns < since_ns() {
        wire::NO_LATENCY
    } else {
        now_ns - began_ns
    }
}

/// As [`end`], of the running thread, up to now, and it can be asked again.
#[inline(always)]
pub fn so_far(number: u32) -> u64 {
    let Some(known) = Thread::current().entry() else { return wire::NO_LATENCY };
    // SAFETY: a live map value of this thread.
    unsafe { since(known, number, read::now_ns()) }
}

/// As [`end_now`], of an exec of the running thread, whatever entry it came through.
#[inline(always)]
pub fn end_exec(last: bool) -> u64 {
    if config!(latency) == 0 { wire::NO_LATENCY } else { end_any(last) }
}

#[inline(never)]
fn end_any(last: bool) -> u64 {
    let thread = Thread::current();
    let Some(known) = thread.entry() else { return wire::NO_LATENCY };
    // SAFETY: a live map value.
    let number = unsafe { (*known).number };
    end(thread, number, read::now_ns(), last)
}

/// The running thread ends.
#[inline(always)]
pub fn forget() {
    if config!(latency) == 0 {
        return;
    }
    let thread = Thread::current();
    if let Some(slot) = thread.slot()
        // SAFETY: a live map value.
        && unsafe { (*slot).thread } == thread.address()
    {
        // Another thread, one that is not followed, may get the stack.
        // SAFETY: as above.
        unsafe {
            (*slot).began_ns = 0;
            (*slot).thread = 0;
        }
    }
    let _ = ENTRIES.remove(thread.address());
}
