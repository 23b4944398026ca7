//! Options and names of sockets.

use libc::{AF_INET, AF_UNIX, EBADF, ECONNREFUSED, EFAULT, ENOPROTOOPT, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET};
use libc::{
    IPPROTO_IP, IPPROTO_TCP, SO_BINDTODEVICE, SO_COOKIE, SO_ERROR, SO_LINGER, SO_PEERCRED, SO_RCVBUF, SO_RCVTIMEO,
    SO_REUSEADDR, SO_SNDTIMEO, SO_TYPE,
};
use tracer_common::events::net::{GETPEERNAME, GETSOCKNAME, GETSOCKOPT, SETSOCKOPT};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::{flags, missing},
    sys,
};

use crate::{
    io::TEXT,
    socket::{bind, port, v4},
    traced,
};

#[test]
fn setsockopt_has_a_value_of_the_type_of_the_option() {
    // What a call that fails at once is given has to be memory that was touched.
    let (time, seven) = ([5_u64, 500_000], 7_u32);
    let Some(run) = traced(|| {
        let fd = sys!(SYS_socket, AF_INET, SOCK_STREAM, 0);
        let set = |level: i32, name: i32, value: u64, len: usize| sys!(SYS_setsockopt, fd, level, name, value, len);
        [
            fd,
            set(SOL_SOCKET, SO_RCVBUF, at(&8192_u32), 4),
            set(SOL_SOCKET, SO_REUSEADDR, at(&1_u32), 4),
            set(SOL_SOCKET, SO_RCVTIMEO, at(&time), 16),
            set(SOL_SOCKET, SO_LINGER, at(&[1_u32, 9]), 8),
            set(SOL_SOCKET, SO_BINDTODEVICE, at(b"lo\0"), 3),
            // TCP_NODELAY, 1, is not SO_DEBUG, and IP_TOS is no SO_DEBUG either.
            set(IPPROTO_TCP, 1, at(&1_u32), 4),
            set(IPPROTO_IP, 1, at(&16_u32), 4),
            set(SOL_SOCKET, 9999, at(&TEXT), 100),
            set(SOL_SOCKET, SO_RCVBUF, NOWHERE, 4),
            set(SOL_SOCKET, SO_LINGER, NOWHERE, 8),
            sys!(SYS_setsockopt, -1, SOL_SOCKET, SO_RCVBUF, at(&seven), 2),
        ]
    }) else {
        return;
    };
    let (fd, socket) = (run.said[0], || flags("SOL_SOCKET"));
    assert_eq!(run.said[1..8], [0; 7]);
    check!(run, SETSOCKOPT { res: 0, fd: fd, level: socket(), optname: flags("SO_RCVBUF"), val: 8192, optlen: 4 });
    check!(run, SETSOCKOPT { res: 0, fd: fd, level: socket(), optname: flags("SO_REUSEADDR"), val: 1, optlen: 4 });
    let wait = flags("SO_RCVTIMEO");
    check!(run, SETSOCKOPT { res: 0, fd: fd, level: socket(), optname: wait, val: 5_500_000_000_i64, optlen: 16 });
    let linger = || flags("SO_LINGER");
    let value = &[1, 0, 0, 0, 9, 0, 0, 0];
    check!(run, SETSOCKOPT { res: 0, fd: fd, level: socket(), optname: linger(), val: value, optlen: 8 });
    let device = flags("SO_BINDTODEVICE");
    check!(run, SETSOCKOPT { res: 0, fd: fd, level: socket(), optname: device, val: b"lo\0", optlen: 3 });
    let (one, unknown) = (&[1, 0, 0, 0], || flags("UNKNOWN"));
    check!(run, SETSOCKOPT { res: 0, fd: fd, level: flags("SOL_TCP"), optname: unknown(), val: one, optlen: 4 });
    let sixteen = &[16, 0, 0, 0];
    check!(run, SETSOCKOPT { res: 0, fd: fd, level: unknown(), optname: unknown(), val: sixteen, optlen: 4 });
    let cut = &TEXT[..80];
    check!(run, SETSOCKOPT { res: -ENOPROTOOPT, fd: fd, level: socket(), optname: unknown(), val: cut, optlen: 100 });
    check!(run, SETSOCKOPT { res: -EFAULT, fd: fd, level: socket(), optname: flags("SO_RCVBUF"), val: 0, optlen: 4 });
    check!(run, SETSOCKOPT { res: -EFAULT, fd: fd, level: socket(), optname: linger(), val: missing(), optlen: 8 });
    let two = &[7, 0];
    check!(run, SETSOCKOPT { res: -EBADF, fd: -1, level: socket(), optname: flags("SO_RCVBUF"), val: two, optlen: 2 });
}

