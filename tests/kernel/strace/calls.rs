//! A workload that makes as many different calls as it can, each in a way that changes nothing outside of its directory:
//! with what it made itself, or so that the call fails.
//!
//! It is the same on each run but for numbers that the kernel chooses.

use std::ffi::{CStr, CString};

use libc::{
    AF_INET, AF_UNIX, AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, SIGALRM, SIGUSR1, SOCK_DGRAM, SOCK_STREAM,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut, handle, x86_64::vfork_exit},
    scratch::Scratch,
    sys,
};

use crate::{
    io::iovec,
    socket::{bind, port, unix, v4},
};

/// Makes calls whose results are looked at by others.
macro_rules! calls {
    ($($number:ident($($arg:expr),* $(,)?);)+) => {
        $(let _ = sys!($number $(, $arg)*);)+
    };
}

/// A descriptor that nobody has.
const NO_FD: i32 = -1;
/// A path to nothing.
const NO_PATH: &CStr = c"/nonexistent/path";
/// The call by which both sides know where the workload begins, and that nothing else makes.
pub(super) const MARK: &str = "sched_get_priority_max";

extern "C" fn nothing(_: i32) {}

/// All of it.
pub(super) fn all(scratch: &Scratch) {
    let _ = sys!(SYS_sched_get_priority_max, 1);
    files(scratch);
    attributes(scratch);
    directories(scratch);
    names(scratch);
    sockets(scratch);
    datagrams();
    pipes();
    polling();
    memory();
    signals();
    timers();
    users();
    itself();
    scheduling();
    messages();
    kernel_services();
    mounts();
    processes();
    threads(scratch);
}

fn open(path: &CStr) -> i64 {
    sys!(SYS_open, path, O_CREAT | O_RDWR, 0o600)
}

fn files(scratch: &Scratch) {
    let (a, b) = (scratch.c_path("a"), scratch.c_path("b"));
    let fd = open(&a);
    let other = sys!(SYS_creat, &*b, 0o640);
    let how = [O_RDONLY as u64, 0, 0];
    let third = sys!(SYS_openat, AT_FDCWD, &*a, O_RDONLY, 0);
    let fourth = sys!(SYS_openat2, AT_FDCWD, &*b, at(&how), 24);
    let mut room = [0_u8; 256];
    let text = b"a text of thirty-two bytes, more";
    let both = iovec(&[&text[..]]);
    calls! {
        SYS_openat(fd, c"relative", O_RDONLY, 0);
        SYS_open(NO_PATH, O_RDONLY, 0);
        SYS_open(c"odd \"name\"\n\xc3\xa4\xff", O_RDONLY, 0);
        SYS_open(NOWHERE, O_RDONLY, 0);
        SYS_write(fd, at(text), 32);
        SYS_write(fd, NOWHERE, 4);
        SYS_write(NO_FD, at(text), 32);
        SYS_pwrite64(fd, at(text), 32, 100);
        SYS_writev(fd, at(&*both), 1);
        SYS_pwritev(fd, at(&*both), 1, 7, 0);
        SYS_pwritev2(fd, at(&*both), 1, 7, 0, 0);
        SYS_lseek(fd, 3, 0);
        SYS_lseek(fd, -300, 0);
        SYS_read(fd, at_mut(&mut room), 10);
        SYS_pread64(fd, at_mut(&mut room), 10, 1_000);
        SYS_readv(fd, at(&*both), 0);
        SYS_preadv(fd, at(&*both), 0, 0, 0);
        SYS_preadv2(fd, at(&*both), 0, 0, 0, 0);
        SYS_readahead(fd, 0, 10);
        SYS_fadvise64(fd, 0, 10, 0);
        SYS_fallocate(fd, 0, 0, 400);
        SYS_ftruncate(fd, 200);
        SYS_truncate(&*a, 150);
        SYS_truncate(NO_PATH, 150);
        SYS_fsync(NO_FD);
        SYS_fdatasync(NO_FD);
        SYS_syncfs(NO_FD);
        SYS_sync_file_range(fd, 0, 0, 0);
        SYS_sendfile(other, fd, 0, 20);
        SYS_copy_file_range(fd, 0, other, 0, 20, 0);
        SYS_flock(fd, 2);
        SYS_flock(fd, 8);
        SYS_fcntl(fd, libc::F_GETFL);
        SYS_fcntl(fd, libc::F_SETFD, 1);
        SYS_ioctl(fd, libc::FIOCLEX);
        SYS_ioctl(fd, libc::TCGETS, at_mut(&mut room));
        SYS_dup3(fd, fd, 0);
        SYS_dup2(third, 60);
        SYS_dup3(fd, 61, libc::O_CLOEXEC);
        SYS_close(sys!(SYS_dup, fd));
        SYS_close(sys!(SYS_fcntl, fd, libc::F_DUPFD, 50));
        SYS_close(NO_FD);
        SYS_close_range(60, 61, 0);
        SYS_close_range(9, 8, 0);
    }
    crate::close([fd, other, third, fourth]);
}

