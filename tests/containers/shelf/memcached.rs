//! A real memcached in a container, and a client on the host.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::Duration,
};

use tracer_tests::{
    command::{Running, tracer},
    docker::{Docker, unique},
    level, peer, wait,
};

use super::{address, first_answer};

/// What it is told and asked, the last line of the answer, and what is shown of it.
const TALK: [(&str, &str, &str); 5] = [
    ("set greeting 0 0 5\r\nhello", "STORED", "method=set size=5B key=greeting"),
    ("get greeting", "END", "method=get size=5B key=greeting"),
    ("get nothing", "END", "method=get size=0B key=nothing"),
    ("set large:1 0 0 2000\r\n", "STORED", "method=set size=2000B key=large:1"),
    ("get large:1", "END", "method=get size=2000B key=large:1"),
];

/// Says something on a connection of its own, and waits for the last line of the answer.
fn say(address: &str, text: &str, last: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect((address, 11211))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(format!("{text}\r\n").as_bytes())?;
    for line in BufReader::new(stream).lines() {
        if line? == last {
            return Ok(());
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

#[test]
fn memcachelog_shows_what_a_memcached_stores_and_gives() {
    if !level::engine_or_skip() {
        return;
    }
    let Some(program) = peer::unpacked("memcached", "memcached") else { return };
    let volume = format!("{}:/memcached:ro", program.display());
    let command = ["/memcached/run", "-u", "root", "-p", "11211"];
    let server = Docker::default().run(&unique("cache"), &["--volume", &volume], &command);
    let ip = address(&server);
    first_answer(&server, || say(&ip, "get first", "END"));

    let running = Running::start(&mut tracer(["--unbuffered", "-pc", "-c", "memcachelog"]));
    let mut lines: Vec<String> = Vec::new();
    wait::until("it to watch", || {
        say(&ip, "get watched", "END").expect("an answer");
        lines.extend(running.lines());
        let from = |name: &str| lines.iter().any(|line| line.contains(&format!(" {name} method=get")));
        (from(&server.name) && from("host")).then_some(())
    });
    for (text, last, _) in TALK {
        let value = if text.ends_with("\r\n") { "x".repeat(2000) } else { String::new() };
        say(&ip, &format!("{text}{value}"), last).expect("an answer");
    }
    running.interrupt();
    let output = running.end();
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
    lines.extend(output.lines);
    for name in [server.name.as_str(), "host"] {
        let of_it = lines.iter().filter_map(|line| line.split_once(&format!(" {name} ")).map(|(_, what)| what));
        let shown: Vec<&str> = of_it.filter(|what| !what.ends_with("=watched")).collect();
        assert_eq!(shown, TALK.map(|(.., shown)| shown), "{name}: {lines:#?}");
    }
}
