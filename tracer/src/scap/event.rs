//! Events.
//!
//! ```text
//! u16 CPU
//! u32 flags        only in blocks with flags: bit 0, the event changes state but was not wanted
//! u64 time, ns since the epoch
//! i64 thread id
//! u32 length of all from the time on
//! u16 code
//! u32 number of parameters   not in version 1
//! a length for each parameter: u16, or u32 in large blocks
//! the parameters
//! ```
//! Even codes are the beginning of a call, odd ones its end. Version 1 does not say how many parameters there are: that
//! many that header, lengths and parameters fill the event, see [`Event::params`]. What stands behind the event are
//! [options](super::options), such as comments.

use super::{Options, ScapError};

/// Time, thread, length, code.
const HEADER_V1: usize = 22;
/// And the number of parameters.
const HEADER_V2: usize = 26;
/// Codes of which version 1 says a length that is too great, by [`EXCESS`]: notification and infra.
const TOO_LONG: [u16; 2] = [280, 286];
const EXCESS: usize = 3;

/// How the event of a block is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    counted: bool,
    large: bool,
    flags: bool,
}

impl Shape {
    pub(super) const V1: Self = Self { counted: false, large: false, flags: false };
    pub(super) const V2: Self = Self { counted: true, large: false, flags: false };
    pub(super) const LARGE: Self = Self { counted: true, large: true, flags: false };

    pub(super) const fn with_flags(self) -> Self {
        Self { flags: true, ..self }
    }
}

/// An event.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// CPU that it happened on.
    pub cpu: u16,
    /// Flags of the block; 0 when it has none.
    pub flags: u32,
    /// Time, ns since the epoch.
    pub time_ns: u64,
    /// Thread; -1 for events of no thread.
    pub tid: i64,
    /// Event type.
    pub code: u16,
    /// Whether lengths of parameters have 4 bytes rather than 2.
    pub large: bool,
    /// The parameters, when the event says how many.
    params: Option<EventParams<'a>>,
    /// Lengths and parameters.
    body: &'a [u8],
    /// What stands behind the event: options, and padding.
    behind: &'a [u8],
}

/// The parameters of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventParams<'a> {
    /// How many there are.
    pub count: usize,
    /// Whether their lengths have 4 bytes rather than 2.
    pub large: bool,
    /// Their lengths.
    pub lengths: &'a [u8],
    /// Their bytes, one behind the other.
    pub payload: &'a [u8],
}

impl<'a> Event<'a> {
    #[inline]
    pub(super) fn parse(body: &'a [u8], offset: u64, shape: Shape) -> Result<Self, ScapError> {
        let damaged = || ScapError::Content { offset, block: "event" };
        let (cpu, rest) = body.split_first_chunk::<2>().ok_or_else(damaged)?;
        let (flags, rest) = if shape.flags {
            let (flags, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
            (u32::from_ne_bytes(*flags), rest)
        } else {
            (0, rest)
        };
        let header = rest.first_chunk::<HEADER_V1>().ok_or_else(damaged)?;
        let [t0, t1, t2, t3, t4, t5, t6, t7, i0, i1, i2, i3, i4, i5, i6, i7, l0, l1, l2, l3, c0, c1] = *header;
        let code = u16::from_ne_bytes([c0, c1]);
        let mut len = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        if !shape.counted && TOO_LONG.contains(&code) {
            len = len.saturating_sub(EXCESS);
        }
        let (event, behind) = rest.split_at_checked(len).ok_or_else(damaged)?;
        // Bodies begin at a multiple of 4.
        let behind = behind.get((body.len() - behind.len()).wrapping_neg() % 4..).unwrap_or_default();
        let (count, body) = if shape.counted {
            let count = event.get(HEADER_V1..HEADER_V2).and_then(<[u8]>::first_chunk).ok_or_else(damaged)?;
            (Some(u32::from_ne_bytes(*count) as usize), &event[HEADER_V2..])
        } else {
            (None, event.get(HEADER_V1..).ok_or_else(damaged)?)
        };
        let params = match count {
            Some(count) => Some(split(body, count, shape.large).ok_or_else(damaged)?),
            None => None,
        };
        Ok(Self {
            cpu: u16::from_ne_bytes(*cpu),
            flags,
            time_ns: u64::from_ne_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            tid: i64::from_ne_bytes([i0, i1, i2, i3, i4, i5, i6, i7]),
            code,
            large: shape.large,
            params,
            body,
            behind,
        })
    }

    /// Version of the block: 1 does not say how many parameters there are, 2 does.
    #[must_use]
    pub fn version(&self) -> u8 {
        if self.params.is_some() { 2 } else { 1 }
    }

    /// The options behind the event.
    #[must_use]
    #[inline]
    pub fn options(&self) -> Options<'a> {
        Options::new(self.behind)
    }

