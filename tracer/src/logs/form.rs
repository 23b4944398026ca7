//! The forms in which runtimes keep logs: how one entry after the other is cut from the bytes of a file.
//!
//! An entry may be a part of a line. Sources: Docker, daemon/logger/jsonfilelog and daemon/logger/local; Kubernetes,
//! <https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

use super::Stream;
use crate::state::container::engine::proto;

/// The longest entry, bytes: Docker and containerd cut at 16 KiB, in JSON each byte may take six, and labels come on top.
pub const MAX_ENTRY: usize = 1 << 20;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Docker's `json-file`: an object in each line.
    JsonFile,
    /// Docker's `local`, and what it keeps for drivers that send logs elsewhere: messages between their lengths.
    Local,
    /// The form of CRI runtimes and of Podman's `k8s-file`.
    Cri,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'b> {
    /// When it was written, nanoseconds since the epoch.
    pub time_ns: u64,
    /// Where to.
    pub stream: Stream,
    /// Its bytes, without the end of the line.
    pub text: Cow<'b, [u8]>,
    /// Whether the line ends with it.
    pub is_last: bool,
}

/// What stands at the beginning of bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'b> {
    /// A part of a line, and how many bytes it takes.
    Piece(Piece<'b>, usize),
    /// So many bytes that are no entry.
    Unknown(usize),
    /// The beginning of an entry.
    Incomplete,
}

#[derive(Deserialize)]
struct Object<'b> {
    #[serde(borrow)]
    log: Cow<'b, str>,
    #[serde(borrow)]
    stream: Cow<'b, str>,
    #[serde(borrow)]
    time: Cow<'b, str>,
}

impl Form {
    /// The name for it, as `--explain` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JsonFile => "json-file",
            Self::Local => "local",
            Self::Cri => "cri",
        }
    }

    /// What stands at the beginning of these bytes.
    #[must_use]
    pub fn next(self, bytes: &[u8]) -> Next<'_> {
        if self == Self::Local {
            return message(bytes);
        }
        let Some(end) = memchr::memchr(b'\n', &bytes[..bytes.len().min(MAX_ENTRY)]) else {
            return if bytes.len() >= MAX_ENTRY { Next::Unknown(MAX_ENTRY) } else { Next::Incomplete };
        };
        let piece = match self {
            Self::Cri => of_cri(&bytes[..end]),
            _ => of_json(&bytes[..end]),
        };
        piece.map_or(Next::Unknown(end + 1), |piece| Next::Piece(piece, end + 1))
    }

    /// Where the last `count` lines begin in these bytes, which are the end of a file; `None` if there are not so many. The first one is there with
    /// all of its parts.
    #[must_use]
    pub fn tail(self, bytes: &[u8], count: usize) -> Option<usize> {
        let (mut end, mut left) = (bytes.len(), count);
        while end > 0 {
            let at = match self {
                Self::Local => before_message(&bytes[..end])?,
                _ => memchr::memrchr(b'\n', &bytes[..end - 1]).map_or(0, |at| at + 1),
            };
            let is_last = matches!(self.next(&bytes[at..end]), Next::Piece(Piece { is_last: true, .. }, _));
            // A line that goes on for now is the last one.
            if is_last && left == 0 {
                return Some(end);
            }
            left = left.saturating_sub(usize::from(is_last || end == bytes.len()));
            end = at;
        }
        (left == 0).then_some(0)
    }
}

/// Nanoseconds since the epoch of a time as runtimes write it.
pub fn time_ns(text: &str) -> Option<u64> {
    let time: Timestamp = text.parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok()
}

fn of_json(line: &[u8]) -> Option<Piece<'_>> {
    let object: Object<'_> = serde_json::from_slice(line).ok()?;
    let mut text = match object.log {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    let is_last = text.last() == Some(&b'\n');
    if is_last {
        match &mut text {
            Cow::Borrowed(text) => *text = &text[..text.len() - 1],
            Cow::Owned(text) => _ = text.pop(),
        }
    }
    let stream = Stream::by_name(object.stream.as_bytes())?;
    Some(Piece { time_ns: time_ns(&object.time)?, stream, text, is_last })
}

/// `TIME STREAM TAGS TEXT`: a blank between each of them, and of tags the first one counts.
fn of_cri(line: &[u8]) -> Option<Piece<'_>> {
    let mut words = line.splitn(4, |byte| *byte == b' ');
    let [time, stream, tags] = [words.next()?, words.next()?, words.next()?];
    let text = words.next().unwrap_or_default();
    let is_last = match tags.split(|byte| *byte == b':').next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    let time_ns = time_ns(std::str::from_utf8(time).ok()?)?;
    Some(Piece { time_ns, stream: Stream::by_name(stream)?, text: Cow::Borrowed(text), is_last })
}

