//! What the kernel side keeps of a TCP connection.

use crate::wire::WHO_LEN;

/// The most connections whose beginning is known: about 4 MiB, only used when they are asked for.
pub const MAX_CONNECTIONS: u32 = 32_768;

/// Whose record it is, if not the running thread's.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Owner {
    /// Id of the cgroup in the v2 tree.
    pub cgroup: u64,
    /// Process.
    pub tgid: u32,
    /// Thread; 0 when it is not known.
    pub tid: u32,
    /// What stands behind a record with [`FLAG_WHO`](crate::wire::FLAG_WHO).
    pub who: [u64; WHO_LEN / 8],
}

/// A connection.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Connection {
    /// When it began, nanoseconds of the monotonic clock; 0 when that was not seen.
    pub since_ns: u64,
    /// Not zero when events of its owner are wanted, where only some threads are followed.
    pub wanted: u64,
    /// Whose it is.
    pub owner: Owner,
}

#[cfg(feature = "user")]
// SAFETY: `repr(C)`, four `u64`, two `u32` and four `u64` again, no padding; every bit pattern is a value.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for Connection {}
