//! `tracer top` and terminals: what they send, what they are told, and who may start it. Numbers in names are those of the statements
//! that the interface has to hold.

use std::{fs, process::Command};

use tracer_tests::{
    command::Running,
    level,
    scratch::Scratch,
    tmux::{Tmux, top},
    wait,
};

use crate::capture;

const IS_TABLE: fn(&str) -> bool = |text| text.contains(" Processes ") && text.contains("F10Quit");

#[test]
fn s002_who_may_not_trace_is_told_and_the_terminal_is_left_alone() {
    if !level::root_or_skip() {
        return;
    }
    let words = format!("setpriv --reuid 65534 --clear-groups {} top", level::tracer().display());
    let output = Running::start(Command::new("script").args(["-qec", &words, "/dev/null"])).end();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = output.lines.join("\n");
    assert!(text.contains("CAP_BPF and CAP_PERFMON") && text.contains("hint: run it with sudo"), "{text}");
    assert!(!text.contains('\x1b'), "{text:?}");
}

#[test]
fn s013_keys_of_the_user_work_and_a_conflict_is_told_with_its_line() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("tracer")).unwrap();
    let path = scratch.path("tracer/keys.toml");
    fs::write(&path, "quit = ['Z', 'ctrl+q']\ndown = ['Down', 'j']\n").unwrap();
    let Some(tmux) = Tmux::start("keys-of-user", 110, 24) else { return };
    let run = |words: &str| tmux.line(&format!("XDG_CONFIG_HOME={} {}", scratch.dir().display(), top(words)));
    run(&format!("-r {}", capture("sample")));
    let text = tmux.wait("rows", |text| text.contains("FILE ") && text.contains("ZQuit"));
    let selected = |text: &str| text.lines().position(|line| line.starts_with('>'));
    tmux.keys(&["j", "j", "q"]);
    tmux.wait("two rows down", |now| selected(now) == selected(&text).map(|at| at + 2));
    tmux.keys(&["?"]);
    tmux.keys(&["End"]);
    tmux.wait("the help", |text| text.contains("Keys that you changed in keys.toml: quit, down"));
    tmux.keys(&["Escape"]);
    tmux.wait("the rows again", |text| text.contains("ZQuit"));
    tmux.keys(&["Z"]);
    tmux.wait("the end", |text| text.contains("ended 0"));
    fs::write(&path, "# mine\nquit = 'f'\n").unwrap();
    run(&format!("-r {}", capture("sample")));
    let text = tmux.wait("what is wrong", |text| text.contains("ended 2"));
    let text = text.replace('\n', "");
    assert!(text.contains("line 2: the key f of 'quit' is also a key of 'filter'"), "{text}");
}

#[test]
fn s014_function_keys_of_other_terminals_are_function_keys() {
    let Some(tmux) = Tmux::start("function-keys", 110, 40) else { return };
    tmux.line(&top(&format!("-r {}", capture("sample"))));
    tmux.wait("rows", IS_TABLE);
    // xterm, PuTTY and rxvt, the console of Linux: F1, F2, F4; then F9 and F12, which all send alike.
    let of_terminals: [[&[u8]; 3]; 3] = [
        [b"\x1bOP", b"\x1bOQ", b"\x1bOS"],
        [b"\x1b[11~", b"\x1b[12~", b"\x1b[14~"],
        [b"\x1b[[A", b"\x1b[[B", b"\x1b[[D"],
    ];
    for [f1, f2, f4] in of_terminals {
        tmux.send(f1);
        tmux.wait("the help", |text| text.starts_with(" Help"));
        tmux.send(b"\x1b");
        tmux.wait("no help", IS_TABLE);
        tmux.send(f2);
        tmux.wait("views", |text| text.contains("Choose a view"));
        tmux.send(b"\x1b");
        tmux.wait("no views", IS_TABLE);
        tmux.send(f4);
        tmux.wait("the filter", |text| text.contains("filter:"));
        tmux.send(b"\x1b");
        tmux.wait("no filter", IS_TABLE);
    }
    tmux.send(b"\x1b[20~");
    tmux.wait("F9", |text| text.contains("Sort by"));
    tmux.send(b"\x1b");
    tmux.wait("the table", IS_TABLE);
    tmux.send(b"\x1b[24~");
    tmux.wait("F12", |text| text.contains("Processes: latency"));
    tmux.send(b"\x7f");
    tmux.wait("back", IS_TABLE);
    tmux.send(b"\x1b[21~");
    tmux.wait("F10", |text| text.contains("ended 0"));
}

