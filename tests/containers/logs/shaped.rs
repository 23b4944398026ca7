//! `tracer logs` with filters, several targets, messages of several lines, and what is hidden.

use super::*;

/// Messages of several lines, on both streams at once, with secrets.
const SCRIPT: &str = "i=0; while [ $i -lt 200 ]; do
    echo \"request $i token=s3cret$i\"
    echo \"Exception $i\" >&2; printf '\\tat f%d\\n\\tat g\\n' $i >&2; echo \"Caused by: $i\" >&2
    i=$((i+1)); done; sleep 1000";

fn texts(lines: &[String]) -> Vec<String> {
    let text = |line: &String| serde_json::from_str::<Value>(line).unwrap()["log"].as_str().unwrap().to_owned();
    lines.iter().map(text).collect()
}

#[test]
fn messages_are_joined_filtered_and_redacted() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let label = ["--network=none", "--label=tier=front"];
    let container = write(&docker, "shaped", &label, SCRIPT);
    let other = write(&docker, "shaped-other", &["--network=none"], "echo Exception of another; sleep 1000");
    let names = [&*container.name, &*other.name];
    wait::until("all lines", || (output(["logs", names[0], names[1]]).lines.len() == 1_001).then_some(()));
    let run = |options: &[&str], filter: &[&str]| {
        let words = ["logs", "-j"].into_iter().chain(options.iter().copied()).chain(names);
        let output = output(words.chain(["--"]).chain(filter.iter().copied()));
        assert_eq!(output.status.code(), Some(0), "{}", output.errors);
        output.lines
    };
    let of_front = ["container.label[tier]=front", "and", "stream=stderr"];
    let joined = texts(&run(&["--join", "indent"], &of_front));
    assert!(
        joined.iter().map(String::as_str).eq((0..200)
            .map(|i| format!("Exception {i}\n\tat f{i}\n\tat g\nCaused by: {i}"))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str))
    );
    // The filter is asked of whole messages, and an expression of first lines does the same here.
    let one = texts(&run(&["--join", "^Exception"], &["log", "regex", "'(?s)Exception 7\\n.*'"]));
    assert_eq!(one, ["Exception 7\n\tat f7\n\tat g\nCaused by: 7"]);
    let hidden = run(&["--redact", "token=(\\S+)", "--drop-field=container.labels"], &["log", "contains", "s3cret19"]);
    assert_eq!(texts(&hidden)[..2], ["request 19 token=***", "request 190 token=***"]);
    assert!(hidden.len() == 11 && hidden.iter().all(|line| !line.contains("s3cret") && !line.contains("front")));
    assert_eq!(texts(&run(&[], &["container.name", "glob", "'*-other-*'"])), ["Exception of another"]);
}

#[test]
fn each_target_gets_what_its_filter_says_and_runs_continue() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let container = write(&docker, "routed", &["--network=none"], SCRIPT);
    wait::until("all lines", || (output(["logs", &container.name]).lines.len() == 1_000).then_some(()));
    let scratch = Scratch::new();
    let [errors, rest, state] = ["errors", "rest", "state"].map(|name| scratch.path(name).display().to_string());
    let to = [format!("file://{errors} stream=stderr and not log contains 77"), format!("file://{rest} stream=stdout")];
    let words = ["logs", "--join", "indent", "--state", &state, "--to", &to[0], "--to", &to[1], &container.name];
    let sent = output(words);
    assert_eq!(sent.status.code(), Some(0), "{}", sent.errors);
    // Those with 77 and 177 are left out.
    assert!(sent.errors.contains(&format!("sent 198 lines to file://{errors}\n")), "{}", sent.errors);
    assert!(sent.errors.contains(&format!("sent 200 lines to file://{rest}\n")), "{}", sent.errors);
    let read = |path: &str| -> Vec<String> {
        let lines: Vec<String> = fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
        texts(&lines)
    };
    assert_eq!(read(&errors)[7], "Exception 7\n\tat f7\n\tat g\nCaused by: 7");
    assert_eq!(read(&rest)[7], "request 7 token=s3cret7");
    // Everything came to its end, also what no target wanted.
    let nothing = output(words);
    assert!(nothing.errors.contains(&format!("sent 0 lines to file://{errors}\n")), "{}", nothing.errors);
    assert_eq!((read(&errors).len(), read(&rest).len()), (198, 200));
}

#[test]
fn an_open_message_is_sent_when_nothing_more_comes() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let script = "echo first; echo '  second'; sleep 3; echo '  third'; sleep 1000";
    let container = write(&docker, "open", &["--network=none"], script);
    let running = Running::start(&mut tracer(["logs", "-f", "-j", "--join=indent", &container.name]));
    // The third line comes too late to belong to them.
    let lines = [running.line(), running.line()].map(Option::unwrap);
    assert_eq!(texts(&lines), ["first\n  second", "  third"]);
    running.interrupt();
    assert_eq!(running.end().status.code(), Some(0));
}
