//! The entries of many files as one journal.
//!
//! Files with the same `seqnum_id` share their numbers; entries of others are ordered by the clock since the boot if that is the same, else by the
//! time of day. The same entry in two files, as when `/run/log/journal` was moved to `/var`, is given once.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    path::{Path, PathBuf},
};

use super::{
    file::{Chain, JournalEntry, JournalError, JournalFile, Stamp},
    folder::{self, FileKey, Place},
    layout::Id,
    matches::Matches,
    walk::{Begin, Walk},
};
use crate::message::{Shown as _, note};

/// Files whose blocks are kept in memory.
const ACTIVE: usize = 8;

/// From where on, and up to where.
#[derive(Debug, Clone, Copy, Default)]
pub struct Range {
    /// Microseconds since the epoch.
    pub since_us: u64,
    /// The same.
    pub until_us: Option<u64>,
    /// Only that many of the last entries.
    pub last: Option<usize>,
}

impl Range {
    /// Whether an entry of that time is in it.
    #[must_use]
    pub fn has(&self, stamp: &Stamp) -> bool {
        stamp.realtime_us >= self.since_us && self.until_us.is_none_or(|until| stamp.realtime_us <= until)
    }
}

/// How far the entries of one `seqnum_id` were read: number and time of the last one.
pub type Read = BTreeMap<Id, (u64, u64)>;

struct Source {
    walk: Walk,
    key: FileKey,
    next: Option<(u64, Stamp)>,
    /// Whether there may be more than was read.
    is_due: bool,
    is_removed: bool,
}

/// What is wrong with files: told once for each.
#[derive(Default)]
struct Faults {
    told: BTreeSet<PathBuf>,
    /// Files that may not be read.
    denied: usize,
}

impl Faults {
    fn add(&mut self, path: &Path, error: &JournalError) {
        if !self.told.insert(path.to_owned()) {
            return;
        }
        if let JournalError::Read(cause) = error
            && cause.kind() == io::ErrorKind::PermissionDenied
        {
            self.denied += 1;
            return;
        }
        let rest = if matches!(error, JournalError::Damaged { .. }) { "; what can be read of it is shown" } else { "" };
        note(&format!("warning: {}: {error}{rest}", path.shown()));
    }
}

/// A journal.
pub struct Journal {
    place: Place,
    matches: Matches,
    range: Range,
    /// How far an earlier run came.
    before: Read,
    sources: Vec<Source>,
    /// Files that are closed for good, and read to the end.
    done: BTreeSet<FileKey>,
    faults: Faults,
    /// Sources whose blocks are kept, the one that was read last at the end.
    active: VecDeque<FileKey>,
    /// Whether what is found now has begun since the first look.
    is_later: bool,
}

/// The time of a boot in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// Its id.
    pub id: Id,
    /// When its first entry was written, microseconds since the epoch.
    pub first_us: u64,
    /// When its last one was.
    pub last_us: u64,
}

impl Journal {
    /// Opens what is there. `before` is how far an earlier run came.
    #[must_use]
    pub fn open(place: Place) -> Self {
        let mut journal = Self {
            place,
            matches: Matches::default(),
            range: Range::default(),
            before: Read::new(),
            sources: Vec::new(),
            done: BTreeSet::new(),
            faults: Faults::default(),
            active: VecDeque::new(),
            is_later: false,
        };
        journal.look();
        journal
    }

    /// How many files are read.
    #[must_use]
    pub fn files(&self) -> usize {
        self.sources.len()
    }

    /// How many may not be read.
    #[must_use]
    pub fn denied(&self) -> usize {
        self.faults.denied
    }

