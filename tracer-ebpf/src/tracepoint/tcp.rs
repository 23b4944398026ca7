//! Connections of TCP: when they end, what is sent again, and what is reset.
//!
//! Most of it happens in the middle of something else, when a segment comes or a timer runs out, so the running thread says nothing. Who
//! connects is known when the first segment is sent, and who closes when the last one is: both are calls. So is the end of a
//! connection that is given up with data that was not read, or without waiting (`SO_LINGER`): the socket has no error then.
//!
//! Source: kernel include/trace/events/sock.h,
//! `TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)`;
//! include/trace/events/tcp.h, of which only the socket is used: the others differ from kernel to kernel.

use core::mem::MaybeUninit;

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{config::ABSENT, connection::Connection, events::code, wire};

use crate::{
    arch::{Task, member},
    follow,
    maps::{CONNECTIONS, config, offset, turn, turn_flag},
    read,
    record::{RoomOf, Small, own},
    special::sockaddr::{INET, INET6},
};

/// `IPPROTO_TCP`.
const TCP: u16 = 6;
/// `TCP_ESTABLISHED` and so on.
const ESTABLISHED: i32 = 1;
const SYN_SENT: i32 = 2;
const SYN_RECV: i32 = 3;
const FIN_WAIT1: i32 = 4;
const TIME_WAIT: i32 = 6;
const CLOSE: i32 = 7;
const CLOSE_WAIT: i32 = 8;
const LAST_ACK: i32 = 9;
const LISTEN: i32 = 10;
const NEW_SYN_RECV: i32 = 12;
/// Ends of a connection: `TCP_SIDES`.
const CLIENT: u64 = 1;
const SERVER: u64 = 2;
/// Directions of a segment: `TCP_DIRECTIONS`.
const SENT: u64 = 1;
const RECEIVED: u64 = 2;
/// The bit of `SOCK_DONE` in the flags of a socket: the peer has said that nothing more comes. That counts as a byte.
const DONE: u64 = 1 << 1;
/// A time that is not known.
const NO_TIME: u64 = u64::MAX;

/// Room for a connection.
type Place = MaybeUninit<Connection>;

/// The state of a connection changes.
#[btf_tracepoint(function = "inet_sock_set_state")]
#[inline(always)]
pub fn tcp_state(ctx: BtfTracePointContext) -> i32 {
    let sock: *const u8 = ctx.arg(0);
    if member::<u16>(sock, offset!(sock_protocol)) != TCP {
        return 0;
    }
    let (old, new): (i32, i32) = (ctx.arg(1), ctx.arg(2));
    let key = sock as u64;
    match new {
        SYN_SENT => begin(key, read::now_ns(), true),
        SYN_RECV => begin(key, read::now_ns(), false),
        FIN_WAIT1 | LAST_ACK => match CONNECTIONS.get_ptr_mut(key) {
            // SAFETY: a live map value.
            Some(connection) => unsafe {
                if (*connection).owner.tid == 0 {
                    take(connection);
                }
            },
            None => begin(key, 0, true),
        },
        CLOSE => {
            if old != CLOSE && old != LISTEN {
                ended(sock, old);
            }
            let _ = CONNECTIONS.remove(key);
        }
        _ => {}
    }
    0
}

/// A segment is sent again.
#[btf_tracepoint(function = "tcp_retransmit_skb")]
#[inline(always)]
pub fn tcp_again(ctx: BtfTracePointContext) -> i32 {
    segment::<3>(ctx.arg(0), code::TCP_RETRANSMIT, 0);
    0
}

/// A connection is reset from here. Without a socket there is none: the port is closed.
#[btf_tracepoint(function = "tcp_send_reset")]
#[inline(always)]
pub fn tcp_reset_sent(ctx: BtfTracePointContext) -> i32 {
    segment::<4>(ctx.arg(0), code::TCP_RESET, SENT);
    0
}

/// A connection is reset by its peer.
#[btf_tracepoint(function = "tcp_receive_reset")]
#[inline(always)]
pub fn tcp_reset_received(ctx: BtfTracePointContext) -> i32 {
    segment::<4>(ctx.arg(0), code::TCP_RESET, RECEIVED);
    0
}

