//! Commands and flags of bpf, modules, io_uring, keys and quotas. Source:
//! include/uapi/linux/{bpf,module,io_uring,keyctl,quota,dqblk_xfs}.h.

use super::{FlagSet, flag, masked, value};

/// The commands of bpf whose result is a new descriptor: maps, programs, links, BTF, statistics, iterators and, since 6.9,
/// tokens.
pub const BPF_MAKES_FD: [u32; 13] = [0, 5, 7, 13, 14, 17, 18, 19, 28, 30, 32, 33, 36];

/// `BPF_*`: the numbers of the kernel.
pub static BPF_COMMANDS: FlagSet = FlagSet::numbers(
    "bpf_commands",
    &[
        value("BPF_MAP_CREATE", 0x0, 0x0),
        value("BPF_MAP_LOOKUP_ELEM", 0x1, 0x1),
        value("BPF_MAP_UPDATE_ELEM", 0x2, 0x2),
        value("BPF_MAP_DELETE_ELEM", 0x3, 0x3),
        value("BPF_MAP_GET_NEXT_KEY", 0x4, 0x4),
        value("BPF_PROG_LOAD", 0x5, 0x5),
        value("BPF_OBJ_PIN", 0x6, 0x6),
        value("BPF_OBJ_GET", 0x7, 0x7),
        value("BPF_PROG_ATTACH", 0x8, 0x8),
        value("BPF_PROG_DETACH", 0x9, 0x9),
        value("BPF_PROG_TEST_RUN", 0xa, 0xa),
        value("BPF_PROG_RUN", 0xa, 0xa),
        value("BPF_PROG_GET_NEXT_ID", 0xb, 0xb),
        value("BPF_MAP_GET_NEXT_ID", 0xc, 0xc),
        value("BPF_PROG_GET_FD_BY_ID", 0xd, 0xd),
        value("BPF_MAP_GET_FD_BY_ID", 0xe, 0xe),
        value("BPF_OBJ_GET_INFO_BY_FD", 0xf, 0xf),
        value("BPF_PROG_QUERY", 0x10, 0x10),
        value("BPF_RAW_TRACEPOINT_OPEN", 0x11, 0x11),
        value("BPF_BTF_LOAD", 0x12, 0x12),
        value("BPF_BTF_GET_FD_BY_ID", 0x13, 0x13),
        value("BPF_TASK_FD_QUERY", 0x14, 0x14),
        value("BPF_MAP_LOOKUP_AND_DELETE_ELEM", 0x15, 0x15),
        value("BPF_MAP_FREEZE", 0x16, 0x16),
        value("BPF_BTF_GET_NEXT_ID", 0x17, 0x17),
        value("BPF_MAP_LOOKUP_BATCH", 0x18, 0x18),
        value("BPF_MAP_LOOKUP_AND_DELETE_BATCH", 0x19, 0x19),
        value("BPF_MAP_UPDATE_BATCH", 0x1a, 0x1a),
        value("BPF_MAP_DELETE_BATCH", 0x1b, 0x1b),
        value("BPF_LINK_CREATE", 0x1c, 0x1c),
        value("BPF_LINK_UPDATE", 0x1d, 0x1d),
        value("BPF_LINK_GET_FD_BY_ID", 0x1e, 0x1e),
        value("BPF_LINK_GET_NEXT_ID", 0x1f, 0x1f),
        value("BPF_ENABLE_STATS", 0x20, 0x20),
        value("BPF_ITER_CREATE", 0x21, 0x21),
        value("BPF_LINK_DETACH", 0x22, 0x22),
        value("BPF_PROG_BIND_MAP", 0x23, 0x23),
    ],
);

/// `MODULE_INIT_*`.
pub static FINIT_MODULE_FLAGS: FlagSet = FlagSet::bits(
    "finit_module_flags",
    &[
        flag("MODULE_INIT_IGNORE_MODVERSIONS", 0x1, 0x1),
        flag("MODULE_INIT_IGNORE_VERMAGIC", 0x2, 0x2),
        flag("MODULE_INIT_COMPRESSED_FILE", 0x4, 0x4),
    ],
);

