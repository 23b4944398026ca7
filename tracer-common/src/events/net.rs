//! Sockets. Tuples come from the kernel's socket, not from what the caller passed.

events! {
    /// Create a socket.
    /// Source: socket(2); kernel net/socket.c.
    SOCKET = 19 "socket" Net [CREATES_FD | MODIFIES_STATE] => Socket {
        fd: Fd = ret, "new descriptor, or -errno";
        domain: Enum32(SOCKET_FAMILIES) = 0, "address family";
        type: U32 = 1, "type, with SOCK_NONBLOCK and SOCK_CLOEXEC, as passed";
        proto: U32 = 2, "protocol within the family";
        flags: Flags32(SOCKET_FLAGS) = 1, "the flags inside the type, as O_* flags";
    }

    /// Create two connected sockets.
    /// Source: socketpair(2); kernel net/socket.c.
    SOCKETPAIR = 43 "socketpair" Ipc [CREATES_FD | MODIFIES_STATE] => SocketPair {
        res: Errno = ret, "0, or -errno";
        fd1: Fd = user_fd(3, 0), "first descriptor";
        fd2: Fd = user_fd(3, 4), "second descriptor";
        source: Hex64 = sock_of_user_fd(3, 0), "kernel address of the first socket";
        peer: Hex64 = sock_of_user_fd(3, 1), "kernel address of the second socket";
        domain: Enum32(SOCKET_FAMILIES) = 0, "address family";
        type: U32 = 1, "type, with SOCK_NONBLOCK and SOCK_CLOEXEC, as passed";
        proto: U32 = 2, "protocol within the family";
    }

    /// Bind a socket to a local address.
    /// Source: bind(2); kernel net/socket.c.
    BIND = 21 "bind" Net [USES_FD | MODIFIES_STATE] => Bind {
        res: Errno = ret, "0, or -errno";
        addr: SockAddr = sockaddr(1, 2), "address as passed by the caller";
        fd: Fd = 0, "descriptor";
    }

    /// Connect a socket to a peer.
    /// Source: connect(2); kernel net/socket.c.
    CONNECT = 23 "connect" Net [USES_FD | MODIFIES_STATE] => Connect {
        res: Errno = ret, "0, or -errno; -EINPROGRESS if the connection is in progress";
        tuple: SockTuple = tuple_out(0, 1), "local and remote address";
        fd: Fd = 0, "descriptor";
        addr: SockAddr = sockaddr(1, 2), "address as passed by the caller";
    }

    /// Listen for connections on a socket.
    /// Source: listen(2); kernel net/socket.c.
    LISTEN = 25 "listen" Net [USES_FD] => Listen {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        backlog: I32 = 1, "maximum number of waiting connections";
    }

    /// Accept a connection.
    /// Source: accept(2); kernel net/socket.c.
    ACCEPT = 247 "accept" Net [CREATES_FD | MODIFIES_STATE] => Accept {
        fd: Fd = ret, "new descriptor, or -errno";
        tuple: SockTuple = tuple_of_ret, "remote and local address";
        queuepct: U8 = queue_percent(0), "fill of the queue of the listening socket, percent";
        queuelen: U32 = queue_len(0), "number of waiting connections";
        queuemax: U32 = queue_max(0), "maximum number of waiting connections";
    }

    /// Accept a connection, with flags for the new descriptor.
    /// Source: accept4(2); kernel net/socket.c.
    ACCEPT4 = 389 "accept4" Net [CREATES_FD | MODIFIES_STATE] => Accept {
        fd: Fd = ret, "new descriptor, or -errno";
        tuple: SockTuple = tuple_of_ret, "remote and local address";
        queuepct: U8 = queue_percent(0), "fill of the queue of the listening socket, percent";
        queuelen: U32 = queue_len(0), "number of waiting connections";
        queuemax: U32 = queue_max(0), "maximum number of waiting connections";
        flags: HexI32 = 3, "SOCK_NONBLOCK, SOCK_CLOEXEC, as passed";
    }

    /// Send data on a socket, to an address if the socket has no peer.
    /// Source: sendto(2), send(3); kernel net/socket.c.
    SENDTO = 31 "sendto" IoWrite [USES_FD | WRITES_TO_FD | MODIFIES_STATE] => Transfer {
        res: Errno = ret, "bytes sent, or -errno";
        data: Bytes = data_out(1, 2), "data to send, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "bytes to send";
        tuple: SockTuple = tuple_out(0, 4), "local and remote address";
    }

    /// Receive data from a socket.
    /// Source: recvfrom(2), recv(3); kernel net/socket.c.
    RECVFROM = 35 "recvfrom" IoRead [USES_FD | READS_FROM_FD | MODIFIES_STATE] => Transfer {
        res: Errno = ret, "bytes received, or -errno";
        data: Bytes = data_in_room(1, 2), "data received, cut at snaplen";
        tuple: SockTuple = tuple_in(0, 4), "remote and local address";
        fd: Fd = 0, "descriptor";
        size: U32 = 2, "size of the buffer, bytes";
    }

    /// Send a message on a socket.
    /// Source: sendmsg(2); kernel net/socket.c, struct msghdr.
    SENDMSG = 49 "sendmsg" IoWrite [USES_FD | WRITES_TO_FD | MODIFIES_STATE] => Transfer {
        res: Errno = ret, "bytes sent, or -errno";
        data: Bytes = msg_out(1), "data to send, cut at snaplen";
        fd: Fd = 0, "descriptor";
        size: U32 = msg_len(1), "bytes to send";
        tuple: SockTuple = tuple_out_msg(0, 1), "local and remote address";
    }

    /// Receive a message from a socket.
    /// Source: recvmsg(2); kernel net/socket.c, struct msghdr.
    RECVMSG = 53 "recvmsg" IoRead [USES_FD | READS_FROM_FD | MODIFIES_STATE] => Transfer {
        res: Errno = ret, "bytes received, or -errno";
        size: U32 = msg_len(1), "total size of the buffers, bytes";
        data: Bytes = msg_in(1), "data received, cut at snaplen";
        tuple: SockTuple = tuple_in_msg(0, 1), "remote and local address";
        msgcontrol: Bytes = msg_control(1), "control data, cut at snaplen";
        fd: Fd = 0, "descriptor";
    }

    /// Send several messages on a socket: an event for each that was sent, or one with the error.
    /// Source: sendmmsg(2); kernel net/socket.c, struct mmsghdr.
    SENDMMSG = 51 "sendmmsg" IoWrite [USES_FD | WRITES_TO_FD | MODIFIES_STATE | SEVERAL] => Transfer {
        res: Errno = ret, "bytes sent of this message, or -errno";
        fd: Fd = 0, "descriptor";
        size: U32 = msg_len(1), "bytes to send";
        data: Bytes = msg_out(1), "data to send, cut at snaplen";
        tuple: SockTuple = tuple_out_msg(0, 1), "local and remote address";
    }

    /// Receive several messages from a socket: an event for each that was received, or one with the error.
    /// Source: recvmmsg(2); kernel net/socket.c, struct mmsghdr.
    RECVMMSG = 55 "recvmmsg" IoRead [USES_FD | READS_FROM_FD | MODIFIES_STATE | SEVERAL] => Transfer {
        res: Errno = ret, "bytes received of this message, or -errno";
        fd: Fd = 0, "descriptor";
        size: U32 = msg_len(1), "total size of the buffers, bytes";
        data: Bytes = msg_in(1), "data received, cut at snaplen";
        tuple: SockTuple = tuple_in_msg(0, 1), "remote and local address";
        msgcontrol: Bytes = msg_control(1), "control data, cut at snaplen";
    }

    /// Shut down one or both directions of a connection.
    /// Source: shutdown(2); kernel net/socket.c.
    SHUTDOWN = 37 "shutdown" Net [USES_FD | MODIFIES_STATE] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        how: Enum8(SHUTDOWN_HOW) = 1, "which direction";
    }

    /// Set a socket option.
    /// Source: setsockopt(2), socket(7); kernel net/socket.c, net/core/sock.c.
    SETSOCKOPT = 45 "setsockopt" Net [USES_FD] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        level: Enum8(SOCKOPT_LEVELS) = 1, "protocol level of the option";
        // The names are those of this level, SOL_SOCKET; the same number means another option elsewhere.
        optname: Enum8(SOCKOPT_OPTIONS) = arg_when(2, 1, 1), "SO_* option; 0 for other levels";
        val: Dyn(SOCKOPT_TYPES) = sockopt_in, "value, with the type of the option";
        optlen: U32 = 4, "length of the value, bytes";
    }

    /// Get a socket option.
    /// Source: getsockopt(2), socket(7); kernel net/socket.c, net/core/sock.c.
    GETSOCKOPT = 47 "getsockopt" Net [USES_FD | MODIFIES_STATE] {
        res: Errno = ret, "0, or -errno";
        fd: Fd = 0, "descriptor";
        level: Enum8(SOCKOPT_LEVELS) = 1, "protocol level of the option";
        optname: Enum8(SOCKOPT_OPTIONS) = arg_when(2, 1, 1), "SO_* option; 0 for other levels";
        val: Dyn(SOCKOPT_TYPES) = sockopt_out, "value, with the type of the option";
        optlen: U32 = user_u32(4, 0), "length of the value, bytes";
    }

    /// Get the local address of a socket.
    /// Source: getsockname(2); kernel net/socket.c.
    GETSOCKNAME = 39 "getsockname" Net [] {}

    /// Get the peer address of a socket.
    /// Source: getpeername(2); kernel net/socket.c.
    GETPEERNAME = 41 "getpeername" Net [] {}
}
