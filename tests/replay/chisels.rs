//! What another tool's chisels print of the same captures.
//!
//! `captures/peer/chisels/NAME.gz` has the output of sysdig 0.29.3 with TZ=UTC and without colours: behind a line `== CASE KEPT
//! OPTIONS` what those options printed, of which KEPT lines were kept, or all if that is 0. Each line is ours too, or
//! [`explained`]; `docs/differences.md` lists the reasons. Each chisel is compared with a golden file of our own, too.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value as Json;
use tracer::{
    chisel::{Chisel, Env, Library},
    sink::ChiselSink,
};
use tracer_tests::{
    command::{Running, tracer},
    scap::build::{EVENT, block, head, read_x},
};

use super::{golden, machine::Machine, output, peer};

const CAPTURES: [&str; 3] = ["run_as_user_0_container", "sample", "tcp-client-server"];

/// A command and what it printed elsewhere.
struct Case {
    name: String,
    kept: usize,
    options: Vec<String>,
    lines: Vec<String>,
}

impl Case {
    /// Without `chisel_`.
    fn chisel(&self) -> &str {
        self.name.split_once('_').map_or("", |(_, name)| name)
    }

    fn is_json(&self) -> bool {
        self.name.starts_with("chiselj_")
    }
}

fn cases(capture: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in peer::peer(&format!("chisels/{capture}.gz")) {
        if let Some(head) = line.strip_prefix("== ") {
            let [name, kept, options] = head.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let options = super::output::words(options).into_iter().map(ToOwned::to_owned).collect();
            cases.push(Case { name: name.to_owned(), kept: kept.parse().unwrap(), options, lines: Vec::new() });
        } else {
            cases.last_mut().unwrap().lines.push(line.trim_end().to_owned());
        }
    }
    cases.iter_mut().for_each(|case| case.lines.retain(|line| !line.is_empty()));
    cases
}

fn ours(capture: &str, options: &[&str]) -> Vec<String> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).join(format!("{capture}.scap"));
    let words = ["-r", path.to_str().unwrap()].into_iter().chain(options.iter().copied());
    let output = Running::start(tracer(words).env("TZ", "UTC").current_dir(env!("CARGO_MANIFEST_DIR"))).end();
    assert_eq!(output.status.code(), Some(0), "{capture}: {}", output.errors);
    output.lines
}

/// Columns whose titles are others here, and the field of which the name of a process is that of its main thread.
fn in_their_words(mut column: Json) -> Json {
    if let Some(column) = column.as_object_mut() {
        column.remove("desc");
        if column.get("name").is_some_and(|name| name == "proc.main_name") {
            column.insert("name".to_owned(), "proc.name".into());
        }
    }
    column
}

/// Whether it is the line below the head of a table.
fn is_rule(line: &str) -> bool {
    line.len() > 4 && line.bytes().all(|byte| byte == b'-')
}

/// A table as text without its head, whose titles are others here, and without the `rates` and totals after the first value.
fn text_rows(lines: &[String], rates: usize) -> Vec<String> {
    let head = lines.iter().position(|line| is_rule(line)).map_or(0, |at| at + 1);
    let rows = lines[head..].iter().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words
            .iter()
            .enumerate()
            .filter(|(at, _)| !(1..=rates).contains(at))
            .map(|(_, word)| *word)
            .collect::<Vec<_>>()
            .join(" ")
    });
    rows.collect()
}

/// Tables of the network, which also have rates of what was received and sent, and totals.
const OF_NETWORK: [&str; 4] = ["topprocs_net", "topcontainers_net", "topconns", "topports_server"];

