//! What is wrong with a filter, and where.

use std::{fmt, ops::Range};

/// Why a filter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// The whole filter.
    pub filter: String,
    /// Which bytes of it are wrong.
    pub at: Range<usize>,
    /// What is wrong, or what was expected.
    pub message: String,
    /// What to do about it, when that is known.
    pub hint: Option<String>,
}

impl FilterError {
    pub(super) fn new(filter: &str, at: Range<usize>, message: impl Into<String>) -> Self {
        Self { filter: filter.to_owned(), at, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// The message, then the filter with carets under what is wrong. The hint is left to the caller.
impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.filter.replace(['\n', '\t', '\r'], " ");
        let before = line.get(..self.at.start).unwrap_or(&line).chars().count();
        let wrong = line.get(self.at.clone()).map_or(0, |wrong| wrong.chars().count()).max(1);
        write!(f, "filter: {}\n  {line}\n  {:before$}{}", self.message, "", "^".repeat(wrong))
    }
}

impl std::error::Error for FilterError {}
