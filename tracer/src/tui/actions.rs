//! What can be done to the process or the thing of a row: commands of the view, and signals.

use crossterm::event::{KeyCode, KeyEvent};

use super::{
    app::{Command, Model, Overlay},
    level::Level,
    menu::moved,
};
use crate::{
    format::escape,
    output::Row,
    view::{Mode, Place},
};

/// The field that says when a process began, nanoseconds since the epoch.
pub const BEGAN: &str = "proc.pid.ts";

/// An action that the menu offers.
#[derive(Debug)]
pub struct Offered {
    pub key: char,
    pub title: String,
    /// Program and arguments, or why it cannot be done.
    pub command: Result<Vec<String>, String>,
    /// The signal that is sent instead of running it.
    pub signal: Option<i32>,
    /// Whether it asks before.
    pub dangerous: bool,
    /// Whether the program talks with the user.
    pub interactive: bool,
}

/// A process that a signal is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub pid: u32,
    /// Its name and its container, for the dialog: escaped.
    pub name: String,
    /// When the process of the row began, nanoseconds since the epoch; `None` when nothing says it.
    pub began_ns: Option<u64>,
    /// Why it gets no signal.
    pub wrong: Option<String>,
}

/// What is done once the user has said yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// Program and arguments, and whether it talks with the user.
    Run(Vec<String>, bool),
    Signal(i32, Vec<Target>),
}

impl Confirmed {
    /// What it does, for the dialog.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Run(words, _) => {
                vec![words.iter().map(|word| escape::escaped(word.as_bytes())).collect::<Vec<_>>().join(" ")]
            }
            Self::Signal(signal, targets) => {
                let count =
                    if targets.len() == 1 { "1 process".to_owned() } else { format!("{} processes", targets.len()) };
                let line = |Target { pid, name, wrong, .. }: &Target| {
                    let wrong = wrong.as_ref().map(|wrong| format!("  ({wrong})")).unwrap_or_default();
                    format!("  {pid} {name}{wrong}")
                };
                let first = format!("{} to {count}", signal_name(*signal));
                std::iter::once(first).chain(targets.iter().map(line)).collect()
            }
        }
    }
}

/// The name of a signal that the menu has.
#[must_use]
pub fn signal_name(signal: i32) -> &'static str {
    if signal == 9 { "SIGKILL" } else { "SIGTERM" }
}

impl Model {
    /// The actions of the view.
    #[must_use]
    pub fn actions(&self) -> Vec<Offered> {
        let level = self.level();
        let row = level.row(level.at);
        let mut actions = Vec::new();
        if level.mode == Mode::Rows && !self.settings.read_only && !self.settings.replay && !self.targets().is_empty() {
            for (key, signal) in [('t', 15), ('9', 9)] {
                let name = signal_name(signal);
                let (title, command) = (format!("send {name}"), Ok(vec![name.to_owned()]));
                actions.push(Offered {
                    key,
                    title,
                    command,
                    signal: Some(signal),
                    dangerous: true,
                    interactive: false,
                });
            }
        }
        for action in &level.view.actions {
            if self.settings.replay || self.settings.read_only && action.dangerous {
                continue;
            }
            let value = |name: &str| value(level, row?, name);
            let command = action.run.iter().map(|word| fill(word, &value)).collect();
            let (key, title) = (action.key, action.title.clone());
            let (dangerous, interactive) = (action.dangerous, action.interactive);
            actions.push(Offered { key, title, command, signal: None, dangerous, interactive });
        }
        actions
    }

    /// The processes of the marked rows, or of the selected one.
    pub(super) fn targets(&self) -> Vec<Target> {
        let level = self.level();
        let Some(key) = &level.view.key else { return Vec::new() };
        let Some(at) = [&key.field].into_iter().chain(&key.also).position(|field| field == "proc.pid") else {
            return Vec::new();
        };
        let of_row = |row: &Row| {
            let pid = std::str::from_utf8(row.keys.get(at)?).ok()?.parse().ok()?;
            let text = |name: &str| level.text(row, name).filter(|text| !text.is_empty()).map(escape::escaped);
            let began_ns = text(BEGAN).and_then(|text| text.parse().ok());
            let column = level.name_column().map(|column| level.cell(&level.shown[column], row));
            let name = column.or_else(|| text("proc.name")).unwrap_or_default();
            let container = text("container.name").map(|name| format!("  container {name}")).unwrap_or_default();
            Some(Target { pid, name: format!("{name}{container}"), began_ns, wrong: None })
        };
        if level.marked.is_empty() {
            return level.row(level.at).and_then(of_row).into_iter().collect();
        }
        let gone = |id: &Vec<Vec<u8>>| {
            let pid = std::str::from_utf8(id.get(at)?).ok()?.parse().ok()?;
            let wrong = Some("has ended".to_owned());
            Some(Target { pid, name: String::new(), began_ns: None, wrong })
        };
        let rows = || level.frame.iter().flat_map(|frame| &frame.rows);
        let of_mark = |id: &Vec<Vec<u8>>| match rows().find(|row| row.keys.starts_with(id)) {
            Some(row) => of_row(row),
            None => gone(id),
        };
        level.marked.iter().filter_map(of_mark).collect()
    }

