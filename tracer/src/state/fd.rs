//! Descriptors: what each number of each process stands for.

use std::{borrow::Cow, net::SocketAddr, rc::Rc};

use rustc_hash::FxHashMap;

use crate::event::sockaddr::Endpoint;

/// The most descriptors that are kept for one process.
pub const MAX_FDS: usize = 65_536;

/// What a descriptor is: `fd.type` and `fd.typechar`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs, reason = "the names are those of fd.type")]
pub enum FdKind {
    #[default]
    Unknown,
    File,
    Directory,
    Ipv4,
    Ipv6,
    Unix,
    Netlink,
    Packet,
    Pipe,
    Event,
    Signal,
    Eventpoll,
    Inotify,
    Timer,
    Bpf,
    Userfault,
    IoUring,
    Memfd,
    Pidfd,
}

impl FdKind {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Unknown,
        Self::File,
        Self::Directory,
        Self::Ipv4,
        Self::Ipv6,
        Self::Unix,
        Self::Netlink,
        Self::Packet,
        Self::Pipe,
        Self::Event,
        Self::Signal,
        Self::Eventpoll,
        Self::Inotify,
        Self::Timer,
        Self::Bpf,
        Self::Userfault,
        Self::IoUring,
        Self::Memfd,
        Self::Pidfd,
    ];

    /// The kind of that `fd.type`; not known when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.name() == Some(name)).unwrap_or_default()
    }

    /// `fd.type`; `None` when it is not known.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Unknown => return None,
            Self::File => "file",
            Self::Directory => "directory",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Unix => "unix",
            Self::Netlink => "netlink",
            Self::Packet => "packet",
            Self::Pipe => "pipe",
            Self::Event => "event",
            Self::Signal => "signalfd",
            Self::Eventpoll => "eventpoll",
            Self::Inotify => "inotify",
            Self::Timer => "timerfd",
            Self::Bpf => "bpf",
            Self::Userfault => "userfaultfd",
            Self::IoUring => "io_uring",
            Self::Memfd => "memfd",
            Self::Pidfd => "pidfd",
        })
    }

    /// `fd.typechar`.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Unknown => "o",
            Self::File => "f",
            Self::Directory => "d",
            Self::Ipv4 => "4",
            Self::Ipv6 => "6",
            Self::Unix => "u",
            Self::Netlink => "n",
            Self::Packet => "k",
            Self::Pipe => "p",
            Self::Event => "e",
            Self::Signal => "s",
            Self::Eventpoll => "l",
            Self::Inotify => "i",
            Self::Timer => "t",
            Self::Bpf => "b",
            Self::Userfault => "u",
            Self::IoUring => "r",
            Self::Memfd => "m",
            Self::Pidfd => "P",
        }
    }

    /// Whether it is an internet socket.
    #[must_use]
    pub const fn is_inet(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }
}

/// Which side of a connection a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Not known.
    #[default]
    Unknown,
    /// It connected.
    Client,
    /// It was accepted, or listens.
    Server,
}

/// What is known of a socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sock {
    /// Type without flags: `SOCK_STREAM` 1, `SOCK_DGRAM` 2, `SOCK_RAW` 3.
    pub sock_type: u8,
    /// Protocol number: 6 TCP, 17 UDP, 1 and 58 ICMP; 0 when not known.
    pub protocol: u8,
    /// This end.
    pub local: Option<SocketAddr>,
    /// The other end.
    pub remote: Option<SocketAddr>,
    /// Which side it is.
    pub role: Role,
    /// Whether it waits for connections.
    pub listening: bool,
}

impl Sock {
    /// What the socket is by its ends: one of IPv6 with ends of IPv4 is used for IPv4. `None` without ends.
    #[must_use]
    pub fn kind(&self) -> Option<FdKind> {
        let mut ends = self.local.into_iter().chain(self.remote).peekable();
        ends.peek()?;
        Some(if ends.all(|end| end.is_ipv4()) { FdKind::Ipv4 } else { FdKind::Ipv6 })
    }

    /// Whether this end is that of a server: also of a socket that has an address and no peer.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.listening || self.role == Role::Server || self.role == Role::Unknown && self.remote.is_none()
    }

    /// The end of the client.
    #[must_use]
    pub fn client(&self) -> Option<SocketAddr> {
        if self.listening {
            return None;
        }
        if self.serves() { self.remote } else { self.local }
    }

    /// The end of the server.
    #[must_use]
    pub fn server(&self) -> Option<SocketAddr> {
        if self.serves() { self.local } else { self.remote }
    }

    /// `fd.name`: client, arrow, server; of a socket without a peer, its own address.
    #[must_use]
    pub fn name(&self) -> String {
        self.name_with(false)
    }

    /// The same, on demand with the names of services instead of ports.
    #[must_use]
    pub fn name_with(&self, services: bool) -> String {
        let text = |end| Endpoint::named(end, services);
        match (self.client(), self.server(), self.local) {
            (Some(client), Some(server), _) => format!("{}->{}", text(client), text(server)),
            (_, _, Some(local)) => text(local).to_string(),
            (Some(one), None, None) | (None, Some(one), None) => text(one).to_string(),
            (None, None, None) => String::new(),
        }
    }
}

