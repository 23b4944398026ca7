//! What keys and the mouse do where nothing lies over the screen.

use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};

use super::{
    app::{Command, Model, Overlay, PromptKind},
    draw,
    keys::{self, Do},
    line::Line,
};
use crate::{format::escape, view::Mode};

impl Model {
    pub(super) fn key(&mut self, key: &KeyEvent) -> Vec<Command> {
        self.said = None;
        if keys::find(key) == Some(Do::Suspend) {
            return vec![Command::Suspend];
        }
        match self.overlay.take() {
            None => match keys::find(key) {
                Some(act) => self.act(act),
                None => Vec::new(),
            },
            Some(overlay) => self.overlay_key(overlay, key),
        }
    }

    /// What a key does where nothing lies over the screen.
    pub(super) fn act(&mut self, act: Do) -> Vec<Command> {
        let page = self.page.max(1);
        let level = self.level_mut();
        let (at, all) = (level.at, level.len());
        match act {
            Do::Up => level.go(at.saturating_sub(1)),
            Do::Down => level.go(at + 1),
            Do::PageUp => level.go(at.saturating_sub(page)),
            Do::PageDown => level.go(at + page),
            Do::Home => level.go(0),
            Do::End => level.go(all),
            Do::Left if level.mode == Mode::Heat => level.heat.go(-1),
            Do::Right if level.mode == Mode::Heat => level.heat.go(1),
            Do::Mark if level.mode == Mode::Heat => level.heat.mark(),
            Do::Left => level.left = level.left.saturating_sub(4),
            Do::Right => level.left += 4,
            Do::SortBy(column) => level.sort_by(column.into()),
            Do::Reverse => level.sort_by(level.sort),
            Do::Pin => level.pinned = !level.pinned,
            Do::Clear => level.clear(),
            Do::Mark => {
                if let Some(row) = level.row(at).filter(|_| !level.is_list()) {
                    let keys = row.keys.clone();
                    if !level.marked.remove(&keys) {
                        level.marked.insert(keys);
                    }
                    level.go(at + 1);
                }
            }
            Do::UnmarkAll => level.marked.clear(),
            Do::Enter => return self.enter(),
            Do::Back => return self.back(),
            Do::Close => return if self.levels.len() > 1 { self.back() } else { Vec::new() },
            Do::ToCrumb(to) => return self.go_to_crumb(to.into()),
            Do::Freeze => {
                self.frozen = !self.frozen;
                if let Some(frame) = self.waiting.take().filter(|_| !self.frozen) {
                    self.level_mut().take(&frame);
                }
            }
            Do::Help => self.overlay = Some(Overlay::Help { scroll: 0 }),
            Do::Legend => self.overlay = Some(Overlay::Legend { scroll: 0 }),
            Do::Views => {
                let at = self.chosen("").iter().position(|(view, _)| view.id == self.level().view.id).unwrap_or(0);
                self.overlay = Some(Overlay::Views { line: Line::default(), at });
            }
            Do::Sort if !level.is_list() => self.overlay = Some(Overlay::Sort { at: level.sort }),
            Do::Sort => {}
            Do::Actions => {
                if self.actions().is_empty() {
                    self.say("this view has no actions".into());
                } else {
                    self.overlay = Some(Overlay::Actions { at: 0 });
                }
            }
            Do::Search => self.prompt(PromptKind::Search, String::new()),
            Do::Filter => self.prompt(PromptKind::Filter, self.typed.clone()),
            Do::RowFilter => {
                let before = self.level().row_filter.clone();
                self.prompt(PromptKind::RowFilter, before);
            }
            Do::Next => self.find(true, at + 1),
            Do::Previous => self.find(false, at.wrapping_sub(1)),
            Do::Echo => return self.look(Mode::Echo),
            Do::Events => return self.look(Mode::Events),
            Do::Heat => return self.heat(None),
            Do::HeatOfFiles => return self.heat(Some("evt.is_io=true and fd.type=file")),
            Do::Copy => {
                let text = self.selected_text();
                return vec![Command::Copy(text)];
            }
            Do::Export => {
                let text = self.exported();
                return vec![Command::Export(text)];
            }
            Do::Redraw => return vec![Command::Redraw],
            Do::Quit => return vec![Command::Quit],
            Do::Suspend => return vec![Command::Suspend],
        }
        Vec::new()
    }

    pub(super) fn prompt(&mut self, kind: PromptKind, before: String) {
        let line = Line::new(&before);
        self.overlay = Some(Overlay::Prompt { kind, line, error: None, before });
    }

    /// The cells of the selected row.
    pub(super) fn selected_text(&self) -> String {
        let level = self.level();
        let Some(row) = level.row(level.at) else { return String::new() };
        if level.mode == Mode::Rows {
            level.shown.iter().map(|column| level.cell(column, row)).collect::<Vec<_>>().join("\t")
        } else {
            escape::escaped(&row.line)
        }
    }

    /// All rows as CSV.
    pub(super) fn exported(&self) -> String {
        let level = self.level();
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut out = String::new();
        if level.mode == Mode::Rows {
            out += &level.shown.iter().map(|column| quoted(&column.title)).collect::<Vec<_>>().join(",");
            out.push('\n');
        }
        for row in (0..level.len()).filter_map(|at| level.row(at)) {
            if level.mode == Mode::Rows {
                let cells = level.shown.iter().map(|column| quoted(&level.cell(column, row)));
                out += &cells.collect::<Vec<_>>().join(",");
            } else {
                out += &escape::escaped(&row.line);
            }
            out.push('\n');
        }
        out
    }

    /// Looks for a row with the text of the search, from one on.
    pub(super) fn find(&mut self, forward: bool, from: usize) {
        let wanted = self.search.to_lowercase();
        if wanted.is_empty() {
            self.say("nothing was searched for: /".into());
            return;
        }
        let level = self.level();
        let all = level.len();
        let has = |at: &usize| level.row(*at).is_some_and(|row| level.has_text(row, &wanted));
        let from = if from >= all && forward { 0 } else { from.min(all.saturating_sub(1)) };
        let found = if forward {
            (from..all).chain(0..from).find(has)
        } else {
            (0..=from).rev().chain((from + 1..all).rev()).find(has)
        };
        match found.filter(|_| all > 0) {
            Some(at) => self.level_mut().go(at),
            None => self.say(format!("not found: {}", self.search)),
        }
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Vec<Command> {
        let up = matches!(mouse.kind, MouseEventKind::ScrollUp);
        match mouse.kind {
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown if self.overlay.is_none() => {
                let level = self.level_mut();
                let at = level.at;
                level.go(if up { at.saturating_sub(3) } else { at + 3 });
            }
            MouseEventKind::Down(MouseButton::Left) if self.overlay.is_none() => {
                let (column, row) = (usize::from(mouse.column), usize::from(mouse.row));
                match row.checked_sub(draw::HEAD) {
                    Some(0) => {
                        if let Some(clicked) = draw::column_at(self, column) {
                            self.level_mut().sort_by(clicked);
                        }
                    }
                    Some(below) => {
                        let level = self.level_mut();
                        let to = level.scroll + below - 1;
                        if to < level.len() {
                            let again = level.at == to && level.selected.is_some();
                            level.go(to);
                            if again {
                                return self.enter();
                            }
                        }
                    }
                    None => {}
                }
            }
            _ => {}
        }
        Vec::new()
    }
}
