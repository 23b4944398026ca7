//! The descriptors that poll found ready.
//!
//! Source: poll(2), kernel include/uapi/asm-generic/poll.h, `struct pollfd`.

use tracer_common::plan::RET;

use super::text;
use crate::{
    collect::arg,
    read,
    record::{Record, cursor, opaque, set_cursor},
};

/// The most entries that are looked at.
const ENTRIES: usize = 64;
/// Bytes of an entry in a record: descriptor and returned events.
const LISTED: usize = 10;

/// Gathers the count, then descriptor and returned events of each of the first `ENTRIES` descriptors that has some.
#[inline(never)]
pub fn gather(record: Record, address: u64, count: u64) {
    text::set_gathered_len(record, 0);
    if (arg(record, RET) as i64) < 0 {
        return;
    }
    let count = opaque(if count > ENTRIES as u64 { ENTRIES } else { count as usize });
    set_cursor(record.scratch, 0);
    // SAFETY: the entries of an iovec, which such a call does not have, are 4 KiB.
    unsafe {
        let entries: *mut u64 = (&raw mut (*record.scratch).iovec).cast();
        if count != 0 && count <= ENTRIES && read::user_bytes(entries.cast(), 8 * count, address as usize) {
            for at in 0..ENTRIES {
                if at >= opaque(count) {
                    break;
                }
                list(record, core::ptr::read_volatile(entries.add(at)));
            }
        }
    }
    let listed = opaque(cursor(record.scratch)) & 0xff;
    // SAFETY: there is room for more.
    unsafe { text::gathered(record).cast::<u16>().write_unaligned(listed as u16) };
    text::set_gathered_len(record, 2 + LISTED * listed);
}

/// Lists one `struct pollfd`; if it is not ready, the next one takes its place. Without a branch, which would part the ways
/// for the verifier in each round.
#[inline(always)]
fn list(record: Record, entry: u64) {
    let (fd, events) = (entry as i32, (entry >> 48) as u16);
    let ready = opaque(usize::from(events)).wrapping_neg() >> (usize::BITS - 1);
    let listed = opaque(cursor(record.scratch)) & (ENTRIES - 1);
    // SAFETY: `listed` is below `ENTRIES`, for which there is room.
    unsafe {
        let to = text::gathered(record).add(2 + LISTED * listed);
        to.cast::<u64>().write_unaligned(i64::from(fd) as u64);
        to.add(8).cast::<u16>().write_unaligned(events);
    }
    set_cursor(record.scratch, listed + ready);
}
