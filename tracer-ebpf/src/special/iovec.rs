//! Scattered buffers: `struct iovec` and `struct msghdr`.
//!
//! Source: readv(2), sendmsg(2); kernel include/uapi/linux/uio.h, include/linux/socket.h (`struct user_msghdr`).

use tracer_common::wire::{MAX_PARAM_LEN, MAX_RECORD};

use crate::{
    maps::config,
    read,
    record::{IOVECS, Record, TooLong, cursor, opaque, set_cursor},
};

/// The most entries of a 32-bit program that are looked at.
const COMPAT_IOVECS: usize = 64;
/// The most entries whose data is copied.
const COPIED: usize = 32;

/// Says where the array is and how many entries it has. In memory: both ways to find it then meet in one state of the
/// verifier.
#[inline(always)]
pub fn locate(record: Record, address: u64, count: u64) {
    // SAFETY: the scratch is a live map value.
    unsafe {
        core::ptr::write_volatile(&raw mut (*record.scratch).iovec_sum, address);
        core::ptr::write_volatile(&raw mut (*record.scratch).iovec_count, count);
    }
}

/// Reads the array into the scratch, with the number of its entries and the sum of their lengths. Once for each record,
/// before the parameters.
#[inline(never)]
pub fn gather(record: Record) {
    let scratch = record.scratch;
    // SAFETY: the scratch is a live map value.
    let (address, count) = unsafe {
        (
            core::ptr::read_volatile(&raw const (*scratch).iovec_sum),
            core::ptr::read_volatile(&raw const (*scratch).iovec_count),
        )
    };
    let most = if record.compat() { COMPAT_IOVECS } else { IOVECS };
    let count = opaque(if count > most as u64 { most } else { count as usize });
    let mut sum = 0u64;
    let mut entries = 0u64;
    if count != 0 && count <= IOVECS {
        // SAFETY: the scratch is a live map value and has room for `IOVECS` entries of 16 bytes.
        let read = unsafe {
            let to: *mut u8 = (&raw mut (*scratch).iovec).cast();
            if record.compat() {
                let read = read::user_bytes(to, count * 8, address as usize);
                widen(record);
                read
            } else {
                read::user_bytes(to, count * 16, address as usize)
            }
        };
        if read {
            entries = count as u64;
            for index in 0..IOVECS {
                // Hidden, or the compiler drops the constant bound, which is the one that the verifier can follow.
                if index >= opaque(count) {
                    break;
                }
                sum = sum.wrapping_add(entry(record, index).1);
            }
        }
    }
    // SAFETY: as above.
    unsafe {
        core::ptr::write_volatile(&raw mut (*scratch).iovec_sum, sum);
        core::ptr::write_volatile(&raw mut (*scratch).iovec_count, entries);
    }
}

/// A pointer or a length in a struct of the caller. Of a 32-bit program the low half of what is read: without a branch, which
/// would part the ways for the verifier. In all structs something follows the last pointer that is read.
#[inline(always)]
pub fn pointer(record: Record, at: usize) -> usize {
    read::user(at).unwrap_or(0usize) & record.pointer_mask()
}

/// The member of a message header that is number `n` of those with the size of a pointer: address 0, iovec 2 and its
/// length 3, control data 4 and its length 5. The length of the address, an `int`, takes the place of number 1.
#[inline(always)]
fn member(record: Record, message: u64, n: usize) -> u64 {
    let size = if record.compat() { 4 } else { 8 };
    pointer(record, message as usize + n * size) as u64
}

/// As [`locate`], of the iovec inside a message header.
#[inline(always)]
pub fn locate_in_message(record: Record, message: u64) {
    locate(record, member(record, message, 2), member(record, message, 3));
}

/// Makes the entries of a 32-bit program, which take half the room, like those of others: from the last one on.
#[inline(never)]
fn widen(record: Record) {
    // SAFETY: all indices are below `IOVECS`.
    unsafe {
        let entries: *mut [u64; 2] = (&raw mut (*record.scratch).iovec).cast();
        for back in 0..COMPAT_IOVECS {
            let at = COMPAT_IOVECS - 1 - back;
            let pair = core::ptr::read_volatile(entries.cast::<u64>().add(at));
            core::ptr::write_volatile(entries.add(at), [pair & 0xffff_ffff, pair >> 32]);
        }
    }
}

