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
    format::{data, escape::escaped, json},
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

impl Data {
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
