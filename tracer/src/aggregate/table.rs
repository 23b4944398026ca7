//! A table: what is declared, and the counting.

use std::hash::{Hash as _, Hasher as _};

use rustc_hash::{FxHashMap, FxHasher};
use tracer_common::group::{Number, by};

use super::{
    Aggregate, Counts, Moment, When,
    key::{self, Column},
    op::{Kept, Op},
};
use crate::{
    event::{Event, Group, Numbers},
    fields::{Context, EventType, FieldRef, InKernel, Needs, Unit},
    filter::Filter,
    output::{self, Form, Frame, Kind, Row},
    state::State,
};

/// More keys than this are not kept: they are counted.
pub const MAX_KEYS: usize = 100_000;
/// The same for the bytes of keys.
const MAX_KEY_BYTES: usize = 64 << 20;
/// The same for the values of `distinct` and the ranges of percentiles, of all keys together.
const MAX_PARTS: usize = 1_000_000;

/// A value column.
#[derive(Debug)]
pub struct Value {
    /// Head of the column.
    pub title: String,
    /// The field; `None` counts events.
    pub field: Option<FieldRef>,
    /// Of `distinct`, fields whose values count together with that of the first.
    pub also: Vec<FieldRef>,
    /// What is computed.
    pub op: Op,
    /// How it is printed.
    pub unit: Unit,
    /// Whether it is shown as a part of the total of all rows, in percent.
    pub share: bool,
    /// Whether it is shown for one second of the interval.
    pub per_second: bool,
    /// Whether it is shown since the start, instead of for the interval.
    pub total: bool,
}

impl Value {
    /// The number of an event; `None` when it has none.
    pub(super) fn of(&self, context: &Context<'_>) -> Option<f64> {
        if let Some(group) = context.event.group {
            let sum = || self.of_group(context.event, group).map(|numbers| numbers.sum as f64);
            return if self.field.is_none() { Some(1.0) } else { sum() };
        }
        let Some(field) = &self.field else { return Some(1.0) };
        match self.op {
            Op::Count => (!field.get(context).is_missing()).then_some(1.0),
            Op::Distinct => {
                let mut bytes = Vec::new();
                if !std::iter::once(field).chain(&self.also).all(|field| key::encode(field, context, &mut bytes)) {
                    return None;
                }
                let mut hasher = FxHasher::default();
                bytes.hash(&mut hasher);
                Some(f64::from_bits(hasher.finish()))
            }
            Op::Sum | Op::Avg | Op::Min | Op::Max | Op::Percentile(_) | Op::Below(_) => field.get(context).as_f64(),
        }
    }

    /// The numbers of what was counted in the kernel, if they are those of the field.
    fn of_group(&self, event: &Event<'_>, group: Group) -> Option<Numbers> {
        let in_kernel = self.field.as_ref()?.field.in_kernel?;
        let is_so = match in_kernel {
            InKernel::BytesIn => event.reads(),
            InKernel::BytesOut => event.writes(),
            _ => true,
        };
        group.numbers(in_kernel.number()).filter(|_| is_so)
    }

    /// Percents of a field. Those that a script gives are what it says.
    fn is_rate(&self) -> bool {
        self.op == Op::Sum && self.unit == Unit::Percent && self.field.is_some() && !self.share
    }

    /// How it is printed.
    fn shown_unit(&self) -> Unit {
        if self.share { Unit::Percent } else { self.unit }
    }

    /// The column of a frame that has its results.
    pub(super) fn column(&self) -> output::Column {
        let kind = if !self.share && !self.per_second && matches!(self.op, Op::Sum | Op::Count) {
            Kind::Counter
        } else {
            Kind::Gauge
        };
        output::Column { title: self.title.clone(), name: self.name(), unit: self.shown_unit(), kind }
    }

    /// Its name in JSON.
    fn name(&self) -> String {
        match &self.field {
            Some(field) if self.total => format!("{}.total", field.name()),
            Some(field) => field.name(),
            None if self.op == Op::Count => "evt.count".to_owned(),
            // A number that a script gives.
            None => self.title.clone(),
        }
    }

