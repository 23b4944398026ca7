//! Threads that existed when a capture began.
//!
//! Entries follow each other until fewer than 4 bytes remain. A text is a `u16` length and that many bytes. Version 9 has
//! the length of each entry in front; it counts itself, and what the reader does not know at the end is skipped.
//!
//! ```text
//! from
//!    9  u32 length of the entry
//!    1  i64 tid, i64 pid, i64 ptid
//!    6  i64 sid
//!    8  i64 vpgid
//!    1  text comm, text exe
//!    7  text exepath
//!    1  text args, text cwd, u64 fdlimit, u32 flags, u32 uid, u32 gid
//!    2  u32 vmsize, u32 vmrss, u32 vmswap (kB), u64 pfmajor, u64 pfminor
//!    3  text env
//!    4  i64 vtid, i64 vpid, text cgroups
//!    5  text root
//!    9  u64 start of the init of the pid namespace, u32 tty: only with more than 29 bytes left in the entry
//!    9  each only when it fits: u32 loginuid, u8 executable is writable, u64 inheritable, permitted and effective
//!       capabilities, u8 upper layer, u64 inode, ctime and mtime of the executable, u8 from memfd, u8 lower layer, i64 pgid
//! ```

use super::{
    ScapError,
    bytes::{Bytes, Out},
};

/// The longest path, and the longest list of arguments, variables or cgroups, that all readers take.
const LONGEST_PATH: u16 = 1024;
const LONGEST_LIST: u16 = 4096;

/// What the entries up to the capabilities take: fewer bytes than with the two fields that came in front of them later.
const WITHOUT_TTY: usize = 29;
/// How many fields those are.
const UP_TO_CAPABILITIES: usize = 3;

/// The threads of a block, an entry for each. An error ends them.
#[derive(Debug, Clone, Copy)]
pub struct Processes<'a> {
    bytes: Bytes<'a>,
    version: u8,
}

/// A thread. Fields that the version of the list does not have are `None` or empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Process<'a> {
    /// Thread id.
    pub tid: i64,
    /// Process id.
    pub pid: i64,
    /// Process id of the parent.
    pub ptid: i64,
    /// Session id.
    pub sid: Option<i64>,
    /// Process group in its pid namespace.
    pub vpgid: Option<i64>,
    /// Name of the thread.
    pub comm: &'a [u8],
    /// First argument.
    pub exe: &'a [u8],
    /// Path of the executable.
    pub exepath: &'a [u8],
    /// The other arguments, with a NUL behind each.
    pub args: &'a [u8],
    /// Working directory.
    pub cwd: &'a [u8],
    /// Limit of open files.
    pub fdlimit: u64,
    /// Flags of clone, in the numbers of the format.
    pub flags: u32,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Memory.
    pub memory: Option<Memory>,
    /// Environment, with a NUL behind each variable.
    pub env: &'a [u8],
    /// Thread id in its pid namespace.
    pub vtid: Option<i64>,
    /// Process id there.
    pub vpid: Option<i64>,
    /// Cgroups as `controller=path`, with a NUL behind each.
    pub cgroups: &'a [u8],
    /// Root directory.
    pub root: &'a [u8],
    /// When the init process of its pid namespace started, ns since the epoch.
    pub pidns_init_start_ns: Option<u64>,
    /// Controlling terminal; 0 is none.
    pub tty: Option<u32>,
    /// Login user; all ones is none.
    pub loginuid: Option<u32>,
    /// Capabilities.
    pub capabilities: Option<Capabilities>,
    /// What is known of the executable.
    pub file: ExeFile,
    /// Process group.
    pub pgid: Option<i64>,
}

/// Memory and page faults of a thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Virtual memory, kB.
    pub size_kb: u32,
    /// Resident memory, kB.
    pub resident_kb: u32,
    /// Swapped memory, kB.
    pub swapped_kb: u32,
    /// Page faults that read from a disk.
    pub major_faults: u64,
    /// The others.
    pub minor_faults: u64,
}

/// Sets of capabilities, with the numbers of the kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Inheritable.
    pub inheritable: u64,
    /// Permitted.
    pub permitted: u64,
    /// Effective.
    pub effective: u64,
}

/// What is known of the file of an executable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExeFile {
    /// The user could write to it.
    pub writable: Option<bool>,
    /// It is in the upper layer of an overlay.
    pub upper_layer: Option<bool>,
    /// It is in a lower layer of an overlay.
    pub lower_layer: Option<bool>,
    /// It is in anonymous memory.
    pub from_memfd: Option<bool>,
    /// Inode number.
    pub ino: Option<u64>,
    /// Time of its last change of status, ns since the epoch.
    pub ctime_ns: Option<u64>,
    /// Time of its last change of content, ns since the epoch.
    pub mtime_ns: Option<u64>,
}

