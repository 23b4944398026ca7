//! Reading and writing.

events! {
    /// Read from a file descriptor.
    /// Source: read(2); kernel fs/read_write.c.
    READ = 7 "read" IoRead [USES_FD | READS_FROM_FD] {
        res: Errno = ret, "bytes read, or -errno";
        data: Bytes = data_in(1), "data read, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "size of the buffer, bytes";
    }

    /// Write to a file descriptor.
    /// Source: write(2); kernel fs/read_write.c.
    WRITE = 9 "write" IoWrite [USES_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes written, or -errno";
        data: Bytes = data_out(1, 2), "data to write, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "bytes to write";
    }

    /// Read at an offset.
    /// Source: pread(2); kernel fs/read_write.c.
    PREAD = 113 "pread" ["pread64"] IoRead [USES_FD | READS_FROM_FD] {
        res: Errno = ret, "bytes read, or -errno";
        data: Bytes = data_in(1), "data read, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "size of the buffer, bytes";
        pos: U64 = 3, "offset in the file, bytes";
    }

    /// Write at an offset.
    /// Source: pwrite(2); kernel fs/read_write.c.
    PWRITE = 115 "pwrite" ["pwrite64"] IoWrite [USES_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes written, or -errno";
        data: Bytes = data_out(1, 2), "data to write, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "bytes to write";
        pos: U64 = 3, "offset in the file, bytes";
    }

    /// Read into several buffers.
    /// Source: readv(2); kernel fs/read_write.c.
    READV = 117 "readv" IoRead [USES_FD | READS_FROM_FD] {
        res: Errno = ret, "bytes read, or -errno";
        size: U32 = iovec_len(1, 2), "total size of the buffers, bytes";
        data: Bytes = iovec_in(1, 2), "data read, cut at snaplen";
        fd: Fd = 0, "descriptor";
    }

    /// Write from several buffers.
    /// Source: writev(2); kernel fs/read_write.c.
    WRITEV = 119 "writev" IoWrite [USES_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes written, or -errno";
        data: Bytes = iovec_out(1, 2), "data to write, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = iovec_len(1, 2), "bytes to write";
    }

    /// Read into several buffers at an offset.
    /// Source: preadv(2), preadv2(2); kernel fs/read_write.c. For preadv2, an offset of -1 is the position of the open file.
    PREADV = 121 "preadv" ["preadv", "preadv2"] IoRead [USES_FD | READS_FROM_FD] {
        res: Errno = ret, "bytes read, or -errno";
        size: U32 = iovec_len(1, 2), "total size of the buffers, bytes";
        data: Bytes = iovec_in(1, 2), "data read, cut at snaplen";
        fd: Fd = 0, "descriptor";
        pos: U64 = 3, "offset in the file, bytes";
    }

    /// Write from several buffers at an offset.
    /// Source: pwritev(2), pwritev2(2); kernel fs/read_write.c. For pwritev2, an offset of -1 is the position of the open file.
    PWRITEV = 123 "pwritev" ["pwritev", "pwritev2"] IoWrite [USES_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes written, or -errno";
        data: Bytes = iovec_out(1, 2), "data to write, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = iovec_len(1, 2), "bytes to write";
        pos: U64 = 3, "offset in the file, bytes";
    }

    /// Move the position of an open file.
    /// Source: lseek(2); kernel fs/read_write.c.
    LSEEK = 87 "lseek" File [USES_FD] {
        res: Errno = ret, "new position, bytes from the beginning; or -errno";
        fd: Fd = 0, "descriptor";
        offset: I64 = 1, "distance in bytes; negative for backwards";
        whence: Enum8(LSEEK_WHENCE) = 2, "from where";
    }

    /// Move data between a pipe and another descriptor.
    /// Source: splice(2); kernel fs/splice.c.
    SPLICE = 167 "splice" IoOther [USES_FD | READS_FROM_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes moved, or -errno";
        fd_in: Fd = 0, "descriptor to read from";
        fd_out: Fd = 2, "descriptor to write to";
        size: U64 = 4, "bytes to move";
        flags: Flags32(SPLICE_FLAGS) = 5, "SPLICE_F_* flags";
    }

    /// Copy data from a file to another descriptor.
    /// Source: sendfile(2); kernel fs/read_write.c.
    SENDFILE = 189 "sendfile" IoWrite [USES_FD | READS_FROM_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes written, or -errno";
        offset: U64 = user_u64(2, 0), "offset in the file after the call, bytes; 0 when the file's own position is used";
        out_fd: Fd = 0, "descriptor to write to";
        in_fd: Fd = 1, "descriptor to read from";
        size: U64 = 3, "bytes to copy";
    }

    /// Copy data between two files.
    /// Source: copy_file_range(2); kernel fs/read_write.c.
    COPY_FILE_RANGE = 333 "copy_file_range" File [USES_FD | READS_FROM_FD | WRITES_TO_FD] {
        res: Errno = ret, "bytes copied, or -errno";
        fdout: Fd = 2, "descriptor to write to";
        offout: U64 = user_u64(3, 0), "offset there after the call, bytes; 0 when the file's own position is used";
        fdin: Fd = 0, "descriptor to read from";
        offin: U64 = user_u64(1, 0), "offset there after the call, bytes; 0 when the file's own position is used";
        len: U64 = 4, "bytes to copy";
    }
}
