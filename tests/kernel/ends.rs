//! Ends of sockets in tables that are counted in the kernel: which end is the server, IPv4 and IPv6, and sockets without a peer,
//! which come as events.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::{FromRawFd as _, OwnedFd},
};

use tracer_tests::{
    call::at,
    command::{self, Running},
    level,
    scratch::Scratch,
    sys,
    workload::Workload,
};

use crate::grouped;

/// Adds up bytes by all that a row can say of a socket but the port of the client, which nobody knows before.
const BYTES: &str = r##"
chisel(#{ summary: "bytes of sockets" });
interval(INTERVAL);
filter("evt.is_io=true and fd.type in (ipv4, ipv6)");
table(#{
    keys: [
        #{ field: "fd.type", title: "T" }, #{ field: "fd.l4proto", title: "P" }, #{ field: "fd.is_server", title: "S" },
        #{ field: "fd.lip", title: "L" }, #{ field: "fd.rip", title: "R" }, #{ field: "fd.sport", title: "Port" },
    ],
    value: #{ field: "evt.buflen", title: "Bytes", op: "sum" },
    top: 1000,
});
"##;

/// Both ends of a connection to `to`: what the client sends, and what the server answers.
fn talk(listener: &TcpListener, to: SocketAddr, [there, back]: [usize; 2]) {
    let (mut buffer, mut client) = ([0; 64], TcpStream::connect(to).unwrap());
    let (mut accepted, _) = listener.accept().unwrap();
    client.write_all(&[1; 64][..there]).unwrap();
    accepted.read_exact(&mut buffer[..there]).unwrap();
    accepted.write_all(&[2; 64][..back]).unwrap();
    // What is left is read when the connection has ended on both sides.
    drop(accepted);
    client.shutdown(std::net::Shutdown::Write).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    client.read_exact(&mut buffer[..back]).unwrap();
}

fn work() -> [i64; 2] {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    talk(&listener, format!("127.0.0.1:{port}").parse().unwrap(), [11, 7]);
    talk(&listener, format!("[::1]:{port}").parse().unwrap(), [13, 5]);
    let (server, client) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let datagrams = server.local_addr().unwrap();
    client.connect(datagrams).unwrap();
    client.send(&[3; 9]).unwrap();
    server.recv_from(&mut [0; 64]).unwrap();
    [port.into(), datagrams.port().into()]
}

/// Both ends of a connection over MPTCP.
fn work_over_several_paths() -> [i64; 2] {
    let listener = several_paths(true, 0);
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::from(OwnedFd::from(several_paths(false, port)));
    let (mut buffer, (mut accepted, _)) = ([0; 64], listener.accept().unwrap());
    (&client).write_all(&[1; 11]).unwrap();
    accepted.read_exact(&mut buffer[..11]).unwrap();
    accepted.write_all(&[2; 7]).unwrap();
    (&client).read_exact(&mut buffer[..7]).unwrap();
    [port.into(), 0]
}

/// A socket of MPTCP on the loopback, that listens or is connected to `port`.
fn several_paths(listens: bool, port: u16) -> TcpListener {
    let [high, low] = port.to_be_bytes();
    // struct sockaddr_in.
    let address = [libc::AF_INET as u8, 0, high, low, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let fd = sys!(SYS_socket, libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP);
    let done = if listens {
        sys!(SYS_bind, fd, at(&address), 16) == 0 && sys!(SYS_listen, fd, 1) == 0
    } else {
        sys!(SYS_connect, fd, at(&address), 16) == 0
    };
    assert!(done, "the kernel has MPTCP");
    // SAFETY: a descriptor that was just made and belongs to nobody else.
    #[allow(unsafe_code, reason = "the library makes no such sockets")]
    unsafe {
        TcpListener::from_raw_fd(fd as i32)
    }
}

/// What was added up while a workload ran, and what it said.
fn sums_of(work: impl FnOnce() -> [i64; 2], more: &str) -> (BTreeMap<Vec<String>, u64>, [i64; 2]) {
    let scratch = Scratch::new();
    let chisel = grouped::chisel(&scratch, "ends", BYTES);
    let workload = Workload::fork(work);
    let filter = format!("proc.pid={}{more}", workload.pid);
    let explained = command::output(["--explain", "-c", &chisel, &filter]).lines.join("\n");
    assert!(explained.contains("the table "), "{explained}");
    let running = Running::start(&mut command::tracer(["-j", "-c", &chisel, &filter]));
    assert!(running.line().is_some(), "a table is printed");
    workload.start();
    let (_, said) = workload.end();
    // What is on its way comes with the next table.
    let mut lines: Vec<String> = (0..3).map(|_| running.line().expect("tables go on")).collect();
    running.interrupt();
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    assert!(output.errors.contains("\"groups\":0"), "{}", output.errors);
    lines.extend(output.lines);
    (grouped::sums(lines.iter()).0, said)
}

fn row(kind: &str, protocol: &str, server: bool, ip: &str, port: i64) -> Vec<String> {
    [kind, protocol, &server.to_string(), ip, ip, &port.to_string()].map(str::to_owned).to_vec()
}

#[test]
fn a_row_says_both_ends_and_which_one_is_the_server() {
    if !level::root_or_skip() {
        return;
    }
    let (sums, [port, datagrams]) = sums_of(work, "");
    let expected = BTreeMap::from([
        (row("ipv4", "tcp", false, "127.0.0.1", port), 18),
        (row("ipv4", "tcp", true, "127.0.0.1", port), 18),
        (row("ipv6", "tcp", false, "::1", port), 18),
        (row("ipv6", "tcp", true, "::1", port), 18),
        (row("ipv4", "udp", false, "127.0.0.1", datagrams), 9),
        (row("ipv4", "udp", true, "127.0.0.1", datagrams), 9),
    ]);
    assert_eq!(sums, expected);
}

#[test]
fn a_connection_over_several_paths_has_the_ends_of_the_first() {
    if !level::root_or_skip() {
        return;
    }
    // By calls, and where sockets move bytes.
    for more in ["", " and fd.l4proto=tcp"] {
        let (sums, [port, _]) = sums_of(work_over_several_paths, more);
        let expected = [false, true].map(|server| (row("ipv4", "tcp", server, "127.0.0.1", port), 18));
        assert_eq!(sums, BTreeMap::from(expected), "{more}");
    }
}
