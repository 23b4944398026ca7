//! Sleep and timers.

events! {
    /// Sleep.
    /// Source: nanosleep(2); kernel kernel/time/hrtimer.c.
    NANOSLEEP = 135 "nanosleep" Sleep [WAITS] {
        res: Errno = ret, "0, or -errno";
        interval: RelTime = user_time(0), "duration, ns; no value if it could not be read";
    }

    /// Create a timer that is read from a descriptor.
    /// Source: timerfd_create(2); kernel fs/timerfd.c.
    TIMERFD_CREATE = 137 "timerfd_create" Time [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "new descriptor, or -errno";
        clockid: U8 = 0, "number of the clock, CLOCK_*";
        flags: Hex8 = 1, "low byte of the flags, in which TFD_* has no bits";
    }
}
