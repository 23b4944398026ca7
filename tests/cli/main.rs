//! The command: how it is used, and how it ends.

mod bounded;
mod confined;
mod damaged;
mod ends;
mod escapes;
mod habits;
mod help;
mod journal;
mod limits;
mod logs;
mod planted;
mod recipes;
mod screen;
mod top;
mod top_captures;
mod top_terminals;
mod trusted;
mod write;

use std::os::unix::process::CommandExt as _;

use tracer_tests::{
    command::{self, Output, Running},
    level,
};

/// The path of a capture of the tests.
fn capture(name: &str) -> String {
    format!("{}/captures/{name}.scap", env!("CARGO_MANIFEST_DIR"))
}

/// Wrong use: exit 2, nothing on standard output, and one line with a hint.
#[track_caller]
fn wrong_use<'a>(args: impl IntoIterator<Item = &'a str>, message: &str, hint: &str) {
    let output = command::output(args);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.lines.is_empty(), "{output:?}");
    assert!(output.errors.starts_with(&format!("tracer: {message}")), "{}", output.errors);
    assert!(output.errors.contains(&format!("\nhint: {hint}")), "{}", output.errors);
}

#[test]
fn wrong_use_has_a_hint_and_exit_code_2() {
    wrong_use(["--buffersize", "3"], "there is no option '--buffersize'", "a similar argument exists: '--buffer-size'");
    wrong_use(["-n", "x"], "invalid value 'x'", "tracer -h lists the options");
    for wrong in ["1/0", "x", "2/3"] {
        let message = format!("invalid value '{wrong}' for '--sample <1/N>': expected 1/N, for one in N events");
        wrong_use(["--sample", wrong], &message, "tracer -h lists the options");
    }
    wrong_use(["-c", "topscals"], "chisel 'topscals'", "did you mean 'topscalls'?");
    wrong_use(["-i", "spy_user"], "chisel 'spy_user'", "did you mean 'spy_users'?");
    wrong_use(["proc.nam=x"], "filter: unknown field 'proc.nam'", "did you mean 'proc.name'?");
    wrong_use(["-p", "%proc.nam"], "format: unknown field 'proc.nam'", "did you mean 'proc.name'?");
}

#[test]
fn a_filter_that_never_matches_says_what_would() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");
    let output = command::output(["-r", sample, "evt.type=exit_group"]);
    assert_eq!((output.status.code(), output.lines.len()), (Some(0), 0), "{output:?}");
    let note = "tracer: note: there is no 'exit_group' event, because this call never returns\nhint: use procexit\n";
    assert!(output.errors.starts_with(note), "{}", output.errors);
}

#[test]
fn a_wrong_entry_of_a_file_is_said_with_the_file() {
    let scratch = tracer_tests::scratch::Scratch::new();
    let path = scratch.path("tracer.toml");
    let path = path.to_str().unwrap();
    let wrong = |entry: &str, message: &str, hint: &str| {
        std::fs::write(path, entry).unwrap();
        wrong_use(["--config", path, "-l"], &format!("{path}: {message}"), hint);
    };
    wrong(
        "engine-socket = ['crio=/run/crio.sock']",
        "invalid value 'crio=/run/crio.sock' for '--engine-socket <ENGINE=PATH>': 'crio' is not a supported engine",
        "engines are containerd, cri, cri-o, docker, incus, lxd, podman",
    );
    wrong("engine-socket = ['docker=run/a.sock']", "invalid value 'docker=run/a.sock'", "give an absolute path");
    wrong("engine-sockets = []", "there is no option 'engine-sockets'", "did you mean 'engine-socket'?");
}

#[test]
fn engines_are_asked_where_the_file_says() {
    let scratch = tracer_tests::scratch::Scratch::new();
    let (dead, missing) = (scratch.path("dead.sock"), scratch.path("missing.sock"));
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let path = scratch.path("tracer.toml");
    let entries = [&dead, &missing].map(|socket| format!("'podman={}'", socket.display()));
    std::fs::write(&path, format!("engine-socket = [{}]", entries.join(", "))).unwrap();
    let output = command::output(["--config", path.to_str().unwrap(), "--doctor"]);
    let engines: Vec<_> = output.lines.iter().filter(|line| line.contains("container engine: ")).collect();
    assert_eq!(engines.len(), 2, "those and no others: {engines:#?}");
    assert!(engines[0].starts_with("warn container engine: no answer at") && engines[0].contains("dead.sock"));
    assert!(engines[1].starts_with("warn container engine: no socket at") && engines[1].contains("missing.sock"));
}

