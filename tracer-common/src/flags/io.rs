//! Flags of positions, locks and data between descriptors. Source: include/uapi/linux/fs.h,
//! include/uapi/asm-generic/fcntl.h, include/linux/splice.h. The numbers of the file are those of the kernel.

use super::{FlagSet, flag, masked, value};

/// `LOCK_*`.
pub static FLOCK_FLAGS: FlagSet = FlagSet::bits(
    "flock_flags",
    &[
        flag("LOCK_SH", 0x1, 0x1),
        flag("LOCK_EX", 0x2, 0x2),
        flag("LOCK_NB", 0x4, 0x4),
        flag("LOCK_UN", 0x8, 0x8),
        masked("LOCK_NONE", 0x0, 0, 0),
    ],
);

/// `SEEK_*`. `SEEK_DATA` and `SEEK_HOLE` have no name.
pub static LSEEK_WHENCE: FlagSet = FlagSet::values(
    "lseek_whence",
    0xff,
    &[value("SEEK_END", 0x2, 2), value("SEEK_CUR", 0x1, 1), value("SEEK_SET", 0x0, 0)],
);

/// `SPLICE_F_*`.
pub static SPLICE_FLAGS: FlagSet = FlagSet::bits(
    "splice_flags",
    &[
        flag("SPLICE_F_MOVE", 0x1, 0x1),
        flag("SPLICE_F_NONBLOCK", 0x2, 0x2),
        flag("SPLICE_F_MORE", 0x4, 0x4),
        flag("SPLICE_F_GIFT", 0x8, 0x8),
    ],
);