    /// Whether it makes no sense.
    pub(crate) fn check(&self) -> Result<(), TableError> {
        match &self.field {
            None if self.op != Op::Count => Err(TableError::NoField),
            Some(field) if self.op.wants_number() && !field.kind.is_number() => {
                Err(TableError::NotANumber { field: field.name(), kind: field.kind.name() })
            }
            _ => Ok(()),
        }
    }
}

/// What a table is.
#[derive(Debug)]
pub struct Spec {
    /// Line above the table; empty for none.
    pub title: String,
    /// The keys, in the order of their columns behind the values.
    pub keys: Vec<Column>,
    /// The values, the first columns.
    pub values: Vec<Value>,
    /// By what rows are sorted.
    pub sort: Sort,
    /// Which events count; all that reach the table when `None`.
    pub filter: Option<Filter>,
    /// How many rows are printed, largest values first.
    pub top: usize,
    /// Whether there is a table for each interval of a capture, too.
    pub each: bool,
    /// Whether an event counts that has any of the values, and not the first one only.
    pub any: bool,
}

/// By what rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// By the value of that number, the largest first.
    Value(usize),
    /// By the key of that number, the smallest first.
    Key(usize),
}

impl Spec {
    /// The column that a user means: by its title or the name of its field, or the only one whose title begins like that. Only letters and digits
    /// count.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<Sort> {
        let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
        let wanted = plain(name);
        let values = self.values.iter().enumerate().map(|(at, it)| (Sort::Value(at), &it.title, it.name()));
        let of_key = |column: &Column| column.field.as_ref().map_or_else(|| column.title.clone(), FieldRef::name);
        let keys = self.keys.iter().enumerate().map(|(at, it)| (Sort::Key(at), &it.title, of_key(it)));
        let columns: Vec<_> = values.chain(keys).map(|(at, title, name)| (at, plain(title), plain(&name))).collect();
        let exact = columns.iter().find(|(_, title, _)| *title == wanted);
        let exact = exact.or_else(|| columns.iter().find(|(.., name)| *name == wanted));
        let begins = || {
            let mut all = columns.iter().filter(|(_, title, _)| title.starts_with(&wanted));
            all.next().filter(|_| all.next().is_none() && !wanted.is_empty())
        };
        exact.or_else(begins).map(|(at, ..)| *at)
    }

    /// The titles of its columns.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|it| &*it.title).chain(self.keys.iter().map(|it| &*it.title))
    }
}

