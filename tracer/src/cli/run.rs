//! From options to a plan: what is shown, and what has to be collected for it.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use tracer_common::events::sched::SWITCH;

use super::{Args, Failure, habits};
use crate::message::Shown as _;
use crate::{
    chisel::{Chisel, Env, Library, Tables, Watch},
    fields::{FieldError, Needs, Show},
    filter::Filter,
    format::{Preset, Template, TemplateError, escape, json::Json, units},
    message::note,
    output::{Out, Page, Palette},
    pipeline::{Commands, Mode},
    sample::Sample,
    sink::{Calls, Capture, ChiselSink, Discard, Lines, Outputs, Print, Sink, Strace, Summary, Trace},
    source::{live::Options, replay::Position},
    state::container::EngineSocket,
};

/// What the command is going to do.
#[derive(Debug)]
pub struct Plan {
    /// Filter and sinks. Which events they want: [`Outputs::wants`].
    pub outputs: Outputs,
    /// What has to be collected.
    pub needs: Needs,
    /// Bytes of payload in a record; 0 when nothing shows data.
    pub snaplen: u32,
    /// Bytes of arguments and of the environment that are kept of a process; what the kernel side keeps when `None`.
    pub args_limit: Option<u32>,
    /// How long it runs; until it is stopped when `None`.
    pub max_time: Option<Duration>,
    /// Bytes of each ring; the default when `None`.
    pub buffer_size: Option<u64>,
    /// How often [`Outputs::interval`] is to be called, in milliseconds; never when `None`.
    pub interval_ms: Option<u64>,
    /// Whether the log of the kernel side is printed.
    pub kernel_log: bool,
    /// Capture files to read; the kernel is traced when there is none.
    pub read: Vec<PathBuf>,
    /// Capture files that are read once more, for what is around events that chisels marked: those that are read, or the one
    /// that is written.
    pub again: Vec<PathBuf>,
    /// Whether files of other users are written over, too.
    pub force: bool,
    /// Whether it is shown how far reading is.
    pub progress: bool,
    /// The engines that are asked for names; those of the usual places when there are none.
    pub engine_sockets: Vec<EngineSocket>,
    /// The user whose rights are enough once tracing has begun.
    pub drop_to: Option<String>,
    /// The processes that are followed; all that run, or a command, when there are none.
    pub pids: Vec<u32>,
    /// Whether users and groups are looked up.
    pub users: bool,
    /// Whether it fails when events were lost.
    pub fail_on_drop: bool,
    /// Whether the beginning of calls is reported.
    pub entry_args: bool,
    /// Whether calls that never come back are reported, which only strace shows.
    pub ends: bool,
    /// Whether page faults are reported.
    pub page_faults: bool,
    /// Whether the tracer's own events are reported.
    pub own: bool,
    /// How many events are looked at, when it is not all of them.
    pub sample: Option<Sample>,
    /// Whether the kernel side decides what it can of the filters.
    pub pushdown: bool,
    /// Whether lines are not printed.
    pub quiet: bool,
    /// Whether more statistics are printed at the end.
    pub verbose: bool,
    /// Whether they are printed as JSON, too.
    pub json: bool,
    /// The interface that shows it, if there is one: a full screen, or a server.
    pub screen: Option<Screen>,
}

/// What a plan needs to know of an interface.
#[derive(Debug)]
pub struct Screen {
    /// Questions that come later; none when a capture is read.
    pub commands: Option<Commands>,
    /// Set when it is to end. Signals are the interface's.
    pub stop: Arc<AtomicBool>,
    /// Whether commands are run for the user.
    pub runs: bool,
    /// Whether clients are answered.
    pub serves: bool,
    /// Whether what is not needed is given up now: the first time.
    pub confines: bool,
    /// How far reading is, once a capture is open.
    pub position: Arc<OnceLock<Arc<Position>>>,
}

impl Plan {
    /// How the kernel side is asked.
    #[must_use]
    pub fn mode(&self) -> Mode {
        let options = Options {
            snaplen: self.snaplen,
            ring_bytes: self.buffer_size.and_then(|size| usize::try_from(size).ok()),
            containers: true,
            kernel_log: self.kernel_log,
            entry_args: self.entry_args || self.ends,
            page_faults: self.page_faults,
            own: self.own,
            changes: self.screen.as_ref().is_some_and(|screen| screen.commands.is_some()),
            ..Options::default()
        };
        Mode { options, pushdown: self.pushdown, ends: self.ends, sample: self.sample }
    }
}

