//! How much a script keeps: texts, elements of arrays and entries of maps, which the language bounds.
//!
//! The language counts what a function or an assignment changed, but not a map that gets an entry by its key. So the sum of all
//! variables is looked at from time to time, too.

use rhai::{Array, Blob, Dynamic, ImmutableString, Map};

use super::{
    engine::{MAX_ARRAY, MAX_MAP, MAX_STRING},
    value::Data,
};

/// Data in data, beyond which nothing is known.
const MAX_DEPTH: usize = 32;

/// What the variables of a script have too much of, as the language calls it.
pub(super) fn excess(this: &Dynamic) -> Option<&'static str> {
    Sizes::nested(this, MAX_DEPTH, Unknown::IsLeftOut)?.excess()
}

/// What becomes of a value of which it is not known how the language counts it: variables that a closure shares, blobs, data that
/// is too deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// Nothing is known of the whole.
    Spoils,
    /// As far as it can be counted, it is.
    IsLeftOut,
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
        Self::nested(value, MAX_DEPTH, Unknown::Spoils)
    }

    /// Of a text.
    pub(super) fn of_text(text: &str) -> Self {
        Self { text: text.len(), ..Self::default() }
    }

    /// Of a map.
    pub(super) fn of_map(map: &Map) -> Option<Self> {
        Self::sum(map.values(), MAX_DEPTH, Unknown::Spoils)
            .map(|sizes| Self { entries: sizes.entries + map.len(), ..sizes })
    }

    fn nested(value: &Dynamic, depth: usize, unknown: Unknown) -> Option<Self> {
        if unknown == Unknown::Spoils && (value.is_shared() || value.is_blob() || depth == 0) {
            None
        } else if depth == 0 {
            Some(Self::default())
        } else if let Some(text) = value.read_lock::<ImmutableString>() {
            Some(Self::of_text(&text))
        } else if let Some(blob) = value.read_lock::<Blob>() {
            Some(Self { elements: blob.len(), ..Self::default() })
        } else if let Some(data) = value.read_lock::<Data>().filter(|_| unknown == Unknown::IsLeftOut) {
            // The language does not count it.
            Some(Self { text: data.0.len(), ..Self::default() })
        } else if let Some(array) = value.read_lock::<Array>() {
            let inner = Self::sum(array.iter(), depth - 1, unknown)?;
            Some(Self { elements: inner.elements + array.len(), ..inner })
        } else if let Some(map) = value.read_lock::<Map>() {
            let inner = Self::sum(map.values(), depth - 1, unknown)?;
            Some(Self { entries: inner.entries + map.len(), ..inner })
        } else {
            Some(Self::default())
        }
    }

    fn sum<'d>(values: impl Iterator<Item = &'d Dynamic>, depth: usize, unknown: Unknown) -> Option<Self> {
        let mut sum = Self::default();
        for value in values {
            sum = sum.with(Self::nested(value, depth, unknown)?);
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
    fn excess(self) -> Option<&'static str> {
        let Self { elements, entries, text } = self;
        let bounds = [
            (elements, MAX_ARRAY, "Size of array/BLOB"),
            (entries, MAX_MAP, "Size of object map"),
            (text, MAX_STRING, "Length of string"),
        ];
        bounds.into_iter().find(|(size, most, _)| size > most).map(|(_, _, name)| name)
    }
}
