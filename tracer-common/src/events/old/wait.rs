//! Signals, waiting and ways between processes, as older captures have them.

old_events! {
    SOCKETPAIR_E = 42 "socketpair" Ipc [CREATES_FD | MODIFIES_STATE | ENTER] {
        domain: Enum32(SOCKET_FAMILIES); type: U32; proto: U32;
    }
    PIPE_E = 60 "pipe" Ipc [CREATES_FD | MODIFIES_STATE | ENTER] {}
    EVENTFD_E = 62 "eventfd" Ipc [CREATES_FD | MODIFIES_STATE | ENTER] { initval: U64; flags: Hex32; }
    FUTEX_E = 64 "futex" Ipc [ENTER] { addr: Hex64; op: Flags16(FUTEX_OPERATIONS); val: Low32; }
    EPOLLWAIT_E = 78 "epoll_wait" Wait [WAITS | ENTER] { maxevents: Errno; }
    POLL_E = 80 "poll" Wait [WAITS | ENTER] { fds: FdList; timeout: I64; }
    SELECT_E = 82 "select" Wait [WAITS | ENTER] {}
    NEWSELECT_E = 84 "select" Wait [WAITS | ENTER] {}
    NEWSELECT_X = 85 "select" Wait [WAITS] { res: Errno; }
    SIGNALFD_E = 126 "signalfd" Signal [CREATES_FD | MODIFIES_STATE | ENTER] { fd: Fd; mask: Hex32; flags: Hex8; }
    KILL_E = 128 "kill" Signal [ENTER] { pid: Pid; sig: Signal; }
    TKILL_E = 130 "tkill" Signal [ENTER] { tid: Pid; sig: Signal; }
    TGKILL_E = 132 "tgkill" Signal [ENTER] { pid: Pid; tid: Pid; sig: Signal; }
    NANOSLEEP_E = 134 "nanosleep" Sleep [WAITS | ENTER] { interval: RelTime; }
    TIMERFD_CREATE_E = 136 "timerfd_create" Time [CREATES_FD | MODIFIES_STATE | ENTER] { clockid: U8; flags: Hex8; }
    INOTIFY_INIT_E = 138 "inotify_init" Ipc [CREATES_FD | MODIFIES_STATE | ENTER] { flags: Hex8; }
    PPOLL_E = 254 "ppoll" Wait [WAITS | ENTER] { fds: FdList; timeout: RelTime; sigmask: SigSet; }
    EPOLL_CREATE_E = 374 "epoll_create" Wait [CREATES_FD | MODIFIES_STATE | ENTER] { size: I32; }
    EPOLL_CREATE1_E = 376 "epoll_create1" Wait [CREATES_FD | MODIFIES_STATE | ENTER] {
        flags: Flags32(EPOLL_CREATE_FLAGS);
    }
    PIPE2_E = 392 "pipe2" Ipc [CREATES_FD | MODIFIES_STATE | ENTER] {}
    INOTIFY_INIT1_E = 394 "inotify_init1" Ipc [CREATES_FD | MODIFIES_STATE | ENTER] {}
    EVENTFD2_E = 396 "eventfd2" Ipc [CREATES_FD | MODIFIES_STATE | ENTER] { initval: U64; }
    SIGNALFD4_E = 398 "signalfd4" Signal [CREATES_FD | MODIFIES_STATE | ENTER] { fd: Fd; mask: Hex32; }
    PROCESS_VM_READV_E = 420 "process_vm_readv" Ipc [ENTER] {}
    PROCESS_VM_WRITEV_E = 422 "process_vm_writev" Ipc [ENTER] {}
}
