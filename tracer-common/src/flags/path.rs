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
