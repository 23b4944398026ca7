//! `tracer top` on the running kernel, as somebody uses it: processes that end, actions, data, the first rows. Numbers in names are
//! those of the statements that the interface has to hold.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tracer_tests::{
    level,
    scratch::Scratch,
    tmux::{Tmux, top},
};

/// A copy of `dd` under a name that no other process has.
fn dd(scratch: &Scratch, name: &str) -> PathBuf {
    let program = scratch.path(name);
    fs::copy("/bin/dd", &program).unwrap();
    program
}

/// A process that ends with this.
struct Beside(Child);

impl Beside {
    fn start(program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Self {
        Self(Command::new(program).args(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn s001_it_says_that_it_collects_and_then_has_rows() {
    if !level::root_or_skip() {
        return;
    }
    let Some(tmux) = Tmux::start("top-first", 80, 24) else { return };
    tmux.line(&top("-d 3000"));
    tmux.wait("what it does", |text| text.contains("Collecting data"));
    let text = tmux.wait("rows", |text| text.lines().any(|line| line.starts_with('>')));
    assert!(!text.contains("Collecting"), "{text}");
}

#[test]
fn s023_s024_a_short_process_and_an_idle_one_are_rows() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let Some(tmux) = Tmux::start("top-short", 200, 24) else { return };
    let program = dd(&scratch, "shortest-dd");
    let idle = Beside::start("sleep", &["997"]);
    tmux.line(&top(&format!("'proc.name=shortest-dd or proc.pid={}'", idle.0.id())));
    tmux.wait("the idle one", |text| text.contains("sleep 997"));
    let burn = || {
        // Some hundredths of a second of CPU time.
        let words = ["if=/dev/zero", "of=/dev/null", "bs=1", "count=60000", "status=none"];
        assert!(Command::new(&program).args(words).status().unwrap().success());
    };
    burn();
    let row = |text: &str| text.lines().find(|line| line.contains("shortest-dd if=")).map(str::to_owned);
    let text = tmux.wait("the short one", |text| row(text).is_some());
    let row = row(&text).unwrap();
    // Its CPU time, of an interval of one second, in the column after the ids of itself and its parent.
    let cpu: f64 = row[1..].split_whitespace().nth(2).unwrap().parse().unwrap();
    assert!(cpu > 0.4 && cpu <= 200.0, "{text}");
    assert!(row.starts_with('x'), "it has ended: {text}");
    assert!(text.lines().any(|line| line.contains("sleep 997") && !line.starts_with('x')), "{text}");
}

#[test]
fn s076_data_is_cut_where_the_user_said_each_time() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let Some(tmux) = Tmux::start("top-snaplen", 200, 24) else { return };
    let shell = scratch.path("writes-sh");
    fs::copy("/bin/sh", &shell).unwrap();
    let out = scratch.path("out");
    let script = format!("while :; do echo abcdefghijklmnopqrstuvwxyz > {}; sleep 0.1; done", out.display());
    let _writer = Beside::start(&shell, &["-c", &script]);
    tmux.line(&top("-d 300 -s 16 proc.name=writes-sh"));
    tmux.wait("its row", |text| text.contains("writes-sh -c"));
    for _ in 0..2 {
        tmux.keys(&["e"]);
        let text = tmux.wait("its data", |text| text.contains("write 27 bytes") && text.contains("abcdefghijklmnop"));
        assert!(!text.contains("abcdefghijklmnopq"), "{text}");
        tmux.keys(&["BSpace"]);
        tmux.wait("its row again", |text| text.contains("writes-sh -c"));
    }
    tmux.keys(&["q"]);
    tmux.wait("the end", |text| text.contains("ended 0"));
}

const VIEW: &str = r#"
name = "Acts"
summary = "A view with actions"
idle = "processes"
[key]
field = "proc.pid"
[[column]]
title = "CALLS"
op = "count"
width = [8, 9]
sort = "down"
about = "calls"
[[column]]
title = "NAME"
field = "proc.name"
width = "rest"
about = "name"
[[action]]
key = "e"
title = "fail"
run = ["sh", "-c", "echo term-is-$TERM; echo first >&2; echo went-wrong >&2; exit 3"]
[[action]]
key = "w"
title = "wait"
run = ["sh", "-c", "echo waits; sleep 1; echo waited"]
"#;

#[test]
fn s009_s086_s087_actions_have_the_terminal_while_events_are_counted_and_what_they_said_is_kept() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let program = dd(&scratch, "counted-dd");
    fs::write(scratch.path("acts.toml"), VIEW).unwrap();
    let Some(tmux) = Tmux::start("top-actions", 110, 24) else { return };
    let words = format!("-d 300 --view-dir {} -v acts", scratch.dir().display());
    tmux.line(&format!("TERM=tmux-256color {}", top(&words)));
    tmux.wait("rows", |text| text.contains(" Acts ") && text.lines().any(|line| line.starts_with('>')));
    let act = |key: &str| {
        tmux.keys(&["F8"]);
        tmux.wait("the actions", |text| text.contains("Actions") && text.contains("fail"));
        tmux.keys(&[key]);
    };
    act("e");
    let text = tmux.wait("its output", |text| text.contains("Enter goes back"));
    assert!(text.contains("term-is-tmux-256color") && text.contains("first") && text.contains("went-wrong"), "{text}");
    tmux.keys(&["Enter"]);
    tmux.wait("how it ended", |text| text.contains("sh: exit status: 3: went-wrong") && text.contains(" Acts "));
    // The next key takes that away, and the legend still has it.
    tmux.keys(&["l"]);
    tmux.keys(&["End"]);
    tmux.wait("the messages", |text| text.contains("Messages") && text.contains("exit status: 3: went-wrong"));
    tmux.keys(&["Escape"]);
    tmux.wait("the rows", |text| text.contains(" Acts "));
    // While another one has the terminal, all is counted.
    act("w");
    tmux.wait("that it waits", |text| text.contains("waits"));
    let words = ["if=/dev/zero", "of=/dev/null", "bs=1", "count=200000", "status=none"];
    assert!(Command::new(&program).args(words).status().unwrap().success());
    tmux.wait("its end", |text| text.contains("waited") && text.contains("Enter goes back"));
    tmux.keys(&["Enter"]);
    tmux.wait("the rows", |text| text.contains(" Acts ") && text.contains("lost 0"));
    tmux.keys(&["q"]);
    let text = tmux.wait("the summary", |text| text.contains("events seen") && text.contains("ended 0"));
    let line = text.lines().find(|line| line.contains(" events seen")).unwrap();
    let seen: u64 = line.split_whitespace().find_map(|word| word.replace(',', "").parse().ok()).unwrap();
    assert!(seen >= 400_000, "{line}");
    assert!(text.contains(" 0 lost"), "{text}");
}

#[test]
fn s089_a_sample_is_said_and_numbers_have_a_mark() {
    if !level::root_or_skip() {
        return;
    }
    let Some(tmux) = Tmux::start("top-sample", 110, 24) else { return };
    let busy = Beside::start("sh", &["-c", "while :; do read x < /proc/version; done"]);
    tmux.line(&top(&format!("-d 300 -v files --sample 1/4 proc.pid={}", busy.0.id())));
    let text = tmux.wait("a row", |text| text.contains("/proc/version"));
    let row = text.lines().find(|line| line.contains("/proc/version")).unwrap();
    assert!(text.lines().next().unwrap().contains("1/4") && row.contains('~'), "{text}");
}

#[test]
fn s026_a_process_never_has_more_cpu_than_there_is() {
    if !level::root_or_skip() {
        return;
    }
    let cpus = std::thread::available_parallelism().unwrap().get();
    // More that want to run than can.
    let _busy: Vec<Beside> = (0..2 * cpus).map(|_| Beside::start("sh", &["-c", "while :; do :; done"])).collect();
    let words = ["top", "-v", "procs", "-n", "3", "-d", "1000", "--json"];
    let output = Command::new(level::tracer()).args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let tables: Vec<serde_json::Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(tables.len(), 3);
    for table in tables {
        // Behind the texts of the key: id, user, command.
        let used: Vec<f64> = table["data"].as_array().unwrap().iter().filter_map(|row| row[3].as_f64()).collect();
        let sum: f64 = used.iter().sum();
        let most = 100.0 * cpus as f64;
        assert!(used.iter().all(|it| *it <= most) && sum <= most * 1.05, "{used:?}");
        assert!(sum > most / 2.0, "they are busy: {used:?}");
    }
}

#[test]
fn s095_what_happens_while_it_is_stopped_is_counted_or_told_as_lost() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let Some(tmux) = Tmux::start("top-stopped", 160, 24) else { return };
    let program = dd(&scratch, "stopped-dd");
    let seen = |text: &str| text.lines().skip(2).any(|line| line.contains("stopped-dd"));
    let lost = |text: &str| text.lines().next().is_some_and(|line| line.contains("lost ") && !line.contains("lost 0"));
    tmux.line(&top("-d 1000 proc.name=stopped-dd"));
    tmux.wait("the screen", |text| text.contains("F10Quit"));
    tmux.keys(&["C-z"]);
    tmux.wait("the shell", |text| text.to_lowercase().contains("stopped"));
    tmux.line("stty -a | grep -o -e ' [-]*icanon' -e ' [-]*echo '");
    tmux.wait("a sane terminal", |text| {
        text.lines().any(|line| line.trim() == "icanon") && text.lines().any(|line| line.trim() == "echo")
    });
    let status = Command::new(&program).args(["if=/dev/zero", "of=/dev/null", "bs=1", "count=1000"]).output().unwrap();
    assert!(status.status.success());
    tmux.line("fg");
    tmux.wait("what happened", |text| text.contains("F10Quit") && (seen(text) || lost(text)));
}
