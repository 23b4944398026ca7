//! `tracer journal`: options, and what is chosen by them. They mean what they mean to journalctl(1).

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::{CommandFactory as _, Parser};

use super::{End, Failure, stop, stop::Stop, subcommands};
use crate::{
    format::{color::ColorChoice, escape, time},
    logs::{
        Marks,
        journal::{Boot, Form, Id, Journal, Kmsg, Matches, Place, Printer, Range, Source, matches},
        when,
    },
    message::{Shown as _, note, print},
    output::Out,
    state::host_root,
};

/// The word for it.
pub const JOURNAL: &str = "journal";
/// How often it is looked for new entries, and for new files.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_FOR_FILES: u32 = 10;
/// How many entries `-f` begins with.
const LAST: usize = 10;
/// Entries after which it is written down how far was read, when there are more without a pause.
const SAVE: u64 = 10_000;
/// Names of priorities. Source: syslog(3).
const PRIORITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// Show the journal of systemd.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "tracer journal",
    bin_name = "tracer journal",
    max_term_width = 100,
    disable_version_flag = true,
    args_override_self = true
)]
struct JournalArgs {
    /// Continue with new entries
    #[arg(short, long)]
    follow: bool,

    /// Only entries of this unit, also with * and ?. Can be repeated
    #[arg(short, long = "unit", value_name = "UNIT")]
    units: Vec<String>,

    /// Only entries with this SYSLOG_IDENTIFIER. Can be repeated
    #[arg(short = 't', long = "identifier", value_name = "NAME")]
    identifiers: Vec<String>,

    /// Only entries of this priority or a more important one, as a name or a number; FROM..TO is a range
    #[arg(short, long, value_name = "PRIORITY", value_parser = priorities)]
    priority: Option<std::ops::RangeInclusive<usize>>,

    /// Only entries of this boot: an id, 0 for the newest, -1 for the one before, 1 for the oldest [without a value: the current one]
    #[arg(short, long, value_name = "BOOT", num_args = 0..=1, default_missing_value = "0", allow_hyphen_values = true, require_equals = true, value_parser = boot)]
    boot: Option<Wanted>,

    /// Only messages of the kernel, of the current boot unless -b names another
    #[arg(short = 'k', long, visible_alias = "kernel")]
    dmesg: bool,

    /// Only entries from this time on: how long ago, such as 42m, or a time, such as 14:03 or 2026-08-01T14:03:20
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true, value_parser = when::parse)]
    since: Option<u64>,

    /// Only entries up to this time
    #[arg(short = 'U', long, value_name = "TIME", allow_hyphen_values = true, value_parser = when::parse)]
    until: Option<u64>,

    /// Only the last N entries; `all` for all of them [with -f: 10]
    #[arg(short = 'n', long = "lines", value_name = "N", allow_hyphen_values = true, value_parser = last)]
    lines: Option<Last>,

    /// How entries look
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    output: Form,

    /// Print JSON, like -o json
    #[arg(short = 'j', long)]
    json: bool,

    /// Show times in UTC
    #[arg(long)]
    utc: bool,

    /// Also show journals of other machines
    #[arg(short, long)]
    merge: bool,

    /// Read the files of this folder. Can be repeated
    #[arg(short = 'D', long = "directory", value_name = "DIR", conflicts_with_all = ["files", "merge"])]
    folders: Vec<PathBuf>,

    /// Read this file. Can be repeated
    #[arg(short = 'i', long = "file", value_name = "FILE", conflicts_with = "merge")]
    files: Vec<PathBuf>,

    /// List the boots that the journal tells of
    #[arg(long, conflicts_with_all = ["follow", "field"])]
    list_boots: bool,

    /// List the values of this field
    #[arg(short = 'F', long, value_name = "FIELD", conflicts_with = "follow")]
    field: Option<String>,

    /// Continue where the run before with this file ended. Not with -n and --until
    #[arg(long, value_name = "FILE", conflicts_with_all = ["lines", "until"])]
    state: Option<PathBuf>,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: ColorChoice,

    /// Output never goes to a pager
    #[arg(long, hide = true)]
    no_pager: bool,

    /// Fields that entries must have, as FIELD=VALUE. Several values of one field are alternatives; a + separates alternatives of all
    #[arg(value_name = "FIELD=VALUE")]
    matches: Vec<String>,
}

/// How many of the last entries; all when `None`.
type Last = std::option::Option<usize>;

/// Which boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Id(Id),
    Number(i64),
}

