//! Bytes: of calls that move them from one descriptor to another, on both sides; not of calls that leave them where they are;
//! and of the data, no more than was moved. The workload counts by itself what its calls returned.

use std::collections::BTreeMap;

use libc::{
    AF_INET, AF_UNIX, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_PEEK, MSG_TRUNC, O_CREAT, O_RDWR, SOCK_DGRAM, SOCK_STREAM,
};
use tracer::event::ParamValue;
use tracer_common::events::{
    io::{PWRITE, WRITE, WRITEV},
    net::{RECVFROM, RECVMSG},
};
use tracer_tests::{
    call::{at, at_mut},
    check,
    command::{self, Running},
    level,
    scratch::Scratch,
    sys,
    workload::Workload,
};

use crate::{
    grouped::{both, chisel, sums},
    io::{TEXT, iovec},
    messages::messages,
    net::message,
    socket::{bind, port, v4},
    traced,
};

/// Bytes by process, those that pass a filter.
fn bytes_by_process(scratch: &Scratch, name: &str, filter: &str) -> String {
    let text = format!(
        r##"
chisel(#{{ summary: "bytes of processes" }});
interval(INTERVAL);
filter("{filter}");
table(#{{
    keys: [#{{ field: "proc.pid", title: "PID" }}],
    value: #{{ field: "evt.buflen", title: "Bytes", op: "sum" }},
    top: 100000,
}});
"##
    );
    chisel(scratch, name, &text)
}

/// What a table says of a process: counted in the kernel, from events, and of a capture that is made meanwhile.
fn ways(scratch: &Scratch, name: &str, filter: &str, workload: Workload<3>) -> ([u64; 3], [i64; 3]) {
    let chisel = &bytes_by_process(scratch, name, filter);
    let pid = workload.pid.to_string();
    let capture = scratch.path("capture.scap");
    let capture = capture.to_str().unwrap();
    let _ = std::fs::remove_file(capture);
    // Lines say that the hooks are there.
    let mut writes = command::tracer(["-w", capture, "-p", "%evt.num", "--unbuffered", &format!("proc.pid={pid}")]);
    let writes = Running::start(&mut writes);
    assert!(writes.line().is_some(), "the workload waits in calls");
    let mut said = [0; 3];
    // Bytes of the network are added up where sockets move them, for all processes.
    let of_pid = format!("proc.pid={pid}");
    let filter: &[&str] = if name == "network" { &[] } else { &[&of_pid] };
    let outputs = both(chisel, filter, || {
        workload.start();
        said = workload.end().1;
    });
    writes.interrupt();
    let output = writes.end();
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
    let replayed = command::output(["-j", "-r", capture, "-c", chisel]);
    let of = |sums: &BTreeMap<Vec<String>, u64>| sums.get(std::slice::from_ref(&pid)).copied().unwrap_or(0);
    let [counted, events] = outputs.each_ref().map(|output| of(&sums(output.lines.iter()).0));
    ([counted, events, of(&sums(replayed.lines.iter()).0)], said)
}

/// Moves data from files to files, pipes and sockets, without reading or writing any. Returns bytes that went out of files,
/// into files, and over the network.
fn moves(source: &std::ffi::CStr, target: &std::ffi::CStr) -> [i64; 3] {
    let (from, to) = (sys!(SYS_open, source, 0, 0), sys!(SYS_open, target, O_CREAT | O_RDWR, 0o600));
    let mut pipe = [0_i32; 2];
    let (listener, client) = (sys!(SYS_socket, AF_INET, SOCK_STREAM, 0), sys!(SYS_socket, AF_INET, SOCK_STREAM, 0));
    assert_eq!((bind(listener, &v4(0)), sys!(SYS_listen, listener, 1)), (0, 0));
    let address = v4(port(listener));
    assert_eq!((sys!(SYS_connect, client, at(&*address), 16), sys!(SYS_pipe, at_mut(&mut pipe))), (0, 0));
    let sent = sys!(SYS_sendfile, client, from, 0, 7_000);
    let copied = sys!(SYS_sendfile, to, from, 0, 5_000);
    let ranged = sys!(SYS_copy_file_range, from, 0, to, 0, 3_000, 0);
    let in_pipe = sys!(SYS_splice, from, 0, pipe[1], 0, 2_000, 0);
    let out_of_pipe = sys!(SYS_splice, pipe[0], 0, to, 0, 1_500, 0);
    let over = sys!(SYS_splice, pipe[0], 0, client, 0, 500, 0);
    // What fails moves nothing.
    let failed = [sys!(SYS_sendfile, -1, from, 0, 10), sys!(SYS_splice, from, 0, to, 0, 10, 0)];
    assert!(failed.iter().all(|result| *result < 0) && sent > 0 && copied > 0 && ranged > 0 && over > 0);
    [sent + copied + ranged + in_pipe, copied + ranged + out_of_pipe, sent + over]
}

