//! The events with the largest values, with a line for each.

use std::collections::BinaryHeap;

use super::{Aggregate, Moment, When};
use crate::{
    fields::{Context, EventType, FieldRef, Needs},
    filter::Operand,
    format::{Template, json::Json},
    output::{Column, Form, Frame, Kind, Row},
    state::State,
};

/// What an event is printed as.
#[derive(Debug)]
pub enum Line {
    /// The text of a format.
    Text(Template),
    /// The fields of it as an object.
    Json(Json),
}

impl Line {
    /// Of a format.
    #[must_use]
    pub fn new(template: Template, json: bool) -> Self {
        if json { Self::Json(Json::new(template)) } else { Self::Text(template) }
    }

    /// Appends the line of an event; nothing, and false, when a field is missing that has to be there.
    pub fn render(&self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Text(template) => template.render(context, out),
            Self::Json(json) => json.render(context, out),
        }
    }

    /// What has to be collected for it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        match self {
            Self::Text(template) => template.needs(),
            Self::Json(json) => json.needs(),
        }
    }

    /// Its fields, as they were written.
    fn fields(&self) -> Vec<(&str, &Operand)> {
        match self {
            Self::Text(template) => template.operands().collect(),
            Self::Json(json) => json.operands().collect(),
        }
    }

    /// The columns of a frame that has its fields.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        self.fields().into_iter().map(|(name, _)| Column::key(name.to_owned(), name.to_owned())).collect()
    }

    /// The row of an event; `None` when a field is missing that has to be there.
    #[must_use]
    pub fn row(&self, context: &Context<'_>) -> Option<Row> {
        let mut line = Vec::new();
        if !self.render(context, &mut line) {
            return None;
        }
        let cell = |(_, field): (&str, &Operand)| {
            let mut cell = Vec::new();
            field.get(context).write(field.digits(), &mut cell);
            cell
        };
        Some(Row { keys: self.fields().into_iter().map(cell).collect(), values: Vec::new(), line })
    }
}

/// The largest events.
#[derive(Debug)]
pub struct Top {
    by: FieldRef,
    count: usize,
    line: Line,
    /// The smallest on top.
    kept: BinaryHeap<Entry>,
    number: u64,
}

/// Greater when its value is smaller, or when it came later.
#[derive(Debug, PartialEq)]
struct Entry {
    value: f64,
    number: u64,
    row: Row,
}

impl Eq for Entry {}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.value.total_cmp(&self.value).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Top {
    /// The `count` events with the largest values of `by`.
    #[must_use]
    pub fn new(by: FieldRef, count: usize, line: Line) -> Self {
        Self { by, count, line, kept: BinaryHeap::new(), number: 0 }
    }
}

impl Aggregate for Top {
    fn add(&mut self, context: &Context<'_>) -> bool {
        let Some(value) = self.by.get(context).as_f64() else { return false };
        let full = self.kept.len() >= self.count;
        if full && self.kept.peek().is_none_or(|smallest| smallest.value >= value) {
            return true;
        }
        let Some(row) = self.line.row(context) else { return false };
        if full {
            self.kept.pop();
        }
        self.number += 1;
        self.kept.push(Entry { value, number: self.number, row: Row { values: vec![Some(value)], ..row } });
        true
    }

    fn take(&mut self, _state: &State, moment: Moment) -> Frame {
        let kept = std::mem::take(&mut self.kept).into_sorted_vec();
        let by = Column { unit: self.by.field.unit, kind: Kind::Gauge, ..Column::key(self.by.name(), self.by.name()) };
        Frame {
            keys: self.line.columns(),
            values: vec![by],
            rows: kept.into_iter().map(|entry| entry.row).collect(),
            ..Frame::new(Form::Lines { continues: false }, "", moment.span)
        }
    }

    fn when(&self) -> When {
        When::End
    }

    fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn needs(&self) -> Needs {
        self.by.needs().with(self.line.needs())
    }

    fn may_count(&self, event: &EventType<'_>) -> bool {
        !self.by.by_type(event).is_some_and(|value| value.is_missing())
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

    #[test]
    fn the_largest_are_kept_in_their_order() {
        let world = World::new();
        let by = FieldRef::resolve("evt.buflen", Show::default()).unwrap();
        let line = Line::new(Template::parse("%evt.buflen %fd.name", Show::default()).unwrap(), false);
        let mut top = Top::new(by, 3, line);
        for (fd, res) in [(3, 5), (3, 70), (5, 6), (3, 8), (5, 70), (3, -2), (3, 1)] {
            world.with(&world.read(10, fd, res, b"x"), |context| top.add(context));
        }
        let page = Page::plain(Out::memory());
        let frame = top.take(&world.state, Moment::default());
        assert_eq!((frame.rows[0].values[0], &*frame.rows[2].keys[0]), (Some(70.0), &b"8"[..]));
        page.frame(frame).unwrap();
        assert_eq!(page.out.text(), "70 /etc/passwd\n70 10.0.0.1:40000->10.0.0.2:80\n8 /etc/passwd\n");
        assert!(top.is_empty());
    }
}
