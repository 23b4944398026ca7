//! The options. Their documentation is the help text and `docs/options.md`.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::{ArgGroup, Parser};

use super::command::Following;
use crate::{
    chisel::INTERVALS_MS,
    event::portable::{Redact, Schema},
    fields::TimeMode,
    format::{DataMode, color::ColorChoice},
    sample::Sample,
    sink::capture::{self, Compression},
    state::container::EngineSocket,
};

/// The group of the options that may be keys of a settings file, because they say how each run behaves, not what one run does.
pub const SETTINGS: &str = "settings";

/// Shows what processes and containers on this machine are doing, from their system calls.
///
/// With no options, prints one line per event. A filter chooses events: tracer proc.name=nginx and evt.type in (open, openat).
/// Chisels (-c) print tables and reports instead: tracer -pc -c topcontainers_net.
///
/// tracer info FILE describes a capture file. tracer chisel new|check|test helps to write chisels. tracer help explains filters,
/// formats, chisels and more.
#[derive(Debug, Clone, Parser)]
#[command(name = "tracer", version, max_term_width = 100, disable_help_subcommand = true, args_override_self = true,
    group = ArgGroup::new(SETTINGS).multiple(true))]
pub struct Args {
    /// Run a chisel: print a table or a report instead of lines. If the chisel takes an argument, it is the next word; quote several:
    /// -c NAME "1 2". Can be repeated
    #[arg(short = 'c', long = "chisel", value_name = "NAME", help_heading = "Tables and reports")]
    pub chisels: Vec<String>,

    /// List the chisels (also -cl)
    #[arg(long, help_heading = "Tables and reports")]
    pub list_chisels: bool,

    /// Describe a chisel and its arguments
    #[arg(short = 'i', long, value_name = "NAME", help_heading = "Tables and reports")]
    pub chisel_info: Option<String>,

    /// Look for chisels in this folder first. Can be repeated
    #[arg(long = "chisel-dir", value_name = "DIR", help_heading = "Tables and reports", group = SETTINGS)]
    pub chisel_dirs: Vec<PathBuf>,

