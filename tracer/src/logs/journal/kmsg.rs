//! Messages of the kernel from its own buffer, `/dev/kmsg`, for machines without a journal: in the form in which the journal has them.
//!
//! Each read gives one record, `PRIORITY,NUMBER,MICROSECONDS,FLAGS…;MESSAGE` and lines of properties. The buffer is a ring: a reader that is too slow
//! is told that records were overwritten. Source: Linux, `Documentation/ABI/testing/dev-kmsg`.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use rustix::time::{ClockId, clock_gettime};

use super::{
    file::{Field, JournalEntry, Stamp},
    layout::Id,
    matches::Matches,
    merge::{Range, Read},
};
use crate::message::note;

/// The longest record with its properties. Source: Linux, `PRINTK_MESSAGE_MAX` and `CONSOLE_EXT_LOG_MAX`.
const MAX_RECORD: usize = 16 << 10;
/// How the kernel is called.
const KERNEL: &str = "kernel";

/// The kernel's buffer.
pub struct Kmsg {
    file: File,
    about: About,
    matches: Matches,
    range: Range,
    /// The last record that an earlier run has shown.
    before: Option<u64>,
    /// The last ones, if only these are wanted.
    waiting: VecDeque<JournalEntry>,
}

/// What all records have in common.
#[derive(Debug, Clone, Default)]
struct About {
    boot_id: Id,
    host: Vec<u8>,
    /// What the time of day was when the machine started, microseconds.
    began_us: u64,
}

impl Kmsg {
    /// Opens it: that of the host is the same for all containers.
    ///
    /// # Errors
    /// It is not there, or may not be read.
    pub fn open(root: &Path) -> io::Result<Self> {
        let open =
            |path: &Path| OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(path);
        let device = Path::new("/dev/kmsg");
        let file = open(device).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => open(&root.join("dev/kmsg")),
            _ => Err(error),
        })?;
        let us = |clock| {
            let now = clock_gettime(clock);
            now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000
        };
        let proc = |name: &str| fs::read_to_string(Path::new("/proc/sys/kernel").join(name)).unwrap_or_default();
        let about = About {
            boot_id: Id::parse(&proc("random/boot_id")).unwrap_or_default(),
            host: proc("hostname").trim_end().as_bytes().to_vec(),
            began_us: us(ClockId::Realtime).saturating_sub(us(ClockId::Monotonic)),
        };
        let (matches, range) = (Matches::default(), Range::default());
        Ok(Self { file, about, matches, range, before: None, waiting: VecDeque::new() })
    }

    /// The boot whose messages it has.
    #[must_use]
    pub fn boot_id(&self) -> Id {
        self.about.boot_id
    }

    /// Goes to the beginning of what is wanted.
    pub fn begin(&mut self, matches: Matches, range: Range, before: &Read) {
        (self.matches, self.range) = (matches, range);
        self.before = before.get(&self.about.boot_id).map(|(number, _)| *number);
        if let Some(last) = range.last {
            while let Some(entry) = self.read() {
                self.waiting.push_back(entry);
                if self.waiting.len() > last {
                    self.waiting.pop_front();
                }
            }
        }
    }

    /// The next message; `None` when there is no more for now.
    pub fn entry(&mut self) -> Option<JournalEntry> {
        self.waiting.pop_front().or_else(|| self.read())
    }

    fn read(&mut self) -> Option<JournalEntry> {
        let mut record = vec![0; MAX_RECORD];
        loop {
            let length = match self.file.read(&mut record) {
                Ok(0) => return None,
                Ok(length) => length,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EPIPE) => {
                        note("warning: messages are missing: the kernel has overwritten them before they were read");
                        continue;
                    }
                    Some(libc::EINTR) => continue,
                    // Longer than any record that is known: it is skipped by the next read.
                    Some(libc::EINVAL) => continue,
                    _ => return None,
                },
            };
            let Some(entry) = entry(&record[..length], &self.about) else { continue };
            let is_new = self.before.is_none_or(|before| entry.stamp.seqnum > before);
            if is_new && self.range.has(&entry.stamp) && self.matches.have(&entry) {
                return Some(entry);
            }
        }
    }
}

