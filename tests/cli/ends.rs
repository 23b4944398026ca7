//! Signals: the first one ends it in good order and is told by the exit code, the second one ends it at once.
#![allow(unsafe_code, reason = "signals")]

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use libc::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use tracer_tests::{
    command::{self, Running, tracer},
    level,
    scratch::Scratch,
};

use super::closing_line;

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/run_as_user_0_container.scap");

fn send(pid: u32, signal: i32) {
    // SAFETY: a signal to a child that was not waited for yet.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

/// How it ends, if it does in that time.
fn status(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait().unwrap() {
            None if Instant::now() < deadline => sleep(Duration::from_millis(10)),
            status => return status,
        }
    }
}

#[test]
fn a_signal_ends_it_in_good_order_and_is_the_exit_code() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    for (signal, code) in [(SIGINT, 0), (SIGTERM, 143), (SIGHUP, 129), (SIGQUIT, 131)] {
        let file = scratch.path(format!("{signal}.scap"));
        let words = ["--unbuffered", "-p", "%evt.num", "-w", file.to_str().unwrap(), "evt.type=openat"];
        let running = Running::start(&mut tracer(words));
        assert!(running.line().is_some());
        send(running.pid(), signal);
        let output = running.end();
        assert_eq!((output.status.code(), output.status.signal()), (Some(code), None), "{}", output.errors);
        closing_line(&output);
        // All of it is in the file.
        let read = command::output(["-r", file.to_str().unwrap(), "-q"]);
        assert_eq!(read.status.code(), Some(0), "{}", read.errors);
        let number = |text: &str, before: &str| {
            let words: Vec<_> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
            let at = words.windows(before.split(' ').count()).position(|it| it.join(" ") == before).unwrap();
            words[at - 1].parse::<u64>().unwrap()
        };
        let (read, written) = (number(&read.errors, "events seen"), number(&output.errors, "written in"));
        // A mark tells of what was lost.
        let marks = u64::from(!output.errors.contains(", 0 lost"));
        assert!(written > 0 && (written..=written + marks).contains(&read), "{read}: {}", output.errors);
    }
}

/// As tracing, reading of a capture is ended by them.
#[test]
fn a_signal_ends_reading_and_what_was_lost_is_still_told() {
    let scratch = Scratch::new();
    let chisel = scratch.path("many.rhai");
    fs::write(&chisel, super::TOO_MANY).unwrap();
    let bytes = fs::read(CAPTURE).unwrap();
    for (signal, fails, code) in
        [(SIGTERM, true, 3), (SIGTERM, false, 143), (SIGHUP, false, 129), (SIGINT, true, 3), (SIGINT, false, 0)]
    {
        let words = ["-r", "-", "-c", chisel.to_str().unwrap()];
        let mut command = tracer(words.into_iter().chain(fails.then_some("--fail-on-drop")));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().unwrap();
        // Enough for keys to be lost; the end does not come.
        (0..4).for_each(|_| stdin.write_all(&bytes).unwrap());
        wait_until_idle(child.id());
        send(child.id(), signal);
        let status = status(&mut child, Duration::from_secs(10)).expect("it ends");
        let mut errors = String::new();
        let _ = child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(status.code(), Some(code), "{signal} {fails}: {errors}");
        assert!(errors.contains(" lost (table full "), "{errors}");
        drop(stdin);
    }
}

/// Waits until a process that had something to do has used no CPU time for half a second: it waits for more.
fn wait_until_idle(pid: u32) {
    let used = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Behind the name, which may have blanks: state, then numbers.
        let numbers: Vec<u64> =
            stat.rsplit(')').next().unwrap_or_default().split(' ').map(|it| it.parse().unwrap_or(0)).collect();
        numbers.get(12).copied().unwrap_or(0) + numbers.get(13).copied().unwrap_or(0)
    };
    let mut before = 0;
    tracer_tests::wait::until("it to have read what there is", || {
        sleep(Duration::from_millis(500));
        let now = used();
        let is_idle = now == before && now > 0;
        before = now;
        is_idle.then_some(())
    });
}

