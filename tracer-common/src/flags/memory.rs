//! Flags of memory. Source: include/uapi/asm-generic/mman-common.h, include/uapi/asm-generic/mman.h,
//! arch/x86/include/uapi/asm/mman.h.

use super::{FlagSet, flag, masked, value};

/// `PROT_*`. `PROT_SAO` is of powerpc only.
pub static PROT_FLAGS: FlagSet = FlagSet::bits(
    "prot_flags",
    &[
        flag("PROT_READ", 0x1, 0x1),
        flag("PROT_WRITE", 0x2, 0x2),
        flag("PROT_EXEC", 0x4, 0x4),
        flag("PROT_SEM", 0x8, 0x8),
        flag("PROT_GROWSDOWN", 0x10, 0x100_0000),
        flag("PROT_GROWSUP", 0x20, 0x200_0000),
        masked("PROT_SAO", 0x40, 0, 0),
        masked("PROT_NONE", 0x0, 0, 0),
    ],
);

/// `MAP_*`. `MAP_RENAME` and `MAP_INHERIT` are of other systems, `MAP_FILE` is 0.
pub static MMAP_FLAGS: FlagSet = FlagSet::bits(
    "mmap_flags",
    &[
        flag("MAP_SHARED", 0x1, 0x1),
        flag("MAP_PRIVATE", 0x2, 0x2),
        flag("MAP_FIXED", 0x4, 0x10),
        flag("MAP_ANONYMOUS", 0x8, 0x20),
        flag("MAP_32BIT", 0x10, 0x40),
        masked("MAP_RENAME", 0x20, 0, 0),
        flag("MAP_NORESERVE", 0x40, 0x4000),
        flag("MAP_POPULATE", 0x80, 0x8000),
        flag("MAP_NONBLOCK", 0x100, 0x1_0000),
        flag("MAP_GROWSDOWN", 0x200, 0x100),
        flag("MAP_DENYWRITE", 0x400, 0x800),
        flag("MAP_EXECUTABLE", 0x800, 0x1000),
        masked("MAP_INHERIT", 0x1000, 0, 0),
        masked("MAP_FILE", 0x2000, 0, 0),
        flag("MAP_LOCKED", 0x4000, 0x2000),
    ],
);

/// `MCL_*`.
pub static MLOCKALL_FLAGS: FlagSet = FlagSet::bits(
    "mlockall_flags",
    &[flag("MCL_CURRENT", 0x1, 0x1), flag("MCL_FUTURE", 0x2, 0x2), flag("MCL_ONFAULT", 0x4, 0x4)],
);

/// `MLOCK_ONFAULT`.
pub static MLOCK2_FLAGS: FlagSet = FlagSet::bits("mlock2_flags", &[flag("MLOCK_ONFAULT", 0x1, 0x1)]);

/// `MADV_*`. Source: include/uapi/asm-generic/mman-common.h.
pub static MADVISE_ADVICE: FlagSet = FlagSet::numbers(
    "madvise_advice",
    &[
        value("MADV_NORMAL", 0, 0),
        value("MADV_RANDOM", 1, 1),
        value("MADV_SEQUENTIAL", 2, 2),
        value("MADV_WILLNEED", 3, 3),
        value("MADV_DONTNEED", 4, 4),
        value("MADV_FREE", 8, 8),
        value("MADV_REMOVE", 9, 9),
        value("MADV_DONTFORK", 10, 10),
        value("MADV_DOFORK", 11, 11),
        value("MADV_MERGEABLE", 12, 12),
        value("MADV_UNMERGEABLE", 13, 13),
        value("MADV_HUGEPAGE", 14, 14),
        value("MADV_NOHUGEPAGE", 15, 15),
        value("MADV_DONTDUMP", 16, 16),
        value("MADV_DODUMP", 17, 17),
        value("MADV_WIPEONFORK", 18, 18),
        value("MADV_KEEPONFORK", 19, 19),
        value("MADV_COLD", 20, 20),
        value("MADV_PAGEOUT", 21, 21),
        value("MADV_POPULATE_READ", 22, 22),
        value("MADV_POPULATE_WRITE", 23, 23),
        value("MADV_DONTNEED_LOCKED", 24, 24),
        value("MADV_COLLAPSE", 25, 25),
        value("MADV_HWPOISON", 100, 100),
        value("MADV_SOFT_OFFLINE", 101, 101),
        value("MADV_GUARD_INSTALL", 102, 102),
        value("MADV_GUARD_REMOVE", 103, 103),
    ],
);

/// `MS_*`. Source: include/uapi/asm-generic/mman-common.h.
pub static MSYNC_FLAGS: FlagSet = FlagSet::bits(
    "msync_flags",
    &[flag("MS_ASYNC", 0x1, 0x1), flag("MS_INVALIDATE", 0x2, 0x2), flag("MS_SYNC", 0x4, 0x4)],
);

/// `SHADOW_STACK_*`. Source: arch/x86/include/uapi/asm/mman.h.
pub static SHADOW_STACK_FLAGS: FlagSet =
    FlagSet::bits("shadow_stack_flags", &[flag("SHADOW_STACK_SET_TOKEN", 0x1, 0x1)]);

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn no_protection_has_a_name() {
        assert_eq!(PROT_FLAGS.to_file(0), 0);
        assert_eq!(PROT_FLAGS.names(0).collect::<Vec<_>>(), ["PROT_NONE"]);
        assert_eq!(PROT_FLAGS.to_file(0x100_0003), 0x13);
    }

    #[test]
    fn shared_validate_is_shared_and_private() {
        assert_eq!(MMAP_FLAGS.to_file(0x3), 0x3);
        assert_eq!(MMAP_FLAGS.to_file(0x4022), 0x4a);
    }
}