/// A descriptor.
#[derive(Debug, Clone, Default)]
pub struct Fd {
    /// What it is.
    pub kind: FdKind,
    /// Path, connection, or name of the thing; as the kernel has it.
    pub name: Box<[u8]>,
    /// Path as it was passed, when it was.
    pub raw_name: Option<Box<[u8]>>,
    /// Open flags in file form.
    pub flags: u32,
    /// Device number of the filesystem.
    pub dev: u32,
    /// Inode number.
    pub ino: u64,
    /// Of a socket, its ends.
    pub sock: Option<Box<Sock>>,
    /// The event, by its number, that gave it its name; 0 when no event did.
    pub renamed_by: u64,
    /// Of a pidfd, the process; 0 when it is not known.
    pub pid: u32,
    /// Whether it was looked up when it was first used, since no event told of it.
    pub looked_up: bool,
    /// Of a descriptor whose making does not say what it is: from when on it may be looked up, nanoseconds since the epoch;
    /// else 0. Before, its number may be that of another one when it is looked at.
    pub look_up_ns: u64,
}

impl Fd {
    /// The name, on demand with the names of services instead of ports.
    #[must_use]
    pub fn shown_name(&self, services: bool) -> Cow<'_, [u8]> {
        match self.sock.as_deref().filter(|_| services && self.kind.is_inet() && !self.name.is_empty()) {
            Some(sock) => sock.name_with(true).into_bytes().into(),
            None => Cow::Borrowed(&*self.name),
        }
    }
}

/// How long the end of a close may take, nanoseconds: a flush to a slow filesystem. What comes later is another close.
const MAX_CLOSE_NS: u64 = 10_000_000_000;

/// A number that the kernel gave out again before the end of its close was seen. It is free as soon as a close begins, so
/// that another thread can get it, and use it, before the first one is back.
#[derive(Debug)]
struct LateClose {
    /// Closes whose end is still to come.
    count: u32,
    /// The thread that has the number now: a close of its own is one of this descriptor.
    owner: u32,
    /// When the number was given out, nanoseconds since the epoch.
    since_ns: u64,
}

/// The descriptors of one process, or of several that share them.
#[derive(Debug, Default)]
pub struct FdTable {
    by_number: FxHashMap<i32, Rc<Fd>>,
    late: FxHashMap<i32, LateClose>,
    /// Threads and processes that use the table.
    users: u32,
    /// Whether all descriptors were known at some time.
    is_complete: bool,
}

/// All tables, by the number that `Thread::fds` has.
#[derive(Debug, Default)]
pub struct FdTables {
    tables: FxHashMap<u32, FdTable>,
    next: u32,
}

impl FdTables {
    /// What `fd` is in that table.
    #[must_use]
    pub fn get(&self, table: u32, fd: i32) -> Option<&Rc<Fd>> {
        self.tables.get(&table)?.by_number.get(&fd)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, table: u32, fd: i32) -> Option<&mut Fd> {
        self.tables.get_mut(&table)?.by_number.get_mut(&fd).map(Rc::make_mut)
    }

    /// A new, empty table with one user.
    pub fn create(&mut self) -> u32 {
        loop {
            self.next = self.next.wrapping_add(1);
            if self.next != 0 && !self.tables.contains_key(&self.next) {
                break;
            }
        }
        self.tables.insert(self.next, FdTable { users: 1, ..FdTable::default() });
        self.next
    }

    /// A new table with the descriptors of another: what fork does.
    pub fn copy(&mut self, from: u32) -> u32 {
        let known = self.tables.get(&from).map(|table| (table.by_number.clone(), table.is_complete));
        let (by_number, is_complete) = known.unwrap_or_default();
        let table = self.create();
        self.tables.insert(table, FdTable { by_number, is_complete, users: 1, ..FdTable::default() });
        table
    }

    /// Adds to a table what only another knows: what a process inherited that was met before its inheritance was known.
    pub fn add(&mut self, to: u32, from: u32) {
        let Some(source) = self.tables.get(&from) else { return };
        let (more, is_complete) = (source.by_number.clone(), source.is_complete);
        let Some(table) = self.tables.get_mut(&to) else { return };
        for (fd, value) in more {
            table.by_number.entry(fd).or_insert(value);
        }
        table.is_complete = is_complete;
    }

    /// One more user: a thread.
    pub fn share(&mut self, table: u32) -> u32 {
        if let Some(table) = self.tables.get_mut(&table) {
            table.users += 1;
        }
        table
    }

    /// One user less; the last one takes the table with it.
    pub fn release(&mut self, table: u32) {
        if let Some(entry) = self.tables.get_mut(&table) {
            entry.users = entry.users.saturating_sub(1);
            if entry.users == 0 {
                self.tables.remove(&table);
            }
        }
    }

    /// All descriptors are known from here on, but for those that come without an event.
    pub fn complete(&mut self, table: u32) {
        if let Some(table) = self.tables.get_mut(&table) {
            table.is_complete = true;
        }
    }

