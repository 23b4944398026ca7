//! From a view to what is counted, what is looked up, and where each column of the screen is in a frame.

use super::{
    View, Wrong,
    spec::{Idle, Kind, Order, RATE, Width, unit_by_name},
};
use crate::{
    aggregate::{Column as KeyColumn, Op, Sort, Spec, Value},
    fields::{FieldRef, Needs, Show, Unit},
    filter::Filter,
    output,
};

/// Where a column of the screen is in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Among the texts of a row.
    Key(usize),
    /// Among its numbers.
    Value(usize),
}

/// A column of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its heading.
    pub title: String,
    /// What it says.
    pub about: String,
    /// The field; empty for the number of events.
    pub field: String,
    /// Where its cells are.
    pub place: Place,
    /// The unit of its numbers.
    pub unit: Unit,
    /// The least width.
    pub least: u16,
    /// The wished width; `None` takes what is left.
    pub wished: Option<u16>,
    /// How important it is, from 0 to 9.
    pub keep: u8,
    /// Whether rows are sorted by it at first, and how.
    pub sort: Option<Order>,
    /// Whether its numbers are read from left to right, as ids are, and not compared: they have no unit.
    pub is_key: bool,
    /// Whether numbers of several rows can be added.
    pub adds: bool,
    /// Whether there is a line of its last values where there is room.
    pub history: bool,
    /// The field whose value is shown in brackets where the first has none.
    pub otherwise: Option<String>,
}

/// What one table of the engine counts for a view.
#[derive(Debug)]
pub struct Table {
    /// Which events count.
    pub filter: Option<String>,
    /// Its values.
    pub values: Vec<Value>,
}

/// A view that can be asked for.
#[derive(Debug)]
pub struct Compiled {
    /// What the rows are.
    pub kind: Kind,
    /// Which rows are there without events.
    pub idle: Idle,
    /// What rows are told apart by.
    pub keys: Vec<KeyColumn>,
    /// What is counted, one table for each filter.
    pub tables: Vec<Table>,
    /// What is looked up and is text, and what is shown in brackets where that has no value: the texts of a row after its keys.
    pub texts: Vec<(FieldRef, Option<FieldRef>)>,
    /// What is looked up and is a number: the numbers of a row after those that are counted.
    pub numbers: Vec<FieldRef>,
    /// The columns of the screen.
    pub shown: Vec<Shown>,
}

impl Compiled {
    /// Compiles a view.
    ///
    /// # Errors
    /// A table makes no sense: the first thing that is wrong.
    pub fn of(view: &View, containers: bool, show: Show) -> Result<Self, Wrong> {
        let resolve = |place: &str, name: &str| {
            FieldRef::resolve(name, show).map_err(|error| Wrong::new(place, error.to_string()))
        };
        let key = view.key.iter().flat_map(|key| [&key.field].into_iter().chain(&key.also));
        // Where the key is shown, it has the title of its column.
        let title = |name: &String| {
            let column = view.columns.iter().find(|column| column.op.is_none() && column.field.as_ref() == Some(name));
            column.map_or_else(|| name.clone(), |column| column.title.clone())
        };
        let keys = key.map(|name| Ok(KeyColumn { title: title(name), field: Some(resolve("key", name)?) }));
        let keys: Vec<KeyColumn> = keys.collect::<Result<_, Wrong>>()?;
        let mut compiled = Self {
            kind: view.kind,
            idle: view.idle,
            keys,
            tables: Vec::new(),
            texts: Vec::new(),
            numbers: Vec::new(),
            shown: Vec::new(),
        };
        // Numbers that are looked up come after all that are counted.
        let mut counted: Vec<(usize, usize, usize)> = Vec::new();
        for (at, column) in view.columns.iter().enumerate().filter(|(_, column)| column.is_shown(containers)) {
            let place = format!("column {} ({})", at + 1, column.title);
            let field = column.field.as_deref().map(|name| resolve(&place, name)).transpose()?;
            let unit = column.unit.as_deref().and_then(unit_by_name);
            let unit = unit.or_else(|| field.as_ref().map(FieldRef::unit)).unwrap_or_default();
            let (least, wished) = match column.width {
                Width::Range([least, wished]) => (least, Some(wished)),
                Width::Rest(_) => (20, None),
            };
            let mut shown = Shown {
                title: column.title.clone(),
                about: column.about.clone(),
                field: column.field.clone().unwrap_or_default(),
                place: Place::Key(0),
                unit,
                least,
                wished,
                keep: column.keep,
                sort: column.sort,
                is_key: false,
                adds: column.op.as_deref().is_some_and(|op| matches!(op, RATE | "sum" | "count")),
                history: column.history,
                otherwise: column.otherwise.clone(),
            };
            if let Some(op) = &column.op {
                let value = value(field, op, unit, &column.title);
                value.check().map_err(|error| Wrong::new(&place, error.to_string()))?;
                let table = compiled.table(column.filter.clone());
                compiled.tables[table].values.push(value);
                counted.push((compiled.shown.len(), table, compiled.tables[table].values.len() - 1));
            } else if let Some(field) = field {
                let name = field.name();
                let is_it = |key: &KeyColumn| key.field.as_ref().is_some_and(|field| field.name() == name);
                if let Some(key) = compiled.keys.iter().position(is_it) {
                    shown.place = Place::Key(key);
                    shown.is_key = field.kind.is_number();
                } else if field.kind.is_number() && compiled.kind == Kind::Table {
                    compiled.numbers.push(field);
                    shown.place = Place::Value(compiled.numbers.len() - 1);
                } else {
                    shown.is_key = field.kind.is_number();
                    let otherwise = column.otherwise.as_deref().map(|name| resolve(&place, name)).transpose()?;
                    compiled.texts.push((field, otherwise));
                    shown.place = Place::Key(compiled.keys.len() + compiled.texts.len() - 1);
                }
            }
            compiled.shown.push(shown);
        }
        let before = |table: usize| compiled.tables[..table].iter().map(|it| it.values.len()).sum::<usize>();
        let all = before(compiled.tables.len());
        let places: Vec<(usize, usize)> =
            counted.iter().map(|(at, table, value)| (*at, before(*table) + value)).collect();
        for shown in &mut compiled.shown {
            if let Place::Value(at) = &mut shown.place {
                *at += all;
            }
        }
        places.into_iter().for_each(|(at, value)| compiled.shown[at].place = Place::Value(value));
        Ok(compiled)
    }

