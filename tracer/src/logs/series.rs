//! The log of one container: the file that is written, and those that it was before it was rotated.
//!
//! Docker renames `X` to `X.1`, `X.1` to `X.2`, and may pack them later (`X.1.gz`); kubelet renames `X` to `X.20260801-100000`.
//! Until the writer has opened the new file it still writes to the old one, so a file is read to its end before the next one is opened.
//! Files are known by device and inode, which stay when a name changes, and across a restart by how they begin.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, Instant},
};

use flate2::read::MultiGzDecoder;

use super::{
    Entry,
    files::{self, CHUNK, HEAD, Head, Opened, changed_ns, count, last_lines, read_at},
    find::Place,
    form::{MAX_ENTRY, Next},
    join::Joiner,
    marks::Mark,
    supply::Supply,
};

/// A file that was removed, and into which nothing was written for so long, has ended.
const REMOVED: Duration = Duration::from_secs(60);

/// Where reading begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct From {
    /// Lines before that time are left out, nanoseconds since the epoch.
    pub since_ns: u64,
    /// Only so many of the last lines.
    pub last: Option<usize>,
}

/// A file that is read: as it is, or unpacked.
enum Reading {
    Plain(File),
    Packed(Box<MultiGzDecoder<File>>),
}

/// What is read of one container.
pub struct Series {
    place: Place,
    /// The file that is read now; `None` before the first one is there.
    reading: Option<Reading>,
    id: (u64, u64),
    /// Files that come after it, the oldest one last: open, since their names may change at any time.
    next: Vec<Opened>,
    /// Time of the last line.
    last_ns: u64,
    /// When something was read last.
    read_at: Instant,
    /// Bytes of the file that were taken, unpacked.
    taken: u64,
    /// The same before the line that was handed out last, where no line was open.
    clean: u64,
    /// How a packed file begins.
    packed_head: Option<Head>,
    buffer: Vec<u8>,
    /// Those before it are taken.
    begin: usize,
    joiner: Joiner,
    since_ns: u64,
    gap: Option<&'static str>,
}

impl Series {
    /// The log at that place, from the mark of an earlier run or else from `from` on. Nothing is read before it is asked for.
    ///
    /// # Errors
    /// The log is there and cannot be read.
    pub fn begin(place: Place, from: From, mark: Option<&Mark>) -> io::Result<Self> {
        let mut series = Self {
            place,
            reading: None,
            id: (0, 0),
            next: Vec::new(),
            last_ns: mark.map_or(0, |mark| mark.time_ns),
            read_at: Instant::now(),
            taken: 0,
            clean: 0,
            packed_head: None,
            buffer: Vec::new(),
            begin: 0,
            joiner: Joiner::default(),
            since_ns: from.since_ns,
            gap: None,
        };
        match mark {
            Some(mark) => series.begin_at(mark)?,
            None => series.begin_from(from)?,
        }
        Ok(series)
    }

    fn begin_from(&mut self, from: From) -> io::Result<()> {
        let mut files = files::files(&self.place)?;
        if let Some(last) = from.last {
            return self.begin_at_last(files, last);
        }
        // What was written to last before that time has nothing of interest.
        let current = files.pop();
        files.retain(|it| it.file.metadata().is_ok_and(|about| changed_ns(&about) >= from.since_ns));
        files.extend(current);
        files.reverse();
        self.next = files;
        self.open_next()
    }

    /// From the last lines on, for which older files are looked at while the newer ones do not have so many.
    fn begin_at_last(&mut self, mut files: Vec<Opened>, last: usize) -> io::Result<()> {
        let mut left = last;
        while let Some(it) = files.pop() {
            let form = self.place.form;
            let end = if it.is_packed { None } else { last_lines(form, &it.file, left)? };
            let lines = match end {
                Some(Ok(at)) => {
                    self.next.push(it);
                    self.open_next()?;
                    return self.seek(at);
                }
                Some(Err(lines)) => lines,
                None => {
                    let lines = count(form, &mut *it.unpacked())?;
                    (&it.file).rewind()?;
                    lines
                }
            };
            self.next.push(it);
            if lines >= left {
                // Those in front are read and dropped.
                self.open_next()?;
                return self.skip_lines(lines - left);
            }
            left -= lines;
        }
        self.open_next()
    }

