//! Parameters in the form of a capture file: flags in its bits and widths, and no more parameters than a schema has.
//!
//! Records of the running kernel hold flags as the kernel has them, 4 bytes each. Other readers end at a number of the wrong
//! width, at a text without its NUL, and at a missing number in an event that their state needs: those get a value here, and a
//! bit says that they have none.

use tracer_common::{events, kind::Kind};

use super::{Params, Row, sockaddr::unix_name};
use crate::scap::{EventOut, convert};

/// Which parameters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Schema {
    /// Readable by all released readers
    #[default]
    Released,
    /// All parameters of the newest event table
    Newest,
}

/// Rows whose last parameter was added after the first release of the schema, and how many came before it. Readers of that
/// release end at an event with one more. Source: libs 0.22 to 0.25, driver/event_table.c.
const APPENDED: [(u16, usize); 3] =
    [(events::net::SOCKET.code, 4), (events::file::FCNTL.code, 3), (events::process::EXECVE.code, 30)];

/// The family of a socket address that is a path.
const UNIX: u8 = 1;

impl Schema {
    /// How many parameters a row has. Those of our own, which are in no schema, come last.
    #[must_use]
    pub fn params(self, row: &Row) -> usize {
        if row.is_own() {
            return 0;
        }
        let appended = APPENDED.iter().find(|(code, _)| self == Self::Released && *code == row.code);
        let of_others = row.params.iter().take_while(|param| !param.source.is_own()).count();
        appended.map_or(of_others, |(_, count)| *count)
    }
}

/// What is left out of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Redact {
    /// Environments.
    pub env: bool,
    /// Arguments of programs.
    pub args: bool,
    /// What is read and written.
    pub data: bool,
}

impl Redact {
    fn hides(self, name: &str, kind: Kind) -> bool {
        match kind {
            Kind::List => self.env && name == "env" || self.args && name == "args",
            Kind::Bytes => self.data,
            _ => false,
        }
    }
}

/// Writes the parameters from `first` up to `end`, each by `put`. Returns a bit for each that has no value and got one; of
/// a capture file, only those in which other readers expect one.
#[inline]
pub fn write(params: &Params<'_>, redact: Redact, first: usize, end: usize, mut put: impl FnMut(&[u8])) -> u32 {
    let mut absent = 0;
    let row = params.row();
    for (at, bytes) in params.raws().enumerate().take(end).skip(first) {
        let Some(param) = row.params.get(at) else { break };
        let kind = param.kind;
        if redact.hides(param.name, kind) {
            put(&[]);
            continue;
        }
        if bytes.is_empty() {
            if params.is_native() || convert::expected(row.code, at) {
                absent |= 1 << (at % 32);
                put(substitute(kind));
            } else {
                put(&[]);
            }
            continue;
        }
        value(params, kind, bytes, &mut put);
    }
    absent
}

/// What stands for a value that is not there, for readers that insist on one.
fn substitute(kind: Kind) -> &'static [u8] {
    match (kind, kind.width()) {
        (Kind::Uid | Kind::Gid, _) => &[0xff; 4],
        (_, Some(width)) => &[0; 16][..width],
        (Kind::Text | Kind::Path | Kind::PathAt(_), _) => b"<NA>\0",
        _ => &[],
    }
}

fn value(params: &Params<'_>, kind: Kind, bytes: &[u8], put: &mut impl FnMut(&[u8])) {
    if let (Some(set), true) = (kind.flag_set(), params.is_native()) {
        let mut number = [0; 4];
        number[..bytes.len().min(4)].copy_from_slice(&bytes[..bytes.len().min(4)]);
        let file = set.to_file(u32::from_le_bytes(number)).to_le_bytes();
        return put(&file[..kind.width().unwrap_or(4).min(4)]);
    }
    match kind {
        Kind::FdList if params.is_native() => put(&fd_list(params, bytes)),
        Kind::Text | Kind::Path | Kind::PathAt(_) => match memchr::memchr(0, bytes) {
            Some(end) => put(&bytes[..=end]),
            None => put(&[bytes, &[0]].concat()),
        },
        // The caller's length may count more than the path.
        Kind::SockAddr if bytes[0] == UNIX => put(&[&[UNIX], unix_name(&bytes[1..]), &[0]].concat()),
        _ => match kind.width() {
            Some(width) if width != bytes.len() => {
                let mut whole = [0; 16];
                let len = width.min(bytes.len());
                whole[..len].copy_from_slice(&bytes[..len]);
                put(&whole[..width]);
            }
            _ => put(bytes),
        },
    }
}

/// Descriptors with their poll events in the bits of the file.
fn fd_list(params: &Params<'_>, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.get(..2).unwrap_or_default().to_vec();
    for (fd, events) in params.fd_list(bytes) {
        out.extend_from_slice(&fd.to_le_bytes());
        out.extend_from_slice(&events.to_le_bytes());
    }
    out
}

/// How many parameters are written, of those that the event has.
#[must_use]
pub fn count(params: &Params<'_>, schema: Schema) -> usize {
    params.count().min(schema.params(params.row()))
}

