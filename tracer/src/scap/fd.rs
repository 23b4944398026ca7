//! What a thread had open when a capture began.
//!
//! A `u64` thread id, then entries until fewer than 4 bytes remain. Version 2 has the length of each entry (`u32`) in
//! front, which counts itself; with it, kinds that are not known are skipped.
//!
//! ```text
//! i64 fd, u64 inode, u8 kind, then by kind:
//!  0 unknown           nothing
//!  3 IPv4 socket       4 bytes source, 4 bytes destination, u16 source port, u16 destination port, u8 protocol
//!  4 IPv6 socket       the same with 16 bytes for each address
//!  5 IPv4 server       4 bytes address, u16 port, u8 protocol
//!  6 IPv6 server       the same with 16 bytes
//!  8 unix socket       u64 source, u64 destination, text path
//! 16 file              u32 open flags, text path, u32 device: only in version 2, and only when it fits
//!  1 file, 2 directory, 7 fifo, 9 event, 10 unsupported, 11 signalfd, 12 eventpoll, 13 inotify, 14 timerfd, 15 netlink,
//! 17 bpf, 18 userfaultfd, 19 io_uring, 20 memfd, 21 pidfd: text name
//! ```
//! Addresses are in network order, ports in that of the host. Protocols: 0 unknown, 1 none, 2 tcp, 3 udp, 4 icmp, 5 raw.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    ScapError,
    bytes::{Bytes, Out},
};

/// The longest name that all readers take.
const LONGEST: u16 = 1023;

/// The descriptors of a thread, an entry for each. An error ends them.
#[derive(Debug, Clone, Copy)]
pub struct Fds<'a> {
    tid: i64,
    bytes: Bytes<'a>,
    version: u8,
}

/// A descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fd<'a> {
    /// Its number.
    pub fd: i64,
    /// Inode number.
    pub ino: u64,
    /// What it is, in the numbers of the format.
    pub kind: u8,
    /// What is known of it.
    pub target: Target<'a>,
}

/// What a descriptor leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Nothing is known, or the kind is newer than this reader.
    Unknown,
    /// A name: what most kinds have.
    Name(&'a [u8]),
    /// A file.
    File {
        /// Open flags, in the numbers of the format.
        flags: u32,
        /// Path.
        name: &'a [u8],
        /// Device number.
        dev: Option<u32>,
    },
    /// A connected IPv4 socket.
    Ipv4 {
        /// Address and port of this side.
        source: (Ipv4Addr, u16),
        /// Those of the other side.
        dest: (Ipv4Addr, u16),
        /// Protocol.
        l4proto: u8,
    },
    /// A connected IPv6 socket.
    Ipv6 {
        /// Address and port of this side.
        source: (Ipv6Addr, u16),
        /// Those of the other side.
        dest: (Ipv6Addr, u16),
        /// Protocol.
        l4proto: u8,
    },
    /// An IPv4 socket without a peer.
    Ipv4Server {
        /// Address and port.
        local: (Ipv4Addr, u16),
        /// Protocol.
        l4proto: u8,
    },
    /// An IPv6 socket without a peer.
    Ipv6Server {
        /// Address and port.
        local: (Ipv6Addr, u16),
        /// Protocol.
        l4proto: u8,
    },
    /// A unix socket.
    Unix {
        /// Kernel address of this side.
        source: u64,
        /// Kernel address of the other side.
        dest: u64,
        /// Path.
        path: &'a [u8],
    },
}

