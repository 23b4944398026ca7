//! Waiting for descriptors.

events! {
    /// Wait until a descriptor is ready.
    /// Source: poll(2); kernel fs/select.c.
    POLL = 81 "poll" Wait [WAITS] {
        res: Errno = ret, "how many descriptors are ready, 0 after the timeout, or -errno";
        fds: FdList = fds(0, 1), "descriptors that are ready, with the events that were found";
        timeout: I64 = arg_signed(2), "longest wait, ms; negative for no limit";
    }

    /// Wait until a descriptor is ready or a signal comes.
    /// Source: ppoll(2); kernel fs/select.c.
    PPOLL = 255 "ppoll" Wait [WAITS] {
        res: Errno = ret, "how many descriptors are ready, 0 after the timeout, or -errno";
        fds: FdList = fds(0, 1), "descriptors that are ready, with the events that were found";
        timeout: RelTime = user_time(2), "what was left of the longest wait, ns; none without a limit";
        sigmask: SigSet = user_u32(3, 0), "signals that are blocked while it waits, the first 32";
    }

    /// Wait until a descriptor of three sets is ready.
    /// Source: select(2); kernel fs/select.c.
    SELECT = 83 "select" Wait [WAITS] {
        res: Errno = ret, "how many descriptors are ready, 0 after the timeout, or -errno";
    }

    /// Wait for events of an epoll instance.
    /// Source: epoll_wait(2); kernel fs/eventpoll.c.
    EPOLL_WAIT = 79 "epoll_wait" Wait [WAITS] {
        res: Errno = ret, "how many events there are, 0 after the timeout, or -errno";
        maxevents: Errno = arg_signed(2), "most events that the caller has room for";
    }
}
