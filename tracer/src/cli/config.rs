//! Defaults from a file: `tracer.toml`, with the long names of options as keys.
//!
//! Each entry is put in front of the words of the command line, where a later option of the same name replaces it. A file that
//! another user can change is not obeyed ([`files::read`]), and only options of the group [`SETTINGS`] can be keys.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::{Arg, Args as _, Command, CommandFactory, Parser, error::ErrorKind};
use toml::{Table, Value};

use super::{
    Args, Failure,
    args::{SETTINGS, Writing},
    subcommands, wrong_use,
};
use crate::message::Shown as _;
use crate::{
    fields::nearest,
    files::{self, Refused},
    message::{note, toml_text::mistake},
};

/// The longest file of settings.
const MAX_BYTES: u64 = 64 << 10;
/// The most values that it may have: each is looked at by the parser of options, with all others.
const MAX_VALUES: usize = 1_000;
/// The option for colours, which all that is printed obeys.
const COLOR: &str = "color";

/// The words with those of the file in front: the one of `--config`, or the one in the folder for configurations.
///
/// # Errors
/// The file of `--config` cannot be read, or what stands in a file is wrong.
pub fn with_defaults(mut words: Vec<String>) -> Result<Vec<String>, Failure> {
    let Some((path, text)) = text(asked_for(&words))? else { return Ok(words) };
    let defaults = parse(&text).map_err(|failure| of_file(&path, failure))?;
    let defaults = of_this_run(defaults, &words);
    words.splice(1..1, defaults);
    Ok(words)
}

/// The words that the section of a subcommand stands for, such as `[serve]`; its keys are long names of `options`.
///
/// # Errors
/// As [`with_defaults`].
pub fn section(name: &str, options: &Command, words: &[String]) -> Result<Vec<String>, Failure> {
    let Some((path, text)) = text(asked_for(words))? else { return Ok(Vec::new()) };
    of_section(&text, name, options).map_err(|failure| of_file(&path, failure))
}

/// The same where the section is read by somebody else: what stands above all sections and is for `options`, too.
///
/// # Errors
/// As [`with_defaults`].
pub(super) fn for_all(options: &Command) -> Result<Vec<String>, Failure> {
    let Some((path, text)) = text(None)? else { return Ok(Vec::new()) };
    table(&text).and_then(|table| colors(&table, options)).map_err(|failure| of_file(&path, failure))
}

/// What stands above all sections is for tracer itself, but colours are for all that it prints.
fn colors(table: &Table, options: &Command) -> Result<Vec<String>, Failure> {
    let mut words = Vec::new();
    let color = options.get_arguments().find(|arg| arg.get_long() == Some(COLOR));
    if let Some((arg, value)) = color.zip(table.get(COLOR)) {
        add(&mut words, (COLOR, arg), value, &|_| Ok(()))?;
    }
    Ok(words)
}

fn of_section(text: &str, name: &str, options: &Command) -> Result<Vec<String>, Failure> {
    let table = table(text)?;
    let mut words = colors(&table, options)?;
    let Some(section) = table.get(name) else { return Ok(words) };
    let section = section.as_table().ok_or_else(|| Failure::new(format!("'{name}' must be a section: [{name}]")))?;
    for (key, value) in section {
        let longs = || options.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg)));
        let Some((long, arg)) = longs().find(|(long, _)| *long == key.as_str()) else {
            let hint = nearest(key, longs().map(|(long, _)| long)).map(|name| format!("did you mean '{name}'?"));
            let hint = hint.or_else(|| Some(format!("keys are long option names of tracer {name}")));
            return Err(Failure { message: format!("[{name}]: there is no option '{key}'"), hint });
        };
        add(&mut words, (long, arg), value, &|_| Ok(()))?;
    }
    Ok(words)
}

fn of_file(path: &Path, failure: Failure) -> Failure {
    Failure { message: format!("{}: {}", path.shown(), failure.message), hint: failure.hint }
}

/// The text of the file of `--config`, or of the one in the folder for configurations, with its path; `None` if there is none.
pub(super) fn text(asked_for: Option<PathBuf>) -> Result<Option<(PathBuf, String)>, Failure> {
    let (path, must_exist) = match asked_for {
        Some(path) => (path, true),
        None => match files::settings_folder() {
            Some(folder) => (folder.join("tracer.toml"), false),
            None => return Ok(None),
        },
    };
    match files::read(&path, MAX_BYTES) {
        Ok(text) => Ok(Some((path, text))),
        Err(Refused::Io(error)) if !must_exist && is_elsewhere(error.kind()) => Ok(None),
        Err(Refused::Unsafe { reason, hint }) if !must_exist => {
            note(&format!("note: settings in {} are ignored: {reason}\nhint: {hint}", path.shown()));
            Ok(None)
        }
        Err(error) => {
            let hint = error.hint().map(str::to_owned);
            Err(Failure { message: format!("cannot read {}: {error}", path.shown()), hint })
        }
    }
}

