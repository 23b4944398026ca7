//! Standard output, shared by the sinks: lines are buffered, tables are drawn.

use std::{
    cell::RefCell,
    io::{self, IsTerminal, Write},
    rc::Rc,
};

use super::{
    picture::{Picture, Place, Status},
    reader::error_of_write,
    screen::Screen,
    text::{Block, Room, table::Widths},
};
use crate::format::{
    color::ColorChoice,
    json,
    width::{cut_line, places, width},
};

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
    /// Whether it is a terminal.
    terminal: bool,
    /// The terminal, if tables are redrawn in place.
    screen: Option<Screen>,
    picture: Picture,
    room: Room,
    /// Whether lines are cut where they do not fit, and where their columns begin.
    cuts: Option<Vec<usize>>,
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
    /// Standard output. On a terminal that can move its cursor, tables are redrawn in place if the run `goes_on`.
    #[must_use]
    pub fn stdout(unbuffered: bool, goes_on: bool, colors: ColorChoice) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let moves = terminal && !is_dumb();
        let screen = (moves && goes_on).then(Screen::of_stdout);
        let room = Room { width: columns(), unicode: speaks_unicode(), styled: moves && colors.enabled() };
        Self::with(Target::Stdout(stdout), unbuffered, terminal, screen, room)
    }

    /// Into memory, with tables as on a terminal, for tests.
    #[cfg(test)]
    pub(crate) fn memory_terminal() -> Self {
        Self::with(Target::Memory(Vec::new()), true, true, Some(Screen::default()), Room::PLAIN)
    }

    /// Into memory, for tests.
    #[must_use]
    pub fn memory() -> Self {
        Self::with(Target::Memory(Vec::new()), true, false, None, Room::PLAIN)
    }

    /// What was written to memory so far.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.inner.borrow().target {
            Target::Memory(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Target::Stdout(_) => String::new(),
        }
    }

    fn with(target: Target, unbuffered: bool, terminal: bool, screen: Option<Screen>, room: Room) -> Self {
        let buffer = Vec::with_capacity(BUFFER + 4096);
        let inner =
            Inner { buffer, target, unbuffered, terminal, screen, picture: Picture::default(), room, cuts: None };
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
        self.inner.borrow().terminal
    }

    /// Whether tables are redrawn in place.
    #[must_use]
    pub fn redraws(&self) -> bool {
        self.inner.borrow().screen.is_some()
    }

    /// Whether tables are on a terminal, where they are redrawn.
    #[must_use]
    pub fn has_picture(&self) -> bool {
        let inner = self.inner.borrow();
        inner.screen.as_ref().is_some_and(|screen| screen.is_drawn() || !inner.picture.is_empty())
    }

    /// Columns of the terminal, if it is one.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.is_terminal().then(|| usize::from(Screen::size().0))
    }

    /// Says what the run is, for the line above tables that are redrawn.
    pub fn describe(&self, about: Vec<String>) {
        self.inner.borrow_mut().picture.describe(about);
    }

    /// Cuts lines from now on, those of a list with such a title: they are many, and what stands in the last column is long. `None` ends that.
    pub fn cut_lines(&self, title: Option<&str>) {
        self.inner.borrow_mut().cuts = title.map(places);
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
            inner.cut(start);
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

    /// Adds a table: to the picture that [`Out::draw`] shows on a terminal, in place of the one that was there, else at once, with an empty line
    /// after it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn table(&self, place: Place, make: impl FnOnce(Room, &mut Widths) -> Block) -> io::Result<()> {
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        if inner.screen.is_some() {
            let room = Room { width: Some(usize::from(Screen::size().0)), ..inner.room };
            inner.picture.put(place, |widths| make(room, widths));
            return Ok(());
        }
        let width = if inner.terminal { Some(usize::from(Screen::size().0)) } else { inner.room.width };
        for line in make(Room { width, ..inner.room }, &mut Widths::new()).lines() {
            inner.buffer.extend_from_slice(line.as_bytes());
            inner.buffer.push(b'\n');
        }
        inner.buffer.push(b'\n');
        inner.flush()
    }

    /// Takes the tables of a page out of the picture from the one with that number on.
    pub(super) fn remove(&self, page: usize, from: usize) {
        self.inner.borrow_mut().picture.remove(|(at, number)| at == page && number >= from);
    }

    /// Shows the tables that there are now in place of those that were shown last.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn draw(&self, status: Status) -> io::Result<()> {
        let mut inner = self.inner.borrow_mut();
        inner.flush()?;
        let inner = &mut *inner;
        let Some(screen) = &mut inner.screen else { return Ok(()) };
        if inner.picture.is_empty() && !screen.is_drawn() {
            return Ok(());
        }
        let (width, height) = Screen::size();
        let lines = inner.picture.lines(status, (width.into(), height.into()), inner.room.styled);
        let mut out = Vec::new();
        screen.draw(lines, &mut out)?;
        inner.write(&out)
    }

    /// Leaves the tables where they are: no more are drawn, and what comes goes below them.
    pub fn leave(&self) {
        self.inner.borrow_mut().screen.iter_mut().for_each(Screen::leave);
    }

    /// Looks at what was typed where tables are redrawn.
    pub fn look_at_keys(&self) {
        self.inner.borrow_mut().screen.iter_mut().for_each(Screen::look_at_keys);
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
    /// Cuts the line that begins at `start`, where lines are, unless it is an object.
    fn cut(&mut self, start: usize) {
        let Some(places) = &self.cuts else { return };
        let columns = if self.terminal { Some(usize::from(Screen::size().0)) } else { self.room.width };
        let line = std::str::from_utf8(&self.buffer[start..]).ok().filter(|line| !line.starts_with('{'));
        if let Some((columns, line)) = columns.zip(line).filter(|(columns, line)| width(line) > *columns) {
            let line = cut_line(line, columns, places, if self.room.unicode { "…" } else { ".." });
            self.buffer.truncate(start);
            self.buffer.extend_from_slice(line.as_bytes());
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let aside = self.screen.as_ref().is_some_and(Screen::is_aside);
        if self.buffer.is_empty() && !aside {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = match self.screen.as_mut().filter(|screen| screen.is_drawn()) {
            Some(screen) => {
                let mut out = Vec::new();
                screen.below(&buffer, &mut out)?;
                self.write(&out)
            }
            None => self.write(&buffer),
        };
        buffer.clear();
        self.buffer = buffer;
        written
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.target {
            Target::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
                written.map_err(|error| error_of_write(error, self.terminal))
            }
            Target::Memory(memory) => {
                memory.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// Whether the terminal says that it cannot move its cursor.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Columns that the environment asks for where there is no terminal.
fn columns() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0)
}

/// Whether the locale says that text is UTF-8. Source: locale(7), the order of the variables.
fn speaks_unicode() -> bool {
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let Some(name) = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find(set) else { return false };
    let locale = std::env::var(name).unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
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
