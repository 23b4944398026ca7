//! The options. Their documentation is the help text and `docs/options.md`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgGroup, Parser};

use super::command::Following;
use crate::{
    event::portable::{Redact, Schema},
    fields::TimeMode,
    format::{DataMode, color::ColorChoice},
    sample::Sample,
    sink::capture::{self, Compression},
    state::container::EngineSocket,
};

/// The group of the options that may be keys of a settings file, because they say how each run behaves, not what one run does.
pub const SETTINGS: &str = "settings";

/// Shows what every process and container on this machine is doing, from its system calls.
///
/// Without options, every event is a line. A filter chooses events: tracer proc.name=nginx and evt.type in (open, openat).
/// Chisels show more than lines: tracer -pc -c topcontainers_net.
/// What a capture file holds: tracer info FILE. To write a chisel: tracer chisel new|check|test.
#[derive(Debug, Clone, Parser)]
#[command(name = "tracer", version, max_term_width = 100, disable_help_subcommand = true, args_override_self = true,
    group = ArgGroup::new(SETTINGS).multiple(true))]
pub struct Args {
    /// Run a chisel. The word behind it is its argument if it takes one; several values are one word: -c NAME "1 2".
    /// Can be repeated
    #[arg(short = 'c', long = "chisel", value_name = "NAME", help_heading = "Chisels")]
    pub chisels: Vec<String>,

    /// List the chisels, also -cl
    #[arg(long, help_heading = "Chisels")]
    pub list_chisels: bool,

    /// Describe a chisel and its arguments
    #[arg(short = 'i', long, value_name = "NAME", help_heading = "Chisels")]
    pub chisel_info: Option<String>,

    /// Search for chisels here first. Can be repeated
    #[arg(long = "chisel-dir", value_name = "DIR", help_heading = "Chisels", group = SETTINGS)]
    pub chisel_dirs: Vec<PathBuf>,

    /// Load chisels again when their files change, for those who write one
    #[arg(long, requires = "chisels", conflicts_with = "read", help_heading = "Chisels")]
    pub watch: bool,

    /// Format of the lines: text with %fields, or p for the default, or c (container) or k (kubernetes) to show containers or pods, also in
    /// chisels
    #[arg(short = 'p', long = "print", value_name = "FORMAT", help_heading = "Output", group = SETTINGS)]
    pub print: Option<String>,

    /// Print events as JSON, an object in each line with a key for each field of the format
    #[arg(short = 'j', long, help_heading = "Output", group = SETTINGS)]
    pub json: bool,

    /// Show data as text: only printable characters, with its line ends. Also in chisels that print data, as -x, -X and -b
    #[arg(short = 'A', long, group = "data", help_heading = "Output", group = SETTINGS)]
    pub print_ascii: bool,

    /// Show data as hexadecimal digits
    #[arg(short = 'x', long, group = "data", help_heading = "Output", group = SETTINGS)]
    pub print_hex: bool,

    /// Show data as hexadecimal digits with the characters beside them
    #[arg(short = 'X', long, group = "data", help_heading = "Output", group = SETTINGS)]
    pub print_hex_ascii: bool,

    /// Show data as base64
    #[arg(short = 'b', long, group = "data", help_heading = "Output", group = SETTINGS)]
    pub print_base64: bool,

    /// Show ports by the names of their services
    #[arg(short = 'R', long, help_heading = "Output", group = SETTINGS)]
    pub resolve_ports: bool,

    /// Also show internal events, and those of tracer itself
    #[arg(short = 'D', long, help_heading = "Output", group = SETTINGS)]
    pub debug: bool,

