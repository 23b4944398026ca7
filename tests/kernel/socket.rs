//! Making and preparing sockets.

use libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, EADDRNOTAVAIL, EAFNOSUPPORT, EBADF, EFAULT, EINVAL, EOPNOTSUPP,
};
use libc::{SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM};
use tracer_common::events::net::{BIND, LISTEN, SHUTDOWN, SOCKET, SOCKETPAIR};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::{Is, flags, missing},
    level,
    scratch::Scratch,
    session::Session,
    sys,
};

use crate::traced;

/// `struct sockaddr_in` on the loopback.
pub(crate) fn v4(port: u16) -> Vec<u8> {
    [&2_u16.to_ne_bytes()[..], &port.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat()
}

/// `struct sockaddr_in6` on the loopback.
pub(crate) fn v6(port: u16) -> Vec<u8> {
    [&10_u16.to_ne_bytes()[..], &port.to_be_bytes(), &[0; 4], &[0; 15], &[1], &[0; 4]].concat()
}

/// `struct sockaddr_un` of exactly this name; an abstract one begins with a NUL.
pub(crate) fn unix(name: &[u8]) -> Vec<u8> {
    [&1_u16.to_ne_bytes()[..], name].concat()
}

/// Port of a bound socket.
pub(crate) fn port(fd: i64) -> u16 {
    let (mut name, mut len) = ([0_u8; 28], 28_u32);
    assert_eq!(sys!(SYS_getsockname, fd, at_mut(&mut name), at_mut(&mut len)), 0);
    u16::from_be_bytes([name[2], name[3]])
}

/// Binds; the result of the call.
pub(crate) fn bind(fd: i64, name: &[u8]) -> i64 {
    sys!(SYS_bind, fd, at(name), name.len())
}

#[test]
fn socket_has_family_type_and_flags() {
    let Some(run) = traced(|| {
        [
            sys!(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 6),
            sys!(SYS_socket, AF_UNIX, SOCK_DGRAM, 0),
            sys!(SYS_socket, 200, SOCK_STREAM, 0),
        ]
    }) else {
        return;
    };
    let kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    let both = flags("O_NONBLOCK|O_CLOEXEC");
    check!(run, SOCKET { fd: run.said[0], domain: flags("AF_INET"), type: kind, proto: 6, flags: both });
    let local = flags("AF_LOCAL|AF_UNIX");
    check!(run, SOCKET { fd: run.said[1], domain: local, type: SOCK_DGRAM, proto: 0, flags: flags("") });
    let unknown = flags("AF_UNSPEC");
    check!(run, SOCKET { fd: -EAFNOSUPPORT, domain: unknown, type: SOCK_STREAM, proto: 0, flags: flags("") });
}

#[test]
fn socketpair_has_both_ends() {
    let Some(run) = traced(|| {
        let mut ends = [0_i32; 2];
        let result = sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, at_mut(&mut ends));
        let [one, two] = ends.map(i64::from);
        let failed = sys!(SYS_socketpair, AF_INET, SOCK_STREAM, 0, at_mut(&mut ends));
        // The kernel has written numbers there before it found that the family has no pairs.
        [result, one, two, failed, sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, NOWHERE)]
    }) else {
        return;
    };
    let [_, one, two, ..] = run.said;
    let (local, kind) = (flags("AF_LOCAL|AF_UNIX"), SOCK_STREAM | SOCK_CLOEXEC);
    // Kernel addresses are in the upper half.
    let upper = Is::Between(1 << 63, u64::MAX.into());
    let event = check!(run, SOCKETPAIR {
        res: 0, fd1: one, fd2: two, source: upper.clone(), peer: upper, domain: local, type: kind, proto: 0
    });
    assert_ne!(event.params.u64(3), event.params.u64(4));
    check!(run, SOCKETPAIR {
        res: -EOPNOTSUPP, fd1: -1, fd2: -1, source: 0, peer: 0, domain: flags("AF_INET"), type: SOCK_STREAM, proto: 0
    });
    let local = flags("AF_LOCAL|AF_UNIX");
    check!(run, SOCKETPAIR {
        res: -EFAULT, fd1: -1, fd2: -1, source: 0, peer: 0, domain: local, type: SOCK_STREAM, proto: 0
    });
}

