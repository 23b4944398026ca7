//! Several messages of one call: an event for each.

use libc::{AF_INET, EAGAIN, EBADF, MSG_DONTWAIT, SOCK_DGRAM};
use tracer_common::events::net::{RECVMMSG, SENDMMSG};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::missing,
    sys,
};

use crate::{
    io::iovec,
    net::message,
    socket::{bind, port, v4},
    traced,
};

/// `struct mmsghdr`: a message header, the bytes that were moved.
pub fn messages(headers: &[[u64; 7]]) -> Vec<[u64; 8]> {
    headers.iter().map(|header| std::array::from_fn(|at| header.get(at).copied().unwrap_or(0))).collect()
}

#[test]
fn each_message_is_an_event() {
    let Some(run) = traced(|| {
        let sockets = [0, 1].map(|_| sys!(SYS_socket, AF_INET, SOCK_DGRAM, 0));
        let [server, client] = sockets;
        assert_eq!((bind(server, &v4(0)), bind(client, &v4(0))), (0, 0));
        let [mut to, mut again] = [0, 1].map(|_| v4(port(server)));
        let (first, second) = (iovec(&["ab", "cde"]), iovec(&["xyz"]));
        let headers = messages(&[message(&mut to, &first, &mut []), message(&mut again, &second, &mut [])]);
        let sent = sys!(SYS_sendmmsg, client, at(&headers[..]), 2, 0);
        let (room, mut from) = ([[0_u8; 8]; 3], [[0_u8; 16]; 3]);
        let rooms: Vec<_> = room.iter().map(|room| iovec(&[room])).collect();
        let headers: Vec<_> = rooms.iter().zip(&mut from).map(|(room, from)| message(from, room, &mut [])).collect();
        let mut headers = messages(&headers);
        let got = sys!(SYS_recvmmsg, server, at_mut(&mut headers[..]), 3, MSG_DONTWAIT, 0);
        let none = sys!(SYS_recvmmsg, server, at_mut(&mut headers[..]), 3, MSG_DONTWAIT, 0);
        let failed = [sys!(SYS_sendmmsg, -1, NOWHERE, 1, 0), sys!(SYS_recvmmsg, -1, NOWHERE, 1, 0, 0)];
        [server, client, port(server).into(), port(client).into(), sent, got, none, failed[0], failed[1]]
    }) else {
        return;
    };
    let [server, client, server_port, client_port, ..] = run.said;
    assert_eq!(run.said[4..], [2, 2, -i64::from(EAGAIN), -i64::from(EBADF), -i64::from(EBADF)]);
    let tuple = format!("127.0.0.1:{client_port}->127.0.0.1:{server_port}");
    check!(run, SENDMMSG { res: 5, fd: client, size: 5, data: "abcde", tuple: &*tuple });
    check!(run, SENDMMSG { res: 3, fd: client, size: 3, data: "xyz", tuple: &*tuple });
    check!(run, SENDMMSG { res: -EBADF, fd: -1, size: 0, data: missing(), tuple: missing() });
    check!(run, RECVMMSG { res: 5, fd: server, size: 8, data: "abcde", tuple: &*tuple, msgcontrol: missing() });
    check!(run, RECVMMSG { res: 3, fd: server, size: 8, data: "xyz", tuple: &*tuple, msgcontrol: missing() });
    let failed = run.own().next(&RECVMMSG);
    assert_eq!((failed.result(), failed.params.raw(3)), (Some(-i64::from(EAGAIN)), None));
    check!(run, RECVMMSG { res: -EBADF, fd: -1, size: 0, data: missing(), tuple: missing(), msgcontrol: missing() });
}

/// The kernel lets 33 programs follow one another: as many messages are events, the others are counted as lost.
#[test]
fn what_is_more_than_can_be_reported_is_counted() {
    let Some(run) = traced(|| {
        let sockets = [0, 1].map(|_| sys!(SYS_socket, AF_INET, SOCK_DGRAM, 0));
        let [server, client] = sockets;
        assert_eq!(bind(server, &v4(0)), 0);
        let mut to = v4(port(server));
        let data = iovec(&["x"]);
        let headers = messages(&vec![message(&mut to, &data, &mut []); 100]);
        [sys!(SYS_sendmmsg, client, at(&headers[..]), 100, 0)]
    }) else {
        return;
    };
    assert_eq!(run.said, [100]);
    let seen = run.own().all(&SENDMMSG).count();
    assert!(seen >= 32, "{seen}");
    assert_eq!(seen as u64 + run.lost(), 100);
}
