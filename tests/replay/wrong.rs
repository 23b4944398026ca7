//! A corpus of wrong scripts, each with its message: `golden/wrong-chisels.txt`. Behind `== NAME` stands the script without its
//! `chisel(…)`, which is the first line, then behind `--` the message. `UPDATE_GOLDEN=1` writes the messages.

use std::{
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use tracer::{
    chisel::{Chisel, ChiselError, Env, Source, check::check},
    pipeline::{Limits, Pipeline},
    sink::{ChiselSink, Out, Outputs, Sink},
    source::inject::Inject,
};

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
    const LIMITS: [&str; 6] = [
        "Too many operations",
        "Length of string too large",
        "Size of array/BLOB too large",
        "Size of object map too large",
        "Stack overflow",
        "it took more than 80 ms: is this a loop without end?",
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
    assert_eq!(result.unwrap_err().to_string(), "chisel bad.rhai failed, as said above");
    assert!(took < Duration::from_secs(1), "{took:?}");
}
