//! A heat map: a line for each interval, in which a column stands for a range of values and its colour for how many events
//! had one of them.

use std::io;

use super::{Aggregate, Page, Palette, When};
use crate::{
    fields::{Context, EventType, FieldRef, Needs, Unit},
    format::{color::RESET, json, time, units},
    sample::Sample,
    state::State,
};

/// Columns of a line that is no terminal's.
const COLUMNS: usize = 64;
/// Lines between two axes.
const AXIS_EVERY: u32 = 20;
/// Characters in front of the columns: the time of day and a blank.
const MARGIN: usize = 9;
/// From few to many, without colours.
const SHADES: &[u8] = b" .:-=+*#%@";
/// The same as backgrounds, of the 256: green, yellow, red.
const MANY: [u8; 12] = [22, 28, 34, 40, 46, 118, 154, 190, 226, 214, 202, 196];
/// The same of the sixteen.
const SIXTEEN: [u8; 4] = [42, 43, 41, 101];

/// How columns stand for values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// All ranges are of one size.
    Linear,
    /// Each range is so many times the one before.
    Log,
}

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
    columns: usize,
    lines: u32,
    empty: bool,
}

impl HeatMap {
    /// As wide as the terminal, when there is one.
    #[must_use]
    pub fn new(spec: HeatSpec, width: Option<usize>) -> Self {
        let columns = width.map_or(COLUMNS, |width| width.saturating_sub(MARGIN + 1).clamp(16, 400));
        Self { spec, counts: vec![0; columns], columns, lines: 0, empty: true }
    }

    fn column(&self, value: f64) -> usize {
        let (low, high) = self.spec.range;
        let part = match self.spec.scale {
            Scale::Linear => (value - low) / (high - low),
            Scale::Log => (value.max(low) / low).ln() / (high / low).ln(),
        };
        ((part * self.columns as f64).max(0.0) as usize).min(self.columns - 1)
    }

    fn value_at(&self, column: usize) -> f64 {
        let (low, high) = self.spec.range;
        let part = column as f64 / self.columns as f64;
        match self.spec.scale {
            Scale::Linear => low + part * (high - low),
            Scale::Log => low * (high / low).powf(part),
        }
    }

    /// Where on the axis a number stands, and the number. Of a logarithmic axis, powers of ten.
    fn ticks(&self) -> Vec<(usize, String)> {
        let (low, high) = self.spec.range;
        let short = |value: f64| match self.spec.unit {
            // 10.00ms says no more than 10ms here.
            Unit::Time => units::time(value).replace(".00", "").replace(".50", ".5"),
            unit => units::text(value, unit),
        };
        let values: Vec<f64> = match self.spec.scale {
            Scale::Linear => (0..4).map(|at| low + (high - low) * f64::from(at) / 4.0).collect(),
            Scale::Log => {
                std::iter::successors(Some(low), |value| Some(value * 10.0)).take_while(|it| *it < high).collect()
            }
        };
        values.into_iter().map(|value| (self.column(value * (1.0 + 1e-9)), short(value))).collect()
    }

    fn axis(&self) -> String {
        let mut line = " ".repeat(MARGIN);
        for (column, text) in self.ticks() {
            let at = MARGIN + column;
            // A number that does not fit behind the last one is left out.
            if line.len() <= at || line[at..].trim().is_empty() && line.as_bytes()[at - 1] == b' ' {
                line.truncate(at);
                line.push_str(&" ".repeat(at - line.len()));
                line.push('|');
                line.push_str(&text);
                line.push(' ');
            }
        }
        line.truncate(MARGIN + self.columns);
        line.trim_end().to_owned()
    }

    /// Colours stand for powers of two: one event is seen beside ten thousand.
    fn level(count: u64, levels: usize) -> usize {
        let of_16 = (count.max(1).ilog2() as usize).min(15);
        of_16 * (levels - 1) / 15
    }

