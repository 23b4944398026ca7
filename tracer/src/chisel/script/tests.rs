//! What chisels do with events, as the engine calls them.

use tracer_common::wire;

use super::*;
use crate::{
    chisel::{Library, Tables, check::check},
    output::Status,
    sink::{ChiselSink, Outputs, Sink, Tick},
    state::ContainerKey,
    stats::Stats,
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
    outputs.end(&Tick { state: &world.state, now_ns: BOOT_NS, stats: &Stats::default(), failed: false }).unwrap();
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
    assert_eq!(table("topprocs_net"), ["2.00KB 2.00KB 0B 2.00KB cat 20", "1000B 1000B 0B 1000B nginx 30"]);
    assert_eq!(table("topprocs_file"), ["512B bash 10", "7B nginx 30"]);
    assert_eq!(table("topcontainers_net"), ["1000B 1000B 0B 1000B web"]);
    assert_eq!(table("topcontainers_file"), ["7B web"]);
    assert_eq!(table("topscalls"), ["6 read", "1 openat"]);
    let wide = run("topprocs_net", true, &world, &records);
    assert!(wide.starts_with(" Bytes    RX/s  TX/s   Total  Process  PID  vPID  Container\n"), "{wide}");
    assert_eq!(rows(&wide), ["2.00KB 2.00KB 0B 2.00KB cat 20 20 host", "1000B 1000B 0B 1000B nginx 30 30 web"]);
}

/// Runs a chisel with an argument and what is asked of tables.
fn run_with(name: &str, argument: Option<&str>, tables: Tables, world: &World, records: &[Vec<u8>]) -> Vec<String> {
    let env = Env { tables, ..env(false) };
    let mut chisel = Chisel::load(Library::builtin().find(name).unwrap(), argument, env).unwrap();
    records.iter().for_each(|record| world.with(record, |context| _ = chisel.event(context).unwrap()));
    chisel.end(&world.state, 0, 0).unwrap();
    rows(&chisel.page().out.text())
}

#[test]
fn a_row_is_what_the_argument_says() {
    let mut world = World::new();
    world.thread(31, 30, "worker", ContainerKey::HOST);
    world.state.threads.get_mut(31).unwrap().pid = 30;
    let mut of_thread = world.read(31, 3, 70, b"x");
    of_thread[wire::TGID..][..4].copy_from_slice(&30_u32.to_le_bytes());
    let records = [world.read(30, 3, 5, b"x"), of_thread, world.read(10, 3, 1, b"x")];
    let of = |name, argument| run_with(name, argument, Tables::default(), &world, &records);
    assert_eq!(of("topprocs_file", None), ["75B nginx 30", "1B bash 10"], "threads are those of a process");
    assert_eq!(of("topthreads_file", None), ["70B worker 31 30", "5B nginx 30 30", "1B bash 10 10"]);
    assert_eq!(of("topprocs_file", Some("name")), ["75B nginx", "1B bash"]);
    assert_eq!(of("topprocs_file", Some("user")).len(), 1, "all are of one user");
}

