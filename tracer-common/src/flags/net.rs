//! Families and options of sockets. Source: include/linux/socket.h, include/uapi/linux/net.h.

use super::{FlagSet, NEVER, flag, value};

/// `AF_*`; the numbers of the file are those of the kernel.
pub static SOCKET_FAMILIES: FlagSet = FlagSet::values(
    "socket_families",
    0,
    &[
        value("AF_NFC", 0x27, 0x27),
        value("AF_ALG", 0x26, 0x26),
        value("AF_CAIF", 0x25, 0x25),
        value("AF_IEEE802154", 0x24, 0x24),
        value("AF_PHONET", 0x23, 0x23),
        value("AF_ISDN", 0x22, 0x22),
        value("AF_RXRPC", 0x21, 0x21),
        value("AF_IUCV", 0x20, 0x20),
        value("AF_BLUETOOTH", 0x1f, 0x1f),
        value("AF_TIPC", 0x1e, 0x1e),
        value("AF_CAN", 0x1d, 0x1d),
        value("AF_LLC", 0x1a, 0x1a),
        value("AF_WANPIPE", 0x19, 0x19),
        value("AF_PPPOX", 0x18, 0x18),
        value("AF_IRDA", 0x17, 0x17),
        value("AF_SNA", 0x16, 0x16),
        value("AF_RDS", 0x15, 0x15),
        value("AF_ATMSVC", 0x14, 0x14),
        value("AF_ECONET", 0x13, 0x13),
        value("AF_ASH", 0x12, 0x12),
        value("AF_PACKET", 0x11, 0x11),
        value("AF_ROUTE", 0x10, 0x10),
        value("AF_NETLINK", 0x10, 0x10),
        value("AF_KEY", 0xf, 0xf),
        value("AF_SECURITY", 0xe, 0xe),
        value("AF_NETBEUI", 0xd, 0xd),
        value("AF_DECnet", 0xc, 0xc),
        value("AF_ROSE", 0xb, 0xb),
        value("AF_INET6", 0xa, 0xa),
        value("AF_X25", 0x9, 0x9),
        value("AF_ATMPVC", 0x8, 0x8),
        value("AF_BRIDGE", 0x7, 0x7),
        value("AF_NETROM", 0x6, 0x6),
        value("AF_APPLETALK", 0x5, 0x5),
        value("AF_IPX", 0x4, 0x4),
        value("AF_AX25", 0x3, 0x3),
        value("AF_INET", 0x2, 0x2),
        value("AF_LOCAL", 0x1, 0x1),
        value("AF_UNIX", 0x1, 0x1),
        value("AF_UNSPEC", 0x0, 0x0),
    ],
);

/// The flags inside a socket type, under the names that they have as `O_*`.
pub static SOCKET_FLAGS: FlagSet =
    FlagSet::bits("file_flags", &[flag("O_NONBLOCK", 0x40, 0o4000), flag("O_CLOEXEC", 0x1000, 0o2000000)]);

/// `SHUT_*`.
pub static SHUTDOWN_HOW: FlagSet = FlagSet::values(
    "shutdown_how",
    0xff,
    &[
        value("SHUT_UNKNOWN", 0xffff, NEVER),
        value("SHUT_RDWR", 0x2, 0x2),
        value("SHUT_WR", 0x1, 0x1),
        value("SHUT_RD", 0x0, 0x0),
    ],
);

/// `SOL_*`.
pub static SOCKOPT_LEVELS: FlagSet = FlagSet::values(
    "sockopt_levels",
    0,
    &[value("SOL_SOCKET", 0x1, 0x1), value("SOL_TCP", 0x2, 0x6), value("UNKNOWN", 0x0, NEVER)],
);