#[test]
fn s015_what_is_no_key_changes_nothing_outside() {
    let scratch = Scratch::new();
    let Some(tmux) = Tmux::start("no-keys", 110, 24) else { return };
    tmux.line(&format!("cd {}", scratch.dir().display()));
    tmux.line(&top(&format!("-r {}", capture("sample"))));
    tmux.wait("rows", |text| IS_TABLE(text) && text.contains("FILE "));
    // What no terminal sends, answers to what nobody asked, and what is broken.
    for bytes in [
        &b"\x1b[99~"[..],
        b"\x1b[200;300;1z",
        b"\x1b[?1;2c",
        b"\x1b[>41;354;0c",
        b"\x1b[12;40R",
        b"\x1b[1;5X",
        b"\x1bP1$r0m\x1b\\",
        b"\x9b\xff\xfe\x80",
        b"\x1b[<0;999;999M\x1b[<64;999;999M\x1b[<3;1;1M",
    ] {
        tmux.send(bytes);
        let text = tmux.wait("rows still", |text| text.contains("FILE  "));
        assert!(!text.contains("[No]") && !text.contains("ended"), "{bytes:?}: {text}");
    }
    // A key after them is that key.
    tmux.keys(&["Escape"]);
    tmux.keys(&["?"]);
    tmux.wait("the help", |text| text.starts_with(" Help"));
    tmux.keys(&["C-c"]);
    tmux.wait("the end", |text| text.contains("ended 0"));
    assert_eq!(fs::read_dir(scratch.dir()).unwrap().count(), 0, "nothing was written");
}

/// Coordinates that no terminal sends make the library that reads them panic in a build that checks arithmetic; in a release they mean
/// nothing, and the screen goes on.
#[test]
fn s006_whatever_the_thread_that_reads_keys_meets_the_terminal_is_given_back() {
    let Some(tmux) = Tmux::start("panic", 110, 24) else { return };
    tmux.line(&format!("{}; stty -a | grep -o '[-]*icanon'", top(&format!("-r {}", capture("sample")))));
    tmux.wait("rows", |text| IS_TABLE(text) && text.contains("FILE "));
    tmux.send(b"\x1b[<0;0;0M");
    std::thread::sleep(std::time::Duration::from_secs(1));
    tmux.keys(&["q"]);
    let ended = |text: &str| ["ended 101", "ended 0"].iter().any(|end| text.contains(end));
    tmux.wait("the end", |text| ended(text) && text.lines().any(|line| line == "icanon"));
}

#[test]
fn s091_nothing_is_written_while_nothing_changes() {
    let scratch = Scratch::new();
    let written = scratch.path("written");
    let Some(tmux) = Tmux::start("still", 110, 24) else { return };
    let words = format!("{} top -r {}", level::tracer().display(), capture("sample"));
    tmux.line(&format!("script -qfc '{words}' {}", written.display()));
    tmux.wait("rows", |text| IS_TABLE(text) && text.contains("FILE "));
    let size = || fs::metadata(&written).unwrap().len();
    wait::until("an end of drawing", || {
        let before = size();
        std::thread::sleep(std::time::Duration::from_millis(300));
        (size() == before).then_some(())
    });
    let before = size();
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(size(), before);
    tmux.keys(&["Down"]);
    wait::until("the next row", || (size() > before).then_some(()));
    // script(1) outlives its terminal.
    tmux.keys(&["q"]);
    tmux.wait("the end", |text| text.contains("ready>") && !text.contains("F10Quit"));
}

