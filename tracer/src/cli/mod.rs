//! The command: options, lists, and how it ends.
//!
//! Exit codes: 0 done, 1 failed while running, 2 wrong use, 3 events were lost and `--fail-on-drop` is set, 128 and the number
//! of the signal that ended it. Ctrl-C, and a reader that goes away, as `head` does, are normal ends.

pub mod args;
mod chisel_args;
mod chisel_tool;
mod command;
pub mod config;
mod engine;
mod excerpt;
mod explain;
mod generate;
mod gone;
mod habits;
mod help;
mod info;
mod journal;
mod list;
pub mod live;
mod logs;
mod memory;
mod missing;
mod names;
mod progress;
mod replay;
mod run;
mod serve;
mod still;
mod stop;
mod subcommands;
mod top;
mod waiting;

use std::{
    fmt,
    io::{self, IsTerminal, Write as _},
    path::Path,
    process::ExitCode,
};

use clap::{
    Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

pub use args::Args;
pub use run::Plan;

use crate::{
    chisel::{ChiselError, Library},
    confine::Paths,
    files::Refused,
    format::{escape, time},
    launch::Launched,
    message,
    scap::ScapError,
    source::live::groups,
    state::container::EngineSocket,
    stats::Stats,
    thread::NoThread,
};

/// How it ends when events were lost and that counts as failure.
const LOST: u8 = 3;

/// What the command calls to do its work on the running kernel.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    /// Traces as planned, until the plan or the user ends it, or the command does that waits for it.
    pub run: fn(Plan, Option<&mut Launched>) -> anyhow::Result<Stats>,
    /// Says what the kernel and the user allow: `--doctor`.
    pub doctor: fn(Vec<EngineSocket>) -> anyhow::Result<ExitCode>,
    /// Attaches a program that does nothing, for measurements: `--bench-empty`.
    pub bench_empty: fn(Plan) -> anyhow::Result<()>,
}

/// A failure with a remedy, printed as two lines.
#[derive(Debug)]
pub struct Failure {
    /// What failed: the thing and the cause.
    pub message: String,
    /// What to do about it, when that is known.
    pub hint: Option<String>,
}

impl Failure {
    /// Without a remedy.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// Of an error whose text may have a remedy in its second line.
    pub fn of(text: &str) -> Self {
        match text.split_once("\nhint: ") {
            Some((message, hint)) => Self::with_hint(message, hint),
            None => Self::new(text),
        }
    }

    /// With a remedy.
    pub fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<ChiselError> for Failure {
    fn from(error: ChiselError) -> Self {
        Self { message: error.to_string(), hint: error.hint }
    }
}

/// Runs the command with the arguments of the process.
#[must_use]
pub fn main(live: Live) -> ExitCode {
    let stack = command::stack_limit();
    raise_stack();
    // Whoever starts it chooses the first word, which usage texts repeat.
    let rest = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let words = std::iter::once("tracer".to_owned()).chain(rest).collect();
    match execute(words, live, stack) {
        Ok(code) => code,
        Err(End::Usage(failure)) => {
            let remedy = missing::remedy(&failure.message);
            message::failure(&failure.message, remedy.or(failure.hint.as_deref()));
            // Nothing is wrong with how it is used when it could not be looked at.
            if remedy.is_some() { ExitCode::FAILURE } else { ExitCode::from(2) }
        }
        Err(End::Run(error)) => end(&error),
    }
}

/// How deep the stack may become: giving back what a script has put into each other goes as deep as that is, and its memory is
/// bounded, too.
const STACK: u64 = 120 << 20;

/// Lets the stack of this thread grow as far as may be needed. It takes memory only when it does.
pub fn raise_stack() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_STACK) else { return };
    if soft < STACK {
        // What is not allowed stays as it is.
        let _ = setrlimit(Resource::RLIMIT_STACK, STACK.min(hard), hard);
    }
}

/// How it ends when it does not end well.
#[derive(Debug)]
enum End {
    Usage(Failure),
    Run(anyhow::Error),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Usage(failure)
    }
}

impl From<anyhow::Error> for End {
    fn from(error: anyhow::Error) -> Self {
        Self::Run(error)
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Run(error.into())
    }
}

/// Whether nobody reads the output any more.
fn is_closed(error: &anyhow::Error) -> bool {
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(closed)
}

