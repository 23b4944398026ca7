//! Who this process is to the kernel, which need not be who it is to itself: in a pid namespace it has another number, and in a
//! time namespace another monotonic clock.
//!
//! A program of a few instructions is run once, in the middle of a call that this process makes, and says what the kernel side
//! will see. It needs no type of the kernel, so that it can be asked before anything else is read. First kernel 5.14.
#![allow(unsafe_code, reason = "aya cannot run a program of that type: it is loaded and run with bpf(2)")]

use std::{
    io, mem,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    sync::OnceLock,
};

use aya_obj::generated::{BPF_F_SLEEPABLE, bpf_cmd, bpf_prog_type::BPF_PROG_TYPE_SYSCALL};

use super::{LiveError, wait::clock_ns};

/// How often the clocks are compared: a comparison is as exact as it was short.
const COMPARISONS: usize = 16;

/// What the kernel says of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Its number in the first pid namespace, in which all numbers of records are.
    pub tgid: u32,
    /// How far the kernel's monotonic clock is ahead of the one that this process reads, nanoseconds.
    pub monotonic_ahead_ns: i64,
    /// The same of the clock that goes on in suspend.
    pub boot_ahead_ns: i64,
}

static OWN: OnceLock<Own> = OnceLock::new();

impl Own {
    /// Asks the kernel, the first time.
    ///
    /// # Errors
    /// The privileges are missing, or the kernel refuses the program.
    pub fn learn() -> Result<Self, LiveError> {
        if let Some(own) = Self::known() {
            return Ok(own);
        }
        if let Some(missing) = crate::doctor::missing_privileges() {
            return Err(LiveError::Privileges(missing));
        }
        let own = ask().map_err(|error| LiveError::Program {
            program: "own",
            hook: "a call of its own",
            cause: error.to_string(),
        })?;
        Ok(*OWN.get_or_init(|| own))
    }

    /// What the kernel said, if it was asked.
    #[must_use]
    pub fn known() -> Option<Self> {
        OWN.get().copied()
    }

    /// Whether the clocks of this process are not the kernel's.
    #[must_use]
    pub fn in_time_namespace(self) -> bool {
        (self.monotonic_ahead_ns, self.boot_ahead_ns) != (0, 0)
    }
}

/// What the program writes to its context.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct Said {
    pid_tgid: u64,
    monotonic_ns: u64,
    boot_ns: u64,
}

/// `struct bpf_insn`. Source: kernel include/uapi/linux/bpf.h.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Instruction {
    code: u8,
    /// The destination in the lower four bits, the source in the others.
    registers: u8,
    offset: i16,
    value: i32,
}

/// Helpers, by their numbers. Source: kernel include/uapi/linux/bpf.h, `___BPF_FUNC_MAPPER`.
const GET_CURRENT_PID_TGID: i32 = 14;
const KTIME_GET_NS: i32 = 5;
const KTIME_GET_BOOT_NS: i32 = 125;

const fn instruction(code: u8, registers: u8, offset: usize, value: i32) -> Instruction {
    Instruction { code, registers, offset: offset as i16, value }
}

/// `r0 = helper()`.
const fn call(helper: i32) -> Instruction {
    instruction(0x85, 0, 0, helper)
}

/// `*(u64 *)(r6 + offset) = r0`.
const fn keep(offset: usize) -> Instruction {
    instruction(0x7b, 0x06, offset, 0)
}

const PROGRAM: [Instruction; 9] = [
    // r6 = r1: the context.
    instruction(0xbf, 0x16, 0, 0),
    call(GET_CURRENT_PID_TGID),
    keep(mem::offset_of!(Said, pid_tgid)),
    call(KTIME_GET_NS),
    keep(mem::offset_of!(Said, monotonic_ns)),
    call(KTIME_GET_BOOT_NS),
    keep(mem::offset_of!(Said, boot_ns)),
    // return 0
    instruction(0xb7, 0, 0, 0),
    instruction(0x95, 0, 0, 0),
];

/// The part of `union bpf_attr` for `BPF_PROG_LOAD`.
#[derive(Default)]
#[repr(C, align(8))]
struct LoadAttr {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log: [u32; 2],
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
    rest: [u64; 10],
}