/// `SO_*`, the options of `SOL_SOCKET`. Times are those whose width is that of the machine. Source:
/// include/uapi/asm-generic/socket.h.
pub static SOCKOPT_OPTIONS: FlagSet = FlagSet::values(
    "sockopt_options",
    0,
    &[
        value("SO_COOKIE", 0x35, 0x39),
        value("SO_MEMINFO", 0x34, 0x37),
        value("SO_PEERGROUPS", 0x33, 0x3b),
        value("SO_ATTACH_BPF", 0x32, 0x32),
        value("SO_INCOMING_CPU", 0x31, 0x31),
        value("SO_BPF_EXTENSIONS", 0x30, 0x30),
        value("SO_MAX_PACING_RATE", 0x2f, 0x2f),
        value("SO_BUSY_POLL", 0x2e, 0x2e),
        value("SO_SELECT_ERR_QUEUE", 0x2d, 0x2d),
        value("SO_LOCK_FILTER", 0x2c, 0x2c),
        value("SO_NOFCS", 0x2b, 0x2b),
        value("SO_PEEK_OFF", 0x2a, 0x2a),
        value("SO_WIFI_STATUS", 0x29, 0x29),
        value("SO_RXQ_OVFL", 0x28, 0x28),
        value("SO_DOMAIN", 0x27, 0x27),
        value("SO_PROTOCOL", 0x26, 0x26),
        value("SO_TIMESTAMPING", 0x25, 0x25),
        value("SO_MARK", 0x24, 0x24),
        value("SO_TIMESTAMPNS", 0x23, 0x23),
        value("SO_PASSSEC", 0x22, 0x22),
        value("SO_PEERSEC", 0x1f, 0x1f),
        value("SO_ACCEPTCONN", 0x1e, 0x1e),
        value("SO_TIMESTAMP", 0x1d, 0x1d),
        value("SO_PEERNAME", 0x1c, 0x1c),
        value("SO_DETACH_FILTER", 0x1b, 0x1b),
        value("SO_ATTACH_FILTER", 0x1a, 0x1a),
        value("SO_BINDTODEVICE", 0x19, 0x19),
        value("SO_SECURITY_ENCRYPTION_NETWORK", 0x18, 0x18),
        value("SO_SECURITY_ENCRYPTION_TRANSPORT", 0x17, 0x17),
        value("SO_SECURITY_AUTHENTICATION", 0x16, 0x16),
        value("SO_SNDTIMEO", 0x15, 0x15),
        value("SO_RCVTIMEO", 0x14, 0x14),
        value("SO_SNDLOWAT", 0x13, 0x13),
        value("SO_RCVLOWAT", 0x12, 0x12),
        value("SO_PEERCRED", 0x11, 0x11),
        value("SO_PASSCRED", 0x10, 0x10),
        value("SO_REUSEPORT", 0xf, 0xf),
        value("SO_BSDCOMPAT", 0xe, 0xe),
        value("SO_LINGER", 0xd, 0xd),
        value("SO_PRIORITY", 0xc, 0xc),
        value("SO_NO_CHECK", 0xb, 0xb),
        value("SO_OOBINLINE", 0xa, 0xa),
        value("SO_KEEPALIVE", 0x9, 0x9),
        value("SO_RCVBUFFORCE", 0x21, 0x21),
        value("SO_SNDBUFFORCE", 0x20, 0x20),
        value("SO_RCVBUF", 0x8, 0x8),
        value("SO_SNDBUF", 0x7, 0x7),
        value("SO_BROADCAST", 0x6, 0x6),
        value("SO_DONTROUTE", 0x5, 0x5),
        value("SO_ERROR", 0x4, 0x4),
        value("SO_TYPE", 0x3, 0x3),
        value("SO_REUSEADDR", 0x2, 0x2),
        value("SO_DEBUG", 0x1, 0x1),
        value("UNKNOWN", 0x0, NEVER),
    ],
);

/// Ends of a connection.
pub static TCP_SIDES: FlagSet = FlagSet::values("tcp_sides", 0, &[value("client", 1, 1), value("server", 2, 2)]);

/// Which way a segment goes.
pub static TCP_DIRECTIONS: FlagSet =
    FlagSet::values("tcp_directions", 0, &[value("sent", 1, 1), value("received", 2, 2)]);

/// States of a connection. Source: kernel include/net/tcp_states.h.
pub static TCP_STATES: FlagSet = FlagSet::values(
    "tcp_states",
    0,
    &[
        value("TCP_ESTABLISHED", 1, 1),
        value("TCP_SYN_SENT", 2, 2),
        value("TCP_SYN_RECV", 3, 3),
        value("TCP_FIN_WAIT1", 4, 4),
        value("TCP_FIN_WAIT2", 5, 5),
        value("TCP_TIME_WAIT", 6, 6),
        value("TCP_CLOSE", 7, 7),
        value("TCP_CLOSE_WAIT", 8, 8),
        value("TCP_LAST_ACK", 9, 9),
        value("TCP_LISTEN", 10, 10),
        value("TCP_CLOSING", 11, 11),
        value("TCP_NEW_SYN_RECV", 12, 12),
    ],
);
