//! Typed parameters over the bytes of a record.
//!
//! Nothing here trusts the record: a parameter that is cut or has the wrong length is missing, never a panic. A capture
//! of another age may have fewer parameters than the row, of which the last ones are missing, or more, which nobody asks
//! for.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use tracer_common::{
    events::{self, Effect, Param},
    flags::POLL_FLAGS,
    kind::Kind,
    plan::{Plan, Stands},
    wire,
};

use super::{Row, SockAddr, SockTuple};

/// The parameters of one event.
#[derive(Debug, Clone, Copy)]
pub struct Params<'a> {
    row: &'static Row,
    /// `u16` lengths; `u32` when they are wide.
    lengths: &'a [u8],
    wide: bool,
    payload: &'a [u8],
    /// Whether flags are in the form of the running kernel rather than of the file.
    native: bool,
    /// Of a record that has the numbers of its call, these.
    call: Option<Call<'a>>,
}

/// The numbers of a call, and where each parameter of the row stands.
#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    places: &'static [Stands],
    numbers: &'a [u8],
}

/// Where parameters stand in the records of a row: of 64-bit calls, of 32-bit calls.
type Places = [Box<[Stands]>; 2];

/// By event code.
static PLACES: LazyLock<Box<[Places]>> = LazyLock::new(|| {
    let of_row = |code| {
        let row = events::by_code(code)?;
        let places = |plan: Plan| plan.short().1[..row.params.len()].into();
        Some([places(Plan::of(row, 0)), places(Plan::compat(row, 0))])
    };
    (0..events::CODES).map(|code| of_row(code).unwrap_or_default()).collect()
});

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
    /// File descriptors with poll events.
    FdList(FdList<'a>),
    /// An address without a port.
    Ip(IpAddr),
}

/// File descriptors with poll events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FdList<'a> {
    /// An `i64` and a `u16` for each.
    entries: &'a [u8],
    native: bool,
}

impl<'a> FdList<'a> {
    /// The entries behind their count.
    fn parse(bytes: &'a [u8], native: bool) -> Option<Self> {
        let (count, entries) = bytes.split_first_chunk::<2>()?;
        let entries = entries.get(..usize::from(u16::from_le_bytes(*count)) * 10)?;
        Some(Self { entries, native })
    }

    /// Each descriptor with its events in file form.
    pub fn iter(&self) -> impl Iterator<Item = (i64, u16)> + use<'a> {
        let native = self.native;
        self.entries.chunks_exact(10).filter_map(move |entry| {
            let (fd, events) = entry.split_first_chunk::<8>()?;
            let events = u16::from_le_bytes(events.try_into().ok()?);
            let events = if native { POLL_FLAGS.to_file(events.into()) as u16 } else { events };
            Some((i64::from_le_bytes(*fd), events))
        })
    }
}

impl<'a> Params<'a> {
    /// Over the lengths (`u16` each) and the payload of a record.
    #[must_use]
    pub fn new(row: &'static Row, lengths: &'a [u8], payload: &'a [u8], native: bool) -> Self {
        Self { row, lengths, wide: false, payload, native, call: None }
    }

    /// Of a capture file: flags in its form, and lengths of `u32` when they are wide.
    #[must_use]
    pub fn of_file(row: &'static Row, lengths: &'a [u8], wide: bool, payload: &'a [u8]) -> Self {
        Self { row, lengths, wide, payload, native: false, call: None }
    }

    /// The same of a record with the numbers of its call (`tracer_common::wire`): of the parameters, only those that are not among
    /// them are stored.
    #[must_use]
    pub fn with_call(self, is_compat: bool, numbers: &'a [u8]) -> Self {
        let call =
            PLACES.get(usize::from(self.row.code)).map(|it| Call { places: &it[usize::from(is_compat)], numbers });
        Self { call, ..self }
    }

