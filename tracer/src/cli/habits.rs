//! What people write who are used to other tools, or in a hurry: what they meant, as a line to copy.
//!
//! A guess is only offered if it is right: a filter that is put right has to be one.

use std::path::Path;

use clap::CommandFactory as _;
use tracer_common::arch;

use super::{Args, Failure, subcommands};
use crate::{
    chisel::Library,
    fields::{FieldRef, Show, nearest},
    filter::Filter,
};

/// Short names of what filters test most, and the fields.
const SHORT_NAMES: [(&str, &str); 24] = [
    ("container", "container.name"),
    ("image", "container.image"),
    ("pod", "k8s.pod.name"),
    ("namespace", "k8s.ns.name"),
    ("pid", "proc.pid"),
    ("tid", "thread.tid"),
    ("ppid", "proc.ppid"),
    ("comm", "proc.name"),
    ("name", "proc.name"),
    ("proc", "proc.name"),
    ("process", "proc.name"),
    ("exe", "proc.exe"),
    ("cmdline", "proc.cmdline"),
    ("args", "proc.args"),
    ("user", "user.name"),
    ("uid", "user.uid"),
    ("file", "fd.name"),
    ("path", "fd.name"),
    ("fd", "fd.num"),
    ("port", "fd.port"),
    ("ip", "fd.ip"),
    ("syscall", "evt.type"),
    ("type", "evt.type"),
    ("event", "evt.type"),
];

/// Words that a value follows in the language of tcpdump, and the fields.
const TCPDUMP: [(&[&str], &str); 9] = [
    (&["src", "port"], "fd.cport"),
    (&["dst", "port"], "fd.sport"),
    (&["src", "host"], "fd.cip"),
    (&["dst", "host"], "fd.sip"),
    (&["src"], "fd.cip"),
    (&["dst"], "fd.sip"),
    (&["port"], "fd.port"),
    (&["host"], "fd.ip"),
    (&["net"], "fd.net"),
];

/// Words that stand alone there.
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "icmp"];

/// What stands between tests.
const CONNECTIVES: [&str; 5] = ["and", "or", "not", "&&", "||"];

/// Units of numbers.
const UNITS: [&str; 14] = ["ns", "us", "ms", "s", "m", "h", "k", "g", "kb", "mb", "gb", "kib", "mib", "gib"];

/// Nobody types a longer filter.
const MAX_LEN_BYTES: usize = 1_000;

/// The most words that are put between the parts of a filter.
const MAX_ANDS: usize = 16;

/// The filter that was meant; `None` if no guess is right.
pub(super) fn meant(text: &str) -> Option<String> {
    let is_right = |text: &String| Filter::compile(text, Show::default()).is_ok();
    let words = words(text);
    if let [word] = &*words
        && is_name(word)
        && call_of(word).is_none()
    {
        let protocol = PROTOCOLS.contains(&word.as_str());
        return Some(format!("{}={word}", if protocol { "fd.l4proto" } else { "proc.name" })).filter(is_right);
    }
    let text = with_ands(
        &from_tcpdump(&from_languages(&words)).iter().map(|word| of_word(word)).collect::<Vec<_>>().join(" "),
    );
    Some(text).filter(is_right)
}

/// A word that could be the name of a program.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "_+-".contains(c))
}

/// The words of a filter; what is in quotes stays together, and operators of C are words.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_twice = quote.is_none() && matches!(c, '&' | '|') && rest.next_if_eq(&c).is_some();
        if is_twice {
            words.extend([format!("{c}{c}"), String::new()]);
            continue;
        }
        match quote {
            Some(open) => quote = Some(open).filter(|open| *open != c),
            None if matches!(c, ' ' | '\t') => {
                words.push(String::new());
                continue;
            }
            None => quote = Some(c).filter(|c| matches!(c, '\'' | '"')),
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Operators of SQL and of scripts, lists without brackets, and units apart from their numbers.
fn from_languages(words: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        let is_number = |before: &String| {
            let number = before.trim_start_matches(|c: char| !c.is_ascii_digit());
            !number.is_empty() && number.parse::<f64>().is_ok()
        };
        match word.to_ascii_lowercase().as_str() {
            "like" | "ilike" => out.extend(rest.next().map(|value| of_like(value))),
            "=~" | "~" => out.push("regex".to_owned()),
            "in" if rest.peek().is_some_and(|next| !next.starts_with('(')) => {
                let mut values = Vec::new();
                while let Some(value) = rest.next_if(|next| !CONNECTIVES.contains(&next.to_lowercase().as_str())) {
                    values.extend(value.split(',').filter(|value| !value.is_empty()));
                }
                out.push(format!("in ({})", values.join(", ")));
            }
            unit if UNITS.contains(&unit) && out.last().is_some_and(is_number) => {
                out.iter_mut().last().into_iter().for_each(|number| number.push_str(word));
            }
            _ => out.push(word.clone()),
        }
    }
    out
}

