//! Reading what is there at the start. Others decide how much that is: a user may have a million descriptors. So it is read in pieces,
//! between which the rings are drained, and what is beyond the limits is looked up when an event needs it.

use std::{
    fs, mem,
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
    vec,
};

use super::{MAX_BYTES, Procfs, Stat, Status, read};
use crate::state::{FdKind, State, Thread};

/// What the first events wait for. Most machines are read whole by then.
const FIRST: Duration = Duration::from_millis(250);
/// A piece between two drains of the rings.
const PIECE: Duration = Duration::from_millis(5);
/// The most descriptors of one process, and of all; and the most threads of one.
const MAX_OF_ONE: usize = 4096;
const MAX_OF_ALL: usize = 131_072;
/// The most bytes of arguments and environments of all processes that are read as long as they are. The others are cut at [`SHORT`].
const MAX_LISTS: usize = 32 << 20;
const SHORT: usize = 4096;

/// What is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Descriptors of processes.
    pub descriptors: bool,
    /// Threads that are not the main one.
    pub threads: bool,
    /// All of it before the first event, without limits but those of the state itself: it is to be listed.
    pub whole: bool,
}

/// What is still to be read.
#[derive(Debug)]
pub struct Scan {
    wanted: Wanted,
    processes: vec::IntoIter<u32>,
    /// Those whose threads, and those whose descriptors are to be read.
    threads: Vec<u32>,
    descriptors: Vec<u32>,
    open: Option<Table>,
    left: usize,
    lists_left: usize,
    /// Whether events may have been handled since it began.
    late: bool,
}

/// A process whose descriptors are being read.
#[derive(Debug)]
struct Table {
    pid: u32,
    table: u32,
    entries: fs::ReadDir,
    left: usize,
}

impl Procfs {
    /// Begins to read the processes.
    #[must_use]
    pub fn scan(&self, wanted: Wanted) -> Scan {
        Scan {
            wanted,
            processes: self.numbers().into_iter(),
            threads: Vec::new(),
            descriptors: Vec::new(),
            open: None,
            left: MAX_OF_ALL,
            lists_left: MAX_LISTS,
            late: false,
        }
    }
}

impl Procfs {
    /// The processes that there are now; none where they cannot be looked up.
    fn numbers(&self) -> Vec<u32> {
        let entries = if self.there { fs::read_dir(&self.proc).ok() } else { None };
        let numbers = entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        numbers.collect()
    }

    /// The same with their names.
    #[must_use]
    pub fn names(&self) -> Vec<(u32, Vec<u8>)> {
        let name = |pid: u32| {
            let name = read(&self.proc.join(pid.to_string()).join("comm")).ok()?;
            Some((pid, name.trim_ascii_end().to_owned()))
        };
        self.numbers().into_iter().filter_map(name).collect()
    }
}

impl Scan {
    /// The first piece: all of it on most machines, and whenever it is wanted whole. Whether there is more.
    pub fn first(&mut self, state: &mut State, stop: &AtomicBool) -> bool {
        let until = Instant::now() + FIRST;
        let whole = self.wanted.whole;
        let more = self.read(state, &|| stop.load(Ordering::Relaxed) || !whole && Instant::now() >= until);
        self.late = true;
        more
    }

    /// The same, which begins among events.
    #[must_use]
    pub fn begun(self) -> Self {
        Self { late: true, ..self }
    }

    /// Another piece. Whether there is more.
    pub fn next(&mut self, state: &mut State) -> bool {
        let until = Instant::now() + PIECE;
        self.read(state, &|| Instant::now() >= until)
    }

    /// Reads until `over` says that it is enough.
    fn read(&mut self, state: &mut State, over: &dyn Fn() -> bool) -> bool {
        let procfs = mem::replace(&mut state.procfs, Procfs::none());
        let more = loop {
            if over() {
                break true;
            }
            if let Some(pid) = self.processes.next() {
                self.process(&procfs, state, pid);
            } else if let Some(pid) = self.threads.pop() {
                procfs.threads_of(state, pid);
            } else if self.open.is_some() {
                self.descriptor(&procfs, state);
            } else if let Some(pid) = self.descriptors.pop().filter(|_| self.left > 0) {
                self.open = Self::table(&procfs, state, pid);
            } else {
                break false;
            }
        };
        state.procfs = procfs;
        more
    }

