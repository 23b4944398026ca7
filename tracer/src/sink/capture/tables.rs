//! What stands in front of the events of a capture: the state, as blocks.
//!
//! Blocks are written so that all readers take them. What they cannot say – an older reader ends at a kind of descriptor that
//! it does not know – comes back as [`Facts`], found by reading the blocks as a reader of ours does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustc_hash::FxHashSet;
use tracer_common::flags::{CLONE_FILES, CLONE_THREAD};

use crate::{
    event::portable::Redact,
    scap::{Fd as FileFd, Interface, Machine, Process, Reader, Target, User, Writer},
    source::replay::machine,
    state::{
        Fd, FdKind, Procfs, Sock, State, Thread,
        facts::{Facts, FdFact},
    },
};

/// Flags of clone of a thread that is not the main one.
const THREAD_FLAGS: u32 = CLONE_FILES | CLONE_THREAD;
/// Kinds of descriptors, in the numbers of the format.
const UNKNOWN: u8 = 0;
const UNSUPPORTED: u8 = 10;

/// Writes the header and all tables. `keep` says which threads; their ancestors stay, too.
pub(super) fn write(out: &mut Writer, state: &State, redact: Redact, keep: Option<&dyn Fn(&Thread) -> bool>) -> Facts {
    let start = out.len();
    out.section();
    let host = &state.host;
    out.machine(&Machine {
        cpus: host.cpus,
        memory_bytes: host.memory_bytes,
        max_pid: host.max_pid,
        hostname: &host.name,
        boot_ns: (host.boot_ns != 0).then_some(host.boot_ns),
        flags: host.flags,
    });
    out.interfaces(host.interfaces.iter().map(|interface| Interface {
        name: &interface.name,
        address: interface.address,
        netmask: interface.netmask,
        broadcast: interface.broadcast,
        speed: interface.speed,
    }));
    write_users(out, state);
    let threads = threads(state, keep);
    out.processes(threads.iter().map(|thread| process(thread, redact)));
    // Threads of a process share its descriptors.
    for thread in threads.iter().filter(|thread| thread.is_main()) {
        let mut fds: Vec<_> = state.fds.iter(thread.fds).collect();
        fds.sort_unstable_by_key(|(number, _)| *number);
        if !fds.is_empty() {
            out.fds(thread.tid.into(), fds.iter().map(|(number, fd)| descriptor(*number, fd)));
        }
    }
    facts(&out.bytes()[start..], state, &threads)
}

fn write_users(out: &mut Writer, state: &State) {
    let mut users: Vec<_> = state.users.users().collect();
    let mut groups: Vec<_> = state.users.groups().collect();
    users.sort_unstable_by_key(|(uid, _)| *uid);
    groups.sort_unstable_by_key(|(gid, _)| *gid);
    let users = users.into_iter().map(|(uid, user)| User::User {
        uid,
        gid: user.gid,
        name: user.name.as_bytes(),
        home: user.home.as_bytes(),
        shell: user.shell.as_bytes(),
    });
    let groups = groups.into_iter().map(|(gid, name)| User::Group { gid, name: name.as_bytes() });
    let all: Vec<_> = users.chain(groups).collect();
    if !all.is_empty() {
        out.users(all);
    }
}

/// The threads that live and of which something is known, main threads first, by number.
fn threads<'s>(state: &'s State, keep: Option<&dyn Fn(&Thread) -> bool>) -> Vec<&'s Thread> {
    let mut threads: Vec<&Thread> = living(state).filter(|thread| !thread.is_stranger).collect();
    threads.sort_unstable_by_key(|thread| (!thread.is_main(), thread.tid));
    if let Some(keep) = keep {
        let mut kept = FxHashSet::default();
        for thread in threads.iter().filter(|thread| keep(thread)) {
            kept.insert(thread.tid);
            kept.insert(thread.pid);
            kept.extend(state.ancestors(thread).map(|ancestor| ancestor.tid));
        }
        threads.retain(|thread| kept.contains(&thread.tid));
    }
    threads
}

fn living(state: &State) -> impl Iterator<Item = &Thread> {
    state.threads.iter().map(|thread| &**thread).filter(|thread| thread.exited_ns.is_none())
}

