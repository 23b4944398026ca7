//! What belongs to a process: session, group, namespaces, limits; and handles on other processes.

events! {
    /// Start a new session.
    /// Source: setsid(2); kernel kernel/sys.c.
    SETSID = 275 "setsid" Process [MODIFIES_STATE] => SetSid {
        res: Pid = ret, "session id, which is the process id; or -errno";
    }

    /// Set the process group of a process.
    /// Source: setpgid(2); kernel kernel/sys.c.
    SETPGID = 295 "setpgid" Process [] => SetPgid {
        res: Errno = ret, "0, or -errno";
        pid: Pid = 0, "process; 0 for the caller";
        pgid: Pid = 1, "group; 0 for a new group";
    }

    /// Join other namespaces.
    /// Source: setns(2); kernel kernel/nsproxy.c.
    SETNS = 241 "setns" Process [USES_FD] => Cwd {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor of a namespace or a process";
        nstype: Flags32(CLONE_FLAGS) = 1, "which namespaces, CLONE_NEW*; 0 for any";
        cwd: Text = cwd_path, "the working directory, which changes with the mount namespace; no value on failure";
    }

    /// Stop sharing namespaces or other resources with other processes.
    /// Source: unshare(2); kernel kernel/fork.c.
    UNSHARE = 285 "unshare" Process [] => Unshare {
        res: Errno = ret, "0, or -errno";
        flags: Flags32(CLONE_FLAGS) = 0, "CLONE_* flags";
    }

    /// Restrict the system calls of the thread.
    /// Source: seccomp(2); kernel kernel/seccomp.c.
    SECCOMP = 299 "seccomp" Other [] {
        res: Errno = ret, "depends on the operation: 0, a descriptor or a thread id; or -errno";
        op: Low32 = 0, "SECCOMP_* operation";
        flags: Hex64 = 1, "flags of the operation";
    }

    /// Control attributes of the process or thread.
    /// Source: prctl(2); kernel kernel/sys.c.
    PRCTL = 401 "prctl" Process [MODIFIES_STATE] => Prctl {
        res: Errno = ret, "depends on the option; or -errno";
        option: Enum32(PRCTL_OPTIONS) = 0, "PR_* option";
        arg2_str: Text = prctl_text, "name of the thread, for options that set or get it";
        arg2_int: I64 = prctl_number, "second argument of the other options";
    }

    /// Get a resource limit.
    /// Source: getrlimit(2); kernel kernel/sys.c, struct rlimit.
    GETRLIMIT = 141 "getrlimit" Process [] => Limit {
        res: Errno = ret, "0, or -errno";
        cur: I64 = user_u64_done(1, 0), "soft limit; -1 when there is none, or on failure";
        max: I64 = user_u64_done(1, 8), "hard limit; -1 when there is none, or on failure";
        resource: Enum8(RLIMIT_RESOURCES) = 0, "RLIMIT_* resource";
    }

    /// Set a resource limit.
    /// Source: setrlimit(2); kernel kernel/sys.c, struct rlimit.
    SETRLIMIT = 143 "setrlimit" Process [] => Limit {
        res: Errno = ret, "0, or -errno";
        cur: I64 = user_u64_or_ones(1, 0), "soft limit; -1 for none";
        max: I64 = user_u64_or_ones(1, 8), "hard limit; -1 for none";
        resource: Enum8(RLIMIT_RESOURCES) = 0, "RLIMIT_* resource";
    }

    /// Get or set a resource limit of a process.
    /// Source: prlimit(2); kernel kernel/sys.c, struct rlimit64.
    PRLIMIT = 145 "prlimit" ["prlimit64"] Process [] => Limit {
        res: Errno = ret, "0, or -errno";
        newcur: I64 = user_u64_or_ones(2, 0), "new soft limit; -1 for none, or if not set";
        newmax: I64 = user_u64_or_ones(2, 8), "new hard limit; -1 for none, or if not set";
        oldcur: I64 = user_u64_done(3, 0), "old soft limit; -1 for none, on failure, or if not requested";
        oldmax: I64 = user_u64_done(3, 8), "old hard limit; -1 for none, on failure, or if not requested";
        pid: I64 = 0, "process; 0 for the caller";
        resource: Enum8(RLIMIT_RESOURCES) = 1, "RLIMIT_* resource";
    }

    /// Trace and control a thread.
    /// Source: ptrace(2); kernel kernel/ptrace.c.
    PTRACE = 169 "ptrace" Process [] {
        res: Errno = ret, "depends on the request; or -errno";
        addr: Dyn(PTRACE_TYPES) = ptrace_arg(2), "address";
        data: Dyn(PTRACE_TYPES) = ptrace_arg(3), "data read, signal passed on, or argument";
        request: Enum16(PTRACE_REQUESTS) = 0, "PTRACE_* request";
        pid: Pid = 1, "the other thread";
    }

    /// Create a descriptor for a process.
    /// Source: pidfd_open(2); kernel kernel/pid.c.
    PIDFD_OPEN = 409 "pidfd_open" Process [CREATES_FD | MODIFIES_STATE] => AnonFd {
        fd: Fd = ret, "new descriptor, or -errno";
        pid: Pid = 0, "process";
        flags: Flags32(PIDFD_OPEN_FLAGS) = 1, "PIDFD_* flags";
    }

    /// Duplicate a descriptor of another process.
    /// Source: pidfd_getfd(2); kernel kernel/pid.c.
    PIDFD_GETFD = 407 "pidfd_getfd" Process [CREATES_FD | MODIFIES_STATE] => PidfdGetfd {
        fd: Fd = ret, "new descriptor, or -errno";
        pid_fd: Fd = 0, "descriptor of the process";
        target_fd: Fd = 1, "its descriptor";
        flags: Hex32 = 2, "no flags are defined";
    }
}
