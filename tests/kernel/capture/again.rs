//! What is captured while another tracer prints is what that printed, and released readers see the same.

use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use tracer_common::events;
use tracer_tests::{
    command::{Output, tracer},
    level,
    peer::{Tool, peer, peers},
    scratch::Scratch,
    session::Session,
    sys,
    workload::Workload,
};

use super::{replay, sound, text};

/// What is known of an event, but neither its number nor when it was.
const FORMAT: &str = "%evt.type %evt.dir %evt.cpu %evt.args|%proc.name %proc.cmdline %proc.cwd %proc.aname %proc.exepath|\
    %thread.tid %proc.pid %proc.ppid %proc.sid|%fd.num %fd.type %fd.name %fd.ino|%user.name %user.loginuid %group.name|\
    %container.name|%evt.abspath %fs.path.name|%proc.env[MARK]";

/// Programs that start each other, files, and pipes. Nothing is waited for.
const SCRIPT: &str = "read go; cat /etc/passwd | wc -l; cd /tmp; for n in 1 2 3; do echo $n > $0.$n; done; ls -l $0.* /nowhere; \
    rm $0.*; (cd /; head -c 100 /dev/zero > /dev/null); exec sh -c 'echo $$; sleep 0.1'";

/// A shell in a session of its own that waits until it may begin.
struct Shell(Child);

impl Shell {
    fn start() -> Self {
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", SCRIPT, "tracer-shell"]).env("MARK", "of the workload").stdin(Stdio::piped());
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell"))
    }

    fn run(mut self) {
        let mut input = self.0.stdin.take().expect("piped");
        input.write_all(b"\n").expect("the shell reads");
        drop(input);
        assert!(self.0.wait().expect("a child").success());
    }
}

/// Sockets of each family, descriptors of each kind, and threads.
fn calls() -> Workload<1> {
    Workload::fork(|| {
        let mut address = [0_u8; 16];
        address[..8].copy_from_slice(&[libc::AF_INET as u8, 0, 0, 0, 127, 0, 0, 1]);
        let at = |bytes: &[u8]| bytes.as_ptr() as u64;
        let server = sys!(SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0);
        let _ = (sys!(SYS_bind, server, at(&address), 16), sys!(SYS_listen, server, 5));
        let mut size = 16_u32;
        let _ = sys!(SYS_getsockname, server, at(&address), &raw mut size);
        let client = sys!(SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0);
        let _ = sys!(SYS_connect, client, at(&address), 16);
        let accepted = sys!(SYS_accept4, server, 0, 0, libc::SOCK_CLOEXEC);
        let mut data = *b"some data to send";
        let _ = (sys!(SYS_write, accepted, at(&data), 17), sys!(SYS_read, client, at(&data), 17));
        let udp = sys!(SYS_socket, libc::AF_INET6, libc::SOCK_DGRAM, 0);
        let mut ends = [0_i32; 2];
        let pair = ends.as_mut_ptr();
        let _ = sys!(SYS_socketpair, libc::AF_UNIX, libc::SOCK_STREAM, 0, pair);
        let _ = sys!(SYS_sendto, ends[0], at(&data), 4, 0, 0, 0);
        let _ = (sys!(SYS_pipe2, pair, libc::O_CLOEXEC), sys!(SYS_write, ends[1], at(&data), 5));
        let copy = sys!(SYS_dup3, ends[0], 77, libc::O_CLOEXEC);
        let _ = (
            sys!(SYS_read, copy, data.as_mut_ptr(), 5),
            sys!(SYS_close, ends[0]),
            sys!(SYS_fcntl, copy, libc::F_GETFD),
        );
        let event = sys!(SYS_eventfd2, 3, 0);
        let memory = sys!(SYS_memfd_create, c"in memory", 0);
        let poll = sys!(SYS_epoll_create1, 0);
        let file = sys!(SYS_openat, libc::AT_FDCWD, c"/etc/hostname", libc::O_RDONLY);
        let _ = (sys!(SYS_pread64, file, data.as_mut_ptr(), 3, 1), sys!(SYS_lseek, file, 0, libc::SEEK_END));
        let _ = (sys!(SYS_openat, libc::AT_FDCWD, c"/no/where", libc::O_RDWR), sys!(SYS_fchmod, memory, 0o600));
        for fd in [udp, event, poll, file, server, client, accepted, memory] {
            let _ = sys!(SYS_close, fd);
        }
        let child = sys!(SYS_fork);
        if child == 0 {
            let _ = sys!(SYS_getppid);
            let _ = sys!(SYS_exit_group, 3);
        }
        let _ = sys!(SYS_wait4, child, 0, 0, 0);
        [accepted]
    })
}