impl Fd<'_> {
    /// An entry of version 2. The kind has to be one whose form the target has.
    pub(super) fn put(&self, out: &mut Out<'_>) {
        out.entry(4, |out| {
            out.i64(self.fd).u64(self.ino).u8(self.kind);
            match self.target {
                Target::Unknown => out,
                Target::Name(name) => out.text(name, LONGEST),
                Target::File { flags, name, dev } => out.u32(flags).text(name, LONGEST).u32(dev.unwrap_or(0)),
                Target::Ipv4 { source, dest, l4proto } => {
                    out.raw(&source.0.octets()).raw(&dest.0.octets()).u16(source.1).u16(dest.1).u8(l4proto)
                }
                Target::Ipv6 { source, dest, l4proto } => {
                    out.raw(&source.0.octets()).raw(&dest.0.octets()).u16(source.1).u16(dest.1).u8(l4proto)
                }
                Target::Ipv4Server { local, l4proto } => out.raw(&local.0.octets()).u16(local.1).u8(l4proto),
                Target::Ipv6Server { local, l4proto } => out.raw(&local.0.octets()).u16(local.1).u8(l4proto),
                Target::Unix { source, dest, path } => out.u64(source).u64(dest).text(path, LONGEST),
            };
        });
    }
}

impl<'a> Fds<'a> {
    pub(super) fn parse(body: &'a [u8], offset: u64, version: u8) -> Result<Self, ScapError> {
        let mut bytes = Bytes::new(body, offset, "descriptor list");
        Ok(Self { tid: bytes.i64()?, bytes, version })
    }

    /// The thread.
    #[must_use]
    pub fn tid(&self) -> i64 {
        self.tid
    }

    /// Version of the list, 1 or 2.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    fn entry(&mut self) -> Result<Option<Fd<'a>>, ScapError> {
        if self.version > 1 {
            return self.bytes.entry(4)?.map(|mut entry| fd(&mut entry, true)).transpose();
        }
        if self.bytes.ends() { Ok(None) } else { fd(&mut self.bytes, false).map(Some) }
    }
}

impl<'a> Iterator for Fds<'a> {
    type Item = Result<Fd<'a>, ScapError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entry().transpose()?;
        if entry.is_err() {
            self.bytes.give_up();
        }
        Some(entry)
    }
}

