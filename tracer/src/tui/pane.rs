//! The pane below the rows: all fields of the selected row, with the names to filter by.

use super::{
    app::{Command, Model},
    arrange::PID,
    export::both,
};
use crate::{
    output::Row,
    view::{
        Mode, Place, With,
        ask::{DATA, NUMBER, all_of},
        details,
    },
};

/// What is looked up for the row of a process, and of a container.
const OF_PROCESS: &[&str] = &[
    "proc.name",
    "proc.cmdline",
    "proc.exepath",
    "proc.cwd",
    "proc.pid.ts",
    "proc.ppid",
    "proc.pname",
    "proc.sid",
    "proc.tty",
    "proc.vpid",
    "user.name",
    "user.uid",
    "group.name",
    "container.name",
    "container.id",
    "container.image",
    "k8s.pod.name",
    "k8s.ns.name",
];
const OF_CONTAINER: &[&str] = &[
    "container.name",
    "container.full_id",
    "container.type",
    "container.image",
    "container.image.id",
    "container.privileged",
    "container.mounts",
    "k8s.pod.name",
    "k8s.ns.name",
];

/// What is looked up for the pane of a row with that key.
#[must_use]
pub fn of_key(field: &str) -> &'static [&'static str] {
    match field {
        PID | "thread.tid" => OF_PROCESS,
        "container.id" | "container.name" => OF_CONTAINER,
        _ => &[],
    }
}

/// What people look for in an event, in this order; then its parameters, then all else. What was read or written comes last: it is long.
const FIRST: &[&str] = &[
    "evt.num",
    "evt.time",
    "evt.type",
    "evt.res",
    "evt.rawres",
    "evt.latency",
    "fd.name",
    "fd.num",
    "fd.typechar",
    "fd.type",
    "proc.name",
    "proc.cmdline",
    "proc.pid",
    "thread.tid",
    "user.name",
    "container.name",
];

fn rank(name: &str) -> usize {
    match FIRST.iter().position(|it| *it == name) {
        Some(at) => at,
        None if name == DATA || name == "evt.arg.data" => usize::MAX,
        None if name.starts_with("evt.arg.") => FIRST.len(),
        None => FIRST.len() + 1,
    }
}

/// How much of the screen it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Size {
    #[default]
    Off,
    Half,
    Full,
}

/// The pane.
#[derive(Debug, Default)]
pub struct Pane {
    pub size: Size,
    /// Whether keys are for it.
    pub focus: bool,
    /// The selected field.
    pub at: usize,
    /// The event of a capture whose fields were asked for, and those.
    wanted: String,
    found: Option<Vec<u8>>,
}

/// A field in the pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is called; what a filter calls it when it can ask for it.
    pub name: String,
    pub value: Vec<u8>,
    pub is_field: bool,
}

impl Pane {
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.size != Size::Off
    }

    /// On, larger, off.
    pub fn next(&mut self) {
        self.size = match self.size {
            Size::Off => Size::Half,
            Size::Half => Size::Full,
            Size::Full => Size::Off,
        };
        if self.size == Size::Off {
            self.focus = false;
        }
    }

    /// The fields of an event of a capture have come.
    pub fn found(&mut self, number: String, fields: Vec<u8>) {
        if number == self.wanted {
            self.found = Some(fields);
        }
    }
}

impl Model {
    /// On, larger, off: what is looked up for it changes with it.
    pub(super) fn pane_key(&mut self) -> Vec<Command> {
        self.pane.next();
        let looks_up = self.level().view.key.as_ref().is_some_and(|key| !of_key(&key.field).is_empty());
        if !self.level().is_list() && looks_up && self.pane.size != Size::Full && !self.frozen {
            return vec![self.ask()];
        }
        Vec::new()
    }

    /// Asks for the fields of the selected event of a capture, when they are shown and not known.
    pub(super) fn find_fields(&mut self) -> Option<Command> {
        let level = self.level();
        let shows = self.pane.is_shown() && self.settings.replay && level.is_list() && level.mode != Mode::Heat;
        let number = level.text(level.row(level.at)?, NUMBER).filter(|_| shows)?;
        let number = std::str::from_utf8(number).ok()?.to_owned();
        if number == self.pane.wanted {
            return None;
        }
        let mut ask = self.question();
        (ask.mode, ask.with) = (Mode::Events, With::Fields);
        ask.filter = all_of(&[ask.filter.as_deref(), Some(&format!("{NUMBER}={number}"))]);
        (self.pane.wanted, self.pane.found) = (number.clone(), None);
        Some(Command::Find(number, Box::new(ask)))
    }

    /// What the pane shows.
    #[must_use]
    pub fn details(&self) -> Vec<Line> {
        let level = self.level();
        let (Some(row), Some(frame)) = (level.row(level.at), &level.frame) else { return Vec::new() };
        let field = |name: &str, value: &[u8]| Line { name: name.to_owned(), value: value.to_vec(), is_field: true };
        let texts = || {
            let texts = frame.keys.iter().zip(&row.keys).filter(|(_, value)| !value.is_empty());
            let mut lines: Vec<Line> = Vec::new();
            for (column, value) in texts {
                if !lines.iter().any(|line| line.name == column.name) {
                    lines.push(field(&column.name, value));
                }
            }
            lines
        };
        if !level.is_list() {
            return texts().into_iter().chain(self.numbers(row)).collect();
        }
        let of_row = row.keys.get(frame.keys.len());
        let is_wanted = || level.text(row, NUMBER) == Some(self.pane.wanted.as_bytes());
        match of_row.or_else(|| self.pane.found.as_ref().filter(|_| is_wanted())) {
            Some(text) => {
                let mut lines: Vec<Line> =
                    details::pairs(text).iter().map(|(name, value)| field(name, value)).collect();
                lines.sort_by_key(|line| rank(&line.name));
                lines
            }
            None => texts(),
        }
    }

    /// Why not all fields are there.
    #[must_use]
    pub fn details_missing(&self) -> Option<&'static str> {
        let level = self.level();
        let (row, frame) = (level.row(level.at)?, level.frame.as_ref()?);
        if !level.is_list() || row.keys.len() > frame.keys.len() {
            return None;
        }
        match (self.settings.replay, &self.pane.found) {
            (true, None) => Some("reading the other fields"),
            (true, Some(_)) => None,
            (false, _) => Some("events came too fast to keep all fields: narrow them with a filter (f)"),
        }
    }

    /// The numbers of a row of a table.
    fn numbers(&self, row: &Row) -> Vec<Line> {
        let level = self.level();
        let line = |column: &crate::view::Shown| {
            let Place::Value(at) = column.place else { return None };
            let value = row.values.get(at).copied().flatten();
            let text = value.map_or_else(|| "-".to_owned(), |value| both(value, column.unit));
            Some(Line { name: column.title.clone(), value: text.into_bytes(), is_field: false })
        };
        level.shown.iter().filter_map(line).collect()
    }
}
