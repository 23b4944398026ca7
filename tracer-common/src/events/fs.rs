//! Paths and directories.

events! {
    /// Change the working directory.
    /// Source: chdir(2); kernel fs/open.c.
    CHDIR = 95 "chdir" File [MODIFIES_STATE] => Chdir {
        res: Errno = ret, "0, or -errno";
        path: Text = text(0), "path as passed by the caller";
    }

    /// Change the working directory to an open directory.
    /// Source: fchdir(2); kernel fs/open.c.
    FCHDIR = 97 "fchdir" File [USES_FD | MODIFIES_STATE] => Fchdir {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor of the directory";
    }
}
