//! The keys as the user has them: the table, with what the file of keys changes in it.
//!
//! The file says which keys a command has, one command a line. A command's name is its word in the palette; what only moves is called
//! after its key: `up`, `pgdn`, `home`.
//!
//! ```toml
//! freeze = ["p", "Z"]
//! down = ["Down", "j"]
//! quit = "F10"
//! ```
//!
//! A command has only the keys that the file gives it. No two commands may have the same key, and Ctrl+C always quits.

use std::collections::BTreeMap;

use crossterm::event::KeyEvent;
use serde::Deserialize;
use toml::Spanned;

use super::keys::{self, Do, KEYS, Key};
use crate::{fields::nearest, message::toml_text::mistake};

/// The key that quits whatever the file says.
const ALWAYS_QUITS: &str = "Ctrl+C";
/// Names of keys that are more than a character.
const NAMES: &[&str] =
    &["Up", "Down", "Left", "Right", "PgUp", "PgDn", "Home", "End", "Enter", "Backspace", "Esc", "Del", "Tab", "Space"];

/// A row of the table with its keys.
#[derive(Debug, Clone)]
pub struct Bound {
    pub key: &'static Key,
    /// As the help writes them.
    pub names: Vec<String>,
}

/// All keys.
#[derive(Debug, Clone)]
pub struct Keys {
    pub bound: Vec<Bound>,
    /// Names of the commands whose keys the user changed.
    pub changed: Vec<String>,
}

/// What is wrong with the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its line, from 1 on.
    pub line: usize,
    pub what: String,
    pub hint: Option<String>,
}

/// One key, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    One(String),
    Several(Vec<String>),
}

impl Default for Keys {
    fn default() -> Self {
        let bound = |key: &'static Key| Bound { key, names: key.names.iter().map(|name| (*name).to_owned()).collect() };
        Self { bound: KEYS.iter().map(bound).collect(), changed: Vec::new() }
    }
}

impl Keys {
    /// The table with what the text of the file changes.
    ///
    /// # Errors
    /// It names a command or a key that does not exist, or gives two commands the same key.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let line = |at: usize| 1 + text.get(..at).unwrap_or_default().matches('\n').count();
        let read: Result<BTreeMap<Spanned<String>, Spanned<Given>>, _> = toml::from_str(text);
        let table = read.map_err(|error| {
            let wrong = mistake(text, &error);
            let is_value = text.parse::<toml::Table>().is_ok();
            Wrong {
                line: wrong.line,
                what: if is_value { "a command needs a key or a list of keys".into() } else { wrong.what },
                hint: Some("write it as: freeze = [\"p\", \"Z\"]".into()),
            }
        })?;
        let mut keys = Self::default();
        let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, given) in entries {
            let line = line(name.span().start);
            let Some(bound) = keys.bound.iter_mut().find(|bound| word(bound.key) == *name.get_ref()) else {
                let words: Vec<String> = KEYS.iter().map(word).collect();
                let meant = nearest(name.get_ref(), words.iter().map(String::as_str));
                let hint = meant.map_or_else(
                    || format!("commands are {}", words.join(", ")),
                    |meant| format!("did you mean '{meant}'?"),
                );
                return Err(Wrong {
                    line,
                    what: format!("there is no command '{}'", name.get_ref()),
                    hint: Some(hint),
                });
            };
            let given = match given.into_inner() {
                Given::One(one) => vec![one],
                Given::Several(several) => several,
            };
            bound.names = given.iter().map(|text| canonical(text, line)).collect::<Result<_, _>>()?;
            lines.insert(bound.key.about, line);
            keys.changed.push(name.into_inner());
        }
        keys.settle(&lines)?;
        Ok(keys)
    }

    /// Looks for two commands with the same key. `lines` says where the file has those that it changes.
    fn settle(&mut self, lines: &BTreeMap<&str, usize>) -> Result<(), Wrong> {
        let quits = |bound: &Bound| bound.key.act == Do::Quit;
        if let Some(quit) =
            self.bound.iter_mut().find(|bound| quits(bound) && !bound.names.iter().any(|it| it == ALWAYS_QUITS))
        {
            quit.names.push(ALWAYS_QUITS.to_owned());
        }
        let mut taken: BTreeMap<&str, &Bound> = BTreeMap::new();
        for bound in &self.bound {
            for name in &bound.names {
                let Some(other) = taken.insert(name, bound) else { continue };
                // At least one of them is in the file; of two, the second one is where it goes wrong.
                let at = |bound: &Bound| lines.get(bound.key.about).copied().unwrap_or(0);
                let (own, other) = if at(bound) >= at(other) { (bound, other) } else { (other, bound) };
                let [command, before] = [own, other].map(|bound| word(bound.key));
                let what = if std::ptr::eq(own, other) {
                    format!("{command} has the key {name} twice")
                } else {
                    format!("the key {name} of '{command}' is also a key of '{before}'")
                };
                let hint = (at(other) == 0).then(|| format!("give '{before}' other keys, such as {before} = []"));
                return Err(Wrong { line: at(own), what, hint });
            }
        }
        Ok(())
    }

    /// What a key does; `None` when it does nothing.
    #[must_use]
    pub fn find(&self, event: &KeyEvent) -> Option<Do> {
        let name = keys::name(event);
        let bound = self.bound.iter().find(|bound| bound.names.contains(&name));
        bound.map(|bound| bound.key.act).or_else(|| keys::of_digits(&name))
    }
}

