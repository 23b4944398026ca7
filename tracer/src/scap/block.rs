//! Blocks: which kinds there are, and from the bytes of one to what it says.
//!
//! A capture is a sequence of blocks. Each has its kind (`u32`), its total length (`u32`), a body, padding to a multiple
//! of 4, and the total length again; 12 bytes in addition to the body. Kinds of lists have versions, of which each has
//! fields that the one before did not have; the newest ones put a length in front of each entry, so that fields can be
//! added without a new version. Kinds that are not known are skipped.
//!
//! The first block is the section header:
//!
//! ```text
//! u32 byte order   0x1A2B3C4D in the order of the host that wrote it
//! u16 major        1
//! u16 minor        0, 1 or 2; says nothing that must be known
//! i64 length       of the section; always -1
//! options          u16 code, u16 length, value, padding to 4; until a code 0 or the end
//! ```
//! Captures can be put one behind the other: another section header begins all tables anew.

use super::{Event, Fds, Interfaces, Machine, Options, Processes, ScapError, Users, bytes::Bytes, event::Shape};

/// The kind of a section header: the same bytes in both byte orders.
pub(super) const SECTION: u32 = 0x0A0D_0D0A;
/// The newest kinds of all others, which are those that are written.
pub(super) const MACHINE: u32 = 0x201;
pub(super) const PROCESSES: u32 = 0x215;
pub(super) const EVENT: u32 = 0x216;
pub(super) const EVENT_FLAGS: u32 = 0x217;
pub(super) const FDS: u32 = 0x218;
pub(super) const INTERFACES: u32 = 0x219;
pub(super) const USERS: u32 = 0x220;
pub(super) const EVENT_LARGE: u32 = 0x221;
pub(super) const EVENT_LARGE_FLAGS: u32 = 0x222;
pub(super) const BYTE_ORDER: u32 = 0x1A2B_3C4D;
pub(super) const MAJOR: u16 = 1;

