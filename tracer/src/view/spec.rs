//! The file of a view.

use std::fmt;

use serde::Deserialize;

use super::{ViewError, Wrong};
use crate::{
    aggregate::Op,
    fields::{FieldError, FieldRef, Show, Unit},
    filter::Filter,
    message::toml_text::mistake,
};

/// What a view shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A row for each key, counted over an interval.
    #[default]
    Table,
    /// A row for each event, the newest last.
    List,
}

/// Which rows are shown although nothing happened to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Idle {
    /// None: a row is there because an event was.
    #[default]
    None,
    /// All processes.
    Processes,
    /// All threads.
    Threads,
    /// All containers.
    Containers,
}

/// A direction of sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Largest first.
    Down,
    /// Smallest first.
    Up,
}

/// When a column is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Always.
    #[default]
    Always,
    /// With `-pc`.
    Containers,
    /// Without `-pc`.
    NoContainers,
}

/// How wide a column is, in characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Width {
    /// The least and the wished width.
    Range([u16; 2]),
    /// `"rest"`: what the others leave.
    Rest(String),
}

/// The key of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The field that Enter goes into.
    pub field: String,
    /// More fields that tell rows apart.
    #[serde(default)]
    pub also: Vec<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// The field. Without one, events are counted.
    pub field: Option<String>,
    /// How values of a row are combined: an operation of tables, or `rate`. Without one, the column is the key, or what is
    /// known of it when the frame is made.
    pub op: Option<String>,
    /// Shown in brackets where the field has no value.
    pub otherwise: Option<String>,
    /// Which events count.
    pub filter: Option<String>,
    /// The unit, where it is not that of the field: `none`, `bytes`, `time` or `percent`.
    pub unit: Option<String>,
    /// Its width.
    pub width: Width,
    /// Which columns stay on a narrow screen: those with the largest number, from 0 to 9.
    #[serde(default = "middle")]
    pub keep: u8,
    /// Rows are sorted by it at first.
    pub sort: Option<Order>,
    /// When it is shown.
    #[serde(default)]
    pub when: When,
    /// Whether there is a line of its last values where there is room.
    #[serde(default)]
    pub history: bool,
    /// What it says, for the legend.
    pub about: String,
}

const fn middle() -> u8 {
    5
}

/// A command for the selected row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The key for it, in the menu of actions.
    pub key: char,
    /// What it does.
    pub title: String,
    /// Program and arguments; `{field}` is replaced.
    pub run: Vec<String>,
    /// Whether it changes something: it asks before, and is not there with `--read-only`.
    #[serde(default)]
    pub dangerous: bool,
    /// Whether the program talks with the user, as a shell does: it gets the terminal for its errors, too, and those are not kept.
    #[serde(default)]
    pub interactive: bool,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// Its name on the command line: that of its file.
    #[serde(skip)]
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it shows, in a sentence.
    pub summary: String,
    /// What it is good for.
    #[serde(default)]
    pub tips: Vec<String>,
    /// What the rows are.
    #[serde(default)]
    pub kind: Kind,
    /// Fields of rows from which one can go into it; an empty one is the whole machine.
    #[serde(default = "everywhere")]
    pub applies_to: Vec<String>,
    /// Which events count.
    pub filter: Option<String>,
    /// The view that Enter leads to.
    pub next: Option<String>,
    /// Which rows are there without events.
    #[serde(default)]
    pub idle: Idle,
    /// What rows are told apart by.
    pub key: Option<Key>,
    /// The columns, from the left.
    #[serde(rename = "column")]
    pub columns: Vec<Column>,
    /// Commands for a row.
    #[serde(default, rename = "action")]
    pub actions: Vec<Action>,
}

fn everywhere() -> Vec<String> {
    vec![String::new()]
}

impl View {
    /// Reads a view.
    ///
    /// # Errors
    /// It is not TOML, has unknown keys, or makes no sense: all that is wrong is told.
    pub fn read(id: &str, origin: &str, text: &str) -> Result<Self, ViewError> {
        let read: Result<Self, _> = toml::from_str(text);
        let view =
            read.map_err(|error| ViewError::Toml { origin: origin.into(), message: toml_message(&error, text) })?;
        let view = Self { id: id.into(), ..view };
        let faults = view.faults();
        if faults.is_empty() { Ok(view) } else { Err(ViewError::Wrong { origin: origin.into(), faults }) }
    }

