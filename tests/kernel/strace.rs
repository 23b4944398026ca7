//! Side by side with strace: both look at the same process at the same time, and see the same.

mod calls;
mod failing;
pub(super) mod parse;
mod stress;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
};

use tracer::event::Event;
use tracer_common::{
    arch::NO_RETURN,
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

/// Names of rows that are not those of strace, which has the kernel's, and why.
const NAMES: Names = Names(&[
    ("pread64", "pread", "the format has the name of the library's function"),
    ("preadv2", "preadv", "the event of both has the same parameters, and no flags"),
    ("pwritev2", "pwritev", "the same"),
    ("pwrite64", "pwrite", "the same"),
    ("prlimit64", "prlimit", "the same"),
]);
/// See [`NAMES`].
struct Names(&'static [(&'static str, &'static str, &'static str)]);

impl Names {
    fn row<'a>(&self, strace: &'a str) -> &'a str {
        self.0.iter().find(|(name, _, _)| *name == strace).map_or(strace, |(_, row, _)| row)
    }
}

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

/// Whether strace shows it: calls that ended, signals and ends. Not the second return of a fork, in the child, and not
/// SIGKILL, of which nobody is told.
fn is_shown(event: &Event<'_>) -> bool {
    match event.row.code {
        code::PROCEXIT => true,
        code::SIGNALDELIVER => signal_of(event) != Some(libc::SIGKILL.into()),
        _ => is_call(event) && !(event.row.effect == Effect::Clone && event.result() == Some(0)),
    }
}

fn is_call(event: &Event<'_>) -> bool {
    event.row.is_syscall() && !event.row.flags.has(Flags::ENTER) && event.row.category != Category::Internal
}

fn signal_of(event: &Event<'_>) -> Option<i64> {
    event.row.param("sig").and_then(|(index, _)| event.params.i64(index))
}

/// The result as the record has it, for rows that have one.
fn result_of(event: &Event<'_>) -> Option<i64> {
    let first = event.row.params.first().filter(|param| matches!(param.source.op, Op::Ret));
    event.result().or_else(|| first.and_then(|_| event.params.i64(0)))
}

/// Whether a text of the event is the one that strace shows: all of it, or the beginning where strace cuts it.
fn is_text(value: Option<&[u8]>, shown: &str, only_on_success: bool) -> bool {
    match (value, parse::unquoted(shown)) {
        (Some(value), Some((bytes, true))) => value == bytes,
        (Some(value), Some((bytes, false))) => value.starts_with(&bytes),
        (None, Some(_)) => only_on_success,
        // An address: there was nothing to read.
        (value, None) => value.is_none(),
    }
}

/// Whether the number of the event, in as many bytes as it has, is the one that strace shows.
fn is_number(value: &[u8], shown: i64) -> bool {
    !value.is_empty() && value.len() <= 8 && shown.to_le_bytes().starts_with(value)
}

/// Compares a parameter with the argument that strace shows. `None` where strace shows it in another form.
fn compare(event: &Event<'_>, index: usize, param: &Param, call: &Call) -> Option<Result<(), String>> {
    let argument = match param.source.op {
        Op::UserText | Op::Arg | Op::ArgSigned => usize::from(param.source.a),
        Op::TaskText if param.name == "filename" => 0,
        _ => return None,
    };
    let shown = call.args.get(argument)?;
    let same = match param.source.op {
        Op::Arg | Op::ArgSigned if param.kind.flag_set().is_some() => return None,
        Op::Arg | Op::ArgSigned if shown == "AT_FDCWD" => {
            is_number(event.params.raw(index).unwrap_or_default(), libc::AT_FDCWD.into())
        }
        Op::Arg | Op::ArgSigned => is_number(event.params.raw(index).unwrap_or_default(), parse::number(shown)?),
        // With `b`, there is a value only when the call succeeded.
        _ => is_text(event.params.text(index), shown, param.source.b != 0 && event.failed()),
    };
    let value = event.params.value(index);
    Some(if same { Ok(()) } else { Err(format!("{} is {value:?}, strace shows {shown}", param.name)) })
}

