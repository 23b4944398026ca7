//! A line that is edited: text with a cursor, and what was entered before.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The most characters of a line.
const MAX: usize = 4096;
/// How many lines are remembered.
const HISTORY: usize = 50;

/// A line that is edited.
#[derive(Debug, Clone, Default)]
pub struct Line {
    text: Vec<char>,
    cursor: usize,
}

impl Line {
    /// With that text, the cursor at its end.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().filter(|character| !character.is_control()).take(MAX).collect();
        Self { cursor: text.len(), text }
    }

    #[must_use]
    pub fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// The text before the cursor.
    #[must_use]
    pub fn before(&self) -> String {
        self.text[..self.cursor].iter().collect()
    }

    /// Puts text in at the cursor.
    pub fn insert(&mut self, text: &str) {
        for character in text.chars().filter(|character| !character.is_control()) {
            if self.text.len() >= MAX {
                break;
            }
            self.text.insert(self.cursor, character);
            self.cursor += 1;
        }
    }

    /// Takes away so many characters before the cursor.
    pub fn remove_before(&mut self, count: usize) {
        let from = self.cursor.saturating_sub(count);
        self.text.drain(from..self.cursor);
        self.cursor = from;
    }

    /// Takes a key; whether the text changed, or `None` when the key is not about editing.
    pub fn key(&mut self, key: &KeyEvent) -> Option<bool> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let before = self.text.len();
        match key.code {
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char('u') if control => self.remove_before(self.cursor),
            KeyCode::Char('k') if control => self.text.truncate(self.cursor),
            KeyCode::Char('w') if control => {
                let word = self.text[..self.cursor].iter().rev().skip_while(|it| it.is_whitespace());
                let blanks = self.text[..self.cursor].iter().rev().take_while(|it| it.is_whitespace()).count();
                self.remove_before(blanks + word.take_while(|it| !it.is_whitespace()).count());
            }
            KeyCode::Char(character) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
                self.insert(character.encode_utf8(&mut [0; 4]));
            }
            KeyCode::Backspace => self.remove_before(1),
            KeyCode::Delete if self.cursor < self.text.len() => drop(self.text.remove(self.cursor)),
            KeyCode::Delete => {}
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.text.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return None,
        }
        Some(self.text.len() != before)
    }
}

/// Lines that were entered, the newest last.
#[derive(Debug, Clone, Default)]
pub struct History {
    lines: Vec<String>,
    /// Which one is shown; as many as there are: none.
    at: usize,
}

impl History {
    pub fn add(&mut self, line: String) {
        if !line.is_empty() {
            // What was entered before comes once.
            self.lines.retain(|it| *it != line);
            self.lines.push(line);
            let over = self.lines.len().saturating_sub(HISTORY);
            self.lines.drain(..over);
        }
        self.at = self.lines.len();
    }

    /// The one before, or the next one.
    pub fn go(&mut self, back: bool) -> Option<&str> {
        self.at = if back { self.at.checked_sub(1)? } else { (self.at + 1).min(self.lines.len()) };
        Some(self.lines.get(self.at).map_or("", String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(line: &mut Line, code: KeyCode, modifiers: KeyModifiers) -> Option<bool> {
        line.key(&KeyEvent::new(code, modifiers))
    }

    #[test]
    fn a_line_is_edited_as_in_a_shell() {
        let mut line = Line::new("proc.name = cat");
        assert_eq!(press(&mut line, KeyCode::Char('w'), KeyModifiers::CONTROL), Some(true));
        assert_eq!(line.text(), "proc.name = ");
        line.insert("bä\nsh");
        assert_eq!(line.text(), "proc.name = bäsh");
        press(&mut line, KeyCode::Char('a'), KeyModifiers::CONTROL);
        press(&mut line, KeyCode::Delete, KeyModifiers::NONE);
        assert_eq!((line.text().as_str(), line.before().as_str()), ("roc.name = bäsh", ""));
        press(&mut line, KeyCode::Char('k'), KeyModifiers::CONTROL);
        assert_eq!(line.text(), "");
        assert_eq!(press(&mut line, KeyCode::Backspace, KeyModifiers::NONE), Some(false));
        assert_eq!(press(&mut line, KeyCode::Enter, KeyModifiers::NONE), None);
    }

    #[test]
    fn what_was_entered_comes_back() {
        let mut history = History::default();
        ["a", "b", "b"].into_iter().for_each(|line| history.add(line.into()));
        assert_eq!(
            [true, true, true].map(|back| history.go(back).map(str::to_owned)),
            [Some("b".into()), Some("a".into()), None]
        );
        assert_eq!(history.go(false), Some("b"));
        assert_eq!(history.go(false), Some(""));
    }
}
