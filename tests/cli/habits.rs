//! What people write who are used to other tools: each wrong command has a line that says what they meant, and ends with code 2.

use tracer_tests::{command, scratch::Scratch};

/// The words, in the message, in the hint.
const HABITS: &[(&[&str], &str, &str)] = &[
    // tcpdump.
    (&["port", "80"], "filter: expected an operator", "write: tracer fd.port=80"),
    (&["host", "10.0.0.1"], "filter: ", "write: tracer fd.ip=10.0.0.1"),
    (&["-n", "5", "tcp", "port", "22"], "filter: ", "write: tracer -n 5 'fd.l4proto=tcp and fd.port=22'"),
    (&["net", "10.0.0.0/8"], "filter: ", "write: tracer fd.net=10.0.0.0/8"),
    (&["udp"], "filter: ", "write: tracer fd.l4proto=udp"),
    (&["tcp"], "filter: ", "write: tracer fd.l4proto=tcp"),
    (&["src", "host", "1.2.3.4"], "filter: ", "write: tracer fd.cip=1.2.3.4"),
    (&["not", "port", "22"], "filter: ", "write: tracer 'not fd.port=22'"),
    (&["-nn", "udp"], "invalid value 'n' for '--numevents", "leave out -nn"),
    (&["-i", "lo"], "chisel 'lo'", "tracer sees all network interfaces"),
    // strace.
    (&["-p", "1234"], "format: '1234' has no field", "tracer --pid 1234"),
    (
        &["-e", "trace=open,openat", "sh"],
        "invalid value 'trace=open,openat'",
        "write: tracer 'evt.type in (open, openat)'",
    ),
    (&["-e", "openat,close"], "invalid value 'openat,close'", "write: tracer 'evt.type in (openat, close)'"),
    (&["-q", "run", "ls"], "filter: ", "run comes before its options: tracer run -q ls"),
    (&["-pc", "top"], "filter: ", "top comes before its options: tracer top -pc"),
    (&["-T"], "option '-T' (tracers) is not supported", "%evt.latency"),
    (&["sh"], "filter: ", "tracer run -- sh; "),
    // bpftrace, perf.
    (
        &["-e", "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }"],
        "invalid value",
        "-e is bpftrace's; write: tracer evt.type=openat",
    ),
    (&["-e", "kprobe:do_nanosleep"], "invalid value", "tracer -L lists the events"),
    (&["sys_enter_openat"], "filter: ", "write: tracer evt.type=openat"),
    (&["comm=nginx"], "filter: unknown field", "write: tracer proc.name=nginx"),
    (&["syscall=openat"], "filter: unknown field", "write: tracer evt.type=openat"),
    (&["-f", "sh"], "there is no option '-f'", "threads and children are always traced"),
    (&["sh", "-c", "true"], "'sh' is not a filter", "tracer proc.name=sh"),
    (&["/bin/sh", "script"], "filter: ", "tracer proc.name=sh"),
    // Languages.
    (&["proc.name=a && proc.pid=3"], "filter: expected 'and'", "write: tracer 'proc.name=a and proc.pid=3'"),
    (&["proc.name=a || fd.num=3"], "filter: ", "write: tracer 'proc.name=a or fd.num=3'"),
    (&["proc.name=a", "AND", "proc.pid=3"], "filter: ", "write: tracer 'proc.name=a and proc.pid=3'"),
    (&["proc.name=a", "proc.pid=3"], "filter: ", "write: tracer 'proc.name=a and proc.pid=3'"),
    (&["PROC.NAME=nginx"], "filter: unknown field", "write: tracer proc.name=nginx"),
    (&["container=web"], "filter: unknown field", "write: tracer container.name=web"),
    (&["-j", "pid=12"], "filter: ", "write: tracer -j proc.pid=12"),
    (&["evt.latency", ">", "1", "ms"], "filter: ", "write: tracer 'evt.latency > 1ms'"),
    (&["proc.name", "in", "a,b"], "filter: ", "write: tracer 'proc.name in (a, b)'"),
    (&["proc.name like 'ngi%'"], "filter: ", "proc.name glob 'ngi*'"),
    (&["-l", "nothing"], "no field begins with 'nothing'", "tracer -l lists all"),
    (&["-L", "nothing"], "no event with parameters begins with 'nothing'", "tracer -L lists all"),
    (
        &["--buffer-size", "256"],
        "invalid value '256' for '--buffer-size <SIZE>': expected at least 4K",
        "did you mean 256M?",
    ),
    (&["proc.name=nginx,redis"], "filter: ", "write: tracer 'proc.name in (nginx, redis)'"),
    (&["no-such-program-here"], "filter: ", "write: tracer proc.name=no-such-program-here"),
    (&["fd.port=htps"], "filter: expected a port", "did you mean 'https'?"),
    // Formats.
    (&["-p", "proc.name,fd.name"], "format: ", "write: -p '%proc.name %fd.name'"),
    (&["-p", "text"], "format: ", "fields begin with %"),
    // Typing.
    (&["\u{2013}n", "5"], "'\u{2013}n' starts with a typographic dash", "write: tracer -n 5"),
    (&["\u{2014}json"], "'\u{2014}json' starts with a typographic dash", "write: tracer --json"),
    (&["-c", "topscalls,topprocs_cpu"], "chisel 'topscalls,topprocs_cpu'", "-c topscalls -c topprocs_cpu"),
    (
        &["-c", "fileslower", "-M", "1"],
        "chisel 'fileslower' needs an argument, and '-M' is an option",
        "tracer -c fileslower MIN_MS -M",
    ),
    (&["-c", "fileslower"], "chisel 'fileslower': needs an argument", "write: tracer -c fileslower"),
    (&["-n", "x"], "invalid value 'x' for '--numevents <COUNT>': expected a whole number, at least 1", "tracer -h"),
    (
        &["-s", "99999"],
        "invalid value '99999' for '--snaplen <BYTES>': expected a whole number, from 0 to",
        "tracer -h",
    ),
    (&["-G", "3"], "this option needs a capture to write", "give -w FILE, too"),
    (&["--sort", "x", "-c", "topscalls"], "--sort: no table has a column 'x'", "columns are Calls, Syscall"),
];

