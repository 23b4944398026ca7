//! Counters that the kernel side keeps for each CPU: what it wrote and what it lost, by cause.

use crate::wire::WHO_LEN;

/// Counts of one CPU, since the programs were attached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counters {
    /// Records that were put into a ring.
    pub submitted: u64,
    /// Records lost because the ring had no room.
    pub ring_full: u64,
    /// Records lost because there was no scratch to build them in, or they outgrew it.
    pub scratch: u64,
    /// Threads whose CPU time was not counted because the table of threads was full.
    pub cpu_table_full: u64,
    /// Messages of one call beyond those that the kernel side can report.
    pub messages: u64,
    /// Calls that were not timed because the table of threads was full.
    pub entry_table_full: u64,
    /// Events that were not counted because the table of groups was full.
    pub groups_full: u64,
    /// Threads that were not followed because the table of them was full.
    pub followed_full: u64,
}

#[cfg(feature = "user")]
// SAFETY: `repr(C)`, eight `u64`, no padding; every bit pattern is a value.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for Counters {}

/// Key of the table of CPU time.
pub type Tid = u32;

/// What a thread moved through internet sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Moved {
    /// Bytes received.
    pub received: u64,
    /// How often.
    pub receives: u64,
    /// Bytes sent.
    pub sent: u64,
    /// How often.
    pub sends: u64,
}

impl Moved {
    /// Both together.
    #[inline(always)]
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            received: self.received.wrapping_add(other.received),
            receives: self.receives.wrapping_add(other.receives),
            sent: self.sent.wrapping_add(other.sent),
            sends: self.sends.wrapping_add(other.sends),
        }
    }
}

/// CPU time of one thread, kept by the scheduler hook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct CpuTime {
    /// Nanoseconds on a CPU in slices that have ended.
    pub ran_ns: u64,
    /// Thread group id.
    pub tgid: u32,
    /// Unused, zero.
    pub reserved: u32,
    /// Id of the cgroup at the last switch, as in a record.
    pub cgroup: u64,
    /// The kernel's user time at the last switch, nanoseconds by its own clock.
    pub utime: u64,
    /// The kernel's system time then.
    pub stime: u64,
    /// Who it is, as in a record with `FLAG_WHO`; zeros when nobody asked.
    pub who: [u64; WHO_LEN / 8],
    /// What internet sockets moved in slices that have ended, when that is kept for threads.
    pub moved: Moved,
}

#[cfg(feature = "user")]
// SAFETY: `repr(C)` without padding (8 + 4 + 4 + 7 × 8 + 4 × 8); every bit pattern is a value.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for CpuTime {}

/// What runs on a CPU now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Running {
    /// When it was switched in, nanoseconds of the monotonic clock; zero before the first switch, and while the slice is put to those that
    /// have ended.
    pub since_ns: u64,
    /// Its thread id; zero for the idle task.
    pub tid: u32,
    /// Its thread group id.
    pub tgid: u32,
    /// What it moved since then.
    pub moved: Moved,
    /// To a cache line, so that no two CPUs write to one.
    pub padding: [u64; 2],
}

const _: () = assert!(size_of::<Running>() == 64);

#[cfg(feature = "user")]
// SAFETY: `repr(C)` without padding of its own (asserted above); every bit pattern is a value.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for Running {}

/// The call that a thread is in, kept by the hook on its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Entry {
    /// When it began, nanoseconds of the monotonic clock; zero once its end was seen.
    pub began_ns: u64,
    /// The thread: the kernel address of its registers.
    pub thread: u64,
    /// Its number.
    pub number: u32,
    /// Where only some threads are followed: not zero when this one is.
    pub follows: u32,
    /// To a part of a cache line, so that none has parts of two.
    pub padding: [u32; 2],
}

#[cfg(feature = "user")]
// SAFETY: `repr(C)` without padding of its own (8 + 8 + 4 + 4 + 8); every bit pattern is a value.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for Entry {}

/// How many threads have a place of their own for what they are in, by the address of their stack. A power of two.
pub const ENTRY_SLOTS: u32 = 1 << 15;