/// A block.
#[derive(Debug, Clone, Copy)]
pub enum Block<'a> {
    /// A capture begins.
    Section(Section<'a>),
    /// The machine.
    Machine(Machine<'a>),
    /// Threads that existed.
    Processes(Processes<'a>),
    /// What one thread had open.
    Fds(Fds<'a>),
    /// Network interfaces.
    Interfaces(Interfaces<'a>),
    /// Users and groups.
    Users(Users<'a>),
    /// An event.
    Event(Event<'a>),
    /// A block of another kind.
    Unknown {
        /// Its kind.
        kind: u32,
        /// Its body with padding.
        body: &'a [u8],
    },
}

impl<'a> Block<'a> {
    /// From the body of a block, with its padding, which begins at byte `offset` of the stream.
    pub(super) fn parse(kind: u32, body: &'a [u8], offset: u64) -> Result<Self, ScapError> {
        // The second number of some is the one of before the first release.
        Ok(match kind {
            EVENT => Self::Event(Event::parse(body, offset, Shape::V2)?),
            EVENT_FLAGS => Self::Event(Event::parse(body, offset, Shape::V2.with_flags())?),
            0x204 | 0x8010_ABCD => Self::Event(Event::parse(body, offset, Shape::V1)?),
            0x208 => Self::Event(Event::parse(body, offset, Shape::V1.with_flags())?),
            EVENT_LARGE => Self::Event(Event::parse(body, offset, Shape::LARGE)?),
            EVENT_LARGE_FLAGS => Self::Event(Event::parse(body, offset, Shape::LARGE.with_flags())?),
            SECTION => Self::Section(Section::parse(body, offset)?),
            MACHINE | 0x8002_ABCD => Self::Machine(Machine::parse(body, offset)?),
            0x202 | 0x8000_ABCD => Self::Processes(Processes::new(body, offset, 1)),
            0x207 | 0x8013_ABCD => Self::Processes(Processes::new(body, offset, 2)),
            0x209 | 0x8014_ABCD => Self::Processes(Processes::new(body, offset, 3)),
            // 4 to 9.
            0x210..=PROCESSES => Self::Processes(Processes::new(body, offset, (kind - 0x20C) as u8)),
            0x203 | 0x8001_ABCD => Self::Fds(Fds::parse(body, offset, 1)?),
            FDS => Self::Fds(Fds::parse(body, offset, 2)?),
            0x205 | 0x8011_ABCD => Self::Interfaces(Interfaces::new(body, offset, 1)),
            INTERFACES => Self::Interfaces(Interfaces::new(body, offset, 2)),
            0x206 | 0x8012_ABCD => Self::Users(Users::new(body, offset, 1)),
            USERS => Self::Users(Users::new(body, offset, 2)),
            _ => Self::Unknown { kind, body },
        })
    }
}

/// A section header.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// Major version of the format: 1.
    pub major: u16,
    /// Minor version.
    pub minor: u16,
    /// Not checked; see [`Section::options`].
    options: &'a [u8],
}

impl<'a> Section<'a> {
    /// Refuses the byte-order magic of another machine. `body` is the beginning of the body; it may be cut.
    pub(super) fn check_byte_order(body: [u8; 4], offset: u64) -> Result<(), ScapError> {
        match u32::from_ne_bytes(body) {
            BYTE_ORDER => Ok(()),
            magic if magic == BYTE_ORDER.swap_bytes() => Err(ScapError::ByteOrder { offset }),
            _ => Err(ScapError::Magic { offset }),
        }
    }

    fn parse(body: &'a [u8], offset: u64) -> Result<Self, ScapError> {
        let mut bytes = Bytes::new(body, offset, "section header");
        Self::check_byte_order(bytes.array()?, offset)?;
        let (major, minor, _length) = (bytes.u16()?, bytes.u16()?, bytes.u64()?);
        if major > MAJOR {
            return Err(ScapError::Version { offset: offset - 8, major });
        }
        Ok(Self { major, minor, options: bytes.take(bytes.len())? })
    }

    /// Options of the header: code and value. Code 1 is a comment, 4 the program that wrote the capture. Damage ends them.
    pub fn options(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        Options::new(self.options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scap::testing::Body;

    #[test]
    fn every_kind_of_the_format_is_known() {
        let known = [
            0x201,
            0x202,
            0x203,
            0x204,
            0x205,
            0x206,
            0x207,
            0x208,
            0x209,
            0x210,
            0x211,
            0x212,
            0x213,
            0x214,
            0x215,
            0x216,
            0x217,
            0x218,
            0x219,
            0x220,
            0x221,
            0x222,
            0x8000_ABCD,
            0x8001_ABCD,
            0x8002_ABCD,
            0x8010_ABCD,
            0x8011_ABCD,
            0x8012_ABCD,
            0x8013_ABCD,
            0x8014_ABCD,
            SECTION,
        ];
        let body = Body::default().raw(&[0; 4]);
        let is_unknown = |kind| matches!(body.parse(kind), Ok(Block::Unknown { .. }));
        assert!(known.into_iter().all(|kind| !is_unknown(kind)));
        let all = (0..0x1000).chain(0x8000_ABCD..0x8020_ABCD);
        assert_eq!(all.filter(|kind| !is_unknown(*kind)).count(), known.len() - 1);
    }

    #[test]
    fn lists_know_their_version() {
        let body = Body::default().u64(1);
        let version = |kind| match body.parse(kind).unwrap() {
            Block::Processes(list) => list.version(),
            Block::Fds(list) => list.version(),
            Block::Interfaces(list) => list.version(),
            Block::Users(list) => list.version(),
            _ => 0,
        };
        let processes = [0x202, 0x207, 0x209, 0x210, 0x211, 0x212, 0x213, 0x214, 0x215];
        assert_eq!(processes.map(version), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!([0x8000_ABCD, 0x8013_ABCD, 0x8014_ABCD].map(version), [1, 2, 3]);
        assert_eq!([0x203, 0x205, 0x206, 0x218, 0x219, 0x220].map(version), [1, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn options_of_a_section_are_read_and_damage_ends_them() {
        let header = Body::default().u32(BYTE_ORDER).u16(1).u16(2).u64(u64::MAX);
        let options = header.u16(1).text(b"hello").raw(&[0; 3]).u16(4).text(b"prog");
        let parse = |body: &Body| {
            let Block::Section(section) = body.parse(SECTION).unwrap() else { panic!("no section") };
            assert_eq!((section.major, section.minor), (1, 2));
            section.options().map(|(code, value)| (code, value.to_vec())).collect::<Vec<_>>()
        };
        let expected = [(1, b"hello".to_vec()), (4, b"prog".to_vec())];
        assert_eq!(parse(&options.clone().u32(0).u32(1)), expected);
        assert_eq!(parse(&options.u16(1).u16(9000)), expected);
    }
}