#[test]
fn what_was_meant_is_said() {
    for (words, message, hint) in HABITS {
        let output = command::output(words.iter().copied());
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(output.lines.is_empty(), "{words:?}: {output:?}");
        assert!(output.errors.starts_with(&format!("tracer: {message}")), "{words:?}: {}", output.errors);
        let hints: Vec<&str> = output.errors.lines().filter_map(|line| line.strip_prefix("hint: ")).collect();
        assert!(hints.len() == 1 && hints[0].contains(hint), "{words:?}: {}", output.errors);
    }
}

/// What is right, and hardly what was meant.
#[test]
fn patterns_that_are_none_are_noted() {
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");
    let notes = |filter: &str| {
        let output = command::output(["-r", capture, "-n", "1", filter]);
        assert_eq!(output.status.code(), Some(0), "{filter}: {}", output.errors);
        output.errors
    };
    assert!(notes("proc.name=~ngi.*").contains("hint: a pattern is proc.name regex ngi.*"));
    assert!(notes("fd.name==/etc/*").contains("hint: with them: fd.name glob /etc/*"));
    for right in ["fd.name='/etc/*'", "proc.name=ngi", "fd.name glob /etc/*"] {
        assert!(!notes(right).contains("note: "), "{right}");
    }
}

#[test]
fn a_chisel_in_this_folder_is_found_by_the_hint() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path("mine.rhai"), "chisel(#{ summary: \"x\" });\n").unwrap();
    let output = command::Running::start(command::tracer(["-c", "mine"]).current_dir(scratch.dir())).end();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        output.errors.contains("hint: mine.rhai is in this folder: tracer --chisel-dir . -c mine"),
        "{}",
        output.errors
    );
}

/// Texts of the language and of libraries that the program is made with.
const FOREIGN: [&str; 8] = [
    "os error",
    "invalid digit",
    "ParseIntError",
    "called `",
    "panicked",
    "required arguments were not",
    "Utf8Error",
    "Err(",
];

#[test]
fn messages_are_for_people() {
    let wrong: [&[&str]; 12] = [
        &["-r", "/no/such"],
        &["-r", "/"],
        &["-r", "/etc/passwd"],
        &["-r", "/no/such", "-w", "/no/such/x"],
        &["-n", "-5"],
        &["-M", "x"],
        &["-G", "x", "-w", "x"],
        &["-G", "3"],
        &["--buffer-size", "1e99"],
        &["--config", "/no/such"],
        &["--rows", "many"],
        &["info", "/no/such"],
    ];
    for words in wrong {
        let output = command::output(words.iter().copied());
        assert_ne!(output.status.code(), Some(0), "{words:?}");
        for text in FOREIGN {
            assert!(!output.errors.contains(text), "{words:?}: {}", output.errors);
        }
    }
}
