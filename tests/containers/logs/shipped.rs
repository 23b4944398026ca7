//! `tracer logs --to`: what arrives, also when receivers go away, and what is said to be lost.

use super::{
    collector::{Answer, Collector, Rsyslog, Taken, TlsServer, rsyslog_or_skip},
    *,
};

fn text(line: &str) -> Option<(String, usize)> {
    let mut words = line.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// That each stream has all numbers in order, and each once.
fn assert_exact(taken: &[Taken], lines: usize) {
    for (stream, word) in [("stdout", "out"), ("stderr", "err")] {
        let of_stream = taken.iter().filter(|line| line.stream == stream);
        let numbers: Vec<usize> = of_stream
            .map(|line| {
                let (own, number) = text(&line.text).unwrap();
                assert_eq!(own, word);
                number
            })
            .collect();
        assert!(numbers.iter().copied().eq(0..lines), "{stream}: {} lines: {numbers:?}", numbers.len());
    }
    assert!(taken.iter().all(|line| line.time_ns > 1_700_000_000_000_000_000));
}

/// That each stream has all numbers, in order but for what came twice: after a connection has ended, some may come again.
pub fn assert_no_loss(numbers: &[usize], lines: usize) {
    let mut next = 0;
    for number in numbers {
        assert!(*number <= next, "{next} is missing before {number}");
        next = next.max(number + 1);
    }
    assert_eq!(next, lines);
}

#[test]
fn a_collector_gets_every_line_once_although_it_goes_away() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    // Statuses that pass, and a connection that ends before anything was taken.
    let mut collector = Collector::start(&[
        Answer::Ok,
        Answer::Status(503),
        Answer::Status(429),
        Answer::Ok,
        Answer::Hangup,
        Answer::Ok,
    ]);
    let container = write(&docker, "collected", &["--network=none"], &(script(LINES, "0.05") + "; sleep 1000"));
    let mut running = Running::start(&mut tracer(["logs", "-f", "--to", &collector.url(), &container.name]));
    wait::until("the first lines", || (collector.taken().len() > 100).then_some(()));
    collector.stop();
    let before = collector.taken().len();
    while !running.error_line().contains("cannot send logs to otlp+http://") {}
    thread::sleep(Duration::from_millis(200));
    assert_eq!(collector.taken().len(), before);
    collector.start_again();
    wait::until("all lines", || (collector.taken().len() >= 2 * LINES).then_some(()));
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    assert!(ended.errors.contains(&format!("sent {} lines to {}", 2 * LINES, collector.url())), "{}", ended.errors);
    assert!(ended.lines.is_empty());
    let taken = collector.taken();
    assert!(taken.iter().all(|line| line.container == container.name));
    assert_exact(&taken, LINES);
}

#[test]
fn what_a_collector_does_not_take_is_counted_by_cause() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let container = write(&docker, "refused", &["--network=none"], "seq 1 500; sleep 1000");
    wait::until("its lines", || (output(["logs", &container.name]).lines.len() == 500).then_some(()));
    let sent = |answers: &[Answer]| {
        let collector = Collector::start(answers);
        let output = output(["logs", "--to", &collector.url(), &container.name]);
        (output, collector.url(), collector.taken().len())
    };
    let (refused, url, taken) = sent(&[Answer::Status(400)]);
    assert_eq!((refused.status.code(), taken), (Some(1), 0), "{}", refused.errors);
    let said = format!("sent 0 lines to {url}; 500 lines lost: 500 refused: it answers with status 400");
    assert!(refused.errors.contains(&said), "{}", refused.errors);
    let (partly, url, taken) = sent(&[Answer::Partial(3), Answer::Ok]);
    // The first request may have fewer lines.
    let lost = 500 - taken;
    assert!(partly.status.code() == Some(1) && (1..=3).contains(&lost), "{}", partly.errors);
    let said = format!(" lost: {lost} refused: too old");
    assert!(partly.errors.contains(&format!("sent {taken} lines to {url}; ")), "{}", partly.errors);
    assert!(partly.errors.contains(&said), "{}", partly.errors);
}

