//! What existed when the capture began: tasks and their descriptors, from iterators of the kernel.

old_events! {
    ITER_TASK_E = 430 "task" Process [MODIFIES_STATE | TRACEPOINT] {
        ppid: Pid32; pgid: Pid32; vpgid: Pid32; sid: Pid32; comm: Text; argv: TextArray; exepath: Path;
        flags: Flags32(EXECVE_FLAGS); env: TextArray; cwd: Text; fdlimit: U64; euid: Uid; egid: Gid;
        cap_permitted: Hex64; cap_effective: Hex64; cap_inheritable: Hex64; exe_ino_num: U64;
        exe_ino_ctime: AbsTime; exe_ino_mtime: AbsTime; vm_size: U32; vm_rss: U32; vm_swap: U32; pgft_maj: U64;
        pgft_min: U64; vtgid: Pid32; vpid: Pid32; pidns_init_start_ts: U64; cgroups: TextArray; root: Path;
        start_time: AbsTime; tty: U32; loginuid: Uid;
    }
    ITER_TASK_FILE_PIPE_E = 432 "task_file_pipe" File [MODIFIES_STATE | TRACEPOINT] {
        fd: Fd32; path: Path; ino_num: U64;
    }
    ITER_TASK_FILE_MEMFD_E = 434 "task_file_memfd" File [MODIFIES_STATE | TRACEPOINT] {
        fd: Fd32; path: Path; ino_num: U64;
    }
    ITER_TASK_FILE_REGULAR_E = 436 "task_file_regular" File [MODIFIES_STATE | TRACEPOINT] {
        fd: Fd32; path: Path; flags: Flags32(OPEN_FLAGS); mnt_id: U32; ino_num: U64;
    }
    ITER_TASK_FILE_DIRECTORY_E = 438 "task_file_directory" File [MODIFIES_STATE | TRACEPOINT] {
        fd: Fd32; path: Path; ino_num: U64;
    }
    ITER_TASK_FILE_SOCKET_INET_E = 440 "task_file_socket_inet" File [MODIFIES_STATE | TRACEPOINT] {
        fd: Fd32; sk_type: U16; sk_proto: U16; local_ip: Ip4; local_port: Port; remote_ip: Ip4; remote_port: Port;
        ino_num: U64;
    }
    ITER_TASK_FILE_SOCKET_INET6_E = 442 "task_file_socket_inet6" File [MODIFIES_STATE | TRACEPOINT] {
        fd: Fd32; sk_type: U16; sk_proto: U16; local_ip: Ip6; local_port: Port; remote_ip: Ip6; remote_port: Port;
        ino_num: U64;
    }
    ITER_TASK_FILE_SOCKET_UNIX_E = 444 "task_file_socket_unix" File [MODIFIES_STATE | TRACEPOINT] {
        fd: Fd32; sk_type: U16; sk_proto: U16; sk_pointer: U64; sun_path: Path; ino_num: U64;
    }
    ITER_TASK_FILE_SOCKET_NETLINK_E = 446 "task_file_socket_netlink" File [MODIFIES_STATE | TRACEPOINT] {
        fd: Fd32; sk_type: U16; sk_proto: U16; ino_num: U64;
    }
    ITER_TASK_FILE_ANON_INODE_E = 448 "task_file_anon_inode" File [MODIFIES_STATE | TRACEPOINT] {
        fd: Fd32; fd_type: Flags8(ANON_INODE_FD_TYPES); path: Path; ino_num: U64;
    }
}
