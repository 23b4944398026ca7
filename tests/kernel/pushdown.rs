//! What the kernel decides is what user space decides: two tracers side by side see the same processes, one with the filter
//! pushed down and one without, and print the same lines.
//!
//! Filters are made at random; `TRACER_TEST_CASES` says how many, and `TRACER_TEST_SEED` where to begin; with
//! `TRACER_TEST_FILTER` it is that one.

use std::{
    net::TcpListener,
    ops::ControlFlow,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use libc::{AF_INET, AF_INET6, AF_UNIX, O_CREAT, O_RDWR, SOCK_DGRAM, SOCK_STREAM};
use tracer::{
    fields::{EventType, Needs, Show},
    filter::{
        Filter,
        kernel::{Question, Target},
    },
    format::Template,
    output::Out,
    pipeline::{Limits, Pipeline},
    sink::{Lines, Outputs, Print, Sink},
    source::{
        Drained, Losses, Record, Source, Visit,
        live::{BATCH, Live, Options, WINDOW_NS, monotonic_ns, plan::Wanted},
    },
    state::{Containers, Procfs, State, container, procfs::Wanted as Scanned},
};
use tracer_common::wire;
use tracer_tests::{
    call::{at, at_mut, x86_64::int80},
    level,
    scratch::Scratch,
    sys,
    workload::Workload,
};

use crate::socket::{v4, v6};

/// Random filters in a usual run.
const CASES: usize = 500;
/// What a line shows: with everything that is known, and with what records say alone.
const FORMATS: [&str; 2] = [
    "%thread.tid %proc.name %proc.ppid %user.uid %evt.type %evt.args %fd.name",
    "%thread.tid %proc.name %proc.ppid %user.uid %evt.type %evt.rawres",
];

/// Random numbers: xorshift64*, the same ones for the same seed.
pub struct Random(pub u64);

impl Random {
    /// A number below the bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    /// One of the texts.
    pub fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len())]
    }
}

/// Tests, with `PID` and `PORT` for those of the workload.
const TESTS: &[&str] = &[
    "evt.type=read",
    "evt.type in (openat, close, write)",
    "evt.type!=getuid",
    "evt.type startswith re",
    "evt.is_io=true",
    "evt.category=file",
    "proc.name=first",
    "proc.name=second",
    "proc.name!=first",
    "proc.name in (first, other)",
    "proc.name=other",
    "proc.name startswith sec",
    "proc.name contains ir",
    "proc.name exists",
    "proc.name=a-name-that-no-thread-can-have",
    "proc.pid=PID",
    "proc.pid!=PID",
    "proc.pid>PID",
    "thread.tid>=PID",
    "proc.ppid=PID",
    "user.uid=0",
    "user.uid=1234",
    "user.uid>0",
    "group.gid!=0",
    "evt.cpu=0",
    "evt.failed=true",
    "evt.failed=false",
    "evt.res=ENOENT",
    "evt.res!=SUCCESS",
    "evt.res in (EBADF, SUCCESS)",
    "evt.rawres>5",
    "evt.rawres<0",
    "evt.rawres in (7, 11, -2)",
    "evt.buflen>10",
    "evt.buflen<=7",
    "evt.buflen exists",
    "fd.num=3",
    "fd.num>4",
    "fd.num in (1, 3, 5)",
    "fd.type=file",
    "fd.type=ipv4",
    "fd.type in (ipv4, ipv6)",
    "fd.type!=unix",
    "fd.type exists",
    "fd.name contains scratch",
    "fd.port=PORT",
    "fd.sport=PORT",
    "fd.cport!=PORT",
    "fd.lport>1",
    "fd.ip=127.0.0.1",
    "fd.sip=10.0.0.1",
    "fd.net=127.0.0.0/8",
    "fd.rip exists",
    "evt.rawarg.size=11",
    "evt.rawarg.size>8",
    "evt.rawarg.pos=0",
    "evt.rawarg.fd>3",
    "container.id=host",
    "container.id!=host",
    "container.name exists",
];

