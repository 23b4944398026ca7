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
    /// What the descriptor is.
    pub const FD_KIND: u32 = 1024;
    /// The protocol of the socket.
    pub const PROTOCOL: u32 = 2048;
    /// Address of this end of the socket.
    pub const LOCAL_IP: u32 = 4096;
    /// Its port.
    pub const LOCAL_PORT: u32 = 8192;
    /// Address of the other end.
    pub const REMOTE_IP: u32 = 1 << 14;
    /// Its port.
    pub const REMOTE_PORT: u32 = 1 << 15;
    /// Address of the client.
    pub const CLIENT_IP: u32 = 1 << 16;
    /// Its port.
    pub const CLIENT_PORT: u32 = 1 << 17;
    /// Address of the server.
    pub const SERVER_IP: u32 = 1 << 18;
    /// Its port.
    pub const SERVER_PORT: u32 = 1 << 19;
    /// Which end this one is.
    pub const ROLE: u32 = 1 << 20;
    /// The name of the descriptor: of internet sockets it follows from the ends, others are not known.
    pub const NAME: u32 = 1 << 21;
    /// Whether bytes are written or read; of what has an event in the key, too, it is not known.
    pub const DIRECTION: u32 = 1 << 22;
    /// Of a call its number, which several calls of one event differ in.
    pub const NUMBER: u32 = 1 << 23;
    /// No member: bytes of sockets are kept with the CPU time of their thread, and not in the table.
    pub const SLICES: u32 = 1 << 30;
    /// No member: the table is counted in. Only where tables vary.
    pub const COUNTED: u32 = 1 << 31;
    /// Addresses and ports of both ends.
    pub const BOTH_ENDS: u32 = LOCAL_IP | LOCAL_PORT | REMOTE_IP | REMOTE_PORT;
    /// Members from which one end can be told from the other.
    pub const OF_ROLES: u32 = ROLE | CLIENT_IP | CLIENT_PORT | SERVER_IP | SERVER_PORT;
    /// Members that take what an internet socket knows of its own end.
    pub const OWN_SIDE: u32 = LOCAL_PORT | OF_ROLES;
    /// Members that only a socket with a peer has.
    pub const ENDS: u32 = BOTH_ENDS | OF_ROLES;
    /// What is known of a thread with CPU time, when its slices end.
    pub const OF_SLICES: u32 = COMM | TGID | TID | CGROUP | DIRECTION;
    /// Members that only a descriptor has.
    pub const DESCRIPTOR: u32 = NAME | FD_KIND | PROTOCOL | ENDS;
    /// What only calls have.
    pub const OF_CALLS: u32 = CALL | ERROR | RANGE;

    /// All of them, and what a person calls them.
    pub const ALL: [(u32, &str); 24] = [
        (COMM, "thread name"),
        (TGID, "process"),
        (TID, "thread"),
        (UID, "user"),
        (CGROUP, "cgroup, which identifies the container"),
        (CALL, "event"),
        (CPU, "CPU"),
        (ERROR, "error"),
        (VPID, "process in its namespace"),
        (RANGE, "range of the value"),
        (FD_KIND, "descriptor type"),
        (PROTOCOL, "protocol"),
        (LOCAL_IP, "local address"),
        (LOCAL_PORT, "local port"),
        (REMOTE_IP, "remote address"),
        (REMOTE_PORT, "remote port"),
        (CLIENT_IP, "client address"),
        (CLIENT_PORT, "client port"),
        (SERVER_IP, "server address"),
        (SERVER_PORT, "server port"),
        (ROLE, "role (client or server"),
        (NAME, "socket name"),
        (DIRECTION, "direction"),
        (NUMBER, "number of the call"),
    ];
}

/// What is known of the events of a row besides how many there were. Of bytes and nanoseconds the sum, the smallest and the largest are
/// kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Number {
    /// Nothing: events are counted.
    #[default]
    None = 0,
    /// The bytes that were transferred: the result of the call, unless it is an error.
    Bytes = 1,
    /// Nanoseconds from the beginning of the call, when it was timed.
    Latency = 2,
    /// Whether the calls failed: 1 for one that did, else 0. It is a part of the key.
    Failure = 4,
    /// Both [`Number::Latency`] and [`Number::Failure`].
    LatencyAndFailure = 6,
    /// Both [`Number::Bytes`] and [`Number::Failure`]: of a table that has the bytes of another one in its rows, see
    /// [`Grouping::bytes_of`].
    BytesAndFailure = 5,
}

impl Number {
    /// One row that has both; `None` when no row can. Bytes stand alone: a call may move bytes for each of two descriptors,
    /// and takes its time once.
    #[must_use]
    pub const fn with(self, other: Self) -> Option<Self> {
        Some(match (self as u32) | (other as u32) {
            0 => Self::None,
            number::BYTES => Self::Bytes,
            number::LATENCY => Self::Latency,
            number::FAILURE => Self::Failure,
            number::LATENCY_AND_FAILURE => Self::LatencyAndFailure,
            _ => return None,
        })
    }
}

/// The same as bits.
pub mod number {
    use super::Number;

    /// See [`Number::Bytes`].
    pub const BYTES: u32 = Number::Bytes as u32;
    /// See [`Number::Latency`].
    pub const LATENCY: u32 = Number::Latency as u32;
    /// See [`Number::Failure`].
    pub const FAILURE: u32 = Number::Failure as u32;
    /// See [`Number::LatencyAndFailure`].
    pub const LATENCY_AND_FAILURE: u32 = LATENCY | FAILURE;
    /// Those that are added up.
    pub const SUMS: u32 = BYTES | LATENCY;
}

