//! A table: what is declared, and the counting.

use rustc_hash::FxHashMap;

use super::{
    interval::{Row, Snapshot},
    key::{self, Column},
    op::{Cell, Op},
};
use crate::{
    fields::{Context, EventType, FieldRef, Needs, Unit},
    filter::Filter,
    state::State,
};

/// More keys than this are not kept: they are counted.
pub const MAX_KEYS: usize = 100_000;

/// The value column.
#[derive(Debug)]
pub struct Value {
    /// Head of the column.
    pub title: String,
    /// The field; `None` counts events.
    pub field: Option<FieldRef>,
    /// What is computed.
    pub op: Op,
    /// How it is printed.
    pub unit: Unit,
}

/// What a table is.
#[derive(Debug)]
pub struct Spec {
    /// Line above the table; empty for none.
    pub title: String,
    /// The keys, in the order of their columns behind the value.
    pub keys: Vec<Column>,
    /// The value, the first column.
    pub value: Value,
    /// Which events count; all that reach the table when `None`.
    pub filter: Option<Filter>,
    /// How many rows are printed, largest values first.
    pub top: usize,
}

/// Why a table cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// It has no keys.
    #[error("a table needs at least one key")]
    NoKeys,
    /// Its value cannot be computed with.
    #[error("field '{field}' is of type {kind}: it cannot be summed or compared")]
    NotANumber {
        /// The field.
        field: String,
        /// Its type.
        kind: &'static str,
    },
    /// It has a key with several values.
    #[error("field '{field}' has several values: it cannot be a key")]
    Several {
        /// The field.
        field: String,
    },
    /// The operation needs a value.
    #[error("only 'count' works without a field")]
    NoField,
}

/// A table of one interval.
#[derive(Debug)]
pub struct Table {
    spec: Spec,
    cells: FxHashMap<Box<[u8]>, Cell>,
    key: Vec<u8>,
    overflow: u64,
    /// Of captures, whose table is for all of their time: the first and the last event that could count, nanoseconds.
    span: Option<(u64, u64)>,
}

impl Table {
    /// An empty table.
    ///
    /// # Errors
    /// The declaration makes no sense.
    pub fn new(spec: Spec) -> Result<Self, TableError> {
        if spec.keys.is_empty() {
            return Err(TableError::NoKeys);
        }
        if let Some(column) = spec.keys.iter().find(|column| column.field.field.filter_only) {
            return Err(TableError::Several { field: column.field.name() });
        }
        match &spec.value.field {
            None if spec.value.op != Op::Count => return Err(TableError::NoField),
            Some(field) if spec.value.op != Op::Count && !field.kind.is_number() => {
                return Err(TableError::NotANumber { field: field.name(), kind: field.kind.name() });
            }
            _ => {}
        }
        Ok(Self { spec, cells: FxHashMap::default(), key: Vec::new(), overflow: 0, span: None })
    }

    /// Counts an event. An event without one of the keys or without the value does not count.
    pub fn add(&mut self, context: &Context<'_>) {
        if self.spec.filter.as_ref().is_some_and(|filter| !filter.matches(context)) {
            return;
        }
        if context.event.from_file {
            let (first_ns, last_ns) = self.span.unwrap_or((context.event.time_ns, 0));
            self.span = Some((first_ns, last_ns.max(context.event.time_ns)));
        }
        let value = match (&self.spec.value.field, self.spec.value.op) {
            (None, _) => 1.0,
            (Some(field), Op::Count) if field.get(context).is_missing() => return,
            (Some(_), Op::Count) => 1.0,
            (Some(field), _) => match field.get(context).as_f64() {
                Some(value) => value,
                None => return,
            },
        };
        if value == 0.0 && self.spec.value.op == Op::Sum {
            return;
        }
        self.key.clear();
        for column in &self.spec.keys {
            if !key::encode(column, context, &mut self.key) {
                return;
            }
        }
        let full = self.cells.len() >= MAX_KEYS;
        match self.cells.get_mut(&*self.key) {
            Some(cell) => cell.add(Cell::new(value)),
            None if full => self.overflow += 1,
            None => {
                self.cells.insert(self.key.as_slice().into(), Cell::new(value));
            }
        }
    }

