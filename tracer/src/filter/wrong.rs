//! What is said of filters that are wrong: the message, what is marked, and the hint.

use super::{Filter, FilterError, MAX_LEN_BYTES};
use crate::fields::Show;

fn error(text: &str) -> FilterError {
    Filter::compile(text, Show::default()).unwrap_err()
}

/// Filter, message, what is marked, start of the hint.
const WRONG: &[(&str, &str, &str, &str)] = &[
    // Names.
    ("proc.nam=x", "unknown field 'proc.nam'", "proc.nam", "did you mean 'proc.name'?"),
    ("foo.bar=1", "unknown field 'foo.bar'", "foo.bar", ""),
    ("evt.arg=1", "field 'evt.arg' needs an argument: evt.arg[…]", "evt.arg", ""),
    ("evt.num[3]=1", "field 'evt.num' takes no argument '3'", "evt.num[3]", ""),
    ("evt.arg.falgs=1", "no event has a parameter 'falgs'", "evt.arg.falgs", "did you mean 'flags'?"),
    ("proc.env[HOME=x", "the bracket is not closed", "[", ""),
    ("evt.type=opnat", "there is no event 'opnat'", "opnat", "did you mean 'openat'?"),
    ("evt.type in (open, clsoe)", "there is no event 'clsoe'", "clsoe", "did you mean 'close'?"),
    ("evt.type contains xyz", "there is no event 'xyz'", "xyz", "tracer -L lists the events"),
    ("evt.type regex xy.*", "there is no event 'xy.*'", "xy.*", "tracer -L lists the events"),
    ("evt.type != oneof (open, opne)", "there is no event 'opne'", "opne", "did you mean 'open'?"),
    ("evt.type.is.opeen=1", "there is no event 'opeen'", "evt.type.is.opeen", "did you mean 'open'?"),
    ("tolowr(proc.name)=x", "unknown transformer", "tolowr", "did you mean 'tolower'?"),
    ("f(proc.name)=x", "unknown transformer", "f", "transformers are tolower toupper"),
    ("proc.name=upper(proc.exe)", "unknown transformer", "upper", "text with brackets needs quotes; transformers are"),
    // Operators.
    ("proc.name (cat)", "expected an operator after 'proc.name'", "(", "operators are"),
    ("fd.name contains www.x(y)", "expected 'and', 'or' or the end", "(", "a value with brackets in it needs quotes"),
    ("proc.name contians x", "expected an operator after 'proc.name'", "contians", "did you mean 'contains'?"),
    ("evt.type", "expected an operator after 'evt.type'", "", "operators are != <= >= = < > contains"),
    ("evt.type ~ open", "expected an operator after 'evt.type'", "~", "operators are"),
    (
        "proc.pid contains 3",
        "'contains' does not work on 'proc.pid', which has the type integer",
        "contains",
        "numbers have the operators != <= >= = < > in",
    ),
    (
        "evt.failed > true",
        "'>' does not work on 'evt.failed', which has the type bool",
        ">",
        "true and false have the operators != = in",
    ),
    (
        "fd.sip startswith 10.",
        "'startswith' does not work on 'fd.sip', which has the type address",
        "startswith",
        "addresses have the operators",
    ),
    ("fd.num pmatch (3)", "'pmatch' does not work on 'fd.num', which has the type integer", "pmatch", "numbers have"),
    (
        "len(proc.name) glob 1*",
        "'glob' does not work on 'len(proc.name)', which has the type integer",
        "glob",
        "numbers have",
    ),
    // Values.
    ("proc.name=", "expected a value for 'proc.name'", "", ""),
    ("evt.num >", "expected a value for 'evt.num'", "", ""),
    (
        "proc.name = (a, b)",
        "expected a value for 'proc.name'",
        "(",
        "use a list after 'in' or after a word such as '= anyof'",
    ),
    ("proc.name in a", "expected a list, such as (a, b)", "a", ""),
    ("proc.name in (a,)", "expected a value", ")", ""),
    ("proc.name in (a b)", "expected ',' or ')'", "b", ""),
    ("proc.name in (a, b", "the bracket is not closed", "(", ""),
    ("proc.pid=abc", "expected a whole number", "abc", ""),
    ("proc.pid=1.5", "expected a whole number", "1.5", ""),
    ("proc.pid=5ms", "expected a whole number", "5ms", ""),
    ("proc.pid=0xfg", "expected a whole number", "0xfg", ""),
    ("evt.rawres=09", "expected a whole number", "09", "a number that begins with 0 is octal"),
    ("proc.pid!=proc.ppid", "expected a whole number", "proc.ppid", "to compare with a field, write val(proc.ppid)"),
    ("proc.pid=99999999999999999999", "the number does not fit into 64 bits", "99999999999999999999", ""),
    ("fd.sport=70000", "ports are 0 to 65535", "70000", ""),
    (
        "fd.sport in (80, htttps)",
        "expected a port or a known service, such as 443 or https",
        "htttps",
        "did you mean 'https'?",
    ),
    ("evt.latency > 5sec", "unknown unit 'sec'", "5sec", "units are ns us ms s m h d"),
    ("evt.latency > fast", "expected a time, such as 5ms or a number of nanoseconds", "fast", ""),
    ("evt.buflen > 1XB", "unknown unit 'XB'", "1XB", "units are B KB"),
    ("thread.cpu > nan", "expected a number", "nan", ""),
    ("evt.failed=yes", "expected true or false", "yes", ""),
    ("evt.is_io=1", "expected true or false", "1", ""),
    ("fd.sip=localhost", "expected an address, such as 10.0.0.1 or ::1", "localhost", "host names are not looked up"),
    ("fd.ip=999.1.1.1", "expected an address, such as 10.0.0.1 or ::1", "999.1.1.1", ""),
    ("fd.ip=10.0.0.0/8", "expected an address, such as 10.0.0.1 or ::1", "10.0.0.0/8", "for networks, use fd.net"),
    ("fd.name bcontains 4g", "expected hexadecimal digits, two for each byte, such as 7f454c46", "4g", ""),
    ("evt.arg.fd > x", "expected a whole number", "x", ""),
    ("proc.name regex a(b", "unknown transformer", "a", "text with brackets needs quotes"),
    ("proc.name regex 'a(b'", "invalid regular expression: unclosed group", "'a(b'", ""),
    (
        "proc.name regex '(?:a{9999}){9999}'",
        "the regular expression needs more than 1048576 bytes",
        "'(?:a{9999}){9999}'",
        "",
    ),
    ("proc.name regex ')('", "invalid regular expression: unopened group", "')('", ""),
    // Quotes.
    ("proc.name='x", "the quote is not closed", "'x", ""),
    ("proc.name=\"x\\\"", "the quote is not closed", "\"x\\\"", ""),
    ("proc.name='a\\qb'", "unknown escape", "\\q", "escapes are"),
    ("proc.name='\\xg0'", "\\x needs two hexadecimal digits", "\\xg0", ""),
    // Words and brackets.
    ("", "the filter is empty", "", "a filter tests fields, such as proc.name=cat"),
    (" \t", "the filter is empty", "", "a filter tests fields"),
    ("proc.name=cat ad evt.type=read", "expected 'and', 'or' or the end", "ad", "did you mean 'and'?"),
    ("proc.name=a=b", "expected 'and', 'or' or the end", "=b", "a value with '=' in it needs quotes"),
    ("proc.name=a)", "expected 'and', 'or' or the end", ")", "there is no bracket to close"),
    ("(proc.name=a", "the bracket is not closed", "(", ""),
    ("(proc.name=a b", "expected 'and', 'or' or ')'", "b", ""),
    ("proc.name=a and", "expected a field, such as proc.name", "", ""),
    ("and proc.name=a", "expected a field, such as proc.name", "and", "'and' must be between two tests"),
    ("proc.name=a or or evt.type=open", "expected a field, such as proc.name", "or", "'or' must be between two tests"),
    ("not", "expected a field, such as proc.name", "", ""),
    ("=x", "expected a field, such as proc.name", "=x", ""),
    // Transformers.
    (
        "val(proc.name)=x",
        "'val' is only allowed on the right of an operator",
        "val(proc.name)",
        "on the left, write the field",
    ),
    ("tolower()=x", "'tolower' takes one field that is text or data", "tolower()", ""),
    ("tolower(proc.pid)=x", "'tolower' takes one field that is text or data", "tolower(proc.pid)", ""),
    (
        "tolower(proc.name, proc.exe)=x",
        "'tolower' takes one field that is text or data",
        "tolower(proc.name, proc.exe)",
        "",
    ),
    ("tolower(proc.nam)=x", "unknown field 'proc.nam'", "proc.nam", "did you mean 'proc.name'?"),
    ("tolower(proc.name=x", "expected ',' or ')'", "=x", ""),
    ("tolower(proc.name", "the bracket is not closed", "(", ""),
    ("tolower(5)=x", "expected a field, a transformer or quoted text", "5", ""),
    ("len(proc.pid)=1", "'len' takes one field that is text, data or a list", "len(proc.pid)", ""),
    ("concat(proc.name)=x", "'concat' takes two or more text values", "concat(proc.name)", ""),
    (
        "join(proc.name)=x",
        "'join' takes a separator and a list of text values, as in join(\",\", (proc.name, fd.name))",
        "join(proc.name)",
        "",
    ),
    (
        "getopt(proc.name)=x",
        "'getopt' takes a list of text values and quoted options, as in getopt(proc.args, \"ab:\")",
        "getopt(proc.name)",
        "",
    ),
    (
        "getopt(proc.name, \"a\")[a]=x",
        "'getopt' takes a list of text values and quoted options, as in getopt(proc.args, \"ab:\")",
        "getopt(proc.name, \"a\")[a]",
        "",
    ),
    ("getopt(proc.args, \"a:\")[b]=x", "'b' is not one of the options", "getopt(proc.args, \"a:\")[b]", ""),
    (
        "getopt(proc.args, \"a:\")=x",
        "'=' does not work on 'getopt(proc.args, \"a:\")', which has the type list",
        "=",
        "lists have",
    ),
    ("getopt(proc.args, \"a:\")[a=x", "the bracket is not closed", "[", ""),
    ("tolower(proc.name)[a]=x", "expected an operator after 'tolower(proc.name)'", "[a]=x", "operators are"),
    ("proc.name=val(proc.pid)", "the left side has the type text, this has the type integer", "val(proc.pid)", ""),
    ("proc.name=val(\"x\")", "'val' takes one field", "val(\"x\")", ""),
    ("proc.name regex val(proc.exe)", "the value after 'regex' must be a constant", "val(proc.exe)", ""),
];

