//! Waiting for descriptors.

events! {
    /// Wait until a descriptor is ready.
    /// Source: poll(2); kernel fs/select.c.
    POLL = 81 "poll" Wait [WAITS] {
        res: Errno = ret, "number of ready descriptors, 0 after the timeout, or -errno";
        fds: FdList = fds(0, 1), "ready descriptors, with their events";
        timeout: I64 = arg_signed(2), "timeout, ms; negative for no timeout";
    }

    /// Wait until a descriptor is ready or a signal comes.
    /// Source: ppoll(2); kernel fs/select.c.
    PPOLL = 255 "ppoll" Wait [WAITS] {
        res: Errno = ret, "number of ready descriptors, 0 after the timeout, or -errno";
        fds: FdList = fds(0, 1), "ready descriptors, with their events";
        timeout: RelTime = user_time(2), "remaining timeout, ns; no value without a timeout";
        sigmask: SigSet = user_u32(3, 0), "signals blocked during the wait, the first 32";
    }

    /// Wait until a descriptor in one of three sets is ready.
    /// Source: select(2); kernel fs/select.c.
    SELECT = 83 "select" Wait [WAITS] {
        res: Errno = ret, "number of ready descriptors, 0 after the timeout, or -errno";
    }

    /// Wait for events of an epoll instance.
    /// Source: epoll_wait(2); kernel fs/eventpoll.c.
    EPOLL_WAIT = 79 "epoll_wait" Wait [WAITS] {
        res: Errno = ret, "number of events, 0 after the timeout, or -errno";
        maxevents: Errno = arg_signed(2), "maximum number of events to return";
    }
}
