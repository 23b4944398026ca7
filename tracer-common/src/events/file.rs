//! Opening, closing and duplicating file descriptors.

events! {
    /// Open a file.
    /// Source: open(2); kernel fs/open.c.
    OPEN = 3 "open" File [CREATES_FD | MODIFIES_STATE] => Open {
        fd: Fd = ret, "new descriptor, or -errno";
        name: Path = text(0), "path as passed by the caller";
        flags: Flags32(OPEN_FLAGS) = open_flags(1), "O_* flags, and what the kernel did: created, overlay layer";
        mode: Oct32 = 2, "permission bits; meaningful with O_CREAT or O_TMPFILE";
        dev: Hex32 = dev_of_ret, "device number of the filesystem; 0 on failure";
        ino: U64 = ino_of_ret, "inode number; 0 on failure";
        realpath: Text = opened_path, "path of the file that the kernel opened, seen from the root directory of the process; \
            no value on failure";
    }

    /// Open a file relative to a directory.
    /// Source: openat(2); kernel fs/open.c.
    OPENAT = 307 "openat" File [CREATES_FD | MODIFIES_STATE] => Open {
        fd: Fd = ret, "new descriptor, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        name: PathAt(dirfd) = text(1), "path as passed by the caller";
        flags: Flags32(OPEN_FLAGS) = open_flags(2), "O_* flags, and what the kernel did: created, overlay layer";
        mode: Oct32 = 3, "permission bits; meaningful with O_CREAT or O_TMPFILE";
        dev: Hex32 = dev_of_ret, "device number of the filesystem; 0 on failure";
        ino: U64 = ino_of_ret, "inode number; 0 on failure";
        realpath: Text = opened_path, "path of the file that the kernel opened, seen from the root directory of the process; \
            no value on failure";
    }

    /// Open a file relative to a directory, with rules for resolving the path.
    /// Source: openat2(2); kernel fs/open.c, struct open_how.
    OPENAT2 = 327 "openat2" File [CREATES_FD | MODIFIES_STATE] => Open {
        fd: Fd = ret, "new descriptor, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        name: PathAt(dirfd) = text(1), "path as passed by the caller";
        flags: Flags32(OPEN_FLAGS) = open_how_flags(2), "O_* flags, and what the kernel did: created, overlay layer";
        mode: Oct32 = user_u64(2, 8), "permission bits; meaningful with O_CREAT or O_TMPFILE";
        resolve: Flags32(RESOLVE_FLAGS) = user_u64(2, 16), "RESOLVE_* flags";
        dev: Hex32 = dev_of_ret, "device number of the filesystem; 0 on failure";
        ino: U64 = ino_of_ret, "inode number; 0 on failure";
        realpath: Text = opened_path, "path of the file that the kernel opened, seen from the root directory of the process; \
            no value on failure";
    }

    /// Create a file, or empty it, and open it for writing.
    /// Source: creat(2); kernel fs/open.c.
    CREAT = 59 "creat" File [CREATES_FD | MODIFIES_STATE] => Open {
        fd: Fd = ret, "new descriptor, or -errno";
        name: Path = text(0), "path as passed by the caller";
        mode: Oct32 = 1, "permission bits";
        dev: Hex32 = dev_of_ret, "device number of the filesystem; 0 on failure";
        ino: U64 = ino_of_ret, "inode number; 0 on failure";
        creat_flags: Flags16(CREAT_FLAGS) = layer_of_ret, "overlay layer of the file";
        realpath: Text = opened_path, "path of the file that the kernel opened, seen from the root directory of the process; \
            no value on failure";
    }

    /// Open a file by its handle.
    /// Source: open_by_handle_at(2); kernel fs/fhandle.c.
    OPEN_BY_HANDLE_AT = 337 "open_by_handle_at" File [CREATES_FD | MODIFIES_STATE] => Open {
        fd: Fd = ret, "new descriptor, or -errno";
        mountfd: Fd = 0, "descriptor of any file in the mounted filesystem; AT_FDCWD for the filesystem of the \
            working directory";
        flags: Flags32(OPEN_FLAGS) = open_flags(2), "O_* flags, and what the kernel did: overlay layer";
        path: Path = path_of_ret, "path of the opened file; no value on failure";
        dev: Hex32 = dev_of_ret, "device number of the filesystem; 0 on failure";
        ino: U64 = ino_of_ret, "inode number; 0 on failure";
    }

    /// Close a file descriptor.
    /// Source: close(2); kernel fs/open.c.
    CLOSE = 5 "close" IoOther [DESTROYS_FD | USES_FD | MODIFIES_STATE] => Close {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor to close";
    }

    /// Close a range of file descriptors, or set close-on-exec on them.
    /// Source: close_range(2); kernel fs/file.c.
    CLOSE_RANGE = 451 "close_range" IoOther [MODIFIES_STATE] => CloseRange {
        res: Errno = ret, "0, or -errno";
        first: U32 = 0, "first descriptor";
        last: U32 = 1, "last descriptor";
        flags: Flags32(CLOSE_RANGE_FLAGS) = 2, "CLOSE_RANGE_* flags";
    }

    /// Duplicate a file descriptor to the lowest free number.
    /// Source: dup(2); kernel fs/file.c.
    DUP = 367 "dup" IoOther [CREATES_FD | USES_FD | MODIFIES_STATE] => Dup {
        res: Fd = ret, "new descriptor, or -errno";
        oldfd: Fd = 0, "descriptor to duplicate";
    }

    /// Duplicate a file descriptor to a given number.
    /// Source: dup2(2); kernel fs/file.c.
    DUP2 = 363 "dup2" IoOther [CREATES_FD | USES_FD | MODIFIES_STATE] => Dup {
        res: Fd = ret, "new descriptor, or -errno";
        oldfd: Fd = 0, "descriptor to duplicate";
        newfd: Fd = 1, "number of the new descriptor";
    }

    /// Duplicate a file descriptor to a given number, with flags.
    /// Source: dup3(2); kernel fs/file.c.
    DUP3 = 365 "dup3" IoOther [CREATES_FD | USES_FD | MODIFIES_STATE] => Dup {
        res: Fd = ret, "new descriptor, or -errno";
        oldfd: Fd = 0, "descriptor to duplicate";
        newfd: Fd = 1, "number of the new descriptor";
        flags: Flags32(OPEN_FLAGS) = 2, "O_CLOEXEC or nothing";
    }

    /// Control a file descriptor: duplicate it, set flags, locks, the pipe size and more.
    /// Source: fcntl(2); kernel fs/fcntl.c.
    FCNTL = 151 "fcntl" IoOther [USES_FD | MODIFIES_STATE] => Fcntl {
        res: Fd = ret, "depends on the command; the new descriptor when it duplicates; or -errno";
        fd: Fd = 0, "descriptor";
        cmd: Enum8(FCNTL_COMMANDS) = 1, "F_* command";
        arg: Hex64 = 2, "argument of the command, as passed";
    }

    /// Lock or unlock a file.
    /// Source: flock(2); kernel fs/locks.c.
    FLOCK = 243 "flock" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        operation: Flags32(FLOCK_FLAGS) = 1, "LOCK_* flags";
    }

    /// Control a device or a file.
    /// Source: ioctl(2); kernel fs/ioctl.c.
    IOCTL = 171 "ioctl" IoOther [USES_FD] => Cloexec {
        res: Errno = ret, "depends on the request; or -errno";
        fd: Fd = 0, "descriptor";
        request: Hex64 = 1, "number of the request";
        argument: Hex64 = 2, "argument of the request, as passed";
    }

    /// Change the length of a file.
    /// Source: truncate(2); kernel fs/open.c.
    TRUNCATE = 501 "truncate" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
        length: I64 = 1, "new length, bytes";
    }

    /// Change the length of an open file.
    /// Source: ftruncate(2); kernel fs/open.c.
    FTRUNCATE = 503 "ftruncate" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        length: I64 = 1, "new length, bytes";
    }

    /// Wait until a file is on the disk, with its attributes.
    /// Source: fsync(2); kernel fs/sync.c.
    FSYNC = 505 "fsync" File [USES_FD | WAITS] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
    }

    /// Wait until the data of a file is on the disk.
    /// Source: fdatasync(2); kernel fs/sync.c.
    FDATASYNC = 507 "fdatasync" File [USES_FD | WAITS] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
    }

    /// Wait until all of a filesystem is on the disk.
    /// Source: syncfs(2); kernel fs/sync.c.
    SYNCFS = 509 "syncfs" File [USES_FD | WAITS] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor of a file on it";
    }

    /// Get how much of a file is in the page cache.
    /// Source: cachestat(2), since 6.5; kernel mm/filemap.c.
    CACHESTAT = 511 "cachestat" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        off: U64 = user_u64(1, 0), "where the range begins, bytes";
        len: U64 = user_u64(1, 8), "its length, bytes; 0 up to the end of the file";
        nr_cache: U64 = user_u64(2, 0), "pages of it in the cache";
        nr_dirty: U64 = user_u64(2, 8), "those of them that are dirty";
        flags: Hex32 = 3, "none are known";
    }
}
