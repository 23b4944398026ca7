//! The real binary: started, read and ended with deadlines.
#![allow(unsafe_code, reason = "signals")]

use std::{
    io::{BufRead as _, BufReader, Read},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use crate::level;

/// How long the binary may take for anything.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A running tracer.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    /// What it said on standard error and was read already.
    said: String,
}

/// What a tracer printed and how it ended.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, by lines.
    pub lines: Vec<String>,
    /// Standard error.
    pub errors: String,
}

/// The binary under test with these arguments.
#[must_use]
pub fn tracer<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(level::tracer());
    command.args(args).stdin(Stdio::null());
    command
}

/// Lets a command run as another user, with no group but that of the same number.
pub fn as_user(command: &mut Command, uid: u32) -> &mut Command {
    command.uid(uid).gid(uid)
}

/// Runs it to its end.
///
/// # Panics
/// If it does not end in time.
#[must_use]
pub fn output<'a>(args: impl IntoIterator<Item = &'a str>) -> Output {
    Running::start(&mut tracer(args)).end()
}

/// Waits until the hooks of a tracer are attached: it has descriptors of their links, and no more of them come.
///
/// # Panics
/// If they are not in time, or it ended.
pub fn attached(pid: u32) {
    let fds = format!("/proc/{pid}/fd");
    let count = || {
        let links = std::fs::read_dir(&fds).expect("it runs").flatten();
        let links = links.filter_map(|fd| std::fs::read_link(fd.path()).ok());
        links.filter(|to| to.to_string_lossy().contains("bpf_link")).count()
    };
    let (deadline, mut before) = (Instant::now() + DEADLINE, 0);
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let now = count();
        if now > 0 && now == before {
            return;
        }
        assert!(Instant::now() < deadline, "no hook is attached");
        before = now;
    }
}

impl Running {
    /// Starts a command with both outputs read.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (lines, errors) = (read(stdout.expect("piped")), read(stderr.expect("piped")));
        Self { child, lines, errors, said: String::new() }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until its hooks are attached.
    ///
    /// # Panics
    /// If they are not in time.
    pub fn attached(&self) {
        attached(self.pid());
    }

    /// The next line; `None` at the end of the output.
    ///
    /// # Panics
    /// If none comes in time.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let said: Vec<String> = self.errors.try_iter().collect();
                panic!("no line in time; on standard error: {}{}", self.said, said.join("\n"))
            }
        }
    }

    /// The next line of standard error, also kept for [`Output::errors`].
    ///
    /// # Panics
    /// If none comes in time.
    pub fn error_line(&mut self) -> String {
        let line = self.errors.recv_timeout(DEADLINE).expect("a line on standard error");
        self.said += &format!("{line}\n");
        line
    }

    /// The lines that are there already.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.lines.try_iter()
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        // SAFETY: a signal to a child that was not waited for yet.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGINT) };
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    #[must_use]
    pub fn end(mut self) -> Output {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = Vec::new();
        let status = loop {
            // The end of the output comes with the end of the process, or before.
            match self.lines.recv_timeout(Duration::from_millis(10)) {
                Ok(line) => lines.push(line),
                Err(_) => {
                    if let Some(status) = self.child.try_wait().expect("a child") {
                        break status;
                    }
                }
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("the tracer does not end in time; it printed {} lines", lines.len());
            }
        };
        lines.extend(self.lines.iter());
        let mut errors = std::mem::take(&mut self.said);
        while let Ok(line) = self.errors.recv_timeout(DEADLINE) {
            errors += &format!("{line}\n");
        }
        Output { status, lines, errors }
    }
}

/// The lines of a stream, read by a thread, until the stream or the receiver ends.
fn read(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    lines
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