/// What was captured, and what another one printed meanwhile.
struct Both {
    _scratch: Scratch,
    file: std::path::PathBuf,
    /// Printed by the one that wrote, and by the other one.
    beside: Output,
    other: Output,
    filter: String,
}

/// Lets two tracers watch the workload; `more` are options of the one that writes, `and` what the filter also wants.
fn both(more: &[&str], and: &str) -> Both {
    let scratch = Scratch::new();
    let file = scratch.path("live.scap");
    let (shell, calls) = (Shell::start(), calls());
    // While it waits for its start, one of them polls.
    let calling = "evt.type!=poll and evt.type!=switch";
    let filter = format!("(proc.sid={} or {calling} and (proc.pid={} or proc.ppid={1})){and}", shell.0.id(), calls.pid);
    let other = Session::lines(FORMAT, &filter);
    let beside = Session::lines_of(tracer(["-w", text(&file)]).args(more), FORMAT, &filter);
    calls.start();
    let (_, said) = calls.end();
    assert!(said[0] > 0, "a connection was accepted: {said:?}");
    shell.run();
    Both { _scratch: scratch, file, beside: beside.end(), other: other.end(), filter }
}

/// The lines of the workload: those of a beacon begin with its path. Events that happen on two CPUs at once have no order.
fn lines(output: &Output) -> Vec<&str> {
    let is_beacon = |line: &&str| line.split(' ').next().is_some_and(|word| word.ends_with("/beacon"));
    let mut lines: Vec<_> = output.lines.iter().map(String::as_str).filter(|line| !is_beacon(line)).collect();
    lines.sort_unstable();
    lines
}

#[track_caller]
fn same(found: &[&str], expected: &[&str], what: &str) {
    let not_in = |one: &[&str], other: &[&str]| -> Vec<String> {
        one.iter().filter(|line| other.binary_search(line).is_err()).take(3).map(|line| (*line).to_owned()).collect()
    };
    let (more, fewer) = (not_in(found, expected), not_in(expected, found));
    assert!(more.is_empty() && fewer.is_empty(), "{what}: there {more:#?}\nshould {fewer:#?}");
    assert_eq!(found.len(), expected.len(), "{what}");
}

#[test]
fn it_shows_what_another_tracer_printed() {
    if !level::root_or_skip() || !level::program_or_skip("setsid") {
        return;
    }
    for (options, and) in [
        (&[][..], ""),
        (&["-F"], ""),
        (&["-z", "--schema", "newest"], ""),
        (&["--filter-proclist"], " and evt.type in (read, write, close)"),
        (&["-F"], " and evt.type=read"),
        (&[], " and evt.type=read"),
    ] {
        let both = both(options, and);
        let what = format!("{options:?}{and}");
        if !options.contains(&"newest") {
            let _ = sound(&both.file);
        }
        let again = replay(&both.file, &["-p", &format!("*%fd.name {FORMAT}"), &both.filter]);
        let (mut again, beside, other) = (lines(&again), lines(&both.beside), lines(&both.other));
        println!("{what}: {} lines", again.len());
        assert!(again.len() > if and.is_empty() { 300 } else { 20 }, "{what}: {}", again.len());
        // Lines of a live run leave switches out, a capture has them.
        let is_switch = |line: &&str| line.contains(" switch > ");
        assert!(!and.is_empty() || again.iter().any(is_switch), "{what}");
        assert!(!beside.iter().chain(&other).any(is_switch), "{what}");
        again.retain(|line| !is_switch(line));
        same(&again, &beside, &format!("{what}, beside it"));
        same(&again, &other, &format!("{what}, another tracer"));
    }
}