fn attributes(scratch: &Scratch) {
    let (a, link) = (scratch.c_path("a"), scratch.c_path("to-a"));
    let mut room = [0_u8; 512];
    let fd = open(&a);
    let name = c"user.tracer";
    calls! {
        SYS_symlink(c"a", &*link);
        SYS_stat(&*a, at_mut(&mut room));
        SYS_stat(NO_PATH, at_mut(&mut room));
        SYS_lstat(&*link, at_mut(&mut room));
        SYS_fstat(fd, at_mut(&mut room));
        SYS_newfstatat(AT_FDCWD, &*a, at_mut(&mut room), 0);
        SYS_statx(AT_FDCWD, &*a, 0, 0xfff, at_mut(&mut room));
        SYS_statfs(&*a, at_mut(&mut room));
        SYS_fstatfs(fd, at_mut(&mut room));
        SYS_ustat(0, NOWHERE);
        SYS_access(&*a, 4);
        SYS_access(NO_PATH, 4);
        SYS_faccessat(AT_FDCWD, &*a, 4);
        SYS_faccessat2(AT_FDCWD, &*a, 4, 0);
        SYS_chmod(&*a, 0o644);
        SYS_fchmod(fd, 0o600);
        SYS_fchmodat(AT_FDCWD, &*a, 0o640);
        SYS_chown(&*a, 0, 0);
        SYS_fchown(fd, 0, 0);
        SYS_lchown(&*link, 0, 0);
        SYS_fchownat(AT_FDCWD, &*a, 0, 0, 0);
        SYS_utime(&*a, 0);
        SYS_utimes(&*a, 0);
        SYS_futimesat(AT_FDCWD, &*a, 0);
        SYS_utimensat(AT_FDCWD, &*a, 0, 0);
        SYS_umask(0o27);
        SYS_umask(0o22);
        SYS_setxattr(&*a, name, at(b"1"), 1, 0);
        SYS_lsetxattr(NO_PATH, name, at(b"1"), 1, 0);
        SYS_fsetxattr(NO_FD, name, at(b"1"), 1, 0);
        SYS_getxattr(&*a, name, at_mut(&mut room), 512);
        SYS_lgetxattr(&*a, name, at_mut(&mut room), 512);
        SYS_fgetxattr(fd, name, at_mut(&mut room), 512);
        SYS_listxattr(&*a, at_mut(&mut room), 512);
        SYS_llistxattr(&*a, at_mut(&mut room), 512);
        SYS_flistxattr(fd, at_mut(&mut room), 512);
        SYS_removexattr(&*a, name);
        SYS_lremovexattr(&*a, name);
        SYS_fremovexattr(fd, name);
        SYS_name_to_handle_at(AT_FDCWD, NO_PATH, at_mut(&mut room), at_mut(&mut [0_i32]), 0);
        SYS_open_by_handle_at(NO_FD, at(&[0_u32; 4]), 0);
    }
    crate::close([fd]);
}

