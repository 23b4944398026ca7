//! What the descriptor of an event is, as the key of a table has it.
//!
//! What the kernel does not know as user space does is not put into a row: such an event makes a record.

use tracer_common::{
    config::ABSENT,
    group::{KeyDescriptor, by, fd_kind},
};

use crate::{
    maps::offset,
    read::{self, Block, Room},
    running,
    special::{
        file::{self, format},
        sockaddr::{HEAD, Head, INET, INET6, UNIX},
    },
};

/// `ANON_INODE_FS_MAGIC`.
const ANONYMOUS_MAGIC: u64 = 0x0904_1934;
/// `IPPROTO_TCP` and `IPPROTO_UDP`.
pub const TCP: u16 = 6;
const UDP: u16 = 17;
/// `IPPROTO_MPTCP`, of which user space knows the low byte: that of TCP.
const MPTCP: u16 = 262;
/// The first bytes of an IPv4 address that is written as one of IPv6, as a word.
const MAPPED: u32 = 0xffff_0000;

/// Describes a descriptor of the running task, as far as that is `asked` (`by`). False when it is not known for sure.
#[inline(never)]
pub fn of_fd(fd: u64, asked: u32, key: &mut KeyDescriptor) -> bool {
    let sock = running::socket_of(fd);
    if sock != 0 {
        return of_sock(sock, true, asked, key);
    }
    let file = file::find(fd);
    let kind = file::kind(file);
    if let Some(sock) = kind.sock() {
        return of_sock(sock, true, asked, key);
    }
    if kind.inode == 0 {
        return false;
    }
    if asked & by::NAME != 0 {
        return false;
    }
    if asked & by::FD_KIND == 0 {
        return true;
    }
    let super_block: usize = read::kernel(kind.inode + offset!(inode_sb));
    let is_mounted = read::kernel::<usize>(super_block + offset!(super_flags)) & file::KERNEL_MOUNT == 0;
    let format = read::kernel::<u16>(kind.inode + offset!(inode_mode)) & format::MASK;
    key.kind = match format {
        format::PIPE | format::REGULAR if is_mounted => fd_kind::FILE,
        format::CHARACTERS | format::BLOCKS => fd_kind::FILE,
        format::PIPE => fd_kind::PIPE,
        // Newer kernels call what is anonymous a regular file.
        0 | format::REGULAR if read::kernel::<u64>(super_block + offset!(super_magic)) == ANONYMOUS_MAGIC => {
            let dentry: usize = read::kernel(file + offset!(file_path) + offset!(path_dentry));
            read::kernel(read::kernel::<usize>(dentry + offset!(dentry_name)))
        }
        // User space calls directories files where their opening does not say what they are.
        _ => return false,
    };
    key.kind != fd_kind::NONE
}

/// Describes a `struct sock`. False when it is not known for sure: what an internet socket without a peer talks to, its calls say,
/// and user space has to see those.
#[inline(never)]
pub fn of_sock(sock: usize, is_of_call: bool, asked: u32, key: &mut KeyDescriptor) -> bool {
    let Beginning { family, remote_port, addresses } = Beginning::of(sock);
    if family == UNIX && sock != 0 && asked & by::NAME == 0 {
        key.kind = if asked & by::FD_KIND != 0 { fd_kind::UNIX } else { fd_kind::NONE };
        return true;
    }
    if family != INET && family != INET6 {
        return false;
    }
    let [protocol, sock_type] = protocol_and_type(sock);
    key.protocol = protocol;
    key.sock_type = sock_type as u8;
    if asked & (by::FD_KIND | by::ENDS) == 0 && !is_of_call {
        return true;
    }
    if remote_port == 0 || asked & by::ENDS != 0 && protocol != TCP && protocol != UDP && protocol != MPTCP {
        return false;
    }
    // A connection over several paths has the ends of the first one, which is a TCP socket and knows how it came to be.
    let path = if protocol == MPTCP { first_path(sock) } else { sock };
    if path == 0 {
        return false;
    }
    let own =
        if asked & by::OWN_SIDE != 0 { OwnSide::of(path, family, asked) } else { OwnSide { port: 0, interface: 0 } };
    let (local, remote): ([u32; 4], [u32; 4]);
    if family == INET {
        local = [0, 0, MAPPED, addresses[0]];
        remote = [0, 0, MAPPED, addresses[1]];
    } else if offset!(sock_v6_daddr) != ABSENT as usize {
        local = read::kernel(sock + offset!(sock_v6_rcv_saddr));
        remote = read::kernel(sock + offset!(sock_v6_daddr));
    } else {
        return false;
    }
    if asked & by::FD_KIND != 0 {
        let is_mapped = remote[0] == 0 && remote[1] == 0 && remote[2] == MAPPED;
        key.kind = if is_mapped { fd_kind::IPV4 } else { fd_kind::IPV6 };
    }
    let mut accepted = false;
    if asked & by::OF_ROLES != 0 {
        if family == INET6 && offset!(ipv6_mcast_oif) == ABSENT as usize {
            return false;
        }
        accepted = protocol != UDP && own.interface != 0;
        key.accepted = u8::from(accepted);
    }
    let (own_ip, own_port, other_ip, other_port) = if accepted {
        (by::SERVER_IP, by::SERVER_PORT, by::CLIENT_IP, by::CLIENT_PORT)
    } else {
        (by::CLIENT_IP, by::CLIENT_PORT, by::SERVER_IP, by::SERVER_PORT)
    };
    if asked & (by::LOCAL_IP | own_ip) != 0 {
        key.local = words(local);
    }
    if asked & (by::REMOTE_IP | other_ip) != 0 {
        key.remote = words(remote);
    }
    if asked & (by::LOCAL_PORT | own_port) != 0 {
        // The number that sockets are found by is taken away when a connection ends, before all of its data is read.
        key.local_port = u16::from_be(own.port);
    }
    if asked & (by::REMOTE_PORT | other_port) != 0 {
        key.remote_port = u16::from_be(remote_port);
    }
    true
}

