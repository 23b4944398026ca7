//! Connections of TCP, apart from calls: only the kernel knows when they end, and what was sent again.

events! {
    /// A connection of TCP ended, or was never made. The thread is the one that connected; of an accepted connection the one that closed it,
    /// or none if the peer ended it before. Live only with a filter that names it.
    /// Source: tracepoint inet_sock_set_state; kernel include/net/tcp_states.h, include/linux/tcp.h.
    TCP_CLOSE = 480 "tcp_close" [] Net [TRACEPOINT | ASKED] {
        res: Errno = empty, "error of the socket: 0, or -errno, such as -ECONNRESET when the peer reset it";
        tuple: SockTuple = empty, "both ends, the client first";
        side: Enum8(TCP_SIDES) = empty, "which end this one is";
        state: Enum8(TCP_STATES) = empty, "state in which it ended; TCP_SYN_SENT if it was never made";
        duration: RelTime = empty, "time since the connect, or since the peer asked for it, ns; missing of connections from before the start";
        rx: U64 = empty, "bytes received";
        tx: U64 = empty, "bytes sent, each counted once";
        retrans: U32 = empty, "segments that were sent again";
        rtt: RelTime = empty, "smoothed round-trip time, ns; missing if nothing was measured";
    }

    /// A segment of a TCP connection is sent again, since no acknowledgement came. Live only with a filter that names it.
    /// Source: tracepoint tcp_retransmit_skb; kernel net/ipv4/tcp_output.c.
    TCP_RETRANSMIT = 482 "tcp_retransmit" [] Net [TRACEPOINT | ASKED] {
        tuple: SockTuple = empty, "both ends, the client first";
        side: Enum8(TCP_SIDES) = empty, "which end this one is";
        state: Enum8(TCP_STATES) = empty, "state of the connection";
    }

    /// A TCP connection is reset: the end that sends it gives up, or has no such connection. Live only with a filter that names it.
    /// Source: tracepoints tcp_send_reset, tcp_receive_reset; kernel net/ipv4/tcp_ipv4.c, net/ipv4/tcp_input.c.
    TCP_RESET = 484 "tcp_reset" [] Net [TRACEPOINT | ASKED] {
        tuple: SockTuple = empty, "both ends, the client first";
        side: Enum8(TCP_SIDES) = empty, "which end this one is";
        state: Enum8(TCP_STATES) = empty, "state of the connection";
        direction: Enum8(TCP_DIRECTIONS) = empty, "whether this end sent or received it";
    }
}
