//! Drawing a heat map: a line for each interval, a character for each range of latency.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Style as Look},
};

use super::{Style, put};
use crate::{
    format::{time, units},
    output::Scale,
    tui::{
        app::Model,
        heat::{COLUMNS, Selected},
    },
    view::heat::LIMITS,
};

/// Characters before the map: the time of day and a blank.
const MARGIN: usize = 10;
/// From few to many, without colours.
const SHADES: &[u8] = b".:-=+*#%@";
/// The same as colours of the 256: green, yellow, red.
const COLORS: [u8; 9] = [22, 28, 34, 40, 118, 190, 226, 208, 196];

/// Where the map itself is on a screen of that size: its width and height.
fn room(width: usize, height: usize) -> (usize, usize) {
    (width.saturating_sub(MARGIN + 1).max(1), height.saturating_sub(3))
}

/// The column and the line of the map at a place on the screen.
#[must_use]
pub fn heat_at(model: &Model, x: usize, y: usize) -> Option<(usize, usize)> {
    let lines = model.level().heat.lines.len();
    let (width, height) = room(model.width, model.page);
    let (x, y) = (x.checked_sub(MARGIN)?, y.checked_sub(model.head)?);
    let line = lines.saturating_sub(height) + y;
    (x < width && y < height && line < lines).then(|| ((x * COLUMNS).div_ceil(width).min(COLUMNS - 1), line))
}

/// Draws it: the newest line is the last one, and the axis is below.
pub(super) fn draw(model: &Model, style: Style, area: Rect, buffer: &mut Buffer) {
    let map = &model.level().heat;
    let (width, height) = room(area.width.into(), area.height.into());
    if map.lines.is_empty() {
        put(buffer, area, 2, 1, &model.empty(), style.dim());
    }
    let first = map.lines.len().saturating_sub(height);
    for (y, line) in map.lines.iter().skip(first).enumerate() {
        let mut clock = Vec::new();
        time::time_of_day(line.span.ended_ns, false, &mut clock);
        put(buffer, area, 1, y, &String::from_utf8_lossy(&clock), style.plain());
        let mut counts = vec![0.0; width];
        for row in &line.rows {
            if let [Some(from), Some(count)] = row.values[..] {
                counts[Scale::Log.column(from, LIMITS, width)] += count;
            }
        }
        for (x, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            let level = (count.log2().max(0.0) as usize).min(15) * (SHADES.len() - 1) / 15;
            let shade = char::from(SHADES[level]).to_string();
            let look = if style.colors {
                Look::default().bg(Color::Indexed(COLORS[level])).fg(Color::Black)
            } else {
                style.plain()
            };
            put(buffer, area, MARGIN + x, y, &shade, look);
        }
    }
    let bottom = usize::from(area.height);
    if let Some(Selected { columns: (first, last), lines }) = map.selected() {
        let at = |column: usize| column * width / COLUMNS;
        let shown = map.lines.len().saturating_sub(height);
        if let Some((from, to)) = lines {
            // The lines of what is selected, seen without colours, too.
            for line in from.max(shown)..=to.min((shown + height).saturating_sub(1)) {
                for x in at(first)..=at(last).min(width - 1) {
                    let cell = (area.x + (MARGIN + x) as u16, area.y + (line - shown) as u16);
                    if let Some(cell) = buffer.cell_mut(cell) {
                        cell.set_style(style.selected());
                    }
                }
                put(buffer, area, 0, line - shown, ">", style.strong(style.plain()));
            }
        }
        let marks: String = (0..width).map(|x| if (at(first)..=at(last)).contains(&x) { '^' } else { ' ' }).collect();
        put(buffer, area, MARGIN, bottom - 3, &marks, style.strong(style.plain()));
        let (selected, all) = map.counts();
        let text = map.test(true).map(|(_, text)| text).unwrap_or_default();
        let share = if all > 0.0 { 100.0 * selected / all } else { 0.0 };
        let said = format!("{text}: {selected:.0} events ({share:.1} %)   Enter shows them   Space sets a corner");
        put(buffer, area, 1, bottom - 1, &said, style.plain());
    } else {
        put(buffer, area, 1, bottom - 1, "arrows select latency and time, Enter shows the events", style.dim());
    }
    for power in 0..=11 {
        let value = 10f64.powi(power);
        let x = Scale::Log.column(value, LIMITS, width);
        let text = format!("|{}", units::time(value).replace(".00", ""));
        if x + text.len() <= width || power == 0 {
            put(buffer, area, MARGIN + x, bottom - 2, &text, style.dim());
        }
    }
}
