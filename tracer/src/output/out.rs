//! Standard output, shared by the sinks: lines are buffered, tables are drawn.

use std::{
    cell::RefCell,
    io::{self, IsTerminal, Write},
    rc::Rc,
};

use super::{reader::error_of_write, screen::Screen};
use crate::format::json;

/// Buffered bytes from which on they are written.
const BUFFER: usize = 64 << 10;

/// Output that several sinks write to.
#[derive(Clone)]
pub struct Out {
    inner: Rc<RefCell<Inner>>,
    /// What every object begins with that is written through this one.
    label: Option<Rc<[u8]>>,
}

struct Inner {
    buffer: Vec<u8>,
    target: Target,
    /// Write each line at once.
    unbuffered: bool,
    screen: Option<Screen>,
    frame: Vec<String>,
}

enum Target {
    Stdout(io::Stdout),
    Memory(Vec<u8>),
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Out").finish_non_exhaustive()
    }
}

impl Out {
    /// Standard output. On a terminal, tables are redrawn in place.
    #[must_use]
    pub fn stdout(unbuffered: bool) -> Self {
        let stdout = io::stdout();
        let screen = stdout.is_terminal().then(Screen::default);
        Self::with(Target::Stdout(stdout), unbuffered, screen)
    }

    /// Into memory, with tables as on a terminal, for tests.
    #[cfg(test)]
    pub(crate) fn memory_terminal() -> Self {
        Self::with(Target::Memory(Vec::new()), true, Some(Screen::default()))
    }

    /// Into memory, for tests.
    #[must_use]
    pub fn memory() -> Self {
        Self::with(Target::Memory(Vec::new()), true, None)
    }

    /// What was written to memory so far.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.inner.borrow().target {
            Target::Memory(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Target::Stdout(_) => String::new(),
        }
    }

    fn with(target: Target, unbuffered: bool, screen: Option<Screen>) -> Self {
        let inner = Inner { buffer: Vec::with_capacity(BUFFER + 4096), target, unbuffered, screen, frame: Vec::new() };
        Self { inner: Rc::new(RefCell::new(inner)), label: None }
    }

    /// The same output for one of several that write objects, one in each line: each begins with these keys and texts.
    #[must_use]
    pub fn labelled(&self, entries: &[(&str, &str)]) -> Self {
        let mut label = Vec::new();
        for (key, value) in entries {
            if !label.is_empty() {
                label.push(b',');
            }
            json::text(key.as_bytes(), &mut label);
            label.push(b':');
            json::text(value.as_bytes(), &mut label);
        }
        Self { inner: Rc::clone(&self.inner), label: Some(label.into()) }
    }

    /// Whether it is a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.inner.borrow().screen.is_some()
    }

    /// Whether a picture of tables is on a terminal: other lines there would not stay.
    #[must_use]
    pub fn has_picture(&self) -> bool {
        let inner = self.inner.borrow();
        inner.screen.as_ref().is_some_and(Screen::is_drawn) || !inner.frame.is_empty()
    }

    /// Columns of the terminal, if it is one.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.is_terminal().then(|| usize::from(Screen::size().0))
    }

    /// Writes a line of plain text.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn text_line(&self, text: &str) -> io::Result<()> {
        self.line(|line| {
            line.extend_from_slice(text.as_bytes());
            true
        })?;
        Ok(())
    }

    /// Writes a line if `make` makes one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn line(&self, make: impl FnOnce(&mut Vec<u8>) -> bool) -> io::Result<bool> {
        let mut inner = self.inner.borrow_mut();
        let start = inner.buffer.len();
        let made = make(&mut inner.buffer);
        if made {
            if let Some(label) = &self.label
                && let [b'{', rest @ ..] = &inner.buffer[start..]
            {
                let comma: &[u8] = if rest == b"}" { b"" } else { b"," };
                inner.buffer.splice(start + 1..start + 1, label.iter().chain(comma).copied());
            }
            inner.buffer.push(b'\n');
            if inner.unbuffered || inner.buffer.len() >= BUFFER {
                inner.flush()?;
            }
        }
        Ok(made)
    }

    /// Adds the lines of a table: to the picture that [`Out::draw`] shows on a terminal, else at once, with an empty line
    /// behind it.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn table(&self, lines: impl FnOnce(Option<usize>, Option<usize>) -> Vec<String>) -> io::Result<()> {
        let mut inner = self.inner.borrow_mut();
        if inner.screen.is_some() {
            let (width, height) = Screen::size();
            let left = usize::from(height).saturating_sub(inner.frame.len() + 1);
            let lines = lines(Some(usize::from(width)), Some(left));
            inner.frame.extend(lines);
            return Ok(());
        }
        for line in lines(None, None) {
            inner.buffer.extend_from_slice(line.as_bytes());
            inner.buffer.push(b'\n');
        }
        inner.buffer.push(b'\n');
        inner.flush()
    }

    /// Shows the tables of this interval in place of those of the last one.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn draw(&self) -> io::Result<()> {
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        if let Some(screen) = &mut inner.screen
            && !inner.frame.is_empty()
        {
            screen.draw(&inner.frame, &mut inner.buffer)?;
            inner.frame.clear();
        }
        inner.flush()
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&self) -> io::Result<()> {
        self.inner.borrow_mut().flush()
    }
}

impl Inner {
    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        match &mut self.target {
            Target::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                let written = stdout.write_all(&self.buffer).and_then(|()| stdout.flush());
                written.map_err(|error| error_of_write(error, self.screen.is_some()))?;
            }
            Target::Memory(bytes) => bytes.extend_from_slice(&self.buffer),
        }
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_begin_with_the_label_of_their_output() {
        let out = Out::memory();
        let labelled = out.labelled(&[("chisel", "a\"b"), ("argument", "c")]);
        for (out, text) in [(&out, "{\"x\":1}"), (&labelled, "{\"x\":1}"), (&labelled, "{}"), (&labelled, "text")] {
            out.text_line(text).unwrap();
        }
        let label = r#""chisel":"a\"b","argument":"c""#;
        assert_eq!(out.text(), format!("{{\"x\":1}}\n{{{label},\"x\":1}}\n{{{label}}}\ntext\n"));
    }
}
