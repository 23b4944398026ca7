//! Sockets by inode number, from `/proc/PID/net` of each network namespace.
//!
//! Source: kernel net/ipv4/tcp_ipv4.c (`tcp4_seq_show`), net/unix/af_unix.c (`unix_seq_show`), net/packet/af_packet.c
//! (`packet_seq_show`): addresses are words of the machine in hexadecimal, ports hexadecimal.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{Fd, FdKind, Role, Sock};
use crate::event::sockaddr::canonical;

/// Most sockets that are kept.
const MAX_SOCKETS: usize = 500_000;
/// The longest that reading one namespace may take, and the reading of namespaces that are known already between two calls of
/// [`Sockets::forget`]: any user may have namespaces with as many sockets as fit.
const MAX_TIME: Duration = Duration::from_millis(100);
/// The longest line of such a file.
const MAX_LINE: u64 = 4096;

/// `TCP_LISTEN`.
const LISTEN: u8 = 10;

/// The files, with kind, type and protocol of their sockets.
const FILES: &[(&str, FdKind, u8, u8)] = &[
    ("tcp", FdKind::Ipv4, 1, 6),
    ("tcp6", FdKind::Ipv6, 1, 6),
    ("udp", FdKind::Ipv4, 2, 17),
    ("udp6", FdKind::Ipv6, 2, 17),
    ("raw", FdKind::Ipv4, 3, 0),
    ("raw6", FdKind::Ipv6, 3, 0),
];

/// The sockets of the namespaces that were read.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    by_inode: FxHashMap<u64, Fd>,
    /// Namespaces, by what `/proc/PID/ns/net` links to.
    read: FxHashSet<Box<Path>>,
    /// Ports on which something listens: an accepted connection has one of them as its own.
    listening: FxHashSet<u16>,
    /// How long namespaces were read again.
    again: Duration,
}

impl Sockets {
    /// The socket of that inode number, from the namespace of the process. `fresh` reads the namespace again when it is
    /// not among those that are known.
    pub(super) fn find(&mut self, process: &Path, ino: u64, fresh: bool) -> Option<Fd> {
        if let Some(found) = self.by_inode.get(&ino) {
            return Some(found.clone());
        }
        let namespace: Box<Path> = fs::read_link(process.join("ns/net")).ok()?.into();
        let start = Instant::now();
        if self.read.insert(namespace) {
            self.read_namespace(&process.join("net"), start + MAX_TIME);
        } else if fresh && self.again < MAX_TIME {
            self.read_namespace(&process.join("net"), start + MAX_TIME);
            self.again += start.elapsed();
        }
        self.by_inode.get(&ino).cloned()
    }

    /// Forgets what was read, since sockets come and go.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    fn read_namespace(&mut self, net: &Path, until: Instant) {
        let mut found = Vec::new();
        for (file, kind, sock_type, protocol) in FILES {
            each_line(&net.join(file), until, &mut |line| {
                let parsed = std::str::from_utf8(line).ok().and_then(|line| parse_inet(line, *sock_type, *protocol));
                let Some((ino, sock)) = parsed else { return };
                if sock.listening {
                    self.listening.extend(sock.local.map(|local| local.port()));
                }
                if found.len() < MAX_SOCKETS {
                    found.push((ino, *kind, sock));
                }
            });
        }
        for (ino, kind, mut sock) in found {
            let serves = sock.local.is_some_and(|local| self.listening.contains(&local.port()));
            sock.role = if serves { Role::Server } else { Role::Client };
            if sock.sock_type != 1 && sock.remote.is_none() {
                sock.role = Role::Unknown;
            }
            let (kind, name) = (sock.kind().unwrap_or(kind), sock.name().into_bytes().into());
            self.insert(ino, Fd { kind, name, ino, sock: Some(Box::new(sock)), ..Fd::default() });
        }
        // A path may have line feeds in it, and so make lines that name sockets of others. Those have a line of their own, too.
        let mut unix: FxHashMap<u64, Box<[u8]>> = FxHashMap::default();
        each_line(&net.join("unix"), until, &mut |line| {
            let Some((ino, path)) = parse_unix(line).filter(|_| unix.len() < MAX_SOCKETS) else { return };
            unix.entry(ino).and_modify(|path| *path = Box::default()).or_insert_with(|| path.into());
        });
        for (ino, name) in unix {
            if self.by_inode.get(&ino).is_none_or(|known| known.kind == FdKind::Unix) {
                self.insert(ino, Fd { kind: FdKind::Unix, name, ino, ..Fd::default() });
            }
        }
        for (file, kind) in [("netlink", FdKind::Netlink), ("packet", FdKind::Packet)] {
            each_line(&net.join(file), until, &mut |line| {
                let last = std::str::from_utf8(line).ok().and_then(|line| line.split_ascii_whitespace().last());
                if let Some(ino) = last.and_then(|ino| ino.parse().ok()) {
                    self.insert(ino, Fd { kind, ino, ..Fd::default() });
                }
            });
        }
    }

    fn insert(&mut self, ino: u64, fd: Fd) {
        if self.by_inode.len() < MAX_SOCKETS {
            self.by_inode.insert(ino, fd);
        }
    }
}

