//! What keys do where nothing lies over the screen.

use crossterm::event::{KeyEvent, KeyModifiers};

use super::{
    app::{Command, Model, Overlay, PromptKind},
    arrange::{Node, Shape},
    cells::Needle,
    export,
    keys::Do,
    level::Level,
    line::Line,
};
use crate::{format::escape, view::Mode};

/// The most rows in which all matches are counted.
const MAX_COUNTED: usize = 20_000;

impl Model {
    pub(super) fn key(&mut self, key: &KeyEvent) -> Vec<Command> {
        self.said = None;
        let act = self.keys.find(key);
        // Where something is typed, a letter is a letter.
        if act == Some(Do::Suspend) && (self.overlay.is_none() || key.modifiers.contains(KeyModifiers::CONTROL)) {
            return vec![Command::Suspend];
        }
        let mut commands = match self.overlay.take() {
            None => match act {
                Some(act) => self.act(act),
                None => Vec::new(),
            },
            Some(overlay) => self.overlay_key(overlay, key),
        };
        commands.extend(self.find_fields());
        commands
    }

    /// What a key does in the pane of fields; `None` when it does what it does elsewhere.
    fn act_in_pane(&mut self, act: Do) -> Option<Vec<Command>> {
        let count = self.details().len();
        let (at, page) = (self.pane.at.min(count.saturating_sub(1)), self.page.max(1) / 2 + 1);
        self.pane.at = match act {
            Do::Up => at.saturating_sub(1),
            Do::Down => at + 1,
            Do::PageUp => at.saturating_sub(page),
            Do::PageDown => at + page,
            Do::Home => 0,
            Do::End => count,
            Do::Enter => {
                self.open_cell(None);
                at
            }
            Do::Close | Do::Back => {
                self.pane.focus = false;
                at
            }
            Do::Copy => {
                let value = self.details().get(at).map(|line| escape::escaped(&line.value));
                return Some(vec![Command::Copy(value.unwrap_or_default())]);
            }
            _ => return None,
        }
        .min(count.saturating_sub(1));
        Some(Vec::new())
    }