fn process(thread: &Thread, redact: Redact) -> Process<'_> {
    let known = |number: u32, none: u32| (number != none).then_some(number);
    Process {
        tid: thread.tid.into(),
        pid: thread.pid.into(),
        ptid: thread.ppid.into(),
        sid: Some(thread.sid.into()),
        vpgid: Some(thread.vpgid.into()),
        comm: &thread.comm,
        exe: &thread.exe,
        exepath: &thread.exepath,
        args: if redact.args { &[] } else { &thread.args },
        cwd: &thread.cwd,
        fdlimit: thread.fd_limit,
        flags: if thread.is_main() { 0 } else { THREAD_FLAGS },
        uid: thread.uid,
        gid: thread.gid,
        memory: thread.memory,
        env: if redact.env { &[] } else { &thread.env },
        vtid: Some(thread.vtid.into()),
        vpid: Some(thread.vpid.into()),
        cgroups: &thread.cgroups,
        root: b"/",
        pidns_init_start_ns: (thread.pidns_init_start_ns != 0).then_some(thread.pidns_init_start_ns),
        tty: known(thread.tty, 0),
        loginuid: known(thread.loginuid, u32::MAX),
        capabilities: thread.capabilities,
        file: thread.exe_file,
        pgid: known(thread.pgid, 0).map(i64::from),
    }
}

fn descriptor(number: i32, fd: &Fd) -> FileFd<'_> {
    let name = Target::Name(&fd.name);
    let (kind, target) = match fd.kind {
        FdKind::File => (16, Target::File { flags: fd.flags, name: &fd.name, dev: Some(fd.dev) }),
        FdKind::Directory
        | FdKind::Pipe
        | FdKind::Event
        | FdKind::Signal
        | FdKind::Eventpoll
        | FdKind::Inotify
        | FdKind::Timer
        | FdKind::Netlink => (machine::number(fd.kind).unwrap_or(UNSUPPORTED), name),
        FdKind::Unix => (8, Target::Unix { source: 0, dest: 0, path: &fd.name }),
        FdKind::Ipv4 | FdKind::Ipv6 => {
            fd.sock.as_deref().and_then(socket).unwrap_or((UNSUPPORTED, Target::Name(b"socket")))
        }
        // Sysdig 0.29 ends at their own numbers.
        FdKind::Packet => (UNSUPPORTED, named(&fd.name, b"[packet]")),
        FdKind::Bpf => (UNSUPPORTED, named(&fd.name, b"[bpf]")),
        FdKind::Userfault => (UNSUPPORTED, named(&fd.name, b"[userfaultfd]")),
        FdKind::IoUring => (UNSUPPORTED, named(&fd.name, b"[io_uring]")),
        FdKind::Memfd => (UNSUPPORTED, named(&fd.name, b"[memfd]")),
        FdKind::Pidfd => (UNSUPPORTED, named(&fd.name, b"[pidfd]")),
        FdKind::Unknown if fd.name.is_empty() => (UNKNOWN, Target::Unknown),
        FdKind::Unknown => (UNSUPPORTED, name),
    };
    FileFd { fd: number.into(), ino: fd.ino, kind, target }
}

fn named<'a>(name: &'a [u8], otherwise: &'a [u8]) -> Target<'a> {
    Target::Name(if name.is_empty() { otherwise } else { name })
}

/// Of an internet socket; `None` for one without ends.
fn socket<'a>(sock: &Sock) -> Option<(u8, Target<'a>)> {
    let l4proto = machine::l4proto(sock);
    let (local, remote) =
        if sock.listening { (sock.local?, None) } else { (sock.local.or(sock.remote.map(nowhere))?, sock.remote) };
    Some(match (local, remote) {
        (SocketAddr::V4(local), None) => (5, Target::Ipv4Server { local: (*local.ip(), local.port()), l4proto }),
        (SocketAddr::V6(local), None) => (6, Target::Ipv6Server { local: (*local.ip(), local.port()), l4proto }),
        (SocketAddr::V4(local), Some(SocketAddr::V4(remote))) => {
            let (source, dest) = ((*local.ip(), local.port()), (*remote.ip(), remote.port()));
            (3, Target::Ipv4 { source, dest, l4proto })
        }
        (local, Some(remote)) => (
            4,
            Target::Ipv6 { source: (v6(local.ip()), local.port()), dest: (v6(remote.ip()), remote.port()), l4proto },
        ),
    })
}