    /// Whether all descriptors were known at some time.
    #[must_use]
    pub fn is_complete(&self, table: u32) -> bool {
        self.tables.get(&table).is_some_and(|table| table.is_complete)
    }

    /// Sets what `fd` is.
    pub fn set(&mut self, table: u32, fd: i32, value: Rc<Fd>) {
        if let Some(table) = self.tables.get_mut(&table)
            && (table.by_number.len() < MAX_FDS || table.by_number.contains_key(&fd))
        {
            table.by_number.insert(fd, value);
        }
    }

    /// Sets what `fd` is, which was a free number until thread `tid` got it.
    pub fn open(&mut self, table: u32, fd: i32, value: Rc<Fd>, tid: u32, now_ns: u64) {
        let Some(entry) = self.tables.get_mut(&table) else { return };
        let late = u32::from(entry.by_number.contains_key(&fd));
        match entry.late.get_mut(&fd) {
            Some(known) => *known = LateClose { count: known.count + late, owner: tid, since_ns: now_ns },
            None if late != 0 => drop(entry.late.insert(fd, LateClose { count: late, owner: tid, since_ns: now_ns })),
            None => {}
        }
        self.set(table, fd, value);
    }

    /// Forgets `fd`, which thread `tid` closed, unless it was closed before it became what it is now.
    pub fn close(&mut self, table: u32, fd: i32, tid: u32, now_ns: u64) {
        let Some(entry) = self.tables.get_mut(&table) else { return };
        if let Some(late) = entry.late.get_mut(&fd).filter(|late| late.owner != tid) {
            let in_time = now_ns.saturating_sub(late.since_ns) < MAX_CLOSE_NS;
            late.count -= 1;
            if late.count == 0 || !in_time {
                entry.late.remove(&fd);
            }
            if in_time {
                return;
            }
        }
        entry.by_number.remove(&fd);
    }

    /// Forgets what `fd` is.
    pub fn forget(&mut self, table: u32, fd: i32) {
        if let Some(table) = self.tables.get_mut(&table) {
            table.by_number.remove(&fd);
        }
    }

    /// Forgets the descriptors for which `keep` is false.
    pub fn retain(&mut self, table: u32, mut keep: impl FnMut(i32, &Fd) -> bool) {
        if let Some(table) = self.tables.get_mut(&table) {
            table.by_number.retain(|fd, value| keep(*fd, value));
        }
    }

    /// How many descriptors the table has.
    #[must_use]
    pub fn len(&self, table: u32) -> usize {
        self.tables.get(&table).map_or(0, |table| table.by_number.len())
    }

    /// Whether there are no tables.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The descriptors of a table, in no order.
    pub fn iter(&self, table: u32) -> impl Iterator<Item = (i32, &Rc<Fd>)> {
        self.tables.get(&table).into_iter().flat_map(|table| table.by_number.iter().map(|(fd, value)| (*fd, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &[u8]) -> Rc<Fd> {
        Rc::new(Fd { name: name.into(), ..Fd::default() })
    }

    fn name(fds: &FdTables, table: u32) -> Option<&[u8]> {
        fds.get(table, 5).map(|fd| &*fd.name)
    }

    #[test]
    fn a_socket_of_ipv6_is_ipv4_when_its_ends_are() {
        let end = |text: &str| Some(crate::event::sockaddr::canonical(text.parse().unwrap()));
        let kind = |local, remote| Sock { local, remote, ..Sock::default() }.kind();
        assert_eq!(kind(end("[::ffff:10.0.0.1]:80"), end("[::ffff:10.0.0.2]:4000")), Some(FdKind::Ipv4));
        assert_eq!(kind(end("[::]:80"), end("[::ffff:10.0.0.2]:4000")), Some(FdKind::Ipv6), "it takes both");
        assert_eq!(kind(end("[::ffff:10.0.0.1]:80"), None), Some(FdKind::Ipv4));
        assert_eq!(kind(end("[::]:80"), None), Some(FdKind::Ipv6));
        assert_eq!(kind(None, None), None);
    }

    #[test]
    fn a_close_that_ends_late_takes_nothing_from_the_next_owner() {
        let mut fds = FdTables::default();
        let table = fds.create();
        fds.open(table, 5, named(b"first"), 1, 0);
        // Thread 1 closes it; before its close is seen to end, the number goes to 2 and then to 3.
        fds.open(table, 5, named(b"second"), 2, 10);
        fds.close(table, 5, 2, 20);
        assert_eq!(name(&fds, table), None);
        fds.open(table, 5, named(b"third"), 3, 30);
        fds.close(table, 5, 1, 40);
        assert_eq!(name(&fds, table), Some(&b"third"[..]));
        fds.close(table, 5, 1, 50);
        assert_eq!(name(&fds, table), None, "there was only one late close");
    }

    #[test]
    fn a_close_that_was_never_seen_does_not_keep_another_descriptor_for_long() {
        let mut fds = FdTables::default();
        let table = fds.create();
        fds.open(table, 5, named(b"first"), 1, 0);
        fds.open(table, 5, named(b"second"), 2, 10);
        fds.close(table, 5, 3, 10 + MAX_CLOSE_NS);
        assert_eq!(name(&fds, table), None);
    }
}
