//! `tracer top`, also under the name `ctracer`: the full-screen interface, or its views as text and JSON.

mod engines;
mod settings;
mod spool;

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser};
use engines::{Passes, Tracing};
use spool::Spool;

use super::{Args, End, Failure, Live, Plan, args::whole, config, replay, run, subcommands};
use crate::{
    chisel,
    doctor::privileges,
    fields::{Needs, Show},
    format::color::ColorChoice,
    message,
    output::{Out, Page, Palette},
    tui::{
        self, Engine, Look, Theme,
        app::{Model, Settings},
        prefs::{Keeper, Prefs},
    },
    view::{self, Ask, Library, Mode, View, ViewError, With, ask::Enough, spec::Kind},
};

/// The word for it.
pub const TOP: &str = "top";
/// How often tables refresh unless it is said, milliseconds.
const INTERVAL_MS: u64 = 1000;
/// Bytes of data that are kept of a call while data is looked at.
const ECHO_BYTES: u32 = 2000;

/// Show what processes and containers are doing on a full screen: tables that refresh, with Enter to go into a row.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "tracer top",
    bin_name = "tracer top",
    max_term_width = 100,
    disable_version_flag = true,
    args_override_self = true
)]
struct TopArgs {
    /// Begin with this view; -l lists them
    #[arg(short = 'v', long, value_name = "VIEW")]
    view: Option<String>,

    /// List the views
    #[arg(short = 'l', long)]
    list: bool,

    /// Refresh this often, in milliseconds (1000 unless tracer.toml says otherwise)
    #[arg(short = 'd', long, value_name = "MS", allow_negative_numbers = true, value_parser = |text: &str| whole(text, 100, 86_400_000_u64))]
    delay: Option<u64>,

    /// Show containers: begin with the Containers view, and add a column for them to all others
    #[arg(short = 'p', long = "print", value_name = "c|k")]
    print: Option<String>,

    /// Read events from this capture file instead of the kernel
    #[arg(short = 'r', long = "read", value_name = "FILE")]
    read: Vec<PathBuf>,

    /// Print one view as JSON, a line for each refresh
    #[arg(short = 'j', long)]
    json: bool,

    /// Print one view as text instead of a full screen
    #[arg(long, conflicts_with = "json")]
    plain: bool,

    /// Offer nothing that changes the machine or writes a file
    #[arg(long)]
    read_only: bool,

    /// Leave the mouse to the terminal
    #[arg(long)]
    no_mouse: bool,

    /// Look for views in this folder first. Can be repeated
    #[arg(long, value_name = "DIR")]
    view_dir: Vec<PathBuf>,

    /// Say what is wrong with the file of a view
    #[arg(long, value_name = "FILE")]
    view_check: Option<PathBuf>,

    /// Do not look up users
    #[arg(short = 'E', long)]
    exclude_users: bool,

    /// Stop after this many events; with --plain and -j, after this many tables
    #[arg(short = 'n', long = "numevents", value_name = "COUNT")]
    max_events: Option<u64>,

    /// Stop after this many seconds
    #[arg(short = 'M', value_name = "SECONDS")]
    max_time: Option<String>,

    /// Bytes of each I/O buffer to capture
    #[arg(short = 's', long = "snaplen", value_name = "BYTES")]
    snaplen: Option<u32>,

    /// Look at a random one in N events only; numbers are scaled and marked with ~
    #[arg(long, value_name = "1/N")]
    sample: Option<String>,

    /// Show ports as service names
    #[arg(short = 'R', long)]
    resolve_ports: bool,

    /// Ask this container engine, as TYPE=PATH. Can be repeated
    #[arg(long = "engine-socket", value_name = "SOCKET")]
    engine_sockets: Vec<String>,

    /// Colours for this kind of terminal
    #[arg(long, value_enum, value_name = "THEME")]
    theme: Option<Theme>,

    /// Use colours: auto, never, always
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: ColorChoice,

    /// Say how long drawing and the like take
    #[arg(long, hide = true)]
    bench_screen: bool,

    /// Only show events that match this filter
    #[arg(value_name = "FILTER", allow_hyphen_values = false, num_args = 0..)]
    filter: Vec<String>,
}

/// Its options.
pub(super) fn command() -> clap::Command {
    TopArgs::command()
}