fn directories(scratch: &Scratch) {
    let dir = scratch.c_path("dir");
    let mut room = [0_u8; 512];
    calls! {
        SYS_mkdir(&*dir, 0o700);
        SYS_mkdir(&*dir, 0o700);
        SYS_chdir(&*dir);
        SYS_chdir(NO_PATH);
        SYS_getcwd(at_mut(&mut room), 512);
        SYS_getcwd(at_mut(&mut room), 1);
    }
    let fd = sys!(SYS_open, c".", O_RDONLY | O_DIRECTORY, 0);
    calls! {
        SYS_mkdirat(fd, c"inner", 0o700);
        SYS_openat(fd, c"../a", O_RDONLY, 0);
        SYS_getdents64(fd, at_mut(&mut room), 512);
        SYS_getdents(fd, at_mut(&mut room), 512);
        SYS_unlinkat(fd, c"inner", libc::AT_REMOVEDIR);
        SYS_rmdir(c"inner");
        SYS_fchdir(fd);
        SYS_fchdir(NO_FD);
        SYS_chroot(NO_PATH);
    }
    crate::close([fd]);
}

fn names(scratch: &Scratch) {
    let names = ["one", "two", "three"].map(|name| scratch.c_path(name));
    let [one, two, three] = [&*names[0], &*names[1], &*names[2]];
    let mut room = [0_u8; 64];
    let fd = open(one);
    calls! {
        SYS_rename(one, two);
        SYS_renameat(AT_FDCWD, two, AT_FDCWD, one);
        SYS_renameat2(AT_FDCWD, one, AT_FDCWD, two, 1);
        SYS_rename(NO_PATH, two);
        SYS_link(two, one);
        SYS_linkat(AT_FDCWD, two, AT_FDCWD, three, 0);
        SYS_unlink(one);
        SYS_unlink(one);
        SYS_unlinkat(AT_FDCWD, three, 0);
        SYS_symlinkat(c"two", AT_FDCWD, three);
        SYS_readlink(three, at_mut(&mut room), 64);
        SYS_readlinkat(AT_FDCWD, three, at_mut(&mut room), 64);
        SYS_mknod(one, 0o100_600, 0);
        SYS_mknodat(AT_FDCWD, one, 0o100_600, 0);
    }
    let watch = sys!(SYS_inotify_init);
    calls! {
        SYS_inotify_add_watch(watch, one, 2);
        SYS_inotify_rm_watch(watch, 1);
        SYS_inotify_rm_watch(watch, 1);
        SYS_close(sys!(SYS_inotify_init1, 0));
        SYS_fanotify_init(u32::MAX, 0);
        SYS_fanotify_mark(NO_FD, 1, 0, AT_FDCWD, 0);
    }
    crate::close([fd, watch]);
}

