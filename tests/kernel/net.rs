//! Connections and what goes through them: tuples of both ends.

use libc::{
    AF_INET, AF_INET6, AF_UNIX, EAGAIN, EBADF, ECONNREFUSED, EDESTADDRREQ, EFAULT, EINPROGRESS, ENOENT, ENOTCONN,
};
use libc::{IPPROTO_TCP, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, TCP_INFO};
use tracer::event::Event;
use tracer_common::{
    events::net::{ACCEPT, ACCEPT4, CONNECT, RECVFROM, RECVMSG, SENDMSG, SENDTO},
    kind::Kind,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::missing,
    live::unix_ends,
    scratch::Scratch,
    sys,
};

use crate::{
    io::{TEXT, iovec},
    socket::{bind, port, unix, v4, v6},
    traced,
};

pub(crate) fn socket(family: i32, kind: i32) -> i64 {
    sys!(SYS_socket, family, kind, 0)
}

/// A listening socket and its port.
pub(crate) fn listener(family: i32, name: &[u8], backlog: i32) -> (i64, u16) {
    let fd = socket(family, SOCK_STREAM);
    assert_eq!(bind(fd, name), 0);
    assert_eq!(sys!(SYS_listen, fd, backlog), 0);
    (fd, if family == AF_UNIX { 0 } else { port(fd) })
}

pub(crate) fn connect(fd: i64, name: &[u8]) -> i64 {
    sys!(SYS_connect, fd, at(name), name.len())
}

/// Waits until so many connections stand in the queue of a listening socket: a client is connected before.
fn wait_for_queue(server: i64, len: u32) {
    // The place of `tcpi_unacked` in `struct tcp_info`, the length of the queue here. Source: kernel net/ipv4/tcp.c.
    const UNACKED: usize = 24;
    loop {
        let (mut info, mut size) = ([0_u8; 104], 104_u32);
        let result = sys!(SYS_getsockopt, server, IPPROTO_TCP, TCP_INFO, at_mut(&mut info), at_mut(&mut size));
        assert_eq!(result, 0, "the state of a socket");
        let unacked = info.iter().skip(UNACKED).take(4).rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
        if unacked == len {
            return;
        }
        let _ = sys!(SYS_sched_yield);
    }
}

