//! The beginning of calls whose arguments another thread may change while they run: `--entry-args`.
//!
//! The codes are those of the end of the same call, less one. Only these calls have such a row in the newest event table.

events! {
    /// A file is about to be opened.
    /// Source: open(2); kernel fs/open.c.
    OPEN_E = 2 "open" [] File [CREATES_FD | MODIFIES_STATE | ENTER] => Entry {
        name: Path = text(0), "path at the start of the call";
        flags: Flags32(OPEN_FLAGS) = 1, "O_* flags";
        mode: Oct32 = 2, "permission bits; meaningful with O_CREAT or O_TMPFILE";
    }

    /// A socket is about to be connected to a peer.
    /// Source: connect(2); kernel net/socket.c.
    CONNECT_E = 22 "connect" [] Net [USES_FD | MODIFIES_STATE | ENTER] {
        fd: Fd = 0, "descriptor";
        addr: SockAddr = sockaddr(1, 2), "address at the start of the call";
    }

    /// A file is about to be created or emptied.
    /// Source: creat(2); kernel fs/open.c.
    CREAT_E = 58 "creat" [] File [CREATES_FD | MODIFIES_STATE | ENTER] => Entry {
        name: Path = text(0), "path at the start of the call";
        mode: Oct32 = 1, "permission bits";
    }

    /// A file is about to be opened relative to a directory.
    /// Source: openat(2); kernel fs/open.c.
    OPENAT_E = 306 "openat" [] File [CREATES_FD | MODIFIES_STATE | ENTER] => Entry {
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        name: PathAt(dirfd) = text(1), "path at the start of the call";
        flags: Flags32(OPEN_FLAGS) = 2, "O_* flags";
        mode: Oct32 = 3, "permission bits; meaningful with O_CREAT or O_TMPFILE";
    }

    /// A file is about to be opened relative to a directory, with rules for resolving the path.
    /// Source: openat2(2); kernel fs/open.c, struct open_how.
    OPENAT2_E = 326 "openat2" [] File [CREATES_FD | MODIFIES_STATE | ENTER] => Entry {
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        name: PathAt(dirfd) = text(1), "path at the start of the call";
        flags: Flags32(OPEN_FLAGS) = user_u64(2, 0), "O_* flags";
        mode: Oct32 = user_u64(2, 8), "permission bits; meaningful with O_CREAT or O_TMPFILE";
        resolve: Flags32(RESOLVE_FLAGS) = user_u64(2, 16), "RESOLVE_* flags";
    }
}
