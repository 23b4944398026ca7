//! What a capture file says of the machine before its first event, put into the state: threads, descriptors, users.

use std::{net::SocketAddr, rc::Rc};

use memchr::memmem;
use rustc_hash::FxHashSet;

use crate::{
    event::sockaddr::canonical,
    scap::{Block, Fd as FileFd, Interface as FileInterface, Process, Target, User as FileUser},
    state::{Fd, FdKind, Host, Role, Sock, State, Thread, container, facts::Facts, host::Interface, user::User},
};

/// One thing that a file says, kept until the state is there to take it.
#[derive(Debug)]
pub enum Told {
    /// Another capture begins: nothing of the one before holds.
    Section,
    /// A thread, and its cgroups.
    Thread(Box<Thread>, Box<[u8]>),
    /// What a thread has open.
    Fds(u32, Vec<(i32, Fd)>),
    /// A user.
    User(u32, User),
    /// A group: id, name.
    Group(u32, String),
    /// The machine.
    Host(Host),
    /// An address of an interface of it.
    Interface(Interface),
    /// A container.
    Container(Box<container::told::Told>),
    /// What stands behind an event.
    Facts(Box<Facts>),
    /// All is told: which end of a connection each socket is can be known.
    Complete,
}

impl Told {
    /// Whether it is a user or a group.
    pub fn is_user(&self) -> bool {
        matches!(self, Self::User(..) | Self::Group(..))
    }
}

/// Adds what a block says. Events and what nobody needs add nothing.
///
/// # Errors
/// The block is damaged. What stands before the damage was added.
pub fn take(block: &Block<'_>, told: &mut Vec<Told>) -> anyhow::Result<()> {
    match block {
        Block::Section(_) => told.push(Told::Section),
        Block::Processes(processes) => {
            for process in *processes {
                let process = process?;
                told.push(Told::Thread(Box::new(thread(&process)), process.cgroups.into()));
            }
        }
        Block::Fds(fds) => {
            let mut list = Vec::new();
            let tid = id(fds.tid());
            for fd in *fds {
                let fd = fd?;
                if let Ok(number) = i32::try_from(fd.fd) {
                    list.push((number, descriptor(&fd)));
                }
            }
            told.push(Told::Fds(tid, list));
        }
        Block::Users(users) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            for user in *users {
                told.push(match user? {
                    FileUser::User { uid, gid, name, home, shell } => {
                        Told::User(uid, User { gid, name: text(name), home: text(home), shell: text(shell) })
                    }
                    FileUser::Group { gid, name } => Told::Group(gid, text(name)),
                });
            }
        }
        Block::Machine(machine) => told.push(Told::Host(Host {
            name: machine.hostname.into(),
            boot_ns: machine.boot_ns.unwrap_or(0),
            cpus: machine.cpus,
            memory_bytes: machine.memory_bytes,
            max_pid: machine.max_pid,
            flags: machine.flags,
            ..Host::default()
        })),
        Block::Interfaces(interfaces) => {
            for interface in *interfaces {
                let FileInterface { name, address, netmask, broadcast, speed } = interface?;
                told.push(Told::Interface(Interface { name: name.into(), address, netmask, broadcast, speed }));
            }
        }
        Block::Event(_) | Block::Unknown { .. } => {}
    }
    Ok(())
}