/// A filter of up to `depth` levels of these tests.
pub fn filter(random: &mut Random, tests: &[&str], depth: usize) -> String {
    match random.below(if depth == 0 { 1 } else { 4 }) {
        0 => random.of(tests).to_owned(),
        1 => format!("not ({})", filter(random, tests, depth - 1)),
        which => {
            let word = if which == 2 { " and " } else { " or " };
            let parts: Vec<String> =
                (0..2 + random.below(2)).map(|_| format!("({})", filter(random, tests, depth - 1))).collect();
            parts.join(word)
        }
    }
}

/// A program of a few bytes, which asks for its user and ends: an ELF file with one segment.
const PROGRAM: &[u8] = &{
    // mov eax, 102 (getuid); syscall; mov eax, 231 (exit_group); mov edi, 3; syscall
    const CODE: [u8; 19] = [0xb8, 102, 0, 0, 0, 0x0f, 5, 0xb8, 231, 0, 0, 0, 0xbf, 3, 0, 0, 0, 0x0f, 5];
    const HEADERS: usize = 64 + 56;
    const LEN: usize = HEADERS + CODE.len();
    const BASE: u64 = 0x40_0000;
    const fn put<const N: usize>(mut file: [u8; LEN], at: usize, bytes: [u8; N]) -> [u8; LEN] {
        let mut index = 0;
        while index < N {
            file[at + index] = bytes[index];
            index += 1;
        }
        file
    }
    let file = put([0; LEN], 0, [0x7f, b'E', b'L', b'F', 2, 1, 1]);
    // An executable for this machine, version 1; it begins behind the headers.
    let file = put(put(put(file, 16, [2, 0]), 18, [62, 0]), 20, [1]);
    let file = put(put(file, 24, (BASE + HEADERS as u64).to_le_bytes()), 32, 64u64.to_le_bytes());
    let file = put(put(put(file, 52, [64, 0]), 54, [56, 0]), 56, [1, 0]);
    // The segment: to be loaded, read and run, the whole file.
    let file = put(put(put(file, 64, [1]), 68, [5]), 80, BASE.to_le_bytes());
    let file = put(put(file, 96, (LEN as u64).to_le_bytes()), 104, (LEN as u64).to_le_bytes());
    put(put(file, 112, 0x1000u64.to_le_bytes()), HEADERS, CODE)
};

/// What the workload needs: a file of its own, the program, the port of a server.
pub struct World {
    scratch: Scratch,
    pub port: u16,
}

impl World {
    /// Makes it.
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = Scratch::new();
        let program = scratch.path("other");
        std::fs::write(&program, PROGRAM).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Until the other end is closed: a connection that is reset loses its port, between one side and the other.
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let _ = std::io::Read::read_to_end(&mut connection, &mut Vec::new());
            }
        });
        Self { scratch, port }
    }

    /// The workload, which waits for its start.
    pub fn workload(&self) -> Workload<1> {
        let (path, program) = (self.scratch.c_path("scratch"), self.scratch.c_path("other"));
        Workload::fork(|| work(&path, &program, self.port))
    }
}

