//! Captures that end too early: what was gathered is shown, then the error. A table without rows would say that there was nothing.

use std::fs;

use tracer::chisel::{Chisel, Library};
use tracer_tests::{
    command::{Output, Running, tracer},
    scratch::Scratch,
};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");

/// What is printed of the first bytes of a capture.
fn of_first(bytes: usize, words: &[&str]) -> Output {
    let scratch = Scratch::new();
    let file = scratch.path("cut.scap");
    fs::write(&file, &fs::read(SAMPLE).unwrap()[..bytes]).unwrap();
    let output = Running::start(tracer(["-r", file.to_str().unwrap()]).args(words)).end();
    assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
    assert!(output.errors.contains("cut in the middle of a block"), "{words:?}: {output:?}");
    output
}

#[test]
fn no_chisel_shows_an_empty_table_before_the_error() {
    let mut count = 0;
    for (name, source) in Library::builtin().list() {
        let meta = Chisel::describe(&source).unwrap();
        let argument = meta.args.iter().any(|arg| !arg.optional).then_some("1");
        if meta.live.is_some()
            || argument.is_some() && meta.args.iter().any(|arg| !arg.optional && arg.kind.bounds().is_none())
        {
            continue;
        }
        for form in [&[][..], &["-j"], &["-pc"]] {
            let words: Vec<&str> = form.iter().copied().chain(["-c", &*name]).chain(argument).collect();
            let output = of_first(20_000, &words);
            assert!(output.lines.is_empty(), "{words:?}: {output:?}");
        }
        count += 1;
    }
    assert!(count > 40, "{count}");
}

#[test]
fn what_was_gathered_before_the_damage_is_shown() {
    let calls = of_first(130_000, &["-c", "topscalls"]).lines;
    assert!(calls[0].starts_with("Calls") && calls.len() > 5, "{calls:?}");
    let files = of_first(130_000, &["-c", "lsof"]).lines;
    assert!(files[0].starts_with("COMMAND") && files.len() > 5, "{files:?}");
    let slow = of_first(130_000, &["-c", "scallslower", "0"]).lines;
    assert!(slow[0].starts_with("evt.datetime") || slow.is_empty(), "{slow:?}");
    // Lines that a script prints come below its heading.
    let users = of_first(139_000, &["-c", "stdout"]);
    assert!(users.errors.contains("events seen"), "{users:?}");
    assert!(of_first(130_000, &[]).lines.len() > 100);
}
