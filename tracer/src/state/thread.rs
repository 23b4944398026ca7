//! Threads: who they are, what they run, where.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use rustc_hash::FxHashMap;

use super::{ContainerKey, Procfs};
use crate::scap::{Capabilities, ExeFile, Memory};

/// The most threads that are kept. A machine with more forgets those that it met first and looks them up again.
pub const MAX_THREADS: usize = 262_144;

/// A thread. Texts are as the kernel has them: not always UTF-8.
#[derive(Debug, Clone, Default)]
pub struct Thread {
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// Process id there.
    pub pid: u32,
    /// Process id of the parent; 0 when there is none.
    pub ppid: u32,
    /// Thread id in its own pid namespace.
    pub vtid: u32,
    /// Process id there.
    pub vpid: u32,
    /// Process group.
    pub pgid: u32,
    /// Process group in its own pid namespace.
    pub vpgid: u32,
    /// Session.
    pub sid: u32,
    /// Name of the thread.
    pub comm: Box<[u8]>,
    /// First argument.
    pub exe: Box<[u8]>,
    /// Path of the executable.
    pub exepath: Box<[u8]>,
    /// The other arguments, each followed by a NUL.
    pub args: Box<[u8]>,
    /// Environment, each entry followed by a NUL.
    pub env: Box<[u8]>,
    /// Of arguments that were cut, the length that they had, bytes; 0 when that is not known.
    pub args_cut: Option<u32>,
    /// The same of the environment.
    pub env_cut: Option<u32>,
    /// Working directory, without a final slash except for the root.
    pub cwd: Box<[u8]>,
    /// Whether it has that directory of its own, and not that of its process: `CLONE_FS` of clone(2) and unshare(2).
    pub own_fs: bool,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Audit login user id; all ones when unset.
    pub loginuid: u32,
    /// Device number of the controlling terminal, 0 when there is none.
    pub tty: u32,
    /// Soft limit of open files; 0 when not known.
    pub fd_limit: u64,
    /// Start, nanoseconds since the epoch; 0 when not known.
    pub start_ns: u64,
    /// Id of the cgroup in the v2 tree.
    pub cgroup: u64,
    /// The container that the thread is in.
    pub container: ContainerKey,
    /// Which descriptors it has.
    pub fds: u32,
    /// Cgroup of each controller, `name=path`, each followed by a NUL.
    pub cgroups: Box<[u8]>,
    /// Start of the init of its pid namespace, nanoseconds since the epoch; 0 when no event told.
    pub pidns_init_start_ns: u64,
    /// Memory and page faults, as an event told last.
    pub memory: Option<Memory>,
    /// Size and resident memory, as they were looked up last: see [`Thread::memory_now`]. `None` before that; then, whether they were there.
    pub looked_up_memory: Cell<Option<Option<Memory>>>,
    /// Its capabilities, as they were when it began to run its program.
    pub capabilities: Option<Capabilities>,
    /// The file of its program.
    pub exe_file: ExeFile,
    /// CPU use in the last second, percent of one CPU.
    pub cpu_percent: f64,
    /// The part of it in user mode; the rest is in the kernel.
    pub cpu_user_percent: f64,
    /// When a file told its CPU time last, and what: nanoseconds since the epoch; ticks in user mode, and in
    /// the kernel.
    pub cpu_seen: Option<(u64, u64, u64)>,
    /// How long it was on a CPU until it left it last, nanoseconds; `None` when the beginning was not seen.
    pub slice_ns: Option<u64>,
    /// CPU time since the capture began, nanoseconds.
    pub ran_ns: u64,
    /// Whether nothing is known of it but its id: it was met after its end, or in a capture that does not describe it.
    pub is_stranger: bool,
    /// Whether its parent told of it: the parent may do so after its end, but only once.
    pub announced: bool,
    /// Another number after each change, among all threads of its table.
    pub version: u64,
    /// When it ended, nanoseconds since the epoch. It is kept for a moment, for records that come late.
    pub exited_ns: Option<u64>,
}

impl Thread {
    /// Memory as it is now: looked up once, and again while the thread runs or is not `alone` in its process. What no longer can be looked up is
    /// what was last known.
    #[must_use]
    pub fn memory_now(&self, procfs: &Procfs, alone: bool) -> Option<Memory> {
        let known = self.looked_up_memory.get();
        if (self.cpu_percent > 0.0 || !alone || known.is_none()) && self.exited_ns.is_none() {
            self.looked_up_memory.set(Some(procfs.memory(self.pid).or(known.flatten())));
        }
        self.looked_up_memory.get().flatten().or(self.memory)
    }

    /// A thread of which nothing is known but its ids.
    #[must_use]
    pub fn stranger(tid: u32, pid: u32) -> Self {
        Self {
            tid,
            pid,
            vtid: tid,
            vpid: pid,
            uid: u32::MAX,
            gid: u32::MAX,
            loginuid: u32::MAX,
            is_stranger: true,
            ..Self::default()
        }
    }

    /// Whether it is the main thread of its process.
    #[must_use]
    pub fn is_main(&self) -> bool {
        self.tid == self.pid
    }