/// Calls `visit` for the lines of a file but the first, which is a title, as long as there is time.
fn each_line(path: &Path, until: Instant, visit: &mut dyn FnMut(&[u8])) {
    let Ok(file) = File::open(path) else { return };
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let mut line = Vec::new();
    let mut is_title = true;
    while Instant::now() < until {
        line.clear();
        match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if mem::take(&mut is_title) => {}
            Ok(_) => visit(line.strip_suffix(b"\n").unwrap_or(&line)),
        }
    }
}

/// A line of `tcp`, `udp` and the like: inode number and ends.
fn parse_inet(line: &str, sock_type: u8, protocol: u8) -> Option<(u64, Sock)> {
    let mut words = line.split_ascii_whitespace();
    words.next()?;
    let local = parse_address(words.next()?)?;
    let remote = parse_address(words.next()?)?;
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let ino: u64 = words.nth(5)?.parse().ok()?;
    let listening = sock_type == 1 && state == LISTEN;
    let remote = (remote.port() != 0).then_some(remote);
    let local = (local.port() != 0 || !local.ip().is_unspecified()).then_some(local);
    Some((ino, Sock { sock_type, protocol, local, remote, role: Role::Unknown, listening }))
}

fn parse_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(ip.get(8 * at..8 * at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = if ip.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)?))
    } else {
        let mut bytes = [0; 16];
        for at in 0..4 {
            bytes[4 * at..4 * at + 4].copy_from_slice(&word(at)?);
        }
        IpAddr::V6(Ipv6Addr::from(bytes))
    };
    Some(canonical(SocketAddr::new(ip, port)))
}

/// A line of `unix`: inode number and path, empty when it has none.
fn parse_unix(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = line;
    let mut ino = None;
    for column in 0..7 {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        if column == 6 {
            ino = std::str::from_utf8(&rest[..end]).ok()?.parse().ok();
        }
        rest = &rest[end..];
    }
    Some((ino?, rest.strip_prefix(b" ").unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_words_of_the_machine() {
        assert_eq!(parse_address("0100007F:1F90").unwrap().to_string(), "127.0.0.1:8080");
        assert_eq!(parse_address("00000000000000000000000001000000:0050").unwrap().to_string(), "[::1]:80");
        assert_eq!(parse_address("0000000000000000FFFF00000100007F:0050").unwrap().to_string(), "127.0.0.1:80");
        assert_eq!(parse_address("zz:1"), None);
    }

    #[test]
    fn a_unix_path_may_have_blanks() {
        let line = b"0000000000000000: 00000002 00000000 00010000 0001 01  2307 /run/a b";
        assert_eq!(parse_unix(line), Some((2307, &b"/run/a b"[..])));
        let line = b"0000000000000000: 00000003 00000000 00000000 0001 03 20411";
        assert_eq!(parse_unix(line), Some((20411, &b""[..])));
    }

    #[test]
    fn a_path_cannot_name_a_socket_of_others() {
        let scratch = std::env::temp_dir().join(format!("sockets-of-a-namespace-{}", std::process::id()));
        fs::create_dir_all(&scratch).unwrap();
        let line = |ino: u64, path: &str| format!("0: 00000002 00000000 00010000 0001 01 {ino} {path}\n");
        let tcp = "title\n   0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 30 1 0 100 0 0 10 0\n";
        fs::write(scratch.join("tcp"), tcp).unwrap();
        let attack = format!("/tmp/x\n{}{}", line(10, "/run/mine"), line(30, "/run/mine"));
        fs::write(scratch.join("unix"), format!("title\n{}{}", line(10, "/run/theirs"), line(20, &attack))).unwrap();
        let mut sockets = Sockets::default();
        sockets.read_namespace(&scratch, Instant::now() + MAX_TIME);
        fs::remove_dir_all(&scratch).unwrap();
        let of =
            |ino: u64| sockets.by_inode.get(&ino).map(|fd| (fd.kind, String::from_utf8_lossy(&fd.name).into_owned()));
        assert_eq!(of(10), Some((FdKind::Unix, String::new())), "two lines say different things");
        assert_eq!(of(20), Some((FdKind::Unix, "/tmp/x".into())));
        assert_eq!(of(30).unwrap().0, FdKind::Ipv4);
    }
}
