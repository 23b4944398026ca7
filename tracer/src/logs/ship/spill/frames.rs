//! Frames of segments: how a record is written, and read again.

use std::{
    fs::File,
    io::{self, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

use super::{Record, options};
use crate::logs::{Entry, Line, MAX_LINE, Stream, Writer};

/// The longest frame: a line, and what is known of it.
const MAX_FRAME: usize = MAX_LINE + (1 << 20);
/// How long length and checksum of a frame are.
const HEAD: usize = 8;
/// The content of a frame of a line before its text.
pub const LINE_HEAD: usize = 1 + 4 + 8 + 8 + 2;

/// Where a frame begins: a segment, and bytes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the segment.
    pub segment: u64,
    /// Bytes of it.
    pub offset: u64,
}

/// Of FNV-1a, 64 bits: short, and the same in every version.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

fn checksum(bytes: &[u8]) -> u32 {
    let hash = hash(bytes);
    (hash ^ hash >> 32) as u32
}

/// Adds a frame with that content.
pub fn framed(content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(content.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(content).to_le_bytes());
    out.extend_from_slice(content);
}

/// The content of a frame of a container.
///
/// # Errors
/// It cannot be written as JSON.
pub fn of_writer(writer: &Writer) -> io::Result<Vec<u8>> {
    let mut content = vec![b'W'];
    serde_json::to_writer(&mut content, writer)?;
    Ok(content)
}

/// The content of a frame of a line, whose container has that number.
pub fn of_record(record: &Record, writer: u32) -> Vec<u8> {
    let (stream, is_cut) = match &record.entry {
        Entry::Line(line) => (line.stream as u8, line.is_cut),
        Entry::Gap(_) => (u8::MAX, false),
    };
    let mut content = vec![b'R'];
    content.extend_from_slice(&writer.to_le_bytes());
    content.extend_from_slice(&record.time_ns().to_le_bytes());
    content.extend_from_slice(&record.read_ns.to_le_bytes());
    content.extend_from_slice(&[stream, u8::from(is_cut)]);
    content.extend_from_slice(record.text());
    content
}

/// Reads a segment.
#[derive(Debug)]
pub struct Reading {
    /// Where the next frame begins.
    pub at: Place,
    file: BufReader<File>,
    writers: Vec<Arc<Writer>>,
}

impl Reading {
    /// A segment from that place on. Containers before it are read as well.
    pub fn open(path: &Path, from: Place) -> io::Result<Self> {
        let file = options().read(true).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut this = Self { at: Place { offset: 0, ..from }, file: BufReader::new(file), writers: Vec::new() };
        while this.at.offset < from.offset {
            let Some(content) = this.content()? else { break };
            this.writer(&content)?;
        }
        // A place that is not between frames would have everything after it look damaged.
        if this.at.offset > from.offset {
            this.at.offset = from.offset;
            this.file.seek(SeekFrom::Start(from.offset))?;
        }
        Ok(this)
    }

    /// The content of the next frame; `None` at the end.
    fn content(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = [0; HEAD];
        let is_end = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
        match self.file.read_exact(&mut head) {
            Err(error) if is_end(&error) => return Ok(None),
            outcome => outcome?,
        }
        let [length, sum] = [0, 4].map(|at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        let length = length as usize;
        if length > MAX_FRAME {
            return Err(io::Error::other("a frame is too long"));
        }
        let mut content = vec![0; length];
        match self.file.read_exact(&mut content) {
            Err(error) if is_end(&error) => return Ok(None),
            outcome => outcome?,
        }
        if checksum(&content) != sum {
            return Err(io::Error::other("a checksum is wrong"));
        }
        self.at.offset += (HEAD + length) as u64;
        Ok(Some(content))
    }

    /// Takes a container. False if it is something else.
    fn writer(&mut self, content: &[u8]) -> io::Result<bool> {
        let Some(text) = content.strip_prefix(b"W") else { return Ok(false) };
        self.writers.push(Arc::new(serde_json::from_slice::<Writer>(text)?));
        Ok(true)
    }

    /// The next record, and where it begins; `None` at the end.
    pub fn frame(&mut self) -> io::Result<Option<(Record, Place)>> {
        loop {
            let at = self.at;
            let Some(content) = self.content()? else { return Ok(None) };
            if self.writer(&content)? {
                continue;
            }
            let wrong = || io::Error::other("a frame is not a line");
            let (head, text) = content.split_at_checked(LINE_HEAD).ok_or_else(wrong)?;
            let number = |at: usize| head[at..at + 8].try_into().map(u64::from_le_bytes).map_err(|_| wrong());
            let writer = head[1..5].try_into().map(u32::from_le_bytes).map_err(|_| wrong())?;
            let writer = self.writers.get(writer as usize).ok_or_else(wrong)?;
            let (time_ns, read_ns, is_cut) = (number(5)?, number(13)?, head[22] != 0);
            let stream = [Stream::Out, Stream::Err].into_iter().find(|stream| *stream as u8 == head[21]);
            let entry = match stream {
                Some(stream) => Entry::Line(Line { time_ns, stream, text: text.to_vec(), is_cut }),
                None => Entry::Gap(String::from_utf8_lossy(text).into_owned().into()),
            };
            return Ok(Some((Record { writer: Arc::clone(writer), entry, read_ns }, at)));
        }
    }
}
