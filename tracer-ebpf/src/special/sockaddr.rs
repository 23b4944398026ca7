//! Sockets: addresses that callers pass, and tuples from the kernel's own socket.
//!
//! Forms of both: `tracer::event::sockaddr`. Source: kernel include/net/sock.h, include/net/af_unix.h.

use tracer_common::plan::TupleWay;

use super::file;
use crate::{
    maps::offset,
    read::{self, Block, Room},
    record::{Record, SOCKET_LEN, TooLong, opaque},
};

/// `AF_UNIX`, `AF_INET` and `AF_INET6`.
pub const UNIX: u16 = 1;
/// See `UNIX`.
pub const INET: u16 = 2;
/// See `UNIX`.
pub const INET6: u16 = 10;
/// Size of `sun_path`.
const UNIX_PATH: usize = 108;

/// The `struct sock` of a descriptor; 0 when it is not a socket.
#[inline(never)]
pub fn sock_of_fd(fd: u64) -> usize {
    file::kind(file::find(fd)).sock().unwrap_or(0)
}

/// How many words of the beginning of a `struct sock` have family, ports and IPv4 addresses.
pub const HEAD: usize = 4;
/// These words.
pub type Head<'r> = Block<'r, HEAD>;

/// Indices among what is gathered of a file.
pub const QUEUE_PERCENT: usize = 0;
/// See `QUEUE_PERCENT`.
pub const QUEUE_LEN: usize = 1;
/// See `QUEUE_PERCENT`.
pub const QUEUE_MAX: usize = 2;
/// The first socket of a pair.
pub const FIRST: usize = 0;
/// The second.
pub const SECOND: usize = 1;

/// Gathers the accept queue of a listening socket.
#[inline(always)]
pub fn gather_queue(record: Record, fd: u64) {
    let sock = sock_of_fd(fd);
    let (mut len, mut max) = (0u32, 0u32);
    if sock != 0 {
        len = read::kernel(sock + offset!(sock_ack_backlog));
        max = read::kernel(sock + offset!(sock_max_ack_backlog));
    }
    let percent = if max == 0 { 0 } else { u64::from(len) * 100 / u64::from(max) };
    file::set_gathered(record, [percent, u64::from(len), u64::from(max)]);
}

/// Gathers the kernel addresses of two sockets.
#[inline(always)]
pub fn gather_pair(record: Record, first: u64, second: u64) {
    let (first, second) = (sock_of_fd(first) as u64, sock_of_fd(second) as u64);
    file::set_gathered(record, [first, second, 0]);
}

/// Bytes that are copied without asking the kernel: an IPv4 tuple has 13.
const SHORT: usize = 16;

/// Copies what was gathered, `len` bytes of [`SOCKET_LEN`], as parameter `index`.
#[inline(always)]
fn copy(record: Record, index: usize, from: *const u8, len: u64) -> Result<(), TooLong> {
    let (to, position) = record.room()?;
    let len = opaque(len as usize) & (SOCKET_LEN - 1);
    // SAFETY: `room` gives more than `SOCKET_LEN` bytes, and so many are at `from`.
    let copied = len != 0
        && unsafe {
            if len <= SHORT {
                for at in (0..SHORT).step_by(8) {
                    read::store_word(to.add(at), *from.add(at).cast());
                }
                true
            } else {
                read::kernel_bytes(to, len, from as usize)
            }
        };
    record.end_param(index, position, if copied { len } else { 0 });
    Ok(())
}

/// Puts the gathered address as parameter `index`.
#[inline(always)]
pub fn copy_address(record: Record, index: usize) -> Result<(), TooLong> {
    // SAFETY: the scratch is a live map value.
    unsafe {
        let len = core::ptr::read_volatile(&raw const (*record.scratch).address_len);
        copy(record, index, (&raw const (*record.scratch).address).cast(), len)
    }
}

/// Puts the gathered tuple as parameter `index`.
#[inline(always)]
pub fn copy_tuple(record: Record, index: usize) -> Result<(), TooLong> {
    // SAFETY: the scratch is a live map value.
    unsafe {
        let len = core::ptr::read_volatile(&raw const (*record.scratch).tuple_len);
        copy(record, index, (&raw const (*record.scratch).tuple).cast(), len)
    }
}

