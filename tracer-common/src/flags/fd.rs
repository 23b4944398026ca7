//! Flags of descriptors that are not files. Source: include/uapi/linux/{eventfd,eventpoll,inotify,memfd}.h,
//! userfaultfd(2).

use super::{FlagSet, flag, value};

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

/// What a descriptor of an anonymous inode is. Only in captures, whose numbers these are.
pub static ANON_INODE_FD_TYPES: FlagSet = FlagSet::numbers(
    "anon_inode_fd_types",
    &[
        value("ANON_INODE_FD_TYPE_UNKNOWN", 0, 0),
        value("ANON_INODE_FD_TYPE_EVENTFD", 1, 1),
        value("ANON_INODE_FD_TYPE_EVENTPOLL", 2, 2),
        value("ANON_INODE_FD_TYPE_INOTIFY", 3, 3),
        value("ANON_INODE_FD_TYPE_SIGNALFD", 4, 4),
        value("ANON_INODE_FD_TYPE_TIMERFD", 5, 5),
        value("ANON_INODE_FD_TYPE_IO_URING", 6, 6),
        value("ANON_INODE_FD_TYPE_USERFAULTFD", 7, 7),
        value("ANON_INODE_FD_TYPE_PIDFD", 8, 8),
        value("ANON_INODE_FD_TYPE_BPF_MAP", 9, 9),
        value("ANON_INODE_FD_TYPE_BPF_PROG", 10, 10),
        value("ANON_INODE_FD_TYPE_BPF_LINK", 11, 11),
        value("ANON_INODE_FD_TYPE_BPF_ITER", 12, 12),
        value("ANON_INODE_FD_TYPE_PERF_EVENT", 13, 13),
    ],
);
