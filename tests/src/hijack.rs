//! A running process that is made to call what it never would: what an attacker does who has found a fault in it.
#![allow(unsafe_code, reason = "ptrace")]

use std::{ffi::CStr, fs, io, ptr};

/// A thread of a process, stopped. It goes on when this is dropped, as if nothing had been.
pub struct Hijacked {
    thread: i32,
    saved: libc::user_regs_struct,
    /// Where a system call instruction is.
    call_at: u64,
}

/// A `syscall` instruction.
const SYSCALL: u64 = 0x050f;
/// Below the stack pointer, what is there may be in use.
const RED_ZONE: u64 = 1024;

impl Hijacked {
    /// Stops a thread, in a system call or behind the next one.
    ///
    /// # Panics
    /// If it cannot be stopped.
    #[must_use]
    pub fn new(thread: u32) -> Self {
        let thread = i32::try_from(thread).expect("a thread");
        // SAFETY: plain calls on a child of this process, or one of its threads.
        let attached = unsafe { libc::ptrace(libc::PTRACE_ATTACH, thread, 0, 0) };
        assert_eq!(attached, 0, "ptrace: {}", io::Error::last_os_error());
        wait(thread);
        if !is_behind_a_call(thread) {
            // It runs: to the beginning of its next call, and to the end of that.
            for _ in 0..2 {
                // SAFETY: the thread is stopped.
                assert_eq!(unsafe { libc::ptrace(libc::PTRACE_SYSCALL, thread, 0, 0) }, 0);
                wait(thread);
            }
            assert!(is_behind_a_call(thread));
        }
        let saved = registers(thread);
        Self { thread, saved, call_at: saved.rip - 2 }
    }

    /// What the call returns: a value or a negative error.
    ///
    /// # Panics
    /// If the thread does not come back.
    pub fn call(&mut self, number: libc::c_long, args: &[u64]) -> i64 {
        let arg = |at: usize| args.get(at).copied().unwrap_or(0);
        let mut now = libc::user_regs_struct {
            rax: number as u64,
            // What was interrupted is not begun again.
            orig_rax: u64::MAX,
            rip: self.call_at,
            rdi: arg(0),
            rsi: arg(1),
            rdx: arg(2),
            r10: arg(3),
            r8: arg(4),
            r9: arg(5),
            ..self.saved
        };
        // SAFETY: the thread is stopped, and the structure is alive.
        unsafe {
            assert_eq!(libc::ptrace(libc::PTRACE_SETREGS, self.thread, 0, ptr::from_mut(&mut now)), 0);
            assert_eq!(libc::ptrace(libc::PTRACE_SINGLESTEP, self.thread, 0, 0), 0);
        }
        wait(self.thread);
        registers(self.thread).rax as i64
    }

    /// The same with a text as the argument at that place.
    ///
    /// # Panics
    /// If it cannot be written into the process.
    pub fn call_with(&mut self, number: libc::c_long, text: &CStr, at: usize, args: &[u64]) -> i64 {
        let to = (self.saved.rsp - RED_ZONE - text.count_bytes() as u64) & !7;
        let bytes = text.to_bytes_with_nul();
        for (word, bytes) in bytes.chunks(8).enumerate() {
            let mut eight = [0; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            // SAFETY: the thread is stopped; what is written is below its stack, where it keeps nothing.
            let written = unsafe {
                libc::ptrace(libc::PTRACE_POKEDATA, self.thread, to + 8 * word as u64, u64::from_le_bytes(eight))
            };
            assert_eq!(written, 0, "{}", io::Error::last_os_error());
        }
        let mut all = args.to_vec();
        all.insert(at, to);
        self.call(number, &all)
    }
}

impl Drop for Hijacked {
    fn drop(&mut self) {
        // SAFETY: the thread is stopped, or gone, which is an error that does not matter.
        unsafe {
            libc::ptrace(libc::PTRACE_SETREGS, self.thread, 0, ptr::from_mut(&mut self.saved));
            libc::ptrace(libc::PTRACE_DETACH, self.thread, 0, 0);
        }
    }
}

fn is_behind_a_call(thread: i32) -> bool {
    let call_at = registers(thread).rip - 2;
    // SAFETY: the thread is stopped, and reading its memory changes nothing.
    let code = unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, thread, call_at, 0) };
    code as u64 & 0xffff == SYSCALL
}

fn wait(thread: i32) {
    let mut status = 0;
    // SAFETY: the call writes to `status` only.
    let waited = unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) };
    assert_eq!(waited, thread, "{}", io::Error::last_os_error());
    assert!(libc::WIFSTOPPED(status), "it is stopped: {status:#x}");
}

fn registers(thread: i32) -> libc::user_regs_struct {
    // SAFETY: all-zero is a value of this struct of numbers.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: the thread is stopped, and the structure is alive.
    let read = unsafe { libc::ptrace(libc::PTRACE_GETREGS, thread, 0, ptr::from_mut(&mut registers)) };
    assert_eq!(read, 0, "{}", io::Error::last_os_error());
    registers
}

/// The threads of a process, by name.
///
/// # Panics
/// If there is no such process.
#[must_use]
pub fn threads(pid: u32) -> Vec<(u32, String)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs").flatten();
    tasks
        .filter_map(|task| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            Some((task.file_name().to_str()?.parse().ok()?, name.trim().to_owned()))
        })
        .collect()
}

/// What the kernel says of a thread: a line of its status.
///
/// # Panics
/// If there is no such thread or line.
#[must_use]
pub fn status(pid: u32, thread: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

/// Makes a command run where system calls of a kernel do not exist: they fail with this error.
pub fn without_calls(command: &mut std::process::Command, calls: &[libc::c_long], error: i32) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
    use std::os::unix::process::CommandExt as _;
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let arch = std::env::consts::ARCH.try_into().expect("a known kind of machine");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(error as u32), arch);
    let program: BpfProgram = filter.and_then(TryInto::try_into).expect("a filter");
    let apply = move || apply_filter(&program).map_err(io::Error::other);
    // SAFETY: only system calls are made between fork and exec.
    unsafe { command.pre_exec(apply) };
}
