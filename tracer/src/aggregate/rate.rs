//! Numbers of each interval, a line each.

use std::io::{self, Write as _};

use super::{Aggregate, Page, When, op::Kept, table::Value};
use crate::{
    fields::{Context, EventType, FieldRef, Needs},
    filter::Filter,
    format::{json, time, units},
    state::State,
};

/// Values over all events of an interval: `14:01:07 in:512 out:0`.
#[derive(Debug)]
pub struct Rate {
    values: Vec<Value>,
    filter: Option<Filter>,
    kept: Vec<Kept>,
    empty: bool,
}

impl Rate {
    /// Of these values.
    #[must_use]
    pub fn new(values: Vec<Value>, filter: Option<Filter>) -> Self {
        let kept = values.iter().map(|value| Kept::new(value.op)).collect();
        Self { values, filter, kept, empty: true }
    }
}

impl Aggregate for Rate {
    fn add(&mut self, context: &Context<'_>) -> bool {
        if self.filter.as_ref().is_some_and(|filter| !filter.matches(context)) {
            return false;
        }
        for (value, kept) in self.values.iter().zip(&mut self.kept) {
            if let Some(number) = value.of(context) {
                let _ = kept.add(number, context.event.weight, false);
            }
        }
        self.empty = false;
        true
    }

    fn print(&mut self, page: &Page, _state: &State, now_ns: u64) -> io::Result<()> {
        let results = self.kept.iter().zip(&self.values).map(|(kept, value)| kept.result(value.op).unwrap_or(0.0));
        let results: Vec<f64> = results.collect();
        page.out.line(|line| {
            if page.json {
                // Writing to a vector cannot fail.
                let _ = write!(line, "{{\"ts\":\"{}\"", now_ns / 1_000_000_000 * 1_000_000_000);
                for (value, result) in self.values.iter().zip(&results) {
                    line.push(b',');
                    json::text(value.title.as_bytes(), line);
                    let _ = write!(line, ":{result}");
                }
                if let Some(sample) = page.sample {
                    let _ = write!(line, ",\"sample\":{}", sample.one_in());
                }
                line.push(b'}');
            } else {
                time::time_of_day(now_ns, false, line);
                for (value, result) in self.values.iter().zip(&results) {
                    let _ = write!(line, " {}:{}", value.title, units::text(*result, value.unit));
                }
                if let Some(sample) = page.sample {
                    let _ = write!(line, " {}", sample.mark());
                }
            }
            true
        })?;
        self.kept = self.values.iter().map(|value| Kept::new(value.op)).collect();
        self.empty = true;
        page.out.flush()
    }

    fn when(&self) -> When {
        When::EachInterval
    }

    fn is_empty(&self) -> bool {
        self.empty
    }

    fn needs(&self) -> Needs {
        let values: Needs = self.values.iter().filter_map(|it| it.field.as_ref()).map(FieldRef::needs).collect();
        values.with(self.filter.as_ref().map_or(Needs::NONE, Filter::needs))
    }

    fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    fn may_count(&self, event: &EventType<'_>) -> bool {
        let missing = |field: &FieldRef| field.by_type(event).is_some_and(|value| value.is_missing());
        self.values.iter().any(|value| !value.field.as_ref().is_some_and(missing))
            && self.filter.as_ref().is_none_or(|filter| filter.may_match(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aggregate::{Op, Palette},
        fields::{Show, Unit},
        sink::Out,
        testing::{BOOT_NS, World},
    };

    #[test]
    fn each_interval_begins_at_zero() {
        let world = World::new();
        let value = |title: &str, field| Value {
            title: title.into(),
            field: FieldRef::resolve(field, Show::default()).ok(),
            op: Op::Sum,
            unit: Unit::None,
            also: Vec::new(),
            share: false,
        };
        let mut rate = Rate::new(vec![value("in", "evt.buflen.in"), value("out", "evt.buflen.out")], None);
        for json in [false, true] {
            let page = Page { out: Out::memory(), json, palette: Palette::None, began_ns: None, sample: None };
            world.with(&world.read(10, 3, 100, b"x"), |context| rate.add(context));
            for _ in 0..2 {
                rate.print(&page, &world.state, BOOT_NS).unwrap();
            }
            let text = page.out.text();
            let expected = if json { r#","in":100,"out":0}"# } else { " in:100 out:0" };
            assert!(text.lines().next().unwrap().ends_with(expected), "{text}");
            assert!(text.lines().nth(1).unwrap().replace(":0", "=0").contains("in"), "{text}");
            assert_eq!(text.lines().count(), 2);
        }
    }
}