fn boot(text: &str) -> Result<Wanted, String> {
    let number = || text.parse().ok().map(Wanted::Number);
    Id::parse(text)
        .map(Wanted::Id)
        .or_else(number)
        .ok_or_else(|| "expected the id of a boot or a number, such as -1".to_owned())
}

fn last(text: &str) -> Result<Last, String> {
    match text {
        "all" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| "expected a number of entries, or all".to_owned()),
    }
}

fn priorities(text: &str) -> Result<std::ops::RangeInclusive<usize>, String> {
    let one = |text: &str| {
        let by_name = PRIORITIES.iter().position(|name| *name == text);
        let short = || match text {
            "panic" => Some(0),
            "error" => Some(3),
            "warn" => Some(4),
            _ => text.parse().ok().filter(|number| *number < PRIORITIES.len()),
        };
        by_name
            .or_else(short)
            .ok_or_else(|| format!("expected a number from 0 to 7 or one of {}", PRIORITIES.join(", ")))
    };
    match text.split_once("..") {
        None => Ok(0..=one(text)?),
        Some((from, to)) => {
            let (from, to) = (one(from)?, one(to)?);
            Ok(from.min(to)..=from.max(to))
        }
    }
}

/// The value of `-b` may be the next word, if it is one: clap would take whatever comes.
fn with_boots(words: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(words.len());
    let mut is_open = false;
    for word in words {
        let value = word.strip_prefix("-b").filter(|value| !value.is_empty() && boot(value).is_ok());
        match value {
            _ if is_open && boot(word).is_ok() => {
                out.pop();
                out.push(format!("--boot={word}"));
            }
            Some(value) => out.push(format!("--boot={value}")),
            None => out.push(word.clone()),
        }
        is_open = word == "-b" || word == "--boot";
    }
    out
}

/// Its options.
pub(super) fn command() -> clap::Command {
    JournalArgs::command()
}

