//! What is known of the machine while events go by: threads, descriptors, containers, users.
//!
//! Creation effects are applied before an event is shown and destruction effects after it, so that `close` still prints
//! its file name. Every table is bounded; what is unknown is looked up once.

pub mod births;
pub mod container;
mod counted;
pub mod effects;
pub mod facts;
pub mod fd;
pub mod host;
pub mod path;
pub mod procfs;
pub mod root;
pub mod thread;
pub mod user;

use std::{collections::VecDeque, rc::Rc};

use rustc_hash::FxHashMap;

pub use births::Births;
pub use container::{Container, ContainerKey, Containers};
pub use fd::{Fd, FdKind, FdTables, Role, Sock};
pub use host::Host;
pub use procfs::Procfs;
pub use root::host_root;
pub use thread::{Thread, Threads};
pub use user::Users;

use crate::sample::Sample;

/// Everything that is known.
#[derive(Debug, Default)]
pub struct State {
    /// Threads by id.
    pub threads: Threads,
    /// Descriptors of each process.
    pub fds: FdTables,
    /// Forks in other pid namespaces of which one side was heard.
    pub births: Births,
    /// Containers.
    pub containers: Containers,
    /// The machine.
    pub host: Host,
    /// Users and groups of the host.
    pub users: Users,
    /// Where to look for what was there before.
    pub procfs: Procfs,
    /// By thread, the path of the call that it is in, as it was when the call began, and the code of the event that ends it.
    pub entry_paths: FxHashMap<u32, (u16, Box<[u8]>)>,
    /// Whether threads are not followed: then nothing is looked up of those that are met, and records say what is shown.
    pub brief: bool,
    /// Whether nothing of threads is asked for at all.
    pub nameless: bool,
    /// Nanoseconds that CPU time events stand for.
    pub cpu_interval_ns: u64,
    /// Whether CPU time events of a capture say the times of their intervals.
    pub cpu_times: bool,
    /// Whether the capture that is read was written by us while its events happened.
    pub was_live: bool,
    /// How many of the events the capture that is read has, when it is a sample.
    pub sample: Option<Sample>,
    /// How often the capture that is read told facts, and what it told last.
    pub told: (u64, Rc<facts::Facts>),
    /// Of a capture, the container that the thread of the next event is in by then, if that is told with the event.
    pub told_container: Option<(u32, ContainerKey)>,
    /// How many captures have begun in what is read.
    pub section: u64,
    /// By CPU, the thread that was switched to, and when, nanoseconds since the epoch.
    pub running: Vec<(u32, u64)>,
    /// Threads that ended, and until when they are kept, nanoseconds since the epoch.
    pub ended: VecDeque<(u64, u32)>,
}

impl State {
    /// The thread of that id.
    #[must_use]
    pub fn thread(&self, tid: u32) -> Option<&Rc<Thread>> {
        self.threads.get(tid)
    }

    /// The main thread of the process of `thread`.
    #[must_use]
    pub fn process<'a>(&'a self, thread: &'a Thread) -> &'a Thread {
        self.threads.get(thread.pid).map_or(thread, |leader| leader)
    }

    /// The working directory of a thread: that of its process, unless it has its own.
    #[must_use]
    pub fn cwd<'a>(&'a self, thread: &'a Thread) -> &'a [u8] {
        if thread.own_fs { &thread.cwd } else { &self.process(thread).cwd }
    }

    /// The main thread of the parent process.
    #[must_use]
    pub fn parent(&self, thread: &Thread) -> Option<&Rc<Thread>> {
        self.threads.get(self.process(thread).ppid).filter(|_| thread.ppid != 0)
    }

    /// The ancestors, nearest first; bounded, since a table that lags may have a loop.
    pub fn ancestors<'a>(&'a self, thread: &'a Thread) -> impl Iterator<Item = &'a Thread> {
        std::iter::successors(self.parent(thread), |thread| self.parent(thread)).take(64).map(|thread| &**thread)
    }

    /// What descriptor `fd` of `thread` is.
    #[must_use]
    pub fn fd(&self, thread: &Thread, fd: i32) -> Option<&Rc<Fd>> {
        self.fds.get(thread.fds, fd)
    }
}
