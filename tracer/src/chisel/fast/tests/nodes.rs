//! Each kind of node.

use super::*;

/// Variables that the functions use.
const TOP: &str = "let f = field(\"proc.name\"); let g = field(\"evt.type\"); let h = field(\"evt.buflen\");
let n = 7; let x = 0.5; let t = \"text\"; let u = (); let b = true; let map = #{}; let full = #{ a: 1, len: 2 };
let list = [1, 2];\n";

/// What the function says of an event with these values, the variables behind it, and whether it did without the interpreter.
#[track_caller]
fn run(body: &str, values: &[Dynamic]) -> (Result<Dynamic, String>, bool) {
    let mut pair = Pair::of(&format!("{TOP}fn on_event(evt) {{ {body} }}")).unwrap();
    let result = pair.run(values.to_vec());
    // Once more with what the first event left.
    assert_eq!(pair.run(values.to_vec()).1, result.1, "{body}");
    result
}

#[track_caller]
fn is_fast(body: &str, expected: &str) {
    let (result, is_fast) = run(body, &["bash".into(), "open".into(), 12_i64.into()]);
    assert_eq!(result.map(|value| format!("{value:?}")).as_deref(), Ok(expected), "{body}");
    assert!(is_fast, "{body}");
}

#[test]
fn fields_and_counters() {
    is_fast("if evt.get(this.f) != \"\" && evt.get(this.g) != \"\" { this.n += 1; } this.n", "8");
}