/// Carries out the words behind `journal`.
///
/// # Errors
/// They are wrong, there is no journal, or output cannot be written.
pub(super) fn execute(words: &[String], _: super::Live) -> Result<ExitCode, End> {
    let args: JournalArgs = match subcommands::parse(JOURNAL, &with_boots(words))? {
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
    let words = matches::of_words(&args.matches)
        .map_err(|why| Failure::with_hint(why, "names of units come after -u; --help lists the options"))?;
    let mut marks =
        args.state.as_deref().map(Marks::load).transpose().map_err(|error| Failure::of(&error.to_string()))?;
    if let Some(marks) = &marks {
        marks.check().map_err(|error| Failure::of(&error.to_string()))?;
    }
    stop::survive_file_limit()?;
    time::load_zone();
    let stop = Stop::at_signals(None)?;
    let place = place(&args);
    let mut journal = Journal::open(place.clone());
    let kernel = kernel(&args, &journal, &place)?;
    if kernel.is_none() {
        check(&journal, &place).map_err(|failure| End::Run(failure.into()))?;
    }
    if args.list_boots {
        print(&boots(&journal.boots(), args.utc))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(field) = &args.field {
        let values = journal.values(field);
        let lines: Vec<String> = values.iter().map(|value| escape::escaped(value) + "\n").collect();
        print(&lines.concat())?;
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = wanted(&args, &words, &mut journal, kernel.as_ref())?;
    let mut journal = kernel.map_or_else(|| Source::Files(Box::new(journal)), Source::Kernel);
    let before = marks.as_ref().map(Marks::journals).unwrap_or_default();
    let is_new = before.is_empty();
    let first = args.follow && args.since.is_none() && args.state.is_none();
    let range = Range {
        since_us: args.since.unwrap_or(0) / 1_000,
        until_us: args.until.map(|ns| ns / 1_000),
        last: if is_new { args.lines.unwrap_or(first.then_some(LAST)) } else { None },
    };
    journal.begin(wanted, range, before);
    if let Some((next, first)) = journal.lost() {
        note(&format!(
            "warning: entries may be missing: those from number {next} to {} were removed before they were read",
            first - 1
        ));
    }
    let form = if args.json { Form::Json } else { args.output };
    let printer = Printer::new(Out::stdout(args.follow, false, args.color), form, args.color.enabled(), args.utc);
    show(&args, journal, printer, marks.as_mut(), &stop)
}

fn show(
    args: &JournalArgs,
    mut journal: Source,
    mut printer: Printer,
    mut marks: Option<&mut Marks>,
    stop: &Stop,
) -> Result<ExitCode, End> {
    let is_over = || stop.load(std::sync::atomic::Ordering::Relaxed);
    let mut looks = 0_u32;
    let mut unsaved = 0;
    loop {
        while !is_over()
            && let Some(entry) = journal.entry()
        {
            printer.entry(&entry)?;
            if let Some(marks) = &mut marks {
                marks.set_journal(&entry.stamp);
                unsaved += 1;
                if unsaved >= SAVE {
                    printer.flush()?;
                    marks.save().map_err(anyhow::Error::from)?;
                    unsaved = 0;
                }
            }
        }
        printer.flush()?;
        if looks.is_multiple_of(LOOK_FOR_FILES)
            && let Some(marks) = &mut marks
        {
            marks.save().map_err(anyhow::Error::from)?;
        }
        let is_late = args.until.is_some_and(|until| crate::logs::now_ns() > until);
        if is_over() || !args.follow || is_late {
            break;
        }
        std::thread::sleep(LOOK);
        looks = looks.wrapping_add(1);
        journal.look(looks.is_multiple_of(LOOK_FOR_FILES));
    }
    if let Some(marks) = &mut marks {
        marks.save().map_err(anyhow::Error::from)?;
    }
    if !args.follow {
        printer.end()?;
    }
    Ok(ExitCode::from(stop::code()))
}

fn place(args: &JournalArgs) -> Place {
    match (&args.files[..], &args.folders[..]) {
        ([], []) => Place::Machine { root: host_root().0.clone(), all: args.merge },
        ([], folders) => Place::Folders(folders.to_vec()),
        (files, _) => Place::Files(files.to_vec()),
    }
}

/// The kernel's buffer, if its messages are wanted and there is no journal of this machine.
fn kernel(args: &JournalArgs, journal: &Journal, place: &Place) -> Result<Option<Kmsg>, Failure> {
    let Place::Machine { root, .. } = place else { return Ok(None) };
    if !args.dmesg || journal.files() > 0 || journal.denied() > 0 {
        return Ok(None);
    }
    match Kmsg::open(root) {
        Ok(kmsg) => {
            note("note: there is no journal on this machine: messages come from the kernel's buffer, /dev/kmsg");
            Ok(Some(kmsg))
        }
        Err(error) => Err(Failure::with_hint(
            format!("there is no journal, and /dev/kmsg cannot be read: {error}"),
            "run it with sudo; in a container, add --device /dev/kmsg --cap-add SYSLOG",
        )),
    }
}

/// Whether there is something to read.
fn check(journal: &Journal, place: &Place) -> Result<(), Failure> {
    const SUDO: &str = "run it with sudo: only root and the group systemd-journal may read the journal";
    let denied = journal.denied();
    if journal.files() > 0 {
        if denied > 0 {
            let files = if denied == 1 { "1 file".to_owned() } else { format!("{denied} files") };
            note(&format!("note: {files} of the journal may not be read\nhint: {SUDO}"));
        }
        return Ok(());
    }
    if denied > 0 {
        return Err(Failure::with_hint("the journal cannot be read: permission denied", SUDO));
    }
    if place.has_others() {
        return Err(Failure::with_hint("there is no journal of this machine", "--merge shows those of other machines"));
    }
    let folders: Vec<String> = place.expected().iter().map(|path| path.as_path().shown()).collect();
    Err(Failure::with_hint(
        format!("there is no journal in {}", folders.join(" and ")),
        match place {
            Place::Machine { .. } => {
                "without systemd-journald, tracer -c spy_syslog shows what processes send to the system log, tracer logs what \
                 containers write, and tracer journal -k the kernel's messages; in a container, add -v /:/host:ro -e HOST_ROOT=/host"
            }
            _ => "name a folder or a file with names that end in .journal",
        },
    ))
}

fn wanted(
    args: &JournalArgs,
    words: &[Vec<matches::Term>],
    journal: &mut Journal,
    kernel: Option<&Kmsg>,
) -> Result<Matches, Failure> {
    let mut wanted = Matches::default();
    if !words.is_empty() {
        wanted.and_any(words);
    }
    if !args.units.is_empty() {
        let mut units = Vec::new();
        for unit in &args.units {
            units.extend(of_pattern(unit, journal)?.iter().flat_map(|unit| matches::of_unit(unit)));
        }
        wanted.and_any(&units);
    }
    let values = |name: &str, values: &[String]| -> matches::Term {
        values.iter().map(|value| format!("{name}={value}").into_bytes()).collect()
    };
    if !args.identifiers.is_empty() {
        wanted.and(values("SYSLOG_IDENTIFIER", &args.identifiers));
    }
    if let Some(range) = &args.priority {
        wanted.and(values("PRIORITY", &range.clone().map(|it| it.to_string()).collect::<Vec<_>>()));
    }
    if args.dmesg {
        wanted.and(values("_TRANSPORT", &["kernel".to_owned()]));
    }
    if let Some(boot) = args.boot.or(args.dmesg.then_some(Wanted::Number(0))) {
        let is_own = args.files.is_empty() && args.folders.is_empty();
        let id = match (boot, kernel) {
            (Wanted::Number(0), Some(kernel)) => kernel.boot_id(),
            _ => boot_id(boot, journal, is_own)?,
        };
        wanted.and(values("_BOOT_ID", &[id.to_string()]));
    }
    Ok(wanted)
}

/// The units that a pattern names in this journal; a name is one, whether the journal has it or not.
fn of_pattern(pattern: &str, journal: &mut Journal) -> Result<Vec<String>, Failure> {
    let name = matches::unit_name(pattern);
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![name]);
    }
    let values = matches::UNIT_FIELDS.iter().flat_map(|field| journal.values(field));
    let mut units: Vec<String> = values
        .filter(|value| crate::glob::matches(name.as_bytes(), value, false))
        .filter_map(|value| String::from_utf8(value).ok())
        .collect();
    units.sort();
    units.dedup();
    if units.is_empty() {
        return Err(Failure::with_hint(
            format!("no unit in the journal matches '{pattern}'"),
            "tracer journal -F _SYSTEMD_UNIT lists them",
        ));
    }
    Ok(units)
}

/// The id of a boot: counted from the newest with 0 and below, from the oldest with 1 and above.
fn boot_id(wanted: Wanted, journal: &mut Journal, is_own: bool) -> Result<Id, Failure> {
    let number = match wanted {
        Wanted::Id(id) => return Ok(id),
        Wanted::Number(number) => number,
    };
    let current = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().and_then(|text| Id::parse(&text));
    if let (0, true, Some(current)) = (number, is_own, current) {
        return Ok(current);
    }
    let boots = journal.boots();
    let place = if number > 0 { number - 1 } else { boots.len() as i64 - 1 + number };
    let found = usize::try_from(place).ok().and_then(|place| boots.get(place));
    found.map(|boot| boot.id).ok_or_else(|| {
        Failure::with_hint(
            format!("the journal has no boot {number}, only {} in all", boots.len()),
            "--list-boots lists them",
        )
    })
}

/// A line for each boot: its number, its id, and when its first and last entry were written.
fn boots(boots: &[Boot], utc: bool) -> String {
    let shown = |us: u64| {
        let mut out = Vec::new();
        match utc {
            true => time::iso8601(us.saturating_mul(1_000), &mut out),
            false => time::date_time(us.saturating_mul(1_000), false, &mut out),
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    let mut text = format!("{:>4} {:32} {:20} {}\n", "BOOT", "ID", "FIRST ENTRY", "LAST ENTRY");
    for (at, Boot { id, first_us, last_us }) in boots.iter().enumerate() {
        let number = at as i64 - (boots.len() as i64 - 1);
        text.push_str(&format!("{number:>4} {id} {:20} {}\n", shown(*first_us), shown(*last_us)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_the_next_word_only_if_it_is_one() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (given, taken) in [
            ("-b -1 -f", "--boot=-1 -f"),
            ("-b -f", "-b -f"),
            ("-b-2", "--boot=-2"),
            ("-b 0123456789abcdef0123456789abcdef", "--boot=0123456789abcdef0123456789abcdef"),
            ("--boot 1", "--boot=1"),
            ("-b _UID=0", "-b _UID=0"),
            ("-n 5 -b", "-n 5 -b"),
        ] {
            assert_eq!(with_boots(&words(given)), words(taken), "{given}");
        }
        let parsed = |text: &str| JournalArgs::try_parse_from(with_boots(&words(&format!("journal {text}")))).unwrap();
        assert_eq!(parsed("-b -f").boot, Some(Wanted::Number(0)));
        assert_eq!(parsed("-b -1").boot, Some(Wanted::Number(-1)));
        assert_eq!(parsed("-p warning").priority, Some(0..=4));
        assert_eq!(parsed("-p err..2").priority, Some(2..=3));
        assert!(priorities("8").is_err() && priorities("x..1").is_err());
    }
}
