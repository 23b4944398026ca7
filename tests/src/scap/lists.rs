//! Blocks in front of the events: section header, machine, processes, descriptors, interfaces, users.

use super::{Fault, Rules, Walk, bytes::Cursor};

/// What marks a section header whose numbers are in the order of this machine.
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
/// Bytes of a machine, and of its name therein.
const MACHINE: usize = 180;
const HOST_NAME: usize = 128;
/// Most bytes of a path or a name of a process; of its arguments, environment or cgroups; of the name of a descriptor;
/// of a text of a user. Both released readers refuse the whole file over a longer one.
const MOST_PATH: usize = 1024;
const MOST_LIST: usize = 4096;
const MOST_FD_NAME: usize = 1023;
const MOST_USER_TEXT: usize = 255;
/// Up to here the end of a process has no start of its namespace and no terminal.
const SHORT_TAIL: usize = 29;
/// The last kind of descriptor that the older of the released readers knows, and the newest of all.
const MOST_FD_KIND: u8 = 16;
const NEWEST_FD_KIND: u8 = 21;
/// The last protocol of a socket.
const RAW: u8 = 5;

pub(super) fn section(walk: &mut Walk, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let at = cursor.clone();
    let magic = cursor.u32("a byte order")?;
    if magic != BYTE_ORDER {
        return Err(at.fault(format!("the byte order {magic:#x}")));
    }
    let (major, minor) = (cursor.u16("a version")?, cursor.u16("a version")?);
    if major != 1 || minor > 2 || (walk.rules.ours() && minor != 2) {
        walk.report.add(at.fault(format!("version {major}.{minor}")));
    }
    let length = cursor.i64("the length of a section")?;
    if length != -1 {
        walk.report.add(at.fault(format!("a section of {length} bytes")));
    }
    if walk.rules.ours() && cursor.left() > 0 {
        walk.report.add(cursor.fault("options of a section, which sysdig 0.29 refuses"));
    }
    Ok(())
}

pub(super) fn machine(walk: &mut Walk, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    walk.section().machines += 1;
    if cursor.left() != MACHINE {
        return Err(cursor.fault(format!("a machine of {} bytes", cursor.left())));
    }
    let at = cursor.clone();
    let cpus = cursor.u32("CPUs")?;
    cursor.u64("memory")?;
    cursor.u64("the highest process id")?;
    let name = cursor.take(HOST_NAME, "a host name")?;
    if cpus == 0 || !name.contains(&0) {
        walk.report.add(at.fault(format!("a machine of {cpus} CPUs, or a name without its end")));
    }
    Ok(())
}

