//! How many arguments each call has. Source: kernel include/linux/syscalls.h.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

/// Of how many arguments a call is the group that it is in.
static COUNTS: [&str; 7] = [
    "fork getegid getegid32 geteuid geteuid32 getgid getgid32 getpgrp getpid getppid gettid getuid getuid32 inotify_init \
     munlockall pause restart_syscall rseq_slice_yield rt_sigreturn sched_yield setsid sgetmask sigreturn sync uprobe uretprobe \
     vfork vhangup",
    "acct adjtimex alarm brk chdir chroot close dup epoll_create epoll_create1 eventfd exit exit_group fchdir fdatasync fsync \
     get_thread_area getpgid getsid inotify_init1 io_destroy iopl memfd_secret mlockall mq_unlink nice oldolduname olduname \
     personality pipe pkey_free rmdir sched_get_priority_max sched_get_priority_min sched_getscheduler set_thread_area \
     set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setuid setuid32 shmdt sigpending ssetmask stime \
     swapoff syncfs sysinfo time timer_delete timer_getoverrun times umask umount uname unlink unshare uselib userfaultfd vm86old",
    "access arch_prctl capget capset chmod clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime \
     clock_gettime64 clock_settime clock_settime64 clone3 creat delete_module dup2 eventfd2 fanotify_init fchmod flock \
     fremovexattr fsopen fstat fstat64 fstatfs ftruncate64 getcwd getgroups getgroups32 getitimer getpriority getrlimit getrusage \
     gettimeofday inotify_rm_watch io_setup io_uring_setup ioprio_get kill landlock_restrict_self link listen lremovexattr lstat \
     lstat64 memfd_create mkdir mlock mq_notify msgget munlock munmap nanosleep oldfstat oldlstat oldstat pidfd_open pipe2 \
     pivot_root pkey_alloc process_mrelease removexattr rename rt_sigpending rt_sigsuspend sched_getparam sched_rr_get_interval \
     sched_rr_get_interval_time64 sched_setparam set_robust_list setdomainname setgroups setgroups32 sethostname setns setpgid \
     setregid setregid32 setreuid setreuid32 setrlimit settimeofday shutdown sigaltstack signal socketcall stat stat64 statfs \
     swapon symlink timer_gettime timer_gettime64 timerfd_create timerfd_gettime timerfd_gettime64 tkill truncate truncate64 \
     ugetrlimit umount2 ustat utime utimes vm86",
    "accept bind bpf chown chown32 close_range connect dup3 execve faccessat fchmodat fchown fchown32 fcntl fcntl64 finit_module \
     flistxattr fsmount fspick fstatfs64 ftruncate futimesat get_robust_list getcpu getdents getdents64 getpeername getrandom \
     getresgid getresgid32 getresuid getresuid32 getsockname init_module inotify_add_watch io_cancel io_submit ioctl ioperm \
     ioprio_set landlock_create_ruleset lchown lchown32 listxattr llistxattr lseek lsm_list_modules madvise map_shadow_stack \
     membarrier mincore mkdirat mknod mlock2 modify_ldt mprotect mq_getsetattr mseal msgctl msync open open_by_handle_at \
     open_tree pidfd_getfd poll read readahead readdir readlink readv recvmsg rt_sigqueueinfo sched_getaffinity sched_setaffinity \
     sched_setattr sched_setscheduler seccomp semget semop sendmsg set_mempolicy setitimer setpriority setresgid setresgid32 \
     setresuid setresuid32 shmat shmctl shmget sigaction signalfd sigprocmask sigsuspend socket statfs64 symlinkat sysfs syslog \
     tgkill timer_create unlinkat waitpid write writev",
    "accept4 cachestat clock_nanosleep clock_nanosleep_time64 epoll_ctl epoll_wait faccessat2 fadvise64 fadvise64_64 fallocate \
     fchmodat2 fgetxattr fstatat64 futex_requeue futex_wake getxattr io_uring_register kexec_load landlock_add_rule lgetxattr \
     listmount listns lsm_get_self_attr lsm_set_self_attr migrate_pages mknodat mq_open msgsnd newfstatat openat openat2 \
     pidfd_send_signal pkey_mprotect pread64 prlimit64 ptrace pwrite64 quotactl quotactl_fd readlinkat reboot removexattrat \
     renameat request_key rseq rt_sigaction rt_sigprocmask rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getattr \
     semctl semtimedop semtimedop_time64 sendfile sendfile64 sendmmsg set_mempolicy_home_node signalfd4 socketpair statmount \
     sync_file_range tee timer_settime timer_settime64 timerfd_settime timerfd_settime64 utimensat utimensat_time64 vmsplice \
     wait4",
    "_llseek _newselect add_key clone execveat fanotify_mark fchownat file_getattr file_setattr fsconfig fsetxattr futex_waitv \
     get_mempolicy getsockopt io_getevents kcmp kexec_file_load keyctl linkat listxattrat lsetxattr mount mount_setattr \
     move_mount mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mremap msgrcv name_to_handle_at \
     open_tree_attr perf_event_open ppoll ppoll_time64 prctl preadv process_madvise pwritev recvmmsg recvmmsg_time64 \
     remap_file_pages renameat2 select setsockopt setxattr statx waitid",
    "copy_file_range epoll_pwait epoll_pwait2 futex futex_time64 futex_wait getxattrat io_pgetevents io_pgetevents_time64 \
     io_uring_enter ipc mbind mmap mmap2 move_pages preadv2 process_vm_readv process_vm_writev pselect6 pselect6_time64 pwritev2 \
     recvfrom sendto setxattrat splice",
];

