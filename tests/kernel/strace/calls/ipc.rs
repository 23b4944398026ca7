//! Sockets, pipes, queues, and waiting for them.

use libc::{AF_INET, AF_UNIX, O_RDONLY, SOCK_DGRAM, SOCK_STREAM};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    scratch::Scratch,
    sys,
};

use super::NO_FD;
use crate::{
    io::iovec,
    socket::{bind, port, unix, v4},
};

pub(super) fn sockets(scratch: &Scratch) {
    for (family, name) in [(AF_INET, v4(0)), (AF_UNIX, unix(scratch.c_path("socket").as_bytes_with_nul()))] {
        let (server, client) = (sys!(SYS_socket, family, SOCK_STREAM, 0), sys!(SYS_socket, family, SOCK_STREAM, 0));
        let _ = bind(server, &name);
        let name = if family == AF_INET { v4(port(server)) } else { name };
        let (mut room, mut len) = ([0_u8; 128], 128_u32);
        let _ = sys!(SYS_listen, server, 5);
        let _ = sys!(SYS_connect, client, at(&*name), name.len());
        let accepted = sys!(SYS_accept, server, 0, 0);
        calls! {
            SYS_connect(client, at(&*name), name.len());
            SYS_accept4(NO_FD, 0, 0, 0);
            SYS_getsockname(client, at_mut(&mut room), at_mut(&mut len));
            SYS_getpeername(accepted, at_mut(&mut room), at_mut(&mut len));
            SYS_setsockopt(client, libc::SOL_SOCKET, libc::SO_KEEPALIVE, at(&1_i32), 4);
            SYS_getsockopt(client, libc::SOL_SOCKET, libc::SO_ERROR, at_mut(&mut room), at_mut(&mut len));
            SYS_sendto(client, c"hello", 5, 0, 0, 0);
            SYS_recvfrom(accepted, at_mut(&mut room), 128, 0, 0, 0);
            SYS_recvfrom(accepted, at_mut(&mut room), 128, libc::MSG_DONTWAIT, 0, 0);
            SYS_write(accepted, c"back", 4);
            SYS_read(client, at_mut(&mut room), 128);
            SYS_shutdown(client, 1);
            SYS_read(accepted, at_mut(&mut room), 128);
        }
        crate::close([server, client, accepted]);
    }
    calls! {
        SYS_socket(200, SOCK_STREAM, 0);
        SYS_connect(NO_FD, at(&*v4(9)), 16);
        SYS_bind(NO_FD, at(&*v4(9)), 16);
        SYS_listen(NO_FD, 1);
        SYS_accept(NO_FD, 0, 0);
        SYS_shutdown(NO_FD, 0);
    }
}

pub(super) fn datagrams() {
    let mut ends = [0_i32; 2];
    assert_eq!(sys!(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, at_mut(&mut ends)), 0);
    let mut room = [0_u8; 64];
    let (out, into) = (iovec(&[&b"message"[..]]), iovec(&[&room[..]]));
    // `struct msghdr` with one buffer, and `struct mmsghdr` around it.
    let header = |vector: &[[u64; 2]]| [0_u64, 0, at(vector), 1, 0, 0, 0, 0];
    let (send, receive) = (header(&out), header(&into));
    calls! {
        SYS_sendmsg(ends[0], at(&send), 0);
        SYS_recvmsg(ends[1], at(&receive), 0);
        SYS_sendmsg(NO_FD, at(&send), 0);
        SYS_recvmsg(ends[1], at(&receive), libc::MSG_DONTWAIT);
        SYS_sendmmsg(ends[0], at(&[send, send]), 2, 0);
        SYS_recvmmsg(ends[1], at(&[receive, receive]), 2, 0, 0);
        SYS_sendmmsg(NO_FD, at(&[send]), 1, 0);
        SYS_recvmmsg(NO_FD, at(&[receive]), 1, 0, 0);
        SYS_read(ends[0], at_mut(&mut room), 0);
    }
    crate::close(ends.map(i64::from));
}