/// A message between its length and its length.
fn message(bytes: &[u8]) -> Next<'_> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let Some(length) = number(0) else { return Next::Incomplete };
    if length > MAX_ENTRY {
        // Nothing tells where the next one begins.
        return Next::Unknown(bytes.len());
    }
    let Some(again) = number(4 + length) else { return Next::Incomplete };
    if again != length {
        return Next::Unknown(bytes.len());
    }
    let body = &bytes[4..4 + length];
    let stream = Stream::by_name(proto::bytes(body, 1));
    let is_last = proto::number(body, 4) == 0 || proto::number(proto::bytes(body, 5), 1) != 0;
    let piece = stream.map(|stream| Piece {
        time_ns: proto::number(body, 2),
        stream,
        text: Cow::Borrowed(proto::bytes(body, 3)),
        is_last,
    });
    piece.map_or(Next::Unknown(length + 8), |piece| Next::Piece(piece, length + 8))
}

/// Where the message begins that ends these bytes.
fn before_message(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(bytes.last_chunk::<4>().copied()?) as usize;
    bytes.len().checked_sub(length.checked_add(8)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: u64 = 1_785_578_400_123_456_789;

    fn piece(text: &[u8], stream: Stream, is_last: bool) -> Piece<'_> {
        Piece { time_ns: TIME, stream, text: Cow::Borrowed(text), is_last }
    }

    #[test]
    fn an_object_is_a_line_or_a_part_of_one() {
        let line = |log: &str| {
            format!(
                "{{\"log\":\"{log}\",\"stream\":\"stderr\",\"attrs\":{{\"a\":\"b\"}},\"time\":\"2026-08-01T10:00:00.123456789Z\"}}\n"
            )
        };
        let whole = line("a \\u003cb\\u003e\\n");
        assert_eq!(Form::JsonFile.next(whole.as_bytes()), Next::Piece(piece(b"a <b>", Stream::Err, true), whole.len()));
        let part = line("half");
        assert_eq!(Form::JsonFile.next(part.as_bytes()), Next::Piece(piece(b"half", Stream::Err, false), part.len()));
        assert_eq!(Form::JsonFile.next(&part.as_bytes()[..20]), Next::Incomplete);
        assert_eq!(Form::JsonFile.next(b"damaged\nrest"), Next::Unknown(8));
    }

    #[test]
    fn a_line_of_kubernetes_has_tags() {
        let text = b"2026-08-01T12:00:00.123456789+02:00 stdout P:x  two blanks\nnext";
        assert_eq!(Form::Cri.next(text), Next::Piece(piece(b" two blanks", Stream::Out, false), 59));
        let text = b"2026-08-01T10:00:00.123456789Z stdout F \n";
        assert_eq!(Form::Cri.next(text), Next::Piece(piece(b"", Stream::Out, true), text.len()));
        assert_eq!(Form::Cri.next(b"2026-08-01T10:00:00.123456789Z stdout Q x\n"), Next::Unknown(42));
        assert_eq!(Form::Cri.next(&vec![b'x'; MAX_ENTRY + 1]), Next::Unknown(MAX_ENTRY));
    }

    /// A message of Docker's `local`.
    fn local(text: &[u8], partial: bool) -> Vec<u8> {
        let mut body = vec![1 << 3 | 2, 6];
        body.extend_from_slice(b"stdout");
        body.push(2 << 3);
        let mut time = TIME;
        while time >= 0x80 {
            body.push(time as u8 | 0x80);
            time >>= 7;
        }
        body.push(time as u8);
        body.extend([3 << 3 | 2, text.len() as u8]);
        body.extend_from_slice(text);
        if partial {
            body.extend([4 << 3, 1]);
        }
        let length = (body.len() as u32).to_be_bytes();
        [&length[..], &body, &length].concat()
    }

    #[test]
    fn a_message_stands_between_its_lengths() {
        let one = local(b"hello", false);
        assert_eq!(Form::Local.next(&one), Next::Piece(piece(b"hello", Stream::Out, true), one.len()));
        let part = local(b"hel", true);
        assert_eq!(Form::Local.next(&part), Next::Piece(piece(b"hel", Stream::Out, false), part.len()));
        assert_eq!(Form::Local.next(&one[..one.len() - 1]), Next::Incomplete);
        let mut damaged = one.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(Form::Local.next(&damaged), Next::Unknown(damaged.len()));
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        let line = |tag: &str, text: &str| format!("2026-08-01T10:00:00.123456789Z stdout {tag} {text}\n");
        let text = [line("F", "a"), line("P", "b"), line("F", "c"), line("F", "d")].concat();
        let from = |count| Form::Cri.tail(text.as_bytes(), count).map(|at| &text[at..]);
        assert_eq!(from(1), Some(line("F", "d").as_str()));
        assert_eq!(from(2), Some([line("P", "b"), line("F", "c"), line("F", "d")].concat().as_str()));
        assert_eq!(from(3), Some(text.as_str()));
        assert_eq!(from(0), Some(""));
        let open = [text.as_str(), line("P", "e").as_str()].concat();
        assert_eq!(Form::Cri.tail(open.as_bytes(), 1).map(|at| &open[at..]), Some(line("P", "e").as_str()));
        assert_eq!(from(9), None);
        let messages = [local(b"a", false), local(b"b", false)].concat();
        assert_eq!(Form::Local.tail(&messages, 1), Some(messages.len() / 2));
        assert_eq!((Form::Local.tail(&messages, 2), Form::Local.tail(&messages, 3)), (Some(0), None));
    }
}