/// Entries until fewer than 4 bytes are left. With `framed` each has its length in front, which counts itself or not; the
/// rest of an entry is a fault then.
fn entries(
    walk: &mut Walk,
    cursor: &mut Cursor<'_>,
    framed: bool,
    counts_itself: bool,
    mut entry: impl FnMut(&mut Walk, &mut Cursor<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    while cursor.left() >= 4 {
        if !framed {
            entry(walk, cursor)?;
            continue;
        }
        let at = cursor.clone();
        let length = cursor.u32("the length of an entry")? as usize;
        let len = if counts_itself { length.checked_sub(4) } else { Some(length) };
        let Some(len) = len else { return Err(at.fault(format!("an entry of {length} bytes"))) };
        let mut own = cursor.sub(len, "an entry")?;
        match entry(walk, &mut own) {
            Ok(()) if own.left() > 0 => walk.report.add(own.fault(format!("{} bytes behind an entry", own.left()))),
            Ok(()) => {}
            Err(fault) => walk.report.add(fault),
        }
    }
    cursor.padding()
}

pub(super) fn processes(walk: &mut Walk, cursor: &mut Cursor<'_>, version: u8) -> Result<(), Fault> {
    walk.section().process_lists += 1;
    entries(walk, cursor, version >= 9, true, |walk, own| process(walk, own, version))
}

fn process(walk: &mut Walk, cursor: &mut Cursor<'_>, version: u8) -> Result<(), Fault> {
    let at = cursor.clone();
    let tid = cursor.i64("a thread")?;
    cursor.i64("a process")?;
    cursor.i64("a parent")?;
    if version >= 6 {
        cursor.i64("a session")?;
    }
    if version >= 8 {
        cursor.i64("a group")?;
    }
    let mut texts = cursor.text(MOST_PATH, "a name")?.len() + cursor.text(MOST_PATH, "a program")?.len();
    if version >= 7 {
        texts += cursor.text(MOST_PATH, "the path of a program")?.len();
    }
    texts += cursor.text(MOST_LIST, "arguments")?.len() + cursor.text(MOST_PATH, "a working directory")?.len();
    cursor.u64("a limit of descriptors")?;
    cursor.u32("flags")?;
    let uid = cursor.u32("a user")?;
    cursor.u32("a group")?;
    if version >= 2 {
        cursor.take(3 * 4 + 2 * 8, "memory")?;
    }
    if version >= 3 {
        texts += cursor.text(MOST_LIST, "an environment")?.len();
    }
    let mut vpid = 0;
    if version >= 4 {
        cursor.i64("a thread in its namespace")?;
        vpid = cursor.i64("a process in its namespace")?;
        texts += cursor.text(MOST_LIST, "cgroups")?.len();
    }
    if version >= 5 {
        texts += cursor.text(MOST_PATH, "a root")?.len();
    }
    if version >= 9 {
        tail(cursor)?;
    }
    let sums = &mut walk.report.processes;
    sums.count += 1;
    sums.tids = sums.tids.wrapping_add(tid);
    sums.uids += u64::from(uid);
    sums.text_bytes += texts as u64;
    sums.vpids = sums.vpids.wrapping_add(vpid);
    let first = walk.section().threads.insert(tid);
    if !first && walk.rules.ours() {
        walk.report.add(at.fault(format!("thread {tid} again")));
    }
    Ok(())
}

/// The end of a process, of which older tools write less.
fn tail(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let first: &[usize] = if cursor.left() > SHORT_TAIL { &[8, 4] } else { &[] };
    // Login user, writable program, capabilities, upper layer, inode and its times, in memory, lower layer, group.
    let fields = first.iter().chain(&[4, 1, 8, 8, 8, 1, 8, 8, 8, 1, 1, 8]);
    for len in fields {
        if cursor.left() == 0 {
            return Ok(());
        }
        cursor.take(*len, "the end of a process")?;
    }
    Ok(())
}

pub(super) fn fds(walk: &mut Walk, cursor: &mut Cursor<'_>, version: u8) -> Result<(), Fault> {
    let at = cursor.clone();
    let tid = cursor.i64("a thread")?;
    if walk.rules.ours() && !walk.section().threads.contains(&tid) {
        walk.report.add(at.fault(format!("descriptors of thread {tid}, which is in no list")));
    }
    let mut seen = std::collections::HashSet::new();
    entries(walk, cursor, version >= 2, true, |walk, own| {
        let at = own.clone();
        let number = fd(walk, own, version)?;
        if !seen.insert(number) && walk.rules.ours() {
            walk.report.add(at.fault(format!("descriptor {number} again")));
        }
        Ok(())
    })
}

/// Reads a descriptor; gives its number.
fn fd(walk: &mut Walk, cursor: &mut Cursor<'_>, version: u8) -> Result<i64, Fault> {
    let number = cursor.i64("a descriptor")?;
    cursor.u64("an inode")?;
    let at = cursor.clone();
    let kind = cursor.u8("the kind of a descriptor")?;
    *walk.report.fds.entry(kind).or_default() += 1;
    let named = |walk: &mut Walk, cursor: &mut Cursor<'_>| {
        let name = cursor.text(MOST_FD_NAME, "the name of a descriptor")?;
        walk.report.fd_sums.0 += name.len() as u64;
        Ok(())
    };
    match kind {
        0 => {}
        3 => socket(walk, cursor, &[4, 4], 2)?,
        4 => socket(walk, cursor, &[16, 16], 2)?,
        5 => socket(walk, cursor, &[4], 1)?,
        6 => socket(walk, cursor, &[16], 1)?,
        8 => {
            cursor.take(2 * 8, "the ends of a Unix socket")?;
            named(walk, cursor)?;
        }
        16 => {
            cursor.u32("flags of a file")?;
            named(walk, cursor)?;
            if version >= 2 && cursor.left() > 0 {
                cursor.u32("the device of a file")?;
            }
        }
        1..=MOST_FD_KIND => named(walk, cursor)?,
        17..=NEWEST_FD_KIND if walk.rules != Rules::Released => named(walk, cursor)?,
        _ if walk.rules == Rules::Any && version >= 2 => {
            cursor.take(cursor.left(), "a descriptor of a newer kind")?;
        }
        _ => return Err(at.fault(format!("a descriptor of kind {kind}"))),
    }
    Ok(number)
}

/// Addresses of these widths, then so many ports, then the protocol.
fn socket(walk: &mut Walk, cursor: &mut Cursor<'_>, addresses: &[usize], ports: u32) -> Result<(), Fault> {
    cursor.take(addresses.iter().sum(), "addresses")?;
    for _ in 0..ports {
        walk.report.fd_sums.1 += u64::from(cursor.u16("a port")?);
    }
    let at = cursor.clone();
    let protocol = cursor.u8("a protocol")?;
    if protocol > RAW { Err(at.fault(format!("protocol {protocol} of a socket"))) } else { Ok(()) }
}

pub(super) fn interfaces(walk: &mut Walk, cursor: &mut Cursor<'_>, version: u8) -> Result<(), Fault> {
    entries(walk, cursor, version >= 2, false, |walk, own| {
        let at = own.clone();
        let kind = own.u16("the kind of an interface")?;
        let name = usize::from(own.u16("the length of a name")?);
        let (address, speed) = match kind {
            1 => (4, 8),
            2 => (16, 8),
            3 => (4, 0),
            4 => (16, 0),
            _ => return Err(at.fault(format!("an interface of kind {kind}"))),
        };
        // Address, mask and broadcast address.
        own.take(3 * address + speed, "an interface")?;
        own.take(name, "the name of an interface")?;
        walk.report.interfaces.0 += 1;
        walk.report.interfaces.1 += name as u64;
        Ok(())
    })
}

pub(super) fn users(walk: &mut Walk, cursor: &mut Cursor<'_>, version: u8) -> Result<(), Fault> {
    entries(walk, cursor, version >= 2, true, |walk, own| {
        let at = own.clone();
        let texts = match own.u8("the kind of a user")? {
            0 => {
                own.take(2 * 4, "a user and its group")?;
                walk.report.users.0 += 1;
                3
            }
            1 => {
                own.take(4, "a group")?;
                walk.report.users.1 += 1;
                1
            }
            kind => return Err(at.fault(format!("a user of kind {kind}"))),
        };
        for _ in 0..texts {
            walk.report.users.2 += own.text(MOST_USER_TEXT, "a text of a user")?.len() as u64;
        }
        Ok(())
    })
}
