//! Descriptors of events that the kernel counted: their row says what they were.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use tracer_common::group::{KeyDescriptor, fd_kind};

use super::{Fd, FdKind, Role, Sock, procfs::ANONYMOUS};
use crate::event::sockaddr::canonical;

impl Fd {
    /// The descriptor that the key of a row describes, as far as the key has it; `None` when the events had none, or nothing was
    /// asked of it.
    #[must_use]
    pub fn of_key(key: &KeyDescriptor) -> Option<Self> {
        let mut fd = Self { kind: kind(key.kind), ..Self::default() };
        if key.protocol != 0 {
            let sock = Sock {
                sock_type: key.sock_type,
                protocol: key.protocol as u8,
                local: Some(end(key.local, key.local_port)),
                remote: Some(end(key.remote, key.remote_port)),
                role: if key.accepted != 0 { Role::Server } else { Role::Client },
                listening: false,
            };
            if fd.kind == FdKind::Unknown {
                fd.kind = sock.kind().unwrap_or_default();
            }
            fd.name = sock.name().into_bytes().into();
            fd.sock = Some(Box::new(sock));
        }
        (fd.kind != FdKind::Unknown).then_some(fd)
    }
}

fn kind(key: u64) -> FdKind {
    match key {
        fd_kind::NONE => FdKind::Unknown,
        fd_kind::FILE => FdKind::File,
        fd_kind::PIPE => FdKind::Pipe,
        fd_kind::IPV4 => FdKind::Ipv4,
        fd_kind::IPV6 => FdKind::Ipv6,
        fd_kind::UNIX => FdKind::Unix,
        name => {
            // Behind the end of a short name is whatever was there.
            let bytes = name.to_le_bytes();
            let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            let begins = |known: &&(&[u8], FdKind)| {
                known.0.get(..name.len()) == Some(name) && known.0.len().min(8) == name.len()
            };
            ANONYMOUS.iter().find(begins).map_or(FdKind::Unknown, |(_, kind)| *kind)
        }
    }
}

fn end(address: [u64; 2], port: u16) -> SocketAddr {
    let mut bytes = [0; 16];
    for (to, word) in bytes.chunks_exact_mut(8).zip(address) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    canonical(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(bytes)), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(ip: [u8; 4]) -> [u64; 2] {
        [0, 0xffff_0000 | u64::from(u32::from_le_bytes(ip)) << 32]
    }

    #[test]
    fn the_accepted_end_is_the_server() {
        let key = KeyDescriptor {
            local: mapped([10, 0, 0, 1]),
            remote: mapped([10, 0, 0, 2]),
            local_port: 443,
            remote_port: 50_000,
            protocol: 6,
            sock_type: 1,
            accepted: 1,
            ..KeyDescriptor::default()
        };
        let fd = Fd::of_key(&key).unwrap();
        assert_eq!((fd.kind, &*fd.name), (FdKind::Ipv4, &b"10.0.0.2:50000->10.0.0.1:443"[..]));
        let fd = Fd::of_key(&KeyDescriptor { accepted: 0, ..key }).unwrap();
        assert_eq!(&*fd.name, b"10.0.0.1:443->10.0.0.2:50000");
    }

    #[test]
    fn what_is_anonymous_is_known_by_the_beginning_of_its_name() {
        for (name, kind) in ANONYMOUS {
            let mut bytes = [0xff; 8];
            let len = name.len().min(8);
            bytes[..len].copy_from_slice(&name[..len]);
            if let Some(end) = bytes.get_mut(len) {
                *end = 0;
            }
            let key = KeyDescriptor { kind: u64::from_le_bytes(bytes), ..KeyDescriptor::default() };
            assert_eq!(Fd::of_key(&key).map(|fd| fd.kind), Some(*kind), "{}", name.escape_ascii());
        }
        assert!(
            Fd::of_key(&KeyDescriptor { kind: u64::from_le_bytes(*b"[fscont\0"), ..KeyDescriptor::default() })
                .is_none()
        );
    }

    #[test]
    fn what_was_not_asked_is_no_descriptor() {
        assert!(Fd::of_key(&KeyDescriptor::default()).is_none());
    }
}
