//! `tracer logs` with real engines: each log driver that keeps something, rotation, a run that is killed, and who gets no lines.

mod asked;
mod clickhouse;
mod collector;
mod forms;
mod journaled;
mod receiver;
mod shaped;
mod shipped;
mod spilled;
mod targets;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::net::UnixDatagram,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tracer::logs::when;
use tracer_tests::{
    command::{Output, Running, output, tracer},
    containerd::Containerd,
    docker::{Container, Docker, unique},
    level,
    podman::Podman,
    scratch::Scratch,
    wait,
};

/// Containers that write at once, and how many lines each writes to each stream.
const CONTAINERS: usize = 5;
const LINES: usize = 2_000;
/// What makes lines longer, so that files are rotated.
const FILL: &str =
    "----------------------------------------------------------------------------------------------------";

/// A script that writes numbered lines to both streams, with a pause after each hundred.
fn script(lines: usize, pause: &str) -> String {
    format!(
        "i=0; while [ $i -lt {lines} ]; do echo \"out $i {FILL}\"; echo \"err $i {FILL}\" >&2; i=$((i+1)); \
         [ $((i%100)) = 0 ] && sleep {pause}; done"
    )
}

fn write(docker: &Docker, name: &str, options: &[&str], script: &str) -> Container {
    docker.run(&unique(name), options, &["sh", "-c", script])
}

fn wait_for_end(docker: &Docker, container: &Container) {
    let _ = docker.output(&["wait", &container.id]);
}

/// The numbers of each container's lines on each stream, in the order in which they were printed.
fn numbers<'l>(lines: impl IntoIterator<Item = &'l String>) -> BTreeMap<(String, String), Vec<usize>> {
    let mut numbers = BTreeMap::<_, Vec<usize>>::new();
    for line in lines {
        // Of a run that was killed, the last line may not be whole.
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name}: {line}")).to_owned();
        assert_eq!(line.get("gap"), None, "nothing is missing: {line}");
        let words = text("log");
        let mut words = words.split(' ');
        assert_eq!(words.next(), Some(&text("stream")[3..]), "{line}");
        let number = words.next().unwrap().parse().unwrap();
        assert_eq!(words.next(), Some(FILL), "{line}");
        numbers.entry((text("container.name"), text("stream"))).or_default().push(number);
    }
    numbers
}

fn assert_complete(output: &Output, name: &str, lines: usize) {
    let numbers = numbers(&output.lines);
    for stream in ["stdout", "stderr"] {
        let found = &numbers[&(name.to_owned(), stream.to_owned())];
        assert!(found.iter().copied().eq(0..lines), "{name}, {stream}: {} lines", found.len());
    }
}

