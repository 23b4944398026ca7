//! The events with the largest values, with a line for each.

use std::{collections::BinaryHeap, io};

use super::{Aggregate, Page, When};
use crate::{
    fields::{Context, EventType, FieldRef, Needs},
    format::{Template, json::Json},
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
    buffer: Vec<u8>,
}

/// Greater when its value is smaller, or when it came later.
#[derive(Debug, PartialEq)]
struct Entry {
    value: f64,
    number: u64,
    line: Box<[u8]>,
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
        Self { by, count, line, kept: BinaryHeap::new(), number: 0, buffer: Vec::new() }
    }
}

impl Aggregate for Top {
    fn add(&mut self, context: &Context<'_>) -> bool {
        let Some(value) = self.by.get(context).as_f64() else { return false };
        let full = self.kept.len() >= self.count;
        if full && self.kept.peek().is_none_or(|smallest| smallest.value >= value) {
            return true;
        }
        self.buffer.clear();
        if !self.line.render(context, &mut self.buffer) {
            return false;
        }
        if full {
            self.kept.pop();
        }
        self.number += 1;
        self.kept.push(Entry { value, number: self.number, line: self.buffer.as_slice().into() });
        true
    }

    fn print(&mut self, page: &Page, _state: &State, _now_ns: u64) -> io::Result<()> {
        for entry in std::mem::take(&mut self.kept).into_sorted_vec() {
            page.out.line(|line| {
                line.extend_from_slice(&entry.line);
                true
            })?;
        }
        page.out.flush()
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
    use crate::{aggregate::Palette, fields::Show, sink::Out, testing::World};

    #[test]
    fn the_largest_are_kept_in_their_order() {
        let world = World::new();
        let by = FieldRef::resolve("evt.buflen", Show::default()).unwrap();
        let line = Line::new(Template::parse("%evt.buflen %fd.name", Show::default()).unwrap(), false);
        let mut top = Top::new(by, 3, line);
        for (fd, res) in [(3, 5), (3, 70), (5, 6), (3, 8), (5, 70), (3, -2), (3, 1)] {
            world.with(&world.read(10, fd, res, b"x"), |context| top.add(context));
        }
        let page = Page { out: Out::memory(), json: false, palette: Palette::None, began_ns: None, sample: None };
        top.print(&page, &world.state, 0).unwrap();
        assert_eq!(page.out.text(), "70 /etc/passwd\n70 10.0.0.1:40000->10.0.0.2:80\n8 /etc/passwd\n");
        assert!(top.is_empty());
    }
}
