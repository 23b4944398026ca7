//! Names of descriptors while many threads and processes make and close them: the right name or none, never another one.
//!
//! Each write in these tests writes the name that its descriptor should have, so that each line says what is right.

use std::{
    ffi::{CStr, CString},
    time::{Duration, Instant},
};

use libc::{AT_FDCWD, O_CREAT, O_WRONLY};
use tracer_tests::{
    call::{at, at_mut},
    command::{self, Running},
    level,
    live::ring_bytes,
    scratch::{Scratch, c_path},
    sys,
    workload::Workload,
};

/// Largest share of writes without a name.
const MAX_UNKNOWN: f64 = 0.01;
/// How long a workload goes on when it is not done before.
const LONGEST: Duration = Duration::from_secs(5);
/// Bytes of all rings: nothing may be lost.
const RINGS_BYTES: usize = 512 << 20;
/// What the last write of each test writes, so that the test knows that all others were shown.
const LAST: &str = "last";

/// What was shown of one write.
#[derive(Debug)]
struct Shown {
    /// What it wrote: what is right.
    right: String,
    /// `fd.name`.
    name: String,
    /// `proc.name`.
    comm: String,
}

/// The lines of the writes below `scratch` while `workload` runs. `None` where that is not allowed.
fn writes<const N: usize>(scratch: &Scratch, workload: impl FnOnce() -> [i64; N]) -> Option<(Vec<Shown>, [i64; N])> {
    writes_seen(scratch, workload, |_| {})
}

/// The same; `seen` is called with each line as soon as it is there.
fn writes_seen<const N: usize>(
    scratch: &Scratch,
    workload: impl FnOnce() -> [i64; N],
    mut seen: impl FnMut(&Shown),
) -> Option<(Vec<Shown>, [i64; N])> {
    if !level::root_or_skip() {
        return None;
    }
    let beacon = scratch.c_path("beacon");
    let last = format!("{}/{LAST}", scratch.dir().display());
    let beacon = Workload::<0>::fork(|| {
        let fd = sys!(SYS_openat, AT_FDCWD, &*beacon, O_CREAT | O_WRONLY, 0o600);
        loop {
            let _ = (write(fd, &beacon), sys!(SYS_poll, 0, 0, 20));
        }
    });
    let workload = Workload::fork(workload);
    beacon.start();
    let filter = format!("evt.type=write and evt.buffer contains '{}'", scratch.dir().display());
    let format = "*%evt.buffer %fd.name %proc.name";
    let ring = ring_bytes(RINGS_BYTES).to_string();
    let args = ["--unbuffered", "--buffer-size", &ring, "-p", format, &filter];
    let running = Running::start(&mut command::tracer(args));
    assert!(running.line().is_some(), "the beacon is seen");
    beacon.kill();
    workload.start();
    let marker = last.clone();
    let ended = std::thread::spawn(move || {
        let (_, said) = workload.end();
        let _ = sys!(SYS_write, -1, at(marker.as_bytes()), marker.len());
        said
    });
    let mut shown = Vec::new();
    loop {
        let line = running.line().expect("the last write is seen");
        let words: Vec<&str> = line.split(' ').collect();
        let [right, name, comm] = words[..] else { panic!("not understood: {line}") };
        if right == last {
            break;
        }
        if !right.ends_with("/beacon") {
            let line = Shown { right: right.to_owned(), name: name.to_owned(), comm: comm.to_owned() };
            seen(&line);
            shown.push(line);
        }
    }
    running.interrupt();
    let output = running.end();
    assert!(output.errors.contains(" 0 lost"), "nothing can be said with losses: {}", output.errors);
    Some((shown, ended.join().expect("the workload comes to its end")))
}

/// Writes the name that the descriptor should have.
fn write(fd: i64, name: &CStr) -> i64 {
    sys!(SYS_write, fd, name, name.to_bytes().len())
}

fn create(path: &CStr) -> i64 {
    sys!(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY, 0o600)
}

/// A path in a directory, without use of what another thread could hold.
fn path(dir: &CStr, name: impl std::fmt::Display) -> CString {
    CString::new([dir.to_bytes(), format!("/{name}").as_bytes()].concat()).unwrap()
}

/// No name is wrong, and few are missing.
#[track_caller]
fn names_are_right(shown: &[Shown], expected: i64) {
    let wrong: Vec<_> = shown.iter().filter(|shown| shown.name != shown.right && shown.name != "<NA>").collect();
    let unknown = shown.iter().filter(|shown| shown.name == "<NA>").count();
    let share = unknown as f64 / shown.len().max(1) as f64;
    println!("{} writes, {unknown} without a name ({:.3} %), {} wrong", shown.len(), share * 100.0, wrong.len());
    assert!(
        wrong.is_empty(),
        "{} of {} names are wrong, such as {:?}",
        wrong.len(),
        shown.len(),
        &wrong[..wrong.len().min(5)]
    );
    assert_eq!(shown.len() as i64, expected, "writes are missing");
    assert!(share <= MAX_UNKNOWN, "{unknown} of {} have no name", shown.len());
}