/// The number of arguments of a call; `None` of one that no kernel has any more.
pub(super) fn of(name: &str) -> Option<usize> {
    static BY_NAME: LazyLock<FxHashMap<&str, usize>> = LazyLock::new(|| {
        let groups = COUNTS.iter().enumerate();
        groups.flat_map(|(count, names)| names.split_ascii_whitespace().map(move |name| (name, count))).collect()
    });
    BY_NAME.get(name).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tracer_common::{arch, events};

    use super::*;

    #[test]
    fn every_call_is_there_once() {
        let known: Vec<&str> = COUNTS.iter().flat_map(|names| names.split_ascii_whitespace()).collect();
        let all: BTreeSet<&str> = arch::call_names().collect();
        assert_eq!(known.iter().collect::<BTreeSet<_>>().len(), known.len(), "a call is there twice");
        let unknown: Vec<_> = known.iter().filter(|name| !all.contains(*name)).collect();
        assert!(unknown.is_empty(), "they are no calls: {unknown:?}");
        // Calls that were taken out of the kernel, and numbers that never had one.
        let gone = [
            "_sysctl afs_syscall bdflush break create_module epoll_ctl_old epoll_wait_old ftime get_kernel_syms getpmsg gtty idle lock",
            "lookup_dcookie mpx nfsservctl prof profil putpmsg query_module security stty tuxcall ulimit vserver",
        ];
        let gone: BTreeSet<&str> = gone.iter().flat_map(|names| names.split(' ')).collect();
        let missing: Vec<_> = all.iter().filter(|name| !known.contains(name) && !gone.contains(*name)).collect();
        assert!(missing.is_empty(), "their arguments are not counted: {missing:?}");
    }

    #[test]
    fn rows_have_no_more_arguments_than_their_calls() {
        for call in arch::SYSCALLS {
            let row = events::by_syscall(call.name);
            let last = row.params.iter().filter_map(super::super::place).max();
            let fits = last.is_none_or(|last| of(call.name).is_some_and(|count| last < count));
            assert!(fits, "{}: {last:?} {:?}", call.name, of(call.name));
        }
    }
}
