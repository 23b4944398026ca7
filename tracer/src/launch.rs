//! A command that is traced from its first call to its end. It is forked before this process has threads or gives anything up, waits
//! until tracing has begun, and becomes its program then: so it runs as it would without a tracer.
#![allow(unsafe_code, reason = "fork, exec and handlers of signals through libc")]

use std::{
    ffi::{CString, OsStr, OsString},
    io::{self, Read as _, Write as _},
    os::unix::{ffi::OsStrExt as _, net::UnixStream},
    path::{Path, PathBuf},
    process::ExitCode,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
use rustix::{
    io::Errno,
    process::{
        Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, setrlimit, waitid, waitpid,
    },
};

use crate::{format::errno, message::Shown as _, source::live::own};

/// What env(1) ends with when there is no such program, and when it cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;
/// Added to the number of a signal that ended a command, as shells do.
const BY_SIGNAL: u8 = 128;
/// Where programs are looked for without `PATH`. Source: execvp(3).
const PATH: &str = "/bin:/usr/bin";

/// Whose rights a command gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// All groups.
    pub groups: Vec<u32>,
}

impl Account {
    /// Gives this process the rights of the account, and no others. What is open stays open.
    ///
    /// # Errors
    /// It has no right to.
    pub fn take_on(&self) -> nix::Result<()> {
        let groups: Vec<Gid> = self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        setgroups(&groups)?;
        setgid(Gid::from_raw(self.gid))?;
        setuid(Uid::from_raw(self.uid))
    }
}

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The file of the program.
    pub program: PathBuf,
    /// The words, with that of the program in front.
    pub words: Vec<OsString>,
    /// Whose rights it gets; those of this process when `None`.
    pub account: Option<Account>,
    /// The limit of the stack that this process was started with.
    pub stack: Option<(u64, u64)>,
}

/// Why a command cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("cannot run '{program}': {}", reason(*.cause))]
pub struct NotRun {
    program: String,
    cause: Errno,
}

fn reason(cause: Errno) -> String {
    errno::text(-i64::from(cause.raw_os_error()))
}

impl NotRun {
    fn new(program: &OsStr, cause: Errno) -> Self {
        Self { program: Path::new(program).shown(), cause }
    }

    /// What to end with.
    #[must_use]
    pub fn code(&self) -> u8 {
        if self.cause == Errno::NOENT { NOT_FOUND } else { NOT_RUN }
    }
}

/// Finds the file of a program, as shells do.
///
/// # Errors
/// There is none, or none that can be run.
pub fn find(word: &OsStr) -> Result<PathBuf, NotRun> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| PATH.into());
    let places: Vec<PathBuf> = if word.as_bytes().contains(&b'/') {
        vec![word.into()]
    } else {
        std::env::split_paths(&path).map(|folder| folder.join(word)).collect()
    };
    let mut failed = Errno::NOENT;
    for place in places.iter().filter(|_| !word.is_empty()) {
        match rustix::fs::access(place, rustix::fs::Access::EXEC_OK) {
            Ok(()) if place.is_dir() => failed = Errno::ACCESS,
            Ok(()) => return Ok(place.clone()),
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => failed = error,
        }
    }
    Err(NotRun::new(word, failed))
}

/// A command that was forked.
#[derive(Debug)]
pub struct Launched {
    pid: Pid,
    number: u32,
    name: OsString,
    talk: UnixStream,
    has_begun: bool,
}

/// Whether a child has ended. It stays to be waited for.
#[must_use]
pub fn has_ended(pid: u32) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None) | Err(Errno::INTR)))
}