    /// With more that is looked up for each row: its texts come after all others.
    ///
    /// # Errors
    /// There is no such field.
    pub fn with(mut self, more: &[String], show: Show) -> Result<Self, Wrong> {
        for name in more {
            let field = FieldRef::resolve(name, show).map_err(|error| Wrong::new("", error.to_string()))?;
            self.texts.push((field, None));
        }
        Ok(self)
    }

    /// The table of that filter.
    fn table(&mut self, filter: Option<String>) -> usize {
        if let Some(at) = self.tables.iter().position(|table| table.filter == filter) {
            return at;
        }
        self.tables.push(Table { filter, values: Vec::new() });
        self.tables.len() - 1
    }

    /// What the engine is to count for its tables, and the filter of each.
    ///
    /// # Errors
    /// A filter is wrong.
    pub fn specs(mut self, show: Show) -> Result<(Vec<Spec>, Rest), Wrong> {
        let keys = self.keys.clone();
        // Nothing counted is zero of what can be added, and not known of the rest.
        let adds = |value: &Value| matches!(value.op, Op::Sum | Op::Count).then_some(0.0);
        let values = || self.tables.iter().flat_map(|table| &table.values);
        let none = values().map(adds).collect();
        let is_measured = |value: &Value| value.field.as_ref().is_some_and(|it| it.needs().has(Needs::CPU_TIME));
        let measured = values().map(is_measured).collect();
        let specs = std::mem::take(&mut self.tables).into_iter().map(|table| {
            let filter = table.filter.as_deref().map(|text| Filter::compile(text, show)).transpose();
            Ok(Spec {
                title: String::new(),
                keys: keys.clone(),
                values: table.values,
                sort: Sort::Value(0),
                filter: filter.map_err(|error| Wrong::new("filter", error.to_string()))?,
                top: usize::MAX,
                each: false,
                any: true,
            })
        });
        let specs = specs.collect::<Result<_, Wrong>>()?;
        let Self { keys, idle, texts, numbers, shown, .. } = self;
        let rest = Rest { keys, idle, texts, numbers, none, measured, shown };
        Ok((specs, rest))
    }
}

fn value(field: Option<FieldRef>, op: &str, unit: Unit, title: &str) -> Value {
    let per_second = op == RATE;
    let by_name = if per_second { None } else { Op::by_name(op) };
    // Without a field, the events themselves are counted.
    let op = if field.is_none() { Op::Count } else { by_name.unwrap_or_default() };
    Value { title: title.to_owned(), field, also: Vec::new(), op, unit, share: false, per_second, total: false }
}

/// What is not counted, but looked up when a frame is made.
#[derive(Debug)]
pub struct Rest {
    pub(super) keys: Vec<KeyColumn>,
    pub(super) idle: Idle,
    pub(super) texts: Vec<(FieldRef, Option<FieldRef>)>,
    pub(super) numbers: Vec<FieldRef>,
    /// What the numbers that are counted are when nothing was.
    pub(super) none: Vec<Option<f64>>,
    /// Which of them are not of events, but measured beside them: a capture may have none of that.
    pub(super) measured: Vec<bool>,
    shown: Vec<Shown>,
}

impl Rest {
    /// What has to be collected for it.
    pub(super) fn needs(&self) -> Needs {
        let texts = self.texts.iter().flat_map(|(field, otherwise)| [field].into_iter().chain(otherwise));
        let fields = texts.chain(&self.numbers).map(FieldRef::needs);
        let keys = self.keys.iter().filter_map(|key| key.field.as_ref()).map(FieldRef::needs);
        let idle = if self.idle == Idle::None { Needs::NONE } else { Needs::THREADS };
        fields.chain(keys).chain([idle]).collect::<Needs>().without(Needs::CONTAINER_NOW)
    }

    /// The columns of a frame for what is looked up: texts and numbers.
    pub(super) fn columns(&self) -> [Vec<output::Column>; 2] {
        let column = |field: &FieldRef| {
            let shown = self.shown.iter().find(|shown| shown.field == field.name());
            let title = shown.map_or_else(|| field.name(), |shown| shown.title.clone());
            output::Column { unit: field.unit(), ..output::Column::key(title, field.name()) }
        };
        let gauge = |field: &FieldRef| output::Column { kind: output::Kind::Gauge, ..column(field) };
        [self.texts.iter().map(|(field, _)| column(field)).collect(), self.numbers.iter().map(gauge).collect()]
    }
}
