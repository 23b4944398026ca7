//! Lines of one target on disk, for when its queue in memory is full: a folder of segments, each a file of frames that is only appended to.
//!
//! A frame is its length and a checksum, 32 bits each in little endian, and its content: `W`, a number and a container as JSON; or `R`, the number of its container
//! in this segment, times, stream and text of a line. Segments are read in the order of their numbers, and removed when all in them has arrived. `cursor`
//! says how far that is. What was being written when the machine stopped is a short frame at the end, which nobody was told to be safe.
//!
//! Only the owner can read these files, and a folder that others can write is refused: whoever writes there could have lines sent.

mod frames;

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustc_hash::FxHashMap;
use rustix::fs::{FlockOperation, flock};

pub use frames::Place;
use frames::{LINE_HEAD, Reading, framed, hash, of_record, of_writer};

use super::queue::Record;
use crate::{
    logs::Writer,
    message::{Shown as _, note},
};

/// A segment that is this long is followed by another one, bytes.
const SEGMENT: u64 = 8 << 20;
/// The number of the first segment.
const FIRST: u64 = 1;
#[derive(Debug)]
struct Writing {
    segment: u64,
    file: File,
    /// Containers by id, with their numbers, and how many numbers there are.
    writers: FxHashMap<String, (Arc<Writer>, u32)>,
    count: u32,
    /// Whether all of it is on disk for sure.
    is_synced: bool,
}

/// The lines of one target.
#[derive(Debug)]
pub struct Spill {
    folder: PathBuf,
    /// Held as long as this run uses the folder.
    _lock: File,
    max_bytes: u64,
    /// Lengths of segments by number.
    segments: BTreeMap<u64, u64>,
    writing: Option<Writing>,
    reading: Option<Reading>,
    /// Where the first frame is that has not been read.
    next: Place,
    /// How much of segments has arrived, bytes, and whether that has changed since it was written down.
    arrived: BTreeMap<u64, u64>,
    has_moved: bool,
    has_failed: bool,
}

/// Makes a folder, or takes one that only its owner can write.
fn folder(path: &Path) -> Result<(), String> {
    let made = DirBuilder::new().mode(0o700).create(path);
    if let Err(error) = made
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(format!("cannot create the folder '{}': {error}", path.shown()));
    }
    let about = fs::symlink_metadata(path).map_err(|error| format!("cannot use '{}': {error}", path.shown()))?;
    let why = if !about.is_dir() {
        "it is not a folder"
    } else if about.uid() != nix::unistd::geteuid().as_raw() {
        "it belongs to another user"
    } else if about.mode() & 0o022 != 0 {
        "other users can write there"
    } else {
        return Ok(());
    };
    Err(format!("cannot keep lines in '{}': {why}\nhint: name a folder that only you can write", path.shown()))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC);
    options
}