/// A bit of everything: files, sockets, several messages at once, errors, another name, another user, a child, another program,
/// 32-bit calls.
fn work(path: &std::ffi::CStr, program: &std::ffi::CStr, port: u16) -> [i64; 1] {
    let name = |name: &std::ffi::CStr| sys!(SYS_prctl, libc::PR_SET_NAME, name);
    let (mut buffer, to) = ([b'x'; 64], v4(port));
    name(c"first");
    let some = |buffer: &mut [u8; 64]| {
        let file = sys!(SYS_openat, libc::AT_FDCWD, path, O_CREAT | O_RDWR, 0o600);
        for len in [7, 11] {
            let _ = sys!(SYS_write, file, at(&*buffer), len);
        }
        let _ = sys!(SYS_pread64, file, at_mut(buffer), 11, 0);
        let _ = sys!(SYS_pread64, file, at_mut(buffer), 7, 7);
        let _ = sys!(SYS_read, 7777, at_mut(buffer), 1);
        let _ = sys!(SYS_openat, libc::AT_FDCWD, c"/no/such/file", 0, 0);
        let _ = sys!(SYS_getuid);
        let socket = sys!(SYS_socket, AF_INET, SOCK_STREAM, 0);
        let _ = sys!(SYS_connect, socket, at(&*to), to.len());
        let _ = sys!(SYS_write, socket, at(&*buffer), 11);
        let _ = sys!(SYS_sendto, socket, at(&*buffer), 7, 0, 0, 0);
        let datagrams = sys!(SYS_socket, AF_INET, SOCK_DGRAM, 0);
        let _ = sys!(SYS_sendto, datagrams, at(&*buffer), 11, 0, at(&*to), to.len());
        // Three headers of messages to the same address, of 7 bytes each.
        let io = [at(&*buffer), 7];
        let headers = [[at(&*to), to.len() as u64, at(&io), 1, 0, 0, 0, 0]; 3];
        let _ = sys!(SYS_sendmmsg, datagrams, at(&headers), 3, 0);
        let _ = (int80(20, &[]), int80(3, &[7777, 0, 4]));
        let mut pair = [0i32; 2];
        let _ = sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, at_mut(&mut pair));
        let _ = sys!(SYS_write, pair[0], at(&*buffer), 7);
        let _ = sys!(SYS_read, pair[1], at_mut(buffer), 64);
        let _ = sys!(SYS_connect, datagrams, at(&*to), to.len());
        let _ = sys!(SYS_write, datagrams, at(&*buffer), 7);
        let _ = sys!(SYS_pipe2, at_mut(&mut pair), 0);
        let _ = (sys!(SYS_write, pair[1], at(&*buffer), 11), sys!(SYS_read, pair[0], at_mut(buffer), 7));
        let event = sys!(SYS_eventfd2, 7, 0);
        let _ = sys!(SYS_read, event, at_mut(buffer), 8);
        let _ = [i64::from(pair[0]), i64::from(pair[1]), event].map(|fd| sys!(SYS_close, fd));
        connection(buffer);
        for fd in [file, socket, datagrams] {
            let _ = sys!(SYS_close, fd);
        }
    };
    some(&mut buffer);
    let child = sys!(SYS_fork);
    if child == 0 {
        name(c"second");
        let _ = sys!(SYS_setresgid, 1234, 1234, 1234);
        let _ = sys!(SYS_setresuid, 1234, 1234, 1234);
        some(&mut buffer);
        let words = [program.as_ptr(), std::ptr::null()];
        let _ = sys!(SYS_execve, program, at(&words), at(&words[1]));
        let _ = sys!(SYS_exit_group, 4);
    }
    let mut status = 0i32;
    let _ = sys!(SYS_wait4, child, at_mut(&mut status), 0, 0);
    [child]
}

/// Both ends of a connection by IPv6, and of one by IPv4 to the same server. The server ends each of them first, and the rest is
/// read then.
fn connection(buffer: &mut [u8; 64]) {
    let mut own = [0u8; 28];
    own[0] = AF_INET6 as u8;
    let mut len = own.len() as u32;
    let server = sys!(SYS_socket, AF_INET6, SOCK_STREAM, 0);
    let _ = sys!(SYS_bind, server, at(&own), own.len());
    let _ = (sys!(SYS_listen, server, 2), sys!(SYS_getsockname, server, at_mut(&mut own), at_mut(&mut len)));
    let port = u16::from_be_bytes([own[2], own[3]]);
    for family in [AF_INET6, AF_INET] {
        let client = sys!(SYS_socket, family, SOCK_STREAM, 0);
        let _ = match family {
            AF_INET => sys!(SYS_connect, client, at(&*v4(port)), 16),
            _ => sys!(SYS_connect, client, at(&*v6(port)), own.len()),
        };
        let accepted = sys!(SYS_accept4, server, 0, 0, 0);
        let _ = (sys!(SYS_write, client, at(&*buffer), 11), sys!(SYS_read, accepted, at_mut(buffer), 7));
        let _ = (sys!(SYS_sendto, accepted, at(&*buffer), 64, 0, 0, 0), sys!(SYS_shutdown, client, libc::SHUT_WR));
        let _ = (sys!(SYS_recvfrom, accepted, at_mut(buffer), 64, 0, 0, 0), sys!(SYS_close, accepted));
        for _ in 0..3 {
            let _ = sys!(SYS_read, client, at_mut(buffer), 40);
        }
        let _ = sys!(SYS_close, client);
    }
    let _ = sys!(SYS_close, server);
}

