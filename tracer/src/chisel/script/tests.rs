//! What chisels do with events, as the engine calls them.

use super::*;
use crate::{
    chisel::{Library, check::check},
    sink::{ChiselSink, Outputs, Sink},
    state::ContainerKey,
    testing::{BOOT_NS, World},
};

fn env(container: bool) -> Env {
    Env { container, ..Env::plain(Out::memory()) }
}

fn script(text: &str) -> Source {
    Source { name: "test".into(), origin: "test.rhai".into(), text: format!("chisel(#{{ summary: \"x\" }});\n{text}") }
}

fn load(text: &str) -> Result<Chisel, ChiselError> {
    Chisel::load(script(text), None, env(false))
}

/// Runs a built-in chisel over records, one interval.
fn run(name: &str, container: bool, world: &World, records: &[Vec<u8>]) -> String {
    let env = env(container);
    let out = env.page.out.clone();
    let chisel = Chisel::load(Library::builtin().find(name).unwrap(), None, env).unwrap();
    let sink: Box<dyn Sink> = Box::new(ChiselSink::new(chisel));
    let mut outputs = Outputs::new(None, vec![sink], out.clone(), None);
    for record in records {
        world.with(record, |context| outputs.event(context).unwrap());
    }
    outputs.end(&world.state, BOOT_NS).unwrap();
    out.text()
}

fn rows(text: &str) -> Vec<String> {
    let rows = text.lines().skip(2).filter(|line| !line.is_empty());
    rows.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn every_chisel_says_what_it_is() {
    let all = Library::builtin().list();
    assert!(all.len() >= 9);
    for (name, source) in all {
        let meta = Chisel::describe(&source).unwrap();
        assert!(!meta.summary.is_empty() && !meta.description.is_empty() && !meta.category.is_empty(), "{name}");
        assert!(source.text.starts_with("// "), "{name} begins with its summary");
    }
}

#[test]
fn tables_count_what_their_filter_lets_through() {
    let world = World::new();
    let records = [
        world.read(10, 3, 100, b"x"),
        world.read(10, 3, 412, b"x"),
        world.read(20, 5, 2048, b"x"),
        world.read(30, 5, 1000, b"x"),
        world.read(30, 3, 7, b"x"),
        world.read(30, 5, -11, b""),
        world.openat(10, 3, b"/etc/passwd"),
        world.procinfo(10),
    ];
    let table = |name| rows(&run(name, false, &world, &records));
    assert_eq!(table("topfiles_bytes"), ["519B /etc/passwd"]);
    assert_eq!(table("topprocs_net"), ["2.00KB cat 20", "1000B nginx 30"]);
    assert_eq!(table("topprocs_file"), ["512B bash 10", "7B nginx 30"]);
    assert_eq!(table("topcontainers_net"), ["1000B web"]);
    assert_eq!(table("topcontainers_file"), ["7B web"]);
    assert_eq!(table("topscalls"), ["6 read", "1 openat"]);
    let wide = run("topprocs_net", true, &world, &records);
    assert!(wide.starts_with(
        "Bytes               Process             Host_pid            Container_pid       container.name\n"
    ));
    assert_eq!(rows(&wide), ["2.00KB cat 20 20 host", "1000B nginx 30 30 web"]);
}

#[test]
fn cpu_is_summed_over_the_threads_that_ran() {
    let mut world = World::new();
    for (tid, percent) in [(10, 40.0), (20, 12.5), (30, 99.0)] {
        world.state.threads.get_mut(tid).unwrap().cpu_percent = percent;
    }
    let records = [10, 20, 30].map(|tid| world.procinfo(tid));
    assert_eq!(
        rows(&run("topprocs_cpu", false, &world, &records)),
        ["99.00% nginx 30", "40.00% bash 10", "12.50% cat 20"]
    );
    assert_eq!(rows(&run("topcontainers_cpu", false, &world, &records)), ["99.00% web", "52.50% host"]);
}

#[test]
fn spy_users_shows_commands_of_shells_and_those_that_enter_a_container() {
    let mut world = World::new();
    world.thread(21, 20, "sh", ContainerKey::HOST);
    world.thread(22, 21, "ls", ContainerKey::HOST);
    // docker exec: its parent, containerd-shim, is outside.
    world.thread(5, 1, "containerd-shim", ContainerKey::HOST);
    world.thread(31, 5, "ps", world.web);
    // A process of the container itself, and a daemon on the host.
    world.thread(32, 30, "worker", world.web);
    world.thread(6, 1, "cron", ContainerKey::HOST);
    let records = [20, 22, 31, 32, 6].map(|tid| world.execve(tid, 0));
    let failed = world.execve(20, -2);
    let text = run("spy_users", true, &world, &[&records[..], &[failed]].concat());
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            // Without the time of day.
            let (head, tail) = line.split_at(line.find(':').unwrap() - 2);
            format!("{head}{}", &tail[9..])
        })
        .collect();
    assert_eq!(lines, ["10 0) cat -x file", "    10 0) ls -x file", "31 0@web) ps -x file"]);
}