/// What SQL's `like` means: `%` is any text, `_` any character.
fn of_like(value: &str) -> String {
    if value.contains(['%', '_']) {
        return format!("glob {}", value.replace('%', "*").replace('_', "?"));
    }
    format!("contains {value}")
}

/// The call that a word of other tracers stands for: `sys_enter_openat`, `tracepoint:syscalls:sys_exit_openat`, `__x64_sys_openat`.
fn call_of(word: &str) -> Option<&str> {
    let word = word.strip_prefix("tracepoint:").unwrap_or(word);
    let word = word.strip_prefix("syscalls:").unwrap_or(word);
    let name = ["sys_enter_", "sys_exit_", "__x64_sys_", "__arm64_sys_", "sys_"]
        .iter()
        .find_map(|it| word.strip_prefix(it))?;
    arch::call_names().any(|call| call == name).then_some(name)
}

/// `port 80` and the like as tests.
fn from_tcpdump(words: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = words;
    while let Some((first, after)) = rest.split_first() {
        let found = TCPDUMP.iter().find_map(|(names, field)| {
            let (head, tail) = rest.split_at_checked(names.len())?;
            let (value, tail) = tail.split_first()?;
            let is_value = value.starts_with(|c: char| c.is_alphanumeric() || c == ':');
            (head == *names && is_value).then(|| (format!("{field}={value}"), tail))
        });
        match found {
            Some((test, tail)) => {
                out.push(test);
                rest = tail;
            }
            None => {
                let alone = PROTOCOLS.contains(&first.as_str());
                out.push(if alone { format!("fd.l4proto={first}") } else { first.clone() });
                rest = after;
            }
        }
    }
    out
}

/// A word as the language has it: operators of C or in capitals, fields in capitals, short names of fields, lists without brackets.
fn of_word(word: &str) -> String {
    match word {
        "&&" | "AND" => return "and".to_owned(),
        "||" | "OR" => return "or".to_owned(),
        "NOT" => return "not".to_owned(),
        _ => {}
    }
    if let Some(call) = call_of(word) {
        return format!("evt.type={call}");
    }
    let end = word.find(|c: char| !c.is_alphanumeric() && !"._".contains(c)).unwrap_or(word.len());
    let (name, rest) = word.split_at(end);
    if !rest.starts_with(['=', '!', '<', '>', '~']) {
        let lower = name.to_lowercase();
        let is_field = rest.is_empty() && FieldRef::resolve(&lower, Show::default()).is_ok();
        return if is_field { lower } else { word.to_owned() };
    }
    let lower = name.to_lowercase();
    let field = SHORT_NAMES.iter().find(|(short, _)| *short == lower).map_or(lower.as_str(), |(_, field)| field);
    let value = rest.trim_start_matches('=');
    if let Some(pattern) = value.trim_start_matches('!').strip_prefix('~') {
        let pattern = pattern.strip_prefix('/').and_then(|it| it.strip_suffix('/')).unwrap_or(pattern);
        let not = if value.starts_with('!') { "not " } else { "" };
        return format!("{not}{field} regex {pattern}");
    }
    if rest.starts_with("==") && value.contains('*') {
        return format!("{field} glob {value}");
    }
    if let Some(call) = call_of(value).filter(|_| rest.starts_with('=') && field == "evt.type") {
        return format!("{field}={call}");
    }
    let is_list = rest.starts_with('=') && value.contains(',') && !value.contains(['(', '\'', '"']);
    if is_list { format!("{field} in ({})", value.replace(',', ", ")) } else { format!("{field}{rest}") }
}

/// With `and` before each test that follows another one without it.
fn with_ands(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..MAX_ANDS {
        let Err(error) = Filter::compile(&text, Show::default()) else { break };
        let rest = error.filter.get(error.at.start..).filter(|_| error.message.starts_with("expected 'and'"));
        let Some(at) = rest.filter(|rest| !rest.is_empty()).and_then(|rest| text.rfind(rest)) else { break };
        text.insert_str(at, "and ");
    }
    text
}

