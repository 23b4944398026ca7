//! Facts of one processor architecture: one file each.

#[cfg(any(target_arch = "x86_64", target_arch = "bpf"))]
mod ia32;
#[cfg(any(target_arch = "x86_64", target_arch = "bpf"))]
mod x86_64;
#[cfg(any(target_arch = "x86_64", target_arch = "bpf"))]
pub use ia32::*;
#[cfg(any(target_arch = "x86_64", target_arch = "bpf"))]
pub use x86_64::*;

/// A system call of this architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syscall {
    /// Its number.
    pub number: u16,
    /// Its number in the `.scap` format, the same on all architectures.
    pub id: u16,
    /// Its name.
    pub name: &'static str,
}

/// A call through the 32-bit entry of a 64-bit kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compat {
    /// Its number.
    pub number: u16,
    /// Its number in the `.scap` format.
    pub id: u16,
    /// Its name.
    pub name: &'static str,
    /// The call whose row has its arguments in the same order: its own name, or that of a call of the other table. Empty when
    /// there is none, since it has old structs or passes 64 bits in halves: it is shown by its name, without arguments.
    pub like: &'static str,
}

/// Calls that never come back, so that no event has their name, and the event that tells what they did.
pub const NO_RETURN: &[(&str, &str)] = &[("exit", "procexit"), ("exit_group", "procexit")];

/// Calls that have a successor, which many programs call instead: a C library or a language runtime chooses.
///
/// Source: glibc sysdeps/unix/sysv/linux, Go src/syscall.
pub const REPLACED: &[(&str, &str)] = &[
    ("open", "openat"),
    ("creat", "openat"),
    ("accept", "accept4"),
    ("access", "faccessat"),
    ("faccessat", "faccessat2"),
    ("stat", "newfstatat"),
    ("lstat", "newfstatat"),
    ("unlink", "unlinkat"),
    ("rmdir", "unlinkat"),
    ("mkdir", "mkdirat"),
    ("mknod", "mknodat"),
    ("rename", "renameat"),
    ("renameat", "renameat2"),
    ("link", "linkat"),
    ("symlink", "symlinkat"),
    ("readlink", "readlinkat"),
    ("chmod", "fchmodat"),
    ("chown", "fchownat"),
    ("utime", "utimensat"),
    ("utimes", "utimensat"),
    ("getdents", "getdents64"),
    ("fork", "clone"),
    ("vfork", "clone"),
    ("clone", "clone3"),
    ("pipe", "pipe2"),
    ("dup2", "dup3"),
    ("select", "pselect6"),
    ("epoll_create", "epoll_create1"),
    ("epoll_wait", "epoll_pwait"),
    ("eventfd", "eventfd2"),
    ("signalfd", "signalfd4"),
    ("inotify_init", "inotify_init1"),
    ("umount", "umount2"),
    ("getrlimit", "prlimit"),
    ("setrlimit", "prlimit"),
    ("send", "sendto"),
    ("recv", "recvfrom"),
    ("waitpid", "wait4"),
];

/// The names of all calls, 64 bits and 32; a name of both comes twice.
pub fn call_names() -> impl Iterator<Item = &'static str> {
    SYSCALLS.iter().map(|call| call.name).chain(COMPAT_SYSCALLS.iter().map(|call| call.name))
}

/// The 32-bit call of a number.
#[must_use]
pub fn compat_call(number: u64) -> Option<&'static Compat> {
    let at = COMPAT_SYSCALLS.binary_search_by_key(&number, |call| u64::from(call.number)).ok()?;
    COMPAT_SYSCALLS.get(at)
}

/// The name of a system call by its portable number.
#[must_use]
pub fn name_of_id(id: u16) -> Option<&'static str> {
    // Zero is that of calls that have none.
    if id == 0 { None } else { NAMES.get(usize::from(id)).copied().flatten() }
}

/// How many portable numbers there are at most.
const IDS: usize = 512;

/// Names by portable number. Of a number with several names, the first of the 64-bit calls counts.
static NAMES: [Option<&'static str>; IDS] = {
    let mut names = [None; IDS];
    let mut at = COMPAT_SYSCALLS.len();
    while at > 0 {
        at -= 1;
        names[COMPAT_SYSCALLS[at].id as usize] = Some(COMPAT_SYSCALLS[at].name);
    }
    at = SYSCALLS.len();
    while at > 0 {
        at -= 1;
        names[SYSCALLS[at].id as usize] = Some(SYSCALLS[at].name);
    }
    names
};

/// The number of a system call, at compile time; a name that is not there is a compile error.
#[must_use]
pub const fn number_of(name: &str) -> u16 {
    let mut at = 0;
    while at < SYSCALLS.len() {
        if crate::events::same(SYSCALLS[at].name.as_bytes(), name.as_bytes()) {
            return SYSCALLS[at].number;
        }
        at += 1;
    }
    panic!("there is no such system call")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_fit_the_table_of_plans() {
        for pair in SYSCALLS.windows(2) {
            assert!(pair[0].number < pair[1].number, "{} before {}", pair[0].name, pair[1].name);
        }
        assert!(SYSCALLS.iter().all(|call| usize::from(call.number) < MAX_SYSCALLS));
        for pair in COMPAT_SYSCALLS.windows(2) {
            assert!(pair[0].number < pair[1].number, "{} before {}", pair[0].name, pair[1].name);
        }
        assert!(COMPAT_SYSCALLS.iter().all(|call| usize::from(call.number) < MAX_SYSCALLS));
        assert_eq!(compat_call(COMPAT_SIGRETURN.into()).map(|call| call.name), Some("rt_sigreturn"));
        assert_eq!(compat_call(COMPAT_SOCKETCALL.into()).map(|call| call.name), Some("socketcall"));
    }
}
