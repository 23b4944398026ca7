//! Scripts, formats, filters and settings that ask for too much: an error that names what and where, in bounded time and memory.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use super::limits::with_memory;
use tracer_tests::{
    command::{Output, Running, tracer},
    scratch::Scratch,
};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");
/// How long anything may take here, on a machine that does other things, too.
const SHORT: Duration = Duration::from_secs(60);
/// The most memory that one may have, bytes.
const MEMORY: u64 = 256 << 20;

/// A run with a limit of memory: one that needs more says so, and not what is expected.
#[track_caller]
fn run(words: &[&str]) -> Output {
    let began = Instant::now();
    let mut command = tracer(words.iter().copied());
    with_memory(&mut command, MEMORY);
    let output = Running::start(command.env("RUST_BACKTRACE", "0").stdin(Stdio::null())).end();
    assert!(began.elapsed() < SHORT, "{words:?}: {:?}", began.elapsed());
    assert!(
        !output.errors.contains("panicked") && output.status.code().is_some(),
        "{:?} {}",
        output.status,
        output.errors
    );
    output
}

/// A big text that is another one each time, so that it is not shared.
const BIG: &str = "let s = \"\"; s.pad(250000, \"x\"); s += this.n; this.n += 1;";

/// One text for each number.
fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

/// What scripts do, and what is said of it.
fn scripts() -> Vec<(String, &'static str)> {
    vec![
        (
            format!("let n = 0; let f = Fn(\"g\"); fn g() {{}} fn on_event(e) {{ {BIG} this.f = this.f.curry(s); }}"),
            "string too large",
        ),
        (
            format!("let n = 0; let f = || 0; fn on_event(e) {{ {BIG} let g = this.f; this.f = || {{ g; s }}; }}"),
            "string too large",
        ),
        (
            format!("let n = 0; fn on_event(e) {{ {BIG} let a = #{{}}; let f = || {{ a; s }}; a.f = f; }}"),
            "it keeps more than 128 MiB",
        ),
        (
            "let f = || 0; for i in 0..1000000 { let g = f; f = || { g; }; }".to_owned(),
            "it took more than 400 ms|Too many operations|one call uses more than 32 MiB",
        ),
        (
            "let f = || 0; fn on_event(e) { for i in 0..500 { let g = this.f; this.f = || { g; }; } }".to_owned(),
            "Depth of values too large",
        ),
        (
            format!("switch 1 {{ {} }}", (0..15_000).map(|number| format!("{number} => 1,")).collect::<String>()),
            "it has more than 64 KiB",
        ),
        (
            (0..4_000).map(|number| format!("let a{number}=1;")).collect(),
            "Too many variables|compiling it takes more than 300 ms",
        ),
        (
            format!(
                "fn on_event(e) {{ let s = \"\"; s.pad(250000, \"x\"); {} }}",
                many(200, |at| format!("let a{at} = s + \"{at}\";"))
            ),
            "one call uses more than 32 MiB of memory",
        ),
        (format!("// {}", "x".repeat(64 << 10)), "it has more than 64 KiB"),
        ("loop {}".to_owned(), "Too many operations"),
        (format!("let x = {}", "(".repeat(50_000)), "Expression exceeds maximum complexity"),
    ]
}

#[test]
fn scripts_take_no_more_than_they_may() {
    let scratch = Scratch::new();
    let path = scratch.path("own.rhai");
    for (script, said) in scripts() {
        fs::write(&path, format!("chisel(#{{ summary: \"x\" }});\n{script}")).unwrap();
        let path = path.to_str().unwrap();
        let output = run(&["-r", SAMPLE, "-r", SAMPLE, "-c", path]);
        let shown: String = script.chars().take(80).collect();
        assert!(matches!(output.status.code(), Some(1 | 2)), "{shown}: {output:?}");
        let is_said = said.split('|').any(|said| output.errors.contains(said));
        assert!(output.errors.contains("own.rhai") && is_said, "{shown}: {}", output.errors);
    }
}

