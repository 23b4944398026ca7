//! What a capture of ours says of the state where the format has no place for it: JSON behind an event (`scap::options`).
//! Other readers step over it.
//!
//! Names are part of the file format: a key that is not known is left out by the reader, one that is missing has no value.

use std::{net::SocketAddr, rc::Rc};

use serde::{Deserialize, Serialize};

use super::{Fd, FdKind, Role, Sock, State, Thread, container::told::Told, effects};
use crate::sample::Sample;

/// What is known when the event happens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Threads of which no block and no event told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<ThreadFact>,
    /// When threads began: id, nanoseconds since the epoch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<(u32, u64)>,
    /// Descriptors of which a block says too little.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fds: Vec<FdFact>,
    /// Whether the capture was written while the events happened, by us: what is not known was not known then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub live: bool,
    /// Whether `procinfo` events say the times of their intervals: then `switch` events add nothing to CPU times.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cpu_times: bool,
    /// Each event stands for so many, of which the others were left out by chance; not CPU times, losses and containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<u32>,
    /// Threads that are in another container than what was told says: id, container id or `host`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<(u32, String)>,
    /// Threads whose end is no event of the capture: id, nanoseconds since the epoch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<(u32, u64)>,
    /// Threads whose arguments or environment were cut, and how long they were, bytes; 0 when that is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<(u32, Option<u32>, Option<u32>)>,
}

/// A thread.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of Thread")]
pub struct ThreadFact {
    pub tid: u32,
    pub pid: u32,
    pub ppid: u32,
    pub vtid: u32,
    pub vpid: u32,
    pub pgid: u32,
    pub vpgid: u32,
    pub sid: u32,
    pub comm: Text,
    pub exe: Text,
    pub exepath: Text,
    pub args: Text,
    /// Left out when it is as it was told before, or that of the main thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<Text>,
    /// Lengths of lists that were cut; 0 when they are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args_cut: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_cut: Option<u32>,
    pub cwd: Text,
    pub uid: u32,
    pub gid: u32,
    pub loginuid: u32,
    pub tty: u32,
    pub start: u64,
    pub cgroups: Text,
}

/// A descriptor of a thread.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of Fd")]
pub struct FdFact {
    pub tid: u32,
    pub fd: i32,
    pub kind: String,
    pub name: Text,
    pub flags: u32,
    pub dev: u32,
    pub ino: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub pid: u32,
    /// Whether nobody knows what it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sock: Option<SockFact>,
}

/// A socket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of Sock")]
pub struct SockFact {
    pub r#type: u8,
    pub protocol: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<SocketAddr>,
    /// Whether it is the end of a client; `None` when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<bool>,
    pub listening: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Text of the kernel: a text where it is UTF-8, else its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// UTF-8.
    Text(String),
    /// Anything.
    Bytes(Vec<u8>),
}

impl Default for Text {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes(bytes.to_owned()),
        }
    }
}

impl Text {
    fn bytes(self) -> Box<[u8]> {
        match self {
            Self::Text(text) => text.into_bytes().into(),
            Self::Bytes(bytes) => bytes.into(),
        }
    }
}

impl From<&Thread> for ThreadFact {
    fn from(thread: &Thread) -> Self {
        let text = |bytes: &[u8]| Text::from(bytes);
        Self {
            tid: thread.tid,
            pid: thread.pid,
            ppid: thread.ppid,
            vtid: thread.vtid,
            vpid: thread.vpid,
            pgid: thread.pgid,
            vpgid: thread.vpgid,
            sid: thread.sid,
            comm: text(&thread.comm),
            exe: text(&thread.exe),
            exepath: text(&thread.exepath),
            args: text(&thread.args),
            env: Some(text(&thread.env)),
            args_cut: thread.args_cut,
            env_cut: thread.env_cut,
            cwd: text(&thread.cwd),
            uid: thread.uid,
            gid: thread.gid,
            loginuid: thread.loginuid,
            tty: thread.tty,
            start: thread.start_ns,
            cgroups: text(&thread.cgroups),
        }
    }
}

