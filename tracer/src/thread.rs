//! Threads: all of them begin here, so that one that cannot begin is said in the same way.

use std::{io, thread};

/// There can be no more threads.
#[derive(Debug, thiserror::Error)]
#[error("cannot begin the thread '{name}'")]
pub struct NoThread {
    name: &'static str,
    source: io::Error,
}

impl NoThread {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.source.raw_os_error() {
            Some(libc::EAGAIN) => {
                "the limit of threads is reached: ulimit -u (RLIMIT_NPROC), or pids.max of the cgroup; a container has --pids-limit"
            }
            _ => "there is too little memory for its stack: see ulimit -v and the limit of the cgroup",
        }
    }
}

/// Begins a thread.
///
/// # Errors
/// There can be no more.
pub fn begin<T: Send + 'static>(
    name: &'static str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, NoThread> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(|source| NoThread { name, source })
}
