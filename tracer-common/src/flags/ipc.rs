//! Operations and flags of futexes and semaphores. Source: include/uapi/linux/{futex,ipc,sem}.h.

use super::{FlagSet, flag, masked, value};

/// `FUTEX_CMD_MASK`: the bits of the operation itself.
const FUTEX_CMD_MASK: u32 = !0x180;

/// `FUTEX_*`. Two are flags; the others are numbers, though the format prints them like bits.
pub static FUTEX_OPERATIONS: FlagSet = FlagSet::bits(
    "futex_operations",
    &[
        flag("FUTEX_CLOCK_REALTIME", 0x100, 0x100),
        flag("FUTEX_PRIVATE_FLAG", 0x80, 0x80),
        masked("FUTEX_CMP_REQUEUE_PI", 0xc, 0xc, FUTEX_CMD_MASK),
        masked("FUTEX_WAIT_REQUEUE_PI", 0xb, 0xb, FUTEX_CMD_MASK),
        masked("FUTEX_WAKE_BITSET", 0xa, 0xa, FUTEX_CMD_MASK),
        masked("FUTEX_WAIT_BITSET", 0x9, 0x9, FUTEX_CMD_MASK),
        masked("FUTEX_TRYLOCK_PI", 0x8, 0x8, FUTEX_CMD_MASK),
        masked("FUTEX_UNLOCK_PI", 0x7, 0x7, FUTEX_CMD_MASK),
        masked("FUTEX_LOCK_PI", 0x6, 0x6, FUTEX_CMD_MASK),
        masked("FUTEX_WAKE_OP", 0x5, 0x5, FUTEX_CMD_MASK),
        masked("FUTEX_CMP_REQUEUE", 0x4, 0x4, FUTEX_CMD_MASK),
        masked("FUTEX_REQUEUE", 0x3, 0x3, FUTEX_CMD_MASK),
        masked("FUTEX_FD", 0x2, 0x2, FUTEX_CMD_MASK),
        masked("FUTEX_WAKE", 0x1, 0x1, FUTEX_CMD_MASK),
        masked("FUTEX_WAIT", 0x0, 0x0, FUTEX_CMD_MASK),
    ],
);

/// `IPC_*` of semget; the permission bits beside them have no names.
pub static SEMGET_FLAGS: FlagSet =
    FlagSet::bits("semget_flags", &[flag("IPC_EXCL", 0x4000, 0o2000), flag("IPC_CREAT", 0x2000, 0o1000)]);

/// Flags of a change of a semaphore.
pub static SEMOP_FLAGS: FlagSet =
    FlagSet::bits("semop_flags", &[flag("IPC_NOWAIT", 0x1, 0o4000), flag("SEM_UNDO", 0x2, 0x1000)]);

/// Commands of semctl: numbers of the kernel, bits of the format.
pub static SEMCTL_COMMANDS: FlagSet = FlagSet::bits(
    "semctl_commands",
    &[
        value("IPC_STAT", 0x1, 2),
        value("IPC_SET", 0x2, 1),
        value("IPC_RMID", 0x4, 0),
        value("IPC_INFO", 0x8, 3),
        value("SEM_INFO", 0x10, 19),
        value("SEM_STAT", 0x20, 18),
        value("GETALL", 0x40, 13),
        value("GETNCNT", 0x80, 14),
        value("GETPID", 0x100, 11),
        value("GETVAL", 0x200, 12),
        value("GETZCNT", 0x400, 15),
        value("SETALL", 0x800, 17),
        value("SETVAL", 0x1000, 16),
    ],
);