    /// Show at most N rows of each table
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = rows, help_heading = "Tables and reports", group = SETTINGS)]
    pub rows: Option<usize>,

    /// Print tables this often, such as 5s or 500ms. With -r, print a table for each interval instead of one for the whole capture
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = interval, help_heading = "Tables and reports", group = SETTINGS)]
    pub interval: Option<u64>,

    /// Sort tables by this column, such as PID or rx
    #[arg(long, value_name = "COLUMN", requires = "chisels", help_heading = "Tables and reports")]
    pub sort: Option<String>,

    /// Reload chisels when their files change
    #[arg(hide = true, long, requires = "chisels", conflicts_with = "read", help_heading = "Tables and reports")]
    pub watch: bool,

    /// Format of lines: text with %fields; or p for the default, c to show containers, k to show pods (c and k work for chisels, too)
    #[arg(short = 'p', long = "print", value_name = "FORMAT", help_heading = "Output", group = SETTINGS)]
    pub print: Option<String>,

    /// Print JSON, one object per line, with a key for each field of the format
    #[arg(short = 'j', long, help_heading = "Output", group = SETTINGS)]
    pub json: bool,

    /// Show data as text: printable characters and newlines. Like -x, -X and -b, this applies to chisels, too
    #[arg(short = 'A', long, group = "data", help_heading = "Output", group = SETTINGS)]
    pub print_ascii: bool,

    /// Show data as hexadecimal digits
    #[arg(short = 'x', long, group = "data", help_heading = "Output", group = SETTINGS)]
    pub print_hex: bool,

    /// Show data as hexadecimal digits and characters
    #[arg(short = 'X', long, group = "data", help_heading = "Output", group = SETTINGS)]
    pub print_hex_ascii: bool,

    /// Show data as base64
    #[arg(short = 'b', long, group = "data", help_heading = "Output", group = SETTINGS)]
    pub print_base64: bool,

    /// Show ports as service names
    #[arg(short = 'R', long, help_heading = "Output", group = SETTINGS)]
    pub resolve_ports: bool,

    /// Include internal events and the events of tracer itself
    #[arg(short = 'D', long, help_heading = "Output", group = SETTINGS)]
    pub debug: bool,

    /// Meaning of evt.outputtime: h time of day, a seconds since the epoch, r since the first event, d latency of the call, D since the
    /// previous event
    #[arg(short = 't', long = "timetype", value_name = "h|a|r|d|D", default_value = "h", value_parser = time_mode,
        hide_default_value = true, help_heading = "Output", group = SETTINGS)]
    pub time: TimeMode,

    /// Show times in UTC
    #[arg(long, help_heading = "Output", group = SETTINGS)]
    pub utc: bool,

    /// Show times in this time zone, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", conflicts_with = "utc", help_heading = "Output", group = SETTINGS)]
    pub tz: Option<String>,

    /// Print no events
    #[arg(short = 'q', long, help_heading = "Output", group = SETTINGS)]
    pub quiet: bool,

    /// At the end, print how often each event happened
    #[arg(short = 'S', long, help_heading = "Output", group = SETTINGS)]
    pub summary: bool,

    /// Show progress on standard error while reading captures
    #[arg(short = 'P', long, help_heading = "Output", group = SETTINGS)]
    pub progress: bool,

    /// Print all data instead of the first 80 characters, and more statistics at the end
    #[arg(short = 'v', long, help_heading = "Output", group = SETTINGS)]
    pub verbose: bool,

    /// Use colours: auto (on a terminal, unless NO_COLOR is set), never, always
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output", group = SETTINGS)]
    pub color: ColorChoice,

    /// Flush the output after each line
    #[arg(long, help_heading = "Output", group = SETTINGS)]
    pub unbuffered: bool,

    /// Read events from this capture file instead of the kernel; - for standard input. Can be repeated
    #[arg(short = 'r', long = "read", value_name = "FILE", help_heading = "Captures")]
    pub read: Vec<PathBuf>,

    /// Write events to this capture file; - for standard output. Nothing is printed unless you add -p, -j or -c
    #[arg(short = 'w', long = "write", value_name = "FILE", help_heading = "Captures")]
    pub write: Option<PathBuf>,

    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would be the description of the command")]
    pub writing: Writing,

    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub following: Following,

    /// Leave out processes with this name. Can be repeated
    #[arg(short = 'U', long = "suppress-comm", value_name = "COMM", help_heading = "Events", group = SETTINGS)]
    pub suppress: Vec<String>,

    /// Do not look up users and groups
    #[arg(short = 'E', long, help_heading = "Names and rights", group = SETTINGS)]
    pub exclude_users: bool,

    /// Exit with status 3 if events were lost
    #[arg(long, help_heading = "Limits", group = SETTINGS)]
    pub fail_on_drop: bool,

    /// Stop after showing this many events
    #[arg(short = 'n', long = "numevents", value_name = "COUNT", allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1, u64::MAX),
        help_heading = "Limits", group = SETTINGS)]
    pub max_events: Option<u64>,

    /// Stop after this many seconds; with -r, seconds of the capture
    #[arg(short = 'M', value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds, help_heading = "Limits")]
    pub max_time: Option<Duration>,

    /// Keep this many bytes of the data of each read and write, at most 65000
    #[arg(short = 's', long, value_name = "BYTES", default_value_t = 80,
        allow_negative_numbers = true, value_parser = |text: &str| whole(text, 0, tracer_common::wire::MAX_SNAPLEN),
        help_heading = "Events", group = SETTINGS)]
    pub snaplen: u32,

    /// Keep this many bytes of the arguments and of the environment of each process. Beyond 4091 bytes they are read from /proc, if the
    /// process still exists
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, value_parser = |text: &str| whole(text, 4096_u32, 2_097_152),
        conflicts_with = "read", help_heading = "Events", group = SETTINGS)]
    pub args_limit: Option<u32>,

    /// Also report the start of calls that open a file or connect a socket, with the path or address at that moment, because another
    /// thread may change it before the call returns. File names are taken from this event
    #[arg(long, help_heading = "Events", group = SETTINGS)]
    pub entry_args: bool,

    /// Also report page faults (page_fault events)
    #[arg(long, help_heading = "Events", group = SETTINGS)]
    pub page_faults: bool,

    /// Process a random one in N events. Counts and sums are scaled and marked as estimates; lines show only the sample. Names stay
    /// correct. A capture always gives the same sample
    #[arg(long, value_name = "1/N", help_heading = "Limits", group = SETTINGS)]
    pub sample: Option<Sample>,

    /// Size of the buffer between kernel and tracer on each CPU, such as 8M. A larger one survives longer bursts
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true, value_parser = buffer_size, help_heading = "Limits", group = SETTINGS)]
    pub buffer_size: Option<u64>,

    /// Filter in user space only: the kernel sends every event
    #[arg(hide = true, long, help_heading = "Events", group = SETTINGS)]
    pub no_pushdown: bool,

    /// Ask only this engine for container names: ENGINE is docker, podman, containerd, cri-o or cri (any Kubernetes runtime), PATH its
    /// socket. Can be repeated
    #[arg(long = "engine-socket", value_name = "ENGINE=PATH", help_heading = "Names and rights", group = SETTINGS)]
    pub engine_sockets: Vec<EngineSocket>,

    /// Print the log of the BPF programs
    #[arg(hide = true, long, help_heading = "Events", group = SETTINGS)]
    pub kernel_log: bool,

    /// Read defaults from this file instead of tracer/tracer.toml in the configuration folder; its keys are long option names
    #[arg(long, value_name = "FILE", help_heading = "Help and settings")]
    pub config: Option<PathBuf>,

    /// The filter decides only what is shown, and all events update the state: this is always so.
    #[arg(short = 'd', long = "displayflt", hide = true)]
    pub display_filter: bool,

    /// The kernel side is always of this kind.
    #[arg(long, hide = true)]
    pub modern_bpf: bool,

    /// There is a ring for each CPU.
    #[arg(long, value_name = "COUNT", hide = true)]
    pub cpus_for_each_buffer: Option<u32>,

    /// List the fields for filters and formats; -l proc lists those that begin with proc, -lv shows more about each
    #[arg(short = 'l', long, help_heading = "Help and settings")]
    pub list: bool,

    /// List the fields as a Markdown page
    #[arg(hide = true, long, help_heading = "Help and settings")]
    pub list_markdown: bool,

    /// List the events and their parameters
    #[arg(short = 'L', long, help_heading = "Help and settings")]
    pub list_events: bool,

    /// Show which hooks and system calls the rest of this command line needs, and what runs in the kernel; trace nothing
    #[arg(long, help_heading = "Help and settings")]
    pub explain: bool,

    /// Check kernel and permissions, and suggest fixes
    #[arg(long, help_heading = "Help and settings")]
    pub doctor: bool,

    /// Attach a program that does nothing, for measurements.
    #[arg(long, hide = true)]
    pub bench_empty: bool,

    /// Say how fast the events of captures are from memory, for measurements.
    #[arg(long, hide = true, requires = "read")]
    pub bench_memory: bool,

    /// Print names for the completion of a shell: chisels, fields, containers.
    #[arg(long, value_name = "WHAT", hide = true)]
    pub complete: Option<String>,

    /// Print a page of the documentation: events, fields, options, chisels, man, complete-bash, complete-zsh, complete-fish.
    #[arg(long, value_name = "PAGE", hide = true)]
    pub generate: Option<String>,

    /// Show only events that match this filter (all remaining words are joined)
    #[arg(value_name = "FILTER", trailing_var_arg = true)]
    pub filter: Vec<String>,
}