    /// What evt.outputtime shows: h time of day, a seconds since the epoch, r since the first event, d latency of the
    /// call, D since the previous event
    #[arg(short = 't', long = "timetype", value_name = "h|a|r|d|D", default_value = "h", value_parser = time_mode,
        hide_default_value = true, help_heading = "Output", group = SETTINGS)]
    pub time: TimeMode,

    /// Show times in UTC
    #[arg(long, help_heading = "Output", group = SETTINGS)]
    pub utc: bool,

    /// Show times of this zone, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", conflicts_with = "utc", help_heading = "Output", group = SETTINGS)]
    pub tz: Option<String>,

    /// Print no events
    #[arg(short = 'q', long, help_heading = "Output", group = SETTINGS)]
    pub quiet: bool,

    /// Print how often each event happened, at the end
    #[arg(short = 'S', long, help_heading = "Output", group = SETTINGS)]
    pub summary: bool,

    /// Show how far reading of the files is, on standard error
    #[arg(short = 'P', long, help_heading = "Output", group = SETTINGS)]
    pub progress: bool,

    /// Print data whole, not cut to 80 characters, and more statistics at the end
    #[arg(short = 'v', long, help_heading = "Output", group = SETTINGS)]
    pub verbose: bool,

    /// Colours: auto (on a terminal, unless NO_COLOR is set), never, always
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output", group = SETTINGS)]
    pub color: ColorChoice,

    /// Write each line at once
    #[arg(long, help_heading = "Output", group = SETTINGS)]
    pub unbuffered: bool,

    /// Read events from this capture file, - for standard input, and not from the kernel. Can be repeated
    #[arg(short = 'r', long = "read", value_name = "FILE", help_heading = "Capture")]
    pub read: Vec<PathBuf>,

    /// Write the events to this capture file, - for standard output. Lines are only printed if -p or -j asks for them, chisels
    /// with -c as ever
    #[arg(short = 'w', long = "write", value_name = "FILE", help_heading = "Capture")]
    pub write: Option<PathBuf>,

    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would be the description of the command")]
    pub writing: Writing,

    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub following: Following,

    /// Leave out events of processes with this name. Can be repeated
    #[arg(short = 'U', long = "suppress-comm", value_name = "NAME", help_heading = "Capture", group = SETTINGS)]
    pub suppress: Vec<String>,

    /// Do not look up users and groups
    #[arg(short = 'E', long, help_heading = "Capture", group = SETTINGS)]
    pub exclude_users: bool,

    /// End with code 3 when events were lost
    #[arg(long, help_heading = "Capture", group = SETTINGS)]
    pub fail_on_drop: bool,

    /// Stop after this many events that were shown
    #[arg(short = 'n', long = "numevents", value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..),
        help_heading = "Capture", group = SETTINGS)]
    pub max_events: Option<u64>,

    /// Stop after this many seconds; of a capture, of its time
    #[arg(short = 'M', value_name = "SECONDS", value_parser = seconds, help_heading = "Capture")]
    pub max_time: Option<Duration>,

    /// Bytes that are taken of data that is read and written, at most 65000
    #[arg(short = 's', long, value_name = "BYTES", default_value_t = 80,
        value_parser = clap::value_parser!(u32).range(0..=i64::from(tracer_common::wire::MAX_SNAPLEN)),
        help_heading = "Capture", group = SETTINGS)]
    pub snaplen: u32,

    /// Keep this many bytes of the arguments, and of the environment, of each process: what is longer than 4091 is read from
    /// /proc while the process lives
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(4096..=2_097_152),
        conflicts_with = "read", help_heading = "Capture", group = SETTINGS)]
    pub args_limit: Option<u32>,

    /// Also report when calls that open a file or connect a socket begin, with the path or address as it is then: another
    /// thread may change it before the call ends. Names of files follow the first
    #[arg(long, help_heading = "Capture", group = SETTINGS)]
    pub entry_args: bool,

    /// Also report page faults, page_fault events
    #[arg(long, help_heading = "Capture", group = SETTINGS)]
    pub page_faults: bool,

    /// Look at one event of N only, chosen by chance: counts and sums are scaled and said to be estimates, lines are a part of
    /// all. Names stay right. Of a capture, the choice is the same each time
    #[arg(long, value_name = "1/N", help_heading = "Capture", group = SETTINGS)]
    pub sample: Option<Sample>,

    /// Size of each ring between the kernel and tracer, such as 8M: more rides out longer bursts
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Capture", group = SETTINGS)]
    pub buffer_size: Option<u64>,

    /// Test all events here: the kernel decides nothing of the filter
    #[arg(long, help_heading = "Capture", group = SETTINGS)]
    pub no_pushdown: bool,

    /// Ask this engine for names of containers, docker=PATH or podman=PATH of its socket, and none in the usual places. Can be
    /// repeated
    #[arg(long = "engine-socket", value_name = "ENGINE=PATH", help_heading = "Capture", group = SETTINGS)]
    pub engine_sockets: Vec<EngineSocket>,

    /// Print the log of the kernel side, for those who work on it
    #[arg(long, help_heading = "Capture", group = SETTINGS)]
    pub kernel_log: bool,

    /// Read defaults from this file, not from tracer/tracer.toml in the folder for configurations: long names of options as
    /// keys
    #[arg(long, value_name = "FILE", help_heading = "Help")]
    pub config: Option<PathBuf>,

    /// Show only what the filter lets through, and know what all events change: this is always so.
    #[arg(short = 'd', long = "displayflt", hide = true)]
    pub display_filter: bool,

    /// The kernel side is always of this kind.
    #[arg(long, hide = true)]
    pub modern_bpf: bool,

    /// There is a ring for each CPU.
    #[arg(long, value_name = "COUNT", hide = true)]
    pub cpus_for_each_buffer: Option<u32>,

    /// List the fields; with -v, all that there is to say of them
    #[arg(short = 'l', long, help_heading = "Help")]
    pub list: bool,

    /// List the fields as a page in Markdown
    #[arg(long, help_heading = "Help")]
    pub list_markdown: bool,

    /// List the events and their parameters
    #[arg(short = 'L', long, help_heading = "Help")]
    pub list_events: bool,

    /// Say what the rest of the command line asks of the kernel, and trace nothing
    #[arg(long, help_heading = "Help")]
    pub explain: bool,

    /// Say what this kernel and this user allow, and what to do about what is missing
    #[arg(long, help_heading = "Help")]
    pub doctor: bool,

    /// Attach a program that does nothing, for measurements.
    #[arg(long, hide = true)]
    pub bench_empty: bool,

    /// Say how fast the events of captures are from memory, for measurements.
    #[arg(long, hide = true, requires = "read")]
    pub bench_memory: bool,

    /// Print a page of the documentation: events, fields, options, chisels, man, complete-bash, complete-zsh, complete-fish.
    #[arg(long, value_name = "PAGE", hide = true)]
    pub generate: Option<String>,

    /// Which events are wanted: all words together are one filter
    #[arg(value_name = "FILTER", trailing_var_arg = true)]
    pub filter: Vec<String>,
}

