//! Reading captures: what a process can still do whose parser was taken over.

use std::{
    fs::{self, File},
    io::{PipeWriter, Write as _},
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    process::{Command, Stdio},
};

use tracer_tests::{
    command::{self, Running, tracer},
    hijack::{Hijacked, status, threads, without_calls},
    level,
    scratch::Scratch,
};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");
const EPERM: i64 = -(libc::EPERM as i64);
const EACCES: i64 = -(libc::EACCES as i64);

/// A tracer that has read a capture from a pipe, and waits for more.
fn reading(command: &mut Command) -> (Running, PipeWriter) {
    let (from, mut to) = std::io::pipe().unwrap();
    let running = Running::start(command.stdin(Stdio::from(from)));
    to.write_all(&fs::read(SAMPLE).unwrap()).unwrap();
    (running, to)
}

/// What an attacker tries first. Each is refused.
fn attack(thread: u32) -> Vec<(&'static str, i64)> {
    let mut it = Hijacked::new(thread);
    assert_eq!(it.call(libc::SYS_gettid, &[]), i64::from(thread), "calls can be made in its name");
    let exec = libc::PROT_READ | libc::PROT_EXEC;
    let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let here = libc::AT_FDCWD as i64 as u64;
    vec![
        ("execve", it.call_with(libc::SYS_execve, c"/bin/true", 0, &[0, 0])),
        ("execveat", it.call_with(libc::SYS_execveat, c"/bin/true", 1, &[here, 0, 0, 0])),
        ("socket of the network", it.call(libc::SYS_socket, &[libc::AF_INET as u64, libc::SOCK_STREAM as u64, 0])),
        ("socket of files", it.call(libc::SYS_socket, &[libc::AF_UNIX as u64, libc::SOCK_STREAM as u64, 0])),
        ("fork", it.call(libc::SYS_fork, &[])),
        ("clone", it.call(libc::SYS_clone, &[libc::SIGCHLD as u64])),
        ("code", it.call(libc::SYS_mmap, &[0, 4096, exec as u64, private as u64, u64::MAX, 0])),
        ("ptrace", it.call(libc::SYS_ptrace, &[libc::PTRACE_ATTACH.into(), 1])),
        ("kill", it.call(libc::SYS_kill, &[u64::from(std::process::id()), 0])),
        ("bpf", it.call(libc::SYS_bpf, &[0, 0, 0])),
        ("setuid", it.call(libc::SYS_setuid, &[0])),
        ("typing into the terminal", it.call(libc::SYS_ioctl, &[0, libc::TIOCSTI, 0])),
        ("io_uring", it.call(libc::SYS_io_uring_setup, &[1, 0])),
        ("mkdir", it.call_with(libc::SYS_mkdirat, c"/tmp/x", 1, &[here, 0o700])),
    ]
}

/// Opening files.
fn opens(thread: u32, path: &std::ffi::CStr, flags: i32) -> i64 {
    let here = libc::AT_FDCWD as i64 as u64;
    let mut it = Hijacked::new(thread);
    let fd = it.call_with(libc::SYS_openat, path, 1, &[here, flags as u64, 0o600]);
    if fd >= 0 {
        it.call(libc::SYS_close, &[fd as u64]);
    }
    fd
}

#[test]
fn a_parser_that_was_taken_over_can_do_nothing() {
    let (running, to) = reading(&mut tracer(["-r", "-", "-v", "-c", "topprocs_cpu", "-P"]));
    let mut running = running;
    // Shown by a thread that begins last.
    while !running.error_line().contains("read ") {}
    let threads = threads(running.pid());
    let names: Vec<_> = threads.iter().map(|(_, name)| name.as_str()).collect();
    assert!(names.contains(&"capture") && names.contains(&"progress"), "{names:?}");
    for (thread, name) in &threads {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(running.pid(), *thread, set), "0000000000000000", "{set} of {name}");
        }
        if level::root_or_skip() {
            assert_eq!(status(running.pid(), *thread, "CapBnd"), "0000000000000000", "{name}");
        }
        assert_eq!(status(running.pid(), *thread, "NoNewPrivs"), "1", "{name}");
        assert_eq!(status(running.pid(), *thread, "Seccomp"), "2", "{name}");
        for (what, result) in attack(*thread) {
            assert_eq!(result, EPERM, "{what} in {name}");
        }
        assert_eq!(opens(*thread, c"/etc/passwd", libc::O_RDONLY), EPERM, "{name}");
        assert_eq!(opens(*thread, c"/tmp/x", libc::O_RDWR | libc::O_CREAT), EPERM, "{name}");
    }
    // It reads on as if nothing had been.
    drop(to);
    let output = running.end();
    assert!(output.status.success(), "{}", output.errors);
    assert!(output.errors.contains("reading keeps no capability"), "{}", output.errors);
}

