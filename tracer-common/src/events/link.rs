//! Names of files: made, changed and removed.

events! {
    /// Rename a file.
    /// Source: rename(2); kernel fs/namei.c.
    RENAME = 175 "rename" File [] {
        res: Errno = ret, "0, or -errno";
        oldpath: Path = text(0), "old path as passed by the caller";
        newpath: Path = text(1), "new path as passed by the caller";
    }

    /// Rename a file, with paths relative to directories.
    /// Source: renameat(2); kernel fs/namei.c.
    RENAMEAT = 177 "renameat" File [] {
        res: Errno = ret, "0, or -errno";
        olddirfd: Fd = 0, "directory descriptor of the old path; AT_FDCWD for the working directory";
        oldpath: PathAt(olddirfd) = text(1), "old path as passed by the caller";
        newdirfd: Fd = 2, "directory descriptor of the new path; AT_FDCWD for the working directory";
        newpath: PathAt(newdirfd) = text(3), "new path as passed by the caller";
    }

    /// Rename a file, with paths relative to directories and flags.
    /// Source: renameat2(2); kernel fs/namei.c.
    RENAMEAT2 = 319 "renameat2" File [] {
        res: Errno = ret, "0, or -errno";
        olddirfd: Fd = 0, "directory descriptor of the old path; AT_FDCWD for the working directory";
        oldpath: PathAt(olddirfd) = text(1), "old path as passed by the caller";
        newdirfd: Fd = 2, "directory descriptor of the new path; AT_FDCWD for the working directory";
        newpath: PathAt(newdirfd) = text(3), "new path as passed by the caller";
        flags: Flags32(RENAME_FLAGS) = 4, "RENAME_* flags";
    }

    /// Create a hard link.
    /// Source: link(2); kernel fs/namei.c.
    LINK = 309 "link" File [] {
        res: Errno = ret, "0, or -errno";
        oldpath: Path = text(0), "path of the file as passed by the caller";
        newpath: Path = text(1), "new path as passed by the caller";
    }

    /// Create a hard link, with paths relative to directories.
    /// Source: linkat(2); kernel fs/namei.c.
    LINKAT = 311 "linkat" File [] {
        res: Errno = ret, "0, or -errno";
        olddir: Fd = 0, "directory descriptor of the old path; AT_FDCWD for the working directory";
        oldpath: PathAt(olddir) = text(1), "path of the file as passed by the caller";
        newdir: Fd = 2, "directory descriptor of the new path; AT_FDCWD for the working directory";
        newpath: PathAt(newdir) = text(3), "new path as passed by the caller";
        flags: Flags32(LINKAT_FLAGS) = 4, "AT_* flags";
    }

    /// Create a symbolic link.
    /// Source: symlink(2); kernel fs/namei.c.
    SYMLINK = 179 "symlink" File [] {
        res: Errno = ret, "0, or -errno";
        target: Text = text(0), "target of the link, as passed by the caller";
        linkpath: Path = text(1), "path of the link as passed by the caller";
    }

    /// Create a symbolic link relative to a directory.
    /// Source: symlinkat(2); kernel fs/namei.c.
    SYMLINKAT = 181 "symlinkat" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        target: Text = text(0), "target of the link, as passed by the caller";
        linkdirfd: Fd = 1, "directory descriptor; AT_FDCWD for the working directory";
        linkpath: PathAt(linkdirfd) = text(2), "path of the link as passed by the caller";
    }

    /// Remove a file name.
    /// Source: unlink(2); kernel fs/namei.c.
    UNLINK = 301 "unlink" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
    }

    /// Remove a file name or an empty directory, relative to a directory.
    /// Source: unlinkat(2); kernel fs/namei.c.
    UNLINKAT = 303 "unlinkat" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        name: PathAt(dirfd) = text(1), "path as passed by the caller";
        flags: Flags32(UNLINKAT_FLAGS) = 2, "AT_REMOVEDIR or nothing";
    }

    /// Create a file of any type: regular, device, named pipe or socket.
    /// Source: mknod(2); kernel fs/namei.c.
    MKNOD = 415 "mknod" Other [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
        mode: Mode(MKNOD_MODE) = 1, "type and permission bits, before the umask";
        dev: U32 = 2, "device number of a device, as makedev(3) gives it";
    }

    /// Create a file of any type relative to a directory.
    /// Source: mknodat(2); kernel fs/namei.c.
    MKNODAT = 417 "mknodat" Other [USES_FD] {
        res: Errno = ret, "0, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        path: PathAt(dirfd) = text(1), "path as passed by the caller";
        mode: Mode(MKNOD_MODE) = 2, "type and permission bits, before the umask";
        dev: U32 = 3, "device number of a device, as makedev(3) gives it";
    }

    /// Get the target of a symbolic link.
    /// Source: readlink(2); kernel fs/stat.c.
    READLINK = 497 "readlink" File [] {
        res: Errno = ret, "length of the target, or -errno";
        path: Path = text(0), "path as passed by the caller";
        target: Bytes = data_in(1), "the target, cut at snaplen";
        size: U64 = 2, "size of the buffer";
    }

    /// Get the target of a symbolic link relative to a directory.
    /// Source: readlinkat(2); kernel fs/stat.c.
    READLINKAT = 499 "readlinkat" File [USES_FD] {
        res: Errno = ret, "length of the target, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        path: PathAt(dirfd) = text(1), "path as passed by the caller";
        target: Bytes = data_in(2), "the target, cut at snaplen";
        size: U64 = 3, "size of the buffer";
    }
}