/// How a capture is written.
#[derive(Debug, Clone, clap::Args)]
pub struct Writing {
    /// Start a new file after this many megabytes
    #[arg(short = 'C', long, value_name = "MB", requires = "write", help_heading = "Captures",
        allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1_u64, 1_000_000_000), group = SETTINGS)]
    pub file_size: Option<u64>,

    /// Start a new file after this many seconds; % in the name is filled in with the local time, like strftime
    #[arg(short = 'G', long, value_name = "SECONDS", requires = "write", help_heading = "Captures",
        allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1_u64, 1_000_000_000), group = SETTINGS)]
    pub seconds: Option<u64>,

    /// Start a new file after this many events
    #[arg(short = 'e', long, value_name = "COUNT", requires = "write", help_heading = "Captures",
        allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1, u64::MAX), group = SETTINGS)]
    pub events: Option<u64>,

    /// Keep this many files; the oldest is overwritten
    #[arg(short = 'W', long, value_name = "FILES", requires = "write", help_heading = "Captures",
        allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1, u64::MAX), group = SETTINGS)]
    pub limit: Option<u64>,

    /// Compress the capture. -z means gzip; --compress=zstd is faster, but other tools cannot read it
    #[arg(short = 'z', long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true,
        default_missing_value = "gzip", requires = "write", help_heading = "Captures", group = SETTINGS)]
    pub compress: Option<Compression>,

    /// Also write filtered-out events that file and process names depend on when the capture is read. They are not printed
    #[arg(short = 'F', long, requires = "write", help_heading = "Captures", group = SETTINGS)]
    pub fatfile: bool,

    /// Also apply the filter to the list of processes in the capture
    #[arg(long, requires = "write", help_heading = "Captures", group = SETTINGS)]
    pub filter_proclist: bool,

    /// Event format to write: released (sysdig, Falco and Stratoshark can read it) or newest
    #[arg(long, value_enum, value_name = "WHICH", default_value_t, requires = "write", help_heading = "Captures", group = SETTINGS)]
    pub schema: Schema,

    /// Leave secrets out of the capture: env (environments), args (program arguments), data (bytes read and written)
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',', requires = "write", help_heading = "Captures", group = SETTINGS)]
    pub redact: Vec<Secret>,

    /// Do not record latency; saves the hook at syscall entry
    #[arg(long, requires = "write", help_heading = "Captures", group = SETTINGS)]
    pub no_latency: bool,

    /// Do not record CPU times; saves the hook in the scheduler
    #[arg(long, requires = "write", help_heading = "Captures", group = SETTINGS)]
    pub no_cpu: bool,

    /// Write to files and folders that another user owns or can change, follow symbolic links, and write to a FIFO
    #[arg(long, help_heading = "Captures")]
    pub force: bool,

    /// Switch to this user (name or number) once tracing or reading has started, so that they own the capture files. After that,
    /// threads and descriptors of other users cannot be looked up
    #[arg(long, value_name = "USER", help_heading = "Names and rights", group = SETTINGS)]
    pub drop_to: Option<String>,
}

