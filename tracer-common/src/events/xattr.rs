//! Extended attributes of files.

events! {
    /// Set an extended attribute of a file.
    /// Source: setxattr(2); kernel fs/xattr.c.
    SETXATTR = 513 "setxattr" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
        name: Text = text(1), "name of the attribute";
        value: Bytes = data_out(2, 3), "its value, cut at snaplen";
        size: U64 = 3, "length of the value, bytes";
        flags: Flags32(XATTR_FLAGS) = 4, "XATTR_* flags";
    }

    /// Set an extended attribute of a file; of a symbolic link, its own.
    /// Source: lsetxattr(2); kernel fs/xattr.c.
    LSETXATTR = 515 "lsetxattr" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
        name: Text = text(1), "name of the attribute";
        value: Bytes = data_out(2, 3), "its value, cut at snaplen";
        size: U64 = 3, "length of the value, bytes";
        flags: Flags32(XATTR_FLAGS) = 4, "XATTR_* flags";
    }

    /// Set an extended attribute of an open file.
    /// Source: fsetxattr(2); kernel fs/xattr.c.
    FSETXATTR = 517 "fsetxattr" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        name: Text = text(1), "name of the attribute";
        value: Bytes = data_out(2, 3), "its value, cut at snaplen";
        size: U64 = 3, "length of the value, bytes";
        flags: Flags32(XATTR_FLAGS) = 4, "XATTR_* flags";
    }

    /// Get an extended attribute of a file.
    /// Source: getxattr(2); kernel fs/xattr.c.
    GETXATTR = 519 "getxattr" File [] {
        res: Errno = ret, "length of the value, or -errno";
        path: Path = text(0), "path as passed by the caller";
        name: Text = text(1), "name of the attribute";
        value: Bytes = data_in_room(2, 3), "its value, cut at snaplen; nothing if only its length was asked for";
        size: U64 = 3, "size of the buffer; 0 asks for the length";
    }

    /// Get an extended attribute of a file; of a symbolic link, its own.
    /// Source: lgetxattr(2); kernel fs/xattr.c.
    LGETXATTR = 521 "lgetxattr" File [] {
        res: Errno = ret, "length of the value, or -errno";
        path: Path = text(0), "path as passed by the caller";
        name: Text = text(1), "name of the attribute";
        value: Bytes = data_in_room(2, 3), "its value, cut at snaplen; nothing if only its length was asked for";
        size: U64 = 3, "size of the buffer; 0 asks for the length";
    }

    /// Get an extended attribute of an open file.
    /// Source: fgetxattr(2); kernel fs/xattr.c.
    FGETXATTR = 523 "fgetxattr" File [USES_FD] {
        res: Errno = ret, "length of the value, or -errno";
        fd: Fd = 0, "descriptor";
        name: Text = text(1), "name of the attribute";
        value: Bytes = data_in_room(2, 3), "its value, cut at snaplen; nothing if only its length was asked for";
        size: U64 = 3, "size of the buffer; 0 asks for the length";
    }

    /// Get the names of the extended attributes of a file.
    /// Source: listxattr(2); kernel fs/xattr.c.
    LISTXATTR = 525 "listxattr" File [] {
        res: Errno = ret, "length of the list, or -errno";
        path: Path = text(0), "path as passed by the caller";
        list: Bytes = data_in_room(1, 2), "the names, each with a NUL, cut at snaplen";
        size: U64 = 2, "size of the buffer; 0 asks for the length";
    }

    /// Get the names of the extended attributes of a file; of a symbolic link, its own.
    /// Source: llistxattr(2); kernel fs/xattr.c.
    LLISTXATTR = 527 "llistxattr" File [] {
        res: Errno = ret, "length of the list, or -errno";
        path: Path = text(0), "path as passed by the caller";
        list: Bytes = data_in_room(1, 2), "the names, each with a NUL, cut at snaplen";
        size: U64 = 2, "size of the buffer; 0 asks for the length";
    }

    /// Get the names of the extended attributes of an open file.
    /// Source: flistxattr(2); kernel fs/xattr.c.
    FLISTXATTR = 529 "flistxattr" File [USES_FD] {
        res: Errno = ret, "length of the list, or -errno";
        fd: Fd = 0, "descriptor";
        list: Bytes = data_in_room(1, 2), "the names, each with a NUL, cut at snaplen";
        size: U64 = 2, "size of the buffer; 0 asks for the length";
    }

    /// Remove an extended attribute of a file.
    /// Source: removexattr(2); kernel fs/xattr.c.
    REMOVEXATTR = 531 "removexattr" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
        name: Text = text(1), "name of the attribute";
    }

    /// Remove an extended attribute of a file; of a symbolic link, its own.
    /// Source: lremovexattr(2); kernel fs/xattr.c.
    LREMOVEXATTR = 533 "lremovexattr" File [] {
        res: Errno = ret, "0, or -errno";
        path: Path = text(0), "path as passed by the caller";
        name: Text = text(1), "name of the attribute";
    }

    /// Remove an extended attribute of an open file.
    /// Source: fremovexattr(2); kernel fs/xattr.c.
    FREMOVEXATTR = 535 "fremovexattr" File [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        name: Text = text(1), "name of the attribute";
    }
}