#[test]
fn a_connection_over_ipv4_has_both_ends_on_both_sides() {
    let Some(run) = traced(|| {
        let (server, server_port) = listener(AF_INET, &v4(0), 5);
        let (first, second) = (socket(AF_INET, SOCK_STREAM), socket(AF_INET, SOCK_STREAM));
        for (client, len) in [(first, 1), (second, 2)] {
            assert_eq!(connect(client, &v4(server_port)), 0);
            wait_for_queue(server, len);
        }
        let one = sys!(SYS_accept, server, 0, 0);
        let two = sys!(SYS_accept4, server, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
        [first, second, one, two, server_port.into(), port(first).into(), port(second).into()]
    }) else {
        return;
    };
    let [first, second, one, two, server_port, first_port, second_port] = run.said;
    let server = format!("127.0.0.1:{server_port}");
    let (a, b) = (format!("127.0.0.1:{first_port}->{server}"), format!("127.0.0.1:{second_port}->{server}"));
    check!(run, CONNECT { res: 0, tuple: &*a, fd: first, addr: &*server });
    check!(run, CONNECT { res: 0, tuple: &*b, fd: second, addr: &*server });
    check!(run, ACCEPT { fd: one, tuple: &*a, queuepct: 20, queuelen: 1, queuemax: 5 });
    let flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    check!(run, ACCEPT4 { fd: two, tuple: &*b, queuepct: 0, queuelen: 0, queuemax: 5, flags: flags });
}

#[test]
fn accept_fails_without_a_connection() {
    let Some(run) = traced(|| {
        let (server, _) = listener(AF_INET, &v4(0), 5);
        assert_eq!(sys!(SYS_fcntl, server, libc::F_SETFL, libc::O_NONBLOCK), 0);
        [server, sys!(SYS_accept, server, 0, 0), sys!(SYS_accept4, -1, 0, 0, SOCK_CLOEXEC)]
    }) else {
        return;
    };
    check!(run, ACCEPT { fd: -EAGAIN, tuple: missing(), queuepct: 0, queuelen: 0, queuemax: 5 });
    check!(run, ACCEPT4 { fd: -EBADF, tuple: missing(), queuepct: 0, queuelen: 0, queuemax: 0, flags: SOCK_CLOEXEC });
}

#[test]
fn a_connection_over_ipv6_has_both_ends() {
    let Some(run) = traced(|| {
        let (server, server_port) = listener(AF_INET6, &v6(0), 5);
        let client = socket(AF_INET6, SOCK_STREAM);
        let result = connect(client, &v6(server_port));
        [client, sys!(SYS_accept4, server, 0, 0, 0), server_port.into(), port(client).into(), result]
    }) else {
        return;
    };
    let [client, accepted, server_port, client_port, _] = run.said;
    let tuple = format!("::1:{client_port}->::1:{server_port}");
    check!(run, CONNECT { res: 0, tuple: &*tuple, fd: client, addr: format!("::1:{server_port}") });
    check!(run, ACCEPT4 { fd: accepted, tuple: &*tuple, queuepct: 0, queuelen: 0, queuemax: 5, flags: 0 });
}

#[test]
fn connect_says_why_it_failed() {
    let Some(run) = traced(|| {
        let (server, busy) = listener(AF_INET, &v4(0), 5);
        let unused = socket(AF_INET, SOCK_STREAM);
        assert_eq!(bind(unused, &v4(0)), 0);
        let (closed, refused) = (port(unused), socket(AF_INET, SOCK_STREAM));
        let waiting = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
        let results = [connect(refused, &v4(closed)), connect(waiting, &v4(busy))];
        let _ = (connect(-1, &v4(closed)), sys!(SYS_connect, socket(AF_INET, SOCK_STREAM), NOWHERE, 16));
        [refused, waiting, closed.into(), busy.into(), port(waiting).into(), results[0], results[1], server]
    }) else {
        return;
    };
    let [refused, waiting, closed, busy, waiting_port, refusal, progress, _] = run.said;
    assert_eq!([refusal, progress], [ECONNREFUSED, EINPROGRESS].map(|errno| i64::from(-errno)));
    let (closed, busy) = (format!("127.0.0.1:{closed}"), format!("127.0.0.1:{busy}"));
    let event = run.own().next(&CONNECT);
    let tuple = tracer_tests::check::text(&event, "tuple");
    assert!(tuple.ends_with(&format!("->{closed}")), "{tuple}");
    let differences = tracer_tests::check::differences(
        &event,
        &[
            ("res", (-ECONNREFUSED).into()),
            ("tuple", tuple.into()),
            ("fd", refused.into()),
            ("addr", closed.clone().into()),
        ],
    );
    assert_eq!(differences, "");
    let tuple = format!("127.0.0.1:{waiting_port}->{busy}");
    check!(run, CONNECT { res: -EINPROGRESS, tuple: tuple, fd: waiting, addr: busy });
    check!(run, CONNECT { res: -EBADF, tuple: missing(), fd: -1, addr: closed });
    let fd = run.own().all(&CONNECT).nth(3).and_then(|event| event.params.i64(2)).unwrap();
    check!(run, CONNECT { res: -EFAULT, tuple: missing(), fd: fd, addr: missing() });
}

#[test]
fn unix_sockets_have_the_name_of_the_bound_end_and_each_other() {
    let scratch = Scratch::new();
    let path = scratch.c_path("sock");
    let name = [b"\0tracer-unix-", std::process::id().to_string().as_bytes()].concat();
    let absent = scratch.c_path("absent");
    let Some(run) = traced(|| {
        let (server, _) = listener(AF_UNIX, &unix(path.as_bytes_with_nul()), 3);
        let client = socket(AF_UNIX, SOCK_STREAM);
        assert_eq!(connect(client, &unix(path.as_bytes_with_nul())), 0);
        let accepted = sys!(SYS_accept, server, 0, 0);
        let (other, _) = listener(AF_UNIX, &unix(&name), 3);
        let second = socket(AF_UNIX, SOCK_STREAM);
        assert_eq!(connect(second, &unix(&name)), 0);
        let lost = socket(AF_UNIX, SOCK_STREAM);
        [client, accepted, second, sys!(SYS_accept, other, 0, 0), lost, connect(lost, &unix(absent.as_bytes()))]
    }) else {
        return;
    };
    let [client, accepted, second, other, lost, _] = run.said;
    let connected = check!(run, CONNECT { res: 0, tuple: &*path, fd: client, addr: &*path });
    let taken = check!(run, ACCEPT { fd: accepted, tuple: &*path, queuepct: 0, queuelen: 0, queuemax: 3 });
    assert_eq!(unix_ends(&connected), unix_ends(&taken), "the client's socket first, on both sides");
    // The kernel's address of a path has its NUL already; that of an abstract name has none.
    let ends_in_one = |event: &Event<'_>| {
        let tuples = (0..event.params.count()).filter_map(|at| event.params.typed(at));
        let tuple =
            tuples.filter(|(kind, _)| matches!(kind, Kind::SockTuple)).map(|(_, bytes)| bytes).next().expect("a tuple");
        tuple.iter().rev().take_while(|byte| **byte == 0).count() == 1
    };
    assert!(ends_in_one(&connected) && ends_in_one(&taken));
    let shown = format!("@{}", String::from_utf8_lossy(&name[1..]));
    check!(run, CONNECT { res: 0, tuple: &*shown, fd: second, addr: &*shown });
    check!(run, ACCEPT { fd: other, tuple: &*shown, queuepct: 0, queuelen: 0, queuemax: 3 });
    check!(run, CONNECT { res: -ENOENT, tuple: &*absent, fd: lost, addr: &*absent });
}