/// What can be left out of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Secret {
    /// Environments of processes
    Env,
    /// Arguments of processes
    Args,
    /// Bytes read and written
    Data,
}

impl Writing {
    /// What is written to `file` while other files are `read`.
    #[must_use]
    pub fn options(&self, file: &Path, read: &[PathBuf]) -> capture::Options {
        let has = |secret| self.redact.contains(&secret);
        capture::Options {
            file: file.to_owned(),
            read: read.to_vec(),
            limits: capture::Limits {
                bytes: self.file_size.map(|mb| mb.saturating_mul(1_000_000)),
                seconds: self.seconds,
                events: self.events,
                files: self.limit,
            },
            compression: self.compress.unwrap_or_default(),
            schema: self.schema,
            redact: Redact { env: has(Secret::Env), args: has(Secret::Args), data: has(Secret::Data) },
            fat: self.fatfile,
            filter_threads: self.filter_proclist,
            cpu: !self.no_cpu,
            latency: !self.no_latency,
            force: self.force,
        }
    }
}

impl Args {
    /// The time zone that was asked for.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        if self.utc { Some("UTC") } else { self.tz.as_deref() }
    }

    /// How data is shown.
    #[must_use]
    pub fn data(&self) -> DataMode {
        match self {
            Self { print_ascii: true, .. } => DataMode::Ascii,
            Self { print_hex: true, .. } => DataMode::Hex,
            Self { print_hex_ascii: true, .. } => DataMode::HexAscii,
            Self { print_base64: true, .. } => DataMode::Base64,
            _ => DataMode::Dots,
        }
    }

    /// The filter as one text; `None` without words.
    #[must_use]
    pub fn filter_text(&self) -> Option<String> {
        (!self.filter.is_empty()).then(|| self.filter.join(" "))
    }
}

/// The folders of `--chisel-dir`, which must be known before the other words can be told apart.
#[must_use]
pub fn chisel_dirs(words: &[String]) -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word.strip_prefix("--chisel-dir") {
            Some("") => dirs.extend(words.next().map(PathBuf::from)),
            Some(rest) => dirs.extend(rest.strip_prefix('=').map(PathBuf::from)),
            None => {}
        }
    }
    dirs
}

