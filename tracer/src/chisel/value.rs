//! Events and values as scripts see them.

use std::{
    cell::{Cell, RefCell},
    hash::BuildHasher as _,
    io::Write as _,
    rc::Rc,
};

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use rustc_hash::FxBuildHasher;

use crate::{
    fields::{Context, FieldRef, Type, Value},
    format::{DataMode, data, escape::escaped, json},
};

/// Handle of a field that a script asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle(pub(super) usize);

/// Handle of a table that the script fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally(pub(super) usize);

/// Handle of a folder that the script writes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FolderHandle(pub(super) usize);

/// Handle of a capture of what is around events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExcerptHandle(pub(super) usize);

/// Data that was read or written.
#[derive(Debug, Clone)]
pub(super) struct Data(pub(super) Rc<[u8]>);

/// What data is printed as when no option says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In one line, with points.
    Dots,
    /// As text with its line ends.
    Ascii,
}

impl Form {
    /// Their names in scripts.
    pub(super) const ALL: [(&'static str, Self); 2] = [("dots", Self::Dots), ("ascii", Self::Ascii)];

    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
    }
}

impl Data {
    /// As the options say, else in that form. Line ends around it are left out: it stands in lines of its own.
    pub(super) fn show(&self, mode: DataMode, form: Form) -> String {
        match (mode, form) {
            (DataMode::Dots, Form::Dots) => self.dots(),
            (DataMode::Dots, Form::Ascii) => self.ascii(),
            (mode, _) => {
                let mut out = Vec::new();
                data::write(&self.0, mode, true, &mut out);
                let text = String::from_utf8(out).unwrap_or_default();
                let text = text.strip_prefix('\n').unwrap_or(&text);
                text.strip_suffix('\n').unwrap_or(text).to_owned()
            }
        }
    }

    /// Where a place is that may be counted from the end, if it is in the data.
    fn at(&self, at: i64) -> Option<usize> {
        let at = if at < 0 { at.checked_add(i64::try_from(self.0.len()).ok()?)? } else { at };
        usize::try_from(at).ok().filter(|at| *at < self.0.len())
    }

    /// A byte.
    pub(super) fn byte(&self, at: i64) -> Option<i64> {
        self.at(at).and_then(|at| self.0.get(at)).map(|byte| i64::from(*byte))
    }

    /// The part from a place on up to another one, as much of it as there is.
    pub(super) fn part(&self, from: i64, to: i64) -> Self {
        let len = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        let place = |at: i64| usize::try_from(at.clamp(0, len)).unwrap_or(0);
        Self(self.0.get(place(from)..place(to)).unwrap_or_default().into())
    }

    /// Bytes at a place, if all are there.
    fn bytes(&self, at: i64, len: usize) -> Option<&[u8]> {
        let at = self.at(at)?;
        self.0.get(at..at.checked_add(len)?)
    }