    /// Whether the event was not wanted and stands only for what it changes.
    #[must_use]
    pub fn state_only(&self) -> bool {
        self.flags & 1 != 0
    }

    /// The parameters. Version 1 does not store how many there are: the greatest number up to `most`, which the newest
    /// table has for the code, that fills the event. `None` when none does.
    #[must_use]
    #[inline]
    pub fn params(&self, most: usize) -> Option<EventParams<'a>> {
        match self.params {
            Some(params) => Some(params),
            None => split(self.body, self.guess(most)?, self.large),
        }
    }

    fn guess(&self, most: usize) -> Option<usize> {
        let mut found = None;
        let mut sum = 0;
        for count in 0..=most {
            if 2 * count + sum == self.body.len() {
                found = Some(count);
            }
            let Some(len) = self.body.get(2 * count..).and_then(<[u8]>::first_chunk) else { break };
            sum += usize::from(u16::from_ne_bytes(*len));
        }
        found
    }
}

/// Lengths and parameters; `None` when they are longer than the event.
#[inline]
fn split(body: &[u8], count: usize, large: bool) -> Option<EventParams<'_>> {
    let width = if large { 4 } else { 2 };
    let (lengths, payload) = body.split_at_checked(count.checked_mul(width)?)?;
    let params = EventParams { count, large, lengths, payload };
    let sum: u64 = if large {
        params.widths().map(|len| len as u64).sum()
    } else {
        lengths.as_chunks().0.iter().map(|len| u64::from(u16::from_ne_bytes(*len))).sum()
    };
    (sum <= payload.len() as u64).then_some(params)
}

