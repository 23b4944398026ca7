//! What is typed on a terminal while tables are redrawn there: it is not shown between them, and `q` ends the run as Ctrl-C does.
//!
//! The settings of a terminal belong to whoever is in the foreground. They are changed when something is drawn, and given back at the end, and
//! before Ctrl-Z stops the process.

use std::{
    io::{self, IsTerminal as _, Write as _},
    os::fd::BorrowedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{cursor::Show, queue};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::read,
    process::{Signal, getpgrp, getpid, kill_process},
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};
use signal_hook::{consts::SIGTSTP, flag};

use crate::signal::is_ignored;

/// The keyboard of the terminal that standard output is.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The settings of the terminal before they were changed.
    before: Option<Termios>,
    /// Set by Ctrl-Z.
    stops: Option<Arc<AtomicBool>>,
    /// Whether no key is waited for any more.
    is_over: bool,
}

/// What became of the time since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    /// Nothing that matters.
    Nothing,
    /// The process was stopped: others have written to the terminal since.
    Stopped,
}

impl Keys {
    /// Takes the keyboard, if this process is in the foreground.
    pub(super) fn take(&mut self) {
        let stdout = rustix::stdio::stdout();
        if !is_in_front(stdout) {
            return;
        }
        if self.stops.is_none() && !is_ignored(SIGTSTP) {
            let stops = Arc::new(AtomicBool::new(false));
            // Without it, the terminal is left as it is while the process is stopped.
            self.stops = flag::register(SIGTSTP, Arc::clone(&stops)).is_ok().then_some(stops);
        }
        let Ok(now) = tcgetattr(stdout) else { return };
        let shown = LocalModes::ECHO | LocalModes::ICANON;
        if now.local_modes.intersects(shown) {
            let mut quiet = now.clone();
            quiet.local_modes.remove(shown);
            if tcsetattr(stdout, OptionalActions::Now, &quiet).is_ok() {
                self.before = Some(now);
            }
        }
    }

    /// Gives the keyboard back. Whoever is in the foreground instead of this process has settings of its own.
    pub(super) fn give_back(&mut self) {
        let stdout = rustix::stdio::stdout();
        if let Some(before) = self.before.take().filter(|_| is_in_front(stdout)) {
            // Nothing can be done when the terminal is gone.
            let _ = tcsetattr(stdout, OptionalActions::Now, &before);
        }
    }

    /// Looks at what was typed since the last look.
    pub(super) fn look(&mut self) -> Typed {
        if self.stops.as_ref().is_some_and(|stops| stops.swap(false, Ordering::Relaxed)) {
            self.stop();
            return Typed::Stopped;
        }
        if self.before.is_some() && !self.is_over && io::stdin().is_terminal() && is_in_front(rustix::stdio::stdin()) {
            self.read();
        }
        Typed::Nothing
    }

    /// Stops the process as Ctrl-Z does by itself, with the terminal as it was. Returns when it goes on.
    fn stop(&mut self) {
        self.give_back();
        let mut show = Vec::new();
        // A terminal that is gone shows no cursor.
        let _ = queue!(show, Show);
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(&show).and_then(|()| stdout.flush());
        drop(stdout);
        let _ = kill_process(getpid(), Signal::STOP);
    }

    fn read(&mut self) {
        let stdin = rustix::stdio::stdin();
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        let is_ready = poll(&mut ready, Some(&Timespec::default())).is_ok_and(|count| count > 0);
        if !is_ready {
            return;
        }
        let mut typed = [0; 64];
        match read(stdin, &mut typed) {
            Ok(0) => self.is_over = true,
            Ok(count) if typed[..count].iter().any(|key| matches!(key, b'q' | b'Q')) => {
                self.is_over = true;
                // From here on all goes as with Ctrl-C.
                let _ = kill_process(getpid(), Signal::INT);
            }
            Ok(_) | Err(_) => {}
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Whether this process may change and read a terminal: others that try are stopped.
fn is_in_front(terminal: BorrowedFd<'_>) -> bool {
    tcgetpgrp(terminal).is_ok_and(|front| front == getpgrp())
}