#[test]
fn bytes_that_go_between_descriptors_count_on_both_sides() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch.file("source", &[b'x'; 20_000]);
    let target = scratch.c_path("target");
    let cases = [
        ("read", "evt.is_io_read=true and fd.type=file"),
        ("written", "evt.is_io_write=true and fd.type=file"),
        ("network", "evt.is_io=true and fd.type in (ipv4, ipv6)"),
    ];
    for (which, (name, filter)) in cases.into_iter().enumerate() {
        if name == "network" && !tracer::source::live::groups::has_socket_hooks() {
            println!("skipped for the network: the kernel has no socket hooks");
            continue;
        }
        let workload = Workload::fork(|| moves(&source, &target));
        let (ways, said) = ways(&scratch, name, filter, workload);
        assert_eq!(ways, [said[which] as u64; 3], "{name}: in the kernel, from events, from a capture");
    }
}

#[test]
fn a_file_has_the_bytes_that_were_moved_out_of_it_and_into_it() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch.file("source", &[b'x'; 20_000]);
    let target = scratch.c_path("target");
    let workload = Workload::fork(|| moves(&source, &target));
    let filter = format!("proc.pid={}", workload.pid);
    let running = Running::start(&mut command::tracer(["-j", "-c", "topfiles_bytes", &filter]));
    assert!(running.line().is_some(), "a table is printed");
    workload.start();
    let (_, [out, into, _]) = workload.end();
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    running.interrupt();
    let output = running.end();
    let (found, _) = sums(output.lines.iter());
    let of = |path: &std::ffi::CStr| found.get(&vec![path.to_str().unwrap().to_owned()]).copied();
    assert_eq!((of(&source), of(&target)), (Some(out as u64), Some(into as u64)), "{found:?}");
}

/// Calls and their bytes.
const CALLS_AND_BYTES: &str = r##"
chisel(#{ summary: "calls, errors and bytes" });
interval(INTERVAL);
table(#{
    keys: [#{ field: "evt.type", title: "T" }],
    values: [
        #{ title: "Bytes", field: "evt.buflen", op: "sum" },
        #{ title: "N", op: "count" },
        #{ title: "E", field: "evt.count.error", op: "sum" },
    ],
    top: 100000,
});
"##;

#[test]
fn a_call_with_two_descriptors_is_one_call() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch.file("source", &[b'x'; 20_000]);
    let target = scratch.c_path("target");
    let chisel = chisel(&scratch, "calls", CALLS_AND_BYTES);
    let workload = Workload::fork(|| {
        let (from, to) = (sys!(SYS_open, &*source, 0, 0), sys!(SYS_open, &*target, O_CREAT | O_RDWR, 0o600));
        let moved = [0; 5].map(|_| sys!(SYS_sendfile, to, from, 0, 100));
        let read = requests(&source);
        [moved.iter().sum(), read[0], read[1]]
    });
    let filter = format!("proc.pid={} and evt.type in (sendfile, pread, pwrite)", workload.pid);
    let running = Running::start(&mut command::tracer(["-j", "-c", &*chisel, &*filter]));
    assert!(running.line().is_some(), "a table is printed");
    workload.start();
    let (_, [moved, read, written]) = workload.end();
    std::thread::sleep(std::time::Duration::from_millis(600));
    running.interrupt();
    let output = running.end();
    let mut found = BTreeMap::<String, [u64; 3]>::new();
    for line in &output.lines {
        let table: serde_json::Value = serde_json::from_str(line).unwrap();
        for row in table["data"].as_array().unwrap() {
            let row = row.as_array().unwrap();
            let sums = found.entry(row[0].as_str().unwrap().to_owned()).or_default();
            sums.iter_mut().zip(&row[1..]).for_each(|(sum, value)| *sum += value.as_f64().unwrap_or(0.0) as u64);
        }
    }
    let of = |name: &str| found.get(name).copied();
    assert_eq!(of("sendfile"), Some([2 * moved as u64, 5, 0]), "{found:?}");
    // Requests are no calls.
    assert_eq!((of("pread"), of("pwrite")), (Some([read as u64, 0, 0]), Some([written as u64, 0, 0])), "{found:?}");
}