/// Texts that the optimizer of the language takes up to a minute for, which no limit of time ends.
#[test]
fn scripts_are_read_in_a_moment() {
    let scratch = Scratch::new();
    let path = scratch.path("own.rhai");
    for body in [
        format!("switch a {{ {} }}", many(8_000, |at| format!("{at}=>0,"))),
        format!("switch a {{ {} }}", many(6_000, |_| "0 if a=>0,".to_owned())),
        "{}".repeat(30_000),
        "{print(1)}".repeat(6_000),
        "if true {print(1)}".repeat(3_400),
        "1;".repeat(30_000),
    ] {
        let text = format!(
            "chisel(#{{ summary: \"x\" }});\nlet called = false;\nfn on_event(e) {{ if this.called {{ let a = 1; {body} }} }}"
        );
        fs::write(&path, &text).unwrap();
        let began = Instant::now();
        let output = run(&["-r", SAMPLE, "-c", path.to_str().unwrap()]);
        let shown: String = body.chars().take(40).collect();
        assert!(output.status.success(), "{shown}: {}", output.errors);
        assert!(began.elapsed() < Duration::from_secs(5), "{shown}: {:?}", began.elapsed());
    }
}

#[test]
fn what_has_no_end_is_no_script_and_no_settings() {
    for path in ["/dev/zero", "/dev/tty0"] {
        if fs::exists(path).unwrap() {
            let output = run(&["-r", SAMPLE, "-c", &format!("{path}/../zero.rhai")]);
            assert_eq!(output.status.code(), Some(2), "{output:?}");
        }
    }
    let scratch = Scratch::new();
    let link = scratch.path("zero.rhai");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    let output = run(&["-r", SAMPLE, "-c", link.to_str().unwrap()]);
    assert!(output.errors.contains("it is not a regular file") && output.status.code() == Some(2), "{}", output.errors);
    let output = run(&["--config", "/dev/zero", "-r", SAMPLE, "-q"]);
    assert!(output.errors.contains("it has more than 64 KiB") && output.status.code() == Some(2), "{}", output.errors);
    let pipe = scratch.path("pipe.rhai");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let output = run(&["-r", SAMPLE, "-c", pipe.to_str().unwrap()]);
    assert!(output.errors.contains("it is not a regular file"), "{}", output.errors);
}

#[test]
fn settings_have_limits() {
    let scratch = Scratch::new();
    let path = scratch.path("tracer.toml");
    let path = path.to_str().unwrap();
    for (text, said) in [
        (format!("suppress-comm = [{}]", "'x',".repeat(100_000)), "it has more than 64 KiB"),
        (format!("suppress-comm = [{}]", "'x',".repeat(10_000)), "'suppress-comm': there are more than 1000 values"),
        (format!("color = {}", "[".repeat(60_000)), "the lists of 'color' are nested too deeply"),
    ] {
        fs::write(path, text).unwrap();
        let output = run(&["--config", path, "-r", SAMPLE, "-q"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.errors.contains(path) && output.errors.contains(said), "{}", output.errors);
    }
}

#[test]
fn formats_and_filters_have_limits() {
    let wrong = |words: &[&str], said: &str| {
        let output = run(&[&["-r", SAMPLE], words].concat());
        assert_eq!((output.status.code(), output.lines.len()), (Some(2), 0), "{output:?}");
        assert!(output.errors.contains(said) && output.errors.contains("\nhint: "), "{}", output.errors);
        assert!(output.errors.len() < 2_000, "it is not all repeated");
    };
    for width in ["999999999", "-999999999", "99999999999999999999999", "0", "1001"] {
        wrong(
            &["-p", &format!("a %{width}proc.name")],
            &format!("the width must be from 1 to 1000, at '%{width}proc.name'"),
        );
    }
    wrong(&["-p", &"%proc.name ".repeat(10_000)], "it has more than 64 KiB");
    let words = vec!["proc.name=a or"; 75_000];
    wrong(&words, "the filter is longer than 262144 bytes");
    wrong(&[&"(".repeat(100_000)], "brackets are nested more than 100 levels deep");
    wrong(
        &["-p", &format!("%{}proc.name{}", "toupper(".repeat(5_000), ")".repeat(5_000))],
        "brackets are nested more than 100 levels",
    );
    let widest = run(&["-r", SAMPLE, "-n", "1", "-p", "%1000proc.name"]);
    assert_eq!(widest.lines[0].len(), 1_000);
}
