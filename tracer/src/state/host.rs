//! The machine as a whole: its name, when it started, its network, and the names that it has for addresses.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use nix::{ifaddrs::getifaddrs, sys::socket::SockaddrStorage};

use rustc_hash::FxHashMap;

/// The most addresses that have a name.
const MAX_NAMES: usize = 65_536;
/// The most addresses of interfaces: more than a machine has, and captures may say anything.
pub const MAX_INTERFACES: usize = 16_384;

/// The machine that is traced, or on which a capture was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Its name; empty when it is not known.
    pub name: Box<[u8]>,
    /// When it started, nanoseconds since the epoch; 0 when it is not known.
    pub boot_ns: u64,
    /// How many CPUs it has; 0 when it is not known.
    pub cpus: u32,
    /// Memory, bytes.
    pub memory_bytes: u64,
    /// The greatest process id that it gives.
    pub max_pid: u64,
    /// Properties that a capture says; nobody here needs them.
    pub flags: u64,
    /// Addresses of its network interfaces.
    pub interfaces: Vec<Interface>,
    /// Names of hosts by address, from its own list. Nobody is asked: a look-up could block, and it would be traffic of its
    /// own.
    pub names: FxHashMap<IpAddr, Box<str>>,
}

/// An address of a network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Name of the interface.
    pub name: Box<[u8]>,
    /// Address.
    pub address: IpAddr,
    /// Mask of its network.
    pub netmask: IpAddr,
    /// Broadcast address.
    pub broadcast: IpAddr,
    /// Speed of the link, as a capture says it.
    pub speed: Option<u64>,
}

impl Host {
    /// Adds an address of an interface; none beyond [`MAX_INTERFACES`].
    pub fn add_interface(&mut self, interface: Interface) {
        if self.interfaces.len() < MAX_INTERFACES {
            self.interfaces.push(interface);
        }
    }

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
            cpus: count_cpus(&text(&proc.join("stat"))),
            memory_bytes: 1024 * first_number(&text(&proc.join("meminfo"))),
            max_pid: first_number(&text(&proc.join("sys/kernel/pid_max"))),
            flags: 0,
            interfaces: interfaces(),
            names: parse_hosts(&String::from_utf8_lossy(&hosts)),
        }
    }

    /// The name of an address.
    #[must_use]
    pub fn name_of(&self, address: IpAddr) -> Option<&str> {
        self.names.get(&address).map(|name| &**name).or_else(|| address.is_loopback().then_some("localhost"))
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// Source: proc_stat(5).
fn count_cpus(stat: &str) -> u32 {
    let numbered =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    stat.lines().filter(numbered).count() as u32
}

/// The first number of a text, such as that of `MemTotal` (proc_meminfo(5)).
fn first_number(text: &str) -> u64 {
    text.split_ascii_whitespace().find_map(|word| word.parse().ok()).unwrap_or(0)
}

/// Those of the network namespace that we are in; none when the kernel does not say. Source: getifaddrs(3).
fn interfaces() -> Vec<Interface> {
    let ip = |address: Option<SockaddrStorage>| {
        let address = address?;
        let four = address.as_sockaddr_in().map(|end| IpAddr::V4(end.ip()));
        four.or_else(|| address.as_sockaddr_in6().map(|end| IpAddr::V6(end.ip())))
    };
    let found = getifaddrs().into_iter().flatten().filter_map(|found| {
        let address = ip(found.address)?;
        let none =
            if address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let or_none = |end: Option<IpAddr>| end.filter(|end| end.is_ipv4() == address.is_ipv4()).unwrap_or(none);
        Some(Interface {
            name: found.interface_name.into_bytes().into(),
            address,
            netmask: or_none(ip(found.netmask)),
            broadcast: or_none(ip(found.broadcast)),
            speed: None,
        })
    });
    found.collect()
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
    fn this_machine_has_cpus_memory_and_a_loopback() {
        let host = Host::read(Path::new("/"));
        assert!(host.cpus > 0 && host.memory_bytes > 1 << 24 && host.max_pid > 300, "{host:?}");
        assert_eq!(count_cpus("cpu  1 2\ncpu0 1\ncpu1 2\nintr 3\n"), 2);
    }

    #[test]
    fn a_capture_cannot_have_any_number_of_interfaces() {
        let zero = IpAddr::from([0, 0, 0, 0]);
        let one = Interface { name: b"eth0"[..].into(), address: zero, netmask: zero, broadcast: zero, speed: None };
        let mut host = Host::default();
        (0..MAX_INTERFACES + 10).for_each(|_| host.add_interface(one.clone()));
        assert_eq!(host.interfaces.len(), MAX_INTERFACES);
    }

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
