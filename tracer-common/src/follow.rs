//! Following some threads only: what stands in the table of them, by thread id in the initial pid namespace.

/// The thread is followed.
pub const FOLLOWED: u32 = 0;
/// It is followed from the program on that it begins next: what it does until then is the tracer's doing.
pub const WAITS: u32 = 1;
/// It has ended, and the scheduler has not taken it off its CPU yet.
pub const ENDS: u32 = 2;

/// The most threads that are followed at a time: 65,536, about 4 MiB.
pub const MAX_FOLLOWED: u32 = 1 << 16;
