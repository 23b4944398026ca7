//! The paths of opened files, put together again: the kernel side sends the text of a directory once, and then its number.

use std::mem;

use aya::{
    Ebpf,
    maps::{HashMap, MapData},
};
use rustc_hash::FxHashMap;
use tracer_common::{
    events::{self, CODES},
    plan::Op,
    wire::{
        self,
        path::{KNOWN, MAX_KNOWN, NEW, PREFIX, WHOLE},
    },
};

/// The most texts that are kept of one time: the kernel side knows fewer directories, but not which ones it has forgotten.
const MAX_TEXTS: usize = 2 * MAX_KNOWN as usize;

/// The texts of directories.
pub struct Directories {
    /// What the kernel side may refer to.
    texts: FxHashMap<u64, Box<[u8]>>,
    /// What records that are still in the rings refer to, too.
    before: FxHashMap<u64, Box<[u8]>>,
    /// What the kernel side takes for known here.
    known: Option<HashMap<MapData, u64, u64>>,
    /// Which events have such a path.
    wanted: Box<[bool; CODES as usize]>,
    record: Vec<u8>,
}

impl Directories {
    pub fn new(bpf: &mut Ebpf) -> Self {
        let mut wanted = Box::new([false; CODES as usize]);
        for row in events::all() {
            let has_path = row.params.last().is_some_and(|last| last.source.op == Op::OpenedPath);
            if let Some(wanted) = wanted.get_mut(usize::from(row.code)) {
                *wanted = has_path;
            }
        }
        let known = bpf.take_map("DIRECTORIES").and_then(|map| HashMap::try_from(map).ok());
        Self { texts: FxHashMap::default(), before: FxHashMap::default(), known, wanted, record: Vec::new() }
    }

    /// The record with the whole path, if it has one; the record itself if it does not.
    #[inline]
    pub fn whole<'a>(&'a mut self, record: &'a [u8]) -> &'a [u8] {
        let code = record.get(wire::CODE..wire::CODE + 2).map(|it| usize::from(u16::from_le_bytes([it[0], it[1]])));
        if code.is_some_and(|code| self.wanted.get(code).is_some_and(|wanted| *wanted)) && self.put_together(record) {
            &self.record
        } else {
            record
        }
    }

    fn put_together(&mut self, record: &[u8]) -> bool {
        self.try_put_together(record).is_some()
    }

    /// Makes the record anew. Nothing if it has no such path, or is damaged.
    fn try_put_together(&mut self, record: &[u8]) -> Option<()> {
        let number = |at: usize| Some(u16::from_le_bytes(record.get(at..at + 2)?.try_into().ok()?));
        let word = |at: usize| Some(u32::from_le_bytes(record.get(at..at + 4)?.try_into().ok()?));
        let lengths = if number(wire::FLAGS)? & wire::FLAG_CALL == 0 { wire::LENGTHS } else { wire::CALL_LENGTHS };
        let count = word(wire::COUNT)? as usize;
        let last = lengths + 2 * count.checked_sub(1)?;
        let len = usize::from(number(last)?);
        // What stands behind it is not of the event.
        let end = wire::EVENT + word(wire::LEN)? as usize;
        let begin = end.checked_sub(len).filter(|begin| *begin >= last + 2)?;
        let value = record.get(begin..end)?;
        let (prefix, text) = value.split_at_checked(PREFIX)?;
        if prefix[0] != 0 {
            return None;
        }
        let directory = u64::from_le_bytes(prefix[2..].try_into().ok()?);
        self.record.clear();
        self.record.extend_from_slice(&record[..begin]);
        match prefix[1] {
            KNOWN => {
                // Without its directory, a name says nothing.
                if let Some(path) = self.texts.get(&directory).or_else(|| self.before.get(&directory)) {
                    self.record.extend_from_slice(path);
                    self.record.push(b'/');
                    self.record.extend_from_slice(text);
                }
            }
            kind => {
                debug_assert!(matches!(kind, NEW | WHOLE));
                self.record.extend_from_slice(text);
                let slash = text.iter().rposition(|byte| *byte == b'/').filter(|_| kind == NEW);
                if let Some(slash) = slash {
                    self.keep(directory, &text[..slash]);
                }
            }
        }
        let new_len = self.record.len() - begin;
        self.record[last..last + 2].copy_from_slice(&u16::try_from(new_len).ok()?.to_le_bytes());
        let event_len = u32::try_from(self.record.len() - wire::EVENT).ok()?;
        self.record[wire::LEN..wire::LEN + 4].copy_from_slice(&event_len.to_le_bytes());
        self.record.extend_from_slice(&record[end..]);
        Some(())
    }

