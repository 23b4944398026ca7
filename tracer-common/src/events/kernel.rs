//! What the kernel runs or keeps for programs: bpf, modules, io_uring, keys, quotas.

events! {
    /// Control BPF programs, maps and links.
    /// Source: bpf(2); kernel kernel/bpf/syscall.c.
    BPF = 369 "bpf" Other [CREATES_FD] => Bpf {
        fd: Fd = ret, "depends on the command, such as a new descriptor; or -errno";
        cmd: Enum32(BPF_COMMANDS) = 0, "BPF_* command";
    }

    /// Load a kernel module from memory.
    /// Source: init_module(2); kernel kernel/module/main.c.
    INIT_MODULE = 411 "init_module" Other [] {
        res: Errno = ret, "0, or -errno";
        img: Bytes = data_out(0, 1), "image of the module, cut at snaplen";
        length: U64 = 1, "its length, bytes";
        uargs: Text = text(2), "parameters of the module", command;
    }

    /// Load a kernel module from a file.
    /// Source: finit_module(2); kernel kernel/module/main.c.
    FINIT_MODULE = 413 "finit_module" Other [USES_FD | READS_FROM_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor of the module";
        uargs: Text = text(1), "parameters of the module", command;
        flags: Flags32(FINIT_MODULE_FLAGS) = 2, "MODULE_INIT_* flags";
    }

    /// Unload a kernel module.
    /// Source: delete_module(2); kernel kernel/module/main.c.
    DELETE_MODULE = 425 "delete_module" Other [] {
        res: Errno = ret, "0, or -errno";
        name: Text = text(0), "name of the module";
        flags: Flags32(DELETE_MODULE_FLAGS) = 1, "O_NONBLOCK, O_TRUNC";
    }

    /// Create an io_uring instance.
    /// Source: io_uring_setup(2); kernel io_uring/io_uring.c, struct io_uring_params.
    IO_URING_SETUP = 339 "io_uring_setup" IoOther [CREATES_FD | MODIFIES_STATE] => AnonFd {
        res: Errno = ret, "new descriptor, or -errno";
        entries: U32 = 0, "entries asked for";
        sq_entries: U32 = user_u32(1, 0), "entries of the submission queue";
        cq_entries: U32 = user_u32(1, 4), "entries of the completion queue";
        flags: Flags32(IO_URING_SETUP_FLAGS) = user_u32(1, 8), "IORING_SETUP_* flags";
        sq_thread_cpu: U32 = user_u32(1, 12), "CPU of the submission thread, with IORING_SETUP_SQ_AFF";
        sq_thread_idle: U32 = user_u32(1, 16), "how long the submission thread waits for work, ms";
        features: Flags32(IO_URING_FEATURES) = user_u32(1, 20), "IORING_FEAT_* bits that the kernel has";
    }

    /// Submit requests of an io_uring instance, wait for completions, or both.
    /// Source: io_uring_enter(2); kernel io_uring/io_uring.c.
    IO_URING_ENTER = 341 "io_uring_enter" IoOther [USES_FD] {
        res: Errno = ret, "requests submitted, or -errno";
        fd: Fd = 0, "descriptor";
        to_submit: U32 = 1, "requests to submit";
        min_complete: U32 = 2, "completions to wait for";
        flags: Flags32(IO_URING_ENTER_FLAGS) = 3, "IORING_ENTER_* flags";
        sig: SigSet = ring_signals, "signals blocked during the wait";
    }

    /// Register buffers, files and more with an io_uring instance.
    /// Source: io_uring_register(2); kernel io_uring/register.c.
    IO_URING_REGISTER = 343 "io_uring_register" IoOther [USES_FD] {
        res: Errno = ret, "depends on the operation; or -errno";
        fd: Fd = 0, "descriptor";
        opcode: Enum16(IO_URING_REGISTER_OPCODES) = 1, "IORING_REGISTER_* and IORING_UNREGISTER_* operation";
        arg: Hex64 = 2, "address of the resources to register";
        nr_args: U32 = 3, "how many";
    }

    /// Control keys and keyrings.
    /// Source: keyctl(2); kernel security/keys/keyctl.c.
    KEYCTL = 453 "keyctl" Other [] {
        res: Errno = ret, "depends on the operation; or -errno";
        operation: Enum32(KEYCTL_OPERATIONS) = 0, "KEYCTL_* operation";
        arg2: Dyn(KEYCTL_TYPES) = key_arg(1), "second argument: a number, or the text it points to";
        arg3: Dyn(KEYCTL_TYPES) = key_arg(2), "third argument";
        arg4: Dyn(KEYCTL_TYPES) = key_arg(3), "fourth argument";
        arg5: Dyn(KEYCTL_TYPES) = key_arg(4), "fifth argument";
    }

    /// Control disk quotas.
    /// Source: quotactl(2); kernel fs/quota/quota.c, struct if_dqblk, struct if_dqinfo.
    QUOTACTL = 191 "quotactl" User [] {
        res: Errno = ret, "0, or -errno";
        special: Text = quota_device, "block device of the filesystem";
        quotafilepath: Text = quota_path, "file with the quotas, of Q_QUOTAON";
        dqb_bhardlimit: U64 = quota(BlockHardLimit), "hard limit of blocks, in units of 1 kB";
        dqb_bsoftlimit: U64 = quota(BlockSoftLimit), "soft limit of blocks, in units of 1 kB";
        dqb_curspace: U64 = quota(CurrentSpace), "space in use, bytes";
        dqb_ihardlimit: U64 = quota(InodeHardLimit), "hard limit of inodes";
        dqb_isoftlimit: U64 = quota(InodeSoftLimit), "soft limit of inodes";
        dqb_btime: RelTime = quota(BlockTime), "when the grace time for blocks ends, since the epoch";
        dqb_itime: RelTime = quota(InodeTime), "when the grace time for inodes ends, since the epoch";
        dqi_bgrace: RelTime = quota(BlockGrace), "grace time for blocks";
        dqi_igrace: RelTime = quota(InodeGrace), "grace time for inodes";
        dqi_flags: Flags8(QUOTA_INFO_FLAGS) = quota(InfoFlags), "DQF_* flags";
        quota_fmt_out: Flags8(QUOTA_FORMATS) = quota(FormatOut), "format, of Q_GETFMT";
        cmd: Flags16(QUOTA_COMMANDS) = quota(Command), "Q_* command";
        type: Flags8(QUOTA_TYPES) = quota(Type), "quotas of users or of groups";
        id: U32 = quota(Id), "user or group, for commands that take one";
        quota_fmt: Flags8(QUOTA_FORMATS) = quota(FormatIn), "format, of Q_QUOTAON";
    }

    /// Get random bytes.
    /// Source: getrandom(2); kernel drivers/char/random.c.
    GETRANDOM = 549 "getrandom" Other [] {
        res: Errno = ret, "bytes, or -errno";
        size: U64 = 1, "bytes asked for";
        flags: Flags32(GETRANDOM_FLAGS) = 2, "GRND_* flags";
    }

    /// Make other threads see memory in order.
    /// Source: membarrier(2); kernel kernel/sched/membarrier.c.
    MEMBARRIER = 551 "membarrier" Other [] {
        res: Errno = ret, "depends on the command; or -errno";
        cmd: Enum32(MEMBARRIER_COMMANDS) = 0, "MEMBARRIER_CMD_* command";
        flags: Flags32(MEMBARRIER_FLAGS) = 1, "MEMBARRIER_CMD_FLAG_* flags";
        cpu_id: I32 = arg_signed(2), "CPU, with MEMBARRIER_CMD_FLAG_CPU";
    }

    /// Register a restartable sequence of the thread.
    /// Source: rseq(2); kernel kernel/rseq.c.
    RSEQ = 553 "rseq" Other [] {
        res: Errno = ret, "0, or -errno";
        rseq: Hex64 = 0, "address of the struct";
        len: U32 = 1, "its length, bytes";
        flags: Flags32(RSEQ_FLAGS) = 2, "RSEQ_FLAG_* flags";
        sig: Hex32 = 3, "signature that marks abort handlers";
    }
}