fn end(error: &anyhow::Error) -> ExitCode {
    if is_closed(error) {
        return ExitCode::from(stop::code());
    }
    let hint = error.chain().find_map(|cause| {
        let failure = cause.downcast_ref::<Failure>().and_then(|failure| failure.hint.clone());
        let of_chisel = || cause.downcast_ref::<ChiselError>().and_then(|error| error.hint.clone());
        let of_file = || cause.downcast_ref::<Refused>().and_then(Refused::hint).map(str::to_owned);
        let of_capture = || cause.downcast_ref::<ScapError>().and_then(ScapError::hint).map(str::to_owned);
        let of_thread = || cause.downcast_ref::<NoThread>().map(|error| error.hint().to_owned());
        failure.or_else(of_chisel).or_else(of_file).or_else(of_capture).or_else(of_thread)
    });
    let text = format!("{error:#}");
    message::failure(&text, missing::remedy(&text).or(hint.as_deref()));
    ExitCode::FAILURE
}

fn execute(words: Vec<String>, live: Live, stack: Option<(u64, u64)>) -> Result<ExitCode, End> {
    let text = match words.get(1).map(String::as_str) {
        Some("help") => {
            let library = Library::new(&args::chisel_dirs(&words));
            Some(help::topic(&words[2..], &library, terminal_width())?)
        }
        Some("-h") => Some(help::SHORT.to_owned()),
        _ => None,
    };
    if let Some(text) = text {
        message::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some((subcommand, rest)) = subcommands::of_words(&words)
        && let Some(result) = subcommand.run(rest, live)
    {
        return result;
    }
    let (words, command) = command::split(words)?;
    if command.is_none()
        && let Some(failure) = habits::of_line(&words)
    {
        return Err(failure.into());
    }
    let words = config::with_defaults(words)?;
    let library = Library::new(&args::chisel_dirs(&words));
    let (words, arguments) = chisel_args::extract(words, &library)?;
    let words_of_help = words.clone();
    let mut args = match parse(words) {
        Ok(args) => args,
        Err(error) if error.use_stderr() => {
            return Err(End::Usage(wrong_option(&error)));
        }
        // -h in the middle of other options.
        Err(help) if help.kind() == ErrorKind::DisplayHelp && !words_of_help.iter().any(|word| word == "--help") => {
            message::print(help::SHORT)?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(help) => {
            help.print()?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    if let Some(name) = &args.generate {
        // Pages and completions have no text of others, and tabs of their own.
        let mut stdout = io::stdout().lock();
        stdout.write_all(generate::page(name)?.as_bytes())?;
        stdout.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(what) = &args.complete {
        message::print(&names::of(what, &library)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(text) = lists(&args, &library)? {
        message::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(zone) = args.zone() {
        time::choose_zone(zone)
            .map_err(|error| Failure::with_hint(error, "use an IANA name, such as Europe/Berlin"))?;
    }
    if args.doctor {
        return Ok((live.doctor)(args.engine_sockets)?);
    }
    command::complete(&mut args, command)?;
    let mut launched = None;
    if !args.explain {
        launched = match command::launch(&args.following, stack) {
            Ok(launched) => launched,
            Err(Ok(not_run)) => {
                message::failure(&not_run.to_string(), None);
                return Ok(ExitCode::from(not_run.code()));
            }
            Err(Err(end)) => return Err(end),
        };
        command::redirect(&args.following, args.writing.force)?;
    }
    // What the command gets is as it was until here.
    stop::survive_file_limit()?;
    let bench_empty = args.bench_empty;
    let mut plan = run::plan(&args, &library, &arguments)?;
    if args.explain {
        if !plan.read.is_empty() {
            return Err(Failure::with_hint("--explain works only for the running kernel", "leave out -r").into());
        }
        message::print(&explain::text(&mut plan, groups::has_socket_hooks, terminal_width()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let stats = if args.bench_memory {
        memory::run(plan)?;
        return Ok(ExitCode::SUCCESS);
    } else if !plan.read.is_empty() {
        let (stats, damaged) = replay::run(plan)?;
        if let Some(code) = damaged {
            return Ok(code);
        }
        stats
    } else if bench_empty {
        (live.bench_empty)(plan)?;
        return Ok(ExitCode::SUCCESS);
    } else if let Some(mut launched) = launched {
        let traced = (live.run)(plan, Some(&mut launched));
        return Ok(command::ended(launched, traced, args.fail_on_drop));
    } else if plan.outputs.is_still() {
        still::run(plan)?
    } else {
        (live.run)(plan, None)?
    };
    let failed = args.fail_on_drop && stats.is_lossy();
    Ok(ExitCode::from(if failed { LOST } else { stop::code() }))
}

/// What is wrong with the options, in our words.
fn wrong_option(error: &clap::Error) -> Failure {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (option, value) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    let failure = wrong_use(&error.to_string());
    match (error.kind(), option, value) {
        (ErrorKind::UnknownArgument, Some(option), _) => match gone::explain(option) {
            Some(failure) => failure,
            None if option == "-f" => {
                Failure::with_hint("there is no option '-f'", "leave it out: threads and children are always traced")
            }
            None => Failure { message: format!("there is no option '{option}'"), ..failure },
        },
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(option), Some(value)) => {
            let hint = habits::of_value(option, value).or(failure.hint);
            Failure { hint, ..failure }
        }
        (ErrorKind::MissingRequiredArgument, ..) => match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::Strings(missing)) if missing.iter().any(|name| name.starts_with("--write")) => {
                Failure::with_hint("this option needs a capture to write", "give -w FILE, too")
            }
            Some(ContextValue::Strings(missing)) => {
                Failure { message: format!("this needs another option: {}", missing.join(", ")), ..failure }
            }
            _ => failure,
        },
        _ => failure,
    }
}

/// The options. Words that are quoted in an error are escaped: one with ends of lines must not look like lines of ours.
fn parse(words: Vec<String>) -> Result<Args, clap::Error> {
    let quoted: Vec<_> = words.iter().map(|word| escape::escaped(word.as_bytes())).collect();
    Args::try_parse_from(words).map_err(|error| Args::try_parse_from(quoted).err().unwrap_or(error))
}

/// `info FILE`. What could be read is shown, also when the file is damaged behind it.
fn info(files: &[String]) -> Result<ExitCode, End> {
    let [file] = files else {
        return Err(Failure::with_hint("info takes one capture file", "tracer info FILE").into());
    };
    let (text, error) = info::describe(Path::new(file), || replay::confine(&Paths::default(), false))?;
    message::print(&text)?;
    error.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
}

/// The parser's message in our form: its first paragraph, and its first tip or what the type of the value has as a hint.
fn wrong_use(message: &str) -> Failure {
    let mut lines = message.lines().map(str::trim);
    let paragraph: Vec<&str> =
        lines.by_ref().take_while(|line| !line.is_empty() && !line.starts_with("hint: ")).collect();
    let tip = message.lines().find_map(|line| {
        let line = line.trim();
        line.strip_prefix("hint: ").or_else(|| line.strip_prefix("tip: ").filter(|tip| !tip.contains("'-- ")))
    });
    let text = paragraph.join(" ");
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    Failure::with_hint(text, tip.unwrap_or(LISTS_OPTIONS))
}

/// What to do about wrong options when nothing better is known.
const LISTS_OPTIONS: &str = "tracer -h lists the options";

/// How wide lists are.
fn terminal_width() -> usize {
    let terminal = io::stdout().is_terminal();
    let asked = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width =
        if terminal { crossterm::terminal::size().map_or(80, |(width, _)| width) } else { asked().unwrap_or(100) };
    usize::from(width).max(40)
}

/// The text of a list that was asked for.
fn lists(args: &Args, library: &Library) -> Result<Option<String>, Failure> {
    let width = terminal_width();
    Ok(if args.list_chisels || args.chisels.iter().any(|name| name == "l") {
        Some(list::chisels(library, width))
    } else if let Some(name) = &args.chisel_info {
        let source = library.find(name).map_err(|error| habits::of_chisel(name, library, error.into()))?;
        Some(list::chisel(&source, width)?)
    } else if args.list_markdown {
        Some(generate::page("fields")?)
    } else if args.list {
        Some(list::fields(width, args.verbose, &args.filter)?)
    } else if args.list_events {
        Some(list::events(width, &args.filter)?)
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_options_are_reported_in_two_lines() {
        let failure = |words: &[&str]| {
            let error = Args::try_parse_from(std::iter::once("tracer").chain(words.iter().copied())).unwrap_err();
            let failure = wrong_use(&error.to_string());
            (failure.message, failure.hint.unwrap())
        };
        let (message, hint) = failure(&["--unbuferd"]);
        assert_eq!(message, "unexpected argument '--unbuferd' found");
        assert_eq!(hint, "a similar argument exists: '--unbuffered'");
        let (message, hint) = failure(&["-n", "x"]);
        assert!(message.starts_with("invalid value 'x' for '--numevents <COUNT>'"), "{message}");
        assert_eq!(hint, "tracer -h lists the options");
    }

    #[test]
    fn each_list_of_fields_has_its_option() {
        let list = |words: &[&str]| {
            let args = Args::try_parse_from(std::iter::once("tracer").chain(words.iter().copied())).unwrap();
            lists(&args, &Library::builtin()).unwrap().unwrap()
        };
        assert_eq!(list(&["--list-markdown"]), generate::page("fields").unwrap());
        assert!(list(&["-lv"]).len() > list(&["-l"]).len());
    }

    #[test]
    fn a_reader_that_went_away_is_a_normal_end() {
        let closed = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("cannot write");
        assert_eq!(format!("{:?}", end(&closed)), format!("{:?}", ExitCode::SUCCESS));
    }
}