#[test]
fn bind_has_the_address_of_each_family() {
    let scratch = Scratch::new();
    let path = scratch.c_path("sock");
    let name = [b"\0tracer-test-", std::process::id().to_string().as_bytes()].concat();
    let elsewhere = [&2_u16.to_ne_bytes()[..], &7_u16.to_be_bytes(), &[192, 0, 2, 1], &[0; 8]].concat();
    let Some(run) = traced(|| {
        let socket = |family: i32| sys!(SYS_socket, family, SOCK_STREAM, 0);
        let fds = [socket(AF_INET), socket(AF_INET6), socket(AF_UNIX), socket(AF_UNIX)];
        let _ = (bind(fds[0], &v4(0)), bind(fds[1], &v6(0)));
        let _ = (bind(fds[2], &unix(path.as_bytes_with_nul())), bind(fds[3], &unix(&name)));
        let _ = (bind(fds[0], &v4(9)), bind(-1, &elsewhere), bind(socket(AF_INET), &elsewhere));
        let _ = (sys!(SYS_bind, fds[0], NOWHERE, 16), bind(fds[0], &[]));
        fds
    }) else {
        return;
    };
    let [inet, inet6, local, abstract_name] = run.said;
    check!(run, BIND { res: 0, addr: "127.0.0.1:0", fd: inet });
    check!(run, BIND { res: 0, addr: "::1:0", fd: inet6 });
    check!(run, BIND { res: 0, addr: &*path, fd: local });
    let shown = format!("@{}", String::from_utf8_lossy(&name[1..]));
    check!(run, BIND { res: 0, addr: shown, fd: abstract_name });
    check!(run, BIND { res: -EINVAL, addr: "127.0.0.1:9", fd: inet });
    check!(run, BIND { res: -EBADF, addr: "192.0.2.1:7", fd: -1 });
    let fd = run.own().all(&BIND).nth(6).and_then(|event| event.params.i64(2)).unwrap();
    check!(run, BIND { res: -EADDRNOTAVAIL, addr: "192.0.2.1:7", fd: fd });
    check!(run, BIND { res: -EFAULT, addr: missing(), fd: inet });
    check!(run, BIND { res: -EINVAL, addr: missing(), fd: inet });
}

#[test]
fn the_longest_unix_path_is_whole() {
    let path = [b'x'; 108];
    let Some(run) = traced(|| {
        let fd = sys!(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
        let absent = [b"/no/", &path[4..]].concat();
        [fd, bind(fd, &unix(&absent))]
    }) else {
        return;
    };
    let shown = [b"/no/", &path[4..]].concat();
    check!(run, BIND { res: run.said[1], addr: &shown[..], fd: run.said[0] });
}

#[test]
fn listen_has_its_backlog() {
    let Some(run) = traced(|| {
        let fd = sys!(SYS_socket, AF_INET, SOCK_STREAM, 0);
        [fd, sys!(SYS_listen, fd, 12), sys!(SYS_listen, fd, -1), sys!(SYS_listen, -1, 3)]
    }) else {
        return;
    };
    let fd = run.said[0];
    check!(run, LISTEN { res: 0, fd: fd, backlog: 12 });
    check!(run, LISTEN { res: 0, fd: fd, backlog: -1 });
    check!(run, LISTEN { res: -EBADF, fd: -1, backlog: 3 });
}

#[test]
fn shutdown_has_a_direction() {
    let Some(run) = traced(|| {
        let mut ends = [0_i32; 2];
        let _ = sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, at_mut(&mut ends));
        let shut = |how: i32| sys!(SYS_shutdown, ends[0], how);
        [ends[0].into(), shut(0), shut(1), shut(2), shut(9), sys!(SYS_shutdown, -1, 2)]
    }) else {
        return;
    };
    let fd = run.said[0];
    check!(run, SHUTDOWN { res: 0, fd: fd, how: flags("SHUT_RD") });
    check!(run, SHUTDOWN { res: 0, fd: fd, how: flags("SHUT_WR") });
    check!(run, SHUTDOWN { res: 0, fd: fd, how: flags("SHUT_RDWR") });
    check!(run, SHUTDOWN { res: -EINVAL, fd: fd, how: 0xff });
    check!(run, SHUTDOWN { res: -EBADF, fd: -1, how: flags("SHUT_RDWR") });
}

#[test]
fn sockets_from_before_the_start_have_their_kind() {
    if !level::root_or_skip() {
        return;
    }
    let sockets = [
        (AF_PACKET, libc::SOCK_RAW, "packet"),
        (AF_PACKET, SOCK_DGRAM, "packet"),
        (AF_NETLINK, libc::SOCK_RAW, "netlink"),
        (AF_UNIX, SOCK_DGRAM, "unix"),
    ];
    let opened = sockets.map(|(domain, kind, name)| (sys!(SYS_socket, domain, kind, 0), domain, name));
    // The kernel lists a netlink socket once it has an address: `struct sockaddr_nl`.
    assert_eq!(bind(opened[2].0, &[&16_u16.to_ne_bytes()[..], &[0; 10]].concat()), 0);
    let asked = "evt.type=getsockopt and fd.type in (packet, netlink, unix)";
    let session = Session::lines("| %fd.num %fd.type", &format!("proc.pid={} and {asked}", std::process::id()));
    let mut expected = Vec::new();
    for (fd, domain, name) in opened {
        let (mut said, mut len) = ([0_u8; 4], 4_u32);
        let asked = sys!(SYS_getsockopt, fd, libc::SOL_SOCKET, libc::SO_DOMAIN, at_mut(&mut said), at_mut(&mut len));
        // The witness: the kernel's own word for what it is.
        assert_eq!((asked, i32::from_ne_bytes(said)), (0, domain));
        expected.push(format!("| {fd} {name}"));
    }
    let lines = session.end().lines;
    let lines: Vec<_> = lines.iter().filter_map(|line| line.find("| ").map(|at| line[at..].to_owned())).collect();
    assert_eq!(lines, expected);
}
