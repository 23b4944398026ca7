//! Network interfaces of the machine, an entry for each address.
//!
//! Entries follow each other until fewer than 4 bytes remain. Version 2 has the length of each (`u32`) in front, which
//! does not count itself.
//!
//! ```text
//! u16 kind         1 IPv4, 2 IPv6, 3 IPv4 without speed, 4 IPv6 without speed
//! u16 name length
//! address, netmask, broadcast: 4 or 16 bytes each
//! u64 link speed   kinds 1 and 2
//! name
//! ```

use std::net::IpAddr;

use super::{
    ScapError,
    bytes::{Bytes, Out},
};

/// The longest name that all readers take.
const LONGEST: usize = 255;

/// The interfaces of a block. An error ends them.
#[derive(Debug, Clone, Copy)]
pub struct Interfaces<'a> {
    bytes: Bytes<'a>,
    version: u8,
}

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface<'a> {
    /// Name of the interface.
    pub name: &'a [u8],
    /// Address.
    pub address: IpAddr,
    /// Mask of its network.
    pub netmask: IpAddr,
    /// Broadcast address.
    pub broadcast: IpAddr,
    /// Speed of the link.
    pub speed: Option<u64>,
}

impl Interface<'_> {
    /// An entry of version 2. Addresses are of one family.
    pub(super) fn put(&self, out: &mut Out<'_>) {
        let name = &self.name[..self.name.len().min(LONGEST)];
        let kind = match (self.address, self.speed) {
            (IpAddr::V4(_), Some(_)) => 1,
            (IpAddr::V6(_), Some(_)) => 2,
            (IpAddr::V4(_), None) => 3,
            (IpAddr::V6(_), None) => 4,
        };
        out.entry(0, |out| {
            out.u16(kind).u16(name.len() as u16);
            for ip in [self.address, self.netmask, self.broadcast] {
                match ip {
                    IpAddr::V4(ip) => out.raw(&ip.octets()),
                    IpAddr::V6(ip) => out.raw(&ip.octets()),
                };
            }
            if let Some(speed) = self.speed {
                out.u64(speed);
            }
            out.raw(name);
        });
    }
}

impl<'a> Interfaces<'a> {
    pub(super) fn new(body: &'a [u8], offset: u64, version: u8) -> Self {
        Self { bytes: Bytes::new(body, offset, "interface list"), version }
    }

    /// Version of the list, 1 or 2.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    fn entry(&mut self) -> Result<Option<Interface<'a>>, ScapError> {
        if self.version == 1 {
            return if self.bytes.ends() { Ok(None) } else { interface(&mut self.bytes) };
        }
        while let Some(mut entry) = self.bytes.entry(0)? {
            // A newer kind is skipped.
            if let Some(found) = interface_or_newer(&mut entry)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Interfaces<'a> {
    type Item = Result<Interface<'a>, ScapError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entry().transpose()?;
        if entry.is_err() {
            self.bytes.give_up();
        }
        Some(entry)
    }
}

/// Without a length in front, the end of a newer kind cannot be known.
fn interface<'a>(bytes: &mut Bytes<'a>) -> Result<Option<Interface<'a>>, ScapError> {
    let before = *bytes;
    match interface_or_newer(bytes)? {
        Some(found) => Ok(Some(found)),
        None => Err(before.damaged()),
    }
}

fn interface_or_newer<'a>(bytes: &mut Bytes<'a>) -> Result<Option<Interface<'a>>, ScapError> {
    let (kind, name_len) = (bytes.u16()?, bytes.u16()?);
    if !matches!(kind, 1..=4) {
        return Ok(None);
    }
    let mut ip = || -> Result<IpAddr, ScapError> {
        Ok(if kind % 2 == 1 { bytes.array::<4>()?.into() } else { bytes.array::<16>()?.into() })
    };
    let (address, netmask, broadcast) = (ip()?, ip()?, ip()?);
    let speed = if kind <= 2 { Some(bytes.u64()?) } else { None };
    let name = bytes.take(usize::from(name_len))?;
    Ok(Some(Interface { name, address, netmask, broadcast, speed }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scap::{Block, testing::Body};

    fn entry(kind: u16, name: &[u8]) -> Body {
        let width = if kind % 2 == 1 { 4 } else { 16 };
        let body = Body::default().u16(kind).u16(name.len() as u16);
        let body = [1u8, 255, 9].iter().fold(body, |body, byte| body.raw(&vec![*byte; width]));
        if kind <= 2 { body.u64(1000).raw(name) } else { body.raw(name) }
    }

    fn list(kind: u32, body: &Body) -> Vec<Result<Interface<'_>, ScapError>> {
        let Block::Interfaces(list) = body.parse(kind).unwrap() else { panic!("no interfaces") };
        list.collect()
    }

    #[test]
    fn each_kind_is_read_in_both_versions() {
        let with_length = |entry: Body| Body::default().u32(entry.len() as u32).body(&entry);
        let first = (1..=4).fold(Body::default(), |body, kind| body.body(&entry(kind, b"eth0"))).raw(&[0; 3]);
        let second = (1..=4).fold(Body::default(), |body, kind| body.body(&with_length(entry(kind, b"eth0"))));
        for (kind, body) in [(0x205, first), (0x219, second)] {
            let found: Vec<_> = list(kind, &body).into_iter().map(Result::unwrap).collect();
            assert_eq!(found.len(), 4);
            assert!(found.iter().all(|found| found.name == b"eth0"));
            assert_eq!(found.iter().map(|found| found.speed).collect::<Vec<_>>(), [Some(1000), Some(1000), None, None]);
            assert_eq!(found[0].address, IpAddr::from([1; 4]));
            assert_eq!((found[3].netmask, found[3].broadcast), (IpAddr::from([255; 16]), IpAddr::from([9; 16])));
        }
    }

    #[test]
    fn a_newer_kind_is_skipped_where_its_length_is_known() {
        let newer = Body::default().u16(9).u16(0).raw(b"12345678");
        let next = entry(1, b"lo");
        let body = Body::default().u32(12).body(&newer).u32(next.len() as u32).body(&next);
        assert_eq!(list(0x219, &body).len(), 1);
        let body = Body::default().body(&newer).body(&next);
        assert!(list(0x205, &body)[0].is_err());
    }
}