/// What to write in place of a filter that is wrong: the whole line, made of the words of this one.
pub(super) fn of_filter(filter: &[String], line: &[String]) -> Option<String> {
    let text = filter.join(" ");
    if text.len() > MAX_LEN_BYTES {
        return None;
    }
    if let Some(hint) = of_engine_tool(filter) {
        return Some(hint);
    }
    if let Some(first) = filter.first().filter(|word| subcommands::find(word).is_some() && line.first() != Some(word)) {
        let rest = line.iter().position(|word| word == first).map(|at| [&line[..at], &line[at + 1..]].concat());
        let rest: Vec<String> = rest.unwrap_or_default().iter().map(|word| quoted(word)).collect();
        return Some(format!("{first} comes before its options: tracer {first} {}", rest.join(" ")));
    }
    if let Some(name) = mistyped(filter, line) {
        let rest: Vec<String> = line[1..].iter().map(|word| quoted(word)).collect();
        return Some(format!("write: {}", [&["tracer".to_owned(), name], &rest[..]].concat().join(" ")));
    }
    let meant = meant(&text);
    let program = filter.first().filter(|_| filter.len() == 1 || filter[0].contains('/') || meant.is_none());
    if let Some(program) = program.filter(|word| is_program(word)) {
        return Some(of_program(program, filter));
    }
    Some(format!("write: {}", line_with(&meant?, filter, line)))
}

/// The subcommand that the first word of the line was to be, if it is nearly one and nothing else.
fn mistyped(filter: &[String], line: &[String]) -> Option<String> {
    let may_be = |word: &str| is_name(word) && !is_program(word) && !PROTOCOLS.contains(&word);
    let word = filter.first().filter(|word| line.first() == Some(word) && may_be(word))?;
    nearest(word, subcommands::ALL.iter().map(|it| it.name)).filter(|_| call_of(word).is_none())
}

/// What a command of an engine's own tool is here.
fn of_engine_tool(line: &[String]) -> Option<String> {
    let [tool, verb, ..] = line else { return None };
    if !["docker", "podman", "nerdctl", "crictl", "lxc", "incus"].contains(&tool.as_str()) {
        return None;
    }
    let what = match verb.as_str() {
        "ps" | "container" | "list" => "containers",
        "images" | "image" => "images",
        "stats" => "stats",
        "events" => "events -f",
        "info" => "info",
        "version" => "version",
        "logs" => "logs",
        "top" => return Some("for processes of containers: tracer top -pc".to_owned()),
        _ => return None,
    };
    Some(format!("to ask all container engines: tracer engine {what}"))
}

/// A program where a filter was expected.
fn of_program(program: &str, line: &[String]) -> String {
    let name = Path::new(program).file_name().map_or(program.into(), |name| name.to_string_lossy());
    let line: Vec<String> = line.iter().map(|word| quoted(word)).collect();
    format!(
        "'{program}' is a program: to run and trace it: tracer run -- {}; to see all programs of that name: tracer proc.name={name}",
        line.join(" ")
    )
}

