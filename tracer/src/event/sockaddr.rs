//! Socket addresses and tuples, in the form of the `.scap` format.
//!
//! Address: family `u8`, then for inet 4 address bytes and the port, for inet6 16 and the port, for unix the path. Tuple:
//! family `u8`, then source address and port, destination address and port; for unix the kernel addresses of both sockets
//! and the path. Addresses are in network order, ports `u16` little endian.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use super::service;

/// `AF_UNIX`.
const UNIX: u8 = 1;
/// `AF_INET`.
const INET: u8 = 2;
/// `AF_INET6`.
const INET6: u8 = 10;

/// A socket address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SockAddr<'a> {
    /// Internet address and port.
    Inet(SocketAddr),
    /// Path; an abstract name begins with `@`, and may have NULs.
    Unix(&'a [u8]),
    /// A family that is not decoded.
    Other(u8),
}

/// Both ends of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SockTuple<'a> {
    /// Source and destination.
    Inet {
        /// Where the data comes from.
        source: SocketAddr,
        /// Where it goes.
        dest: SocketAddr,
    },
    /// Kernel addresses of both sockets, and the path.
    Unix {
        /// Source socket.
        source: u64,
        /// Destination socket.
        dest: u64,
        /// Path of the one that has one.
        path: &'a [u8],
    },
    /// A family that is not decoded.
    Other(u8),
}

fn port(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?]))
}

fn inet(bytes: &[u8]) -> Option<SocketAddr> {
    let ip: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(ip)), port(bytes.get(4..)?)?))
}

fn inet6(bytes: &[u8]) -> Option<SocketAddr> {
    let ip: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
    Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(ip)), port(bytes.get(16..)?)?))
}

/// The name of a unix socket, from the bytes of a parameter. A path ends at its NUL, and what follows is nothing of it. A name
/// that begins with `@` is an abstract one, which has as many bytes as the caller said, and may have NULs among them.
#[must_use]
pub(crate) fn unix_name(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'@', .., 0] => &bytes[..bytes.len() - 1],
        [b'@', ..] => bytes,
        _ => &bytes[..bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())],
    }
}

/// Whether an end is none: only zeros, as of a socket that was never bound or connected.
pub(crate) fn is_unset(end: SocketAddr) -> bool {
    end.port() == 0 && end.ip().is_unspecified()
}

/// An IPv4 address that a dual-stack socket holds as IPv6 is IPv4, wherever it comes from.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl<'a> SockAddr<'a> {
    /// From the bytes of a parameter; `None` when they are too few.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&family, rest) = bytes.split_first()?;
        Some(match family {
            INET => Self::Inet(inet(rest)?),
            INET6 => Self::Inet(canonical(inet6(rest)?)),
            UNIX => Self::Unix(unix_name(rest)),
            other => Self::Other(other),
        })
    }
}

impl<'a> SockTuple<'a> {
    /// Whether neither end has an address.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        matches!(self, Self::Inet { source, dest } if is_unset(*source) && is_unset(*dest))
    }

    /// From the bytes of a parameter; `None` when they are too few.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&family, rest) = bytes.split_first()?;
        Some(match family {
            INET => Self::Inet { source: inet(rest)?, dest: inet(rest.get(6..)?)? },
            INET6 => Self::Inet { source: canonical(inet6(rest)?), dest: canonical(inet6(rest.get(18..)?)?) },
            UNIX => {
                let number = |at: usize| Some(u64::from_le_bytes(rest.get(at..at + 8)?.try_into().ok()?));
                Self::Unix { source: number(0)?, dest: number(8)?, path: unix_name(rest.get(16..)?) }
            }
            other => Self::Other(other),
        })
    }
}

/// An address as users know it: `1.2.3.4:80`, and IPv6 without brackets.
pub struct Endpoint {
    end: SocketAddr,
    /// Whether a port has the name of its service.
    services: bool,
}

impl Endpoint {
    /// With the number of the port.
    #[must_use]
    pub fn new(end: SocketAddr) -> Self {
        Self::named(end, false)
    }

    /// With the name of the service that has the port, if that is asked for and there is one.
    #[must_use]
    pub fn named(end: SocketAddr, services: bool) -> Self {
        Self { end, services }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ip, port) = (self.end.ip(), self.end.port());
        match service::name(port).filter(|_| self.services) {
            Some(name) => write!(f, "{ip}:{name}"),
            None => write!(f, "{ip}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_v4_tuple_has_source_then_destination() {
        let bytes = [2, 10, 0, 0, 1, 0x39, 0x30, 10, 0, 0, 2, 80, 0];
        let Some(SockTuple::Inet { source, dest }) = SockTuple::parse(&bytes) else { panic!("not inet") };
        assert_eq!((source.to_string(), dest.to_string()), ("10.0.0.1:12345".into(), "10.0.0.2:80".into()));
    }

    #[test]
    fn the_ends_of_a_socket_that_has_none_are_unset() {
        let mut bytes = [0; 37];
        bytes[0] = 2;
        assert!(SockTuple::parse(&bytes[..13]).is_some_and(|tuple| tuple.is_unset()));
        bytes[0] = 10;
        assert!(SockTuple::parse(&bytes).is_some_and(|tuple| tuple.is_unset()));
        bytes[36] = 1;
        assert!(SockTuple::parse(&bytes).is_some_and(|tuple| !tuple.is_unset()), "one has a port");
    }

    #[test]
    fn an_abstract_name_is_whole_and_a_path_ends_at_its_nul() {
        for (bytes, name) in [
            (&b"/run/x\0"[..], &b"/run/x"[..]),
            (b"/run/x\0garbage\0", b"/run/x"),
            (b"@tag\0", b"@tag"),
            (b"@tag\0z\0", b"@tag\0z"),
            (b"@tag\0\0\0", b"@tag\0\0"),
            (b"@\0", b"@"),
            (b"\0", b""),
        ] {
            assert_eq!(SockAddr::parse(&[&[1], bytes].concat()), Some(SockAddr::Unix(name)));
            let tuple = [&[1][..], &[0; 16], bytes].concat();
            assert_eq!(SockTuple::parse(&tuple), Some(SockTuple::Unix { source: 0, dest: 0, path: name }));
        }
    }

    #[test]
    fn too_few_bytes_are_no_address() {
        assert_eq!(SockAddr::parse(&[2, 1, 2]), None);
        assert_eq!(SockTuple::parse(&[2, 1, 2, 3, 4, 5, 6, 7]), None);
        assert_eq!(SockAddr::parse(&[]), None);
    }
}
