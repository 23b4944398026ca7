//! Blocks in the form that all readers of the last ten years take: process list 9, lists 2, events with their number of
//! parameters.
//!
//! What other readers need, and what shapes this: a plain event block has at most 64 KiB, options and frame included; a
//! section header has no options; lists stand in front of the first event, those of descriptors behind those of threads.

use super::{
    Fd, Interface, Machine, Process, User,
    block::{
        BYTE_ORDER, EVENT, EVENT_FLAGS, EVENT_LARGE, EVENT_LARGE_FLAGS, FDS, INTERFACES, MACHINE, MAJOR, PROCESSES,
        SECTION, USERS,
    },
    bytes::Out,
    options,
};

/// Minor version of what is written here.
const MINOR: u16 = 2;
/// Codes whose parameters have lengths of 4 bytes, whatever their length: pluginevent, container, asyncevent.
const LARGE: [u16; 3] = [322, 324, 402];
/// The longest plain event block.
const LONGEST: usize = 65_536;
/// Kind and length.
const FRAME_HEAD: usize = 8;
/// The length again, and padding.
const FRAME_END: usize = 8;

/// Blocks, one behind the other.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

/// What stands in front of the parameters of an event.
#[derive(Debug, Clone, Copy)]
pub struct EventHead {
    /// CPU that it happened on.
    pub cpu: u16,
    /// Nanoseconds since the epoch.
    pub time_ns: u64,
    /// Thread; -1 for none.
    pub tid: i64,
    /// Event type.
    pub code: u16,
    /// How many parameters follow.
    pub params: usize,
    /// Whether it is read for what it changes, and not shown.
    pub state_only: bool,
}

/// An event that is being written: first its parameters, then options. It must be [finished](EventOut::finish).
#[derive(Debug)]
#[must_use = "an event without its end is damage"]
pub struct EventOut<'a> {
    bytes: &'a mut Vec<u8>,
    /// Where the block begins, and the event in it.
    block: usize,
    event: usize,
    /// Where the next length stands, and where the lengths end.
    next: usize,
    payload: usize,
    large: bool,
    ended: bool,
}

impl Writer {
    /// What was written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes what was written, and leaves memory for what comes next.
    #[must_use]
    pub fn replace(&mut self, memory: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut self.bytes, memory)
    }

    /// Puts what another one wrote behind what is here.
    pub fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// How many bytes were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn block(&mut self, kind: u32, fill: impl FnOnce(&mut Out<'_>)) {
        let start = self.bytes.len();
        let mut out = Out(&mut self.bytes);
        out.u32(kind).u32(0);
        fill(&mut out);
        end_block(&mut self.bytes, start);
    }

    /// The header, with which a capture begins.
    pub fn section(&mut self) {
        self.block(SECTION, |out| {
            out.u32(BYTE_ORDER).u16(MAJOR).u16(MINOR).i64(-1);
        });
    }

    /// The machine.
    pub fn machine(&mut self, machine: &Machine<'_>) {
        self.block(MACHINE, |out| machine.put(out));
    }

    /// Addresses of network interfaces.
    pub fn interfaces<'i>(&mut self, interfaces: impl IntoIterator<Item = Interface<'i>>) {
        self.block(INTERFACES, |out| interfaces.into_iter().for_each(|interface| interface.put(out)));
    }

    /// Users and groups.
    pub fn users<'u>(&mut self, users: impl IntoIterator<Item = User<'u>>) {
        self.block(USERS, |out| users.into_iter().for_each(|user| user.put(out)));
    }

    /// Threads.
    pub fn processes<'p>(&mut self, processes: impl IntoIterator<Item = Process<'p>>) {
        self.block(PROCESSES, |out| processes.into_iter().for_each(|process| process.put(out)));
    }

    /// What a thread of the list of threads has open.
    pub fn fds<'f>(&mut self, tid: i64, fds: impl IntoIterator<Item = Fd<'f>>) {
        self.block(FDS, |out| {
            out.i64(tid);
            fds.into_iter().for_each(|fd| fd.put(out));
        });
    }

    /// Begins an event.
    #[inline]
    pub fn event(&mut self, head: &EventHead) -> EventOut<'_> {
        let bytes = &mut self.bytes;
        let large = LARGE.contains(&head.code);
        let kind = match (large, head.state_only) {
            (false, false) => EVENT,
            (false, true) => EVENT_FLAGS,
            (true, false) => EVENT_LARGE,
            (true, true) => EVENT_LARGE_FLAGS,
        };
        let block = bytes.len();
        let mut out = Out(bytes);
        out.u32(kind).u32(0).u16(head.cpu);
        if head.state_only {
            out.u32(1);
        }
        let event = out.0.len();
        out.u64(head.time_ns).i64(head.tid).u32(0).u16(head.code).u32(head.params as u32);
        let next = bytes.len();
        let payload = next + head.params * if large { 4 } else { 2 };
        bytes.resize(payload, 0);
        EventOut { bytes, block, event, next, payload, large, ended: false }
    }
}

