//! Logs whose files tracer cannot see: the engine gives them.

use super::*;
use tracer_tests::docker::OwnEngine;

/// What sends lines elsewhere, so that Docker itself keeps a copy: to a socket of the test, which takes everything.
fn elsewhere(scratch: &Scratch) -> [String; 2] {
    let path = scratch.path("syslog.sock");
    let receiver = UnixDatagram::bind(&path).unwrap();
    thread::spawn(move || while receiver.recv(&mut [0; 1 << 15]).is_ok() {});
    ["--log-driver=syslog".to_owned(), format!("--log-opt=syslog-address=unixgram://{}", path.display())]
}

fn argument(engine: &OwnEngine) -> String {
    format!("docker={}", engine.docker.host().unwrap().trim_start_matches("unix://"))
}

fn run(mut command: Command, words: &[&str]) -> Output {
    command.args(words).stdin(std::process::Stdio::null());
    Running::start(&mut command).end()
}

#[test]
fn an_engine_gives_logs_whose_files_cannot_be_seen() {
    if !level::engine_or_skip() {
        return;
    }
    let engine = OwnEngine::start();
    let docker = &engine.docker;
    let scratch = Scratch::new();
    let [driver, address] = elsewhere(&scratch);
    let network = "--network=none";
    let numbered = write(docker, "asked", &[network, &driver, &address], &(script(LINES, "0.01") + "; sleep 1000"));
    let long = "busybox head -c 40000 /dev/zero | busybox tr '\\0' x; echo; echo last; sleep 1000";
    let framed = write(docker, "framed", &[network, &driver, &address], long);
    let terminal = write(docker, "terminal", &[network, "--tty", "--log-driver=json-file"], long);
    let unkept = write(docker, "unkept", &[network, &driver, &address, "--log-opt=cache-disabled=true"], long);
    let socket = argument(&engine);
    let asked = |words: &[&str]| {
        run(engine.without_its_files(&level::tracer()), &[&["logs", "--engine-socket", &socket], words].concat())
    };
    let mut whole = asked(&["-j", &numbered.name]);
    wait::until("all lines", || {
        whole = asked(&["-j", &numbered.name]);
        (whole.lines.len() >= 2 * LINES).then_some(())
    });
    assert_eq!(whole.status.code(), Some(0), "{}", whole.errors);
    assert_complete(&whole, &numbered.name, LINES);
    for last in [0, 1, 7, 1_500] {
        let output = asked(&["-j", "-n", &last.to_string(), &numbered.name]);
        assert_eq!(output.lines.len(), last, "{}", output.errors);
        assert_eq!(output.lines[..], whole.lines[whole.lines.len() - last..]);
    }
    // A span of time.
    let middle: Value = serde_json::from_str(&whole.lines[LINES]).unwrap();
    let since = asked(&["-j", "--since", middle["time"].as_str().unwrap(), &numbered.name]);
    let is_later =
        |line: &&String| serde_json::from_str::<Value>(line).unwrap()["time"].as_str() >= middle["time"].as_str();
    assert_eq!(since.lines, whole.lines.iter().filter(is_later).cloned().collect::<Vec<_>>());
    // The engine cuts lines at 16 KiB.
    for (container, end) in [(&framed, ""), (&terminal, "\r")] {
        let output = asked(&["-j", &container.name]);
        let texts: Vec<Value> = output.lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(texts.len(), 2, "{} {}", container.name, output.errors);
        assert_eq!(texts[0]["log"], "x".repeat(40_000) + end);
        assert_eq!(texts[1]["log"], format!("last{end}"));
    }
    let explain = asked(&["--explain"]).lines.join("\n");
    let row =
        |container: &Container| explain.lines().find(|line| line.starts_with(&container.name)).unwrap().to_owned();
    let at = socket.trim_start_matches("docker=");
    for (container, how) in [(&numbered, "engine (syslog)"), (&terminal, "engine (json-file)")] {
        assert!(row(container).contains(how) && row(container).ends_with(at), "{explain}");
    }
    assert!(row(&unkept).contains("keeps no copy"), "{explain}");
    // One that has stopped, and starts again while it is followed.
    let stopped = write(docker, "stopped", &[network, &driver, &address], "echo out; echo err >&2");
    wait_for_end(docker, &stopped);
    let output = asked(&["--prefix", &stopped.name]);
    let mut lines = output.lines.clone();
    lines.sort();
    assert_eq!(lines, [" ! err", " | out"].map(|line| format!("{}{line}", stopped.name)), "{}", output.errors);
    let mut command = engine.without_its_files(&level::tracer());
    command.args(["logs", "--engine-socket", &socket, "-f", &stopped.name]);
    let follow = Running::start(&mut command);
    let mut lines = vec![follow.line(), follow.line()];
    let _ = docker.output(&["start", &stopped.id]);
    lines.extend([follow.line(), follow.line()]);
    lines.sort();
    assert_eq!(lines, ["err", "err", "out", "out"].map(|line| Some(line.to_owned())));
    follow.interrupt();
    assert_eq!(follow.end().status.code(), Some(0));
    let silence = asked(&[&unkept.name]);
    let remedy = format!("sudo tracer -c stdout -c stderr container.id={}", unkept.short_id());
    assert!(silence.lines.is_empty() && silence.errors.contains(&remedy), "{}", silence.errors);
}