#[test]
fn the_attacks_succeed_where_nothing_is_given_up() {
    // The same calls in another program, so that it is no fault of theirs when they fail.
    let (from, to) = std::io::pipe().unwrap();
    let cat = Running::start(Command::new("cat").stdin(Stdio::from(from)));
    std::thread::sleep(std::time::Duration::from_millis(200));
    let failed: Vec<_> = {
        let mut it = Hijacked::new(cat.pid());
        let socket = it.call(libc::SYS_socket, &[libc::AF_INET as u64, libc::SOCK_STREAM as u64, 0]);
        let kill = it.call(libc::SYS_kill, &[u64::from(std::process::id()), 0]);
        let execve = it.call_with(libc::SYS_execve, c"/nonexistent", 0, &[0, 0]);
        [socket >= 0, kill == 0, execve == -i64::from(libc::ENOENT)].into_iter().filter(|it| !it).collect()
    };
    assert!(failed.is_empty());
    assert!(opens(cat.pid(), c"/etc/passwd", libc::O_RDONLY) >= 0);
    drop(to);
}

#[test]
fn files_that_are_made_later_are_made_in_their_folder_only() {
    let scratch = Scratch::new();
    let path = scratch.path("capture");
    let (running, to) =
        reading(&mut tracer(["-r", "-", "-v", "-p", "%evt.num", "-w", path.to_str().unwrap(), "-e", "100"]));
    assert!(running.line().is_some());
    let thread = running.pid();
    let beside = scratch.c_path("beside");
    assert!(opens(thread, &beside, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL) >= 0);
    for (path, flags) in
        [(c"/etc/passwd", libc::O_RDONLY), (c"/tmp", libc::O_RDWR | libc::O_TMPFILE), (c"/proc/self/mem", libc::O_RDWR)]
    {
        assert_eq!(opens(thread, path, flags), EACCES, "{path:?}");
    }
    for (what, result) in attack(thread) {
        assert_eq!(result, EPERM, "{what}");
    }
    drop(to);
    let output = running.end();
    assert!(output.status.success(), "{}", output.errors);
    let files = fs::read_dir(scratch.dir()).unwrap().flatten().filter(|it| it.file_name() != "beside");
    let events: usize =
        files.map(|file| command::output(["-r", file.path().to_str().unwrap(), "-p", "%evt.num"]).lines.len()).sum();
    // One line was read before.
    assert_eq!((events, output.lines.len()), (315, 314));
}

#[test]
fn files_are_read_although_nothing_can_be_opened() {
    let scratch = Scratch::new();
    // A plain file, a pipe whose writer waits for its turn, and one that is missing.
    let pipe = scratch.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || File::options().write(true).open(pipe).unwrap().write_all(&fs::read(SAMPLE).unwrap()).unwrap()
    });
    let words = ["-r", SAMPLE, "-r", pipe.to_str().unwrap(), "-r", SAMPLE, "-p", "%evt.num"];
    let output = command::output(words);
    writer.join().unwrap();
    assert!(output.status.success() && output.lines.len() == 3 * 315, "{}", output.errors);
    let missing = scratch.path("missing");
    let output = command::output(["-r", SAMPLE, "-r", missing.to_str().unwrap(), "-p", "%evt.num"]);
    assert_eq!((output.status.code(), output.lines.len()), (Some(1), 315), "{}", output.errors);
    assert!(output.errors.contains("missing': No such file"), "{}", output.errors);
    let folder = scratch.dir().to_str().unwrap();
    let output = command::output(["-r", folder]);
    assert!(output.errors.contains("s a directory") && output.status.code() == Some(1), "{}", output.errors);
    // Many of them, of which not all are open at once.
    let many: Vec<_> = (0..200).flat_map(|_| ["-r", SAMPLE]).chain(["-p", "%evt.num"]).collect();
    assert_eq!(command::output(many).lines.len(), 200 * 315);
}