/// The end of a socket that is not known, in the family of the other one.
fn nowhere(other: SocketAddr) -> SocketAddr {
    match other {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// What the blocks do not say: the difference between the state and what a reader makes of them.
fn facts(blocks: &[u8], state: &State, threads: &[&Thread]) -> Facts {
    let back = read_back(blocks);
    let mut facts = Facts::default();
    for thread in threads {
        let Some(known) = back.thread(thread.tid) else { continue };
        if thread.start_ns != known.start_ns {
            facts.starts.push((thread.tid, thread.start_ns));
        }
        let (id, known_id) = (&state.containers.get(thread.container).id, &back.containers.get(known.container).id);
        if id != known_id && !id.is_empty() {
            facts.moved.push((thread.tid, id.clone()));
        }
        if thread.is_main() {
            let different =
                |number: i32, fd: &Fd| back.fds.get(known.fds, number).is_none_or(|other| differs(fd, other));
            let mut fds: Vec<_> = state.fds.iter(thread.fds).filter(|(number, fd)| different(*number, fd)).collect();
            fds.sort_unstable_by_key(|(number, _)| *number);
            facts.fds.extend(fds.into_iter().map(|(number, fd)| FdFact::new(thread.tid, number, fd)));
        }
    }
    strangers(state, &mut facts);
    facts
}

/// What threads have open of which nothing else is known. A block would make them known.
fn strangers(state: &State, facts: &mut Facts) {
    let start = facts.fds.len();
    for thread in living(state).filter(|thread| thread.is_stranger) {
        facts.fds.extend(state.fds.iter(thread.fds).map(|(number, fd)| FdFact::new(thread.tid, number, fd)));
    }
    facts.fds[start..].sort_unstable_by_key(|fact| (fact.tid, fact.fd));
}

/// Whether people could see the difference.
pub(super) fn differs(one: &Fd, other: &Fd) -> bool {
    one.kind != other.kind
        || one.name != other.name
        || one.flags != other.flags
        || one.dev != other.dev
        || one.ino != other.ino
        || one.pid != other.pid
        || one.kind.is_inet() && one.sock != other.sock
}

/// What a reader of ours makes of blocks.
pub(super) fn read_back(blocks: &[u8]) -> State {
    let mut state = State { procfs: Procfs::none(), ..State::default() };
    // They were written by us: an error would be a defect of ours, and leaves more to be told.
    let _ = read(blocks, &mut state);
    state
}

fn read(blocks: &[u8], state: &mut State) -> anyhow::Result<()> {
    let mut reader = Reader::new(blocks);
    let mut told = Vec::new();
    while let Some(block) = reader.next()? {
        machine::take(&block, &mut told)?;
        told.drain(..).for_each(|told| told.apply(state));
    }
    machine::Told::Complete.apply(state);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::atomic::AtomicBool};

    use super::*;
    use crate::{
        state::{Role, container, procfs::Wanted},
        testing::World,
    };

    #[test]
    fn this_machine_comes_back_from_its_blocks() {
        let root = Path::new("/");
        let mut state = State {
            containers: crate::state::Containers::start(&container::Options {
                metadata: false,
                ..container::Options::default()
            }),
            host: crate::state::Host::read(root),
            users: crate::state::Users::read(root),
            ..State::default()
        };
        state.procfs = Procfs::new(root);
        state.procfs.scan(Wanted { descriptors: true, ..Wanted::default() }).first(&mut state, &AtomicBool::new(false));
        let mut writer = Writer::default();
        let facts = write(&mut writer, &state, Redact::default(), None);
        let mut again = read_back(writer.bytes());
        facts.apply(&mut again);
        assert_eq!(again.host.name, state.host.name);
        assert_eq!((again.host.cpus, &again.host.interfaces), (state.host.cpus, &state.host.interfaces));
        assert_eq!(again.users.user(0), state.users.user(0));
        assert!(state.threads.len() > 3);
        for thread in state.threads.iter() {
            let other = again.thread(thread.tid).expect("every thread comes back");
            let ids = |thread: &Thread| {
                [
                    thread.pid,
                    thread.ppid,
                    thread.vtid,
                    thread.vpid,
                    thread.pgid,
                    thread.vpgid,
                    thread.sid,
                    thread.uid,
                    thread.gid,
                    thread.tty,
                ]
            };
            assert_eq!(ids(thread), ids(other));
            assert_eq!(
                (&thread.comm, &thread.exe, &thread.exepath, &thread.cwd),
                (&other.comm, &other.exe, &other.exepath, &other.cwd)
            );
            assert_eq!(
                (thread.start_ns, thread.memory, thread.capabilities),
                (other.start_ns, other.memory, other.capabilities)
            );
            assert_eq!(thread.cgroups, other.cgroups);
            if thread.args.len() <= 4096 && thread.env.len() <= 4096 {
                assert_eq!((&thread.args, &thread.env), (&other.args, &other.env));
            }
            for (number, fd) in state.fds.iter(thread.fds) {
                let found = again.fds.get(other.fds, number).expect("every descriptor comes back");
                assert!(!differs(fd, found), "{} {number}: {fd:?} is now {found:?}", thread.tid);
            }
        }
    }

    #[test]
    fn what_blocks_cannot_say_is_a_fact() {
        let mut world = World::new();
        let sock = |role, local: Option<SocketAddr>| Sock {
            sock_type: 1,
            protocol: 6,
            local,
            remote: Some(([10, 0, 0, 2], 80).into()),
            role,
            ..Sock::default()
        };
        let inet = |sock: Sock| Fd {
            kind: FdKind::Ipv4,
            name: sock.name().into_bytes().into(),
            sock: Some(Box::new(sock)),
            ..Fd::default()
        };
        let table = world.state.thread(10).unwrap().fds;
        let local = Some(([10, 0, 0, 1], 4000).into());
        let fds = [
            (50, Fd { kind: FdKind::Memfd, name: b"x"[..].into(), ..Fd::default() }),
            (51, inet(sock(Role::Server, local))),
            (52, inet(sock(Role::Client, local))),
            (53, inet(sock(Role::Client, None))),
            (54, Fd { kind: FdKind::Ipv6, sock: Some(Box::default()), ..Fd::default() }),
            (55, Fd { kind: FdKind::File, name: vec![b'x'; 2000].into(), ..Fd::default() }),
        ];
        for (number, fd) in fds {
            world.state.fds.set(table, number, fd.into());
        }
        let mut writer = Writer::default();
        let facts = write(&mut writer, &world.state, Redact::default(), None);
        let numbers: Vec<i32> = facts.fds.iter().map(|fact| fact.fd).filter(|fd| *fd >= 50).collect();
        assert_eq!(numbers, [50, 51, 53, 54, 55], "a connected client is said by its block");
        let mut again = read_back(writer.bytes());
        facts.apply(&mut again);
        let (own, other) = (world.state.thread(10).unwrap().fds, again.thread(10).unwrap().fds);
        for number in 50..56 {
            let (fd, found) = (world.state.fds.get(own, number).unwrap(), again.fds.get(other, number).unwrap());
            assert!(!differs(fd, found), "{fd:?} is now {found:?}");
        }
    }

    #[test]
    fn threads_that_are_not_wanted_are_left_out_but_for_ancestors() {
        let mut world = World::new();
        world.thread(21, 20, "ls", crate::state::ContainerKey::HOST);
        let mut writer = Writer::default();
        write(&mut writer, &world.state, Redact::default(), Some(&|thread| thread.tid == 21));
        let again = read_back(writer.bytes());
        assert!(again.thread(21).is_some() && again.thread(20).is_some() && again.thread(30).is_none());
    }

    #[test]
    fn a_thread_of_which_nothing_is_known_stays_so() {
        let mut world = World::new();
        for tid in [70, 71] {
            let fds = world.state.fds.create();
            world.state.threads.insert(Thread { tid, pid: tid, is_stranger: true, fds, ..Thread::default() });
        }
        let table = world.state.thread(70).unwrap().fds;
        let fd = Fd { kind: FdKind::File, name: b"/x"[..].into(), ..Fd::default() };
        world.state.fds.set(table, 3, fd.into());
        let mut writer = Writer::default();
        let facts = write(&mut writer, &world.state, Redact::default(), None);
        let mut again = read_back(writer.bytes());
        assert!(again.thread(70).is_none() && again.thread(71).is_none());
        facts.apply(&mut again);
        let found = again.thread(70).unwrap();
        assert!(found.is_stranger && again.thread(71).is_none());
        assert_eq!(&*again.fds.get(found.fds, 3).unwrap().name, b"/x");
    }

    #[test]
    fn secrets_of_threads_are_left_out() {
        let mut world = World::new();
        let thread = world.state.threads.get_mut(10).unwrap();
        (thread.env, thread.args) = (b"PASSWORD=x\0"[..].into(), b"-p\0secret\0"[..].into());
        let mut writer = Writer::default();
        write(&mut writer, &world.state, Redact { env: true, args: true, data: false }, None);
        let contains = |text: &[u8]| writer.bytes().windows(text.len()).any(|part| part == text);
        assert!(!contains(b"PASSWORD") && !contains(b"secret"));
    }
}
