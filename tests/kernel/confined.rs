//! What a running tracer can still do when it was taken over.

use std::{fs, os::unix::process::CommandExt as _, process::Command};

use tracer_tests::{
    command::{Running, tracer},
    hijack::{Hijacked, status, threads},
    level,
    session::Session,
};

const EPERM: i64 = -(libc::EPERM as i64);
/// Bits of the sets of capabilities. Source: linux/capability.h.
const DAC_OVERRIDE: u64 = 1 << 1;
const DAC_READ_SEARCH: u64 = 1 << 2;
const SYS_PTRACE: u64 = 1 << 19;
/// Kept by kernels before 5.19 only.
const BPF: u64 = 1 << 39;

fn set(pid: u32, thread: u32, name: &str) -> u64 {
    u64::from_str_radix(&status(pid, thread, name), 16).unwrap()
}

#[test]
fn a_running_tracer_keeps_what_it_needs() {
    if !level::root_or_skip() {
        return;
    }
    let mut running = Running::start(&mut tracer(["-pc", "-v", "evt.type=getppid and proc.name=nobody-has-it"]));
    while !running.error_line().contains("tracing keeps CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH") {}
    let pid = running.pid();
    let threads = threads(pid);
    assert!(threads.iter().any(|(_, name)| name == "tracer-engines"), "{threads:?}");
    for (thread, name) in threads {
        let engines = if name == "tracer-engines" { DAC_OVERRIDE } else { 0 };
        for kept in ["CapPrm", "CapEff"] {
            let kept = set(pid, thread, kept) & !BPF;
            assert_eq!(kept, SYS_PTRACE | DAC_READ_SEARCH | engines, "{name}");
        }
        for none in ["CapInh", "CapAmb", "CapBnd"] {
            assert_eq!(set(pid, thread, none), 0, "{none} of {name}");
        }
        assert_eq!((status(pid, thread, "NoNewPrivs"), status(pid, thread, "Seccomp")), ("1".into(), "2".into()));
        attack(thread, &name);
    }
    running.interrupt();
    let output = running.end();
    assert!(output.status.success() && output.errors.contains(", 0 lost"), "{}", output.errors);
}

/// What an attacker tries first.
fn attack(thread: u32, name: &str) {
    let mut it = Hijacked::new(thread);
    assert_eq!(it.call(libc::SYS_gettid, &[]), i64::from(thread), "calls can be made in its name");
    let refused = [
        ("execve", it.call_with(libc::SYS_execve, c"/bin/true", 0, &[0, 0])),
        ("network", it.call(libc::SYS_socket, &[libc::AF_INET as u64, libc::SOCK_STREAM as u64, 0])),
        ("netlink", it.call(libc::SYS_socket, &[libc::AF_NETLINK as u64, libc::SOCK_RAW as u64, 0])),
        ("fork", it.call(libc::SYS_fork, &[])),
        ("clone", it.call(libc::SYS_clone, &[libc::SIGCHLD as u64])),
        ("ptrace", it.call(libc::SYS_ptrace, &[libc::PTRACE_ATTACH.into(), 1])),
        ("memory of others", it.call(libc::SYS_process_vm_writev, &[1, 0, 0, 0, 0, 0])),
        ("kill", it.call(libc::SYS_kill, &[u64::from(std::process::id()), 0])),
        ("mount", it.call(libc::SYS_mount, &[0, 0, 0, 0, 0])),
        ("module", it.call(libc::SYS_init_module, &[0, 0, 0])),
        ("programs", it.call(libc::SYS_bpf, &[5, 0, 0])),
        ("namespace", it.call(libc::SYS_unshare, &[libc::CLONE_NEWUSER as u64])),
        ("io_uring", it.call(libc::SYS_io_uring_setup, &[1, 0])),
        ("typing into the terminal", it.call(libc::SYS_ioctl, &[0, libc::TIOCSTI, 0])),
        // Not by seccomp: the capability is gone.
        ("setuid", it.call(libc::SYS_setuid, &[1])),
    ];
    for (what, result) in refused {
        assert_eq!(result, EPERM, "{what} in {name}");
    }
    let socket = it.call(libc::SYS_socket, &[libc::AF_UNIX as u64, libc::SOCK_STREAM as u64, 0]);
    assert!(socket >= 0, "engines are asked later: {socket}");
    it.call(libc::SYS_close, &[socket as u64]);
}

#[test]
fn what_is_looked_up_later_is_still_found() {
    if !level::root_or_skip() {
        return;
    }
    // A process of another user: its folder in /proc is theirs.
    let output = {
        let session =
            Session::lines("%proc.name %proc.exepath %proc.cwd %evt.type", "evt.type=execve and proc.name=true");
        assert!(Command::new("true").uid(61_237).gid(61_237).current_dir("/proc").status().unwrap().success());
        session.end()
    };
    // Small systems have it in another folder.
    let exe = ["/usr/bin/true", "/bin/true"].iter().find_map(|path| fs::canonicalize(path).ok()).expect("a program");
    let line = format!("true {} /proc/ execve", exe.display());
    assert!(output.lines.iter().any(|it| it.contains(&line)), "{line}: {:#?}", output.lines);
}
