//! The files of a log: which there are, how each begins, and where its last lines are.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

use super::{
    find::Place,
    form::{Form, Next},
};

/// Bytes that are read at once.
pub const CHUNK: usize = 64 << 10;
/// So many bytes at the beginning tell one file from another.
pub const HEAD: usize = 256;
/// The most of a file's end that is held to find its last lines; if they are longer, the file is read from its beginning.
const MAX_TAIL: u64 = 64 << 20;
/// The most rotated files that are looked at.
const MAX_FILES: usize = 1_000;
/// How often names are looked at again that change while they are.
const MOST_LOOKS: usize = 20;

/// A file of the log.
pub struct Opened {
    /// The file, at its beginning.
    pub file: File,
    /// Its device and inode.
    pub id: (u64, u64),
    /// Whether it is packed, as gzip does.
    pub is_packed: bool,
}

impl Opened {
    /// The bytes at its beginning, unpacked.
    pub fn head(&self, length: usize) -> io::Result<Vec<u8>> {
        let mut file = &self.file;
        file.rewind()?;
        let mut bytes = Vec::with_capacity(length);
        if self.is_packed {
            // What is packed badly has no beginning.
            let _ = MultiGzDecoder::new(file).take(length as u64).read_to_end(&mut bytes);
        } else {
            file.take(length as u64).read_to_end(&mut bytes)?;
        }
        (&self.file).rewind()?;
        Ok(bytes)
    }

    /// The time of its first entry.
    pub fn first_ns(&self, form: Form) -> Option<u64> {
        match form.next(&self.head(CHUNK).ok()?) {
            Next::Piece(piece, _) => Some(piece.time_ns),
            _ => None,
        }
    }

    /// The whole of it, unpacked.
    pub fn unpacked(&self) -> Box<dyn Read + '_> {
        if self.is_packed { Box::new(MultiGzDecoder::new(&self.file)) } else { Box::new(&self.file) }
    }
}

/// How a file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Head {
    /// So many bytes.
    pub length: usize,
    /// Their hash: FNV-1a, which is the same on every machine and in every version.
    hash: u64,
}

impl Head {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        Self { length: bytes.len(), hash: bytes.iter().fold(0xcbf2_9ce4_8422_2325, step) }
    }
}

/// The files of the log, the oldest first, as they were called at one moment.
pub fn files(place: &Place) -> io::Result<Vec<Opened>> {
    let mut files = Vec::new();
    for _ in 0..MOST_LOOKS {
        let mut names = rotated(&place.path);
        names.push(place.path.clone());
        let mut ids = Vec::new();
        files.clear();
        for path in &names {
            let Some(file) = open(place, path)? else { continue };
            let about = file.metadata()?;
            let id = (about.dev(), about.ino());
            ids.push((path, id));
            files.push(Opened { file, id, is_packed: is_packed(path) });
        }
        // They are renamed one after the other.
        let is_still = |(path, id): &(&PathBuf, (u64, u64))| {
            fs::metadata(path).is_ok_and(|about| (about.dev(), about.ino()) == *id)
        };
        if ids.len() == names.len() && ids.iter().all(is_still) || names.len() == 1 {
            break;
        }
    }
    Ok(files)
}

/// When a file was written to last, nanoseconds since the epoch.
pub fn changed_ns(about: &fs::Metadata) -> u64 {
    u64::try_from(about.mtime()).unwrap_or(0) * 1_000_000_000 + about.mtime_nsec() as u64
}

/// Where the last lines of a file begin, or else how many lines it has; `None` when they are too long to be held.
pub fn last_lines(form: Form, file: &File, count: usize) -> io::Result<Option<Result<u64, usize>>> {
    let length = file.metadata()?.len();
    let mut window = CHUNK as u64;
    loop {
        let begin = length.saturating_sub(window);
        let mut end = vec![0; (length - begin) as usize];
        let got = read_at(file, &mut end, begin)?;
        end.truncate(got);
        // A line that is being written is none yet.
        if form != Form::Local {
            end.truncate(memchr::memrchr(b'\n', &end).map_or(0, |at| at + 1));
        }
        match form.tail(&end, count) {
            Some(at) if at > 0 || begin == 0 => return Ok(Some(Ok(begin + at as u64))),
            _ if begin == 0 => return Ok(Some(Err(lines_in(form, &end).0))),
            _ if window >= MAX_TAIL => return Ok(None),
            _ => window *= 4,
        }
    }
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "gz")
}

/// A file of the log; `None` if it is not there.
fn open(place: &Place, path: &Path) -> io::Result<Option<File>> {
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if place.owner.is_some_and(|owner| about.uid() != owner) {
        return Err(io::Error::other("it belongs to another user than the container"));
    }
    Ok(Some(file))
}

/// The rotated files of a log, the oldest first.
fn rotated(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let mut found: Vec<(bool, u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_FILES) {
        let file_name = entry.file_name();
        let Some(rest) = file_name.to_str().and_then(|it| it.strip_prefix(name)?.strip_prefix('.')) else { continue };
        let rest = rest.strip_suffix(".gz").unwrap_or(rest);
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        let is_number = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '-');
        if let (true, Ok(number)) = (is_number, digits.parse::<u64>()) {
            // `.1` is the newest of Docker's; the times of kubelet grow.
            let is_time = rest.contains('-');
            found.push((is_time, if is_time { number } else { u64::MAX - number }, entry.path()));
        }
    }
    found.sort();
    // While a file is packed, it is there twice for a moment.
    found.dedup_by(|packed, plain| (packed.0, packed.1) == (plain.0, plain.1));
    found.into_iter().map(|(_, _, path)| path).collect()
}

/// Reads from a place on; how much there was.
pub fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match file.read_at(&mut into[got..], at + got as u64) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// The lines of a whole file.
pub fn count(form: Form, file: &mut dyn Read) -> io::Result<usize> {
    let (mut buffer, mut lines) = (Vec::new(), 0);
    loop {
        let length = buffer.len();
        buffer.resize(length + CHUNK, 0);
        let got = file.read(&mut buffer[length..])?;
        buffer.truncate(length + got);
        let (found, taken) = lines_in(form, &buffer);
        lines += found;
        buffer.drain(..taken);
        if got == 0 {
            return Ok(lines);
        }
    }
}

/// How many lines end in these bytes, and how many bytes they take.
fn lines_in(form: Form, bytes: &[u8]) -> (usize, usize) {
    let (mut lines, mut at) = (0, 0);
    loop {
        match form.next(&bytes[at..]) {
            Next::Incomplete | Next::Unknown(0) => return (lines, at),
            Next::Unknown(length) => at += length,
            Next::Piece(piece, length) => {
                at += length;
                lines += usize::from(piece.is_last);
            }
        }
    }
}
