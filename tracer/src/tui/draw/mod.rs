//! Drawing: from what the interface knows to cells, and nothing else.

mod heat;
mod over;
mod style;
mod table;

pub use style::Style;
pub use table::column_at;

use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{app::Model, keys::KEYS};
use crate::view::Mode;

/// Lines above the rows, without the titles of the columns.
pub const HEAD: usize = 2;
/// The least size that anything is shown on.
pub const LEAST: (u16, u16) = (40, 12);

/// Draws everything. Returns how many rows have room, and where the cursor is.
pub fn draw(model: &Model, style: Style, now: &str, area: Rect, buffer: &mut Buffer) -> (usize, (u16, u16)) {
    buffer.reset();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("screen too small ({}x{}, {}x{} needed)", area.width, area.height, LEAST.0, LEAST.1);
        put(buffer, area, 0, 0, &text, style.plain());
        return (1, (0, 0));
    }
    head(model, style, now, area, buffer);
    let rows = Rect { y: area.y + HEAD as u16, height: area.height - HEAD as u16 - 1, ..area };
    let level = model.level();
    let page = usize::from(rows.height).saturating_sub(usize::from(level.mode == Mode::Rows));
    let mut cursor = (rows.x, rows.y);
    if level.mode == Mode::Heat {
        heat::draw(model, style, rows, buffer);
    } else {
        cursor = table::draw(model, style, rows, buffer);
    }
    bottom(model, style, area, buffer);
    if let Some(at) = over::draw(model, style, area, buffer) {
        cursor = at;
    }
    (page, cursor)
}

/// Name of the view, source, time, rates and losses; then the way to here.
fn head(model: &Model, style: Style, now: &str, area: Rect, buffer: &mut Buffer) {
    let level = model.level();
    let name = match level.mode {
        Mode::Rows => level.view.name.clone(),
        Mode::Echo => format!("{}: I/O", level.view.name),
        Mode::Events => format!("{}: events", level.view.name),
        Mode::Heat => format!("{}: latency", level.view.name),
    };
    let state = match (model.frozen, model.settings.replay, model.ended) {
        (true, ..) => "PAUSED",
        (_, true, false) => "READING",
        (_, true, true) => "FILE",
        (_, false, _) => "LIVE",
    };
    let wide = area.width >= 80;
    let mut right = vec![state.to_owned(), now.to_owned()];
    if wide {
        right.push(format!("every {}", seconds(model.settings.interval_ms)));
        right.push(format!("{} events/s", short(model.seen_per_s)));
    }
    let lost = format!("lost {}", model.lost);
    right.push(lost.clone());
    let sample = level.frame.as_ref().and_then(|frame| frame.sample);
    right.extend(sample.map(|sample| sample.to_string()));
    let right = right.join("  ");
    let line = style.head();
    fill(buffer, area, 0, line);
    put(buffer, area, 1, 0, &name, style.strong(line));
    let at = usize::from(area.width).saturating_sub(right.width() + 1).max(name.width() + 2);
    if wide {
        let source = format!("  {}", model.settings.source);
        put(buffer, area, 1 + name.width(), 0, &cut(&source, at.saturating_sub(name.width() + 2)), line);
    }
    put(buffer, area, at, 0, &right, if model.frozen { style.warn(line) } else { line });
    if model.lost_now > 0 {
        let at = at + right.find(&lost).unwrap_or(0);
        put(buffer, area, at, 0, &lost, style.warn(line));
    }
    let mut crumbs = vec!["all".to_owned()];
    crumbs.extend(
        model.settings.filter.iter().map(|filter| format!("[{}]", crate::format::escape::escaped(filter.as_bytes()))),
    );
    for (at, level) in model.levels.iter().enumerate().skip(1) {
        let part = level.part.as_ref().map(|part| {
            let field = part.field.rsplit('.').next().unwrap_or_default();
            let class = part.field.split('.').next().unwrap_or_default();
            let value = crate::format::escape::escaped(part.value.as_bytes());
            if part.test.is_some() {
                return value;
            }
            if field == "name" || field == "id" || field == "pid" {
                format!("{class} {value}")
            } else {
                format!("{field} {value}")
            }
        });
        crumbs.push(part.unwrap_or_else(|| format!("{} {}", at + 1, level.view.name)));
    }
    if !model.typed.is_empty() {
        crumbs.push(format!("[{}]", crate::format::escape::escaped(model.typed.as_bytes())));
    }
    let count = match level.frame.as_ref().map(|frame| frame.rows.len()) {
        _ if level.mode == Mode::Heat => format!("{} lines", level.heat.lines.len()),
        Some(all) if !level.is_list() && all != level.len() => format!("{} of {all} rows", level.len()),
        _ if level.is_list() && level.left_out > 0 => format!("{} kept, {} not shown", level.len(), level.left_out),
        _ => format!("{} rows", level.len()),
    };
    let room = usize::from(area.width).saturating_sub(count.width() + 4);
    put(buffer, area, 1, 1, &cut_left(&crumbs.join(" > "), room), style.plain());
    let at = usize::from(area.width).saturating_sub(count.width() + 1);
    put(buffer, area, at, 1, &count, if level.stale { style.dim() } else { style.plain() });
}

