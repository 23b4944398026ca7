//! `tracer logs`: options, and what is chosen by them.

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, Parser};
use nix::unistd::Uid;
use unicode_width::UnicodeWidthStr as _;

use super::{End, Failure, stop, stop::Stop, subcommands};
use crate::{
    fields::nearest,
    format::{color::ColorChoice, escape, time},
    logs::{
        self, Finder, LineFilter, Look, Marks, Origin, Printer, Selection, Sink, Source, Stream,
        shape::{Dropped, Join, Redact, Shape, Shaper},
        ship::{self, Full, Queues, Shipper, Target, TargetError},
        when,
    },
    message::{Shown as _, note, print},
    output::Out,
    state::container::{self, engine::logs::LogEngines},
};

/// The word for it.
pub const LOGS: &str = "logs";

/// Show what containers write to standard output and error.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "tracer logs",
    bin_name = "tracer logs",
    max_term_width = 100,
    disable_version_flag = true,
    args_override_self = true
)]
struct LogsArgs {
    /// Continue with new lines and new containers
    #[arg(short, long)]
    follow: bool,

    /// Only lines from this time on: how long ago, such as 42m, or a time, such as 14:03 or 2026-08-01T14:03:20
    #[arg(
        long,
        visible_alias = "since-time",
        value_name = "TIME",
        allow_hyphen_values = true,
        value_parser = when::parse
    )]
    since: Option<u64>,

    /// Only lines up to this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = when::parse)]
    until: Option<u64>,

    /// Only the last N lines of each container; `all` for all of them
    #[arg(short = 'n', long = "tail", visible_alias = "lines", value_name = "N", allow_hyphen_values = true, value_parser = last)]
    tail: Option<Last>,

    /// Show the time of each line
    #[arg(short = 't', long)]
    timestamps: bool,

    /// Print JSON, one object per line
    #[arg(short = 'j', long)]
    json: bool,

    /// Show the name of the container before each line, or not [default: unless exactly one container is named]
    #[arg(long, value_name = "WHEN", require_equals = true, num_args = 0..=1, default_missing_value = "true")]
    prefix: Option<bool>,

    /// Only what was written to this stream
    #[arg(long, value_name = "STREAM", value_parser = stream)]
    stream: Option<Stream>,

    /// Only containers with this label, as NAME or NAME=VALUE. Can be repeated
    #[arg(short = 'l', long = "label", visible_alias = "selector", value_name = "LABEL", value_delimiter = ',')]
    labels: Vec<String>,

    /// Only containers of pods that have this name in their pod
    #[arg(short = 'c', long, value_name = "NAME")]
    container: Option<String>,

    /// Only containers of pods in this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,

    /// Show the earlier run of each container of a pod
    #[arg(short = 'p', long)]
    previous: bool,

    /// All containers of a pod: always the case
    #[arg(long, hide = true)]
    all_containers: bool,

    /// Continue where the run before with this file ended. Not with -n, -p, --until and --stream
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tail", "previous", "stream", "until"])]
    state: Option<PathBuf>,

    // What is wrong with one is said without what may be secret in it, so it is not clap that reads it.
    #[arg(
        long,
        value_name = "URL",
        help = format!("Send lines there instead of printing them: {}. With a filter after a blank, it gets matching lines only. Can be repeated", ship::forms().join(", ")),
        conflicts_with_all = ["json", "explain", "timestamps", "prefix"]
    )]
    to: Vec<String>,

    /// Join lines to one message: `indent` (lines that begin with a blank continue), `time` (a message begins with a time), or a regular expression
    /// that the first line of a message matches
    #[arg(long, value_name = "RULE", value_parser = Join::parse)]
    join: Option<Join>,

    /// Hide what matches this regular expression, or only its groups if it has some. Can be repeated
    #[arg(long, value_name = "REGEX", value_parser = Redact::parse)]
    redact: Vec<Redact>,

    /// Leave this field out of JSON and of lines that are sent: container.image, container.type, container.labels, container.label.NAME, k8s.ns.name or source.
    /// Can be repeated
    #[arg(long = "drop-field", value_name = "FIELD", value_parser = Dropped::parse)]
    drop_fields: Vec<Dropped>,

    /// Memory for lines that a target has not taken yet, for each target
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4_096), requires = "to")]
    queue: u32,

    /// Keep lines that have no room in memory in files in this folder, also for the next run
    #[arg(long, value_name = "DIR", requires = "to")]
    spill: Option<PathBuf>,

    /// Room there, for each target
    #[arg(long, value_name = "MIB", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..), requires = "spill")]
    spill_size: u32,

    /// What to do with a line when that is full
    #[arg(long, value_enum, default_value_t, value_name = "WHAT", requires = "to")]
    full: Full,

    /// Print where the log of each container is kept, or why it cannot be read
    #[arg(long, conflicts_with_all = ["json", "follow"])]
    explain: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: ColorChoice,

    /// Ask this container engine, as TYPE=PATH. Can be repeated
    #[arg(long = "engine-socket", value_name = "SOCKET")]
    engine_sockets: Vec<container::EngineSocket>,

    /// Names of containers, pods or services of Compose, also with * and ?; or the beginning of an id
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// After `--`: only lines that match this filter, such as -- log contains error and stream=stderr
    #[arg(value_name = "FILTER", last = true)]
    filter: Vec<String>,
}

