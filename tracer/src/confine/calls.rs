//! System calls: seccomp. A call that is not allowed fails with EPERM, so that what needs it says so.
#![allow(unsafe_code, reason = "asking for seccomp through libc")]

use std::collections::BTreeMap;

use aya_obj::generated::bpf_cmd;
use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};

use super::Tracing;

/// What reading captures calls: memory, threads, time, and what is open. None of them opens, connects or executes.
const READING: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_signalfd4,
    libc::SYS_statx,
    libc::SYS_sysinfo,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
];

/// The same, where the kind of machine has calls of its own.
#[cfg(target_arch = "x86_64")]
const READING_HERE: &[c_long] = &[libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const READING_HERE: &[c_long] = &[];

/// What making files and opening them takes in addition. Which ones, Landlock says.
const OPENING: &[c_long] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fstatfs,
    libc::SYS_linkat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_readlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
];
#[cfg(target_arch = "x86_64")]
const OPENING_HERE: &[c_long] =
    &[libc::SYS_access, libc::SYS_open, libc::SYS_readlink, libc::SYS_rename, libc::SYS_unlink];
#[cfg(not(target_arch = "x86_64"))]
const OPENING_HERE: &[c_long] = &[];

/// What a tracer never calls once it runs: execute, look into the memory of others, mount, load, change the machine; and ways
/// around the tests of other calls.
const NOT_TRACING: &[c_long] = &[
    libc::SYS_accept4,
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bind,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_listen,
    libc::SYS_mknodat,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_tkill,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];
#[cfg(target_arch = "x86_64")]
const NOT_TRACING_HERE: &[c_long] = &[
    libc::SYS_accept,
    libc::SYS_fork,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_mknod,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_vfork,
];
#[cfg(not(target_arch = "x86_64"))]
const NOT_TRACING_HERE: &[c_long] = &[];

