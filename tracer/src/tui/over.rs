//! What keys do in what lies over the screen: menus, questions, and the line that is typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    app::{Command, Model, Overlay, PromptKind},
    complete::{Candidates, candidates},
    keys::Do,
    line::Line,
    menu::moved,
};
use crate::{fields::Show, filter::Filter, format::escape};

impl Model {
    /// After what is typed has changed.
    pub(super) fn typed(&mut self) -> Vec<Command> {
        let Some(Overlay::Prompt { kind, line, error, .. }) = &mut self.overlay else {
            if let Some(Overlay::Views { at, .. } | Overlay::Palette { at, .. }) = &mut self.overlay {
                *at = 0;
            }
            return Vec::new();
        };
        let (kind, text) = (*kind, line.text());
        match kind {
            PromptKind::Filter => *error = wrong(&text, self.settings.show),
            PromptKind::Search => {
                self.search = text;
                if !self.search.is_empty() {
                    self.find(true, self.place());
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
        let act = self.keys.find(key);
        if act == Some(Do::Quit) && key.modifiers.contains(KeyModifiers::CONTROL) {
            return vec![Command::Quit];
        }
        match overlay {
            Overlay::Help { scroll } | Overlay::Legend { scroll } if is_scroll(act) => {
                let scroll = scrolled(act, scroll, self.page);
                let is_help = matches!(overlay, Overlay::Help { .. });
                self.overlay = Some(if is_help { Overlay::Help { scroll } } else { Overlay::Legend { scroll } });
            }
            Overlay::Help { .. } | Overlay::Legend { .. } => {}
            Overlay::Sort { at } => match key.code {
                KeyCode::Enter => {
                    if let Some(column) = self.level().columns.get(at).copied() {
                        self.level_mut().sort_by(column);
                        self.remember();
                    }
                }
                KeyCode::Esc | KeyCode::Backspace | KeyCode::F(9) => {}
                code => self.overlay = Some(Overlay::Sort { at: moved(code, at, self.level().columns.len()) }),
            },
            Overlay::Views { line, at } => return self.views_key(line, at, key),
            Overlay::Actions { at } => return self.action_key(at, key),
            Overlay::Columns { at } => return self.columns_key(at, key),
            Overlay::Cell { column, at } => return self.cell_key(column, at, key),
            Overlay::Menu { title, items, at } => return self.menu_key(title, items, at, key),
            Overlay::Palette { line, at } => return self.palette_key(line, at, key),
            Overlay::Confirm { what, yes } => return self.confirm_key(what, yes, key),
            Overlay::Prompt { kind, line, error, before } => return self.prompt_key(kind, line, error, before, key),
        }
        Vec::new()
    }

    fn views_key(&mut self, mut line: Line, at: usize, key: &KeyEvent) -> Vec<Command> {
        let count = self.chosen(&line.text()).len();
        match key.code {
            KeyCode::Esc | KeyCode::F(2) => return Vec::new(),
            KeyCode::Enter => {
                let chosen = self.chosen(&line.text()).get(at).map(|(view, why)| ((*view).clone(), why.clone()));
                match chosen {
                    Some((view, None)) => return self.change(view),
                    Some((view, Some(why))) => self.say(format!("{}: {why}", view.name)),
                    None => {}
                }
                self.overlay = Some(Overlay::Views { line, at });
            }
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => {
                self.overlay = Some(Overlay::Views { line, at: moved(key.code, at, count) });
            }
            _ => {
                line.key(key);
                self.overlay = Some(Overlay::Views { line, at: 0 });
            }
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
                return self.set_filter(text);
            }
            KeyCode::Tab if kind == PromptKind::Filter => {
                let candidates = self.candidates(&line);
                if let Some(full) = candidates.common() {
                    line.remove_before(candidates.typed);
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

    /// What the filter that is typed can go on with.
    #[must_use]
    pub fn candidates(&self, line: &Line) -> Candidates {
        let level = self.level();
        let values = |field: &str| {
            let frame = level.frame.as_ref();
            let at = frame.and_then(|frame| frame.keys.iter().position(|column| column.name == field));
            let of_row = |row: &crate::output::Row| String::from_utf8(row.keys.get(at?)?.clone()).ok();
            let rows = frame.iter().flat_map(|frame| &frame.rows).chain(level.kept.iter().rev());
            rows.take(5000).filter_map(of_row).collect()
        };
        candidates(&line.before(), &values)
    }
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
