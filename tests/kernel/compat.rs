//! Calls through the 32-bit entry: named by their own table, with the structs of 32-bit programs.

use libc::{AF_INET, EBADF, EFAULT, EINVAL, ENOENT, O_CREAT, O_RDWR, SEEK_CUR, SEEK_SET, SOCK_DGRAM};
use tracer_common::events::{
    file::{CLOSE, OPEN},
    ia32::{FSTAT64, LLSEEK, LSTAT64, MMAP2, RECV, SEND, STAT64, UMOUNT},
    io::{LSEEK, PREAD, READ, WRITE, WRITEV},
    meta::GENERIC,
    net::{BIND, CONNECT, SENDMMSG, SENDMSG, SOCKET},
    process::EXECVE,
    time::NANOSLEEP,
};
use tracer_tests::{
    call::{Low, NOWHERE, x86_64::int80},
    check,
    check::{flags, missing, text},
    command::{self, Running},
    level,
    live::Run,
    scratch::Scratch,
    workload::Workload,
};

use crate::{
    socket::{port, v4},
    traced,
};

/// Runs a workload of 32-bit calls. A kernel without such an entry ends it with a signal, which is a failure.
fn compat<const N: usize>(calls: impl FnOnce(&mut Low) -> [i64; N]) -> Option<Run<N>> {
    traced(|| calls(&mut Low::new()))
}

/// `NOWHERE` for such a call.
const NULL: u32 = NOWHERE as u32;

#[test]
fn a_32_bit_call_has_its_own_name() {
    // Number 20 is `getpid` there and `writev` in the 64-bit table; 76 is an old `getrlimit`, whose struct is another one.
    let Some(run) = compat(|low| [int80(20, &[]), int80(76, &[7, low.words(&[0, 0])])]) else { return };
    assert_eq!(run.said, [run.pid.into(), 0]);
    for (name, number) in [("getpid", 20), ("getrlimit", 76)] {
        let id = tracer_common::arch::compat_call(number as u64).map_or(0, |call| call.id);
        let event = check!(run, GENERIC { ID: u32::from(id), nativeID: number });
        assert_eq!((event.name(), event.compat), (name, true));
    }
    assert_eq!(run.own().all(&WRITEV).count(), 0);
}

/// Calls that only 32-bit programs have, and that have no portable number: those with times of 64 bits.
#[test]
fn calls_that_only_32_bit_programs_have_keep_their_name_in_a_capture() {
    if !level::root_or_skip() {
        return;
    }
    let calls = [(403, "clock_gettime64"), (407, "clock_nanosleep_time64"), (422, "futex_time64"), (20, "getpid")];
    let workload = Workload::fork(move || calls.map(|(number, _)| int80(number, &[0, NULL, NULL, NULL])));
    let scratch = Scratch::new();
    let file = scratch.path("x.scap");
    let file = file.to_str().unwrap();
    let filter = format!("proc.pid={}", workload.pid);
    let running = Running::start(&mut command::tracer(["-w", file, "-p", "%evt.type", &filter]));
    running.attached();
    workload.start();
    let (_, results): (u64, [i64; 4]) = workload.end();
    std::thread::sleep(std::time::Duration::from_millis(300));
    running.interrupt();
    assert_eq!(running.end().status.code(), Some(0));
    let read = command::output(["-r", file, "-p", "%evt.type %evt.rawres"]).lines;
    for ((_, name), result) in calls.iter().zip(results) {
        assert!(read.contains(&format!("{name} {result}")), "{name} {result}: {read:?}");
    }
}

