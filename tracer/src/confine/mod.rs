//! What this process gives up: capabilities, system calls, files. What it reads and runs is made by strangers, and a fault in
//! its own code shall not be theirs to use.
//!
//! | mode | capabilities | system calls | files |
//! |---|---|---|---|
//! | reading captures | none | those of a list | those that are open, and what has to be opened later (Landlock) |
//! | tracing | what `/proc` asks for | all but those of a list | all: Landlock forbids to look into other processes |
//!
//! It is to be called before there are other threads: capabilities and Landlock are of a thread, and later threads get those of
//! the one that makes them.

mod calls;
mod capabilities;
mod files;

use std::{fmt, path::PathBuf};

use caps::Capability;

pub use capabilities::{TRACING, of_engines};
pub use files::offered as landlock_version;

/// What has to be opened later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// Files that are read.
    pub read: Vec<PathBuf>,
    /// Folders in which files are made.
    pub folders: Vec<PathBuf>,
    /// Whether keys are read from a terminal, whose modes are set.
    pub terminal: bool,
}

impl Paths {
    fn are_none(&self) -> bool {
        self.read.is_empty() && self.folders.is_empty()
    }
}

/// What tracing needs besides what it always needs.
#[derive(Debug, Clone, Default)]
pub struct Tracing {
    /// Folders in which files are made.
    pub folders: Vec<PathBuf>,
    /// Whether engines are asked that are in a network.
    pub network: bool,
    /// A command that was started, which signals are passed on to.
    pub command: Option<u32>,
    /// Whether commands are run for the user, who may also send signals.
    pub runs: bool,
    /// Whether clients are answered, by sockets that listen already.
    pub serves: bool,
    /// Whether what is asked may change: programs that are loaded already are attached and detached.
    pub changes: bool,
}

/// What was given up, and what the kernel did not take. Printed, it says what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confined {
    mode: &'static str,
    capabilities: Vec<String>,
    calls: String,
    files: Option<String>,
    missing: Vec<String>,
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capabilities = match &self.capabilities[..] {
            [] => "no capability".to_owned(),
            kept => kept.join(", "),
        };
        write!(f, "{} keeps {capabilities}; {}", self.mode, self.calls)?;
        self.files.iter().try_for_each(|files| write!(f, "; {files}"))?;
        self.missing.iter().try_for_each(|missing| write!(f, "; not confined by {missing}"))
    }
}

/// For reading captures: afterwards nothing can be executed, connected or opened but what `paths` name.
#[must_use]
pub fn reading(paths: &Paths) -> Confined {
    let mut missing = Vec::new();
    let capabilities = capabilities::keep(&[], &paths.folders);
    // Before the system calls that it takes are gone.
    let landlock = files::restrict(paths);
    let seccomp = calls::only_reading(!paths.are_none(), paths.terminal);
    if let Err(error) = &seccomp {
        missing.push(format!("seccomp: {error}"));
    }
    let files = match landlock {
        Ok(version) if paths.are_none() => format!("only open files (Landlock {version})"),
        Ok(version) => format!("only open files, and files that it creates or reads later (Landlock {version})"),
        Err(error) => {
            missing.push(format!("Landlock: {error}"));
            let opens = !paths.are_none() || seccomp.is_err();
            (if opens { "all files" } else { "only open files" }).to_owned()
        }
    };
    let calls = match seccomp {
        Ok(count) => format!("{count} system calls (none that execute or connect)"),
        Err(_) => "all system calls".to_owned(),
    };
    Confined { mode: "reading", capabilities: names(&capabilities), calls, files: Some(files), missing }
}

/// For tracing, once the kernel side is attached. Of the other threads, only the system calls are taken, too.
#[must_use]
pub fn tracing(keep: &Tracing) -> Confined {
    let wanted = capabilities::of_tracing(keep.command.is_some());
    let capabilities = capabilities::keep(&wanted, &keep.folders);
    let sockets = if keep.network { "network and unix sockets" } else { "only unix sockets" };
    let what = if keep.runs { "none that load" } else { "none that execute or load" };
    let (calls, missing) = match calls::not_tracing(keep) {
        Ok(count) => (format!("all system calls except {count} ({what}, {sockets})"), Vec::new()),
        Err(error) => ("all system calls".to_owned(), vec![format!("seccomp: {error}")]),
    };
    Confined { mode: "tracing", capabilities: names(&capabilities), calls, files: None, missing }
}

/// For the thread that shows what others count, and those that it makes from now on.
pub fn interface() {
    let _ = capabilities::keep(&[], &[]);
}

/// For the thread that reads what the kernel's files say of others.
pub fn reader() {
    let _ = capabilities::keep(&capabilities::of_tracing(false), &[]);
}

/// Whether the kernel takes filters of system calls.
#[must_use]
pub fn has_seccomp() -> bool {
    calls::offered()
}

fn names(capabilities: &[Capability]) -> Vec<String> {
    capabilities.iter().map(ToString::to_string).collect()
}
