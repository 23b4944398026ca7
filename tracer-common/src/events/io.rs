//! Reading and writing.

events! {
    /// Read from a file descriptor.
    /// Source: read(2); kernel fs/read_write.c.
    READ = 7 "read" IoRead [USES_FD | READS_FROM_FD] {
        res: Errno = ret, "bytes read, or -errno";
        data: Bytes = data_in(1), "what was read, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "room in the buffer, bytes";
    }

    /// Write to a file descriptor.
    /// Source: write(2); kernel fs/read_write.c.
    WRITE = 9 "write" IoWrite [USES_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes written, or -errno";
        data: Bytes = data_out(1, 2), "what was to be written, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "bytes to write";
    }

    /// Read at an offset.
    /// Source: pread(2); kernel fs/read_write.c.
    PREAD = 113 "pread" ["pread64"] IoRead [USES_FD | READS_FROM_FD] {
        res: Errno = ret, "bytes read, or -errno";
        data: Bytes = data_in(1), "what was read, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "room in the buffer, bytes";
        pos: U64 = 3, "offset in the file, bytes";
    }

    /// Write at an offset.
    /// Source: pwrite(2); kernel fs/read_write.c.
    PWRITE = 115 "pwrite" ["pwrite64"] IoWrite [USES_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes written, or -errno";
        data: Bytes = data_out(1, 2), "what was to be written, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "bytes to write";
        pos: U64 = 3, "offset in the file, bytes";
    }

    /// Read into several buffers.
    /// Source: readv(2); kernel fs/read_write.c.
    READV = 117 "readv" IoRead [USES_FD | READS_FROM_FD] {
        res: Errno = ret, "bytes read, or -errno";
        size: U32 = iovec_len(1, 2), "room in all buffers, bytes";
        data: Bytes = iovec_in(1, 2), "what was read, cut at snaplen";
        fd: Fd = 0, "descriptor";
    }

    /// Write from several buffers.
    /// Source: writev(2); kernel fs/read_write.c.
    WRITEV = 119 "writev" IoWrite [USES_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes written, or -errno";
        data: Bytes = iovec_out(1, 2), "what was to be written, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = iovec_len(1, 2), "bytes to write";
    }

    /// Read into several buffers at an offset.
    /// Source: preadv(2); kernel fs/read_write.c.
    PREADV = 121 "preadv" IoRead [USES_FD | READS_FROM_FD] {
        res: Errno = ret, "bytes read, or -errno";
        size: U32 = iovec_len(1, 2), "room in all buffers, bytes";
        data: Bytes = iovec_in(1, 2), "what was read, cut at snaplen";
        fd: Fd = 0, "descriptor";
        pos: U64 = 3, "offset in the file, bytes";
    }

    /// Write from several buffers at an offset.
    /// Source: pwritev(2); kernel fs/read_write.c.
    PWRITEV = 123 "pwritev" IoWrite [USES_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes written, or -errno";
        data: Bytes = iovec_out(1, 2), "what was to be written, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = iovec_len(1, 2), "bytes to write";
        pos: U64 = 3, "offset in the file, bytes";
    }
}