/// The parameters that the schema does not have, for an option behind the event: for each its length and the value. Nothing
/// when none of them has a value.
#[must_use]
pub fn more(params: &Params<'_>, redact: Redact, schema: Schema) -> Vec<u8> {
    let mut out = Vec::new();
    let end = params.count().min(params.row().params.len());
    for at in count(params, schema)..end {
        let start = out.len();
        out.extend_from_slice(&[0; 2]);
        if params.raw(at).is_some() {
            let _ = write(params, redact, at, at + 1, |value| out.extend_from_slice(value));
        }
        let len = (out.len() - start - 2) as u16;
        out[start..start + 2].copy_from_slice(&len.to_ne_bytes());
    }
    if out.iter().all(|byte| *byte == 0) && (count(params, schema)..end).all(|at| params.raw(at).is_none()) {
        out.clear();
    }
    out
}

/// Puts all parameters that the schema has behind the head of an event.
pub fn put(params: &Params<'_>, redact: Redact, schema: Schema, out: &mut EventOut<'_>) -> u32 {
    write(params, redact, 0, count(params, schema), |value| out.param(value))
}

#[cfg(test)]
mod tests {
    use tracer_common::events::{file, io, net, process};

    use super::*;
    use crate::{event::decode, source::inject::record};

    fn written(code: u16, params: &[&[u8]], redact: Redact) -> (Vec<Vec<u8>>, u32) {
        let record = record(code, 7, 7, params);
        let event = decode::live(&record, 1, 0).unwrap();
        let mut out = Vec::new();
        let absent = write(&event.params, redact, 0, usize::MAX, |value| out.push(value.to_vec()));
        (out, absent)
    }

    #[test]
    fn appended_parameters_are_the_last_ones_of_their_rows() {
        for (code, count) in APPENDED {
            let row = events::by_code(code).unwrap();
            assert_eq!((Schema::Released.params(row), Schema::Newest.params(row)), (count, count + 1), "{}", row.name);
        }
        assert_eq!(Schema::Released.params(&io::READ), 4);
    }

    #[test]
    fn flags_get_the_width_and_the_bits_of_the_file() {
        // O_RDWR | O_CREAT of the kernel; the file counts from 1.
        let fd = 3_i64.to_le_bytes();
        let (params, absent) =
            written(file::OPENAT.code, &[&fd, &fd, b"/x\0", &0o102_u32.to_le_bytes()], Redact::default());
        assert_eq!(absent, 0);
        let set = file::OPENAT.params[3].kind.flag_set().unwrap();
        assert_eq!(params[3], set.to_file(0o102).to_le_bytes());
        // F_GETFD: an enumeration of one byte.
        let (params, _) = written(file::FCNTL.code, &[&fd, &fd, &1_u32.to_le_bytes()], Redact::default());
        assert_eq!(params[2].len(), 1);
    }

    #[test]
    fn what_has_no_value_is_marked_and_gets_one_for_other_readers() {
        let fd = 3_i64.to_le_bytes();
        let (params, absent) = written(file::OPENAT.code, &[&fd, &fd, b"", b""], Redact::default());
        assert_eq!((absent, &params[2][..], params[3].len()), (0b1100, &b"<NA>\0"[..], 4));
        let (params, _) = written(file::OPENAT.code, &[&fd, &fd, b"cut"], Redact::default());
        assert_eq!(params[2], b"cut\0");
    }

    #[test]
    fn the_address_of_a_path_ends_with_it() {
        let fd = 3_i64.to_le_bytes();
        let addr = |bytes: &[u8]| written(net::CONNECT.code, &[&fd, b"", &fd, bytes], Redact::default()).0[3].clone();
        assert_eq!(addr(b"\x01/run/x\0\0\0garbage"), b"\x01/run/x\0");
        assert_eq!(addr(b"\x01/run/x"), b"\x01/run/x\0");
        assert_eq!(addr(b"\x01@x\0y\0"), b"\x01@x\0y\0", "an abstract name may have a NUL in it");
        assert_eq!(addr(b"\x02\x7f\0\0\x01\x50\0"), b"\x02\x7f\0\0\x01\x50\0");
    }

    #[test]
    fn secrets_are_left_out() {
        let fd = 3_i64.to_le_bytes();
        let redact = Redact { data: true, ..Redact::default() };
        let (params, absent) = written(io::READ.code, &[&fd, b"secret", &fd, &[1, 0, 0, 0]], redact);
        assert_eq!((absent, params[1].len(), params[2].len()), (0, 0, 8));
        let (at, _) = process::EXECVE.param("env").unwrap();
        let mut params = vec![&b"x\0"[..]; process::EXECVE.params.len()];
        params[at] = b"PASSWORD=x\0";
        let redact = Redact { env: true, args: true, ..Redact::default() };
        let (written, _) = written(process::EXECVE.code, &params, redact);
        assert!(written[at].is_empty() && written[process::EXECVE.param("args").unwrap().0].is_empty());
    }

    #[test]
    fn what_the_schema_does_not_have_goes_behind_the_event() {
        let fd = 3_i64.to_le_bytes();
        let kind = 1_u32.to_le_bytes();
        let bytes = record(net::SOCKET.code, 7, 7, &[&fd, &kind, &kind, &kind, &0_u32.to_le_bytes()]);
        let event = decode::live(&bytes, 1, 0).unwrap();
        assert_eq!(count(&event.params, Schema::Released), 4);
        assert_eq!(more(&event.params, Redact::default(), Schema::Released), [4, 0, 0, 0, 0, 0]);
        assert!(more(&event.params, Redact::default(), Schema::Newest).is_empty());
    }
}