/// Padding, and the length at both ends.
fn end_block(bytes: &mut Vec<u8>, start: usize) {
    let padded = (bytes.len() - start).next_multiple_of(4) + start;
    bytes.resize(padded, 0);
    let len = ((padded - start + 4) as u32).to_ne_bytes();
    bytes.extend_from_slice(&len);
    bytes[start + 4..start + FRAME_HEAD].copy_from_slice(&len);
}

impl EventOut<'_> {
    /// The next parameter. What does not fit into a plain block is cut. One more than announced is left out.
    #[inline]
    pub fn param(&mut self, value: &[u8]) {
        if self.next >= self.payload {
            return;
        }
        if self.large {
            self.bytes[self.next..self.next + 4].copy_from_slice(&(value.len() as u32).to_ne_bytes());
            self.next += 4;
            self.bytes.extend_from_slice(value);
            return;
        }
        // Numbers may still follow.
        let behind = (self.payload - self.next) / 2 * 8;
        let room = LONGEST.saturating_sub(self.bytes.len() - self.block + FRAME_END + behind);
        let value = &value[..value.len().min(room).min(usize::from(u16::MAX))];
        self.bytes[self.next..self.next + 2].copy_from_slice(&(value.len() as u16).to_ne_bytes());
        self.next += 2;
        self.bytes.extend_from_slice(value);
    }

    fn end_event(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            let len = (self.bytes.len() - self.event) as u32;
            self.bytes[self.event + 16..self.event + 20].copy_from_slice(&len.to_ne_bytes());
            let padded = (self.bytes.len() - self.block).next_multiple_of(4) + self.block;
            self.bytes.resize(padded, 0);
        }
    }

    /// An option of ours. False when it does not fit, and is left out.
    pub fn option(&mut self, number: u32, value: &[u8]) -> bool {
        self.end_event();
        let fits = value.len() <= self.room();
        if fits {
            options::put(self.bytes, number, value);
        }
        fits
    }

    /// The longest value of an option that fits now.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.large {
            return options::CUSTOM_MOST;
        }
        let taken = self.bytes.len() - self.block + options::CUSTOM_HEAD + 2 * FRAME_END;
        LONGEST.saturating_sub(taken).min(options::CUSTOM_MOST)
    }

    /// Ends the event.
    #[inline]
    pub fn finish(mut self) {
        self.end_event();
        end_block(self.bytes, self.block);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::scap::{Block, Capabilities, ExeFile, Memory, Reader, Target};

    fn process(tid: i64) -> Process<'static> {
        Process {
            tid,
            pid: 10,
            ptid: 1,
            sid: Some(6),
            vpgid: Some(8),
            comm: b"sh",
            exe: b"/bin/sh",
            exepath: b"/usr/bin/dash",
            args: b"-c\0",
            cwd: b"/home",
            fdlimit: 1024,
            flags: 2,
            uid: 1000,
            gid: 100,
            memory: Some(Memory { size_kb: 1, resident_kb: 2, swapped_kb: 3, major_faults: 4, minor_faults: 5 }),
            env: b"A=1\0",
            vtid: Some(11),
            vpid: Some(12),
            cgroups: b"cpu=/x\0",
            root: b"/",
            ..Process::default()
        }
    }

    fn described(tid: i64) -> Process<'static> {
        let file = ExeFile {
            writable: Some(true),
            upper_layer: Some(false),
            lower_layer: Some(true),
            from_memfd: Some(false),
            ino: Some(7),
            ctime_ns: Some(8),
            mtime_ns: Some(9),
        };
        Process {
            pidns_init_start_ns: Some(77),
            tty: Some(5),
            loginuid: Some(1000),
            capabilities: Some(Capabilities { inheritable: 1, permitted: 2, effective: 3 }),
            file,
            pgid: Some(42),
            ..process(tid)
        }
    }

    fn fds() -> Vec<Fd<'static>> {
        let target = [
            Target::Unknown,
            Target::Name(b"/srv"),
            Target::Ipv4 { source: ([10, 0, 0, 1].into(), 4000), dest: ([10, 0, 0, 2].into(), 80), l4proto: 2 },
            Target::Ipv6 { source: (1u128.into(), 4000), dest: (2u128.into(), 80), l4proto: 3 },
            Target::Ipv4Server { local: ([127, 0, 0, 1].into(), 53), l4proto: 3 },
            Target::Ipv6Server { local: (1u128.into(), 53), l4proto: 2 },
            Target::Unix { source: 0xA, dest: 0xB, path: b"/run/x" },
            Target::File { flags: 1, name: b"/etc/passwd", dev: Some(0x801) },
        ];
        let kinds = [0, 2, 3, 4, 5, 6, 8, 16];
        let both = target.into_iter().zip(kinds).zip(0..);
        both.map(|((target, kind), fd)| Fd { fd, ino: 1000 + fd as u64, kind, target }).collect()
    }

    #[test]
    fn what_is_written_comes_back() {
        let mut writer = Writer::default();
        writer.section();
        let machine =
            Machine { cpus: 4, memory_bytes: 1 << 30, max_pid: 4096, hostname: b"web-1", boot_ns: Some(5), flags: 0 };
        writer.machine(&machine);
        let loopback = |speed| Interface {
            name: b"lo",
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            netmask: IpAddr::from([255, 0, 0, 0]),
            broadcast: IpAddr::from([0; 4]),
            speed,
        };
        let six = Interface { address: IpAddr::from([1; 16]), ..loopback(None) };
        let six = Interface { netmask: six.address, broadcast: six.address, ..six };
        let interfaces = [loopback(Some(1000)), loopback(None), six];
        writer.interfaces(interfaces);
        let users = [
            User::User { uid: 1, gid: 2, name: b"u", home: b"/home/u", shell: b"/bin/sh" },
            User::Group { gid: 2, name: b"g" },
        ];
        writer.users(users);
        writer.processes([process(10), described(11)]);
        writer.fds(10, fds());
        let head = EventHead { cpu: 3, time_ns: 99, tid: 10, code: 7, params: 3, state_only: false };
        for (code, state_only) in [(7, false), (7, true), (324, false), (324, true)] {
            let mut event = writer.event(&EventHead { code, state_only, ..head });
            [&b"first"[..], b"", b"third"].iter().for_each(|param| event.param(param));
            event.param(b"one too many");
            assert!(event.option(options::own::LATENCY, &7_u32.to_ne_bytes()));
            event.finish();
        }
        writer.event(&EventHead { params: 0, ..head }).finish();

        let mut reader = Reader::new(writer.bytes());
        let mut seen = Vec::new();
        while let Some(block) = reader.next().unwrap() {
            match block {
                Block::Section(section) => {
                    assert_eq!((section.major, section.minor, section.options().count()), (1, 2, 0))
                }
                Block::Machine(found) => assert_eq!(found, machine),
                Block::Interfaces(list) => assert_eq!(list.map(Result::unwrap).collect::<Vec<_>>(), interfaces),
                Block::Users(list) => assert_eq!(list.map(Result::unwrap).collect::<Vec<_>>(), users),
                Block::Processes(list) => {
                    assert_eq!(list.map(Result::unwrap).collect::<Vec<_>>(), [process(10), described(11)]);
                }
                Block::Fds(list) => {
                    assert_eq!((list.tid(), list.version()), (10, 2));
                    assert_eq!(list.map(Result::unwrap).collect::<Vec<_>>(), fds());
                }
                Block::Event(event) => {
                    assert_eq!((event.cpu, event.time_ns, event.tid), (3, 99, 10));
                    let params: Vec<_> = event.params(9).unwrap().iter().map(<[u8]>::to_vec).collect();
                    let options: Vec<_> = event.options().custom().map(|(code, value)| (code, value.len())).collect();
                    seen.push((event.code, event.state_only(), event.large, params.concat().len(), options));
                }
                Block::Unknown { kind, .. } => panic!("unknown block {kind:#x}"),
            }
        }
        let latency = vec![(options::own::LATENCY, 4)];
        assert_eq!(
            seen,
            [
                (7, false, false, 10, latency.clone()),
                (7, true, false, 10, latency.clone()),
                (324, false, true, 10, latency.clone()),
                (324, true, true, 10, latency),
                (7, false, false, 0, vec![]),
            ]
        );
    }

    #[test]
    fn a_plain_block_never_has_more_than_64_kib() {
        let mut writer = Writer::default();
        writer.section();
        let before = writer.len();
        let head = EventHead { cpu: 3, time_ns: 99, tid: 10, code: 7, params: 4, state_only: false };
        let mut event = writer.event(&head);
        event.param(&[1; 8]);
        event.param(&vec![2; 70_000]);
        event.param(&[3; 8]);
        event.param(&[4; 4]);
        assert!(!event.option(1, &[0; 100]), "there is no room for it");
        event.finish();
        assert!(writer.len() - before <= LONGEST, "{}", writer.len() - before);
        let mut reader = Reader::new(writer.bytes());
        reader.next().unwrap();
        let Some(Block::Event(event)) = reader.next().unwrap() else { panic!("no event") };
        let params: Vec<_> = event.params(4).unwrap().iter().map(<[u8]>::len).collect();
        assert_eq!((params[0], params[2], params[3]), (8, 8, 4));
        assert!(params[1] > 65_000);
    }

    #[test]
    fn lists_are_cut_at_an_entry() {
        let mut writer = Writer::default();
        writer.section();
        let args = b"word\0".repeat(1000);
        writer.processes([Process { args: &args, cwd: &[b'x'; 5000], ..process(10) }]);
        let mut reader = Reader::new(writer.bytes());
        reader.next().unwrap();
        let Some(Block::Processes(mut list)) = reader.next().unwrap() else { panic!("no processes") };
        let found = list.next().unwrap().unwrap();
        assert_eq!((found.args.len(), found.cwd.len()), (4095, 1024));
    }
}