#[test]
fn variables_of_the_script_are_this_in_its_functions() {
    let mut chisel = load(
        "let name = field(\"proc.name\"); let seen = 0; const WORD = \"saw\"; interval(500);
         fn on_event(evt) { this.seen += 1; print(`${this.WORD} ${evt.get(this.name)} ${this.seen}`); this.seen != 2 }
         fn on_interval() { print(`tick ${this.seen}`) }
         fn on_end() { print(`end ${left(\"ab\", 4)}|`) }",
    )
    .unwrap();
    let world = World::new();
    let mut used = Vec::new();
    for _ in 0..2 {
        world.with(&world.read(10, 3, 1, b"x"), |context| used.push(chisel.event(context).unwrap()));
    }
    assert_eq!(used, [true, false]);
    assert_eq!(chisel.interval_ms(), Some(500));
    chisel.interval(&world.state, 0).unwrap();
    chisel.end(&world.state, 1, 0).unwrap();
    assert_eq!(chisel.shared.borrow().env.page.out.text(), "saw bash 1\nsaw bash 2\ntick 2\nend ab  |\n");
}

#[test]
fn the_examples_of_the_guide_work() {
    let guide = include_str!("../../../../docs/chisels.md");
    let examples: Vec<&str> = guide.split("```rhai\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let world = World::new();
    let records = [world.execve(10, 0), world.openat(30, -2, b"/etc/hosts")];
    let expected =
        ["1                   -                   web\n", "1 programs\n", "5       10.0.0.1:40000->10.0.0.2:80 cat"];
    assert_eq!(examples.len(), expected.len());
    assert!(examples[0].contains("p99") && examples[0].lines().count() <= 15, "the first one is short");
    for (text, expected) in examples.into_iter().zip(expected) {
        let source = Source { name: "guide".into(), origin: "guide".into(), text: text.to_owned() };
        assert!(check(&source).is_empty());
        let mut chisel = Chisel::load(source, None, env(false)).unwrap();
        for record in &records {
            world.with(record, |context| chisel.event(context).unwrap());
        }
        chisel.end(&world.state, 0, 0).unwrap();
        let text = chisel.shared.borrow().env.page.out.text();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn errors_name_file_line_column_and_cause() {
    let error = |text: &str| load(text).unwrap_err();
    assert_eq!(
        error("let f = field(\"proc.nmae\");").to_string(),
        "chisel test.rhai:2:9: unknown field 'proc.nmae'; did you mean 'proc.name'?\n  2 | let f = field(\"proc.nmae\");\n    |         ^"
    );
    assert!(error("let x = ;").to_string().starts_with("chisel test.rhai:2:9: "));
    let undefined = error("let depth = 1;\nfn on_event(evt) { print(depth) }");
    assert_eq!(undefined.place, Some((3, 26)));
    assert_eq!(
        undefined.hint.as_deref(),
        Some("inside a function, variables of the script are properties of this: this.depth")
    );
    assert!(error("fn on_evnt(evt) {}").hint.unwrap().contains("on_event"));
    assert!(error("table(#{ keyz: [] });").cause.contains("did you mean 'keys'?"));
    assert!(error("filter(\"proc.pid=x\");").cause.contains("expected a whole number"));
    assert!(error("filter(\"proc.pid=1\"); filter(\"proc.pid=1\");").cause.contains("one filter"));
    let world = World::new();
    let mut late = load("fn on_event(evt) {\n  let x = [1];\n  x[5]\n}").unwrap();
    let error = world.with(&world.read(10, 3, 1, b"x"), |context| late.event(context).unwrap_err());
    assert!(error.to_string().starts_with("chisel test.rhai:4:"), "{error}");
}

#[test]
fn scripts_cannot_leave_the_sandbox_or_run_for_ever() {
    let fails = |text: &str| load(text).map(|_| ()).unwrap_err().to_string();
    // The time is the sooner one of two limits on a slow machine.
    for (text, limit) in [
        ("loop { }", "operations"),
        ("let s = \"x\"; loop { s += s; }", "string"),
        ("let a = []; loop { a.push(1); }", "array"),
    ] {
        let message = fails(text).to_lowercase();
        assert!(message.contains(limit) || message.contains("80 ms"), "{message}");
    }
    assert!(fails("fn f(n) { f(n + 1) }\nf(0);").to_lowercase().contains("stack"));
    for text in
        ["eval(\"1\")", "import \"x\" as x;", "sleep(1)", "open_file(\"/etc/passwd\")", "timestamp()", "run(\"id\")"]
    {
        fails(text);
    }
}

#[test]
fn a_map_that_grows_by_its_keys_ends_the_script() {
    let world = World::new();
    let record = world.read(10, 3, 1, b"x");
    let grows = "fn on_event(evt) { this.map[`${this.n}`] = 1; this.n += 1; }";
    let plain = format!("let map = #{{}}; let n = 0;\n{grows}");
    // A closure shares the map.
    let shared = format!("let map = #{{}}; let n = 0; let f = || map.len();\n{grows}");
    for (text, interpreted) in [(&*plain, true), (&*plain, false), (&*shared, false)] {
        let mut chisel = Chisel::load(script(text), None, Env { interpreted, ..env(false) }).unwrap();
        let failed = (0..20_000).find_map(|_| world.with(&record, |context| chisel.event(context).err()));
        let error = failed.expect("the script ends").to_string();
        assert!(error.contains("Size of object map") && error.contains(":3:"), "{error}");
    }
}

#[test]
fn what_other_functions_add_counts_in_simple_ones() {
    let text = "let n = 0; let map = #{};
        fn on_event(evt) { this.n += 1; }
        fn on_interval() { let text = \"\"; text.pad(200000, 'x'); this.map[`${this.n}`] = text; }";
    for interpreted in [true, false] {
        let mut chisel = Chisel::load(script(text), None, Env { interpreted, ..env(false) }).unwrap();
        let world = World::new();
        let mut event = || {
            let result = world.with(&world.read(10, 3, 1, b"x"), |context| chisel.event(context));
            chisel.interval(&world.state, 0).unwrap();
            result.map_err(|error| error.to_string())
        };
        let results = [event(), event(), event()];
        assert_eq!(results[..2], [Ok(true), Ok(true)], "{interpreted}");
        assert!(results[2].as_ref().is_err_and(|error| error.contains("Length of string too large")), "{results:?}");
    }
}

/// A chisel whose events stand for `weight` of them.
fn sampled(text: &str, weight: u32) -> String {
    let env = env(false);
    let out = env.page.out.clone();
    let mut chisel = Chisel::load(script(text), None, env).unwrap();
    assert!(chisel.is_sampled());
    if weight > 1 {
        chisel.sample(weight.to_string().parse().unwrap());
    }
    let world = World::new();
    for res in [10, 20] {
        world.with_weight(&world.read(10, 3, res, b"x"), weight, |context| chisel.event(context).unwrap());
    }
    chisel.end(&world.state, 0, BOOT_NS).unwrap();
    out.text()
}

#[test]
fn scripts_can_ask_what_a_sampled_event_stands_for() {
    let text = "let size = field(\"evt.buflen\");
        fn on_event(evt) { print(`${weight()} ${evt.get(this.size)}`); }
        fn on_end() { print(`end ${weight()}`); }";
    assert_eq!(sampled(text, 7), "7 10\n7 20\nend 1\n");
    assert_eq!(sampled(text, 1), "1 10\n1 20\nend 1\n");
}

#[test]
fn what_a_script_counts_in_a_tally_is_scaled_and_marked() {
    let text = "let calls = tally(#{ keys: [\"K\"], value: #{ title: \"V\" } });
        fn on_event(evt) { this.calls.add([\"x\"], 1); }
        fn on_end() { this.calls.add([\"end\"], 1); }";
    let out = sampled(text, 50);
    assert!(out.starts_with("(estimated from 1/50 of the events)\n"), "{out}");
    assert!(rows(&out).contains(&"100 x".to_owned()), "{out}");
    assert!(rows(&sampled(text, 1)).contains(&"2 x".to_owned()));
}

#[test]
fn cpu_time_and_lists_are_not_sampled() {
    for name in ["topprocs_cpu", "topcontainers_cpu", "lsof", "ps"] {
        let chisel = Chisel::load(Library::builtin().find(name).unwrap(), None, env(false)).unwrap();
        assert!(!chisel.is_sampled(), "{name}");
    }
    for name in ["topfiles_bytes", "topscalls", "spy_users", "httptop"] {
        let chisel = Chisel::load(Library::builtin().find(name).unwrap(), None, env(false)).unwrap();
        assert!(chisel.is_sampled(), "{name}");
    }
    // Of several tables, each for itself.
    let mut chisel = load(
        "table(#{ keys: [\"proc.name\"], value: #{ field: \"thread.cpu\", unit: \"percent\" }, filter: \"evt.type=procinfo\" });
         table(#{ keys: [\"proc.name\"], value: #{ op: \"count\" }, filter: \"evt.type=read\" });",
    )
    .unwrap();
    chisel.sample("10".parse().unwrap());
    let world = World::new();
    chisel.interval(&world.state, BOOT_NS).unwrap();
    let text = chisel.shared.borrow().env.page.out.text();
    let tables: Vec<&str> = text.split("\n\n").collect();
    assert!(!tables[0].contains("estimated") && tables[1].starts_with("(estimated from 1/10"), "{text}");
}
