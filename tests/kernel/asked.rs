//! `tracer serve` asked for events and chisels while it runs: what comes, what is told of loss, who is refused.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tracer_tests::{level, scratch::Scratch, served::Served, wait};

/// A stream of server-sent events.
struct Stream(BufReader<TcpStream>);

impl Stream {
    /// Begins to listen; the engine has been asked when this returns.
    fn of(served: &Served, path: &str) -> Self {
        let (status, stream) = Self::ask(served, path);
        assert_eq!(status, 200, "{path}");
        stream
    }

    fn ask(served: &Served, path: &str) -> (u16, Self) {
        let mut stream = TcpStream::connect(&served.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", served.address).expect("the request is sent");
        let mut stream = Self(BufReader::new(stream));
        let status = stream.line().split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
        if status == 200 {
            while !stream.line().starts_with(": listening") {}
        }
        (status, stream)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).expect("a line in time") > 0, "the stream ended");
        line
    }

    /// The next event: what it is called, and its data.
    fn next(&mut self) -> (String, Value) {
        let mut name = String::new();
        loop {
            let line = self.line();
            if let Some(text) = line.strip_prefix("event: ") {
                name = text.trim().to_owned();
            } else if let Some(text) = line.strip_prefix("data: ") {
                return (name, serde_json::from_str(text).expect("JSON"));
            }
        }
    }
}

/// A folder with a file, which a shell opens so many times.
fn opens(scratch: &Scratch, count: u32) {
    let file = scratch.path("file");
    fs::write(&file, "some data\n").expect("a file");
    let script = format!("i=0; while [ $i -lt {count} ]; do read line <{}; i=$((i+1)); done", file.display());
    assert!(Command::new("sh").args(["-c", &script]).status().expect("sh runs").success());
}

fn filter_of(scratch: &Scratch) -> String {
    format!("evt.type=openat+and+proc.name=sh+and+fd.name={}", scratch.path("file").display())
}

#[test]
fn events_come_while_somebody_listens_and_none_is_missed() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let served = Served::start(&[]);
    let seen = || served.sample("tracer_events_total", &[]).expect("events");
    let mut first = Stream::of(&served, &format!("/api/v1/events?filter={}", filter_of(&scratch)));
    let mut others: Vec<Stream> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| opens(&scratch, 3000));
        // Others come and go meanwhile.
        for at in 0..8 {
            let other = Stream::of(&served, "/api/v1/events?filter=evt.type=close+and+proc.name=nobody");
            others.extend((at % 2 == 0).then_some(other));
        }
    });
    for at in 0..3000 {
        let (name, event) = first.next();
        assert_eq!(
            (name.as_str(), &event["evt.type"], &event["proc.name"]),
            ("", &"openat".into(), &"sh".into()),
            "{at}: {event}"
        );
        assert_eq!(event["fd.name"], scratch.path("file").to_str().expect("UTF-8"));
    }
    drop((first, others));
    // When all have gone, the kernel is not asked for them any more.
    wait::until("nothing is seen any more", || {
        let before = seen();
        opens(&scratch, 1000);
        std::thread::sleep(Duration::from_millis(1200));
        (seen() - before < 500.0).then_some(())
    });
}