#[test]
fn each_driver_that_keeps_something_is_read() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let rotating = ["--log-opt=max-size=200k", "--log-opt=max-file=20"];
    let packed = [&rotating[..], &["--log-opt=compress=true"]].concat();
    let scratch = Scratch::new();
    let receiver = UnixDatagram::bind(scratch.path("syslog.sock")).unwrap();
    thread::spawn(move || while receiver.recv(&mut [0; 1024]).is_ok() {});
    let address = format!("--log-opt=syslog-address=unixgram://{}", scratch.path("syslog.sock").display());
    let elsewhere = ["--log-driver=syslog", &address];
    let local = ["--log-driver=local", "--log-opt=max-size=100k", "--log-opt=max-file=20"];
    let drivers: [(&str, &[&str]); 4] =
        [("json", &rotating), ("packed", &packed), ("local", &local), ("elsewhere", &elsewhere)];
    let all = drivers.map(|(name, options)| write(&docker, name, options, &script(LINES, "0.01")));
    let silent = write(&docker, "silent", &["--log-driver=none"], "echo out 0; echo err 0 >&2");
    all.iter().chain([&silent]).for_each(|container| wait_for_end(&docker, container));
    for container in &all {
        let whole = output(["logs", "-j", &container.name]);
        assert_eq!(whole.status.code(), Some(0), "{}", whole.errors);
        assert_complete(&whole, &container.name, LINES);
        // From the end, and over the beginning of a file.
        for last in [0, 7, 1_500] {
            let output = output(["logs", "-j", "-n", &last.to_string(), &container.id[..12]]);
            assert_eq!(output.lines.len(), last, "{}: {}", container.name, output.errors);
            assert_eq!(output.lines[..], whole.lines[whole.lines.len() - last..], "{}", container.name);
        }
        // The bytes are what docker itself gives.
        let theirs = docker.command(&["logs", &container.id]).output().unwrap();
        let ours = output(["logs", "--stream=stdout", &container.name]);
        assert_eq!(ours.lines.join("\n") + "\n", String::from_utf8_lossy(&theirs.stdout), "{}", container.name);
    }
    let mixed = output(["logs", "-j", &all[0].name, &all[1].name]).lines;
    let mut latest = 0;
    for line in mixed {
        let line: Value = serde_json::from_str(&line).unwrap();
        let time_ns = when::parse(line["time"].as_str().unwrap()).unwrap();
        // The two streams of a container are written down by two who do not wait for each other.
        assert!(time_ns + 100_000_000 > latest, "containers are in the order of time: {line}");
        latest = latest.max(time_ns);
    }
    let explain = output(["logs", "--explain"]).lines.join("\n");
    let row =
        |container: &Container| explain.lines().find(|line| line.starts_with(&container.name)).unwrap().to_owned();
    assert!(row(&silent).contains("log driver 'none' keeps nothing, so these lines are lost"), "{explain}");
    let remedy = format!("sudo tracer -c stdout -c stderr container.id={}", silent.short_id());
    assert!(explain.contains(&format!("hint: {}: see its writes from now on: {remedy}", silent.name)), "{explain}");
    assert!(row(&all[0]).contains("json-file") && row(&all[0]).contains("-json.log"), "{explain}");
    assert!(row(&all[3]).contains("local (syslog)"), "{explain}");
    let silence = output(["logs", &silent.name]);
    assert!(silence.lines.is_empty() && silence.errors.contains("keeps nothing"), "{}", silence.errors);
    assert!(silence.errors.contains(&remedy), "{}", silence.errors);
}

#[test]
fn a_run_that_is_killed_goes_on_where_it_was() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let scratch = Scratch::new();
    let state = scratch.path("state.json").display().to_string();
    let label = unique("label");
    let labelled = format!("--label={label}");
    let words = ["logs", "-f", "-j", "-l", &label, "--state", &state];
    let first = Running::start(&mut tracer(words));
    let options = [&labelled[..], "--log-opt=max-size=100k", "--log-opt=max-file=50"];
    let all: Vec<Container> =
        (0..CONTAINERS).map(|_| write(&docker, "goes-on", &options, &script(LINES, "0.1"))).collect();
    // It has seen lines, and has written down how far it was.
    let mut seen: Vec<String> = Vec::new();
    wait::until("lines and a mark", || {
        seen.extend(first.lines());
        (seen.len() > CONTAINERS * LINES / 4 && fs::metadata(&state).is_ok()).then_some(())
    });
    assert!(Command::new("kill").args(["-9", &first.pid().to_string()]).status().unwrap().success());
    seen.extend(first.end().lines);
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o600);
    let second = Running::start(&mut tracer(words));
    all.iter().for_each(|container| wait_for_end(&docker, container));
    let mut later: Vec<String> = Vec::new();
    let last = format!("err {} ", LINES - 1);
    let deadline = Instant::now() + Duration::from_secs(20);
    while later.iter().filter(|line| line.contains(&last)).count() < CONTAINERS && Instant::now() < deadline {
        later.extend(second.lines());
        thread::sleep(Duration::from_millis(20));
    }
    second.interrupt();
    let ended = second.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    later.extend(ended.lines);
    let (before, after) = (numbers(&seen), numbers(&later));
    for container in &all {
        for stream in ["stdout", "stderr"] {
            let key = (container.name.clone(), stream.to_owned());
            let (before, after) = (before.get(&key).map_or(&[][..], Vec::as_slice), &after[&key]);
            assert!(before.iter().copied().eq(0..before.len()), "{key:?}: in order before");
            let from = *after.first().unwrap();
            assert!(from <= before.len(), "{key:?}: nothing is missing between {} and {from}", before.len());
            let wrong = after.iter().zip(from..).find(|(found, wanted)| *found != wanted);
            assert_eq!((wrong, after.len()), (None, LINES - from), "{key:?}: in order after, to the end");
        }
    }
    // A third run has nothing new to say.
    let third = output(["logs", "-j", "-l", &label, "--state", &state]);
    assert_eq!((third.lines.len(), third.status.code()), (0, Some(0)), "{:?} {}", third.lines.first(), third.errors);
}

