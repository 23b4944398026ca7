//! `tracer top` over captures: rows while one is read, damage, compression, standard input, rates. Numbers in names are those of the
//! statements that the interface has to hold.

use std::{fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use tracer_tests::{
    command::{self, Running},
    level,
    scratch::Scratch,
    tmux::{Tmux, top},
};

use crate::capture;

/// A full screen in tmux; `before` comes before the command on its line.
fn screen(name: &str, before: &str, words: &str) -> Option<Tmux> {
    let tmux = Tmux::start(name, 110, 24)?;
    tmux.line(&format!("{before} {}", top(words)));
    Some(tmux)
}

#[test]
fn s066_a_truncated_capture_is_shown_up_to_where_it_ends() {
    let scratch = Scratch::new();
    for (name, bytes) in [("tcp-client-server", 200_000), ("run_as_user_0_container", 40_000)] {
        let whole = fs::read(capture(name)).unwrap();
        let cut = scratch.path(format!("{name}.scap"));
        fs::write(&cut, &whole[..bytes]).unwrap();
        let Some(tmux) = screen(&format!("cut-{name}"), "", &format!("-r {}", cut.display())) else { return };
        let text = tmux.wait("the header says so", |text| text.contains("FILE, TRUNCATED"));
        assert!(text.lines().filter(|line| line.contains(" root ")).count() > 5, "{text}");
        // It stays there when the message is gone, and on the next level.
        tmux.keys(&["Down", "Enter"]);
        tmux.wait("threads", |text| text.contains(" Threads ") && text.contains("FILE, TRUNCATED"));
    }
}

#[test]
fn s068_standard_input_is_a_capture_and_the_terminal_has_the_keys() {
    let Some(tmux) = screen("stdin", &format!("cat {} |", capture("sample")), "-r -") else { return };
    let text = tmux.wait("rows", |text| text.contains(" FILE ") && text.contains("sshd: vagrant"));
    assert!(text.contains("standard input"), "{text}");
    tmux.keys(&["/"]);
    tmux.type_in("sshd: vagrant");
    tmux.keys(&["Enter", "Enter"]);
    // Another pass over what was read once.
    tmux.wait("its threads", |text| text.contains(" Threads ") && text.contains("> proc ") && text.contains("1 rows"));
    tmux.keys(&["q"]);
    tmux.wait("the end", |text| text.contains("ended 0"));
}

/// What comes without an end is looked at once somebody says that it is enough.
#[test]
fn s064_s068_standard_input_that_goes_on_is_looked_at_so_far() {
    let feed = format!("(cat {}; sleep 1000) |", capture("sample"));
    let Some(tmux) = screen("stdin-open", &feed, "-r -") else { return };
    tmux.wait("it waits", |text| text.contains("READING"));
    tmux.keys(&["Escape"]);
    tmux.wait("rows of what came", |text| text.contains("sshd: vagrant"));
}

/// The lines of a view as JSON.
fn rows(view: &str, capture: &Path) -> Vec<String> {
    let output = command::output(["top", "-r", &capture.display().to_string(), "-j", "-v", view]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output.lines
}

fn gzip(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut encoder = GzEncoder::new(out, Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap();
}

#[test]
fn s067_rows_are_the_same_however_a_capture_is_compressed() {
    let scratch = Scratch::new();
    let plain = scratch.path("plain.scap");
    let write = |to: &Path, more: &[&str]| {
        let (from, to) = (capture("files"), to.display().to_string());
        let words = [&["-r", &from, "-w", &to][..], more].concat();
        assert_eq!(command::output(words).status.code(), Some(0));
    };
    write(&plain, &[]);
    let bytes = fs::read(&plain).unwrap();
    let (mut one, mut many) = (Vec::new(), Vec::new());
    gzip(&mut one, &bytes);
    bytes.chunks(10_000).for_each(|chunk| gzip(&mut many, chunk));
    let [in_one, in_many, zstd] = ["one.scap.gz", "many.scap.gz", "zstd.scap"].map(|name| scratch.path(name));
    fs::write(&in_one, one).unwrap();
    fs::write(&in_many, many).unwrap();
    write(&zstd, &["--compress=zstd"]);
    assert!(fs::read(&zstd).unwrap().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    for view in ["procs", "files", "syscalls", "errors"] {
        let expected = rows(view, &plain);
        assert!(expected[0].len() > 60, "{expected:?}");
        for other in [&in_one, &in_many, &zstd] {
            assert_eq!(rows(view, other), expected, "{view}: {}", other.display());
        }
    }
}

/// Bytes per second are all bytes, by the time from the first event to the last.
#[test]
fn s065_rates_of_a_capture_are_sums_by_its_length() {
    for name in ["files", "sample", "tcp-client-server"] {
        let capture = capture(name);
        let times = command::output(["-r", &capture, "-D", "-p", "%evt.rawtime"]).lines;
        let times: Vec<f64> = times.iter().filter_map(|line| line.parse().ok()).collect();
        let seconds = (times.iter().fold(0.0, |a: f64, b| a.max(*b)) - times[0]) / 1e9;
        let bytes = command::output(["-r", &capture, "-p", "%evt.buflen", "evt.is_io=true and fd.type=file"]).lines;
        let bytes: f64 = bytes.iter().filter_map(|line| line.parse::<f64>().ok()).sum();
        let frame: serde_json::Value = serde_json::from_str(&rows("procs", Path::new(&capture))[0]).unwrap();
        let titles = command::output(["top", "-r", &capture, "--plain", "-v", "procs"]).lines;
        assert!(titles[0].contains("FILE/s"), "{titles:?}");
        // Of the numbers of a row, the second one: CPU, then bytes of files.
        let rate =
            |row: &serde_json::Value| row.as_array().unwrap().iter().filter(|it| !it.is_string()).nth(1)?.as_f64();
        let shown: f64 = frame["data"].as_array().unwrap().iter().filter_map(rate).sum();
        assert!(
            (shown * seconds - bytes).abs() <= bytes * 0.01 + 1.0,
            "{name}: {shown} per second, {bytes} in {seconds} s"
        );
    }
}

#[test]
fn s100_plain_prints_so_many_tables() {
    let output = command::output(["top", "--plain", "-v", "procs", "-r", &capture("files"), "-n", "3"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.lines.iter().filter(|line| line.contains("CPU%")).count(), 1, "a capture is one table");
    if !level::root_or_skip() {
        return;
    }
    let output = command::output(["top", "--plain", "-v", "syscalls", "-d", "200", "-n", "3"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let heads = output.lines.iter().filter(|line| line.contains("CALL")).count();
    assert_eq!((heads, output.lines.iter().any(|line| line.contains('\x1b'))), (3, false), "{output:?}");
}

#[test]
fn echo_dig_and_spectrograms_are_where_users_of_csysdig_look_for_them() {
    for (view, title, row) in [
        ("echo", "Processes: I/O as dots", "read 832 bytes, "),
        ("dig", "Processes: events", " write "),
        ("spectro_all", "Processes: latency", "."),
        ("spectro_file", "Processes: latency", "."),
    ] {
        let Some(tmux) = screen(&format!("start-{view}"), "", &format!("-r {} -v {view}", capture("files"))) else {
            return;
        };
        let text = tmux.wait(view, |text| text.contains(title) && text.contains("FILE ") && text.contains(row));
        assert_eq!(text.contains("file I/O"), view == "spectro_file", "{text}");
    }
    let output = Running::start(&mut command::tracer(["top", "--plain", "-v", "dig"])).end();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.errors.contains("'dig' is not a table\nhint: it needs a full screen"), "{}", output.errors);
}

/// The views of csysdig.
const OF_CSYSDIG: [&str; 43] = [
    "backlog",
    "connections",
    "containers",
    "containers_errors",
    "directories",
    "docker_events",
    "errors",
    "file_opens",
    "files",
    "incoming_connections",
    "io_by_type",
    "kubernetes_controllers",
    "kubernetes_deployments",
    "kubernetes_namespaces",
    "kubernetes_pods",
    "kubernetes_replicasets",
    "kubernetes_services",
    "marathon_apps",
    "marathon_groups",
    "mesos_frameworks",
    "mesos_tasks",
    "notifications",
    "page_faults",
    "port_bindings",
    "procs",
    "procs_cpu",
    "procs_errors",
    "procs_fd_usage",
    "slow_io",
    "spans_list",
    "spans_summary",
    "spectro_all",
    "spectro_file",
    "spectro_traces",
    "sports",
    "spy_syslog",
    "spy_users",
    "spy_users_wsysdig",
    "syscall_procs",
    "syscalls",
    "threads",
    "traces_list",
    "traces_summary",
];

#[test]
fn each_view_of_csysdig_is_there_or_says_why_not() {
    let (mut there, mut told) = (0, 0);
    for id in OF_CSYSDIG {
        let output = command::output(["top", "-j", "-v", id, "-r", &capture("files")]);
        if output.status.code() == Some(0) {
            there += 1;
            continue;
        }
        assert_eq!(output.status.code(), Some(2), "{id}: {output:?}");
        let hint = output.errors.split_once("\nhint: ").map(|(_, hint)| hint.trim()).unwrap_or_default();
        assert!(
            !hint.is_empty() && !hint.contains("did you mean") && !hint.contains("-l lists"),
            "{id}: {}",
            output.errors
        );
        told += 1;
    }
    assert_eq!((there, told), (24, 19));
}