    fn process(&mut self, procfs: &Procfs, state: &mut State, pid: u32) {
        if state.thread(pid).is_none() {
            let limit = if self.lists_left == 0 && !self.wanted.whole { SHORT } else { MAX_BYTES };
            let Some(mut thread) = procfs.thread_within(pid, limit) else { return };
            self.lists_left = self.lists_left.saturating_sub(thread.args.len() + thread.env.len());
            thread.fds = state.fds.create();
            thread.container = state.containers.of_cgroup(thread.cgroup, pid);
            state.threads.insert(thread);
        }
        if self.wanted.threads {
            self.threads.push(pid);
        }
        if self.wanted.descriptors {
            self.descriptors.push(pid);
        }
    }

    fn table(procfs: &Procfs, state: &State, pid: u32) -> Option<Table> {
        let table = state.thread(pid)?.fds;
        if state.fds.is_complete(table) {
            return None;
        }
        let entries = fs::read_dir(procfs.living(pid).join("fd")).ok()?;
        Some(Table { pid, table, entries, left: MAX_OF_ONE })
    }

    /// Reads one more descriptor of the table that is open.
    fn descriptor(&mut self, procfs: &Procfs, state: &mut State) {
        let Some(open) = self.open.as_mut() else { return };
        let Some(entry) = open.entries.next() else {
            state.fds.complete(open.table);
            self.open = None;
            return;
        };
        if !self.wanted.whole && (open.left == 0 || self.left == 0) {
            self.open = None;
            return;
        }
        let number = entry.ok().and_then(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        // What events said meanwhile is newer.
        let Some(fd) = number.filter(|fd| state.fds.get(open.table, *fd).is_none()) else { return };
        if let Some(mut value) = procfs.read_fd(open.pid, fd, false) {
            open.left = open.left.saturating_sub(1);
            self.left = self.left.saturating_sub(1);
            value.looked_up = self.late && value.kind != FdKind::Unknown;
            state.fds.set(open.table, fd, Rc::new(value));
        }
    }
}

impl Procfs {
    /// Reads the other threads of a process into the state: a capture has to describe them, since its reader cannot look them up.
    fn threads_of(&self, state: &mut State, pid: u32) {
        let Some(leader) = state.thread(pid).cloned() else { return };
        let Ok(tasks) = fs::read_dir(self.of(pid).join("task")) else { return };
        let numbers = tasks.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        for tid in numbers.take(MAX_OF_ONE) {
            if tid == leader.tid || state.thread(tid).is_some() {
                continue;
            }
            let dir = self.of(pid).join("task").join(tid.to_string());
            let Some(stat) = read(&dir.join("stat")).ok().and_then(|text| Stat::parse(&text)) else { continue };
            let status = read(&dir.join("status")).unwrap_or_default();
            let status = Status::parse(&String::from_utf8_lossy(&status));
            let mut thread = Thread::clone(&leader);
            thread.tid = tid;
            thread.vtid = status.ns_pid.unwrap_or(tid);
            thread.comm = stat.comm;
            thread.start_ns = self.boot_ns.saturating_add(stat.start_ticks.saturating_mul(super::TICK_NS));
            thread.fds = state.fds.share(leader.fds);
            state.threads.insert(thread);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state that was scanned in pieces of one step each, and how many they were.
    fn in_steps(wanted: Wanted, mut between: impl FnMut(&mut State)) -> (State, usize) {
        let mut state = State::default();
        let mut scan = state.procfs.scan(wanted);
        let mut steps = 0;
        loop {
            // The first question is whether it is over already, the second comes behind a step.
            let asked = std::cell::Cell::new(0);
            let more = scan.read(&mut state, &|| asked.replace(asked.get() + 1) > 0);
            steps += 1;
            between(&mut state);
            if !more {
                return (state, steps);
            }
        }
    }

    #[test]
    fn pieces_make_a_whole() {
        let file = fs::File::open("/proc/self/stat").unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        let pid = std::process::id();
        let wanted = Wanted { descriptors: true, ..Wanted::default() };
        let (state, steps) = in_steps(wanted, |_| ());
        let me = state.thread(pid).unwrap();
        assert!(steps > 10, "{steps}");
        assert!(state.fd(me, number).unwrap().name.ends_with(b"/stat"));
        assert!(state.fds.is_complete(me.fds));
    }

    #[test]
    fn what_events_said_stays() {
        let file = fs::File::open("/proc/self/stat").unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        let pid = std::process::id();
        let named = crate::state::Fd { name: (*b"of an event").into(), ..crate::state::Fd::default() };
        let (state, _) = in_steps(Wanted { descriptors: true, ..Wanted::default() }, |state| {
            if let Some(table) = state.thread(pid).map(|thread| thread.fds)
                && !state.fds.is_complete(table)
            {
                state.fds.set(table, number, Rc::new(named.clone()));
            }
        });
        let me = state.thread(pid).unwrap();
        assert_eq!(&*state.fd(me, number).unwrap().name, b"of an event");
    }
}
