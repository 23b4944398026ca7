//! Descriptors that are not files, and other ways between processes.

use libc::{EAGAIN, EFAULT, EINVAL, EMFILE, ENOENT, ENOSYS, ERANGE, ESRCH, O_CLOEXEC, O_NONBLOCK};
use libc::{FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG, FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAKE};
use libc::{GETVAL, IPC_CREAT, IPC_EXCL, IPC_NOWAIT, IPC_PRIVATE, IPC_RMID, SETVAL};
use tracer_common::events::ipc::{
    EPOLL_CREATE, EPOLL_CREATE1, EVENTFD, EVENTFD2, FUTEX, INOTIFY_INIT, INOTIFY_INIT1, MEMFD_CREATE, PIPE, PIPE2,
    PROCESS_VM_READV, PROCESS_VM_WRITEV, SEMCTL, SEMGET, SEMOP, USERFAULTFD,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::{flags, missing},
    sys,
};

use crate::{
    ino_of,
    io::{TEXT, iovec},
    traced,
};

/// `SEM_UNDO`.
const SEM_UNDO: i16 = 0x1000;

#[test]
fn pipe_has_both_ends_and_its_inode() {
    let Some(run) = traced(|| {
        let mut ends = [0_i32; 2];
        let result = sys!(SYS_pipe, at_mut(&mut ends));
        [result, ends[0].into(), ends[1].into(), ino_of(ends[0].into()), sys!(SYS_pipe, NOWHERE)]
    }) else {
        return;
    };
    let [_, fd1, fd2, ino, _] = run.said;
    check!(run, PIPE { res: 0, fd1: fd1, fd2: fd2, ino: ino });
    check!(run, PIPE { res: -EFAULT, fd1: -1, fd2: -1, ino: 0 });
}

#[test]
fn pipe2_has_flags_too() {
    let Some(run) = traced(|| {
        let mut ends = [0_i32; 2];
        let result = sys!(SYS_pipe2, at_mut(&mut ends), O_CLOEXEC | O_NONBLOCK);
        let said = [result, ends[0].into(), ends[1].into(), ino_of(ends[0].into())];
        // What stands in memory is the program's own when the call fails.
        ends = [3; 2];
        let [a, b, c, d] = said;
        [a, b, c, d, sys!(SYS_pipe2, at_mut(&mut ends), 1)]
    }) else {
        return;
    };
    let [_, fd1, fd2, ino, _] = run.said;
    check!(run, PIPE2 { res: 0, fd1: fd1, fd2: fd2, ino: ino, flags: flags("O_NONBLOCK|O_RDONLY|O_CLOEXEC") });
    check!(run, PIPE2 { res: -EINVAL, fd1: -1, fd2: -1, ino: 0, flags: flags("O_WRONLY") });
}

/// Allows no more descriptors.
fn no_more_fds() -> i64 {
    sys!(SYS_setrlimit, libc::RLIMIT_NOFILE, at(&[0_u64; 2]))
}

#[test]
fn eventfd_has_a_start_value_and_no_flags() {
    let Some(run) = traced(|| [sys!(SYS_eventfd, 77), no_more_fds(), sys!(SYS_eventfd, 1)]) else { return };
    check!(run, EVENTFD { res: run.said[0], initval: 77, flags: 0 });
    check!(run, EVENTFD { res: -EMFILE, initval: 1, flags: 0 });
}

#[test]
fn eventfd2_has_a_start_value() {
    let Some(run) =
        traced(|| [sys!(SYS_eventfd2, 77, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC), sys!(SYS_eventfd2, 1, 0x7000_0000)])
    else {
        return;
    };
    check!(run, EVENTFD2 { res: run.said[0], flags: flags("O_NONBLOCK|O_CLOEXEC"), initval: 77 });
    check!(run, EVENTFD2 { res: -EINVAL, flags: flags(""), initval: 1 });
}

#[test]
fn epoll_create_has_a_size() {
    let Some(run) = traced(|| [sys!(SYS_epoll_create, 9), sys!(SYS_epoll_create, 0), sys!(SYS_epoll_create, u32::MAX)])
    else {
        return;
    };
    check!(run, EPOLL_CREATE { res: run.said[0], size: 9 });
    check!(run, EPOLL_CREATE { res: -EINVAL, size: 0 });
    check!(run, EPOLL_CREATE { res: -EINVAL, size: -1 });
}

