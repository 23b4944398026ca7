//! Memory of a process, as older captures have it.

old_events! {
    BRK_1_E = 10 "brk" Memory [ENTER] { size: U32; }
    BRK_1_X = 11 "brk" Memory [] { res: Hex64; }
    BRK_4_E = 158 "brk" Memory [ENTER] { addr: Hex64; }
    MMAP_E = 160 "mmap" Memory [USES_FD | ENTER] {
        addr: Hex64; length: U64; prot: Flags32(PROT_FLAGS); flags: Flags32(MMAP_FLAGS); fd: Fd; offset: U64;
    }
    MMAP2_E = 162 "mmap2" Memory [USES_FD | ENTER] {
        addr: Hex64; length: U64; prot: Flags32(PROT_FLAGS); flags: Flags32(MMAP_FLAGS); fd: Fd; pgoffset: U64;
    }
    MUNMAP_E = 164 "munmap" Memory [ENTER] { addr: Hex64; length: U64; }
    MPROTECT_E = 328 "mprotect" Memory [ENTER] { addr: Hex64; length: U64; prot: Flags32(PROT_FLAGS); }
    MLOCK_E = 344 "mlock" Memory [ENTER] {}
    MUNLOCK_E = 346 "munlock" Memory [ENTER] {}
    MLOCKALL_E = 348 "mlockall" Memory [ENTER] {}
    MUNLOCKALL_E = 350 "munlockall" Memory [ENTER] {}
    MLOCK2_E = 370 "mlock2" Memory [ENTER] {}
    MEMFD_CREATE_E = 404 "memfd_create" Memory [CREATES_FD | MODIFIES_STATE | ENTER] {}
}
