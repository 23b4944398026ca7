//! Chisels on the running kernel, with work whose right answers are known: a web server, memcached and their clients in
//! threads of this test, and what is open in it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixDatagram,
    process::{self, Command, Stdio},
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
    scratch::Scratch,
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

/// Something that is done again and again.
struct Again {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Does something again and again until it is dropped.
fn again(mut act: impl FnMut() + Send + 'static) -> Again {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            act();
            thread::sleep(Duration::from_millis(10));
        }
    });
    Again { stop, thread: Some(thread) }
}

impl Drop for Again {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs a chisel on this process until each text is in some line; the lines up to then.
fn lines_with(chisel: &[&str], wanted: &[&str]) -> Vec<String> {
    let filter = format!("proc.pid={}", process::id());
    lines_of(&[chisel, &[filter.as_str()]].concat(), wanted)
}

/// The same with another filter, behind the chisel.
fn lines_of(chisel: &[&str], wanted: &[&str]) -> Vec<String> {
    lines_until(chisel, |lines| wanted.iter().all(|text| lines.iter().any(|line| line.contains(text))))
}

/// Runs a chisel until its lines are enough.
fn lines_until(chisel: &[&str], enough: impl Fn(&[String]) -> bool) -> Vec<String> {
    let words = ["--unbuffered", "-c"].into_iter().chain(chisel.iter().copied());
    let running = Running::start(&mut tracer(words));
    let deadline = Instant::now() + DEADLINE;
    let mut lines: Vec<String> = Vec::new();
    while !enough(&lines) {
        assert!(Instant::now() < deadline, "{chisel:?}: not enough:\n{}", lines.join("\n"));
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
fn httplog_shows_a_request_without_a_response_when_its_connection_is_closed() {
    if !root_or_skip() {
        return;
    }
    // The server says nothing and hangs up, also before the client does.
    let work = Work::start("127.0.0.1:0", "GET /mute HTTP/1.1\r\nHost: example.com\r\n\r\n", "");
    let request = "method=GET url=example.com/mute response_code=- latency=";
    let lines = lines_with(&["httplog"], &[&format!(" < {request}"), &format!(" > {request}")]);
    assert!(lines.iter().all(|line| line.ends_with("ms size=-")), "{lines:?}");
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
    lines_with(&["httptop", "time"], &["GET     example.com/a?b=1"]);
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
fn chisels_show_what_a_script_does() {
    if !root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (log, none) = (scratch.path("tracer.log"), scratch.path("none"));
    let (log, none) = (log.to_str().expect("plain"), none.to_str().expect("plain"));
    let script = format!(
        "sh -c 'echo tracer-out; cat {none}; true'; echo tracer-warning > {log}; cat {log}; \
         sleep 0.25; sh -c 'exit 77'; sh -c 'kill -9 $$'; cd /; \
         env 'X=() {{ :; }}; tracer-attack' sh -c true; true"
    );
    let work = again(move || {
        let mut command = Command::new("sh");
        let _ = command.args(["-c", &script]).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a shell");
    });
    let out = format!("proc.cmdline contains {none}");
    lines_of(&["stdout", &out], &["tracer-out"]);
    lines_of(&["stderr", &out], &[none, "No such file"]);
    lines_of(&["file_opens_failed", &format!("evt.abspath={none}")], &[&format!(" ENOENT {none}")]);
    lines_of(&["spy_logs", &format!("fd.name={log}")], &[&format!("sh {log} tracer-warning")]);
    let read = lines_of(&["spy_file", "R", &format!("fd.name={log}")], &["tracer-warning"]);
    assert!(read.iter().any(|line| line.ends_with(&format!(" R 15B {log}"))), "{read:?}");
    // Of one that began before the tracer, the start is known to the second only.
    let took = |line: &String| {
        line.split_once("ms ").and_then(|(ms, rest)| Some((ms.parse::<u64>().ok()?, rest.contains(" sleep"))))
    };
    lines_until(&["proc_exec_time", "proc.args=0.25"], |lines| {
        lines.iter().filter_map(took).any(|(ms, is_sleep)| is_sleep && (250..400).contains(&ms))
    });
    lines_of(&["oom_and_exits", "proc.cmdline contains 77"], &["exit code 77"]);
    lines_of(&["oom_and_exits", "proc.cmdline contains kill"], &["killed by SIGKILL"]);
    lines_of(&["scallslower", "200", "proc.args=0.25"], &["nanosleep"]);
    lines_of(&["slow_execs", "0", "proc.name=sleep"], &[" sleep 0.25"]);
    lines_of(&["shellshock_detect"], &["() { :; }; tracer-attack"]);
    // Shells in shells are further to the right.
    lines_of(&["spy_users"], &[&format!(") cat {log}"), "    "]);
    lines_of(&["fdcount_by", "fd.name", &format!("fd.name={log}")], &[log]);
    lines_of(&["errors_by_container", &format!("evt.abspath={none}")], &["host       openat   ENOENT"]);
    drop(work);
}

#[test]
fn datagrams_are_understood() {
    if !root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    // A name server that answers what it is asked with one address.
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    client.connect(server.local_addr().expect("bound")).expect("it is there");
    let port = server.local_addr().expect("bound").port();
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";
    let work = again(move || {
        let mut buffer = [0; 512];
        let _ = client.send(question).expect("the server is there");
        let (len, from) = server.recv_from(&mut buffer).expect("a question");
        let _ = server.send_to(&buffer[..len], from).expect("the client is there");
        let _ = client.recv(&mut buffer).expect("an answer");
    });
    let folder = scratch.path("udp");
    let folder = folder.to_str().expect("plain");
    let files = lines_with(&["udp_extract", folder], &[&format!(".{port}.in"), &format!(".{port}.out")]);
    let name =
        files.iter().find_map(|line| line.split_whitespace().find(|word| word.ends_with(".out"))).expect("a file");
    let written = std::fs::read(format!("{folder}/{name}")).expect("the file");
    assert!(written.starts_with(question) && written.len().is_multiple_of(question.len()), "{} bytes", written.len());
    drop(work);
}

#[test]
fn messages_to_the_system_log_are_shown() {
    const PATH: &str = "/dev/log";
    if !root_or_skip() {
        return;
    }
    // Where there is a log daemon, it gets the messages.
    let log = std::fs::exists(PATH).is_ok_and(|exists| !exists).then(|| UnixDatagram::bind(PATH).expect("a socket"));
    let _removed = log.is_some().then_some(Removed(PATH));
    let work = again(move || {
        // Whom a socket sends to is known of those that connect while the tracer runs.
        let logger = UnixDatagram::unbound().expect("a socket");
        logger.connect(PATH).expect("it is there");
        let _ = logger.send(b"<34>cannot open").expect("the log is there");
        if let Some(log) = &log {
            let _ = log.recv(&mut [0; 64]).expect("a message");
        }
    });
    lines_with(&["spy_syslog"], &["auth.crit ", "] cannot open"]);
    let scratch = Scratch::new();
    let [all, near] = ["all.scap", "near.scap"].map(|name| scratch.path(name).display().to_string());
    let shown = lines_of(
        &["spy_syslog", &format!("{near} 5"), "-w", &all, &format!("proc.pid={}", process::id())],
        &["] cannot open"],
    );
    assert!(shown.iter().all(|line| line.ends_with("] cannot open")), "{shown:?}");
    let written = output(["-r", &near, "-p", "%syslog.message", "evt.is_syslog=true"]);
    assert!(written.lines.len() >= shown.len(), "{} of {}: {}", written.lines.len(), shown.len(), written.errors);
    assert!(written.lines.iter().all(|line| line == "cannot open"), "{:?}", written.lines);
    drop(work);
}

#[test]
fn what_is_around_lines_of_logs_is_taken_from_the_capture_that_is_written() {
    if !root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let [log, all, near] = ["tracer.log", "all.scap", "near.scap"].map(|name| scratch.path(name).display().to_string());
    // Each of them is a thread of its own; those that write no log are in the other capture only.
    let dir = scratch.dir().display().to_string();
    let script = format!(
        "echo far >{dir}/far; sleep 0.2; echo near >{dir}/near; echo line >{log}; sleep 0.2; echo far >{dir}/far"
    );
    let work = again(move || {
        for script in [script.as_str(), &format!("echo other >{dir}/other")] {
            let _ = Command::new("sh").args(["-c", script]).status().expect("a shell");
        }
    });
    let words = ["-w", &all, "--unbuffered", "-c", "spy_logs", &format!("{near} 100"), "proc.name=sh"];
    let running = Running::start(&mut tracer(words));
    for _ in 0..3 {
        let line = running.line().expect("a line");
        // The time stands in front of it.
        assert!(line.ends_with(&format!(" host sh {log} line")), "{line}");
    }
    running.interrupt();
    let ended = running.end();
    assert!(ended.status.success(), "{}", ended.errors);
    drop(work);
    let names = |file: &str| output(["-r", file, "-p", "%fd.name", "evt.type=write"]).lines;
    let (all, near) = (names(&all), names(&near));
    let count = |names: &[String], name: &str| names.iter().filter(|found| found.ends_with(name)).count();
    for far in ["/far", "/other"] {
        assert!(count(&all, far) > 0, "{all:?}");
        assert_eq!(count(&near, far), 0, "{near:?}");
    }
    // The first one may have begun before the tracer.
    assert!(count(&near, "/near") >= 2 && count(&near, "/tracer.log") >= 3, "{near:?}");
    assert_eq!(count(&near, "/tracer.log"), count(&all, "/tracer.log"));
}

/// A file that is removed, however the test ends.
struct Removed(&'static str);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
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
fn ipv4_through_sockets_of_ipv6_is_ipv4_live_and_from_a_capture() {
    if !root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("mapped.scap").display().to_string();
    let listener = TcpListener::bind("[::]:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let connect = move || TcpStream::connect(("::ffff:127.0.0.1", port)).expect("it listens");
    // One connection is there before the tracer, and others are made while it runs.
    let (mut before, mut accepted) = (connect(), listener.accept().expect("a client").0);
    let work = again(move || {
        before.write_all(b"before").expect("the other side is there");
        let _ = accepted.read(&mut [0; 16]).expect("something");
        let (mut client, mut server) = (connect(), listener.accept().expect("a client").0);
        client.write_all(b"new").expect("the other side is there");
        let _ = server.read(&mut [0; 16]).expect("something");
    });
    let filter = format!("proc.pid={} and fd.sport={port} and evt.is_io=true", process::id());
    let format = "%evt.buffer %fd.type %fd.typechar %fd.name";
    let running = Running::start(&mut tracer(["-w", &file, "--unbuffered", "-p", format, &filter]));
    let mut lines: Vec<String> = (0..12).map(|_| running.line().expect("a line")).collect();
    running.interrupt();
    lines.extend(running.end().lines);
    drop(work);
    for text in ["before", "new"] {
        assert!(lines.iter().any(|line| line.starts_with(text)), "{lines:#?}");
    }
    let wanted = |line: &String| line.contains(" ipv4 4 127.0.0.1:") && line.ends_with(&format!("->127.0.0.1:{port}"));
    assert!(lines.iter().all(wanted), "{lines:#?}");
    assert_eq!(output(["-r", &file, "-p", format, &filter]).lines, lines);
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