#[test]
fn threads_that_share_descriptors_have_names_of_their_own() {
    const THREADS: i64 = 200;
    /// Each is nine calls.
    const ROUNDS: usize = 250;
    let scratch = Scratch::new();
    let dir = c_path(scratch.dir());
    let Some((shown, [written])) = writes(&scratch, || {
        let end = Instant::now() + LONGEST;
        let threads = (0..THREADS).map(|number| {
            let path = path(&dir, number);
            std::thread::spawn(move || {
                let mut written = 0;
                for _ in 0..ROUNDS {
                    if Instant::now() > end {
                        break;
                    }
                    let fd = create(&path);
                    let copy = sys!(SYS_dup, fd);
                    let _ = sys!(SYS_close, fd);
                    let second = sys!(SYS_dup2, copy, 2000 + number);
                    written += i64::from(write(copy, &path) > 0) + i64::from(write(second, &path) > 0);
                    crate::close([copy, second]);
                    let third = create(&path);
                    written += i64::from(write(third, &path) > 0);
                    crate::close([third]);
                }
                written
            })
        });
        let threads: Vec<_> = threads.collect();
        [threads.into_iter().map(|thread| thread.join().unwrap()).sum()]
    }) else {
        return;
    };
    assert!(written > 20_000, "only {written} writes");
    names_are_right(&shown, written);
}

#[test]
fn short_processes_have_names_of_their_own() {
    const PROCESSES: i64 = 3000;
    const AT_ONCE: i64 = 8;
    let scratch = Scratch::new();
    let dir = c_path(scratch.dir());
    let Some((shown, [])) = writes(&scratch, || {
        for number in 0..PROCESSES {
            if sys!(SYS_fork) == 0 {
                let path = path(&dir, sys!(SYS_getpid));
                let _ = (write(create(&path), &path), sys!(SYS_exit_group, 0));
            }
            if number >= AT_ONCE {
                let _ = sys!(SYS_wait4, -1, 0, 0, 0);
            }
        }
        while sys!(SYS_wait4, -1, 0, 0, 0) > 0 {}
        []
    }) else {
        return;
    };
    names_are_right(&shown, PROCESSES);
}

/// Forks until the child has the id `pid`, with the id of the last process set to the one before; 0 in the child.
fn fork_as(pid: i64) -> i64 {
    loop {
        let last = sys!(SYS_openat, AT_FDCWD, c"/proc/sys/kernel/ns_last_pid", O_WRONLY, 0);
        let text = CString::new((pid - 1).to_string()).unwrap();
        assert!(write(last, &text) > 0, "the last process id cannot be set");
        crate::close([last]);
        let child = sys!(SYS_fork);
        if child == 0 && sys!(SYS_getpid) != pid {
            let _ = sys!(SYS_exit_group, 0);
        }
        if child == 0 || child == pid {
            return child;
        }
        // Another process of the machine was faster.
        let _ = sys!(SYS_wait4, child, 0, 0, 0);
    }
}

#[test]
fn a_process_with_the_id_of_another_has_nothing_of_it() {
    const TIMES: i64 = 50;
    let scratch = Scratch::new();
    let dir = c_path(scratch.dir());
    if !level::root_or_skip() || !level::file_or_skip("/proc/sys/kernel/ns_last_pid") {
        return;
    }
    let Some((shown, [])) = writes(&scratch, || {
        for number in 0..TIMES {
            let first = sys!(SYS_fork);
            if first == 0 {
                let (own, other) = (path(&dir, format!("first-{number}")), path(&dir, format!("gone-{number}")));
                let _ = sys!(SYS_prctl, libc::PR_SET_NAME, c"first");
                let _ = sys!(SYS_dup2, create(&own), 77);
                let _ = sys!(SYS_dup2, create(&other), 78);
                let _ = (write(77, &own), write(78, &other), sys!(SYS_exit_group, 0));
            }
            let _ = sys!(SYS_wait4, first, 0, 0, 0);
            // The second one inherits 77 and has no 78.
            let inherited = path(&dir, format!("second-{number}"));
            let _ = sys!(SYS_dup2, create(&inherited), 77);
            let second = fork_as(first);
            if second == 0 {
                let _ = (write(77, &inherited), write(78, &path(&dir, format!("second-none-{number}"))));
                let _ = sys!(SYS_exit_group, 0);
            }
            let _ = sys!(SYS_wait4, second, 0, 0, 0);
            let _ = sys!(SYS_close_range, 3, 100, 0);
        }
        []
    }) else {
        return;
    };
    let of = |what: &str| shown.iter().filter(|shown| shown.right.contains(what)).collect::<Vec<_>>();
    for shown in of("/second-") {
        assert_ne!(shown.comm, "first", "{shown:?}");
    }
    for shown in of("/second-none-") {
        assert_eq!(shown.name, "<NA>", "{shown:?}");
    }
    let named: Vec<_> = shown.into_iter().filter(|shown| !shown.right.contains("-none-")).collect();
    names_are_right(&named, 3 * TIMES);
}