/// How a program that is run for the user makes others. Source: fork(2), vfork(2): shells use either.
#[cfg(target_arch = "x86_64")]
const FORKS_HERE: &[c_long] = &[libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const FORKS_HERE: &[c_long] = &[];

/// Commands of bpf(2) that are about maps, programs and links that are there already.
const BPF_COMMANDS: [u64; 9] = [
    bpf_cmd::BPF_MAP_LOOKUP_ELEM as u64,
    bpf_cmd::BPF_MAP_UPDATE_ELEM as u64,
    bpf_cmd::BPF_MAP_DELETE_ELEM as u64,
    bpf_cmd::BPF_MAP_GET_NEXT_KEY as u64,
    bpf_cmd::BPF_OBJ_GET_INFO_BY_FD as u64,
    bpf_cmd::BPF_MAP_LOOKUP_AND_DELETE_ELEM as u64,
    bpf_cmd::BPF_MAP_LOOKUP_BATCH as u64,
    bpf_cmd::BPF_MAP_LOOKUP_AND_DELETE_BATCH as u64,
    bpf_cmd::BPF_ITER_CREATE as u64,
];

/// The same that attaches one; it is detached by closing it.
const BPF_ATTACH: u64 = bpf_cmd::BPF_RAW_TRACEPOINT_OPEN as u64;

/// Calls, each with the rules of which one has to hold; none: always.
type Calls = BTreeMap<i64, Vec<SeccompRule>>;
type Result<T> = std::result::Result<T, seccompiler::Error>;

/// A test of an argument.
fn argument(number: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompCondition> {
    Ok(SeccompCondition::new(number, SeccompCmpArgLen::Dword, op, value)?)
}

/// All of these hold.
fn all(conditions: impl IntoIterator<Item = Result<SeccompCondition>>) -> Result<SeccompRule> {
    Ok(SeccompRule::new(conditions.into_iter().collect::<Result<_>>()?)?)
}

/// It is one of these values.
fn one_of(number: u8, values: &[u64]) -> Result<Vec<SeccompRule>> {
    values.iter().map(|value| all([argument(number, SeccompCmpOp::Eq, *value)])).collect()
}

/// It is none of these values.
fn none_of(number: u8, values: &[u64]) -> Result<Vec<SeccompRule>> {
    Ok(vec![all(values.iter().map(|value| argument(number, SeccompCmpOp::Ne, *value)))?])
}

fn always(lists: &[&[c_long]]) -> Calls {
    lists.iter().flat_map(|list| list.iter()).map(|call| (*call, Vec::new())).collect()
}

/// What terminals are asked; from the fourth on, how their modes are set, in both forms that kernels have.
const TERMINAL: &[u64] = &[
    libc::TCGETS,
    libc::TIOCGWINSZ,
    libc::FIONREAD,
    libc::TCGETS2,
    libc::TCSETS,
    libc::TCSETSW,
    libc::TCSETSF,
    libc::TCSETS2,
    libc::TCSETSW2,
    libc::TCSETSF2,
];

/// What reading captures may call.
fn allowed(opens: bool, terminal: bool) -> Result<Calls> {
    use SeccompCmpOp::{Eq, MaskedEq};
    let mut calls = always(&[READING, READING_HERE]);
    if opens {
        calls.extend(always(&[OPENING, OPENING_HERE]));
    }
    let this = u64::from(std::process::id());
    let thread = libc::CLONE_THREAD as u64;
    let code = libc::PROT_EXEC as u64;
    let pair = libc::AF_UNIX as u64;
    calls.extend([
        // Threads, and no processes. clone3 hides its arguments: the C library goes on with clone.
        (libc::SYS_clone, vec![all([argument(0, MaskedEq(thread), thread)])?]),
        // No new code.
        (libc::SYS_mmap, vec![all([argument(2, MaskedEq(code), 0)])?]),
        (libc::SYS_mprotect, vec![all([argument(2, MaskedEq(code), 0)])?]),
        // Signals to oneself: how a panic ends, or a signal that was caught.
        (libc::SYS_kill, one_of(0, &[this])?),
        (libc::SYS_tgkill, one_of(0, &[this])?),
        // The size of a terminal, and nothing that types into it.
        (libc::SYS_ioctl, one_of(1, if terminal { TERMINAL } else { &TERMINAL[..3] })?),
        (libc::SYS_prctl, one_of(0, &[libc::PR_SET_NAME as u64])?),
        // Limits are read.
        (libc::SYS_prlimit64, vec![all([argument(0, Eq, 0), zero(2)])?]),
        // Ends of both are in this process: signals come through them.
        (libc::SYS_socketpair, one_of(0, &[pair])?),
        // Without an address: only what is connected.
        (libc::SYS_sendto, vec![all([zero(4)])?]),
        (libc::SYS_recvfrom, vec![all([zero(4)])?]),
    ]);
    Ok(calls)
}

/// A pointer that is not given.
fn zero(number: u8) -> Result<SeccompCondition> {
    Ok(SeccompCondition::new(number, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?)
}

/// What tracing may not call. Signals may go to this process and to a command that it started.
fn denied(keep: &Tracing) -> Result<Calls> {
    let &Tracing { network, changes: attaches, command, runs, serves, .. } = keep;
    let mut calls = always(&[NOT_TRACING, NOT_TRACING_HERE]);
    let domains = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6].map(|domain| domain as u64);
    let domains = if network { &domains[..] } else { &domains[..1] };
    let this = u64::from(std::process::id());
    let thread = libc::CLONE_THREAD as u64;
    let commands: Vec<u64> = BPF_COMMANDS.into_iter().chain(attaches.then_some(BPF_ATTACH)).collect();
    calls.extend([
        (libc::SYS_bpf, none_of(0, &commands)?),
        (libc::SYS_clone, vec![all([argument(0, SeccompCmpOp::MaskedEq(thread), 0)])?]),
        (libc::SYS_ioctl, one_of(1, &[libc::TIOCSTI, libc::TIOCLINUX])?),
        (libc::SYS_kill, none_of(0, &[this].into_iter().chain(command.map(u64::from)).collect::<Vec<_>>())?),
        (libc::SYS_socket, none_of(0, domains)?),
        (libc::SYS_tgkill, none_of(0, &[this])?),
    ]);
    if serves {
        calls.remove(&libc::SYS_accept4);
    }
    if runs {
        let made = [libc::SYS_execve, libc::SYS_clone, libc::SYS_kill, libc::SYS_pidfd_send_signal];
        for call in made.iter().chain(FORKS_HERE) {
            calls.remove(call);
        }
    }
    Ok(calls)
}

fn apply(calls: Calls, otherwise: SeccompAction, then: SeccompAction) -> Result<()> {
    let arch = std::env::consts::ARCH.try_into()?;
    let program: BpfProgram = SeccompFilter::new(calls, otherwise, then, arch)?.try_into()?;
    apply_filter_all_threads(&program)
}

const REFUSED: SeccompAction = SeccompAction::Errno(libc::EPERM as u32);

/// The C library makes threads with clone3 unless a kernel does not have it, and its flags cannot be seen here.
fn without_clone3() -> Result<()> {
    let old = SeccompAction::Errno(libc::ENOSYS as u32);
    apply(always(&[&[libc::SYS_clone3]]), SeccompAction::Allow, old)
}

/// Allows this process what reading captures takes, with or without opening files; returns how many calls that are.
///
/// # Errors
/// The kernel does not take it.
pub(super) fn only_reading(opens: bool, terminal: bool) -> Result<usize> {
    let mut calls = allowed(opens, terminal)?;
    let count = calls.len();
    // What one filter refuses, another one cannot allow: this one leaves it to the first.
    calls.extend(always(&[&[libc::SYS_clone3]]));
    without_clone3()?;
    apply(calls, REFUSED, SeccompAction::Allow)?;
    Ok(count)
}

/// Refuses this process what tracing never takes; returns how many calls that are, some of them with certain arguments.
///
/// # Errors
/// The kernel does not take it.
pub(super) fn not_tracing(keep: &Tracing) -> Result<usize> {
    let calls = denied(keep)?;
    let count = calls.len();
    without_clone3()?;
    apply(calls, SeccompAction::Allow, REFUSED)?;
    Ok(count)
}

/// Whether the kernel takes filters that refuse calls.
pub(super) fn offered() -> bool {
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the call reads from `action` only, and changes nothing.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, std::ptr::from_ref(&action)) };
    result == 0
}
