//! What is said to the loop while it runs, from other threads. It is woken at once.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::{Arc, mpsc},
};

use rustix::event::{EventfdFlags, eventfd};

use super::Question;

/// Makes a question, in the thread of the loop: filters and scripts stay in one thread.
pub type Make = Box<dyn FnOnce() -> anyhow::Result<Question> + Send>;

/// What became of a question that was put: an error says why the one before goes on.
pub type Answer = mpsc::Receiver<anyhow::Result<()>>;

/// A question, and who waits for what becomes of it.
pub(super) struct Command {
    make: Make,
    answer: mpsc::Sender<anyhow::Result<()>>,
}

/// Who waits for what becomes of a question.
pub(super) struct Asker(mpsc::Sender<anyhow::Result<()>>);

impl Command {
    pub(super) fn open(self) -> (Make, Asker) {
        (self.make, Asker(self.answer))
    }
}

impl Asker {
    pub(super) fn answer(self, result: anyhow::Result<()>) {
        // Nobody has to wait for it.
        let _ = self.0.send(result);
    }
}

/// Puts questions to a loop.
#[derive(Debug, Clone)]
pub struct Commander {
    commands: mpsc::Sender<Command>,
    wake: Arc<OwnedFd>,
}

/// The other end, which the loop has.
#[derive(Debug)]
pub struct Commands {
    commands: mpsc::Receiver<Command>,
    wake: Arc<OwnedFd>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command").finish_non_exhaustive()
    }
}

/// Makes both ends.
///
/// # Errors
/// The kernel has no descriptor left.
pub fn channel() -> io::Result<(Commander, Commands)> {
    let (sender, receiver) = mpsc::channel();
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    Ok((Commander { commands: sender, wake: Arc::clone(&wake) }, Commands { commands: receiver, wake }))
}

impl Commander {
    /// Asks for something else from now on. The loop does it when it is through with the records that it has in hand.
    pub fn ask(&self, make: impl FnOnce() -> anyhow::Result<Question> + Send + 'static) -> Answer {
        let (answer, answers) = mpsc::channel();
        // A loop that has ended drops the sender of the answer: who waits for it is told so.
        if self.commands.send(Command { make: Box::new(make), answer }).is_ok() {
            // It fails only when the counter is full: then the loop is awake.
            let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        }
        answers
    }
}

impl Commands {
    /// What can be read when there is something.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// The next one, if there is one.
    pub(super) fn next(&self) -> Option<Command> {
        self.commands.try_recv().ok()
    }
}
