//! What the interface does outside: questions, commands that the user runs, signals, files, the clipboard.

use std::{
    io::{self, Read as _, Write as _},
    path::Path,
    process,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use super::{
    app::{Command, Model, Msg},
    engine::Engine,
    hold::Held,
    term::Terminal,
};
use crate::{files::Folder, thread};
use crossterm::clipboard::CopyToClipboard;

/// The most bytes that are kept of what a command says of errors.
const MAX_ERRORS: usize = 4 << 10;
/// How long the rest of it is waited for after the command has ended.
const REST: Duration = Duration::from_millis(200);
/// The most bytes that go to the clipboard.
const MAX_COPY: usize = 100 << 10;

/// Does it; whether to quit.
///
/// # Errors
/// The terminal cannot be used.
pub fn carry_out(
    commands: Vec<Command>,
    model: &mut Model,
    engine: &mut dyn Engine,
    terminal: &mut Terminal,
    held: &mut Held,
) -> anyhow::Result<bool> {
    for command in commands {
        let said = match command {
            Command::Ask(number, ask) => {
                engine.ask(number, *ask);
                None
            }
            Command::Stop => {
                engine.stop_reading();
                None
            }
            Command::Quit => return Ok(true),
            Command::Suspend => {
                terminal.lend(suspend)?;
                None
            }
            Command::Redraw => {
                terminal.forget();
                None
            }
            Command::Copy(text) => Some(copy(text)),
            Command::Export(extension, bytes) => Some(if model.settings.read_only {
                "nothing is written with --read-only".to_owned()
            } else {
                export(&model.level().view.id, extension, &bytes)
            }),
            Command::Run(words, is_interactive) => {
                let said = terminal.lend(|| run(&words, is_interactive))?;
                // What an action said is read afterwards, too: among the messages.
                model.log(format!("{}: {said}", words.join(" ")));
                Some(said)
            }
            Command::Hold(targets) => {
                let targets = held.hold(targets);
                // What comes of it changes only what is shown.
                let _ = model.update(Msg::Held(targets));
                None
            }
            Command::Kill(signal) => Some(held.signal(signal)),
            Command::Find(number, ask) => {
                engine.find(number, *ask);
                None
            }
            Command::Explain(ask) => {
                let _ = model.update(Msg::Explained(engine.explain(*ask)));
                None
            }
        };
        if let Some(said) = said {
            model.say(said);
        }
    }
    Ok(false)
}

fn suspend() {
    // It stops here, and goes on when the shell says so.
    let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP);
}

fn copy(mut text: String) -> String {
    let cut = text.len() > MAX_COPY;
    while text.len() > MAX_COPY {
        text.pop();
    }
    match crossterm::execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text.as_bytes())) {
        Ok(()) => format!("copied{}", if cut { ", cut to 100 KiB" } else { "" }),
        Err(error) => format!("cannot copy: {error}"),
    }
}

/// What a command says of errors: it is on the terminal while the command runs, and its end is kept.
struct Errors {
    end: Arc<Mutex<Vec<u8>>>,
    over: mpsc::Receiver<()>,
}

impl Errors {
    fn follow(mut from: process::ChildStderr) -> Option<Self> {
        let (end, (send, over)) = (Arc::new(Mutex::new(Vec::new())), mpsc::channel());
        let of_thread = Arc::clone(&end);
        let began = thread::begin("errors of an action", move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut part) {
                let _ = io::stderr().write_all(&part[..count]);
                let mut end = of_thread.lock().unwrap_or_else(PoisonError::into_inner);
                end.extend_from_slice(&part[..count]);
                let over = end.len().saturating_sub(MAX_ERRORS);
                end.drain(..over);
            }
            drop(send);
        });
        began.ok().map(|_| Self { end, over })
    }

    /// The last line. What the command has started may go on with the same standard error: nobody waits for that.
    fn last(self) -> String {
        let _ = self.over.recv_timeout(REST);
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&end);
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
    }
}

/// Writes into a new file of this folder.
fn export(view: &str, extension: &str, bytes: &[u8]) -> String {
    let folder = match Folder::open(Path::new("."), false) {
        Ok(folder) => folder,
        Err(error) => return format!("cannot write here: {error}"),
    };
    for number in 1..1000 {
        let name = format!("tracer-{view}-{number}.{extension}");
        match folder.create_new(&name).and_then(|mut file| file.write_all(bytes)) {
            Ok(()) => return format!("written: {name}"),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return format!("cannot write {name}: {error}"),
        }
    }
    "there are 999 exports here already".to_owned()
}

/// Runs a command without a shell. Its output stays readable until a key; how it ended, and the end of what it said of errors, are
/// returned.
fn run(words: &[String], is_interactive: bool) -> String {
    let Some((program, arguments)) = words.split_first() else { return String::new() };
    let stderr = if is_interactive { process::Stdio::inherit() } else { process::Stdio::piped() };
    let spawned = process::Command::new(program).args(arguments).stderr(stderr).spawn();
    let ended = spawned.and_then(|mut child| {
        let errors = child.stderr.take().and_then(Errors::follow);
        let status = child.wait()?;
        Ok((status, errors.map(Errors::last).unwrap_or_default()))
    });
    let said = match ended {
        Ok((status, _)) if status.success() => format!("{program}: done"),
        Ok((status, errors)) if errors.is_empty() => format!("{program}: {status}"),
        Ok((status, errors)) => format!("{program}: {status}: {errors}"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return format!("{program} is not installed"),
        Err(error) => return format!("cannot run {program}: {error}"),
    };
    let _ = writeln!(io::stdout(), "\n[{said}; Enter goes back to tracer]");
    let _ = io::stdin().read_line(&mut String::new());
    said
}
