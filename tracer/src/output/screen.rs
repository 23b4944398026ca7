//! A terminal on which tables are redrawn in place: below what is there already, which stays. It is restored when the program ends, however it
//! ends.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use crossterm::{
    cursor::{Hide, MoveTo, MoveToColumn, MoveUp, Show},
    execute, queue,
    terminal::{self, Clear, ClearType},
};

use super::keys::{Keys, Typed};
use crate::format::width::width;

/// What a terminal has when it does not say.
const SIZE: (u16, u16) = (80, 24);

/// The widths of the lines that are on a terminal, shared with those who write to it in another way.
type Drawn = Arc<Mutex<Vec<usize>>>;

/// That of standard output.
static STDOUT: OnceLock<Drawn> = OnceLock::new();

/// Takes the tables off the terminal before a message is written there: they would be written over each other. They come back below the message.
pub fn step_aside() {
    let Some(drawn) = STDOUT.get() else { return };
    let mut out = Vec::new();
    if up(drawn, Screen::size(), &mut out) && queue!(out, Clear(ClearType::FromCursorDown)).is_ok() {
        let mut stdout = io::stdout().lock();
        // The message is what counts.
        let _ = stdout.write_all(&out).and_then(|()| stdout.flush());
    }
}

/// Appends what goes to the first line of what is drawn, which counts as drawn no more; false when there is nothing. Terminals break lines again that
/// became longer than they are wide.
fn up(drawn: &Drawn, (width, height): (u16, u16), out: &mut Vec<u8>) -> bool {
    let widths = std::mem::take(&mut *drawn.lock().unwrap_or_else(PoisonError::into_inner));
    let rows = rows(&widths, width).min(usize::from(height).saturating_sub(1));
    // Writing to a vector cannot fail.
    rows > 0 && queue!(out, MoveToColumn(0), MoveUp(rows as u16)).is_ok()
}

/// How many lines of a terminal these take.
fn rows(widths: &[usize], width: u16) -> usize {
    widths.iter().map(|columns| columns.div_ceil(usize::from(width)).max(1)).sum()
}

/// The terminal that standard output is.
#[derive(Debug, Default)]
pub(super) struct Screen {
    drawn: Drawn,
    /// Whether the cursor is hidden.
    hidden: bool,
    /// What was drawn last.
    lines: Vec<String>,
    /// The size of the terminal then.
    size: (u16, u16),
    /// Whether a picture was once larger than the terminal became: parts of it are where they cannot be reached, and come back when the terminal
    /// grows.
    has_remains: bool,
    keys: Option<Keys>,
}

impl Screen {
    /// The one of standard output, which makes room for messages.
    pub(super) fn of_stdout() -> Self {
        let drawn = Arc::clone(STDOUT.get_or_init(Drawn::default));
        Self {
            drawn,
            hidden: false,
            lines: Vec::new(),
            size: Self::size(),
            has_remains: false,
            keys: Some(Keys::default()),
        }
    }