#[test]
fn datagrams_have_the_peer_that_the_caller_named() {
    let Some(run) = traced(|| {
        let (server, client) = (socket(AF_INET, SOCK_DGRAM), socket(AF_INET, SOCK_DGRAM));
        assert_eq!((bind(server, &v4(0)), bind(client, &v4(0))), (0, 0));
        let to = v4(port(server));
        let sent = sys!(SYS_sendto, client, at(&TEXT), 120, 0, at(&*to), to.len());
        let (mut from, mut len, mut buffer) = ([0_u8; 16], 16_u32, [0_u8; 200]);
        let got = sys!(SYS_recvfrom, server, at_mut(&mut buffer), 200, 0, at_mut(&mut from), at_mut(&mut len));
        // The kernel does not look at it; a page of a literal might not be in memory.
        let data = std::hint::black_box(*b"x");
        let unnamed = sys!(SYS_sendto, client, at(&data), 1, 0, 0, 0);
        let nothing = sys!(SYS_recvfrom, server, at_mut(&mut buffer), 200, MSG_DONTWAIT, 0, 0);
        let _ = (sys!(SYS_sendto, -1, at(&data), 1, 0, 0, 0), sys!(SYS_recvfrom, -1, at_mut(&mut buffer), 9, 0, 0, 0));
        [server, client, port(server).into(), port(client).into(), sent, got, unnamed, nothing]
    }) else {
        return;
    };
    let [server, client, server_port, client_port, ..] = run.said;
    let tuple = format!("127.0.0.1:{client_port}->127.0.0.1:{server_port}");
    check!(run, SENDTO { res: 120, data: &TEXT[..80], fd: client, size: 120, tuple: &*tuple });
    check!(run, RECVFROM { res: 120, data: &TEXT[..80], tuple: &*tuple, fd: server, size: 200 });
    let unnamed = format!("127.0.0.1:{client_port}->0.0.0.0:0");
    check!(run, SENDTO { res: -EDESTADDRREQ, data: "x", fd: client, size: 1, tuple: unnamed });
    let nobody = format!("0.0.0.0:0->127.0.0.1:{server_port}");
    check!(run, RECVFROM { res: -EAGAIN, data: missing(), tuple: nobody, fd: server, size: 200 });
    check!(run, SENDTO { res: -EBADF, data: "x", fd: -1, size: 1, tuple: missing() });
    check!(run, RECVFROM { res: -EBADF, data: missing(), tuple: missing(), fd: -1, size: 9 });
}

