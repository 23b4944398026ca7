//! How the clock of records stands to the wall clock, also after the latter was set.
//!
//! The difference of the two is constant but for steps: the wall clock was set, or the machine was in suspend, where the clock of
//! records stands still. Slewing moves both alike.
#![allow(unsafe_code, reason = "a timer through libc")]

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr,
};

use super::{own::Own, wait::clock_ns};

/// A smaller step is not told from a thread that was held up between two looks at clocks, nanoseconds.
const STEP_NS: u64 = 100_000;
/// When two looks at a clock took no longer, what was read between them is exact enough, nanoseconds.
const EXACT_NS: u64 = 2_000;
/// How often it is tried.
const TRIES: usize = 4;
/// When the timer would end, seconds since the epoch: a time that is as late as any, which the kernel takes.
const NEVER_S: libc::time_t = 1 << 33;

/// The kernel's monotonic clock, which the times of records are of, nanoseconds. It stands still in suspend.
#[must_use]
pub fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC).wrapping_add_signed(Own::known().map_or(0, |own| own.monotonic_ahead_ns))
}

/// What is added to the time of a record to get nanoseconds since the epoch.
#[must_use]
pub fn to_epoch_ns() -> u64 {
    Look::best().to_epoch_ns
}

/// Both clocks at once.
#[derive(Debug, Clone, Copy)]
struct Look {
    to_epoch_ns: u64,
    /// The clock of records, when that was so.
    at_ns: u64,
    /// How far the difference may be off.
    width_ns: u64,
}

impl Look {
    fn now() -> Self {
        let before = monotonic_ns();
        let wall = clock_ns(libc::CLOCK_REALTIME);
        let at_ns = monotonic_ns();
        let width_ns = at_ns.saturating_sub(before);
        Self { to_epoch_ns: wall.wrapping_sub(before.wrapping_add(width_ns / 2)), at_ns, width_ns }
    }

    /// The most exact of some.
    fn best() -> Self {
        let mut best = Self::now();
        for _ in 1..TRIES {
            if best.width_ns > EXACT_NS {
                let again = Self::now();
                best = if again.width_ns < best.width_ns { again } else { best };
            }
        }
        best
    }
}

/// A step of the wall clock against the clock of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The clock of records, when it was noticed: what is older has the old times.
    pub since_ns: u64,
    /// What is added to the time of records from then on.
    pub to_epoch_ns: u64,
}

/// The wall clock, as it is followed.
#[derive(Debug)]
pub struct WallClock {
    to_epoch_ns: u64,
    /// Readable when the clock is set; `None` when the kernel does not give one: then a step is noticed at the next look.
    timer: Option<OwnedFd>,
}

impl WallClock {
    /// Follows it from now on.
    #[must_use]
    pub fn follow() -> Self {
        Self { to_epoch_ns: to_epoch_ns(), timer: timer().ok() }
    }

    /// The descriptor to wait on, edge-triggered.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.timer.as_ref().map(AsFd::as_fd)
    }

    /// The step since the last call, if there was one.
    pub fn step(&mut self) -> Option<Step> {
        let look = Look::now();
        if look.to_epoch_ns.abs_diff(self.to_epoch_ns) <= STEP_NS + look.width_ns {
            return None;
        }
        // Since when, says the first look; how far, the best.
        self.to_epoch_ns = to_epoch_ns();
        Some(Step { since_ns: look.at_ns, to_epoch_ns: self.to_epoch_ns })
    }
}

/// A timer that never ends, and is readable once the clock is set. Source: timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`.
fn timer() -> io::Result<OwnedFd> {
    // SAFETY: a plain call; the result is checked.
    let fd = unsafe { libc::timerfd_create(libc::CLOCK_REALTIME, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that was just made and belongs to nobody else.
    let timer = unsafe { OwnedFd::from_raw_fd(fd) };
    let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let never = libc::itimerspec { it_interval: zero, it_value: libc::timespec { tv_sec: NEVER_S, tv_nsec: 0 } };
    let flags = libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET;
    // SAFETY: the descriptor is open, and the call reads from `never` only.
    let result = unsafe { libc::timerfd_settime(fd, flags, &raw const never, ptr::null_mut()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(timer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_nobody_sets_makes_no_step() {
        let mut clock = WallClock::follow();
        assert!(clock.fd().is_some());
        assert!((0..1_000).all(|_| clock.step().is_none()));
    }

    #[test]
    fn a_step_is_found_with_its_size() {
        let right = to_epoch_ns();
        let mut clock = WallClock { to_epoch_ns: right.wrapping_sub(5_000_000), timer: None };
        let before = monotonic_ns();
        let step = clock.step().unwrap();
        assert!(step.to_epoch_ns.abs_diff(right) < STEP_NS, "{step:?} {right}");
        assert!(step.since_ns >= before && step.since_ns <= monotonic_ns());
        assert_eq!(clock.step(), None);
    }
}