    /// The number of the call, when the record has it.
    #[must_use]
    pub fn call_number(&self) -> Option<u32> {
        let bytes = self.call.as_ref()?.number((8 * wire::CALL_SYSCALL) as u8, 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    /// Argument `at` of the call as the caller passed it, when the record has it.
    #[must_use]
    pub fn call_argument(&self, at: usize) -> Option<u64> {
        let at = u8::try_from(8 * at).ok().filter(|_| at < wire::CALL_RESULT)?;
        let bytes = self.call.as_ref()?.number(at, 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }

    /// No parameters at all.
    #[must_use]
    pub fn empty(row: &'static Row) -> Params<'static> {
        Params { row, lengths: &[], wide: false, payload: &[], native: false, call: None }
    }

    /// What the event is.
    #[must_use]
    pub fn row(&self) -> &'static Row {
        self.row
    }

    /// How many the record has.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.call {
            Some(call) => call.places.len(),
            None => self.lengths.len() / if self.wide { 4 } else { 2 },
        }
    }

    /// The bytes of parameter `index`. A parameter of length zero has no value.
    #[must_use]
    pub fn raw(&self, index: usize) -> Option<&'a [u8]> {
        self.raw_stored(index).map(|bytes| self.without_length(index, bytes))
    }

    /// Without the length that stands behind a list which is cut.
    #[inline]
    fn without_length(&self, index: usize, bytes: &'a [u8]) -> &'a [u8] {
        const CUT: usize = wire::CUT_LIST + 4;
        match bytes.len() {
            CUT if self.native && self.row.params.get(index).is_some_and(|param| matches!(param.kind, Kind::List)) => {
                &bytes[..wire::CUT_LIST]
            }
            _ => bytes,
        }
    }

    /// The same with that length.
    fn raw_stored(&self, index: usize) -> Option<&'a [u8]> {
        let index = match &self.call {
            Some(call) => match *call.places.get(index)? {
                Stands::Call { at, width } => return call.number(at, width),
                Stands::Stored(index) => index.into(),
            },
            None => index,
        };
        if self.wide {
            let lengths = self.lengths.as_chunks().0.iter().map(|len| u32::from_le_bytes(*len) as usize);
            return self.nth(index, lengths);
        }
        self.nth(index, self.lengths.as_chunks().0.iter().map(|len| usize::from(u16::from_le_bytes(*len))))
    }

