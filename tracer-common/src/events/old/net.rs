//! Calls on sockets, as older captures have them.

old_events! {
    SOCKET_E = 18 "socket" Net [CREATES_FD | MODIFIES_STATE | ENTER] {
        domain: Enum32(SOCKET_FAMILIES); type: U32; proto: U32;
    }
    BIND_E = 20 "bind" Net [USES_FD | MODIFIES_STATE | ENTER] { fd: Fd; }
    LISTEN_E = 24 "listen" Net [USES_FD | ENTER] { fd: Fd; backlog: I32; }
    ACCEPT_E = 26 "accept" Net [CREATES_FD | MODIFIES_STATE | ENTER] {}
    ACCEPT_X = 27 "accept" Net [CREATES_FD | MODIFIES_STATE] { fd: Fd; tuple: SockTuple; queuepct: U8; }
    SHUTDOWN_E = 36 "shutdown" Net [USES_FD | MODIFIES_STATE | ENTER] { fd: Fd; how: Enum8(SHUTDOWN_HOW); }
    GETSOCKNAME_E = 38 "getsockname" Net [ENTER] {}
    GETPEERNAME_E = 40 "getpeername" Net [ENTER] {}
    SETSOCKOPT_E = 44 "setsockopt" Net [ENTER] {}
    GETSOCKOPT_E = 46 "getsockopt" Net [MODIFIES_STATE | ENTER] {}
    ACCEPT4_E = 56 "accept" Net [CREATES_FD | MODIFIES_STATE | ENTER] { flags: HexI32; }
    ACCEPT4_X = 57 "accept" Net [CREATES_FD | MODIFIES_STATE] { fd: Fd; tuple: SockTuple; queuepct: U8; }
    ACCEPT_5_E = 246 "accept" Net [CREATES_FD | MODIFIES_STATE | ENTER] {}
    ACCEPT4_5_E = 248 "accept" Net [CREATES_FD | MODIFIES_STATE | ENTER] { flags: HexI32; }
    ACCEPT4_5_X = 249 "accept" Net [CREATES_FD | MODIFIES_STATE] {
        fd: Fd; tuple: SockTuple; queuepct: U8; queuelen: U32; queuemax: U32;
    }
    ACCEPT4_6_E = 388 "accept4" Net [CREATES_FD | MODIFIES_STATE | ENTER] { flags: HexI32; }
}