    /// A whole number, most significant byte first.
    pub(super) fn uint_be(&self, at: i64, len: usize) -> Option<i64> {
        let number = self.bytes(at, len)?.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Some(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// The same, least significant byte first.
    pub(super) fn uint_le(&self, at: i64, len: usize) -> Option<i64> {
        let number = self.bytes(at, len)?.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Some(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// The same with a sign, most significant byte first.
    pub(super) fn int_be(&self, at: i64, len: usize) -> Option<i64> {
        signed(self.bytes(at, len)?.iter())
    }

    /// The same with a sign, least significant byte first.
    pub(super) fn int_le(&self, at: i64, len: usize) -> Option<i64> {
        signed(self.bytes(at, len)?.iter().rev())
    }

    pub(super) fn dots(&self) -> String {
        let mut out = Vec::with_capacity(self.0.len());
        data::dots(&self.0, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    pub(super) fn ascii(&self) -> String {
        let mut out = Vec::with_capacity(self.0.len());
        data::text(&self.0, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

/// A number of these bytes, of which the first has the sign.
fn signed<'b>(mut bytes: impl Iterator<Item = &'b u8>) -> Option<i64> {
    let first = i64::from(i8::from_ne_bytes([*bytes.next()?]));
    Some(bytes.fold(first, |number, byte| number << 8 | i64::from(*byte)))
}

/// Makes the types known to an engine.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Handle>("Field");
    engine.register_type_with_name::<Tally>("Tally");
    engine.register_type_with_name::<FolderHandle>("Folder");
    engine.register_type_with_name::<ExcerptHandle>("Excerpt");
    engine.register_type_with_name::<ScriptEvent>("Event");
    engine.register_type_with_name::<Data>("Data");
    engine.register_fn("to_string", |data: &mut Data| data.dots());
    engine.register_fn("print", |data: &mut Data| data.dots());
}

/// The event of `on_event`: the values of the fields that the script asked for. It is good during that call.
#[derive(Debug, Clone, Default)]
pub(super) struct ScriptEvent {
    inner: Rc<RefCell<Inner>>,
    /// Which field was asked for last of those that the event does not have.
    missing: Rc<Cell<Option<Handle>>>,
    /// Text is exact: what prints it escapes it.
    exact: bool,
}

#[derive(Debug, Default)]
struct Inner {
    values: Vec<Dynamic>,
    texts: Texts,
}

/// Texts as scripts see them, of the values that were seen last: names come again and again, and a text of a script that is
/// there already costs no memory and no escaping.
#[derive(Debug, Default)]
struct Texts {
    /// The value and its text. A value has one place, which depends on its bytes.
    places: Vec<(Vec<u8>, ImmutableString)>,
}

impl Texts {
    /// How many there are.
    const PLACES: usize = 256;
    /// Longer values are not kept.
    const MAX_LEN: usize = 64;

    fn get(&mut self, value: &[u8], make: impl FnOnce(&[u8]) -> String) -> ImmutableString {
        if value.len() > Self::MAX_LEN {
            return make(value).into();
        }
        // An empty value is an empty text: all places are right from the beginning.
        self.places.resize_with(Self::PLACES, Default::default);
        let (key, text) = &mut self.places[(FxBuildHasher.hash_one(value) >> 32) as usize % Self::PLACES];
        if key != value {
            *text = make(value).into();
            key.clear();
            key.extend_from_slice(value);
        }
        text.clone()
    }
}

impl ScriptEvent {
    /// `exact` leaves text as it is, for JSON, in which it is escaped.
    pub(super) fn new(exact: bool) -> Self {
        Self { exact, ..Self::default() }
    }

    /// Takes the values of an event; those of `others` where it has none.
    pub(super) fn fill(&self, fields: &[FieldRef], others: &[Dynamic], context: &Context<'_>) {
        self.missing.set(None);
        let Inner { values, texts } = &mut *self.inner.borrow_mut();
        values.clear();
        values.extend(fields.iter().zip(others).map(|(field, other)| match field.get(context) {
            Value::Missing => other.clone(),
            value => of_value(field, value, self.exact, texts),
        }));
    }

    /// Which field the script has asked for last of those that the event does not have.
    pub(super) fn missing(&self) -> Option<Handle> {
        self.missing.get()
    }

    /// An event whose fields have these values.
    #[cfg(test)]
    pub(super) fn set(&self, values: Vec<Dynamic>) {
        self.inner.borrow_mut().values = values;
    }

    pub(super) fn get(&self, handle: Handle) -> Dynamic {
        let value = self.with(handle, Clone::clone);
        if value.is_unit() {
            self.missing.set(Some(handle));
        }
        value
    }

    /// Looks at a value.
    pub(super) fn with<T>(&self, handle: Handle, look: impl FnOnce(&Dynamic) -> T) -> T {
        look(self.inner.borrow().values.get(handle.0).unwrap_or(&Dynamic::UNIT))
    }
}

/// A missing value is `()`. Text is escaped here already, unless it goes into JSON: whatever a script does with it, it is safe
/// to print.
fn of_value(field: &FieldRef, value: Value<'_>, exact: bool, texts: &mut Texts) -> Dynamic {
    match value {
        Value::Missing => Dynamic::UNIT,
        Value::Text(bytes) if field.kind == Type::Bytes => Dynamic::from(Data(bytes.as_ref().into())),
        Value::Text(text) if exact => texts.get(&text, |text| String::from_utf8_lossy(text).into_owned()).into(),
        Value::Text(text) => texts.get(&text, escaped).into(),
        Value::I64(number) => number.into(),
        Value::U64(number) => i64::try_from(number).unwrap_or(i64::MAX).into(),
        Value::F64(number) => number.into(),
        Value::Bool(flag) => flag.into(),
        Value::List(values) => {
            values.into_iter().map(|value| of_value(field, value, exact, texts)).collect::<Vec<_>>().into()
        }
        value @ (Value::Ip(_) | Value::EitherIp(_) | Value::EitherPort(_)) => {
            let mut text = Vec::new();
            value.write(field.field.digits, &mut text);
            String::from_utf8_lossy(&text).into_owned().into()
        }
    }
}

/// Arrays and maps in each other that JSON shows.
const MAX_DEPTH: usize = 32;

/// Appends a value of a script as JSON: what JSON has no form for is text.
pub(super) fn write_json(value: &Dynamic, out: &mut Vec<u8>) {
    write_nested(value, MAX_DEPTH, out);
}

fn write_nested(value: &Dynamic, depth: usize, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    if value.is_unit() || depth == 0 {
        out.extend_from_slice(b"null");
    } else if let Ok(flag) = value.as_bool() {
        let _ = write!(out, "{flag}");
    } else if let Ok(number) = value.as_int() {
        let _ = write!(out, "{number}");
    } else if let Some(number) = value.as_float().ok().filter(|number| number.is_finite()) {
        let _ = write!(out, "{number}");
    } else if let Some(values) = value.read_lock::<Array>() {
        out.push(b'[');
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_nested(value, depth - 1, out);
        }
        out.push(b']');
    } else if let Some(map) = value.read_lock::<Map>() {
        out.push(b'{');
        for (at, (key, value)) in map.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            json::text(key.as_bytes(), out);
            out.push(b':');
            write_nested(value, depth - 1, out);
        }
        out.push(b'}');
    } else if let Some(data) = value.read_lock::<Data>() {
        json::text(data.dots().as_bytes(), out);
    } else {
        json::text(value.to_string().as_bytes(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        let bytes: Vec<u8> = (0..12).map(|at: u8| at.wrapping_mul(77).wrapping_add(0x70)).collect();
        let data = Data(bytes.as_slice().into());
        for at in 0..=4 {
            let part: [u8; 8] = bytes[at..at + 8].try_into().unwrap();
            let place = at as i64;
            let (two, four) = ([part[0], part[1]], [part[0], part[1], part[2], part[3]]);
            assert_eq!(data.int_be(place, 8), Some(i64::from_be_bytes(part)));
            assert_eq!(data.int_le(place, 8), Some(i64::from_le_bytes(part)));
            assert_eq!(data.uint_be(place, 8), Some(i64::try_from(u64::from_be_bytes(part)).unwrap_or(i64::MAX)));
            assert_eq!(data.uint_le(place, 8), Some(i64::try_from(u64::from_le_bytes(part)).unwrap_or(i64::MAX)));
            assert_eq!(data.uint_be(place, 4), Some(u32::from_be_bytes(four).into()));
            assert_eq!(data.uint_le(place, 4), Some(u32::from_le_bytes(four).into()));
            assert_eq!(data.int_be(place, 4), Some(i32::from_be_bytes(four).into()));
            assert_eq!(data.int_le(place, 4), Some(i32::from_le_bytes(four).into()));
            assert_eq!(data.uint_be(place, 2), Some(u16::from_be_bytes(two).into()));
            assert_eq!(data.int_le(place, 2), Some(i16::from_le_bytes(two).into()));
            assert_eq!(data.uint_be(place, 3), Some(i64::from(u32::from_be_bytes(four) >> 8)));
            assert_eq!(data.uint_le(place, 1), Some(part[0].into()));
            assert_eq!(data.int_be(place, 1), Some((part[0] as i8).into()));
        }
        assert_eq!((data.uint_be(4, 8).is_some(), data.uint_be(5, 8), data.uint_be(i64::MAX, 8)), (true, None, None));
        assert_eq!((data.byte(-1), data.byte(-12), data.byte(-13)), (data.byte(11), data.byte(0), None));
        assert_eq!((data.byte(12), data.byte(i64::MIN)), (None, None));
        assert_eq!(&*data.part(2, 5).0, &bytes[2..5]);
        assert_eq!((&*data.part(10, 99).0, &*data.part(-5, 1).0), (&bytes[10..], &bytes[..1]));
        assert!(data.part(5, 2).0.is_empty() && data.part(99, i64::MAX).0.is_empty());
    }

    #[test]
    fn texts_are_those_of_their_values_whatever_was_in_their_place() {
        let mut texts = Texts::default();
        for round in 0..2 {
            for number in 0..3000 {
                let value = format!("{number}\x1b").into_bytes();
                assert_eq!(texts.get(&value, escaped), format!("{number}\\x1b"), "round {round}");
            }
            assert_eq!(texts.get(b"", escaped), "");
            let long = [b'x'; 1000];
            assert_eq!(texts.get(&long, escaped).len(), 1000);
        }
        let kept: usize = texts.places.iter().map(|(value, text)| value.len() + text.len()).sum();
        assert!(kept <= Texts::PLACES * 8 * Texts::MAX_LEN, "{kept}");
    }
}
