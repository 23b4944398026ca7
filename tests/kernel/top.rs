//! `tracer top` on the running kernel: its numbers are those of a workload, and levels change while it runs.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use serde_json::Value;
use tracer_tests::{
    command::{self, Running},
    level,
    scratch::Scratch,
    tmux::Tmux,
    wait,
};

/// Values that can be added over intervals. Calls and failures are one table, with two numbers in a row.
const VIEW: &str = r#"
name = "Exact"
summary = "What a workload does"
[key]
field = "proc.pid"
also = ["proc.main_name"]
[[column]]
title = "OUT"
field = "evt.buflen.out"
op = "sum"
filter = "evt.is_io=true and fd.type=file"
width = [8, 9]
sort = "down"
about = "bytes written"
[[column]]
title = "WRITES"
op = "count"
filter = "evt.type=write"
width = [8, 9]
about = "calls"
[[column]]
title = "OPENS"
op = "count"
filter = "evt.type=openat"
width = [8, 9]
about = "files opened, or not"
[[column]]
title = "FAILED"
field = "evt.count.error"
op = "sum"
filter = "evt.type=openat"
width = [8, 9]
about = "not opened"
[[column]]
title = "PROCESS"
field = "proc.main_name"
width = "rest"
about = "name"
"#;

/// Sums of the values of all rows of that process over all frames.
fn sums(lines: &[String], name: &str) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for line in lines {
        let frame: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for row in frame["data"].as_array().unwrap().iter().filter(|row| row[1] == name) {
            for (sum, value) in sums.iter_mut().zip(&row.as_array().unwrap()[2..]) {
                *sum += value.as_f64().unwrap_or(0.0);
            }
        }
    }
    sums
}

#[test]
fn rows_have_what_a_short_workload_did_to_the_last_byte() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    std::fs::write(scratch.path("exact.toml"), VIEW).unwrap();
    let folder = scratch.path("exact.toml").parent().unwrap().to_str().unwrap().to_owned();
    // A name that no other process has.
    let program = scratch.path("exactly-dd");
    std::fs::copy("/bin/dd", &program).unwrap();
    let words = ["top", "-j", "--view-dir", &folder, "-v", "exact", "-d", "200", "proc.name=exactly-dd"];
    let running = Running::start(&mut command::tracer(words));
    running.attached();
    let out = scratch.path("out");
    for count in [500, 1, 77] {
        let words =
            ["if=/dev/zero", "bs=1000", "status=none", &format!("count={count}"), &format!("of={}", out.display())];
        assert!(Command::new(&program).args(words).status().unwrap().success());
    }
    let missing = ["if=/nosuch", &format!("of={}", out.display())];
    Command::new(&program).args(missing).output().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    running.interrupt();
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
    let [bytes, writes, opens, failed] = sums(&output.lines, "exactly-dd");
    // The last one says into a pipe, which is no file, that there is no such file.
    assert_eq!(bytes, 578.0 * 1000.0);
    assert!((578.0..590.0).contains(&writes), "{writes}");
    assert!(failed >= 1.0 && opens > failed, "{opens} opened, {failed} not");
}

