//! The kernel side: from a hook to a record in a ring.
//!
//! One program for all system calls, driven by the plans that user space writes from the event table; one more that it
//! goes on in for rows that read the task; and one for each tracepoint. Licence `Dual MIT/GPL`, as the helpers demand.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod arch;
mod collect;
mod descriptor;
mod entry;
mod follow;
mod gate;
mod gather;
mod group;
mod maps;
mod parts;
mod predicate;
mod read;
mod record;
mod running;
mod special;
mod syscall;
mod task;
mod tracepoint;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // Never reached: the verifier refuses a program in which this loop is.
    loop {}
}

/// The licence that the kernel checks before it lends GPL helpers.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