#[test]
fn unix_datagrams_have_the_path_that_the_caller_named() {
    let scratch = Scratch::new();
    let [path, absent] = ["log", "absent"].map(|name| scratch.c_path(name));
    let Some(run) = traced(|| {
        let (server, client) = (socket(AF_UNIX, SOCK_DGRAM), socket(AF_UNIX, SOCK_DGRAM));
        let mut to = unix(path.as_bytes_with_nul());
        assert_eq!(bind(server, &to), 0);
        let sent = sys!(SYS_sendto, client, at(&TEXT), 50, 0, at(&*to), to.len());
        let sent_too = sys!(SYS_sendmsg, client, at(&message(&mut to, &iovec(&["ab", "cde"]), &mut [])), 0);
        let nowhere = unix(absent.as_bytes_with_nul());
        let lost = sys!(SYS_sendto, client, at(&TEXT), 9, 0, at(&*nowhere), nowhere.len());
        // Without a name the kernel is asked for none.
        [client, sent, sent_too, lost, sys!(SYS_sendto, client, at(&TEXT), 8, 0, 0, 0)]
    }) else {
        return;
    };
    let [client, sent, sent_too, ..] = run.said;
    assert_eq!((sent, sent_too), (50, 5));
    check!(run, SENDTO { res: 50, data: &TEXT[..50], fd: client, size: 50, tuple: &*path });
    check!(run, SENDMSG { res: 5, data: "abcde", fd: client, size: 5, tuple: &*path });
    check!(run, SENDTO { res: -ENOENT, data: &TEXT[..9], fd: client, size: 9, tuple: &*absent });
    check!(run, SENDTO { res: -ENOTCONN, data: &TEXT[..8], fd: client, size: 8, tuple: "" });
}

#[test]
fn datagrams_over_ipv6_and_on_a_connected_socket_have_tuples_too() {
    let Some(run) = traced(|| {
        let (server, client) = (socket(AF_INET6, SOCK_DGRAM), socket(AF_INET6, SOCK_DGRAM));
        assert_eq!((bind(server, &v6(0)), bind(client, &v6(0))), (0, 0));
        let to = v6(port(server));
        let named = sys!(SYS_sendto, client, c"six", 3, 0, at(&*to), to.len());
        assert_eq!(connect(client, &to), 0);
        [server, client, port(server).into(), port(client).into(), named, sys!(SYS_sendto, client, c"done", 4, 0, 0, 0)]
    }) else {
        return;
    };
    let [_, client, server_port, client_port, ..] = run.said;
    let tuple = format!("::1:{client_port}->::1:{server_port}");
    check!(run, SENDTO { res: 3, data: "six", fd: client, size: 3, tuple: &*tuple });
    check!(run, CONNECT { res: 0, tuple: &*tuple, fd: client, addr: format!("::1:{server_port}") });
    check!(run, SENDTO { res: 4, data: "done", fd: client, size: 4, tuple: &*tuple });
}

/// `struct msghdr`: name and its length, iovec and count, control and its length, flags.
pub(crate) fn message(name: &mut [u8], iovec: &[[u64; 2]], control: &mut [u8]) -> [u64; 7] {
    let or_null = |bytes: &mut [u8]| if bytes.is_empty() { 0 } else { at_mut(bytes) };
    let lens = [name.len() as u64, iovec.len() as u64, control.len() as u64];
    [or_null(name), lens[0], at(iovec), lens[1], or_null(control), lens[2], 0]
}