    #[inline]
    fn nth(&self, index: usize, mut lengths: impl Iterator<Item = usize>) -> Option<&'a [u8]> {
        let mut start = 0;
        for _ in 0..index {
            start += lengths.next()?;
        }
        let len = lengths.next()?;
        self.payload.get(start..start + len).filter(|bytes| !bytes.is_empty())
    }

    /// The bytes of each parameter that the record has, in their order; none for one without a value. A cut record ends early.
    pub fn raws(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = Rest { params: *self, payload: self.payload, stored: 0 };
        let params = *self;
        (0..self.count()).map_while(move |at| rest.next(at).map(|bytes| params.without_length(at, bytes)))
    }

    /// Whether parameter `index` is a list that the kernel side has cut, and how long it is in the memory of the process, bytes; 0
    /// when that is not known.
    #[must_use]
    pub fn cut_list(&self, index: usize) -> Option<u32> {
        let kind = self.row.params.get(index)?.kind;
        if !self.native || !matches!(kind, Kind::List) {
            return None;
        }
        let bytes = self.raw_stored(index)?;
        bytes.get(wire::CUT_LIST..)?.try_into().ok().map(u32::from_le_bytes)
    }

    /// Whether flags are those of the kernel.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.native
    }

    /// The entries of a list of descriptors, with events in file form.
    pub(super) fn fd_list(&self, bytes: &'a [u8]) -> impl Iterator<Item = (i64, u16)> + use<'a> {
        FdList::parse(bytes, self.native).into_iter().flat_map(|list| list.iter())
    }

    /// Parameter `index` with its kind; for a kind that the value itself says, that one.
    #[must_use]
    pub fn typed(&self, index: usize) -> Option<(Kind, &'a [u8])> {
        let kind = self.row.params.get(index)?.kind;
        own_kind(kind, self.raw(index)?)
    }

    /// Parameter `index` as a number, widened with the sign of its kind; flags in file form.
    #[must_use]
    pub fn i64(&self, index: usize) -> Option<i64> {
        let (kind, bytes) = self.typed(index)?;
        self.number(kind, bytes)
    }

    fn number(&self, kind: Kind, bytes: &[u8]) -> Option<i64> {
        let number = match *bytes {
            [a] => u64::from(a),
            [a, b] if kind.signed() => i64::from(i16::from_le_bytes([a, b])) as u64,
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] if kind.signed() => i64::from(i32::from_le_bytes([a, b, c, d])) as u64,
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, ..] if matches!(kind, Kind::Low32) => u64::from(u32::from_le_bytes([a, b, c, d])),
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

    /// Parameter `index` as text without its final NUL. Old captures say with `(NULL)` that there is none.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<&'a [u8]> {
        let (_, bytes) = self.typed(index)?;
        self.text_of(bytes)
    }

    /// The ends of a socket, if it has any. A `connect` that succeeded and has none took the peer away: that is shown.
    fn tuple(&self, bytes: &'a [u8]) -> Option<SockTuple<'a>> {
        let lost_its_peer = || self.row.effect == Effect::Connect && self.i64(0) == Some(0);
        SockTuple::parse(bytes).filter(|tuple| !tuple.is_unset() || lost_its_peer())
    }

    fn text_of(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if !self.native && bytes == b"(NULL)\0" {
            return None;
        }
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Some(&bytes[..end])
    }

    /// Parameter `index` with its type.
    #[must_use]
    pub fn value(&self, index: usize) -> ParamValue<'a> {
        self.typed(index).map_or(ParamValue::Missing, |(kind, bytes)| self.value_of(kind, bytes))
    }

    fn value_of(&self, kind: Kind, bytes: &'a [u8]) -> ParamValue<'a> {
        let value = match kind {
            Kind::Text | Kind::Path | Kind::PathAt(_) => self.text_of(bytes).map(ParamValue::Text),
            Kind::List | Kind::TextArray => Some(ParamValue::List(bytes)),
            Kind::PairArray => None,
            Kind::Ip4 => <[u8; 4]>::try_from(bytes).ok().map(|ip| ParamValue::Ip(Ipv4Addr::from(ip).into())),
            Kind::Ip6 => <[u8; 16]>::try_from(bytes).ok().map(|ip| ParamValue::Ip(Ipv6Addr::from(ip).into())),
            Kind::Bytes => Some(ParamValue::Bytes(bytes)),
            Kind::SockAddr => SockAddr::parse(bytes).map(ParamValue::SockAddr),
            Kind::SockTuple => self.tuple(bytes).map(ParamValue::SockTuple),
            Kind::FdList => FdList::parse(bytes, self.native).map(ParamValue::FdList),
            kind if kind.signed() => self.number(kind, bytes).map(ParamValue::I64),
            _ => self.number(kind, bytes).map(|number| ParamValue::U64(number as u64)),
        };
        value.unwrap_or(ParamValue::Missing)
    }

    /// Each parameter of the row with its kind, one after the other. A kind that the value itself says is that one.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Param, Kind, ParamValue<'a>)> + use<'a> {
        let params = *self;
        let mut rest = Rest { params, payload: self.payload, stored: 0 };
        self.row.params.iter().enumerate().map(move |(at, param)| {
            let bytes = rest.next(at).map(|bytes| params.without_length(at, bytes));
            match bytes.filter(|bytes| !bytes.is_empty()).and_then(|bytes| own_kind(param.kind, bytes)) {
                Some((kind, bytes)) => (param, kind, params.value_of(kind, bytes)),
                None => (param, param.kind, ParamValue::Missing),
            }
        })
    }

    fn len_of(&self, index: usize) -> Option<usize> {
        if self.wide {
            self.lengths.as_chunks().0.get(index).map(|len| u32::from_le_bytes(*len) as usize)
        } else {
            self.lengths.as_chunks().0.get(index).map(|len| usize::from(u16::from_le_bytes(*len)))
        }
    }

    /// The parameter of that name with its type.
    #[must_use]
    pub fn named(&self, name: &str) -> ParamValue<'a> {
        self.row.param(name).map_or(ParamValue::Missing, |(index, _)| self.value(index))
    }

    pub(super) fn to_owned(self) -> OwnedParams {
        if self.call.is_none() {
            let Self { lengths, wide, payload, native, .. } = self;
            return OwnedParams { lengths: lengths.into(), wide, payload: payload.into(), native };
        }
        let (mut lengths, mut payload) = (Vec::with_capacity(2 * self.count()), Vec::new());
        for bytes in self.raws() {
            lengths.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
            payload.extend_from_slice(bytes);
        }
        OwnedParams { lengths: lengths.into(), wide: false, payload: payload.into(), native: self.native }
    }
}

