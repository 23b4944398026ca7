//! Memory of a process.

events! {
    /// Map a file or new memory.
    /// Source: mmap(2); kernel mm/mmap.c, arch/x86/kernel/sys_x86_64.c.
    MMAP = 161 "mmap" Memory [USES_FD] {
        res: Errno = ret, "address of the mapping, or -errno";
        vm_size: U32 = vm_size, "virtual memory of the process after the call, kB";
        vm_rss: U32 = vm_rss, "resident memory, kB";
        vm_swap: U32 = vm_swap, "swapped memory, kB";
        addr: Hex64 = 0, "requested address";
        length: U64 = 1, "length, bytes";
        prot: Flags32(PROT_FLAGS) = 2, "PROT_* flags";
        flags: Flags32(MMAP_FLAGS) = 3, "MAP_* flags";
        fd: Fd = 4, "descriptor of the file; without meaning for MAP_ANONYMOUS";
        offset: U64 = 5, "offset in the file, bytes";
    }

    /// Remove a mapping.
    /// Source: munmap(2); kernel mm/mmap.c.
    MUNMAP = 165 "munmap" Memory [] {
        res: Errno = ret, "0, or -errno";
        vm_size: U32 = vm_size, "virtual memory of the process after the call, kB";
        vm_rss: U32 = vm_rss, "resident memory, kB";
        vm_swap: U32 = vm_swap, "swapped memory, kB";
        addr: Hex64 = 0, "address";
        length: U64 = 1, "length, bytes";
    }

    /// Move the end of the data segment.
    /// Source: brk(2); kernel mm/mmap.c.
    BRK = 159 "brk" Memory [] {
        res: Hex64 = ret, "end address after the call; the old one if the call failed";
        vm_size: U32 = vm_size, "virtual memory of the process after the call, kB";
        vm_rss: U32 = vm_rss, "resident memory, kB";
        vm_swap: U32 = vm_swap, "swapped memory, kB";
        addr: Hex64 = 0, "requested end address; 0 only gets the current one";
    }

    /// Change the protection of memory.
    /// Source: mprotect(2); kernel mm/mprotect.c.
    MPROTECT = 329 "mprotect" Memory [] {
        res: Errno = ret, "0, or -errno";
        addr: Hex64 = 0, "address";
        length: U64 = 1, "length, bytes";
        prot: Flags32(PROT_FLAGS) = 2, "PROT_* flags";
    }

    /// Lock memory.
    /// Source: mlock(2); kernel mm/mlock.c.
    MLOCK = 345 "mlock" Memory [] {
        res: Errno = ret, "0, or -errno";
        addr: Hex64 = 0, "address";
        len: U64 = 1, "length, bytes";
    }

    /// Lock memory, with flags.
    /// Source: mlock2(2); kernel mm/mlock.c.
    MLOCK2 = 371 "mlock2" Memory [] {
        res: Errno = ret, "0, or -errno";
        addr: Hex64 = 0, "address";
        len: U64 = 1, "length, bytes";
        flags: Flags32(MLOCK2_FLAGS) = 2, "MLOCK_ONFAULT or nothing";
    }

    /// Unlock memory.
    /// Source: munlock(2); kernel mm/mlock.c.
    MUNLOCK = 347 "munlock" Memory [] {
        res: Errno = ret, "0, or -errno";
        addr: Hex64 = 0, "address";
        len: U64 = 1, "length, bytes";
    }

    /// Lock all memory of the process.
    /// Source: mlockall(2); kernel mm/mlock.c.
    MLOCKALL = 349 "mlockall" Memory [] {
        res: Errno = ret, "0, or -errno";
        flags: Flags32(MLOCKALL_FLAGS) = 0, "MCL_* flags";
    }

    /// Unlock all memory of the process.
    /// Source: munlockall(2); kernel mm/mlock.c.
    MUNLOCKALL = 351 "munlockall" Memory [] {
        res: Errno = ret, "0, or -errno";
    }

    /// Say how memory will be used.
    /// Source: madvise(2); kernel mm/madvise.c.
    MADVISE = 541 "madvise" Memory [] {
        res: Errno = ret, "0, or -errno";
        addr: Hex64 = 0, "address";
        length: U64 = 1, "length, bytes";
        advice: Enum32(MADVISE_ADVICE) = 2, "MADV_* advice";
    }

    /// Write changes of mapped files back.
    /// Source: msync(2); kernel mm/msync.c.
    MSYNC = 543 "msync" Memory [WAITS] {
        res: Errno = ret, "0, or -errno";
        addr: Hex64 = 0, "address";
        length: U64 = 1, "length, bytes";
        flags: Flags32(MSYNC_FLAGS) = 2, "MS_* flags";
    }

    /// Forbid changes of mappings.
    /// Source: mseal(2), since 6.10; kernel mm/mseal.c.
    MSEAL = 545 "mseal" Memory [] {
        res: Errno = ret, "0, or -errno";
        addr: Hex64 = 0, "address";
        length: U64 = 1, "length, bytes";
        flags: Hex64 = 2, "none are known";
    }

    /// Map a shadow stack.
    /// Source: map_shadow_stack(2), since 6.6; kernel arch/x86/kernel/shstk.c.
    MAP_SHADOW_STACK = 547 "map_shadow_stack" Memory [] {
        res: Errno = ret, "its address, or -errno";
        addr: Hex64 = 0, "requested address; 0 for any";
        size: U64 = 1, "its size, bytes";
        flags: Flags32(SHADOW_STACK_FLAGS) = 2, "SHADOW_STACK_* flags";
    }
}