    /// The rows of the interval, with the names that are known now. The table is empty afterwards.
    pub fn take(&mut self, state: &State) -> Snapshot {
        let mut merged: FxHashMap<Vec<String>, Cell> = FxHashMap::default();
        for (key, cell) in self.cells.drain() {
            // Containers with the same name, as after a restart, are one row.
            merged
                .entry(key::render(&self.spec.keys, &key, state))
                .and_modify(|merged| merged.add(cell))
                .or_insert(cell);
        }
        let intervals = self.intervals();
        let value = &self.spec.value;
        let mut rows: Vec<Row> =
            merged.into_iter().map(|(cells, cell)| Row { value: cell.result(value.op) / intervals, cells }).collect();
        rows.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.cells.cmp(&b.cells)));
        rows.truncate(self.spec.top);
        let titles =
            std::iter::once(value.title.clone()).chain(self.spec.keys.iter().map(|key| key.title.clone())).collect();
        Snapshot {
            title: self.spec.title.clone(),
            titles,
            rows,
            unit: value.unit,
            overflow: std::mem::take(&mut self.overflow),
        }
    }

    /// How many intervals a sum is of. Percents are told once a second: over a longer time their sum means nothing, their mean
    /// does.
    fn intervals(&mut self) -> f64 {
        let seconds = self.span.take().map_or(1.0, |(first_ns, last_ns)| last_ns.saturating_sub(first_ns) as f64 / 1e9);
        let is_rate = self.spec.value.unit == Unit::Percent && self.spec.value.op == Op::Sum;
        if is_rate { seconds.max(1.0) } else { 1.0 }
    }

    /// Whether nothing was counted in this interval.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// What has to be collected. Names of containers may come late.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let keys: Needs = self.spec.keys.iter().map(|column| column.field.needs()).collect();
        let value = self.spec.value.field.as_ref().map_or(Needs::NONE, FieldRef::needs);
        let filter = self.spec.filter.as_ref().map_or(Needs::NONE, Filter::needs);
        keys.without(Needs::CONTAINER_NOW).with(value).with(filter)
    }

    /// Whether events of that type can count.
    #[must_use]
    pub fn may_count(&self, event: &EventType<'_>) -> bool {
        let fields = self.spec.keys.iter().map(|column| &column.field).chain(&self.spec.value.field);
        let missing = |field: &FieldRef| field.by_type(event).is_some_and(|value| value.is_missing());
        !fields.into_iter().any(missing) && self.spec.filter.as_ref().is_none_or(|filter| filter.may_match(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fields::Show, testing::World};

    fn column(name: &str, title: &str) -> Column {
        Column { title: title.to_owned(), field: FieldRef::resolve(name, Show::default()).unwrap() }
    }

    fn table(keys: &[(&str, &str)], value: Option<&str>, op: Op, unit: Unit) -> Table {
        Table::new(Spec {
            title: String::new(),
            keys: keys.iter().map(|(name, title)| column(name, title)).collect(),
            value: Value { title: "V".into(), field: value.map(|name| column(name, "").field), op, unit },
            filter: None,
            top: 10,
        })
        .unwrap()
    }

    #[test]
    fn bytes_are_summed_by_file_and_failures_do_not_count() {
        let world = World::new();
        let mut table = table(&[("fd.name", "File")], Some("evt.buflen"), Op::Sum, Unit::Bytes);
        for (fd, res) in [(3, 100), (3, 412), (5, 2000), (3, -11), (3, 0)] {
            world.with(&world.read(10, fd, res, b"x"), |context| table.add(context));
        }
        world.with(&world.openat(10, 3, b"/etc/passwd"), |context| table.add(context));
        let rows: Vec<_> = table.take(&world.state).rows.into_iter().map(|row| (row.value, row.cells)).collect();
        assert_eq!(
            rows,
            [(2000.0, vec!["10.0.0.1:40000->10.0.0.2:80".to_owned()]), (512.0, vec!["/etc/passwd".to_owned()]),]
        );
        assert!(table.is_empty());
    }

    #[test]
    fn operations_compute_what_they_say() {
        let world = World::new();
        for (op, expected) in [(Op::Count, 3.0), (Op::Avg, 20.0), (Op::Min, 10.0), (Op::Max, 30.0), (Op::Sum, 60.0)] {
            let mut table = table(&[("evt.type", "T")], Some("evt.buflen"), op, Unit::None);
            for res in [10, 20, 30] {
                world.with(&world.read(10, 3, res, b"x"), |context| table.add(context));
            }
            assert_eq!(table.take(&world.state).rows[0].value, expected, "{op:?}");
        }
    }

    #[test]
    fn a_name_that_comes_late_reaches_the_table_and_equal_names_merge() {
        let mut world = World::new();
        let pending = crate::state::Container { id: "ffff".into(), ..Default::default() };
        let late = world.state.containers.add(pending);
        world.thread(40, 1, "job", late);
        let mut table = table(&[("container.name", "C")], None, Op::Count, Unit::None);
        for tid in [30, 40, 40] {
            world.with(&world.read(tid, 3, 1, b"x"), |context| table.add(context));
        }
        assert_eq!(table.cells.len(), 2);
        let snapshot = table.take(&world.state);
        assert_eq!(snapshot.rows[0].cells, ["ffff"], "without a name, the id");

        let mut named = World::new();
        let container = crate::state::Container { id: "ffff".into(), name: Some("web".into()), ..Default::default() };
        named.state.containers.add(container);
        for tid in [30, 40] {
            world.with(&world.read(tid, 3, 1, b"x"), |context| table.add(context));
        }
        let rows = table.take(&named.state).rows;
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].value, rows[0].cells.clone()), (2.0, vec!["web".to_owned()]));
    }

    #[test]
    fn types_rule_events_out() {
        use tracer_common::events::{file, io, process};
        let table = table(&[("fd.name", "File")], Some("evt.buflen"), Op::Sum, Unit::Bytes);
        assert!(table.may_count(&EventType::of(&io::READ)));
        assert!(!table.may_count(&EventType::of(&file::OPENAT)));
        assert!(!table.may_count(&EventType::of(&process::EXECVE)));
    }

    #[test]
    fn declarations_without_sense_are_refused() {
        let spec = |keys: Vec<Column>, field: Option<&str>, op| Spec {
            title: String::new(),
            keys,
            value: Value { title: String::new(), field: field.map(|f| column(f, "").field), op, unit: Unit::None },
            filter: None,
            top: 1,
        };
        assert!(matches!(Table::new(spec(vec![], None, Op::Count)), Err(TableError::NoKeys)));
        let keys = || vec![column("proc.name", "")];
        assert!(matches!(Table::new(spec(keys(), Some("fd.name"), Op::Sum)), Err(TableError::NotANumber { .. })));
        assert!(matches!(Table::new(spec(keys(), None, Op::Sum)), Err(TableError::NoField)));
        assert!(matches!(
            Table::new(spec(vec![column("fd.ip", "")], None, Op::Count)),
            Err(TableError::Several { .. })
        ));
    }
}
