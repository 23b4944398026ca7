//! Commands of fcntl. Source: include/uapi/asm-generic/fcntl.h, include/uapi/linux/fcntl.h.

use super::{FlagSet, NEVER, value};

/// `F_DUPFD` in file form.
pub const F_DUPFD: u32 = 1;
/// `F_DUPFD_CLOEXEC` in file form.
pub const F_DUPFD_CLOEXEC: u32 = 0x1a;
/// `F_SETFD` in file form.
pub const F_SETFD: u32 = 3;
/// The request of `ioctl` that does what `F_SETFD` does without `FD_CLOEXEC`. Source: include/uapi/asm-generic/ioctls.h.
pub const FIONCLEX: u32 = 0x5450;
/// The same with `FD_CLOEXEC`.
pub const FIOCLEX: u32 = 0x5451;

/// `F_*`.
pub static FCNTL_COMMANDS: FlagSet = FlagSet::values(
    "fcntl_commands",
    0,
    &[
        value("F_GETPIPE_SZ", 0x1d, 1032),
        value("F_SETPIPE_SZ", 0x1c, 1031),
        value("F_NOTIFY", 0x1b, 1026),
        value("F_DUPFD_CLOEXEC", 0x1a, 1030),
        value("F_CANCELLK", 0x19, 1029),
        value("F_GETLEASE", 0x18, 1025),
        value("F_SETLEASE", 0x17, 1024),
        value("F_GETOWN_EX", 0x16, 16),
        value("F_SETOWN_EX", 0x15, 15),
        value("F_SETLKW64", 0x13, NEVER),
        value("F_SETLK64", 0x12, NEVER),
        value("F_GETLK64", 0x11, NEVER),
        value("F_GETSIG", 0xf, 11),
        value("F_SETSIG", 0xd, 10),
        value("F_GETOWN", 0xc, 9),
        value("F_SETOWN", 0xa, 8),
        value("F_SETLKW", 0x9, 7),
        value("F_SETLK", 0x8, 6),
        value("F_GETLK", 0x6, 5),
        value("F_SETFL", 0x5, 4),
        value("F_GETFL", 0x4, 3),
        value("F_SETFD", 0x3, 2),
        value("F_GETFD", 0x2, 1),
        value("F_DUPFD", 0x1, 0),
        value("F_OFD_GETLK", 0x1e, 36),
        value("F_OFD_SETLK", 0x1f, 37),
        value("F_OFD_SETLKW", 0x20, 38),
        value("UNKNOWN", 0x0, NEVER),
    ],
);