/// A `struct iocb`: a request of `count` bytes at `offset` of a descriptor.
fn iocb(operation: u64, fd: i64, buffer: u64, count: u64, offset: u64) -> [u64; 8] {
    [0, 0, operation | (fd as u64) << 32, buffer, count, offset, 0, 0]
}

/// Reads and writes by requests that are collected in two calls. Returns bytes that were read, written, and all of them.
fn requests(source: &std::ffi::CStr) -> [i64; 3] {
    let (fd, mut context, mut room) = (sys!(SYS_open, source, O_RDWR, 0), 0_u64, [0_u8; 4_096]);
    assert_eq!(sys!(SYS_io_setup, 64, at_mut(&mut context)), 0);
    let buffer = at_mut(&mut room);
    let (read, write, readv) = (0, 1, 7);
    let vector = [[buffer, 300]];
    let requests = [
        iocb(read, fd, buffer, 1_000, 0),
        iocb(write, fd, buffer, 500, 30_000),
        iocb(readv, fd, at(&vector), 1, 50),
        iocb(write, fd, buffer, 70, 40_000),
        // At the end of the file, and before its beginning.
        iocb(read, fd, buffer, 100, 1 << 30),
        iocb(read, fd, buffer, 100, u64::MAX - 8),
    ];
    let all = requests.each_ref().map(at);
    let taken = sys!(SYS_io_submit, context, all.len(), at(&all));
    let (mut done, mut events, mut sums) = (0, [[0_u64; 4]; 8], [0; 2]);
    while done < taken {
        let count = sys!(SYS_io_getevents, context, 1, 8, at_mut(&mut events), 0);
        assert!(count > 0, "{count}");
        for [_, request, moved, _] in &events[..count as usize] {
            let at = all.iter().position(|it| it == request).unwrap();
            sums[usize::from(at == 1 || at == 3)] += (*moved as i64).max(0);
        }
        done += count;
    }
    [sums[0], sums[1], sums[0] + sums[1]]
}

#[test]
fn bytes_of_requests_count_when_they_are_reported_as_done() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch.file("source", &[b'x'; 20_000]);
    let cases = [
        ("read", "evt.is_io_read=true and fd.type=file"),
        ("written", "evt.is_io_write=true and fd.type=file"),
        ("both", "evt.is_io=true"),
    ];
    for (which, (name, filter)) in cases.into_iter().enumerate() {
        let (ways, said) = ways(&scratch, name, filter, Workload::fork(|| requests(&source)));
        assert!(said[2] >= 1_000 + 500 + 300 + 70, "{said:?}");
        assert_eq!(ways, [said[which] as u64; 3], "{name}: in the kernel, from events, from a capture");
    }
}

/// Receives a datagram after looking at it in each way that there is, and a message from the queue of errors. Returns the
/// bytes that were taken.
fn peeks() -> [i64; 3] {
    let [server, client] = [0, 1].map(|_| sys!(SYS_socket, AF_INET, SOCK_DGRAM, 0));
    assert_eq!((bind(server, &v4(0)), bind(client, &v4(0))), (0, 0));
    let mut room = [0_u8; 64];
    let to = v4(port(server));
    for _ in 0..3 {
        assert_eq!(sys!(SYS_sendto, client, at(&TEXT), 50, 0, at(&*to), 16), 50);
    }
    let all = iovec(&[&room[..]]);
    let mut header = message(&mut [], &all, &mut []);
    let mut headers = messages(&[header]);
    for _ in 0..5 {
        assert_eq!(sys!(SYS_recvfrom, server, at_mut(&mut room), 64, MSG_PEEK, 0, 0), 50);
        assert_eq!(sys!(SYS_recvmsg, server, at_mut(&mut header), MSG_PEEK), 50);
        assert_eq!(sys!(SYS_recvmmsg, server, at_mut(&mut headers[..]), 1, MSG_PEEK, 0), 1);
    }
    let taken = [
        sys!(SYS_recvfrom, server, at_mut(&mut room), 64, 0, 0, 0),
        sys!(SYS_recvmsg, server, at_mut(&mut header), 0),
        sys!(SYS_recvmmsg, server, at_mut(&mut headers[..]), 1, 0, 0) * headers[0][7] as i64,
    ];
    // Nobody listens there: the datagram comes back as an error.
    let on = 1_i32;
    assert_eq!(sys!(SYS_setsockopt, client, libc::SOL_IP, libc::IP_RECVERR, at(&on), 4), 0);
    let nobody = sys!(SYS_socket, AF_INET, SOCK_DGRAM, 0);
    assert_eq!(bind(nobody, &v4(0)), 0);
    let to = v4(port(nobody));
    assert_eq!(sys!(SYS_close, nobody), 0);
    assert_eq!(sys!(SYS_sendto, client, at(&TEXT), 30, 0, at(&*to), 16), 30);
    let back = sys!(SYS_recvmsg, client, at_mut(&mut header), MSG_ERRQUEUE | MSG_DONTWAIT);
    [taken.iter().sum(), 3 * 50 + 30, back]
}