/// Reports a segment of a connection, with `COUNT` parameters.
#[inline(always)]
fn segment<const COUNT: u32>(sock: *const u8, code: u16, direction: u64) {
    if sock.is_null() {
        return;
    }
    let state = member::<u8>(sock, offset!(sock_state)).into();
    // These are no whole sockets, or no connections.
    if state == TIME_WAIT || state == NEW_SYN_RECV || state == LISTEN {
        return;
    }
    let mut place = Place::uninit();
    let connection = find(&mut place, sock);
    if connection.owner.tid == 0 && direction == SENT && state == CLOSE {
        // Its end came first, and that was a call.
        // SAFETY: it is there.
        unsafe { take(connection) };
    }
    if is_wanted(connection) {
        match member::<u16>(sock, offset!(sock_family)) {
            INET => report::<4, TUPLE_4, COUNT>(sock, connection, code, state, direction),
            INET6 => report::<16, TUPLE_6, COUNT>(sock, connection, code, state, direction),
            _ => {}
        }
    }
}

/// A connection is there, and, if `is_own`, it is the running thread's. With too many of them nobody knows when this one began.
#[inline(always)]
fn begin(key: u64, since_ns: u64, is_own: bool) {
    let mut place = Place::uninit();
    let connection = read::zeroed(&mut place);
    connection.since_ns = since_ns;
    if is_own {
        // SAFETY: it is there.
        unsafe { take(connection) };
    }
    let _ = CONNECTIONS.insert(key, *connection, 0);
}

/// It is the running thread's.
///
/// # Safety
/// `connection` is valid.
#[inline(always)]
unsafe fn take(connection: *mut Connection) {
    // SAFETY: the caller's promise.
    unsafe {
        own(&raw mut (*connection).owner);
        (*connection).wanted = u64::from(follow::wants(Task::current()));
    }
}

/// A copy of what is known of a connection. One that nobody here has is that of the cgroup that made the socket, or the listening one that it
/// is a copy of.
#[inline(always)]
fn find(place: &mut Place, sock: *const u8) -> &mut Connection {
    let connection = read::zeroed(place);
    if let Some(known) = CONNECTIONS.get_ptr(sock as u64) {
        // SAFETY: a live map value, as long as the place.
        unsafe {
            let to: *mut u8 = (&raw mut *connection).cast();
            read::kernel_bytes(to, size_of::<Connection>(), known as usize);
        }
    }
    if connection.owner.tid == 0 && offset!(sock_cgroup) != ABSENT as usize {
        let cgroup: usize = read::kernel(sock as usize + offset!(sock_cgroup));
        let node: usize = read::kernel(cgroup + offset!(cgroup_kn));
        connection.owner.cgroup = read::kernel(node + offset!(kernfs_id));
    }
    connection
}

/// Whether its events are wanted.
#[inline(always)]
fn is_wanted(connection: &Connection) -> bool {
    connection.owner.tgid != config!(own_tgid) && (config!(follow) == 0 || connection.wanted != 0)
}

#[inline(always)]
fn ended(sock: *const u8, state: i32) {
    let mut place = Place::uninit();
    let connection = find(&mut place, sock);
    let error: i32 = member(sock, offset!(sock_err));
    if connection.owner.tid == 0 && error == 0 && (state == ESTABLISHED || state == CLOSE_WAIT) {
        // SAFETY: it is there.
        unsafe { take(connection) };
    }
    if !is_wanted(connection) {
        return;
    }
    match member::<u16>(sock, offset!(sock_family)) {
        INET => end::<4, TUPLE_4>(sock, state, error, connection),
        INET6 => end::<16, TUPLE_6>(sock, state, error, connection),
        _ => {}
    }
}

/// Bytes of a tuple: family, two addresses and two ports.
const TUPLE_4: usize = 1 + 2 * (4 + 2);
const TUPLE_6: usize = 1 + 2 * (16 + 2);

/// Words of a record, with a tuple of IPv6.
const WORDS: usize = (wire::LENGTHS + 2 * 9 + TUPLE_6 + 8 + 4 + 4 + 8 + 8 + 8 + 4 + 8 + wire::WHO_LEN).div_ceil(8);

