//! `tracer serve`: options, those of cAdvisor too, and the engine beside the server.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::{CommandFactory as _, Parser};

use super::{Args, End, Failure, Live, run, run::Screen, stop, subcommands};
use crate::{
    chisel,
    message::note,
    serve::{Engine, Level, Listen, Options, ServeError, Server, Show},
    state::container::engine::SocketError,
    thread,
};

/// The word for it.
pub const SERVE: &str = "serve";

/// Bytes of data that clients are shown of a call.
const PAYLOAD_BYTES: u32 = 2000;

/// Serve metrics for Prometheus, cAdvisor's REST API and a web page about all containers of this machine.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "tracer serve",
    bin_name = "tracer serve",
    max_term_width = 100,
    disable_version_flag = true,
    args_override_self = true
)]
struct ServeArgs {
    /// Listen at ADDRESS:PORT, at :PORT on all addresses, or at unix:PATH. Can be repeated [default: 127.0.0.1:9938]
    #[arg(long, value_name = "PLACE")]
    listen: Vec<Listen>,

    /// How much to count: basic leaves out the duration of calls, all adds CPU time of containers that have ended
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    metrics: Level,

    /// Read TLS settings and users from this file, in the web configuration format of Prometheus exporters
    #[arg(long, visible_alias = "web.config.file", value_name = "FILE")]
    web_config: Option<PathBuf>,

    /// Require the token in this file from clients: Authorization: Bearer TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Also answer requests for this host name. Can be repeated
    #[arg(long, value_name = "NAME")]
    allowed_host: Vec<String>,

    /// Prefix of all paths, for a reverse proxy
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    url_base_prefix: String,

    /// Export this container label as a metric label. Can be repeated [default: the labels of Docker Compose and Swarm]
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    container_label: Vec<String>,

    /// Export all container labels as metric labels
    #[arg(long)]
    all_container_labels: bool,

    /// The most series in /metrics; beyond it, errors and durations of the newest containers are left out first
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(200..))]
    max_series: u32,

    /// Also read how much containers have in their writable layers, once a minute
    #[arg(long)]
    disk_usage: bool,

    /// Also show clients command lines and environment variables, or the data that is read and written
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    show: Vec<Show>,

    /// Ask this container engine, as TYPE=PATH. Can be repeated
    #[arg(long = "engine-socket", value_name = "SOCKET")]
    engine_sockets: Vec<String>,

    /// Read settings from section [serve] of this file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print more, such as which privileges are kept
    #[arg(short, long)]
    verbose: bool,

    /// Only count events that match this filter
    #[arg(value_name = "FILTER", allow_hyphen_values = false, num_args = 0..)]
    filter: Vec<String>,
}