#[test]
fn epoll_create1_has_flags() {
    let Some(run) = traced(|| [sys!(SYS_epoll_create1, libc::EPOLL_CLOEXEC), sys!(SYS_epoll_create1, 1)]) else {
        return;
    };
    check!(run, EPOLL_CREATE1 { res: run.said[0], flags: flags("EPOLL_CLOEXEC") });
    check!(run, EPOLL_CREATE1 { res: -EINVAL, flags: flags("") });
}

#[test]
fn inotify_init_has_no_flags_and_inotify_init1_has() {
    let Some(run) = traced(|| {
        let both = libc::IN_CLOEXEC | libc::IN_NONBLOCK;
        let made = [sys!(SYS_inotify_init), sys!(SYS_inotify_init1, both), sys!(SYS_inotify_init1, 1)];
        [made[0], made[1], made[2], no_more_fds(), sys!(SYS_inotify_init)]
    }) else {
        return;
    };
    check!(run, INOTIFY_INIT { res: run.said[0], flags: 0 });
    check!(run, INOTIFY_INIT { res: -EMFILE, flags: 0 });
    check!(run, INOTIFY_INIT1 { res: run.said[1], flags: flags("O_NONBLOCK|O_CLOEXEC") });
    check!(run, INOTIFY_INIT1 { res: -EINVAL, flags: flags("") });
}

#[test]
fn userfaultfd_has_flags() {
    let Some(run) = traced(|| [sys!(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK), sys!(SYS_userfaultfd, 0x70)]) else {
        return;
    };
    // A kernel may be without it.
    check!(run, USERFAULTFD { res: run.said[0], flags: flags("O_NONBLOCK|O_CLOEXEC") });
    check!(run, USERFAULTFD { res: run.said[1], flags: flags("") });
    assert!(run.said[1] < 0);
}

#[test]
fn memfd_create_has_a_name() {
    let Some(run) = traced(|| {
        let cloexec = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        [sys!(SYS_memfd_create, c"scratch \xff", cloexec), sys!(SYS_memfd_create, NOWHERE, 0)]
    }) else {
        return;
    };
    let names = flags("MFD_CLOEXEC|MFD_ALLOW_SEALING");
    check!(run, MEMFD_CREATE { fd: run.said[0], name: b"scratch \xff", flags: names });
    check!(run, MEMFD_CREATE { fd: -EFAULT, name: missing(), flags: flags("") });
}

#[test]
fn futex_has_its_operation_with_flags() {
    let word = 4_u32;
    let address = at(&word);
    let Some(run) = traced(|| {
        let futex = |operation: i32, value: u32| sys!(SYS_futex, address, operation, value, 0, 0, u32::MAX);
        [
            futex(FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 5),
            futex(FUTEX_WAKE, 1),
            futex(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | FUTEX_PRIVATE_FLAG, 7),
            futex(99, 8),
            sys!(SYS_futex, NOWHERE, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9),
        ]
    }) else {
        return;
    };
    assert_eq!(run.said, [-EAGAIN, 0, -EAGAIN, -ENOSYS, 0].map(i64::from));
    // FUTEX_WAIT is 0: beside a flag it has no name.
    check!(run, FUTEX { res: -EAGAIN, addr: address, op: flags("FUTEX_PRIVATE_FLAG"), val: 5 });
    check!(run, FUTEX { res: 0, addr: address, op: flags("FUTEX_WAKE"), val: 1 });
    let bitset = flags("FUTEX_CLOCK_REALTIME|FUTEX_PRIVATE_FLAG|FUTEX_WAIT_BITSET");
    check!(run, FUTEX { res: -EAGAIN, addr: address, op: bitset, val: 7 });
    check!(run, FUTEX { res: -ENOSYS, addr: address, op: 0, val: 8 });
    check!(run, FUTEX { res: 0, addr: NOWHERE, op: flags("FUTEX_PRIVATE_FLAG|FUTEX_WAKE"), val: 9 });
}