/// A JSON table as lines: its time, its rows, its columns. The last `rates` columns are left out.
fn table_lines(text: &str, rates: usize) -> Vec<String> {
    let table: Json = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let part = |name: &str| table[name].as_array().cloned().unwrap_or_default();
    // Entries of an object have no order.
    let sorted = |value: &Json| match value.as_object() {
        Some(object) => {
            let entries: BTreeMap<&String, &Json> = object.iter().collect();
            serde_json::to_string(&entries).unwrap()
        }
        None => value.to_string(),
    };
    let short = |mut part: Vec<Json>| {
        part.truncate(part.len() - rates.min(part.len()));
        part
    };
    let data = part("data").into_iter().map(|row| Json::from(short(row.as_array().cloned().unwrap_or_default())));
    let rows = data.chain(short(part("info")).into_iter().map(in_their_words)).map(|row| sorted(&row));
    std::iter::once(format!("ts {}", table["ts"])).chain(rows).collect()
}

/// Without the lines that are on both sides: what only they have, and what only we have.
fn unlike(theirs: &[String], ours: &[String]) -> (Vec<String>, Vec<String>) {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    theirs.iter().for_each(|line| *counts.entry(line).or_default() += 1);
    ours.iter().for_each(|line| *counts.entry(line).or_default() -= 1);
    let only = |sign: i64| {
        counts.iter().flat_map(move |(line, count)| {
            std::iter::repeat_n((*line).to_owned(), usize::try_from(count * sign).unwrap_or(0))
        })
    };
    (only(1).collect(), only(-1).collect())
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lines about 3 bytes of a call that began before the capture: which descriptor it reads is not known. The others take it to be
/// 0, a terminal.
const BEGAN_BEFORE: [&str; 11] = [
    "------ Read 3B from   /dev/pts/5 (docker)",
    "131B /dev/pts/5",
    "128B /dev/pts/5",
    "[\"/dev/pts/5\",131]",
    "[\"/dev/pts/5\",128]",
    "22:31:13 in:9749 out:5430 tot:15179",
    "ls",
    "131B docker 25682",
    "128B docker 25682",
    "[\"docker\",\"25682\",131]",
    "[\"docker\",\"25682\",128]",
];

fn began_before(line: &str) -> Option<&'static str> {
    let is_so = BEGAN_BEFORE.contains(&line);
    is_so.then_some("the descriptor of a call that began before the capture is not known")
}