/// `bounded`: the bytes are those of this entry only.
fn fd<'a>(bytes: &mut Bytes<'a>, bounded: bool) -> Result<Fd<'a>, ScapError> {
    let (fd, ino) = (bytes.i64()?, bytes.u64()?);
    let before_kind = *bytes;
    let kind = bytes.u8()?;
    let target = match kind {
        0 => Target::Unknown,
        3 => {
            let (source, dest) = (bytes.array::<4>()?, bytes.array::<4>()?);
            let (sport, dport) = (bytes.u16()?, bytes.u16()?);
            Target::Ipv4 { source: (source.into(), sport), dest: (dest.into(), dport), l4proto: bytes.u8()? }
        }
        4 => {
            let (source, dest) = (bytes.array::<16>()?, bytes.array::<16>()?);
            let (sport, dport) = (bytes.u16()?, bytes.u16()?);
            Target::Ipv6 { source: (source.into(), sport), dest: (dest.into(), dport), l4proto: bytes.u8()? }
        }
        5 => Target::Ipv4Server { local: (bytes.array::<4>()?.into(), bytes.u16()?), l4proto: bytes.u8()? },
        6 => Target::Ipv6Server { local: (bytes.array::<16>()?.into(), bytes.u16()?), l4proto: bytes.u8()? },
        8 => Target::Unix { source: bytes.u64()?, dest: bytes.u64()?, path: bytes.text()? },
        16 => {
            let (flags, name) = (bytes.u32()?, bytes.text()?);
            let dev = if bounded { bytes.u32().ok() } else { None };
            Target::File { flags, name, dev }
        }
        1 | 2 | 7 | 9..=15 | 17..=21 => Target::Name(bytes.text()?),
        _ if bounded => Target::Unknown,
        // Where the next entry begins cannot be known.
        _ => return Err(before_kind.damaged()),
    };
    Ok(Fd { fd, ino, kind, target })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scap::{Block, testing::Body};

    fn head(fd: u64, kind: u8) -> Body {
        Body::default().u64(fd).u64(1000 + fd).raw(&[kind])
    }

    /// An entry of each form.
    fn entries() -> Vec<Body> {
        let ip6 = |last: u8| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        vec![
            head(0, 0),
            head(1, 2).text(b"/srv"),
            head(2, 3).raw(&[10, 0, 0, 1, 10, 0, 0, 2]).u16(4000).u16(80).raw(&[2]),
            head(3, 4).raw(&ip6(1)).raw(&ip6(2)).u16(4000).u16(80).raw(&[3]),
            head(4, 5).raw(&[127, 0, 0, 1]).u16(53).raw(&[3]),
            head(5, 6).raw(&ip6(1)).u16(53).raw(&[2]),
            head(6, 8).u64(0xA).u64(0xB).text(b"/run/x"),
            head(7, 16).u32(1).text(b"/etc/passwd"),
            head(8, 21).text(b"[pidfd]"),
        ]
    }

    fn list(kind: u32, body: &Body) -> Vec<Result<Fd<'_>, ScapError>> {
        let Block::Fds(list) = body.parse(kind).unwrap() else { panic!("no descriptors") };
        assert_eq!(list.tid(), 77);
        list.collect()
    }

    #[test]
    fn each_kind_is_read_in_both_versions() {
        let targets = [
            Target::Unknown,
            Target::Name(b"/srv"),
            Target::Ipv4 { source: ([10, 0, 0, 1].into(), 4000), dest: ([10, 0, 0, 2].into(), 80), l4proto: 2 },
            Target::Ipv6 { source: (1u128.into(), 4000), dest: (2u128.into(), 80), l4proto: 3 },
            Target::Ipv4Server { local: ([127, 0, 0, 1].into(), 53), l4proto: 3 },
            Target::Ipv6Server { local: (1u128.into(), 53), l4proto: 2 },
            Target::Unix { source: 0xA, dest: 0xB, path: b"/run/x" },
            Target::File { flags: 1, name: b"/etc/passwd", dev: None },
            Target::Name(b"[pidfd]"),
        ];
        let thread = Body::default().u64(77);
        let first = entries().iter().fold(thread.clone(), |body, entry| body.body(entry)).raw(&[0; 3]);
        let second = entries().into_iter().fold(thread, |body, entry| body.body(&entry.counted()));
        for (kind, body) in [(0x203, first), (0x218, second)] {
            let found: Vec<_> = list(kind, &body).into_iter().map(Result::unwrap).collect();
            assert_eq!(found.iter().map(|fd| fd.target).collect::<Vec<_>>(), targets);
            assert!(found.iter().zip(0..).all(|(fd, at)| (fd.fd, fd.ino) == (at, 1000 + at as u64)));
        }
    }

    #[test]
    fn a_file_has_a_device_when_there_is_room_for_it() {
        let body = Body::default().u64(77).body(&head(7, 16).u32(1).text(b"/x").u32(0x801).counted());
        assert_eq!(
            list(0x218, &body)[0].as_ref().unwrap().target,
            Target::File { flags: 1, name: b"/x", dev: Some(0x801) }
        );
    }

    #[test]
    fn a_newer_kind_is_skipped_where_its_length_is_known() {
        let entry = head(3, 99).raw(b"something new");
        let next = head(4, 1).text(b"/x");
        let body = Body::default().u64(77).body(&entry.clone().counted()).body(&next.clone().counted());
        let found: Vec<_> = list(0x218, &body).into_iter().map(Result::unwrap).collect();
        assert_eq!((found[0].kind, found[0].target, found[1].target), (99, Target::Unknown, Target::Name(b"/x")));
        let body = Body::default().u64(77).body(&entry).body(&next);
        let found = list(0x203, &body);
        assert_eq!((found.len(), found[0].as_ref().unwrap_err().offset()), (1, 8 + 8 + 16));
    }

    #[test]
    fn a_length_that_cannot_be_is_damage() {
        for length in [0u32, 3, 12, 100, u32::MAX] {
            let body = Body::default().u64(77).u32(length).raw(&[0; 30]);
            let found = list(0x218, &body);
            assert_eq!((found.len(), found[0].is_err()), (1, true), "{length}");
        }
    }
}
