//! The machine as a whole: its name, when it started, and the names that it has for addresses.

use std::{fs, net::IpAddr, path::Path};

use rustc_hash::FxHashMap;

/// The most addresses that have a name.
const MAX_NAMES: usize = 65_536;

/// The machine that is traced, or on which a capture was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Its name; empty when it is not known.
    pub name: Box<[u8]>,
    /// When it started, nanoseconds since the epoch; 0 when it is not known.
    pub boot_ns: u64,
    /// Names of hosts by address, from its own list. Nobody is asked: a look-up could block, and it would be traffic of its
    /// own.
    pub names: FxHashMap<IpAddr, Box<str>>,
}

impl Host {
    /// This machine, whose files are below `root`.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let proc = root.join("proc");
        // The name in `/proc/sys` is that of the reader, so a container sees its own there.
        let name = if root == Path::new("/") { proc.join("sys/kernel/hostname") } else { root.join("etc/hostname") };
        let hosts = fs::read(root.join("etc/hosts")).unwrap_or_default();
        Self {
            name: fs::read(name).unwrap_or_default().trim_ascii().into(),
            boot_ns: super::procfs::boot_time_ns(&proc),
            names: parse_hosts(&String::from_utf8_lossy(&hosts)),
        }
    }

    /// The name of an address.
    #[must_use]
    pub fn name_of(&self, address: IpAddr) -> Option<&str> {
        self.names.get(&address).map(|name| &**name).or_else(|| address.is_loopback().then_some("localhost"))
    }
}

/// The first name of each address. Source: hosts(5).
fn parse_hosts(text: &str) -> FxHashMap<IpAddr, Box<str>> {
    let mut names = FxHashMap::default();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        if let (Some(Ok(address)), Some(name)) = (words.next().map(str::parse), words.next())
            && names.len() < MAX_NAMES
        {
            names.entry(address).or_insert_with(|| name.into());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_an_address_wins() {
        let text = "# hosts\n127.0.1.1 me me.example\n10.0.0.2\tdb # the database\n10.0.0.2 other\nbad line\n::1\n";
        let host = Host { names: parse_hosts(text), ..Host::default() };
        assert_eq!(host.name_of([127, 0, 1, 1].into()), Some("me"));
        assert_eq!(host.name_of([10, 0, 0, 2].into()), Some("db"));
        assert_eq!(host.name_of([127, 0, 0, 1].into()), Some("localhost"));
        assert_eq!((host.name_of([10, 0, 0, 3].into()), host.names.len()), (None, 2));
    }
}
