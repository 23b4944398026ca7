//! How values are spread, as bars: a row for each power of two, for all events together or for each key.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;
use tracer_common::group::{self, Number, by};

use super::{Aggregate, Column, Counts, Moment, When, key};
use crate::{
    fields::{Context, EventType, FieldRef, InKernel, Needs, Unit},
    filter::Filter,
    output::{self, Form, Frame, Kind, Row},
    state::State,
};

/// More keys than this are not kept: they are counted.
const MAX_KEYS: usize = 4_096;
/// Rows: zero, and one for each power of two.
const ROWS: usize = 65;

/// What a histogram is of.
#[derive(Debug)]
pub struct HistogramSpec {
    /// Line above it; empty for none.
    pub title: String,
    /// The field.
    pub field: FieldRef,
    /// One for each value of these; none for one of all events.
    pub keys: Vec<Column>,
    /// Which events count; all when `None`.
    pub filter: Option<Filter>,
    /// How values are written.
    pub unit: Unit,
    /// How many are printed, those of the most events first.
    pub top: usize,
}

/// How many events each row has.
type Rows = Box<[u64; ROWS]>;

/// Histograms of one interval.
#[derive(Debug)]
pub struct Histogram {
    spec: HistogramSpec,
    counts: FxHashMap<Box<[u8]>, Rows>,
    key: Vec<u8>,
    overflow: u64,
    /// The same of all intervals.
    lost: u64,
}

impl Histogram {
    /// Empty ones.
    #[must_use]
    pub fn new(spec: HistogramSpec) -> Self {
        Self { spec, counts: FxHashMap::default(), key: Vec::new(), overflow: 0, lost: 0 }
    }

    /// Those of the interval, of the most events first, with their keys.
    fn counted(&mut self, state: &State) -> Vec<(Vec<Vec<u8>>, Rows)> {
        let mut merged: FxHashMap<Vec<Vec<u8>>, Rows> = FxHashMap::default();
        let total = |counts: &Rows| counts.iter().sum::<u64>();
        let counted = self.counts.iter().map(|(key, counts)| (&**key, 0, total(counts) as f64));
        let names = key::names(&self.spec.keys, counted, state);
        for (key, counts) in self.counts.drain() {
            // Containers with the same name are one.
            let key = key::render(&self.spec.keys, &key, state, &names);
            let sums = merged.entry(key).or_insert_with(|| Box::new([0; ROWS]));
            sums.iter_mut().zip(counts.iter()).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
        }
        let mut all: Vec<_> = merged.into_iter().collect();
        all.sort_by(|a, b| Reverse(total(&a.1)).cmp(&Reverse(total(&b.1))).then_with(|| a.0.cmp(&b.0)));
        all.truncate(self.spec.top);
        all
    }

    /// The number of its bars, if the kernel knows it.
    fn number(&self) -> Number {
        self.spec.field.field.in_kernel.map_or(Number::None, InKernel::number)
    }

    /// From, to, and count of each range.
    fn columns(&self) -> Vec<output::Column> {
        let column = |title: &str, kind| output::Column {
            title: title.to_owned(),
            name: self.spec.field.name(),
            unit: self.spec.unit,
            kind,
        };
        let count = output::Column { unit: Unit::None, name: "evt.count".to_owned(), ..column("Count", Kind::Counter) };
        vec![column("From", Kind::Key), column("To", Kind::Key), count]
    }
}

/// The rows of a histogram from its first range that is not empty to its last.
fn rows(keys: &[Vec<u8>], counts: &Rows) -> impl Iterator<Item = Row> {
    let first = counts.iter().position(|count| *count > 0).unwrap_or(0);
    let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    (first..=last).map(move |row| {
        let (low, high) = range(row);
        Row { keys: keys.to_vec(), values: vec![Some(low), Some(high), Some(counts[row] as f64)], line: Vec::new() }
    })
}

/// The row of a value.
fn row(value: f64) -> usize {
    let value = value.max(0.0) as u64;
    value.checked_ilog2().map_or(0, |power| power as usize + 1)
}

/// From which value on a row is, and up to which one.
fn range(row: usize) -> (f64, f64) {
    if row == 0 { (0.0, 1.0) } else { (2f64.powi(row as i32 - 1), 2f64.powi(row as i32)) }
}