#[test]
fn s096_terminals_by_their_names_have_colours_and_the_mouse() {
    for name in ["screen", "tmux-256color", "xterm-256color", "linux"] {
        let Some(tmux) = Tmux::start(&format!("term-{name}"), 110, 24) else { return };
        tmux.line(&format!("TERM={name} {}", top(&format!("-r {}", capture("sample")))));
        let text = tmux.wait("rows", |text| IS_TABLE(text) && text.contains("FILE "));
        let colours = tmux.run(&["capture-pane", "-p", "-e"]);
        assert!(colours.contains("\x1b[48;5;4m") || colours.contains("\x1b[44m"), "{name}: {colours:?}");
        let fourth = text.lines().nth(6).unwrap().trim_start_matches('>').trim_start().to_owned();
        // A click on the fourth row: SGR, counted from 1.
        tmux.send(b"\x1b[<0;10;7M\x1b[<0;10;7m");
        let is_it = |text: &str| {
            text.lines()
                .nth(6)
                .is_some_and(|line| line.starts_with('>') && line.contains(fourth.split(' ').next().unwrap()))
        };
        tmux.wait("the row that was clicked", is_it);
        // What was there is gone when something shorter is drawn over it.
        tmux.keys(&["F2"]);
        tmux.wait("views", |text| text.contains("Choose a view") && !text.contains("F10Quit"));
        tmux.keys(&["Escape"]);
        let rows = |text: &str| text.lines().skip(7).take(5).map(str::to_owned).collect::<Vec<_>>();
        let before = rows(&text);
        tmux.wait("the same rows", |text| IS_TABLE(text) && rows(text) == before);
        tmux.keys(&["q"]);
        tmux.wait("the end", |text| text.contains("ended 0"));
    }
}

#[test]
fn s005_the_terminal_is_left_as_it_was_found() {
    let scratch = Scratch::new();
    let Some(tmux) = Tmux::start("left-as-found", 110, 24) else { return };
    let modes = || tmux.run(&["display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"]);
    tmux.line("stty -g > /dev/null; echo before $(stty -g)");
    let is_said = |text: &str, word: &str| text.lines().any(|line| line.starts_with(word));
    let before = tmux.wait("settings before", |text| is_said(text, "before "));
    let before = before.lines().find_map(|line| line.strip_prefix("before ")).unwrap().to_owned();
    let bytes = scratch.path("bytes");
    tmux.line(&format!(
        "script -qec '{} top -r {}' {}; echo after $(stty -g)",
        level::tracer().display(),
        capture("sample"),
        bytes.display()
    ));
    tmux.wait("rows", IS_TABLE);
    assert_eq!(modes().trim(), "1 1 1", "the screen of its own, a cursor, and the mouse");
    tmux.keys(&["q"]);
    let after = tmux.wait("settings after", |text| is_said(text, "after "));
    assert_eq!(after.lines().find_map(|line| line.strip_prefix("after ")), Some(before.as_str()));
    assert_eq!(modes().trim(), "0 1 0");
    let bytes = String::from_utf8_lossy(&fs::read(&bytes).unwrap()).into_owned();
    for (on, off) in [("?1049h", "?1049l"), ("?1000h", "?1000l"), ("?1006h", "?1006l"), ("?2004h", "?2004l")] {
        let last = |mode: &str| bytes.rfind(&format!("\x1b[{mode}"));
        assert!(last(on).is_some() && last(off) > last(on), "{on}: {:?} {:?}", last(on), last(off));
    }
    assert!(bytes.rfind("\x1b[?25h") > bytes.rfind("\x1b[?25l"), "the cursor is shown");
}

#[test]
fn s038_a_container_is_found_by_its_short_id_and_by_its_whole_one() {
    let rows = |filter: &str| {
        let words = ["top", "--plain", "-v", "procs", "-r", &capture("run_as_user_0_container"), filter];
        let output = Running::start(Command::new(level::tracer()).args(words)).end();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        output.lines
    };
    let id = {
        let words = ["-r", &capture("run_as_user_0_container"), "-p", "%container.full_id", "container.id!=host"];
        let output = Running::start(Command::new(level::tracer()).args(words)).end();
        output.lines.first().cloned().expect("a container")
    };
    assert_eq!(id.len(), 64, "{id}");
    let by_short = rows(&format!("container.id={}", &id[..12]));
    assert!(by_short.len() > 1, "{by_short:?}");
    assert_eq!(rows(&format!("container.id={id}")), by_short);
    assert_ne!(rows("container.id=000000000000"), by_short);
}