/// How many of the last lines; all when `None`.
type Last = std::option::Option<usize>;

fn last(text: &str) -> Result<Last, String> {
    match text {
        "all" | "-1" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| "expected a number of lines, or all".to_owned()),
    }
}

fn stream(text: &str) -> Result<Stream, String> {
    Stream::by_name(text.as_bytes()).ok_or_else(|| "expected stdout or stderr".to_owned())
}

fn filter(text: &str) -> Result<LineFilter, Failure> {
    LineFilter::compile(text).map_err(|error| Failure { message: error.to_string(), hint: error.hint })
}

/// Its options.
pub(super) fn command() -> clap::Command {
    LogsArgs::command()
}

/// Carries out the words behind `logs`.
///
/// # Errors
/// They are wrong, no container has such a name, or output cannot be written.
pub(super) fn execute(words: &[String], _: super::Live) -> Result<ExitCode, End> {
    let args: LogsArgs = match subcommands::parse(LOGS, words)? {
        Ok(args) => args,
        Err(help) => {
            help.print()?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    if let (Some(since), Some(until)) = (args.since, args.until)
        && since > until
    {
        return Err(Failure::with_hint("--since is later than --until", "exchange them").into());
    }
    let targets: Vec<Target> = args
        .to
        .iter()
        .map(|url| url.parse())
        .collect::<Result<_, TargetError>>()
        .map_err(|error| Failure::of(&error.to_string()))?;
    let wanted = if args.filter.is_empty() { None } else { Some(filter(&args.filter.join(" "))?) };
    let (join, redact) = (args.join.clone(), args.redact.clone());
    let shape = Shape { join, wanted, redact, drop: args.drop_fields.iter().cloned().collect() };
    let mut marks =
        args.state.as_deref().map(Marks::load).transpose().map_err(|error| Failure::of(&error.to_string()))?;
    if let Some(marks) = &marks {
        marks.check().map_err(|error| Failure::of(&error.to_string()))?;
    }
    stop::survive_file_limit()?;
    time::load_zone();
    let stop = Stop::at_signals(None)?;
    let sockets = args.engine_sockets.clone();
    let mut finder = Finder::start(&container::Options { sockets, ..container::Options::default() })?;
    finder.notes().iter().for_each(|text| note(text));
    let selection = Selection {
        names: args.names.clone(),
        labels: args.labels.clone(),
        container: args.container.clone(),
        namespace: args.namespace.clone(),
    };
    let sources = finder.look();
    check(&sources, &selection, args.follow)?;
    if args.explain {
        let chosen = sources.iter().filter(|source| selection.has(&source.container));
        print(&explained(chosen, &finder.engines()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !Uid::effective().is_root()
        && !sources.iter().any(|source| selection.has(&source.container) && is_readable(source))
    {
        let failure = Failure::with_hint("the logs of containers cannot be read", no_containers());
        return Err(End::Run(failure.into()));
    }
    let is_one = !args.names.is_empty() && sources.iter().filter(|it| selection.has(&it.container)).count() == 1;
    let out = Out::stdout(args.follow, false, args.color);
    let look = Look {
        json: args.json,
        timestamps: args.timestamps,
        prefix: args
            .prefix
            .unwrap_or(!is_one || args.follow && args.names.iter().any(|name| name.contains(['*', '?']))),
        colors: args.color.enabled(),
    };
    let options = logs::Options {
        follow: args.follow,
        since_ns: args.since.unwrap_or(0),
        until_ns: args.until,
        last: args.tail.flatten(),
        stream: args.stream,
        previous: args.previous,
    };
    let reading = Reading { finder: &mut finder, selection: &selection, options, shape, stop: &stop };
    if !targets.is_empty() {
        return ship(&targets, &args, reading, marks);
    }
    let ended = reading.run(marks.as_mut(), &mut Printer::new(out, look))?;
    say_gaps(ended);
    Ok(ExitCode::from(stop::code()))
}

/// What is read, and what is made of it.
struct Reading<'r> {
    finder: &'r mut Finder,
    selection: &'r Selection,
    options: logs::Options,
    shape: Shape,
    stop: &'r Stop,
}

impl Reading<'_> {
    fn run(self, marks: Option<&mut Marks>, sink: &mut dyn Sink) -> anyhow::Result<logs::Ended> {
        let Self { finder, selection, options, shape, stop } = self;
        if shape.is_plain() {
            return logs::run(finder, selection, options, marks, sink, stop);
        }
        logs::run(finder, selection, options, marks, &mut Shaper::new(shape, sink), stop)
    }
}

/// Sends lines to targets, and says what became of them. Without loss it is a success.
fn ship(targets: &[Target], args: &LogsArgs, reading: Reading<'_>, mut marks: Option<Marks>) -> Result<ExitCode, End> {
    let spill = args.spill.clone().map(|folder| (folder, u64::from(args.spill_size) << 20));
    let queues = Queues { max_bytes: (args.queue as usize) << 20, full: args.full, spill };
    let shipper = Shipper::start(targets, &queues, !args.follow, reading.stop.flag());
    let mut shipper = shipper.map_err(|why| match why.split_once("\nhint: ") {
        Some((what, hint)) => Failure::with_hint(what, hint.to_owned()),
        None => Failure::of(&why),
    })?;
    let outcome = reading.run(marks.as_mut(), &mut shipper);
    let mut lost = false;
    for (target, tally) in shipper.end() {
        let mut text = format!("sent {} to {target}", lines(tally.delivered));
        if tally.lost() > 0 {
            lost = true;
            let causes: Vec<String> = tally.lost.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
            text.push_str(&format!("; {} lost: {}", lines(tally.lost()), causes.join(", ")));
        }
        if let Some((bytes, folder)) = &tally.kept {
            let mib = bytes.div_ceil(1 << 20);
            text.push_str(&format!("; up to {mib} MiB wait for the next run in '{}'", folder.shown()));
        }
        if !target.is_stdout() || tally.lost() > 0 || tally.kept.is_some() {
            note(&text);
        }
    }
    say_gaps(outcome?);
    Ok(if lost { ExitCode::FAILURE } else { ExitCode::from(stop::code()) })
}

fn lines(count: u64) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{count} lines") }
}

fn say_gaps(ended: logs::Ended) {
    if ended.gaps > 0 {
        let places = if ended.gaps == 1 { "one place" } else { "several places" };
        note(&format!(
            "{} lines of {} {}; lines may be missing in {places}",
            ended.lines,
            ended.containers,
            if ended.containers == 1 { "container" } else { "containers" }
        ));
    }
}

fn is_readable(source: &Source) -> bool {
    match &source.place {
        Ok(Origin::Files(place)) => place.can_be_read(),
        Ok(Origin::Journal(_) | Origin::Engine(_)) => true,
        Err(_) => false,
    }
}

/// Whether there is something to show: names that nobody has are most often typed wrong.
fn check(sources: &[Source], selection: &Selection, follow: bool) -> Result<(), Failure> {
    let writers: Vec<&logs::Writer> = sources.iter().map(|source| &*source.container).collect();
    let unknown = selection.unknown(&writers);
    let plain = unknown.iter().find(|name| !name.contains(['*', '?', '[']));
    if let Some(name) = plain {
        let all: Vec<String> = writers.iter().map(|writer| writer.prefix()).collect();
        let hint = if all.is_empty() || !Uid::effective().is_root() {
            no_containers()
        } else {
            let near = nearest(name, all.iter().map(String::as_str)).map(|name| format!("did you mean '{name}'? "));
            format!("{}there are: {}", near.unwrap_or_default(), all[..all.len().min(10)].join(", "))
        };
        return Err(Failure::with_hint(format!("no container is named '{name}'"), hint));
    }
    if !sources.iter().any(|source| selection.has(&source.container)) && !follow {
        let (what, hint) = match sources.is_empty() {
            true => ("there is no container with a log", no_containers()),
            false => ("no container matches", "tracer logs --explain lists all of them".to_owned()),
        };
        return Err(Failure::with_hint(what, hint));
    }
    Ok(())
}

fn no_containers() -> String {
    if Uid::effective().is_root() {
        "tracer --doctor says which engines answer".to_owned()
    } else {
        "run it with sudo: only root may read what runtimes keep".to_owned()
    }
}

/// A line for each container: its name, its runtime, how its log is kept, and where.
fn explained<'s>(sources: impl Iterator<Item = &'s Source>, engines: &LogEngines) -> String {
    let mut rows = vec![["CONTAINER", "TYPE", "KEPT AS", "WHERE, OR WHY NOT"].map(str::to_owned)];
    for Source { container, place } in sources {
        let (how, place) = match place {
            Ok(Origin::Files(place)) => (place.form.name().to_owned(), place.path.as_path().shown()),
            Ok(Origin::Journal(of)) => {
                let folder = of.folder().unwrap_or_else(|| of.root.clone());
                ("journal".to_owned(), folder.as_path().shown())
            }
            Ok(Origin::Engine(of)) => match engines.check(of) {
                Ok(address) => ("engine".to_owned(), address),
                Err(why) => ("-".to_owned(), why.to_string()),
            },
            Err(why) => ("-".to_owned(), why.clone()),
        };
        let how = if how == container.driver || container.driver.is_empty() || how == "-" {
            how
        } else {
            format!("{how} ({})", container.driver)
        };
        rows.push([escape::escaped(container.prefix().as_bytes()), container.runtime.clone(), how, place]);
    }
    let mut remedies = String::new();
    for row in &mut rows {
        // A remedy has no room in a column.
        if let Some((why, remedy)) = row[3].split_once("\nhint: ") {
            remedies.push_str(&format!("hint: {}: {remedy}\n", row[0]));
            row[3] = why.to_owned();
        }
    }
    let widths: [usize; 4] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            text.push_str(cell);
            if at < 3 {
                text.push_str(&" ".repeat(width - cell.width() + 2));
            }
        }
        text.push('\n');
    }
    text.push_str(&remedies);
    text
}
