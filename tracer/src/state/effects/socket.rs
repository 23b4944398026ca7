//! Sockets: families, ends, roles.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::event::{Event, ParamValue, SockAddr, SockTuple};

use super::{
    super::{Fd, FdKind, Role, Sock, State},
    fd::{CLOEXEC, NONBLOCK, change, descriptor, number, set},
};

const UNIX: i64 = 1;
const INET: i64 = 2;
const INET6: i64 = 10;
const NETLINK: i64 = 16;
const PACKET: i64 = 17;
const STREAM: u8 = 1;
const DGRAM: u8 = 2;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// `SOCK_CLOEXEC` and `SOCK_NONBLOCK`.
const SOCK_CLOEXEC: i64 = 0o2_000_000;
const SOCK_NONBLOCK: i64 = 0o4000;

fn kind_of(domain: i64) -> FdKind {
    match domain {
        UNIX => FdKind::Unix,
        INET => FdKind::Ipv4,
        INET6 => FdKind::Ipv6,
        NETLINK => FdKind::Netlink,
        PACKET => FdKind::Packet,
        _ => FdKind::Unknown,
    }
}

fn flags_of(sock_type: i64) -> u32 {
    let cloexec = if sock_type & SOCK_CLOEXEC != 0 { CLOEXEC } else { 0 };
    cloexec | if sock_type & SOCK_NONBLOCK != 0 { NONBLOCK } else { 0 }
}

fn new_socket(event: &Event<'_>) -> Fd {
    let domain = number(event, "domain").unwrap_or(0);
    let full_type = number(event, "type").unwrap_or(0);
    let sock_type = (full_type & 0xf) as u8;
    let protocol = match (number(event, "proto").unwrap_or(0), sock_type) {
        (0, STREAM) if domain != UNIX => TCP,
        (0, DGRAM) if domain != UNIX => UDP,
        (protocol, _) => protocol as u8,
    };
    let sock = Sock { sock_type, protocol, ..Sock::default() };
    Fd { kind: kind_of(domain), flags: flags_of(full_type), sock: Some(Box::new(sock)), ..Fd::default() }
}

pub(super) fn socket(state: &mut State, event: &Event<'_>) {
    if let Some(fd) = event.result().and_then(descriptor) {
        set(state, event, fd, new_socket(event));
    }
}

pub(super) fn pair(state: &mut State, event: &Event<'_>) {
    if event.failed() {
        return;
    }
    for end in ["fd1", "fd2"] {
        if let Some(fd) = number(event, end).and_then(descriptor) {
            set(state, event, fd, new_socket(event));
        }
    }
}

/// The tuple of the event.
fn tuple<'a>(event: &Event<'a>) -> Option<SockTuple<'a>> {
    let index = crate::event::decode::layout(event.row).tuple?;
    match event.params.value(usize::from(index)) {
        ParamValue::SockTuple(tuple) => Some(tuple),
        _ => None,
    }
}

/// The connection that an event is about that is no call and has no descriptor.
pub fn connection(event: &Event<'_>) -> Option<Fd> {
    if !event.row.is_of_connection() {
        return None;
    }
    let SockTuple::Inet { source, dest } = tuple(event)? else { return None };
    let (local, remote, role) = match number(event, "side") {
        Some(2) => (dest, source, Role::Server),
        _ => (source, dest, Role::Client),
    };
    let sock =
        Sock { sock_type: STREAM, protocol: TCP, local: Some(local), remote: Some(remote), role, listening: false };
    let name = sock.name().into_bytes().into();
    Some(Fd { kind: sock.kind().unwrap_or_default(), name, sock: Some(Box::new(sock)), ..Fd::default() })
}

/// Gives a descriptor the name that the event says.
fn rename(fd: &mut Fd, event: &Event<'_>, name: &[u8]) {
    if *fd.name != *name {
        fd.renamed_by = event.num;
        fd.name = name.into();
    }
}

/// Changes the socket behind `fd`, and its name with it.
fn change_sock(state: &mut State, event: &Event<'_>, fd: i32, with: impl FnOnce(&mut Sock)) {
    change(state, event, fd, |fd| {
        let mut sock = fd.sock.take().unwrap_or_default();
        with(&mut sock);
        if fd.kind.is_inet() || fd.kind == FdKind::Unknown {
            fd.kind = sock.kind().unwrap_or(fd.kind);
        }
        if fd.kind.is_inet() {
            rename(fd, event, sock.name().as_bytes());
        }
        fd.sock = Some(sock);
    });
}

