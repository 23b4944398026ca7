//! No escape sequence that somebody chose reaches a terminal, from whatever kind of input.

use std::{ffi::OsString, fs, io::Read as _, os::unix::ffi::OsStringExt as _, path::Path, process::Command};

use tracer_tests::{
    command::{Output, Running, tracer},
    level,
    scratch::Scratch,
};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");
/// Sets the title of a terminal, clears it, the same as one character of C1, turns text round, and what is not seen.
const EVIL: &str = "\x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}\r\x7f\u{200b}\u{2066}\u{feff}\u{e0041}";

/// All that is printed is free of it.
#[track_caller]
fn free(what: &str, output: &Output) {
    for (stream, text) in [("standard output", &output.lines.join("\n")), ("standard error", &output.errors)] {
        let is_hidden = |c: char| EVIL.contains(c) && !c.is_ascii_graphic() || ('\u{202a}'..='\u{202e}').contains(&c);
        let wrong = |c: char| c != '\n' && (c.is_control() || is_hidden(c));
        assert!(!text.contains(wrong), "{what}, {stream}: {text:?}");
    }
}

/// The same, and that it was there is seen.
#[track_caller]
fn harmless(what: &str, output: &Output) {
    free(what, output);
    let all = format!("{}\n{}", output.lines.join("\n"), output.errors);
    assert!(all.contains("\\x1b") || all.contains("\\u{202e}"), "{what}: nothing of it is shown: {all:?}");
}

#[track_caller]
fn run(what: &str, command: &mut Command) {
    harmless(what, &Running::start(command).end());
}

/// Words with something that is quoted in a message.
fn quoted() -> Vec<&'static [&'static str]> {
    vec![
        // An option, its value, and what is behind it.
        &["--EVIL"][..],
        &["--color=EVIL"],
        &["-n", "EVIL"],
        &["--sample", "EVIL"],
        &["--engine-socket", "docker=EVIL"],
        &["--engine-socket", "EVIL=/x"],
        &["--buffer-size", "EVIL"],
        &["--tz", "EVIL"],
        &["--EVIL=x", "proc.name=x"],
        &["-kEVIL", "-r", SAMPLE, "-c", "EVIL"],
        // Filters and formats.
        &["-r", SAMPLE, "EVIL"],
        &["-r", SAMPLE, "proc.EVIL=x"],
        &["-r", SAMPLE, "proc.name=x and and EVIL"],
        &["-r", SAMPLE, "evt.type=EVIL"],
        &["-r", SAMPLE, "fd.num=EVIL"],
        &["-r", SAMPLE, "proc.name matches '(EVIL'"],
        &["-r", SAMPLE, "EVIL(proc.name)=x"],
        &["-r", SAMPLE, "-p", "%EVIL"],
        &["-r", SAMPLE, "-p", "%proc.EVIL"],
        // Names of chisels and of their arguments.
        &["-c", "EVIL"],
        &["-i", "EVIL"],
        &["-c", "./EVIL.rhai"],
        &["-r", SAMPLE, "-c", "spy_users", "EVIL"],
        &["-r", SAMPLE, "-c", "fdbytes_by", "EVIL"],
        // Files that are not there, or cannot be.
        &["-r", "/nowhere/EVIL"],
        &["info", "/nowhere/EVIL"],
        &["-r", SAMPLE, "-w", "/nowhere/EVIL"],
        &["-r", SAMPLE, "-c", "around", "/nowhere/EVIL 5", "evt.type=read"],
        &["--config", "/nowhere/EVIL"],
        &["-r", SAMPLE, "--drop-to", "EVIL", "-w", "/dev/null"],
        &["chisel", "new", "EVIL"],
        &["chisel", "check", "EVIL"],
        &["chisel", "test", "./EVIL.rhai"],
        &["--generate", "EVIL"],
        &["--explain", "proc.name=EVIL"],
        &["--doctor", "--engine-socket", "docker=/EVIL"],
    ]
}

#[test]
fn arguments_are_quoted_without_them() {
    for words in quoted() {
        let words: Vec<String> = words.iter().map(|word| word.replace("EVIL", EVIL)).collect();
        run(&format!("{words:?}"), &mut tracer(words.iter().map(String::as_str)));
    }
}

