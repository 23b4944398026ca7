//! Descriptors that are not files.

events! {
    /// Make a pipe.
    /// Source: pipe(2); kernel fs/pipe.c.
    PIPE = 61 "pipe" Ipc [CREATES_FD | MODIFIES_STATE] => Pipe {
        res: Errno = ret, "0, or -errno";
        fd1: Fd = user_u32(0, 0), "end to read from";
        fd2: Fd = user_u32(0, 4), "end to write to";
        ino: U64 = ino_of_user_fd(0), "inode number of the pipe; 0 on failure";
    }

    /// Make a pipe, with flags.
    /// Source: pipe2(2); kernel fs/pipe.c.
    PIPE2 = 393 "pipe2" Ipc [CREATES_FD | MODIFIES_STATE] => Pipe {
        res: Errno = ret, "0, or -errno";
        fd1: Fd = user_u32(0, 0), "end to read from";
        fd2: Fd = user_u32(0, 4), "end to write to";
        ino: U64 = ino_of_user_fd(0), "inode number of the pipe; 0 on failure";
        flags: Flags32(OPEN_FLAGS) = 1, "O_* flags";
    }

    /// Make an event counter.
    /// Source: eventfd(2); kernel fs/eventfd.c.
    EVENTFD = 63 "eventfd" Ipc [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "new descriptor, or -errno";
        initval: U64 = 0, "start value";
        flags: Hex32 = constant(0), "always 0: the call has no flags";
    }

    /// Make an event counter, with flags.
    /// Source: eventfd(2); kernel fs/eventfd.c.
    EVENTFD2 = 397 "eventfd2" Ipc [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "new descriptor, or -errno";
        flags: Flags16(EVENTFD_FLAGS) = 1, "EFD_* flags, as O_* flags";
        initval: U64 = 0, "start value";
    }

    /// Make an epoll instance.
    /// Source: epoll_create(2); kernel fs/eventpoll.c.
    EPOLL_CREATE = 375 "epoll_create" Wait [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Errno = ret, "new descriptor, or -errno";
        size: I32 = 0, "must be positive, otherwise without meaning";
    }

    /// Make an epoll instance, with flags.
    /// Source: epoll_create1(2); kernel fs/eventpoll.c.
    EPOLL_CREATE1 = 377 "epoll_create1" Wait [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Errno = ret, "new descriptor, or -errno";
        flags: Flags32(EPOLL_CREATE_FLAGS) = 0, "EPOLL_* flags";
    }

    /// Make a queue for changes of files.
    /// Source: inotify_init(2); kernel fs/notify/inotify/inotify_user.c.
    INOTIFY_INIT = 139 "inotify_init" Ipc [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "new descriptor, or -errno";
        flags: Hex8 = constant(0), "always 0: the call has no flags";
    }

    /// Make a queue for changes of files, with flags.
    /// Source: inotify_init1(2); kernel fs/notify/inotify/inotify_user.c.
    INOTIFY_INIT1 = 395 "inotify_init1" Ipc [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "new descriptor, or -errno";
        flags: Flags16(EVENTFD_FLAGS) = 0, "IN_* flags, as O_* flags";
    }

    /// Make a descriptor for page faults of the process.
    /// Source: userfaultfd(2); kernel fs/userfaultfd.c.
    USERFAULTFD = 321 "userfaultfd" File [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Errno = ret, "new descriptor, or -errno";
        flags: Flags32(EVENTFD_FLAGS) = 0, "O_* flags";
    }

    /// Make a file in memory.
    /// Source: memfd_create(2); kernel mm/memfd.c.
    MEMFD_CREATE = 405 "memfd_create" Memory [CREATES_FD | MODIFIES_STATE] => Memfd {
        fd: Fd = ret, "new descriptor, or -errno";
        name: Text = text(0), "name, only for people";
        flags: Flags32(MEMFD_FLAGS) = 1, "MFD_* flags";
    }
}
