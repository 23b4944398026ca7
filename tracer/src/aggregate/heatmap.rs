//! A heat map: a line for each interval, in which a column stands for a range of values and its colour for how many events
//! had one of them.

use super::{Aggregate, Moment, When};
use crate::{
    fields::{Context, EventType, FieldRef, Needs, Unit},
    output::{Column, Form, Frame, Kind, Row, Scale},
    state::State,
};

/// Columns of a line that is not on a terminal.
const COLUMNS: usize = 64;

/// What a heat map is of.
#[derive(Debug)]
pub struct HeatSpec {
    /// The field.
    pub field: FieldRef,
    /// How columns stand for values.
    pub scale: Scale,
    /// Values of the first and the last column.
    pub range: (f64, f64),
    /// How values are written on the axis.
    pub unit: Unit,
    /// How often a line is printed; it says how much of a line a count of events is.
    pub title: String,
}

/// A heat map.
#[derive(Debug)]
pub struct HeatMap {
    spec: HeatSpec,
    counts: Vec<u64>,
    lines: u32,
    empty: bool,
}

impl HeatMap {
    /// With so many columns, if it is said.
    #[must_use]
    pub fn new(spec: HeatSpec, columns: Option<usize>) -> Self {
        let columns = columns.map_or(COLUMNS, |columns| columns.clamp(16, 400));
        Self { spec, counts: vec![0; columns], lines: 0, empty: true }
    }
}

impl Aggregate for HeatMap {
    fn add(&mut self, context: &Context<'_>) -> bool {
        let Some(value) = self.spec.field.get(context).as_f64() else { return false };
        let column = self.spec.scale.column(value, self.spec.range, self.counts.len());
        self.counts[column] = self.counts[column].saturating_add(context.event.weight.into());
        self.empty = false;
        true
    }

    fn take(&mut self, _state: &State, moment: Moment) -> Frame {
        let HeatSpec { scale, range: limits, .. } = self.spec;
        let columns = self.counts.len();
        let row = |(at, count): (usize, u64)| Row {
            values: vec![Some(scale.value(at, limits, columns)), Some(count as f64)],
            ..Row::default()
        };
        let counts = std::mem::replace(&mut self.counts, vec![0; columns]);
        let form = Form::Heat { scale, limits, number: self.lines };
        self.lines = self.lines.wrapping_add(1);
        self.empty = true;
        let from = Column { title: "From".into(), name: self.spec.field.name(), unit: self.spec.unit, kind: Kind::Key };
        let count = Column { title: "Count".into(), name: "evt.count".into(), unit: Unit::None, kind: Kind::Counter };
        Frame {
            values: vec![from, count],
            rows: counts.into_iter().enumerate().map(row).collect(),
            ..Frame::new(form, &self.spec.title, moment.span)
        }
    }

    fn when(&self) -> When {
        When::EachInterval
    }

    fn is_empty(&self) -> bool {
        self.empty
    }

    fn needs(&self) -> Needs {
        self.spec.field.needs()
    }

    fn may_count(&self, event: &EventType<'_>) -> bool {
        !self.spec.field.by_type(event).is_some_and(|value| value.is_missing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fields::Show,
        output::{Out, Page, Palette},
        testing::World,
    };

    #[test]
    fn a_line_has_colours_or_characters_or_numbers() {
        let world = World::new();
        let print = |palette, json| {
            let field = FieldRef::resolve("evt.buflen", Show::default()).unwrap();
            let (scale, range) = (Scale::Linear, (0.0, 1000.0));
            let mut map =
                HeatMap::new(HeatSpec { field, scale, range, unit: Unit::Time, title: String::new() }, Some(80));
            for res in [1, 500, 501, 502, 999] {
                world.with(&world.read(10, 3, res, b"x"), |context| map.add(context));
            }
            let page = Page { json, palette, ..Page::plain(Out::memory()) };
            page.frame(map.take(&world.state, Moment::default())).unwrap();
            page.out.text()
        };
        let plain = print(Palette::None, false);
        let line = plain.lines().nth(1).unwrap();
        // Nine characters are the time of day and a blank.
        assert_eq!(line.len(), 9 + 80, "{line}");
        assert_eq!((&line[9..10], &line[49..50], &line[88..]), (".", ".", "."));
        assert!(print(Palette::Many, false).contains("\x1b[48;5;22m \x1b[00m "));
        assert!(print(Palette::Sixteen, false).contains("\x1b[42m \x1b[00m "));
        assert!(print(Palette::None, true).ends_with("\"field\":\"evt.buflen\",\"data\":[[0,1],[500,3],[988,1]]}\n"));
    }
}
