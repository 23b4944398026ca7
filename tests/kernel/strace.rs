//! Side by side with strace: both look at the same process at the same time, and see the same.

mod calls;
mod parse;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
};

use tracer::event::{Event, ParamValue};
use tracer_common::{
    events::{Category, Effect, Flags, Param, code},
    plan::Op,
};
use tracer_tests::{
    command::Running,
    level,
    live::{Run, Tracer},
    scratch::Scratch,
};

use parse::{Call, Step};

/// Names of rows that are not those of strace, which has the kernel's.
const NAMES: &[(&str, &str, &str)] = &[
    ("pread64", "pread", "the format's name, from before the kernel's own"),
    ("pwrite64", "pwrite", "the same"),
    ("prlimit64", "prlimit", "the name of the library's function"),
];
/// Calls that only strace has.
const NO_EVENT: &[(&str, &str)] =
    &[("exit", "does not return: procexit is the event of it"), ("exit_group", "the same")];

/// A strace that follows process `pid` and writes to `path`; it ends with the process.
fn strace(pid: u32, path: &Path) -> Running {
    let mut command = Command::new("strace");
    command.args(["-f", "-s", "64", "-e", "trace=all", "-p", &pid.to_string(), "-o"]).arg(path);
    let mut running = Running::start(&mut command);
    let line = running.error_line();
    assert!(line.ends_with("attached"), "strace cannot follow the workload: {line}");
    running
}

/// Whether strace is there.
fn strace_or_skip() -> bool {
    level::root_or_skip() && level::program_or_skip("strace")
}

/// Runs `calls` while both look; what the tracer saw, and the steps of each thread that strace saw.
fn both<const N: usize>(
    tracer: &Tracer,
    scratch: &Scratch,
    calls: impl FnOnce() -> [i64; N],
) -> (Run<N>, HashMap<u32, Vec<Step>>) {
    let path = scratch.path("strace");
    let (run, strace) = tracer.run_beside(calls, |pid| strace(pid, &path));
    let output = strace.end();
    assert!(output.status.success(), "strace failed: {}", output.errors);
    assert_eq!(run.lost(), 0, "records were lost: nothing can be compared");
    let steps = parse::steps(&String::from_utf8_lossy(&fs::read(path).unwrap()));
    (run, steps)
}

/// Whether the event is one of a call that ended: strace shows no other, apart from signals and ends.
fn is_call(event: &Event<'_>) -> bool {
    event.row.is_syscall() && !event.row.flags.has(Flags::ENTER) && event.row.category != Category::Internal
}

/// Whether strace shows it: not the second return of a fork, in the child.
fn is_shown(event: &Event<'_>) -> bool {
    let born = event.row.effect == Effect::Clone && event.result() == Some(0);
    let signal = event.row.code == code::SIGNALDELIVER;
    (is_call(event) && !born) || signal || event.row.code == code::PROCEXIT
}

fn name_of<'a>(call: &'a Call) -> &'a str {
    NAMES.iter().find(|(strace, _, _)| *strace == call.name).map_or(&call.name, |(_, row, _)| row)
}

/// The result as the record has it, for rows that have one.
fn result_of(event: &Event<'_>) -> Option<i64> {
    let first = event.row.params.first().filter(|param| matches!(param.source.op, Op::Ret));
    event.result().or_else(|| first.and_then(|_| event.params.i64(0)))
}

/// How a parameter differs from the argument that strace shows.
fn difference(event: &Event<'_>, index: usize, param: &Param, call: &Call) -> Option<String> {
    let text = |argument: usize| {
        let shown = call.args.get(argument)?;
        let value = match event.params.value(index) {
            ParamValue::Text(text) => Some(text.to_vec()),
            _ => None,
        };
        let (same, seen) = match (&value, parse::unquoted(shown)) {
            (Some(value), Some((bytes, true))) => (*value == bytes, true),
            (Some(value), Some((bytes, false))) => (value.starts_with(&bytes), true),
            // With `b`, there is a value only when the call succeeded.
            (None, Some(_)) => (param.source.b != 0 && event.failed(), true),
            (value, None) => (value.is_none(), false),
        };
        let value = value.map(|value| String::from_utf8_lossy(&value).into_owned());
        (!same).then(|| {
            format!("{} is {value:?}, strace shows {shown}{}", param.name, if seen { "" } else { " as no text" })
        })
    };
    let number = || {
        let shown = call.args.get(usize::from(param.source.a))?;
        let number = match &**shown {
            "AT_FDCWD" => i64::from(libc::AT_FDCWD),
            shown => parse::number(shown)?,
        };
        let bytes = event.params.raw(index).unwrap_or_default();
        let same = number.to_le_bytes().starts_with(&bytes[..bytes.len().min(4)]) && !bytes.is_empty();
        (!same).then(|| format!("{} is {bytes:?}, strace shows {shown}", param.name))
    };
    match param.source.op {
        Op::UserText => text(param.source.a.into()),
        Op::TaskText if param.name == "filename" => text(0),
        Op::Arg | Op::ArgSigned if param.kind.flag_set().is_none() => number(),
        _ => None,
    }
}