impl<'a> Call<'a> {
    /// The bytes of a parameter that is a number of the call.
    #[inline]
    fn number(&self, at: u8, width: u8) -> Option<&'a [u8]> {
        self.numbers.get(at.into()..usize::from(at) + usize::from(width))
    }
}

/// Parameters one after the other.
struct Rest<'a> {
    params: Params<'a>,
    /// What is behind the last stored one.
    payload: &'a [u8],
    /// How many of them there were.
    stored: usize,
}

impl<'a> Rest<'a> {
    /// The bytes of parameter `at`, which follows the last one that was asked for; none when the record ends before.
    #[inline]
    fn next(&mut self, at: usize) -> Option<&'a [u8]> {
        if let Some(call) = &self.params.call
            && let Stands::Call { at, width } = *call.places.get(at)?
        {
            return call.number(at, width);
        }
        let (bytes, behind) = self.payload.split_at_checked(self.params.len_of(self.stored)?)?;
        self.payload = behind;
        self.stored += 1;
        Some(bytes)
    }
}

/// A kind with its bytes; of one that the value itself says, that one.
fn own_kind(kind: Kind, bytes: &[u8]) -> Option<(Kind, &[u8])> {
    let Kind::Dyn(set) = kind else { return Some((kind, bytes)) };
    let (which, value) = bytes.split_first()?;
    Some((*set.kinds.get(usize::from(*which))?, value))
}

/// The bytes behind [`Params`], kept.
#[derive(Debug, Clone)]
pub(super) struct OwnedParams {
    lengths: Box<[u8]>,
    wide: bool,
    payload: Box<[u8]>,
    native: bool,
}

impl OwnedParams {
    pub(super) fn as_params(&self, row: &'static Row) -> Params<'_> {
        Params { row, lengths: &self.lengths, wide: self.wide, payload: &self.payload, native: self.native, call: None }
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.lengths.len() + self.payload.len()
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::events::{by_code, code, old};

    use super::*;

    fn params<'a>(code: u16, lengths: &'a [u8], payload: &'a [u8]) -> Params<'a> {
        Params::new(by_code(code).unwrap(), lengths, payload, false)
    }

    #[test]
    fn an_older_record_has_fewer_parameters_and_a_newer_one_more() {
        let lengths = [8, 0, 2, 0];
        let older = params(code::READ, &lengths, b"\x02\0\0\0\0\0\0\0hi");
        assert_eq!(older.value(0), ParamValue::I64(2));
        assert_eq!(older.value(1), ParamValue::Bytes(b"hi"));
        assert_eq!((older.value(2), older.named("size")), (ParamValue::Missing, ParamValue::Missing));
        let newer = params(old::code::CLOSE_E, &lengths, b"\x02\0\0\0\0\0\0\0hi");
        assert_eq!(newer.value(0), ParamValue::I64(2));
        assert_eq!((newer.count(), newer.value(1)), (2, ParamValue::Missing));
    }

    #[test]
    fn addresses_and_narrow_ids_are_of_captures() {
        let lengths = [4, 0, 2, 0, 2, 0, 4, 0, 2, 0];
        let socket = params(
            old::code::ITER_TASK_FILE_SOCKET_INET_E,
            &lengths,
            b"\xff\xff\xff\xff\x01\0\x06\0\x7f\0\0\x01\x50\0",
        );
        assert_eq!(socket.named("fd"), ParamValue::I64(-1));
        assert_eq!(socket.named("local_ip"), ParamValue::Ip(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(socket.named("local_port"), ParamValue::U64(80));
    }

    #[test]
    fn a_parameter_that_is_cut_or_too_short_is_missing() {
        let cut = params(code::READ, &[8, 0, 9, 0], b"\x02\0\0\0\0\0\0\0hi");
        assert_eq!(cut.value(1), ParamValue::Missing);
        let short = params(old::code::ITER_TASK_FILE_SOCKET_INET6_E, &[4, 0, 2, 0, 2, 0, 4, 0], &[0; 12]);
        assert_eq!(short.named("local_ip"), ParamValue::Missing);
    }
}