/// The defaults that this run has a use for: how a capture is written says nothing to one that writes none.
fn of_this_run(defaults: Vec<String>, words: &[String]) -> Vec<String> {
    let has = |letter: char, long: &str| {
        let options = words.iter().skip(1).take_while(|word| *word != "--");
        let mut options = options.filter_map(|word| word.strip_prefix('-'));
        options.any(|word| match word.strip_prefix('-') {
            Some(name) => name.split('=').next() == Some(long),
            None => word.contains(letter),
        })
    };
    // These two are of use without a capture, too.
    let about_writing = Writing::augment_args(Command::new("writing"));
    let of_writing = |name: &str| {
        !matches!(name, "force" | "drop-to") && about_writing.get_arguments().any(|arg| arg.get_long() == Some(name))
    };
    let (writes, reads) = (has('w', "write"), has('r', "read"));
    let is_of_use = |word: &String| {
        let name = word.trim_start_matches('-').split('=').next().unwrap_or_default();
        (writes || !of_writing(name)) && !(reads && name == "args-limit")
    };
    defaults.into_iter().filter(is_of_use).collect()
}

/// There is no such file for this user: `HOME` may be that of another one.
pub(super) fn is_elsewhere(error: io::ErrorKind) -> bool {
    matches!(error, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied)
}

/// The file of `--config`, which stands before the filter.
fn asked_for(words: &[String]) -> Option<PathBuf> {
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        match word.strip_prefix("--config") {
            Some("") => return words.next().map(PathBuf::from),
            Some(rest) if rest.starts_with('=') => return Some(PathBuf::from(&rest[1..])),
            _ => {}
        }
    }
    None
}

/// The words that the entries stand for.
///
/// # Errors
/// An entry is no option that can be here, or has no value that it can have.
pub fn parse(text: &str) -> Result<Vec<String>, Failure> {
    let table = table(text)?;
    let mut command = Args::command();
    // Groups get their members then.
    command.build();
    let group = command.get_groups().find(|group| group.get_id() == SETTINGS);
    let members: Vec<_> = group.into_iter().flat_map(clap::ArgGroup::get_args).collect();
    let options = || {
        let here = command.get_arguments().filter(|arg| members.contains(&arg.get_id()));
        here.filter_map(|arg| Some((arg.get_long()?, arg)))
    };
    let mut words = Vec::new();
    for (key, value) in &table {
        // The sections of subcommands are read by these.
        if value.is_table() && subcommands::find(key).is_some_and(|it| it.lists_options) {
            continue;
        }
        let Some((long, arg)) = options().find(|(long, _)| *long == key.as_str()) else {
            if command.get_arguments().any(|arg| arg.get_long() == Some(key)) {
                let hint = format!("give --{key} on the command line");
                return Err(Failure::with_hint(format!("option '{key}' cannot be a default"), hint));
            }
            let hint = nearest(key, options().map(|(long, _)| long)).map(|name| format!("did you mean '{name}'?"));
            let hint = hint.unwrap_or_else(|| "keys are long option names, such as color and buffer-size".to_owned());
            return Err(Failure::with_hint(format!("there is no option '{key}'"), hint));
        };
        add(&mut words, (long, arg), value, &check)?;
    }
    Ok(words)
}

/// The entries of a text.
fn table(text: &str) -> Result<Table, Failure> {
    text.parse().map_err(|error: toml::de::Error| {
        let wrong = mistake(text, &error);
        Failure { message: format!("line {}: {}", wrong.line, wrong.what), hint: wrong.hint }
    })
}

/// Adds the words that an entry stands for, each of which `check` looks at.
fn add(
    words: &mut Vec<String>,
    (long, arg): (&str, &Arg),
    value: &Value,
    check: &dyn Fn(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if !arg.get_action().takes_values() {
        match value {
            Value::Boolean(true) => words.push(format!("--{long}")),
            Value::Boolean(false) => {}
            _ => return Err(Failure::new(format!("'{long}' must be true or false"))),
        }
        return Ok(());
    }
    let values = if let Value::Array(values) = value { values.as_slice() } else { std::slice::from_ref(value) };
    for value in values {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => return Err(Failure::new(format!("'{long}' must be text or a number"))),
        };
        if words.len() >= MAX_VALUES {
            return Err(Failure::with_hint(
                format!("'{long}': there are more than {MAX_VALUES} values"),
                "give fewer values; one filter can have many: proc.name in (…)",
            ));
        }
        let word = format!("--{long}={value}");
        check(&word)?;
        words.push(word);
    }
    Ok(())
}

