//! `tracer logs --to` for each protocol: what arrives byte by byte, also when the server is killed, and lines that were written to break it.

use std::net::UdpSocket;

use super::{
    collector::{Taken, TlsServer},
    forms::{self, Parts},
    receiver::{Attend, Receiver},
    shipped::assert_no_loss,
    *,
};

/// How a shell writes a line with all that ends something somewhere, and that line.
const HOSTILE: (&str, &[u8]) = (
    r#"printf 'bad \001\000\r\033[31m \377\376 "}\\]}, \342\200\250 <30>1 x end\n'"#,
    b"bad \x01\0\r\x1b[31m \xff\xfe \"}\\]}, \xe2\x80\xa8 <30>1 x end",
);

/// A container that writes numbered lines to both streams, and lines that are hard to carry.
fn hostile(docker: &Docker, name: &str) -> Container {
    // This driver keeps bytes as they are.
    let script = script(LINES, "0.05") + "; " + HOSTILE.0 + "; echo; echo old news; echo last; sleep 1000";
    write(docker, name, &["--network=none", "--log-driver=local", "--label=a.b/c=d"], &script)
}

fn numbers_of(taken: &[Taken], word: &str) -> Vec<usize> {
    let lines = taken.iter().filter(|line| line.text.starts_with(&format!("{word} ")) && line.text.ends_with(FILL));
    lines.map(|line| line.text.split(' ').nth(1).unwrap().parse().unwrap()).collect()
}

/// What a server is expected to do.
struct Expected<'e> {
    /// What it gets of the hostile line, and of an empty one.
    bad: &'e str,
    empty: &'e str,
    /// Whether it takes a line that begins with `old`.
    takes_old: bool,
    /// Whether it gets lines in their order.
    keeps_order: bool,
}

/// Takes everything in order.
const ALL: Expected<'static> = Expected { bad: "", empty: "", takes_old: true, keeps_order: true };

/// Sends all lines to a server that is killed meanwhile: all of them arrive.
fn survives(attend: Attend, url: impl Fn(u16) -> String, expected: &Expected<'_>) {
    let Expected { bad, empty, takes_old: is_old_taken, keeps_order } = *expected;
    let docker = Docker::default();
    let mut receiver = Receiver::start(attend);
    let container = hostile(&docker, "target");
    let url = url(receiver.port);
    let mut running = Running::start(&mut tracer(["logs", "-f", "--to", &url, &container.name]));
    wait::until("the first lines", || (receiver.taken().len() > 200).then_some(()));
    receiver.kill();
    let taken = receiver.taken().len();
    assert!(taken < 2 * LINES, "it has to be killed in between");
    // It may have been said before that something waits.
    let mut said = running.error_line();
    while !said.contains("refused")
        && !said.contains("closed")
        && !said.contains("reset")
        && !said.contains("cannot send")
    {
        said = running.error_line();
    }
    assert!(!said.contains("pass"), "{said}");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(receiver.taken().len(), taken);
    receiver.start_again();
    wait::until("the last line", || receiver.taken().iter().any(|line| line.text == "last").then_some(()));
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(i32::from(!is_old_taken)), "{}", ended.errors);
    let delivered = 2 * LINES + if is_old_taken { 4 } else { 3 };
    assert!(ended.errors.contains(&format!("sent {delivered} lines to ")), "{}", ended.errors);
    assert_eq!(ended.errors.contains("1 line lost: 1 refused: "), !is_old_taken, "{}", ended.errors);
    assert!(!ended.errors.contains("pass word") && !ended.errors.contains("t0k3n"), "{}", ended.errors);
    let all = receiver.taken();
    for (stream, word) in [("stdout", "out"), ("stderr", "err")] {
        let of_stream: Vec<Taken> = all.iter().filter(|line| line.stream == stream).cloned().collect();
        let mut numbers = numbers_of(&of_stream, word);
        if !keeps_order {
            numbers.sort_unstable();
        }
        assert_no_loss(&numbers, LINES);
    }
    let rest: Vec<&str> = all.iter().map(|line| &*line.text).filter(|text| !text.ends_with(FILL)).collect();
    for wanted in [bad, empty, "last"] {
        assert!(rest.contains(&wanted), "{wanted:?} is missing: {rest:?}");
    }
    assert_eq!(rest.contains(&"old news"), is_old_taken, "{rest:?}");
    assert_eq!(rest.len(), if is_old_taken { 4 } else { 3 }, "{rest:?}");
    assert!(all.iter().all(|line| line.container == container.name && line.time_ns > 1_700_000_000_000_000_000));
}