/// What the file calls a command.
fn word(key: &Key) -> String {
    if key.word.is_empty() {
        key.names.first().map(|name| name.to_lowercase()).unwrap_or_default()
    } else {
        key.word.to_owned()
    }
}

/// A key as the table writes it.
fn canonical(text: &str, line: usize) -> Result<String, Wrong> {
    let wrong = |hint: &str| Wrong { line, what: format!("there is no key '{text}'"), hint: Some(hint.to_owned()) };
    let (mut rest, mut before) = (text, [false; 3]);
    let modifiers = ["Ctrl+", "Alt+", "Shift+"];
    while let Some((at, modifier)) = modifiers.iter().enumerate().find(|(_, it)| {
        rest.len() > it.len() && rest.get(..it.len()).is_some_and(|start| start.eq_ignore_ascii_case(it))
    }) {
        before[at] = true;
        rest = &rest[modifier.len()..];
    }
    let function = || rest.strip_prefix(['F', 'f'])?.parse::<u8>().ok().filter(|number| (1..=12).contains(number));
    let mut characters = rest.chars();
    let base = match (characters.next(), characters.next()) {
        (Some(character), None) if before[2] && character.is_alphabetic() => character.to_uppercase().to_string(),
        (Some(character), None) if before[0] => character.to_uppercase().to_string(),
        (Some(' '), None) => "Space".to_owned(),
        (Some(character), None) if !character.is_control() => character.to_string(),
        _ => match (function(), NAMES.iter().find(|name| name.eq_ignore_ascii_case(rest))) {
            (Some(number), _) => format!("F{number}"),
            (None, Some(name)) => (*name).to_owned(),
            (None, None) => {
                return Err(wrong("keys are characters, F1 to F12, Up, Esc and the like, with Ctrl+, Alt+ or Shift+"));
            }
        },
    };
    // A letter with Shift is a capital.
    before[2] &= base.chars().count() > 1;
    let name: String =
        modifiers.iter().zip(before).filter(|(_, is)| *is).map(|(name, _)| *name).chain([base.as_str()]).collect();
    if keys::of_digits(&name).is_some() {
        return Err(wrong("digits sort, and with Alt they go to a level: both stay"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;

    fn wrong(text: &str) -> (usize, String) {
        let wrong = Keys::parse(text).unwrap_err();
        (wrong.line, format!("{}; {}", wrong.what, wrong.hint.unwrap_or_default()))
    }

    #[test]
    fn s013_a_command_has_the_keys_that_the_file_gives_it() {
        let keys =
            Keys::parse("freeze = ['p', 'Z']\n# like vi\ndown = ['Down', 'j']\nquit = 'ctrl+q'\nsearch = 'shift+f4'")
                .unwrap();
        let press = |code, modifiers| keys.find(&KeyEvent::new(code, modifiers));
        assert_eq!(press(KeyCode::Char('Z'), KeyModifiers::SHIFT), Some(Do::Freeze));
        assert_eq!(press(KeyCode::Char('j'), KeyModifiers::NONE), Some(Do::Down));
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::CONTROL), Some(Do::Quit));
        assert_eq!(press(KeyCode::F(4), KeyModifiers::SHIFT), Some(Do::Search));
        // What is not in the list is not a key any more, but for the one that always quits.
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::NONE), None);
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Do::Quit));
        // What is not in the file stays.
        assert_eq!(press(KeyCode::Char('f'), KeyModifiers::NONE), Some(Do::Filter));
        assert_eq!(press(KeyCode::Char('3'), KeyModifiers::NONE), Some(Do::SortBy(2)));
        assert_eq!(keys.changed, ["freeze", "down", "quit", "search"]);
    }

    #[test]
    fn s013_a_conflict_is_told_with_its_line() {
        let (line, text) = wrong("freeze = 'Z'\n\nquit = 'f'\n");
        assert_eq!(
            (line, text.as_str()),
            (3, "the key f of 'quit' is also a key of 'filter'; give 'filter' other keys, such as filter = []")
        );
        assert_eq!(wrong("filter = 'x'\nfreeze = 'Z'\nexport = 'z'\nquit = 'Z'").0, 4);
        assert_eq!(wrong("freeze = ['a', 'a']\nactions = []"), (1, "freeze has the key a twice; ".into()));
        // Two that change places.
        assert!(Keys::parse("filter = 'q'\nquit = 'f'").is_ok());
        assert_eq!(wrong("redraw = 'Ctrl+C'").0, 1);
    }

    #[test]
    fn what_is_no_command_or_no_key_is_told() {
        assert_eq!(wrong("\nfreze = 'x'"), (2, "there is no command 'freze'; did you mean 'freeze'?".into()));
        assert_eq!((wrong("freeze = 'Hyper+x'").0, wrong("a = [").0), (1, 1));
        assert!(wrong("freeze = '5'").1.contains("digits sort"));
        assert!(wrong("freeze = 5").1.contains("needs a key or a list of keys"));
    }

    #[test]
    fn each_command_of_the_table_has_a_name_of_its_own() {
        let mut words: Vec<String> = KEYS.iter().map(word).collect();
        let all = words.len();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), all);
        for bound in Keys::default().bound {
            for name in &bound.names {
                let is_digit = keys::of_digits(name).is_some();
                assert!(is_digit || canonical(name, 1).as_ref() == Ok(name), "{name}");
            }
        }
    }
}
