//! The few system calls that `std` does not offer: who we are, signals, and what a child has used.
//!
//! All `unsafe` code of this crate is here.
#![expect(unsafe_code, reason = "direct system calls")]

use std::{
    fs::File,
    io,
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, RawFd},
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    process::{Child, Command, ExitStatus},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Whether this process may do everything: effective user 0.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid(2) takes nothing and always succeeds.
    unsafe { libc::geteuid() == 0 }
}

/// A system call that nothing else on a machine makes. It fails.
pub(crate) fn rare_call() {
    // SAFETY: no process has that number, so the kernel does not look at the address.
    let _ = unsafe { libc::syscall(libc::SYS_sched_rr_get_interval, -1, 0) };
}

/// Runs before everything else that has a lower priority, until the kernel's limit for such threads.
pub(crate) fn real_time(priority: i32) -> io::Result<()> {
    // SAFETY: every bit pattern is a valid parameter.
    let mut parameter = unsafe { MaybeUninit::<libc::sched_param>::zeroed().assume_init() };
    parameter.sched_priority = priority;
    // SAFETY: the parameter is a live local; 0 is this thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a signal to a process that this one started.
pub(crate) fn signal(child: &Child, signal: libc::c_int) -> io::Result<()> {
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    // SAFETY: kill(2) takes two numbers; the child is not reaped yet, so the pid is its own.
    let result = unsafe { libc::kill(pid, signal) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The child is out of reach of Ctrl-C, and gets SIGTERM when the thread that starts it ends: a service of this task.
pub(crate) fn as_service(command: &mut Command) -> &mut Command {
    command.process_group(0);
    // SAFETY: between fork and exec only prctl(2) is called, which is async-signal-safe and takes numbers.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        })
    }
}

/// A new pseudo-terminal of that size: who drives it, and what a program has.
pub(crate) fn terminal(columns: u16, rows: u16) -> io::Result<(File, File)> {
    let (mut master, mut slave) = (0, 0);
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: both numbers and the size are live locals; no name and no settings are asked for.
    let opened = unsafe {
        libc::openpty(&raw mut master, &raw mut slave, std::ptr::null_mut(), std::ptr::null(), &raw const size)
    };
    if opened != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both were just opened, and nothing else has them.
    let (master, slave) = unsafe { (File::from_raw_fd(master), File::from_raw_fd(slave)) };
    for file in [&master, &slave] {
        // SAFETY: the descriptor is open; no other program gets it by chance.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok((master, slave))
}

/// The child has its standard input as its own terminal.
pub(crate) fn on_terminal(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only these calls are made, which are async-signal-safe and take numbers.
    unsafe {
        command.pre_exec(|| {
            if libc::setsid() < 0
                || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0
                || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) < 0
            {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        })
    }
}

/// Whether something can be read, after waiting for it at most so long.
pub(crate) fn readable(fd: RawFd, wait: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let wait_ms = libc::c_int::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(libc::c_int::MAX);
    // SAFETY: the one entry is a live local.
    match unsafe { libc::poll(&raw mut poll, 1, wait_ms) } {
        -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => Ok(false),
        -1 => Err(io::Error::last_os_error()),
        ready => Ok(ready > 0),
    }
}

/// Whether one of the signals came that [`catch_interrupts`] waits for.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn note_interrupt(_signal: libc::c_int) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// From now on Ctrl-C, and a polite request to end, are only noted, for [`interrupted`]: what this task made can be removed. The
/// second one ends the task at once. Children are as they were.
pub(crate) fn catch_interrupts() -> io::Result<()> {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: an action of zeros is valid: the default one, with no flags and an empty mask.
        let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
        action.sa_sigaction = note_interrupt as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART | libc::SA_RESETHAND;
        // SAFETY: the action is a live local, and its handler only stores to an atomic, which is async-signal-safe.
        if unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether this task is to end.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// How a child ended, and what it used until then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Largest resident set, in KiB.
    pub(crate) max_rss_kib: u64,
    /// User and system time.
    pub(crate) cpu: Duration,
}

/// Waits for a child to end. The child must not be waited for again.
pub(crate) fn wait(child: Child) -> io::Result<Usage> {
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are to live locals of the types that wait4(2) writes.
        let result = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
        if result == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: zeroed at first, and every bit pattern is a valid rusage.
    let usage = unsafe { usage.assume_init() };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    Ok(Usage {
        status: ExitStatus::from_raw(status),
        max_rss_kib: usage.ru_maxrss.unsigned_abs(),
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
    })
}