impl Process<'_> {
    /// An entry of version 9.
    pub(super) fn put(&self, out: &mut Out<'_>) {
        let tid = |id: Option<i64>, other: i64| id.unwrap_or(other);
        let memory = self.memory.unwrap_or_default();
        out.entry(4, |out| {
            out.i64(self.tid).i64(self.pid).i64(self.ptid).i64(tid(self.sid, 0)).i64(tid(self.vpgid, 0));
            out.text(self.comm, LONGEST_PATH).text(self.exe, LONGEST_PATH).text(self.exepath, LONGEST_PATH);
            out.text(whole(self.args), LONGEST_LIST).text(self.cwd, LONGEST_PATH);
            out.u64(self.fdlimit).u32(self.flags).u32(self.uid).u32(self.gid);
            out.u32(memory.size_kb).u32(memory.resident_kb).u32(memory.swapped_kb);
            out.u64(memory.major_faults).u64(memory.minor_faults).text(whole(self.env), LONGEST_LIST);
            out.i64(tid(self.vtid, self.tid)).i64(tid(self.vpid, self.pid)).text(whole(self.cgroups), LONGEST_LIST);
            out.text(self.root, LONGEST_PATH);
            self.put_tail(out);
        });
    }

    /// As far as something is known: what is not there has no value for the reader. The first two are left out, too, where the
    /// rest is so short that a reader knows that they are.
    fn put_tail(&self, out: &mut Out<'_>) {
        let file = &self.file;
        let known = [
            self.loginuid.is_some(),
            file.writable.is_some(),
            self.capabilities.is_some(),
            file.upper_layer.is_some(),
            file.ino.is_some(),
            file.ctime_ns.is_some(),
            file.mtime_ns.is_some(),
            file.from_memfd.is_some(),
            file.lower_layer.is_some(),
            self.pgid.is_some(),
        ];
        let mut count = known.iter().rposition(|known| *known).map_or(0, |last| last + 1);
        let has_first = self.pidns_init_start_ns.is_some() || self.tty.is_some();
        if has_first || count > UP_TO_CAPABILITIES {
            out.u64(self.pidns_init_start_ns.unwrap_or(0)).u32(self.tty.unwrap_or(0));
            count = count.max(UP_TO_CAPABILITIES);
        }
        let bit = |value: Option<bool>| u8::from(value.unwrap_or(false));
        let sets = self.capabilities.unwrap_or_default();
        for field in 0..count {
            match field {
                0 => out.u32(self.loginuid.unwrap_or(u32::MAX)),
                1 => out.u8(bit(file.writable)),
                2 => out.u64(sets.inheritable).u64(sets.permitted).u64(sets.effective),
                3 => out.u8(bit(file.upper_layer)),
                4 => out.u64(file.ino.unwrap_or(0)),
                5 => out.u64(file.ctime_ns.unwrap_or(0)),
                6 => out.u64(file.mtime_ns.unwrap_or(0)),
                7 => out.u8(bit(file.from_memfd)),
                8 => out.u8(bit(file.lower_layer)),
                _ => out.i64(self.pgid.unwrap_or(0)),
            };
        }
    }
}

/// As many entries of a list, each with its NUL, as fit.
fn whole(list: &[u8]) -> &[u8] {
    if list.len() <= usize::from(LONGEST_LIST) {
        return list;
    }
    let cut = &list[..usize::from(LONGEST_LIST)];
    // One entry may be longer than all that fits: its beginning is better than nothing.
    cut.iter().rposition(|byte| *byte == 0).map_or(cut, |end| &cut[..=end])
}

impl<'a> Processes<'a> {
    pub(super) fn new(body: &'a [u8], offset: u64, version: u8) -> Self {
        Self { bytes: Bytes::new(body, offset, "process list"), version }
    }

    /// Version of the list, 1 to 9.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    fn entry(&mut self) -> Result<Option<Process<'a>>, ScapError> {
        if self.version < 9 {
            return if self.bytes.ends() { Ok(None) } else { common(&mut self.bytes, self.version).map(Some) };
        }
        let Some(mut entry) = self.bytes.entry(4)? else { return Ok(None) };
        let mut process = common(&mut entry, self.version)?;
        tail(&mut entry, &mut process)?;
        Ok(Some(process))
    }
}

impl<'a> Iterator for Processes<'a> {
    type Item = Result<Process<'a>, ScapError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entry().transpose()?;
        if entry.is_err() {
            self.bytes.give_up();
        }
        Some(entry)
    }
}

