//! Users and groups of the machine.
//!
//! Entries follow each other until fewer than 4 bytes remain. Version 2 has the length of each (`u32`) in front, which
//! counts itself. A text is a `u16` length and that many bytes.
//!
//! ```text
//! u8 kind   0 user: u32 uid, u32 gid, text name, text home, text shell
//!           1 group: u32 gid, text name
//! ```
//! The list may be missing. Users of containers arrive as events.

use super::{
    ScapError,
    bytes::{Bytes, Out},
};

/// The longest text that all readers take.
const LONGEST: u16 = 1024;

/// The users and groups of a block. An error ends them.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a> {
    bytes: Bytes<'a>,
    version: u8,
}

/// A user or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User<'a> {
    /// A user.
    User {
        /// Id.
        uid: u32,
        /// Id of the user's group.
        gid: u32,
        /// Name.
        name: &'a [u8],
        /// Home directory.
        home: &'a [u8],
        /// Shell.
        shell: &'a [u8],
    },
    /// A group.
    Group {
        /// Id.
        gid: u32,
        /// Name.
        name: &'a [u8],
    },
}

impl User<'_> {
    /// An entry of version 2.
    pub(super) fn put(&self, out: &mut Out<'_>) {
        out.entry(4, |out| match *self {
            Self::User { uid, gid, name, home, shell } => {
                out.u8(0).u32(uid).u32(gid).text(name, LONGEST).text(home, LONGEST).text(shell, LONGEST);
            }
            Self::Group { gid, name } => {
                out.u8(1).u32(gid).text(name, LONGEST);
            }
        });
    }
}

impl<'a> Users<'a> {
    pub(super) fn new(body: &'a [u8], offset: u64, version: u8) -> Self {
        Self { bytes: Bytes::new(body, offset, "user list"), version }
    }

    /// Version of the list, 1 or 2.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    fn entry(&mut self) -> Result<Option<User<'a>>, ScapError> {
        if self.version > 1 {
            return self.bytes.entry(4)?.map(|mut entry| user(&mut entry)).transpose();
        }
        if self.bytes.ends() { Ok(None) } else { user(&mut self.bytes).map(Some) }
    }
}

impl<'a> Iterator for Users<'a> {
    type Item = Result<User<'a>, ScapError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entry().transpose()?;
        if entry.is_err() {
            self.bytes.give_up();
        }
        Some(entry)
    }
}

fn user<'a>(bytes: &mut Bytes<'a>) -> Result<User<'a>, ScapError> {
    let before = *bytes;
    Ok(match bytes.u8()? {
        0 => {
            let (uid, gid) = (bytes.u32()?, bytes.u32()?);
            User::User { uid, gid, name: bytes.text()?, home: bytes.text()?, shell: bytes.text()? }
        }
        1 => User::Group { gid: bytes.u32()?, name: bytes.text()? },
        _ => return Err(before.damaged()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scap::{Block, testing::Body};

    #[test]
    fn users_and_groups_are_read_in_both_versions() {
        let user = Body::default().raw(&[0]).u32(1000).u32(100).text(b"me").text(b"/home/me").text(b"/bin/sh");
        let group = Body::default().raw(&[1]).u32(100).text(b"users");
        let first = Body::default().body(&user).body(&group).raw(&[0; 2]);
        let second = Body::default().body(&user.counted()).body(&group.counted());
        for (kind, body) in [(0x206, first), (0x220, second)] {
            let Block::Users(list) = body.parse(kind).unwrap() else { panic!("no users") };
            assert_eq!(
                list.map(Result::unwrap).collect::<Vec<_>>(),
                [
                    User::User { uid: 1000, gid: 100, name: b"me", home: b"/home/me", shell: b"/bin/sh" },
                    User::Group { gid: 100, name: b"users" },
                ]
            );
        }
    }

    #[test]
    fn another_kind_is_damage() {
        let body = Body::default().raw(&[2]).u32(1).text(b"x");
        let Block::Users(mut list) = body.parse(0x206).unwrap() else { panic!("no users") };
        assert_eq!(list.next().unwrap().unwrap_err().offset(), 8);
        assert!(list.next().is_none());
    }
}