#[test]
fn podman_and_pods_have_logs_with_their_names() {
    if !level::engine_or_skip() || !level::program_or_skip("podman") || !level::program_or_skip("containerd") {
        return;
    }
    let podman = Podman::start();
    let name = unique("podman-logs");
    podman.start_script(&name, &["--log-driver=k8s-file"], &format!("{}; sleep 100", script(500, "0")));
    let engine = podman.argument();
    let mut last = output(["logs", "-j", "--engine-socket", &engine, &name]);
    wait::until("its lines", || {
        last = output(["logs", "-j", "--engine-socket", &engine, &name]);
        (last.lines.len() >= 1_000).then_some(())
    });
    assert_complete(&last, &name, 500);

    let containerd = Containerd::start();
    let pod = containerd.pod("api-0", "", &[("tier", "front")]);
    let id = pod.run(
        "app",
        0,
        &[
            "sh",
            "-c",
            &format!("busybox head -c 40000 /dev/zero | busybox tr '\\0' x; echo; {}; sleep 100", script(500, "0")),
        ],
    );
    let engine = containerd.argument();
    let words = ["logs", "-j", "--engine-socket", &engine, "--namespace=prod", "api-0"];
    let mut last = output(words);
    wait::until("its lines", || {
        last = output(words);
        (last.lines.len() >= 1_001).then_some(())
    });
    // The runtime cut it at 16 KiB.
    let at = last.lines.iter().position(|line| line.len() > 40_000).expect("the long line");
    let long: Value = serde_json::from_str(&last.lines.remove(at)).unwrap();
    assert_eq!(long["log"].as_str().unwrap().len(), 40_000, "parts are one line");
    for (name, value) in [("k8s.ns.name", "prod"), ("k8s.pod.name", "api-0"), ("container.name", "app")] {
        assert_eq!(long[name], value);
    }
    assert_eq!(long["container.id"], id[..12]);
    assert_complete(&last, "app", 500);
    let text = output(["logs", "--engine-socket", &engine, "api-0/app", "--prefix", "-t"]);
    let has = |mark: &str, what: &str| {
        let is_it = |line: &String| line.starts_with("api-0/app ") && line.contains(mark) && line.contains(what);
        assert_eq!(text.lines.iter().filter(|line| is_it(line)).count(), 1, "{mark}{what}");
    };
    has(" ! ", "Z err 499 ");
    has(" | ", "Z out 499 ");
}

#[test]
fn a_container_that_is_removed_is_told_once() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let container = write(&docker, "removed", &[], "echo out 0; sleep 100");
    let follow = Running::start(&mut tracer(["logs", "-f", &container.name]));
    assert_eq!(follow.line().as_deref(), Some("out 0"));
    let _ = docker.output(&["rm", "--force", &container.id]);
    // Its engine tells of it for some time, and each second the list of containers is looked at.
    thread::sleep(Duration::from_secs(5));
    follow.interrupt();
    let output = follow.end();
    assert_eq!((output.status.code(), output.lines.len()), (Some(0), 0), "{}", output.errors);
    assert_eq!(output.errors.matches("its log was removed").count(), 1, "{}", output.errors);
}

#[test]
fn wrong_names_and_users_without_rights_are_told_what_to_do() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let container = write(&docker, "named", &[], "echo out 0; sleep 100");
    let wrong = output(["logs", "no-such-container"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.errors.contains("no container is named 'no-such-container'\nhint: there are: "), "{}", wrong.errors);
    for (words, message) in [
        (&["logs", "--since", "yesterday"][..], "expected how long ago, such as 42m"),
        (&["logs", "-n", "x"], "expected a number of lines"),
        (&["logs", "--since", "1m", "--until", "2m"], "--since is later than --until"),
        (&["logs", "--stream", "both"], "expected stdout or stderr"),
        (&["logs", "--state", "/etc/hostname"], "is not a file of `tracer logs --state`"),
        (&["logs", "--stat"], "'--state'"),
    ] {
        let output = output(words.iter().copied());
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", output.errors);
        assert!(output.errors.contains(message), "{words:?}: {}", output.errors);
    }
    let nobody = tracer_tests::command::as_user(&mut tracer(["logs", &container.name]), 65_534).output().unwrap();
    let errors = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(!nobody.status.success() && errors.contains("run it with sudo"), "{errors}");
}
