//! `tracer top`: what it refuses, its views as JSON, and the full screen in tmux over captures. Numbers in names are those of the
//! statements that the interface has to hold.

use std::collections::BTreeMap;

use serde_json::Value;
use tracer_tests::{
    command::{self, Running},
    level,
    scratch::Scratch,
    tmux::{Tmux, top},
};

use crate::capture;

const CAPTURES: [&str; 5] = ["connect_localhost", "files", "run_as_user_0_container", "sample", "tcp-client-server"];

/// The code it ends with, and what it says.
fn refused(words: &[&str]) -> (Option<i32>, String) {
    let output = command::output(words.iter().copied());
    assert!(output.lines.is_empty(), "{output:?}");
    assert!(!output.errors.contains('\x1b'), "{output:?}");
    (output.status.code(), output.errors)
}

#[test]
fn s003_a_pipe_gets_a_hint_and_no_escape_sequence() {
    let (code, errors) = refused(&["top"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("--plain"), "{errors}");
}

#[test]
fn s004_an_unknown_view_is_refused_with_the_nearest_one() {
    let (code, errors) = refused(&["top", "-v", "conections"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("did you mean 'connections'?"), "{errors}");
    let (code, errors) = refused(&["top", "-v", "mesos_tasks"]);
    assert_eq!((code, errors.contains("Mesos")), (Some(2), true), "{errors}");
}

#[test]
fn wrong_words_are_refused_before_anything_is_drawn() {
    for (words, said) in [
        (&["top", "--bogus"][..], "there is no option '--bogus'"),
        (&["top", "proc.nam=x"], "unknown field 'proc.nam'"),
        (&["top", "-d", "50"], "50"),
        (&["top", "-s", "x"], "'x'"),
    ] {
        let (code, errors) = refused(words);
        assert_eq!(code, Some(2), "{words:?}: {errors}");
        assert!(errors.contains(said), "{words:?}: {errors}");
    }
    let (_, errors) = refused(&["top", "-d", "x"]);
    assert!(errors.contains("hint: tracer top --help lists the options"), "{errors}");
}

#[test]
fn a_view_of_a_user_is_checked_and_all_faults_are_told() {
    let scratch = Scratch::new();
    let path = scratch.path("bad.toml");
    let text = "name = \"x\"\nsummary = \"y\"\nfilter = \"proc.nam=x\"\n[key]\nfield = \"proc.pid\"\n\
        [[column]]\ntitle = \"A\"\nfield = \"evt.tipe\"\nop = \"summ\"\nwidth = [10, 5]\nabout = \"z\"\n";
    std::fs::write(&path, text).unwrap();
    let (code, errors) = refused(&["top", "--view-check", path.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    for fault in ["unknown field 'proc.nam'", "column 1 (A): unknown field 'evt.tipe'", "unknown op 'summ'", "width is"]
    {
        assert!(errors.contains(fault), "{fault}: {errors}");
    }
    std::fs::write(&path, format!("{text}colour = \"red\"\n")).unwrap();
    let (_, errors) = refused(&["top", "--view-check", path.to_str().unwrap()]);
    assert!(errors.contains("line 12: there is no key 'colour'"), "{errors}");
}

/// The rows of a view of a capture: by their keys, their values.
fn rows(view: &str, capture: &str) -> BTreeMap<String, Vec<Option<f64>>> {
    let output = command::output(["top", "-r", capture, "-j", "-v", view]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut rows = BTreeMap::new();
    for line in &output.lines {
        let frame: Value = serde_json::from_str(line).unwrap();
        for row in frame["data"].as_array().unwrap() {
            let cells = row.as_array().unwrap();
            let keys: Vec<String> = cells.iter().filter_map(|cell| cell.as_str().map(str::to_owned)).collect();
            let values = cells.iter().filter(|cell| !cell.is_string()).map(Value::as_f64).collect();
            assert!(rows.insert(keys.join("|"), values).is_none(), "{view}: two rows of {keys:?}");
        }
    }
    rows
}

/// What lines of events say, counted: how often, and the sum of the second column.
fn counted(capture: &str, format: &str, filter: &str) -> BTreeMap<String, (f64, f64)> {
    let output = command::output(["-r", capture, "-p", format, filter]);
    let mut counted: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for line in &output.lines {
        let (key, number) = line.rsplit_once('\t').unwrap();
        let entry = counted.entry(key.to_owned()).or_default();
        entry.0 += 1.0;
        entry.1 += number.parse::<f64>().unwrap_or(0.0);
    }
    counted
}

#[test]
fn s069_rows_of_captures_are_what_their_events_say() {
    let mut seen = 0;
    for name in CAPTURES {
        let capture = capture(name);
        let errors = counted(&capture, "%evt.res\t%evt.count", "evt.failed=true");
        let shown: BTreeMap<String, f64> =
            rows("errors", &capture).into_iter().map(|(key, values)| (key, values[0].unwrap())).collect();
        seen += errors.len();
        assert_eq!(shown, errors.into_iter().map(|(key, (count, _))| (key, count)).collect(), "{name}: errors");

        let calls = counted(&capture, "%evt.type\t%evt.count.error", "syscall.type exists");
        let shown = rows("syscalls", &capture);
        assert_eq!(shown.keys().collect::<Vec<_>>(), calls.keys().collect::<Vec<_>>(), "{name}: syscalls");
        for (call, (_, errors)) in &calls {
            assert_eq!(shown[call][1], Some(*errors), "{name}: errors of {call}");
        }

        let reads = counted(&capture, "*%fd.name\t%evt.buflen.file.in", "fd.type in (file, directory) and fd.name!=''");
        let shown = rows("files", &capture);
        seen += reads.len();
        for (file, (count, bytes)) in &reads {
            let values = &shown[file];
            assert_eq!((values[0].unwrap_or(0.0), values[2].unwrap_or(0.0)), (*bytes, *count), "{name}: {file}");
        }
    }
    assert!(seen > 25, "the captures have failures and files: {seen}");
}

#[test]
fn every_view_works_on_every_capture() {
    let views = command::output(["top", "-l"]);
    let ids: Vec<&str> = views.lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(ids.len() >= 20, "{ids:?}");
    for id in ids {
        for name in CAPTURES {
            let output = command::output(["top", "-pc", "-r", &capture(name), "-j", "-v", id]);
            assert_eq!(output.status.code(), Some(0), "{id} of {name}: {}", output.errors);
            for line in &output.lines {
                let frame: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{id}: {error}: {line}"));
                assert!(frame["data"].is_array(), "{id}: {line}");
            }
        }
    }
}

/// A full screen in tmux.
fn screen(name: &str, words: &str) -> Option<Tmux> {
    let tmux = Tmux::start(name, 110, 24)?;
    tmux.line(&format!("{}; stty -a | grep -o '[-]*icanon'", top(words)));
    Some(tmux)
}

#[test]
fn s033_to_s040_levels_of_a_capture_go_in_and_come_back() {
    let Some(tmux) = screen("levels", &format!("-pc -r {} 'proc.pid>1'", capture("run_as_user_0_container"))) else {
        return;
    };
    let text = tmux.wait("the containers", |text| text.contains("Containers") && text.contains("FILE"));
    assert!(text.contains("all > [proc.pid>1]"), "{text}");
    tmux.keys(&["F2"]);
    tmux.type_in("processes");
    tmux.wait("the choice", |text| text.contains("Choose a view  > processes"));
    // s016: closing it changes nothing.
    tmux.keys(&["Escape"]);
    tmux.wait("the containers again", |text| text.contains("Containers"));
    tmux.keys(&["F2"]);
    tmux.type_in("processes");
    tmux.keys(&["Enter"]);
    let text = tmux.wait("processes", |text| text.contains(" Processes ") && text.contains("bash"));
    assert!(text.contains("CONTAIN") && text.contains("rows"), "{text}");
    tmux.keys(&["/"]);
    tmux.type_in("taussig");
    tmux.keys(&["Enter"]);
    let text = tmux
        .wait("the row is selected", |text| text.lines().any(|line| line.starts_with('>') && line.contains("bash")));
    let pid = text.lines().find(|line| line.starts_with('>')).unwrap().split_whitespace().nth(1).unwrap().to_owned();
    tmux.keys(&["Enter"]);
    let text = tmux.wait("its threads", |text| text.contains(" Threads ") && text.contains(&format!("> proc {pid}")));
    assert!(text.lines().nth(1).unwrap().contains("[proc.pid>1]"), "{text}");
    tmux.keys(&["F6"]);
    tmux.wait("its events", |text| text.contains("Threads: events") && text.contains(&format!("({pid}")));
    tmux.keys(&["M-2"]);
    let back = |text: &str| {
        text.contains(" Processes ") && text.lines().any(|line| line.starts_with('>') && line.contains(&pid))
    };
    tmux.wait("the row that was selected", back);
    // s018: it never quits.
    tmux.keys(&["Escape"; 20]);
    tmux.wait("the first level", |text| text.contains("Containers"));
    tmux.keys(&["q"]);
    let text = tmux.wait("the end", |text| text.contains("ended 0"));
    tmux.wait("the terminal as it was", |text| text.lines().any(|line| line == "icanon"));
    assert!(!text.contains("Containers"), "s005: the screen is what it was: {text}");
}

#[test]
fn s006_signals_give_the_terminal_back() {
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 0)] {
        let Some(tmux) = screen(&format!("signal-{signal}"), &format!("-r {}", capture("sample"))) else { return };
        tmux.wait("rows", |text| text.contains("FILE") && text.contains("PID"));
        let pane = tmux.run(&["display-message", "-p", "#{pane_pid}"]);
        // s007: twice.
        let kill = format!("pkill -{signal} -x -P {0} tracer; pkill -{signal} -x -P {0} tracer; true", pane.trim());
        assert!(Running::start(std::process::Command::new("sh").args(["-c", &kill])).end().status.success());
        tmux.wait("the end", |text| text.contains(&format!("ended {code}")));
        tmux.wait("the terminal as it was", |text| text.lines().any(|line| line == "icanon"));
    }
}

#[test]
fn s093_s094_the_screen_follows_its_size() {
    let Some(tmux) = screen("size", &format!("-r {}", capture("sample"))) else { return };
    let text = tmux.wait("rows", |text| text.contains("CPU%") && text.contains("F10Quit"));
    assert!(text.contains("COMMAND") && text.contains("PPID"), "{text}");
    tmux.resize(40, 12);
    // s027: what matters less goes first, the key and the sorted column never.
    let is_small = |text: &str| {
        text.contains("PID") && text.contains("CPU%") && text.contains("COMMAND") && !text.contains("PPID")
    };
    tmux.wait("a small screen", is_small);
    tmux.resize(30, 8);
    tmux.wait("a notice", |text| text.contains("screen too small"));
    tmux.resize(200, 60);
    tmux.wait("a large screen", |text| text.lines().next().is_some_and(|line| line.contains(" events  ")));
    tmux.keys(&["C-z"]);
    // s095: the shell goes on, and the screen comes back.
    tmux.wait("the shell", |text| text.to_lowercase().contains("stopped"));
    tmux.line("fg");
    tmux.wait("the screen again", |text| text.contains("F10Quit"));
    tmux.keys(&["C-c"]);
    tmux.wait("the end", |text| text.contains("ready>") && !text.contains("F10Quit"));
}

#[test]
fn s047_a_wrong_filter_is_told_while_it_is_typed() {
    let Some(tmux) = screen("filter", &format!("-r {}", capture("sample"))) else { return };
    tmux.wait("rows", |text| text.contains("CPU%") && text.contains("F10Quit"));
    tmux.keys(&["f"]);
    tmux.type_in("evt.tipe=read");
    let text =
        tmux.wait("what is wrong", |text| text.contains("did you mean 'evt.time'?") || text.contains("'evt.type'"));
    assert!(text.contains("^ unknown field 'evt.tipe'"), "{text}");
    tmux.keys(&["Enter"]);
    tmux.wait("it stays", |text| text.contains("filter: evt.tipe=read"));
    tmux.keys(&["C-u"]);
    tmux.type_in("proc.na");
    tmux.keys(&["Tab"]);
    tmux.wait("the name is completed", |text| text.contains("filter: proc.name"));
    tmux.type_in("=sshd");
    tmux.keys(&["Enter"]);
    tmux.wait("the filter is a crumb", |text| text.contains("[proc.name=sshd]"));
}

/// A screen with a folder for state of its own.
fn screen_with_state(name: &str, state: &Scratch, words: &str) -> Option<Tmux> {
    let tmux = Tmux::start(name, 110, 24)?;
    let state = state.path("x").parent().unwrap().display().to_string();
    tmux.line(&format!("XDG_STATE_HOME={state}/state XDG_CONFIG_HOME={state}/config {}", top(words)));
    Some(tmux)
}

#[test]
fn order_and_columns_are_kept_in_a_file_of_the_users_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let state = Scratch::new();
    let words = format!("-r {}", capture("sample"));
    let Some(tmux) = screen_with_state("keeps", &state, &words) else { return };
    tmux.wait("rows", |text| text.contains("CPU% v") && text.contains("PPID"));
    // Without PPID, by the id.
    tmux.keys(&["o", "Down", "Space", "Enter"]);
    tmux.wait("no parent", |text| !text.contains("PPID") && !text.contains("[x]"));
    tmux.keys(&["1"]);
    tmux.wait("by id", |text| text.contains("PID v"));
    tmux.keys(&["f"]);
    tmux.type_in("proc.pid>1");
    tmux.keys(&["Enter"]);
    tmux.wait("the filter", |text| text.contains("[proc.pid>1]"));
    tmux.keys(&["q"]);
    tmux.wait("the end", |text| text.contains("ended 0"));
    let path = state.path("state/tracer/top.json");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!((&kept["views"]["procs"]["sort"], &kept["filters"][0]), (&"PID".into(), &"proc.pid>1".into()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(tmux);
    let Some(tmux) = screen_with_state("kept", &state, &words) else { return };
    tmux.wait("as it was", |text| text.contains("PID v") && !text.contains("PPID"));
    // s049: filters of earlier sessions come back.
    tmux.keys(&["f", "Up"]);
    tmux.wait("the filter of before", |text| text.contains("filter: proc.pid>1"));
    tmux.keys(&["C-c"]);
    tmux.wait("the end", |text| text.contains("ended 0"));
    drop(tmux);
    // Who only looks has no settings, and leaves none.
    std::fs::remove_file(&path).unwrap();
    let Some(tmux) = screen_with_state("keeps-none", &state, &format!("--read-only {words}")) else { return };
    tmux.wait("as the view has it", |text| text.contains("CPU% v") && text.contains("PPID"));
    tmux.keys(&["1"]);
    tmux.wait("by id", |text| text.contains("PID v"));
    tmux.keys(&["q"]);
    tmux.wait("the end", |text| text.contains("ended 0"));
    assert!(!path.exists());
}

#[test]
fn settings_say_theme_interval_and_columns() {
    let state = Scratch::new();
    std::fs::create_dir_all(state.path("config/tracer")).unwrap();
    let path = state.path("config/tracer/tracer.toml");
    let text = "color = 'never'\n[top]\ndelay = 700\ntheme = 'mono'\n[top.columns]\nprocs = ['PID', 'COMMAND']\n";
    std::fs::write(&path, text).unwrap();
    let words = format!("-r {}", capture("sample"));
    let Some(tmux) = screen_with_state("settings", &state, &words) else { return };
    let text = tmux.wait("the columns", |text| text.contains("COMMAND") && text.contains("FILE  "));
    assert!(!text.contains("CPU%"), "{text}");
    tmux.keys(&["q"]);
    tmux.wait("the end", |text| text.contains("ended 0"));
    if level::root_or_skip() {
        let Some(tmux) = screen_with_state("settings-live", &state, "") else { return };
        tmux.wait("the interval", |text| text.contains("every 700ms"));
    }
    std::fs::write(&path, "[top]\nthemes = 'x'\n").unwrap();
    let config = path.parent().unwrap().parent().unwrap().to_path_buf();
    let output = Running::start(command::tracer(["top"]).env("XDG_CONFIG_HOME", &config)).end();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.errors.contains("themes") && output.errors.contains("delay, theme"), "{}", output.errors);
    // What the file says of the full screen is not for the other commands.
    std::fs::write(&path, text_of_both()).unwrap();
    let output =
        Running::start(command::tracer(["-r", &capture("sample"), "-n", "1"]).env("XDG_CONFIG_HOME", &config)).end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
}

fn text_of_both() -> &'static str {
    "color = 'never'\n[top]\ndelay = 700\n"
}

#[test]
fn s062_s078_fields_of_an_event_of_a_capture_are_read_and_filter() {
    let capture = capture("run_as_user_0_container");
    let pid = command::output(["-r", &capture, "-p", "%proc.pid", "evt.type in (open, openat)"]).lines[0].clone();
    let Some(tmux) = screen("fields", &format!("-r {capture} proc.pid={pid} and 'evt.type in (open, openat)'")) else {
        return;
    };
    tmux.wait("rows", |text| text.contains("CPU%") && text.contains("FILE  "));
    tmux.keys(&["d"]);
    tmux.wait("events", |text| text.contains("Processes: events") && text.contains(" open"));
    tmux.keys(&["i"]);
    let text = tmux.wait("all fields", |text| {
        text.contains("- detail -") && text.contains("evt.rawres") && text.contains("fd.name")
    });
    assert!(text.contains("openat"), "{text}");
    tmux.keys(&["Tab", "/"]);
    tmux.type_in("evt.arg.name");
    tmux.keys(&["Enter", "."]);
    tmux.wait("the menu of the field", |text| text.contains("only this value") && text.contains("evt.arg.name = "));
    tmux.keys(&["n"]);
    tmux.wait("without those", |text| text.contains("not evt.arg.name"));
    tmux.keys(&["BSpace"]);
    tmux.wait("with them again", |text| !text.contains("not evt.arg.name"));
}

/// The events of what is selected are exactly those of that time and that latency.
#[test]
fn s072_a_marked_area_of_the_heat_map_has_exactly_its_events() {
    let capture = capture("sample");
    let Some(tmux) = screen("heat", &format!("-r {capture}")) else { return };
    tmux.wait("rows", |text| text.contains("CPU%") && text.contains("rows"));
    tmux.keys(&["m"]);
    tmux.wait("the map", |text| text.contains("Processes: latency") && text.contains(" 2 lines"));
    // From the newest line and the shortest time to the first line and the longest.
    tmux.keys(&["Down"]);
    tmux.keys(&["Left"; 110]);
    tmux.keys(&["Space"]);
    tmux.keys(&["PPage"; 20]);
    tmux.keys(&["Right"; 110]);
    tmux.wait("all is selected", |text| text.contains("(100.0 %)"));
    let kept = |text: &str| text.lines().nth(1).and_then(|line| line.split_whitespace().rev().nth(1)?.parse().ok());
    let all = |filter: &str| command::output(["-r", &capture, "-p", "%evt.latency %evt.rawtime", filter]).lines;
    let whole = all("evt.latency exists").len();
    assert!(whole > 50, "{whole}");
    tmux.keys(&["Enter"]);
    tmux.wait("all that have a latency", |text| text.contains("Processes: events") && kept(text) == Some(whole));
    // A part of it: what the crumb says is what is there.
    tmux.keys(&["BSpace"]);
    tmux.wait("the map again", |text| text.contains("(100.0 %)"));
    tmux.keys(&["Left"; 60]);
    tmux.keys(&["NPage", "Enter"]);
    tmux.wait("some of them", |text| {
        text.contains("Processes: events") && kept(text).is_some_and(|kept: usize| kept > 0 && kept < whole)
    });
}

/// The example of the guide for authors of views is a view, and shows what it says.
#[test]
fn the_view_of_the_guide_works() {
    let guide = include_str!("../../docs/views.md");
    let example = guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let scratch = Scratch::new();
    std::fs::write(scratch.path("opens.toml"), example).unwrap();
    let capture = capture("run_as_user_0_container");
    let folder = scratch.path("opens.toml").parent().unwrap().to_str().unwrap().to_owned();
    let output = command::output(["top", "--view-dir", &folder, "-v", "opens", "-r", &capture, "-j"]);
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    let frame: Value = serde_json::from_str(&output.lines[0]).unwrap();
    let opens = counted(&capture, "%proc.pid\t%evt.count.error", "evt.type in (open, openat)");
    let shown: f64 = frame["data"].as_array().unwrap().iter().map(|row| row[2].as_f64().unwrap()).sum();
    assert_eq!(shown, opens.values().map(|(count, _)| count).sum::<f64>(), "{frame}");
    assert!(shown > 0.0);
}
