//! A small machine: `sshd` and a shell of a person, `nginx` in the container `web`, and what they do in three seconds.

use std::rc::Rc;

use tracer::{
    source::inject,
    state::{Container, ContainerKey, Fd, FdKind, Role, Sock, State, Thread, container::Lookup},
};
use tracer_common::{
    events::{by_code, code},
    kind::Kind,
};

/// The machine started then, nanoseconds since the epoch.
pub const BOOT_NS: u64 = 1_700_000_000_000_000_000;
/// Cgroup of the container.
const WEB_CGROUP: u64 = 77;

/// The machine, and the records of what it did.
pub struct Machine {
    state: State,
    records: Vec<Vec<u8>>,
    now_ns: u64,
}

impl Machine {
    fn new() -> (Self, ContainerKey) {
        let mut state = State::default();
        let web = state.containers.add(Container {
            id: "0123456789ab".into(),
            full_id: "0123456789ab".repeat(5),
            runtime: "docker",
            name: Some("web".into()),
            lookup: Lookup::Known,
            ..Container::default()
        });
        let mut machine = Self { state, records: Vec::new(), now_ns: 1_000_000_000 };
        machine.thread(1, 0, "init", ContainerKey::HOST);
        (machine, web)
    }

    /// A web server in the container and its client, memcached and its client, logs, and an attack.
    pub fn services() -> Self {
        let (mut machine, web) = Self::new();
        machine.thread(900, 1, "nginx", web);
        machine.thread(600, 1, "curl", ContainerKey::HOST);
        machine.thread(700, 1, "memcached", ContainerKey::HOST);
        machine.thread(701, 1, "app", ContainerKey::HOST);
        machine.thread(500, 1, "bash", ContainerKey::HOST);
        machine.socket(900, 10, 80, Role::Server);
        machine.socket(600, 5, 80, Role::Client);
        machine.socket(700, 11, 11_211, Role::Server);
        machine.socket(701, 6, 11_211, Role::Client);
        machine.file(701, 7, FdKind::Unix, b"/dev/log");
        machine.file(701, 8, FdKind::File, b"/var/log/app.log");
        machine.file(701, 10, FdKind::Unix, b"/run/systemd/journal/socket");

        machine.udp(600, 12, 53);
        let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";
        machine.write(600, 12, question);
        machine.pause_ms(11);
        let mut answer = question.to_vec();
        (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
        answer.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x09");
        machine.read(600, 12, &answer);

        let get = b"GET /index.html?q=1 HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n";
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1536\r\n\r\n<html>";
        for _ in 0..2 {
            machine.write(600, 5, get);
            machine.read(900, 10, get);
            machine.pause_ms(20);
            machine.write(900, 10, answer);
            machine.read(600, 5, answer);
        }
        let post = b"POST /form HTTP/1.1\r\nHost: example.com\r\n\r\na=b";
        machine.write(600, 5, post);
        machine.pause_ms(3);
        machine.read(600, 5, b"HTTP/1.1 404 Not Found\r\n\r\n");
        machine.write(600, 5, b"\x16\x03\x01 this is no HTTP");

        machine.write(701, 6, b"set session:4711 0 900 512\r\nxxxx");
        machine.read(700, 11, b"set session:4711 0 900 512\r\nxxxx");
        machine.read(700, 11, b"get session:4711\r\n");
        machine.write(700, 11, b"VALUE session:4711 0 512\r\nxxxx\r\nEND\r\n");
        machine.read(700, 11, b"get nothing\r\n");
        machine.write(700, 11, b"END\r\n");

        machine.write(701, 7, b"<34>Oct 11 22:14:15 app[701]: cannot\x1b[2J open");
        machine.write(701, 7, b"<36>a warning");
        machine.write(701, 7, b"<38>started");
        machine.write(701, 8, b"all is well\nwarning: disk is full\nERROR: no disk\n");
        machine.write(701, 2, b"to\tstandard error\n");
        machine.exec(501, 500, "bash", &["-c", "true"]);
        machine.exit(501, 3);
        machine.open(701, -2, b"/etc/app.conf");
        machine.close(600, 5);
        machine.close(900, 10);
        // The first process of the container is killed.
        machine.state.threads.get_mut(900).unwrap().vpid = 1;
        machine.die(900, 9);
        machine.write(701, 10, b"PRIORITY=4\nSYSLOG_IDENTIFIER=app\nMESSAGE=disk is nearly full\nDISK=/dev/sda\n");
        machine.write(701, 10, b"MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=3\n");
        machine
    }

    /// After everything happened.
    pub fn busy() -> Self {
        let (mut machine, web) = Self::new();
        machine.thread(400, 1, "sshd", ContainerKey::HOST);
        machine.thread(500, 400, "bash", ContainerKey::HOST);
        machine.thread(900, 1, "nginx", web);

        machine.open(500, 3, b"/etc/passwd");
        machine.read(500, 3, b"root:x:0:0:root:/root:/bin/bash\n");
        machine.read(500, 3, b"");
        machine.close(500, 3);
        machine.open(500, -2, b"/no/such\xff\nfile");
        machine.exec(501, 500, "ls", &["-l", "/tmp"]);
        machine.exit(501, 0);
        machine.chdir(500, b"/var/log");
        machine.open(900, 8, b"/srv/index.html");
        machine.read(900, 8, &[b'<'; 80]);
        machine.write(900, 9, b"HTTP/1.1 200 OK\r\n");
        machine.close(900, 8);
        machine
    }

    /// State and records.
    pub fn into_parts(self) -> (State, Vec<Vec<u8>>) {
        (self.state, self.records)
    }

    fn thread(&mut self, pid: u32, ppid: u32, comm: &str, container: ContainerKey) {
        let fds = self.state.fds.create();
        let pipe = Fd { kind: FdKind::Pipe, name: b""[..].into(), ..Fd::default() };
        self.state.fds.set(fds, 9, Rc::new(pipe));
        self.state.threads.insert(Thread {
            tid: pid,
            pid,
            ppid,
            vtid: pid,
            vpid: pid,
            comm: comm.as_bytes().into(),
            exe: comm.as_bytes().into(),
            cwd: b"/root"[..].into(),
            cgroup: if container == ContainerKey::HOST { 1 } else { WEB_CGROUP },
            container,
            fds,
            ..Thread::default()
        });
    }

    fn pause_ms(&mut self, ms: u64) {
        self.now_ns += ms * 1_000_000;
    }

    fn file(&mut self, pid: u32, number: i32, kind: FdKind, name: &[u8]) {
        let fds = self.state.thread(pid).unwrap().fds;
        self.state.fds.set(fds, number, Rc::new(Fd { kind, name: name.into(), ..Fd::default() }));
    }

    /// A TCP connection between 10.0.0.5 and that port of 10.0.0.9.
    fn socket(&mut self, pid: u32, number: i32, port: u16, role: Role) {
        self.ends(pid, number, port, role, 1);
    }

    /// The same of UDP, of the client.
    fn udp(&mut self, pid: u32, number: i32, port: u16) {
        self.ends(pid, number, port, Role::Client, 2);
    }

    fn ends(&mut self, pid: u32, number: i32, port: u16, role: Role, sock_type: u8) {
        let (client, server) = (([10, 0, 0, 5], 40_556).into(), ([10, 0, 0, 9], port).into());
        let (local, remote) = if role == Role::Server { (server, client) } else { (client, server) };
        let ends = Sock {
            sock_type,
            local: Some(local),
            remote: Some(remote),
            role,
            protocol: if sock_type == 1 { 6 } else { 17 },
            ..Sock::default()
        };
        let fds = self.state.thread(pid).unwrap().fds;
        let name = ends.name().into_bytes().into();
        let fd = Fd { kind: FdKind::Ipv4, name, sock: Some(Box::new(ends)), ..Fd::default() };
        self.state.fds.set(fds, number, Rc::new(fd));
    }

    fn record(&mut self, code: u16, tid: u32, params: &[&[u8]]) {
        self.now_ns += 1_000_250;
        let cgroup = if tid == 900 { WEB_CGROUP } else { 1 };
        self.records.push(inject::record_at(self.now_ns, code, tid, tid, cgroup, params));
    }

    fn open(&mut self, tid: u32, fd: i64, path: &[u8]) {
        let name = [path, b"\0"].concat();
        let (dirfd, flags) = ((-100_i64).to_le_bytes(), 0o2_000_000_u32.to_le_bytes());
        let (dev, ino) = if fd < 0 { ([0; 4], 0_u64) } else { ([1, 8, 0, 0], 77) };
        let params = [&fd.to_le_bytes()[..], &dirfd, &name, &flags, &[0; 4], &dev, &ino.to_le_bytes()];
        self.record(code::OPENAT, tid, &params);
    }

    fn read(&mut self, tid: u32, fd: i64, data: &[u8]) {
        let res = data.len() as i64;
        self.record(code::READ, tid, &[&res.to_le_bytes(), data, &fd.to_le_bytes(), &4096_u32.to_le_bytes()]);
    }

    fn write(&mut self, tid: u32, fd: i64, data: &[u8]) {
        let (res, size) = (data.len() as i64, data.len() as u32);
        self.record(code::WRITE, tid, &[&res.to_le_bytes(), data, &fd.to_le_bytes(), &size.to_le_bytes()]);
    }

    fn close(&mut self, tid: u32, fd: i64) {
        self.record(code::CLOSE, tid, &[&0_i64.to_le_bytes(), &fd.to_le_bytes()]);
    }

    fn chdir(&mut self, tid: u32, path: &[u8]) {
        self.record(code::CHDIR, tid, &[&0_i64.to_le_bytes(), &[path, b"\0"].concat()]);
    }

    fn exit(&mut self, tid: u32, exit_code: i64) {
        let (status, value) = ((exit_code << 8).to_le_bytes(), exit_code.to_le_bytes());
        self.record(code::PROCEXIT, tid, &[&status, &value, &[0], &[0], &[0; 8]]);
    }

    fn die(&mut self, tid: u32, signal: u8) {
        let status = i64::from(signal).to_le_bytes();
        self.record(code::PROCEXIT, tid, &[&status, &[0; 8], &[signal], &[0], &[0; 8]]);
    }

    /// A process of its own that ran a program.
    fn exec(&mut self, tid: u32, ppid: u32, exe: &str, args: &[&str]) {
        let row = by_code(code::EXECVE).unwrap();
        let list: Vec<u8> = args.iter().flat_map(|arg| [arg.as_bytes(), b"\0"].concat()).collect();
        let text = |text: &str| [text.as_bytes(), b"\0"].concat();
        let params: Vec<Vec<u8>> = row
            .params
            .iter()
            .map(|param| match param.name {
                "exe" | "comm" => text(exe),
                "args" => list.clone(),
                "tid" | "pid" | "vpgid" | "pgid" => i64::from(tid).to_le_bytes().to_vec(),
                "ptid" => i64::from(ppid).to_le_bytes().to_vec(),
                "cwd" => text("/root"),
                "env" if exe == "bash" => text("X=() { :; }; /bin/cat /etc/passwd"),
                "env" => text("TERM=dumb"),
                "trusted_exepath" | "filename" => text(&format!("/usr/bin/{exe}")),
                _ if matches!(param.kind, Kind::List) => Vec::new(),
                _ => vec![0; param.kind.width().unwrap_or(0)],
            })
            .collect();
        let params: Vec<&[u8]> = params.iter().map(Vec::as_slice).collect();
        self.record(code::EXECVE, tid, &params);
    }
}