/// Ranges of numbers between a power of two and the next.
pub const STEPS: u64 = 16;
/// The part of [`GroupKey::range`] that is the range.
pub const RANGE_MASK: u32 = 0xffff;
/// As that part: the events have no number that is added up.
pub const NO_NUMBER: u32 = RANGE_MASK;
/// In [`GroupKey::range`]: the calls failed, if that was asked for.
pub const FAILED: u32 = 1 << 16;
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
    /// The same, kept with the CPU time of each thread: a slice of time takes one look-up, whatever it moved.
    SliceBytes,
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
    /// The table of calls whose bytes are added up in the rows of this one: those of the events that pass for both. What that table counts
    /// alone stands in its own rows.
    pub bytes_of: Option<u8>,
}

/// How many tables of calls and events there can be. They have the numbers from 0 on.
pub const CALL_TABLES: u32 = 6;
/// Number of the table of the bytes of sockets.
pub const SOCKETS: u32 = CALL_TABLES;
/// How many tables there can be.
pub const TABLES: u32 = CALL_TABLES + 1;

/// The most rows of a table in one interval.
pub const MAX_GROUPS: u32 = 16_384;

/// In [`GroupKey::call`], where the number of a generic call begins.
pub const NUMBER_SHIFT: u32 = 16;
/// In [`GroupKey::call`], the number of the call.
pub const NUMBERS: u32 = 0x3FFF << NUMBER_SHIFT;
/// In [`GroupKey::call`]: the bytes were written.
pub const OUT: u32 = 1 << 30;
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
    /// Event code in the lower half; of generic events, and where it is asked for, the number of the call in
    /// [`NUMBERS`]; [`COMPAT`]; [`OUT`].
    pub call: u32,
    /// Number of the CPU.
    pub cpu: u32,
    /// The range of the number that is added up when that is asked for; else 1, and of the number zero 0; [`NO_NUMBER`] when there is
    /// none. Perhaps [`FAILED`].
    pub range: u32,
    /// The number of the error, 0 of a call that did not fail.
    pub error: u32,
    /// Thread group id in the pid namespace of the process.
    pub vpid: u32,
    /// What the event was done with.
    pub descriptor: KeyDescriptor,
}

/// What a descriptor is, as far as it is asked for; else zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct KeyDescriptor {
    /// A number of [`fd_kind`]; of what has no file system, the first eight bytes of its name.
    pub kind: u64,
    /// Address of this end as of IPv6, in network order.
    pub local: [u64; 2],
    /// The same of the other end.
    pub remote: [u64; 2],
    /// Port of this end.
    pub local_port: u16,
    /// Port of the other end.
    pub remote_port: u16,
    /// Number of the protocol, which no socket of the internet has as zero.
    pub protocol: u16,
    /// `SOCK_STREAM` and the like.
    pub sock_type: u8,
    /// 1 when the connection was accepted, which makes this end the server.
    pub accepted: u8,
}

impl KeyDescriptor {
    /// Bytes of one in a record.
    pub const LEN: usize = size_of::<Self>();

    /// As it stands in a record: little endian, in the order of the members.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let ends =
            [self.local_port, self.remote_port, self.protocol, u16::from_le_bytes([self.sock_type, self.accepted])];
        let ends = ends.iter().rev().fold(0, |word, part| word << 16 | u64::from(*part));
        let words = [self.kind, self.local[0], self.local[1], self.remote[0], self.remote[1], ends];
        let mut bytes = [0; Self::LEN];
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The contrary.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let mut words = [0; Self::LEN / 8];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        let part = |at: u32| (words[5] >> (16 * at)) as u16;
        let [sock_type, accepted] = part(3).to_le_bytes();
        Self {
            kind: words[0],
            local: [words[1], words[2]],
            remote: [words[3], words[4]],
            local_port: part(0),
            remote_port: part(1),
            protocol: part(2),
            sock_type,
            accepted,
        }
    }
}

/// What a descriptor is, in [`KeyDescriptor::kind`].
pub mod fd_kind {
    /// The event has none, or it was not asked.
    pub const NONE: u64 = 0;
    /// A file, a device or a pipe with a name.
    pub const FILE: u64 = 1;
    /// A pipe.
    pub const PIPE: u64 = 2;
    /// A socket that talks IPv4.
    pub const IPV4: u64 = 3;
    /// A socket that talks IPv6.
    pub const IPV6: u64 = 4;
    /// A socket of the family `AF_UNIX`.
    pub const UNIX: u64 = 5;
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

const _: () =
    assert!(size_of::<GroupKey>() == 104 && size_of::<KeyDescriptor>() == 48 && size_of::<GroupValue>() == 32);

#[cfg(feature = "user")]
// SAFETY: `repr(C)` without padding (asserted above); every bit pattern is a value.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for GroupKey {}
#[cfg(feature = "user")]
// SAFETY: as above.
#[allow(unsafe_code, reason = "aya reads the type from a map")]
unsafe impl aya::Pod for GroupValue {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_the_same_from_its_bytes() {
        let descriptor = KeyDescriptor {
            kind: fd_kind::IPV6,
            local: [1, 2 << 40],
            remote: [3 << 50, 4],
            local_port: 8080,
            remote_port: 65_535,
            protocol: 262,
            sock_type: 1,
            accepted: 1,
        };
        assert_eq!(KeyDescriptor::from_bytes(&descriptor.to_bytes()), descriptor);
        assert_eq!(descriptor.to_bytes()[40..], [0x90, 0x1f, 0xff, 0xff, 6, 1, 1, 1]);
    }
}
