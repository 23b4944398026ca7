//! Signals.

events! {
    /// Send a signal to a process or a process group.
    /// Source: kill(2); kernel kernel/signal.c.
    KILL = 129 "kill" Signal [] {
        res: Errno = ret, "0, or -errno";
        pid: Pid = 0, "process; 0 for the caller's group, -1 for all processes, other negative numbers for a group";
        sig: Signal = 1, "signal; 0 only checks whether it could be sent";
    }

    /// Send a signal to a thread.
    /// Source: tkill(2); kernel kernel/signal.c.
    TKILL = 131 "tkill" Signal [] {
        res: Errno = ret, "0, or -errno";
        tid: Pid = 0, "thread";
        sig: Signal = 1, "signal; 0 only checks whether it could be sent";
    }

    /// Send a signal to a thread of a process.
    /// Source: tgkill(2); kernel kernel/signal.c.
    TGKILL = 133 "tgkill" Signal [] {
        res: Errno = ret, "0, or -errno";
        pid: Pid = 0, "process";
        tid: Pid = 1, "thread";
        sig: Signal = 2, "signal; 0 only checks whether it could be sent";
    }

    /// Create a descriptor for signals, or change the signals of one.
    /// Source: signalfd(2); kernel fs/signalfd.c.
    SIGNALFD = 127 "signalfd" Signal [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "descriptor, or -errno";
        fd: Fd = 0, "descriptor to change; -1 for a new one";
        mask: Hex32 = user_u32(1, 0), "signals 1 to 32, the lowest bit is signal 1";
        flags: Hex8 = constant(0), "always 0, because the call has no flags";
    }

    /// Create a descriptor for signals, with flags, or change the signals of one.
    /// Source: signalfd4(2); kernel fs/signalfd.c.
    SIGNALFD4 = 399 "signalfd4" Signal [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "descriptor, or -errno";
        flags: Flags16(EVENTFD_FLAGS) = 3, "SFD_* flags, as O_* flags";
        fd: Fd = 0, "descriptor to change; -1 for a new one";
        mask: Hex32 = user_u32(1, 0), "signals 1 to 32, the lowest bit is signal 1";
    }
}
