//! Numbers of each interval, a line each.

use super::{Aggregate, Moment, When, op::Kept, table::Value};
use crate::{
    fields::{Context, EventType, FieldRef, Needs},
    filter::Filter,
    output::{Form, Frame, Row},
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

    fn take(&mut self, _state: &State, moment: Moment) -> Frame {
        let fresh = self.values.iter().map(|value| Kept::new(value.op)).collect();
        let kept = std::mem::replace(&mut self.kept, fresh);
        self.empty = true;
        let results = kept.iter().zip(&self.values).map(|(kept, value)| kept.result(value.op).or(Some(0.0)));
        Frame {
            values: self.values.iter().map(Value::column).collect(),
            rows: vec![Row { values: results.collect(), ..Row::default() }],
            ..Frame::new(Form::Rate, "", moment.span)
        }
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
        aggregate::Op,
        fields::{Show, Unit},
        testing::World,
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
            per_second: false,
            total: false,
        };
        let mut rate = Rate::new(vec![value("in", "evt.buflen.in"), value("out", "evt.buflen.out")], None);
        world.with(&world.read(10, 3, 100, b"x"), |context| rate.add(context));
        for expected in [100.0, 0.0] {
            let frame = rate.take(&world.state, Moment::default());
            assert_eq!(frame.rows[0].values, [Some(expected), Some(0.0)]);
            assert_eq!(frame.values.iter().map(|it| it.title.as_str()).collect::<Vec<_>>(), ["in", "out"]);
            assert!(rate.is_empty());
        }
    }
}