/// The part for `BPF_PROG_TEST_RUN`.
#[derive(Default)]
#[repr(C, align(8))]
struct RunAttr {
    program: u32,
    result: u32,
    data_sizes: [u32; 2],
    data: [u64; 2],
    repeat: u32,
    duration: u32,
    context_size: u32,
    context_out_size: u32,
    context: u64,
    rest: [u64; 8],
}

/// bpf(2) with the attribute of a command.
fn bpf<T>(command: bpf_cmd, attr: &mut T) -> io::Result<i32> {
    // SAFETY: the attribute has the layout of the command, what it does not name is zero, and what it points to is alive.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command as libc::c_int, &raw mut *attr, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

fn load() -> io::Result<OwnedFd> {
    let license = c"Dual MIT/GPL";
    let mut attr = LoadAttr {
        kind: BPF_PROG_TYPE_SYSCALL as u32,
        count: PROGRAM.len() as u32,
        instructions: PROGRAM.as_ptr() as u64,
        license: license.as_ptr() as u64,
        flags: BPF_F_SLEEPABLE,
        ..LoadAttr::default()
    };
    let fd = bpf(bpf_cmd::BPF_PROG_LOAD, &mut attr)?;
    // SAFETY: a descriptor that was just made and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn run(program: &OwnedFd) -> io::Result<Said> {
    let mut said = Said::default();
    let mut attr = RunAttr {
        program: program.as_raw_fd() as u32,
        context_size: size_of::<Said>() as u32,
        context: (&raw mut said) as u64,
        ..RunAttr::default()
    };
    bpf(bpf_cmd::BPF_PROG_TEST_RUN, &mut attr)?;
    Ok(said)
}

/// The number of this process in the first pid namespace, also for one that was forked since it was learned.
///
/// # Errors
/// As [`Own::learn`].
pub fn number() -> io::Result<u32> {
    let said = run(&load()?)?;
    Ok((said.pid_tgid >> 32) as u32)
}

fn ask() -> io::Result<Own> {
    let program = load()?;
    let mut tgid = 0;
    let (mut monotonic, mut boot) = (Ahead::default(), Ahead::default());
    for _ in 0..COMPARISONS {
        let before = [libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC].map(clock_ns);
        let said = run(&program)?;
        let after = [libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC].map(clock_ns);
        tgid = (said.pid_tgid >> 32) as u32;
        boot.compare(before[0], said.boot_ns, after[0]);
        monotonic.compare(before[1], said.monotonic_ns, after[1]);
    }
    Ok(Own { tgid, monotonic_ahead_ns: monotonic.ns(), boot_ahead_ns: boot.ns() })
}

/// How far one clock is ahead of another, by the shortest comparison.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    ns: i64,
    width_ns: u64,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { ns: 0, width_ns: u64::MAX }
    }
}

impl Ahead {
    /// The other clock showed `there` between two looks at this one.
    fn compare(&mut self, before: u64, there: u64, after: u64) {
        let width_ns = after.saturating_sub(before);
        if width_ns < self.width_ns {
            let middle = before.wrapping_add(width_ns / 2);
            *self = Self { ns: there.wrapping_sub(middle) as i64, width_ns };
        }
    }

    /// Nothing, if both may be the same clock.
    fn ns(self) -> i64 {
        if self.ns.unsigned_abs() <= self.width_ns { 0 } else { self.ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_comparison_counts() {
        let mut ahead = Ahead::default();
        ahead.compare(100, 5_100, 300);
        assert_eq!(ahead.ns(), 4_900);
        ahead.compare(1_000, 6_010, 1_020);
        ahead.compare(2_000, 9_000, 2_900);
        assert_eq!(ahead.ns(), 5_000);
        let mut behind = Ahead::default();
        behind.compare(10_000, 4_005, 10_010);
        assert_eq!(behind.ns(), -6_000);
    }

    #[test]
    fn clocks_that_may_be_one_are_one() {
        let mut ahead = Ahead::default();
        ahead.compare(1_000, 1_900, 2_000);
        assert_eq!(ahead.ns(), 0);
    }
}