/// A record as an entry of the journal, with the fields that journald gives it.
fn entry(record: &[u8], about: &About) -> Option<JournalEntry> {
    let at = record.iter().position(|byte| *byte == b';')?;
    let head = std::str::from_utf8(&record[..at]).ok()?;
    let mut numbers = head.split(',');
    let priority: u64 = numbers.next()?.parse().ok()?;
    let number: u64 = numbers.next()?.parse().ok()?;
    let monotonic_us: u64 = numbers.next()?.parse().ok()?;
    let mut lines = record[at + 1..].split(|byte| *byte == b'\n');
    let message = unescaped(lines.next()?);
    let mut fields = Vec::new();
    let mut add = |name: &[u8], value: &[u8]| fields.extend(Field::new(name, value).map(Arc::new));
    add(b"_BOOT_ID", about.boot_id.to_string().as_bytes());
    add(b"_HOSTNAME", &about.host);
    add(b"_TRANSPORT", KERNEL.as_bytes());
    add(b"_SOURCE_MONOTONIC_TIMESTAMP", monotonic_us.to_string().as_bytes());
    add(b"PRIORITY", (priority & 7).to_string().as_bytes());
    add(b"SYSLOG_FACILITY", (priority >> 3).to_string().as_bytes());
    match identifier(&message).filter(|_| priority >> 3 != 0) {
        // Written to the buffer by a process.
        Some(Sent { who, pid, text }) => {
            add(b"SYSLOG_IDENTIFIER", who);
            pid.into_iter().for_each(|pid| add(b"SYSLOG_PID", pid));
            add(b"MESSAGE", text);
        }
        None => {
            add(b"SYSLOG_IDENTIFIER", KERNEL.as_bytes());
            add(b"MESSAGE", &message);
        }
    }
    for line in lines {
        let Some(property) = line.strip_prefix(b" ") else { continue };
        let Some(at) = property.iter().position(|byte| *byte == b'=') else { continue };
        let name = [b"_KERNEL_", &property[..at]].concat();
        add(&name, &unescaped(&property[at + 1..]));
    }
    let stamp = Stamp {
        seqnum: number,
        seqnum_id: about.boot_id,
        realtime_us: about.began_us.saturating_add(monotonic_us),
        monotonic_us,
        boot_id: about.boot_id,
        xor_hash: 0,
    };
    Some(JournalEntry { stamp, fields })
}

/// A message of a process.
struct Sent<'m> {
    who: &'m [u8],
    pid: Option<&'m [u8]>,
    text: &'m [u8],
}

/// `who[pid]: text`, of which the process id may not be there.
fn identifier(message: &[u8]) -> Option<Sent<'_>> {
    let at = message.windows(2).position(|two| two == b": ").filter(|at| *at > 0)?;
    let (head, text) = (&message[..at], &message[at + 2..]);
    if head.contains(&b' ') {
        return None;
    }
    let open = head.iter().position(|byte| *byte == b'[').filter(|_| head.ends_with(b"]"));
    let pid = open.map(|open| &head[open + 1..head.len() - 1]);
    Some(Sent { who: &head[..open.unwrap_or(head.len())], pid, text })
}

/// With `\xNN` as the byte that it stands for.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.strip_prefix(b"x").filter(|_| *byte == b'\\').and_then(|after| after.first_chunk::<2>());
        let hex = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &rest[4..];
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_become_entries_of_the_journal() {
        let about = About { boot_id: Id([1; 16]), host: b"box".to_vec(), began_us: 1_000_000 };
        let record =
            b"3,160,424069,-;pci_root PNP0A03:00: bad \\x1b[31m \\x5c\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n";
        let kernel = entry(record, &about).unwrap();
        assert_eq!(
            (kernel.stamp.seqnum, kernel.stamp.monotonic_us, kernel.stamp.realtime_us),
            (160, 424_069, 1_424_069)
        );
        for (name, value) in [
            ("MESSAGE", "pci_root PNP0A03:00: bad \u{1b}[31m \\"),
            ("PRIORITY", "3"),
            ("SYSLOG_IDENTIFIER", "kernel"),
            ("_TRANSPORT", "kernel"),
            ("_KERNEL_SUBSYSTEM", "acpi"),
            ("_KERNEL_DEVICE", "+acpi:PNP0A03:00"),
            ("_HOSTNAME", "box"),
        ] {
            assert_eq!(kernel.get(name), Some(value.as_bytes()), "{name}");
        }
        let process = entry(b"13,161,5,-,caller=T1;app[12]: hello: you\n", &about).unwrap();
        let got =
            ["SYSLOG_IDENTIFIER", "SYSLOG_PID", "MESSAGE", "SYSLOG_FACILITY"].map(|name| process.get(name).unwrap());
        assert_eq!(got, [&b"app"[..], b"12", b"hello: you", b"1"]);
        for wrong in [&b""[..], b"x", b"3,1;", b"a,1,2,-;x", b";;;"] {
            assert_eq!(entry(wrong, &about), None);
        }
    }
}
