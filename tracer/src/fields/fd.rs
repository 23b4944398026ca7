//! `fd.*`.

use std::net::SocketAddr;

use super::{Arg, Context, Digits, EventType, Needs, Value, fields};
use crate::{
    event::decode::layout,
    state::{Fd, FdKind, Role, Sock, path},
};

/// Events of a type that has nothing to do with descriptors have no value here.
fn no_fd(event: &EventType, _: &Arg) -> Option<Value<'static>> {
    layout(event.row).fd.is_none().then_some(Value::Missing)
}

fn fd<'a>(c: &Context<'a>) -> Option<&'a Fd> {
    c.fd.map(|fd| &**fd)
}

fn sock<'a>(c: &Context<'a>) -> Option<&'a Sock> {
    fd(c)?.sock.as_deref()
}

fn ip(end: Option<SocketAddr>) -> Value<'static> {
    end.map(|end| end.ip()).into()
}

fn port(end: Option<SocketAddr>) -> Value<'static> {
    end.map(|end| end.port()).into()
}

/// Descriptors whose name is a path.
fn path_of<'a>(c: &Context<'a>) -> Option<&'a [u8]> {
    let fd = fd(c)?;
    let is_path = matches!(fd.kind, FdKind::File | FdKind::Directory) && fd.name.starts_with(b"/");
    is_path.then_some(&*fd.name)
}

fn name<'a>(c: &Context<'a>) -> Value<'a> {
    fd(c).map_or(Value::Missing, |fd| Value::some_text(&fd.name))
}

/// `fd.l4proto` of a socket; `None` when it is not known.
#[must_use]
pub(crate) fn l4proto(fd: &Fd) -> Option<&'static str> {
    let sock = fd.sock.as_deref().filter(|_| fd.kind.is_inet())?;
    Some(match (sock.protocol, sock.sock_type) {
        (6, _) | (0, 1) => "tcp",
        (17, _) | (0, 2) => "udp",
        (1 | 58, _) => "icmp",
        (_, 3) => "raw",
        _ => return None,
    })
}

fn sockfamily(fd: &Fd) -> Option<&'static str> {
    match fd.kind {
        FdKind::Ipv4 | FdKind::Ipv6 => Some("ip"),
        FdKind::Unix => Some("unix"),
        _ => None,
    }
}