#[test]
fn it_is_the_same_when_it_is_written_again() {
    if !level::root_or_skip() || !level::program_or_skip("setsid") {
        return;
    }
    let both = both(&[], "");
    let [second, third] = ["second.scap", "third.scap"].map(|name| both.file.with_file_name(name));
    let _ = replay(&both.file, &["-w", text(&second)]);
    let _ = (sound(&second), replay(&second, &["-w", text(&third)]));
    let format = format!("*%evt.num %evt.rawtime %evt.latency {FORMAT}");
    let print = |path: &Path| replay(path, &["-D", "-p", &format]).lines;
    let (first, again, last) = (print(&both.file), print(&second), print(&third));
    let other = first.iter().zip(&again).find(|(one, other)| one != other);
    assert_eq!((other, first.len()), (None, again.len()));
    assert_eq!(again.iter().zip(&last).find(|(one, other)| one != other), None);
}

/// A word with the file that the name of a descriptor leads to, if there is one.
fn followed(word: &str) -> String {
    let name = word.split_once("(<f>").and_then(|(before, rest)| Some((before, rest.split_once(')')?)));
    match name.and_then(|(before, (name, rest))| Some((before, std::fs::canonicalize(name).ok()?, rest))) {
        Some((before, path, rest)) => format!("{before}(<f>{}){rest}", path.display()),
        None => word.to_owned(),
    }
}

/// What others print in another way, taken away from both lines.
fn alike(line: &str, kind: &str) -> String {
    let mut line = line.replace(" +0000", "").replace(" )", ")").replace("(O_NONE)", "");
    while let Some(at) = line.find("\\x") {
        // Theirs is one dot for each byte.
        line.replace_range(at..(at + 4).min(line.len()), ".");
    }
    if kind == "fcntl" {
        line.truncate(line.find(" arg=").unwrap_or(line.len()));
    }
    if kind == "socket" {
        line.truncate(line.find(" flags=").unwrap_or(line.len()));
    }
    // Their name of a file is the path that was passed, ours that of the file behind all links.
    let line: Vec<String> = line.split_whitespace().map(followed).collect();
    // Threads that ended have names here, protocols are known from the beginning, and names of sockets from the kernel.
    let words = line.iter().map(|word| match word.split_once('=') {
        // Of most commands it is no descriptor, but theirs is shown as one.
        Some(("res", value)) if matches!(kind, "fcntl" | "bpf") => {
            format!("res={}", value.split('(').next().unwrap_or(value))
        }
        Some((key @ ("next" | "spid" | "dpid" | "res"), value)) if !value.starts_with('-') && !value.contains("(<") => {
            format!("{key}={}", value.split('(').next().unwrap_or(value))
        }
        Some((key @ ("fd" | "in" | "out"), value))
            if value.contains("(<4") || value.contains("(<6") || value.contains("(<u") =>
        {
            format!("{key}={}", value.split('(').next().unwrap_or(value))
        }
        Some(("offset", value)) => match value.parse::<u64>() {
            Ok(offset) => format!("offset={}", offset as i64),
            Err(_) => word.clone(),
        },
        _ => word.clone(),
    });
    let mut words: Vec<_> = words.collect();
    if matches!(kind, "switch" | "procexit") && words.len() > 3 {
        words[3] = "*".to_owned();
    }
    words.join(" ")
}