/// Entry `index`, below `IOVECS`: address and length.
#[inline(always)]
fn entry(record: Record, index: usize) -> (u64, u64) {
    // SAFETY: as in `gather`; volatile, since a helper wrote it.
    let [address, len] = unsafe { core::ptr::read_volatile(&raw const (*record.scratch).iovec[index]) };
    (address, len)
}

/// Sum of the lengths, of the first `IOVECS` entries.
#[inline(always)]
pub fn total(record: Record) -> u64 {
    // SAFETY: as in `gather`.
    unsafe { core::ptr::read_volatile(&raw const (*record.scratch).iovec_sum) }
}

/// Where in the scratch the data is gathered: behind what a record and one parameter can fill.
const DATA: usize = MAX_RECORD + MAX_PARAM_LEN + 1;

/// Gathers the data: at most snaplen bytes and at most `limit`.
#[inline(never)]
pub fn gather_data(record: Record, limit: i64) {
    let scratch = record.scratch;
    let snaplen = i64::from(config!(snaplen));
    let limit = if limit < snaplen { limit } else { snaplen };
    set_cursor(scratch, 0);
    if limit <= 0 {
        return;
    }
    // In memory, like the cursor: what one way through the loop learns of it must not part the ways for the verifier.
    // SAFETY: as in `gather`.
    unsafe { core::ptr::write_volatile(&raw mut (*scratch).limit, limit as u64) };
    for at in 0..COPIED {
        if !copy_entry(record, at) {
            break;
        }
    }
}

/// Puts the gathered data as parameter `index`.
#[inline(always)]
pub fn copy_data(record: Record, index: usize) -> Result<(), TooLong> {
    let (to, position) = record.room()?;
    let len = opaque(cursor(record.scratch)) & 0xffff;
    // SAFETY: `room` gives as many bytes as the mask allows, and the data lies in the scratch.
    let copied = len != 0 && unsafe { read::kernel_bytes(to, len, data(record) as usize) };
    record.end_param(index, position, if copied { len } else { 0 });
    Ok(())
}

#[inline(always)]
fn data(record: Record) -> *mut u8 {
    // SAFETY: `DATA` is inside the scratch.
    unsafe { (&raw mut (*record.scratch).bytes).cast::<u8>().add(DATA) }
}

/// Copies entry `at` behind what was copied before. False when there is no more to do.
#[inline(never)]
fn copy_entry(record: Record, at: usize) -> bool {
    let scratch = record.scratch;
    // SAFETY: as in `gather`.
    let (count, limit) = unsafe {
        (
            core::ptr::read_volatile(&raw const (*scratch).iovec_count) as usize,
            core::ptr::read_volatile(&raw const (*scratch).limit) as usize,
        )
    };
    let done = cursor(scratch);
    if at >= count || done >= limit {
        return false;
    }
    let (from, len) = entry(record, at);
    let left = limit - done;
    let len = opaque(if len > left as u64 { left } else { len as usize }) & 0xffff;
    let offset = opaque(done) & 0xffff;
    // Both fit: what is left of snaplen is below 64 KiB.
    if offset + len > MAX_PARAM_LEN {
        return false;
    }
    // SAFETY: checked above; behind the data the scratch has room for as much again, since the verifier cannot relate
    // offset and length.
    if len != 0 && !unsafe { read::user_bytes(data(record).add(offset), len, from as usize) } {
        return false;
    }
    set_cursor(scratch, offset + len);
    true
}

/// Address and length of the control data of a message; nothing after a failed call.
#[inline(always)]
pub fn message_control(record: Record, message: u64, result: i64) -> (u64, i64) {
    if result < 0 {
        return (0, 0);
    }
    let (address, len) = (member(record, message, 4), member(record, message, 5));
    (address, if len > 0xffff { 0xffff } else { len as i64 })
}
