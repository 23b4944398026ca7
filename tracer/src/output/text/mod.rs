//! Frames as text, one way for each form.

pub(super) mod bars;
pub(super) mod heat;
pub(super) mod layout;
pub(super) mod rate;
pub(super) mod table;

use crate::format::width::{cut, width};

/// What text is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Columns that there are; any number when `None`.
    pub(super) width: Option<usize>,
    /// Whether characters beyond ASCII can be shown.
    pub(super) unicode: bool,
    /// Whether headings can be marked by how they look.
    pub(super) styled: bool,
}

impl Room {
    /// As in a file: no limit, and nothing but text.
    pub(super) const PLAIN: Self = Self { width: None, unicode: true, styled: false };

    /// What is in place of what was cut out.
    pub(super) fn mark(self) -> &'static str {
        if self.unicode { "…" } else { "~" }
    }
}

/// A table as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// Lines above the rows.
    pub(super) head: Vec<String>,
    /// A line for each row, the most important first.
    pub(super) rows: Vec<String>,
    /// What has to be said below them.
    pub(super) note: Option<String>,
}

impl Block {
    /// All lines.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.head.iter().chain(&self.rows).chain(&self.note).map(String::as_str)
    }

    /// Lines that are shown in any case.
    pub(super) fn fixed(&self) -> usize {
        self.head.len() + usize::from(self.note.is_some())
    }

    /// Cuts what is longer than the terminal is wide.
    fn fit(mut self, room: Room) -> Self {
        if let Some(columns) = room.width {
            let lines = self.head.iter_mut().chain(&mut self.rows).chain(&mut self.note);
            lines.filter(|line| width(line) > columns).for_each(|line| *line = cut(line, columns));
        }
        self
    }
}
