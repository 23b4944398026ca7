//! Each kind of node, and what is left to the interpreter.

use super::*;
use crate::chisel::value::Data;

/// Variables that the functions use.
const TOP: &str = "let f = field(\"proc.name\"); let g = field(\"evt.type\"); let h = field(\"evt.buflen\");
let none = field(\"fd.name\"); let data = field(\"evt.buffer\"); let flag = field(\"evt.is_io_read\");
let n = 7; let x = 0.5; let t = \"text\"; let u = (); let b = true; let map = #{}; let full = #{ a: 1, len: 2 };
let list = [1, 2]; let c = 'c'; const K = 5; let far = 9223372036854775807;\n";

fn values() -> Vec<Dynamic> {
    let data = Dynamic::from(Data(b"no HTTP.".as_slice().into()));
    vec!["bash".into(), "open".into(), 12_i64.into(), Dynamic::UNIT, data, true.into()]
}

/// What the function says of two events with these values, and whether each did without the interpreter.
#[track_caller]
fn run(body: &str) -> [(Result<Dynamic, String>, bool); 2] {
    let mut pair = Pair::of(&format!("{TOP}fn helper() {{ 1 }}\nfn on_event(evt) {{ {body} }}")).expect(body);
    [(); 2].map(|()| pair.run(values()))
}

/// Bodies that do without the interpreter, with what the first event has.
#[track_caller]
fn without(bodies: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (body, expected) in bodies {
        let [(first, is_fast), (_, is_fast_again)] = run(body);
        let shown = first.map(|value| format!("{value:?}"));
        if !is_fast || !is_fast_again || shown.as_deref() != Ok(*expected) {
            wrong.push(format!("{body}: {is_fast}, {is_fast_again}, {shown:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Bodies that are the interpreter's.
#[track_caller]
fn with(bodies: &[&str]) {
    let runs = bodies.iter().map(|body| (body, run(body)));
    let wrong: Vec<String> =
        runs.filter(|(_, [(_, is_fast), _])| *is_fast).map(|(body, results)| format!("{body}: {results:?}")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn fields_and_counters() {
    without(&[
        ("if evt.get(this.f) != \"\" && evt.get(this.g) != \"\" { this.n += 1; } this.n", "8"),
        ("evt.get(this.h) + 1", "13"),
        ("let what = this.g; evt.get(what)", "\"open\""),
        ("if evt.get(this.none) == () { return false; } print(\"x\")", "false"),
        ("evt.get(this.f).starts_with(\"ba\") && evt.get(this.f).len() == 4", "true"),
        ("evt.get(this.data) == ()", "false"),
        ("let data = evt.get(this.data); if data != () { data.size() } else { 0 }", "8"),
        ("let data = evt.get(this.data); if data.len() > 4 { data.len() } else { 0 }", "8"),
        ("let data = evt.get(this.data); data.show(\"dots\") + data.show(\"ascii\")", "\"no HTTP.no HTTP.\""),
        ("let data = evt.get(this.data); data.http() == () && data.dns() == ()", "true"),
        ("evt.get(this.flag) == true", "true"),
    ]);
    with(&[
        "evt.get(\"proc.name\")",
        "evt.get(5)",
        "evt.get(this.f, 1)",
        "evt.name",
        "evt",
        "evt = 5; evt",
        "let evt = 5; evt.get(this.f)",
        "print(evt)",
        "data(evt)",
        "evt.get(this.n)",
        "evt.get(this.data).show(\"hex\")",
        "evt.get(this.data)[0]",
        "evt.get(this.data)[2..4].len()",
        "evt.get(this.data).uint_be(0, 2)",
        "evt.get(this.data).slice(0, 2).len()",
        "evt.get(this.data).is_empty()",
        "this.missing",
        "evt.get(this.missing)",
        "evt?.get(this.f)",
    ]);
}

#[test]
fn variables() {
    without(&[
        ("let a = [1, this.n]; a == ()", "false"),
        ("this.u = #{ a: this.n, b: [evt.get(this.f)] }; \"a\" in this.u", "true"),
        ("let a = 1; let a = a + 1; { let a = 10; a += 1; } a", "2"),
        ("let a = if this.b { 1 } else { 2 }; a = a * 3; a", "3"),
        ("let a; a == ()", "true"),
        ("const A = 4; A * 2", "8"),
        ("let a = { let b = 2; b * b }; a", "4"),
        ("let a = 5; if true { a = 6; let a = 7; } a", "6"),
        ("this.fresh = 5; this.fresh += 1; this.fresh", "6"),
        ("this.K = 6; this.K", "6"),
        ("this.u = evt.get(this.f); this.u", "\"bash\""),
        ("this.u = this.full; this.u == ()", "false"),
        ("this.u = evt.get(this.data); this.u != ()", "true"),
        ("let a = this.n; this.n = 3; a - this.n", "4"),
        ("this.n += { this.n = 1; 5 }; this.n", "6"),
        ("this.t += \" more\"; this.t", "\"text more\""),
        ("this.x *= 3; this.x", "1.5"),
        ("this.b = this.n == 7; this.b", "true"),
    ]);
    // The second event takes a way that the first one did not.
    assert_eq!(format!("{:?}", run("this.n -= 5; this.n / this.n - this.n")), "[(Ok(-1), true), (Ok(4), true)]");
    with(&[
        "this = 5",
        "let a = this; a.n",
        "this.n += \"x\"",
        "this.n += 0.5",
        "this.missing += 1",
        "this.u += 1",
        "this.full.a",
        "this.full.a = 5",
        "this[\"n\"]",
        "this?.n",
        "let f = || this.n; f.call()",
        "let a = 1; let f = || a; a = 2; a",
        "let a = 1; a.set_tag(5); a",
    ]);
}

#[test]
fn tags_stay_where_the_interpreter_put_them() {
    let mut pair = Pair::of(
        "let a = 1; let b = 2; let seen = 0;
         fn on_event(evt) { this.seen += 1; if this.seen == 2 { this.a.set_tag(42); } this.b = this.a; this.b.tag }",
    )
    .unwrap();
    for expected in ["Ok(0)", "Ok(42)", "Ok(42)"] {
        assert_eq!(format!("{:?}", pair.run(Vec::new()).0), expected);
    }
    let mut pair =
        Pair::of("let a = 1; a.set_tag(42); let b = 2; fn on_event(evt) { this.b = this.a; false }").unwrap();
    assert!(!pair.run(Vec::new()).1);
    assert_eq!(pair.tried.read_lock::<Map>().unwrap()["b"].tag(), 42);
}

#[test]
fn maps() {
    without(&[
        ("let key = evt.get(this.f); this.map[key] = 1; this.map[key] += 4; this.map[key]", "5"),
        ("this.map[evt.get(this.f)] = evt.get(this.g); this.map[`${\"bash\"}`]", "\"open\""),
        ("evt.get(this.f) in this.map", "false"),
        ("this.map[\"k\"] = 0; \"k\" in this.map && this.map.len() == 1", "true"),
        ("!(\"k\" in this.map) && \"k\" !in this.map && this.map.is_empty()", "true"),
        ("this.full.contains(\"a\") && contains(this.full, \"a\")", "true"),
        ("this.full[\"a\"]", "1"),
        ("this.full.len()", "2"),
        ("this.map[\"a\"] = this.list; \"a\" in this.map", "true"),
        (
            "let key = \"k\"; let old = if key in this.map { this.map[key] } else { 0 }; this.map[key] = old + weight(); old",
            "0",
        ),
    ]);
    with(&[
        "this.map[\"missing\"]",
        "this.map[5]",
        "this.map[()] = 1",
        "this.map[\"missing\"] += 1",
        "this.n[\"a\"] = 1",
        "this.n[0]",
        "this.list[0]",
        "5 in this.list",
        "5 in this.map",
        "this.map.a",
        "this.map[\"a\"].b = 1",
        "this.map?[\"a\"]",
        "this.map[{ this.n = 1; \"a\" }] = 2",
        "\"a\" in { this.map = #{}; this.map }",
        "this.map.clear()",
        "this.map == this.full",
        "this.missing[\"a\"] = 1",
    ]);
}

#[test]
fn functions_in_maps_stand_before_those_of_the_language() {
    let mut pair = Pair::of("let map = #{ len: || 99 }; fn on_event(evt) { this.map.len() }").unwrap();
    assert_eq!(format!("{:?}", pair.run(Vec::new())), "(Ok(99), false)");
}

#[test]
fn operators() {
    without(&[
        ("7 / 2 + 7 % 2 - 3 * 2", "-2"),
        ("-this.n", "-7"),
        ("-this.x", "-0.5"),
        ("this.x + 1", "1.5"),
        ("1 / this.x", "2.0"),
        ("this.x / 0 > 1e300 || this.x / 0 < 1e300", "false"),
        ("\"a\" + evt.get(this.f) + 1 + 0.5 + true + ()", "\"abash10.5true\""),
        ("1 + \"a\"", "\"1a\""),
        ("() + this.t", "\"text\""),
        ("this.far + 0.0 == this.far", "true"),
        ("0.1 + 0.2 == 0.3", "true"),
        ("5 < 5.5 && 5.0 >= 5", "true"),
        ("this.n == \"7\" || this.n == () || this.n == true", "false"),
        ("this.n != \"7\" && \"a\" < \"b\" && true > false && () == ()", "true"),
        ("this.n < \"7\"", "false"),
        ("this.list == ()", "false"),
        ("this.map != 5", "true"),
        ("this.u ?? this.n", "7"),
        ("this.u ?? this.u", "()"),
        ("!this.b", "false"),
        ("!this.b && helper()", "false"),
    ]);
    with(&[
        "this.far + 1",
        "-this.far - 2",
        "this.far * 2",
        "7 / (this.n - 7)",
        "7 % (this.n - 7)",
        "-\"a\"",
        "!this.n",
        "+this.n",
        "this.n && this.b",
        "this.b && this.n",
        "if this.n { 1 }",
        "this.t - \"b\"",
        "this.t + 'b'",
        "\"a\" + this.list",
        "this.c == \"c\"",
        "this.c",
        "this.n ** 2",
        "this.n << 2",
        "this.list == this.list",
        "this.list + 1",
        "this.b + this.b",
    ]);
}

/// Each operator with each pair of values that may be of interest to it.
#[test]
fn operators_of_all_values() {
    let floats = [0.0, -0.0, 0.3, 0.1 + 0.2, 1.0, 1e308, -1e308, f64::INFINITY, f64::NAN, f64::MIN_POSITIVE, 1e16];
    let ints = [0, 1, -1, 3, i64::MAX, i64::MIN, 10_000_000_000_000_000];
    let texts = ["", "a", "b", "ab", "ö", "1"];
    let mut all: Vec<Dynamic> = vec![Dynamic::UNIT, true.into(), false.into(), 'a'.into()];
    all.extend([Dynamic::from_array(vec![1_i64.into()]), Dynamic::from_map(Map::new())]);
    all.extend(floats.map(Dynamic::from));
    all.extend(ints.map(Dynamic::from));
    all.extend(texts.map(Dynamic::from));
    all.push(values()[4].clone());
    for op in ["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "&&", "||", "??"] {
        let text = format!("{TOP}fn on_event(evt) {{ evt.get(this.f) {op} evt.get(this.g) }}");
        let mut pair = Pair::of(&text).unwrap();
        for (left, right) in all.iter().flat_map(|left| all.iter().map(move |right| (left, right))) {
            let _ = pair.run(vec![left.clone(), right.clone()]);
        }
        assert!(pair.fast_events > 0, "{op}");
    }
    for op in ["+=", "-=", "*=", "/=", "%="] {
        let text = format!("{TOP}fn on_event(evt) {{ this.u = evt.get(this.f); this.u {op} evt.get(this.g); this.u }}");
        let mut pair = Pair::of(&text).unwrap();
        for (left, right) in all.iter().flat_map(|left| all.iter().map(move |right| (left, right))) {
            let _ = pair.run(vec![left.clone(), right.clone()]);
        }
        assert!(pair.fast_events > 0, "{op}");
    }
}

#[test]
fn texts() {
    without(&[
        ("`${this.n} ${this.x} ${this.t} ${this.u} ${this.b} ${evt.get(this.none)}`", "\"7 0.5 text  true \""),
        ("`${1e20} ${this.x * 2} ${-this.x * 0} ${this.x * 1e-9}`", "\"1e20 1.0 0.0 0.0000000005\""),
        ("\"äöü\".len() + this.t.len()", "7"),
        (
            "this.t.contains(\"ex\") && this.t.starts_with(\"te\") && this.t.ends_with(\"xt\") && !this.t.is_empty()",
            "true",
        ),
        ("\"ex\" in this.t", "true"),
        ("let a = \"ab\"; a += a; a", "\"abab\""),
    ]);
    with(&[
        "`${this.list}`",
        "`${this.c}`",
        "this.t.contains('e')",
        "this.t.len(5)",
        "this.t.to_upper()",
        "this.t[0]",
        "this.n.len()",
        "this.t.contains({ this.t = \"other\"; \"o\" })",
        "const A = \"a\"; let b = A; const C = b; C.len()",
    ]);
}

#[test]
fn flow() {
    without(&[
        ("if this.n > 5 { return false; } 1", "false"),
        ("return;", "()"),
        ("if this.n < 5 { 1 } else if this.n < 8 { 2 } else { 3 }", "2"),
        ("let a = if this.b { return 3 } else { 5 }; a", "3"),
        ("if this.b { 1 } else { print(\"never\") }", "1"),
        ("if this.n == 7 { return 5; } for i in 0..3 { this.n += i; } 4", "5"),
        ("{}", "()"),
        ("{ 5 }", "5"),
        ("if is_json() || show_container() { 0 } else { weight() + now() }", "1"),
    ]);
    with(&[
        "for i in 0..3 { this.n += i; }",
        "while this.n < 10 { this.n += 1; }",
        "throw \"x\"",
        "try { this.missing } catch { 1 }",
        "switch this.n { 7 => 1, _ => 2 }",
        "helper()",
        "this.n = 5; helper()",
        "if this.b { this.n = 1; helper() } else { 2 }",
        "let a = [1]; a[0]",
        "#{ a: this.n }.a",
        "5.weight()",
    ]);
}

#[test]
fn functions_of_the_program() {
    without(&[
        ("left(this.t, 6) + right(\"äöü\", 2) + left(\"x\", -1) + \"|\"", "\"text  äö|\""),
        ("this.t.left(2)", "\"te\""),
        (
            "format_bytes(2000) + format_bytes(0.5) + format_time(evt.get(this.h)) + format_time(1.5)",
            "\"1.95KB0B12ns2ns\"",
        ),
        ("time_of_day(0).len() + date_time(-5).len()", "27"),
        (
            "quote(\"a\\\"b\") + red(\"r\") + green(\"g\") + yellow(\"y\") + blue(\"b\") + magenta(\"m\") + cyan(\"c\")",
            "\"\\\"a\\\\\\\"b\\\"rgybmc\"",
        ),
        (
            "let data = evt.get(this.data); `${data.dots()} ${data.ascii()} ${data.size()} ${size(data)}`",
            "\"no HTTP. no HTTP. 8 8\"",
        ),
        ("print(evt.get(this.f)); print(\"\"); print(`${this.n}`); 5", "5"),
        ("emit_json(#{ a: 1, b: [\"x\"], c: () }); stop()", "()"),
        ("if this.n == 7 { print(\"before\"); this.n = 8; } print(\"after\"); this.n", "8"),
    ]);
    with(&[
        "left(5, 5)",
        "left(\"a\")",
        "left(\"a\", 5.0)",
        "format_bytes(\"a\")",
        "time_of_day(1.5)",
        "red(5)",
        "print(5)",
        "print()",
        "emit_json(5)",
        "left({ this.n = 1; \"a\" }, 5)",
        "stop(1)",
        "this.t.dots()",
        // What was to be printed is printed once, by the interpreter.
        "print(\"before\"); this.missing",
        "print(\"before\"); this.n = this.far + 1",
        "emit_json(#{ a: 1 }); stop(); print(this.t); this.u += 1",
    ]);
}

#[test]
fn functions_of_the_script_stand_before_those_of_the_program() {
    for (body, expected) in [
        ("evt.get(this.f)", "own 1"),
        ("this.t.len()", "own 0"),
        ("left(\"a\", 5)", "own 2"),
        ("weight()", "own 0"),
        ("\"a\" in this.t", "own 2"),
    ] {
        let name = if body.contains(" in ") {
            "contains"
        } else {
            body.split('(').next().unwrap().rsplit('.').next().unwrap()
        };
        let parameters = &["", "a", "a, b"][expected[4..].parse::<usize>().unwrap()];
        let text = format!("{TOP}fn {name}({parameters}) {{ \"{expected}\" }}\nfn on_event(evt) {{ {body} }}");
        let (result, is_fast) = Pair::of(&text).unwrap().run(values());
        assert_eq!((result.unwrap().to_string(), is_fast), (expected.to_owned(), false), "{body}");
    }
}

#[test]
fn tables_of_the_script_are_filled() {
    let top = "let one = tally(#{ keys: [\"K\"], value: #{ title: \"V\" } });
        let two = tally(#{ keys: [\"K\", \"L\"], values: [#{ title: \"V\" }, #{ title: \"W\" }] }); let n = 0; let m = #{ one: one };\n";
    let run = |body: &str| Pair::of(&format!("{top}fn on_event(evt) {{ {body} }}")).unwrap().run(Vec::new());
    for body in [
        "this.one.add([\"a\"], 1)",
        "this.one.add([this.n], [0.5])",
        "let keys = [\"a\", 1.5]; this.two.add(keys, [1, this.n]); this.n += 1",
        "add(this.two, [\"a\", ()], [1, 2])",
    ] {
        assert!(run(body).1, "{body}");
    }
    for body in [
        "this.one.add([\"a\", \"b\"], 1)",
        "this.one.add([\"a\"], \"b\")",
        "this.one.add([\"a\"], ())",
        "this.two.add([\"a\", \"b\"], 1)",
        "this.one.add(\"a\", 1)",
        "this.n.add([\"a\"], 1)",
        "this.m.add([\"a\"], 1)",
        "this.one.add([{ this.n = 1; 5 }], 1)",
    ] {
        assert!(!run(body).1, "{body}");
    }
}