#[inline(always)]
fn end<const N: usize, const TUPLE: usize>(sock: *const u8, state: i32, error: i32, connection: &Connection) {
    let mut room = RoomOf::<WORDS>::uninit();
    let mut record = Small::begin(&mut room, code::TCP_CLOSE, 9, turn_flag(turn()));
    let tcp = sock as usize;
    record.put::<8>(0, -i64::from(error) as u64);
    let side = put_tuple::<N, TUPLE>(&mut record, 1, sock);
    record.put::<4>(2, side);
    record.put::<4>(3, state as u64);
    let since = connection.since_ns;
    record.put::<8>(4, if since == 0 { NO_TIME } else { read::now_ns() - since });
    let mut received: u64 = read::kernel(tcp + offset!(tcp_received));
    if received != 0 && read::kernel::<u64>(tcp + offset!(sock_flags)) & DONE != 0 {
        received -= 1;
    }
    record.put::<8>(5, received);
    let sent: u64 = read::kernel(tcp + offset!(tcp_sent));
    record.put::<8>(6, sent.wrapping_sub(read::kernel(tcp + offset!(tcp_sent_again))));
    record.put::<4>(7, read::kernel::<u32>(tcp + offset!(tcp_retrans)).into());
    // In eighths of a microsecond.
    let rtt = u64::from(read::kernel::<u32>(tcp + offset!(tcp_srtt)));
    record.put::<8>(8, if rtt == 0 { NO_TIME } else { rtt * 125 });
    // SAFETY: it is there.
    unsafe { record.submit_of(&connection.owner) };
}

#[inline(always)]
fn report<const N: usize, const TUPLE: usize, const COUNT: u32>(
    sock: *const u8,
    connection: &Connection,
    code: u16,
    state: i32,
    direction: u64,
) {
    let mut room = RoomOf::<WORDS>::uninit();
    let mut record = Small::begin(&mut room, code, COUNT, turn_flag(turn()));
    let side = put_tuple::<N, TUPLE>(&mut record, 0, sock);
    record.put::<4>(1, side);
    record.put::<4>(2, state as u64);
    if COUNT == 4 {
        record.put::<4>(3, direction);
    }
    // SAFETY: it is there.
    unsafe { record.submit_of(&connection.owner) };
}

/// Puts both ends of a connection as parameter `index`, the client first. Returns which one this is: an accepted socket knows by which
/// interface its peer came.
#[inline(always)]
fn put_tuple<const N: usize, const TUPLE: usize>(record: &mut Small<'_, WORDS>, index: usize, sock: *const u8) -> u64 {
    let at = sock as usize;
    let interface: i32 = if N == 4 {
        read::kernel(at + offset!(inet_mc_index))
    } else if offset!(ipv6_mcast_oif) == ABSENT as usize || offset!(inet_pinet6) == ABSENT as usize {
        0
    } else {
        read::kernel(read::kernel::<usize>(at + offset!(inet_pinet6)) + offset!(ipv6_mcast_oif))
    };
    let (local, remote) = if N == 4 {
        (offset!(sock_rcv_saddr), offset!(sock_daddr))
    } else {
        (offset!(sock_v6_rcv_saddr), offset!(sock_v6_daddr))
    };
    let to = record.room::<TUPLE>(index);
    // SAFETY: so much room is there.
    unsafe {
        to.write(if N == 4 { INET as u8 } else { INET6 as u8 });
        let (client, server) = (to.add(1), to.add(1 + N + 2));
        if interface == 0 {
            put_end::<N>(client, at + local, at + offset!(inet_sport));
            put_end::<N>(server, at + remote, at + offset!(sock_dport));
            CLIENT
        } else {
            put_end::<N>(client, at + remote, at + offset!(sock_dport));
            put_end::<N>(server, at + local, at + offset!(inet_sport));
            SERVER
        }
    }
}

/// Puts an address, and the port behind it in the order of the machine.
///
/// # Safety
/// `to` has room for both.
#[inline(always)]
unsafe fn put_end<const N: usize>(to: *mut u8, address: usize, port: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        read::kernel_bytes(to, N, address);
        to.add(N).cast::<u16>().write_unaligned(u16::from_be(read::kernel(port)));
    }
}
