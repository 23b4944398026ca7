//! Programs on tracepoints that are not system calls.

pub mod cgroup;
pub mod fault;
pub mod process;
pub mod sched;
pub mod signal;
pub mod socket;
pub mod tcp;