#[test]
fn lists_need_no_privileges_and_name_everything() {
    let list = |args: &[&str]| {
        let output = command::output(args.iter().copied());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(output.errors, "");
        output.lines.join("\n")
    };
    let chisels = list(&["-cl"]);
    let names = ["topcontainers_net", "topprocs_cpu", "topfiles_bytes", "topscalls", "spy_users"];
    assert!(names.iter().all(|name| chisels.contains(name)), "{chisels}");
    assert!(list(&["-i", "spy_users"]).contains("tracer -c spy_users [max_depth]"));
    let fields = list(&["-l"]);
    assert!(["evt.num", "proc.name", "fd.name", "container.name"].iter().all(|name| fields.contains(name)), "{fields}");
    let events = list(&["-L"]);
    assert!(tracer_common::events::all().filter(|row| row.is_syscall()).all(|row| events.contains(row.name)));
    assert!(list(&["--help"]).contains("--buffer-size"));
}

#[test]
fn info_says_what_a_capture_holds() {
    let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/captures");
    let sample = format!("{captures}/sample.scap");
    let output = command::output(["info", &sample]);
    assert_eq!((output.status.code(), output.errors.as_str()), (Some(0), ""));
    let has = |line: &str| assert!(output.lines.iter().any(|found| found == line), "{line}: {:#?}", output.lines);
    has("host         ubuntu2204.localdomain, 4 CPUs, 7.75GB");
    has("processes    38, 94 threads");
    has("descriptors  515");
    has("users        34, 61 groups");
    has("events       572 of 17 types");
    has("         228 switch");

    let container = command::output(["info", &format!("{captures}/run_as_user_0_container.scap")]);
    assert!(container.lines.contains(&"containers   1: hopeful_taussig".to_owned()), "{:#?}", container.lines);
}

#[test]
fn info_shows_what_is_in_front_of_damage_and_fails() {
    let scratch = tracer_tests::scratch::Scratch::new();
    let path = scratch.path("cut.scap");
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");
    std::fs::write(&path, &std::fs::read(sample).unwrap()[..100_000]).unwrap();
    let path = path.to_str().unwrap();
    let output = command::output(["info", path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.lines.iter().any(|line| line == "processes    38, 94 threads"), "{:#?}", output.lines);
    let cut = "cut in the middle of a block (block at byte 99952, end of the data at byte 100000)";
    assert_eq!(output.errors, format!("tracer: cannot read capture '{path}': {cut}\n"));

    let output = command::output(["info", "/etc/passwd"]);
    assert_eq!((output.status.code(), output.lines.len()), (Some(1), 0));
    let cause = "not a capture file (bad magic at byte 0)";
    assert_eq!(output.errors, format!("tracer: cannot read capture '/etc/passwd': {cause}\n"));
    wrong_use(["info"], "info takes one capture file", "tracer info FILE");
}

#[test]
fn without_privileges_it_says_what_is_missing() {
    if !level::root_or_skip() {
        return;
    }
    // A copy where that user may run it.
    let scratch = tracer_tests::scratch::Scratch::new();
    let binary = scratch.path("tracer");
    std::fs::copy(level::tracer(), &binary).unwrap();
    let mut command = std::process::Command::new(&binary);
    command.arg("-n1").uid(65534).gid(65534);
    let output = Running::start(&mut command).end();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.lines.is_empty());
    let first = output.errors.lines().next().unwrap_or_default();
    assert!(first.starts_with("tracer: ") && first.contains("CAP_BPF") && first.contains("CAP_PERFMON"), "{first}");
}

#[test]
fn it_ends_after_a_number_of_events() {
    if !level::root_or_skip() {
        return;
    }
    let output = command::output(["-n", "50"]);
    assert_eq!((output.status.code(), output.lines.len()), (Some(0), 50), "{}", output.errors);
    assert!(output.errors.contains(" 50 shown"), "{}", output.errors);
}

