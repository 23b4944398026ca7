//! The reader of the output goes: the tracer ends, also while nothing matches, and its hooks are gone. Without a reader, as into a
//! file, it runs on.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tracer_tests::{
    command::{Running, attached, tracer},
    level,
    scratch::Scratch,
};

/// Nothing has this name.
const NOTHING: &str = "proc.name=nothing-has-this-name";

/// Commands with an output that nothing, a table, or much goes to.
const COMMANDS: [&[&str]; 5] =
    [&[NOTHING], &["-j", NOTHING], &["-c", "topprocs_net", NOTHING], &["-c", "spy_file", NOTHING], &[]];

/// How a child ended; `None` if it still runs behind the deadline.
fn status(child: &mut Child, deadline: Duration) -> Option<i32> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Starts a command, and waits until its hooks are attached.
fn start(command: &mut Command) -> Child {
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    attached(child.id());
    child
}

/// The status of a command when the other end of its output is dropped.
fn status_without_reader(words: &[&str], output: OwnedFd, reader: impl Sized) -> Option<i32> {
    let mut command = tracer(words.iter().copied());
    let mut child = start(command.stdout(output));
    // The command has the output, too.
    drop(command);
    thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "it runs while somebody reads: {words:?}");
    drop(reader);
    let status = status(&mut child, Duration::from_secs(5));
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!errors.contains("panic") && !errors.contains("Broken pipe"), "{words:?}: {errors}");
    status
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    if !level::root_or_skip() {
        return;
    }
    for words in COMMANDS {
        let (reader, writer) = io::pipe().unwrap();
        // Much that is printed has to be read, or a write waits.
        let drained = words.is_empty().then(|| {
            let mut copy = reader.try_clone().unwrap();
            thread::spawn(move || io::Read::read(&mut copy, &mut [0; 1 << 20]).unwrap())
        });
        assert_eq!(status_without_reader(words, writer.into(), reader), Some(0), "{words:?}");
        drained.map(thread::JoinHandle::join);
        let (reader, socket) = UnixStream::pair().unwrap();
        if !words.is_empty() {
            assert_eq!(status_without_reader(words, socket.into(), reader), Some(0), "socket: {words:?}");
        }
    }
    let (reader, writer) = io::pipe().unwrap();
    assert_eq!(status_without_reader(&["-w", "-", NOTHING], writer.into(), reader), Some(0));
}

#[test]
fn a_capture_in_a_pipe_ends_with_its_reader_and_one_in_a_file_does_not() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let pipe = scratch.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = {
        let pipe = pipe.clone();
        thread::spawn(move || File::open(pipe).unwrap())
    };
    let mut child = start(tracer(["--force", "-w", pipe.to_str().unwrap(), NOTHING]).stdout(Stdio::null()));
    drop(reader.join().unwrap());
    assert_eq!(status(&mut child, Duration::from_secs(5)), Some(0));
    let _ = (child.kill(), child.wait());
    // What is printed goes nowhere here: a reader of standard output has nothing to say.
    let file = scratch.path("kept.scap");
    let (reader, writer) = io::pipe().unwrap();
    let mut child = start(tracer(["-w", file.to_str().unwrap(), NOTHING]).stdout(writer));
    drop(reader);
    assert_eq!(status(&mut child, Duration::from_secs(1)), None, "the capture goes on");
    let _ = (child.kill(), child.wait());
}

#[test]
fn without_a_reader_it_runs_on() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = File::create(scratch.path("lines")).unwrap();
    for stdout in [Stdio::from(file), Stdio::null()] {
        let mut child = start(tracer([NOTHING]).stdout(stdout));
        assert_eq!(status(&mut child, Duration::from_secs(1)), None);
        let _ = (child.kill(), child.wait());
    }
    // A closed descriptor is none either.
    let binary = level::tracer();
    let mut closed = Command::new("sh");
    closed.args(["-c", "exec \"$0\" \"$1\" >&-"]).arg(binary).arg(NOTHING).stdin(Stdio::null());
    let mut child = start(&mut closed);
    assert_eq!(status(&mut child, Duration::from_secs(1)), None);
    let _ = (child.kill(), child.wait());
}

/// Looking costs next to nothing, where the loop waits anyway.
#[test]
fn an_idle_tracer_stays_idle() {
    if !level::root_or_skip() {
        return;
    }
    // A call that nothing on a machine makes, and no names.
    let running = Running::start(&mut tracer(["-p", "%evt.type", "evt.type=sched_rr_get_interval"]));
    let path = format!("/proc/{}/stat", running.pid());
    let ticks = || {
        let stat = std::fs::read_to_string(&path).unwrap();
        let fields: Vec<u64> = stat.rsplit(") ").next().unwrap().split(' ').filter_map(|it| it.parse().ok()).collect();
        // Without the state, which is no number: utime is the 11th, stime the 12th.
        fields[10] + fields[11]
    };
    thread::sleep(Duration::from_secs(2));
    let before = ticks();
    thread::sleep(Duration::from_secs(3));
    let used = ticks() - before;
    running.interrupt();
    assert_eq!(running.end().status.code(), Some(0));
    // Of 300 ticks.
    assert!(used <= 9, "{used} ticks of CPU time in 3 s");
}