    fn line(&self, now_ns: u64, palette: Palette, out: &mut Vec<u8>) {
        time::time_of_day(now_ns, false, out);
        out.push(b' ');
        let mut last = String::new();
        for count in &self.counts {
            let style = match (palette, *count) {
                (Palette::None, _) | (_, 0) => String::new(),
                (Palette::Sixteen, count) => format!("\x1b[{}m", SIXTEEN[Self::level(count, SIXTEEN.len())]),
                (Palette::Many, count) => format!("\x1b[48;5;{}m", MANY[Self::level(count, MANY.len())]),
            };
            if style != last {
                out.extend_from_slice(if style.is_empty() { RESET } else { &style }.as_bytes());
                last = style;
            }
            out.push(match (palette, *count) {
                (Palette::None, 1..) => SHADES[1 + Self::level(*count, SHADES.len() - 1)],
                _ => b' ',
            });
        }
        if !last.is_empty() {
            out.extend_from_slice(RESET.as_bytes());
        }
        while palette == Palette::None && out.last() == Some(&b' ') {
            out.pop();
        }
    }

    /// An object with the count of each range that has one: its lower end, and the count.
    fn json(&self, now_ns: u64, sample: Option<Sample>, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{{\"ts\":\"{now_ns}\",\"field\":").as_bytes());
        json::text(self.spec.field.name().as_bytes(), out);
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let counts: Vec<String> = filled.map(|(at, count)| format!("[{:.0},{count}]", self.value_at(at))).collect();
        out.extend_from_slice(format!(",\"data\":[{}]", counts.join(",")).as_bytes());
        if let Some(sample) = sample {
            out.extend_from_slice(format!(",\"sample\":{}", sample.one_in()).as_bytes());
        }
        out.push(b'}');
    }
}

impl Aggregate for HeatMap {
    fn add(&mut self, context: &Context<'_>) -> bool {
        let Some(value) = self.spec.field.get(context).as_f64() else { return false };
        let column = self.column(value);
        self.counts[column] = self.counts[column].saturating_add(context.event.weight.into());
        self.empty = false;
        true
    }

    fn print(&mut self, page: &Page, _state: &State, now_ns: u64) -> io::Result<()> {
        if !page.json && self.lines.is_multiple_of(AXIS_EVERY) {
            if let Some(title) = Sample::title(&self.spec.title, page.sample) {
                page.out.text_line(&title)?;
            }
            page.out.text_line(&self.axis())?;
        }
        self.lines += 1;
        page.out.line(|line| {
            if page.json {
                self.json(now_ns, page.sample, line)
            } else {
                self.line(now_ns, page.palette, line)
            }
            true
        })?;
        self.counts.fill(0);
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
        self.spec.field.needs()
    }

    fn may_count(&self, event: &EventType<'_>) -> bool {
        !self.spec.field.by_type(event).is_some_and(|value| value.is_missing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fields::Show, sink::Out, testing::World};

    fn map(scale: Scale, range: (f64, f64)) -> HeatMap {
        let field = FieldRef::resolve("evt.buflen", Show::default()).unwrap();
        HeatMap::new(HeatSpec { field, scale, range, unit: Unit::Time, title: String::new() }, Some(90))
    }

    #[test]
    fn the_axis_names_powers_of_ten_where_they_stand() {
        let map = map(Scale::Log, (100.0, 1e10));
        let axis = map.axis();
        assert!(axis.starts_with("         |100ns    |1us      |10us "), "{axis}");
        assert!(axis.contains("|10ms") && axis.contains("|1s"), "{axis}");
        for (column, text) in map.ticks() {
            assert_eq!(&axis[MARGIN + column + 1..][..text.len()], text);
        }
    }

    #[test]
    fn a_line_has_colours_or_characters_or_numbers() {
        let world = World::new();
        let print = |palette, json| {
            let mut map = map(Scale::Linear, (0.0, 1000.0));
            for res in [1, 500, 501, 502, 999] {
                world.with(&world.read(10, 3, res, b"x"), |context| map.add(context));
            }
            let page = Page { out: Out::memory(), json, palette, began_ns: None, sample: None };
            map.print(&page, &world.state, 0).unwrap();
            page.out.text()
        };
        let plain = print(Palette::None, false);
        let line = plain.lines().nth(1).unwrap();
        assert_eq!(line.len(), MARGIN + 80, "{line}");
        assert_eq!((&line[9..10], &line[49..50], &line[88..]), (".", ".", "."));
        assert!(print(Palette::Many, false).contains("\x1b[48;5;22m \x1b[00m "));
        assert!(print(Palette::Sixteen, false).contains("\x1b[42m \x1b[00m "));
        assert!(print(Palette::None, true).ends_with("\"field\":\"evt.buflen\",\"data\":[[0,1],[500,3],[988,1]]}\n"));
        assert_eq!((HeatMap::level(1, 12), HeatMap::level(u64::MAX, 12)), (0, 11));
    }
}