    /// What a key does where nothing lies over the screen.
    pub(super) fn act(&mut self, act: Do) -> Vec<Command> {
        if self.pane.focus
            && self.pane.is_shown()
            && self.level().mode != Mode::Heat
            && let Some(commands) = self.act_in_pane(act)
        {
            return commands;
        }
        let page = self.page.max(1);
        let (replay, reads) = (self.settings.replay, self.is_reading());
        let level = self.level_mut();
        let (at, all) = (level.at, level.len());
        match act {
            Do::Up | Do::PageUp if level.mode == Mode::Heat => level.heat.go_line(if act == Do::Up { -1 } else { -10 }),
            Do::Down | Do::PageDown if level.mode == Mode::Heat => {
                level.heat.go_line(if act == Do::Down { 1 } else { 10 });
            }
            Do::Up => level.go(at.saturating_sub(1)),
            Do::Down => level.go(at + 1),
            Do::PageUp => level.go(at.saturating_sub(page)),
            Do::PageDown => level.go(at + page),
            Do::Home => level.go(0),
            Do::End => level.go(all),
            Do::Left if level.mode == Mode::Heat => level.heat.go(-1),
            Do::Right if level.mode == Mode::Heat => level.heat.go(1),
            Do::Mark if level.mode == Mode::Heat => level.heat.mark(),
            Do::Left | Do::Right => level.scroll_aside(act == Do::Right),
            Do::SortBy(column) => {
                if let Some(column) = level.columns.get(usize::from(column)).copied() {
                    level.sort_by(column);
                    self.remember();
                }
            }
            Do::Reverse => {
                level.sort_by(level.sort);
                self.remember();
            }
            Do::Pin if level.is_list() => level.go(all),
            Do::Pin => level.pinned = !level.pinned,
            Do::Clear => level.clear(),
            Do::Mark => {
                let id = level.row(at).filter(|_| !level.is_list()).map(|row| level.id(row));
                // A group is not a row that something can be done to.
                if let Some(id) = id.filter(|id| id.len() == level.keys()) {
                    if !level.marked.remove(&id) {
                        level.marked.insert(id);
                    }
                    level.go(at + 1);
                }
            }
            Do::UnmarkAll => level.marked.clear(),
            Do::Enter => return self.enter(),
            Do::Back => return self.back(),
            Do::Close if reads => return self.stop_reading(),
            Do::Close => return if self.levels.len() > 1 { self.back() } else { Vec::new() },
            Do::ToCrumb(to) => return self.go_to_crumb(to.into()),
            Do::Freeze if replay => self.say("a capture does not change: there is nothing to freeze".into()),
            Do::Freeze => self.freeze(),
            Do::Help => self.overlay = Some(Overlay::Help { scroll: 0 }),
            Do::Legend => {
                self.overlay = Some(Overlay::Legend { scroll: 0 });
                self.explained.clear();
                return vec![Command::Explain(Box::new(self.question()))];
            }
            Do::Views => {
                let at = self.chosen("").iter().position(|(view, _)| view.id == self.level().view.id).unwrap_or(0);
                self.overlay = Some(Overlay::Views { line: Line::default(), at });
            }
            Do::Sort if !level.is_list() => {
                let at = level.columns.iter().position(|column| *column == level.sort).unwrap_or(0);
                self.overlay = Some(Overlay::Sort { at });
            }
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
            Do::Next => self.find(true, self.place() + 1),
            Do::Previous => self.find(false, self.place().wrapping_sub(1)),
            Do::Echo => return self.look(Mode::Echo),
            Do::Events => return self.look(Mode::Events),
            Do::Heat => return self.heat(false),
            Do::HeatOfFiles => return self.heat(true),
            Do::Copy => return vec![Command::Copy(export::copied(self.level(), at))],
            Do::CopyAll => {
                let rows = (0..all).map(|at| export::copied(self.level(), at));
                return vec![Command::Copy(rows.collect::<Vec<_>>().join("\n"))];
            }
            Do::Export => self.export_menu(),
            Do::Detail => return self.pane_key(),
            Do::Focus => self.pane.focus = self.pane.is_shown() && !self.pane.focus,
            Do::Form => {
                let form = level.form.next();
                level.set_form(form);
                self.say(format!("data as {}", form.name()));
            }
            Do::Columns if level.is_list() && level.mode != Mode::Rows || level.mode == Mode::Heat => {}
            Do::Columns => self.overlay = Some(Overlay::Columns { at: 0 }),
            Do::Cell => self.open_cell(None),
            Do::Tree => {
                let shape = if level.tree.shape == Shape::Tree { Shape::Flat } else { Shape::Tree };
                return self.shape(shape);
            }
            Do::Unfold => level.fold(false),
            Do::Fold => level.fold(true),
            Do::FoldAll if level.tree.shape == Shape::Flat => self.say("t shows a tree, g groups".into()),
            Do::FoldAll => {
                level.tree.all();
                level.arrange();
            }
            Do::Group => self.group_menu(),
            Do::Palette => self.overlay = Some(Overlay::Palette { line: Line::default(), at: 0 }),
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

    /// Where searching begins: at the selected row, or field.
    pub(super) fn place(&self) -> usize {
        if self.pane.focus { self.pane.at } else { self.level().at }
    }

    /// Looks for a row with the text of the search, from one on; in the pane for a field, when that has the keys.
    pub(super) fn find(&mut self, forward: bool, from: usize) {
        let wanted = Needle::new(&self.search);
        if wanted.is_empty() {
            self.say("nothing was searched for: /".into());
            return;
        }
        let level = self.level();
        let fields = if self.pane.focus { self.details() } else { Vec::new() };
        let all = if self.pane.focus { fields.len() } else { level.len() };
        let has = |at: &usize| match fields.get(*at) {
            Some(line) => wanted.is_in(&line.name) || wanted.is_in(&escape::escaped(&line.value)),
            None => level.has_text_at(*at, &wanted),
        };
        let from = if from >= all && forward { 0 } else { from.min(all.saturating_sub(1)) };
        let found = if forward {
            (from..all).chain(0..from).find(has)
        } else {
            (0..=from).rev().chain((from + 1..all).rev()).find(has)
        };
        let Some(at) = found.filter(|_| all > 0) else {
            self.say(format!("not found: {}", self.search));
            return;
        };
        let counted = all <= MAX_COUNTED;
        let number = (0..if counted { at } else { 0 }).filter(has).count() + 1;
        let count = if counted { number + (at + 1..all).filter(has).count() } else { 0 };
        if self.pane.focus {
            self.pane.at = at;
        } else {
            self.level_mut().go(at);
        }
        if counted {
            self.say(format!("{number}/{count}"));
        }
    }
}

impl Level {
    /// Scrolls aside: by columns, and in text and in the last column by characters.
    fn scroll_aside(&mut self, right: bool) {
        let by = if self.mode == Mode::Rows { 1 } else { 4 };
        let most = if self.mode == Mode::Rows { self.columns.len() + 200 } else { 8000 };
        self.left = if right { (self.left + by).min(most) } else { self.left.saturating_sub(by) };
    }

    /// Folds the selected row, or the one that it is below; or opens it.
    fn fold(&mut self, fold: bool) {
        let Some(spot) = self.spots.get(self.at).copied() else { return };
        let mut at = self.at;
        if fold && spot.node != Node::Open {
            // That of a leaf is the one above it.
            while at > 0 && self.spots[at].depth >= spot.depth {
                at -= 1;
            }
        }
        let Some(row) = self.row(at).filter(|_| self.spots[at].node != Node::Leaf) else { return };
        let id = self.id(row);
        self.tree.open(id, !fold);
        self.go(at);
        self.arrange();
    }
}
