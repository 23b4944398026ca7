//! Flags of descriptors that are not files. Source: include/uapi/linux/{eventfd,eventpoll,inotify,memfd}.h,
//! userfaultfd(2).

use super::{FlagSet, flag};

/// `EFD_*`, `IN_*` and the flags of userfaultfd, under the names that they have as `O_*`.
pub static EVENTFD_FLAGS: FlagSet =
    FlagSet::bits("file_flags", &[flag("O_NONBLOCK", 0x40, 0o4000), flag("O_CLOEXEC", 0x1000, 0o2000000)]);

/// `EPOLL_CLOEXEC`.
pub static EPOLL_CREATE_FLAGS: FlagSet = FlagSet::bits("epoll_create1_flags", &[flag("EPOLL_CLOEXEC", 0x1, 0o2000000)]);

/// `MFD_*`.
pub static MEMFD_FLAGS: FlagSet = FlagSet::bits(
    "memfd_create_flags",
    &[flag("MFD_CLOEXEC", 0x1, 0x1), flag("MFD_ALLOW_SEALING", 0x2, 0x2), flag("MFD_HUGETLB", 0x4, 0x4)],
);