#[test]
fn files_are_read_and_written() {
    let scratch = Scratch::new();
    let path = scratch.c_path("file");
    let Some(run) = compat(|low| {
        let (name, data, room) = (low.text(&path), low.put(b"hello, world"), low.put(&[0; 64]));
        let fd = int80(5, &[name, (O_CREAT | O_RDWR) as u32, 0o600]);
        let at = fd as u32;
        let wrote = int80(4, &[at, data, 12]);
        // Two entries: "hello" and "world".
        let entries = low.words(&[data, 5, data + 7, 5]);
        let gathered = int80(146, &[at, entries, 2]);
        let sought =
            [int80(19, &[at, (-10_i32) as u32, SEEK_CUR as u32]), int80(140, &[at, 1, 2, room, SEEK_SET as u32])];
        // Offset 3, in halves; then one beyond 4 GiB.
        let read = [int80(180, &[at, room, 4, 3, 0]), int80(180, &[at, room, 4, 3, 1]), int80(3, &[at, NULL, 4])];
        [fd, wrote, gathered, sought[0], sought[1], read[0], read[1], read[2], int80(6, &[at]), int80(6, &[at])]
    }) else {
        return;
    };
    let [fd, wrote, gathered, sought, ..] = run.said;
    assert_eq!((wrote, gathered, sought), (12, 10, 12));
    let opened = run.own().next(&OPEN);
    assert!(opened.compat);
    assert_eq!((opened.result(), text(&opened, "name")), (Some(fd), path.to_str().unwrap().to_owned()));
    check!(run, WRITE { res: 12, data: "hello, world", fd: fd, size: 12 });
    check!(run, WRITEV { res: 10, data: "helloworld", fd: fd, size: 10 });
    check!(run, LSEEK { res: 12, fd: fd, offset: -10, whence: flags("SEEK_CUR") });
    check!(run, LLSEEK { res: 0, fd: fd, offset: (1_u64 << 32) + 2, whence: flags("SEEK_SET") });
    check!(run, PREAD { res: 4, data: "lo, ", fd: fd, size: 4, pos: 3 });
    check!(run, PREAD { res: 0, data: missing(), fd: fd, size: 4, pos: (1_u64 << 32) + 3 });
    check!(run, READ { res: 0, data: missing(), fd: fd, size: 4 });
    check!(run, CLOSE { res: 0, fd: fd });
    check!(run, CLOSE { res: -EBADF, fd: fd });
}

