//! What is bounded, and when it is given up.

use super::*;

/// Runs events until one fails. Returns how many did without the interpreter, and the error.
#[track_caller]
fn until_error(mut pair: Pair, values: &[Dynamic]) -> (usize, String) {
    for _ in 0..400 {
        if let (Err(error), is_fast) = pair.run(values.to_vec()) {
            assert!(!is_fast);
            return (pair.fast_events, error);
        }
    }
    panic!("{}: no error", pair.text);
}

#[test]
fn texts_of_all_variables_are_bounded_together() {
    let four_kib = Dynamic::from("x".repeat(4096));
    let text = "let f = field(\"fd.name\"); let map = #{ a: \"\" }; let i = 0; let last = \"\";
         fn on_event(evt) { this.map[`${this.i}`] = evt.get(this.f); this.i += 1; this.last = evt.get(this.f); }";
    let (fast, error) = until_error(Pair::of(text).unwrap(), &[four_kib]);
    assert_eq!((fast, &*error), (63, "ErrorDataTooLarge(\"Length of string\", none)"));
    // Longer ones than are made here come to the same end.
    let text = "let t = \"0123456789\"; fn on_event(evt) { this.t += this.t; }";
    let (fast, error) = until_error(Pair::of(text).unwrap(), &[]);
    assert_eq!((fast, &*error), (8, "ErrorDataTooLarge(\"Length of string\", none)"));
}

/// A script that has a map with so many entries.
fn with_map(entries: i64, body: &str) -> Pair {
    let text = format!("let map = #{{}}; let n = 0; let f = field(\"evt.num\");\nfn on_event(evt) {{ {body} }}");
    let mut pair = Pair::of(&text).unwrap();
    let map: Map = (0..entries).map(|number| (number.to_string().into(), number.into())).collect();
    for this in [&mut pair.tried, &mut pair.interpreted] {
        this.write_lock::<Map>().unwrap().insert("map".into(), Dynamic::from_map(map.clone()));
    }
    pair
}

#[test]
fn entries_of_all_maps_are_bounded_together() {
    let (fast, error) = until_error(with_map(9980, "this.map[`new ${this.n}`] = 1; this.n += 1;"), &[]);
    assert_eq!((fast, &*error), (17, "ErrorDataTooLarge(\"Size of object map\", none)"));
    // The language does not count when an entry is added, but when the map is asked something.
    let mut pair = with_map(9980, "this.map[`new ${evt.get(this.f)}`] = 1;");
    assert!((0..30).all(|number: i64| pair.run(vec![number.into()]).1));
    let (fast, error) = until_error(with_map(10_010, "this.map.len()"), &[]);
    assert_eq!((fast, &*error), (0, "ErrorDataTooLarge(\"Size of object map\", none)"));
}

#[test]
fn what_the_interpreter_adds_is_counted() {
    let body = "if evt.get(this.f) == 1 { for i in 0..100 { this.map[`new ${i}`] = 1; } } else { this.n += 1; }";
    let mut pair = with_map(9_950, body);
    let mut run = |number: i64| {
        let (result, is_fast) = pair.run(vec![number.into()]);
        (result.is_ok(), is_fast)
    };
    assert_eq!([run(0), run(1), run(0)], [(true, true), (true, false), (false, false)]);
}

#[test]
fn fields_are_bounded() {
    let mut pair = Pair::of("let f = field(\"fd.name\"); fn on_event(evt) { evt.get(this.f) != \"\" }").unwrap();
    assert!(pair.run(vec!["x".repeat(256 << 10).into()]).1);
    let (result, is_fast) = pair.run(vec!["x".repeat((256 << 10) + 1).into()]);
    assert!(result.is_err() && !is_fast);
    let list = |count: usize| Dynamic::from_array(vec![1_i64.into(); count]);
    assert!(pair.run(vec![list(10_000)]).1);
    let (result, is_fast) = pair.run(vec![list(10_001)]);
    assert!(result.is_err() && !is_fast);
}

#[test]
fn long_and_deep_functions_are_the_interpreters() {
    let of = |body: &str| Pair::of(&format!("let n = 0; fn on_event(evt) {{ {body} }}"));
    let mut short = of(&"this.n += 1; ".repeat(200)).unwrap();
    assert!(short.run(Vec::new()).1);
    let mut long = of(&"this.n += 1; ".repeat(300)).unwrap();
    assert!(long.fast.is_none() && long.run(Vec::new()).0.is_ok());
    let mut variables = of(&(0..200).map(|number| format!("let v{number} = 1; ")).collect::<String>()).unwrap();
    assert!(variables.fast.is_none() && variables.run(Vec::new()).0.is_ok());
    // The parser has a bound.
    let blocks = |depth: usize| of(&format!("{}this.n += 1;{}", "if true { ".repeat(depth), "}".repeat(depth)));
    let deepest = (1..200).take_while(|depth| blocks(*depth).is_some()).last().unwrap();
    assert!((8..128).contains(&deepest), "{deepest}");
    assert!(blocks(deepest).unwrap().run(Vec::new()).1);
    for length in [1, 9, 30, 3000] {
        if let Some(mut chain) = of(&format!("\"a\"{}", ".left(1)".repeat(length))) {
            assert_eq!(chain.run(Vec::new()).1, length == 1, "{length}");
        }
        if let Some(mut chain) = of(&format!("if this.n == 1 {{ 1 }} {}", "else if this.n == 2 { 3 } ".repeat(length)))
        {
            assert!(chain.run(Vec::new()).0.is_ok(), "{length}");
        }
        if let Some(mut sum) = of(&format!("0{}", " + this.n".repeat(length))) {
            assert!(sum.run(Vec::new()).0.is_ok(), "{length}");
        }
    }
}

#[test]
fn what_the_interpreter_has_to_run_mostly_is_not_tried_any_more() {
    let text = "let f = field(\"evt.num\"); let n = 0;
        fn on_event(evt) { this.n += 1; if evt.get(this.f) == 1 { for i in 0..2 { this.n += i; } } }";
    let number = |number: i64| vec![number.into()];
    let mut pair = Pair::of(text).unwrap();
    let is_worth_it = |pair: &Pair| pair.fast.as_ref().unwrap().is_worth_it();
    for _ in 0..63 {
        assert!(!pair.run(number(1)).1);
    }
    assert!(is_worth_it(&pair) && pair.run(number(0)).1);
    for _ in 0..63 {
        let _ = pair.run(number(1));
    }
    assert!(is_worth_it(&pair));
    let _ = pair.run(number(1));
    assert!(!is_worth_it(&pair));
    // Two of three.
    let mut pair = Pair::of(text).unwrap();
    let tried = (0..3000).take_while(|at| {
        let _ = pair.run(number(i64::from(at % 3 != 0)));
        is_worth_it(&pair)
    });
    assert_eq!(tried.count(), 769);
    // One of three, for ever.
    let mut pair = Pair::of(text).unwrap();
    assert!((0..3000).all(|at| {
        let _ = pair.run(number(i64::from(at % 3 == 0)));
        is_worth_it(&pair)
    }));
}