fn time_mode(text: &str) -> Result<TimeMode, String> {
    Ok(match text {
        "h" => TimeMode::Human,
        "a" => TimeMode::Absolute,
        "r" => TimeMode::Relative,
        "d" => TimeMode::Latency,
        "D" => TimeMode::Delta,
        _ => return Err("expected h, a, r, d or D".to_owned()),
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected a number of seconds above 0".to_owned())
}

/// A whole number between two others.
pub(super) fn whole<N: FromStr + PartialOrd + fmt::Display>(text: &str, least: N, most: N) -> Result<N, String> {
    let limits = if most.to_string() == u64::MAX.to_string() {
        format!("at least {least}")
    } else {
        format!("from {least} to {most}")
    };
    text.parse()
        .ok()
        .filter(|number| (&least..=&most).contains(&number))
        .ok_or_else(|| format!("expected a whole number, {limits}"))
}

/// The most rows of a table.
const MAX_ROWS: usize = 100_000;

fn rows(text: &str) -> Result<usize, String> {
    let rows = text.parse().ok().filter(|rows| (1..=MAX_ROWS).contains(rows));
    rows.ok_or_else(|| format!("expected a whole number from 1 to {MAX_ROWS}"))
}

/// A time in milliseconds: of a number alone, seconds.
fn interval(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "ms" => Some(1.0),
        "" | "s" => Some(1000.0),
        "m" | "min" => Some(60_000.0),
        _ => None,
    };
    let ms = digits.parse::<f64>().ok().zip(factor).map(|(number, factor)| (number * factor).round());
    let ms = ms.filter(|ms| ms.is_finite() && *ms >= 0.0).map(|ms| ms as u64);
    ms.filter(|ms| INTERVALS_MS.contains(ms))
        .ok_or_else(|| "expected a time such as 5s, 500ms or 2m, from 10ms to 1440m".to_owned())
}

/// The least size of a buffer: a page.
const MIN_BUFFER: u64 = 4096;

fn buffer_size(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if bytes >= MIN_BUFFER {
        return Ok(bytes);
    }
    let meant = if text.parse::<u64>().is_ok() { format!("\nhint: did you mean {text}M?") } else { String::new() };
    Err(format!("expected at least {}K{meant}", MIN_BUFFER >> 10))
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        text if text.ends_with('K') => (text.trim_end_matches('K').to_owned(), 1 << 10),
        text if text.ends_with('M') => (text.trim_end_matches('M').to_owned(), 1 << 20),
        text if text.ends_with('G') => (text.trim_end_matches('G').to_owned(), 1 << 30),
        text => (text.to_owned(), 1),
    };
    let number = digits.parse::<u64>().ok().filter(|number| *number > 0);
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "expected a size such as 512K, 8M or 1G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(words: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("tracer").chain(words.iter().copied()))
    }

    #[test]
    fn the_declaration_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_may_be_glued_and_the_rest_is_the_filter() {
        let args = parse(&["-pc", "-n", "50", "-M", "0.5", "proc.name=cat", "and", "fd.num", "<", "-1"]).unwrap();
        assert_eq!(args.print.as_deref(), Some("c"));
        assert_eq!(args.max_events, Some(50));
        assert_eq!(args.max_time, Some(Duration::from_millis(500)));
        assert_eq!(args.filter_text().unwrap(), "proc.name=cat and fd.num < -1");
        assert_eq!(parse(&["--buffer-size", "64K"]).unwrap().buffer_size, Some(65_536));
        assert_eq!(parse(&["--interval", "2"]).unwrap().interval, Some(2000));
        assert_eq!(parse(&["--interval", "0.5m"]).unwrap().interval, Some(30_000));
        assert_eq!(parse(&["-tD"]).unwrap().time, TimeMode::Delta);
    }

    #[test]
    fn wrong_options_end_with_code_2_and_a_suggestion() {
        let error = parse(&["--unbuferred"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--unbuffered"));
        for words in [
            &["-s", "65001"][..],
            &["-n", "0"],
            &["-t", "x"],
            &["--buffer-size", "8X"],
            &["--buffer-size", "256"],
            &["--buffer-size", "3K"],
            &["--interval", "1ms"],
            &["--interval", "5h"],
            &["--rows", "0"],
            &["-M", "0"],
        ] {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }

    #[test]
    fn folders_of_chisels_are_found_before_parsing() {
        let words = ["tracer", "--chisel-dir", "a", "--chisel-dir=b", "-n", "1"].map(ToOwned::to_owned);
        assert_eq!(chisel_dirs(&words), [PathBuf::from("a"), PathBuf::from("b")]);
    }
}