/// Why a line is only theirs though it is right that we do not have it.
fn only_theirs(case: &Case, line: &str, ours: &[String]) -> Option<&'static str> {
    if let Some(reason) = began_before(line) {
        return Some(reason);
    }
    if case.chisel().starts_with("topprocs_") {
        let plain = |line: &str| line.replace(['[', ']', '"', ','], " ");
        let line = plain(line);
        // Behind the value, or as JSON before it.
        let ids: Vec<&str> = line.split_whitespace().filter(|word| word.parse::<u32>().is_ok()).collect();
        let same = |ours: &String| ids.iter().any(|id| plain(ours).split_whitespace().any(|word| word == *id));
        if !ids.is_empty() && ours.iter().any(same) {
            return Some("a row is a process, whose threads may have names of their own");
        }
    }
    let has = |wanted: &str| ours.iter().any(|line| squeezed(line) == wanted);
    let words: Vec<&str> = line.split_whitespace().collect();
    match case.chisel() {
        "bottlenecks" if line.contains(") > ") => Some("one record for a call, not two"),
        "bottlenecks" => {
            // Behind the number of the event.
            let same = line.split_once(") ").map(|(_, call)| call)?;
            ours.iter().any(|line| line.contains(same)).then_some("numbers of events, and arguments of the beginning")
        }
        "echo_fds" => has(&squeezed(line)).then_some("one blank, not several"),
        name if name.starts_with("fdcount_by") => {
            let same = words.first().is_some_and(|key| ours.iter().any(|line| line.contains(key)));
            same.then_some("a table, in which descriptors of different processes are different")
        }
        "list_login_shells" => {
            ours.iter().any(|line| line.starts_with(words[0])).then_some("each shell once, and how many commands")
        }
        "lsof" | "lsof_filter" | "netstat" => {
            let ids: Vec<&str> = match case.chisel() {
                "netstat" => words.last()?.split('/').collect(),
                _ => words.iter().skip(1).copied().filter(|word| word.parse::<u32>().is_ok()).take(2).collect(),
            };
            (ids.first() != ids.get(1)).then_some("threads of a process have its descriptors, which are listed once")
        }
        "ps" | "ps_filter" => {
            let unit = |word: &str| word.ends_with(['K', 'M', 'G']);
            let with_b: Vec<String> =
                words.iter().map(|word| if unit(word) { format!("{word}B") } else { (*word).to_owned() }).collect();
            let changed = || ours.iter().any(|line| line.split_whitespace().take(2).eq(words.iter().copied().take(2)));
            if has(&with_b.join(" ")) {
                Some("one form of sizes")
            } else {
                changed().then_some("as it is at the end, not at the beginning")
            }
        }
        "spy_file" | "spy_file_R" => {
            let tabs = |text: &str| text.replace('\t', "");
            ours.iter().any(|ours| tabs(ours) == line).then_some("tabs are shown")
        }
        "spy_ip_127.0.0.1" => (line == "------ Read 80B").then_some("what is written is not read"),
        "spy_logs" => ours.iter().any(|ours| ours.ends_with(line)).then_some("time and container are in front"),
        "spy_users" => line.contains(" <NA>) ").then_some("a user without a name has a number"),
        "topcontainers_cpu" | "topprocs_cpu" if case.is_json() && line.ends_with("000]") => {
            Some("percents, not nanoseconds")
        }
        "topcontainers_cpu" | "topprocs_cpu" if line.starts_with("0.00%") || line.ends_with(",0]") => {
            Some("what used no CPU time is not listed")
        }
        _ if line.contains("\"name\":\"thread.exectime\"") || line.contains("\"name\":\"evt.rawarg.res\"") => {
            Some("the field that is summed")
        }
        "topscalls" if line.contains("sigreturn") => Some("a call that never comes back has no end"),
        "topscalls" if line.contains("procinfo") || line.contains("sysdigevent") => Some("events that are no calls"),
        "topscalls" => {
            let text = line.replace(['[', ']', '"'], " ").replace(',', " ");
            let mut words = text.split_whitespace();
            let (a, b) = (words.next()?, words.next()?);
            let (name, count) = if case.is_json() { (a, b) } else { (b, a) };
            // Some events have no beginning, and the beginning or the end of others is not in the capture.
            let count: i64 = count.parse().ok()?;
            let about = |ours: i64| (2 * ours - count).abs() <= 4 || ours == count;
            let row = ours.iter().find(|line| line.contains(name));
            let number = |line: &String| {
                let digits = line.replace(['[', ']', '"', ','], " ");
                digits.split_whitespace().find_map(|word| word.parse::<i64>().ok())
            };
            (row.and_then(number).is_some_and(about) || row.is_none() && count <= 4)
                .then_some("one record for a call, not two")
        }
        "topscalls_time" => line.contains("switch").then_some("a switch is no call and takes no time"),
        _ => None,
    }
}

/// Why a line is only ours. The reasons for what stands in place of one of theirs are there.
fn only_ours(case: &Case, line: &str, replaced: bool) -> Option<&'static str> {
    if let Some(reason) = began_before(line) {
        return Some(reason);
    }
    match case.chisel() {
        "iobytes" | "iobytes_file" | "iobytes_net" => line.contains(" in:").then_some("the rest of the last second"),
        "proc_exec_time" => line.starts_with("- ").then_some("one that began before the capture is shown, too"),
        name if name.starts_with("fdcount_by") => Some("a table"),
        "lsof" if case.kept > 0 => Some("behind what was kept of theirs"),
        "echo_fds" if case.kept > 0 => Some("behind what was kept of theirs"),
        "spy_users" | "spy_ip_127.0.0.1" | "topscalls" | "topscalls_time" | "ps" | "ps_filter" | "bottlenecks"
        | "echo_fds" | "spy_file" | "spy_file_R" | "list_login_shells" | "topcontainers_cpu" | "topprocs_cpu"
        | "spy_logs" | "topprocs_net" | "topprocs_file" | "topprocs_errors" => replaced.then_some("in place of theirs"),
        _ => line.contains("\"name\":\"evt.buflen\"").then_some("the field that is summed"),
    }
}