    /// How many files are damaged or cannot be read.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.faults.told.len()
    }

    /// Goes to the beginning of what is wanted.
    pub fn begin(&mut self, matches: Matches, range: Range, before: Read) {
        (self.matches, self.range, self.before, self.is_later) = (matches, range, before, false);
        for source in &mut self.sources {
            source.walk.look_up(&self.matches, &mut |file, error| self.faults.add(&file.path, &error));
        }
        self.close();
        self.begin_all();
        if let Some(last) = range.last {
            // Each source is at its own last entries: what all of them have is looked at twice.
            let found = std::iter::from_fn(|| self.pop()).count();
            self.begin_all();
            (0..found.saturating_sub(last)).for_each(|_| _ = self.pop());
        }
        self.is_later = true;
    }

    /// Who counted the entries of one of the files, for which `is_wanted` is true.
    pub fn counted_by(&self, is_wanted: impl Fn(&Id) -> bool) -> Option<Id> {
        self.sources.iter().map(|source| source.walk.file.header.seqnum_id).find(is_wanted)
    }

    /// What an earlier run did not come to and is gone: the number of its first entry, and of the first one that is there.
    #[must_use]
    pub fn lost(&self) -> Option<(u64, u64)> {
        let first = |id: &Id| {
            let files = self.sources.iter().map(|source| &source.walk.file.header);
            files
                .filter(|header| header.seqnum_id == *id && header.n_entries > 0)
                .map(|header| header.head_seqnum)
                .min()
        };
        let lost = |(id, (read, _)): (&Id, &(u64, u64))| Some((*read + 1, first(id)?));
        self.before.iter().filter_map(lost).find(|(next, first)| first > next)
    }

    /// Closes the files in which nothing is wanted and to which nothing is written.
    fn close(&mut self) {
        let done = &mut self.done;
        self.sources.retain(|source| {
            let is_done = source.walk.is_empty() && source.walk.file.header.is_archived;
            if is_done {
                done.insert(source.key);
            }
            !is_done
        });
    }

    /// Frees what is kept to be faster, and closes the files that are read to the end and to which nothing is written.
    pub fn rest(&mut self) {
        self.active.clear();
        let done = &mut self.done;
        self.sources.retain_mut(|source| {
            source.walk.file.forget();
            let is_done = source.next.is_none() && !source.is_due && source.walk.file.header.is_archived;
            if is_done {
                done.insert(source.key);
            }
            !is_done
        });
    }

    /// The folders of the files that are written.
    pub fn folders(&self) -> BTreeSet<&Path> {
        let open = self.sources.iter().map(|source| &source.walk.file).filter(|file| !file.header.is_archived);
        open.filter_map(|file| file.path.parent()).collect()
    }

    fn begin_all(&mut self) {
        (0..self.sources.len()).for_each(|at| self.begin_source(at));
    }

    fn begin_source(&mut self, at: usize) {
        let range = self.range;
        let newest = self.before.values().map(|(_, time_us)| *time_us).max();
        let source = &mut self.sources[at];
        let begin = match (self.before.get(&source.walk.file.header.seqnum_id), newest, range.last) {
            (Some((seqnum, _)), _, _) => Begin::After(*seqnum),
            (None, Some(newest), _) => Begin::At(newest.max(range.since_us)),
            (None, None, Some(last)) if !self.is_later => Begin::Last(last),
            (None, None, _) => Begin::At(range.since_us),
        };
        (source.next, source.is_due) = (None, true);
        source.walk.begin(begin, &|stamp| range.has(stamp));
        source.walk.file.forget();
    }

    /// Looks which files there are, and whether something was written to those that are known. True if so.
    pub fn look(&mut self) -> bool {
        let (files, faults) = self.place.look();
        for (path, error) in faults {
            self.faults.add(&path, &error.into());
        }
        let mut is_more = false;
        let known: BTreeSet<FileKey> = self.sources.iter().map(|source| source.key).collect();
        let is_new = |key: &FileKey| !known.contains(key) && !self.done.contains(key);
        for path in files.iter().filter(|(key, _)| is_new(key)).map(|(_, path)| path).cloned().collect::<Vec<_>>() {
            is_more |= self.add(&path);
        }
        for source in &mut self.sources {
            source.is_removed = !files.contains_key(&source.key);
        }
        self.done.retain(|key| files.contains_key(key));
        // A file that was removed is read to its end.
        self.sources.retain(|source| !source.is_removed || source.is_due || source.next.is_some());
        is_more
    }

    fn add(&mut self, path: &Path) -> bool {
        let opened = folder::open(path).map_err(JournalError::from);
        let opened = opened.and_then(|(key, file)| Ok((key, JournalFile::new(Box::new(file), path)?)));
        let (key, file) = match opened {
            Ok(opened) => opened,
            // It is being made, or was rotated or removed a moment ago.
            Err(JournalError::Read(error)) if error.kind() == io::ErrorKind::NotFound => return false,
            Err(JournalError::NotJournal) if self.is_later => return false,
            Err(error) => {
                self.faults.add(path, &error);
                return false;
            }
        };
        if self.sources.iter().any(|source| source.key == key) {
            return false;
        }
        let Self { faults, matches, .. } = self;
        let walk = match self.is_later {
            true => Walk::new(file, matches, &mut |file, error| faults.add(&file.path, &error)),
            false => Walk::unread(file),
        };
        self.sources.push(Source { walk, key, next: None, is_due: true, is_removed: false });
        if self.is_later {
            self.begin_source(self.sources.len() - 1);
        }
        true
    }

    /// Looks whether something was written to the files that are known. True if so.
    pub fn look_again(&mut self) -> bool {
        let Self { sources, faults, matches, .. } = self;
        let mut is_more = false;
        for source in sources.iter_mut().filter(|source| !source.walk.file.header.is_archived) {
            match source.walk.file.refresh() {
                Ok(true) => {
                    source.walk.look_up(matches, &mut |file, error| faults.add(&file.path, &error));
                    (source.is_due, is_more) = (true, true);
                }
                Ok(false) => {}
                Err(error) => faults.add(&source.walk.file.path, &error),
            }
        }
        is_more
    }

    /// The next entry; `None` when there is no more for now.
    pub fn entry(&mut self) -> Option<JournalEntry> {
        loop {
            let (at, offset) = self.pop()?;
            self.activate(self.sources[at].key);
            let file = &mut self.sources[at].walk.file;
            match file.entry(offset) {
                Ok((entry, fault)) => {
                    if let Some(error) = fault {
                        self.faults.add(&file.path, &error);
                    }
                    return Some(entry);
                }
                Err(error) => self.faults.add(&file.path, &error),
            }
        }
    }

    /// Where the next entry is: its source and offset.
    fn pop(&mut self) -> Option<(usize, u64)> {
        let at = self.first()?;
        let (offset, stamp) = self.sources[at].next.take()?;
        for other in &mut self.sources {
            // The same entry elsewhere.
            if other.next.is_some_and(|(_, its)| order(&its, &stamp) == Ordering::Equal) {
                other.next = None;
            }
        }
        Some((at, offset))
    }

    /// The source whose next entry is the oldest.
    fn first(&mut self) -> Option<usize> {
        let Self { sources, faults, range, .. } = self;
        let mut first: Option<(usize, Stamp)> = None;
        for (at, source) in sources.iter_mut().enumerate() {
            while source.next.is_none() && source.is_due {
                match source.walk.next(&mut |file, error| faults.add(&file.path, &error)) {
                    Some((_, stamp)) if !range.has(&stamp) => {}
                    Some(next) => source.next = Some(next),
                    None => source.is_due = false,
                }
            }
            let Some((_, stamp)) = source.next else { continue };
            if first.is_none_or(|(_, other)| order(&stamp, &other) == Ordering::Less) {
                first = Some((at, stamp));
            }
        }
        first.map(|(at, _)| at)
    }

    /// Keeps in memory what was read of the files that were read last, and of no other.
    fn activate(&mut self, key: FileKey) {
        if self.active.back() == Some(&key) {
            return;
        }
        self.active.retain(|other| *other != key);
        self.active.push_back(key);
        if self.active.len() > ACTIVE
            && let Some(idle) = self.active.pop_front()
            && let Some(source) = self.sources.iter_mut().find(|source| source.key == idle)
        {
            source.walk.file.forget();
        }
    }

    /// The boots that the files tell of, the oldest first.
    pub fn boots(&mut self) -> Vec<Boot> {
        let Self { sources, faults, .. } = self;
        let mut boots: BTreeMap<Id, Boot> = BTreeMap::new();
        for source in sources {
            let file = &mut source.walk.file;
            let mut values = Vec::new();
            let read = file.values("_BOOT_ID", |value, at| {
                values.extend(std::str::from_utf8(value).ok().and_then(Id::parse).map(|id| (id, at)));
            });
            read.unwrap_or_else(|error| faults.add(&file.path, &error));
            for (id, at) in values {
                let mut chain = Chain::default();
                file.entries_of(at, &mut chain).unwrap_or_else(|error| faults.add(&file.path, &error));
                for number in [0, chain.len.saturating_sub(1)] {
                    let stamp = file.offset(&chain, number).and_then(|at| file.stamp(at));
                    let Ok(Stamp { realtime_us, .. }) = stamp else { continue };
                    let boot = boots.entry(id).or_insert(Boot { id, first_us: realtime_us, last_us: realtime_us });
                    boot.first_us = boot.first_us.min(realtime_us);
                    boot.last_us = boot.last_us.max(realtime_us);
                }
            }
            file.forget();
        }
        let mut boots: Vec<Boot> = boots.into_values().collect();
        boots.sort_by_key(|boot| (boot.first_us, boot.id));
        boots
    }

    /// The values of a field, each once, in order.
    pub fn values(&mut self, name: &str) -> BTreeSet<Vec<u8>> {
        let Self { sources, faults, .. } = self;
        let mut all = BTreeSet::new();
        for source in sources {
            let file = &mut source.walk.file;
            let read = file.values(name, |value, _| _ = all.insert(value.to_vec()));
            read.unwrap_or_else(|error| faults.add(&file.path, &error));
            file.forget();
        }
        all
    }
}

/// Which of two entries comes first. Two that were written at the same time with the same hash are one, whoever counted them: those that were
/// forwarded to a collector and back, for instance.
fn order(one: &Stamp, other: &Stamp) -> Ordering {
    if one.seqnum_id == other.seqnum_id && one.seqnum != other.seqnum {
        return one.seqnum.cmp(&other.seqnum);
    }
    if one.boot_id == other.boot_id && one.monotonic_us != other.monotonic_us {
        return one.monotonic_us.cmp(&other.monotonic_us);
    }
    (one.realtime_us, one.xor_hash).cmp(&(other.realtime_us, other.xor_hash))
}
