//! Where aggregates print, and how.

use std::io;

use crate::{
    format::{
        color::{Color, RESET},
        escape,
    },
    sample::Sample,
    sink::Out,
};

/// How many colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Palette {
    /// None.
    #[default]
    None,
    /// The sixteen of every terminal.
    Sixteen,
    /// 256.
    Many,
}

impl Palette {
    /// What the terminal says that it has, if colours are wanted.
    #[must_use]
    pub fn of_terminal(colors: bool) -> Self {
        if !colors {
            return Self::None;
        }
        let says = |name: &str, words: &[&str]| {
            std::env::var(name).is_ok_and(|value| words.iter().any(|word| value.contains(word)))
        };
        if says("COLORTERM", &["truecolor", "24bit"]) || says("TERM", &["256", "direct", "kitty"]) {
            Self::Many
        } else {
            Self::Sixteen
        }
    }
}

/// Where to print, and how.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where.
    pub out: Out,
    /// As JSON.
    pub json: bool,
    /// Which colours there are.
    pub palette: Palette,
    /// Of a capture, whose table is for all of its time: when it began, nanoseconds since the epoch, if anybody asks.
    pub began_ns: Option<u64>,
    /// How many events were looked at, when numbers are estimates.
    pub sample: Option<Sample>,
}

impl Page {
    /// A line of text; as JSON, an object with it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn line(&self, text: &[u8]) -> io::Result<()> {
        self.out.line(|line| {
            if self.json {
                line.extend_from_slice(b"{\"line\":");
                crate::format::json::text(text, line);
                line.push(b'}');
            } else {
                escape::printed(text, line);
            }
            true
        })?;
        Ok(())
    }

    /// The text in that colour, if there are colours.
    #[must_use]
    pub fn colored(&self, color: Color, text: &str) -> String {
        match self.palette {
            Palette::None => text.to_owned(),
            Palette::Sixteen | Palette::Many => format!("{}{text}{RESET}", color.on()),
        }
    }
}
