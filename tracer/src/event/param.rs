//! Typed parameters over the bytes of a record.
//!
//! Nothing here trusts the record: a parameter that is cut or has the wrong length is missing, never a panic.

use tracer_common::kind::Kind;

use super::{Row, SockAddr, SockTuple};

/// The parameters of one event.
#[derive(Debug, Clone, Copy)]
pub struct Params<'a> {
    row: &'static Row,
    /// `u16` lengths.
    lengths: &'a [u8],
    payload: &'a [u8],
    /// Whether flags are in the form of the running kernel rather than of the file.
    native: bool,
}

/// A parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamValue<'a> {
    /// It has no value: it could not be read, or the source does not have it.
    Missing,
    /// A signed number.
    I64(i64),
    /// An unsigned number; flags in file form.
    U64(u64),
    /// Text without its final NUL; not always UTF-8.
    Text(&'a [u8]),
    /// Texts, each followed by a NUL.
    List(&'a [u8]),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// A socket address.
    SockAddr(SockAddr<'a>),
    /// Both ends of a socket.
    SockTuple(SockTuple<'a>),
}

impl<'a> Params<'a> {
    /// Over the lengths (`u16` each) and the payload of a record.
    #[must_use]
    pub fn new(row: &'static Row, lengths: &'a [u8], payload: &'a [u8], native: bool) -> Self {
        Self { row, lengths, payload, native }
    }

    /// No parameters at all.
    #[must_use]
    pub fn empty(row: &'static Row) -> Params<'static> {
        Params { row, lengths: &[], payload: &[], native: false }
    }

    /// How many the record has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lengths.len() / 2
    }

    /// The bytes of parameter `index`. A parameter of length zero has no value.
    #[must_use]
    pub fn raw(&self, index: usize) -> Option<&'a [u8]> {
        let mut start = 0usize;
        let mut lengths = self.lengths.chunks_exact(2).map(|two| usize::from(u16::from_le_bytes([two[0], two[1]])));
        for _ in 0..index {
            start += lengths.next()?;
        }
        let len = lengths.next()?;
        self.payload.get(start..start + len).filter(|bytes| !bytes.is_empty())
    }

    /// Parameter `index` as a number, widened with the sign of its kind; flags in file form.
    #[must_use]
    pub fn i64(&self, index: usize) -> Option<i64> {
        let kind = self.row.params.get(index)?.kind;
        let bytes = self.raw(index)?;
        let number = match *bytes {
            [a] => u64::from(a),
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] if kind.signed() => i64::from(i32::from_le_bytes([a, b, c, d])) as u64,
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => return None,
        };
        match kind.flag_set() {
            // Open flags and the like are `int`s in the kernel.
            Some(set) if self.native => Some(i64::from(set.to_file(number as u32))),
            _ => Some(number as i64),
        }
    }

    /// The same, unsigned.
    #[must_use]
    pub fn u64(&self, index: usize) -> Option<u64> {
        self.i64(index).map(|number| number as u64)
    }

    /// Parameter `index` as text without its final NUL.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<&'a [u8]> {
        let bytes = self.raw(index)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Some(&bytes[..end])
    }

    /// Parameter `index` with its type.
    #[must_use]
    pub fn value(&self, index: usize) -> ParamValue<'a> {
        let Some(param) = self.row.params.get(index) else { return ParamValue::Missing };
        let value = match param.kind {
            Kind::Text | Kind::Path | Kind::PathAt(_) => self.text(index).map(ParamValue::Text),
            Kind::List => self.raw(index).map(ParamValue::List),
            Kind::Bytes => self.raw(index).map(ParamValue::Bytes),
            Kind::SockAddr => self.raw(index).and_then(SockAddr::parse).map(ParamValue::SockAddr),
            Kind::SockTuple => self.raw(index).and_then(SockTuple::parse).map(ParamValue::SockTuple),
            kind if kind.signed() => self.i64(index).map(ParamValue::I64),
            _ => self.u64(index).map(ParamValue::U64),
        };
        value.unwrap_or(ParamValue::Missing)
    }

    /// The parameter of that name with its type.
    #[must_use]
    pub fn named(&self, name: &str) -> ParamValue<'a> {
        self.row.param(name).map_or(ParamValue::Missing, |(index, _)| self.value(index))
    }

    pub(super) fn to_owned(self) -> OwnedParams {
        OwnedParams { lengths: self.lengths.into(), payload: self.payload.into(), native: self.native }
    }
}

/// The bytes behind [`Params`], kept.
#[derive(Debug, Clone)]
pub(super) struct OwnedParams {
    lengths: Box<[u8]>,
    payload: Box<[u8]>,
    native: bool,
}

impl OwnedParams {
    pub(super) fn as_params(&self, row: &'static Row) -> Params<'_> {
        Params { row, lengths: &self.lengths, payload: &self.payload, native: self.native }
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.lengths.len() + self.payload.len()
    }
}
