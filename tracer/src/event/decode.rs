//! From the bytes of a record to an [`Event`].

use std::sync::LazyLock;

use tracer_common::{
    events::{self, Flags},
    group,
    kind::Kind,
    wire,
};

use super::{Event, Group, Numbers, Params, Row, Side, Who};

/// Why a record cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is shorter than its header says.
    #[error("record is truncated ({len} bytes)")]
    Cut {
        /// Bytes that are there.
        len: usize,
    },
    /// The table has no row of that code.
    #[error("unknown event code {code}")]
    UnknownCode {
        /// The code.
        code: u16,
    },
}

/// `N` bytes, all of which are there.
#[inline]
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

#[inline]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

/// The time of a live record, nanoseconds of the monotonic clock, without decoding the rest. Zero when the record is cut.
#[must_use]
pub fn live_time(record: &[u8]) -> u64 {
    if record.len() < wire::LENGTHS { 0 } else { u64_at(record, wire::TIME) }
}

/// A record on its way from a source.
#[derive(Debug, Clone, Copy)]
pub enum Record<'a> {
    /// As the kernel side makes it (`tracer_common::wire`).
    Wire(&'a [u8]),
    /// Of a capture file.
    File(FileRecord<'a>),
}

/// An event of a capture file, in the form of today. It says nothing of process and cgroup.
#[derive(Debug, Clone, Copy)]
pub struct FileRecord<'a> {
    /// CPU that it happened on.
    pub cpu: u16,
    /// Thread.
    pub tid: u32,
    /// Nanoseconds since the epoch.
    pub time_ns: u64,
    /// Time from entry to exit, nanoseconds.
    pub latency_ns: Option<u64>,
    /// What the call returned, when the parameters do not say it.
    pub result: Option<i64>,
    /// Whether its bytes were received without being taken.
    pub peeked: bool,
    /// Whether it is a request that is done.
    pub done: bool,
    /// Whether the number of the call is one of the 32-bit table.
    pub compat: bool,
    /// Whether it is never shown.
    pub hidden: bool,
    /// Its parameters.
    pub params: Params<'a>,
}

/// Decodes a record. `to_epoch_ns` is added to the time of one of the running kernel.
///
/// # Errors
/// As [`live`].
#[inline]
pub fn record<'a>(record: Record<'a>, num: u64, to_epoch_ns: u64) -> Result<Event<'a>, DecodeError> {
    match record {
        Record::Wire(bytes) => live(bytes, num, to_epoch_ns),
        Record::File(FileRecord { cpu, tid, time_ns, latency_ns, result, peeked, done, compat, hidden, params }) => {
            Ok(Event {
                num,
                time_ns,
                cpu,
                tid,
                tgid: 0,
                cgroup: 0,
                latency_ns,
                call_result: result,
                compat,
                from_file: true,
                hidden,
                who: None,
                group: None,
                tables: 1,
                descriptor: None,
                sampled: false,
                weight: 1,
                side: Side::Whole,
                repeated: false,
                peeked,
                done,
                row: params.row(),
                params,
            })
        }
    }
}