/// Why a table cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// It has no keys.
    #[error("a table needs at least one key")]
    NoKeys,
    /// It has no values.
    #[error("a table needs at least one value")]
    NoValues,
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
    /// By key, where its values begin in `kept`.
    rows: FxHashMap<Box<[u8]>, u32>,
    kept: Vec<Kept>,
    /// Which of the values of a key has what each of them is computed from: itself, or the first of the same spread.
    places: Vec<usize>,
    key: Vec<u8>,
    /// Bytes of the keys.
    key_bytes: usize,
    /// Values of `distinct` and ranges of percentiles.
    parts: usize,
    /// Events of this interval that did not count, or not with all their values.
    overflow: u64,
    /// The same of all intervals.
    lost: u64,
    /// Values since the start, by keys as they are shown, for those that are shown so.
    totals: FxHashMap<Vec<Vec<u8>>, Vec<f64>>,
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
        if spec.values.is_empty() {
            return Err(TableError::NoValues);
        }
        let mut fields = spec.keys.iter().filter_map(|column| column.field.as_ref());
        if let Some(field) = fields.find(|field| field.field.filter_only) {
            return Err(TableError::Several { field: field.name() });
        }
        let places = (0..spec.values.len()).map(|at| place(&spec.values, at)).collect();
        Ok(Self {
            spec,
            rows: FxHashMap::default(),
            kept: Vec::new(),
            places,
            key: Vec::new(),
            key_bytes: 0,
            parts: 0,
            overflow: 0,
            lost: 0,
            totals: FxHashMap::default(),
        })
    }

    /// Puts in place of values of this interval those since the start, where that is asked for. Of rows beyond the most that are kept none is
    /// known.
    fn add_up(&mut self, rows: &mut [Row]) {
        let columns: Vec<usize> =
            self.spec.values.iter().enumerate().filter(|(_, value)| value.total).map(|(at, _)| at).collect();
        if columns.is_empty() {
            return;
        }
        for row in rows {
            let has_room = self.totals.len() < MAX_KEYS;
            let totals = match self.totals.get_mut(&row.keys) {
                Some(totals) => Some(totals),
                None if has_room => {
                    Some(self.totals.entry(row.keys.clone()).or_insert_with(|| vec![0.0; columns.len()]))
                }
                None => None,
            };
            match totals {
                Some(totals) => {
                    for (total, at) in totals.iter_mut().zip(&columns) {
                        *total += row.values[*at].unwrap_or_default();
                        row.values[*at] = Some(*total);
                    }
                }
                None => columns.iter().for_each(|at| row.values[*at] = None),
            }
        }
    }

    /// Where the values of the key that was made last begin; `None`, and counted as so many events, when there are too many
    /// keys.
    fn row(&mut self, events: u64) -> Option<usize> {
        if let Some(at) = self.rows.get(&*self.key) {
            return Some(*at as usize);
        }
        if self.rows.len() >= MAX_KEYS || self.key_bytes + self.key.len() > MAX_KEY_BYTES {
            self.lose(events);
            return None;
        }
        let at = self.kept.len();
        let values = self.spec.values.iter().zip(&self.places).enumerate();
        self.kept
            .extend(values.map(|(at, (value, place))| if at == *place { Kept::new(value.op) } else { Kept::Shared }));
        self.key_bytes += self.key.len();
        self.rows.insert(self.key.as_slice().into(), at as u32);
        Some(at)
    }

    fn lose(&mut self, events: u64) {
        self.overflow += events;
        self.lost += events;
    }

    /// Adds what was counted in the kernel to the row whose values begin `at`.
    fn add_group(&mut self, at: usize, event: &Event<'_>, group: Group) {
        let mut is_whole = true;
        for (kept, value) in self.kept[at..].iter_mut().zip(&self.spec.values) {
            let numbers = value.of_group(event, group);
            if value.field.is_some() && numbers.is_none() {
                continue;
            }
            match kept.add_group(group.count, numbers, self.parts >= MAX_PARTS) {
                Some(more) => self.parts += more,
                None => is_whole = false,
            }
        }
        if !is_whole {
            self.lose(group.count);
        }
    }

    /// Adds to a row whose keys a script gives, for an event that stands for `weight` of them.
    pub fn tally(&mut self, keys: &[&[u8]], values: &[f64], weight: u32) {
        self.key.clear();
        keys.iter().for_each(|text| key::put_text(text, &mut self.key));
        let Some(at) = self.row(weight.into()) else { return };
        let mut is_whole = true;
        for (kept, value) in self.kept[at..].iter_mut().zip(values) {
            match kept.add(*value, weight, self.parts >= MAX_PARTS) {
                Some(more) => self.parts += more,
                None => is_whole = false,
            }
        }
        if !is_whole {
            self.lose(weight.into());
        }
    }

    /// Whether a value counts in an event: of a call that came before for its other descriptor, only what differs between the two,
    /// unless they are different rows; of a request that is done, only its bytes.
    fn counts(&self, index: usize, event: &Event<'_>) -> bool {
        if !event.repeated && !event.done {
            return true;
        }
        let needs = self.spec.values[index].field.as_ref().map_or(Needs::NONE, FieldRef::needs);
        let rows_differ = || self.spec.keys.iter().flat_map(|key| &key.field).any(|it| it.needs().has(Needs::SIDES));
        if event.done { needs.has(Needs::BYTES) } else { needs.has(Needs::SIDES) || rows_differ() }
    }

    /// How many keys and values it has.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.spec.keys.len(), self.spec.values.len())
    }

    /// The rows of an interval of so many seconds, with the names that are known now. The table is empty afterwards.
    /// Percents were told so many `times`: their sum means nothing, their mean does.
    pub fn rows(&mut self, state: &State, times: f64, seconds: f64) -> Vec<Row> {
        let stride = self.spec.values.len();
        let first = |at: u32| self.kept[at as usize].result(self.spec.values[0].op).unwrap_or_default();
        let keys = self.rows.iter().map(|(key, at)| (&**key, *at, first(*at)));
        let names = key::names(&self.spec.keys, keys, state);
        let mut merged: FxHashMap<Vec<Vec<u8>>, usize> = FxHashMap::default();
        for (key, at) in self.rows.drain() {
            // Containers with the same name, as after a restart, are one row.
            let at = at as usize;
            let first = *merged.entry(key::render(&self.spec.keys, &key, state, &names)).or_insert(at);
            if first != at {
                for value in 0..stride {
                    let other = self.kept[at + value].clone();
                    self.kept[first + value].merge(&other);
                }
            }
        }
        let results = |at: usize| {
            let values = self.places.iter().zip(&self.spec.values);
            values
                .map(|(place, value)| {
                    // Of nothing the sum is zero, and all other results are not there.
                    let result = self.kept[at + place].result(value.op).or((value.op == Op::Sum).then_some(0.0))?;
                    let result = if value.per_second { result / seconds } else { result };
                    Some(result / if value.is_rate() { times } else { 1.0 })
                })
                .collect()
        };
        let mut rows: Vec<Row> =
            merged.into_iter().map(|(keys, at)| Row { values: results(at), keys, line: Vec::new() }).collect();
        for (column, _) in self.spec.values.iter().enumerate().filter(|(_, value)| value.share) {
            to_shares(&mut rows, column);
        }
        self.add_up(&mut rows);
        let value = |row: &Row, at: usize| row.values.get(at).copied().flatten().unwrap_or(f64::NEG_INFINITY);
        match self.spec.sort {
            Sort::Value(at) => {
                rows.sort_by(|a, b| value(b, at).total_cmp(&value(a, at)).then_with(|| a.keys.cmp(&b.keys)));
            }
            Sort::Key(at) => {
                rows.sort_by(|a, b| {
                    let by_key = key::compare(&a.keys[at], &b.keys[at]);
                    by_key.then_with(|| value(b, 0).total_cmp(&value(a, 0))).then_with(|| a.keys.cmp(&b.keys))
                });
            }
        }
        rows.truncate(self.spec.top);
        self.kept.clear();
        (self.key_bytes, self.parts) = (0, 0);
        rows
    }
}