fn uid(c: &Context<'_>) -> Value<'static> {
    c.event.fd().map_or(Value::Missing, |fd| Value::made(format!("{}{fd}", c.event.tid).into_bytes()))
}

fn with_container(c: &Context<'_>, name: &[u8]) -> Value<'static> {
    let id = c.state.containers.get(c.container).id.as_bytes();
    Value::made([id, b":", name].concat())
}

/// The device in the encoding of stat(2): 12 bits of major number, 20 of minor.
fn device(c: &Context<'_>) -> Option<u32> {
    Some(fd(c)?.dev).filter(|dev| *dev != 0)
}

fields! { FIELDS needs STATE;
    "fd.num": Int [by_type(no_fd) needs(Needs::NONE)] => |c, _| c.event.fd().into(), "number of the descriptor";
    "fd.type": Text [by_type(no_fd)] => |c, _| fd(c).and_then(|fd| fd.kind.name()).into(),
        "what it is: file, directory, ipv4, ipv6, unix, pipe, event, eventpoll and others";
    "fd.typechar": Text [by_type(no_fd) cost(4)] => |c, _| {
        fd(c).map_or(Value::Missing, |fd| Value::made(fd.kind.letter().to_string().into_bytes()))
    }, "the same as one letter: f d 4 6 u p e s l i t n b r m P";
    "fd.name": Text [by_type(no_fd) cost(2)] => |c, _| name(c),
        "path; of a socket, client->server or its own address";
    "fd.nameraw": Text [by_type(no_fd) cost(2)] => |c, _| {
        fd(c).and_then(|fd| fd.raw_name.as_deref()).map_or_else(|| name(c), Value::text)
    }, "path as it was passed to the call that opened it";
    "fd.directory": Text [by_type(no_fd) cost(2)] => |c, _| path_of(c).map(|path| path::split(path).0).into(),
        "directory of the file";
    "fd.filename": Text [by_type(no_fd) cost(2)] => |c, _| path_of(c).map(|path| path::split(path).1).into(),
        "name of the file without its directory";
    "fd.ip": Ip [by_type(no_fd) filter_only()] => |c, _| sock(c).map_or(Value::Missing, |sock| {
        Value::EitherIp([sock.local.map(|end| end.ip()), sock.remote.map(|end| end.ip())])
    }), "address of either end";
    "fd.cip": Ip [by_type(no_fd)] => |c, _| ip(sock(c).and_then(Sock::client)), "address of the client";
    "fd.sip": Ip [by_type(no_fd)] => |c, _| ip(sock(c).and_then(Sock::server)), "address of the server";
    "fd.lip": Ip [by_type(no_fd)] => |c, _| ip(sock(c).and_then(|sock| sock.local)), "address of this end";
    "fd.rip": Ip [by_type(no_fd)] => |c, _| ip(sock(c).and_then(|sock| sock.remote)), "address of the other end";
    "fd.port": Port [by_type(no_fd) filter_only()] => |c, _| sock(c).map_or(Value::Missing, |sock| {
        Value::EitherPort([sock.local.map(|end| end.port()), sock.remote.map(|end| end.port())])
    }), "port of either end";
    "fd.cport": Port [by_type(no_fd)] => |c, _| port(sock(c).and_then(Sock::client)), "port of the client";
    "fd.sport": Port [by_type(no_fd)] => |c, _| port(sock(c).and_then(Sock::server)), "port of the server";
    "fd.lport": Port [by_type(no_fd)] => |c, _| port(sock(c).and_then(|sock| sock.local)), "port of this end";
    "fd.rport": Port [by_type(no_fd)] => |c, _| port(sock(c).and_then(|sock| sock.remote)), "port of the other end";
    "fd.l4proto": Text [by_type(no_fd)] => |c, _| fd(c).and_then(l4proto).into(), "tcp, udp, icmp or raw";
    "fd.sockfamily": Text [by_type(no_fd)] => |c, _| fd(c).and_then(sockfamily).into(), "ip or unix";
    "fd.is_server": Bool [by_type(no_fd)] => |c, _| {
        sock(c).filter(|sock| sock.role != Role::Unknown).map(|sock| sock.role == Role::Server).into()
    }, "whether this end is the server";
    "fd.connected": Bool [by_type(no_fd)] => |c, _| sock(c).map(|sock| sock.remote.is_some()).into(),
        "whether the socket has a peer";
    "fd.uid": Text [by_type(no_fd) needs(Needs::NONE) cost(8)] => |c, _| uid(c), "thread id and number in one, as a key for tables";
    "fd.containername": Text [by_type(no_fd) cost(8)] => |c, _| {
        fd(c).map_or(Value::Missing, |fd| with_container(c, &fd.name))
    }, "id of the container and name in one, as a key for tables";
    "fd.containerdirectory": Text [by_type(no_fd) cost(8)] => |c, _| {
        path_of(c).map_or(Value::Missing, |path| with_container(c, path::split(path).0))
    }, "id of the container and directory in one, as a key for tables";
    "fd.dev": Int [by_type(no_fd) digits(Digits::Hex)] => |c, _| device(c).into(),
        "device number of the filesystem";
    "fd.dev.major": Int [by_type(no_fd)] => |c, _| device(c).map(|dev| dev >> 8 & 0xfff).into(),
        "its major part";
    "fd.dev.minor": Int [by_type(no_fd)] => |c, _| {
        device(c).map(|dev| dev & 0xff | dev >> 12 & 0xfff00).into()
    }, "its minor part";
    "fd.ino": Int [by_type(no_fd)] => |c, _| fd(c).filter(|fd| fd.ino != 0).map(|fd| fd.ino).into(),
        "inode number";
}