/// What an option of cAdvisor becomes.
enum Meaning {
    /// This option of ours, with the same value.
    Is(&'static str),
    /// A switch of ours, when it is true.
    Switch(&'static str),
    /// Nothing, because of this: a switch.
    Needless(&'static str),
    /// The same of an option with a value.
    NeedlessValue(&'static str),
    /// An error that says what to use.
    Use(&'static str),
}

/// What cAdvisor's users are used to.
const OF_CADVISOR: &[(&str, Meaning)] = &[
    ("url_base_prefix", Meaning::Is("url-base-prefix")),
    ("whitelisted_container_labels", Meaning::Is("container-label")),
    ("store_container_labels", Meaning::Switch("all-container-labels")),
    ("docker_only", Meaning::Needless("only containers and the machine are ever shown")),
    ("disable_root_cgroup_stats", Meaning::Needless("only containers and the machine are ever shown")),
    ("raw_cgroup_prefix_whitelist", Meaning::NeedlessValue("only containers and the machine are ever shown")),
    ("housekeeping_interval", Meaning::NeedlessValue("the kernel's files are read only on request")),
    ("max_housekeeping_interval", Meaning::NeedlessValue("the kernel's files are read only on request")),
    ("global_housekeeping_interval", Meaning::NeedlessValue("the kernel's files are read only on request")),
    ("allow_dynamic_housekeeping", Meaning::Needless("the kernel's files are read only on request")),
    ("storage_duration", Meaning::NeedlessValue("the last ten minutes are always kept")),
    ("enable_load_reader", Meaning::Needless("the load average is not read")),
    ("logtostderr", Meaning::Needless("messages always go to standard error")),
    ("alsologtostderr", Meaning::Needless("messages always go to standard error")),
    ("stderrthreshold", Meaning::NeedlessValue("messages always go to standard error")),
    ("disable_metrics", Meaning::Use("--metrics=basic to count less; the kernel's files are read only on request")),
    ("enable_metrics", Meaning::Use("nothing instead: all metrics are always there")),
    ("port", Meaning::Use("--listen :PORT")),
    ("listen_ip", Meaning::Use("--listen ADDRESS:PORT")),
    ("docker", Meaning::Use("--engine-socket docker=PATH, without unix://")),
    ("podman", Meaning::Use("--engine-socket podman=PATH, without unix://")),
    ("containerd", Meaning::Use("--engine-socket containerd=PATH")),
    ("http_auth_file", Meaning::Use("--web-config FILE, with basic_auth_users")),
    ("http_digest_file", Meaning::Use("--web-config FILE, with basic_auth_users")),
    ("prometheus_endpoint", Meaning::Use("/metrics, after the prefix of --url-base-prefix if there is one")),
    ("storage_driver", Meaning::Use("Prometheus to keep history: let it scrape /metrics")),
    ("storage_driver_host", Meaning::Use("Prometheus to keep history: let it scrape /metrics")),
    (
        "env_metadata_whitelist",
        Meaning::Use("--container-label: environment variables are never shown, because they may contain secrets"),
    ),
    ("profiling", Meaning::Use("perf(1) on the process")),
];

/// What options of cAdvisor become, as a part of a page.
pub(super) fn describe(out: &mut String) {
    out.push_str("\n## Options of cAdvisor\n\n| option | here |\n|---|---|\n");
    for (name, meaning) in OF_CADVISOR {
        let here = match meaning {
            Meaning::Is(own) | Meaning::Switch(own) => format!("works: `--{own}`"),
            Meaning::Needless(why) | Meaning::NeedlessValue(why) => format!("accepted, but not needed: {why}"),
            Meaning::Use(what) => format!("not supported; use {what}"),
        };
        out.push_str(&format!("| `--{name}` | {here} |\n"));
    }
}

/// The words with options of cAdvisor in our words.
///
/// # Errors
/// There is something else to use.
fn translated(words: &[String]) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let stripped = word.strip_prefix('-').map(|rest| rest.strip_prefix('-').unwrap_or(rest));
        let (name, value) = stripped.map_or(("", None), |text| match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        });
        let Some((_, meaning)) = OF_CADVISOR.iter().find(|(known, _)| *known == name) else {
            all.push(word.clone());
            continue;
        };
        match meaning {
            Meaning::Is(own) => all.push(value.map_or_else(|| format!("--{own}"), |value| format!("--{own}={value}"))),
            Meaning::Switch(own) if value.is_none_or(|value| value == "true") => all.push(format!("--{own}")),
            Meaning::Switch(_) => {}
            Meaning::Needless(why) => note(&format!("note: --{name} is not needed: {why}")),
            Meaning::NeedlessValue(why) => {
                note(&format!("note: --{name} is not needed: {why}"));
                if value.is_none() {
                    let _ = words.next();
                }
            }
            Meaning::Use(what) => {
                return Err(Failure::with_hint(format!("there is no option '--{name}'"), format!("use {what}")));
            }
        }
    }
    Ok(all)
}

/// Its options.
pub(super) fn command() -> clap::Command {
    ServeArgs::command()
}

/// The options, with cAdvisor's among them; the inner error is the help that was asked for.
fn parse(words: &[String]) -> Result<Result<ServeArgs, clap::Error>, Failure> {
    subcommands::parse(SERVE, &translated(words)?)
}

fn options(args: &ServeArgs) -> Result<Options, Failure> {
    let prefix = args.url_base_prefix.trim_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '/');
    if !prefix.chars().all(is_plain) {
        return Err(Failure::with_hint(
            "--url-base-prefix has characters that paths do not have",
            "give it as /tools/tracer",
        ));
    }
    let sockets = args.engine_sockets.iter().map(|text| text.parse()).collect::<Result<_, _>>();
    Ok(Options {
        listen: args.listen.clone(),
        level: args.metrics,
        web_config: args.web_config.clone(),
        token_file: args.token_file.clone(),
        allowed_hosts: args.allowed_host.clone(),
        prefix: if prefix.is_empty() { String::new() } else { format!("/{prefix}") },
        container_labels: args.container_label.clone(),
        all_labels: args.all_container_labels,
        max_series: usize::try_from(args.max_series).unwrap_or(usize::MAX),
        disk_usage: args.disk_usage,
        shows: args.show.iter().copied().collect(),
        engine_sockets: sockets.map_err(|error: SocketError| Failure::of(&error.to_string()))?,
    })
}

/// Carries out the words behind `serve`.
///
/// # Errors
/// They are wrong, an address is taken, or the engine fails.
pub(super) fn execute(words: &[String], live: Live) -> Result<ExitCode, End> {
    let args = match parse(words)? {
        Ok(args) => args,
        Err(help) => {
            help.print()?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let filter = run::checked(&args.filter)?;
    let mut server = Server::bind(&options(&args)?).map_err(failure)?;
    if server.is_overheard() {
        note("warning: passwords and tokens are sent unencrypted; tls_server_config in --web-config protects them");
    }
    if server.is_exposed() {
        note("warning: everyone who can reach this machine can read this; --web-config or --token-file protects it");
    }
    stop::survive_file_limit()?;
    // What is wrong with other options is said before anything begins.
    drop(plan(&args)?);
    server.places().for_each(|place| note(&format!("listening at {place}")));
    let mut counting = server.counting();
    let stop = Arc::new(AtomicBool::new(false));
    let (of_engine, own) = (Arc::clone(&stop), args.clone());
    let engine = thread::begin_engine("engine", move || {
        // How much of data is recorded is settled when the programs are loaded.
        let snaplen = if own.show.contains(&Show::Payload) { PAYLOAD_BYTES } else { 0 };
        let mut plan = plan(&own)?;
        let commands = counting.commands.take();
        let mode = move || {
            let mut mode = self::plan(&own)?.mode();
            (mode.options.snaplen, mode.options.changes) = (snaplen, true);
            anyhow::Ok(mode)
        };
        plan.outputs = counting.outputs(Engine { filter, mode: Box::new(mode) })?;
        plan.needs = plan.outputs.needs();
        plan.interval_ms = plan.outputs.interval_ms();
        plan.snaplen = snaplen;
        plan.screen = Some(Screen {
            commands,
            stop: of_engine,
            runs: false,
            serves: true,
            confines: true,
            position: Arc::default(),
        });
        (live.run)(plan, None)?;
        anyhow::Ok(())
    });
    let engine = engine.map_err(anyhow::Error::from)?;
    let words = words.to_vec();
    let mut again = || -> Result<Options, String> {
        let args = parse(&words).map_err(|failure| failure.message)?.map_err(|help| help.to_string())?;
        options(&args).map_err(|failure| failure.message)
    };
    let signal = server.run(&mut again);
    stop.store(true, Ordering::Relaxed);
    let engine = engine.join();
    let signal = signal.map_err(anyhow::Error::from)?;
    match engine {
        Ok(Ok(())) => Ok(ExitCode::from(signal.map_or(0, stop::code_of))),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(anyhow::anyhow!("the engine has panicked").into()),
    }
}

/// An error of the server with its remedy.
fn failure(error: ServeError) -> End {
    End::Run(match error.hint() {
        Some(hint) => Failure::with_hint(error.to_string(), hint).into(),
        None => error.into(),
    })
}

/// A plan of the options that are also those of tracer itself.
fn plan(args: &ServeArgs) -> Result<super::Plan, Failure> {
    let mut words = vec!["tracer".to_owned(), "-q".to_owned()];
    args.engine_sockets.iter().for_each(|socket| words.extend(["--engine-socket".to_owned(), socket.clone()]));
    words.extend(args.verbose.then(|| "-v".to_owned()));
    let args = Args::try_parse_from(words).map_err(|error| super::wrong_option(&error))?;
    run::plan(&args, &chisel::Library::builtin(), &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_option_of_cadvisor_works_or_says_what_to_use() {
        let command = command();
        let own: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        for (name, meaning) in OF_CADVISOR {
            match meaning {
                Meaning::Is(to) | Meaning::Switch(to) => assert!(own.contains(to), "{name}"),
                Meaning::Needless(why) | Meaning::NeedlessValue(why) | Meaning::Use(why) => {
                    assert!(!why.is_empty(), "{name}");
                }
            }
        }
        let of = |text: &str| translated(&words(text)).map_err(|failure| failure.hint.unwrap());
        assert_eq!(of("--url_base_prefix=/x -docker_only proc.name=a"), Ok(words("--url-base-prefix=/x proc.name=a")));
        assert_eq!(of("--whitelisted_container_labels a,b"), Ok(words("--container-label a,b")));
        assert_eq!(of("--housekeeping_interval 10s -storage_duration=1m proc.name=a"), Ok(words("proc.name=a")));
        assert_eq!(of("--store_container_labels=false"), Ok(Vec::new()));
        assert_eq!(of("--store_container_labels"), Ok(words("--all-container-labels")));
        assert_eq!(of("--port=8080"), Err("use --listen :PORT".into()));
    }

    #[test]
    fn prefixes_are_paths() {
        let prefix = |text: &str| {
            let args = ServeArgs::try_parse_from(["serve", "--url-base-prefix", text]).unwrap();
            options(&args).map(|options| options.prefix).map_err(drop)
        };
        assert_eq!(
            (prefix("/a/b/"), prefix("a"), prefix("/"), prefix("")),
            (Ok("/a/b".into()), Ok("/a".into()), Ok(String::new()), Ok(String::new()))
        );
        assert!(prefix("/a\"b").is_err() && prefix("/a b").is_err());
    }
}
