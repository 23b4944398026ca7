//! A sign of life while the start takes long: of a machine with many processes, or one that is busy.

use std::{
    io::{self, IsTerminal as _},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::Duration,
};

use crate::message::note;

/// A start that is shorter says nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// Says that the start goes on, unless it is dropped before.
#[derive(Debug)]
pub(super) struct Waiting {
    ended: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waiting {
    /// From now on, if somebody looks.
    pub(super) fn begin() -> Self {
        if !io::stderr().is_terminal() {
            return Self { ended: None, thread: None };
        }
        let (ended, end) = channel();
        let waits = move || {
            if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                note("starting: loading BPF programs and reading this machine's processes …");
            }
        };
        // Without a thread there is no sign, and nothing else is missing.
        let thread = std::thread::Builder::new().name("start".to_owned()).spawn(waits).ok();
        Self { ended: Some(ended), thread }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.ended = None;
        // It ends at once, and has to before rights are given up.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