/// Decodes a record of the running kernel (`tracer_common::wire`). `to_epoch_ns` is added to its time.
///
/// # Errors
/// The record is shorter than it says, or of a code without a row.
pub fn live(record: &[u8], num: u64, to_epoch_ns: u64) -> Result<Event<'_>, DecodeError> {
    let cut = DecodeError::Cut { len: record.len() };
    let Some(head) = record.first_chunk::<{ wire::LENGTHS }>() else { return Err(cut) };
    let end = wire::EVENT + u32_at(head, wire::LEN) as usize;
    let count = u32_at(head, wire::COUNT) as usize;
    let flags = u16_at(head, wire::FLAGS);
    let is_call = flags & wire::FLAG_CALL != 0;
    let lengths = if is_call { wire::CALL_LENGTHS } else { wire::LENGTHS };
    let payload = lengths + 2 * count;
    if count > wire::MAX_PARAMS || end > record.len() || payload > end {
        return Err(cut);
    }
    let code = u16_at(head, wire::CODE);
    let row = events::by_code(code).ok_or(DecodeError::UnknownCode { code })?;
    let latency = u64_at(head, wire::LATENCY);
    let is_compat = flags & wire::FLAG_COMPAT != 0;
    let params = Params::new(row, &record[lengths..payload], &record[payload..end], true);
    let params = if is_call { params.with_call(is_compat, &record[wire::CALL..lengths]) } else { params };
    let in_kernel = record
        .get(end + wire::WHO_LEN..end + wire::WHO_LEN + wire::GROUP_LEN)
        .filter(|_| flags & wire::FLAG_GROUP != 0);
    Ok(Event {
        num,
        time_ns: u64_at(head, wire::TIME).wrapping_add(to_epoch_ns),
        cpu: u16_at(head, wire::CPU),
        tid: u64_at(head, wire::TID) as u32,
        tgid: u32_at(head, wire::TGID),
        cgroup: u64_at(head, wire::CGROUP),
        latency_ns: (latency != wire::NO_LATENCY).then_some(latency),
        call_result: is_call.then(|| u64_at(record, wire::CALL + 8 * wire::CALL_RESULT) as i64),
        compat: is_compat,
        from_file: false,
        hidden: false,
        who: record.get(end..end + wire::WHO_LEN).filter(|_| flags & wire::FLAG_WHO != 0).map(who),
        group: in_kernel.map(|bytes| of_group(bytes, flags)),
        tables: tables(flags),
        descriptor: in_kernel.and_then(|bytes| bytes[wire::GROUP_NUMBERS_LEN..].first_chunk()),
        sampled: flags & wire::FLAG_SAMPLED != 0,
        weight: 1,
        side: Side::Whole,
        repeated: false,
        peeked: is_call && peeks(row, record),
        done: flags & wire::FLAG_DONE != 0,
        row,
        params,
    })
}

/// Whether a call received bytes without taking them, by its flags.
fn peeks(row: &Row, record: &[u8]) -> bool {
    let flags = row.message_flags().map(|at| u64_at(record, wire::CALL + 8 * usize::from(at)));
    flags.is_some_and(|flags| flags as u32 & events::NOT_TAKEN != 0)
}

/// Reads [`wire::WHO_LEN`] bytes.
fn who(bytes: &[u8]) -> Who<'_> {
    let comm = &bytes[..wire::COMM_LEN];
    let len = comm.iter().position(|byte| *byte == 0).unwrap_or(wire::COMM_LEN);
    let number = |at: usize| u32_at(bytes, wire::COMM_LEN + 4 * at);
    Who { comm: &comm[..len], ppid: number(0), uid: number(1), gid: number(2), vpid: number(3) }
}

/// The tables of calls in the flags of a record, as bits: at least one.
fn tables(flags: u16) -> u8 {
    match (flags >> wire::TABLE_SHIFT & wire::TABLES) as u8 {
        0 => 1,
        tables => tables,
    }
}

/// Reads [`wire::GROUP_LEN`] bytes.
fn of_group(bytes: &[u8], flags: u16) -> Group {
    let [count, sum, min, max, range] = std::array::from_fn(|at| u64_at(bytes, 8 * at));
    let by = (range >> 32) as u32;
    let (range, failed) = (range as u32 & group::RANGE_MASK, range as u32 & group::FAILED != 0);
    let numbers = (range != group::NO_NUMBER).then_some(Numbers { sum, min, max, range });
    let of_sockets = flags & wire::FLAG_SOCKETS != 0;
    Group { count, numbers, failed, of_sockets, by }
}

/// Where in a row the things are that every event is asked for, found once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layout {
    /// The parameter with the descriptor that the event uses or creates.
    pub fd: Option<u8>,
    /// Of a call that moves data between two descriptors, the parameter with the one that it writes to.
    pub fd_out: Option<u8>,
    /// The data that was read or written.
    pub data: Option<u8>,
    /// The path that the event is about.
    pub path: Option<u8>,
    /// The tuple.
    pub tuple: Option<u8>,
}

fn position(row: &Row, test: impl Fn(&events::Param) -> bool) -> Option<u8> {
    row.params.iter().position(test).and_then(|at| u8::try_from(at).ok())
}

