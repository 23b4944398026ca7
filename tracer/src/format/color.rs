//! Whether output has colours, and their codes.

use std::{env, io::IsTerminal};

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    #[value(alias = "true")]
    Auto,
    /// Never
    #[value(alias = "false")]
    Never,
    /// Always, also in files and pipes
    #[value(alias = "force")]
    Always,
}

impl ColorChoice {
    /// Whether standard output gets colours. `NO_COLOR` counts when it is not empty (no-color.org).
    #[must_use]
    pub fn enabled(self) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Auto => {
                std::io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Color {
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
}

impl Color {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("red", Self::Red),
        ("green", Self::Green),
        ("yellow", Self::Yellow),
        ("blue", Self::Blue),
        ("magenta", Self::Magenta),
        ("cyan", Self::Cyan),
    ];

    /// The sequence that switches it on, bright.
    #[must_use]
    pub const fn on(self) -> &'static str {
        match self {
            Self::Red => "\x1b[01;31m",
            Self::Green => "\x1b[01;32m",
            Self::Yellow => "\x1b[01;33m",
            Self::Blue => "\x1b[01;34m",
            Self::Magenta => "\x1b[01;35m",
            Self::Cyan => "\x1b[01;36m",
        }
    }
}

/// Switches colours off.
pub const RESET: &str = "\x1b[00m";
