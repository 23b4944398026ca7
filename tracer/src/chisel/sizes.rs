//! How much a script keeps: texts, elements of arrays and entries of maps, which the language bounds.
//!
//! The language counts what a function or an assignment changed, but not a map that gets an entry by its key. So the sum of all
//! variables is looked at from time to time, too.

use rhai::{Array, Blob, Dynamic, FnPtr, ImmutableString, Map};

use super::{
    engine::{MAX_ARRAY, MAX_MAP, MAX_STRING},
    value::Data,
};

/// Data in data, beyond which nothing is known.
const MAX_DEPTH: usize = 32;
/// Data in data that variables may have: giving it back goes as deep.
const MAX_KEPT_DEPTH: usize = 256;

/// What the variables of a script have too much of, as the language calls it.
pub(super) fn excess(this: &Dynamic) -> Option<&'static str> {
    let mut sum = Sizes::default();
    sum.keep(this, MAX_KEPT_DEPTH).err()
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

    /// Of a text.
    pub(super) fn of_text(text: &str) -> Self {
        Self { text: text.len(), ..Self::default() }
    }

    /// Of a map.
    pub(super) fn of_map(map: &Map) -> Option<Self> {
        Self::sum(map.values(), MAX_DEPTH).map(|sizes| Self { entries: sizes.entries + map.len(), ..sizes })
    }

    fn nested(value: &Dynamic, depth: usize) -> Option<Self> {
        // Variables that a closure shares, blobs, data that is too deep.
        if value.is_shared() || value.is_blob() || depth == 0 {
            None
        } else if let Some(text) = value.read_lock::<ImmutableString>() {
            Some(Self::of_text(&text))
        } else if let Some(array) = value.read_lock::<Array>() {
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

    /// Adds a value with all that is in it, also what the language does not count: what closures share, what functions are
    /// curried with, data. It ends as soon as it is too much, since what is shared may be in many places.
    fn keep(&mut self, value: &Dynamic, depth: usize) -> Result<(), &'static str> {
        let Some(depth) = depth.checked_sub(1) else { return Err("Depth of values") };
        if let Some(text) = value.read_lock::<ImmutableString>() {
            self.text += text.len();
        } else if let Some(blob) = value.read_lock::<Blob>() {
            self.elements += blob.len();
        } else if let Some(data) = value.read_lock::<Data>() {
            self.text += data.0.len();
        } else if let Some(array) = value.read_lock::<Array>() {
            self.elements += array.len();
            self.keep_all(array.iter(), depth)?;
        } else if let Some(map) = value.read_lock::<Map>() {
            self.entries += map.len();
            self.keep_all(map.values(), depth)?;
        } else if let Some(function) = value.read_lock::<FnPtr>() {
            self.elements += function.curry().len();
            self.keep_all(function.iter_curry(), depth)?;
        }
        self.excess().map_or(Ok(()), Err)
    }

    fn keep_all<'d>(&mut self, values: impl Iterator<Item = &'d Dynamic>, depth: usize) -> Result<(), &'static str> {
        self.excess().map_or(Ok(()), Err)?;
        values.into_iter().try_for_each(|value| self.keep(value, depth))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Dynamic {
        Dynamic::from(ImmutableString::from("x".repeat(bytes)))
    }

    #[test]
    fn what_the_language_does_not_count_is_counted() {
        let most = text(MAX_STRING);
        assert_eq!(excess(&most), None);
        let mut function = FnPtr::new("f").unwrap();
        function.add_curry(most.clone());
        let curried = Dynamic::from(function.clone());
        assert_eq!(excess(&curried), None);
        function.add_curry(text(1));
        assert_eq!(excess(&Dynamic::from(function)), Some("Length of string"));
        let data = Dynamic::from(Data(vec![0; MAX_STRING].into()));
        assert_eq!(excess(&data), None);
        assert_eq!(excess(&Dynamic::from_array(vec![data, text(1)])), Some("Length of string"));
        let shared = text(MAX_STRING + 1).into_shared();
        assert_eq!(excess(&shared), Some("Length of string"));
    }

    #[test]
    fn what_is_shared_many_times_is_not_followed_for_ever() {
        let mut value = Dynamic::from_array(vec![Dynamic::UNIT]).into_shared();
        for _ in 0..100 {
            value = Dynamic::from_array(vec![value.clone(), value]).into_shared();
        }
        assert_eq!(excess(&value), Some("Size of array/BLOB"));
        let mut deep = Dynamic::UNIT;
        for _ in 0..MAX_KEPT_DEPTH {
            deep = Dynamic::from_array(vec![deep]);
        }
        assert_eq!(excess(&deep), Some("Depth of values"));
    }
}
