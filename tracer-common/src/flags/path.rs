//! Flags of calls with paths. Source: include/uapi/linux/fcntl.h, include/uapi/linux/fs.h; access(2).

use super::{FlagSet, flag, masked};

/// `R_OK`, `W_OK`, `X_OK`; `F_OK` is none of them.
pub static ACCESS_FLAGS: FlagSet = FlagSet::bits(
    "access_flags",
    &[masked("F_OK", 0x0, 0, 0), flag("R_OK", 0x4, 0x4), flag("W_OK", 0x2, 0x2), flag("X_OK", 0x1, 0x1)],
);

/// `AT_*` of unlinkat.
pub static UNLINKAT_FLAGS: FlagSet = FlagSet::bits("unlinkat_flags", &[flag("AT_REMOVEDIR", 0x200, 0x200)]);

/// `AT_*` of linkat.
pub static LINKAT_FLAGS: FlagSet =
    FlagSet::bits("linkat_flags", &[flag("AT_SYMLINK_FOLLOW", 0x400, 0x400), flag("AT_EMPTY_PATH", 0x1000, 0x1000)]);

/// `AT_*` of newfstatat.
pub static NEWFSTATAT_FLAGS: FlagSet = FlagSet::bits(
    "newfstatat_flags",
    &[
        flag("AT_EMPTY_PATH", 0x1000, 0x1000),
        flag("AT_NO_AUTOMOUNT", 0x800, 0x800),
        flag("AT_SYMLINK_NOFOLLOW", 0x100, 0x100),
    ],
);

/// `AT_*` of fchownat.
pub static FCHOWNAT_FLAGS: FlagSet = FlagSet::bits(
    "fchownat_flags",
    &[flag("AT_SYMLINK_NOFOLLOW", 0x400, 0x100), flag("AT_EMPTY_PATH", 0x1000, 0x1000)],
);

/// `RENAME_*`.
pub static RENAME_FLAGS: FlagSet = FlagSet::bits(
    "renameat2_flags",
    &[flag("RENAME_NOREPLACE", 0x1, 0x1), flag("RENAME_EXCHANGE", 0x2, 0x2), flag("RENAME_WHITEOUT", 0x4, 0x4)],
);

/// `AT_*` of execveat, in its old event.
pub static EXECVEAT_FLAGS: FlagSet =
    FlagSet::bits("execveat_flags", &[flag("AT_EMPTY_PATH", 0x1, 0x1000), flag("AT_SYMLINK_NOFOLLOW", 0x2, 0x100)]);

/// `AT_*` of statx.
pub static STATX_FLAGS: FlagSet = FlagSet::bits(
    "statx_flags",
    &[
        flag("AT_EMPTY_PATH", 0x1000, 0x1000),
        flag("AT_NO_AUTOMOUNT", 0x800, 0x800),
        flag("AT_SYMLINK_NOFOLLOW", 0x100, 0x100),
        flag("AT_STATX_FORCE_SYNC", 0x2000, 0x2000),
        flag("AT_STATX_DONT_SYNC", 0x4000, 0x4000),
    ],
);

/// `STATX_*`. Source: include/uapi/linux/stat.h.
pub static STATX_MASK: FlagSet = FlagSet::bits(
    "statx_mask",
    &[
        flag("STATX_TYPE", 0x1, 0x1),
        flag("STATX_MODE", 0x2, 0x2),
        flag("STATX_NLINK", 0x4, 0x4),
        flag("STATX_UID", 0x8, 0x8),
        flag("STATX_GID", 0x10, 0x10),
        flag("STATX_ATIME", 0x20, 0x20),
        flag("STATX_MTIME", 0x40, 0x40),
        flag("STATX_CTIME", 0x80, 0x80),
        flag("STATX_INO", 0x100, 0x100),
        flag("STATX_SIZE", 0x200, 0x200),
        flag("STATX_BLOCKS", 0x400, 0x400),
        flag("STATX_BTIME", 0x800, 0x800),
        flag("STATX_MNT_ID", 0x1000, 0x1000),
        flag("STATX_DIOALIGN", 0x2000, 0x2000),
        flag("STATX_MNT_ID_UNIQUE", 0x4000, 0x4000),
        flag("STATX_SUBVOL", 0x8000, 0x8000),
        flag("STATX_WRITE_ATOMIC", 0x1_0000, 0x1_0000),
        flag("STATX_DIO_READ_ALIGN", 0x2_0000, 0x2_0000),
    ],
);

/// `AT_*` of faccessat2.
pub static FACCESSAT_FLAGS: FlagSet = FlagSet::bits(
    "faccessat_flags",
    &[
        flag("AT_EACCESS", 0x200, 0x200),
        flag("AT_EMPTY_PATH", 0x1000, 0x1000),
        flag("AT_SYMLINK_NOFOLLOW", 0x100, 0x100),
    ],
);

/// `XATTR_*`. Source: include/uapi/linux/xattr.h.
pub static XATTR_FLAGS: FlagSet =
    FlagSet::bits("xattr_flags", &[flag("XATTR_CREATE", 0x1, 0x1), flag("XATTR_REPLACE", 0x2, 0x2)]);
