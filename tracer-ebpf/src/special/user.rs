//! Texts and data of the caller, as parameters.

use core::mem::MaybeUninit;

use tracer_common::wire;

use crate::{
    maps::config,
    read,
    record::{Record, TooLong, opaque},
};

/// Nothing, as parameter `index`.
#[inline(always)]
pub fn empty(record: Record, index: usize) -> Result<(), TooLong> {
    let (_, position) = record.room()?;
    record.end_param(index, position, 0);
    Ok(())
}

/// The text at `address`, as parameter `index`.
#[inline(always)]
pub fn user_text(record: Record, index: usize, address: u64) -> Result<(), TooLong> {
    let (to, position) = record.room()?;
    // SAFETY: `room` gives more than `MAX_PATH` bytes.
    let len = unsafe {
        match near_text(to, address as usize) {
            NEAR_TEXT => read::user_text(to, wire::MAX_PATH, address as usize),
            len => len,
        }
    };
    record.end_param(index, position, len);
    Ok(())
}

/// The most bytes of a text that are read by way of the stack.
const NEAR_TEXT: usize = 64;

/// Reads the text at `address`, with its NUL, by way of the stack, for the reason that [`near_bytes`] has. It ends there if it has less than
/// [`NEAR_TEXT`] bytes.
///
/// # Safety
/// `to` is valid for [`NEAR_TEXT`] bytes.
#[inline(always)]
unsafe fn near_text(to: *mut u8, address: usize) -> usize {
    let mut words = MaybeUninit::<[u64; NEAR_TEXT / 8]>::uninit();
    let from = read::zeroed(&mut words).as_mut_ptr();
    // SAFETY: so many bytes are there; the caller's promise.
    unsafe {
        let len = read::user_text(from.cast(), NEAR_TEXT, address);
        for at in 0..NEAR_TEXT / 8 {
            read::store_word(to.add(8 * at), *from.add(at));
        }
        len
    }
}

/// The most bytes that are read by way of the stack: the default of snaplen.
const NEAR_DATA: usize = 80;

/// Reads `len` bytes of user memory, at most [`NEAR_DATA`], by way of the stack: a kernel that checks where it copies user memory to knows
/// that at once, while it searches all of its mappings for a map (mm/usercopy.c).
///
/// # Safety
/// `to` is valid for [`NEAR_DATA`] bytes.
#[inline(always)]
unsafe fn near_bytes(to: *mut u8, len: usize, address: usize) -> bool {
    let mut words = MaybeUninit::<[u64; NEAR_DATA / 8]>::uninit();
    let from = read::zeroed(&mut words).as_mut_ptr();
    // SAFETY: so many bytes are there; the caller's promise.
    unsafe {
        let read = read::user_bytes(from.cast(), len, address);
        for at in 0..NEAR_DATA / 8 {
            read::store_word(to.add(8 * at), *from.add(at));
        }
        read
    }
}

/// At most snaplen bytes; `len` below zero is an error result.
#[inline(always)]
pub fn user_bytes(record: Record, index: usize, address: u64, len: i64) -> Result<(), TooLong> {
    let (to, position) = record.room()?;
    let snaplen = u64::from(config!(snaplen));
    let len = if len < 0 { 0 } else { len as u64 };
    let len = opaque(if len > snaplen { snaplen } else { len } as usize) & 0xffff;
    // SAFETY: `room` gives as many bytes as the mask allows, and more than `NEAR_DATA`.
    let read = len != 0
        && unsafe {
            if len <= NEAR_DATA {
                near_bytes(to, len, address as usize)
            } else {
                read::user_bytes(to, len, address as usize)
            }
        };
    record.end_param(index, position, if read { len } else { 0 });
    Ok(())
}