fn find_layout(row: &Row) -> Layout {
    let fd = if row.flags.has(Flags::USES_FD) {
        // Where a call uses no other, it is the directory that its path begins at.
        let named = |name: &str| matches!(name, "fd" | "oldfd" | "in_fd" | "fd_in" | "fdin");
        position(row, |p| matches!(p.kind, Kind::Fd) && named(p.name))
            .or_else(|| position(row, |p| matches!(p.kind, Kind::Fd) && p.name.ends_with("dirfd")))
    } else if row.flags.has(Flags::CREATES_FD) {
        // The result, unless that only says whether it worked. A later `fd` is one that was passed.
        position(row, |p| p.name == "fd1").or_else(|| position(row, |p| matches!(p.name, "fd" | "res")))
    } else {
        None
    };
    let fd_out = row.moves_between_fds().then(|| position(row, |p| matches!(p.name, "out_fd" | "fd_out" | "fdout")));
    Layout {
        fd,
        fd_out: fd_out.flatten(),
        data: position(row, |p| p.name == "data" && matches!(p.kind, Kind::Bytes)),
        path: position(row, |p| matches!(p.kind, Kind::Path | Kind::PathAt(_)) || p.name == "path"),
        tuple: position(row, |p| matches!(p.kind, Kind::SockTuple)),
    }
}

static LAYOUTS: LazyLock<Box<[Layout]>> = LazyLock::new(|| {
    (0..events::CODES).map(|code| events::by_code(code).map_or_else(Layout::default, find_layout)).collect()
});

/// The layout of a row.
#[must_use]
pub fn layout(row: &Row) -> Layout {
    LAYOUTS.get(usize::from(row.code)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(code: u16, params: &[&[u8]]) -> Vec<u8> {
        crate::source::inject::record(code, 7, 7, params)
    }

    #[test]
    fn parameters_come_back_with_their_sign() {
        let bytes = record(
            events::code::OPENAT,
            &[&(-2i64).to_le_bytes(), &(-100i64).to_le_bytes(), b"/tmp/x\0", &0u32.to_le_bytes()],
        );
        let event = live(&bytes, 1, 0).unwrap();
        assert_eq!(event.result(), Some(-2));
        assert_eq!(event.params.i64(1), Some(-100));
        assert_eq!(event.params.text(2), Some(&b"/tmp/x"[..]));
        assert_eq!(event.params.u64(3), Some(1), "O_RDONLY has a bit in the file form");
        assert!(event.fd().is_none());
    }

    #[test]
    fn numbers_of_the_call_stand_in_front_of_the_parameters() {
        let mut bytes = record(events::code::PREAD, &[b"hello"]);
        let lengths = bytes.split_off(wire::LENGTHS);
        bytes.resize(wire::CALL, 0);
        for number in [3_i64, 0x7000, 4096, 77, 0, 0, 5, 17] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&lengths);
        let len = (bytes.len() - wire::EVENT) as u32;
        bytes[wire::LEN..wire::LEN + 4].copy_from_slice(&len.to_le_bytes());
        bytes[wire::FLAGS] |= wire::FLAG_CALL as u8;
        let check = |params: &Params<'_>| {
            assert_eq!(params.named("data"), crate::event::ParamValue::Bytes(b"hello"));
            assert_eq!(params.named("fd"), crate::event::ParamValue::I64(3));
            assert_eq!((params.i64(0), params.count()), (Some(5), params.row().params.len()));
            assert_eq!(params.named("size"), crate::event::ParamValue::U64(4096));
            assert_eq!(params.named("pos"), crate::event::ParamValue::U64(77));
            assert_eq!(params.raws().count(), params.count());
            assert!(params.iter().all(|(_, _, value)| value != crate::event::ParamValue::Missing));
        };
        let event = live(&bytes, 1, 0).unwrap();
        check(&event.params);
        let kept = event.params.to_owned();
        check(&kept.as_params(event.row));
        for len in 0..bytes.len() {
            assert!(live(&bytes[..len], 1, 0).is_err());
        }
    }

    #[test]
    fn every_cut_of_a_record_is_an_error_and_no_panic() {
        let bytes = record(events::code::READ, &[&5i64.to_le_bytes(), b"hello", &3i64.to_le_bytes()]);
        for len in 0..bytes.len() {
            assert!(live(&bytes[..len], 1, 0).is_err());
        }
        assert!(live(&bytes, 1, 0).is_ok());
    }

    #[test]
    fn calls_that_use_a_descriptor_have_one() {
        let without: Vec<&str> = events::all()
            .filter(|row| row.flags.has(Flags::USES_FD) && !row.flags.has(Flags::OLD) && layout(row).fd.is_none())
            .map(|row| row.name)
            .collect();
        println!("{without:?}");
        assert_eq!(without, [""; 0]);
    }
}