/// Which of the values keeps what that one is computed from.
fn place(values: &[Value], at: usize) -> usize {
    let field = |value: &Value| value.field.as_ref().map(FieldRef::name);
    let own = &values[at];
    let same = |other: &Value| own.op.is_of_spread() && other.op.is_of_spread() && field(own) == field(other);
    values[..at].iter().position(same).unwrap_or(at)
}

/// Makes the values of a column parts of their total, in percent. Without a total there are none.
fn to_shares(rows: &mut [Row], column: usize) {
    let total: f64 = rows.iter().filter_map(|row| *row.values.get(column)?).sum();
    for value in rows.iter_mut().filter_map(|row| row.values.get_mut(column)) {
        *value = value.filter(|_| total != 0.0).map(|value| 100.0 * value / total);
    }
}

impl Aggregate for Table {
    /// Counts an event. An event without one of the keys, or without the value that it takes, does not count.
    fn add(&mut self, context: &Context<'_>) -> bool {
        if self.spec.filter.as_ref().is_some_and(|filter| !filter.matches(context)) {
            return false;
        }
        // What a script fills in has no fields.
        let Some((value, others)) = self.spec.values.split_first() else { return false };
        let counts = |number: Option<f64>, op| number.is_some_and(|number| (number, op) != (0.0, Op::Sum));
        let first = value.of(context);
        let any_other = || self.spec.any && others.iter().any(|value| counts(value.of(context), value.op));
        if !counts(first, value.op) && !any_other() {
            return false;
        }
        self.key.clear();
        for column in &self.spec.keys {
            let Some(field) = &column.field else { return false };
            if !key::encode(field, context, &mut self.key) {
                return false;
            }
        }
        let weight = context.event.weight;
        let events = context.event.group.map_or(weight.into(), |group| group.count);
        let Some(at) = self.row(events) else { return false };
        if let Some(group) = context.event.group {
            self.add_group(at, context.event, group);
            return true;
        }
        let (mut value, mut is_whole) = (first, true);
        for index in 0..self.spec.values.len() {
            if index > 0 {
                value = self.spec.values[index].of(context);
            }
            let Some(number) = value.filter(|_| self.counts(index, context.event)) else { continue };
            match self.kept[at + index].add(number, weight, self.parts >= MAX_PARTS) {
                Some(more) => self.parts += more,
                None => is_whole = false,
            }
        }
        if !is_whole {
            self.lose(weight.into());
        }
        true
    }

