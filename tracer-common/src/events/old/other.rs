//! Calls of no other family, as older captures have them.

old_events! {
    GENERIC_E = 0 "syscall" Other [ENTER] { ID: SyscallId; nativeID: U16; }
    BPF_E = 296 "bpf" Other [CREATES_FD | ENTER] { cmd: I64; }
    BPF_X = 297 "bpf" Other [CREATES_FD] { res_or_fd: Dyn(BPF_TYPES); }
    SECCOMP_E = 298 "seccomp" Other [ENTER] { op: U64; flags: Hex64; }
    BPF_2_E = 368 "bpf" Other [CREATES_FD | ENTER] { cmd: I64; }
    FSCONFIG_E = 372 "fsconfig" System [ENTER] {}
    INIT_MODULE_E = 410 "init_module" Other [ENTER] {}
    FINIT_MODULE_E = 412 "finit_module" Other [ENTER] {}
    MKNOD_E = 414 "mknod" Other [ENTER] {}
    MKNODAT_E = 416 "mknodat" Other [ENTER] {}
    DELETE_MODULE_E = 424 "delete_module" Other [ENTER] {}
}