#[test]
fn what_is_wrong_with_a_question_is_said_and_hidden_things_stay_hidden() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let served = Served::start(&[]);
    let wrong = served.get("/api/v1/events?filter=evt.type=openat+and+proc.nme=a");
    let error = wrong.json();
    assert_eq!((wrong.status, &error["at"]), (400, &serde_json::json!([20, 28])));
    assert!(
        error["message"].as_str().is_some_and(|text| text.ends_with("\n                      ^^^^^^^^")),
        "{error}"
    );
    for (path, status) in [
        ("/api/v1/events?filter=proc.cmdline+contains+a", 403),
        ("/api/v1/events?filter=evt.buffer+contains+a", 403),
        ("/api/v1/events?container=nothing", 404),
        ("/api/v1/files/nothing", 404),
        ("/api/v1/chisels/nothing", 404),
        ("/api/v1/chisels/..%2f..%2fetc%2fpasswd", 404),
        ("/api/v1/chisels/spy_users", 403),
        ("/api/v1/chisels/spy_ip", 400),
        ("/api/v1/chisels/topfiles_bytes?seconds=0", 400),
        ("/api/v1/chisels/topfiles_bytes?seconds=x", 400),
    ] {
        let answer = served.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.json()["message"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
    }
    let chisels = served.get("/api/v1/chisels").json();
    assert!(chisels.as_array().is_some_and(|all| all.len() > 60), "{chisels}");

    let exec = "/api/v1/events?filter=evt.type=execve+and+proc.name=true+and+evt.res=SUCCESS";
    let read = format!("/api/v1/events?filter=evt.type=read+and+fd.name={}", scratch.path("file").display());
    let run = || {
        assert!(Command::new("true").arg("secret").status().expect("true runs").success());
        opens(&scratch, 1);
    };
    let (mut execs, mut reads) = (Stream::of(&served, exec), Stream::of(&served, &read));
    run();
    let (execve, data) = (execs.next().1, reads.next().1);
    assert!(execve["evt.type"] == "execve" && !execve.to_string().contains("secret"), "{execve}");
    assert!(data["evt.args"].as_str().is_some_and(|text| text.contains("data=NULL ")), "{data}");
    drop((execs, reads));

    let served = Served::start(&["--show=args,payload"]);
    let (mut execs, mut reads) = (Stream::of(&served, exec), Stream::of(&served, &read));
    run();
    let (execve, data) = (execs.next().1, reads.next().1);
    assert!(execve.to_string().contains("secret"), "{execve}");
    assert!(data["evt.args"].as_str().is_some_and(|text| text.contains("data=s ")), "{data}");
}

#[test]
fn frames_of_chisels_are_exact_and_come_again() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let served = Served::start(&[]);
    let file = scratch.path("file");
    let path = format!("/api/v1/chisels/topfiles_bytes?filter=fd.name={}", file.display());
    let frame = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(1500));
            opens(&scratch, 500);
        });
        served.get(&format!("{path}&seconds=4")).json()
    });
    let frames = frame["frames"].as_array().expect("frames");
    let bytes: f64 = frames
        .iter()
        .flat_map(|frame| frame["rows"].as_array().expect("rows"))
        .map(|row| {
            assert_eq!(row[0], file.to_str().expect("UTF-8"));
            row[1].as_f64().expect("bytes")
        })
        .sum();
    // 10 bytes each, and as many that the file was made of.
    assert_eq!(bytes, 10.0 * 501.0, "{frame}");
    assert_eq!(frames.len(), 1, "{frame}");

    let mut stream = Stream::of(&served, &format!("{path}&seconds=1&stream=true"));
    let (first, second) = (stream.next().1, stream.next().1);
    let ms = |frame: &Value| frame["time_ms"].as_f64().expect("a time");
    assert!((700.0..1500.0).contains(&(ms(&second) - ms(&first))), "{first} {second}");
}

#[test]
fn who_does_not_read_is_told_what_was_dropped_and_who_comes_too_late_is_refused() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let served = Served::start(&[]);
    let mut slow = Stream::of(&served, &format!("/api/v1/events?filter=fd.name={}", scratch.path("file").display()));
    // More than fits in all buffers between it and here: a shell reads byte by byte.
    opens(&scratch, 6_000);
    let (mut shown, mut dropped) = (0, 0);
    while dropped == 0 && shown < 100_000 {
        let (name, event) = slow.next();
        if name == "lost" {
            dropped += event["dropped"].as_u64().expect("a number");
        } else {
            shown += 1;
        }
    }
    assert!(dropped > 0, "{shown}");
    drop(slow);
    let all: Vec<Stream> = (0..16).map(|_| Stream::of(&served, "/api/v1/events?filter=evt.type=mkdir")).collect();
    assert_eq!(Stream::ask(&served, "/api/v1/events").0, 503);
    assert_eq!(served.get("/api/v1/chisels/topfiles_bytes").status, 503);
    drop(all);
    wait::until("there is room again", || {
        (Stream::ask(&served, "/api/v1/events?filter=evt.type=mkdir").0 == 200).then_some(())
    });
}