/// Makes the plan.
///
/// # Errors
/// The filter, the format or a chisel is wrong.
pub fn plan(args: &Args, library: &Library, arguments: &[Option<String>]) -> Result<Plan, Failure> {
    let plain = Show { time: args.time, whole_data: args.verbose, ..Show::PLAIN };
    // Nothing has to fit into a line of JSON.
    let show = Show {
        whole_data: args.verbose || args.json,
        data: args.data(),
        services: args.resolve_ports,
        lines: !args.json,
        ..plain
    };
    // A command that is run writes to the same terminal, where nothing may be drawn over it.
    let goes_on = args.read.is_empty() && args.following.command.is_none();
    let out = Out::stdout(args.unbuffered, goes_on, args.color);
    let filter = args.filter_text().map(|text| filter(args, &text, plain)).transpose()?;
    let preset = args.print.as_deref().and_then(Preset::by_name);
    let colors = args.color.enabled();

    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    let palette = Palette::of_terminal(colors && !args.json);
    let mut snaplen = args.snaplen;
    let again = again(args);
    let (mut columns, mut is_sorted) = (Vec::new(), false);
    let mut written: Vec<PathBuf> = args.write.iter().cloned().collect();
    for (place, (name, argument)) in
        args.chisels.iter().zip(arguments.iter().chain(std::iter::repeat(&None))).enumerate()
    {
        let out = if args.json && args.chisels.len() > 1 {
            let argument = argument.as_deref().map(|argument| ("argument", argument));
            out.labelled(&[("chisel", name.as_str())].into_iter().chain(argument).collect::<Vec<_>>())
        } else {
            out.clone()
        };
        let env = Env {
            show: plain,
            data: args.data(),
            container: matches!(preset, Some(Preset::Container | Preset::Kubernetes)),
            page: Page { json: args.json, palette, place, named: args.chisels.len() > 1, ..Page::plain(out) },
            replay: !args.read.is_empty(),
            interpreted: false,
            force: args.writing.force,
            read_only: false,
            tables: Tables { rows: args.rows, interval_ms: args.interval, sort: args.sort.clone() },
        };
        let source = library.find(name)?;
        let watch = args.watch.then(|| Watch::new(&source, argument.as_deref(), &env)).flatten();
        let chisel = Chisel::load(source, argument.as_deref(), env)?;
        snaplen = snaplen.max(chisel.snaplen());
        let (of_tables, sorted) = chisel.sorted();
        columns.extend(of_tables);
        is_sorted |= sorted;
        for excerpt in chisel.excerpts() {
            not_read(&excerpt.path, args, "give the chisel another name")?;
            if again.is_empty() {
                return Err(Failure::with_hint(
                    format!("chisel '{name}' reads a capture twice, so it needs a file"),
                    "read one with -r, or write one with -w and without -C, -G and -e",
                ));
            }
            if written.iter().any(|file| is_same(file, &excerpt.path)) {
                return Err(Failure::with_hint(
                    format!("capture '{}' is written twice", excerpt.path.shown()),
                    "give the chisel another name",
                ));
            }
            written.push(excerpt.path);
        }
        let others = args.chisels.len() > 1 || args.summary || args.write.is_some();
        sinks.push(Box::new(ChiselSink::new(chisel).among_others(others).watched(watch)));
    }
    if let Some(column) = args.sort.as_ref().filter(|_| !is_sorted) {
        return Err(no_column(column, columns));
    }
    if args.following.strace {
        sinks.push(Box::new(Strace::new(out.clone())));
    } else if args.following.trace_json {
        sinks.push(Box::new(Trace::new(out.clone())));
    }
    let counts = args.summary && args.following.is_some();
    if counts {
        let calls = Calls::new(out.clone()).map_err(|error| Failure::new(error.to_string()))?;
        sinks.push(Box::new(calls));
    }
    if sinks.is_empty() && args.quiet {
        sinks.push(Box::new(Discard));
    } else if sinks.is_empty() && (args.write.is_none() || args.print.is_some() || args.json) {
        let format = match (&args.print, preset) {
            (Some(format), None) => match habits::of_format(format) {
                Some(failure) => return Err(failure),
                None => format.clone(),
            },
            (_, preset) => preset.unwrap_or_default().format(colors && !args.json),
        };
        let template = template(&format, show)?;
        // Most lines of an idle machine would be of its scheduler. A capture is shown whole.
        let asked = filter.as_ref().is_some_and(|filter| filter.names(&SWITCH)) || template.names(&SWITCH);
        let without = (args.read.is_empty() && !asked).then_some(&SWITCH);
        let lines = if args.json { Lines::Json(Json::new(template)) } else { Lines::Text(template) };
        sinks.push(Box::new(Print::new(lines, out.clone(), args.debug).without(without)));
    }

    if args.summary && !counts {
        sinks.push(Box::new(Summary::new(out.clone(), args.json, args.debug)));
    }
    let ends = args.following.strace && sinks.len() == 1 && args.write.is_none() && !args.entry_args;
    let capture = capture(args)?;
    let interval_ms = sinks.iter().filter_map(|sink| sink.interval_ms()).min();
    let every = interval_ms.map(|ms| format!("every {}", units::time(ms as f64 * 1e6).replace(".00", "")));
    out.describe(every.into_iter().chain(args.filter_text().map(|text| escape::escaped(text.as_bytes()))).collect());
    let outputs = Outputs::new(filter, sinks, out, args.max_events).without(&args.suppress).with_capture(capture);
    let needs = outputs.needs();
    Ok(Plan {
        needs,
        snaplen: if needs.has(Needs::PAYLOAD) { snaplen } else { 0 },
        args_limit: args.args_limit,
        max_time: args.max_time,
        buffer_size: args.buffer_size,
        interval_ms: outputs.interval_ms(),
        kernel_log: args.kernel_log,
        read: args.read.clone(),
        again,
        force: args.writing.force,
        progress: args.progress,
        engine_sockets: args.engine_sockets.clone(),
        drop_to: args.writing.drop_to.clone(),
        pids: args.following.pids.clone(),
        users: !args.exclude_users,
        fail_on_drop: args.fail_on_drop,
        entry_args: args.entry_args,
        ends,
        page_faults: args.page_faults,
        own: args.debug,
        sample: args.sample.and_then(Sample::of_several),
        pushdown: !args.no_pushdown && !needs.has(Needs::NEIGHBOURS),
        quiet: args.quiet,
        verbose: args.verbose,
        json: args.json,
        screen: None,
        outputs,
    })
}