/// The `O_*` flags that delete_module knows.
pub static DELETE_MODULE_FLAGS: FlagSet =
    FlagSet::bits("delete_module_flags", &[flag("O_NONBLOCK", 0x2, 0o4000), flag("O_TRUNC", 0x1, 0o1000)]);

/// `IORING_SETUP_*`. One is no setup flag of the kernel; `ATTACH_RW` is its `ATTACH_WQ`.
pub static IO_URING_SETUP_FLAGS: FlagSet = FlagSet::bits(
    "io_uring_setup_flags",
    &[
        flag("IORING_SETUP_IOPOLL", 0x1, 0x1),
        flag("IORING_SETUP_SQPOLL", 0x2, 0x2),
        masked("IORING_SQ_NEED_WAKEUP", 0x4, 0, 0),
        flag("IORING_SETUP_SQ_AFF", 0x8, 0x4),
        flag("IORING_SETUP_CQSIZE", 0x10, 0x8),
        flag("IORING_SETUP_CLAMP", 0x20, 0x10),
        flag("IORING_SETUP_ATTACH_RW", 0x40, 0x20),
        flag("IORING_SETUP_R_DISABLED", 0x80, 0x40),
    ],
);

/// `IORING_FEAT_*`.
pub static IO_URING_FEATURES: FlagSet = FlagSet::bits(
    "io_uring_setup_feats",
    &[
        flag("IORING_FEAT_SINGLE_MMAP", 0x1, 0x1),
        flag("IORING_FEAT_NODROP", 0x2, 0x2),
        flag("IORING_FEAT_SUBMIT_STABLE", 0x4, 0x4),
        flag("IORING_FEAT_RW_CUR_POS", 0x8, 0x8),
        flag("IORING_FEAT_CUR_PERSONALITY", 0x10, 0x10),
        flag("IORING_FEAT_FAST_POLL", 0x20, 0x20),
        flag("IORING_FEAT_POLL_32BITS", 0x40, 0x40),
        flag("IORING_FEAT_SQPOLL_NONFIXED", 0x80, 0x80),
        flag("IORING_FEAT_ENTER_EXT_ARG", 0x100, 0x100),
        flag("IORING_FEAT_NATIVE_WORKERS", 0x200, 0x200),
        flag("IORING_FEAT_RSRC_TAGS", 0x400, 0x400),
    ],
);

/// `IORING_ENTER_*`.
pub static IO_URING_ENTER_FLAGS: FlagSet = FlagSet::bits(
    "io_uring_enter_flags",
    &[
        flag("IORING_ENTER_GETEVENTS", 0x1, 0x1),
        flag("IORING_ENTER_SQ_WAKEUP", 0x2, 0x2),
        flag("IORING_ENTER_SQ_WAIT", 0x4, 0x4),
        flag("IORING_ENTER_EXT_ARG", 0x8, 0x8),
    ],
);

