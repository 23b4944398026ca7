//! A line of a heat map: a character for each range of values, whose colour says how many events had one of them.

use crate::{
    fields::Unit,
    format::{color::RESET, time, units},
    output::{Frame, Palette, Scale},
    sample::Sample,
};

/// Lines between two axes.
const AXIS_EVERY: u32 = 20;
/// Characters before the columns: the time of day and a blank.
pub(in crate::output) const MARGIN: usize = 9;
/// From few to many, without colours.
const SHADES: &[u8] = b" .:-=+*#%@";
/// The same as backgrounds, of the 256: green, yellow, red.
const MANY: [u8; 12] = [22, 28, 34, 40, 46, 118, 154, 190, 226, 214, 202, 196];
/// The same of the sixteen.
const SIXTEEN: [u8; 4] = [42, 43, 41, 101];

/// The lines above a line: now and then, title and axis.
pub(in crate::output) fn head(frame: &Frame, scale: Scale, limits: (f64, f64), number: u32) -> Vec<String> {
    if !number.is_multiple_of(AXIS_EVERY) {
        return Vec::new();
    }
    let unit = frame.values.first().map(|column| column.unit).unwrap_or_default();
    let axis = Axis { scale, limits, columns: frame.rows.len(), unit };
    Sample::title(&frame.title, frame.sample).into_iter().chain([axis.line()]).collect()
}

/// Appends the line.
pub(in crate::output) fn line(frame: &Frame, palette: Palette, out: &mut Vec<u8>) {
    time::time_of_day(frame.span.ended_ns, false, out);
    out.push(b' ');
    let mut last = String::new();
    for row in &frame.rows {
        let count = row.values.get(1).copied().flatten().unwrap_or(0.0) as u64;
        let style = match (palette, count) {
            (Palette::None, _) | (_, 0) => String::new(),
            (Palette::Sixteen, count) => format!("\x1b[{}m", SIXTEEN[level(count, SIXTEEN.len())]),
            (Palette::Many, count) => format!("\x1b[48;5;{}m", MANY[level(count, MANY.len())]),
        };
        if style != last {
            out.extend_from_slice(if style.is_empty() { RESET } else { &style }.as_bytes());
            last = style;
        }
        out.push(match (palette, count) {
            (Palette::None, 1..) => SHADES[1 + level(count, SHADES.len() - 1)],
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

/// Colours stand for powers of two: one event is seen beside ten thousand.
fn level(count: u64, levels: usize) -> usize {
    let of_16 = (count.max(1).ilog2() as usize).min(15);
    of_16 * (levels - 1) / 15
}

/// What columns stand for.
struct Axis {
    scale: Scale,
    limits: (f64, f64),
    columns: usize,
    unit: Unit,
}

impl Axis {
    /// Where on the axis a number is, and the number. Of a logarithmic axis, powers of ten.
    fn ticks(&self) -> Vec<(usize, String)> {
        let (low, high) = self.limits;
        let short = |value: f64| match self.unit {
            // 10.00ms says no more than 10ms here.
            Unit::Time => units::time(value).replace(".00", "").replace(".50", ".5"),
            unit => units::text(value, unit),
        };
        let values: Vec<f64> = match self.scale {
            Scale::Linear => (0..4).map(|at| low + (high - low) * f64::from(at) / 4.0).collect(),
            Scale::Log => {
                std::iter::successors(Some(low), |value| Some(value * 10.0)).take_while(|it| *it < high).collect()
            }
        };
        let column = |value| self.scale.column(value, self.limits, self.columns);
        values.into_iter().map(|value| (column(value * (1.0 + 1e-9)), short(value))).collect()
    }

    fn line(&self) -> String {
        let mut line = " ".repeat(MARGIN);
        for (column, text) in self.ticks() {
            let at = MARGIN + column;
            // A number that does not fit after the last one is left out.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_names_powers_of_ten_where_they_are() {
        let axis = Axis { scale: Scale::Log, limits: (100.0, 1e10), columns: 80, unit: Unit::Time };
        let line = axis.line();
        assert!(line.starts_with("         |100ns    |1us      |10us "), "{line}");
        assert!(line.contains("|10ms") && line.contains("|1s"), "{line}");
        for (column, text) in axis.ticks() {
            assert_eq!(&line[MARGIN + column + 1..][..text.len()], text);
        }
        assert_eq!((level(1, 12), level(u64::MAX, 12)), (0, 11));
    }
}