/// The fields that belong to the version.
fn common<'a>(bytes: &mut Bytes<'a>, version: u8) -> Result<Process<'a>, ScapError> {
    let mut process = Process { tid: bytes.i64()?, pid: bytes.i64()?, ptid: bytes.i64()?, ..Process::default() };
    if version >= 6 {
        process.sid = Some(bytes.i64()?);
    }
    if version >= 8 {
        process.vpgid = Some(bytes.i64()?);
    }
    process.comm = bytes.text()?;
    process.exe = bytes.text()?;
    if version >= 7 {
        process.exepath = bytes.text()?;
    }
    process.args = bytes.text()?;
    process.cwd = bytes.text()?;
    process.fdlimit = bytes.u64()?;
    process.flags = bytes.u32()?;
    process.uid = bytes.u32()?;
    process.gid = bytes.u32()?;
    if version >= 2 {
        process.memory = Some(Memory {
            size_kb: bytes.u32()?,
            resident_kb: bytes.u32()?,
            swapped_kb: bytes.u32()?,
            major_faults: bytes.u64()?,
            minor_faults: bytes.u64()?,
        });
    }
    if version >= 3 {
        process.env = bytes.text()?;
    }
    if version >= 4 {
        process.vtid = Some(bytes.i64()?);
        process.vpid = Some(bytes.i64()?);
        process.cgroups = bytes.text()?;
    }
    if version >= 5 {
        process.root = bytes.text()?;
    }
    Ok(process)
}

/// What an entry with a length may have in addition, as far as it goes.
fn tail(bytes: &mut Bytes<'_>, process: &mut Process<'_>) -> Result<(), ScapError> {
    if bytes.len() > WITHOUT_TTY {
        process.pidns_init_start_ns = Some(bytes.u64()?);
        process.tty = Some(bytes.u32()?);
    }
    process.loginuid = u32_if(bytes);
    process.file.writable = bool_if(bytes);
    if let (Some(inheritable), Some(permitted), Some(effective)) = (u64_if(bytes), u64_if(bytes), u64_if(bytes)) {
        process.capabilities = Some(Capabilities { inheritable, permitted, effective });
    }
    process.file.upper_layer = bool_if(bytes);
    process.file.ino = u64_if(bytes);
    process.file.ctime_ns = u64_if(bytes);
    process.file.mtime_ns = u64_if(bytes);
    process.file.from_memfd = bool_if(bytes);
    process.file.lower_layer = bool_if(bytes);
    process.pgid = u64_if(bytes).map(|pgid| pgid as i64);
    Ok(())
}

/// The next value of an entry, unless the entry is of an older writer and ends here. What is too short for it belongs to
/// nothing behind it either.
fn if_there<T>(bytes: &mut Bytes<'_>, value: Result<T, ScapError>) -> Option<T> {
    if value.is_err() {
        bytes.give_up();
    }
    value.ok()
}

fn u32_if(bytes: &mut Bytes<'_>) -> Option<u32> {
    let value = bytes.u32();
    if_there(bytes, value)
}

fn u64_if(bytes: &mut Bytes<'_>) -> Option<u64> {
    let value = bytes.u64();
    if_there(bytes, value)
}