fn sockets(scratch: &Scratch) {
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

fn datagrams() {
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

fn pipes() {
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

fn polling() {
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

fn memory() {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let page = sys!(SYS_mmap, 0, 8192, protection, flags, NO_FD, 0);
    let mut room = [0_u8; 256];
    let own = sys!(SYS_getpid);
    let remote = iovec(&[&b"read by another way"[..]]);
    let local = iovec(&[&room[..]]);
    calls! {
        SYS_mmap(0, 0, 0, 0, NO_FD, 0);
        SYS_mprotect(page, 4096, libc::PROT_READ);
        SYS_madvise(page, 4096, 0);
        SYS_mincore(page, 4096, at_mut(&mut room));
        SYS_msync(page, 4096, 1);
        SYS_mlock(page, 4096);
        SYS_mlock2(page, 4096, 0);
        SYS_munlock(page, 4096);
        SYS_mlockall(0);
        SYS_munlockall();
        SYS_mremap(page, 8192, 4096, 0);
        SYS_munmap(page, 4096);
        SYS_munmap(1, 4096);
        SYS_brk(0);
        SYS_remap_file_pages(1, 1, 1, 0, 0);
        SYS_mbind(1, 1, 99, 0, 0, 0);
        SYS_set_mempolicy(99, 0, 0);
        SYS_get_mempolicy(0, 0, 0, 0, 99);
        SYS_migrate_pages(own, 0, 0, 0);
        SYS_move_pages(own, 0, 0, 0, 0, 0);
        SYS_pkey_alloc(1, 0);
        SYS_pkey_free(-1);
        SYS_pkey_mprotect(1, 4096, 0, -1);
        SYS_process_vm_readv(own, at(&*local), 1, at(&*remote), 1, 0);
        SYS_process_vm_writev(own, at(&*remote), 1, at(&*local), 1, 1);
        SYS_process_madvise(NO_FD, at(&*local), 1, 0, 0);
        SYS_membarrier(0, 0, 0);
        SYS_modify_ldt(0, at_mut(&mut room), 0);
    }
}

fn signals() {
    let (mut old, own) = ([0_u64; 16], sys!(SYS_getpid));
    handle(SIGUSR1, nothing);
    handle(SIGALRM, nothing);
    let soon = [0_u64, 0, 0, 20_000];
    calls! {
        SYS_rt_sigaction(SIGUSR1, 0, at_mut(&mut old), 8);
        SYS_rt_sigaction(99, 0, at_mut(&mut old), 8);
        SYS_rt_sigprocmask(0, 0, at_mut(&mut old), 8);
        SYS_rt_sigpending(at_mut(&mut old), 8);
        SYS_rt_sigtimedwait(at(&0_u64), 0, at(&[0_u64; 2]), 8);
        SYS_rt_sigqueueinfo(own, 99, at(&[0_u64; 16]));
        SYS_rt_tgsigqueueinfo(own, own, 99, at(&[0_u64; 16]));
        SYS_sigaltstack(0, at_mut(&mut old));
        SYS_kill(own, SIGUSR1);
        SYS_tkill(own, SIGUSR1);
        SYS_tgkill(own, own, SIGUSR1);
        SYS_kill(own, 99);
        SYS_kill(i32::MAX, 0);
        // Two waits that a signal ends.
        SYS_setitimer(0, at(&soon), 0);
        SYS_poll(0, 0, 10_000);
        SYS_setitimer(0, at(&soon), 0);
        SYS_nanosleep(at(&[10_u64, 0]), 0);
        SYS_getitimer(0, at_mut(&mut old));
        SYS_alarm(0);
        SYS_close(sys!(SYS_pidfd_open, own, 0));
        SYS_pidfd_send_signal(NO_FD, 0, 0, 0);
        SYS_pidfd_getfd(NO_FD, 0, 0);
    }
}

fn timers() {
    let mut room = [0_u64; 32];
    let mut timer = [0_u32];
    let fd = sys!(SYS_timerfd_create, 1, 0);
    calls! {
        SYS_timerfd_settime(fd, 0, at(&[0_u64; 4]), 0);
        SYS_timerfd_gettime(fd, at_mut(&mut room));
        SYS_nanosleep(at(&[0_u64, 1000]), 0);
        SYS_nanosleep(at(&[0_u64, u64::MAX]), 0);
        SYS_clock_nanosleep(1, 0, at(&[0_u64, 1000]), 0);
        SYS_clock_gettime(1, at_mut(&mut room));
        SYS_clock_getres(1, at_mut(&mut room));
        SYS_clock_settime(1, at(&[0_u64; 2]));
        SYS_clock_adjtime(99, at_mut(&mut room));
        SYS_gettimeofday(at_mut(&mut room), 0);
        SYS_settimeofday(NOWHERE, 0);
        SYS_adjtimex(NOWHERE);
        SYS_time(0);
        SYS_times(at_mut(&mut room));
        SYS_timer_create(1, 0, at_mut(&mut timer));
        SYS_timer_settime(timer[0], 0, at(&[0_u64; 4]), 0);
        SYS_timer_gettime(timer[0], at_mut(&mut room));
        SYS_timer_getoverrun(timer[0]);
        SYS_timer_delete(timer[0]);
        SYS_timer_delete(99_999);
    }
    crate::close([fd]);
}

fn users() {
    let mut room = [0_u32; 64];
    calls! {
        SYS_getuid();
        SYS_geteuid();
        SYS_getgid();
        SYS_getegid();
        SYS_getresuid(at_mut(&mut room), at_mut(&mut room), at_mut(&mut room));
        SYS_getresgid(at_mut(&mut room), at_mut(&mut room), at_mut(&mut room));
        SYS_setuid(0);
        SYS_setgid(0);
        SYS_setreuid(-1, -1);
        SYS_setregid(-1, -1);
        SYS_setresuid(-1, -1, -1);
        SYS_setresgid(-1, -1, -1);
        SYS_setfsuid(-1);
        SYS_setfsgid(-1);
        SYS_getgroups(64, at_mut(&mut room));
        SYS_setgroups(-1, 0);
        SYS_capget(at(&[0x2008_0522_u32, 0]), at_mut(&mut room));
        SYS_capset(NOWHERE, NOWHERE);
    }
}

fn itself() {
    let mut room = [0_u64; 64];
    let own = sys!(SYS_gettid);
    calls! {
        SYS_getppid();
        SYS_getpgrp();
        SYS_getpgid(0);
        SYS_setpgid(0, 0);
        SYS_setpgid(i32::MAX, 0);
        SYS_getsid(0);
        SYS_setsid();
        SYS_getpriority(0, 0);
        SYS_setpriority(0, 0, 0);
        SYS_setpriority(99, 0, 0);
        SYS_getrlimit(7, at_mut(&mut room));
        SYS_setrlimit(99, at(&room));
        SYS_prlimit64(0, 7, 0, at_mut(&mut room));
        SYS_prlimit64(0, 99, 0, 0);
        SYS_getrusage(0, at_mut(&mut room));
        SYS_sysinfo(at_mut(&mut room));
        SYS_uname(at_mut(&mut room));
        SYS_sethostname(NOWHERE, 4);
        SYS_setdomainname(NOWHERE, 4);
        SYS_personality(u32::MAX);
        SYS_prctl(libc::PR_GET_DUMPABLE);
        SYS_prctl(libc::PR_SET_NAME, c"beside");
        SYS_prctl(99_999);
        SYS_arch_prctl(99_999, 0);
        SYS_iopl(0);
        SYS_ioperm(0, 1, 0);
        SYS_set_tid_address(0);
        SYS_get_robust_list(0, at_mut(&mut room), at_mut(&mut room));
        SYS_set_robust_list(0, 1);
        SYS_rseq(0, 0, 0, 0);
        SYS_getcpu(at_mut(&mut room), 0, 0);
        SYS_kcmp(own, own, 1, 0, 0);
        SYS_unshare(0);
        SYS_setns(NO_FD, 0);
        SYS_seccomp(2, 0, at(&0x7fff_0000_u32));
        SYS_getrandom(at_mut(&mut room), 8, 0);
        SYS_restart_syscall();
    }
}

fn scheduling() {
    let mut room = [0_u64; 64];
    calls! {
        SYS_sched_yield();
        SYS_sched_getscheduler(0);
        SYS_sched_setscheduler(0, 99, at(&0_u32));
        SYS_sched_getparam(0, at_mut(&mut room));
        SYS_sched_setparam(0, NOWHERE);
        SYS_sched_get_priority_min(1);
        SYS_sched_rr_get_interval(0, at_mut(&mut room));
        SYS_sched_getaffinity(0, 512, at_mut(&mut room));
        SYS_sched_setaffinity(0, 8, NOWHERE);
        SYS_sched_getattr(0, at_mut(&mut room), 48, 0);
        SYS_sched_setattr(0, NOWHERE, 0);
        SYS_ioprio_get(1, 0);
        SYS_ioprio_set(99, 0, 0);
        SYS_futex(at(&5_u32), 0, 4, 0, 0, 0);
        SYS_futex(at(&5_u32), 1, 1, 0, 0, 0);
        SYS_futex_waitv(NOWHERE, 0, 0, 0, 0);
    }
}

fn messages() {
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

fn kernel_services() {
    calls! {
        SYS_bpf(99_999, 0, 0);
        SYS_perf_event_open(NOWHERE, 0, 0, 0, 0);
        SYS_io_uring_setup(0, NOWHERE);
        SYS_io_uring_enter(NO_FD, 0, 0, 0, 0, 0);
        SYS_io_uring_register(NO_FD, 0, 0, 0);
        SYS_io_setup(0, NOWHERE);
        SYS_io_destroy(1);
        SYS_io_submit(1, 0, 0);
        SYS_io_cancel(1, 0, 0);
        SYS_io_getevents(1, 0, 0, 0, 0);
        SYS_syslog(10, 0, 0);
        SYS_acct(NO_PATH);
        SYS_quotactl(0, NO_PATH, 0, 0);
        SYS_quotactl_fd(NO_FD, 0, 0, 0);
        SYS_swapon(NO_PATH, 0);
        SYS_swapoff(NO_PATH);
        SYS_init_module(NOWHERE, 1, c"");
        SYS_finit_module(NO_FD, c"", 0);
        SYS_delete_module(c"no-such-module", libc::O_NONBLOCK);
        SYS_ptrace(99_999, i32::MAX, 0, 0);
        SYS_landlock_create_ruleset(0, 0, 1);
        SYS_landlock_add_rule(NO_FD, 1, 0, 0);
        SYS_landlock_restrict_self(NO_FD, 0);
        SYS_sysfs(3, 0, 0);
        SYS_uselib(NO_PATH);
    }
}

fn mounts() {
    calls! {
        SYS_mount(c"none", NO_PATH, c"tmpfs", 0, 0);
        SYS_umount2(NO_PATH, 0);
        SYS_pivot_root(NO_PATH, NO_PATH);
        SYS_fsopen(c"no-such-filesystem", 0);
        SYS_fsconfig(NO_FD, 99, 0, 0, 0);
        SYS_fsmount(NO_FD, 0, 0);
        SYS_fspick(AT_FDCWD, NO_PATH, 0);
        SYS_open_tree(AT_FDCWD, NO_PATH, 0);
        SYS_move_mount(AT_FDCWD, NO_PATH, AT_FDCWD, NO_PATH, 0);
        SYS_mount_setattr(AT_FDCWD, NO_PATH, 0, 0, 0);
    }
}

fn processes() {
    let mut status = [0_u32; 32];
    let argv = [c"true".as_ptr(), std::ptr::null()];
    let child = sys!(SYS_fork);
    if child == 0 {
        calls! {
            SYS_execve(NO_PATH, at(&argv), 0);
            SYS_execveat(AT_FDCWD, NO_PATH, at(&argv), 0, 0);
            SYS_execve(c"/bin/true", at(&argv), 0);
        }
    }
    let _ = sys!(SYS_wait4, child, at_mut(&mut status), 0, 0);
    let child = sys!(SYS_clone, libc::SIGCHLD, 0, 0, 0, 0);
    if child == 0 {
        calls! {
            SYS_getpid();
            SYS_exit_group(3);
        }
    }
    calls! {
        SYS_waitid(1, child, at_mut(&mut status), 4, 0);
        SYS_wait4(vfork_exit(4), at_mut(&mut status), 0, 0);
        SYS_wait4(-1, 0, 0, 0);
        SYS_clone3(NOWHERE, 64);
        SYS_clone(libc::CLONE_THREAD, 0, 0, 0, 0);
    }
    let child = sys!(SYS_fork);
    if child == 0 {
        let _ = sys!(SYS_kill, sys!(SYS_getpid), libc::SIGTERM);
    }
    let _ = sys!(SYS_wait4, child, at_mut(&mut status), 0, 0);
}

/// Several at once, so that calls of one begin while calls of another have not ended.
fn threads(scratch: &Scratch) {
    let paths: Vec<CString> = (0..4).map(|number| scratch.c_path(format!("thread-{number}"))).collect();
    std::thread::scope(|scope| {
        let threads = paths.iter().map(|path| {
            scope.spawn(move || {
                for _ in 0..10 {
                    let fd = open(path);
                    calls! {
                        SYS_write(fd, c"line", 4);
                        SYS_nanosleep(at(&[0_u64, 500_000]), 0);
                        SYS_close(fd);
                    }
                }
            })
        });
        // Joined one by one: the scope alone waits for what they run, and the end of the process would cut their ends.
        let threads: Vec<_> = threads.collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
