//! The ends of a socket: addresses, ports, services, names.

use std::net::SocketAddr;

use super::no_fd;
use crate::{
    event::{service, sockaddr::is_unset},
    fields::{Context, End, InKernel, Value, fields},
    state::{Fd, FdKind, Sock},
};

/// Finds one end of a socket.
type Find = fn(&Sock) -> Option<SocketAddr>;

const LOCAL: Find = |sock| sock.local;
const REMOTE: Find = |sock| sock.remote;

fn sock<'a>(c: &Context<'a>) -> Option<&'a Sock> {
    super::fd(c)?.sock.as_deref()
}

/// An end that has an address or a port.
fn set(end: Option<SocketAddr>) -> Option<SocketAddr> {
    end.filter(|end| !is_unset(*end))
}

fn ip(end: Option<SocketAddr>) -> Value<'static> {
    end.map(|end| end.ip()).into()
}

fn port(end: Option<SocketAddr>) -> Value<'static> {
    end.map(|end| end.port()).into()
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

fn end(c: &Context<'_>, find: Find) -> Option<SocketAddr> {
    set(sock(c).and_then(find))
}

/// Both addresses.
fn either_ip(c: &Context<'_>) -> Value<'static> {
    let ip = |end: Option<SocketAddr>| set(end).map(|end| end.ip());
    sock(c).map_or(Value::Missing, |sock| Value::EitherIp([ip(sock.local), ip(sock.remote)]))
}

/// Both ports.
fn either_port(c: &Context<'_>) -> Value<'static> {
    let port = |end: Option<SocketAddr>| set(end).map(|end| end.port());
    sock(c).map_or(Value::Missing, |sock| Value::EitherPort([port(sock.local), port(sock.remote)]))
}

fn is_server(fd: &Fd) -> bool {
    let sock = fd.sock.as_deref().filter(|sock| sock.local.is_some());
    sock.is_some_and(Sock::serves)
}

/// The service of a port by name; of a port without one, its number.
fn proto(end: Option<SocketAddr>) -> Value<'static> {
    let Some(port) = end.map(|end| end.port()).filter(|port| *port != 0) else { return Value::Missing };
    service::name(port).map_or_else(|| Value::made(port.to_string().into_bytes()), Value::from)
}

/// The name of a host.
fn host<'a>(c: &Context<'a>, end: Option<SocketAddr>) -> Value<'a> {
    let state = c.state;
    end.and_then(|end| state.host.name_of(end.ip())).into()
}

fields! { FIELDS needs FD;
    "fd.ip": Ip [in_kernel(InKernel::Ip(End::Either)) by_type(no_fd) filter_only()] => |c, _| either_ip(c), "address of either end";
    "fd.cip": Ip [in_kernel(InKernel::Ip(End::Client)) by_type(no_fd)] => |c, _| ip(end(c, Sock::client)), "client address";
    "fd.sip": Ip [in_kernel(InKernel::Ip(End::Server)) by_type(no_fd)] => |c, _| ip(end(c, Sock::server)), "server address";
    "fd.lip": Ip [in_kernel(InKernel::Ip(End::Local)) by_type(no_fd)] => |c, _| ip(end(c, LOCAL)), "local address";
    "fd.rip": Ip [in_kernel(InKernel::Ip(End::Remote)) by_type(no_fd)] => |c, _| ip(end(c, REMOTE)), "remote address";
    "fd.port": Port [in_kernel(InKernel::Port(End::Either)) by_type(no_fd) filter_only()] => |c, _| either_port(c), "port of either end";
    "fd.cport": Port [in_kernel(InKernel::Port(End::Client)) by_type(no_fd)] => |c, _| port(end(c, Sock::client)), "client port";
    "fd.sport": Port [in_kernel(InKernel::Port(End::Server)) by_type(no_fd)] => |c, _| port(end(c, Sock::server)), "server port";
    "fd.lport": Port [in_kernel(InKernel::Port(End::Local)) by_type(no_fd)] => |c, _| port(end(c, LOCAL)), "local port";
    "fd.rport": Port [in_kernel(InKernel::Port(End::Remote)) by_type(no_fd)] => |c, _| port(end(c, REMOTE)), "remote port";
    "fd.l4proto": Text [in_kernel(InKernel::Protocol) by_type(no_fd)] => |c, _| super::fd(c).and_then(l4proto).into(), "tcp, udp, icmp or raw";
    "fd.is_server": Bool [in_kernel(InKernel::Role) by_type(no_fd)] => |c, _| {
        super::fd(c).filter(|fd| fd.kind != FdKind::Unknown).map(is_server).into()
    },
        "whether this end of the socket is the server; false if the descriptor is not a socket";
    "fd.connected": Bool [by_type(no_fd)] => |c, _| sock(c).map(|sock| set(sock.remote).is_some()).into(),
        "whether the socket has a peer";
    "fd.net": Net [in_kernel(InKernel::Ip(End::Either)) by_type(no_fd) filter_only()] => |c, _| either_ip(c), "network of either end";
    "fd.cnet": Net [in_kernel(InKernel::Ip(End::Client)) by_type(no_fd) filter_only()] => |c, _| ip(end(c, Sock::client)), "network of the client";
    "fd.snet": Net [in_kernel(InKernel::Ip(End::Server)) by_type(no_fd) filter_only()] => |c, _| ip(end(c, Sock::server)), "network of the server";
    "fd.lnet": Net [in_kernel(InKernel::Ip(End::Local)) by_type(no_fd) filter_only()] => |c, _| ip(end(c, LOCAL)), "network of the local end";
    "fd.rnet": Net [in_kernel(InKernel::Ip(End::Remote)) by_type(no_fd) filter_only()] => |c, _| ip(end(c, REMOTE)), "network of the remote end";
    "fd.proto": Port [by_type(no_fd) filter_only()] => |c, _| either_port(c), "service of either end, as a name or a port";
    "fd.cproto": Text [by_type(no_fd) cost(3)] => |c, _| proto(end(c, Sock::client)),
        "service name of the client port";
    "fd.sproto": Text [by_type(no_fd) cost(3)] => |c, _| proto(end(c, Sock::server)),
        "service name of the server port";
    "fd.lproto": Text [by_type(no_fd) cost(3)] => |c, _| proto(end(c, LOCAL)), "service name of the local port";
    "fd.rproto": Text [by_type(no_fd) cost(3)] => |c, _| proto(end(c, REMOTE)), "service name of the remote port";
    "fd.cip.name": Text [by_type(no_fd)] => |c, _| host(c, end(c, Sock::client)),
        "host name of the client, from /etc/hosts; tracer makes no DNS queries";
    "fd.sip.name": Text [by_type(no_fd)] => |c, _| host(c, end(c, Sock::server)), "like fd.cip.name, for the server";
    "fd.lip.name": Text [by_type(no_fd)] => |c, _| host(c, end(c, LOCAL)), "like fd.cip.name, for the local end";
    "fd.rip.name": Text [by_type(no_fd)] => |c, _| host(c, end(c, REMOTE)), "like fd.cip.name, for the remote end";
}
