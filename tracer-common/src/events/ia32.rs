//! Calls that only 32-bit programs have, and those that they make through `socketcall`.

events! {
    /// Get the size, times and owner of a file.
    /// Source: stat(2); kernel fs/stat.c.
    STAT64 = 73 "stat64" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
    }

    /// Get the size, times and owner of a file, without following a symbolic link.
    /// Source: stat(2); kernel fs/stat.c.
    LSTAT64 = 75 "lstat64" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
    }

    /// Get the size, times and owner of an open file.
    /// Source: stat(2); kernel fs/stat.c.
    FSTAT64 = 77 "fstat64" File [] {
        res: Errno = ret, "0, or -errno";
    }

    /// Move the offset of an open file, by 64 bits.
    /// Source: _llseek(2); kernel fs/read_write.c.
    LLSEEK = 89 "llseek" ["_llseek"] File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        offset: I64 = arg_halves(1), "distance in bytes; negative for backwards";
        whence: Enum8(LSEEK_WHENCE) = 4, "reference point of the offset";
    }

    /// Map a file or memory, with the offset in pages.
    /// Source: mmap2(2); kernel mm/mmap.c.
    MMAP2 = 163 "mmap2" Memory [USES_FD] {
        res: Errno = ret, "address, or -errno";
        vm_size: U32 = vm_size, "virtual memory, kB";
        vm_rss: U32 = vm_rss, "resident memory, kB";
        vm_swap: U32 = vm_swap, "swapped memory, kB";
        addr: Hex64 = 0, "address as passed by the caller";
        length: U64 = 1, "bytes";
        prot: Flags32(PROT_FLAGS) = 2, "PROT_* flags";
        flags: Flags32(MMAP_FLAGS) = 3, "MAP_* flags";
        fd: Fd = 4, "descriptor, -1 for memory";
        pgoffset: U64 = 5, "offset in the file, pages";
    }

    /// Unmount a filesystem.
    /// Source: umount(2); kernel fs/namespace.c.
    UMOUNT = 387 "umount" File [MODIFIES_STATE] {
        res: Errno = ret, "0, or -errno";
        name: Path = text(0), "mount point";
    }

    /// Send data on a connected socket.
    /// Source: send(2); kernel net/socket.c.
    SEND = 29 "send" IoWrite [USES_FD | WRITES_TO_FD] => Transfer {
        res: Errno = ret, "bytes sent, or -errno";
        data: Bytes = data_out(1, 2), "data to send, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "bytes to send";
        tuple: SockTuple = tuple_out_connected(0), "local and remote address";
    }

    /// Receive data from a connected socket.
    /// Source: recv(2); kernel net/socket.c.
    RECV = 33 "recv" IoRead [USES_FD | READS_FROM_FD] => Transfer {
        res: Errno = ret, "bytes received, or -errno";
        data: Bytes = data_in_room(1, 2), "data received, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "size of the buffer, bytes";
        tuple: SockTuple = tuple_in_connected(0), "remote and local address";
    }
}