#[test]
fn released_readers_read_it_to_the_end() {
    if !level::root_or_skip() || !level::program_or_skip("setsid") {
        return;
    }
    let both = both(&[], "");
    let report = sound(&both.file);
    let ours = replay(&both.file, &[]).lines;
    assert!(ours.len() > 300, "{}", ours.len());
    for reader in peers() {
        let theirs = reader.read(&both.file, &[]).lines();
        if reader.tool() == Tool::Old {
            // It shows no calls that it does not know: at the end there are others.
            let time = |line: &String| line.split(' ').nth(1).unwrap_or_default().to_owned();
            let last = theirs.last().map(time).unwrap_or_default();
            let read = ours.iter().position(|line| time(line) == last).unwrap_or(0);
            assert!(theirs.len() * 2 > ours.len(), "{} of {}", theirs.len(), ours.len());
            assert!(read + 20 > ours.len(), "to line {read} of {}", ours.len());
            continue;
        }
        assert_eq!(theirs.len(), ours.len());
        let (mut equal, mut wrong) = (0, Vec::new());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let kind = ours.split([' ']).skip_while(|word| !matches!(*word, "<" | ">")).nth(1).unwrap_or_default();
            // They know such a call only by its name.
            let (ours, theirs) = match events::own_row(kind.as_bytes()) {
                Some(_) => (&ours[..ours.find(kind).map_or(ours.len(), |at| at + kind.len())], theirs.as_str()),
                None => (ours.as_str(), theirs.as_str()),
            };
            equal += usize::from(ours.trim_end() == theirs.trim_end());
            // Of calls without parameters, ours say the result.
            let more = ours.trim_end().strip_prefix(theirs.trim_end()).map(str::trim);
            let is_result = more.is_some_and(|more| more.starts_with("res=") && !more.contains(' '));
            if !is_result && alike(ours, kind) != alike(theirs, kind) {
                wrong.push(format!("ours   {ours}\ntheirs {theirs}"));
            }
        }
        println!("{equal} of {} lines of sysdig 0.41 are equal", theirs.len());
        assert!(
            wrong.is_empty(),
            "{} lines are not explained:\n{}",
            wrong.len(),
            wrong[..wrong.len().min(5)].join("\n")
        );
        assert!(equal * 10 > theirs.len() * 8, "{equal} of {}", theirs.len());
    }
    let Some(wireshark) = peer(Tool::Wireshark) else { return };
    assert_eq!(wireshark.read(&both.file, &[]).lines().len() as u64, report.event_count());
}

#[test]
fn how_long_calls_take_is_there() {
    const SLEEP_NS: u64 = 300_000_000;
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    for (options, has_latency) in [(&[][..], true), (&["--no-latency"], false)] {
        let file = scratch.path("sleep.scap");
        let workload: Workload<0> = Workload::fork(|| {
            let time = [0_u64, SLEEP_NS];
            let _ = sys!(SYS_nanosleep, time.as_ptr(), 0);
            []
        });
        let filter = format!("evt.type=nanosleep and proc.pid={}", workload.pid);
        let session = Session::lines_of(tracer(["-w", text(&file)]).args(options), "%evt.type", &filter);
        workload.start();
        let _ = (workload.end(), session.end());
        let found = replay(&file, &["-p", "*%evt.latency", &filter]).lines;
        let latency: Option<u64> = found[0].parse().ok();
        assert_eq!((found.len(), latency.is_some()), (1, has_latency), "{options:?}: {found:?}");
        assert!(latency.is_none_or(|ns| (SLEEP_NS..5 * SLEEP_NS).contains(&ns)), "{latency:?}");
        let shown = replay(&file, &["-t", "d", &filter]).lines;
        assert!(!has_latency || shown[0].contains(" 0.3") || shown[0].contains(" 0.4"), "{shown:?}");
    }
}

#[test]
fn cpu_time_is_there() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    for (options, has_cpu) in [(&[][..], true), (&["--no-cpu"], false)] {
        let file = scratch.path("cpu.scap");
        let workload: Workload<1> = Workload::fork(|| {
            let begin = std::time::Instant::now();
            let mut count = 0_i64;
            while begin.elapsed().as_millis() < 3500 {
                count = std::hint::black_box(count + 1);
            }
            let _ = sys!(SYS_getppid);
            [count]
        });
        let filter = format!("proc.pid={}", workload.pid);
        let session = Session::lines_of(tracer(["-w", text(&file)]).args(options), "%evt.type", &filter);
        workload.start();
        let pid = workload.pid;
        let _ = (workload.end(), session.end());
        let _ = sound(&file);
        let format = ["-D", "-p", "%thread.cpu", &format!("evt.type=procinfo and proc.pid={pid}")];
        let percent: Vec<f64> = replay(&file, &format).lines.iter().filter_map(|line| line.parse().ok()).collect();
        let most = percent.iter().copied().fold(0.0, f64::max);
        println!("{options:?}: {percent:?}");
        assert_eq!(most > 15.0, has_cpu, "{options:?}: {percent:?}");
        let table = replay(&file, &["-c", "topprocs_cpu"]).lines;
        let row = table.iter().find(|line| line.ends_with(&format!(" {pid}")));
        assert_eq!(row.is_some(), has_cpu, "{options:?}: {table:#?}");
    }
}