/// No table can be sorted by that column.
fn no_column(column: &str, mut columns: Vec<String>) -> Failure {
    let mut seen = BTreeSet::new();
    columns.retain(|title| seen.insert(title.clone()));
    let message = format!("--sort: no table has a column '{column}'");
    if columns.is_empty() {
        return Failure::with_hint("--sort is for chisels that print a table", "tracer -cl lists the chisels");
    }
    Failure::with_hint(message, format!("columns are {}", columns.join(", ")))
}

/// The capture that is to be written.
fn capture(args: &Args) -> Result<Option<Capture>, Failure> {
    let Some(file) = &args.write else { return Ok(None) };
    let options = args.writing.options(file, &args.read);
    if options.limits.files.is_some() && !options.limits.rotates() {
        return Err(Failure::with_hint(
            "-W limits the number of files, but nothing says when to start a new file",
            "give -C, -G or -e, too",
        ));
    }
    if options.filter_threads && args.filter.is_empty() {
        return Err(Failure::with_hint("--filter-proclist needs a filter", "put the filter after the options"));
    }
    if file.as_os_str() == "-" {
        if options.limits.rotates() {
            return Err(Failure::with_hint(
                "-C, -G and -e need a file: standard output cannot be rotated",
                "give -w a name",
            ));
        }
        if args.print.is_some() || args.json || args.summary || !args.chisels.is_empty() {
            return Err(Failure::with_hint(
                "standard output cannot carry both the capture and printed lines",
                "give -w \
                a name",
            ));
        }
        if io::stdout().is_terminal() {
            return Err(Failure::with_hint(
                "cannot write a capture to a terminal",
                "redirect it to a file or a pipe: tracer -w - > FILE",
            ));
        }
    }
    not_read(file, args, "give -w another name")?;
    Ok(Some(Capture::new(options)))
}

/// Capture files that can be read once more at the end; none when there is no such file.
fn again(args: &Args) -> Vec<PathBuf> {
    let files = match &args.write {
        Some(file) if args.read.is_empty() => {
            let rotates = args.writing.options(file, &args.read).limits.rotates();
            if rotates { Vec::new() } else { vec![file.clone()] }
        }
        _ => args.read.clone(),
    };
    if files.iter().any(|file| file.as_os_str() == "-") { Vec::new() } else { files }
}

/// Whether both paths lead to the same file, or would.
fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    one == other && one.as_os_str() != "-" || id(one).is_some_and(|one| id(other) == Some(one))
}

/// Refuses to write a capture that is read.
fn not_read(file: &Path, args: &Args, hint: &str) -> Result<(), Failure> {
    if args.read.iter().any(|read| is_same(read, file)) {
        let name = file.shown();
        return Err(Failure::with_hint(format!("capture '{name}' cannot be read and written at the same time"), hint));
    }
    Ok(())
}

/// The filter that those words are, if there are any: its text, which compiles.
pub(super) fn checked(words: &[String]) -> Result<Option<String>, Failure> {
    let Some(text) = Some(words.join(" ")).filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    match Filter::compile(&text, Show::PLAIN) {
        Ok(_) => Ok(Some(text)),
        Err(error) => {
            let hint = habits::of_filter(words, &[]).or(error.hint.clone());
            Err(Failure { message: error.to_string(), hint })
        }
    }
}