impl ThreadFact {
    /// `before` is what was known of it.
    fn thread(self, before: Option<&Thread>) -> Thread {
        Thread {
            tid: self.tid,
            pid: self.pid,
            ppid: self.ppid,
            vtid: self.vtid,
            vpid: self.vpid,
            pgid: self.pgid,
            vpgid: self.vpgid,
            sid: self.sid,
            comm: self.comm.bytes(),
            exe: self.exe.bytes(),
            exepath: self.exepath.bytes(),
            args: self.args.bytes(),
            env: self.env.map_or_else(|| before.map(|thread| thread.env.clone()).unwrap_or_default(), Text::bytes),
            args_cut: self.args_cut,
            env_cut: self.env_cut,
            cwd: self.cwd.bytes(),
            uid: self.uid,
            gid: self.gid,
            loginuid: self.loginuid,
            tty: self.tty,
            start_ns: self.start,
            cgroups: self.cgroups.bytes(),
            // What is not told stays.
            memory: before.and_then(|thread| thread.memory),
            capabilities: before.and_then(|thread| thread.capabilities),
            exe_file: before.map(|thread| thread.exe_file).unwrap_or_default(),
            ..Thread::default()
        }
    }
}

impl FdFact {
    /// Descriptor `number` of thread `tid`.
    #[must_use]
    pub fn new(tid: u32, number: i32, fd: &Fd) -> Self {
        let sock = fd.sock.as_deref().map(|sock| SockFact {
            r#type: sock.sock_type,
            protocol: sock.protocol,
            local: sock.local,
            remote: sock.remote,
            client: match sock.role {
                Role::Unknown => None,
                Role::Client => Some(true),
                Role::Server => Some(false),
            },
            listening: sock.listening,
        });
        Self {
            tid,
            fd: number,
            kind: fd.kind.name().unwrap_or_default().to_owned(),
            name: Text::from(&*fd.name),
            flags: fd.flags,
            dev: fd.dev,
            ino: fd.ino,
            pid: fd.pid,
            gone: false,
            sock,
        }
    }

    /// That nobody knows what it is.
    #[must_use]
    pub fn gone(tid: u32, number: i32) -> Self {
        Self { tid, fd: number, gone: true, ..Self::default() }
    }

    fn descriptor(self) -> Fd {
        let sock = self.sock.map(|sock| {
            Box::new(Sock {
                sock_type: sock.r#type,
                protocol: sock.protocol,
                local: sock.local,
                remote: sock.remote,
                role: match sock.client {
                    None => Role::Unknown,
                    Some(true) => Role::Client,
                    Some(false) => Role::Server,
                },
                listening: sock.listening,
            })
        });
        Fd {
            kind: FdKind::by_name(&self.kind),
            name: self.name.bytes(),
            flags: self.flags,
            dev: self.dev,
            ino: self.ino,
            pid: self.pid,
            sock,
            ..Fd::default()
        }
    }
}

