//! What keys do in what lies over the screen: menus, questions, and the line that is typed.

use crossterm::event::{KeyCode, KeyEvent};

use super::{
    app::{Command, Model, Offered, Overlay, PromptKind},
    keys::{self, Do},
    line::Line,
};
use crate::{fields::Show, filter::Filter, format::escape, view::Mode};

impl Model {
    /// The actions of the view.
    #[must_use]
    pub fn actions(&self) -> Vec<Offered> {
        let level = self.level();
        let row = level.row(level.at);
        let mut actions = Vec::new();
        if level.mode == Mode::Rows && self.pids().is_some() && !self.settings.read_only && !self.settings.replay {
            for (key, name, signal) in [('t', "SIGTERM", 15), ('9', "SIGKILL", 9)] {
                let title = format!("send {name}");
                actions.push(Offered {
                    key,
                    title,
                    command: Ok(vec![name.to_owned()]),
                    signal: Some(signal),
                    dangerous: true,
                });
            }
        }
        for action in &level.view.actions {
            if self.settings.replay || self.settings.read_only && action.dangerous {
                continue;
            }
            let value = |name: &str| {
                let row = row?;
                let column = level.shown.iter().find(|column| column.field == name);
                let at = level
                    .view
                    .key
                    .as_ref()
                    .and_then(|key| [&key.field].into_iter().chain(&key.also).position(|field| field == name));
                let text = match (at, column) {
                    (Some(at), _) => String::from_utf8(row.keys.get(at)?.clone()).ok()?,
                    (None, Some(column)) => level.cell(column, row),
                    (None, None) => return None,
                };
                (!text.is_empty() && text != "-").then_some(text)
            };
            let command = action.run.iter().map(|word| fill(word, &value)).collect();
            let (key, title, dangerous) = (action.key, action.title.clone(), action.dangerous);
            actions.push(Offered { key, title, command, signal: None, dangerous });
        }
        actions
    }

    /// The processes of the marked rows, or of the selected one.
    pub(super) fn pids(&self) -> Option<Vec<u32>> {
        let level = self.level();
        let key = level.view.key.as_ref()?;
        let at = [&key.field].into_iter().chain(&key.also).position(|field| field == "proc.pid")?;
        let number = |keys: &Vec<Vec<u8>>| std::str::from_utf8(keys.get(at)?).ok()?.parse().ok();
        if level.marked.is_empty() {
            return Some(vec![number(&level.row(level.at)?.keys)?]);
        }
        Some(level.marked.iter().filter_map(number).collect())
    }

    /// After what is typed has changed.
    pub(super) fn typed(&mut self) -> Vec<Command> {
        let Some(Overlay::Prompt { kind, line, error, .. }) = &mut self.overlay else {
            if let Some(Overlay::Views { at, .. }) = &mut self.overlay {
                *at = 0;
            }
            return Vec::new();
        };
        let (kind, text) = (*kind, line.text());
        match kind {
            PromptKind::Filter => *error = wrong(&text, self.settings.show),
            PromptKind::Search => {
                self.search = text;
                let at = self.level().at;
                if !self.search.is_empty() {
                    self.find(true, at);
                }
            }
            PromptKind::RowFilter => {
                self.level_mut().row_filter = text;
                self.level_mut().arrange();
            }
        }
        Vec::new()
    }

    pub(super) fn overlay_key(&mut self, overlay: Overlay, key: &KeyEvent) -> Vec<Command> {
        let act = keys::find(key);
        if act == Some(Do::Quit) && key.code == KeyCode::Char('c') {
            return vec![Command::Quit];
        }
        match overlay {
            Overlay::Help { scroll } | Overlay::Legend { scroll } if is_scroll(act) => {
                let scroll = scrolled(act, scroll, self.page);
                let is_help = matches!(overlay, Overlay::Help { .. });
                self.overlay = Some(if is_help { Overlay::Help { scroll } } else { Overlay::Legend { scroll } });
            }
            Overlay::Help { .. } | Overlay::Legend { .. } => {}
            Overlay::Sort { at } => {
                let last = self.level().shown.len().saturating_sub(1);
                match key.code {
                    KeyCode::Up => self.overlay = Some(Overlay::Sort { at: at.saturating_sub(1) }),
                    KeyCode::Down => self.overlay = Some(Overlay::Sort { at: (at + 1).min(last) }),
                    KeyCode::Enter => self.level_mut().sort_by(at),
                    KeyCode::Esc | KeyCode::Backspace | KeyCode::F(9) => {}
                    _ => self.overlay = Some(Overlay::Sort { at }),
                }
            }
            Overlay::Views { mut line, at } => {
                let count = self.chosen(&line.text()).len();
                match key.code {
                    KeyCode::Esc | KeyCode::F(2) => {}
                    KeyCode::Up => self.overlay = Some(Overlay::Views { line, at: at.saturating_sub(1) }),
                    KeyCode::Down => {
                        let at = (at + 1).min(count.saturating_sub(1));
                        self.overlay = Some(Overlay::Views { line, at });
                    }
                    KeyCode::Enter => {
                        let chosen =
                            self.chosen(&line.text()).get(at).map(|(view, why)| ((*view).clone(), why.clone()));
                        match chosen {
                            Some((view, None)) => return self.change(view),
                            Some((view, Some(why))) => {
                                self.say(format!("{}: {why}", view.name));
                                self.overlay = Some(Overlay::Views { line, at });
                            }
                            None => self.overlay = Some(Overlay::Views { line, at }),
                        }
                    }
                    _ => {
                        line.key(key);
                        self.overlay = Some(Overlay::Views { line, at: 0 });
                    }
                }
            }
            Overlay::Actions { at } => return self.action_key(at, key),
            Overlay::Confirm { what, yes, signal } => match key.code {
                KeyCode::Left | KeyCode::Right | KeyCode::Tab => {
                    self.overlay = Some(Overlay::Confirm { what, yes: !yes, signal });
                }
                KeyCode::Char('y' | 'Y') => return confirmed(what, signal),
                KeyCode::Enter if yes => return confirmed(what, signal),
                _ => {}
            },
            Overlay::Prompt { kind, line, error, before } => return self.prompt_key(kind, line, error, before, key),
        }
        Vec::new()
    }

