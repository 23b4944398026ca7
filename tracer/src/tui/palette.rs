//! The palette: everything by its name. The keys' commands are those of their table; what has no key is here.
//!
//! `:VIEW [FILTER] [/TEXT]` opens a view, and `:WORD ARGUMENT` is a command.

use crossterm::event::{KeyCode, KeyEvent};

use super::{
    Theme,
    app::{Command, Model, Overlay},
    arrange::{GROUPS, Shape},
    export::{Form, export},
    keys::{Do, KEYS},
    line::Line,
    menu::moved,
};
use crate::{filter::Filter, view::View};

/// Commands that take a word, or have no key: the word, what comes after it, what it does.
const MORE: &[(&str, &str, &str)] = &[
    ("sort", "COLUMN", "sort by a column"),
    ("filter", "FILTER", "filter events; without one, all events"),
    ("rows", "TEXT", "only rows that contain a text"),
    ("group", "executable|container|pod|user|none", "group rows"),
    ("export", "csv|json|text", "write all rows to a file"),
    ("set interval", "500ms", "refresh this often"),
    ("set theme", "dark|light|contrast|mono", "colours"),
    ("crumb", "NUMBER", "to that level"),
    ("messages", "", "what the engine said"),
];
/// The shortest and the longest interval, milliseconds.
const INTERVALS: std::ops::RangeInclusive<u64> = 100..=3_600_000;

/// A line of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What is typed for it.
    pub word: String,
    /// What has to follow.
    pub argument: &'static str,
    pub about: String,
}

impl Model {
    /// What the palette has for what was typed: commands, then views.
    #[must_use]
    pub fn offers(&self, typed: &str) -> Vec<Offer> {
        let typed = typed.trim_start().to_lowercase();
        let more = MORE.iter().map(|(word, argument, about)| Offer {
            word: (*word).to_owned(),
            argument,
            about: (*about).to_owned(),
        });
        let has_more = |word: &str| MORE.iter().any(|(it, ..)| *it == word);
        let keys = KEYS.iter().filter(|key| !key.word.is_empty() && !has_more(key.word)).map(|key| Offer {
            word: key.word.to_owned(),
            argument: "",
            about: key.about.to_owned(),
        });
        let views = self.views.values().map(|view| Offer {
            word: view.id.clone(),
            argument: "[FILTER] [/TEXT]",
            about: format!("view: {}", view.summary),
        });
        let begins = |offer: &Offer| {
            offer.word.starts_with(&typed) || typed.strip_prefix(&offer.word).is_some_and(|rest| rest.starts_with(' '))
        };
        let mut offers: Vec<Offer> = keys.chain(more).chain(views).filter(begins).collect();
        // A command that is whole comes before those that only begin so.
        offers.sort_by_key(|offer| !typed.starts_with(&offer.word));
        offers
    }

    pub(super) fn palette_key(&mut self, mut line: Line, at: usize, key: &KeyEvent) -> Vec<Command> {
        let offers = self.offers(&line.text());
        match key.code {
            KeyCode::Esc => return Vec::new(),
            KeyCode::Backspace if line.text().is_empty() => return Vec::new(),
            KeyCode::Up | KeyCode::Down => {
                self.overlay = Some(Overlay::Palette { line, at: moved(key.code, at, offers.len()) });
            }
            KeyCode::Tab => {
                if let Some(offer) = offers.get(at) {
                    line = Line::new(&format!("{} ", offer.word));
                }
                self.overlay = Some(Overlay::Palette { line, at: 0 });
            }
            KeyCode::Enter => {
                let text = line.text();
                // A chosen line counts when what was typed is only its beginning.
                let text = match offers.get(at) {
                    Some(offer) if offer.word.starts_with(text.trim()) => offer.word.clone(),
                    _ => text,
                };
                match self.command(text.trim()) {
                    Ok(commands) => return commands,
                    Err(why) => {
                        self.say(why);
                        self.overlay = Some(Overlay::Palette { line, at: 0 });
                    }
                }
            }
            _ => {
                line.key(key);
                self.overlay = Some(Overlay::Palette { line, at: 0 });
            }
        }
        Vec::new()
    }