fn bool_if(bytes: &mut Bytes<'_>) -> Option<bool> {
    let value = bytes.u8();
    if_there(bytes, value).map(|byte| byte != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scap::{Block, testing::Body};

    const KINDS: [u32; 9] = [0x202, 0x207, 0x209, 0x210, 0x211, 0x212, 0x213, 0x214, 0x215];

    fn common(version: u8, tid: u64) -> Body {
        let mut body = Body::default().u64(tid).u64(10).u64(1);
        if version >= 6 {
            body = body.u64(6);
        }
        if version >= 8 {
            body = body.u64(8);
        }
        body = body.text(b"sh").text(b"/bin/sh");
        if version >= 7 {
            body = body.text(b"/usr/bin/dash");
        }
        body = body.text(b"-c\0").text(b"/home").u64(1024).u32(2).u32(1000).u32(100);
        if version >= 2 {
            body = body.u32(1).u32(2).u32(3).u64(4).u64(5);
        }
        if version >= 3 {
            body = body.text(b"A=1\0");
        }
        if version >= 4 {
            body = body.u64(11).u64(12).text(b"cpu=/x\0");
        }
        if version >= 5 {
            body = body.text(b"/");
        }
        body
    }

    fn list(kind: u32, body: &Body) -> Vec<Result<Process<'_>, ScapError>> {
        let Block::Processes(list) = body.parse(kind).unwrap() else { panic!("no processes") };
        list.collect()
    }

    #[test]
    fn each_version_has_the_fields_of_those_before() {
        for (version, kind) in (1..=8).zip(KINDS) {
            let body = common(version, 10).body(&common(version, 11)).raw(&[0; 3]);
            let found = list(kind, &body);
            assert_eq!(found.len(), 2, "version {version}");
            let process = found[1].as_ref().unwrap();
            assert_eq!((process.tid, process.pid, process.ptid, process.uid, process.gid), (11, 10, 1, 1000, 100));
            assert_eq!((process.comm, process.exe, process.args), (&b"sh"[..], &b"/bin/sh"[..], &b"-c\0"[..]));
            assert_eq!((process.sid, process.vpgid), ((version >= 6).then_some(6), (version >= 8).then_some(8)));
            assert_eq!(process.memory.map(|memory| memory.minor_faults), (version >= 2).then_some(5));
            assert_eq!(process.vpid, (version >= 4).then_some(12));
            assert_eq!((process.root.is_empty(), process.exepath.is_empty()), (version < 5, version < 7));
            assert_eq!(process.loginuid, None);
        }
    }

    #[test]
    fn the_end_of_an_entry_of_version_9_is_read_as_far_as_it_goes() {
        let middle = Body::default().u32(1000).raw(&[1]).u64(1).u64(2).u64(3);
        let whole = Body::default().u64(77).u32(5).body(&middle).raw(&[1]).u64(7).u64(8).u64(9).raw(&[0, 1]).u64(42);
        let entry = |tail: &Body| common(9, 10).body(tail).counted();
        let unknown = whole.clone().raw(b"what a newer writer adds");
        let shorts: Vec<Body> = [Body::default(), Body::default().u32(1000), middle, whole, unknown].into();
        let body = shorts.iter().fold(Body::default(), |body, tail| body.body(&entry(tail)));
        let found: Vec<_> = list(0x215, &body).into_iter().map(Result::unwrap).collect();
        assert_eq!(found.len(), 5);
        assert_eq!(found.iter().map(|process| process.loginuid).collect::<Vec<_>>()[..2], [None, Some(1000)]);
        assert_eq!((found[2].tty, found[2].file.writable, found[2].file.upper_layer), (None, Some(true), None));
        assert_eq!(found[2].capabilities.map(|sets| sets.effective), Some(3));
        assert_eq!((found[3].pidns_init_start_ns, found[3].tty, found[3].pgid), (Some(77), Some(5), Some(42)));
        assert_eq!((found[3].file.mtime_ns, found[3].file.lower_layer), (Some(9), Some(true)));
        assert_eq!(found[4], found[3]);
    }

    #[test]
    fn what_is_not_known_at_the_end_of_an_entry_is_not_written() {
        let base =
            Process { tid: 10, sid: Some(1), vpgid: Some(1), memory: Some(Memory::default()), ..Process::default() };
        let base = Process { vtid: Some(10), vpid: Some(10), root: b"/", ..base };
        let user = Process { loginuid: Some(500), ..base };
        let file = ExeFile { writable: Some(true), ..ExeFile::default() };
        let sets = Some(Capabilities::default());
        let tty = Process { pidns_init_start_ns: Some(5), tty: Some(6), ..user };
        let described = Process { capabilities: sets, file, ..tty };
        let upper = ExeFile { upper_layer: Some(false), ..file };
        let all = [base, user, Process { file, ..user }, described, Process { file: upper, ..described }];
        let mut writer = crate::scap::Writer::default();
        writer.section();
        writer.processes(all);
        let mut reader = crate::scap::Reader::new(writer.bytes());
        reader.next().unwrap();
        let Some(Block::Processes(list)) = reader.next().unwrap() else { panic!("no processes") };
        let found: Vec<_> = list.map(Result::unwrap).collect();
        assert_eq!(found, all);
    }

    #[test]
    fn damage_ends_the_list_after_what_was_whole() {
        let body = common(1, 10).body(&common(1, 11)).raw(&[0, 1, 0, 0, 0]);
        let found = list(0x202, &body);
        assert_eq!(found.len(), 3);
        assert!(found[1].is_ok());
        assert_eq!(found[2].as_ref().unwrap_err().offset(), 8 + 2 * common(1, 10).len() as u64);
        for length in [0u32, 3, 5, 1000, u32::MAX] {
            let body = common(9, 10).counted().u32(length).raw(&[0; 40]);
            let found = list(0x215, &body);
            assert_eq!((found.len(), found[0].is_ok(), found[1].is_ok()), (2, true, false), "{length}");
        }
    }
}