#[test]
fn semaphores_are_made_changed_and_removed() {
    let Some(run) = traced(|| {
        let id = sys!(SYS_semget, IPC_PRIVATE, 3, IPC_CREAT | IPC_EXCL | 0o600);
        let set = |value: i32| sys!(SYS_semctl, id, 2, SETVAL, value);
        let two = [[2, 5, SEM_UNDO], [1, 4, 0]];
        let one = [[2_i16, -99, IPC_NOWAIT as i16], [1, 4, SEM_UNDO]];
        [
            id,
            sys!(SYS_semget, -2, 1, 0o600),
            set(7),
            set(-1),
            sys!(SYS_semop, id, at(&two), 2),
            sys!(SYS_semop, id, at(&one), 1),
            sys!(SYS_semop, id, NOWHERE, 2),
            sys!(SYS_semctl, id, 2, GETVAL, 6),
            sys!(SYS_semctl, id, 0, 99, 6),
            sys!(SYS_semctl, id, 0, IPC_RMID, 6),
            sys!(SYS_semctl, -1, 1, IPC_RMID, 0),
        ]
    }) else {
        return;
    };
    let id = run.said[0];
    let removed = [0, -ERANGE, 0, -EAGAIN, -EFAULT, 12, -EINVAL, 0, -EINVAL].map(i64::from);
    assert_eq!(run.said[2..], removed);
    check!(run, SEMGET { res: id, key: 0, nsems: 3, semflg: flags("IPC_EXCL|IPC_CREAT") });
    check!(run, SEMGET { res: -ENOENT, key: -2, nsems: 1, semflg: flags("") });
    check!(run, SEMCTL { res: 0, semid: id, semnum: 2, cmd: flags("SETVAL"), val: 7 });
    check!(run, SEMCTL { res: -ERANGE, semid: id, semnum: 2, cmd: flags("SETVAL"), val: -1 });
    check!(
        run,
        SEMOP {
            res: 0,
            nsops: 2,
            sem_num_0: 2,
            sem_op_0: 5,
            sem_flg_0: flags("SEM_UNDO"),
            sem_num_1: 1,
            sem_op_1: 4,
            sem_flg_1: flags(""),
            semid: id
        }
    );
    check!(
        run,
        SEMOP {
            res: -EAGAIN,
            nsops: 1,
            sem_num_0: 2,
            sem_op_0: -99,
            sem_flg_0: flags("IPC_NOWAIT"),
            sem_num_1: 0,
            sem_op_1: 0,
            sem_flg_1: flags(""),
            semid: id
        }
    );
    check!(
        run,
        SEMOP {
            res: -EFAULT,
            nsops: 2,
            sem_num_0: 0,
            sem_op_0: 0,
            sem_flg_0: flags(""),
            sem_num_1: 0,
            sem_op_1: 0,
            sem_flg_1: flags(""),
            semid: id
        }
    );
    check!(run, SEMCTL { res: 12, semid: id, semnum: 2, cmd: flags("GETVAL"), val: 0 });
    check!(run, SEMCTL { res: -EINVAL, semid: id, semnum: 0, cmd: flags(""), val: 0 });
    check!(run, SEMCTL { res: 0, semid: id, semnum: 0, cmd: flags("IPC_RMID"), val: 0 });
    check!(run, SEMCTL { res: -EINVAL, semid: -1, semnum: 1, cmd: flags("IPC_RMID"), val: 0 });
}

#[test]
fn memory_of_another_process_is_read_and_written() {
    let Some(run) = traced(|| {
        let own = sys!(SYS_getpid);
        let (mut one, mut two) = ([0_u8; 50], [0_u8; 100]);
        let local = [[at_mut(&mut one), 50], [at_mut(&mut two), 100]];
        let remote = iovec(&[&TEXT[..120]]);
        let read = sys!(SYS_process_vm_readv, own, at(&local[..]), 2, at(&remote[..]), 1, 0);
        let written = sys!(SYS_process_vm_writev, own, at(&remote[..]), 1, at(&local[..]), 2, 0);
        let nobody = sys!(SYS_process_vm_readv, 0x7fff_fff0, at(&local[..]), 2, at(&remote[..]), 1, 0);
        let short = iovec(&["to nobody"]);
        let to_nobody = sys!(SYS_process_vm_writev, 0x7fff_fff0, at(&short[..]), 1, at(&remote[..]), 1, 0);
        [read, written, nobody, to_nobody]
    }) else {
        return;
    };
    let own = run.pid;
    // Cut at snaplen, 80 bytes.
    let event = check!(run, PROCESS_VM_READV { res: 120, pid: own, data: &TEXT[..80] });
    assert_eq!(event.result(), Some(120));
    check!(run, PROCESS_VM_WRITEV { res: 120, pid: own, data: &TEXT[..80] });
    let event = check!(run, PROCESS_VM_READV { res: -ESRCH, pid: 0x7fff_fff0, data: missing() });
    assert!(event.failed());
    check!(run, PROCESS_VM_WRITEV { res: -ESRCH, pid: 0x7fff_fff0, data: "to nobody" });
}
