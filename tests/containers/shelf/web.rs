//! A web server in a container, and a client in another one that asks it a known number of times.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    time::Duration,
};

use tracer_tests::{
    command::Output,
    docker::{Container, Docker, unique},
    level,
    scratch::Scratch,
    session::{Session, sum},
};

use super::{address, first_answer};

const PORT: u16 = 8080;
/// Bytes of the page: few enough for a table to show all bytes of a connection, up to 1 KB, exactly.
const PAGE: u64 = 300;

/// Answers with a page, whatever it is asked. `httpd` would send a file by `sendfile`, which `evt.is_io` leaves out.
const ANSWER: &str = r"#!/bin/sh
printf 'HTTP/1.1 200 OK\r\nContent-Length: PAGE\r\n\r\n%0PAGEd' 0
";

/// What the client asks, so many times each, and the code of the answer. All connections fit into one table of two
/// containers, which has 30 rows.
const QUESTIONS: [(&str, &str, u64, u16); 3] =
    [("GET", "/cgi-bin/a", 7, 200), ("GET", "/none", 3, 404), ("POST", "/cgi-bin/a", 2, 200)];

/// A request as `printf` of a shell takes it and as it is sent.
fn request(method: &str, path: &str, line_end: &str) -> String {
    [&format!("{method} {path} HTTP/1.1"), "Host: shop", "Content-Length: 0", "", ""].join(line_end)
}

/// All bytes of a question and its answer.
fn bytes_of(address: &str, method: &str, path: &str) -> io::Result<u64> {
    let question = request(method, path, "\r\n");
    let mut stream = TcpStream::connect((address, PORT))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok((question.len() + answer.len()) as u64)
}

/// The last words of the rows of tables that have `words` behind their value.
fn last_words<'a>(output: &'a Output, words: &[&str]) -> BTreeSet<&'a str> {
    let of = |line: &'a String| {
        // Behind the sum and the rates.
        let is_number = |cell: &&str| cell.starts_with(|c: char| c.is_ascii_digit()) && cell.ends_with('B');
        let mut cells = line.split_whitespace().skip_while(is_number);
        words.iter().all(|word| cells.next() == Some(word)).then_some(())?;
        cells.next().filter(|_| cells.next().is_none())
    };
    output.lines.iter().filter_map(of).collect()
}

/// Lines of `httplog` for a container and a question.
fn logged<'a>(output: &'a Output, name: &str, side: &str, question: &str) -> Vec<&'a str> {
    let wanted = format!(" {name} {side} {question}");
    output.lines.iter().map(String::as_str).filter(|line| line.contains(&wanted)).collect()
}

#[test]
fn requests_between_two_containers_are_shown_with_both_and_counted_to_the_byte() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let scratch = Scratch::new();
    fs::write(scratch.path("a"), ANSWER.replace("PAGE", &PAGE.to_string())).expect("a script");
    fs::set_permissions(scratch.path("a"), fs::Permissions::from_mode(0o755)).expect("its owner");
    let volume = format!("{}:/srv/cgi-bin:ro", scratch.dir().display());
    let serve = ["httpd", "-f", "-p", &PORT.to_string(), "-h", "/srv"];
    // Short names: a cell with another one behind it has 19 characters.
    let server = docker.run(&unique("w"), &["--volume", &volume], &serve);
    let ip = address(&server);
    first_answer(&server, || bytes_of(&ip, "GET", "/none"));
    let total: u64 =
        QUESTIONS.iter().map(|(method, path, count, _)| count * bytes_of(&ip, method, path).expect("an answer")).sum();
    let client = docker.run(&unique("c"), &[], &["sleep", "1000"]);

    let filter = format!("container.name in ({}, {})", server.name, client.name);
    let chisels = ["-c", "topconns", "-c", "topports_server", "-c", "httptop", "-c", "httplog"];
    let session = Session::table(&[&["-pc"], &chisels[..], &[&filter]].concat());
    let sizes = Session::table(&["-pc", "-c", "httptop", "bytes", &filter]);
    for (method, path, count, _) in QUESTIONS {
        let ask = format!("printf '{}' | nc {ip} {PORT} >/dev/null", request(method, path, "\\r\\n"));
        let _ = client.exec(&["sh", "-c", &format!("for n in $(seq {count}); do {ask}; done")]);
    }
    let (output, sizes) = (session.end(), sizes.end());

    let asked: u64 = QUESTIONS.iter().map(|(.., count, _)| count).sum();
    for (container, side) in [(&server, "<"), (&client, ">")] {
        let name = container.name.as_str();
        let port = sum(&output, &[name, &PORT.to_string()]);
        assert!(port.is(total), "{name}: {port:?}, not {total}\n{:#?}", output.lines);
        let all = connections(&output, container, &ip);
        assert_eq!(all.len() as u64, asked, "{name}: {all:#?}\n{:#?}", output.lines);
        let single = all.iter().map(|connection| sum(&output, &[name, "tcp", connection]).exactly());
        assert_eq!(single.sum::<Option<u64>>(), Some(total), "{name}: its connections\n{:#?}", output.lines);
        for (method, path, count, code) in QUESTIONS {
            let question = format!("method={method} url=shop{path} response_code={code} ");
            let lines = logged(&output, name, side, &question);
            assert_eq!(lines.len() as u64, count, "{name}: {question}\n{:#?}", output.lines);
            if code == 200 {
                assert!(lines.iter().all(|line| line.ends_with(&format!(" size={PAGE}B"))), "{lines:#?}");
            }
            let requests = sum(&output, &[name, method, &format!("shop{path}")]);
            assert!(requests.is(count), "{name}: {question}: {requests:?}\n{:#?}", output.lines);
        }
        let rows = sizes.lines.iter().filter(|line| line.contains(name) && line.contains("shop/cgi-bin/a"));
        let average: BTreeSet<&str> = rows.filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(average, BTreeSet::from([format!("{PAGE}B").as_str()]), "{name}: {:#?}", sizes.lines);
    }
}

/// The connections of a container to the server.
fn connections<'a>(output: &'a Output, container: &Container, ip: &str) -> BTreeSet<&'a str> {
    let all = last_words(output, &[&container.name, "tcp"]);
    let server = format!("->{ip}:{PORT}");
    assert!(all.iter().all(|connection| connection.ends_with(&server)), "{all:#?}");
    all
}