    /// Whether something was drawn on it.
    pub(super) fn is_drawn(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Whether what was drawn last is not on the terminal any more.
    pub(super) fn is_aside(&self) -> bool {
        self.is_drawn() && self.drawn.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Columns and rows.
    pub(super) fn size() -> (u16, u16) {
        terminal::size().ok().filter(|(width, height)| *width > 0 && *height > 0).unwrap_or(SIZE)
    }

    /// Looks at what was typed. What was drawn is drawn again below what others wrote while the process was stopped.
    pub(super) fn look_at_keys(&mut self) {
        if self.keys.as_mut().map(Keys::look) == Some(Typed::Stopped) {
            self.hidden = false;
            self.drawn.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Appends what shows the lines in place of those before.
    pub(super) fn draw(&mut self, lines: Vec<String>, out: &mut Vec<u8>) -> io::Result<()> {
        self.lines = lines;
        self.again(out)
    }

    /// The same with the lines of before, below `text`, which stays.
    pub(super) fn below(&mut self, text: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        if up(&self.drawn, Self::size(), out) {
            queue!(out, Clear(ClearType::FromCursorDown))?;
        }
        out.extend_from_slice(text);
        self.again(out)
    }

    /// Leaves what is drawn where it is, also when messages come.
    pub(super) fn leave(&mut self) {
        self.lines.clear();
        self.keys.iter_mut().for_each(Keys::give_back);
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether what was drawn cannot be drawn over any more on a terminal that has that size now.
    fn is_torn(&mut self, (width, height): (u16, u16)) -> bool {
        let drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_remains |= rows(&drawn, width) >= usize::from(height);
        self.has_remains
    }

    fn again(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        if !self.hidden {
            self.hidden = true;
            queue!(out, Hide)?;
        }
        self.keys.iter_mut().for_each(Keys::take);
        let size = Self::size();
        if self.size != size && self.is_torn(size) {
            self.drawn.lock().unwrap_or_else(PoisonError::into_inner).clear();
            queue!(out, Clear(ClearType::All), MoveTo(0, 0))?;
        }
        self.size = size;
        up(&self.drawn, size, out);
        for line in &self.lines {
            out.write_all(line.as_bytes())?;
            queue!(out, Clear(ClearType::UntilNewLine))?;
            out.write_all(b"\r\n")?;
        }
        *self.drawn.lock().unwrap_or_else(PoisonError::into_inner) =
            self.lines.iter().map(|line| width(line)).collect();
        queue!(out, Clear(ClearType::FromCursorDown))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.hidden {
            // Nothing can be done when the terminal is gone.
            let _ = execute!(io::stdout(), Show);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Already hidden, and never shown again, so that nothing is written to the terminal of the test.
    fn screen() -> std::mem::ManuallyDrop<Screen> {
        std::mem::ManuallyDrop::new(Screen::default())
    }

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_picture_is_drawn_over_the_last_one_and_below_what_was_there() {
        let mut screen = screen();
        let mut draw = |text: &str| {
            let mut out = Vec::new();
            screen.draw(lines(text), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(draw("a b"), "\x1b[?25la\x1b[K\r\nb\x1b[K\r\n\x1b[J");
        assert_eq!(draw("c"), "\x1b[1G\x1b[2Ac\x1b[K\r\n\x1b[J");
    }

    #[test]
    fn what_is_left_is_not_taken_away_by_what_comes_after_it() {
        let mut screen = screen();
        let mut out = Vec::new();
        screen.draw(lines("a b"), &mut out).unwrap();
        screen.leave();
        assert!(!screen.is_drawn() && !screen.is_aside());
        assert!(!up(&screen.drawn, (80, 24), &mut out));
        out.clear();
        screen.below(b"line\n", &mut out).unwrap();
        assert_eq!(out, b"line\n");
    }

    #[test]
    fn lines_stay_above_the_picture() {
        let mut screen = screen();
        let mut out = Vec::new();
        screen.draw(lines("a b"), &mut out).unwrap();
        out.clear();
        screen.below(b"line\n", &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\x1b[1G\x1b[2A\x1b[Jline\na\x1b[K\r\nb\x1b[K\r\n\x1b[J");
        assert!(screen.is_drawn() && !screen.is_aside());
    }

    /// Parts of it left the terminal at the top, and come back when it grows.
    #[test]
    fn a_picture_that_became_larger_than_the_terminal_is_drawn_on_an_empty_one() {
        let mut screen = screen();
        let mut torn = |drawn: &[usize], size| {
            *screen.drawn.lock().unwrap() = drawn.to_vec();
            screen.is_torn(size)
        };
        assert!(!torn(&[80; 10], (100, 24)) && !torn(&[80; 10], (60, 24)));
        assert!(torn(&[80; 10], (10, 3)));
        assert!(torn(&[10], (80, 24)), "also when it grows");
    }

    #[test]
    fn lines_that_are_broken_by_a_narrower_terminal_count_as_several() {
        let of = |widths: &[usize], size| {
            let mut out = Vec::new();
            up(&Arc::new(Mutex::new(widths.to_vec())), size, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(of(&[80, 10, 0], (80, 24)), "\x1b[1G\x1b[3A");
        assert_eq!(of(&[80, 10, 0], (40, 24)), "\x1b[1G\x1b[4A");
        assert_eq!(of(&[80; 30], (80, 24)), "\x1b[1G\x1b[23A");
        assert_eq!(of(&[], (80, 24)), "");
    }
}
