//! Live tables on a terminal: a real one in tmux, which is resized, and a plain pseudo-terminal.

use std::process::Command;

use tracer_tests::{command::Running, level, tmux::Tmux};

fn tracer(words: &str) -> String {
    format!("{} {words}", level::tracer().display())
}

#[test]
fn a_live_table_follows_the_terminal_and_leaves_what_was_there() {
    if !level::root_or_skip() {
        return;
    }
    let Some(tmux) = Tmux::start("live", 80, 20) else { return };
    tmux.line("echo was-there-'before'");
    tmux.line(&tracer("-pc -c topscalls -c topprocs_cpu --rows 3 2>&1"));
    let both =
        |text: &str| ["topscalls", "topprocs_cpu", "events/s  0 lost  every 1s"].iter().all(|it| text.contains(it));
    let text = tmux.wait("both tables and how the run is doing", both);
    assert_eq!(text.matches("Calls  Container").count(), 1, "{text}");
    // One picture, also after the lines of the last one were broken: all of it is still on the terminal then.
    for (columns, rows) in [(44, 20), (120, 30), (80, 13)] {
        tmux.resize(columns, rows);
        // The next two pictures are of the new size.
        let clock = |text: &str| text.lines().find(|line| line.contains(" lost  every ")).map(str::to_owned);
        let before = clock(&tmux.text());
        let first = tmux.wait("another picture", |text| both_parts(text) && clock(text) != before);
        let text = tmux.wait("one more", |text| both_parts(text) && clock(text) != clock(&first));
        assert_eq!(text.matches("Calls  Container").count(), 1, "{columns}: {text}");
        assert!(text.lines().filter(|line| !line.trim().is_empty()).count() < usize::from(rows), "{text}");
    }
    tmux.run(&["send-keys", "C-c"]);
    tmux.wait("the end", |text| text.contains("events seen") && text.trim_end().ends_with("ready>"));
    let all = tmux.all();
    assert!(all.contains("was-there-before"), "{all}");
    assert_eq!(all.matches("Calls  Container").count(), 1, "the last table stays, and no other: {all}");
}

fn both_parts(text: &str) -> bool {
    text.contains("topscalls") && text.contains(" lost  every 1s")
}

/// What is typed is not between the tables, the shell has its terminal while the tracer is stopped and when it has ended, and `q` ends it.
#[test]
fn keys_are_not_shown_and_the_terminal_is_given_back() {
    if !level::root_or_skip() {
        return;
    }
    let Some(tmux) = Tmux::start("keys", 80, 24) else { return };
    let is_live = |text: &str| text.contains("events/s  0 lost  every 1s") && text.contains("Syscall");
    let echoes = |mark: &str| {
        tmux.line(&format!("stty -a | grep -c -w -e '-echo' -e '-icanon'; echo {mark}-'said'"));
        let text = tmux.wait("what the terminal is set to", |text| text.contains(&format!("{mark}-said")));
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| *line == format!("{mark}-said")).unwrap();
        lines[at - 1] == "0"
    };
    tmux.line(&tracer("-c topscalls --rows 3"));
    tmux.wait("a table", is_live);
    tmux.run(&["send-keys", "C-z"]);
    tmux.wait("the shell", |text| text.trim_end().ends_with("ready>"));
    assert!(echoes("stopped"), "{}", tmux.text());
    tmux.line("clear; fg");
    tmux.wait("the table again", is_live);
    tmux.run(&["send-keys", "typed-and-hidden"]);
    tmux.run(&["send-keys", "q"]);
    let text = tmux.wait("the end", |text| text.contains("events seen") && text.trim_end().ends_with("ready>"));
    assert!(!text.contains("typed") && !tmux.all().contains("and-hidden"), "{text}");
    tmux.line("echo code-$?");
    tmux.wait("the status", |text| text.contains("code-0"));
    assert!(echoes("ended"), "{}", tmux.text());
}

#[test]
fn a_table_that_had_no_room_is_drawn_anew() {
    if !level::root_or_skip() {
        return;
    }
    let Some(tmux) = Tmux::start("tiny", 80, 24) else { return };
    tmux.line(&tracer("-c topscalls --rows 12"));
    let is_whole = |text: &str| text.contains(" 0 lost  every 1s") && text.contains("Syscall");
    tmux.wait("a table", is_whole);
    tmux.resize(10, 3);
    // Only the time has room.
    tmux.wait("a smaller one", |text| text.trim().len() <= 10 && text.contains(':'));
    tmux.resize(80, 24);
    let text = tmux.wait("the table again", is_whole);
    let parts = |what: &str| text.matches(what).count();
    assert_eq!((parts("Syscall"), parts(" lost")), (1, 1), "{text}");
    let first = text.lines().next().unwrap();
    assert!(first.contains(" lost  every 1s"), "nothing is above it: {text}");
}

#[test]
fn lines_and_messages_stay_above_the_table() {
    if !level::root_or_skip() {
        return;
    }
    let Some(tmux) = Tmux::start("lines", 80, 16) else { return };
    tmux.line(&tracer("-c topscalls -c iobytes --rows 3"));
    let lines = |text: &str| text.lines().filter(|line| line.contains(" in:")).count();
    let text = tmux.wait("three lines and the table", |text| lines(text) >= 3 && text.contains("every 1s"));
    let table = text.lines().position(|line| line.contains("every 1s")).unwrap();
    assert!(text.lines().skip(table).all(|line| !line.contains(" in:")), "{text}");
    assert_eq!(text.matches("Syscall").count(), 1, "{text}");
}

/// Runs a command for two tables on a pseudo-terminal with these variables; what it wrote.
fn on_terminal(variables: &str, words: &str) -> String {
    let command = format!("stty cols 60 rows 12; env {variables} {}", tracer(words));
    let output = Running::start(Command::new("script").args(["-qec", &command, "/dev/null"])).end();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output.lines.join("\n")
}

#[test]
fn terminals_get_what_they_can_show() {
    if !level::root_or_skip() {
        return;
    }
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/run_as_user_0_container.scap");
    let table = format!("-r {capture} -c fdbytes_by fd.name");
    let live = "-M 3 -c topscalls";
    let utf8 = "LC_ALL=C.UTF-8 TERM=xterm-256color";
    // Redrawn in place, with a marked head.
    let fancy = on_terminal(utf8, live);
    assert!(fancy.contains("\x1b[7m") && fancy.contains("\x1b[?25l") && fancy.contains("\x1b[?25h"), "{fancy:?}");
    assert!(!fancy.contains("\x1b[2J"), "nothing that was there is wiped: {fancy:?}");
    // One after the other, with nothing but text.
    let dumb = on_terminal("LC_ALL=C.UTF-8 TERM=dumb", live);
    assert!(!dumb.contains('\x1b') && dumb.matches("Syscall").count() >= 2, "{dumb:?}");
    let plain = on_terminal(&format!("{utf8} NO_COLOR=1"), live);
    assert!(plain.contains("\x1b[?25l") && !plain.contains("\x1b[7m") && plain.contains("-----"), "{plain:?}");
    // A capture is read once: its table is as long as it is, and stays.
    let read = on_terminal(utf8, &format!("{table} --rows 40"));
    assert!(!read.contains("\x1b[?25l") && read.lines().count() > 12 && read.contains('…'), "{read:?}");
    let ascii = on_terminal("LC_ALL=C TERM=xterm", &table);
    assert!(!ascii.contains('…') && ascii.contains('~'), "{ascii:?}");
}
