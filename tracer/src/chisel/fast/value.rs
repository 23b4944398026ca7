//! Values of a simple function: those of the language that are known here, taken apart once so that operators need no look
//! at types behind that.

use rhai::{Dynamic, ImmutableString, Map};

use super::super::{
    engine::{MAX_ARRAY, MAX_MAP, MAX_STRING},
    value::{Data, ExcerptHandle, FolderHandle, Handle, Tally},
};

/// Data in data, beyond which nothing is known.
const MAX_DEPTH: usize = 32;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Unit,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(ImmutableString),
    /// An array, a map, or a value of ours. It can be passed on and compared with values of other types.
    Other(Dynamic),
}

impl Value {
    /// A copy of a value of the language. `None`: not known here. Values that carry a tag are among these, and variables that
    /// a closure shares.
    pub(super) fn of(value: &Dynamic) -> Option<Self> {
        if value.is_shared() || value.tag() != 0 {
            return None;
        }
        if let Some(text) = value.read_lock::<ImmutableString>() {
            return Some(Self::Text(text.clone()));
        }
        if let Some(number) = value.read_lock::<i64>() {
            return Some(Self::Int(*number));
        }
        if value.is_unit() {
            return Some(Self::Unit);
        }
        if let Some(flag) = value.read_lock::<bool>() {
            return Some(Self::Bool(*flag));
        }
        if let Some(number) = value.read_lock::<f64>() {
            return Some(Self::Float(*number));
        }
        // Characters, numbers of other widths and pointers to functions are compared and added in their own ways.
        let is_ours = value.is_variant()
            && (value.is::<Data>()
                || value.is::<Handle>()
                || value.is::<Tally>()
                || value.is::<ExcerptHandle>()
                || value.is::<FolderHandle>());
        (is_ours || value.is_array() || value.is_map()).then(|| Self::Other(value.clone()))
    }

    pub(super) fn into_dynamic(self) -> Dynamic {
        match self {
            Self::Unit => Dynamic::UNIT,
            Self::Bool(flag) => flag.into(),
            Self::Int(number) => number.into(),
            Self::Float(number) => number.into(),
            Self::Text(text) => text.into(),
            Self::Other(value) => value,
        }
    }

    /// What the language counts of it.
    pub(super) fn sizes(&self) -> Option<Sizes> {
        match self {
            Self::Unit | Self::Bool(_) | Self::Int(_) | Self::Float(_) => Some(Sizes::default()),
            Self::Text(text) => Some(Sizes { text: text.len(), ..Sizes::default() }),
            Self::Other(value) => Sizes::of(value),
        }
    }
}

/// What the language counts of a value to bound it, with all that is in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Elements of arrays.
    elements: usize,
    /// Entries of maps.
    entries: usize,
    /// Bytes of texts.
    text: usize,
}

impl Sizes {
    /// `None`: it is not known how the language counts that.
    pub(super) fn of(value: &Dynamic) -> Option<Self> {
        Self::nested(value, MAX_DEPTH)
    }

    /// Of a map.
    pub(super) fn of_map(map: &Map) -> Option<Self> {
        Self::sum(map.values(), MAX_DEPTH).map(|sizes| Self { entries: sizes.entries + map.len(), ..sizes })
    }

    fn nested(value: &Dynamic, depth: usize) -> Option<Self> {
        if value.is_shared() || value.is_blob() || depth == 0 {
            None
        } else if let Some(text) = value.read_lock::<ImmutableString>() {
            Some(Self { text: text.len(), ..Self::default() })
        } else if let Some(array) = value.read_lock::<rhai::Array>() {
            let inner = Self::sum(array.iter(), depth - 1)?;
            Some(Self { elements: inner.elements + array.len(), ..inner })
        } else if let Some(map) = value.read_lock::<Map>() {
            let inner = Self::sum(map.values(), depth - 1)?;
            Some(Self { entries: inner.entries + map.len(), ..inner })
        } else {
            Some(Self::default())
        }
    }

    fn sum<'d>(values: impl Iterator<Item = &'d Dynamic>, depth: usize) -> Option<Self> {
        let mut sum = Self::default();
        for value in values {
            sum = sum.with(Self::nested(value, depth)?);
        }
        Some(sum)
    }

    /// Of one more entry of a map.
    pub(super) fn entry() -> Self {
        Self { entries: 1, ..Self::default() }
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            entries: self.entries + other.entries,
            text: self.text + other.text,
        }
    }

    /// Without a part of it.
    pub(super) fn without(self, part: Self) -> Self {
        Self {
            elements: self.elements.saturating_sub(part.elements),
            entries: self.entries.saturating_sub(part.entries),
            text: self.text.saturating_sub(part.text),
        }
    }

    /// Whether the language allows that.
    pub(super) fn are_allowed(self) -> bool {
        self.excess().is_none()
    }

    /// What is more than the language allows, as it calls it.
    pub(super) fn excess(self) -> Option<&'static str> {
        let Self { elements, entries, text } = self;
        let bounds = [
            (elements, MAX_ARRAY, "Size of array/BLOB"),
            (entries, MAX_MAP, "Size of object map"),
            (text, MAX_STRING, "Length of string"),
        ];
        bounds.into_iter().find(|(size, most, _)| size > most).map(|(_, _, name)| name)
    }
}