/// The `struct sock` of the first path of a connection; 0 when there is none any more.
#[inline(always)]
fn first_path(sock: usize) -> usize {
    if offset!(mptcp_first) == ABSENT as usize { 0 } else { read::kernel(sock + offset!(mptcp_first)) }
}

#[inline(always)]
fn protocol_and_type(sock: usize) -> [u16; 2] {
    let (protocol, sock_type) = (offset!(sock_protocol), offset!(sock_type));
    let mut room = Room::<2>::uninit();
    let members = Block::of_both(&mut room, sock, protocol, sock_type);
    [members.get(protocol), members.get(sock_type)]
}

#[inline(always)]
fn words(address: [u32; 4]) -> [u64; 2] {
    let word = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    [word(address[0], address[1]), word(address[2], address[3])]
}

/// What stands at the beginning of a `struct sock`. Taken out of the bytes at once, which then give up their place on the stack.
struct Beginning {
    family: u16,
    /// In the order of the network.
    remote_port: u16,
    /// The IPv4 addresses, local and remote.
    addresses: [u32; 2],
}

impl Beginning {
    #[inline(always)]
    fn of(sock: usize) -> Self {
        let mut room = Room::<HEAD>::uninit();
        let head = Head::of(&mut room, sock, 0);
        Self {
            family: head.get(offset!(sock_family)),
            remote_port: head.get(offset!(sock_dport)),
            addresses: [head.get(offset!(sock_rcv_saddr)), head.get(offset!(sock_daddr))],
        }
    }
}

/// What an internet socket knows of its own side.
struct OwnSide {
    /// In the order of the network.
    port: u16,
    /// Not zero if a TCP socket comes from a listening one: it has the interface of the first packet where other sockets have that of their
    /// multicasts, which those of TCP have none of.
    ///
    /// Source: kernel net/ipv4/tcp_ipv4.c, `tcp_v4_syn_recv_sock`; net/ipv6/tcp_ipv6.c, `tcp_v6_syn_recv_sock`; ip(7) and ipv6(7):
    /// `IP_MULTICAST_IF` is refused for stream sockets.
    interface: u32,
}

impl OwnSide {
    #[inline(always)]
    fn of(sock: usize, family: u16, asked: u32) -> Self {
        let (port, interface) = (offset!(inet_sport), offset!(inet_mc_index));
        let mut room = Room::<5>::uninit();
        let inet = Block::of_both(&mut room, sock, port, interface);
        let port = inet.get(port);
        let interface = if family == INET {
            inet.get(interface)
        } else if asked & by::OF_ROLES != 0 {
            read::kernel(read::kernel::<usize>(sock + offset!(inet_pinet6)) + offset!(ipv6_mcast_oif))
        } else {
            0
        };
        Self { port, interface }
    }
}