/// Names with ends of lines are no lines of a message.
#[test]
fn no_name_forges_a_line() {
    const FORGED: &str = "x\ntracer: 0 lost\nerror: forged\n{\"seen\":0}\nhint: forged";
    let is_forged = |line: &str| {
        ["tracer: 0 lost", "error: forged", "{\"seen\"", "hint: forged"].iter().any(|start| line.starts_with(start))
    };
    let mut forged = Vec::new();
    for words in quoted() {
        let words: Vec<String> = words.iter().map(|word| word.replace("EVIL", FORGED)).collect();
        let output = Running::start(&mut tracer(words.iter().map(String::as_str))).end();
        if output.lines.iter().map(String::as_str).chain(output.errors.lines()).any(is_forged) {
            forged.push(format!("{words:?}: {}\n{}", output.lines.join("\n"), output.errors));
        }
    }
    assert!(forged.is_empty(), "{}", forged.join("\n\n"));
}

#[test]
fn bytes_that_are_no_text_are_quoted_without_them() {
    for word in [&b"-r/nowhere/\x9b31m\x1b[2J"[..], b"\xff\x1b[2J", b"--\x1b\xff"] {
        let mut command = tracer([]);
        free(&format!("{word:?}"), &Running::start(command.arg(OsString::from_vec(word.to_vec()))).end());
    }
}

#[test]
fn settings_are_quoted_without_them() {
    let scratch = Scratch::new();
    let file = scratch.path("tracer.toml");
    let quoted = "\\u001b]0;owned\\u0007\\u009b31m\\u202e";
    for entry in [
        format!("\"{quoted}\" = true"),
        format!("color = \"{quoted}\""),
        format!("engine-socket = [\"{quoted}\"]"),
        format!("\"{quoted}\" = {{ a = 1 }}"),
        format!("print = \"%{quoted}\""),
        format!("a = 1\n\"{quoted}\" = 1\n\"{quoted}\" = 2"),
        format!("color = {EVIL}"),
        format!("chisel-dir = [\"{quoted}\"]\nxx{EVIL}"),
    ] {
        fs::write(&file, &entry).unwrap();
        let words = ["--config", file.to_str().unwrap(), "-r", SAMPLE];
        let output = Running::start(&mut tracer(words)).end();
        assert_eq!(output.status.code(), Some(2), "{entry:?}: {output:?}");
        free(&entry, &output);
    }
    // The name of the file.
    let evil = scratch.path(format!("{}.toml", EVIL.replace('/', "")));
    fs::write(&evil, "x = 1").unwrap();
    run("name of settings", &mut tracer(["--config", evil.to_str().unwrap()]));
}

/// A chisel with these words in the place of its own.
fn script(summary: &str, rest: &str) -> String {
    format!("chisel(#{{ summary: \"{summary}\", category: \"{summary}\", description: \"{summary}\" }});\n{rest}\n")
}

