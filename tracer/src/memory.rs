//! Memory: how much a thread has taken, and what happens when there is none. Then it is said, and the process ends as after any
//! other failure, and does not abort.
#![allow(unsafe_code, reason = "an allocator")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    io::Write as _,
};

#[global_allocator]
static MEMORY: Memory = Memory;

thread_local! {
    /// Bytes that this thread took, less those that it gave back.
    static TAKEN: Cell<isize> = const { Cell::new(0) };
}

/// Bytes that this thread took, less those that it gave back: only differences say something, since memory may be given back by
/// another thread.
#[must_use]
pub fn taken() -> isize {
    TAKEN.get()
}

#[inline]
fn count(bytes: usize, before: usize) {
    TAKEN.set(TAKEN.get().wrapping_add_unsigned(bytes).wrapping_sub_unsigned(before));
}

/// The allocator of the system.
#[derive(Debug, Clone, Copy)]
struct Memory;

/// Nothing is taken here: there is nothing to take.
#[cold]
#[inline(never)]
fn none(bytes: usize) -> ! {
    let mut text = [0; 256];
    let mut rest = &mut text[..];
    // What does not fit is left out.
    let _ = writeln!(
        rest,
        "tracer: out of memory: cannot allocate {bytes} bytes\n\
         hint: raise the memory limit (ulimit -v, or the limit of the cgroup), or use a smaller --buffer-size or -s"
    );
    let left = rest.len();
    let length = text.len() - left;
    // SAFETY: `text` is alive and has that many bytes; both calls take no memory and no lock.
    unsafe {
        libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), length);
        libc::_exit(1)
    }
}

/// What was allocated, if it was.
#[inline]
fn there(memory: *mut u8, bytes: usize, before: usize) -> *mut u8 {
    if memory.is_null() {
        none(bytes);
    }
    count(bytes, before);
    memory
}

// SAFETY: all calls go to the allocator of the system with what the caller promised.
unsafe impl GlobalAlloc for Memory {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        there(unsafe { System.alloc(layout) }, layout.size(), 0)
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        there(unsafe { System.alloc_zeroed(layout) }, layout.size(), 0)
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) }
        count(0, layout.size());
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as promised by the caller.
        there(unsafe { System.realloc(memory, layout, size) }, size, layout.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_counted_until_it_is_given_back() {
        let before = taken();
        let mut bytes = Vec::<u8>::with_capacity(1 << 20);
        assert_eq!(taken() - before, 1 << 20);
        bytes.resize(1 << 20, 1);
        bytes.reserve_exact(1 << 20);
        assert_eq!(taken() - before, 2 << 20);
        drop(bytes);
        assert_eq!(taken(), before);
    }
}