#[test]
fn it_ends_after_a_time() {
    if !level::root_or_skip() {
        return;
    }
    let start = std::time::Instant::now();
    let output = command::output(["-q", "-M", "2"]);
    assert_eq!((output.status.code(), output.lines.len()), (Some(0), 0), "{}", output.errors);
    assert!(start.elapsed().as_secs() >= 2 && start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    closing_line(&output);
}

fn closing_line(output: &Output) {
    let line = output.errors.lines().find(|line| line.contains("events seen")).expect("a closing line");
    assert!(line.starts_with("tracer: ") && line.contains(" lost"), "{line}");
}

#[test]
fn ctrl_c_ends_it_well() {
    if !level::root_or_skip() {
        return;
    }
    let running = Running::start(&mut command::tracer(["--unbuffered"]));
    assert!(running.line().is_some());
    running.interrupt();
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    closing_line(&output);
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_end() {
    if !level::root_or_skip() {
        return;
    }
    let script = format!("'{}' | head -n 1; echo \"${{PIPESTATUS[0]}}\"", level::tracer().display());
    let output = Running::start(std::process::Command::new("bash").args(["-c", &script])).end();
    assert_eq!(output.lines.len(), 2, "{output:?}");
    assert_eq!((&*output.lines[1], &*output.errors), ("0", ""), "{output:?}");
}

#[test]
fn a_table_fits_a_narrow_terminal_which_is_restored() {
    if !level::root_or_skip() {
        return;
    }
    let command = format!("stty cols 40 rows 12; '{}' -M 3 -c topscalls", level::tracer().display());
    let output = Running::start(std::process::Command::new("script").args(["-qec", &command, "/dev/null"])).end();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = output.lines.join("\n");
    assert!(text.contains("\x1b[?25l") && text.contains("\x1b[?25h"), "the cursor is hidden and shown again: {text:?}");
    let rows = output.lines.iter().filter(|line| line.contains("\x1b[K"));
    for row in rows {
        let plain: String = strip(row);
        assert!(plain.chars().count() <= 40, "{plain:?}");
    }
    assert!(text.contains("Calls"), "{text:?}");
}

/// Without what steers the terminal.
fn strip(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| {
        part.trim_start_matches('[').trim_start_matches(|c: char| !c.is_ascii_alphabetic()).get(1..).unwrap_or_default()
    });
    (first + &*rest.collect::<String>()).trim_end_matches('\r').to_owned()
}

/// A histogram keeps 4,096 keys.
const TOO_MANY: &str = "chisel(#{ summary: \"too many keys\" });
histogram(#{ field: \"evt.rawtime\", keys: [\"evt.num\"], top: 1 });
";

/// Rows that a table had no room for are lost: in the table, in the last line, in JSON, and for the exit code.
#[test]
fn what_a_table_has_no_room_for_is_lost() {
    let scratch = tracer_tests::scratch::Scratch::new();
    let file = scratch.path("many.rhai");
    std::fs::write(&file, TOO_MANY).unwrap();
    let file = file.to_str().unwrap();
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/run_as_user_0_container.scap");
    let all = command::output(["-r", capture, "-r", capture, "-q"]);
    let events = all.errors.split(' ').nth(1).and_then(|number| number.parse::<u64>().ok()).unwrap();
    assert!(events > 4_096, "{}", all.errors);
    let run = |more: &[&str]| {
        let output =
            command::output(["-r", capture, "-r", capture, "-c", file].into_iter().chain(more.iter().copied()));
        let last = output.errors.lines().find(|line| line.contains("events seen")).unwrap().to_owned();
        (output, last)
    };
    let lost = events - 4_096;
    let (output, last) = run(&["evt.category!=internal"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.lines.iter().any(|line| line.starts_with(&format!("({lost} events are not shown"))), "{output:?}");
    assert_eq!(last, format!("tracer: {events} events seen, 4096 shown, {lost} lost (table full {lost})"));
    let (output, _) = run(&["-j", "--fail-on-drop", "evt.category!=internal"]);
    assert_eq!(output.status.code(), Some(3), "{}", output.errors);
    let json = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    assert_eq!(json(&output.lines[0])["overflow"], lost);
    let summary = json(output.errors.lines().find(|line| line.starts_with('{')).unwrap());
    assert_eq!((&summary["lost"], &summary["lost_by_cause"]["tables"]), (&lost.into(), &lost.into()));
}

/// Events of our own that a chisel gets are seen, as they are shown.
#[test]
fn no_more_events_are_shown_than_seen() {
    let scratch = tracer_tests::scratch::Scratch::new();
    let file = scratch.path("all.rhai");
    std::fs::write(&file, "chisel(#{ summary: \"each\" });\nfn on_event(evt) { print(\"one\"); }\n").unwrap();
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/tcp-client-server.scap");
    for words in [&["-c", file.to_str().unwrap()][..], &["-D"], &["-c", file.to_str().unwrap(), "-n", "100"]] {
        let output = command::output(["-r", capture].into_iter().chain(words.iter().copied()));
        let count = output.lines.len();
        assert!(count >= 100, "{words:?}: {count}");
        assert!(output.errors.contains(&format!(", {count} shown, 0 lost")), "{words:?}: {}", output.errors);
        let seen: usize = output.errors.split(' ').nth(1).and_then(|number| number.parse().ok()).unwrap();
        assert!(seen >= count, "{words:?}: {}", output.errors);
    }
}