    /// Carries out a command of the palette.
    fn command(&mut self, text: &str) -> Result<Vec<Command>, String> {
        let more = MORE
            .iter()
            .filter(|(word, ..)| text.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')));
        let found = more.map(|(word, argument, _)| (*word, *argument, text[word.len()..].trim())).next();
        if let Some((word, argument, rest)) = found
            && (!rest.is_empty() || argument.is_empty() || !KEYS.iter().any(|key| key.word == word))
        {
            return self.command_with(word, argument, rest);
        }
        if let Some(key) = KEYS.iter().find(|key| key.word == text && !text.is_empty()) {
            return Ok(self.act(key.act));
        }
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        self.open(name, rest.trim())
    }

    fn command_with(&mut self, word: &str, argument: &str, rest: &str) -> Result<Vec<Command>, String> {
        let expected = || format!("{word} needs {argument}");
        match word {
            "sort" => {
                let wanted = rest.to_lowercase();
                let level = self.level_mut();
                let at = level.shown.iter().position(|column| column.title.to_lowercase().starts_with(&wanted));
                level.sort_by(at.ok_or_else(|| format!("there is no column '{rest}'"))?);
                self.remember();
            }
            "filter" => {
                Filter::compile(rest, self.settings.show).map_err(|error| error.message)?;
                return Ok(self.set_filter(rest.to_owned()));
            }
            "rows" => {
                self.level_mut().row_filter = rest.to_owned();
                self.level_mut().arrange();
            }
            "group" => {
                let shape = match GROUPS.iter().position(|(name, _)| name.starts_with(rest)) {
                    Some(by) => Shape::Groups(by),
                    None if rest == "none" => Shape::Flat,
                    None => return Err(expected()),
                };
                return Ok(self.shape(shape));
            }
            "export" => {
                if self.settings.read_only {
                    return Err("nothing is written with --read-only".into());
                }
                let form = match rest {
                    "csv" => Form::Csv,
                    "json" => Form::Json,
                    "text" => Form::Text,
                    _ => return Err(expected()),
                };
                return Ok(vec![Command::Export(form.extension(), export(self.level(), form))]);
            }
            "set interval" => {
                let ms = rest.strip_suffix("ms").map_or_else(
                    || {
                        rest.strip_suffix('s')
                            .unwrap_or(rest)
                            .trim()
                            .parse::<f64>()
                            .ok()
                            .map(|seconds| seconds * 1000.0)
                    },
                    |ms| ms.trim().parse().ok(),
                );
                let ms = ms.map(|ms| ms as u64).filter(|ms| INTERVALS.contains(ms));
                self.settings.interval_ms = ms.ok_or("an interval is from 100ms to 3600s, such as 500ms")?;
                self.frozen = false;
                return Ok(vec![self.ask()]);
            }
            "set theme" => self.settings.theme = Theme::by_name(rest).ok_or_else(expected)?,
            "crumb" => {
                let number: usize = rest.parse().map_err(|_| expected())?;
                return Ok(self.go_to_crumb(number.saturating_sub(1)));
            }
            _ => return Ok(self.act(Do::Legend)),
        }
        Ok(Vec::new())
    }

    /// Opens the view of that name, or the only one that begins so, for those events and rows.
    fn open(&mut self, name: &str, rest: &str) -> Result<Vec<Command>, String> {
        let name = name.to_lowercase();
        let views: Vec<&View> = self.views.values().filter(|view| view.id.starts_with(&name)).collect();
        // Words within names will do: `pod` is Kubernetes Pods.
        let within = || self.views.values().find(|view| view.id.contains(&name));
        let exact = views.iter().find(|view| view.id == name).or(views.first()).copied();
        let view = match exact.or_else(within) {
            Some(view) if !name.is_empty() => view.clone(),
            _ => return Err(format!("there is no command and no view '{name}'")),
        };
        let (filter, text) = match rest.split_once('/') {
            Some((filter, text)) if filter.is_empty() || filter.ends_with(' ') => (filter.trim(), text.trim()),
            _ => (rest, ""),
        };
        let is_filter = !filter.is_empty() && Filter::compile(filter, self.settings.show).is_ok();
        if is_filter {
            self.narrow(filter.to_owned());
        }
        let mut commands = self.change(view);
        if commands.is_empty() && is_filter {
            commands = vec![self.ask()];
        }
        // What is no filter is a text that rows have.
        let text = if is_filter || filter.is_empty() { text } else { rest };
        if !text.is_empty() {
            self.level_mut().row_filter = text.trim_start_matches('/').to_owned();
            self.level_mut().arrange();
        }
        Ok(commands)
    }

    /// Another filter for all levels: what they have is not what passes it.
    fn narrow(&mut self, filter: String) {
        self.levels.iter_mut().for_each(|level| level.complete = false);
        self.typed = filter;
    }

    /// Another filter of the user's, checked before.
    pub(super) fn set_filter(&mut self, text: String) -> Vec<Command> {
        self.filters.add(text.clone());
        if !text.is_empty() {
            self.prefs.filters.retain(|it| *it != text);
            self.prefs.filters.push(text.clone());
            let over = self.prefs.filters.len().saturating_sub(50);
            self.prefs.filters.drain(..over);
        }
        self.narrow(text);
        self.frozen = false;
        vec![self.ask()]
    }
}