fn lossy() -> String {
    String::from_utf8_lossy(HOSTILE.1).into_owned()
}

#[test]
fn gelf_over_a_connection_has_a_nul_after_each_object() {
    if !level::engine_or_skip() {
        return;
    }
    survives(
        forms::gelf_stream,
        |port| format!("gelf+tcp://127.0.0.1:{port}"),
        &Expected { bad: &lossy(), empty: "-", ..ALL },
    );
}

#[test]
fn gelf_datagrams_are_packed_and_have_parts() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let mut socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let wait = |socket: &UdpSocket| socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    wait(&socket);
    // No more than a socket holds; a line that cannot be packed has parts.
    let random = "head -c 60000 /dev/urandom | base64 | tr -d '\\n'; echo";
    let pause = "while [ ! -e /tmp/go ]; do sleep 0.1; done";
    let script = format!("{}; {}; {pause}; {random}; echo; echo last; sleep 1000", script(20, "0"), HOSTILE.0);
    let container = write(&docker, "gelf", &["--network=none", "--log-driver=local"], &script);
    let url = format!("gelf+udp://{address}");
    let mut running = Running::start(&mut tracer(["logs", "-f", "--to", &url, &container.name]));
    let (mut parts, mut taken) = (Parts::default(), Vec::new());
    let mut receive = |socket: &UdpSocket, count: usize, taken: &mut Vec<Taken>| {
        let mut buffer = [0; 65_536];
        while taken.len() < count {
            let length = socket.recv(&mut buffer).expect("a datagram");
            taken.extend(parts.take(&buffer[..length]).unwrap());
        }
    };
    receive(&socket, 41, &mut taken);
    assert!(numbers_of(&taken, "out").into_iter().eq(0..20) && numbers_of(&taken, "err").into_iter().eq(0..20));
    assert_eq!(taken.iter().filter(|line| line.text == lossy()).count(), 1);
    // Nothing listens, which is known from the second datagram on: from there on all is sent again.
    drop(socket);
    let _ = docker.output(&["exec", &container.id, "sh", "-c", "mkdir -p /tmp; touch /tmp/go"]);
    while !running.error_line().contains("cannot send logs to gelf+udp://") {}
    socket = UdpSocket::bind(address).unwrap();
    wait(&socket);
    taken.clear();
    receive(&socket, 3, &mut taken);
    let texts: Vec<&str> = taken.iter().map(|line| &*line.text).collect();
    assert!(texts[0].len() == 80_000 && texts[1..] == ["-", "last"], "{} {:?}", texts[0].len(), &texts[1..]);
    running.interrupt();
    assert_eq!(running.end().status.code(), Some(0));
}

#[test]
fn fluent_forward_waits_for_acknowledgements() {
    if !level::engine_or_skip() {
        return;
    }
    survives(
        forms::fluent,
        |port| format!("fluent+tcp://127.0.0.1:{port}?tag=a.tag"),
        &Expected { bad: &lossy(), ..ALL },
    );
}

#[test]
fn lines_have_a_token_and_cannot_end_each_other() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("token");
    fs::write(&file, "t0k3n-of-the-test\n").unwrap();
    let bad = lossy().replace('\0', "\u{fffd}").replace('\r', "\u{2028}");
    let url = |port| format!("lines+tcp://127.0.0.1:{port}?format=name&token-file={}", file.display());
    survives(forms::lines, url, &Expected { bad: &bad, ..ALL });
}

