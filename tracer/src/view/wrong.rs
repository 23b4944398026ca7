//! What is wrong with a view.

use std::fmt;

/// A fault in a view: where, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The part of the file, such as `column 3 (NET)`; empty for the view as a whole.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it, when that is known.
    pub hint: Option<String>,
}

impl Wrong {
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), hint: None }
    }

    pub(super) fn with_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.what)
    }
}

/// Why a view cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// Its file is not TOML, or has keys that views do not have.
    #[error("view '{origin}': {message}")]
    Toml {
        /// The file.
        origin: String,
        /// The parser's message, with line and column.
        message: String,
    },
    /// It does not make sense.
    #[error("view '{origin}': {}", list(.faults))]
    Wrong {
        /// The file.
        origin: String,
        /// All that is wrong.
        faults: Vec<Wrong>,
    },
    /// There is no such view.
    #[error("there is no view '{name}'")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// The file cannot be read.
    #[error("cannot read view '{origin}': {reason}")]
    Read {
        /// The file.
        origin: String,
        /// Why.
        reason: String,
    },
}

impl ViewError {
    /// What to do about it, when that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { hint, .. } => hint.clone(),
            Self::Wrong { faults, .. } => faults.iter().find_map(|fault| fault.hint.clone()),
            Self::Toml { .. } => Some("docs/views.md describes the keys of a view".into()),
            Self::Read { .. } => None,
        }
    }
}

fn list(faults: &[Wrong]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