#[test]
fn where_the_kernel_does_not_offer_it_that_is_said() {
    let said = |calls: &[libc::c_long], error: i32| {
        let mut command = tracer(["-r", SAMPLE, "-v", "-p", "%evt.num"]);
        without_calls(&mut command, calls, error);
        let output = Running::start(&mut command).end();
        assert!(output.status.success() && output.lines.len() == 315, "{}", output.errors);
        output.errors
    };
    let landlock = [libc::SYS_landlock_create_ruleset];
    let text = said(&landlock, libc::ENOSYS);
    assert!(text.contains("only open files; not confined by Landlock: not supported by this kernel"), "{text}");
    let text = said(&landlock, libc::EOPNOTSUPP);
    assert!(text.contains("not confined by Landlock: disabled"), "{text}");
    let text = said(&[libc::SYS_seccomp], libc::EINVAL);
    assert!(text.contains("all system calls") && text.contains("not confined by seccomp: "), "{text}");
    let mut command = tracer(["--doctor"]);
    without_calls(&mut command, &landlock, libc::EOPNOTSUPP);
    let output = Running::start(&mut command).end();
    assert!(output.lines.iter().any(|line| line.starts_with("warn Landlock: not available")), "{:#?}", output.lines);
}

#[test]
fn reading_goes_on_as_somebody_else() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.path("capture");
    std::os::unix::fs::chown(scratch.dir(), Some(61_234), Some(61_234)).unwrap();
    // A number that no user has, and no file is written.
    let (running, to) = reading(&mut tracer(["-r", "-", "--drop-to", "61234", "-p", "%evt.num"]));
    assert!(running.line().is_some());
    for (thread, _) in threads(running.pid()) {
        let ids = ["61234"; 4].join("\t");
        assert_eq!((status(running.pid(), thread, "Uid"), status(running.pid(), thread, "Gid")), (ids.clone(), ids));
        assert_eq!(status(running.pid(), thread, "Groups"), "61234");
    }
    drop(to);
    assert!(running.end().status.success());
    // Files belong to them, also those of a rotation.
    let words = ["-r", SAMPLE, "--drop-to", "61234", "-w", path.to_str().unwrap(), "-e", "100"];
    let output = command::output(words);
    assert!(output.status.success(), "{}", output.errors);
    let owners: Vec<_> = fs::read_dir(scratch.dir()).unwrap().map(|it| it.unwrap().metadata().unwrap().uid()).collect();
    assert!(owners.len() > 3 && owners.iter().all(|owner| *owner == 61_234), "{owners:?}");
}

#[test]
fn folders_of_others_can_still_be_written_by_root() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.path("theirs");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(61_234), Some(61_234)).unwrap();
    let path = folder.join("capture");
    let output = command::output(["-r", SAMPLE, "-v", "--force", "-w", path.to_str().unwrap(), "-e", "100"]);
    assert!(output.status.success(), "{}", output.errors);
    assert!(output.errors.contains("reading keeps CAP_DAC_OVERRIDE;"), "{}", output.errors);
    assert!(fs::read_dir(folder).unwrap().count() > 3);
}

#[test]
fn a_user_without_rights_can_read() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (binary, capture) = (scratch.path("tracer"), scratch.path("capture"));
    fs::copy(level::tracer(), &binary).unwrap();
    fs::copy(SAMPLE, &capture).unwrap();
    let mut command = Command::new(binary);
    command.args(["-v", "-p", "%evt.num", "-r"]).arg(capture).uid(61_234).gid(61_234).stdin(Stdio::null());
    let output = Running::start(&mut command).end();
    assert!(output.status.success() && output.lines.len() == 315, "{}", output.errors);
    assert!(output.errors.contains("reading keeps no capability"), "{}", output.errors);
}
