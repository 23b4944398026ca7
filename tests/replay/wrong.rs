//! A corpus of wrong scripts, each with its message: `golden/wrong-chisels.txt`. Behind `== NAME` stands the script without its
//! `chisel(…)`, which is the first line, then behind `--` the message. `UPDATE_GOLDEN=1` writes the messages.

use std::{
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use tracer::{
    chisel::{Chisel, ChiselError, Env, Source, check::check},
    output::Out,
    pipeline::{Limits, Pipeline},
    sink::{ChiselSink, Outputs, Sink},
    source::inject::Inject,
};

use tracer_tests::{command::output, cpu::thread_time, scratch::Scratch};

use super::{
    golden,
    machine::{BOOT_NS, Machine},
};

const CORPUS: &str = include_str!("../golden/wrong-chisels.txt");

fn source(name: &str, script: &str) -> Source {
    // A script may say what it is by itself, wrongly.
    let head = if script.contains("chisel(") { "" } else { "chisel(#{ summary: \"a test\" });\n" };
    Source { name: name.to_owned(), origin: format!("{name}.rhai"), text: format!("{head}{script}") }
}

fn text(error: &ChiselError) -> String {
    let hint = error.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("{error}{hint}\n")
}

/// Runs scripts side by side over some records: what they print, and how it ended.
fn run(sources: Vec<Source>) -> (String, anyhow::Result<()>, Duration) {
    let out = Out::memory();
    let others = sources.len() > 1;
    let sinks = sources.into_iter().map(|source| -> Box<dyn Sink> {
        let chisel = Chisel::load(source, None, Env::plain(out.clone())).unwrap();
        Box::new(ChiselSink::new(chisel).among_others(others))
    });
    let outputs = Outputs::new(None, sinks.collect(), out.clone(), None);
    let (state, records) = Machine::busy().into_parts();
    let mut source = Inject::default();
    records.into_iter().for_each(|record| source.push(record));
    let start = Instant::now();
    let result = Pipeline::new(state, outputs, BOOT_NS).run(&mut source, Limits::default(), &AtomicBool::new(false));
    (out.text(), result.map(|_| ()), start.elapsed())
}

/// What `tracer chisel check` says of it; else what a run says.
fn message(name: &str, script: &str) -> String {
    let source = source(name, script);
    let found = check(&source);
    if !found.is_empty() {
        return which_limit(found.iter().map(text).collect());
    }
    let (_, result, took) = run(vec![source]);
    // The limit is 100 ms, and the machine may be busy.
    assert!(took < Duration::from_secs(1), "{name} took {took:?}");
    let error = result.expect_err(name);
    which_limit(text(error.downcast_ref::<ChiselError>().unwrap_or_else(|| panic!("{name}: {error:#}"))))
}

/// Which of the limits comes first depends on the speed of the machine.
fn which_limit(message: String) -> String {
    const LIMITS: [&str; 7] = [
        "Too many operations",
        "Length of string too large",
        "Size of array/BLOB too large",
        "Size of object map too large",
        "Stack overflow",
        "it took more than 80 ms: is this an endless loop?",
        "it took more than 400 ms: is this an endless loop?",
    ];
    LIMITS.iter().fold(message, |message, limit| message.replace(limit, "(one of the limits)"))
}

#[test]
fn wrong_scripts_have_the_messages_that_they_had() {
    let mut now = String::new();
    let mut count = 0;
    let corpus = format!("\n{CORPUS}");
    for section in corpus.split("\n== ").skip(1) {
        let (name, rest) = section.split_once('\n').unwrap();
        let script = rest.split("\n--\n").next().unwrap().trim_end();
        let message = message(name, script);
        assert!(message.starts_with("chisel "), "{name}: {message}");
        now.push_str(&format!("== {name}\n{script}\n--\n{message}\n"));
        count += 1;
    }
    assert!(count >= 50, "{count}");
    golden("wrong-chisels.txt", &now);
}

#[test]
fn a_chisel_that_fails_leaves_the_others_alone() {
    let bad = source("bad", "fn on_event(evt) { loop { } }");
    let good = source(
        "good",
        "let seen = 0;\nfn on_event(evt) { this.seen += 1; }\nfn on_end() { print(`saw ${this.seen}`); }",
    );
    let (alone, _, _) = run(vec![good.clone()]);
    let (both, result, took) = run(vec![bad, good]);
    assert!(alone.starts_with("saw ") && both == alone, "{both}");
    assert_eq!(result.unwrap_err().to_string(), "chisel bad.rhai failed; see the error above");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// What runs for ever, or wants all memory, in a function and with what the language can do in one step.
const RUNAWAYS: &[(&str, &str)] = &[
    ("endless", "loop { }"),
    ("endless-for", "for n in 0..9000000000 { let m = n; }"),
    ("endless-catch", "loop { try { loop { } } catch { } }"),
    ("huge-text", "let s = `x`; loop { s += s; }"),
    ("huge-pad", "let s = `x`; loop { s.pad(200000, `x`); s.truncate(1); }"),
    ("huge-replace", "let s = `x`; s.pad(100000, `x`); loop { let t = s; t.replace(`x`, `y`); }"),
    ("huge-search", "let s = `x`; s.pad(250000, `x`); let t = s.sub_string(0, 100000) + `y`; loop { s.index_of(t); }"),
    ("huge-case", "let s = `x`; s.pad(200000, `x`); loop { s.to_upper(); }"),
    ("huge-split", "let s = `x`; s.pad(9000, ` `); loop { s.split(` `); }"),
    ("huge-json", "let s = `x`; s.pad(100000, `x`); let a = []; loop { a.push(s); a.to_string(); }"),
    ("huge-array", "let a = [1]; loop { a += a; }"),
    ("huge-sort", "let a = []; a.pad(10000, 1); loop { a.sort(); }"),
    ("huge-compare", "let a = []; a.pad(10000, 1); loop { a == a; }"),
    ("huge-contains", "let a = []; a.pad(10000, 1); loop { a.contains(2); }"),
    ("huge-dedup", "let a = []; a.pad(10000, 1); loop { let b = a; b.dedup(); }"),
    ("huge-nest", "let a = []; loop { a = [a]; }"),
    ("huge-map", "let m = #{}; let n = 0; loop { m[`${n}`] = m.len(); n += 1; }"),
    ("deep", "f(0);"),
    ("wide", "g(0);"),
    ("closure", "let h = |h, n| h.call(h, n + 1); h.call(h, 0);"),
];

/// A step on large values takes ten times as long in a debug build.
const ENDS_IN: Duration = Duration::from_millis(if cfg!(debug_assertions) { 250 } else { 100 });

#[test]
fn what_runs_away_ends_in_a_tenth_of_a_second() {
    for (name, body) in RUNAWAYS {
        let functions = "fn f(n) { f(n + 1) }\nfn g(n) { if n > 20 { n } else { g(n + 1) + g(n + 1) } }\n";
        let source = source(name, &format!("{functions}fn on_event(evt) {{ {body} }}"));
        // On a machine with nothing else to do the same as by the clock.
        let before = thread_time();
        let (_, result, _) = run(vec![source]);
        let took = thread_time() - before;
        let message = result.expect_err(name).to_string();
        assert!(which_limit(message.clone()).contains("(one of the limits)\n  4 | "), "{name}: {message}");
        assert!(took < ENDS_IN, "{name} took {took:?}");
    }
}

#[test]
fn beside_what_runs_away_another_chisel_and_a_capture_go_on_to_the_end() {
    let scratch = Scratch::new();
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/tcp-client-server.scap");
    let [alone, beside] = ["alone.scap", "beside.scap"].map(|name| scratch.path(name).display().to_string());
    let events = |file: &str| output(["-r", file]).lines;
    let expected = output(["-r", capture, "-w", &alone, "-c", "topscalls"]);
    assert!(expected.status.success() && expected.lines.len() > 5, "{}", expected.errors);
    let functions = "fn f(n) { f(n + 1) }";
    for name in ["endless", "huge-text", "deep"] {
        let (_, body) = RUNAWAYS.iter().find(|(known, _)| *known == name).unwrap();
        let file = scratch.path(format!("{name}.rhai")).display().to_string();
        let script = format!("chisel(#{{ summary: \"x\" }});\n{functions}\nfn on_event(evt) {{ {body} }}\n");
        std::fs::write(&file, script).unwrap();
        let shown = output(["-r", capture, "-w", &beside, "-c", &file, "-c", "topscalls"]);
        assert_eq!(shown.status.code(), Some(1), "{}", shown.errors);
        let errors = which_limit(shown.errors);
        for text in [&format!("tracer: chisel {file}:3:"), "(one of the limits)", "the other chisels keep running"] {
            assert!(errors.contains(text), "{name}: {text}: {errors}");
        }
        // Beside another one, a table says whose it is.
        assert_eq!(shown.lines[1..], expected.lines, "{name}");
        assert!(events(&beside) == events(&alone), "{name}: the capture is as without it");
    }
}