    /// Whether arguments or environment were longer than what is kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.args_cut.is_some() || self.env_cut.is_some()
    }

    /// Forgets what it ran on a CPU: it is a copy of another thread, and begins now.
    pub fn begin(&mut self) {
        (self.slice_ns, self.ran_ns, self.cpu_seen) = (None, 0, None);
        (self.cpu_percent, self.cpu_user_percent) = (0.0, 0.0);
    }

    /// The arguments after the first.
    pub fn arguments(&self) -> impl Iterator<Item = &[u8]> {
        entries(&self.args)
    }

    /// The value of an environment variable.
    #[must_use]
    pub fn env(&self, name: &[u8]) -> Option<&[u8]> {
        entries(&self.env).find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
    }
}

/// The entries of a list in which each is followed by a NUL.
pub fn entries(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let list = list.strip_suffix(&[0]).unwrap_or(list);
    list.split(|byte| *byte == 0).filter(move |_| !list.is_empty())
}

/// The threads by id.
#[derive(Debug, Default)]
pub struct Threads {
    slots: Vec<Option<Rc<Thread>>>,
    by_tid: FxHashMap<u32, u32>,
    /// Slots that nobody uses.
    free: Vec<u32>,
    /// How often threads came or changed.
    changes: u64,
    /// The thread that was looked up last, and its slot: an event asks for its thread several times.
    last: Cell<Option<(u32, u32)>>,
    running: RefCell<Running>,
}

/// How many threads of each process run: counted for all at once when it is asked again before anything has changed, as for the rows of a
/// table.
#[derive(Debug, Default)]
struct Running {
    /// The number of changes when it was asked last.
    changes: u64,
    by_pid: Option<FxHashMap<u32, u32>>,
}

impl Threads {
    /// How many threads of that process run, as far as they are known.
    #[must_use]
    pub fn running(&self, pid: u32) -> u32 {
        let mut running = self.running.borrow_mut();
        let runs = |thread: &&Rc<Thread>| thread.exited_ns.is_none();
        if running.changes != self.changes {
            *running = Running { changes: self.changes, by_pid: None };
            return self.iter().filter(runs).filter(|thread| thread.pid == pid).count() as u32;
        }
        let by_pid = running.by_pid.get_or_insert_with(|| {
            let mut by_pid = FxHashMap::default();
            self.iter().filter(runs).for_each(|thread| *by_pid.entry(thread.pid).or_default() += 1);
            by_pid
        });
        by_pid.get(&pid).copied().unwrap_or(0)
    }

    /// The thread of that id.
    #[must_use]
    pub fn get(&self, tid: u32) -> Option<&Rc<Thread>> {
        self.slots.get(self.slot(tid)? as usize)?.as_ref()
    }

    #[inline]
    fn slot(&self, tid: u32) -> Option<u32> {
        match self.last.get() {
            Some((last, slot)) if last == tid => Some(slot),
            _ => {
                let slot = self.by_tid.get(&tid).copied()?;
                self.last.set(Some((tid, slot)));
                Some(slot)
            }
        }
    }

    /// The thread of that id, to be changed. Events that were kept go on with what it was.
    pub fn get_mut(&mut self, tid: u32) -> Option<&mut Thread> {
        let slot = self.slot(tid)? as usize;
        let thread = self.slots.get_mut(slot)?.as_mut().map(Rc::make_mut)?;
        self.changes += 1;
        thread.version = self.changes;
        Some(thread)
    }

    /// Adds a thread, or replaces the one of the same id.
    pub fn insert(&mut self, mut thread: Thread) {
        self.changes += 1;
        thread.version = self.changes;
        if self.by_tid.len() >= MAX_THREADS && !self.by_tid.contains_key(&thread.tid) {
            // An arbitrary victim: it is looked up again when it is next seen.
            if let Some(tid) = self.by_tid.keys().next().copied() {
                self.remove(tid);
            }
        }
        let tid = thread.tid;
        let slot = self.slot(tid).or_else(|| self.free.pop()).unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.by_tid.insert(tid, slot);
        self.slots[slot as usize] = Some(Rc::new(thread));
    }

    /// Forgets a thread.
    pub fn remove(&mut self, tid: u32) -> Option<Rc<Thread>> {
        let slot = self.by_tid.remove(&tid)?;
        self.changes += 1;
        self.last.set(None);
        self.free.push(slot);
        self.slots[slot as usize].take()
    }

    /// All threads, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Rc<Thread>> {
        self.slots.iter().flatten()
    }

    /// How often threads came, changed or went.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_tid.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_tid.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_threads_are_counted_by_process_and_anew_after_a_change() {
        let mut threads = Threads::default();
        for tid in 1..=6 {
            threads.insert(Thread::stranger(tid, if tid > 2 { 3 } else { tid }));
        }
        for _ in 0..3 {
            assert_eq!([1, 2, 3, 4].map(|pid| threads.running(pid)), [1, 1, 4, 0]);
        }
        threads.get_mut(5).unwrap().exited_ns = Some(1);
        assert_eq!([3, 3, 3].map(|pid| threads.running(pid)), [3, 3, 3]);
        threads.remove(6);
        assert_eq!([3, 3].map(|pid| threads.running(pid)), [2, 2]);
    }
}