    pub(super) fn action_key(&mut self, at: usize, key: &KeyEvent) -> Vec<Command> {
        let actions = self.actions();
        let chosen = match key.code {
            KeyCode::Esc | KeyCode::Backspace | KeyCode::F(8) => return Vec::new(),
            KeyCode::Up => {
                self.overlay = Some(Overlay::Actions { at: at.saturating_sub(1) });
                return Vec::new();
            }
            KeyCode::Down => {
                self.overlay = Some(Overlay::Actions { at: (at + 1).min(actions.len().saturating_sub(1)) });
                return Vec::new();
            }
            KeyCode::Enter => actions.get(at),
            KeyCode::Char(character) => actions.iter().find(|offered| offered.key == character),
            _ => None,
        };
        let Some(Offered { title, command, signal, dangerous, .. }) = chosen else {
            self.overlay = Some(Overlay::Actions { at });
            return Vec::new();
        };
        match command {
            Err(why) => self.say(format!("{title}: {why}")),
            Ok(words) if signal.is_some() => {
                let pids = self.pids().unwrap_or_default();
                let what = words.iter().cloned().chain(["to".to_owned()]).chain(pids.iter().map(u32::to_string));
                let (what, signal) = (what.collect(), signal.map(|signal| (pids, signal)));
                self.overlay = Some(Overlay::Confirm { what, yes: false, signal });
            }
            Ok(words) if *dangerous => {
                self.overlay = Some(Overlay::Confirm { what: words.clone(), yes: false, signal: None });
            }
            Ok(words) => return vec![Command::Run(words.clone())],
        }
        Vec::new()
    }

    pub(super) fn prompt_key(
        &mut self,
        kind: PromptKind,
        mut line: Line,
        error: Option<(usize, String)>,
        before: String,
        key: &KeyEvent,
    ) -> Vec<Command> {
        match key.code {
            KeyCode::Esc => {
                match kind {
                    PromptKind::RowFilter => {
                        self.level_mut().row_filter.clear();
                        self.level_mut().arrange();
                    }
                    PromptKind::Search => self.search.clear(),
                    PromptKind::Filter => {}
                }
                return Vec::new();
            }
            KeyCode::Enter if kind != PromptKind::Filter => return Vec::new(),
            KeyCode::Enter => {
                let text = line.text().trim().to_owned();
                if let Some(error) = wrong(&text, self.settings.show) {
                    self.overlay = Some(Overlay::Prompt { kind, line, error: Some(error), before });
                    return Vec::new();
                }
                self.filters.add(text.clone());
                self.typed = text;
                self.frozen = false;
                return vec![self.ask()];
            }
            KeyCode::Tab if kind == PromptKind::Filter => {
                if let Some((typed, full)) = complete(&line.before()) {
                    line.remove_before(typed);
                    line.insert(&full);
                }
            }
            KeyCode::Up | KeyCode::Down if kind == PromptKind::Filter => {
                if let Some(text) = self.filters.go(key.code == KeyCode::Up) {
                    line = Line::new(text);
                }
            }
            _ => drop(line.key(key)),
        }
        self.overlay = Some(Overlay::Prompt { kind, line, error, before });
        self.typed()
    }
}

fn confirmed(what: Vec<String>, signal: Option<(Vec<u32>, i32)>) -> Vec<Command> {
    vec![match signal {
        Some((pids, signal)) => Command::Kill(pids, signal),
        None => Command::Run(what),
    }]
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

/// What is wrong with a filter, and the column.
fn wrong(text: &str, show: Show) -> Option<(usize, String)> {
    if text.trim().is_empty() {
        return None;
    }
    let error = Filter::compile(text, show).err()?;
    let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    let before = error.filter.get(..error.at.start).unwrap_or_default();
    Some((before.chars().count(), escape::escaped(format!("{}{hint}", error.message).as_bytes())))
}

/// The name of the only field that begins like the last word, or what all that do have in common; and how much of it is there.
fn complete(before: &str) -> Option<(usize, String)> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '.' || it == '_';
    let from = before.char_indices().rev().take_while(|(_, it)| is_name(*it)).last().map_or(before.len(), |(at, _)| at);
    let word = &before[from..];
    let mut names = crate::fields::all().map(|field| field.name).filter(|name| name.starts_with(word));
    let first = names.next().filter(|_| !word.is_empty())?;
    let common = names.fold(first.to_owned(), |common, name| {
        common.chars().zip(name.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    });
    (common.len() > word.len()).then(|| (word.chars().count(), common))
}

fn is_scroll(act: Option<Do>) -> bool {
    matches!(act, Some(Do::Up | Do::Down | Do::PageUp | Do::PageDown | Do::Home | Do::End))
}

fn scrolled(act: Option<Do>, scroll: usize, page: usize) -> usize {
    match act {
        Some(Do::Up) => scroll.saturating_sub(1),
        Some(Do::Down) => scroll + 1,
        Some(Do::PageUp) => scroll.saturating_sub(page),
        Some(Do::PageDown) => scroll + page,
        Some(Do::Home) => 0,
        _ => scroll.max(1000),
    }
}
