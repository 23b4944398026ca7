//! Going through a capture, block by block.
//!
//! One buffer holds what was read and not yet delivered; a block is a view of it, so that an event costs neither a copy
//! nor memory of its own. The buffer grows only for a block that is longer, and only as fast as its bytes arrive.

use std::{
    io::{self, Read},
    ops::Range,
};

use super::{
    Block, ScapError,
    block::{SECTION, Section},
};

/// What is read at once.
const BUFFER: usize = 128 << 10;
/// A longer block is damage. The longest in practice are lists of processes, of some MB.
const LONGEST: usize = 256 << 20;
/// Kind and length.
const HEADER: usize = 8;
/// Kind, length, and the length again.
const FRAME: usize = 12;

/// A capture.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    buffer: Vec<u8>,
    /// What of the buffer was read and not yet delivered.
    start: usize,
    end: usize,
    /// Offset of `start` in the stream.
    offset: u64,
    /// Bytes of sections, and of blocks that only captures of networks have: these have the same sections.
    of_sections: u64,
    of_network: u64,
    state: State,
}

/// The first bytes of a pcap file, in both byte orders; with nanoseconds; and in a changed form. Source: draft-ietf-opsawg-pcap.
const PCAP: [[u8; 4]; 5] = [
    [0xA1, 0xB2, 0xC3, 0xD4],
    [0xD4, 0xC3, 0xB2, 0xA1],
    [0xA1, 0xB2, 0x3C, 0x4D],
    [0x4D, 0x3C, 0xB2, 0xA1],
    [0x34, 0xCD, 0xB2, 0xA1],
];
/// Kinds of blocks of pcapng files are below this: interfaces, packets, names. Source: draft-ietf-opsawg-pcapng.
const NETWORK: u32 = 0x10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Begins,
    Runs,
    Ended,
}

/// A block whose frame is whole: kind, and where its body is in the buffer.
struct Frame {
    kind: u32,
    body: Range<usize>,
    offset: u64,
}

