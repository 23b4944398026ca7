//! What the programs on `sys_exit` say to each other about the call that they work on, in the scratch of their CPU: one goes on in another, and
//! itself again for the next message or the next table.

use tracer_common::{group::GroupKey, plan::Plan};

use crate::{
    maps::{config, turn_of},
    record::{NUMBERS, Scratch, Slot, scratch_of},
};

#[inline(always)]
fn scratch() -> Option<*mut Scratch> {
    scratch_of(Slot::Syscall)
}

/// Says which message of a call with several is next, and where the header of this one is: the program that follows on this
/// CPU knows.
#[inline(always)]
pub fn set_message(next: u64, header: u64, result: i64) {
    if let Some(scratch) = scratch() {
        // SAFETY: a live map value.
        unsafe {
            core::ptr::write_volatile(&raw mut (*scratch).message, next);
            core::ptr::write_volatile(&raw mut (*scratch).header, header);
            core::ptr::write_volatile(&raw mut (*scratch).moved, result as u64);
        }
    }
}

/// Says which question and which table of calls the program that follows on this CPU works for.
#[inline(always)]
pub fn hand_on(plan: *const Plan, table: u32) {
    if config!(varies) != 0
        && let Some(scratch) = scratch()
    {
        // SAFETY: a live map value.
        unsafe {
            core::ptr::write_volatile(&raw mut (*scratch).turn, u64::from(turn_of(plan)));
            core::ptr::write_volatile(&raw mut (*scratch).table, u64::from(table));
        }
    }
}

/// Says whether the program on `sys_exit` follows itself, or that it does not after all.
#[inline(always)]
pub fn set_resumed(resumed: bool) {
    if config!(varies) != 0
        && let Some(scratch) = scratch()
    {
        // SAFETY: a live map value.
        unsafe { core::ptr::write_volatile(&raw mut (*scratch).resumed, resumed.into()) };
    }
}

/// Whether it does; to be asked once.
#[inline(always)]
pub fn is_resumed() -> bool {
    if config!(varies) == 0 {
        return false;
    }
    let Some(scratch) = scratch() else { return false };
    // SAFETY: a live map value.
    unsafe {
        let resumed = core::ptr::read_volatile(&raw const (*scratch).resumed) != 0;
        if resumed {
            core::ptr::write_volatile(&raw mut (*scratch).resumed, 0);
        }
        resumed
    }
}

/// The tables that need a record of the running call, as bits.
#[inline(always)]
pub fn tables() -> u16 {
    if config!(varies) == 0 {
        return 0;
    }
    // SAFETY: a live map value.
    scratch().map_or(0, |scratch| unsafe { core::ptr::read_volatile(&raw const (*scratch).tables) as u16 })
}

/// Says which they are.
#[inline(always)]
pub fn set_tables(tables: u16) {
    if config!(varies) != 0
        && let Some(scratch) = scratch()
    {
        // SAFETY: a live map value.
        unsafe { core::ptr::write_volatile(&raw mut (*scratch).tables, tables.into()) };
    }
}

/// Says whether the number of the running call is added up in the table that it is counted in.
#[inline(always)]
pub fn set_numbered(numbered: bool) {
    if let Some(scratch) = scratch() {
        // SAFETY: a live map value.
        unsafe { core::ptr::write_volatile(&raw mut (*scratch).numbered, numbered.into()) };
    }
}

/// Whether it is.
#[inline(always)]
pub fn is_numbered() -> bool {
    // SAFETY: a live map value.
    scratch().is_some_and(|scratch| unsafe { core::ptr::read_volatile(&raw const (*scratch).numbered) != 0 })
}

/// The question and the table that were handed on.
#[inline(always)]
pub fn handed_on() -> (u32, u32) {
    if config!(varies) == 0 {
        return (0, 0);
    }
    let Some(scratch) = scratch() else { return (0, 0) };
    // SAFETY: a live map value; the table is below their number, of which the verifier knows nothing.
    unsafe {
        let turn = core::ptr::read_volatile(&raw const (*scratch).turn) as u32;
        (turn, core::ptr::read_volatile(&raw const (*scratch).table) as u32)
    }
}

/// Says which socket is behind a descriptor of the running call, for who asks next; 0 when that is not known.
#[inline(always)]
pub fn set_socket(fd: u64, sock: usize) {
    if let Some(scratch) = scratch() {
        // SAFETY: a live map value.
        unsafe {
            core::ptr::write_volatile(&raw mut (*scratch).socket, sock as u64);
            core::ptr::write_volatile(&raw mut (*scratch).socket_fd, fd);
        }
    }
}

/// The socket behind a descriptor, if it was found already in this call; 0 if not.
#[inline(always)]
pub fn socket_of(fd: u64) -> usize {
    let Some(scratch) = scratch() else { return 0 };
    // SAFETY: a live map value.
    unsafe {
        if core::ptr::read_volatile(&raw const (*scratch).socket_fd) != fd {
            return 0;
        }
        core::ptr::read_volatile(&raw const (*scratch).socket) as usize
    }
}

/// Room for the key of a row, all zero: where it would not fit on the stack, of which all functions of a program together have 512
/// bytes.
#[inline(always)]
pub fn key() -> Option<&'static mut GroupKey> {
    const { assert!(size_of::<GroupKey>() <= 8 * NUMBERS && align_of::<GroupKey>() == 8) };
    let scratch = scratch()?;
    // SAFETY: a live map value, which belongs to this program on this CPU; the numbers of a task are gathered in another one, and all
    // bits are values of a key.
    unsafe {
        let words: *mut u64 = (&raw mut (*scratch).numbers).cast();
        for at in 0..size_of::<GroupKey>() / 8 {
            words.add(at).write_volatile(0);
        }
        Some(&mut *words.cast())
    }
}

/// Which message is next.
#[inline(always)]
pub fn message() -> u64 {
    // SAFETY: a live map value.
    scratch().map_or(0, |scratch| unsafe { core::ptr::read_volatile(&raw const (*scratch).message) })
}

/// The bytes of this message.
#[inline(always)]
pub fn moved() -> i64 {
    // SAFETY: a live map value.
    scratch().map_or(0, |scratch| unsafe { core::ptr::read_volatile(&raw const (*scratch).moved) as i64 })
}