#[test]
fn getsockopt_has_what_the_kernel_answers() {
    let Some(run) = traced(|| {
        let get = |fd: i64, level: i32, name: i32, room: u32| {
            let (mut value, mut len) = ([0_u64; 4], room);
            let result = sys!(SYS_getsockopt, fd, level, name, at_mut(&mut value), at_mut(&mut len));
            (result, value[0] as i64, i64::from(len))
        };
        // A datagram to a port that nobody has gives an error that waits in the socket.
        let (fd, other) = (sys!(SYS_socket, AF_INET, SOCK_DGRAM, 0), sys!(SYS_socket, AF_INET, SOCK_DGRAM, 0));
        assert_eq!(bind(other, &v4(0)), 0);
        let peer = v4(port(other));
        assert_eq!(sys!(SYS_close, other), 0);
        assert_eq!(sys!(SYS_connect, fd, at(&peer[..]), peer.len()), 0);
        assert_eq!(sys!(SYS_sendto, fd, c"x", 1, 0, 0, 0), 1);
        let (_, error, _) = get(fd, SOL_SOCKET, SO_ERROR, 4);
        assert_eq!(error as i32, ECONNREFUSED);
        let no_error = get(fd, SOL_SOCKET, SO_ERROR, 32);
        let (_, kind, _) = get(fd, SOL_SOCKET, SO_TYPE, 4);
        let (_, _, time_len) = get(fd, SOL_SOCKET, SO_SNDTIMEO, 32);
        let (_, cookie, _) = get(fd, SOL_SOCKET, SO_COOKIE, 8);
        let mut ends = [0_i32; 2];
        assert_eq!(sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, at_mut(&mut ends)), 0);
        let (_, _, creds_len) = get(ends[0].into(), SOL_SOCKET, SO_PEERCRED, 32);
        let failed = [
            get(fd, IPPROTO_TCP, 1, 4).0,
            get(-1, SOL_SOCKET, SO_TYPE, 4).0,
            sys!(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, NOWHERE, NOWHERE),
        ];
        [fd, ends[0].into(), no_error.2, kind, time_len, cookie, creds_len, failed[0], failed[1], failed[2]]
    }) else {
        return;
    };
    let [fd, end, error_len, kind, time_len, cookie, creds_len, no_option, ..] = run.said;
    assert_eq!((error_len, kind, time_len, creds_len), (4, SOCK_DGRAM.into(), 16, 12));
    let socket = || flags("SOL_SOCKET");
    let error = || flags("SO_ERROR");
    check!(run, GETSOCKOPT { res: 0, fd: fd, level: socket(), optname: error(), val: -ECONNREFUSED, optlen: 4 });
    check!(run, GETSOCKOPT { res: 0, fd: fd, level: socket(), optname: error(), val: 0, optlen: 4 });
    let of_type = || flags("SO_TYPE");
    check!(run, GETSOCKOPT { res: 0, fd: fd, level: socket(), optname: of_type(), val: SOCK_DGRAM, optlen: 4 });
    check!(run, GETSOCKOPT { res: 0, fd: fd, level: socket(), optname: flags("SO_SNDTIMEO"), val: 0, optlen: 16 });
    let event = check!(
        run,
        GETSOCKOPT { res: 0, fd: fd, level: socket(), optname: flags("SO_COOKIE"), val: cookie, optlen: 8 }
    );
    // The index of its type, then the number.
    assert_eq!(event.params.raw(4), Some(&[&[3][..], &cookie.to_le_bytes()].concat()[..]));
    // struct ucred: process, user, group.
    let creds = [run.pid.to_le_bytes(), [0; 4], [0; 4]].concat();
    check!(
        run,
        GETSOCKOPT { res: 0, fd: end, level: socket(), optname: flags("SO_PEERCRED"), val: &*creds, optlen: 12 }
    );
    let unknown = flags("UNKNOWN");
    check!(
        run,
        GETSOCKOPT { res: no_option, fd: fd, level: flags("SOL_TCP"), optname: unknown, val: missing(), optlen: 4 }
    );
    check!(run, GETSOCKOPT { res: -EBADF, fd: -1, level: socket(), optname: of_type(), val: missing(), optlen: 4 });
    check!(run, GETSOCKOPT { res: -EFAULT, fd: fd, level: socket(), optname: of_type(), val: missing(), optlen: 0 });
}

#[test]
fn names_of_sockets_are_asked_for() {
    let Some(run) = traced(|| {
        let (mut name, mut len) = ([0_u8; 28], 28_u32);
        let fd = sys!(SYS_socket, AF_INET, SOCK_STREAM, 0);
        let (name, len) = (at_mut(&mut name), at_mut(&mut len));
        [sys!(SYS_getsockname, fd, name, len), sys!(SYS_getpeername, fd, name, len)]
    }) else {
        return;
    };
    assert_eq!(run.said, [0, (-libc::ENOTCONN).into()]);
    check!(run, GETSOCKNAME {});
    check!(run, GETPEERNAME {});
}