#[test]
fn chisels_are_quoted_without_them() {
    let scratch = Scratch::new();
    let folder = scratch.path("shelf");
    fs::create_dir(&folder).unwrap();
    let quoted = "\\x1b]0;owned\\x07\\u009b31m\\u202e";
    let files = [
        ("summary", script(quoted, "")),
        ("broken", format!("{EVIL} (")),
        ("throws", script("x", &format!("throw \"{quoted}\";"))),
        ("unknown", script("x", &format!("filter(\"{quoted}=1\");"))),
        ("field", script("x", &format!("table(#{{ keys: [\"{quoted}\"], value: #{{ op: \"count\" }} }});"))),
        ("method", script("x", &format!("let a = #{{}}; a[\"{quoted}\"].{}();", "nothing"))),
        ("late", script("x", &format!("fn on_event(evt) {{ throw \"{quoted}\"; }}"))),
        ("prints", script("x", &format!("fn on_event(evt) {{ print(\"{quoted}\"); }}"))),
        ("formats", script("x", &format!("line(\"{quoted} %evt.num\");"))),
        (
            "titles",
            script(
                "x",
                &format!(
                    "table(#{{ title: \"{quoted}\", keys: [\"proc.name\"], value: #{{ title: \"{quoted}\", op: \"count\" }} }});"
                ),
            ),
        ),
        (
            "tallies",
            script(
                "x",
                &format!(
                    "let t = tally(#{{ keys: [\"{quoted}\"], value: #{{ title: \"x\" }} }}); fn on_event(evt) {{ this.t.add([\"{quoted}\"], 1); }}"
                ),
            ),
        ),
        ("debugs", script("x", &format!("fn on_event(evt) {{ debug(\"{quoted}\"); }}"))),
        (EVIL, script("a name of that kind", &format!("throw \"{quoted}\";"))),
    ];
    for (name, text) in &files {
        fs::write(folder.join(format!("{name}.rhai")), text).unwrap();
    }
    let shelf = ["--chisel-dir", folder.to_str().unwrap()];
    run("-cl", tracer(shelf).arg("-cl"));
    run("--list-chisels", tracer(shelf).arg("--list-chisels"));
    run("-i", tracer(shelf).args(["-i", "summary"]));
    run("-i of that name", tracer(shelf).args(["-i", EVIL]));
    for (name, _) in &files {
        let path = folder.join(format!("{name}.rhai"));
        let file: &Path = &path;
        if *name != "summary" {
            run(&format!("-c {name:?}"), tracer(["-r", SAMPLE, "-n", "3", "-c"]).arg(file));
        }
        if !["summary", "throws", "late", "prints", "debugs", "method", "formats", "titles", "tallies"].contains(name) {
            run(&format!("check {name:?}"), tracer(["chisel", "check"]).arg(file));
        }
    }
    // What was recorded before is quoted, too.
    let file = folder.join("prints.rhai");
    fs::write(file.with_extension("expected"), format!("# of {SAMPLE}\n{EVIL}\n")).unwrap();
    run("chisel test", tracer(["chisel", "test"]).arg(&file));
}

#[test]
fn what_a_capture_says_is_quoted_without_them() {
    let scratch = Scratch::new();
    // The name of the host, of a program and of a container, as they stand in captures of the tests.
    for (capture, name) in [("sample.scap", "ubuntu2204"), ("run_as_user_0_container.scap", "hopeful_taussig")] {
        let mut bytes = Vec::new();
        let path = Path::new(SAMPLE).with_file_name(capture);
        let _ = tracer::scap::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
        // In the description of a container it is JSON.
        let evil: &[u8] = if capture == "sample.scap" { b"\x1b]0;x\x07\x1b[2" } else { b"\\u001b[2J\\u009bx" };
        let evil = &evil[..name.len().min(evil.len())];
        let mut changed = bytes.clone();
        let mut count = 0;
        for at in 0..bytes.len() - name.len() {
            if bytes[at..].starts_with(name.as_bytes()) {
                changed[at..at + evil.len()].copy_from_slice(evil);
                count += 1;
            }
        }
        assert!(count > 0, "{capture} has no {name}");
        let file = scratch.path(format!("{capture}{EVIL}"));
        fs::write(&file, changed).unwrap();
        run(&format!("info {capture}"), tracer(["info"]).arg(&file));
        let shown = Running::start(tracer(["-pc", "-r"]).arg(&file)).end();
        free(capture, &shown);
        // Damage is told with the name of the file.
        let cut = fs::read(&file).unwrap();
        fs::write(&file, &cut[..cut.len() / 2]).unwrap();
        run(&format!("cut {capture}"), tracer(["-q", "-r"]).arg(&file));
        run(&format!("info of cut {capture}"), tracer(["info"]).arg(&file));
    }
}

/// The binary runs under any name; no message repeats it raw.
#[test]
fn the_name_of_the_program_is_its_own() {
    let scratch = Scratch::new();
    let binary = scratch.path(EVIL);
    std::os::unix::fs::symlink(level::tracer(), &binary).unwrap();
    for words in [&["--nonsense"][..], &["-n", "x"], &["-h"]] {
        let output = Running::start(Command::new(&binary).args(words)).end();
        free(&format!("{words:?}"), &output);
    }
}
