//! Page faults. Source: kernel arch/x86/include/asm/trap_pf.h.

use super::{FlagSet, masked};

/// `X86_PF_*`, each bit with a name for both of its values.
pub static FAULT_FLAGS: FlagSet = FlagSet::bits(
    "pf_flags",
    &[
        masked("PROTECTION_VIOLATION", 0x1, 0x1, 0x1),
        masked("PAGE_NOT_PRESENT", 0x2, 0, 0x1),
        masked("WRITE_ACCESS", 0x4, 0x2, 0x2),
        masked("READ_ACCESS", 0x8, 0, 0x2),
        masked("USER_FAULT", 0x10, 0x4, 0x4),
        masked("SUPERVISOR_FAULT", 0x20, 0, 0x4),
        masked("RESERVED_PAGE", 0x40, 0x8, 0x8),
        masked("INSTRUCTION_FETCH", 0x80, 0x10, 0x10),
    ],
);