    /// All that is wrong with it by itself.
    fn faults(&self) -> Vec<Wrong> {
        let mut faults = Vec::new();
        let mut check = |fault: Option<Wrong>| faults.extend(fault);
        check(self.filter.as_ref().and_then(|text| wrong_filter("filter", text)));
        match (&self.key, self.kind) {
            (None, Kind::Table) => check(Some(Wrong::new("", "a table needs a [key]"))),
            (Some(key), _) => {
                let fields = [&key.field].into_iter().chain(&key.also);
                fields.for_each(|field| check(wrong_field("key", field)));
            }
            (None, Kind::List) => {}
        }
        for field in self.applies_to.iter().filter(|field| !field.is_empty()) {
            check(wrong_field("applies_to", field));
        }
        if self.columns.is_empty() {
            check(Some(Wrong::new("", "a view needs at least one [[column]]")));
        }
        for (at, column) in self.columns.iter().enumerate() {
            let place = format!("column {} ({})", at + 1, column.title);
            let fields = column.field.iter().chain(&column.otherwise);
            fields.for_each(|field| check(wrong_field(&place, field)));
            check(column.filter.as_ref().and_then(|text| wrong_filter(&place, text)));
            column.faults(&place, self.kind).into_iter().for_each(|fault| check(Some(fault)));
        }
        let mut keys: Vec<char> = self.actions.iter().map(|action| action.key).collect();
        keys.sort_unstable();
        if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            check(Some(Wrong::new("action", format!("key '{}' is there twice", twice[0]))));
        }
        for action in self.actions.iter().filter(|action| action.run.is_empty()) {
            check(Some(Wrong::new(format!("action '{}'", action.key), "'run' needs a program")));
        }
        faults
    }
}

impl Column {
    fn faults(&self, place: &str, kind: Kind) -> Vec<Wrong> {
        let mut faults = Vec::new();
        if let Some(op) = self.op.as_deref().filter(|op| *op != RATE && Op::by_name(op).is_none()) {
            let known: Vec<&str> = Op::ALL.iter().map(|(name, _)| *name).chain([RATE]).collect();
            faults.push(
                Wrong::new(place, format!("unknown op '{op}'"))
                    .with_hint(Some(format!("ops are {}", known.join(", ")))),
            );
        }
        if let Some(unit) = self.unit.as_deref().filter(|unit| unit_by_name(unit).is_none()) {
            faults.push(Wrong::new(place, format!("unknown unit '{unit}': none, bytes, time or percent")));
        }
        match &self.width {
            Width::Range([least, wished]) if least > wished || *least == 0 => {
                faults.push(Wrong::new(place, "width is [least, wished], with 0 < least <= wished"));
            }
            Width::Rest(word) if word != "rest" => {
                faults.push(Wrong::new(place, "width is [least, wished] or \"rest\""))
            }
            _ => {}
        }
        if self.keep > 9 {
            faults.push(Wrong::new(place, "keep is a number from 0 to 9"));
        }
        if kind == Kind::List && (self.op.is_some() || self.field.is_none()) {
            faults.push(Wrong::new(place, "a column of a list has a field and no op"));
        }
        if self.op.is_some() && self.otherwise.is_some() {
            faults.push(Wrong::new(place, "only a column without op has another field instead"));
        }
        if self.op.is_none() && self.history {
            faults.push(Wrong::new(place, "only a column with an op has a history"));
        }
        if self.op.is_none() && (self.filter.is_some() || self.field.is_none()) {
            faults.push(Wrong::new(place, "a column without op has a field and no filter"));
        }
        faults
    }

    /// Whether it is shown.
    #[must_use]
    pub fn is_shown(&self, containers: bool) -> bool {
        match self.when {
            When::Always => true,
            When::Containers => containers,
            When::NoContainers => !containers,
        }
    }
}

/// The sum for one second.
pub(super) const RATE: &str = "rate";

/// A unit by its name.
pub(super) fn unit_by_name(name: &str) -> Option<Unit> {
    Some(match name {
        "none" => Unit::None,
        "bytes" => Unit::Bytes,
        "time" => Unit::Time,
        "percent" => Unit::Percent,
        _ => return None,
    })
}

fn wrong_field(place: &str, field: &str) -> Option<Wrong> {
    let error = FieldRef::resolve(field, Show::PLAIN).err()?;
    Some(Wrong::new(place, error.to_string()).with_hint(FieldError::hint(&error)))
}

fn wrong_filter(place: &str, text: &str) -> Option<Wrong> {
    let error = Filter::compile(text, Show::PLAIN).err()?;
    let part = error.filter.get(error.at.clone()).unwrap_or_default();
    Some(Wrong::new(place, format!("{} at '{part}'", error.message)).with_hint(error.hint))
}

/// The message of the parser in a line: where, and what.
fn toml_message(error: &toml::de::Error, text: &str) -> String {
    let wrong = mistake(text, error);
    let hint = wrong.hint.map_or_else(String::new, |hint| format!("; {hint}"));
    format!("line {}: {}{hint}", wrong.line, wrong.what)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::List => "list",
        })
    }
}