pub(super) fn bind(state: &mut State, event: &Event<'_>) {
    let Some(fd) = event.fd().filter(|_| !event.failed()) else { return };
    match event.params.named("addr") {
        ParamValue::SockAddr(SockAddr::Inet(local)) => {
            change_sock(state, event, fd, |sock| sock.local = Some(local));
        }
        ParamValue::SockAddr(SockAddr::Unix(path)) => change(state, event, fd, |fd| rename(fd, event, path)),
        _ => {}
    }
}

pub(super) fn listen(state: &mut State, event: &Event<'_>) {
    let Some(fd) = event.fd().filter(|_| !event.failed()) else { return };
    change_sock(state, event, fd, |sock| {
        sock.listening = true;
        sock.role = Role::Server;
    });
}

pub(super) fn connect(state: &mut State, event: &Event<'_>) {
    let result = event.result().unwrap_or(-1);
    if result < 0 && result != i64::from(-libc::EINPROGRESS) {
        return;
    }
    let (Some(fd), Some(tuple)) = (event.fd(), tuple(event)) else { return };
    super::fd::know_fd(state, event);
    match tuple {
        SockTuple::Inet { source, dest } => change_sock(state, event, fd, |sock| {
            sock.local = Some(source);
            sock.remote = Some(dest);
            sock.role = Role::Client;
        }),
        SockTuple::Unix { path, .. } => change(state, event, fd, |fd| {
            fd.kind = FdKind::Unix;
            rename(fd, event, path);
        }),
        SockTuple::Other(_) => {}
    }
}

pub(super) fn accept(state: &mut State, event: &Event<'_>) {
    let Some(fd) = event.result().and_then(descriptor) else { return };
    let flags = flags_of(number(event, "flags").unwrap_or(0));
    let mut value = Fd { flags, renamed_by: event.num, ..Fd::default() };
    match tuple(event) {
        Some(SockTuple::Inet { source, dest }) => {
            let sock = Sock {
                sock_type: STREAM,
                protocol: TCP,
                local: Some(dest),
                remote: Some(source),
                role: Role::Server,
                listening: false,
            };
            value.kind = sock.kind().unwrap_or_default();
            value.name = sock.name().into_bytes().into();
            value.sock = Some(Box::new(sock));
        }
        Some(SockTuple::Unix { path, .. }) => {
            value.kind = FdKind::Unix;
            value.name = path.into();
        }
        _ => {}
    }
    set(state, event, fd, value);
}

/// This end of a message. A socket that is bound to no address sends from 127.0.0.1, or ::1, to the machine itself, which other
/// tools do not write down.
fn sent_from(local: SocketAddr, remote: SocketAddr) -> SocketAddr {
    let from: IpAddr = match remote.ip() {
        ip if !local.ip().is_unspecified() || !ip.is_loopback() => return local,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(from, local.port())
}

/// Data on a socket carries its addresses: needed for sockets without a peer of their own, and for those whose making
/// was not seen.
pub(super) fn transfer(state: &mut State, event: &Event<'_>) {
    if event.failed() {
        return;
    }
    let Some(fd) = event.fd() else { return };
    super::fd::know_fd(state, event);
    let complete = state.thread(event.tid).and_then(|thread| state.fd(thread, fd)).is_some_and(|fd| {
        fd.sock.as_ref().is_some_and(|sock| sock.remote.is_some() && sock.sock_type == STREAM)
            || fd.kind == FdKind::Unix
    });
    if complete {
        return;
    }
    let Some(tuple) = tuple(event) else { return };
    let inbound = event.row.flags.has(tracer_common::events::Flags::READS_FROM_FD);
    match tuple {
        SockTuple::Inet { source, dest } => change_sock(state, event, fd, |sock| {
            let (local, remote) = if inbound { (dest, source) } else { (source, dest) };
            let local = if event.from_file { sent_from(local, remote) } else { local };
            if sock.local == Some(local) && sock.remote == Some(remote) {
                return;
            }
            sock.local = Some(local);
            sock.remote = Some(remote);
            if sock.role == Role::Unknown {
                sock.role = if inbound { Role::Server } else { Role::Client };
            }
        }),
        SockTuple::Unix { path, .. } if !path.is_empty() => change(state, event, fd, |fd| {
            fd.kind = FdKind::Unix;
            rename(fd, event, path);
        }),
        SockTuple::Unix { .. } | SockTuple::Other(_) => {}
    }
}