/// Whether a word is a program of this machine.
fn is_program(word: &str) -> bool {
    let is_file = |path: &Path| path.is_file();
    if word.contains('/') {
        return is_file(Path::new(word));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    is_name(word) && std::env::split_paths(&path).any(|folder| is_file(&folder.join(word)))
}

/// The line with another filter: at its end, or, of `tracer run`, before the command.
fn line_with(meant: &str, filter: &[String], line: &[String]) -> String {
    let mut left = filter.iter().peekable();
    let mut words = vec!["tracer".to_owned()];
    let command = line.iter().position(|word| word == "--").filter(|_| line.first().is_some_and(|word| word == "run"));
    let (own, command) = line.split_at(command.unwrap_or(line.len()));
    for word in own {
        if left.next_if_eq(&word).is_none() && word != "--" {
            words.push(quoted(word));
        }
    }
    words.push(quoted(meant));
    words.extend(command.iter().map(|word| quoted(word)));
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,%@+".contains(c);
    if word.is_empty() || !word.chars().all(is_plain) {
        return if word.contains('\'') { format!("\"{word}\"") } else { format!("'{word}'") };
    }
    word.to_owned()
}

/// A line of which the options cannot be right, before they are looked at.
pub(super) fn of_line(words: &[String]) -> Option<Failure> {
    const DASHES: [char; 5] = ['\u{2010}', '\u{2011}', '\u{2013}', '\u{2014}', '\u{2212}'];
    let line = words.get(1..)?;
    let dashed = |word: &String| word.starts_with(DASHES);
    if let Some(wrong) = line.iter().find(|word| dashed(word)) {
        let command = Args::command();
        let longs: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        let right = |word: &String| {
            let name = word.trim_start_matches(DASHES).trim_start_matches('-');
            let is_long = longs.iter().any(|long| name.split('=').next() == Some(long));
            if dashed(word) { format!("{}{name}", if is_long { "--" } else { "-" }) } else { word.clone() }
        };
        let all: Vec<String> = line.iter().map(|word| quoted(&right(word))).collect();
        return Some(Failure::with_hint(
            format!("'{wrong}' starts with a typographic dash instead of '-'"),
            format!("write: tracer {}", all.join(" ")),
        ));
    }
    if let Some(hint) = of_engine_tool(line) {
        return Some(Failure::with_hint(format!("'{} {}' is not a filter", line[0], line[1]), hint));
    }
    let starts_program = line.len() > 1 && is_program(&line[0]);
    // What follows looks like the options of that program.
    if starts_program && line[1].starts_with('-') && meant(&line[0]).is_some() {
        return Some(Failure::with_hint(format!("'{}' is not a filter", line[0]), of_program(&line[0], line)));
    }
    None
}

/// A format in which no field is.
pub(super) fn of_format(format: &str) -> Option<Failure> {
    if format.contains('%') {
        return None;
    }
    if format.len() > MAX_LEN_BYTES {
        return Some(Failure::with_hint("format: it has no field, so all lines would be equal", "fields begin with %"));
    }
    let names: Vec<&str> = format.split([' ', ',', '\t']).filter(|word| !word.is_empty()).collect();
    let is_field = |name: &&str| FieldRef::resolve(name, Show::default()).is_ok();
    let hint = if format.parse::<u32>().is_ok() {
        format!("-p is the format of lines; to trace process {format}: tracer --pid {format}")
    } else if !names.is_empty() && names.iter().all(is_field) {
        let fields: Vec<String> = names.iter().map(|name| format!("%{name}")).collect();
        format!("write: -p '{}'", fields.join(" "))
    } else {
        "fields begin with %, such as -p '%proc.name %evt.type'; tracer -l lists them".to_owned()
    };
    Some(Failure::with_hint(format!("format: '{format}' has no field, so all lines would be equal"), hint))
}

/// What the value of an option says that is of another tool.
pub(super) fn of_value(option: &str, value: &str) -> Option<String> {
    if option.starts_with("--numevents") && value.chars().all(|letter| letter == 'n') {
        return Some(
            "-n is the number of events to show; names are not looked up unless -R asks for it, so leave out -nn"
                .to_owned(),
        );
    }
    if !option.starts_with("--events") && !option.starts_with("-e") {
        return None;
    }
    if let Some(probe) = value.split([' ', '{']).next().filter(|probe| probe.contains(':')) {
        return Some(match call_of(probe) {
            Some(call) => format!("-e is bpftrace's; write: tracer evt.type={call}"),
            None => "-e is bpftrace's; tracer has filters and chisels instead: tracer -L lists the events, tracer -cl the chisels".to_owned(),
        });
    }
    let is_call = |name: &str| arch::call_names().any(|call| call == name);
    let calls = match value.split_once("trace=") {
        Some((_, calls)) => calls,
        None if value.split(',').all(is_call) => value,
        None => return None,
    };
    let filter = if calls.contains(',') {
        format!("evt.type in ({})", calls.replace(',', ", "))
    } else {
        format!("evt.type={calls}")
    };
    Some(format!("-e is strace's; write: tracer {}", quoted(&filter)))
}

/// What helps who names a chisel that does not exist.
pub(super) fn of_chisel(name: &str, library: &Library, failure: Failure) -> Failure {
    let parts: Vec<&str> = name.split(',').collect();
    if parts.len() > 1 && parts.iter().all(|part| library.find(part).is_ok()) {
        let all: Vec<String> = parts.iter().map(|part| format!("-c {part}")).collect();
        return Failure { hint: Some(format!("for several chisels, repeat the option: {}", all.join(" "))), ..failure };
    }
    if !name.contains('/') && Path::new(&format!("{name}.rhai")).is_file() {
        let hint =
            format!("{name}.rhai is in this folder: tracer --chisel-dir . -c {name}, or tracer -c ./{name}.rhai");
        return Failure { hint: Some(hint), ..failure };
    }
    let is_interface = !name.contains(['/', '.']) && Path::new("/sys/class/net").join(name).exists();
    if is_interface || name == "any" {
        let hint = "tracer sees all network interfaces; leave out the option, because -i describes a chisel";
        return Failure { hint: Some(hint.to_owned()), ..failure };
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_become_filters() {
        for (written, right) in [
            ("port 80", "fd.port=80"),
            ("host 10.0.0.1", "fd.ip=10.0.0.1"),
            ("tcp and dst port 443", "fd.l4proto=tcp and fd.sport=443"),
            ("tcp port 22", "fd.l4proto=tcp and fd.port=22"),
            ("net 10.0.0.0/8", "fd.net=10.0.0.0/8"),
            ("udp", "fd.l4proto=udp"),
            ("nginx", "proc.name=nginx"),
            ("proc.name=a && proc.pid=3", "proc.name=a and proc.pid=3"),
            ("proc.name=a&&proc.pid=3", "proc.name=a and proc.pid=3"),
            ("proc.name=a || NOT fd.num=3", "proc.name=a or not fd.num=3"),
            ("proc.name=a AND proc.pid=3", "proc.name=a and proc.pid=3"),
            ("proc.name=a proc.pid=3 evt.type=open", "proc.name=a and proc.pid=3 and evt.type=open"),
            ("container=web", "container.name=web"),
            ("pid=12 user=root", "proc.pid=12 and user.name=root"),
            ("PROC.NAME=nginx", "proc.name=nginx"),
            ("Proc.Name contains ngi", "proc.name contains ngi"),
            ("proc.name=nginx,redis", "proc.name in (nginx, redis)"),
            ("proc.name=~ngi", "proc.name regex ngi"),
            ("proc.name=~/ngi.*/ && fd.num=3", "proc.name regex ngi.* and fd.num=3"),
            ("fd.name==/etc/*", "fd.name glob /etc/*"),
            ("evt.latency > 1 ms", "evt.latency > 1ms"),
            ("evt.latency>1 ms and fd.num=3", "evt.latency>1ms and fd.num=3"),
            ("proc.name in a,b", "proc.name in (a, b)"),
            ("proc.name in a, b and fd.num=3", "proc.name in (a, b) and fd.num=3"),
            ("proc.name like ngi%", "proc.name glob ngi*"),
            ("proc.name like ngi", "proc.name contains ngi"),
            ("comm=nginx", "proc.name=nginx"),
            ("syscall=openat", "evt.type=openat"),
            ("sys_enter_openat", "evt.type=openat"),
            ("syscall=sys_enter_openat", "evt.type=openat"),
            ("tracepoint:syscalls:sys_exit_openat", "evt.type=openat"),
            ("tcp", "fd.l4proto=tcp"),
            ("src host 1.2.3.4", "fd.cip=1.2.3.4"),
            ("not port 22", "not fd.port=22"),
            ("proc.name='a && b' && fd.num=1", "proc.name='a && b' and fd.num=1"),
        ] {
            assert_eq!(meant(written).as_deref(), Some(right), "{written}");
        }
        for hopeless in ["proc.name=", "fd.foo=3", "( and", "proc.pid=abc", ""] {
            assert_eq!(meant(hopeless), None, "{hopeless}");
        }
    }

    #[test]
    fn the_line_keeps_its_options() {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let line = list("-c topprocs_net -n 5 port 80");
        assert_eq!(of_filter(&list("port 80"), &line).unwrap(), "write: tracer -c topprocs_net -n 5 fd.port=80");
        let typed = list("tpo -v files");
        assert_eq!(of_filter(&typed[..1], &typed).unwrap(), "write: tracer top -v files");
        let run = list("run -c topfiles_bytes port 80 -- cat /etc/hostname");
        assert_eq!(
            of_filter(&list("port 80"), &run).unwrap(),
            "write: tracer run -c topfiles_bytes fd.port=80 -- cat /etc/hostname"
        );
        let spaced = ["-p".to_owned(), "%proc.name %fd.name".to_owned(), "tcp".to_owned(), "udp".to_owned()];
        let line = of_filter(&spaced[2..], &spaced).unwrap();
        assert_eq!(line, "write: tracer -p '%proc.name %fd.name' 'fd.l4proto=tcp and fd.l4proto=udp'");
    }

    #[test]
    fn dashes_of_word_processors_are_found() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let hint = |text: &str| of_line(&words(text)).unwrap().hint.unwrap();
        assert_eq!(hint("tracer \u{2013}n 5"), "write: tracer -n 5");
        assert_eq!(hint("tracer \u{2014}json -q"), "write: tracer --json -q");
        assert!(of_line(&words("tracer proc.name=\u{2013}x")).is_none());
        assert!(of_line(&words("tracer sh -c 1")).is_some() && of_line(&words("tracer proc.name=sh -q")).is_none());
    }
}