impl<'a> EventParams<'a> {
    #[inline]
    fn widths(&self) -> impl Iterator<Item = usize> + use<'a> {
        let width = if self.large { 4 } else { 2 };
        self.lengths.chunks_exact(width).map(|len| match *len {
            [a, b] => usize::from(u16::from_ne_bytes([a, b])),
            [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]) as usize,
            _ => 0,
        })
    }

    /// The bytes of parameter `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let mut widths = self.widths();
        let start = widths.by_ref().take(index).sum::<usize>();
        self.payload.get(start..start.checked_add(widths.next()?)?)
    }

    /// The bytes of each parameter, in their order. One without bytes has no value.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.payload;
        self.widths().map_while(move |len| {
            let (param, behind) = rest.split_at_checked(len)?;
            rest = behind;
            Some(param)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scap::{Block, testing::Body};

    fn header(len: u32, code: u16) -> Body {
        Body::default().u64(5_000).u64(77).u32(len).u16(code)
    }

    fn v2(code: u16, params: &[&[u8]], large: bool) -> Body {
        let width = if large { 4 } else { 2 };
        let len = HEADER_V2 + params.iter().map(|param| width + param.len()).sum::<usize>();
        let body = header(len as u32, code).u32(params.len() as u32);
        let body = params
            .iter()
            .fold(body, |body, param| if large { body.u32(param.len() as u32) } else { body.u16(param.len() as u16) });
        params.iter().fold(body, |body, param| body.raw(param))
    }

    fn v1(code: u16, params: &[&[u8]], excess: u32) -> Body {
        let len = HEADER_V1 + params.iter().map(|param| 2 + param.len()).sum::<usize>();
        let body = params.iter().fold(header(len as u32 + excess, code), |body, param| body.u16(param.len() as u16));
        params.iter().fold(body, |body, param| body.raw(param))
    }

    fn event(body: &Body, kind: u32) -> Event<'_> {
        let Block::Event(event) = body.parse(kind).unwrap() else { panic!("no event") };
        event
    }

    fn params<'a>(event: &Event<'a>, most: usize) -> Option<Vec<&'a [u8]>> {
        event.params(most).map(|params| params.iter().collect())
    }

    const VALUES: [&[u8]; 3] = [&[3; 8], b"/etc/passwd\0", b""];

    #[test]
    fn every_kind_of_block_gives_the_same_event() {
        let cpu = Body::default().u16(2);
        let flags = Body::default().u16(2).u32(1);
        let blocks = [
            (0x204, cpu.clone().body(&v1(3, &VALUES, 0))),
            (0x208, flags.clone().body(&v1(3, &VALUES, 0))),
            (0x216, cpu.clone().body(&v2(3, &VALUES, false))),
            (0x217, flags.clone().body(&v2(3, &VALUES, false))),
            (0x221, cpu.body(&v2(3, &VALUES, true))),
            (0x222, flags.body(&v2(3, &VALUES, true))),
        ];
        for (kind, body) in blocks {
            // Behind the event: padding and a comment.
            let body = body.raw(&[0, 0, 1, 0, 2, 0, b'h', b'i', 0, 0]);
            let event = event(&body, kind);
            assert_eq!((event.cpu, event.time_ns, event.tid, event.code), (2, 5_000, 77, 3), "{kind:x}");
            assert_eq!(event.state_only(), matches!(kind, 0x208 | 0x217 | 0x222));
            assert_eq!(event.large, matches!(kind, 0x221 | 0x222));
            assert_eq!(params(&event, 6).unwrap(), VALUES);
        }
    }

    #[test]
    fn without_a_count_the_greatest_that_fits_is_taken() {
        let body = Body::default().u16(0).body(&v1(3, &VALUES[..2], 0));
        assert_eq!(params(&event(&body, 0x204), 6).unwrap(), &VALUES[..2]);
        assert_eq!(params(&event(&body, 0x204), 2).unwrap(), &VALUES[..2]);
        assert_eq!(params(&event(&body, 0x204), 1), None);
        let none = Body::default().u16(0).body(&v1(12, &[], 0));
        assert_eq!(params(&event(&none, 0x204), 4).unwrap().len(), 0);
        // One parameter of two zero bytes reads as well as two without bytes; the table has at most that many.
        let either = Body::default().u16(0).body(&v1(12, &[b"", b""], 0));
        assert_eq!(params(&event(&either, 0x204), 2).unwrap().len(), 2);
    }

    #[test]
    fn two_old_events_say_a_length_that_is_too_great() {
        for code in TOO_LONG {
            let body = Body::default().u16(0).body(&v1(code, &[b"id\0", b"text\0"], 3));
            assert_eq!(params(&event(&body, 0x204), 4).unwrap(), [&b"id\0"[..], b"text\0"]);
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_damage() {
        let whole = Body::default().u16(0).body(&v2(3, &VALUES, false));
        for len in 0..whole.len() {
            assert!(whole.cut(len).parse(0x216).is_err(), "{len}");
        }
        let count = |count| Body::default().u16(0).body(&header(30, 3)).u32(count).u16(1).u16(1);
        assert!(count(1).parse(0x216).is_ok());
        assert!(count(2).parse(0x216).is_err());
        assert!(count(u32::MAX).parse(0x221).is_err());
        assert!(Body::default().u16(0).body(&header(21, 3)).parse(0x204).is_err());
        assert!(Body::default().u16(0).body(&header(u32::MAX, 3)).parse(0x204).is_err());
    }
}
