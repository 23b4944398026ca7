//! Tables that are counted in the kernel: the key of a row and what is kept of it.

/// Which members of a key are used; the others are zero.
pub mod by {
    /// The name of the thread.
    pub const COMM: u32 = 1;
    /// The thread group.
    pub const TGID: u32 = 2;
    /// The thread.
    pub const TID: u32 = 4;
    /// The effective user.
    pub const UID: u32 = 8;
    /// The cgroup.
    pub const CGROUP: u32 = 16;
    /// The event, of generic ones the call.
    pub const CALL: u32 = 32;
    /// The CPU.
    pub const CPU: u32 = 64;
}

/// What is counted in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// The calls and events that are wanted.
    Events,
    /// The bytes of internet sockets, by the hooks of sockets: no call is looked at.
    SocketBytes,
}

/// A table that is counted in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// Members of the key: bits of [`by`].
    pub by: u32,
    /// What is counted.
    pub counted: Counted,
}

/// The most rows of a table in one interval.
pub const MAX_GROUPS: u32 = 16_384;

/// In [`GroupKey::call`], where the number of a generic call begins.
pub const NUMBER_SHIFT: u32 = 16;
/// In [`GroupKey::call`]: the call came through the 32-bit entry.
pub const COMPAT: u32 = 1 << 31;

/// The key of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct GroupKey {
    /// Id of the cgroup, as in a record.
    pub cgroup: u64,
    /// Name of the thread, padded with zeros.
    pub comm: [u64; 2],
    /// Thread group id.
    pub tgid: u32,
    /// Thread id.
    pub tid: u32,
    /// Effective user id.
    pub uid: u32,
    /// Event code in the lower half; of generic events the number of the call from [`NUMBER_SHIFT`] on; [`COMPAT`].
    pub call: u32,
    /// Number of the CPU.
    pub cpu: u32,
    /// Unused, zero.
    pub reserved: u32,
}

/// What is kept of a row, for each CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct GroupValue {
    /// Events.
    pub count: u64,
    /// Their bytes.
    pub sum: u64,
}

const _: () = assert!(size_of::<GroupKey>() == 48 && size_of::<GroupValue>() == 16);

#[cfg(feature = "user")]
// SAFETY: `repr(C)` without padding (asserted above); every bit pattern is a value.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for GroupKey {}
#[cfg(feature = "user")]
// SAFETY: as above.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for GroupValue {}