/// Gathers the socket address at `address` in user memory, `len` bytes.
#[inline(never)]
pub fn gather_address(record: Record, address: usize, len: u64) {
    // SAFETY: the scratch is a live map value.
    let to: *mut u8 = unsafe { (&raw mut (*record.scratch).address).cast() };
    let mut written = 0;
    if let Some(family) = read::user::<u16>(address)
        && len >= 2
    {
        // SAFETY: `SOCKET_LEN` is more than the longest address.
        unsafe {
            to.write(family as u8);
            written = 1;
            if family == INET {
                peer_end::<4>(to.add(1), address);
                written = 7;
            } else if family == INET6 {
                peer_end::<16>(to.add(1), address);
                written = 19;
            } else if family == UNIX {
                let len = if len > (UNIX_PATH + 2) as u64 { UNIX_PATH } else { len as usize - 2 };
                let len = opaque(len) & 127;
                let read = len != 0 && read::user_bytes(to.add(1), len, address + 2);
                written = 1 + end_path(to.add(1), if read { len } else { 0 });
            }
        }
    }
    // SAFETY: as above.
    unsafe { core::ptr::write_volatile(&raw mut (*record.scratch).address_len, written as u64) };
}

/// Ends the path of a unix socket, `len` bytes at `to`, with one NUL: the kernel's address of a path has it already. An abstract
/// name begins with a NUL, which becomes `@`; those at its end are part of it. Source: kernel net/unix/af_unix.c,
/// `unix_mkname_bsd`.
///
/// # Safety
/// `to` has room for 128 bytes.
#[inline(always)]
unsafe fn end_path(to: *mut u8, len: usize) -> usize {
    let len = opaque(len) & 127;
    // SAFETY: the caller's promise.
    unsafe {
        if len != 0 {
            if core::ptr::read_volatile(to) == 0 {
                to.write(b'@');
            } else if core::ptr::read_volatile(to.add(opaque(len - 1) & 127)) == 0 {
                return len;
            }
        }
        to.add(len).write(0);
    }
    len + 1
}

/// Gathers the ends of the socket of descriptor `fd`. `way` is a [`TupleWay`]; `peer`, when it is not zero, is where in
/// user memory the address of the peer may be, for sockets that have none of their own.
#[inline(always)]
pub fn gather_tuple(record: Record, fd: u64, way: u8, peer: usize) {
    // SAFETY: the scratch is a live map value.
    let to: *mut u8 = unsafe { (&raw mut (*record.scratch).tuple).cast() };
    let mut room = Room::<HEAD>::uninit();
    let head = Head::of(&mut room, sock_of_fd(fd), 0);
    let family: u16 = if head.of == 0 { 0 } else { head.get(offset!(sock_family)) };
    let inbound = way == TupleWay::In as u8;
    // SAFETY: `SOCKET_LEN` is more than the longest tuple.
    let written = unsafe {
        match family {
            INET => {
                let local = offset!(sock_rcv_saddr);
                let remote = offset!(sock_daddr);
                inet::<4>(to, &head, local, remote, way, peer)
            }
            INET6 => {
                let local = offset!(sock_v6_rcv_saddr);
                let remote = offset!(sock_v6_daddr);
                inet::<16>(to, &head, local, remote, way, peer)
            }
            UNIX => unix(to, head.of, inbound, peer),
            _ => 0,
        }
    };
    // SAFETY: as above.
    unsafe { core::ptr::write_volatile(&raw mut (*record.scratch).tuple_len, written as u64) };
}

