//! Descriptors that are not files, and other ways between processes.

events! {
    /// Create a pipe.
    /// Source: pipe(2); kernel fs/pipe.c.
    PIPE = 61 "pipe" Ipc [CREATES_FD | MODIFIES_STATE] => Pipe {
        res: Errno = ret, "0, or -errno";
        fd1: Fd = user_fd(0, 0), "end to read from";
        fd2: Fd = user_fd(0, 4), "end to write to";
        ino: U64 = ino_of_user_fd(0), "inode number of the pipe; 0 on failure";
    }

    /// Create a pipe, with flags.
    /// Source: pipe2(2); kernel fs/pipe.c.
    PIPE2 = 393 "pipe2" Ipc [CREATES_FD | MODIFIES_STATE] => Pipe {
        res: Errno = ret, "0, or -errno";
        fd1: Fd = user_fd(0, 0), "end to read from";
        fd2: Fd = user_fd(0, 4), "end to write to";
        ino: U64 = ino_of_user_fd(0), "inode number of the pipe; 0 on failure";
        flags: Flags32(OPEN_FLAGS) = 1, "O_* flags";
    }

    /// Create an event counter.
    /// Source: eventfd(2); kernel fs/eventfd.c.
    EVENTFD = 63 "eventfd" Ipc [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "new descriptor, or -errno";
        initval: Low32 = 0, "start value";
        flags: Hex32 = constant(0), "always 0, because the call has no flags";
    }

    /// Create an event counter, with flags.
    /// Source: eventfd(2); kernel fs/eventfd.c.
    EVENTFD2 = 397 "eventfd2" Ipc [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "new descriptor, or -errno";
        flags: Flags16(EVENTFD_FLAGS) = 1, "EFD_* flags, as O_* flags";
        initval: Low32 = 0, "start value";
    }

    /// Create an epoll instance.
    /// Source: epoll_create(2); kernel fs/eventpoll.c.
    EPOLL_CREATE = 375 "epoll_create" Wait [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Errno = ret, "new descriptor, or -errno";
        size: I32 = 0, "must be positive, otherwise ignored";
    }

    /// Create an epoll instance, with flags.
    /// Source: epoll_create1(2); kernel fs/eventpoll.c.
    EPOLL_CREATE1 = 377 "epoll_create1" Wait [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Errno = ret, "new descriptor, or -errno";
        flags: Flags32(EPOLL_CREATE_FLAGS) = 0, "EPOLL_* flags";
    }

    /// Create a queue for changes of files.
    /// Source: inotify_init(2); kernel fs/notify/inotify/inotify_user.c.
    INOTIFY_INIT = 139 "inotify_init" Ipc [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "new descriptor, or -errno";
        flags: Hex8 = constant(0), "always 0, because the call has no flags";
    }

    /// Create a queue for changes of files, with flags.
    /// Source: inotify_init1(2); kernel fs/notify/inotify/inotify_user.c.
    INOTIFY_INIT1 = 395 "inotify_init1" Ipc [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Fd = ret, "new descriptor, or -errno";
        flags: Flags16(EVENTFD_FLAGS) = 0, "IN_* flags, as O_* flags";
    }

    /// Create a descriptor for page faults of the process.
    /// Source: userfaultfd(2); kernel fs/userfaultfd.c.
    USERFAULTFD = 321 "userfaultfd" File [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Errno = ret, "new descriptor, or -errno";
        flags: Flags32(EVENTFD_FLAGS) = 0, "O_* flags";
    }

    /// Create a file in memory.
    /// Source: memfd_create(2); kernel mm/memfd.c.
    MEMFD_CREATE = 405 "memfd_create" Memory [CREATES_FD | MODIFIES_STATE] => Memfd {
        fd: Fd = ret, "new descriptor, or -errno";
        name: Text = text(0), "name, for information only";
        flags: Flags32(MEMFD_FLAGS) = 1, "MFD_* flags";
    }

    /// Wait for a word in memory to change, or wake waiting threads.
    /// Source: futex(2); kernel kernel/futex/syscalls.c.
    FUTEX = 65 "futex" Ipc [] {
        res: Errno = ret, "depends on the operation; or -errno";
        addr: Hex64 = 0, "address of the word";
        op: Flags16(FUTEX_OPERATIONS) = 1, "FUTEX_* operation with its flags";
        val: Low32 = 2, "expected value, or how many to wake";
    }

    /// Create a set of semaphores, or find one.
    /// Source: semget(2); kernel ipc/sem.c.
    SEMGET = 263 "semget" Process [] {
        res: Errno = ret, "id of the set, or -errno";
        key: HexI32 = 0, "key; 0 for a set without one";
        nsems: I32 = 1, "number of semaphores";
        semflg: Flags32(SEMGET_FLAGS) = 2, "IPC_* flags";
    }

    /// Change semaphores of a set, all or none; the first two changes are shown.
    /// Source: semop(2); kernel ipc/sem.c, struct sembuf.
    SEMOP = 251 "semop" Process [] {
        res: Errno = ret, "0, or -errno";
        nsops: U32 = 2, "number of changes";
        sem_num_0: U16 = sembuf(0, 0), "semaphore of the first";
        sem_op_0: I16 = sembuf(0, 1), "number to add; 0 waits for zero";
        sem_flg_0: Flags16(SEMOP_FLAGS) = sembuf(0, 2), "IPC_NOWAIT, SEM_UNDO";
        sem_num_1: U16 = sembuf(1, 0), "semaphore of the second";
        sem_op_1: I16 = sembuf(1, 1), "number to add; 0 waits for zero";
        sem_flg_1: Flags16(SEMOP_FLAGS) = sembuf(1, 2), "IPC_NOWAIT, SEM_UNDO";
        semid: I32 = 0, "id of the set";
    }

    /// Control a set of semaphores.
    /// Source: semctl(2); kernel ipc/sem.c.
    SEMCTL = 253 "semctl" Process [] {
        res: Errno = ret, "depends on the command; or -errno";
        semid: I32 = 0, "id of the set";
        semnum: I32 = 1, "semaphore, for commands on one";
        cmd: Flags16(SEMCTL_COMMANDS) = 2, "command";
        val: I32 = arg_when(3, 2, 16), "new value of SETVAL; 0 for other commands";
    }

    /// Read memory of another process.
    /// Source: process_vm_readv(2); kernel mm/process_vm_access.c.
    PROCESS_VM_READV = 421 "process_vm_readv" Ipc [] {
        res: I64 = ret, "bytes read, or -errno";
        pid: Pid = 0, "the other process";
        data: Bytes = iovec_in(1, 2), "data read, cut at snaplen";
    }

    /// Write memory of another process.
    /// Source: process_vm_writev(2); kernel mm/process_vm_access.c.
    PROCESS_VM_WRITEV = 423 "process_vm_writev" Ipc [] {
        res: I64 = ret, "bytes written, or -errno";
        pid: Pid = 0, "the other process";
        data: Bytes = iovec_out(1, 2), "data to write, cut at snaplen";
    }
}
