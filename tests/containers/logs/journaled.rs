//! `tracer logs` of containers whose log driver is `journald`, with a real systemd-journald: read from the journal, while files are rotated.

use serde_json::Value;
use tracer_tests::{
    command::{Running, tracer},
    docker::{OwnEngine, unique},
    journal::Journald,
    level, wait,
};

/// Lines on each stream, after which there is a pause.
const LINES: usize = 3_000;

#[test]
fn lines_of_a_container_come_from_the_journal() {
    if !level::engine_or_skip() {
        return;
    }
    let Some(journald) = Journald::start() else { return };
    let engine = OwnEngine::start_beside(&[], Some(journald.pid()));
    let name = unique("journaled");
    // The long line is stored in parts.
    let script = format!(
        "i=0; while [ $i -lt {LINES} ]; do echo out $i; echo err $i >&2; i=$((i+1)); [ $i = 1000 ] && sleep 2; done; \
         x=0123456789; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do x=$x$x; done; echo $x; echo the end; sleep 60"
    );
    let options = ["--log-driver=journald", "--network=none"];
    let container = engine.docker.run(&name, &options, &["sh", "-c", &script]);
    let socket = format!("docker={}", engine.docker.host().unwrap_or_default().trim_start_matches("unix://"));
    let logs = |args: &[&str]| {
        let words = ["logs", "--engine-socket", &socket, &name];
        let mut command = tracer(words.into_iter().chain(args.iter().copied()));
        command.env("HOST_ROOT", journald.root());
        command
    };
    // Somebody else says that it is the container, as any process may.
    journald
        .send_as(1_234, &[("MESSAGE", b"forged"), ("CONTAINER_ID_FULL", container.id.as_bytes()), ("PRIORITY", b"6")]);
    let run = Running::start(&mut logs(&["-f", "-j"]));
    let (mut lines, mut is_rotated, mut has_ended) = (Vec::new(), false, false);
    // The engine reads the two streams independently.
    while !has_ended || lines.len() < 2 * LINES + 2 {
        let line = run.line().expect("it follows");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line.get("gap"), None, "{line}");
        let text = line["log"].as_str().expect("a line").to_owned();
        if text == "the end" {
            has_ended = true;
        }
        if !is_rotated && text.ends_with(" 999") {
            journald.rotate();
            is_rotated = true;
        }
        lines.push((line["stream"].as_str().unwrap_or_default().to_owned(), text));
    }
    run.interrupt();
    assert!(run.end().status.success());
    let of = |stream: &str| -> Vec<&str> {
        lines.iter().filter(|(its, _)| its == stream).map(|(_, text)| text.as_str()).collect()
    };
    let wanted = |word: &str| (0..LINES).map(|number| format!("{word} {number}")).collect::<Vec<_>>();
    let long = "0123456789".repeat(4_096);
    let (out, err) = (of("stdout"), of("stderr"));
    assert!(
        out[..LINES] == wanted("out") && out[LINES..] == [&long, "the end"],
        "{} lines, the last {:.80?}",
        out.len(),
        out.last()
    );
    assert!(err == wanted("err"), "{} lines", err.len());
    let explained = wait::until("its place", || {
        let text = String::from_utf8(logs(&["--explain"]).output().ok()?.stdout).ok()?;
        text.contains("journal (journald)").then_some(text)
    });
    assert!(explained.contains("/run/log/journal/"), "{explained}");
    let last = logs(&["-n", "2"]).output().expect("tracer");
    assert_eq!(String::from_utf8_lossy(&last.stdout), format!("{long}\nthe end\n"));
}
