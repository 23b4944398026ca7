//! A terminal on which tables are redrawn in place. It is restored when the program ends, however it ends.

use std::io::{self, Write};

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    execute, queue,
    terminal::{self, Clear, ClearType},
};

/// What a terminal has when it does not say.
const SIZE: (u16, u16) = (80, 24);

/// The terminal behind standard output.
#[derive(Debug, Default)]
pub(super) struct Screen {
    drawn: bool,
}

impl Screen {
    /// Whether something is drawn on it.
    pub(super) fn is_drawn(&self) -> bool {
        self.drawn
    }

    /// Columns and rows.
    pub(super) fn size() -> (u16, u16) {
        terminal::size().ok().filter(|(width, height)| *width > 0 && *height > 0).unwrap_or(SIZE)
    }

    /// Appends what shows the lines from the top of the screen on.
    pub(super) fn draw(&mut self, lines: &[String], out: &mut Vec<u8>) -> io::Result<()> {
        if !self.drawn {
            self.drawn = true;
            queue!(out, Hide, Clear(ClearType::All))?;
        }
        queue!(out, MoveTo(0, 0))?;
        for line in lines {
            out.write_all(line.as_bytes())?;
            queue!(out, Clear(ClearType::UntilNewLine))?;
            out.write_all(b"\r\n")?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.drawn {
            // Nothing can be done when the terminal is gone.
            let _ = execute!(io::stdout(), Show);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_drawn_over_the_last_one_without_clearing_first() {
        // Already drawn, so that nothing is restored on the terminal of the test.
        let mut screen = std::mem::ManuallyDrop::new(Screen { drawn: true });
        let mut out = Vec::new();
        screen.draw(&["a".to_owned(), "b".to_owned()], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\x1b[1;1Ha\x1b[K\r\nb\x1b[K\r\n\x1b[J");
    }

    #[test]
    fn the_first_picture_hides_the_cursor_and_clears_the_screen() {
        let mut screen = std::mem::ManuallyDrop::new(Screen::default());
        let mut out = Vec::new();
        screen.draw(&["a".to_owned()], &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().starts_with("\x1b[?25l\x1b[2J\x1b[1;1Ha"));
    }
}