/// `IORING_REGISTER_*` and `IORING_UNREGISTER_*`: the numbers of the kernel.
pub static IO_URING_REGISTER_OPCODES: FlagSet = FlagSet::numbers(
    "io_uring_register_opcodes",
    &[
        value("IORING_REGISTER_BUFFERS", 0x0, 0x0),
        value("IORING_UNREGISTER_BUFFERS", 0x1, 0x1),
        value("IORING_REGISTER_FILES", 0x2, 0x2),
        value("IORING_UNREGISTER_FILES", 0x3, 0x3),
        value("IORING_REGISTER_EVENTFD", 0x4, 0x4),
        value("IORING_UNREGISTER_EVENTFD", 0x5, 0x5),
        value("IORING_REGISTER_FILES_UPDATE", 0x6, 0x6),
        value("IORING_REGISTER_EVENTFD_ASYNC", 0x7, 0x7),
        value("IORING_REGISTER_PROBE", 0x8, 0x8),
        value("IORING_REGISTER_PERSONALITY", 0x9, 0x9),
        value("IORING_UNREGISTER_PERSONALITY", 0xa, 0xa),
        value("IORING_REGISTER_RESTRICTIONS", 0xb, 0xb),
        value("IORING_REGISTER_ENABLE_RINGS", 0xc, 0xc),
        value("IORING_REGISTER_FILES2", 0xd, 0xd),
        value("IORING_REGISTER_FILES_UPDATE2", 0xe, 0xe),
        value("IORING_REGISTER_BUFFERS2", 0xf, 0xf),
        value("IORING_REGISTER_BUFFERS_UPDATE", 0x10, 0x10),
        value("IORING_REGISTER_IOWQ_AFF", 0x11, 0x11),
        value("IORING_UNREGISTER_IOWQ_AFF", 0x12, 0x12),
        value("IORING_REGISTER_IOWQ_MAX_WORKERS", 0x13, 0x13),
        value("IORING_REGISTER_RING_FDS", 0x14, 0x14),
        value("IORING_UNREGISTER_RING_FDS", 0x15, 0x15),
    ],
);

/// `KEYCTL_*`: the numbers of the kernel.
pub static KEYCTL_OPERATIONS: FlagSet = FlagSet::numbers(
    "keyctl_operations",
    &[
        value("KEYCTL_GET_KEYRING_ID", 0x0, 0x0),
        value("KEYCTL_JOIN_SESSION_KEYRING", 0x1, 0x1),
        value("KEYCTL_UPDATE", 0x2, 0x2),
        value("KEYCTL_REVOKE", 0x3, 0x3),
        value("KEYCTL_CHOWN", 0x4, 0x4),
        value("KEYCTL_SETPERM", 0x5, 0x5),
        value("KEYCTL_DESCRIBE", 0x6, 0x6),
        value("KEYCTL_CLEAR", 0x7, 0x7),
        value("KEYCTL_LINK", 0x8, 0x8),
        value("KEYCTL_UNLINK", 0x9, 0x9),
        value("KEYCTL_SEARCH", 0xa, 0xa),
        value("KEYCTL_READ", 0xb, 0xb),
        value("KEYCTL_INSTANTIATE", 0xc, 0xc),
        value("KEYCTL_NEGATE", 0xd, 0xd),
        value("KEYCTL_SET_REQKEY_KEYRING", 0xe, 0xe),
        value("KEYCTL_SET_TIMEOUT", 0xf, 0xf),
        value("KEYCTL_ASSUME_AUTHORITY", 0x10, 0x10),
        value("KEYCTL_GET_SECURITY", 0x11, 0x11),
        value("KEYCTL_SESSION_TO_PARENT", 0x12, 0x12),
        value("KEYCTL_REJECT", 0x13, 0x13),
        value("KEYCTL_INSTANTIATE_IOV", 0x14, 0x14),
        value("KEYCTL_INVALIDATE", 0x15, 0x15),
        value("KEYCTL_GET_PERSISTENT", 0x16, 0x16),
        value("KEYCTL_DH_COMPUTE", 0x17, 0x17),
        value("KEYCTL_PKEY_QUERY", 0x18, 0x18),
        value("KEYCTL_PKEY_ENCRYPT", 0x19, 0x19),
        value("KEYCTL_PKEY_DECRYPT", 0x1a, 0x1a),
        value("KEYCTL_PKEY_SIGN", 0x1b, 0x1b),
        value("KEYCTL_PKEY_VERIFY", 0x1c, 0x1c),
        value("KEYCTL_RESTRICT_KEYRING", 0x1d, 0x1d),
        value("KEYCTL_MOVE", 0x1e, 0x1e),
        value("KEYCTL_CAPABILITIES", 0x1f, 0x1f),
        value("KEYCTL_WATCH_KEY", 0x20, 0x20),
    ],
);

