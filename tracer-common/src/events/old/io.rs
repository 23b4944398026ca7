//! Reading, writing and other work on descriptors, as older captures have it.

old_events! {
    CLOSE_E = 4 "close" IoOther [DESTROYS_FD | USES_FD | MODIFIES_STATE | ENTER] { fd: Fd; }
    READ_E = 6 "read" IoRead [USES_FD | READS_FROM_FD | ENTER] { fd: Fd; size: U32; }
    WRITE_E = 8 "write" IoWrite [USES_FD | WRITES_TO_FD | ENTER] { fd: Fd; size: U32; }
    SEND_E = 28 "send" IoWrite [USES_FD | WRITES_TO_FD | ENTER] { fd: Fd; size: U32; }
    SENDTO_E = 30 "sendto" IoWrite [USES_FD | WRITES_TO_FD | MODIFIES_STATE | ENTER] {
        fd: Fd; size: U32; tuple: SockTuple;
    }
    RECV_E = 32 "recv" IoRead [USES_FD | READS_FROM_FD | ENTER] { fd: Fd; size: U32; }
    RECVFROM_E = 34 "recvfrom" IoRead [USES_FD | READS_FROM_FD | MODIFIES_STATE | ENTER] { fd: Fd; size: U32; }
    SENDMSG_E = 48 "sendmsg" IoWrite [USES_FD | WRITES_TO_FD | MODIFIES_STATE | ENTER] {
        fd: Fd; size: U32; tuple: SockTuple;
    }
    SENDMMSG_E = 50 "sendmmsg" IoWrite [ENTER] {}
    RECVMSG_E = 52 "recvmsg" IoRead [USES_FD | READS_FROM_FD | MODIFIES_STATE | ENTER] { fd: Fd; }
    RECVMMSG_E = 54 "recvmmsg" IoRead [ENTER] {}
    IOCTL_2_E = 90 "ioctl" IoOther [USES_FD | ENTER] { fd: Fd; request: Hex64; }
    IOCTL_2_X = 91 "ioctl" IoOther [USES_FD] { res: Errno; }
    PREAD_E = 112 "pread" IoRead [USES_FD | READS_FROM_FD | ENTER] { fd: Fd; size: U32; pos: U64; }
    PWRITE_E = 114 "pwrite" IoWrite [USES_FD | WRITES_TO_FD | ENTER] { fd: Fd; size: U32; pos: U64; }
    READV_E = 116 "readv" IoRead [USES_FD | READS_FROM_FD | ENTER] { fd: Fd; }
    WRITEV_E = 118 "writev" IoWrite [USES_FD | WRITES_TO_FD | ENTER] { fd: Fd; size: U32; }
    PREADV_E = 120 "preadv" IoRead [USES_FD | READS_FROM_FD | ENTER] { fd: Fd; pos: U64; }
    PWRITEV_E = 122 "pwritev" IoWrite [USES_FD | WRITES_TO_FD | ENTER] { fd: Fd; size: U32; pos: U64; }
    DUP_E = 124 "dup" IoOther [CREATES_FD | USES_FD | MODIFIES_STATE | ENTER] { fd: Fd; }
    DUP_X = 125 "dup" IoOther [CREATES_FD | USES_FD | MODIFIES_STATE] { res: Fd; }
    FCNTL_E = 150 "fcntl" IoOther [USES_FD | MODIFIES_STATE | ENTER] { fd: Fd; cmd: Enum8(FCNTL_COMMANDS); }
    SPLICE_E = 166 "splice" IoOther [USES_FD | ENTER] {
        fd_in: Fd; fd_out: Fd; size: U64; flags: Flags32(SPLICE_FLAGS);
    }
    IOCTL_3_E = 170 "ioctl" IoOther [USES_FD | ENTER] { fd: Fd; request: Hex64; argument: Hex64; }
    SENDFILE_E = 188 "sendfile" IoWrite [USES_FD | ENTER] { out_fd: Fd; in_fd: Fd; offset: U64; size: U64; }
    IO_URING_SETUP_E = 338 "io_uring_setup" IoOther [CREATES_FD | MODIFIES_STATE | ENTER] {}
    IO_URING_ENTER_E = 340 "io_uring_enter" IoOther [ENTER] {}
    IO_URING_REGISTER_E = 342 "io_uring_register" IoOther [ENTER] {}
    DUP2_E = 362 "dup2" IoOther [CREATES_FD | USES_FD | MODIFIES_STATE | ENTER] { fd: Fd; }
    DUP3_E = 364 "dup3" IoOther [CREATES_FD | USES_FD | MODIFIES_STATE | ENTER] { fd: Fd; }
    DUP_1_E = 366 "dup" IoOther [CREATES_FD | USES_FD | MODIFIES_STATE | ENTER] { fd: Fd; }
}