impl Launched {
    /// Forks. To be called while there is one thread.
    ///
    /// # Errors
    /// The kernel does not allow it.
    pub fn fork(launch: &Launch) -> io::Result<Self> {
        let (mut talk, theirs) = UnixStream::pair()?;
        // SAFETY: this process has one thread, so the child has all that it needs to go on.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid == 0 {
            drop(talk);
            launch.become_command(theirs);
        }
        drop(theirs);
        let mut number = [0; 4];
        talk.read_exact(&mut number)?;
        let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::NotFound)?;
        let number = u32::from_ne_bytes(number);
        Ok(Self { pid, number, name: launch.words.first().cloned().unwrap_or_default(), talk, has_begun: false })
    }

    /// Whether it was let go.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Its number here.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Its number in the first pid namespace; 0 when the kernel does not say.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Lets it begin its program.
    ///
    /// # Errors
    /// It could not.
    pub fn begin(&mut self) -> Result<(), NotRun> {
        self.has_begun = true;
        let mut said = Vec::new();
        // One that was ended meanwhile does not listen, and says nothing.
        let _ = self.talk.write_all(&[1]);
        let _ = self.talk.read_to_end(&mut said);
        match <[u8; 4]>::try_from(said.as_slice()) {
            Ok(error) => Err(NotRun::new(&self.name, Errno::from_raw_os_error(i32::from_ne_bytes(error)))),
            Err(_) => Ok(()),
        }
    }

    /// Sets `stop` at signals that are meant for the tracer, and passes others on. A terminal sends Ctrl-C to both: it is the command's
    /// as long as that runs. Those of `signals` that only the tracer gets are passed on meanwhile.
    ///
    /// # Errors
    /// The kernel does not allow it.
    pub fn at_signals(&self, stop: &Arc<AtomicBool>, typed: &[i32], signals: &[i32]) -> io::Result<()> {
        let pid = self.pid;
        let ended = Arc::new(AtomicBool::new(false));
        let of_child = Arc::clone(&ended);
        // SAFETY: the handlers make calls that handlers may make, and touch atomics only.
        unsafe {
            signal_hook::low_level::register(libc::SIGCHLD, move || {
                of_child.store(has_ended(pid.as_raw_nonzero().get().unsigned_abs()), Ordering::Relaxed);
            })?;
        }
        for (signal, passed_on) in typed.iter().map(|it| (*it, false)).chain(signals.iter().map(|it| (*it, true))) {
            let (stop, ended) = (Arc::clone(stop), Arc::clone(&ended));
            let handler = move || {
                if ended.load(Ordering::Relaxed) {
                    stop.store(true, Ordering::Relaxed);
                } else if passed_on && let Some(signal) = Signal::from_named_raw(signal) {
                    let _ = kill_process(pid, signal);
                }
            };
            // SAFETY: as above.
            unsafe { signal_hook::low_level::register(signal, handler)? };
        }
        Ok(())
    }

    /// Waits for its end; what to end with then.
    #[must_use]
    pub fn end(self) -> ExitCode {
        let Self { pid, talk, has_begun, .. } = self;
        drop(talk);
        let status = loop {
            match waitpid(Some(pid), WaitOptions::empty()) {
                Err(Errno::INTR) => {}
                Ok(Some((_, status))) => break status,
                Ok(None) | Err(_) => return ExitCode::FAILURE,
            }
        };
        if !has_begun {
            return ExitCode::FAILURE;
        }
        let code = status.exit_status().map(|status| u8::try_from(status).unwrap_or(u8::MAX));
        let signal = || status.terminating_signal().and_then(|signal| u8::try_from(signal).ok());
        ExitCode::from(code.or_else(|| signal().map(|signal| BY_SIGNAL.saturating_add(signal))).unwrap_or(1))
    }
}

impl Launch {
    /// In the child: waits, and becomes the program. What it cannot do, it tells the parent.
    fn become_command(&self, mut talk: UnixStream) -> ! {
        let _ = talk.write_all(&own::number().unwrap_or(0).to_ne_bytes());
        let mut go = [0];
        let failed = match talk.read_exact(&mut go) {
            Ok(()) => self.exec(),
            Err(_) => Errno::CANCELED,
        };
        let _ = talk.write_all(&failed.raw_os_error().to_ne_bytes());
        let code = NotRun::new(OsStr::new(""), failed).code();
        // SAFETY: ends the process without what the parent has to do at its end.
        unsafe { libc::_exit(code.into()) }
    }

    /// Returns when it cannot.
    fn exec(&self) -> Errno {
        if let Some((soft, hard)) = self.stack {
            let limit = Rlimit {
                current: Some(soft).filter(|it| *it != u64::MAX),
                maximum: Some(hard).filter(|it| *it != u64::MAX),
            };
            let _ = setrlimit(Resource::Stack, limit);
        }
        // The standard library ignores it in this process.
        // SAFETY: no handler is set.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        if let Some(Err(error)) = self.account.as_ref().map(Account::take_on) {
            return Errno::from_raw_os_error(error as i32);
        }
        let words = self.words.iter().map(OsString::as_os_str);
        let failed = exec(&self.program, words.clone());
        if failed == Errno::NOEXEC {
            // A script without a first line is one of the shell. Source: execvp(3).
            let shell = Path::new("/bin/sh");
            return exec(shell, [shell.as_os_str(), self.program.as_os_str()].into_iter().chain(words.skip(1)));
        }
        failed
    }
}

/// Returns when it cannot.
fn exec<'a>(program: &Path, words: impl Iterator<Item = &'a OsStr>) -> Errno {
    let text = |text: &OsStr| CString::new(text.as_bytes()).unwrap_or_default();
    let program = text(program.as_os_str());
    let texts: Vec<CString> = words.map(text).collect();
    let words: Vec<_> = texts.iter().map(|it| it.as_ptr()).chain([ptr::null()]).collect();
    // SAFETY: all texts are alive, and the list ends with a null pointer. The environment is that of this process.
    unsafe { libc::execv(program.as_ptr(), words.as_ptr()) };
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::NOSYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_shells_find_them() {
        let find = |word: &str| find(OsStr::new(word)).map_err(|error| error.code());
        assert!(find("sh").unwrap().is_absolute());
        assert_eq!(find("/bin/sh").unwrap(), Path::new("/bin/sh"));
        assert_eq!(find("no-such-program-anywhere"), Err(NOT_FOUND));
        assert_eq!(find(""), Err(NOT_FOUND));
        assert_eq!(find("/etc/passwd"), Err(NOT_RUN));
        assert_eq!(find("/etc"), Err(NOT_RUN));
    }
}
