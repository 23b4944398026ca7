//! `tracer chisel new|check|test`: for those who write one.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::AtomicBool,
};

use super::{End, Failure};
use crate::message::Shown as _;
use crate::{
    chisel::{Chisel, Env, Library, Source, check::check},
    confine::Paths,
    files,
    format::time,
    output::Out,
    pipeline::{Limits, Pipeline},
    sink::{ChiselSink, Outputs},
    source::replay::Replay,
    state::{Procfs, State},
};

const USAGE: &str = "tracer chisel new NAME | check FILE… | test FILE [CAPTURE [ARGUMENT]]";

/// What `new` writes.
const SKELETON: &str = include_str!("skeleton.rhai");

/// What gives up all but these paths.
type Confine<'a> = &'a dyn Fn(&Paths);

/// Runs the words behind `tracer chisel`. `confine` is called before a capture is looked at.
pub(super) fn run(words: &[String], confine: Confine<'_>, out: &mut dyn Write) -> Result<ExitCode, End> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["new", name] => new(name, out),
        ["check", ref files @ ..] if !files.is_empty() => check_files(files, out),
        ["test", file] => test(file, None, confine, out),
        ["test", file, capture] => test(file, Some((capture, None)), confine, out),
        ["test", file, capture, argument] => test(file, Some((capture, Some(argument))), confine, out),
        _ => Err(Failure::with_hint("chisel: expected new, check or test", USAGE).into()),
    }
}

/// Writes a skeleton. A file that is there stays as it is.
fn new(name: &str, out: &mut dyn Write) -> Result<ExitCode, End> {
    let name = name.strip_suffix(".rhai").unwrap_or(name);
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(good) {
        let hint = "use lower-case letters, digits and _, such as topopens";
        return Err(Failure::with_hint(format!("'{name}' is not a valid chisel name"), hint).into());
    }
    let path = PathBuf::from(format!("{name}.rhai"));
    if path.symlink_metadata().is_ok() {
        return Err(Failure::new(format!("cannot write '{}': it exists", path.shown())).into());
    }
    write_file(&path, &SKELETON.replace("NAME", name))?;
    writeln!(out, "wrote {name}.rhai")?;
    writeln!(out, "check it: tracer chisel check {name}.rhai")?;
    writeln!(out, "run it:   tracer -c ./{name}.rhai")?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a file for the caller, in place of one that is there.
fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let written = files::create(path, false).and_then(|mut file| {
        file.set_len(0)?;
        Ok(file.write_all(text.as_bytes())?)
    });
    written.map_err(|error| Failure::new(format!("cannot write '{}': {error}", path.shown())))
}

fn find(file: &str) -> Result<Source, Failure> {
    Ok(Library::new(&[]).find(file)?)
}

