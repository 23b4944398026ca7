//! What processes are asked for. Source: include/uapi/linux/{prctl,ptrace,pidfd}.h, include/uapi/asm-generic/resource.h,
//! arch/x86/include/uapi/asm/ptrace-abi.h.

use super::{FlagSet, NEVER, flag, value};

/// `PR_SET_NAME` in file form.
pub const PR_SET_NAME: u32 = 0xf;
/// `RLIMIT_NOFILE` in file form.
pub const RLIMIT_NOFILE: u32 = 0x7;

/// `PR_*`.
pub static PRCTL_OPTIONS: FlagSet = FlagSet::numbers(
    "prctl_options",
    &[
        value("PR_GET_DUMPABLE", 0x3, 0x3),
        value("PR_SET_DUMPABLE", 0x4, 0x4),
        value("PR_GET_KEEPCAPS", 0x7, 0x7),
        value("PR_SET_KEEPCAPS", 0x8, 0x8),
        value("PR_SET_NAME", 0xf, 0xf),
        value("PR_GET_NAME", 0x10, 0x10),
        value("PR_GET_SECCOMP", 0x15, 0x15),
        value("PR_SET_SECCOMP", 0x16, 0x16),
        value("PR_CAPBSET_READ", 0x17, 0x17),
        value("PR_CAPBSET_DROP", 0x18, 0x18),
        value("PR_GET_SECUREBITS", 0x1b, 0x1b),
        value("PR_SET_SECUREBITS", 0x1c, 0x1c),
        value("PR_MCE_KILL", 0x21, 0x21),
        value("PR_SET_MM", 0x23, 0x23),
        value("PR_SET_CHILD_SUBREAPER", 0x24, 0x24),
        value("PR_GET_CHILD_SUBREAPER", 0x25, 0x25),
        value("PR_SET_NO_NEW_PRIVS", 0x26, 0x26),
        value("PR_GET_NO_NEW_PRIVS", 0x27, 0x27),
        value("PR_GET_TID_ADDRESS", 0x28, 0x28),
        value("PR_SET_THP_DISABLE", 0x29, 0x29),
        value("PR_GET_THP_DISABLE", 0x2a, 0x2a),
        value("PR_CAP_AMBIENT", 0x2f, 0x2f),
    ],
);

/// `RLIMIT_*`.
pub static RLIMIT_RESOURCES: FlagSet = FlagSet::values(
    "rlimit_resources",
    0xff,
    &[
        value("RLIMIT_UNKNOWN", 0xff, NEVER),
        value("RLIMIT_RTTIME", 0xf, 0xf),
        value("RLIMIT_RTPRIO", 0xe, 0xe),
        value("RLIMIT_NICE", 0xd, 0xd),
        value("RLIMIT_MSGQUEUE", 0xc, 0xc),
        value("RLIMIT_SIGPENDING", 0xb, 0xb),
        value("RLIMIT_LOCKS", 0xa, 0xa),
        value("RLIMIT_AS", 0x9, 0x9),
        value("RLIMIT_MEMLOCK", 0x8, 0x8),
        value("RLIMIT_NOFILE", 0x7, 0x7),
        value("RLIMIT_NPROC", 0x6, 0x6),
        value("RLIMIT_RSS", 0x5, 0x5),
        value("RLIMIT_CORE", 0x4, 0x4),
        value("RLIMIT_STACK", 0x3, 0x3),
        value("RLIMIT_DATA", 0x2, 0x2),
        value("RLIMIT_FSIZE", 0x1, 0x1),
        value("RLIMIT_CPU", 0x0, 0x0),
    ],
);

/// `PTRACE_*`.
pub static PTRACE_REQUESTS: FlagSet = FlagSet::values(
    "ptrace_requests",
    0,
    &[
        value("PTRACE_SINGLEBLOCK", 0x26, 0x21),
        value("PTRACE_SYSEMU_SINGLESTEP", 0x25, 0x20),
        value("PTRACE_SYSEMU", 0x24, 0x1f),
        value("PTRACE_ARCH_PRCTL", 0x23, 0x1e),
        value("PTRACE_SET_THREAD_AREA", 0x22, 0x1a),
        value("PTRACE_GET_THREAD_AREA", 0x21, 0x19),
        value("PTRACE_OLDSETOPTIONS", 0x20, 0x15),
        value("PTRACE_SETFPXREGS", 0x1f, 0x13),
        value("PTRACE_GETFPXREGS", 0x1e, 0x12),
        value("PTRACE_SETFPREGS", 0x1d, 0xf),
        value("PTRACE_GETFPREGS", 0x1c, 0xe),
        value("PTRACE_SETREGS", 0x1b, 0xd),
        value("PTRACE_GETREGS", 0x1a, 0xc),
        value("PTRACE_SETSIGMASK", 0x19, 0x420b),
        value("PTRACE_GETSIGMASK", 0x18, 0x420a),
        value("PTRACE_PEEKSIGINFO", 0x17, 0x4209),
        value("PTRACE_LISTEN", 0x16, 0x4208),
        value("PTRACE_INTERRUPT", 0x15, 0x4207),
        value("PTRACE_SEIZE", 0x14, 0x4206),
        value("PTRACE_SETREGSET", 0x13, 0x4205),
        value("PTRACE_GETREGSET", 0x12, 0x4204),
        value("PTRACE_SETSIGINFO", 0x11, 0x4203),
        value("PTRACE_GETSIGINFO", 0x10, 0x4202),
        value("PTRACE_GETEVENTMSG", 0xf, 0x4201),
        value("PTRACE_SETOPTIONS", 0xe, 0x4200),
        value("PTRACE_SYSCALL", 0xd, 0x18),
        value("PTRACE_DETACH", 0xc, 0x11),
        value("PTRACE_ATTACH", 0xb, 0x10),
        value("PTRACE_SINGLESTEP", 0xa, 0x9),
        value("PTRACE_KILL", 0x9, 0x8),
        value("PTRACE_CONT", 0x8, 0x7),
        value("PTRACE_POKEUSR", 0x7, 0x6),
        value("PTRACE_POKEDATA", 0x6, 0x5),
        value("PTRACE_POKETEXT", 0x5, 0x4),
        value("PTRACE_PEEKUSR", 0x4, 0x3),
        value("PTRACE_PEEKDATA", 0x3, 0x2),
        value("PTRACE_PEEKTEXT", 0x2, 0x1),
        value("PTRACE_TRACEME", 0x1, 0x0),
        value("PTRACE_UNKNOWN", 0x0, NEVER),
    ],
);

/// `PIDFD_*`.
pub static PIDFD_OPEN_FLAGS: FlagSet = FlagSet::bits("pidfd_open_flags", &[flag("PIDFD_NONBLOCK", 0x1, 0o4000)]);