    /// Keeps a text. When there are too many, the kernel side forgets all that it knows, and sends again what is still in use.
    fn keep(&mut self, directory: u64, text: &[u8]) {
        if self.texts.len() >= MAX_TEXTS {
            let known: Vec<u64> = self.known.iter().flat_map(HashMap::keys).filter_map(Result::ok).collect();
            for number in known {
                let _ = self.known.as_mut().map(|known| known.remove(&number));
            }
            self.before = mem::take(&mut self.texts);
        }
        self.texts.insert(directory, text.into());
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::events::code;

    use super::*;

    fn record(last: &[u8], flags: u16) -> Vec<u8> {
        let mut record = vec![0; wire::LENGTHS];
        record[wire::FLAGS..wire::FLAGS + 2].copy_from_slice(&flags.to_le_bytes());
        record[wire::CODE..wire::CODE + 2].copy_from_slice(&code::OPENAT.to_le_bytes());
        record[wire::COUNT..wire::COUNT + 4].copy_from_slice(&2u32.to_le_bytes());
        if flags & wire::FLAG_CALL != 0 {
            record.resize(wire::CALL_LENGTHS, 7);
        }
        record.extend(3u16.to_le_bytes());
        record.extend((last.len() as u16).to_le_bytes());
        record.extend(b"a/\0");
        record.extend(last);
        let len = (record.len() - wire::EVENT) as u32;
        record[wire::LEN..wire::LEN + 4].copy_from_slice(&len.to_le_bytes());
        record.extend(b"who made it");
        record
    }

    fn value(kind: u8, directory: u64, text: &[u8]) -> Vec<u8> {
        [&[0, kind][..], &directory.to_le_bytes(), text].concat()
    }

    fn directories() -> Directories {
        let mut wanted = Box::new([false; CODES as usize]);
        wanted[usize::from(code::OPENAT)] = true;
        Directories {
            texts: FxHashMap::default(),
            before: FxHashMap::default(),
            known: None,
            wanted,
            record: Vec::new(),
        }
    }

    #[test]
    fn a_directory_is_put_in_front_of_names() {
        for flags in [0, wire::FLAG_CALL, wire::FLAG_WHO] {
            let mut all = directories();
            let mut whole =
                |kind, directory, text: &[u8]| all.whole(&record(&value(kind, directory, text), flags)).to_vec();
            assert_eq!(whole(NEW, 5, b"/usr/lib/a\0"), record(b"/usr/lib/a\0", flags));
            assert_eq!(whole(KNOWN, 5, b"b\0"), record(b"/usr/lib/b\0", flags));
            assert_eq!(whole(NEW, 6, b"/a\0"), record(b"/a\0", flags));
            assert_eq!(whole(KNOWN, 6, b"b\0"), record(b"/b\0", flags), "in the root");
            assert_eq!(whole(WHOLE, 0, b"/memfd:x\0"), record(b"/memfd:x\0", flags));
            assert_eq!(whole(KNOWN, 7, b"b\0"), record(b"", flags), "nobody knows where");
        }
    }

    #[test]
    fn other_records_stay_as_they_are() {
        let mut all = directories();
        for other in [record(b"", 0), record(b"/x\0", 0), vec![], vec![0; 30], record(&[0, KNOWN], 0)] {
            assert_eq!(all.whole(&other), other);
        }
        let mut other = record(&value(NEW, 5, b"/usr/a\0"), 0);
        other[wire::CODE..wire::CODE + 2].copy_from_slice(&code::READ.to_le_bytes());
        assert_eq!(all.whole(&other).to_vec(), other);
        let cut = record(&value(NEW, 5, b"/usr/a\0"), 0);
        for len in 0..cut.len() {
            let _ = all.whole(&cut[..len]);
        }
    }

    #[test]
    fn texts_are_bounded_and_those_of_records_on_their_way_stay() {
        let mut all = directories();
        for directory in 0..3 * MAX_TEXTS as u64 {
            let text = format!("/{directory}/a\0");
            let _ = all.whole(&record(&value(NEW, directory, text.as_bytes()), 0));
            let name = record(&value(KNOWN, directory.saturating_sub(MAX_TEXTS as u64 / 2), b"b\0"), 0);
            let expected = format!("/{}/b\0", directory.saturating_sub(MAX_TEXTS as u64 / 2));
            assert_eq!(all.whole(&name).to_vec(), record(expected.as_bytes(), 0));
            assert!(all.texts.len() + all.before.len() <= 2 * MAX_TEXTS);
        }
    }
}