/// The kernel side until all of a workload has come.
struct Until<'l> {
    live: &'l mut Live,
    /// All that was recorded until then is asked for, nanoseconds of the monotonic clock.
    end_ns: u64,
    /// The processes whose records count.
    pids: [u32; 2],
    records: u64,
    done: bool,
}

impl Source for Until<'_> {
    fn drain(&mut self, visit: Visit<'_>) -> anyhow::Result<Drained> {
        if self.done {
            return Ok(Drained::End);
        }
        let after = monotonic_ns() > self.end_ns + 2 * WINDOW_NS;
        let drained = self.live.drain(&mut |record| {
            if let Record::Wire(bytes) = record {
                let tgid = u32::from_le_bytes(std::array::from_fn(|at| bytes[wire::TGID + at]));
                self.records += u64::from(self.pids.contains(&tgid));
            }
            visit(record)
        })?;
        if let Drained::Records(count) = drained {
            self.done = after && count < BATCH;
        }
        Ok(drained)
    }

    fn drain_rest(&mut self, _visit: Visit<'_>) -> anyhow::Result<()> {
        Ok(())
    }

    fn wait(&mut self, _drained: usize, _at_most: Duration) {
        std::thread::sleep(Duration::from_millis(1));
    }

    fn losses(&self) -> Losses {
        Losses::default()
    }
}

/// A tracer, and whether its kernel side decides what it can.
struct Side {
    live: Live,
    pushed: bool,
}

impl Side {
    fn start(pushed: bool) -> Self {
        let options = Options {
            snaplen: 80,
            containers: true,
            who: true,
            changes: true,
            ring_bytes: Some(tracer_tests::live::ring_bytes(16 << 20)),
            ..Options::default()
        };
        let live = Live::start(&options, &Wanted::with_names(&|_, _| true)).expect("the kernel side starts");
        Self { live, pushed }
    }

    /// Asks for what passes the filter.
    fn ask(&mut self, filter: &str, format: &str) -> (Outputs, Out) {
        let out = Out::memory();
        let filter = Filter::compile(filter, Show::default()).unwrap_or_else(|error| panic!("{filter}: {error}"));
        let template = Template::parse(format, Show::default()).unwrap();
        let sink: Box<dyn Sink> = Box::new(Print::new(Lines::Text(template), out.clone(), false));
        let outputs = Outputs::new(Some(filter), vec![sink], out.clone(), None);
        let needs = outputs.needs();
        let demand = |target: &Target<'_>, questions: &mut Vec<Question>| outputs.demand(0, target, questions);
        let wanted = Wanted {
            event: &|row, call| {
                outputs.collects(&call.map_or_else(|| EventType::of(row), |call| EventType::of_call(row, call)))
            },
            threads: needs.has(Needs::THREADS),
            descriptors: needs.has(Needs::STATE),
            demand: if self.pushed { Some(&demand) } else { None },
            sides: needs.has(Needs::SIDES),
            ..Wanted::only(&|_, _| false)
        };
        let options = Options { latency: needs.has(Needs::LATENCY), ..Options::default() };
        self.live.prepare(&options, &wanted).expect("there is room for the predicates");
        self.live.pass_on(0, &mut |_| ControlFlow::Continue(())).expect("the question changes");
        (outputs, out)
    }

    /// Throws away what is there.
    fn empty(&mut self) {
        let mut full = true;
        while full {
            let drained = self.live.drain(&mut |_| ControlFlow::Continue(()));
            full = matches!(drained, Ok(Drained::Records(BATCH)));
        }
    }

    /// What was recorded until `end_ns`, as lines, and how many records that were.
    fn lines(&mut self, outputs: Outputs, out: &Out, state: State, end_ns: u64, pids: [u32; 2]) -> (Vec<String>, u64) {
        let mut until = Until { live: &mut self.live, end_ns, pids, records: 0, done: false };
        let pipeline = Pipeline::new(state, outputs, 0);
        pipeline.run(&mut until, Limits::default(), &AtomicBool::new(false)).unwrap();
        (out.text().lines().map(str::to_owned).collect(), until.records)
    }
}