#[test]
fn tables_are_as_the_user_asks() {
    let world = World::new();
    let records = [world.read(10, 3, 5, b"x"), world.read(30, 3, 70, b"x"), world.read(20, 3, 1, b"x")];
    let of = |tables| run_with("topprocs_file", None, tables, &world, &records);
    let sort = |name: &str| Tables { sort: Some(name.into()), ..Tables::default() };
    assert_eq!(of(Tables { rows: Some(2), ..Tables::default() }), ["70B nginx 30", "5B bash 10"]);
    assert_eq!(of(sort("pid")), ["5B bash 10", "1B cat 20", "70B nginx 30"]);
    assert_eq!(of(sort("proc")), of(sort("proc.main_name")), "the beginning of a title, or a field");
    let chisel = |tables| {
        let env = Env { tables, ..env(false) };
        Chisel::load(Library::builtin().find("topprocs_net").unwrap(), None, env).unwrap()
    };
    assert!(chisel(sort("rx")).sorted().1 && !chisel(sort("x")).sorted().1);
    assert_eq!(chisel(sort("x")).sorted().0, ["Bytes", "RX/s", "TX/s", "Total", "Process", "PID"]);
    let every = Tables { interval_ms: Some(250), ..Tables::default() };
    assert_eq!(chisel(every).interval_ms(), Some(250));
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
    let hello = world.read(10, 5, 9, b"\x16\x03\x01\x02\x00name");
    let records = [world.execve(10, 0), world.openat(30, -2, b"/etc/hosts"), hello];
    let expected =
        ["     1    -  web\n", "1 programs\n", "bash 512 bytes\n", "5       10.0.0.1:40000->10.0.0.2:80 cat"];
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
fn the_examples_for_those_who_come_from_lua_work() {
    let guide = include_str!("../../../../docs/porting-chisels.md");
    let examples: Vec<&str> = guide.split("```rhai\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let world = World::new();
    let opened = world.openat(10, 3, b"/etc/passwd");
    let expected = ["    2  bash\n", "bash /etc/passwd\n1 files\n"];
    assert_eq!(examples.len(), expected.len());
    for (text, expected) in examples.into_iter().zip(expected) {
        let source = Source { name: "guide".into(), origin: "guide".into(), text: text.to_owned() };
        assert!(check(&source).is_empty());
        let mut chisel = Chisel::load(source, None, env(false)).unwrap();
        for _ in 0..2 {
            world.with(&opened, |context| chisel.event(context).unwrap());
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
    assert_eq!(undefined.hint.as_deref(), Some("inside a function, use this.depth for a script variable"));
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
fn limits_name_the_function_also_in_a_script_of_one_line() {
    let source = Source {
        name: "test".into(),
        origin: "test.rhai".into(),
        text: "chisel(#{ summary: \"x\" }); fn on_event(evt) { loop { } }".into(),
    };
    let mut chisel = Chisel::load(source, None, env(false)).unwrap();
    let world = World::new();
    let error = world.with(&world.read(10, 3, 1, b"x"), |context| chisel.event(context)).unwrap_err();
    assert!(error.to_string().starts_with("chisel test.rhai:1:28: "), "{error}");
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
        assert!(message.contains(limit) || message.contains("400 ms"), "{message}");
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

/// What a script prints of reads with these results, at these seconds of a capture that ends `end` seconds after it began.
fn replayed(text: &str, reads: &[(u64, i64)], end_ns: u64) -> String {
    let env = Env { replay: true, ..env(false) };
    let out = env.page.out.clone();
    let mut chisel = Chisel::load(script(text), None, env).unwrap();
    let world = World::new();
    for (second, res) in reads {
        world.with_time(&world.read(10, 3, *res, b"x"), BOOT_NS + second * 1_000_000_000, |context| {
            chisel.event(context).unwrap();
        });
    }
    chisel.end(&world.state, 0, BOOT_NS + end_ns).unwrap();
    out.text()
}

#[test]
fn the_last_part_of_an_interval_of_a_capture_is_one() {
    let text = "let seen = 0; let all = 0;
        fn on_event(evt) { this.seen += 1; this.all += 1; }
        fn on_interval() { print(`${this.seen}`); this.seen = 0; }
        fn on_end() { print(`all ${this.all}`); }";
    assert_eq!(replayed(text, &[(0, 1), (0, 2), (1, 3), (2, 4), (2, 5)], 2_500_000_000), "2\n1\n2\nall 5\n");
    // Nothing has come since the last one.
    let mut chisel = load(text).unwrap();
    let world = World::new();
    world.with(&world.read(10, 3, 1, b"x"), |context| chisel.event(context).unwrap());
    chisel.interval(&world.state, 0).unwrap();
    chisel.end(&world.state, 1, 0).unwrap();
    assert_eq!(chisel.page().out.text(), "1\nall 1\n");
    // Also live.
    let mut chisel = load(text).unwrap();
    world.with(&world.read(10, 3, 1, b"x"), |context| chisel.event(context).unwrap());
    chisel.end(&world.state, 0, 0).unwrap();
    assert_eq!(chisel.page().out.text(), "1\nall 1\n");
}

#[test]
fn what_functions_add_to_a_tally_is_in_its_table() {
    let text = "let sums = tally(#{ keys: [\"K\"], value: #{ title: \"V\" } });
        fn on_event(evt) { this.sums.add([\"event\"], 1); }
        fn on_interval() { this.sums.add([\"interval\"], 10); }
        fn on_end() { this.sums.add([\"end\"], 100); }";
    let world = World::new();
    let mut chisel = load(text).unwrap();
    world.with(&world.read(10, 3, 1, b"x"), |context| chisel.event(context).unwrap());
    chisel.interval(&world.state, BOOT_NS).unwrap();
    let first = chisel.page().out.text();
    assert_eq!(rows(&first), ["10 interval", "1 event"]);
    chisel.end(&world.state, 1, BOOT_NS).unwrap();
    assert_eq!(rows(&chisel.page().out.text()[first.len()..]), ["100 end"]);
    let text = replayed(text, &[(0, 1), (1, 1)], 1_500_000_000);
    assert_eq!(rows(&text), ["100 end", "20 interval", "2 event"], "{text}");
    // A terminal keeps the table of the last interval, unless something is added at the end.
    let with_end = "let sums = tally(#{ keys: [\"K\"], value: #{ title: \"V\" } });
        fn on_end() { this.sums.add([\"end\"], 100); }";
    let env = Env::plain(Out::memory_terminal());
    let mut chisel = Chisel::load(script(with_end), None, env).unwrap();
    chisel.interval(&world.state, BOOT_NS).unwrap();
    chisel.end(&world.state, 1, BOOT_NS).unwrap();
    chisel.page().out.draw(Status::default()).unwrap();
    assert!(chisel.page().out.text().contains("100  end"), "{}", chisel.page().out.text());
}

#[test]
fn events_without_a_value_that_is_computed_with_are_left_out() {
    // The second read fails, and has no bytes.
    let records = [100, -11, 20];
    for (computes, expected) in [
        ("this.sum += evt.get(this.size);", "120\n"),
        ("this.sum = this.sum + evt.get(this.size);", "120\n"),
        ("let size = evt.get(this.size); this.sum += size.abs();", "120\n"),
        ("format_bytes(evt.get(this.size)); this.sum += 1;", "2\n"),
        ("for n in evt.get(this.size)..evt.get(this.size) + 1 { this.sum += 1; }", "2\n"),
        ("if evt.get(this.size) - 1 > 0 { this.sum += 1; }", "2\n"),
        ("this.list[evt.get(this.size) % 3] += 1; this.sum += 1;", "2\n"),
    ] {
        let text = format!(
            "let size = field(\"evt.buflen\"); let sum = 0; let list = [0, 0, 0];
             fn on_event(evt) {{ {computes} }} fn on_end() {{ print(`${{this.sum}}`); }}"
        );
        for interpreted in [true, false] {
            let mut chisel = Chisel::load(script(&text), None, Env { interpreted, ..env(false) }).unwrap();
            let world = World::new();
            let used =
                records.map(|res| world.with(&world.read(10, 3, res, b"x"), |context| chisel.event(context).unwrap()));
            assert!(!used[1], "{computes}");
            chisel.end(&world.state, 1, 0).unwrap();
            assert_eq!(chisel.page().out.text(), expected, "{computes}");
        }
        let with_value = text.replace("field(\"evt.buflen\")", "field(\"evt.buflen\", 1000)");
        let mut chisel = load(&with_value).unwrap();
        let world = World::new();
        let used =
            records.map(|res| world.with(&world.read(10, 3, res, b"x"), |context| chisel.event(context).unwrap()));
        assert!(used[1], "{computes}");
        if expected == "120\n" {
            chisel.end(&world.state, 1, 0).unwrap();
            assert_eq!(chisel.page().out.text(), "1120\n", "{computes}");
        }
    }
    // Other errors end the script, whatever is missing.
    let mut chisel = load("let size = field(\"evt.buflen\"); fn on_event(evt) { evt.get(this.size); 1 / 0 }").unwrap();
    let world = World::new();
    assert!(world.with(&world.read(10, 3, -11, b""), |context| chisel.event(context).is_err()));
}

#[test]
fn a_count_is_no_percentage_but_has_a_share() {
    let cause = |value: &str| load(&format!("table(#{{ keys: [\"proc.name\"], value: {value} }});")).unwrap_err().cause;
    assert_eq!(
        cause("#{ op: \"count\", unit: \"percent\" }"),
        "value: 'count' is a number without a unit; for the percentage of the total, write share: true"
    );
    assert!(cause("#{ op: \"distinct\", field: \"fd.name\", unit: \"bytes\" }").contains("leave out 'unit'"));
    assert!(
        cause("#{ field: \"evt.buflen\", unit: \"percent\" }")
            .contains("cannot be shown as 'percent'; for the percentage")
    );
    assert!(cause("#{ field: \"evt.latency\", unit: \"bytes\" }").ends_with("cannot be shown as 'bytes'"));
    assert!(cause("#{ field: \"evt.buflen\", op: \"max\", share: true }").contains("only with 'sum' and 'count'"));
    assert!(load("rate(#{ value: #{ op: \"count\", share: true } });").unwrap_err().cause.contains("only in tables"));
    assert!(load("heatmap(#{ field: \"evt.latency\", min: 1, max: 2, unit: \"percent\" });").is_err());
    let world = World::new();
    let text = "table(#{ keys: [\"proc.name\"], values: [#{ title: \"Calls\", op: \"count\", share: true },
            #{ title: \"Bytes\", field: \"evt.buflen\", share: true }], top: 2 });
        let mine = tally(#{ keys: [\"K\"], values: [#{ title: \"V\", share: true }, #{ title: \"P\", unit: \"percent\" }] });
        let size = field(\"evt.buflen\", 0);
        fn on_event(evt) { this.mine.add([`${evt.get(this.size)}`], [evt.get(this.size), 50]); }";
    let env = Env { replay: true, ..env(false) };
    let out = env.page.out.clone();
    let mut chisel = Chisel::load(script(text), None, env).unwrap();
    for (tid, res) in [(10, 300), (10, 300), (20, 300), (30, 100)] {
        world.with(&world.read(tid, 3, res, b"x"), |context| chisel.event(context).unwrap());
    }
    chisel.end(&world.state, 0, BOOT_NS + 60_000_000_000).unwrap();
    let text = out.text();
    let (first, second) = text.split_once("\n\n").unwrap();
    // Of four events, and of 1,000 bytes, also those of the row that is not shown.
    assert_eq!(rows(first), ["50.00% 60.00% bash", "25.00% 30.00% cat"], "{text}");
    // Percents of a script are what it says, however long the capture is.
    assert_eq!(rows(second), ["90.00% 150.00% 300", "10.00% 50.00% 100"], "{text}");
}

/// A protocol that is binary: records of TLS with a name of a server, and a message of MySQL with its length of three bytes.
#[test]
fn data_of_binary_protocols_can_be_read() {
    let text = "let data = field(\"evt.buffer\");
        fn on_event(evt) {
            let it = evt.get(this.data);
            if it.len() > 5 && it[0] == 0x16 && it.uint_be(1, 2) == 0x0301 {
                print(`tls ${it.uint_be(3, 2)} ${it[5..it.len()].ascii()} ${it[-1]}`);
                return;
            }
            print(`mysql ${it.uint_le(0, 3)} ${it[3]} ${it.slice(4, 100).ascii()} ${it.index_of(\"ELE\")} ${it[4..=5].dots()}`);
            print(`${it.int_be(0, 2)} ${it.uint_le(2, 8)}`);
        }";
    let world = World::new();
    for interpreted in [true, false] {
        let mut chisel = Chisel::load(script(text), None, Env { interpreted, ..env(false) }).unwrap();
        let mut event = |data: &[u8]| {
            world.with(&world.read(10, 3, data.len() as i64, data), |context| chisel.event(context).unwrap())
        };
        assert!(event(b"\x16\x03\x01\x02\x00name"));
        assert!(event(b"\x0b\x00\x00\x07SELECT 1"));
        let text = chisel.page().out.text();
        assert_eq!(
            text,
            "tls 512 name 101\nmysql 11 7 SELECT 1 5 SE\n2816 4991456465567646464\n"
                .replace("4991456465567646464", &u64::from_le_bytes(*b"\x00\x07SELECT").to_string())
        );
    }
}

#[test]
fn events_whose_data_is_too_short_are_left_out() {
    let text = "let data = field(\"evt.buffer\"); let sum = 0;
        fn on_event(evt) { this.sum += evt.get(this.data).uint_be(0, 4); }
        fn on_end() { print(`${this.sum}`); }";
    let mut chisel = load(text).unwrap();
    let world = World::new();
    let mut used =
        |data: &[u8]| world.with(&world.read(10, 3, data.len() as i64, data), |context| chisel.event(context).unwrap());
    assert_eq!([used(b"\0\0\0\x05"), used(b"abc"), used(b"\0\0\x01\0")], [true, false, true]);
    chisel.end(&world.state, 1, 0).unwrap();
    assert_eq!(chisel.page().out.text(), "261\n");
    // A length that no number has is a mistake.
    let wrong = "let data = field(\"evt.buffer\"); fn on_event(evt) { evt.get(this.data).uint_be(0, 9) }";
    let mut chisel = load(wrong).unwrap();
    let error = world.with(&world.read(10, 3, 1, b"x"), |context| chisel.event(context).unwrap_err());
    assert!(error.to_string().contains("1 to 8 bytes"), "{error}");
}

#[test]
fn data_that_a_script_keeps_counts() {
    let text = "let data = field(\"evt.buffer\"); let kept = #{}; let n = 0;
        fn on_event(evt) { this.n += 1; this.kept[`${this.n}`] = evt.get(this.data); }";
    let world = World::new();
    let record = world.read(10, 3, 1000, &[b'x'; 1000]);
    let mut chisel = load(text).unwrap();
    let failed = (0..5000).find_map(|_| world.with(&record, |context| chisel.event(context).err()));
    let error = failed.expect("the script ends").to_string();
    assert!(error.contains("Length of string"), "{error}");
}