/// What is said, or the keys.
fn bottom(model: &Model, style: Style, area: Rect, buffer: &mut Buffer) {
    let y = usize::from(area.height) - 1;
    if let Some(said) = &model.said {
        put(buffer, area, 0, y, &cut(said, usize::from(area.width)), style.warn(style.plain()));
        return;
    }
    fill(buffer, area, y, style.head());
    let level = model.level();
    let count = level.len();
    let place = format!("{}/{count}", (level.at + 1).min(count));
    let room = usize::from(area.width).saturating_sub(place.width() + 2);
    let mut at = 0;
    for (key, word) in KEYS.iter().filter_map(|key| Some((key, key.bar?))) {
        let Some(name) = key.names.first().filter(|_| area.width >= 100).or(key.names.get(1)) else { continue };
        let width = name.width() + word.width() + 1;
        if at + width > room {
            break;
        }
        put(buffer, area, at, y, name, style.strong(style.head()));
        put(buffer, area, at + name.width(), y, word, style.head());
        at += width;
    }
    put(buffer, area, usize::from(area.width).saturating_sub(place.width() + 1), y, &place, style.head());
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

/// A count in three digits.
fn short(count: f64) -> String {
    match count {
        ..10_000.0 => format!("{count:.0}"),
        ..1e6 => format!("{:.0}k", count / 1e3),
        _ => format!("{:.1}M", count / 1e6),
    }
}

fn fill(buffer: &mut Buffer, area: Rect, y: usize, style: ratatui::style::Style) {
    let line = Rect { y: area.y + y as u16, height: 1, ..area };
    buffer.set_style(line.intersection(area), style);
}

/// Writes text that was escaped; what has no room is left out. Returns the columns that it takes.
pub(super) fn put(
    buffer: &mut Buffer,
    area: Rect,
    x: usize,
    y: usize,
    text: &str,
    style: ratatui::style::Style,
) -> usize {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    if x >= width || y >= height {
        return 0;
    }
    let text = cut(text, width - x);
    buffer.set_string(area.x + x as u16, area.y + y as u16, &text, style);
    text.width()
}

/// As much of the beginning as fits, with a mark when it is not all. Characters without width are left out: a run of them would take
/// the place of others.
pub(super) fn cut(text: &str, room: usize) -> String {
    let shown = |character: &char| character.width().unwrap_or(0) > 0;
    let mut out: String = text.chars().filter(shown).collect();
    if out.width() <= room {
        return out;
    }
    while out.width() + 1 > room && out.pop().is_some() {}
    if room > 0 { out + "…" } else { String::new() }
}

/// The same for the end.
fn cut_left(text: &str, room: usize) -> String {
    let mut out: Vec<char> = text.chars().filter(|character| character.width().unwrap_or(0) > 0).collect();
    let width = |out: &[char]| out.iter().map(|it| it.width().unwrap_or(0)).sum::<usize>();
    if width(&out) <= room {
        return out.into_iter().collect();
    }
    while width(&out) + 1 > room && !out.is_empty() {
        out.remove(0);
    }
    if room > 0 { std::iter::once('…').chain(out).collect() } else { String::new() }
}
