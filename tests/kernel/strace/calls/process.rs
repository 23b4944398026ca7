//! What a process does with itself and the kernel: memory, signals, time, users, children.

use std::ffi::CString;

use libc::{AT_FDCWD, SIGALRM, SIGUSR1};
use tracer_tests::{
    call::{NOWHERE, at, at_mut, handle, x86_64::vfork_exit},
    scratch::Scratch,
    sys,
};

use super::{NO_FD, NO_PATH, open};
use crate::io::iovec;

extern "C" fn nothing(_: i32) {}

pub(super) fn memory() {
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

pub(super) fn signals() {
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

pub(super) fn timers() {
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

pub(super) fn users() {
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

pub(super) fn itself() {
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

pub(super) fn scheduling() {
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

pub(super) fn kernel_services() {
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

pub(super) fn processes() {
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
pub(super) fn threads(scratch: &Scratch) {
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