/// Writes both ends of an internet socket at `to`. Where each goes is computed, not chosen, and both stand in memory at
/// once: to the verifier there is one way, not one for each end and direction.
#[inline(always)]
unsafe fn inet<const N: usize>(
    to: *mut u8,
    head: &Head<'_>,
    local: usize,
    remote: usize,
    way: u8,
    peer: usize,
) -> usize {
    let inbound = opaque(usize::from(way)) & (TupleWay::In as usize);
    let (local_at, remote_at) = (1 + inbound * (N + 2), 1 + (1 - inbound) * (N + 2));
    let (local_at, remote_at) = (opaque(local_at) & 63, opaque(remote_at) & 63);
    // SAFETY: the caller's promise; both positions are below 64.
    unsafe {
        let (local_end, remote_end) = (to.add(local_at), to.add(remote_at));
        if N == 4 {
            local_end.cast::<u32>().write_unaligned(head.get(local));
            remote_end.cast::<u32>().write_unaligned(head.get(remote));
        } else {
            read::kernel_bytes(local_end, N, head.of + local);
            read::kernel_bytes(remote_end, N, head.of + remote);
        }
        let port: u16 = head.get(offset!(sock_dport));
        let mut own: u16 = head.get(offset!(sock_num));
        if own == 0 && port != 0 {
            // A connection that its peer has reset has no number to be found by any more, but it was at this port.
            own = u16::from_be(read::kernel::<u16>(head.of + offset!(inet_sport)));
        }
        local_end.add(N).cast::<u16>().write_unaligned(own);
        remote_end.add(N).cast::<u16>().write_unaligned(u16::from_be(port));
        if port == 0 && peer != 0 {
            peer_end::<N>(remote_end, peer);
        }
        to.write(if N == 4 { INET as u8 } else { INET6 as u8 });
    }
    1 + 2 * (N + 2)
}

/// Writes the address that the caller passed or got, at `peer` in user memory, when it is of the same family.
#[inline(never)]
unsafe fn peer_end<const N: usize>(to: *mut u8, peer: usize) {
    let wanted = if N == 4 { INET } else { INET6 };
    if read::user::<u16>(peer) != Some(wanted) {
        return;
    }
    let port: u16 = read::user(peer + 2).unwrap_or(0);
    // SAFETY: the caller's promise. The address stands behind the port, for IPv6 behind the flow label too.
    unsafe {
        read::user_bytes(to, N, peer + if N == 4 { 4 } else { 8 });
        to.add(N).cast::<u16>().write_unaligned(u16::from_be(port));
    }
}

/// The name of a unix socket: its address in kernel memory and its length; nothing when it has none.
#[inline(always)]
fn unix_name(sock: usize) -> (usize, usize) {
    if sock == 0 {
        return (0, 0);
    }
    let address: usize = read::kernel(sock + offset!(unix_addr));
    if address == 0 {
        return (0, 0);
    }
    let len: u32 = read::kernel(address + offset!(unix_address_len));
    // The family stands in front.
    let len = if len < 2 { 0 } else { len as usize - 2 };
    (address + offset!(unix_address_name) + 2, if len > UNIX_PATH { UNIX_PATH } else { len })
}

/// Writes the path that the caller sends to, at `address` in user memory, with a NUL at its end; how many bytes that is. Messages to logs are
/// sent so, from sockets that have no peer.
#[inline(never)]
unsafe fn given_path(to: *mut u8, address: usize) -> usize {
    let written = match read::user::<u16>(address) {
        // SAFETY: the caller's promise.
        Some(UNIX) => unsafe { read::user_text(to, UNIX_PATH, address + 2) },
        _ => 0,
    };
    if written == 0 {
        // SAFETY: as above.
        unsafe { to.write(0) };
    }
    if written == 0 { 1 } else { opaque(written) & 127 }
}

#[inline(always)]
unsafe fn unix(to: *mut u8, sock: usize, inbound: bool, given: usize) -> usize {
    if offset!(unix_peer) == tracer_common::config::ABSENT as usize {
        return 0;
    }
    let peer: usize = read::kernel(sock + offset!(unix_peer));
    let (source, dest) = if inbound { (peer, sock) } else { (sock, peer) };
    // The end that was bound has the name, whichever end this is.
    let (mut name, mut len) = unix_name(dest);
    if len == 0 {
        (name, len) = unix_name(source);
    }
    // SAFETY: the caller's promise.
    unsafe {
        to.write(UNIX as u8);
        to.add(1).cast::<u64>().write_unaligned(source as u64);
        to.add(9).cast::<u64>().write_unaligned(dest as u64);
        let len = opaque(len) & 127;
        if len == 0 && !inbound && given != 0 {
            return 17 + given_path(to.add(17), given);
        }
        let read = len != 0 && read::kernel_bytes(to.add(17), len, name);
        17 + end_path(to.add(17), if read { len } else { 0 })
    }
}