    pub(super) fn action_key(&mut self, at: usize, key: &KeyEvent) -> Vec<Command> {
        let actions = self.actions();
        let chosen = match key.code {
            KeyCode::Esc | KeyCode::Backspace | KeyCode::F(8) => return Vec::new(),
            KeyCode::Enter => actions.get(at),
            KeyCode::Char(character) => actions.iter().find(|offered| offered.key == character),
            _ => {
                self.overlay = Some(Overlay::Actions { at: moved(key.code, at, actions.len()) });
                return Vec::new();
            }
        };
        let Some(Offered { title, command, signal, dangerous, interactive, .. }) = chosen else {
            self.overlay = Some(Overlay::Actions { at });
            return Vec::new();
        };
        match (command, signal) {
            (Err(why), _) => self.say(format!("{title}: {why}")),
            (Ok(_), Some(signal)) => {
                let targets = self.targets();
                self.overlay = Some(Overlay::Confirm { what: Confirmed::Signal(*signal, targets.clone()), yes: false });
                // From here on they are held: what gets the signal is what is on the screen.
                return vec![Command::Hold(targets)];
            }
            (Ok(words), None) if *dangerous => {
                self.overlay = Some(Overlay::Confirm { what: Confirmed::Run(words.clone(), *interactive), yes: false });
            }
            (Ok(words), None) => return vec![Command::Run(words.clone(), *interactive)],
        }
        Vec::new()
    }

    /// What became of the processes that a signal is for.
    pub(super) fn held(&mut self, held: Vec<Target>) {
        if let Some(Overlay::Confirm { what: Confirmed::Signal(_, targets), .. }) = &mut self.overlay {
            *targets = held;
        }
    }

    pub(super) fn confirm_key(&mut self, what: Confirmed, yes: bool, key: &KeyEvent) -> Vec<Command> {
        let is_yes = match key.code {
            KeyCode::Left | KeyCode::Right | KeyCode::Tab => {
                self.overlay = Some(Overlay::Confirm { what, yes: !yes });
                return Vec::new();
            }
            KeyCode::Char('y' | 'Y') => true,
            KeyCode::Enter => yes,
            _ => false,
        };
        vec![match what {
            Confirmed::Run(words, interactive) if is_yes => Command::Run(words, interactive),
            Confirmed::Signal(signal, _) if is_yes => Command::Kill(signal),
            Confirmed::Signal(..) => Command::Hold(Vec::new()),
            Confirmed::Run(..) => return Vec::new(),
        }]
    }
}

/// The value of a field in a row, for a command.
fn value(level: &Level, row: &Row, name: &str) -> Option<String> {
    let key = level.view.key.as_ref();
    let at = key.and_then(|key| [&key.field].into_iter().chain(&key.also).position(|field| field == name));
    let column = || level.shown.iter().find(|column| column.field == name);
    let text = match at {
        Some(at) => String::from_utf8(row.keys.get(at)?.clone()).ok()?,
        None => match column()?.place {
            Place::Key(at) if !level.is_list() => String::from_utf8(row.keys.get(at)?.clone()).ok()?,
            _ => level.cell(column()?, row),
        },
    };
    (!text.is_empty() && text != "-").then_some(text)
}

/// A word of a command with the values of fields: each is a whole argument or a part of one, and never an option.
fn fill(word: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), word);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or_else(|| format!("'{word}' has no closing brace"))?;
        let text = value(name).ok_or_else(|| format!("the row has no {name}"))?;
        out += before;
        if out.is_empty() && text.starts_with('-') {
            return Err(format!("{name} begins with '-': it would be an option"));
        }
        out += &text;
        rest = behind;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s081_any_name_is_one_argument_and_no_option() {
        for name in [";reboot", "$(x)", "`x`", "a b", "'\"", "\n"] {
            let value = |_: &str| Some(name.to_owned());
            assert_eq!(fill("{fd.name}", &value).as_deref(), Ok(name));
            assert_eq!(fill("--file={fd.name}", &value), Ok(format!("--file={name}")));
        }
        let value = |_: &str| Some("-rf".to_owned());
        assert!(fill("{fd.name}", &value).unwrap_err().contains("would be an option"));
        assert_eq!(fill("./{fd.name}", &value).as_deref(), Ok("./-rf"));
        assert!(fill("{fd.name", &value).is_err() && fill("{x}", &|_| None).is_err());
    }
}
