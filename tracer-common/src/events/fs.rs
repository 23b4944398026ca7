//! Directories and mounts.

events! {
    /// Change the working directory.
    /// Source: chdir(2); kernel fs/open.c.
    CHDIR = 95 "chdir" File [MODIFIES_STATE] => Chdir {
        res: Errno = ret, "0, or -errno";
        path: Text = text(0), "path as passed by the caller";
        cwd: Text = cwd_path, "the working directory now; no value on failure";
    }

    /// Change the working directory to an open directory.
    /// Source: fchdir(2); kernel fs/open.c.
    FCHDIR = 97 "fchdir" File [USES_FD | MODIFIES_STATE] => Fchdir {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor of the directory";
        cwd: Text = cwd_path, "the working directory now; no value on failure";
    }

    /// Get the working directory.
    /// Source: getcwd(2); kernel fs/d_path.c.
    GETCWD = 93 "getcwd" File [] {
        res: Errno = ret, "length of the path with its final NUL, bytes; or -errno";
        path: Text = text_done(0), "the working directory; no value on failure";
    }

    /// Change the root directory.
    /// Source: chroot(2); kernel fs/open.c.
    CHROOT = 267 "chroot" Process [MODIFIES_STATE] => Cwd {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
        cwd: Text = cwd_path, "the working directory, seen from the new root directory; no value on failure";
    }

    /// Create a directory.
    /// Source: mkdir(2); kernel fs/namei.c.
    MKDIR = 277 "mkdir" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
        mode: Hex32 = 1, "permission bits, before the umask";
    }

    /// Create a directory relative to a directory.
    /// Source: mkdirat(2); kernel fs/namei.c.
    MKDIRAT = 305 "mkdirat" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        dirfd: Fd = 0, "directory descriptor; AT_FDCWD for the working directory";
        path: PathAt(dirfd) = text(1), "path as passed by the caller";
        mode: Hex32 = 2, "permission bits, before the umask";
    }

    /// Remove an empty directory.
    /// Source: rmdir(2); kernel fs/namei.c.
    RMDIR = 279 "rmdir" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
    }

    /// Read entries of a directory, in the old form.
    /// Source: getdents(2); kernel fs/readdir.c.
    GETDENTS = 237 "getdents" File [USES_FD] {
        res: Errno = ret, "bytes read, 0 at the end of the directory, or -errno";
        fd: Fd = 0, "descriptor of the directory";
    }

    /// Read entries of a directory.
    /// Source: getdents64(2); kernel fs/readdir.c.
    GETDENTS64 = 239 "getdents64" File [USES_FD] {
        res: Errno = ret, "bytes read, 0 at the end of the directory, or -errno";
        fd: Fd = 0, "descriptor of the directory";
    }

    /// Mount a filesystem, or change or move a mount.
    /// Source: mount(2); kernel fs/namespace.c.
    MOUNT = 257 "mount" File [MODIFIES_STATE] {
        res: Errno = ret, "0, or -errno";
        dev: Text = text(0), "source of the mount: often a device or a directory";
        dir: Path = text(1), "where";
        type: Text = text(2), "type of the filesystem";
        flags: Flags32(MOUNT_FLAGS) = 3, "MS_* flags";
    }

    /// Unmount a filesystem.
    /// Source: umount(2); kernel fs/namespace.c.
    UMOUNT2 = 391 "umount2" File [MODIFIES_STATE] {
        res: Errno = ret, "0, or -errno";
        name: Path = text(0), "mount point";
        flags: Flags32(UMOUNT_FLAGS) = 1, "MNT_* and UMOUNT_* flags";
    }

    /// Set a parameter of a filesystem that is being made, or make it.
    /// Source: fsconfig(2); kernel fs/fsopen.c.
    FSCONFIG = 373 "fsconfig" System [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor from fsopen or fspick";
        cmd: Enum32(FSCONFIG_COMMANDS) = 1, "FSCONFIG_* command";
        key: Text = text(2), "name of the parameter; no value if the command has none";
        value_bytebuf: Bytes = fsconfig_bytes, "value of FSCONFIG_SET_BINARY, cut at snaplen";
        value_charbuf: Text = fsconfig_text, "value of FSCONFIG_SET_STRING and FSCONFIG_SET_PATH";
        aux: I32 = 4, "more of the value: length of bytes, directory descriptor of a path, or descriptor";
    }
}