/// How a capture is written.
#[derive(Debug, Clone, clap::Args)]
pub struct Writing {
    /// Begin another file after so many megabytes
    #[arg(short = 'C', long, value_name = "MB", requires = "write", help_heading = "Capture",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000), group = SETTINGS)]
    pub file_size: Option<u64>,

    /// Begin another file after so many seconds; % in the name is filled in with local time, as strftime does
    #[arg(short = 'G', long, value_name = "SECONDS", requires = "write", help_heading = "Capture",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000), group = SETTINGS)]
    pub seconds: Option<u64>,

    /// Begin another file after so many events
    #[arg(short = 'e', long, value_name = "COUNT", requires = "write", help_heading = "Capture",
        value_parser = clap::value_parser!(u64).range(1..), group = SETTINGS)]
    pub events: Option<u64>,

    /// Keep so many files: the oldest is overwritten
    #[arg(short = 'W', long, value_name = "FILES", requires = "write", help_heading = "Capture",
        value_parser = clap::value_parser!(u64).range(1..), group = SETTINGS)]
    pub limit: Option<u64>,

    /// Compress the capture: gzip if nothing is said, as -z, or zstd, which is faster and unknown to other tools
    #[arg(short = 'z', long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true,
        default_missing_value = "gzip", requires = "write", help_heading = "Capture", group = SETTINGS)]
    pub compress: Option<Compression>,

    /// Also write events that the filter does not let through, if they change what is known: names of files are right then
    /// when the capture is read. They are not shown
    #[arg(short = 'F', long, requires = "write", help_heading = "Capture", group = SETTINGS)]
    pub fatfile: bool,

    /// Also apply the filter to the processes that the capture describes
    #[arg(long, requires = "write", help_heading = "Capture", group = SETTINGS)]
    pub filter_proclist: bool,

    /// Which parameters events have in the capture: as released tools read them, or all of the newest table
    #[arg(long, value_enum, value_name = "WHICH", default_value_t, requires = "write", help_heading = "Capture", group = SETTINGS)]
    pub schema: Schema,

    /// Leave secrets out of the capture: env (environments), args (arguments of programs), data (what is read and written)
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',', requires = "write", help_heading = "Capture", group = SETTINGS)]
    pub redact: Vec<Secret>,

    /// Do not write how long calls took, which takes a hook at their beginning
    #[arg(long, requires = "write", help_heading = "Capture", group = SETTINGS)]
    pub no_latency: bool,

    /// Do not write CPU times, which take a hook in the scheduler
    #[arg(long, requires = "write", help_heading = "Capture", group = SETTINGS)]
    pub no_cpu: bool,

    /// Write to files and folders that another user owns or can change, follow symbolic links, and write to a FIFO
    #[arg(long, help_heading = "Capture")]
    pub force: bool,

    /// Go on as this user, a name or a number, once tracing has begun or the files that are read are open: capture files belong
    /// to them. Of what runs, descriptors and threads that are only seen later cannot be looked up then
    #[arg(long, value_name = "USER", help_heading = "Capture", group = SETTINGS)]
    pub drop_to: Option<String>,
}

/// What can be left out of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Secret {
    /// Environments.
    Env,
    /// Arguments of programs.
    Args,
    /// What is read and written.
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
        assert_eq!(parse(&["-tD"]).unwrap().time, TimeMode::Delta);
    }

    #[test]
    fn wrong_options_end_with_code_2_and_a_suggestion() {
        let error = parse(&["--unbuferred"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--unbuffered"));
        for words in [&["-s", "65001"][..], &["-n", "0"], &["-t", "x"], &["--buffer-size", "8X"], &["-M", "0"]] {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }

    #[test]
    fn folders_of_chisels_are_found_before_parsing() {
        let words = ["tracer", "--chisel-dir", "a", "--chisel-dir=b", "-n", "1"].map(ToOwned::to_owned);
        assert_eq!(chisel_dirs(&words), [PathBuf::from("a"), PathBuf::from("b")]);
    }
}