#[test]
fn wrong_filters_are_explained() {
    let mut failures = String::new();
    for (text, message, marked, hint) in WRONG {
        let error = error(text);
        let said = error.hint.as_deref().unwrap_or_default();
        let place = text.get(error.at.clone()).unwrap_or_default();
        let hint_fits = said.starts_with(hint) && (!hint.is_empty() || said.is_empty());
        if error.message != *message || place != *marked || !hint_fits {
            failures.push_str(&format!("{text}\n  {}\n  marks '{place}'\n  hint {said}\n", error.message));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn the_place_is_marked() {
    assert_eq!(
        error("proc.name=cat ad evt.type=read").to_string(),
        "filter: expected 'and', 'or' or the end\n  proc.name=cat ad evt.type=read\n                ^^"
    );
    assert_eq!(
        error("proc.name=").to_string(),
        "filter: expected a value for 'proc.name'\n  proc.name=\n            ^"
    );
}

#[test]
fn what_is_too_large_is_refused() {
    let message = |text: String| error(&text).message;
    assert_eq!(message("(".repeat(300)), "brackets are nested more than 100 levels deep");
    assert_eq!(
        message(format!("{}proc.name{}=x", "tolower(".repeat(300), ")".repeat(300))),
        "brackets are nested more than 100 levels deep"
    );
    assert_eq!(message("a".repeat(MAX_LEN_BYTES + 1)), "the filter is longer than 262144 bytes");
    assert_eq!(message("a".repeat(MAX_LEN_BYTES)), format!("expected an operator after '{}…'", "a".repeat(60)));
    assert_eq!(message(format!("{} exists", "a".repeat(1000))), "field names have at most 512 bytes");
    let many = vec!["proc.name regex a"; 101].join(" or ");
    assert_eq!(message(many), "a filter has at most 100 regular expressions");
    let deep = format!("{}proc.name=x{}", "(".repeat(100), ")".repeat(100));
    assert!(Filter::compile(&deep, Show::default()).is_ok());
    assert!(Filter::compile(&format!("{}proc.name=x", "not ".repeat(5001)), Show::default()).is_ok());
}

#[test]
fn the_longest_filters_take_bounded_time() {
    let start = std::time::Instant::now();
    let fill = |unit: &str| unit.repeat(MAX_LEN_BYTES / unit.len());
    let texts = [
        fill("a.b=1 or "),
        fill("("),
        fill("not "),
        fill("a["),
        fill("a.b in (\"\\"),
        fill("proc.name=\"\\x41\" and "),
        format!("proc.name in ({}z)", fill("a,").split_off(20)),
        format!("fd.name pmatch ({}z)", fill("/a/*,").split_off(40)),
        format!("fd.name pmatch (/{})", fill("a/").split_off(40)),
        format!("evt.rawarg.size=1 {}", fill("or evt.rawarg.size=1 ").split_off(42)),
    ];
    for text in texts {
        let _ = Filter::compile(&text, Show::default()).map_err(|error| error.to_string());
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