/// What was compared.
#[derive(Default)]
struct Compared {
    calls: usize,
    results: usize,
    parameters: usize,
    names: BTreeSet<String>,
    differences: String,
}

impl Compared {
    fn say(&mut self, tid: u32, at: usize, what: impl std::fmt::Display) {
        let _ = writeln!(self.differences, "  thread {tid}, step {at}: {what}");
    }

    /// Compares the steps of one thread in their order.
    fn thread(&mut self, tid: u32, steps: &[Step], events: &[Event<'_>]) {
        let mut events = events.iter().copied().peekable();
        for (at, step) in steps.iter().enumerate() {
            let Some(event) = events.next() else {
                return self.say(tid, at, format!("the tracer has nothing more, strace has {step:?}"));
            };
            let same = match step {
                Step::Call(call) => event.name() == name_of(call),
                Step::Signal(_) => event.row.code == code::SIGNALDELIVER,
                Step::End(_) => event.row.code == code::PROCEXIT,
                Step::Cut(_) => false,
            };
            if !same {
                let next = events.next().map_or("nothing", |event| event.name());
                return self.say(tid, at, format!("the tracer has {}, then {next}; strace has {step:?}", event.name()));
            }
            match step {
                Step::Call(call) => {
                    // Such a call has an event for each message, with its size.
                    let several = event.row.flags.has(Flags::SEVERAL) && call.result.is_some_and(|count| count > 0);
                    if several {
                        for _ in 1..call.result.unwrap_or(1) {
                            let more = events.next_if(|next| next.row.code == event.row.code);
                            if more.is_none() {
                                self.say(tid, at, format!("a message is missing of {call:?}"));
                            }
                        }
                    }
                    self.call(tid, at, call, &event, several);
                }
                Step::Signal(name) => {
                    let sig = event.row.param("sig").and_then(|(index, _)| event.params.i64(index));
                    if sig != parse::number_of_signal(name).map(i64::from) {
                        self.say(tid, at, format!("the tracer has signal {sig:?}, strace {name}"));
                    }
                }
                Step::End(status) => {
                    let seen = event.params.i64(0);
                    if seen != Some((*status).into()) {
                        self.say(tid, at, format!("the tracer has status {seen:?}, strace {status}"));
                    }
                }
                Step::Cut(_) => {}
            }
        }
        if let Some(event) = events.next() {
            self.say(tid, steps.len(), format!("strace has nothing more, the tracer has {}", event.name()));
        }
    }

    fn call(&mut self, tid: u32, at: usize, call: &Call, event: &Event<'_>, several: bool) {
        self.calls += 1;
        self.names.insert(call.name.clone());
        if let Some(result) = result_of(event).filter(|_| !several) {
            self.results += 1;
            if Some(result) != call.result {
                self.say(tid, at, format!("the tracer has result {result}, strace has {call:?}"));
            }
        }
        for (index, param) in event.row.params.iter().enumerate() {
            self.parameters += 1;
            if let Some(difference) = difference(event, index, param, call) {
                self.say(tid, at, format!("{}: {difference}", call.name));
            }
        }
    }
}

/// What is behind the mark: both begin with it then.
fn from_mark(steps: &[Step]) -> Vec<Step> {
    let is_mark = |step: &Step| matches!(step, Step::Call(call) if call.name == calls::MARK);
    let has_event =
        |step: &Step| !matches!(step, Step::Call(call) if NO_EVENT.iter().any(|(name, _)| *name == call.name));
    let start = steps.iter().position(is_mark).unwrap_or(0);
    steps[start..].iter().filter(|step| has_event(step)).cloned().collect()
}

#[test]
fn each_call_is_as_strace_shows_it() {
    if !strace_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (run, steps) = both(Tracer::shared(), &scratch, || {
        calls::all(&scratch);
        []
    });
    let mut events = BTreeMap::<u32, Vec<Event<'_>>>::new();
    for event in run.events().filter(is_shown) {
        events.entry(event.tid).or_default().push(event);
    }
    let mut compared = Compared::default();
    let tids: BTreeSet<u32> = events.keys().chain(steps.keys()).copied().collect();
    for tid in &tids {
        let steps = from_mark(steps.get(tid).map(Vec::as_slice).unwrap_or_default());
        let events = events.get(tid).map(Vec::as_slice).unwrap_or_default();
        let start = events.iter().position(|event| event.name() == calls::MARK).unwrap_or(0);
        compared.thread(*tid, &steps, &events[start..]);
    }
    let Compared { calls, results, parameters, names, differences } = &compared;
    println!(
        "{calls} calls of {} names and {} threads compared, {results} results, {parameters} parameters",
        names.len(),
        tids.len()
    );
    assert!(differences.is_empty(), "the tracer and strace differ:\n{differences}");
    assert!(*calls >= 300, "only {calls} calls");
    assert!(names.len() >= 150, "only {} names", names.len());
}