impl Aggregate for Histogram {
    fn add(&mut self, context: &Context<'_>) -> bool {
        if self.spec.filter.as_ref().is_some_and(|filter| !filter.matches(context)) {
            return false;
        }
        let number = self.number();
        let of_group = context.event.group.map(|group| {
            let low = group::limits(group.numbers(number)?.range).0;
            Some((row(low as f64), group.count))
        });
        let of_event = || Some((row(self.spec.field.get(context).as_f64()?), context.event.weight.into()));
        let Some((row, events)) = of_group.unwrap_or_else(of_event) else { return false };
        self.key.clear();
        for field in self.spec.keys.iter().filter_map(|column| column.field.as_ref()) {
            if !key::encode(field, context, &mut self.key) {
                return false;
            }
        }
        let full = self.counts.len() >= MAX_KEYS;
        let counts = match self.counts.get_mut(&*self.key) {
            Some(counts) => counts,
            None if full => {
                self.overflow += events;
                self.lost += events;
                return false;
            }
            None => self.counts.entry(self.key.as_slice().into()).or_insert_with(|| Box::new([0; ROWS])),
        };
        let count = &mut counts[row];
        *count = count.saturating_add(events);
        true
    }

    fn take(&mut self, state: &State, moment: Moment) -> Frame {
        let all = self.counted(state);
        Frame {
            keys: self.spec.keys.iter().map(Column::of_frame).collect(),
            values: self.columns(),
            rows: all.iter().flat_map(|(keys, counts)| rows(keys, counts)).collect(),
            lost: std::mem::take(&mut self.overflow),
            ..Frame::new(Form::Bars, &self.spec.title, moment.span)
        }
    }

    fn when(&self) -> When {
        When::Interval
    }

    fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn needs(&self) -> Needs {
        let keys: Needs = self.spec.keys.iter().map(Column::needs).collect();
        let filter = self.spec.filter.as_ref().map_or(Needs::NONE, Filter::needs);
        keys.without(Needs::CONTAINER_NOW).with(self.spec.field.needs()).with(filter)
    }

    fn grouping(&self) -> Result<Counts, &'static str> {
        let number = self.number();
        let more = self.spec.field.field.in_kernel.map_or(0, InKernel::number_by);
        if number == Number::None || more != 0 {
            return Err("the kernel does not know the number of bars");
        }
        Ok(Counts { by: key::members(&self.spec.keys)? | by::RANGE, number, sums_only: false })
    }

    fn filter(&self) -> Option<&Filter> {
        self.spec.filter.as_ref()
    }

    fn may_count(&self, event: &EventType<'_>) -> bool {
        let fields = self.spec.keys.iter().filter_map(|column| column.field.as_ref()).chain([&self.spec.field]);
        let missing = |field: &FieldRef| field.by_type(event).is_some_and(|value| value.is_missing());
        !fields.into_iter().any(missing) && self.spec.filter.as_ref().is_none_or(|filter| filter.may_match(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fields::Show,
        output::{Out, Page},
        testing::World,
    };

    fn print(keys: &[&str], json: bool) -> String {
        let field = |name: &str| FieldRef::resolve(name, Show::default()).unwrap();
        let keys = keys.iter().map(|name| Column { title: (*name).into(), field: Some(field(name)) }).collect();
        let spec = HistogramSpec {
            title: String::new(),
            field: field("evt.buflen"),
            keys,
            filter: None,
            unit: Unit::Bytes,
            top: 1,
        };
        let (world, mut histogram) = (World::new(), Histogram::new(spec));
        for (tid, res) in [(10, 0), (10, 5), (10, 7), (10, 1500), (20, 5), (20, -1)] {
            world.with(&world.read(tid, 3, res, b"x"), |context| histogram.add(context));
        }
        let page = if json { Page::json(Out::memory()) } else { Page::plain(Out::memory()) };
        page.frame(histogram.take(&world.state, Moment::default())).unwrap();
        assert!(histogram.is_empty());
        page.out.text()
    }

    #[test]
    fn rows_are_powers_of_two_without_gaps() {
        let text = print(&[], false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 13, "{text}");
        assert_eq!(lines[0], format!("        0B - 1B                1 |{:<40}|", "@".repeat(14)));
        assert_eq!(lines[3], format!("        4B - 8B                3 |{}|", "@".repeat(40)));
        assert_eq!(lines[11], format!("    1.00KB - 2.00KB            1 |{:<40}|", "@".repeat(14)));
        assert_eq!((row(f64::MAX), row(-3.0), row(1.0)), (64, 0, 1));
    }

    #[test]
    fn each_key_has_one_of_its_own() {
        let text = print(&["proc.name"], false);
        assert!(text.starts_with("bash\n        0B - 1B"), "{text}");
        assert!(!text.contains("cat"), "only one was asked for");
        assert_eq!(
            print(&["proc.name"], true),
            "{\"ts\":\"0\",\"field\":\"evt.buflen\",\"histograms\":[{\"keys\":[\"bash\"],\"data\":[[0,1,1],[4,8,2],[1024,2048,1]]}]}\n"
        );
    }
}