/// `Q_*`, without the type that stands in the lowest byte of the argument.
pub static QUOTA_COMMANDS: FlagSet = FlagSet::bits(
    "quotactl_cmds",
    &[
        value("Q_QUOTAON", 0x1, 0x800002),
        value("Q_QUOTAOFF", 0x2, 0x800003),
        value("Q_GETFMT", 0x4, 0x800004),
        value("Q_GETINFO", 0x8, 0x800005),
        value("Q_SETINFO", 0x10, 0x800006),
        value("Q_GETQUOTA", 0x20, 0x800007),
        value("Q_SETQUOTA", 0x40, 0x800008),
        value("Q_SYNC", 0x80, 0x800001),
        value("Q_XQUOTAON", 0x100, 0x5801),
        value("Q_XQUOTAOFF", 0x200, 0x5802),
        value("Q_XGETQUOTA", 0x400, 0x5803),
        value("Q_XSETQLIM", 0x800, 0x5804),
        value("Q_XGETQSTAT", 0x1000, 0x5805),
        value("Q_XQUOTARM", 0x2000, 0x5806),
        value("Q_XQUOTASYNC", 0x4000, 0x5807),
    ],
);

/// `USRQUOTA`, `GRPQUOTA`.
pub static QUOTA_TYPES: FlagSet =
    FlagSet::bits("quotactl_types", &[value("USRQUOTA", 0x1, 0), value("GRPQUOTA", 0x2, 1)]);

/// `QFMT_*`. Zero is no format.
pub static QUOTA_FORMATS: FlagSet = FlagSet::bits(
    "quotactl_quota_fmts",
    &[
        value("QFMT_NOT_USED", 0x1, 0),
        value("QFMT_VFS_OLD", 0x2, 1),
        value("QFMT_VFS_V0", 0x4, 2),
        value("QFMT_VFS_V1", 0x8, 4),
    ],
);

/// `DQF_*`. The first stands for no flags, and the kernel has no bit for that; the second is its `DQF_ROOT_SQUASH`.
pub static QUOTA_INFO_FLAGS: FlagSet =
    FlagSet::bits("quotactl_dqi_flags", &[masked("DQF_NONE", 0x1, 0, 0), flag("V1_DQF_RSQUASH", 0x2, 0x1)]);

/// `GRND_*`. Source: include/uapi/linux/random.h.
pub static GETRANDOM_FLAGS: FlagSet = FlagSet::bits(
    "getrandom_flags",
    &[flag("GRND_NONBLOCK", 0x1, 0x1), flag("GRND_RANDOM", 0x2, 0x2), flag("GRND_INSECURE", 0x4, 0x4)],
);

/// `MEMBARRIER_CMD_*`. Source: include/uapi/linux/membarrier.h.
pub static MEMBARRIER_COMMANDS: FlagSet = FlagSet::numbers(
    "membarrier_commands",
    &[
        value("MEMBARRIER_CMD_QUERY", 0, 0),
        value("MEMBARRIER_CMD_GLOBAL", 1, 1),
        value("MEMBARRIER_CMD_GLOBAL_EXPEDITED", 2, 2),
        value("MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED", 4, 4),
        value("MEMBARRIER_CMD_PRIVATE_EXPEDITED", 8, 8),
        value("MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED", 16, 16),
        value("MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE", 32, 32),
        value("MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE", 64, 64),
        value("MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ", 128, 128),
        value("MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ", 256, 256),
        value("MEMBARRIER_CMD_GET_REGISTRATIONS", 512, 512),
    ],
);

/// `MEMBARRIER_CMD_FLAG_*`.
pub static MEMBARRIER_FLAGS: FlagSet = FlagSet::bits("membarrier_flags", &[flag("MEMBARRIER_CMD_FLAG_CPU", 0x1, 0x1)]);

/// `RSEQ_FLAG_*`. Source: include/uapi/linux/rseq.h.
pub static RSEQ_FLAGS: FlagSet = FlagSet::bits("rseq_flags", &[flag("RSEQ_FLAG_UNREGISTER", 0x1, 0x1)]);