/// Chisels whose lines come in the order of events.
const IN_ORDER: [&str; 10] = [
    "fileslower_0",
    "iobytes",
    "iobytes_file",
    "iobytes_net",
    "netlower_1",
    "scallslower_1",
    "spy_file",
    "spy_users",
    "stdin",
    "stdout",
];

#[test]
fn chisels_print_what_those_of_another_tool_print() {
    let (mut wrong, mut all, mut all_equal) = (Vec::new(), 0, 0);
    for capture in CAPTURES {
        let cases = cases(capture);
        assert!(cases.len() > 60, "{capture}: {} cases", cases.len());
        for case in &cases {
            let options: Vec<&str> = case.options.iter().map(String::as_str).collect();
            let ours = ours(capture, &options);
            let ours: Vec<String> =
                ours.iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect();
            let rates = if OF_NETWORK.contains(&case.chisel()) { 3 } else { 0 };
            let is_table = case.lines.get(1).is_some_and(|line| is_rule(line));
            let (theirs, ours) = match case.is_json() && !case.chisel().starts_with("fdcount_by") {
                true => (table_lines(&case.lines.join("\n"), 0), table_lines(&ours.join("\n"), rates)),
                false if is_table => (text_rows(&case.lines, 0), text_rows(&ours, rates)),
                false => (case.lines.clone(), ours),
            };
            let (more, less) = unlike(&theirs, &ours);
            let equal = theirs.len() - more.len();
            let name = format!("{capture} {}", case.name);
            for line in &more {
                if only_theirs(case, line, &ours).is_none() {
                    wrong.push(format!("{name}, only theirs: {line}"));
                }
            }
            for line in &less {
                if only_ours(case, line, !more.is_empty()).is_none() {
                    wrong.push(format!("{name}, only ours: {line}"));
                }
            }
            if IN_ORDER.contains(&case.chisel()) && more.is_empty() && !theirs.is_empty() {
                let mut rest = ours.iter();
                let ordered = theirs.iter().all(|line| rest.any(|ours| ours == line));
                assert!(ordered, "{name}: the same lines in another order");
            }
            let share = 100.0 * equal as f64 / theirs.len().max(1) as f64;
            println!("{name}: {equal} of {} lines equal ({share:.1} %), {} others", theirs.len(), more.len());
            (all, all_equal) = (all + theirs.len(), all_equal + equal);
        }
    }
    println!("{all_equal} of {all} lines equal");
    assert!(wrong.is_empty(), "{} lines are not explained:\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}

/// Where files of UDP are written.
const UDP: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/udp");

/// With `rate` for each number below one.
fn without_rates(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("0.") {
        let before = rest[..at].chars().next_back();
        let end = rest[at + 2..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |len| at + 2 + len);
        out.push_str(&rest[..at]);
        let is_rate = before.is_none_or(|c| !c.is_ascii_digit() && c != '.') && !rest[end..].starts_with('.');
        out.push_str(if is_rate { "rate" } else { &rest[at..end] });
        rest = &rest[end..];
    }
    out + rest
}

/// What needs a web server, memcached or logs, on a machine that has them: the right answers are known.
#[test]
fn services_are_understood() {
    let all = [
        ("httplog", None),
        ("httptop", None),
        ("httptop", Some("time")),
        ("httptop", Some("bytes")),
        ("memcachelog", None),
        ("memcachelog", Some("set 500")),
        ("spy_syslog", None),
        ("spy_journal", None),
        ("spy_logs", None),
        ("stderr", None),
        ("shellshock_detect", None),
        ("proc_exec_time", None),
        ("list_login_shells", None),
        ("oom_and_exits", None),
        ("container_events", None),
        ("tcp_life", None),
        ("dns", None),
        ("udp_extract", Some(UDP)),
        ("file_opens_failed", None),
        ("errors_by_container", None),
        ("topcontainers_syscalls", None),
        ("topconns", None),
        ("topports_server", None),
        ("netstat", None),
        ("lsof", Some("proc.name=app")),
        ("ps", Some("proc.name=nginx")),
        ("lscontainers", None),
        ("spy_port", Some("80")),
        ("echo_fds", None),
    ];
    let mut text = String::new();
    for (name, argument) in all {
        for (container, json) in [(true, false), (false, true)] {
            let _ = std::fs::remove_dir_all(UDP);
            let shown = argument.filter(|argument| *argument != UDP).unwrap_or("");
            text.push_str(&format!("== {name} {shown}{}\n", if json { " -j" } else { " -pc" }));
            text.push_str(&output(Machine::services(), None, |out| {
                let mut env = Env { container, ..Env::plain(out) };
                env.page.json = json;
                Box::new(ChiselSink::new(Chisel::load(Library::builtin().find(name).unwrap(), argument, env).unwrap()))
            }));
        }
    }
    // These records are as those of the running kernel: tables are of now, and so are their rates.
    let mut has_rates = false;
    let lines = text.lines().map(|line| {
        has_rates = line.contains("RX/s") || has_rates && !line.is_empty();
        if has_rates { without_rates(line) } else { line.to_owned() }
    });
    let lines = lines.collect::<Vec<_>>();
    let lines = lines.iter().map(|line| match line.split_once("{\"ts\":\"") {
        Some((_, rest)) => format!("{{\"ts\":\"now{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit())),
        None => line.trim_end().to_owned(),
    });
    golden("services.txt", &lines.map(|line| format!("{line}\n")).collect::<String>());
}

/// Arguments of those that need one.
pub(super) const ARGUMENTS: &[(&str, &str)] = &[
    ("around", concat!(env!("CARGO_TARGET_TMPDIR"), "/around.scap 100")),
    ("fdbytes_by", "fd.type"),
    ("fdcount_by", "fd.type"),
    ("fdtime_by", "fd.type"),
    ("fileslower", "0"),
    ("udp_extract", concat!(env!("CARGO_TARGET_TMPDIR"), "/udp-none")),
    ("netlower", "1"),
    ("scallslower", "500"),
    ("spy_ip", "127.0.0.1"),
    ("spy_port", "8080"),
];

/// All built-in chisels on one capture, with and without containers and JSON. Lists are cut.
#[test]
fn every_chisel_prints_what_it_printed_before() {
    let mut text = String::new();
    for name in super::chisels_of_captures().keys() {
        let argument = ARGUMENTS.iter().find(|(known, _)| known == name).map(|(_, argument)| *argument);
        for more in [&["-pc"][..], &["-j"]] {
            let words: Vec<&str> = more.iter().copied().chain(["-c", name]).chain(argument).collect();
            text.push_str(&format!("== {}\n", words.join(" ").replace(env!("CARGO_TARGET_TMPDIR"), "")));
            for line in ours("tcp-client-server", &words).iter().take(8) {
                assert!(!more.contains(&"-j") || line.starts_with('{'), "{name}: {line}");
                text.push_str(&format!("{}\n", line.trim_end()));
            }
        }
    }
    golden("chisels.txt", &text);
}

#[test]
fn chisels_of_the_running_machine_say_so_of_a_capture() {
    let all = Library::builtin().list();
    let live: Vec<&String> = all.keys().filter(|name| !super::chisels_of_captures().contains_key(*name)).collect();
    assert_eq!(live, ["topcontainers_mem", "toppods_mem"]);
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");
    for name in live {
        let output = Running::start(&mut tracer(["-r", capture, "-c", name])).end();
        assert_eq!((output.status.code(), output.lines.len()), (Some(2), 0), "{name}");
        let expected = "this chisel works only on a running machine: it reads files of the host (cgroups), and these are not \
            in a capture";
        assert!(output.errors.contains(expected), "{name}: {}", output.errors);
    }
}

/// Objects of several chisels are those of each one alone, behind its name.
#[test]
fn objects_of_several_chisels_say_which_one_they_are_of() {
    let capture = "run_as_user_0_container";
    let chisels: [&[&str]; 6] =
        [&["topscalls"], &["fdbytes_by", "fd.type"], &["spy_logs"], &["iobytes"], &["lsof"], &["syscall_latency"]];
    let objects = |words: Vec<&str>| {
        let lines = ours(capture, &words);
        lines.iter().map(|line| serde_json::from_str::<Json>(line).expect(line)).collect::<Vec<_>>()
    };
    let all =
        objects(std::iter::once("-j").chain(chisels.iter().flat_map(|words| [&["-c"], *words].concat())).collect());
    let mut count = 0;
    for words in chisels {
        let alone = objects([&["-j", "-c"], words].concat());
        assert!(!alone.is_empty() && alone.iter().all(|object| object.get("chisel").is_none()), "{words:?}");
        let of_it = all.iter().filter(|object| object["chisel"] == words[0]).cloned();
        let without_keys = of_it.map(|mut object| {
            let map = object.as_object_mut().unwrap();
            assert_eq!(map.keys().next().unwrap(), "chisel");
            let _ = map.shift_remove("chisel");
            assert_eq!(map.shift_remove("argument").as_ref().and_then(Json::as_str), words.get(1).copied());
            object
        });
        let without_keys: Vec<Json> = without_keys.collect();
        assert_eq!(without_keys, alone, "{words:?}");
        count += alone.len();
    }
    assert_eq!(all.len(), count, "each is of one of them");
}

/// What is around two calls of a capture: the same lines as a filter by hand gives, from a file that was written.
#[test]
fn around_writes_what_threads_did_near_an_event() {
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/near.scap");
    let words = ["-c", "around", concat!(env!("CARGO_TARGET_TMPDIR"), "/near.scap 1"), "evt.type=open"];
    let said = ours("run_as_user_0_container", &words);
    let marks: Vec<_> = said.iter().filter(|line| line.contains('(')).collect();
    assert!(marks.len() > 1, "{said:#?}");
    let written = tracer_tests::command::output(["-r", file, "-p", "*%evt.rawtime %thread.tid %evt.type %evt.args"]);
    assert!(written.status.success(), "{}", written.errors);
    let tids: std::collections::BTreeSet<&str> =
        written.lines.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert!(written.lines.iter().filter(|line| line.contains(" open ")).count() >= marks.len());
    assert!(written.lines.len() > marks.len() && tids.len() <= marks.len(), "{} lines", written.lines.len());
}

/// Nearly as many stretches as there may be, each of one event: written as a filter they would be longer than filters may be.
#[test]
fn around_takes_thousands_of_moments() {
    let events = (0..4_200).flat_map(|at| block(EVENT, &read_x(1_700_000_000_000_000_000 + 1_000 * at, b"")));
    let [read, file] = ["many.scap", "moments.scap"].map(|name| format!("{}/{name}", env!("CARGO_TARGET_TMPDIR")));
    std::fs::write(&read, [head(), events.collect()].concat()).unwrap();
    let said = tracer_tests::command::output(["-r", &read, "-n", "4000", "-c", "around", &format!("{file} 0")]);
    assert!(said.status.success(), "{}", said.errors);
    assert!(said.lines.len() > 4_000, "{}", said.lines.len());
    assert_eq!(tracer_tests::command::output(["-r", &file]).lines.len(), 4_000);
}

/// The same lines as `around` gives for what they let through.
#[test]
fn what_is_around_lines_of_logs_is_written_as_by_around() {
    let capture = "run_as_user_0_container";
    let [by_itself, by_around] =
        ["logs.scap", "around-logs.scap"].map(|name| format!("{}/{name}", env!("CARGO_TARGET_TMPDIR")));
    let plain = ours(capture, &["-c", "spy_logs"]);
    assert_eq!(ours(capture, &["-c", "spy_logs", &format!("{by_itself} 1 disable_color")]), plain);
    let filter = "fd.name contains .log and fd.type=file and evt.is_io_write=true and evt.rawres>0";
    let _ = ours(capture, &["-c", "around", &format!("{by_around} 1"), filter]);
    let lines = |file: &str| tracer_tests::command::output(["-r", file]).lines;
    assert!(lines(&by_itself).len() > plain.len(), "more than the lines themselves");
    assert_eq!(lines(&by_itself), lines(&by_around));
}