impl Spill {
    /// Of the target with that name, in a folder below `root`, with what an earlier run has left.
    ///
    /// # Errors
    /// The folder cannot be used, or another run uses it.
    pub fn open(root: &Path, target: &str, max_bytes: u64) -> Result<Self, String> {
        folder(root)?;
        let path = root.join(format!("{:016x}", hash(target.as_bytes())));
        folder(&path)?;
        let failed = |error: io::Error| format!("cannot keep lines in '{}': {error}", path.shown());
        let lock = options().write(true).create(true).truncate(false).open(path.join("lock")).map_err(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            format!("another run keeps lines in '{}'\nhint: name another folder with --spill", path.shown())
        })?;
        let mut segments = BTreeMap::new();
        for item in fs::read_dir(&path).map_err(failed)? {
            let item = item.map_err(failed)?;
            let name = item.file_name().to_string_lossy().into_owned();
            if let Some(number) = name.strip_suffix(".lines").and_then(|name| u64::from_str_radix(name, 16).ok()) {
                segments.insert(number, item.metadata().map_err(failed)?.len());
            }
        }
        let text = fs::read_to_string(path.join("cursor")).unwrap_or_default();
        let arrived: BTreeMap<u64, u64> = text
            .lines()
            .filter_map(|line| {
                let (segment, offset) = line.split_once(' ')?;
                Some((segment.parse().ok()?, offset.parse().ok()?))
            })
            .collect();
        let first = segments.keys().next().copied().unwrap_or(FIRST);
        let next = Place { segment: first, offset: arrived.get(&first).copied().unwrap_or(0) };
        Ok(Self {
            folder: path,
            _lock: lock,
            max_bytes,
            segments,
            writing: None,
            reading: None,
            next,
            arrived,
            has_moved: false,
            has_failed: false,
        })
    }

    /// Where a segment begins that may have been read in part by an earlier run.
    fn start_of(&self, segment: u64) -> Place {
        Place { segment, offset: self.arrived.get(&segment).copied().unwrap_or(0) }
    }

    fn path_of(&self, segment: u64) -> PathBuf {
        self.folder.join(format!("{segment:016x}.lines"))
    }

    /// Whether everything in it was read.
    pub fn is_empty(&self) -> bool {
        self.unread() == 0
    }

    /// Bytes that were not read.
    pub fn unread(&self) -> u64 {
        let of = |(number, length): (&u64, &u64)| length.saturating_sub(self.start_of_unread(*number));
        self.segments.range(self.next.segment..).map(of).sum()
    }

    /// Bytes that have not arrived.
    pub fn unarrived(&self) -> u64 {
        self.segments.iter().map(|(segment, length)| length.saturating_sub(self.start_of(*segment).offset)).sum()
    }

    fn start_of_unread(&self, segment: u64) -> u64 {
        if segment == self.next.segment { self.next.offset } else { self.start_of(segment).offset }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds a record, and says where. `None` if there is no room, unless `anyway` says so, or if it cannot be written, which is told once.
    pub fn append(&mut self, record: &Record, anyway: bool) -> Option<Place> {
        let bytes: u64 = self.segments.values().sum();
        if !anyway && bytes + (LINE_HEAD + record.text().len()) as u64 > self.max_bytes {
            return None;
        }
        let outcome = self.write(record);
        self.outcome(outcome)
    }

    /// What is on disk is in memory as well, so that it need not be read.
    pub fn skip(&mut self) {
        self.reading = None;
        if let Some((segment, length)) = self.segments.last_key_value() {
            self.next = Place { segment: *segment, offset: *length };
        }
    }

    fn outcome<T>(&mut self, outcome: io::Result<T>) -> Option<T> {
        outcome
            .inspect_err(|error| {
                if !std::mem::replace(&mut self.has_failed, true) {
                    note(&format!("warning: cannot keep lines in '{}': {error}", self.folder.shown()));
                }
            })
            .ok()
    }

    fn write(&mut self, record: &Record) -> io::Result<Place> {
        let is_long = |writing: &Writing| self.segments.get(&writing.segment).is_some_and(|length| *length >= SEGMENT);
        if self.writing.as_ref().is_some_and(is_long) {
            self.sync()?;
            self.writing = None;
        }
        if self.writing.is_none() {
            let last = self.segments.keys().chain(self.arrived.keys()).max();
            let segment = last.map_or(FIRST, |last| last + 1);
            let file = options().write(true).create_new(true).open(self.path_of(segment))?;
            self.writing = Some(Writing { segment, file, writers: FxHashMap::default(), count: 0, is_synced: true });
            self.segments.insert(segment, 0);
        }
        let Some(writing) = &mut self.writing else { return Err(io::Error::other("it is not open")) };
        let length = self.segments.entry(writing.segment).or_default();
        let known = writing.writers.get(&record.writer.full_id).filter(|(writer, _)| **writer == *record.writer);
        let mut bytes = Vec::new();
        let number = match known {
            Some((_, number)) => *number,
            None => {
                framed(&of_writer(&record.writer)?, &mut bytes);
                writing.count
            }
        };
        let place = Place { segment: writing.segment, offset: *length + bytes.len() as u64 };
        framed(&of_record(record, number), &mut bytes);
        if let Err(error) = writing.file.write_all(&bytes) {
            // On a full disk, half of a frame may have been written.
            let _ = writing.file.set_len(*length).and_then(|()| writing.file.seek(SeekFrom::Start(*length)));
            return Err(error);
        }
        *length += bytes.len() as u64;
        writing.is_synced = false;
        if number == writing.count {
            writing.count += 1;
            writing.writers.insert(record.writer.full_id.clone(), (Arc::clone(&record.writer), number));
        }
        Ok(place)
    }

    /// The next record, and where it begins; `None` when all were read.
    pub fn next(&mut self) -> Option<(Record, Place)> {
        loop {
            if self.reading.is_none() && !self.begin_to_read() {
                return None;
            }
            let Some(reading) = &mut self.reading else { continue };
            match reading.frame() {
                Ok(Some(found)) => {
                    self.next = reading.at;
                    return Some(found);
                }
                Ok(None) => {}
                Err(error) => note(&format!(
                    "warning: lines in '{}' are damaged, and may be lost: {error}",
                    self.path_of(self.next.segment).shown()
                )),
            }
            self.reading = None;
            self.next = self
                .segments
                .range(self.next.segment + 1..)
                .next()
                .map_or(Place { segment: self.next.segment + 1, offset: 0 }, |(segment, _)| self.start_of(*segment));
        }
    }

    /// Opens the segment that is read next. False if there is none.
    fn begin_to_read(&mut self) -> bool {
        while let Some(segment) = self.segments.range(self.next.segment..).next().map(|(segment, _)| *segment) {
            if segment != self.next.segment {
                self.next = self.start_of(segment);
            }
            if self.writing.as_ref().is_some_and(|writing| writing.segment == segment) {
                let outcome = self.sync();
                self.outcome(outcome);
                // What comes later goes to another one.
                self.writing = None;
            }
            match Reading::open(&self.path_of(segment), self.next) {
                Ok(reading) => {
                    self.reading = Some(reading);
                    return true;
                }
                Err(error) => {
                    note(&format!("warning: cannot read '{}': {error}", self.path_of(segment).shown()));
                    self.next = Place { segment: segment + 1, offset: 0 };
                }
            }
        }
        false
    }

    /// Everything before that place has arrived; without one, everything that was read.
    pub fn settle(&mut self, place: Option<Place>) {
        let place = place.unwrap_or(self.next);
        self.arrived = self.arrived.split_off(&place.segment);
        self.arrived.insert(place.segment, place.offset);
        self.has_moved = true;
        while let Some((segment, _)) = self.segments.first_key_value()
            && *segment < place.segment
        {
            let segment = *segment;
            let _ = fs::remove_file(self.path_of(segment));
            self.segments.remove(&segment);
        }
        // What is read to its end may be gone, too.
        if self.segments.get(&place.segment).is_some_and(|length| place.offset >= *length)
            && self.writing.as_ref().is_none_or(|writing| writing.segment != place.segment)
        {
            let _ = fs::remove_file(self.path_of(place.segment));
            self.segments.remove(&place.segment);
        }
    }

    /// Makes sure that everything is on disk, with how far it has arrived.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn sync(&mut self) -> io::Result<()> {
        if let Some(writing) = &mut self.writing
            && !writing.is_synced
        {
            writing.file.sync_data()?;
            writing.is_synced = true;
        }
        if self.has_moved {
            let (new, name) = (self.folder.join("cursor.new"), self.folder.join("cursor"));
            let lines: String = self.arrived.iter().map(|(segment, offset)| format!("{segment} {offset}\n")).collect();
            let mut file = options().write(true).create(true).truncate(true).open(&new)?;
            file.write_all(lines.as_bytes())?;
            fs::rename(&new, &name)?;
            self.has_moved = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
