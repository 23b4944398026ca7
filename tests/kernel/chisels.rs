//! Chisels on the running kernel, with work whose right answers are known: a web server, memcached and their clients in
//! threads of this test, and what is open in it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tracer_tests::{
    command::{DEADLINE, Running, output, tracer},
    level::root_or_skip,
};

/// How long the server thinks about an answer.
const THINKS: Duration = Duration::from_millis(50);

/// A server that answers each connection once, and a client that asks it again and again, until it is dropped.
struct Work {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Work {
    fn start(address: &str, question: &'static str, answer: &'static str) -> Self {
        let listener = TcpListener::bind(address).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let stop = Arc::new(AtomicBool::new(false));
        let (server, client) = (Arc::clone(&stop), Arc::clone(&stop));
        let serve = thread::spawn(move || {
            while !server.load(Ordering::Relaxed) {
                let (mut stream, _) = listener.accept().expect("a client");
                let mut buffer = [0; 512];
                let asked = stream.read(&mut buffer).expect("a question");
                if asked > 0 {
                    thread::sleep(THINKS);
                    stream.write_all(answer.as_bytes()).expect("the client is there");
                }
            }
        });
        let ask = thread::spawn(move || {
            let mut last = false;
            while !last {
                // The last one wakes the server.
                last = client.load(Ordering::Relaxed);
                let mut stream = TcpStream::connect(address).expect("the server is there");
                stream.write_all(question.as_bytes()).expect("the server is there");
                let _ = stream.read(&mut [0; 512]);
                thread::sleep(Duration::from_millis(10));
            }
        });
        Self { address, stop, threads: vec![serve, ask] }
    }

    fn http() -> Self {
        let question = "GET /a?b=1 HTTP/1.1\r\nHost: example.com\r\n\r\n";
        Self::start("127.0.0.1:0", question, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Runs a chisel on this process until each text is in some line; the lines up to then.
fn lines_with(chisel: &[&str], wanted: &[&str]) -> Vec<String> {
    let filter = format!("proc.pid={}", process::id());
    let words = ["--unbuffered", "-c"].into_iter().chain(chisel.iter().copied()).chain([filter.as_str()]);
    let running = Running::start(&mut tracer(words));
    let deadline = Instant::now() + DEADLINE;
    let mut lines: Vec<String> = Vec::new();
    while !wanted.iter().all(|text| lines.iter().any(|line| line.contains(text))) {
        assert!(Instant::now() < deadline, "not all of {wanted:?} in\n{}", lines.join("\n"));
        match running.line() {
            Some(line) => lines.push(line),
            None => panic!("{}", running.end().errors),
        }
    }
    running.interrupt();
    assert_eq!(running.end().status.code(), Some(0));
    lines
}

#[test]
fn httplog_shows_both_sides_of_a_request_and_how_long_it_took() {
    if !root_or_skip() {
        return;
    }
    let work = Work::http();
    let request = "method=GET url=example.com/a?b=1 response_code=200 latency=";
    let lines = lines_with(&["httplog"], &[&format!(" < {request}"), &format!(" > {request}")]);
    let latencies =
        lines.iter().filter_map(|line| line.split("latency=").nth(1)?.split("ms").next()?.parse::<u64>().ok());
    let latencies: Vec<u64> = latencies.collect();
    assert!(latencies.iter().all(|ms| (50..2_000).contains(ms)), "{latencies:?}");
    assert!(lines.iter().all(|line| line.ends_with(" size=5B")), "{lines:?}");
    drop(work);
}

#[test]
fn tables_of_connections_name_the_server() {
    if !root_or_skip() {
        return;
    }
    let work = Work::http();
    let port = work.address.port().to_string();
    lines_with(&["topports_server"], &[&format!(" {port}")]);
    lines_with(&["topconns"], &[&format!("->127.0.0.1:{port}")]);
    lines_with(&["httptop", "time"], &["GET                 example.com/a?b=1"]);
    let lines = lines_with(&["tcp_life"], &["in:42B out:43B ", "in:43B out:42B "]);
    assert!(lines.iter().all(|line| line.contains(&format!("->127.0.0.1:{port} "))), "{lines:?}");
    drop(work);
}

#[test]
fn what_waits_is_slow() {
    if !root_or_skip() {
        return;
    }
    let work = Work::http();
    let lines = lines_with(&["netlower", "40"], &[&format!("->{}", work.address)]);
    assert!(lines.iter().any(|line| line.contains(" recvfrom ")), "{lines:?}");
    drop(work);
}

#[test]
fn memcachelog_shows_what_is_stored() {
    if !root_or_skip() {
        return;
    }
    let work = Work::start("127.0.0.1:11211", "set key:1 0 0 5\r\nhello\r\n", "STORED\r\n");
    lines_with(&["memcachelog", "set"], &["method=set size=5B key=key:1"]);
    drop(work);
}

#[test]
fn lists_show_what_is_open_and_end() {
    if !root_or_skip() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let pid = process::id();
    let of_this = format!("proc.pid={pid}");
    let netstat = output(["-c", "netstat", &of_this]);
    assert_eq!(netstat.status.code(), Some(0), "{}", netstat.errors);
    let line = format!("tcp   {:<24} {:<24} {:<14} ", address.to_string(), "0.0.0.0:*", "LISTEN");
    assert!(netstat.lines.iter().any(|found| found.starts_with(&line)), "{line}\n{}", netstat.lines.join("\n"));
    let lsof = output(["-c", "lsof", &of_this]);
    assert!(lsof.lines.iter().any(|line| line.ends_with(&address.to_string())), "{}", lsof.lines.join("\n"));
    let ps = output(["-c", "ps", &of_this]);
    assert!(ps.lines.iter().any(|line| line.starts_with(&format!("{pid:<7} {pid:<7} "))), "{}", ps.lines.join("\n"));
}
