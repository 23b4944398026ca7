//! `tracer journal` with a real systemd-journald: following, rotation, and what it says while files are written.

use std::fs;

use serde_json::Value;
use tracer_tests::{
    command::{Running, tracer},
    journal::Journald,
    level,
    scratch::Scratch,
};

/// The numbers of our messages, in the order of these lines.
fn numbers<'l>(lines: impl IntoIterator<Item = &'l str>) -> Vec<u32> {
    let number = |line: &str| {
        let object: Value = serde_json::from_str(line).expect("JSON");
        object["NUMBER"].as_str().map(|number| number.parse().expect("a number"))
    };
    lines.into_iter().filter_map(number).collect()
}

fn send(journald: &Journald, numbers: std::ops::Range<u32>) {
    for number in numbers {
        // Some are long enough to be compressed, and some have several lines.
        let message = format!("message {number}\n{}", "x".repeat(number as usize % 5 * 400));
        let number = number.to_string();
        journald.send(&[("MESSAGE", message.as_bytes()), ("NUMBER", number.as_bytes()), ("PRIORITY", b"5")]);
    }
}

#[test]
fn a_journal_that_is_written_and_rotated_is_followed_without_loss() {
    if !level::root_or_skip() {
        return;
    }
    let Some(journald) = Journald::start() else { return };
    let scratch = Scratch::new();
    let state = scratch.path("state.json").display().to_string();
    send(&journald, 0..100);
    let root = journald.root();
    // The whole journal from the beginning, seen below another root.
    let follow = |args: &[&str]| {
        let words = ["journal", "-f", "-j", "--state", &state];
        Running::start(tracer(words.into_iter().chain(args.iter().copied())).env("HOST_ROOT", &root))
    };
    let run = follow(&[]);
    let mut found = Vec::new();
    let wait = |run: &Running, found: &mut Vec<u32>, last: u32| {
        while found.last() != Some(&last) {
            found.extend(numbers([run.line().expect("it follows").as_str()]));
        }
    };
    wait(&run, &mut found, 99);
    send(&journald, 100..600);
    journald.rotate();
    send(&journald, 600..1_100);
    wait(&run, &mut found, 1_099);
    run.interrupt();
    let ended = run.end();
    assert!(ended.status.success() && ended.errors.is_empty(), "{}", ended.errors);
    found.extend(numbers(ended.lines.iter().map(String::as_str)));
    assert_eq!(found, (0..1_100).collect::<Vec<_>>());
    // While nothing runs, more comes and files are rotated again.
    send(&journald, 1_100..1_200);
    journald.rotate();
    send(&journald, 1_200..1_300);
    let run = follow(&["--priority", "notice"]);
    let mut later = Vec::new();
    wait(&run, &mut later, 1_299);
    run.interrupt();
    assert!(run.end().status.success());
    assert_eq!(later, (1_100..1_300).collect::<Vec<_>>());
    // All fields as journalctl sees them, of files that are open for writing.
    let theirs = journald.journalctl(&["-o", "json"]);
    let own = tracer(["journal", "-j"]).env("HOST_ROOT", &root).output().expect("tracer").stdout;
    let objects = |json: &[u8]| -> Vec<Value> {
        let text = String::from_utf8(json.to_vec()).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let (own, theirs) = (objects(&own), objects(&theirs));
    let differ = own.iter().zip(&theirs).find(|(own, theirs)| own != theirs);
    assert!(
        own.len() == theirs.len() && own.len() >= 1_300 && differ.is_none(),
        "{} {}: {differ:?}",
        own.len(),
        theirs.len()
    );
}

#[test]
fn without_a_journal_messages_of_the_kernel_come_from_its_buffer() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let start = |args: &[&str]| {
        let words = ["journal", "-k", "-j"].into_iter().chain(args.iter().copied());
        Running::start(tracer(words).env("HOST_ROOT", scratch.dir()))
    };
    let state = scratch.path("state.json").display().to_string();
    let own = std::process::id().to_string();
    let write = |number: u32| {
        let text = format!("<12>tracer-test[{own}]: number {number} \x1b[31m\n");
        fs::write("/dev/kmsg", text).expect("the kernel's buffer takes it");
    };
    let ours = |line: &str| {
        let object: Value = serde_json::from_str(line).expect("JSON");
        let is_ours = object["SYSLOG_IDENTIFIER"] == "tracer-test" && object["SYSLOG_PID"] == *own;
        is_ours.then(|| object["MESSAGE"].to_string())
    };
    let message = |number: u32| {
        let bytes = format!("number {number} \x1b[31m").into_bytes();
        Value::from(bytes).to_string()
    };
    write(1);
    let mut run = start(&["-f", "--state", &state, "-p", "warning"]);
    assert!(run.error_line().contains("there is no journal on this machine: messages come from the kernel's buffer"));
    let next = |run: &Running| loop {
        if let Some(found) = ours(&run.line().expect("it follows")) {
            return found;
        }
    };
    while next(&run) != message(1) {}
    write(2);
    assert_eq!(next(&run), message(2));
    run.interrupt();
    assert!(run.end().status.success());
    write(3);
    let ended = start(&["--state", &state]).end();
    let later: Vec<String> = ended.lines.iter().filter_map(|line| ours(line)).collect();
    assert_eq!(later, [message(3)]);
}

#[test]
fn what_processes_send_to_the_journal_is_seen_with_its_sender() {
    if !level::root_or_skip() {
        return;
    }
    let Some(journald) = Journald::start() else { return };
    let run = Running::start(&mut tracer(["-j", "-c", "spy_journal"]));
    run.attached();
    journald.send(&[("MESSAGE", b"two\nlines"), ("PRIORITY", b"3"), ("SYSLOG_IDENTIFIER", b"me"), ("FOO", b"bar")]);
    // Longer than the buffer that libsystemd asks for, 8 MiB: it is sent in a file.
    let long = "0123456789".repeat(900_000);
    journald.send_as(1_234, &[("PRIORITY", b"5"), ("MESSAGE", long.as_bytes())]);
    let next = |is_ours: &dyn Fn(&Value) -> bool| loop {
        let object: Value = serde_json::from_str(&run.line().expect("it watches")).expect("JSON");
        if is_ours(&object) {
            return object;
        }
    };
    let first = next(&|object| object["identifier"] == "me");
    assert_eq!(first["message"], "two\nlines");
    assert_eq!(
        (&first["priority"], &first["fields"], &first["file"]),
        (&"err".into(), &"FOO=bar".into(), &false.into())
    );
    assert_eq!(first["container"], "host");
    let second = next(&|object| object["proc"] == "logger");
    assert_eq!((&second["file"], &second["priority"]), (&true.into(), &"notice".into()), "{second}");
    assert!(second["size_bytes"].as_u64().is_some_and(|size| size > 9_000_000), "{second}");
    let message = second["message"].as_str().expect("its beginning");
    assert!(message.len() > 500 && long.starts_with(message), "{message}");
    run.interrupt();
    assert!(run.end().status.success());
    // The whole of it is in the journal.
    let stored =
        tracer(["journal", "-o", "cat", "_UID=1234"]).env("HOST_ROOT", journald.root()).output().expect("tracer");
    assert!(String::from_utf8_lossy(&stored.stdout).trim_end() == long, "{} bytes", stored.stdout.len());
}