    fn skip_lines(&mut self, count: usize) -> io::Result<()> {
        let mut left = count;
        while left > 0 {
            match self.entry()? {
                Some(Entry::Line(_)) => left -= 1,
                Some(Entry::Gap(_)) => {}
                None => break,
            }
        }
        Ok(())
    }

    /// From where an earlier run was, in whichever file that is now.
    fn begin_at(&mut self, mark: &Mark) -> io::Result<()> {
        // A file of which nothing was read tells nothing of itself, and the files before it were read to their ends.
        let is_told = mark.head.length > 0;
        let mut files = if is_told { files::files(&self.place)? } else { Vec::new() };
        let at =
            files.iter().rposition(|it| it.head(mark.head.length).is_ok_and(|bytes| Head::of(&bytes) == mark.head));
        if let Some(at) = at {
            self.next = files.split_off(at);
            self.next.reverse();
            self.open_next()?;
            return self.seek(mark.offset);
        }
        if is_told {
            self.gap = Some("the file that was read last has been rotated away");
        }
        self.since_ns = self.since_ns.max(mark.time_ns.saturating_add(1));
        self.begin_from(From { since_ns: self.since_ns, last: None })
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        (self.buffer, self.begin, self.taken, self.clean) = (Vec::new(), 0, offset, offset);
        match &mut self.reading {
            Some(Reading::Plain(file)) => {
                if file.metadata()?.len() < offset {
                    self.gap = Some("the file was truncated");
                    (self.taken, self.clean) = (0, 0);
                }
                file.seek(SeekFrom::Start(self.taken)).map(drop)
            }
            Some(Reading::Packed(file)) => io::copy(&mut file.take(offset), &mut io::sink()).map(drop),
            None => Ok(()),
        }
    }

    /// Goes on with the next file that is there.
    fn open_next(&mut self) -> io::Result<()> {
        (self.buffer, self.begin, self.taken, self.clean) = (Vec::new(), 0, 0, 0);
        (self.reading, self.packed_head) = (None, None);
        if let Some(Opened { file, id, is_packed }) = self.next.pop() {
            self.id = id;
            self.reading = Some(if is_packed {
                let opened = Opened { file, id, is_packed };
                self.packed_head = Some(Head::of(&opened.head(HEAD)?));
                Reading::Packed(Box::new(MultiGzDecoder::new(opened.file)))
            } else {
                Reading::Plain(file)
            });
        }
        Ok(())
    }

    /// The next line of what was read.
    fn line(&mut self) -> Option<super::Line> {
        loop {
            if !self.joiner.is_open() {
                self.clean = self.taken;
            }
            let (line, length) = match self.place.form.next(&self.buffer[self.begin..]) {
                Next::Incomplete => return None,
                Next::Unknown(length) => {
                    self.gap = Some("part of the file is not a log entry");
                    (None, length)
                }
                Next::Piece(piece, length) => (self.joiner.push(piece), length),
            };
            self.begin += length;
            self.taken += length as u64;
            if line.is_some() || self.gap.is_some() {
                return line;
            }
        }
    }

    /// Reads on. False at the end of the file.
    fn read(&mut self) -> io::Result<bool> {
        let Some(reading) = &mut self.reading else { return Ok(false) };
        self.buffer.drain(..self.begin);
        self.begin = 0;
        if self.buffer.len() > 2 * MAX_ENTRY {
            return Ok(false);
        }
        let length = self.buffer.len();
        self.buffer.resize(length + CHUNK, 0);
        let got = match reading {
            Reading::Plain(file) => file.read(&mut self.buffer[length..]),
            Reading::Packed(file) => file.read(&mut self.buffer[length..]),
        };
        let got = match got {
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => {
                self.buffer.truncate(length);
                let is_packed = matches!(reading, Reading::Packed(_));
                // What is packed badly is left out; the files behind it are not.
                if is_packed {
                    self.gap = Some("a compressed file is damaged");
                    self.open_next()?;
                    return Ok(true);
                }
                return Err(error);
            }
        };
        self.buffer.truncate(length + got);
        if got > 0 {
            self.read_at = Instant::now();
        }
        Ok(got > 0)
    }