fn filter(args: &Args, text: &str, show: Show) -> Result<Filter, Failure> {
    let filter = Filter::compile(text, show).map_err(|error| {
        let option = args.filter.iter().find(|word| word.starts_with('-'));
        let line: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        let hint = option
            .map(|option| format!("put options such as {option} before the filter"))
            .or_else(|| habits::of_filter(&args.filter, &line))
            .or(error.hint.clone());
        Failure { message: error.to_string(), hint }
    })?;
    filter.notes().iter().for_each(|text| note(text));
    // What programs do today does not matter to a capture.
    if args.read.is_empty() && (args.verbose || io::stderr().is_terminal()) {
        filter.advice().iter().for_each(|text| note(text));
    }
    Ok(filter)
}

fn template(format: &str, show: Show) -> Result<Template, Failure> {
    Template::parse(format, show).map_err(|error| {
        let hint = match &error {
            TemplateError::Field { source, .. } => FieldError::hint(source),
            TemplateError::Transformer { source, .. } => source.hint.clone(),
            TemplateError::Width { .. } => Some("%20proc.name prints a field in 20 characters".into()),
            TemplateError::TooLong => Some("use fewer fields, or print the whole event with -p p".into()),
            _ => None,
        };
        Failure {
            message: format!("format: {error}"),
            hint: hint.or_else(|| Some("tracer -l lists the fields".into())),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use tracer_common::{
        arch::SYSCALLS,
        events::{self, io, meta},
    };

    use crate::{fields::EventType, pipeline::Asked};

    fn plan_of(words: &[&str]) -> Result<Plan, Failure> {
        let args = Args::try_parse_from(std::iter::once("tracer").chain(words.iter().copied())).unwrap();
        plan(&args, &Library::builtin(), &[])
    }

    #[test]
    fn only_what_is_asked_for_is_collected() {
        let lines = plan_of(&["-s", "200"]).unwrap();
        assert_eq!(lines.snaplen, 200, "the default format shows data");
        assert_eq!(lines.interval_ms, None);
        let names = plan_of(&["-p", "%proc.name %evt.type", "evt.type=read"]).unwrap();
        assert_eq!(names.snaplen, 0);
        assert!(names.outputs.wants_row(&io::READ) && !names.outputs.wants_row(&io::WRITE));
        let cpu = plan_of(&["-c", "topprocs_cpu"]).unwrap();
        assert!(cpu.needs.has(Needs::CPU_TIME));
        assert_eq!(cpu.interval_ms, Some(1000));
        assert!(cpu.outputs.wants_row(&meta::PROCINFO) && !cpu.outputs.wants_row(&io::READ));
        let net = plan_of(&["-pc", "-c", "topcontainers_net"]).unwrap();
        assert!(net.needs.has(Needs::CONTAINER) && !net.needs.has(Needs::CONTAINER_NOW), "names may come late");
        assert_eq!(net.snaplen, 0);
        assert!(net.outputs.wants_row(&io::READ) && !net.outputs.wants_row(&meta::PROCINFO));
        assert!(plan_of(&["-pc"]).unwrap().needs.has(Needs::CONTAINER_NOW));
    }

    #[test]
    fn a_call_is_collected_by_both_of_its_names() {
        for call in SYSCALLS {
            let row = events::by_syscall(call.name);
            let name = EventType::of_call(row, call.name).name.unwrap();
            for wanted in [name, call.name] {
                let filter = format!("evt.type={wanted}");
                let mut plan = plan_of(&["-p", "%evt.num", &filter]).unwrap();
                let mode = plan.mode();
                let asked = Asked::of(&mut plan.outputs, &mode, || false);
                assert!(asked.collects(&plan.outputs, row, Some(call.name)), "{filter}: {}", call.name);
                let other = if call.name == "ioctl" { "flock" } else { "ioctl" };
                assert!(!asked.collects(&plan.outputs, events::by_syscall(other), Some(other)), "{filter}: {other}");
            }
        }
    }

    #[test]
    fn wrong_use_has_a_message_and_a_hint() {
        let failure = |words: &[&str]| {
            let failure = plan_of(words).map(|_| ()).unwrap_err();
            (failure.message, failure.hint.unwrap_or_default())
        };
        let (message, hint) = failure(&["proc.nam=x"]);
        assert_eq!(
            (message.lines().next().unwrap(), &*hint),
            ("filter: unknown field 'proc.nam'", "did you mean 'proc.name'?")
        );
        let (message, hint) = failure(&["-p", "%proc.nam"]);
        assert_eq!(
            (&*message, &*hint),
            ("format: unknown field 'proc.nam' at '%proc.nam'", "did you mean 'proc.name'?")
        );
        assert_eq!(failure(&["proc.name=x", "-n", "5"]).1, "put options such as -n before the filter");
        assert_eq!(failure(&["-c", "topscals"]).1, "did you mean 'topscalls'?");
    }
}
