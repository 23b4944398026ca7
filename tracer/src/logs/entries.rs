//! Entries as Docker's API gives them, with the time of each: in frames that name the stream, or, of a container with a terminal, one after the
//! other as they are.
//!
//! Source: moby, api/types/container and pkg/stdcopy; the engine cuts lines at 16 KiB.

use std::borrow::Cow;

use super::{
    Stream,
    form::{MAX_ENTRY, Next, Piece, time_ns},
};
use crate::state::container::engine::DOCKER;

/// The head of a frame: stream, three zeros, length.
const HEAD: usize = 8;
/// The longest time in front of an entry, with the blank.
const MAX_TIME: usize = 40;
/// Where Docker cuts lines.
const PART: usize = 16 << 10;

/// Bytes of which entries are cut.
#[derive(Debug, Default)]
pub struct Entries {
    buffer: Vec<u8>,
    begin: usize,
    is_terminal: bool,
    is_docker: bool,
}

impl Entries {
    /// Those of an engine.
    pub fn of(runtime: &str) -> Self {
        Self { is_docker: runtime == DOCKER, ..Self::default() }
    }

    /// What comes from now on is the log of a container with a terminal, or of one without.
    pub fn begin(&mut self, is_terminal: bool) {
        (self.buffer, self.begin, self.is_terminal) = (Vec::new(), 0, is_terminal);
    }

    /// More has come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.begin);
        self.begin = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// What stands at the beginning.
    pub fn first(&self) -> Next<'_> {
        let bytes = &self.buffer[self.begin..];
        if self.is_terminal {
            return raw(bytes);
        }
        let mut next = framed(bytes);
        // Docker 20.10 leaves out the end of a line that was cut, if its driver is not `json-file`. Only what is not the last part is that long.
        if let Next::Piece(piece, _) = &mut next {
            piece.is_last |= self.is_docker && piece.text.len() < PART;
        }
        next
    }

    /// So many bytes are done with.
    pub fn drop_first(&mut self, count: usize) {
        self.begin += count;
    }
}

/// `TIME TEXT`, and whether the line ends with it.
fn entry(bytes: &[u8], stream: Stream) -> Option<Piece<'_>> {
    let at = memchr::memchr(b' ', &bytes[..bytes.len().min(MAX_TIME)])?;
    let time_ns = time_ns(std::str::from_utf8(&bytes[..at]).ok()?)?;
    let text = &bytes[at + 1..];
    let whole = text.strip_suffix(b"\n");
    Some(Piece { time_ns, stream, text: Cow::Borrowed(whole.unwrap_or(text)), is_last: whole.is_some() })
}

fn framed(bytes: &[u8]) -> Next<'_> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return Next::Incomplete };
    let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let stream = match head[0] {
        1 => Stream::Out,
        2 => Stream::Err,
        _ => return Next::Unknown(bytes.len()),
    };
    if head[1..4] != [0; 3] || length > MAX_ENTRY {
        // Nothing tells where the next one begins.
        return Next::Unknown(bytes.len());
    }
    let Some(payload) = rest.get(..length) else { return Next::Incomplete };
    entry(payload, stream).map_or(Next::Unknown(HEAD + length), |piece| Next::Piece(piece, HEAD + length))
}

