//! Flags of the open family. Source: include/uapi/asm-generic/fcntl.h, include/uapi/linux/openat2.h.

use super::{FlagSet, flag, masked};
use crate::arch::open;

/// Ours, above the bits of the kernel: the call created the file.
pub const FILE_CREATED: u32 = 1 << 30;
/// Ours: the file is in the upper layer of an overlay.
pub const FILE_UPPER_LAYER: u32 = 1 << 29;
/// Ours: the file is in a lower layer of an overlay.
pub const FILE_LOWER_LAYER: u32 = 1 << 28;

/// `O_*`.
pub static OPEN_FLAGS: FlagSet = FlagSet::bits(
    "file_flags",
    &[
        flag("O_LARGEFILE", 0x800, open::LARGEFILE),
        flag("O_DIRECTORY", 0x400, open::DIRECTORY),
        flag("O_DIRECT", 0x200, open::DIRECT),
        flag("O_TRUNC", 0x100, 0o1000),
        flag("O_SYNC", 0x80, 0o4010000),
        flag("O_NONBLOCK", 0x40, 0o4000),
        flag("O_EXCL", 0x20, 0o200),
        flag("O_DSYNC", 0x10, 0o10000),
        flag("O_APPEND", 0x8, 0o2000),
        flag("O_CREAT", 0x4, 0o100),
        masked("O_RDWR", 0x3, 2, 3),
        masked("O_WRONLY", 0x2, 1, 3),
        masked("O_RDONLY", 0x1, 0, 3),
        flag("O_CLOEXEC", 0x1000, 0o2000000),
        masked("O_NONE", 0x0, 0, 0),
        flag("O_TMPFILE", 0x2000, 0o20000000 | open::DIRECTORY),
        flag("O_F_CREATED", 0x4000, FILE_CREATED),
        flag("FD_UPPER_LAYER", 0x8000, FILE_UPPER_LAYER),
        flag("FD_LOWER_LAYER", 0x10000, FILE_LOWER_LAYER),
    ],
);

/// What the kernel knows of a file that `creat` made.
pub static CREAT_FLAGS: FlagSet = FlagSet::bits(
    "creat_flags",
    &[flag("FD_UPPER_LAYER_CREAT", 0x1, FILE_UPPER_LAYER), flag("FD_LOWER_LAYER_CREAT", 0x2, FILE_LOWER_LAYER)],
);

/// `RESOLVE_*`.
pub static RESOLVE_FLAGS: FlagSet = FlagSet::bits(
    "openat2_flags",
    &[
        flag("RESOLVE_BENEATH", 0x1, 0x8),
        flag("RESOLVE_IN_ROOT", 0x2, 0x10),
        flag("RESOLVE_NO_MAGICLINKS", 0x4, 0x2),
        flag("RESOLVE_NO_SYMLINKS", 0x8, 0x4),
        flag("RESOLVE_NO_XDEV", 0x10, 0x1),
        flag("RESOLVE_CACHED", 0x20, 0x20),
    ],
);

/// `CLOSE_RANGE_*`. Source: include/uapi/linux/close_range.h.
pub static CLOSE_RANGE_FLAGS: FlagSet =
    FlagSet::bits("close_range_flags", &[flag("CLOSE_RANGE_UNSHARE", 0x2, 0x2), flag("CLOSE_RANGE_CLOEXEC", 0x4, 0x4)]);