#[test]
fn loki_gets_streams_with_few_labels() {
    if !level::engine_or_skip() {
        return;
    }
    survives(
        forms::loki,
        |port| format!("loki+http://127.0.0.1:{port}?tenant=team%20a"),
        &Expected { bad: &lossy(), takes_old: false, ..ALL },
    );
}

#[test]
fn elasticsearch_answers_for_each_document() {
    if !level::engine_or_skip() {
        return;
    }
    let url = |port| format!("elastic+http://user:pass%20word@127.0.0.1:{port}?index=an-index");
    // Documents that have to be sent again come after others.
    let expected = Expected { bad: &lossy(), takes_old: false, keeps_order: false, ..ALL };
    survives(forms::elastic, url, &expected);
}

#[test]
fn clickhouse_gets_rows() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("headers");
    fs::write(&file, "# of the test\nX-ClickHouse-Key: of a file\n").unwrap();
    let url = |port| format!("clickhouse+http://127.0.0.1:{port}?table=logs.lines&headers={}", file.display());
    survives(forms::clickhouse, url, &Expected { bad: &lossy(), takes_old: false, ..ALL });
}

#[test]
fn a_server_that_refuses_everything_is_not_asked_without_end() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let container = write(&docker, "refuses", &["--network=none"], "seq 1 3000; sleep 1000");
    wait::until("its lines", || (output(["logs", &container.name]).lines.len() == 3_000).then_some(()));
    let receiver = Receiver::start(forms::refusing);
    let url = format!("clickhouse+http://127.0.0.1:{}", receiver.port);
    let refused = output(["logs", "--to", &url, &container.name]);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.errors);
    let said = "sent 0 lines to clickhouse+http://";
    let cause = "3000 lines lost: 3000 refused: it answers with status 400: Code: 117. DB::Exception: Unknown field";
    assert!(refused.errors.contains(said) && refused.errors.contains(cause), "{}", refused.errors);
    // At least three batches of a thousand lines.
    assert!((3..600).contains(&receiver.count()), "{}", receiver.count());
}

#[test]
fn new_targets_have_tls_as_well() {
    if !level::engine_or_skip() || !level::program_or_skip("openssl") {
        return;
    }
    let docker = Docker::default();
    let container = write(&docker, "target-tls", &["--network=none"], &(script(300, "0") + "; sleep 1000"));
    wait::until("its lines", || (output(["logs", &container.name]).lines.len() == 600).then_some(()));
    let targets: [(Attend, &str); 3] = [
        (forms::gelf_stream, "gelf+tls://127.0.0.1:PORT?"),
        (forms::calm_fluent, "fluent+tls://127.0.0.1:PORT?tag=a.tag&"),
        (forms::loki, "loki+https://127.0.0.1:PORT?tenant=team%20a&"),
    ];
    for (attend, url) in targets {
        let mut server = TlsServer::start();
        let (reader, writer) = server.streams();
        let receiver = Receiver::over(attend, reader, writer);
        let url = url.replace("PORT", &server.port.to_string());
        let sent = output(["logs", "--to", &format!("{url}ca={}", server.ca()), &container.name]);
        assert_eq!(sent.status.code(), Some(0), "{}", sent.errors);
        assert!(sent.errors.contains("sent 600 lines"), "{}", sent.errors);
        wait::until("all lines", || (receiver.taken().len() == 600).then_some(()));
        // The system's authorities do not vouch for it.
        let other = TlsServer::start();
        let url = url.replace(&server.port.to_string(), &other.port.to_string());
        let sent = output(["logs", "--to", url.trim_end_matches(['?', '&']), "-n", "1", &container.name]);
        assert_eq!(sent.status.code(), Some(1), "{}", sent.errors);
        assert!(sent.errors.contains("certificate") || sent.errors.contains("no list of"), "{}", sent.errors);
    }
}
