//! Everything that is said to the person beside the events: messages on standard error, and lists, descriptions and checks on
//! standard output.
//!
//! Names of files, arguments, settings, scripts and captures are quoted in it, and anybody may have chosen those. So all of it
//! is escaped here, in the one place that writes it.

use std::io::{self, Write};

use crate::format::escape;

/// Says something that does not end the run.
pub fn note(text: &str) {
    say("", text);
}

/// Says why it ends, and what to do about it.
pub fn failure(message: &str, hint: Option<&str>) {
    let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    say("", &format!("{message}{hint}"));
}

/// Says what a part of the program says: the kernel side, or a script that is being written.
pub fn said_by(part: &str, text: &str) {
    say(&format!("{part}: "), text);
}

fn say(part: &str, text: &str) {
    // Nobody to tell when standard error is gone.
    let _ = io::stderr().write_all(format!("tracer: {part}{}\n", escape::lines(text)).as_bytes());
}

/// A line for programs, behind what is said to the person: an object of JSON.
pub fn object(value: &serde_json::Value) {
    // As above.
    let _ = writeln!(io::stderr(), "{value}");
}

/// Writes a whole text that was asked for to standard output.
///
/// # Errors
/// It cannot be written.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = Report::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Lines that were asked for: what is written is escaped, but for the ends of lines.
#[derive(Debug)]
pub struct Report<W>(W);

impl Report<io::StdoutLock<'static>> {
    /// On standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self(io::stdout().lock())
    }
}

impl<W: Write> Report<W> {
    /// Through another writer.
    pub fn new(out: W) -> Self {
        Self(out)
    }
}

impl<W: Write> Write for Report<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.write_all(&escape::lines_of(text))?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reported_is_escaped_and_keeps_its_lines() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out);
        for name in ["a\x1b[2J", "b\u{9b}1m", "c\u{202e}d", "e\r\tf"] {
            writeln!(report, "chisel {name}\n").unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "chisel a\\x1b[2J\n\nchisel b\\u{9b}1m\n\nchisel c\\u{202e}d\n\nchisel e\\x0d\\x09f\n\n");
    }
}