#[test]
fn memory_is_that_of_now() {
    if !level::root_or_skip() {
        return;
    }
    // It takes its memory after it has begun its program, and after tracer has.
    const SCRIPT: &str = "read go; x=$(head -c 60000000 /dev/zero | tr '\\0' x); echo done; while :; do :; done";
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = shell.spawn().expect("a shell");
    let pid = shell.id();
    let filter = format!("proc.pid={pid}");
    let running = Running::start(&mut command::tracer(["top", "-j", "-v", "procs", "-d", "200", &filter]));
    running.attached();
    shell.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let mut said = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let resident = || {
        let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
        pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let wanted = resident();
    assert!(wanted > 50_000_000, "{wanted}");
    let resident_of = |line: &str| -> Option<u64> {
        let table: Value = serde_json::from_str(line).ok()?;
        let at = table["info"].as_array()?.iter().position(|column| column["desc"] == "RES")?;
        table["data"].as_array()?.first()?[at].as_u64()
    };
    let mut last = None;
    wait::until("its memory in the table", || {
        last = running.lines().filter_map(|line| resident_of(&line)).last().or(last);
        last.filter(|found| found.abs_diff(wanted) < wanted / 10)
    });
    running.interrupt();
    let _ = running.end();
    shell.kill().unwrap();
    shell.wait().unwrap();
}

#[test]
fn s042_levels_change_while_it_runs_and_nothing_is_lost() {
    if !level::root_or_skip() {
        return;
    }
    let Some(tmux) = Tmux::start("live-top", 120, 30) else { return };
    tmux.line(&format!("{} top -d 300 --read-only; echo ended $?", level::tracer().display()));
    let rows = |text: &str| {
        text.lines()
            .filter(|line| {
                line.len() > 20 && line.trim_start().starts_with(|it: char| it.is_ascii_digit() || it == '>')
            })
            .count()
    };
    let text = tmux.wait("processes", |text| text.contains(" Processes ") && rows(text) > 3);
    assert!(text.contains("LIVE") && text.contains("lost 0"), "{text}");
    tmux.keys(&["F2"]);
    tmux.type_in("system calls");
    tmux.keys(&["Enter"]);
    tmux.wait("system calls", |text| text.contains(" System Calls ") && text.contains("CALL") && rows(text) > 3);
    tmux.keys(&["Down", "Enter"]);
    let text = tmux.wait("who calls it", |text| text.contains(" Syscall Callers ") && rows(text) > 0);
    assert!(text.lines().nth(1).unwrap().contains("type "), "{text}");
    tmux.keys(&["F6"]);
    tmux.wait("its events", |text| text.contains("Syscall Callers: events") && text.matches('(').count() > 3);
    tmux.keys(&["BSpace", "BSpace", "BSpace"]);
    tmux.wait("processes again", |text| text.contains(" Processes ") && rows(text) > 3);
    // s085: nothing that changes anything is offered.
    tmux.keys(&["F8"]);
    let text = tmux.wait("harmless actions", |text| text.contains("open files"));
    assert!(!text.contains("SIG") && !text.contains("gdb"), "{text}");
    tmux.keys(&["Escape"]);
    let text = tmux.wait("no losses", |text| text.contains("lost 0") && !text.contains("open files"));
    assert!(!text.contains("tracer:"), "s010: nothing else writes to the screen: {text}");
    tmux.keys(&["q"]);
    // s008
    tmux.wait("the summary", |text| text.contains("events seen") && text.contains("ended 0"));
}

#[test]
fn s082_a_signal_goes_to_the_process_of_the_row_once_it_is_confirmed() {
    use std::os::unix::process::ExitStatusExt as _;
    if !level::root_or_skip() {
        return;
    }
    let Some(tmux) = Tmux::start("live-kill", 120, 30) else { return };
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    tmux.line(&format!("{} top -d 300 proc.pid={}; echo ended $?", level::tracer().display(), child.id()));
    // It does nothing, and is a row.
    tmux.wait("its row", |text| text.contains("1 rows") && text.contains("sleep 1000"));
    let dialog = || {
        tmux.keys(&["F8"]);
        tmux.wait("actions", |text| text.contains("send SIGTERM"));
        tmux.keys(&["t"]);
        tmux.wait("the dialog", |text| text.contains("SIGTERM to 1 process") && text.contains("[No]"))
    };
    let text = dialog();
    assert!(text.contains(&format!("{} sleep 1000", child.id())) && !text.contains("has ended"), "{text}");
    // Enter means no.
    tmux.keys(&["Enter"]);
    tmux.wait("nothing was done", |text| !text.contains("[No]"));
    assert!(child.try_wait().unwrap().is_none());
    let _ = dialog();
    tmux.keys(&["y"]);
    tmux.wait("it is said", |text| text.contains(&format!("SIGTERM sent to {}", child.id())));
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    tmux.keys(&["q"]);
    tmux.wait("the end", |text| text.contains("ended 0"));
}
