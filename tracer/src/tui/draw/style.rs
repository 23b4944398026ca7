//! Colours and marks. No meaning is by colour alone.

use ratatui::style::{Color, Modifier, Style as Look};

/// Colours for a kind of terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Theme {
    /// For a dark background
    #[default]
    Dark,
    /// For a light background
    Light,
    /// Only black, white and bold, with few colours
    Contrast,
    /// No colours
    Mono,
}

impl Theme {
    /// The one of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        use clap::ValueEnum as _;
        Self::from_str(name, true).ok()
    }
}

/// How much the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether there are colours.
    pub colors: bool,
    pub theme: Theme,
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
        match self.theme {
            _ if !self.colors => Look::default().add_modifier(Modifier::REVERSED),
            Theme::Dark => Look::default().bg(Color::Blue).fg(Color::White),
            Theme::Light => Look::default().bg(Color::Cyan).fg(Color::Black),
            Theme::Contrast | Theme::Mono => Look::default().add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }

    /// The lines of a list over the rows.
    pub fn menu(self) -> Look {
        match self.theme {
            _ if !self.colors => Look::default(),
            Theme::Dark => Look::default().bg(Color::DarkGray).fg(Color::White),
            Theme::Light => Look::default().bg(Color::Gray).fg(Color::Black),
            Theme::Contrast | Theme::Mono => Look::default(),
        }
    }

    /// Titles of columns.
    pub fn titles(self) -> Look {
        let look = Look::default().add_modifier(Modifier::BOLD);
        match self.theme {
            Theme::Dark if self.colors => look.fg(Color::Green),
            Theme::Light if self.colors => look.fg(Color::Blue),
            _ => look.add_modifier(Modifier::UNDERLINED),
        }
    }

    /// The title of the column that rows are sorted by.
    pub fn sorted(self) -> Look {
        match self.theme {
            Theme::Dark if self.colors => self.titles().fg(Color::Cyan),
            Theme::Light if self.colors => self.titles().fg(Color::Magenta),
            _ => self.titles(),
        }
    }

    pub fn selected(self) -> Look {
        Look::default().add_modifier(Modifier::REVERSED)
    }

    pub fn marked(self, look: Look) -> Look {
        let look = look.add_modifier(Modifier::BOLD);
        match self.theme {
            Theme::Dark if self.colors => look.fg(Color::Yellow),
            Theme::Light if self.colors => look.fg(Color::Magenta),
            _ => look,
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
        match (self.theme, reads) {
            (Theme::Contrast | Theme::Mono, _) => Look::default(),
            _ if !self.colors => Look::default(),
            (_, true) => Look::default().fg(Color::Red),
            (Theme::Light, false) => Look::default().fg(Color::Blue),
            (Theme::Dark, false) => Look::default().fg(Color::Cyan),
        }
    }
}