/// Says what is wrong with each. Warnings are no failure.
fn check_files(files: &[&str], out: &mut dyn Write) -> Result<ExitCode, End> {
    let mut count = 0;
    for file in files {
        let source = find(file)?;
        let wrong = check(&source);
        for error in &wrong {
            writeln!(out, "{error}")?;
            if let Some(hint) = &error.hint {
                writeln!(out, "hint: {hint}")?;
            }
        }
        let errors = wrong.iter().filter(|error| !error.is_warning).count();
        if errors == 0 {
            writeln!(out, "{}: ok", source.origin)?;
        }
        count += errors;
    }
    Ok(if count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a chisel printed of a capture, kept beside it as `NAME.expected`. The first line says of which one, and with which
/// argument.
struct Recorded {
    path: PathBuf,
    capture: String,
    argument: Option<String>,
    lines: Vec<String>,
}

const HEAD: &str = "# of ";

impl Recorded {
    fn path(source: &Source) -> PathBuf {
        Path::new(&source.origin).with_extension("expected")
    }

    fn read(source: &Source) -> Result<Self, Failure> {
        let path = Self::path(source);
        let text = fs::read_to_string(&path).map_err(|error| {
            let hint = "store its current output: tracer chisel test FILE CAPTURE [ARGUMENT]";
            Failure::with_hint(format!("cannot read '{}': {error}", path.shown()), hint)
        })?;
        let mut lines = text.lines();
        let head = lines.next().and_then(|line| line.strip_prefix(HEAD));
        let head = head.ok_or_else(|| Failure::new(format!("'{}' does not begin with '{HEAD}'", path.shown())))?;
        let (capture, argument) = head.split_once(' ').map_or((head, None), |(a, b)| (a, Some(b.to_owned())));
        let capture = capture.to_owned();
        Ok(Self { path, capture, argument, lines: lines.map(ToOwned::to_owned).collect() })
    }

    fn write(&self) -> Result<(), Failure> {
        let argument = self.argument.as_ref().map(|argument| format!(" {argument}")).unwrap_or_default();
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        write_file(&self.path, &format!("{HEAD}{}{argument}\n{text}", self.capture))
    }
}

/// Runs a chisel over a capture: records what it prints, or compares with what was recorded.
fn test(
    file: &str,
    record: Option<(&str, Option<&str>)>,
    confine: Confine<'_>,
    out: &mut dyn Write,
) -> Result<ExitCode, End> {
    let source = find(file)?;
    if let Some((capture, argument)) = record {
        // What it printed is written behind it.
        let folder = Recorded::path(&source).parent().map(Path::to_owned).unwrap_or_default();
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let lines = printed(&source, Path::new(capture), argument, &|folders| {
            let folders = folders.iter().cloned().chain([folder.clone()]).collect();
            confine(&Paths { folders, ..Paths::default() });
        })?;
        let recorded = Recorded {
            path: Recorded::path(&source),
            capture: capture.to_owned(),
            argument: argument.map(ToOwned::to_owned),
            lines,
        };
        recorded.write()?;
        writeln!(out, "recorded {} lines in {}", recorded.lines.len(), recorded.path.shown())?;
        return Ok(ExitCode::SUCCESS);
    }
    let recorded = Recorded::read(&source)?;
    // The capture is where it was, or beside the chisel.
    let beside = recorded.path.parent().unwrap_or(Path::new("")).join(&recorded.capture);
    let capture = [PathBuf::from(&recorded.capture), beside].into_iter().find(|path| path.exists());
    let capture = capture.ok_or_else(|| Failure::new(format!("there is no capture '{}'", recorded.capture)))?;
    let lines = printed(&source, &capture, recorded.argument.as_deref(), &|folders| {
        confine(&Paths { folders: folders.to_vec(), ..Paths::default() });
    })?;
    if lines == recorded.lines {
        writeln!(out, "{}: ok, {} lines", source.origin, lines.len())?;
        return Ok(ExitCode::SUCCESS);
    }
    let at = lines.iter().zip(&recorded.lines).take_while(|(now, before)| now == before).count();
    let none = "(no line)".to_owned();
    writeln!(out, "{}: line {} differs", source.origin, at + 1)?;
    writeln!(out, "  recorded: {}", recorded.lines.get(at).unwrap_or(&none))?;
    writeln!(out, "  now:      {}", lines.get(at).unwrap_or(&none))?;
    Ok(ExitCode::FAILURE)
}

/// What a chisel prints of a capture, in UTC. `confine` gets the folders that the chisel writes into.
fn printed(
    source: &Source,
    capture: &Path,
    argument: Option<&str>,
    confine: &dyn Fn(&[PathBuf]),
) -> Result<Vec<String>, End> {
    time::choose_zone("UTC").map_err(Failure::new)?;
    let memory = Out::memory();
    let env = Env { replay: true, ..Env::plain(memory.clone()) };
    let chisel = Chisel::load(source.clone(), argument, env).map_err(Failure::from)?;
    let outputs = Outputs::new(None, vec![Box::new(ChiselSink::new(chisel))], memory.clone(), None);
    let mut replay = Replay::open(vec![capture.to_owned()])?;
    confine(&outputs.folders());
    let state = State { procfs: Procfs::none(), ..State::default() };
    Pipeline::new(state, outputs, 0).run(&mut replay, Limits::default(), &AtomicBool::new(false))?;
    Ok(memory.text().lines().map(ToOwned::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(words: &[&str]) -> (bool, String) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut out = Vec::new();
        let result = run(&words, &|_| (), &mut out);
        let text = match &result {
            Err(End::Usage(failure)) => failure.message.clone(),
            Err(End::Run(error)) => error.to_string(),
            Ok(_) => String::from_utf8(out).unwrap(),
        };
        (result.is_ok_and(|code| format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)), text)
    }

    #[test]
    fn the_skeleton_is_right_and_its_output_can_be_recorded() {
        let folder = std::env::temp_dir().join(format!("tracer-chisel-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("mine.rhai");
        let file = path.to_str().unwrap();
        fs::write(&path, SKELETON.replace("NAME", "mine")).unwrap();
        assert_eq!(call(&["check", file]), (true, format!("{file}: ok\n")));
        let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/captures/tcp-client-server.scap");
        assert!(call(&["test", file]).1.contains("cannot read"));
        let recorded = call(&["test", file, capture]);
        assert!(recorded.0 && recorded.1.starts_with("recorded 6 lines"), "{}", recorded.1);
        assert!(call(&["test", file]).1.ends_with(": ok, 6 lines\n"));
        let other = fs::read_to_string(&path).unwrap().replace("\"Opens\"", "\"Opened\"");
        fs::write(&path, other).unwrap();
        let (good, text) = call(&["test", file]);
        assert!(!good && text.contains("line 1 differs\n  recorded: Opens "), "{text}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn wrong_words_are_refused() {
        assert!(call(&["new", "../x"]).1.contains("is not a valid chisel name"));
        assert!(call(&["chek"]).1.contains("expected new, check or test"));
        assert!(call(&["check", "topscals"]).1.contains("there is no chisel with this name"));
    }
}