impl Facts {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { threads, starts, fds, live, cpu_times, sample, moved, ended, cut } = self;
        let none = threads.is_empty()
            && starts.is_empty()
            && fds.is_empty()
            && moved.is_empty()
            && ended.is_empty()
            && cut.is_empty();
        none && !live && !cpu_times && sample.is_none()
    }

    /// Adds others, which are newer; what belongs to a whole file stays as it is.
    pub fn extend(&mut self, others: Self) {
        self.threads.extend(others.threads);
        self.starts.extend(others.starts);
        self.fds.extend(others.fds);
        self.moved.extend(others.moved);
        self.ended.extend(others.ended);
        self.cut.extend(others.cut);
    }

    /// From the value of an option. Damage gives none.
    #[must_use]
    pub fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The value of an option.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        // Numbers, texts and lists only: nothing of it can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Puts them into the state.
    pub fn apply(self, state: &mut State) {
        state.cpu_times |= self.cpu_times;
        state.was_live |= self.live;
        state.sample = self.sample.and_then(Sample::new).or(state.sample);
        for (tid, ended_ns) in self.ended {
            // A later thread may have the number.
            if state.thread(tid).is_some_and(|thread| thread.exited_ns.is_none() && thread.start_ns <= ended_ns) {
                effects::ended(state, tid, ended_ns);
            }
        }
        for fact in self.threads {
            let before = state.threads.remove(fact.tid);
            let leader = state.thread(fact.pid).filter(|_| fact.tid != fact.pid).cloned();
            let mut thread = fact.thread(before.as_deref().or(leader.as_deref()));
            thread.container = state.containers.of_cgroups(&thread.cgroups);
            let leader = leader.map(|leader| leader.fds);
            // The same thread keeps what it has open.
            let same = before.as_ref().filter(|before| before.start_ns == thread.start_ns).map(|before| before.fds);
            thread.fds = match (same, leader) {
                (Some(table), _) => table,
                (None, Some(table)) => state.fds.share(table),
                (None, None) => state.fds.create(),
            };
            if let Some(before) = before.filter(|_| same.is_none()) {
                state.fds.release(before.fds);
            }
            state.threads.insert(thread);
        }
        for (tid, args_cut, env_cut) in self.cut {
            if let Some(thread) = state.threads.get_mut(tid) {
                (thread.args_cut, thread.env_cut) = (args_cut, env_cut);
            }
        }
        for (tid, start_ns) in self.starts {
            if let Some(thread) = state.threads.get_mut(tid) {
                thread.start_ns = start_ns;
            }
        }
        for fact in self.fds {
            let known = state.thread(fact.tid).map(|thread| thread.fds);
            let table = known.unwrap_or_else(|| {
                let fds = state.fds.create();
                state.threads.insert(Thread { fds, ..Thread::stranger(fact.tid, fact.tid) });
                fds
            });
            let number = fact.fd;
            if fact.gone {
                state.fds.forget(table, number);
            } else {
                state.fds.set(table, number, Rc::new(fact.descriptor()));
            }
        }
        for (tid, id) in self.moved {
            // Of a container without metadata, no event told.
            if !id.is_empty() && state.containers.by_id(&id).is_none() {
                state.containers.told(Told { id: id.clone(), ..Told::default() });
            }
            let container = state.containers.by_id(&id);
            if let (Some(thread), Some(container)) = (state.threads.get_mut(tid), container) {
                thread.container = container;
            }
            state.told_container = container.map(|container| (tid, container));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn facts_come_back_and_unknown_keys_do_not_matter() {
        let mut world = World::new();
        let sock = Sock { remote: Some(([10, 0, 0, 1], 80).into()), role: Role::Client, ..Sock::default() };
        let fd = Fd { kind: FdKind::IoUring, name: b"\xff"[..].into(), sock: Some(Box::new(sock)), ..Fd::default() };
        let thread = Thread { tid: 11, pid: 10, comm: b"worker"[..].into(), start_ns: 5, ..Thread::default() };
        let facts = Facts {
            threads: vec![ThreadFact::from(&thread)],
            starts: vec![(10, 77)],
            fds: vec![FdFact::new(10, 9, &fd), FdFact::new(12, 9, &fd)],
            cpu_times: true,
            live: true,
            sample: Some(10),
            moved: vec![(10, "0123456789ab".into()), (20, "untold".into())],
            ended: vec![(30, 900), (77, 1)],
            cut: vec![(20, Some(5000), None)],
        };
        let parsed = Facts::parse(&facts.json()).unwrap();
        assert_eq!(parsed, facts);
        parsed.apply(&mut world.state);
        assert!(world.state.thread(12).is_some_and(|thread| thread.is_stranger), "only a descriptor of it is known");
        assert_eq!(world.state.sample, Sample::new(10));
        let (first, second) = (world.state.thread(10).unwrap(), world.state.thread(11).unwrap());
        assert_eq!((first.start_ns, second.start_ns, &*second.comm), (77, 5, &b"worker"[..]));
        assert_eq!(first.fds, second.fds, "threads of a process share their descriptors");
        assert_eq!(world.state.thread(30).unwrap().exited_ns, Some(900));
        assert_eq!(world.state.thread(20).unwrap().args_cut, Some(5000));
        let container = |tid: u32| &*world.state.containers.get(world.state.thread(tid).unwrap().container).id;
        assert_eq!((container(10), container(20)), ("0123456789ab", "untold"));
        let found = world.state.fds.get(first.fds, 9).unwrap();
        assert_eq!((found.kind, &*found.name, &found.sock), (FdKind::IoUring, &b"\xff"[..], &fd.sock));
        let newer = br#"{"starts":[[10,78]],"something":{"new":1}}"#;
        assert_eq!(Facts::parse(newer).unwrap().starts, [(10, 78)]);
        assert_eq!(Facts::parse(b"{"), None);
    }
}
