//! What is wrong with a filter, and where.

use std::{fmt, ops::Range};

use crate::{
    fields::nearest,
    format::{
        escape::{self, escaped},
        width::width,
    },
};

/// Why a filter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// The filter, or the part of a long one around what is wrong, in one line.
    pub filter: String,
    /// Which bytes of that are wrong.
    pub at: Range<usize>,
    /// What is wrong, or what was expected.
    pub message: String,
    /// What to do about it, when that is known.
    pub hint: Option<String>,
}

/// Characters of a filter that are shown before what is wrong, and from there on.
const BEFORE: usize = 60;
const BEHIND: usize = 100;
/// Nothing that people misspell is longer.
const MAX_WORD_LEN: usize = 64;

impl FilterError {
    pub(super) fn new(filter: &str, at: Range<usize>, message: impl Into<String>) -> Self {
        let start = boundary(filter, at.start);
        let end = boundary(filter, at.end).max(start);
        let first = filter[..start].char_indices().rev().take(BEFORE).last().map_or(start, |(at, _)| at);
        let last = filter[start..].char_indices().nth(BEHIND).map_or(filter.len(), |(at, _)| start + at);
        let (cut, more) = (if first > 0 { "…" } else { "" }, if last < filter.len() { "…" } else { "" });
        // Blanks of all kinds are blanks: the line is one.
        let in_line = |part: &str| escaped(part.replace(['\n', '\t', '\r'], " ").as_bytes());
        let line = in_line(&filter[first..last]);
        let shift = |at: usize| cut.len() + in_line(&filter[first..at.clamp(first, last)]).len();
        let at = shift(start)..shift(end);
        Self { filter: format!("{cut}{line}{more}"), at, message: plain(&message.into()), hint: None }
    }

    pub(super) fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }
}

/// Without what would move the cursor of a terminal: messages repeat what was written.
pub(super) fn plain(message: &str) -> String {
    escape::lines(message)
}

/// The last place up to `at` that cuts no character.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// "did you mean", if one of the names is near.
pub(crate) fn did_you_mean<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    // The time that it takes grows with the product of the lengths.
    let wrong = Some(wrong).filter(|wrong| wrong.len() <= MAX_WORD_LEN)?;
    nearest(wrong, names).map(|name| format!("did you mean '{name}'?"))
}

/// The message, then the filter with carets under what is wrong. The hint is left to the caller.
impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.filter.get(..self.at.start).map_or(0, width);
        let wrong = self.filter.get(self.at.clone()).map_or(0, width).max(1);
        write!(f, "filter: {}\n  {}\n  {:before$}{}", self.message, self.filter, "", "^".repeat(wrong))
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_filters_the_part_around_the_error_is_shown() {
        let filter = format!("{}\tö wrong {}", "a".repeat(300), "b".repeat(300));
        let error = FilterError::new(&filter, 304..309, "no");
        let lines: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines[1].chars().count(), 2 + 1 + BEFORE + BEHIND + 1);
        assert!(lines[1].contains("a ö wrong b"), "{}", lines[1]);
        let column = lines[2].find('^').unwrap();
        assert_eq!(lines[1].chars().skip(column).take(5).collect::<String>(), "wrong");
        assert_eq!(lines[2].trim(), "^^^^^");
    }

    #[test]
    fn messages_are_plain_text() {
        let error = FilterError::new("a\u{1b}[2Jb", 0..3, "no '\u{1b}[2J'");
        assert_eq!((&*error.message, &*error.filter), ("no '\\x1b[2J'", "a\\x1b[2Jb"));
    }

    #[test]
    fn any_place_can_be_marked() {
        let filter = "ä\u{1}ö€";
        for start in 0..=filter.len() + 1 {
            for end in start..=filter.len() + 2 {
                let _ = FilterError::new(filter, start..end, "no").to_string();
            }
        }
    }
}