/// As after SIGKILL in the middle of a write, and after a disk was full.
#[test]
fn what_a_torn_capture_has_is_shown_and_counted() {
    let scratch = Scratch::new();
    for compression in ["none", "gzip", "zstd"] {
        let (whole, torn) = (scratch.path("whole"), scratch.path("torn"));
        let compress = format!("--compress={compression}");
        let written = command::output(["-r", CAPTURE, "-w", whole.to_str().unwrap(), &compress]);
        assert_eq!(written.status.code(), Some(0), "{}", written.errors);
        let bytes = fs::read(&whole).unwrap();
        let mut before = 0;
        for part in 70..100 {
            fs::write(&torn, &bytes[..bytes.len() * part / 100 + part % 7]).unwrap();
            let output = command::output(["-r", torn.to_str().unwrap(), "-p", "%evt.num"]);
            let count = output.lines.len();
            assert_eq!(output.status.code(), Some(1), "{compression} {part}: {}", output.errors);
            let mut errors = output.errors.lines();
            assert!(errors.next().is_some_and(|line| line.starts_with("tracer: cannot read capture '")), "{output:?}");
            let summary = errors.next().unwrap_or_default();
            assert!(summary.contains(&format!(" {count} shown, 0 lost")), "{compression} {part}: {}", output.errors);
            assert!(count >= before, "{compression} {part}: more of the file has no fewer events");
            before = count;
            let info = command::output(["info", torn.to_str().unwrap()]);
            assert!(info.lines.iter().any(|line| line.starts_with("events ")), "{compression} {part}: {info:?}");
        }
        assert!(before > 500, "{compression}: {before}");
    }
}

#[test]
fn what_it_was_started_to_ignore_it_ignores() {
    if !level::root_or_skip() {
        return;
    }
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" --unbuffered -p %evt.num"]).arg(level::tracer()).stdin(Stdio::null());
    let running = Running::start(&mut command);
    assert!(running.line().is_some());
    send(running.pid(), SIGHUP);
    sleep(Duration::from_millis(500));
    let _ = running.lines().count();
    assert!(running.line().is_some(), "it runs on");
    send(running.pid(), SIGTERM);
    assert_eq!(running.end().status.code(), Some(143));
}

#[test]
fn a_second_signal_ends_it_at_once_while_output_is_stuck() {
    if !level::root_or_skip() {
        return;
    }
    // Nobody reads the pipe, which is soon full: of lines, and of a capture.
    for words in [&["-p", "%evt.num %evt.args"][..], &["-w", "-"]] {
        for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
            let mut command = tracer(words.iter().copied());
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
            command::attached(child.id());
            // Something to fill the pipe with.
            let until = Instant::now() + Duration::from_secs(2);
            while Instant::now() < until {
                let _ = fs::read_to_string("/proc/self/status").unwrap();
            }
            send(child.id(), signal);
            assert_eq!(status(&mut child, Duration::from_millis(700)), None, "{words:?}: it waits for the reader");
            send(child.id(), signal);
            let status = status(&mut child, Duration::from_secs(5)).expect("it ends at once");
            assert_eq!(status.code(), Some(code), "{words:?}");
        }
    }
}

#[test]
fn a_pipe_without_a_writer_is_waited_for_until_a_signal_comes() {
    let scratch = Scratch::new();
    let pipe = scratch.path("x.scap");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (signal, code) in [(SIGINT, 0), (SIGTERM, 143)] {
        let mut command = tracer(["-q", "-r", pipe.to_str().unwrap()]);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert_eq!(status(&mut child, Duration::from_millis(700)), None, "it waits");
        send(child.id(), signal);
        let ended = status(&mut child, Duration::from_secs(10));
        let _ = child.kill();
        assert_eq!(ended.and_then(|status| status.code()), Some(code));
    }
    // A writer that comes later is read.
    let running = Running::start(&mut tracer(["-p", "%evt.num", "-r", pipe.to_str().unwrap()]));
    sleep(Duration::from_millis(300));
    fs::write(&pipe, fs::read(CAPTURE).unwrap()).unwrap();
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    assert!(output.lines.len() > 100, "{}", output.errors);
}