/// Ids fit into 32 bits; -1 and the like are nobody.
fn id(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn thread(process: &Process<'_>) -> Thread {
    let or_tid = |number: Option<i64>| number.map_or(id(process.tid), id);
    Thread {
        tid: id(process.tid),
        pid: id(process.pid),
        ppid: id(process.ptid),
        vtid: or_tid(process.vtid),
        vpid: process.vpid.map_or(id(process.pid), id),
        pgid: process.pgid.map_or(0, id),
        vpgid: process.vpgid.map_or(0, id),
        sid: process.sid.map_or(0, id),
        comm: process.comm.into(),
        exe: process.exe.into(),
        exepath: process.exepath.into(),
        args: process.args.into(),
        env: process.env.into(),
        cwd: directory(process.cwd),
        uid: process.uid,
        gid: process.gid,
        loginuid: process.loginuid.unwrap_or(u32::MAX),
        tty: process.tty.unwrap_or(0),
        fd_limit: process.fdlimit,
        cgroups: process.cgroups.into(),
        pidns_init_start_ns: process.pidns_init_start_ns.unwrap_or(0),
        memory: process.memory,
        capabilities: process.capabilities,
        exe_file: process.file,
        ..Thread::default()
    }
}

/// A directory without a final slash, except for the root.
fn directory(path: &[u8]) -> Box<[u8]> {
    match path.strip_suffix(b"/") {
        Some(rest) if !rest.is_empty() => rest.into(),
        _ => path.into(),
    }
}

/// Kinds of descriptors of which the format has a name only, by its numbers.
const NAMED: [(u8, FdKind); 13] = [
    (2, FdKind::Directory),
    (7, FdKind::Pipe),
    (9, FdKind::Event),
    (11, FdKind::Signal),
    (12, FdKind::Eventpoll),
    (13, FdKind::Inotify),
    (14, FdKind::Timer),
    (15, FdKind::Netlink),
    (17, FdKind::Bpf),
    (18, FdKind::Userfault),
    (19, FdKind::IoUring),
    (20, FdKind::Memfd),
    (21, FdKind::Pidfd),
];

/// Protocols by the numbers of the format; their numbers in the internet, and `SOCK_STREAM`, `SOCK_DGRAM` or `SOCK_RAW`.
const PROTOCOLS: [(u8, u8, u8); 4] = [(2, 6, 1), (3, 17, 2), (5, 255, 3), (4, 1, 3)];
/// ICMP for IPv6, which has no number of its own in the format.
const ICMP6: u8 = 58;

/// What a descriptor is, by the numbers of the format.
fn kind(number: u8) -> FdKind {
    match number {
        1 | 16 => FdKind::File,
        3 | 5 => FdKind::Ipv4,
        4 | 6 => FdKind::Ipv6,
        8 => FdKind::Unix,
        _ => NAMED.iter().find(|(known, _)| *known == number).map_or(FdKind::Unknown, |(_, kind)| *kind),
    }
}

/// The number of a kind of which the format has a name only.
#[must_use]
pub fn number(kind: FdKind) -> Option<u8> {
    NAMED.iter().find(|(_, known)| *known == kind).map(|(number, _)| *number)
}

/// The number that the format has for the protocol of a socket, which its type says when nothing else does; 0 for another one.
#[must_use]
pub fn l4proto(sock: &Sock) -> u8 {
    let is = |protocol: u8, sock_type: u8| match sock.protocol {
        0 => sock_type == sock.sock_type,
        ICMP6 => protocol == 1,
        own => protocol == own,
    };
    PROTOCOLS.iter().find(|(_, protocol, sock_type)| is(*protocol, *sock_type)).map_or(0, |(number, ..)| *number)
}

/// `SOCK_DGRAM`.
const DGRAM: u8 = 2;

fn inet(local: SocketAddr, remote: Option<SocketAddr>, l4proto: u8) -> Sock {
    let known = PROTOCOLS.iter().find(|(number, ..)| *number == l4proto);
    let (protocol, sock_type) = known.map_or((0, 0), |(_, protocol, sock_type)| (*protocol, *sock_type));
    Sock {
        sock_type,
        protocol,
        local: Some(canonical(local)),
        remote: remote.map(canonical),
        // The format calls each socket without a peer a server; one of datagrams waits for nobody.
        listening: remote.is_none() && sock_type != DGRAM,
        ..Sock::default()
    }
}

fn descriptor(file: &FileFd<'_>) -> Fd {
    let mut fd = Fd { kind: kind(file.kind), ino: file.ino, ..Fd::default() };
    let sock = match file.target {
        Target::Unknown => return fd,
        Target::Name(name) => {
            fd.name = name.into();
            return fd;
        }
        Target::File { flags, name, dev } => {
            (fd.name, fd.flags, fd.dev) = (name.into(), flags, dev.unwrap_or(0));
            return fd;
        }
        Target::Unix { path, .. } => {
            // As the kernel lists them, with the end of the line.
            fd.name = path.trim_ascii_end().into();
            fd.sock = Some(Box::default());
            return fd;
        }
        Target::Ipv4 { source, dest, l4proto } => inet(source.into(), Some(dest.into()), l4proto),
        Target::Ipv6 { source, dest, l4proto } => inet(source.into(), Some(dest.into()), l4proto),
        Target::Ipv4Server { local, l4proto } => inet(local.into(), None, l4proto),
        Target::Ipv6Server { local, l4proto } => inet(local.into(), None, l4proto),
    };
    fd.kind = sock.kind().unwrap_or(fd.kind);
    fd.name = sock.name().into_bytes().into();
    fd.sock = Some(Box::new(sock));
    fd
}

/// Which side of its connection each socket is: one whose own port somebody listens at was accepted there, any other is a
/// client.
fn sides(state: &mut State) {
    let tables: Vec<u32> = state.threads.iter().map(|thread| thread.fds).collect();
    let mut listening = FxHashSet::default();
    let mut connected = Vec::new();
    for table in tables {
        for (number, fd) in state.fds.iter(table) {
            match fd.sock.as_deref() {
                Some(Sock { listening: true, local: Some(local), .. }) => {
                    listening.insert(local.port());
                }
                Some(Sock { local: Some(local), remote: Some(_), .. }) => connected.push((table, number, local.port())),
                _ => {}
            }
        }
    }
    for (table, number, port) in connected {
        let Some(fd) = state.fds.get_mut(table, number) else { continue };
        let Some(sock) = &mut fd.sock else { continue };
        sock.role = if listening.contains(&port) { Role::Server } else { Role::Client };
        fd.name = sock.name().into_bytes().into();
    }
}

/// Threads below a folder that was a user's are in a container of their own, if others were taken for the same one.
fn part(state: &mut State, parent: &str) {
    let finder = memmem::Finder::new(parent.as_bytes());
    let below = |thread: &&Rc<Thread>| finder.find(&thread.cgroups).is_some();
    let (users, others): (Vec<_>, Vec<_>) = state.threads.iter().partition(below);
    let shared: FxHashSet<_> = others.iter().map(|thread| thread.container).collect();
    let mixed = users.into_iter().filter(|thread| shared.contains(&thread.container));
    let mixed: Vec<_> = mixed.map(|thread| (thread.tid, thread.cgroups.clone())).collect();
    for (tid, cgroups) in mixed {
        let container = state.containers.of_cgroups(&cgroups);
        if let Some(thread) = state.threads.get_mut(tid) {
            thread.container = container;
        }
    }
}

impl Told {
    /// Puts it into the state.
    pub fn apply(self, state: &mut State) {
        match self {
            Self::Section => {
                state.section += 1;
                (state.threads, state.fds) = Default::default();
                (state.births, state.entry_paths, state.ended) = Default::default();
                (state.host, state.running) = Default::default();
                (state.cpu_times, state.was_live, state.sample) = Default::default();
            }
            Self::Thread(mut thread, cgroups) => {
                thread.container = state.containers.of_cgroups(&cgroups);
                // Threads of a process share its descriptors; the main thread comes first.
                let leader = state.thread(thread.pid).filter(|_| thread.tid != thread.pid).map(|leader| leader.fds);
                thread.fds = match leader {
                    Some(table) => state.fds.share(table),
                    None => state.fds.create(),
                };
                state.threads.insert(*thread);
            }
            Self::Fds(tid, list) => {
                let Some(table) = state.thread(tid).map(|thread| thread.fds) else { return };
                for (fd, value) in list {
                    state.fds.set(table, fd, Rc::new(value));
                }
            }
            Self::User(uid, user) => state.users.add_user(uid, user),
            Self::Group(gid, name) => state.users.add_group(gid, name),
            // Interfaces may stand in front of the machine.
            Self::Host(host) => state.host = Host { interfaces: std::mem::take(&mut state.host.interfaces), ..host },
            Self::Interface(interface) => state.host.add_interface(interface),
            Self::Complete => sides(state),
            Self::Container(told) => {
                if let Some(parent) = state.containers.learn_maker(&told) {
                    part(state, &parent);
                }
                state.containers.told(*told);
            }
            Self::Facts(facts) => {
                state.told = (state.told.0 + 1, Rc::new((*facts).clone()));
                facts.apply(state);
            }
        }
    }
}