/// What was compared.
#[derive(Default)]
struct Compared {
    calls: usize,
    results: usize,
    arguments: usize,
    threads: usize,
    untraced: BTreeSet<u32>,
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
            if let Step::Cut(name) = step {
                // The kernel may still have reported its end.
                let _ = events.next_if(|event| event.name() == NAMES.row(name));
                continue;
            }
            if *step == Step::End(libc::SIGKILL) && events.peek().is_some_and(is_call) {
                // Killed when a call began: the kernel reports its end, but strace was not stopped for it any more.
                let _ = events.next();
            }
            let Some(event) = events.next() else {
                return self.say(tid, at, format!("the tracer has nothing more, strace has {step:?}"));
            };
            let same = match step {
                Step::Call(call) => event.name() == NAMES.row(&call.name),
                Step::Signal(name) => signal_of(&event) == parse::number_of_signal(name).map(i64::from),
                Step::End(status) => event.row.code == code::PROCEXIT && event.params.i64(0) == Some((*status).into()),
                Step::Cut(_) => true,
            };
            if !same {
                let next = events.next().map_or("nothing", |event| event.name());
                let event = format!("{} {:?}", event.name(), event.params.value(0));
                return self.say(tid, at, format!("the tracer has {event}, then {next}; strace has {step:?}"));
            }
            let Step::Call(call) = step else { continue };
            // Such a call has an event for each message, with its size.
            let messages = if event.row.flags.has(Flags::SEVERAL) { call.result.unwrap_or(0).max(0) } else { 0 };
            for _ in 1..messages {
                if events.next_if(|next| next.row.code == event.row.code).is_none() {
                    self.say(tid, at, format!("a message is missing of {call:?}"));
                }
            }
            self.call(tid, at, call, &event, messages > 0);
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
            let Some(result) = compare(event, index, param, call) else { continue };
            self.arguments += 1;
            if let Err(difference) = result {
                self.say(tid, at, format!("{}: {difference}", call.name));
            }
        }
    }
}

/// The steps that have events.
fn with_event(steps: &[Step]) -> Vec<Step> {
    // Calls that only strace has.
    let no_event = |call: &Call| NO_RETURN.iter().any(|(name, _)| *name == call.name);
    let has_event = |step: &&Step| !matches!(step, Step::Call(call) if no_event(call));
    steps.iter().filter(has_event).cloned().collect()
}

/// Compares all threads that strace could follow.
fn compared<const N: usize>(run: &Run<N>, steps: &HashMap<u32, Vec<Step>>) -> Compared {
    let mut events = BTreeMap::<u32, Vec<Event<'_>>>::new();
    let mut compared = Compared::default();
    for event in run.events() {
        if is_untraced(&event) {
            compared.untraced.insert(event.tid);
        }
        if is_shown(&event) {
            events.entry(event.tid).or_default().push(event);
        }
    }
    let tids: BTreeSet<u32> = events.keys().chain(steps.keys()).copied().collect();
    for tid in tids.difference(&compared.untraced.clone()) {
        let steps = steps.get(tid).map(Vec::as_slice).unwrap_or_default();
        let events = events.get(tid).map(Vec::as_slice).unwrap_or_default();
        // Strace also has what the first thread did before it was told to begin.
        let (first_step, first_event) = if *tid == run.pid { (mark_of_steps(steps), mark_of(events)) } else { (0, 0) };
        compared.thread(*tid, &with_event(&steps[first_step..]), &events[first_event..]);
        compared.threads += 1;
    }
    println!(
        "{} calls of {} names by {} threads compared: {} results, {} arguments; {} threads were hidden from strace",
        compared.calls,
        compared.names.len(),
        compared.threads,
        compared.results,
        compared.arguments,
        compared.untraced.len(),
    );
    compared
}

fn mark_of_steps(steps: &[Step]) -> usize {
    let is_mark = |step: &Step| matches!(step, Step::Call(call) if call.name == calls::MARK);
    steps.iter().position(is_mark).expect("strace saw the mark")
}

fn mark_of(events: &[Event<'_>]) -> usize {
    events.iter().position(|event| event.name() == calls::MARK).expect("the tracer saw the mark")
}

/// Whether the thread was born with `CLONE_UNTRACED`: no ptrace follows it.
fn is_untraced(event: &Event<'_>) -> bool {
    let Some((index, param)) = event.row.param("flags").filter(|_| event.row.effect == Effect::Clone) else {
        return false;
    };
    let flags = event.params.u64(index).unwrap_or(0) as u32;
    event.result() == Some(0)
        && param.kind.flag_set().is_some_and(|set| set.names(flags).any(|name| name == "CLONE_UNTRACED"))
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
    let Compared { calls, names, differences, .. } = compared(&run, &steps);
    assert!(differences.is_empty(), "the tracer and strace differ:\n{differences}");
    assert!(calls >= 300, "only {calls} calls");
    assert!(names.len() >= 150, "only {} names", names.len());
}