fn raw(bytes: &[u8]) -> Next<'_> {
    // The first part of a line that was cut ends where a time stands again.
    let time = memchr::memchr(b' ', &bytes[..bytes.len().min(MAX_TIME)]).map(|at| at + 1);
    let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(MAX_ENTRY)]);
    let cut = time.map(|time| time + PART).filter(|cut| end.map_or(bytes.len() > *cut, |end| end > *cut));
    if let Some(cut) = cut {
        let rest = &bytes[cut..];
        if end.is_none() && rest.len() < MAX_TIME {
            return Next::Incomplete;
        }
        if entry(rest, Stream::Out).is_some() {
            return entry(&bytes[..cut], Stream::Out).map_or(Next::Unknown(cut), |piece| Next::Piece(piece, cut));
        }
    }
    match end {
        Some(end) => entry(&bytes[..=end], Stream::Out).map_or(Next::Unknown(end + 1), |it| Next::Piece(it, end + 1)),
        None if bytes.len() >= MAX_ENTRY => Next::Unknown(MAX_ENTRY),
        None => Next::Incomplete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-08-01T10:00:00.123456789Z";
    const TIME_NS: u64 = 1_785_578_400_123_456_789;

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let payload = format!("{TIME} {text}");
        let mut bytes = vec![stream, 0, 0, 0];
        bytes.extend((payload.len() as u32).to_be_bytes());
        bytes.extend(payload.bytes());
        bytes
    }

    fn all(is_terminal: bool, bytes: &[u8], step: usize) -> Vec<(Stream, String, bool)> {
        let mut entries = Entries::default();
        entries.begin(is_terminal);
        let mut all = Vec::new();
        for part in bytes.chunks(step) {
            entries.push(part);
            loop {
                let length = match entries.first() {
                    Next::Piece(piece, length) => {
                        assert_eq!(piece.time_ns, TIME_NS);
                        all.push((piece.stream, String::from_utf8_lossy(&piece.text).into_owned(), piece.is_last));
                        length
                    }
                    Next::Unknown(length) => {
                        all.push((Stream::Err, "?".to_owned(), true));
                        length
                    }
                    Next::Incomplete => break,
                };
                entries.drop_first(length);
            }
        }
        all
    }

    #[test]
    fn frames_name_the_stream_however_they_are_cut() {
        let bytes = [frame(1, "a b\n"), frame(2, "half"), frame(2, " whole\n"), frame(1, "\n")].concat();
        let expected = [
            (Stream::Out, "a b".to_owned(), true),
            (Stream::Err, "half".to_owned(), false),
            (Stream::Err, " whole".to_owned(), true),
            (Stream::Out, String::new(), true),
        ];
        for step in [1, 7, 10_000] {
            assert_eq!(all(false, &bytes, step), expected, "{step}");
        }
    }

    #[test]
    fn a_short_part_of_docker_ends_a_line() {
        let bytes = [frame(1, &"x".repeat(PART)), frame(1, "end")].concat();
        for (runtime, is_last) in [(DOCKER, true), ("podman", false)] {
            let mut entries = Entries::of(runtime);
            entries.push(&bytes);
            for expected in [false, is_last] {
                let Next::Piece(piece, length) = entries.first() else { panic!() };
                assert_eq!(piece.is_last, expected, "{runtime}");
                entries.drop_first(length);
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_said() {
        assert_eq!(all(false, &frame(7, "x\n"), 1_000), [(Stream::Err, "?".to_owned(), true)]);
        assert_eq!(all(false, &[1, 0, 0, 0, 0xff, 0, 0, 0], 1_000), [(Stream::Err, "?".to_owned(), true)]);
        let untimed = [&[1, 0, 0, 0, 0, 0, 0, 3][..], b"x y"].concat();
        let bytes = [untimed, frame(1, "z\n")].concat();
        assert_eq!(
            all(false, &bytes, 1_000),
            [(Stream::Err, "?".to_owned(), true), (Stream::Out, "z".to_owned(), true)]
        );
    }

    #[test]
    fn a_terminal_has_one_stream_and_times_within_long_lines() {
        let part = "x".repeat(PART);
        let bytes = format!("{TIME} a\r\n{TIME} {part}{TIME} {part}{TIME} end\r\n{TIME} {part}\n");
        let expected = [
            (Stream::Out, "a\r".to_owned(), true),
            (Stream::Out, part.clone(), false),
            (Stream::Out, part.clone(), false),
            (Stream::Out, "end\r".to_owned(), true),
            (Stream::Out, part, true),
        ];
        for step in [13, 4_096, 1 << 20] {
            assert_eq!(all(true, bytes.as_bytes(), step), expected, "{step}");
        }
    }
}
