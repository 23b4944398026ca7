//! Connections of TCP, apart from calls: when and how they end, whose they are, what is sent again and reset.

use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
};

use libc::{AF_INET, AF_INET6, ECONNREFUSED, ECONNRESET, SO_LINGER, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET};
use tracer_common::events::tcp::{TCP_CLOSE, TCP_RESET, TCP_RETRANSMIT};
use tracer_tests::{
    call::{at, at_mut},
    check,
    check::flags,
    command::tracer,
    level,
    scratch::Scratch,
    session::Session,
    sys,
};

use crate::{
    net::{connect, listener, socket},
    socket::{bind, port, v4, v6},
    traced,
};

/// Sends so many bytes.
fn send(fd: i64, len: usize) {
    let data = [7_u8; 4096];
    let mut left = len;
    while left > 0 {
        let sent = sys!(SYS_write, fd, at(&data), left.min(data.len()));
        left -= usize::try_from(sent).expect("bytes are sent");
    }
}

/// Receives until the end; so many bytes.
fn receive(fd: i64) -> i64 {
    let mut data = [0_u8; 4096];
    let mut all = 0;
    loop {
        match sys!(SYS_read, fd, at_mut(&mut data), data.len()) {
            0 => return all,
            len => all += len,
        }
    }
}

/// What a read of a connection that was reset says.
fn receive_error(fd: i64) -> i64 {
    let mut data = [0_u8; 16];
    sys!(SYS_read, fd, at_mut(&mut data), data.len())
}

/// A time that is not known.
const NOT_MEASURED: u64 = u64::MAX;

/// A time that was measured, ns.
fn measured() -> std::ops::RangeInclusive<i64> {
    1..=60_000_000_000
}

#[test]
fn an_ended_connection_says_what_went_through_it() {
    for (family, address) in [(AF_INET, v4 as fn(u16) -> Vec<u8>), (AF_INET6, v6)] {
        let Some(run) = traced(move || {
            let (server, server_port) = listener(family, &address(0), 5);
            let client = socket(family, SOCK_STREAM);
            assert_eq!(connect(client, &address(server_port)), 0);
            let accepted = sys!(SYS_accept, server, 0, 0);
            let client_port = port(client);
            send(client, 20_000);
            assert_eq!(sys!(SYS_shutdown, client, libc::SHUT_WR), 0);
            let there = receive(accepted);
            send(accepted, 10_000);
            assert_eq!(sys!(SYS_close, accepted), 0);
            let back = receive(client);
            assert_eq!(sys!(SYS_close, client), 0);
            // What never was a connection ends without a word.
            assert_eq!(sys!(SYS_close, server), 0);
            [server_port.into(), client_port.into(), there, back]
        }) else {
            return;
        };
        let [server_port, client_port, there, back] = run.said;
        assert_eq!((there, back), (20_000, 10_000));
        let ip = if family == AF_INET { "127.0.0.1" } else { "::1" };
        let tuple = format!("{ip}:{client_port}->{ip}:{server_port}");
        assert_eq!(run.own().all(&TCP_CLOSE).count(), 2, "one for each end");
        check!(
            run,
            TCP_CLOSE {
                res: 0,
                tuple: &*tuple,
                side: flags("client"),
                state: flags("TCP_FIN_WAIT2"),
                duration: measured(),
                rx: 10_000,
                tx: 20_000,
                retrans: 0,
                rtt: measured()
            }
        );
        check!(
            run,
            TCP_CLOSE {
                res: 0,
                tuple: &*tuple,
                side: flags("server"),
                state: flags("TCP_LAST_ACK"),
                duration: measured(),
                rx: 20_000,
                tx: 10_000,
                retrans: 0,
                rtt: measured()
            }
        );
    }
}

