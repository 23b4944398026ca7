//! What the interface does outside: questions, commands that the user runs, signals, files, the clipboard.

use std::{
    io::{self, Write as _},
    path::Path,
    process,
};

use super::{
    app::{Command, Model, Msg},
    engine::Engine,
    hold::Held,
    term::Terminal,
};
use crate::files::Folder;
use crossterm::clipboard::CopyToClipboard;

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
            Command::Run(words) => Some(terminal.lend(|| run(&words))?),
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
            model.said = Some(said);
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

/// Runs a command without a shell. Its output stays readable until a key.
fn run(words: &[String]) -> String {
    let Some((program, arguments)) = words.split_first() else { return String::new() };
    let ended = process::Command::new(program).args(arguments).status();
    let said = match ended {
        Ok(status) if status.success() => format!("{program}: done"),
        Ok(status) => format!("{program}: {status}"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return format!("{program} is not installed"),
        Err(error) => return format!("cannot run {program}: {error}"),
    };
    let _ = writeln!(io::stdout(), "\n[{said}; Enter goes back to tracer]");
    let _ = io::stdin().read_line(&mut String::new());
    said
}
