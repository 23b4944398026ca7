//! Attributes of files: what they are, permissions, owners.

events! {
    /// Get the attributes of a file.
    /// Source: stat(2); kernel fs/stat.c.
    STAT = 67 "stat" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
    }

    /// Get the attributes of a file; of a symbolic link, its own.
    /// Source: lstat(2); kernel fs/stat.c.
    LSTAT = 69 "lstat" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
    }

    /// Get the attributes of an open file.
    /// Source: fstat(2); kernel fs/stat.c.
    FSTAT = 71 "fstat" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
    }

    /// Get the attributes of a file relative to a directory.
    /// Source: fstatat(2); kernel fs/stat.c.
    NEWFSTATAT = 419 "newfstatat" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        path: PathAt(dirfd) = text(1), "path as passed by the caller";
        flags: Flags32(NEWFSTATAT_FLAGS) = 3, "AT_* flags";
    }

    /// Check whether a file may be read, written or executed.
    /// Source: access(2); kernel fs/open.c.
    ACCESS = 265 "access" File [] {
        res: Errno = ret, "0, or -errno";
        name: Path = text(0), "path as passed by the caller";
        mode: Flags32(ACCESS_FLAGS) = 1, "R_OK, W_OK and X_OK; F_OK only checks that the file exists";
    }

    /// Change the permissions of a file.
    /// Source: chmod(2); kernel fs/open.c.
    CHMOD = 315 "chmod" File [] {
        res: Errno = ret, "0, or -errno";
        filename: Path = text(0), "path as passed by the caller";
        mode: Mode(CHMOD_MODE) = 1, "permission bits";
    }

    /// Change the permissions of an open file.
    /// Source: fchmod(2); kernel fs/open.c.
    FCHMOD = 317 "fchmod" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        mode: Mode(CHMOD_MODE) = 1, "permission bits";
    }

    /// Change the permissions of a file relative to a directory.
    /// Source: fchmodat(2); kernel fs/open.c.
    FCHMODAT = 313 "fchmodat" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        filename: PathAt(dirfd) = text(1), "path as passed by the caller";
        mode: Mode(CHMOD_MODE) = 2, "permission bits";
    }

    /// Change the owner of a file.
    /// Source: chown(2); kernel fs/open.c.
    CHOWN = 379 "chown" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
        uid: U32 = 1, "new user id; all ones to keep the old one";
        gid: U32 = 2, "new group id; all ones to keep the old one";
    }

    /// Change the owner of a file; of a symbolic link, its own.
    /// Source: lchown(2); kernel fs/open.c.
    LCHOWN = 381 "lchown" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
        uid: U32 = 1, "new user id; all ones to keep the old one";
        gid: U32 = 2, "new group id; all ones to keep the old one";
    }

    /// Change the owner of an open file.
    /// Source: fchown(2); kernel fs/open.c.
    FCHOWN = 383 "fchown" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        uid: U32 = 1, "new user id; all ones to keep the old one";
        gid: U32 = 2, "new group id; all ones to keep the old one";
    }

    /// Change the owner of a file relative to a directory.
    /// Source: fchownat(2); kernel fs/open.c.
    FCHOWNAT = 385 "fchownat" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        pathname: PathAt(dirfd) = text(1), "path as passed by the caller";
        uid: U32 = 2, "new user id; all ones to keep the old one";
        gid: U32 = 3, "new group id; all ones to keep the old one";
        flags: Flags32(FCHOWNAT_FLAGS) = 4, "AT_* flags";
    }

    /// Get the attributes of a file, as many as are asked for.
    /// Source: statx(2); kernel fs/stat.c.
    STATX = 485 "statx" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        path: PathAt(dirfd) = text(1), "path as passed by the caller";
        flags: Flags32(STATX_FLAGS) = 2, "AT_* flags";
        mask: Flags32(STATX_MASK) = 3, "attributes that are asked for";
    }

    /// Check whether a file relative to a directory may be read, written or executed.
    /// Source: faccessat(2); kernel fs/open.c.
    FACCESSAT = 487 "faccessat" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        path: PathAt(dirfd) = text(1), "path as passed by the caller";
        mode: Flags32(ACCESS_FLAGS) = 2, "R_OK, W_OK and X_OK; F_OK only checks that the file exists";
    }

    /// Check whether a file relative to a directory may be read, written or executed, with flags.
    /// Source: faccessat2(2); kernel fs/open.c.
    FACCESSAT2 = 489 "faccessat2" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        path: PathAt(dirfd) = text(1), "path as passed by the caller";
        mode: Flags32(ACCESS_FLAGS) = 2, "R_OK, W_OK and X_OK; F_OK only checks that the file exists";
        flags: Flags32(FACCESSAT_FLAGS) = 3, "AT_* flags";
    }

    /// Change the permissions of a file relative to a directory, with flags.
    /// Source: fchmodat2(2), since 6.6; kernel fs/open.c.
    FCHMODAT2 = 491 "fchmodat2" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        filename: PathAt(dirfd) = text(1), "path as passed by the caller";
        mode: Mode(CHMOD_MODE) = 2, "permission bits";
        flags: Flags32(FCHOWNAT_FLAGS) = 3, "AT_* flags";
    }

    /// Get the size and the use of a filesystem.
    /// Source: statfs(2); kernel fs/statfs.c.
    STATFS = 493 "statfs" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path of a file on it, as passed by the caller";
    }

    /// Get the size and the use of the filesystem of an open file.
    /// Source: fstatfs(2); kernel fs/statfs.c.
    FSTATFS = 495 "fstatfs" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
    }
}
