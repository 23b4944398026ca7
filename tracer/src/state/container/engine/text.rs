//! Parts of an engine's answer that are of the wrong type, too long or too many: what is usable of them, and no error.
//!
//! An engine of a user can send anything. One field that is wrong does not cost the others, and no field grows beyond its
//! limit: texts are cut, and of maps and lists the first entries are taken.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// The longest text, bytes: that of a path.
pub(super) const MAX_TEXT: usize = 4_096;
/// The most entries of a map or list.
pub(super) const MAX_ENTRIES: usize = 512;
/// The most bytes of all texts of a map or list.
pub(super) const MAX_TEXTS: usize = 64 << 10;

/// A text, without its end if that is too long. `None` if it is not a text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::state::container) struct Text(pub(in crate::state::container) Option<String>);

/// A truth value; `None` if it is not one.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::state::container) struct Flag(pub(in crate::state::container) Option<bool>);

/// A number, exact to 2^64-1; `None` if it is not one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Number(pub(super) Option<serde_json::Number>);

impl Number {
    /// As a whole number that is not negative.
    pub(super) fn whole(&self) -> Option<u64> {
        self.0.as_ref()?.as_u64()
    }
}

/// A map of texts, in the order of their names.
#[derive(Debug, Default)]
pub(in crate::state::container) struct Texts(pub(in crate::state::container) BTreeMap<String, String>);

/// A list, without what is wrong in it.
#[derive(Debug)]
pub(in crate::state::container) struct List<T>(pub(in crate::state::container) Vec<T>);

/// A map from names to objects.
#[derive(Debug)]
pub(in crate::state::container) struct Objects<T>(pub(in crate::state::container) BTreeMap<String, T>);

/// An object, the default one if it is not an object.
#[derive(Debug, Default)]
pub(in crate::state::container) struct Object<T>(pub(in crate::state::container) T);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// How much memory a text may take: its beginning, at most `max` bytes, that ends with a whole character.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What a value gives; of a type that is not expected, the default.
trait Lenient: Default {
    fn text(_text: &str) -> Self {
        Self::default()
    }
    fn flag(_flag: bool) -> Self {
        Self::default()
    }
    fn number(_number: Option<serde_json::Number>) -> Self {
        Self::default()
    }
    fn list<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Lenient> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_bool<E>(self, flag: bool) -> Result<T, E> {
        Ok(T::flag(flag))
    }
    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::number(Some(number.into())))
    }
    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::number(Some(number.into())))
    }
    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(T::number(serde_json::Number::from_f64(number)))
    }
    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text))
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        T::list(seq)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::map(map)
    }
}

/// Declares that types are read from any value.
macro_rules! from_any {
    ($($type:ty),+ ; $($of:ident),+) => {
        $(impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Any(PhantomData))
            }
        })+
        $(impl<'de, T: for<'a> Deserialize<'a> + Default> Deserialize<'de> for $of<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Any(PhantomData))
            }
        })+
    };
}
from_any!(Text, Flag, Number, Texts; List, Objects, Object);

impl Lenient for Text {
    fn text(text: &str) -> Self {
        Self(Some(cut(text, MAX_TEXT).to_owned()))
    }
}

impl Lenient for Flag {
    fn flag(flag: bool) -> Self {
        Self(Some(flag))
    }
}

impl Lenient for Number {
    fn number(number: Option<serde_json::Number>) -> Self {
        Self(number)
    }
}

impl Lenient for Texts {
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let (mut texts, mut left) = (BTreeMap::new(), MAX_TEXTS);
        while let Some((Text(name), value)) = map.next_entry::<Text, Text>()? {
            let (Some(name), Some(value)) = (name, value.0) else { continue };
            let bytes = name.len() + value.len();
            if texts.len() < MAX_ENTRIES && bytes <= left {
                left -= bytes;
                texts.insert(name, value);
            }
        }
        Ok(Self(texts))
    }
}

impl<T: for<'a> Deserialize<'a> + Default> Lenient for List<T> {
    fn list<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let mut list = Vec::new();
        while list.len() < MAX_ENTRIES {
            match seq.next_element()? {
                Some(element) => list.push(element),
                None => return Ok(Self(list)),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self(list))
    }
}

impl<T: for<'a> Deserialize<'a> + Default> Lenient for Objects<T> {
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut objects = BTreeMap::new();
        while objects.len() < MAX_ENTRIES {
            match map.next_entry::<Text, Object<T>>()? {
                Some((name, Object(object))) => drop(objects.insert(name.0.unwrap_or_default(), object)),
                None => return Ok(Self(objects)),
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self(objects))
    }
}

impl<T: for<'a> Deserialize<'a> + Default> Lenient for Object<T> {
    fn map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Default, Debug)]
    #[serde(default)]
    struct All {
        text: Text,
        flag: Flag,
        texts: Texts,
        list: List<Text>,
        object: Object<Inner>,
        objects: Objects<Inner>,
    }

    #[derive(Deserialize, Default, Debug)]
    #[serde(default)]
    struct Inner {
        x: Text,
    }

    #[test]
    fn a_wrong_type_costs_its_own_field_only() {
        let values = ["1", "-1", "1.5", "null", "true", r#""a""#, "[1, {}]", r#"{"x": [1]}"#];
        for field in ["text", "flag", "texts", "list", "object", "objects"] {
            for value in values {
                let other = if field == "flag" { r#""text": "kept""# } else { r#""flag": true"# };
                let all: All = serde_json::from_str(&format!(r#"{{"{field}": {value}, {other}, "more": [{{}}]}}"#))
                    .unwrap_or_else(|error| panic!("{field}: {value}: {error}"));
                assert!(all.flag.0 == Some(true) || all.text.0.as_deref() == Some("kept"), "{field}: {value}: {all:?}");
            }
        }
        let all: All = serde_json::from_str(
            r#"{"text": "t", "texts": {"a": "b", "n": 1}, "list": [1, "c"], "object": {"x": "o"}, "objects": {"k": {"x": "v"}, "w": 1}}"#,
        )
        .unwrap();
        assert_eq!(all.texts.0, BTreeMap::from([("a".to_owned(), "b".to_owned())]));
        assert_eq!(all.list.0, [Text(None), Text(Some("c".to_owned()))]);
        assert_eq!(all.object.0.x.0.as_deref(), Some("o"));
        assert_eq!(all.objects.0["k"].x.0.as_deref(), Some("v"));
        assert_eq!(all.objects.0["w"].x.0, None);
    }

    #[test]
    fn what_is_too_long_or_too_much_is_cut() {
        let long = "ä".repeat(MAX_TEXT);
        let map: serde_json::Map<_, _> = (0..2 * MAX_ENTRIES).map(|n| (format!("{n:04}"), "v".into())).collect();
        let fat: serde_json::Map<_, _> = (0..40).map(|n| (n.to_string(), "v".repeat(MAX_TEXT).into())).collect();
        let json = serde_json::json!({"text": long, "texts": map, "list": vec![1; 2 * MAX_ENTRIES], "objects": map});
        let all: All = serde_json::from_value(json).unwrap();
        assert_eq!(all.text.0.as_deref(), Some(&long[..MAX_TEXT]));
        assert_eq!((all.texts.0.len(), all.list.0.len(), all.objects.0.len()), (MAX_ENTRIES, MAX_ENTRIES, MAX_ENTRIES));
        let all: All = serde_json::from_value(serde_json::json!({"texts": fat})).unwrap();
        let bytes: usize = all.texts.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes <= MAX_TEXTS && bytes > MAX_TEXTS / 2, "{bytes}");
    }
}