/// Knows what was there before the workload.
fn state(brief: bool) -> State {
    let mut state = State {
        containers: Containers::start(&container::Options::default()),
        procfs: Procfs::new(std::path::Path::new("/")),
        brief,
        ..State::default()
    };
    if !brief {
        let wanted = Scanned { descriptors: true, whole: true, ..Scanned::default() };
        state.procfs.scan(wanted).first(&mut state, &AtomicBool::new(false));
    }
    state
}

/// What both sides print of a workload; the pid of a line is that of the workload or of its child.
fn compare(sides: &mut [Side; 2], filter: &str, format: &str, world: &World) -> [u64; 2] {
    let workload = world.workload();
    let filter = filter.replace("PID", &workload.pid.to_string()).replace("PORT", &world.port.to_string());
    let pid = workload.pid;
    let mut asked: Vec<_> = sides
        .iter_mut()
        .map(|side| {
            let (outputs, out) = side.ask(&filter, format);
            let state = state(!outputs.needs().has(Needs::THREADS));
            side.live.follow(&state);
            Some((outputs, out, state))
        })
        .collect();
    // What came before is younger than the window until now.
    std::thread::sleep(Duration::from_nanos(2 * WINDOW_NS));
    sides.iter_mut().for_each(Side::empty);
    workload.start();
    let (_, [child]) = workload.end();
    let end_ns = monotonic_ns();
    let mut seen = Vec::new();
    let mut records = [0; 2];
    for ((side, asked), records) in sides.iter_mut().zip(&mut asked).zip(&mut records) {
        let (outputs, out, state) = asked.take().unwrap();
        let (lines, count) = side.lines(outputs, &out, state, end_ns, [pid, child as u32]);
        // Other processes of the machine are not the same to the last call: one side begins and ends a little later.
        let mut own: Vec<String> = lines
            .into_iter()
            .filter(|line| {
                let tid = line.split(' ').next().unwrap_or_default();
                tid == pid.to_string() || tid == child.to_string()
            })
            // What the parent does while it waits for its start.
            .filter(|line| !line.contains(" poll ") && !line.contains(" ppoll "))
            // Each side measures how long a connection was.
            .filter(|line| !line.contains(" tcp_close "))
            .collect();
        // Each side has its own clock: the order of two threads need not be the same.
        own.sort_by_key(|line| line.split(' ').next().map(str::to_owned));
        *records = count;
        seen.push(own);
    }
    let [whole, pushed] = [&seen[0], &seen[1]];
    if whole != pushed {
        let at =
            whole.iter().zip(pushed).position(|(one, other)| one != other).unwrap_or(whole.len().min(pushed.len()));
        panic!(
            "filter '{filter}', format '{format}': {} lines without, {} with the kernel's decision; line {at}: {:?} and {:?}",
            whole.len(),
            pushed.len(),
            whole.get(at),
            pushed.get(at)
        );
    }
    assert!(pushed.len() < 4000);
    [records[0], records[1]]
}

/// A number from the environment.
pub fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn random_filters_pass_the_same_events_in_the_kernel_and_here() {
    if !level::root_or_skip() {
        return;
    }
    let world = World::new();
    let mut sides = [Side::start(false), Side::start(true)];
    let mut random = Random(number("TRACER_TEST_SEED").unwrap_or(1) as u64 | 1);
    let asked = std::env::var("TRACER_TEST_FILTER").ok();
    let (cases, begin) = (number("TRACER_TEST_CASES").unwrap_or(CASES), Instant::now());
    let mut records = [0, 0];
    let mut shown = 0;
    for case in 0..cases {
        let filter = asked.clone().unwrap_or_else(|| filter(&mut random, TESTS, 1 + case % 3));
        let counts = compare(&mut sides, &filter, FORMATS[case % FORMATS.len()], &world);
        records = [records[0] + counts[0], records[1] + counts[1]];
        shown += u64::from(counts[1] > 0);
    }
    let [whole, pushed] = records;
    println!(
        "{cases} filters in {:?}: {whole} records without, {pushed} with the kernel's decision; {shown} not empty",
        begin.elapsed()
    );
    assert!(pushed * 10 < whole * 9, "hardly anything was decided in the kernel: {pushed} of {whole} records");
    assert!(shown as usize * 4 > cases, "most filters let nothing through");
}
