//! Everything that is said to the person beside the events: messages on standard error, and lists, descriptions and checks on
//! standard output.
//!
//! Names of files, arguments, settings, scripts and captures are quoted in it, and anybody may have chosen those. So all of it
//! is escaped here, in the one place that writes it.

use std::{
    io::{self, IsTerminal as _, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::{format::escape, output::step_aside};

pub(crate) mod toml_text;

/// How a message names a file.
pub trait Shown {
    /// Escaped, also the ends of lines: a name with one in it cannot pretend to be a line of the message.
    fn shown(&self) -> String;
}

impl Shown for Path {
    fn shown(&self) -> String {
        escape::escaped(self.as_os_str().as_encoded_bytes())
    }
}

/// Says something that does not end the run. A last line `hint: …` is a remedy.
pub fn note(text: &str) {
    say("", text, None);
}

/// Says why it ends, and what to do about it.
pub fn failure(message: &str, hint: Option<&str>) {
    say("", message, hint);
}

/// Says what a part of the program says: the kernel side, or a script that is being written.
pub fn said_by(part: &str, text: &str) {
    say(&format!("{part}: "), text, None);
}

/// Who takes what is said while the terminal belongs to the full-screen interface.
type Diverted = Box<dyn Fn(String) + Send>;

static DIVERTED: Mutex<Option<Diverted>> = Mutex::new(None);

/// Says everything to `to` from now on; to standard error again with `None`.
pub fn divert(to: Option<Diverted>) {
    *DIVERTED.lock().unwrap_or_else(PoisonError::into_inner) = to;
}

fn say(part: &str, text: &str, hint: Option<&str>) {
    if let Some(take) = &*DIVERTED.lock().unwrap_or_else(PoisonError::into_inner) {
        take(format!("{part}{}", message(&without_numbers(text), hint)));
        return;
    }
    if io::stderr().is_terminal() {
        step_aside();
    }
    // Nobody to tell when standard error is gone.
    let _ = io::stderr().write_all(format!("tracer: {part}{}\n", message(&without_numbers(text), hint)).as_bytes());
}

/// Without the numbers of errors, which say nothing to people: ` (os error 2)`.
pub(crate) fn without_numbers(text: &str) -> String {
    const BEGINS: &str = " (os error ";
    let mut parts = text.split(BEGINS);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => out.push_str(rest),
            _ => out.extend([BEGINS, part]),
        }
    }
    out
}

/// Escaped, and with every line but the first and the hint so that it cannot be taken for another message, a hint, or the summary that
/// programs read: what is quoted may have lines.
fn message(text: &str, hint: Option<&str>) -> String {
    const HINT: &str = "\nhint: ";
    let (text, hint) = match hint {
        Some(hint) => (text, Some(hint)),
        None => text.rsplit_once(HINT).map_or((text, None), |(text, hint)| (text, Some(hint))),
    };
    let quoted = |text: &str| {
        let mut out = String::new();
        for (at, line) in escape::lines(text).split('\n').enumerate() {
            let is_apart = at == 0 || line.is_empty() || line.starts_with("  ");
            out.push_str(if at == 0 { "" } else { "\n" });
            out.push_str(if is_apart { "" } else { "  " });
            out.push_str(line);
        }
        out
    };
    let hint = hint.map(|hint| format!("{HINT}{}", quoted(hint))).unwrap_or_default();
    format!("{}{hint}", quoted(text))
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
    fn a_quoted_text_is_no_line_of_its_own() {
        let name = "a\ntracer: 0 lost\n{\"seen\":0}\nhint: b";
        let apart = "a\n  tracer: 0 lost\n  {\"seen\":0}\n  hint: b";
        assert_eq!(message(&format!("no '{name}'"), Some("ask")), format!("no '{apart}'\nhint: ask"));
        assert_eq!(
            message(&format!("no '{name}'\n  1 | x\nhint: ask"), None),
            format!("no '{apart}'\n  1 | x\nhint: ask")
        );
        assert_eq!(Path::new("a\nhint: b\u{202e}").shown(), "a\\x0ahint: b\\u{202e}");
    }

    #[test]
    fn numbers_of_errors_are_left_out() {
        let text = "cannot read 'a': No such file (os error 2); nor 'b (os error x)': gone (os error 13)";
        assert_eq!(without_numbers(text), "cannot read 'a': No such file; nor 'b (os error x)': gone");
    }

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