#[test]
fn an_engine_that_goes_away_is_asked_again_without_doubles() {
    if !level::engine_or_skip() {
        return;
    }
    let mut engine = OwnEngine::start();
    let scratch = Scratch::new();
    let [driver, address] = elsewhere(&scratch);
    let docker = engine.docker.clone();
    let container =
        write(&docker, "returns", &["--network=none", &driver, &address], &(script(LINES, "0.2") + "; sleep 1000"));
    let socket = argument(&engine);
    let state = scratch.path("state.json").display().to_string();
    let words = ["logs", "-f", "-j", "--state", &state, "--engine-socket", &socket, &container.name];
    let start = |engine: &OwnEngine| Running::start(engine.without_its_files(&level::tracer()).args(words));
    let numbers_of = |lines: &[String]| numbers(lines);
    let mut seen: Vec<String> = Vec::new();
    let wait_for = |running: &Running, seen: &mut Vec<String>, count: usize| {
        wait::until("more lines", || {
            seen.extend(running.lines());
            (seen.len() >= count).then_some(())
        });
    };
    let mut first = start(&engine);
    wait_for(&first, &mut seen, 200);
    engine.kill();
    while !first.error_line().contains("it is asked again until it answers") {}
    engine.start_again();
    let before = seen.len();
    wait_for(&first, &mut seen, before + 200);
    while !first.error_line().contains("its engine answers again, and no line is missing") {}
    // The reader goes in a moment, too.
    wait::until("a mark", || fs::metadata(&state).ok());
    assert!(Command::new("kill").args(["-9", &first.pid().to_string()]).status().unwrap().success());
    seen.extend(first.end().lines);
    let mut second = start(&engine);
    let mut later: Vec<String> = Vec::new();
    let last = format!("err {} ", LINES - 1);
    wait::until("the last line", || {
        later.extend(second.lines());
        later.iter().any(|line| line.contains(&last)).then_some(())
    });
    engine.kill();
    while !second.error_line().contains("it is asked again until it answers") {}
    second.interrupt();
    let ended = second.end();
    let gap: Value = serde_json::from_str(ended.lines.last().expect("a gap")).unwrap();
    assert!(gap["gap"].as_str().unwrap().contains("engine"), "{gap}");
    assert!(ended.errors.contains("lines may be missing"), "{}", ended.errors);
    later.extend(ended.lines[..ended.lines.len() - 1].iter().cloned());
    let (before, after) = (numbers_of(&seen), numbers_of(&later));
    // An engine that is killed loses what it had read and not written down: what it has is all there can be.
    engine.start_again();
    let theirs = docker.command(&["logs", &container.id]).output().unwrap();
    for (stream, bytes) in [("stdout", theirs.stdout), ("stderr", theirs.stderr)] {
        let kept: Vec<usize> = String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(|line| line.split(' ').nth(1).unwrap().parse().unwrap())
            .collect();
        assert!(kept.len() > LINES / 2, "{stream}: {}", kept.len());
        let key = (container.name.clone(), stream.to_owned());
        let (before, after) = (&before[&key], &after[&key]);
        assert_eq!(before[..], kept[..before.len()], "{key:?}: in order, without doubles");
        let from = kept.len() - after.len();
        assert!(from <= before.len(), "{key:?}: nothing is missing between {} and {from}", before.len());
        assert_eq!(after[..], kept[from..], "{key:?}: in order, to the end");
    }
}

#[test]
fn podman_gives_logs_whose_files_cannot_be_seen() {
    if !level::engine_or_skip() || !level::program_or_skip("podman") {
        return;
    }
    let podman = Podman::start();
    let name = unique("podman-asked");
    podman.start_script(&name, &["--log-driver=k8s-file"], &format!("{}; sleep 1000", script(500, "0.01")));
    let socket = podman.argument();
    let asked = |words: &[&str]| {
        run(podman.without_its_files(&level::tracer()), &[&["logs", "--engine-socket", &socket], words].concat())
    };
    let mut whole = asked(&["-j", &name]);
    wait::until("its lines", || {
        whole = asked(&["-j", &name]);
        (whole.lines.len() >= 1_000).then_some(())
    });
    assert_complete(&whole, &name, 500);
    let explain = asked(&["--explain", &name]).lines.join("\n");
    assert!(explain.contains("engine ("), "{explain}");
    let last = asked(&["-j", "-n", "7", &name]);
    assert_eq!(last.lines[..], whole.lines[whole.lines.len() - 7..], "{}", last.errors);
}
