//! Menus: that of a cell, of groups, of columns, of files; and what their lines do.

use crossterm::event::{KeyCode, KeyEvent};

use super::{
    app::{Command, Item, Model, Overlay, Then},
    arrange::{GROUPS, PID, Shape},
    export::{self, Form},
    part::Part,
};
use crate::{
    filter::Filter,
    format::escape,
    view::{Mode, Place},
};

/// The place in a menu after a key: it is unchanged after one that does not move.
pub fn moved(code: KeyCode, at: usize, count: usize) -> usize {
    let last = count.saturating_sub(1);
    match code {
        KeyCode::Up => at.saturating_sub(1),
        KeyCode::Down => (at + 1).min(last),
        KeyCode::PageUp => at.saturating_sub(10),
        KeyCode::PageDown => (at + 10).min(last),
        KeyCode::Home => 0,
        KeyCode::End => last,
        _ => at,
    }
}

/// What a menu of a cell is about: a field, where it has one, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub title: String,
    pub field: Option<String>,
    pub value: Vec<u8>,
}

impl Model {
    /// What a cell of the selected row is about; of the pane when that has the keys.
    #[must_use]
    pub fn cell(&self, column: usize) -> Option<Cell> {
        if self.pane.focus || self.level().mode != Mode::Rows {
            let line = self.details().get(column)?.clone();
            return Some(Cell {
                title: line.name.clone(),
                field: line.is_field.then_some(line.name),
                value: line.value,
            });
        }
        let level = self.level();
        let row = level.row(level.at)?;
        let shown = &level.shown[*level.columns.get(column)?];
        let title = shown.title.clone();
        if let Some((field, value)) = level.group_at(level.at) {
            return Some(Cell { title, field: Some(field.to_owned()), value: value.into_bytes() });
        }
        let of_text = |value: Vec<u8>| {
            // In brackets stands the value of another field.
            let inner = value.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).map(<[u8]>::to_vec);
            match (&shown.otherwise, inner) {
                (Some(other), Some(inner)) => Cell { title: title.clone(), field: Some(other.clone()), value: inner },
                _ => Cell { title: title.clone(), field: Some(shown.field.clone()).filter(|it| !it.is_empty()), value },
            }
        };
        if level.is_list() {
            let at = level.columns[column] + usize::from(level.view.key.is_some());
            return Some(of_text(row.keys.get(at)?.clone()));
        }
        match shown.place {
            Place::Key(at) => Some(of_text(row.keys.get(at)?.clone())),
            // What is counted is no value of an event.
            Place::Value(_) => {
                let value = level.cell(shown, row).into_bytes();
                Some(Cell { title, field: None, value })
            }
        }
    }

    /// How many cells the selected row has.
    fn cells(&self) -> usize {
        if self.pane.focus || self.level().mode != Mode::Rows {
            self.details().len()
        } else {
            self.level().columns.len()
        }
    }

    /// Opens the menu of a cell: of the column that says most, or of that one.
    pub(super) fn open_cell(&mut self, column: Option<usize>) {
        let level = self.level();
        if level.row(level.at).is_none() || level.mode == Mode::Heat {
            self.say("there is no cell to choose".into());
            return;
        }
        if self.level().mode != Mode::Rows && !self.pane.is_shown() {
            self.say("i shows the fields of the event, Tab goes to them".into());
            return;
        }
        let level = self.level();
        let column = match column {
            Some(column) => column,
            None if self.pane.focus => self.pane.at,
            None if level.mode != Mode::Rows => 0,
            None => level.name_column().and_then(|name| level.columns.iter().position(|it| *it == name)).unwrap_or(0),
        };
        self.overlay = Some(Overlay::Cell { column: column.min(self.cells().saturating_sub(1)), at: 0 });
    }

    /// The menu of a cell.
    #[must_use]
    pub fn cell_items(&self, column: usize) -> (String, Vec<Item>) {
        let Some(Cell { title, field, value }) = self.cell(column) else { return (String::new(), Vec::new()) };
        let shown = escape::escaped(&value);
        let item = |key: char, text: String, then: Then| Item { key: Some(key), text, then };
        let mut items = Vec::new();
        let text = String::from_utf8(value).ok().filter(|value| !value.is_empty());
        if let (Some(field), Some(text)) = (&field, &text) {
            let part = Part::is(field, text);
            if Filter::compile(&part.filter(), self.settings.show).is_ok() {
                items.push(item('o', "only this value".into(), Then::Only(part.clone())));
                items.push(item('n', "not this value".into(), Then::Only(Part::is_not(field, text))));
                let mut views: Vec<_> = self.views.values().filter(|view| view.applies_to.contains(field)).collect();
                let next = self.level().view.next.clone();
                // Where Enter leads comes first.
                views.sort_by_key(|view| (Some(&view.id) != next.as_ref(), view.name.clone()));
                let letters = ('a'..='z').filter(|it| !matches!(it, 'o' | 'n' | 'c' | 'r'));
                let open = |(key, view): (char, &&crate::view::View)| {
                    item(key, format!("open {}", view.name), Then::Into(view.id.clone(), part.clone()))
                };
                items.extend(letters.zip(&views).map(open));
            }
        }
        items.push(item('c', "copy the value".into(), Then::Copy(shown.clone())));
        let level = self.level();
        items.push(item('r', "copy the row".into(), Then::Copy(export::copied(level, level.at))));
        let name = field.unwrap_or_else(|| format!("{title}, which is counted,"));
        (format!("{name} = {shown}"), items)
    }

    pub(super) fn cell_key(&mut self, column: usize, at: usize, key: &KeyEvent) -> Vec<Command> {
        let last = self.cells().saturating_sub(1);
        let column = match key.code {
            KeyCode::Left => column.saturating_sub(1),
            KeyCode::Right => (column + 1).min(last),
            _ => column,
        };
        let (_, items) = self.cell_items(column);
        match chosen(&items, at, key) {
            Chosen::Closed => Vec::new(),
            Chosen::At(at) => {
                self.overlay = Some(Overlay::Cell { column, at });
                Vec::new()
            }
            Chosen::Then(then) => self.then(then),
        }
    }

    pub(super) fn menu_key(&mut self, title: String, items: Vec<Item>, at: usize, key: &KeyEvent) -> Vec<Command> {
        match chosen(&items, at, key) {
            Chosen::Closed => Vec::new(),
            Chosen::At(at) => {
                self.overlay = Some(Overlay::Menu { title, items, at });
                Vec::new()
            }
            Chosen::Then(then) => self.then(then),
        }
    }

    /// What a line of a menu does.
    pub(super) fn then(&mut self, then: Then) -> Vec<Command> {
        match then {
            Then::Only(part) => {
                let (view, mode) = (self.level().view.clone(), self.level().mode);
                self.push(view, mode, Some(part))
            }
            Then::Into(id, part) => match self.views.get(&id).cloned() {
                Some(view) => self.push(view, Mode::Rows, Some(part)),
                None => Vec::new(),
            },
            Then::Copy(text) => vec![Command::Copy(text)],
            Then::Export(form) => vec![Command::Export(form.extension(), export::export(self.level(), form))],
            Then::Shape(shape) => self.shape(shape),
        }
    }

    /// Gives the rows another shape.
    pub(super) fn shape(&mut self, shape: Shape) -> Vec<Command> {
        let level = self.level_mut();
        if level.is_list() {
            self.say("only rows of a table are a tree or in groups".into());
            return Vec::new();
        }
        if shape == Shape::Tree && level.view.key.as_ref().is_none_or(|key| key.field != PID) {
            let name = level.view.name.clone();
            self.say(format!("{name} has no tree: its rows are not processes"));
            return Vec::new();
        }
        level.tree.set(shape);
        level.arrange();
        if self.frozen {
            return Vec::new();
        }
        // What the rows belong to is looked up from now on.
        vec![self.ask()]
    }

    pub(super) fn group_menu(&mut self) {
        let level = self.level();
        let is_about_processes =
            level.view.key.as_ref().is_some_and(|key| key.field == PID || key.field == "thread.tid");
        if level.is_list() || !is_about_processes {
            self.say("only rows of processes and threads can be grouped".into());
            return;
        }
        let item = |(by, (name, _)): (usize, &(&'static str, &'static str))| Item {
            key: name.chars().next(),
            text: format!("by {name}"),
            then: Then::Shape(Shape::Groups(by)),
        };
        let mut items: Vec<Item> = GROUPS.iter().enumerate().map(item).collect();
        items.push(Item { key: Some('n'), text: "no groups".into(), then: Then::Shape(Shape::Flat) });
        let at = if let Shape::Groups(by) = self.level().tree.shape { by } else { 0 };
        self.overlay = Some(Overlay::Menu { title: "Group rows".into(), items, at });
    }

    pub(super) fn export_menu(&mut self) {
        if self.settings.read_only {
            self.say("nothing is written with --read-only".into());
            return;
        }
        let item = |(form, key, text): &(Form, char, &str)| Item {
            key: Some(*key),
            text: (*text).to_owned(),
            then: Then::Export(*form),
        };
        let items = Form::ALL.iter().map(item).collect();
        self.overlay = Some(Overlay::Menu { title: "Write all rows to a file".into(), items, at: 0 });
    }

    /// What Enter on an event can go into, when that is more than one thing.
    pub(super) fn ways_from_event(&mut self) -> Option<Vec<Item>> {
        let level = self.level();
        let row = level.row(level.at)?;
        let choices = [
            ("proc.pid", 'p', "process", "files"),
            ("fd.name", 'd', "descriptor", "procs"),
            ("container.id", 'c', "container", "procs"),
        ];
        let item = |(field, key, name, view): (&str, char, &str, &str)| {
            let value = String::from_utf8(level.text(row, field)?.to_vec()).ok()?;
            let is_one = !value.is_empty() && value != "host" && self.views.contains_key(view);
            let text = format!("{name} {}", escape::escaped(value.as_bytes()));
            is_one.then(|| Item { key: Some(key), text, then: Then::Into(view.to_owned(), Part::is(field, &value)) })
        };
        Some(choices.into_iter().filter_map(item).collect())
    }

    pub(super) fn columns_key(&mut self, at: usize, key: &KeyEvent) -> Vec<Command> {
        let level = self.level_mut();
        // Those of the screen in their order, then the hidden ones.
        let all = level.all_columns();
        let Some(column) = all.get(at).copied() else { return Vec::new() };
        let mut to = moved(key.code, at, all.len());
        match key.code {
            KeyCode::Esc | KeyCode::Enter | KeyCode::Backspace | KeyCode::Char('o') => {
                self.remember();
                return Vec::new();
            }
            KeyCode::Char(' ') => {
                level.show_column(column);
                to = level.all_columns().iter().position(|it| *it == column).unwrap_or(at);
            }
            KeyCode::Left | KeyCode::Right => to = level.move_column(at, key.code == KeyCode::Right),
            KeyCode::Char('+' | '>') => level.widen(column, 1),
            KeyCode::Char('-' | '<') => level.widen(column, -1),
            KeyCode::Char('r') => level.reset_columns(),
            KeyCode::Char('s') => level.sort_by(column),
            _ => {}
        }
        self.overlay = Some(Overlay::Columns { at: to });
        Vec::new()
    }

    /// Remembers how the user has the view.
    pub(super) fn remember(&mut self) {
        let Some(level) = self.levels.last().filter(|level| level.mode == Mode::Rows) else { return };
        self.prefs.remember(level);
    }
}

impl super::level::Level {
    /// All columns: those of the screen in their order, then the hidden ones.
    #[must_use]
    pub fn all_columns(&self) -> Vec<usize> {
        let hidden = (0..self.shown.len()).filter(|at| !self.columns.contains(at));
        self.columns.iter().copied().chain(hidden).collect()
    }
}

/// What a key does in a menu.
enum Chosen {
    Closed,
    At(usize),
    Then(Then),
}

fn chosen(items: &[Item], at: usize, key: &KeyEvent) -> Chosen {
    match key.code {
        KeyCode::Esc | KeyCode::Backspace => Chosen::Closed,
        KeyCode::Enter => items.get(at).map_or(Chosen::Closed, |item| Chosen::Then(item.then.clone())),
        KeyCode::Char(letter) => match items.iter().find(|item| item.key == Some(letter)) {
            Some(item) => Chosen::Then(item.then.clone()),
            None => Chosen::At(at),
        },
        code => Chosen::At(moved(code, at.min(items.len().saturating_sub(1)), items.len())),
    }
}