#[test]
fn lines_wait_for_a_target_and_the_next_run_continues() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let container = write(&docker, "waits", &["--network=none"], &(script(LINES, "0") + "; sleep 1000"));
    wait::until("its lines", || (output(["logs", &container.name]).lines.len() == 2 * LINES).then_some(()));
    let mut collector = Collector::start(&[]);
    collector.stop();
    let scratch = Scratch::new();
    let state = scratch.path("state").display().to_string();
    let url = collector.url();
    let words = ["logs", "--state", &state, "--to", &url, &container.name];
    // Nothing arrives, and all of it is still in the log.
    let none = output(words);
    assert_eq!(none.status.code(), Some(1), "{}", none.errors);
    let said = format!("{} lines lost: {} not sent when the run ended", 2 * LINES, 2 * LINES);
    assert!(none.errors.contains(&said), "{}", none.errors);
    collector.start_again();
    let all = output(words);
    assert_eq!(all.status.code(), Some(0), "{}", all.errors);
    assert_exact(&collector.taken(), LINES);
    let nothing = output(words);
    assert!(nothing.errors.contains(&format!("sent 0 lines to {url}")), "{}", nothing.errors);
    assert_eq!(collector.taken().len(), 2 * LINES);
    // A queue that is full drops what it is told to drop.
    collector.stop();
    let words = ["logs", "--queue", "1", "--full", "drop", "--to", &url];
    let fill =
        write(&docker, "fills", &["--network=none"], "i=0; while [ $i -lt 30000 ]; do echo $i; i=$((i+1)); done");
    wait_for_end(&docker, &fill);
    let full = output(words.into_iter().chain([fill.name.as_str()]));
    let counts = |what: &str| -> u64 {
        let before = full.errors.split(what).next().unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{what}: {}", full.errors))
    };
    assert_eq!(full.status.code(), Some(1));
    assert_eq!(counts(" not sent when the run ended") + counts(" the queue was full"), 30_000, "{}", full.errors);
    // One that waits does not wait for ever, unless it follows.
    let waiting = output(["logs", "--queue", "1", "--to", &url, &fill.name]);
    assert_eq!(waiting.status.code(), Some(1), "{}", waiting.errors);
    assert!(waiting.errors.contains("has taken nothing for 10 s: no more is read"), "{}", waiting.errors);
}

#[test]
fn rsyslog_gets_every_line_although_it_is_killed() {
    if !level::engine_or_skip() || !rsyslog_or_skip() {
        return;
    }
    let docker = Docker::default();
    for form in ["rfc5424", "rfc3164"] {
        let mut rsyslog = Rsyslog::start();
        let url = format!("syslog+tcp://127.0.0.1:{}?format={form}", rsyslog.port);
        let container = write(&docker, form, &["--network=none"], &(script(LINES, "0.1") + "; sleep 1000"));
        let mut running = Running::start(&mut tracer(["logs", "-f", "--to", &url, &container.name]));
        wait::until("the first lines", || (rsyslog.messages().len() > 200).then_some(()));
        rsyslog.kill();
        while !running.error_line().contains("cannot send logs to syslog+tcp://") {}
        rsyslog.start_again();
        let last = |word: &str| {
            let start = format!("{word} {} ", LINES - 1);
            rsyslog.messages().iter().any(|message| message[5].trim_start().starts_with(&start))
        };
        wait::until("the last lines", || (last("out") && last("err")).then_some(()));
        running.interrupt();
        let ended = running.end();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
        let messages = rsyslog.messages();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        for [priority, app, process, id, data, message] in &messages {
            let message = message.trim_start();
            let (word, number) = text(message).unwrap_or_else(|| panic!("{message}"));
            assert!(message.ends_with(FILL), "{message}");
            // daemon.info and daemon.err
            assert_eq!(priority, if word == "out" { "30" } else { "27" });
            assert_eq!(process, container.short_id());
            if form == "rfc5424" {
                assert_eq!(*app, container.name.chars().take(48).collect::<String>());
                assert_eq!(id, if word == "out" { "stdout" } else { "stderr" });
                assert!(data.contains(&format!(" id=\"{}\"", container.id)), "{data}");
                assert!(data.contains(&format!(" name=\"{}\"", container.name)), "{data}");
            } else {
                assert_eq!(*app, container.name.chars().take(32).collect::<String>());
            }
            if word == "out" { &mut out } else { &mut err }.push(number);
        }
        assert_no_loss(&out, LINES);
        assert_no_loss(&err, LINES);
    }
}