#[test]
fn messages_have_data_of_several_buffers_and_control_data() {
    let Some(run) = traced(|| {
        let (server, client) = (socket(AF_INET, SOCK_DGRAM), socket(AF_INET, SOCK_DGRAM));
        assert_eq!((bind(server, &v4(0)), bind(client, &v4(0))), (0, 0));
        let mut to = v4(port(server));
        let sent = sys!(SYS_sendmsg, client, at(&message(&mut to, &iovec(&["ab", "cde"]), &mut [])), 0);
        let (room, mut from) = ([[0_u8; 4]; 3], [0_u8; 16]);
        let room = iovec(&room);
        let mut header = message(&mut from, &room, &mut []);
        let got = sys!(SYS_recvmsg, server, at_mut(&mut header), 0);
        let failed = sys!(SYS_recvmsg, server, at_mut(&mut header), MSG_DONTWAIT);
        let _ = (sys!(SYS_sendmsg, client, NOWHERE, 0), sys!(SYS_recvmsg, -1, NOWHERE, 0));
        [server, client, port(server).into(), port(client).into(), sent, got, failed]
    }) else {
        return;
    };
    let [server, client, server_port, client_port, ..] = run.said;
    let tuple = format!("127.0.0.1:{client_port}->127.0.0.1:{server_port}");
    check!(run, SENDMSG { res: 5, data: "abcde", fd: client, size: 5, tuple: &*tuple });
    check!(run, RECVMSG { res: 5, size: 12, data: "abcde", tuple: &*tuple, msgcontrol: missing(), fd: server });
    let event = run.own().next(&RECVMSG);
    assert_eq!((event.params.i64(0), event.params.raw(2)), (Some((-EAGAIN).into()), None));
    let alone = format!("127.0.0.1:{client_port}->0.0.0.0:0");
    check!(run, SENDMSG { res: -EFAULT, data: missing(), fd: client, size: 0, tuple: alone });
    check!(run, RECVMSG { res: -EBADF, size: 0, data: missing(), tuple: missing(), msgcontrol: missing(), fd: -1 });
}

#[test]
fn a_descriptor_that_is_passed_is_in_the_control_data() {
    let Some(run) = traced(|| {
        let mut ends = [0_i32; 2];
        assert_eq!(sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, at_mut(&mut ends)), 0);
        // struct cmsghdr: length, SOL_SOCKET, SCM_RIGHTS; then a descriptor.
        let rights = [20_u64.to_ne_bytes(), [1, 0, 0, 0, 1, 0, 0, 0], [0; 8]].concat();
        let mut control = rights.clone();
        let sent = sys!(SYS_sendmsg, ends[0], at(&message(&mut [], &iovec(&["x"]), &mut control)), 0);
        let (room, mut control) = ([[0_u8; 4]], [0_u8; 64]);
        let room = iovec(&room);
        let mut header = message(&mut [], &room, &mut control);
        let got = sys!(SYS_recvmsg, ends[1], at_mut(&mut header), 0);
        let passed = i32::from_ne_bytes([control[16], control[17], control[18], control[19]]);
        [ends[0].into(), ends[1].into(), sent, got, passed.into(), header[5] as i64]
    }) else {
        return;
    };
    let [one, two, _, _, passed, len] = run.said;
    let mut control = [20_u64.to_ne_bytes(), [1, 0, 0, 0, 1, 0, 0, 0], (passed as u64).to_ne_bytes()].concat();
    control.resize(len as usize, 0);
    check!(run, SENDMSG { res: 1, data: "x", fd: one, size: 1, tuple: "" });
    check!(run, RECVMSG { res: 1, size: 4, data: "x", tuple: "", msgcontrol: &*control, fd: two });
}

#[test]
fn a_socket_without_a_connection_sends_nothing() {
    let Some(run) = traced(|| {
        let fd = socket(AF_INET, SOCK_STREAM);
        [fd, sys!(SYS_recvfrom, fd, 0, 0, 0, 0, 0)]
    }) else {
        return;
    };
    check!(run, RECVFROM { res: -ENOTCONN, data: missing(), tuple: missing(), fd: run.said[0], size: 0 });
}