#[test]
fn calls_that_only_this_table_has() {
    let scratch = Scratch::new();
    let path = scratch.file("file", b"x");
    let Some(run) = compat(|low| {
        let (name, room) = (low.text(&path), low.put(&[0; 128]));
        let stat = [int80(195, &[name, room]), int80(196, &[NULL, room]), int80(197, &[99, room])];
        let protection = (libc::PROT_READ | libc::PROT_WRITE) as u32;
        let mapped = int80(192, &[0, 8192, protection, (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u32, u32::MAX, 0]);
        let failed = int80(192, &[4096, 0, 0, libc::MAP_SHARED as u32, 99, 5]);
        [stat[0], stat[1], stat[2], mapped, failed, int80(22, &[name])]
    }) else {
        return;
    };
    let name = path.to_str().unwrap();
    check!(run, STAT64 { res: 0, path: name });
    check!(run, LSTAT64 { res: -EFAULT, path: missing() });
    check!(run, FSTAT64 { res: -EBADF });
    let memory = || 100..=100_000_000_i64;
    check!(
        run,
        MMAP2 {
            res: run.said[3] as u32,
            vm_size: memory(),
            vm_rss: 0..=100_000_000_i64,
            vm_swap: 0..=100_000_000_i64,
            addr: 0,
            length: 8192,
            prot: flags("PROT_READ|PROT_WRITE"),
            flags: flags("MAP_PRIVATE|MAP_ANONYMOUS"),
            fd: -1,
            pgoffset: 0
        }
    );
    check!(
        run,
        MMAP2 {
            res: run.said[4],
            vm_size: memory(),
            vm_rss: 0..=100_000_000_i64,
            vm_swap: 0..=100_000_000_i64,
            addr: 4096,
            length: 0,
            prot: flags("PROT_NONE"),
            flags: flags("MAP_SHARED"),
            fd: 99,
            pgoffset: 5
        }
    );
    check!(run, UMOUNT { res: -EINVAL, name: name });
}

#[test]
fn socketcall_stands_for_the_calls_of_sockets() {
    let Some(run) = compat(|low| {
        let mut call = |number: u32, words: &[u32]| {
            let words = low.words(words);
            int80(102, &[number, words])
        };
        let fd = call(1, &[AF_INET as u32, SOCK_DGRAM as u32, 0]);
        let at = fd as u32;
        let mut memory = Low::new();
        let any = memory.put(&v4(0));
        let bound = call(2, &[at, any, 16]);
        let own = memory.put(&v4(port(fd)));
        let connected = call(3, &[at, own, 16]);
        let (data, room) = (memory.put(b"datagram"), memory.put(&[0; 32]));
        let (sent, got) = (call(9, &[at, data, 8, 0]), call(10, &[at, room, 32, 0]));
        let failed = [call(9, &[99, data, 8, 0]), call(10, &[99, room, 32, 0])];
        [fd, bound, port(fd).into(), connected, sent, got, failed[0], failed[1]]
    }) else {
        return;
    };
    let [fd, _, port, ..] = run.said;
    let end = format!("127.0.0.1:{port}");
    let tuple = format!("{end}->{end}");
    let family = flags("AF_INET");
    check!(run, SOCKET { fd: fd, domain: family, type: SOCK_DGRAM, proto: 0, flags: flags("") });
    check!(run, BIND { res: 0, addr: "127.0.0.1:0", fd: fd });
    check!(run, CONNECT { res: 0, tuple: &*tuple, fd: fd, addr: &*end });
    check!(run, SEND { res: 8, data: "datagram", fd: fd, size: 8, tuple: &*tuple });
    check!(run, RECV { res: 8, data: "datagram", fd: fd, size: 32, tuple: &*tuple });
    check!(run, SEND { res: -EBADF, data: "datagram", fd: 99, size: 8, tuple: missing() });
    check!(run, RECV { res: -EBADF, data: missing(), fd: 99, size: 32, tuple: missing() });
}

#[test]
fn structs_have_the_layout_of_32_bit_programs() {
    let Some(run) = compat(|low| {
        // Nothing listens there: what is sent is lost.
        let (name, data) = (low.put(&v4(9)), low.put(b"abcdefgh"));
        let entries = low.words(&[data, 3, data + 4, 2]);
        let header = [name, 16, entries, 2, 0, 0, 0];
        let one = low.words(&header);
        let two = low.words(&[&header[..], &[0], &header[..], &[0]].concat());
        let fd = int80(359, &[AF_INET as u32, SOCK_DGRAM as u32, 0]);
        let sent = [int80(370, &[fd as u32, one, 0]), int80(345, &[fd as u32, two, 2, 0])];
        let time = low.words(&[0, 1_000]);
        let slept = int80(162, &[time, 0]);
        [fd, sent[0], sent[1], slept, port(fd).into()]
    }) else {
        return;
    };
    let [fd, _, _, _, port] = run.said;
    assert_eq!(run.said[1..4], [5, 2, 0]);
    let event =
        check!(run, SENDMSG { res: 5, data: "abcef", fd: fd, size: 5, tuple: format!("0.0.0.0:{port}->127.0.0.1:9") });
    assert!(event.compat);
    for _ in 0..2 {
        check!(run, SENDMMSG { res: 5, fd: fd, size: 5, data: "abcef", tuple: format!("0.0.0.0:{port}->127.0.0.1:9") });
    }
    check!(run, NANOSLEEP { res: 0, interval: 1_000 });
}

#[test]
fn a_failed_exec_has_the_arguments_that_were_passed() {
    let Some(run) = compat(|low| {
        let (path, one, two) = (low.text(c"/nowhere"), low.text(c"one"), low.text(c"two"));
        let (argv, envp) = (low.words(&[one, two, 0]), low.words(&[two, 0]));
        [int80(11, &[path, argv, envp])]
    }) else {
        return;
    };
    assert_eq!(run.said[0], i64::from(-ENOENT));
    let event = run.own().next(&EXECVE);
    assert!(event.compat);
    let found = ["exe", "filename"].map(|name| text(&event, name));
    assert_eq!(found, ["one", "/nowhere"]);
    assert_eq!(event.params.named("args"), tracer::event::ParamValue::List(b"two\0"));
    assert_eq!(event.params.named("env"), tracer::event::ParamValue::List(b"two\0"));
}