#[test]
fn a_connection_that_is_refused_or_reset_says_why_it_ended() {
    let Some(run) = traced(|| {
        let (server, server_port) = listener(AF_INET, &v4(0), 5);
        let (unused, refused) = (socket(AF_INET, SOCK_STREAM), socket(AF_INET, SOCK_STREAM));
        assert_eq!(bind(unused, &v4(0)), 0);
        let closed = port(unused);
        assert_eq!(connect(refused, &v4(closed)), -i64::from(ECONNREFUSED));
        let client = socket(AF_INET, SOCK_STREAM);
        assert_eq!(connect(client, &v4(server_port)), 0);
        let (accepted, client_port) = (sys!(SYS_accept, server, 0, 0), port(client));
        // What was not read when a socket is closed is answered with a reset.
        send(accepted, 100);
        assert_eq!(sys!(SYS_close, client), 0);
        assert_eq!(receive_error(accepted), -i64::from(ECONNRESET));
        let second = socket(AF_INET, SOCK_STREAM);
        assert_eq!(connect(second, &v4(server_port)), 0);
        let second_port = port(second);
        let linger = [1_i32, 0];
        assert_eq!(sys!(SYS_setsockopt, second, SOL_SOCKET, SO_LINGER, at(&linger), size_of_val(&linger)), 0);
        assert_eq!(sys!(SYS_close, second), 0);
        [server_port.into(), closed.into(), client_port.into(), second_port.into()]
    }) else {
        return;
    };
    let [server_port, closed, client_port, second_port] = run.said;
    let refused = run.own().all(&TCP_CLOSE).next().expect("the one that was refused");
    let tuple = tracer_tests::check::text(&refused, "tuple");
    assert!(tuple.starts_with("127.0.0.1:") && tuple.ends_with(&format!("->127.0.0.1:{closed}")), "{tuple}");
    check!(
        run,
        TCP_CLOSE {
            res: -ECONNREFUSED,
            tuple: &*tuple,
            side: flags("client"),
            state: flags("TCP_SYN_SENT"),
            duration: measured(),
            rx: 0,
            tx: 0,
            retrans: 0,
            rtt: NOT_MEASURED
        }
    );
    check!(
        run,
        TCP_RESET { tuple: &*tuple, side: flags("client"), state: flags("TCP_SYN_SENT"), direction: flags("received") }
    );
    for (port, rx) in [(client_port, 100), (second_port, 0)] {
        check!(
            run,
            TCP_RESET {
                tuple: format!("127.0.0.1:{port}->127.0.0.1:{server_port}"),
                side: flags("client"),
                state: flags("TCP_CLOSE"),
                direction: flags("sent")
            }
        );
        check!(
            run,
            TCP_CLOSE {
                res: 0,
                tuple: format!("127.0.0.1:{port}->127.0.0.1:{server_port}"),
                side: flags("client"),
                state: flags("TCP_ESTABLISHED"),
                duration: measured(),
                rx: rx,
                tx: 0,
                retrans: 0,
                rtt: measured()
            }
        );
    }
}

#[test]
fn a_segment_that_is_sent_again_is_seen() {
    let Some(run) = traced(|| {
        let (server, server_port) = listener(AF_INET, &v4(0), 0);
        let (first, second) = (socket(AF_INET, SOCK_STREAM), socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK));
        assert_eq!(connect(first, &v4(server_port)), 0);
        // The queue is full: nobody answers for as long as the first one is not accepted.
        assert_eq!(connect(second, &v4(server_port)), -i64::from(libc::EINPROGRESS));
        let second_port = port(second);
        let asked = [second as u64 & 0xffff_ffff | 4 << 32];
        assert_eq!(sys!(SYS_poll, at(&asked), 1, 1500), 0);
        assert_eq!(sys!(SYS_close, second), 0);
        let _ = server;
        [server_port.into(), second_port.into()]
    }) else {
        return;
    };
    let [server_port, second_port] = run.said;
    let tuple = format!("127.0.0.1:{second_port}->127.0.0.1:{server_port}");
    check!(run, TCP_RETRANSMIT { tuple: &*tuple, side: flags("client"), state: flags("TCP_SYN_SENT") });
    check!(
        run,
        TCP_CLOSE {
            res: 0,
            tuple: &*tuple,
            side: flags("client"),
            state: flags("TCP_SYN_SENT"),
            duration: 1_400_000_000..=60_000_000_000_i64,
            rx: 0,
            tx: 0,
            retrans: 1..=5_i64,
            rtt: NOT_MEASURED
        }
    );
}

#[test]
fn an_end_that_nobody_here_made_is_nobodys_and_captures_keep_all_of_it() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let capture = scratch.path("ends.scap").display().to_string();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let format = "%evt.type %fd.rport %fd.is_server %evt.arg.res %evt.rawarg.rx %evt.rawarg.tx %evt.rawarg.duration \
        %thread.tid %evt.info";
    let filter = format!("evt.type in (tcp_close, tcp_retransmit) and fd.port={}", address.port());
    let mut session = Session::lines_of(&mut tracer(["-w", &capture]), &format!("{format} in=%container.id"), &filter);
    let client = TcpStream::connect(address).expect("a connection");
    let (mut accepted, peer) = listener.accept().expect("a connection");
    accepted.write_all(b"not read").expect("it is sent");
    while client.peek(&mut [0; 8]).expect("it comes") < 8 {}
    drop(client);
    let ours = session.wait_for(&[&format!("tcp_close {} false 0 8 0 ", address.port())]);
    let theirs =
        session.wait_for(&[&format!("tcp_close {} true ECONNRESET 0 8 ", peer.port()), " 0 res=-104", "in=host"]);
    assert!(ours.contains(&format!(" {} res=0 ", sys!(SYS_gettid))) && ours.ends_with("in=host"), "{ours}");
    let _ = session.end();

    let again = tracer(["-r", &capture, "-p", &format!("*%fd.name {format}"), "evt.type=tcp_close"]).output();
    let again = String::from_utf8(again.expect("it runs").stdout).expect("UTF-8");
    let again: Vec<&str> = again.lines().collect();
    // The cgroup is not in the file.
    assert_eq!(again, [ours, theirs].each_ref().map(|line| line.trim_end_matches(" in=host")));
    // Who does not know the event shows nothing in its place.
    let calls = tracer(["-r", &capture, "-p", "%evt.type", "evt.type=syscall"]).output().expect("it runs");
    assert!(calls.stdout.is_empty(), "{calls:?}");
    let info = tracer(["info", &capture]).output().expect("it runs");
    let info = String::from_utf8(info.stdout).expect("UTF-8");
    assert!(info.lines().any(|line| line.trim() == "2 tcp_close"), "{info}");
}