pub(super) fn pipes() {
    let (mut one, mut two, mut room) = ([0_i32; 2], [0_i32; 2], [0_u8; 64]);
    let text = iovec(&[&b"through a pipe"[..]]);
    calls! {
        SYS_pipe(at_mut(&mut one));
        SYS_pipe2(at_mut(&mut two), libc::O_CLOEXEC);
        SYS_pipe(NOWHERE);
        SYS_write(one[1], c"data", 4);
        SYS_tee(one[0], two[1], 64, 0);
        SYS_splice(one[0], 0, two[1], 0, 64, 0);
        SYS_vmsplice(one[1], at(&*text), 1, 0);
        SYS_read(two[0], at_mut(&mut room), 64);
        SYS_ioctl(one[0], libc::FIONREAD, at_mut(&mut room));
        SYS_close(sys!(SYS_eventfd, 3));
        SYS_close(sys!(SYS_eventfd2, 3, 0));
        SYS_close(sys!(SYS_signalfd, NO_FD, at(&0_u64), 8));
        SYS_close(sys!(SYS_signalfd4, NO_FD, at(&0_u64), 8, 0));
        SYS_close(sys!(SYS_memfd_create, c"memory", 0));
        SYS_close(sys!(SYS_userfaultfd, 1));
    }
    crate::close([one[0], one[1], two[0], two[1]].map(i64::from));
}

pub(super) fn polling() {
    let mut room = [0_u8; 256];
    let (now, epoll) = ([0_u64; 2], sys!(SYS_epoll_create, 1));
    let event = sys!(SYS_eventfd2, 1, 0);
    calls! {
        SYS_epoll_ctl(epoll, 1, event, at(&[1_u32, 0, 0]));
        SYS_epoll_ctl(epoll, 1, NO_FD, at(&[1_u32, 0, 0]));
        SYS_epoll_wait(epoll, at_mut(&mut room), 4, 0);
        SYS_epoll_pwait(epoll, at_mut(&mut room), 4, 0, 0, 8);
        SYS_epoll_pwait2(epoll, at_mut(&mut room), 4, at(&now), 0, 8);
        SYS_close(sys!(SYS_epoll_create1, 0));
        SYS_poll(at(&[event as u64 | 1 << 32]), 1, 100);
        SYS_poll(0, 0, 1);
        SYS_ppoll(0, 0, at(&now), 0, 8);
        SYS_select(0, 0, 0, 0, at(&now));
        SYS_pselect6(0, 0, 0, 0, at(&now), 0);
    }
    crate::close([epoll, event]);
}

pub(super) fn messages() {
    let mut room = [0_u64; 64];
    let queue = sys!(SYS_msgget, 0, 0o1600);
    let semaphore = sys!(SYS_semget, 0, 1, 0o1600);
    let shared = sys!(SYS_shmget, 0, 4096, 0o1600);
    let up: [u8; 6] = [0, 0, 1, 0, 0, 0];
    calls! {
        SYS_msgsnd(queue, at(&[1_u64, 2]), 8, 0);
        SYS_msgrcv(queue, at_mut(&mut room), 8, 0, 0);
        SYS_msgrcv(queue, at_mut(&mut room), 8, 0, libc::IPC_NOWAIT);
        SYS_msgctl(queue, 0, 0);
        SYS_semop(semaphore, at(&up), 1);
        SYS_semtimedop(semaphore, at(&up), 1, 0);
        SYS_semctl(semaphore, 0, 12, 0);
        SYS_semctl(semaphore, 0, 0, 0);
        SYS_semop(semaphore, at(&up), 1);
        SYS_shmdt(sys!(SYS_shmat, shared, 0, 0));
        SYS_shmctl(shared, 0, 0);
        SYS_shmat(shared, 0, 0);
        SYS_mq_open(c"no-such-queue", O_RDONLY, 0, 0);
        SYS_mq_unlink(c"no-such-queue");
        SYS_mq_timedsend(NO_FD, c"x", 1, 0, 0);
        SYS_mq_timedreceive(NO_FD, at_mut(&mut room), 8, 0, 0);
        SYS_mq_notify(NO_FD, 0);
        SYS_mq_getsetattr(NO_FD, 0, 0);
        SYS_add_key(c"no-such-type", c"name", 0, 0, 0);
        SYS_request_key(c"no-such-type", c"name", 0, 0);
        SYS_keyctl(99_999);
    }
}
