//! Events of poll. Source: include/uapi/asm-generic/poll.h.

use super::{FlagSet, flag};

/// `POLL*`.
pub static POLL_FLAGS: FlagSet = FlagSet::bits(
    "poll_flags",
    &[
        flag("POLLIN", 0x1, 0x1),
        flag("POLLPRI", 0x2, 0x2),
        flag("POLLOUT", 0x4, 0x4),
        flag("POLLRDHUP", 0x8, 0x2000),
        flag("POLLERR", 0x10, 0x8),
        flag("POLLHUP", 0x20, 0x10),
        flag("POLLNVAL", 0x40, 0x20),
        flag("POLLRDNORM", 0x80, 0x40),
        flag("POLLRDBAND", 0x100, 0x80),
        flag("POLLWRNORM", 0x200, 0x100),
        flag("POLLWRBAND", 0x400, 0x200),
    ],
);