impl<R: Read> Reader<R> {
    /// From uncompressed bytes; [`open`](super::open) makes them from a file.
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            offset: 0,
            of_sections: 0,
            of_network: 0,
            state: State::Begins,
        }
    }

    /// Offset of the next block in the stream.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the next block is there without reading. False for some that are.
    #[must_use]
    #[inline]
    pub fn is_ready(&self) -> bool {
        let there = self.buffer.get(self.start..self.end).unwrap_or_default();
        let length = there.get(4..).and_then(<[u8]>::first_chunk).map(|length| u32::from_ne_bytes(*length) as usize);
        length.is_some_and(|length| length <= there.len())
    }

    /// The next block; `None` at the end. Behind an error that [is local](ScapError::is_local) the next call goes on with
    /// the next block, behind all others there is nothing more.
    ///
    /// # Errors
    /// The input cannot be read, is no capture, is cut or damaged.
    #[expect(clippy::should_implement_trait, reason = "a block borrows the reader, which items of iterators cannot")]
    pub fn next(&mut self) -> Result<Option<Block<'_>>, ScapError> {
        if self.state == State::Ended {
            return Ok(None);
        }
        if let Some(Frame { kind, body, offset }) = self.buffered() {
            return Block::parse(kind, &self.buffer[body], offset).map(Some);
        }
        match self.frame() {
            Ok(Some(Frame { kind, body, offset })) => Block::parse(kind, &self.buffer[body], offset).map(Some),
            Ok(None) => {
                self.state = State::Ended;
                Ok(None)
            }
            Err(error) => {
                self.state = State::Ended;
                Err(error)
            }
        }
    }

    /// Steps over the next block if it is whole in the buffer, and neither special nor wrong.
    #[inline]
    fn buffered(&mut self) -> Option<Frame> {
        let there = self.buffer.get(self.start..self.end)?;
        let kind = u32::from_ne_bytes(*there.first_chunk()?);
        let length = u32::from_ne_bytes(*there.get(4..)?.first_chunk()?);
        let total = length as usize;
        let trailer = u32::from_ne_bytes(*there.get(..total)?.last_chunk()?);
        if trailer != length || total < FRAME || kind == SECTION || kind < NETWORK || self.state != State::Runs {
            return None;
        }
        let (body, offset) = (self.start + HEADER..self.start + total - 4, self.offset + HEADER as u64);
        self.start += total;
        self.offset += length as u64;
        Some(Frame { kind, body, offset })
    }

    /// Steps over the next block.
    #[cold]
    fn frame(&mut self) -> Result<Option<Frame>, ScapError> {
        let offset = self.offset;
        let there = self.fill(HEADER)?;
        if self.state == State::Begins {
            self.begin(there)?;
        }
        if there == 0 {
            let nothing_else = self.of_sections + self.of_network == offset;
            return if self.of_network > 0 && nothing_else { Err(ScapError::Network) } else { Ok(None) };
        }
        let (Some(kind), Some(length)) = (self.u32(0), self.u32(4)) else { return Err(self.cut()) };
        if kind == SECTION {
            // In the other byte order the length is none.
            self.fill(FRAME)?;
            let magic = self.buffer[self.start..self.end].get(HEADER..FRAME).and_then(<[u8]>::first_chunk);
            Section::check_byte_order(*magic.ok_or_else(|| self.cut())?, offset + HEADER as u64)?;
        }
        let total = length as usize;
        if !(FRAME..=LONGEST).contains(&total) {
            return Err(ScapError::Length { offset, length });
        }
        if self.fill(total)? < total {
            return Err(self.cut());
        }
        let trailer = self.u32(total - 4).unwrap_or_default();
        if trailer != length {
            return Err(ScapError::Trailer { offset, length, trailer });
        }
        match kind {
            SECTION => self.of_sections += total as u64,
            0..NETWORK => self.of_network += total as u64,
            _ => {}
        }
        let body = self.start + HEADER..self.start + total - 4;
        self.start += total;
        self.offset += total as u64;
        Ok(Some(Frame { kind, body, offset: offset + HEADER as u64 }))
    }

    /// Refuses what is no capture. `there` bytes of the first header are there.
    fn begin(&mut self, there: usize) -> Result<(), ScapError> {
        if there == 0 {
            return Err(ScapError::Empty);
        }
        if PCAP.iter().any(|magic| self.buffer[self.start..self.end].starts_with(magic)) {
            return Err(ScapError::Network);
        }
        if !SECTION.to_ne_bytes().starts_with(&self.buffer[self.start..self.end][..there.min(4)]) {
            return Err(ScapError::Magic { offset: self.offset });
        }
        self.state = State::Runs;
        Ok(())
    }

    /// The number that many bytes behind the start.
    #[inline]
    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.buffer[self.start..self.end].get(at..)?.first_chunk()?;
        Some(u32::from_ne_bytes(*bytes))
    }

    fn cut(&self) -> ScapError {
        ScapError::Cut { offset: self.offset, end: self.offset + (self.end - self.start) as u64 }
    }

    /// Reads until that many bytes are there, or the input ends: how many of them are there.
    #[inline]
    fn fill(&mut self, wanted: usize) -> Result<usize, ScapError> {
        if self.end - self.start < wanted {
            self.read(wanted)?;
        }
        Ok(wanted.min(self.end - self.start))
    }

    #[cold]
    fn read(&mut self, wanted: usize) -> Result<(), ScapError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < wanted {
            if self.end == self.buffer.len() {
                let more = self.buffer.len().min(LONGEST);
                self.buffer.resize(self.buffer.len() + more, 0);
            }
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let offset = self.offset + self.end as u64;
                    return Err(ScapError::Io { offset, source });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scap::testing::{Body, section};

    /// What comes out, one letter for each block, and the error.
    fn read(input: &[u8]) -> (String, Option<ScapError>) {
        let mut reader = Reader::new(input);
        let mut letters = String::new();
        loop {
            match reader.next() {
                Ok(Some(block)) => letters.push(match block {
                    Block::Section(_) => 'S',
                    Block::Event(_) => 'E',
                    Block::Unknown { .. } => '?',
                    _ => '.',
                }),
                Ok(None) => return (letters, None),
                Err(error) if error.is_local() => letters.push('!'),
                Err(error) => {
                    assert!(matches!(reader.next(), Ok(None)), "nothing comes behind an error");
                    return (letters, Some(error));
                }
            }
        }
    }

    fn event() -> Body {
        Body::default().u16(0).u64(1).u64(1).u32(26).u16(12).u32(0)
    }

    #[test]
    fn sections_follow_each_other_and_unknown_blocks_are_passed() {
        let capture = [section(), event().block(0x216), Body::default().raw(b"????").block(0x999)].concat();
        let (letters, error) = read(&capture.repeat(2));
        assert_eq!((letters.as_str(), error.is_none()), ("SE?SE?", true));
    }

    #[test]
    fn damage_inside_a_block_does_not_hide_the_next_one() {
        let capture = [section(), event().cut(20).block(0x216), event().block(0x216)].concat();
        assert_eq!(read(&capture).0, "S!E");
    }

    #[test]
    fn what_is_no_capture_is_refused() {
        let message = |input: &[u8]| read(input).1.unwrap().to_string();
        assert_eq!(message(b""), "not a capture file (empty)");
        assert_eq!(message(b"#!"), "not a capture file (bad magic at byte 0)");
        assert_eq!(
            message(b"\xd4\xc3\xb2\xa1\x02\0\x04\0"),
            "a network capture (pcap or pcapng), not a system call capture"
        );
        assert_eq!(message(b"#!/bin/sh\necho hello\n"), "not a capture file (bad magic at byte 0)");
        assert_eq!(
            message(&section()[..3]),
            "cut in the middle of a block (block at byte 0, end of the data at byte 3)"
        );
        let mut other = section();
        other[4..8].reverse();
        other[8..12].reverse();
        assert_eq!(message(&other), "capture from a machine with the opposite byte order (magic at byte 8)");
        let newer = Body::default().u32(0x1A2B_3C4D).u16(2).u16(0).u64(u64::MAX).block(SECTION);
        assert_eq!(read(&newer).0, "");
        assert_eq!(message(&newer), "unknown capture format 2, expected 1 (section at byte 0)");
    }

    #[test]
    fn impossible_lengths_and_trailers_are_damage() {
        for length in [0u32, 11, LONGEST as u32 + 1, u32::MAX] {
            let bad = Body::default().u32(0x216).u32(length).raw(&[0; 20]);
            let (letters, error) = read(&[section(), bad.bytes().to_vec()].concat());
            assert_eq!(letters, "S");
            assert!(matches!(error, Some(ScapError::Length { offset: 28, .. })), "{error:?}");
        }
        let mut block = event().block(0x216);
        let last = block.len() - 4;
        block[last] ^= 1;
        let (_, error) = read(&[section(), block].concat());
        assert!(matches!(error, Some(ScapError::Trailer { offset: 28, .. })), "{error:?}");
    }

    #[test]
    fn a_cut_says_where_the_block_began() {
        let capture = [section(), event().block(0x216)].concat();
        for len in 29..capture.len() {
            let (letters, error) = read(&capture[..len]);
            assert_eq!(letters, "S");
            let Some(ScapError::Cut { offset: 28, end }) = error else { panic!("{error:?}") };
            assert_eq!(end, len as u64);
        }
    }

    /// Gives few bytes at a time, and is interrupted.
    struct Slow<'a>(&'a [u8], u32);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let len = (self.1 as usize % 7 + 1).min(buffer.len()).min(self.0.len());
            let (now, later) = self.0.split_at(len);
            buffer[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    #[test]
    fn blocks_come_whole_from_an_input_that_gives_a_few_bytes() {
        let capture = [section(), event().block(0x216).repeat(50)].concat();
        let mut reader = Reader::new(Slow(&capture, 0));
        let mut blocks = 0;
        while reader.next().unwrap().is_some() {
            blocks += 1;
        }
        assert_eq!((blocks, reader.offset()), (51, capture.len() as u64));
    }

    #[test]
    fn a_block_longer_than_the_buffer_is_read_and_a_claimed_one_takes_no_memory() {
        let long = Body::default().raw(&vec![7; 3 * BUFFER]).block(0x999);
        assert_eq!(read(&[section(), long, event().block(0x216)].concat()).0, "S?E");
        let claimed = Body::default().u32(0x999).u32(LONGEST as u32).raw(&[0; 100]);
        let capture = [section(), claimed.bytes().to_vec()].concat();
        let mut reader = Reader::new(&capture[..]);
        while let Ok(Some(_)) = reader.next() {}
        assert_eq!(reader.buffer.len(), BUFFER);
    }
}
