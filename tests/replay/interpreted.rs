//! Chisels print the same whether the interpreter of their language runs all of their functions or those alone that are not
//! simple.

use std::{path::Path, sync::atomic::AtomicBool};

use tracer::{
    chisel::{Chisel, Env, Library, Source},
    output::Out,
    pipeline::{Limits, Pipeline},
    sink::{ChiselSink, Outputs},
    source::replay::Replay,
    state::{Procfs, State},
};

use super::chisels::ARGUMENTS;

const CAPTURES: [&str; 3] = ["run_as_user_0_container", "tcp-client-server", "files"];

/// What a chisel prints of a capture, and how it ends.
fn printed(source: &Source, argument: Option<&str>, capture: &str, env: impl FnOnce(Out) -> Env) -> String {
    super::utc();
    let out = Out::memory();
    let chisel = Chisel::load(source.clone(), argument, env(out.clone())).unwrap();
    let outputs = Outputs::new(None, vec![Box::new(ChiselSink::new(chisel))], out.clone(), None);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(format!("{capture}.scap"));
    let mut replay = Replay::open(vec![path]).unwrap();
    let state = State { procfs: Procfs::none(), ..State::default() };
    let end = Pipeline::new(state, outputs, 0).run(&mut replay, Limits::default(), &AtomicBool::new(false));
    match end {
        Ok(stats) => format!("{}{stats}\n", out.text()),
        Err(error) => format!("{}{error}\n", out.text()),
    }
}

/// Compares both ways with all options that change what a function does. Returns what was printed last.
fn compare(source: &Source, argument: Option<&str>, capture: &str) -> String {
    let mut last = String::new();
    for (container, json) in [(true, false), (false, true)] {
        let both = [true, false].map(|interpreted| {
            printed(source, argument, capture, |out| {
                let mut env = Env { container, interpreted, replay: true, ..Env::plain(out) };
                env.page.json = json;
                env
            })
        });
        let [with, without] = both;
        assert!(with == without, "{} of {capture}: {with}\nwithout the interpreter:\n{without}", source.name);
        last = without;
    }
    last
}

#[test]
fn chisels_print_what_the_interpreter_prints() {
    let mut compared = 0;
    for (name, source) in Library::builtin().list().iter().filter(|(_, source)| source.text.contains("fn on_event")) {
        let argument = ARGUMENTS.iter().find(|(known, _)| known == name).map(|(_, argument)| *argument);
        for capture in CAPTURES {
            compare(source, argument, capture);
            compared += 1;
        }
    }
    assert!(compared >= 20 * CAPTURES.len(), "{compared}");
}

fn script(text: &str) -> Source {
    let text = format!("chisel(#{{ summary: \"x\" }});\n{text}");
    Source { name: "script".into(), origin: "script.rhai".into(), text }
}

/// Scripts as people write them, each with a part of what it prints at the end.
const SCRIPTS: &[(&str, &str)] = &[
    (
        "let name = field(\"proc.name\"); let size = field(\"evt.buflen\"); let bytes = #{}; let events = 0;
         fn on_event(evt) {
             this.events += 1;
             let size = evt.get(this.size);
             if size == () { return false; }
             let name = `${evt.get(this.name)}`;
             if name in this.bytes { this.bytes[name] += size * weight(); } else { this.bytes[name] = size * weight(); }
         }
         fn on_interval() { this.events -= 1; print(`interval ${this.events}`); }
         fn on_end() { print(`${this.events} ${this.bytes.len()}`); for name in this.bytes.keys() { print(`${name} ${this.bytes[name]}`); } }",
        "client 1110",
    ),
    (
        "let type = field(\"evt.type\"); let last = (); let longest = \"\"; let changes = 0; let ratio = 0.0;
         fn on_event(evt) {
             let type = evt.get(this.type);
             if type != this.last { this.changes += 1; this.last = type; }
             if type.len() > this.longest.len() { this.longest = type; }
             this.ratio = this.changes / 2.0 + 1;
             if type.starts_with(\"e\") && !type.ends_with(\"x\") { print(type); return; }
             this.changes % 2 == 0
         }
         fn on_end() { print(`${this.changes} ${this.longest} ${this.ratio}`); }",
        "1575 inotify_add_watch 788.5",
    ),
    (
        "let name = field(\"proc.name\"); let fd = field(\"fd.name\"); let latency = field(\"evt.latency\"); let time = field(\"evt.time\");
         let calls = tally(#{ keys: [\"Name\", \"File\"], values: [#{ title: \"Time\", unit: \"time\" }, #{ title: \"Calls\" }] });
         fn on_event(evt) {
             let fd = evt.get(this.fd);
             if fd == () || fd == \"\" { return false; }
             let ns = evt.get(this.latency) ?? 0;
             this.calls.add([evt.get(this.name), fd], [ns, 1]);
             if is_json() { emit_json(#{ name: evt.get(this.name), fd: fd, time: format_time(ns) }); return; }
             let line = left(evt.get(this.name), 8) + \" \" + right(format_time(ns), 10);
             print(if ns > 100000 { red(line) } else { line });
         }",
        "{\"fd\":\"/dev/tty\",\"name\":\"emacs\"",
    ),
    // What grows without bound ends as in the interpreter.
    ("let text = \"\"; fn on_event(evt) { this.text += \"0123456789012345678901234567890123456789\"; this.text += this.text; }", "too large"),
    ("let n = 0; fn on_event(evt) { this.n = this.n * 3 + 9000000000; this.n += this.n; }", "overflow"),
    ("let n = 5; fn on_event(evt) { this.n -= 1; 10 / this.n > 0 }", "Division by zero"),
    ("let name = field(\"proc.name\"); fn on_event(evt) { if evt.get(this.name) > \"s\" { this.missing } else { 1 } }", "missing"),
    // Events without bytes are left out.
    ("let size = field(\"evt.buflen\"); let sum = 0; fn on_event(evt) { this.sum += evt.get(this.size); } fn on_end() { print(`sum ${this.sum}`); }", "sum 1"),
];

#[test]
fn scripts_print_and_fail_as_interpreted() {
    for (text, expected) in SCRIPTS {
        let source = script(text);
        let printed: String = CAPTURES.iter().map(|capture| compare(&source, None, capture)).collect();
        assert!(printed.contains(expected), "{text}: {printed}");
    }
}