    /// At the end of a file: whether there is another one, or this one begins anew.
    fn go_on(&mut self) -> io::Result<bool> {
        if !self.next.is_empty() {
            self.end_file();
            self.open_next()?;
            return Ok(self.reading.is_some() || self.gap.is_some());
        }
        if let Some(Reading::Plain(file)) = &mut self.reading {
            if file.metadata()?.len() < self.taken + self.buffer.len() as u64 {
                self.gap = Some("the file was truncated");
                file.rewind()?;
                (self.buffer, self.begin, self.taken, self.clean) = (Vec::new(), 0, 0, 0);
                return Ok(true);
            }
            match fs::metadata(&self.place.path) {
                Ok(about) if (about.dev(), about.ino()) != self.id => {}
                // The same as before, or between two names, or gone with its container.
                _ => return Ok(false),
            }
        }
        let mut files = files::files(&self.place)?;
        // Once more, now that the name has gone on: what was written before it did.
        if self.read()? {
            return Ok(true);
        }
        let after = self.after(&files)?;
        if after >= files.len() {
            // None is newer, or the name was taken away again.
            return Ok(false);
        }
        self.next = files.split_off(after);
        self.next.reverse();
        self.end_file();
        self.open_next()?;
        Ok(self.reading.is_some())
    }

    /// How many of the files are not newer than the one that is read.
    fn after(&self, files: &[Opened]) -> io::Result<usize> {
        let behind = |at: usize| at + 1;
        if let Some(at) = files.iter().rposition(|it| it.id == self.id) {
            return Ok(behind(at));
        }
        // It was packed by now, which makes another file with the same beginning. An empty one has none.
        let mut own = [0; HEAD];
        let got = match &self.reading {
            Some(Reading::Plain(file)) => read_at(file, &mut own, 0)?,
            _ => 0,
        };
        let is_it = |it: &Opened| it.is_packed && it.head(HEAD).is_ok_and(|bytes| bytes == own[..got]);
        if got > 0
            && let Some(at) = files.iter().rposition(is_it)
        {
            return Ok(behind(at));
        }
        // Or it was removed. Those that begin before what was read last were read; what is empty may stand anywhere.
        let was_read = |it: &Opened| it.first_ns(self.place.form).is_some_and(|time_ns| time_ns <= self.last_ns);
        Ok(files.iter().rposition(was_read).map_or(0, behind))
    }

    /// What is left of a file that is not written any more.
    fn end_file(&mut self) {
        if self.begin < self.buffer.len() {
            self.gap = Some("a file ends in the middle of an entry");
        }
    }
}

impl Supply for Series {
    fn entry(&mut self) -> io::Result<Option<Entry>> {
        loop {
            if let Some(gap) = self.gap.take() {
                return Ok(Some(Entry::Gap(gap.into())));
            }
            if let Some(line) = self.line() {
                self.last_ns = line.time_ns;
                if line.time_ns < self.since_ns {
                    continue;
                }
                return Ok(Some(Entry::Line(line)));
            }
            if self.gap.is_none() && !self.read()? && !self.go_on()? {
                return Ok(None);
            }
        }
    }

    fn rest(&mut self) -> Vec<super::Line> {
        self.joiner.rest().collect()
    }

    fn folder(&self) -> Option<&Path> {
        self.place.path.parent()
    }

    /// A file that was removed while the folder of its container is still there may still be written: it is read on for a while.
    fn is_gone(&self) -> bool {
        self.next.is_empty()
            && fs::symlink_metadata(&self.place.path).is_err()
            && (self.read_at.elapsed() >= REMOVED || !self.folder().is_some_and(Path::exists))
    }

    fn mark(&self, shown: bool, time_ns: u64) -> Option<Mark> {
        let offset = if shown && !self.joiner.is_open() { self.taken } else { self.clean };
        let head = match self.reading.as_ref()? {
            Reading::Plain(file) => {
                let mut bytes = [0; HEAD];
                let got = read_at(file, &mut bytes, 0).ok()?;
                Head::of(&bytes[..got.min(offset as usize)])
            }
            Reading::Packed(_) => self.packed_head?,
        };
        Some(Mark { head, offset, time_ns, asked: None })
    }
}

#[cfg(test)]
mod tests;