#[test]
fn servers_with_tls_are_believed_by_their_authorities_alone() {
    if !level::engine_or_skip() || !level::program_or_skip("openssl") {
        return;
    }
    let docker = Docker::default();
    let container = write(&docker, "tls", &["--network=none"], &(script(500, "0") + "; sleep 1000"));
    wait::until("its lines", || (output(["logs", &container.name]).lines.len() == 1_000).then_some(()));
    let mut server = TlsServer::start();
    let collector = Collector::over_tls(&mut server);
    let url = format!("otlp+https://127.0.0.1:{}?ca={}", server.port, server.ca());
    let sent = output(["logs", "--to", &url, &container.name]);
    assert_eq!(sent.status.code(), Some(0), "{}", sent.errors);
    assert_exact(&collector.taken(), 500);

    // Messages between their lengths, byte by byte.
    let mut server = TlsServer::start();
    let (mut reader, _writer) = server.streams();
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = std::io::Read::read_to_end(&mut reader, &mut bytes);
        bytes
    });
    let url = format!("syslog+tls://127.0.0.1:{}?ca={}", server.port, server.ca());
    let sent = output(["logs", "--to", &url, &container.name]);
    assert_eq!(sent.status.code(), Some(0), "{}", sent.errors);
    let bytes = reading.join().unwrap();
    let (mut rest, mut out, mut err) = (&bytes[..], Vec::new(), Vec::new());
    while !rest.is_empty() {
        let blank = rest.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&rest[..blank]).unwrap().parse().unwrap();
        let message = std::str::from_utf8(&rest[blank + 1..][..length]).unwrap();
        let (head, said) = message.split_once("] ").unwrap();
        assert!(head.starts_with('<') && head.contains(">1 20"), "{head}");
        let (word, number) = text(said).unwrap();
        if word == "out" { &mut out } else { &mut err }.push(number);
        rest = &rest[blank + 1 + length..];
    }
    assert!(out.into_iter().eq(0..500) && err.into_iter().eq(0..500));

    // The system's authorities do not vouch for it.
    let server = TlsServer::start();
    let url = format!("otlp+https://127.0.0.1:{}", server.port);
    let sent = output(["logs", "--to", &url, "-n", "1", &container.name]);
    assert_eq!(sent.status.code(), Some(1), "{}", sent.errors);
    assert!(sent.errors.contains("certificate") || sent.errors.contains("no list of"), "{}", sent.errors);
    let missing = output(["logs", "--to", "syslog+tls://127.0.0.1?ca=/nonexistent", &container.name]);
    assert!(missing.errors.contains("cannot read certificates of '/nonexistent'"), "{}", missing.errors);
}

#[test]
fn datagrams_and_files_have_the_same_lines() {
    if !level::engine_or_skip() || !rsyslog_or_skip() {
        return;
    }
    let docker = Docker::default();
    let rsyslog = Rsyslog::start();
    // No more than a socket holds.
    let container = write(&docker, "datagrams", &["--network=none"], &(script(30, "0") + "; sleep 1000"));
    wait::until("its lines", || (output(["logs", &container.name]).lines.len() == 60).then_some(()));
    let scratch = Scratch::new();
    let file = scratch.path("lines.json");
    let [udp, to_file] = [format!("syslog+udp://127.0.0.1:{}", rsyslog.port), format!("file://{}", file.display())];
    let words = ["logs", "--to", &udp, "--to", &to_file, "--to", "stdout", &container.name];
    let sent = output(words);
    assert_eq!(sent.status.code(), Some(0), "{}", sent.errors);
    assert_complete(&sent, &container.name, 30);
    assert!(sent.errors.contains(&format!("sent 60 lines to {udp}")), "{}", sent.errors);
    let printed = output(["logs", "-j", &container.name]).lines;
    assert_eq!(sent.lines, printed);
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().collect::<Vec<_>>(), printed);
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    wait::until("all messages", || (rsyslog.messages().len() == 60).then_some(()));
    let texts: Vec<String> =
        rsyslog.messages().into_iter().map(|[.., message]| message.trim_start().to_owned()).collect();
    let logged: Vec<Value> = printed.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(texts.iter().map(String::as_str).eq(logged.iter().map(|line| line["log"].as_str().unwrap())));
    // A name is not where lines go if it leads elsewhere.
    let link = scratch.path("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let elsewhere = output(["logs", "-n", "1", "--to", &format!("file://{}", link.display()), &container.name]);
    assert_eq!(elsewhere.status.code(), Some(1), "{}", elsewhere.errors);
    let wrong = output(["logs", "--to", "http://x", &container.name]);
    assert!(wrong.status.code() == Some(2) && wrong.errors.contains("targets are otlp+http"), "{}", wrong.errors);
}