/// `struct msghdr` with one buffer and room for one descriptor.
fn message(buffer: &[[u64; 2]], control: &mut [u64; 3]) -> [u64; 7] {
    [0, 0, at(buffer), 1, at_mut(control), 24, 0]
}

/// Sends a descriptor with the name of its file.
fn send(socket: i32, fd: i64, name: &CStr) {
    // `struct cmsghdr`: length with the header, SOL_SOCKET, SCM_RIGHTS, and the descriptor.
    let mut control = [20, 1 | 1 << 32, fd as u64];
    let buffer = [[at(name), name.to_bytes().len() as u64]];
    assert!(sys!(SYS_sendmsg, socket, at(&message(&buffer, &mut control)), 0) > 0);
}

/// Receives a descriptor; it and the name of its file.
fn receive(socket: i32) -> (i64, CString) {
    let (mut control, mut name) = ([0_u64; 3], [0_u8; 256]);
    let buffer = [[at_mut(&mut name), 256]];
    let len = sys!(SYS_recvmsg, socket, at(&message(&buffer, &mut control)), 0);
    assert!(len > 0);
    (control[2] & 0xffff_ffff).try_into().map(|fd| (fd, CString::new(&name[..len as usize]).unwrap())).unwrap()
}

#[test]
fn a_descriptor_from_another_process_has_its_name_or_none() {
    const ROUNDS: i64 = 1000;
    /// Most writes of a descriptor that stays, 20 ms apart: until one is shown with its name.
    const LATER: i64 = 1000;
    let scratch = Scratch::new();
    let dir = c_path(scratch.dir());
    let (stays, named) = (format!("{}/{ROUNDS}", scratch.dir().display()), scratch.c_path("named"));
    let is_named = |shown: &Shown| {
        if shown.right == stays && shown.name == stays {
            let _ = std::fs::write(scratch.path("named"), "");
        }
    };
    let workload = || {
        let mut ends = [0_i32; 2];
        assert_eq!(sys!(SYS_socketpair, libc::AF_UNIX, libc::SOCK_SEQPACKET, 0, at_mut(&mut ends)), 0);
        if sys!(SYS_fork) == 0 {
            for number in 0..=ROUNDS {
                let path = path(&dir, number);
                let fd = create(&path);
                send(ends[0], fd, &path);
                crate::close([fd]);
            }
            let _ = sys!(SYS_exit_group, 0);
        }
        for number in 0..ROUNDS {
            let (fd, name) = receive(ends[1]);
            let _ = write(fd, &name);
            crate::close([fd]);
            // The number is soon one of another file.
            if number % 2 == 0 {
                let path = path(&dir, format!("own-{number}"));
                let fd = create(&path);
                let _ = write(fd, &path);
                crate::close([fd]);
            }
        }
        let (fd, name) = receive(ends[1]);
        let mut later = 0;
        while later < LATER && sys!(SYS_access, &*named, 0) != 0 {
            later += i64::from(write(fd, &name) > 0);
            let _ = sys!(SYS_poll, 0, 0, 20);
        }
        [later]
    };
    let Some((shown, [later])) = writes_seen(&scratch, workload, is_named) else { return };
    let wrong: Vec<_> = shown.iter().filter(|shown| shown.name != shown.right && shown.name != "<NA>").collect();
    println!("{} writes, {} wrong, named after {later} more", shown.len(), wrong.len());
    assert!(wrong.is_empty(), "{} names are wrong, such as {:?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    assert_eq!(shown.len() as i64, ROUNDS + ROUNDS / 2 + later);
    let unnamed_own = shown.iter().filter(|shown| shown.right.contains("/own-") && shown.name == "<NA>").count();
    assert_eq!(unnamed_own, 0, "what the process opened itself has a name");
    assert!(later < LATER, "what stays open gets its name");
}
