//! Processes and threads, as older captures have them.

old_events! {
    EXECVE_8_E = 12 "execve" Process [MODIFIES_STATE | ENTER] {}
    EXECVE_8_X = 13 "execve" Process [MODIFIES_STATE] {
        res: Errno; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: U64;
    }
    CLONE_11_E = 14 "clone" Process [MODIFIES_STATE | ENTER] {}
    CLONE_11_X = 15 "clone" Process [MODIFIES_STATE] {
        res: Pid; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: I64;
        flags: Flags32(CLONE_FLAGS); uid: U32; gid: U32;
    }
    GETRLIMIT_E = 140 "getrlimit" Process [ENTER] { resource: Enum8(RLIMIT_RESOURCES); }
    SETRLIMIT_E = 142 "setrlimit" Process [ENTER] { resource: Enum8(RLIMIT_RESOURCES); }
    PRLIMIT_E = 144 "prlimit" Process [ENTER] { pid: Pid; resource: Enum8(RLIMIT_RESOURCES); }
    EXECVE_13_E = 154 "execve" Process [MODIFIES_STATE | ENTER] {}
    EXECVE_13_X = 155 "execve" Process [MODIFIES_STATE] {
        res: Errno; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: U64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32;
    }
    CLONE_16_E = 156 "clone" Process [MODIFIES_STATE | ENTER] {}
    CLONE_16_X = 157 "clone" Process [MODIFIES_STATE] {
        res: Pid; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: I64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; flags: Flags32(CLONE_FLAGS); uid: U32; gid: U32;
    }
    PTRACE_E = 168 "ptrace" Process [ENTER] { request: Enum16(PTRACE_REQUESTS); pid: Pid; }
    EXECVE_14_E = 172 "execve" Process [MODIFIES_STATE | ENTER] {}
    EXECVE_14_X = 173 "execve" Process [MODIFIES_STATE] {
        res: Errno; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: U64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; env: List;
    }
    FORK_E = 182 "fork" Process [MODIFIES_STATE | ENTER] {}
    FORK_X = 183 "fork" Process [MODIFIES_STATE] {
        res: Pid; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: I64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; flags: Flags32(CLONE_FLAGS); uid: U32; gid: U32;
    }
    VFORK_E = 184 "vfork" Process [MODIFIES_STATE | ENTER] {}
    VFORK_X = 185 "vfork" Process [MODIFIES_STATE] {
        res: Pid; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: I64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; flags: Flags32(CLONE_FLAGS); uid: U32; gid: U32;
    }
    EXECVE_15_E = 214 "execve" Process [MODIFIES_STATE | ENTER] {}
    EXECVE_15_X = 215 "execve" Process [MODIFIES_STATE] {
        res: Errno; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: U64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; comm: Text; env: List;
    }
    CLONE_17_E = 216 "clone" Process [MODIFIES_STATE | ENTER] {}
    CLONE_17_X = 217 "clone" Process [MODIFIES_STATE] {
        res: Pid; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: I64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; comm: Text; flags: Flags32(CLONE_FLAGS); uid: U32;
        gid: U32;
    }
    FORK_17_E = 218 "fork" Process [MODIFIES_STATE | ENTER] {}
    FORK_17_X = 219 "fork" Process [MODIFIES_STATE] {
        res: Pid; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: I64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; comm: Text; flags: Flags32(CLONE_FLAGS); uid: U32;
        gid: U32;
    }
    VFORK_17_E = 220 "vfork" Process [MODIFIES_STATE | ENTER] {}
    VFORK_17_X = 221 "vfork" Process [MODIFIES_STATE] {
        res: Pid; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: I64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; comm: Text; flags: Flags32(CLONE_FLAGS); uid: U32;
        gid: U32;
    }
    CLONE_20_E = 222 "clone" Process [MODIFIES_STATE | ENTER] {}
    FORK_20_E = 224 "fork" Process [MODIFIES_STATE | ENTER] {}
    VFORK_20_E = 226 "vfork" Process [MODIFIES_STATE | ENTER] {}
    EXECVE_16_E = 230 "execve" Process [MODIFIES_STATE | ENTER] {}
    EXECVE_16_X = 231 "execve" Process [MODIFIES_STATE] {
        res: Errno; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: U64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; comm: Text; cgroups: List; env: List;
    }
    SETNS_E = 240 "setns" Process [USES_FD | ENTER] { fd: Fd; nstype: Flags32(CLONE_FLAGS); }
    SEMOP_E = 250 "semop" Process [ENTER] { semid: I32; }
    SEMCTL_E = 252 "semctl" Process [ENTER] { semid: I32; semnum: I32; cmd: Flags16(SEMCTL_COMMANDS); val: I32; }
    SEMGET_E = 262 "semget" Process [ENTER] { key: HexI32; nsems: I32; semflg: Flags32(SEMGET_FLAGS); }
    CHROOT_E = 266 "chroot" Process [MODIFIES_STATE | ENTER] {}
    SETSID_E = 274 "setsid" Process [MODIFIES_STATE | ENTER] {}
    EXECVE_17_E = 282 "execve" Process [MODIFIES_STATE | ENTER] {}
    EXECVE_17_X = 283 "execve" Process [MODIFIES_STATE] {
        res: Errno; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: U64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; comm: Text; cgroups: List; env: List; tty: I32;
    }
    UNSHARE_E = 284 "unshare" Process [ENTER] { flags: Flags32(CLONE_FLAGS); }
    EXECVE_18_E = 288 "execve" Process [MODIFIES_STATE | ENTER] { filename: Path; }
    EXECVE_18_X = 289 "execve" Process [MODIFIES_STATE] {
        res: Errno; exe: Text; args: List; tid: Pid; pid: Pid; ptid: Pid; cwd: Text; fdlimit: U64; pgft_maj: U64;
        pgft_min: U64; vm_size: U32; vm_rss: U32; vm_swap: U32; comm: Text; cgroups: List; env: List; tty: I32;
    }
    EXECVE_19_E = 292 "execve" Process [MODIFIES_STATE | ENTER] { filename: Path; }
    SETPGID_E = 294 "setpgid" Process [ENTER] { pid: Pid; pgid: Pid; }
    EXECVEAT_E = 330 "execveat" Process [MODIFIES_STATE | ENTER] {
        dirfd: Fd; pathname: PathAt(dirfd); flags: Flags32(EXECVEAT_FLAGS);
    }
    CLONE3_E = 334 "clone3" Process [MODIFIES_STATE | ENTER] {}
    CAPSET_E = 352 "capset" Process [MODIFIES_STATE | ENTER] {}
    PRCTL_E = 400 "prctl" Process [MODIFIES_STATE | ENTER] {}
    PIDFD_GETFD_E = 406 "pidfd_getfd" Process [CREATES_FD | MODIFIES_STATE | ENTER] {}
    PIDFD_OPEN_E = 408 "pidfd_open" Process [CREATES_FD | MODIFIES_STATE | ENTER] {}
}
