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
    /// The error of a call.
    pub const ERROR: u32 = 128;
    /// The thread group in its own pid namespace.
    pub const VPID: u32 = 256;
    /// The range of the number: for percentiles and bars.
    pub const RANGE: u32 = 512;
    /// What only calls have.
    pub const OF_CALLS: u32 = CALL | ERROR | RANGE;

    /// All of them, and what a person calls them.
    pub const ALL: [(u32, &str); 10] = [
        (COMM, "name of the thread"),
        (TGID, "process"),
        (TID, "thread"),
        (UID, "user"),
        (CGROUP, "cgroup, from which the container follows"),
        (CALL, "event"),
        (CPU, "CPU"),
        (ERROR, "error"),
        (VPID, "process in its namespace"),
        (RANGE, "range of the number"),
    ];
}

/// The number of an event that is added up in a row, and of which the smallest and the largest are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Number {
    /// None: events are counted.
    #[default]
    None = 0,
    /// The bytes that were transferred: the result of the call, unless it is an error.
    Bytes = 1,
    /// Nanoseconds from the beginning of the call, when it was timed.
    Latency = 2,
    /// 1 for a call that failed, else 0.
    Failure = 3,
}

/// The same as numbers.
pub mod number {
    use super::Number;

    /// See [`Number::Bytes`].
    pub const BYTES: u32 = Number::Bytes as u32;
    /// See [`Number::Latency`].
    pub const LATENCY: u32 = Number::Latency as u32;
    /// See [`Number::Failure`].
    pub const FAILURE: u32 = Number::Failure as u32;
}

/// Ranges of numbers between a power of two and the next.
pub const STEPS: u64 = 16;
/// In [`GroupKey::range`]: the events have no number.
pub const NO_NUMBER: u32 = u32::MAX;
/// The number of the range that a number lies in. Numbers below [`STEPS`] have one each, so that zero has one of its own.
#[inline(always)]
#[must_use]
pub const fn range(number: u64) -> u32 {
    if number < STEPS {
        return number as u32;
    }
    let power = number.ilog2();
    let step = (number >> (power - STEPS.ilog2())) & (STEPS - 1);
    (power - STEPS.ilog2() + 1) * STEPS as u32 + step as u32
}

/// The smallest number of a range, and how many numbers lie in it.
#[must_use]
pub const fn limits(range: u32) -> (u64, u64) {
    let (power, step) = (range as u64 / STEPS, range as u64 % STEPS);
    if power == 0 { (step, 1) } else { ((STEPS + step) << (power - 1), 1 << (power - 1)) }
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
    /// The number that is added up.
    pub number: Number,
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
    /// The range of the number when it is asked for; else 1, and of the number zero 0; [`NO_NUMBER`] when there is none.
    pub range: u32,
    /// The number of the error, 0 of a call that did not fail.
    pub error: u32,
    /// Thread group id in the pid namespace of the process.
    pub vpid: u32,
}

/// What is kept of a row, for each CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct GroupValue {
    /// Events.
    pub count: u64,
    /// The sum of their numbers.
    pub sum: u64,
    /// The smallest of them.
    pub min: u64,
    /// The largest of them.
    pub max: u64,
}

impl GroupValue {
    /// Puts the events of another one to these.
    pub fn merge(&mut self, other: &Self) {
        if other.count > 0 {
            self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
            self.max = self.max.max(other.max);
            (self.count, self.sum) = (self.count + other.count, self.sum + other.sum);
        }
    }
}

const _: () = assert!(size_of::<GroupKey>() == 56 && size_of::<GroupValue>() == 32);

#[cfg(feature = "user")]
// SAFETY: `repr(C)` without padding (asserted above); every bit pattern is a value.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for GroupKey {}
#[cfg(feature = "user")]
// SAFETY: as above.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for GroupValue {}
