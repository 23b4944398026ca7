//! Waiting for the rings: a pause that adapts, cut short when a ring is half full or the clock is set.
#![allow(unsafe_code, reason = "epoll, clocks and the allocator through libc")]

use std::{
    io, mem,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    time::Duration,
};

use super::ring::Ring;
use crate::message::said_by;

/// The pause while much is going on. The end of each takes a CPU from those who work; after a longer one there is so much to do that
/// they wait for each other meanwhile.
const BUSY: Duration = Duration::from_millis(1);
/// So many records in one go are much.
const MANY: usize = 512;
/// The longest pause, on an idle machine.
const IDLE: Duration = Duration::from_millis(50);

/// A clock, nanoseconds.
#[must_use]
pub(super) fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to `time` only.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// Gives memory that was freed back to the kernel: parsing the types of the kernel leaves tens of megabytes.
pub(super) fn trim_memory() {
    // SAFETY: the call only touches memory that the allocator holds and nobody uses.
    unsafe { libc::malloc_trim(0) };
}

/// Waits on the rings.
#[derive(Debug)]
pub(super) struct Waiter {
    epoll: OwnedFd,
    pause: Duration,
}

impl Waiter {
    /// Edge-triggered: a ring that merely has records does not end the wait, only the wake-up of one that is half full. So does
    /// `also`.
    pub(super) fn new(rings: &[Ring], also: Option<BorrowedFd<'_>>) -> io::Result<Self> {
        // SAFETY: a plain call; the result is checked.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor that was just made and belongs to nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        let waiter = Self { epoll, pause: BUSY };
        rings.iter().map(Ring::fd).chain(also).try_for_each(|fd| waiter.add(fd))?;
        Ok(waiter)
    }

    /// Lets this end the wait, too, each time that something is written there.
    pub(super) fn add(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let mut event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: 0 };
        // SAFETY: both descriptors are open and `event` is alive.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits as long as the last number of records suggests, at most `at_most`.
    pub(super) fn wait(&mut self, drained: usize, at_most: Duration) {
        self.pause = match drained {
            0 => (self.pause * 2).min(IDLE),
            few if few < MANY => self.pause.clamp(BUSY * 4, IDLE / 2),
            _ => BUSY,
        };
        let pause = self.pause.min(at_most);
        let time = libc::timespec {
            tv_sec: pause.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(pause.subsec_nanos() as i32),
        };
        // SAFETY: all-zero is a value of this struct of numbers.
        let mut event: libc::epoll_event = unsafe { mem::zeroed() };
        // SAFETY: room for one event; no signal mask. An interrupted wait is a shorter one.
        unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                &raw mut event,
                1,
                &raw const time,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
    }
}

/// Where the kernel side logs with `--kernel-log`.
#[derive(Debug, Clone, Copy)]
pub struct StderrLog;

impl log::Log for StderrLog {
    fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        said_by("kernel", &format!("{}: {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}
