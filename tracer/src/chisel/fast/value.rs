//! Values of a simple function: those of the language that are known here, taken apart once so that operators need no look
//! at types behind that.

use rhai::{Dynamic, ImmutableString};

use super::super::{
    sizes::Sizes,
    value::{Data, ExcerptHandle, FolderHandle, Handle, Tally},
};

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
            Self::Text(text) => Some(Sizes::of_text(text)),
            Self::Other(value) => Sizes::of(value),
        }
    }
}
