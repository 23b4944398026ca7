//! A small machine for tests: some threads, descriptors and records.

use std::rc::Rc;

use tracer_common::{arch, events::code, kind::Kind};

use crate::{
    event::{Event, decode},
    fields::{Context, Times},
    source::inject,
    state::{Container, ContainerKey, Fd, FdKind, Sock, State, Thread, container::Lookup},
};

/// Time of the first record: 1 s after boot, which was at the epoch plus this.
pub const BOOT_NS: u64 = 1_700_000_000_000_000_000;

/// The machine: `init` (1), `bash` (10) and `cat` (20, child of bash), and a container with `nginx` (30).
pub struct World {
    /// What is known.
    pub state: State,
    /// The container.
    pub web: ContainerKey,
}

impl World {
    pub fn new() -> Self {
        let mut state = State::default();
        let web = state.containers.add(Container {
            id: "0123456789ab".into(),
            full_id: "0123456789abcdef".into(),
            runtime: "docker",
            name: Some("web".into()),
            lookup: Lookup::Known,
            ..Container::default()
        });
        let mut world = Self { state, web };
        for (pid, ppid, comm, container) in [
            (1, 0, "init", ContainerKey::HOST),
            (10, 1, "bash", ContainerKey::HOST),
            (20, 10, "cat", ContainerKey::HOST),
            (30, 1, "nginx", web),
        ] {
            world.thread(pid, ppid, comm, container);
        }
        world
    }

    /// Adds a process with `/etc/passwd` as descriptor 3, a directory as 4 and a connection as 5.
    pub fn thread(&mut self, pid: u32, ppid: u32, comm: &str, container: ContainerKey) {
        let fds = self.state.fds.create();
        let file = |kind, name: &[u8]| Rc::new(Fd { kind, name: name.into(), ..Fd::default() });
        self.state.fds.set(fds, 3, file(FdKind::File, b"/etc/passwd"));
        self.state.fds.set(fds, 4, file(FdKind::Directory, b"/srv/data"));
        let sock = Sock {
            sock_type: 1,
            protocol: 6,
            local: Some(([10, 0, 0, 1], 40_000).into()),
            remote: Some(([10, 0, 0, 2], 80).into()),
            ..Sock::default()
        };
        let name = sock.name().into_bytes().into();
        let socket = Fd { kind: FdKind::Ipv4, name, sock: Some(Box::new(sock)), ..Fd::default() };
        self.state.fds.set(fds, 5, Rc::new(socket));
        self.state.threads.insert(Thread {
            tid: pid,
            pid,
            ppid,
            vtid: pid,
            vpid: pid,
            comm: comm.as_bytes().into(),
            exe: comm.as_bytes().into(),
            args: b"-x\0file\0"[..].into(),
            cwd: b"/home/me"[..].into(),
            container,
            fds,
            ..Thread::default()
        });
    }

    /// A successful openat.
    pub fn openat(&self, tid: u32, fd: i64, path: &[u8]) -> Vec<u8> {
        self.openat_at(tid, fd, -100, path)
    }

    pub fn openat_at(&self, tid: u32, fd: i64, dirfd: i64, path: &[u8]) -> Vec<u8> {
        self.openat_of(tid, fd, dirfd, path, path)
    }

    /// The kernel opened the file at `opened`.
    pub fn openat_of(&self, tid: u32, fd: i64, dirfd: i64, path: &[u8], opened: &[u8]) -> Vec<u8> {
        let text = |path: &[u8]| [path, b"\0"].concat();
        let opened = if opened.is_empty() { Vec::new() } else { text(opened) };
        self.record(
            tid,
            code::OPENAT,
            &[
                &fd.to_le_bytes(),
                &dirfd.to_le_bytes(),
                &text(path),
                &0o2000000u32.to_le_bytes(),
                &0u32.to_le_bytes(),
                &0x22u32.to_le_bytes(),
                &77u64.to_le_bytes(),
                &opened,
            ],
        )
    }

    pub fn read(&self, tid: u32, fd: i64, res: i64, data: &[u8]) -> Vec<u8> {
        self.record(tid, code::READ, &[&res.to_le_bytes(), data, &fd.to_le_bytes(), &100u32.to_le_bytes()])
    }

    pub fn write_socket(&self, tid: u32, fd: i64, res: i64) -> Vec<u8> {
        self.record(tid, code::WRITE, &[&res.to_le_bytes(), b"GET /", &fd.to_le_bytes(), &5u32.to_le_bytes()])
    }

    /// From a descriptor to another one.
    pub fn sendfile(&self, tid: u32, out_fd: i64, in_fd: i64, res: i64) -> Vec<u8> {
        let params = [res, 0, out_fd, in_fd, 1 << 20].map(i64::to_le_bytes);
        self.record(tid, code::SENDFILE, &params.each_ref().map(|param| &param[..]))
    }

    pub fn unknown_thread(&self) -> Vec<u8> {
        self.record(99, code::CLOSE, &[&0i64.to_le_bytes(), &3i64.to_le_bytes()])
    }

    pub fn procinfo(&self, tid: u32) -> Vec<u8> {
        self.record(tid, code::PROCINFO, &[&0u64.to_le_bytes(), &0u64.to_le_bytes()])
    }

    /// A call without a row of its own.
    pub fn generic(&self, tid: u32, name: &str) -> Vec<u8> {
        let call = arch::SYSCALLS.iter().find(|call| call.name == name).unwrap();
        self.record(tid, code::GENERIC, &[&call.id.to_le_bytes(), &call.number.to_le_bytes()])
    }

    /// An exec with only the parameters that its kind of test looks at: the others are empty.
    pub fn execve(&self, tid: u32, res: i64) -> Vec<u8> {
        let row = tracer_common::events::by_code(code::EXECVE).unwrap();
        assert!(matches!(row.params[0].kind, Kind::Errno));
        let res = res.to_le_bytes();
        let mut params: Vec<&[u8]> = vec![&res];
        params.resize(row.params.len(), b"");
        self.record(tid, code::EXECVE, &params)
    }

    pub fn record(&self, tid: u32, code: u16, params: &[&[u8]]) -> Vec<u8> {
        inject::record_at(1_234_567_890, code, tid, tid, 1, params)
    }

    /// Decodes a record and calls `test` with it.
    pub fn with<R>(&self, record: &[u8], test: impl FnOnce(&Context<'_>) -> R) -> R {
        let event = decode::live(record, 1, BOOT_NS).unwrap();
        let thread = self.state.thread(event.tid);
        let fd = thread.zip(event.fd()).and_then(|(thread, fd)| self.state.fd(thread, fd));
        let container = thread.map_or(ContainerKey::HOST, |thread| thread.container);
        let times = Times { first_ns: BOOT_NS, previous_ns: 0 };
        let fd_out = thread.zip(event.fd_out()).and_then(|(thread, fd)| self.state.fd(thread, fd));
        test(&Context { event: &event, thread, fd, fd_out, container, state: &self.state, times })
    }

    /// The same for an event at that time, nanoseconds since the epoch.
    pub fn with_time<R>(&self, record: &[u8], time_ns: u64, test: impl FnOnce(&Context<'_>) -> R) -> R {
        self.with(record, |context| test(&Context { event: &Event { time_ns, ..*context.event }, ..*context }))
    }

    /// The same for an event that stands for `weight` of them.
    pub fn with_weight<R>(&self, record: &[u8], weight: u32, test: impl FnOnce(&Context<'_>) -> R) -> R {
        self.with(record, |context| test(&Context { event: &Event { weight, ..*context.event }, ..*context }))
    }
}
