//! What is shown of a command: a trace in Chrome's format, and a summary.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use tracer_tests::{level, scratch::Scratch};

use super::lines;

/// Each call that strace counts, with how often.
fn strace_counts(words: &[&str]) -> BTreeMap<String, u64> {
    let output = std::process::Command::new("strace").args(["-f", "-c"]).args(words).output().unwrap();
    counts(String::from_utf8_lossy(&output.stderr).lines())
}

fn counts<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, u64> {
    let rows = lines.filter(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit()));
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words[words.len() - 1].to_owned(), words[3].parse().unwrap())
    };
    rows.map(row).collect()
}

#[test]
fn a_summary_has_the_counts_of_strace() {
    if !level::root_or_skip() || !level::program_or_skip("strace") {
        return;
    }
    let scratch = Scratch::new();
    let words = ["sh", "-c", "cat /etc/hostname /nonexistent; exec id -u"];
    let (table, _) = lines(&scratch, &["--summary"], &words);
    let (own, other) = (counts(table.iter().map(String::as_str)), strace_counts(&words));
    assert_eq!(own, other, "{}", table.join("\n"));
    let last = table.last().unwrap();
    assert!(last.starts_with("100.00 ") && last.ends_with(" total"), "{last}");
}

/// strace counts a call with several messages once, and so does the summary: in the kernel, and of the events of a capture.
#[test]
fn messages_of_a_call_are_no_calls() {
    if !level::root_or_skip() || !level::program_or_skip("perl") || !level::program_or_skip("strace") {
        return;
    }
    // struct mmsghdr: a message header, whose third member is the iovec, and the bytes that were moved; see sendmmsg(2).
    let script = "use Socket; socketpair(A, B, AF_UNIX, SOCK_DGRAM, 0); my $text = 'x'; my $iovec = pack('PQ', $text, 1); \
        my $messages = pack('QQPQQQQQ', 0, 0, $iovec, 1, 0, 0, 0, 0) x 3; syscall(307, fileno(A), $messages, 3, 0) for 1..5;";
    let words = ["perl", "-e", script];
    let scratch = Scratch::new();
    let (table, _) = lines(&scratch, &["--summary"], &words);
    let (own, other) = (counts(table.iter().map(String::as_str)), strace_counts(&words));
    assert_eq!((own.get("sendmmsg"), other.get("sendmmsg")), (Some(&5), Some(&5)), "{}", table.join("\n"));
    let (table, _) = lines(&scratch, &["--summary", "--no-pushdown"], &words);
    assert_eq!(counts(table.iter().map(String::as_str)).get("sendmmsg"), Some(&5), "{}", table.join("\n"));
}

/// Each of half a million calls is counted where it happens: no ring is too small for that.
#[test]
fn a_summary_is_counted_in_the_kernel() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let words = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=250000", "status=none"];
    let (table, output) = lines(&scratch, &["--summary", "--buffer-size", "4K"], &words);
    let own = counts(table.iter().map(String::as_str));
    assert!((250_000..250_100).contains(&own["read"]), "{}", table.join("\n"));
    assert!((250_000..250_100).contains(&own["write"]), "{}", table.join("\n"));
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
}

#[test]
fn a_trace_is_an_array_of_slices_that_do_not_overlap() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (lines, _) = lines(&scratch, &["--trace-json"], &["sh", "-c", "ls / | wc -l; cat /nonexistent"]);
    let entries: Vec<Value> = serde_json::from_str(&lines.join("\n")).expect("it is JSON");
    let mut ends: HashMap<u64, f64> = HashMap::new();
    let (mut names, mut slices, mut failed) = (HashMap::new(), 0, 0);
    for entry in &entries {
        let tid = entry["tid"].as_u64().expect("a thread");
        assert!(entry["pid"].is_u64() && entry["name"].is_string(), "{entry}");
        match entry["ph"].as_str() {
            Some("M") => drop(names.insert((tid, entry["name"].as_str().unwrap()), entry["args"]["name"].clone())),
            Some("i") => assert!(entry["ts"].is_number() && entry["s"] == "t", "{entry}"),
            Some("X") => {
                let (from, length) = (entry["ts"].as_f64().unwrap(), entry["dur"].as_f64().unwrap());
                let end = ends.insert(tid, from + length).unwrap_or(0.0);
                // Times are microseconds with three digits.
                assert!(from >= end - 0.01 && length >= 0.0, "{entry} begins before {end}");
                slices += 1;
                failed += u32::from(entry["cat"] == "syscall,failed");
            }
            other => panic!("phase {other:?}"),
        }
    }
    assert!(slices > 100 && failed > 0, "{slices} slices, {failed} failed");
    let named = |name: &str| names.iter().any(|((_, kind), known)| *kind == "process_name" && known == name);
    assert!(named("ls") && named("wc") && named("cat"), "{names:?}");
}
