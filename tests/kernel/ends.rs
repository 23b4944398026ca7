//! Ends of sockets in tables that are counted in the kernel: which end is the server, IPv4 and IPv6, and sockets without a peer,
//! which come as events.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
};

use tracer_tests::{
    command::{self, Running},
    level,
    scratch::Scratch,
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

#[test]
fn a_row_says_both_ends_and_which_one_is_the_server() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let chisel = grouped::chisel(&scratch, "ends", BYTES);
    let workload = Workload::fork(work);
    let filter = format!("proc.pid={}", workload.pid);
    let explained = command::output(["--explain", "-c", &chisel, &filter]).lines.join("\n");
    assert!(explained.contains("the table "), "{explained}");
    let running = Running::start(&mut command::tracer(["-j", "-c", &chisel, &filter]));
    assert!(running.line().is_some(), "a table is printed");
    workload.start();
    let (_, [port, datagrams]) = workload.end();
    // What is on its way comes with the next table.
    let mut lines: Vec<String> = (0..3).map(|_| running.line().expect("tables go on")).collect();
    running.interrupt();
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    lines.extend(output.lines);
    let (sums, _) = grouped::sums(lines.iter());
    let row = |kind: &str, protocol: &str, server: bool, ip: &str, port: i64| {
        [kind, protocol, &server.to_string(), ip, ip, &port.to_string()].map(str::to_owned).to_vec()
    };
    let expected = BTreeMap::from([
        (row("ipv4", "tcp", false, "127.0.0.1", port), 18),
        (row("ipv4", "tcp", true, "127.0.0.1", port), 18),
        (row("ipv6", "tcp", false, "::1", port), 18),
        (row("ipv6", "tcp", true, "::1", port), 18),
        (row("ipv4", "udp", false, "127.0.0.1", datagrams), 9),
        (row("ipv4", "udp", true, "127.0.0.1", datagrams), 9),
    ]);
    assert_eq!(sums, expected, "{}", output.errors);
}