/// Carries out the words behind `top`.
///
/// # Errors
/// They are wrong, the terminal cannot be used, or the engine fails.
pub(super) fn execute(words: &[String], live: Live) -> Result<ExitCode, End> {
    let words = [TOP.to_owned()].into_iter().chain(config::for_all(&command())?).chain(words.iter().cloned());
    let top = match TopArgs::try_parse_from(words) {
        Ok(top) => top,
        Err(error) if error.use_stderr() => return Err(End::Usage(subcommands::wrong_option(TOP, &error))),
        Err(help) => {
            help.print()?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    if let Some(path) = &top.view_check {
        view::read(path).map_err(failure)?;
        message::print("ok\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    if top.bench_screen {
        message::print(&tui::bench::screen()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = settings::load()?;
    let views = Library::new(&top.view_dir).all();
    if top.list {
        message::print(&list(&views))?;
        return Ok(ExitCode::SUCCESS);
    }
    let containers = top.print.as_deref().is_some_and(|print| matches!(print, "c" | "container" | "k" | "kubernetes"));
    let root = if containers { "containers" } else { "procs" };
    let (first, mode, of_files) = match top.view.as_deref() {
        Some(name) => match Mode::of_csysdig(name) {
            Some((mode, of_files)) if !top.plain && !top.json => (root, mode, of_files),
            Some(_) => {
                let hint =
                    "it needs a full screen; tracer FILTER prints events, -c echo_fds data, -c spectrogram latencies";
                return Err(Failure::with_hint(format!("'{name}' is not a table"), hint).into());
            }
            None => (name, Mode::Rows, false),
        },
        None => (root, Mode::Rows, false),
    };
    let first = view::find(&views, first).map_err(failure)?.clone();
    let first_kind = first.kind;
    let filter = run::checked(&top.filter)?;
    let show = Show { services: top.resolve_ports, ..Show::PLAIN };
    let ask = Ask {
        view: first,
        mode,
        filter,
        containers,
        interval_ms: top.delay.or(settings.delay).unwrap_or(INTERVAL_MS),
        replay: !top.read.is_empty(),
        show,
        with: With::Nothing,
        more: Vec::new(),
        enough: Enough { events: None, tables: top.max_events.filter(|_| first_kind == Kind::Table) },
    };
    super::stop::survive_file_limit()?;
    if top.plain || top.json {
        return printed(&top, &ask, live);
    }
    if !io::stdout().is_terminal() {
        return Err(Failure::with_hint(
            "standard output is not a terminal",
            "--plain prints the view as text, -j as JSON",
        )
        .into());
    }
    if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
        return Err(Failure::with_hint(
            "this terminal cannot draw a full screen (TERM=dumb)",
            "--plain prints the view as text",
        )
        .into());
    }
    full_screen(top, ask, of_files, views, &settings, live)
}

fn failure(error: ViewError) -> Failure {
    Failure { hint: error.hint(), message: error.to_string() }
}

/// The views by name.
fn list(views: &BTreeMap<String, View>) -> String {
    let width = views.keys().map(String::len).max().unwrap_or(0);
    let line = |(id, view): (&String, &View)| format!("{id:<width$}  {}: {}\n", view.name, view.summary);
    views.iter().map(line).collect()
}

/// The options of tracer that these stand for.
fn plan(top: &TopArgs) -> Result<Plan, Failure> {
    let mut words = vec!["tracer".to_owned(), "-q".to_owned()];
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([name.to_owned(), value]);
        }
    };
    option("-M", top.max_time.clone());
    option("--sample", top.sample.clone());
    option("-s", top.snaplen.map(|bytes| bytes.to_string()));
    top.engine_sockets.iter().for_each(|socket| option("--engine-socket", Some(socket.clone())));
    top.read.iter().for_each(|path| option("-r", Some(path.to_string_lossy().into_owned())));
    words.extend(top.exclude_users.then(|| "-E".to_owned()));
    let args = Args::try_parse_from(words).map_err(|error| subcommands::wrong_option(TOP, &error))?;
    run::plan(&args, &chisel::Library::builtin(), &[])
}

/// A plan with the outputs of a question.
fn planned(top: &TopArgs, ask: &Ask, publish: view::Publish) -> anyhow::Result<Plan> {
    let mut plan = plan(top)?;
    plan.outputs = ask.outputs(publish)?;
    plan.needs = plan.outputs.needs();
    plan.interval_ms = plan.outputs.interval_ms();
    plan.snaplen = snaplen(top, plan.needs);
    Ok(plan)
}

fn snaplen(top: &TopArgs, needs: Needs) -> u32 {
    if needs.has(Needs::PAYLOAD) { top.snaplen.unwrap_or(ECHO_BYTES) } else { 0 }
}

/// The view as text or JSON.
fn printed(top: &TopArgs, ask: &Ask, live: Live) -> Result<ExitCode, End> {
    if ask.view.kind == Kind::List && !top.json {
        let hint = "print it as JSON with -j, or use a chisel or a filter";
        return Err(Failure::with_hint(format!("'{}' is a list of events, not a table", ask.view.id), hint).into());
    }
    let out = Out::stdout(false, top.read.is_empty(), top.color);
    let palette = Palette::of_terminal(top.color.enabled() && !top.json);
    let page = Page { json: top.json, palette, ..Page::plain(out.clone()) };
    let drawn = out.clone();
    let publish: view::Publish = Box::new(move |frame, counts| {
        let now_ns = frame.span.ended_ns;
        if matches!(frame.form, crate::output::Form::Lines { .. }) && frame.rows.is_empty() {
            return Ok(());
        }
        let form = crate::output::Form::Table;
        page.frame(crate::output::Frame { form, ..frame })?;
        let counts = counts.map_or((0, 0), |counts| (counts.seen, counts.lost));
        drawn.draw(crate::output::Status { now_ns, seen: counts.0, by_table: false, lost: counts.1 })?;
        Ok(())
    });
    let plan = planned(top, ask, publish)?;
    if ask.replay {
        let (_, damaged) = replay::run(plan)?;
        return Ok(damaged.unwrap_or(ExitCode::from(super::stop::code())));
    }
    (live.run)(plan, None)?;
    Ok(ExitCode::from(super::stop::code()))
}

fn full_screen(
    mut top: TopArgs,
    ask: Ask,
    of_files: bool,
    views: BTreeMap<String, View>,
    settings: &settings::TopSettings,
    live: Live,
) -> Result<ExitCode, End> {
    // What is wrong with the options is said before the screen changes.
    drop(plan(&top)?);
    if !ask.replay
        && let Some(missing) = privileges::missing_privileges()
    {
        message::failure(&missing, Some(privileges::REMEDY));
        return Ok(ExitCode::FAILURE);
    }
    let keys = settings::keys()?;
    let spool = match top.read.as_slice() {
        [only] if only.as_os_str() == "-" => Some(Spool::begin()?),
        _ => None,
    };
    let host = || nix::unistd::gethostname().ok().map(|name| name.to_string_lossy().into_owned());
    let source = match top.read.first() {
        Some(_) if spool.is_some() => "standard input".to_owned(),
        Some(path) => {
            let more = top.read.len() - 1;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more}", message::Shown::shown(path.as_path()))
        }
        None => crate::format::escape::escaped(host().unwrap_or_default().as_bytes()),
    };
    let mut prefs = settings.prefs(&views)?;
    let mut keeper = None;
    if !top.read_only {
        keeper = Keeper::open().unwrap_or_else(|error| {
            message::note(&error);
            None
        });
        match Prefs::load() {
            Ok(last) => {
                prefs.filters = last.filters;
                prefs.views.extend(last.views);
            }
            Err(error) => message::note(&format!("settings of the last time are ignored: {error}")),
        }
    }
    let settings = Settings {
        theme: top.theme.or(settings.theme).unwrap_or_default(),
        containers: ask.containers,
        interval_ms: ask.interval_ms,
        replay: ask.replay,
        read_only: top.read_only,
        max_events: top.max_events,
        show: ask.show,
        filter: ask.filter.clone(),
        source,
    };
    let mut model = Model::new(settings, views, ask.view)
        .map_err(|fault| Failure::new(format!("the view cannot be shown: {fault}")))?;
    model.keys = keys;
    model.begin(ask.mode, of_files);
    model.prefer(prefs);
    let look = Look { colors: top.color.enabled(), mouse: !top.no_mouse };
    if let Some(spool) = &spool {
        top.read = vec![spool.path()];
    }
    let engine: Box<dyn Engine> =
        if ask.replay { Box::new(Passes::new(top, spool)) } else { Box::new(Tracing::new(top, live)) };
    let ended = tui::run(model, engine, look, keeper)?;
    match ended.failed {
        Some(error) => {
            let (message, hint) = error.split_once("\nhint: ").map_or((error.as_str(), None), |(a, b)| (a, Some(b)));
            message::failure(message, hint);
            Ok(ExitCode::FAILURE)
        }
        None => Ok(ExitCode::from(ended.signal.map_or(0, super::stop::code_of))),
    }
}

/// The text of an error with its remedy.
fn told(error: &anyhow::Error) -> String {
    let hint = error.chain().find_map(|cause| cause.downcast_ref::<Failure>()?.hint.clone());
    let text = format!("{error:#}");
    hint.map_or(text.clone(), |hint| format!("{text}\nhint: {hint}"))
}
