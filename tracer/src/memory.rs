//! Memory of the command: when there is none, it says so and ends as after any other failure, and does not abort.
#![allow(unsafe_code, reason = "an allocator")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::Write as _,
};

/// The allocator of the system.
#[derive(Debug, Clone, Copy)]
pub struct Memory;

/// Nothing is taken here: there is nothing to take.
#[cold]
#[inline(never)]
fn none(bytes: usize) -> ! {
    let mut text = [0; 256];
    let mut rest = &mut text[..];
    // What does not fit is left out.
    let _ = writeln!(
        rest,
        "tracer: there is no memory for {bytes} more bytes\n\
         hint: raise the limit of memory (ulimit -v, or that of the cgroup), or ask for less: a smaller --buffer-size or -s"
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
fn there(memory: *mut u8, bytes: usize) -> *mut u8 {
    if memory.is_null() {
        none(bytes);
    }
    memory
}

// SAFETY: all calls go to the allocator of the system with what the caller promised.
unsafe impl GlobalAlloc for Memory {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        there(unsafe { System.alloc(layout) }, layout.size())
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        there(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as promised by the caller.
        there(unsafe { System.realloc(memory, layout, size) }, size)
    }
}