    fn take(&mut self, state: &State, moment: Moment) -> Frame {
        let length_ns = moment.span.length_ns() as f64;
        // How often percents were told: of a capture once a second, live once in an interval of CPU time, of which the table may
        // have several.
        let times = match state.cpu_interval_ns {
            _ if moment.is_whole || self.spec.each => length_ns / 1e9,
            0 => 1.0,
            interval_ns => (length_ns / interval_ns as f64).round(),
        };
        // Nothing can be said of less than a second of a capture.
        let seconds = if moment.is_whole || length_ns == 0.0 { (length_ns / 1e9).max(1.0) } else { length_ns / 1e9 };
        Frame {
            keys: self.spec.keys.iter().map(Column::of_frame).collect(),
            values: self.spec.values.iter().map(Value::column).collect(),
            sort: if let Sort::Value(at) = self.spec.sort { at } else { 0 },
            rows: self.rows(state, times.max(1.0), seconds),
            lost: std::mem::take(&mut self.overflow),
            ..Frame::new(Form::Table, &self.spec.title, moment.span)
        }
    }

    fn when(&self) -> When {
        if self.spec.each { When::EachInterval } else { When::Interval }
    }

    fn goes_by_length(&self) -> bool {
        self.spec.values.iter().any(|value| value.is_rate() || value.per_second)
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    /// Names of containers may come late.
    fn needs(&self) -> Needs {
        let keys: Needs = self.spec.keys.iter().map(Column::needs).collect();
        let values: Needs =
            self.spec.values.iter().flat_map(|it| it.field.iter().chain(&it.also)).map(FieldRef::needs).collect();
        let filter = self.spec.filter.as_ref().map_or(Needs::NONE, Filter::needs);
        keys.without(Needs::CONTAINER_NOW).with(values).with(filter)
    }

    fn grouping(&self) -> Result<Counts, &'static str> {
        let mut counts = Counts { by: key::members(&self.spec.keys)?, number: Number::None, sums_only: true };
        for value in &self.spec.values {
            counts.sums_only &= value.op == Op::Sum;
            let Some(field) = &value.field else { continue };
            let number = field.field.in_kernel.map_or(Number::None, InKernel::number);
            counts.by |= field.field.in_kernel.map_or(0, InKernel::number_by);
            match value.op {
                _ if number == Number::None => return Err("the kernel cannot sum this value"),
                Op::Distinct => return Err("the kernel does not count different values"),
                Op::Percentile(_) | Op::Below(_) => counts.by |= by::RANGE,
                Op::Sum | Op::Count | Op::Avg | Op::Min | Op::Max => {}
            }
            counts.number = counts.number.with(number).ok_or(
                "the kernel sums bytes only in tables of their own, because bytes count for each descriptor of a call",
            )?;
        }
        if counts.by & by::DIRECTION != 0 && counts.by & by::CALL != 0 {
            return Err("where the kernel counts calls by name, it does not distinguish bytes read from bytes written");
        }
        if counts.number == Number::Bytes && self.spec.values.iter().any(|value| value.field.is_none()) {
            return Err(
                "the bytes of a call count for both of its descriptors but the call counts once, and only events can \
                    distinguish these",
            );
        }
        Ok(counts)
    }

    fn filter(&self) -> Option<&Filter> {
        self.spec.filter.as_ref()
    }

    fn may_count(&self, event: &EventType<'_>) -> bool {
        let keys = self.spec.keys.iter().map(|column| column.field.as_ref());
        let missing = |field: &FieldRef| field.by_type(event).is_some_and(|value| value.is_missing());
        let deciding = if self.spec.any { self.spec.values.len() } else { 1 };
        let mut values = self.spec.values.iter().take(deciding);
        !keys.flatten().any(missing)
            && values.any(|value| !value.field.as_ref().is_some_and(missing))
            && self.spec.filter.as_ref().is_none_or(|filter| filter.may_match(event))
    }
}

#[cfg(test)]
mod tests;