#[test]
fn bytes_that_were_only_looked_at_do_not_count() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    // By calls, and where sockets move bytes.
    for (name, filter) in [("taken", "evt.is_io=true"), ("network", "evt.is_io=true and fd.type in (ipv4, ipv6)")] {
        if name == "network" && !tracer::source::live::groups::has_socket_hooks() {
            println!("skipped for the network: the kernel has no socket hooks");
            continue;
        }
        let (ways, [taken, sent, back]) = ways(&scratch, name, filter, Workload::fork(peeks));
        assert_eq!((taken, back), (150, 30), "the workload itself");
        assert_eq!(ways, [(taken + sent) as u64; 3], "{name}: in the kernel, from events, from a capture");
    }
}

#[test]
fn data_ends_where_the_buffer_was_filled() {
    let Some(run) = traced(|| {
        let mut pair = [0_i32; 2];
        assert_eq!(sys!(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, at_mut(&mut pair)), 0);
        let mut buffer = [b'S'; 256];
        for _ in 0..3 {
            assert_eq!(sys!(SYS_sendto, pair[0], at(&TEXT), 100, 0, 0, 0), 100);
        }
        let (mut first, mut second) = ([0_u8; 4], [0_u8; 5]);
        let all = [[at_mut(&mut first), 4], [at_mut(&mut second), 5]];
        let mut header = message(&mut [], &all, &mut []);
        [
            sys!(SYS_recvfrom, pair[1], at_mut(&mut buffer), 10, MSG_TRUNC, 0, 0),
            sys!(SYS_recvfrom, pair[1], at_mut(&mut buffer), 0, MSG_TRUNC, 0, 0),
            sys!(SYS_recvmsg, pair[1], at_mut(&mut header), MSG_TRUNC),
        ]
    }) else {
        return;
    };
    assert_eq!(run.said, [100; 3]);
    let data = |row| match run.own().next(row).params.named("data") {
        ParamValue::Bytes(data) => data.to_vec(),
        ParamValue::Missing => Vec::new(),
        other => panic!("{other:?}"),
    };
    assert_eq!(data(&RECVFROM), TEXT[..10]);
    assert!(data(&RECVFROM).is_empty());
    assert_eq!(data(&RECVMSG), TEXT[..9]);
}

#[test]
fn data_of_a_write_that_stopped_early_is_what_was_written() {
    let scratch = Scratch::new();
    let path = scratch.c_path("file");
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, O_CREAT | O_RDWR, 0o600);
        // Files of this process end at 60 bytes.
        let limit = [60_u64; 2];
        assert_eq!(sys!(SYS_setrlimit, libc::RLIMIT_FSIZE, at(&limit)), 0);
        let both = iovec(&[&TEXT[..10], &TEXT[10..100]]);
        [
            fd,
            sys!(SYS_pwrite64, fd, at(&TEXT), 100, 40),
            sys!(SYS_writev, fd, at(&*both), 2),
            sys!(SYS_lseek, fd, 25, 0),
            sys!(SYS_write, fd, at(&TEXT), 70),
        ]
    }) else {
        return;
    };
    let fd = run.said[0];
    assert_eq!(run.said[1..], [20, 60, 25, 35]);
    check!(run, PWRITE { res: 20, data: &TEXT[..20], fd: fd, size: 100, pos: 40 });
    check!(run, WRITEV { res: 60, data: &TEXT[..60], fd: fd, size: 100 });
    check!(run, WRITE { res: 35, data: &TEXT[..35], fd: fd, size: 70 });
}
