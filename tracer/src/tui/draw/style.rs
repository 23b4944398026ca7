//! Colours and marks. No meaning is by colour alone.

use ratatui::style::{Color, Modifier, Style as Look};

/// How much the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether there are colours.
    pub colors: bool,
}

impl Style {
    pub fn plain(self) -> Look {
        Look::default()
    }

    pub fn dim(self) -> Look {
        Look::default().add_modifier(Modifier::DIM)
    }

    /// The first and the last line.
    pub fn head(self) -> Look {
        if self.colors {
            Look::default().bg(Color::Blue).fg(Color::White)
        } else {
            Look::default().add_modifier(Modifier::REVERSED)
        }
    }

    /// Titles of columns.
    pub fn titles(self) -> Look {
        let look = Look::default().add_modifier(Modifier::BOLD);
        if self.colors { look.fg(Color::Green) } else { look.add_modifier(Modifier::UNDERLINED) }
    }

    /// The title of the column that rows are sorted by.
    pub fn sorted(self) -> Look {
        if self.colors { self.titles().fg(Color::Cyan) } else { self.titles() }
    }

    pub fn selected(self) -> Look {
        Look::default().add_modifier(Modifier::REVERSED)
    }

    pub fn marked(self, look: Look) -> Look {
        if self.colors {
            look.fg(Color::Yellow).add_modifier(Modifier::BOLD)
        } else {
            look.add_modifier(Modifier::BOLD)
        }
    }

    pub fn strong(self, look: Look) -> Look {
        look.add_modifier(Modifier::BOLD)
    }

    pub fn warn(self, look: Look) -> Look {
        if self.colors {
            look.bg(Color::Red).fg(Color::White).add_modifier(Modifier::BOLD)
        } else {
            look.add_modifier(Modifier::BOLD | Modifier::REVERSED)
        }
    }

    /// Of data that is read, and that is written.
    pub fn data(self, reads: bool) -> Look {
        match (self.colors, reads) {
            (false, _) => Look::default(),
            (true, true) => Look::default().fg(Color::Red),
            (true, false) => Look::default().fg(Color::Cyan),
        }
    }
}
