//! A workload that makes as many different calls as it can, each in a way that changes nothing outside of its directory:
//! with what it made itself, or so that the call fails.
//!
//! It is the same on each run but for numbers that the kernel chooses.

use std::ffi::CStr;

use libc::{O_CREAT, O_RDWR};
use tracer_tests::{scratch::Scratch, sys};

/// Makes calls whose results are looked at by others.
macro_rules! calls {
    ($($number:ident($($arg:expr),* $(,)?);)+) => {
        $(let _ = sys!($number $(, $arg)*);)+
    };
}

mod fs;
mod ipc;
mod process;

/// A descriptor that nobody has.
const NO_FD: i32 = -1;
/// A path to nothing.
const NO_PATH: &CStr = c"/nonexistent/path";
/// The first call: by it both sides know where the workload begins.
pub(super) const MARK: &str = "sched_get_priority_max";

/// All of it.
pub(super) fn all(scratch: &Scratch) {
    let _ = sys!(SYS_sched_get_priority_max, 1);
    fs::files(scratch);
    fs::attributes(scratch);
    fs::directories(scratch);
    fs::names(scratch);
    ipc::sockets(scratch);
    ipc::datagrams();
    ipc::pipes();
    ipc::polling();
    process::memory();
    process::signals();
    process::timers();
    process::users();
    process::itself();
    process::scheduling();
    ipc::messages();
    process::kernel_services();
    fs::mounts();
    process::processes();
    process::threads(scratch);
}

fn open(path: &CStr) -> i64 {
    sys!(SYS_open, path, O_CREAT | O_RDWR, 0o600)
}