/// Whether the value of an option can be one. What else an option needs may stand on the command line.
fn check(word: &str) -> Result<(), Failure> {
    match Args::try_parse_from(["tracer", word]) {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) => {
            Err(wrong_use(&error.to_string()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_options() {
        let text = "color = 'always'\nsnaplen = 200\nunbuffered = true\nverbose = false\nchisel-dir = ['/a', '/b']\n";
        let mut words = parse(text).unwrap();
        words.sort_unstable();
        assert_eq!(words, ["--chisel-dir=/a", "--chisel-dir=/b", "--color=always", "--snaplen=200", "--unbuffered"]);
    }

    #[test]
    fn colours_are_for_subcommands_too_and_their_sections_come_after() {
        let logs = super::super::subcommands::find("logs").map(|it| (it.options)()).unwrap();
        let text = "color = 'never'\nsnaplen = 200\n[logs]\ntimestamps = true\ncolor = 'always'\n";
        let mut words = of_section(text, "logs", &logs).unwrap();
        assert_eq!(words.remove(0), "--color=never");
        words.sort_unstable();
        assert_eq!(words, ["--color=always", "--timestamps"], "the last one counts");
        let other =
            of_section(text, "serve", &super::super::subcommands::find("serve").map(|it| (it.options)()).unwrap());
        assert_eq!(other.unwrap(), [""; 0], "which has no colours");
    }

    #[test]
    fn the_command_line_replaces_them() {
        use clap::Parser;
        let words = ["tracer", "--snaplen=200", "--print=c", "-s", "100", "evt.type=read"];
        let args = Args::try_parse_from(words).unwrap();
        assert_eq!((args.snaplen, args.print.as_deref()), (100, Some("c")));
    }

    #[test]
    fn what_is_about_captures_waits_for_one() {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let of = |words: &str| {
            of_this_run(list("--seconds=3 --color=never --drop-to=x --args-limit=5000"), &list(words)).join(" ")
        };
        assert_eq!(of("tracer -c topscalls"), "--color=never --drop-to=x --args-limit=5000");
        assert_eq!(of("tracer -r x"), "--color=never --drop-to=x");
        for writes in ["tracer -w x", "tracer -zw x", "tracer --write=x"] {
            assert_eq!(of(writes), "--seconds=3 --color=never --drop-to=x --args-limit=5000", "{writes}");
        }
    }

    #[test]
    fn wrong_files_are_explained() {
        let failure = |text: &str| {
            let failure = parse(text).unwrap_err();
            (failure.message, failure.hint.unwrap_or_default())
        };
        assert_eq!(failure("colour = 'x'").1, "did you mean 'color'?");
        assert_eq!(failure("reed = 'x.scap'").0, "there is no option 'reed'");
        assert_eq!(failure("unbuffered = 'yes'").0, "'unbuffered' must be true or false");
        assert_eq!(failure("color = {}").0, "'color' must be text or a number");
        assert!(failure("\ncolor = ").0.starts_with("line 2: "));
    }

    /// What an option does to one run only, it says itself: it is not in the group.
    #[test]
    fn only_defaults_can_be_here() {
        for key in
            ["write", "read", "explain", "doctor", "config", "chisel", "list", "generate", "force", "bench-empty"]
        {
            let failure = parse(&format!("{key} = true")).unwrap_err();
            assert_eq!(failure.message, format!("option '{key}' cannot be a default"));
            assert_eq!(failure.hint.unwrap(), format!("give --{key} on the command line"));
        }
        for key in ["json", "fatfile", "progress"] {
            assert_eq!(parse(&format!("{key} = true")).unwrap(), [format!("--{key}")]);
        }
    }

    #[test]
    fn wrong_values_are_found_where_they_stand() {
        let failure = |text: &str| {
            let failure = parse(text).unwrap_err();
            (failure.message, failure.hint.unwrap_or_default())
        };
        let (message, hint) = failure("engine-socket = ['docker=/a.sock', 'rkt=/b.sock']");
        assert!(message.contains("'rkt=/b.sock'") && message.contains("not a supported engine"), "{message}");
        assert_eq!(hint, "engines are containerd, cri, cri-o, docker, incus, lxd, podman");
        assert!(failure("engine-socket = '/a.sock'").1.contains("docker=/run/docker.sock"));
        assert!(failure("buffer-size = 'much'").0.contains("expected a size such as 512K"));
        assert!(failure("color = 'red'").0.contains("invalid value 'red'"));
        // What it needs besides may stand on the command line.
        assert_eq!(parse("file-size = 3").unwrap(), ["--file-size=3"]);
    }

    #[test]
    fn the_file_that_is_asked_for_is_found() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(asked_for(&words(&["tracer", "--config", "a.toml"])), Some("a.toml".into()));
        assert_eq!(asked_for(&words(&["tracer", "--config=b.toml", "-q"])), Some("b.toml".into()));
        assert_eq!(asked_for(&words(&["tracer", "-q"])), None);
    }
}
