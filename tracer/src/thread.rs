//! Threads: all of them begin here, so that one that cannot begin is said in the same way.

use std::{
    io,
    num::NonZero,
    panic,
    thread::{self, Scope},
};

/// The stack of an engine, bytes; pages that are never used take no memory.
const ENGINE_STACK: usize = 16 << 20;

/// There can be no more threads.
#[derive(Debug, thiserror::Error)]
#[error("cannot start thread '{name}'")]
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
                "the thread limit is reached, or there is not enough memory: see ulimit -u (RLIMIT_NPROC) and -v (RLIMIT_AS), and \
                    pids.max of the cgroup (--pids-limit of a container)"
            }
            _ => "not enough memory for its stack: see ulimit -v and the limit of the cgroup",
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
    spawned(name, thread::Builder::new(), run)
}

/// Begins a thread that an engine runs in: filters and chisels go deep, so it has a stack like that of a main thread.
///
/// # Errors
/// There can be no more.
pub fn begin_engine<T: Send + 'static>(
    name: &'static str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, NoThread> {
    spawned(name, thread::Builder::new().stack_size(ENGINE_STACK), run)
}

fn spawned<T: Send + 'static>(
    name: &'static str,
    builder: thread::Builder,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, NoThread> {
    builder.name(name.into()).spawn(run).map_err(|source| NoThread { name, source })
}

/// Does both, side by side if there can be another thread, else one after the other.
pub fn both<A, B: Send>(first: impl FnOnce() -> A, second: impl Fn() -> B + Send + Sync) -> (A, B) {
    thread::scope(|scope| {
        let beside = thread::Builder::new().spawn_scoped(scope, &second);
        let first = first();
        let second = match beside.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(second)) => second,
            Ok(Err(cause)) => panic::resume_unwind(cause),
            Err(_) => second(),
        };
        (first, second)
    })
}

/// Does the same on this thread and on others until nothing is left to do: one for each CPU, at most as many as there are `pieces`
/// of work, and fewer if there can be no more.
pub fn on_all_cpus(pieces: usize, work: impl Fn() + Send + Sync) {
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope: &Scope<'_, '_>| {
        for _ in 1..cpus.min(pieces) {
            if thread::Builder::new().spawn_scoped(scope, &work).is_err() {
                break;
            }
        }
        work();
    });
}
