//! The lines above the rows: what is shown, of what, since when; the way to here; and the last seconds.

use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr as _;

use super::{Style, cut, cut_left, fill, put, seconds, short};
use crate::{
    fields::Unit,
    format::{escape, units},
    tui::{
        app::Model,
        arrange::{GROUPS, Shape},
        level::Level,
    },
    view::Mode,
};

/// Between crumbs.
const BETWEEN: &str = " > ";

/// Name of the view, source, time, rates and losses; then the way to here.
pub(super) fn draw(model: &Model, style: Style, now: &str, timeline: bool, area: Rect, buffer: &mut Buffer) {
    let level = model.level();
    let name = match level.mode {
        Mode::Rows => level.view.name.clone(),
        Mode::Echo => format!("{}: I/O as {}", level.view.name, level.form.name()),
        Mode::Events => format!("{}: events", level.view.name),
        Mode::Heat => format!("{}: latency", level.view.name),
    };
    let wide = area.width >= 80;
    let mut right = if model.settings.replay { of_capture(model, wide) } else { of_machine(model, now, wide) };
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
    put(buffer, area, at, 0, &right, if model.frozen || model.truncated { style.warn(line) } else { line });
    if model.lost_now > 0 {
        let at = at + right.find(&lost).unwrap_or(0);
        put(buffer, area, at, 0, &lost, style.warn(line));
    }
    let count = count(level);
    let room = usize::from(area.width).saturating_sub(count.width() + 4);
    let crumbs: Vec<String> = crumbs(model).into_iter().map(|(text, _)| text).collect();
    put(buffer, area, 1, 1, &cut_left(&crumbs.join(BETWEEN), room), style.plain());
    let at = usize::from(area.width).saturating_sub(count.width() + 1);
    put(buffer, area, at, 1, &count, if level.stale && !model.frozen { style.dim() } else { style.plain() });
    if timeline {
        let width = 60.min(usize::from(area.width) - 50);
        let (seen, lost) = model.timeline.lines(width);
        let at = 1 + put(buffer, area, 1, 2, "events ", style.dim());
        let at = at + put(buffer, area, at, 2, &seen, style.plain());
        let rate = format!(" {}/s   lost ", short(model.seen_per_s));
        let at = at + put(buffer, area, at, 2, &rate, style.dim());
        let look = if lost.contains('!') { style.warn(style.plain()) } else { style.dim() };
        let shown: String = lost.chars().skip(lost.chars().count().saturating_sub(20)).collect();
        put(buffer, area, at, 2, &shown, look);
    }
}

/// How a live screen is: whether it is frozen, since when, and how much comes.
fn of_machine(model: &Model, now: &str, wide: bool) -> Vec<String> {
    let mut said = vec![if model.frozen { "PAUSED" } else { "LIVE" }.to_owned()];
    if let Some(behind_ms) = model.behind_ms().filter(|_| model.frozen) {
        said.push(format!("{} ago", seconds(behind_ms / 1000 * 1000)));
    }
    said.push(now.to_owned());
    if wide {
        said.push(format!("every {}", seconds(model.settings.interval_ms)));
        said.push(format!("{} events/s", short(model.seen_per_s)));
    }
    said
}

/// How far a capture is read, and how much it has.
fn of_capture(model: &Model, wide: bool) -> Vec<String> {
    let percent = |percent: f64| format!("{percent:.0} %");
    let read = model.read.filter(|read| *read <= 100.0).map(percent);
    let state = match (model.is_reading(), model.stopped, read) {
        (true, _, Some(read)) => format!("READING {read}"),
        (true, _, None) => "READING".to_owned(),
        (false, true, Some(read)) => format!("{read} of the FILE"),
        (false, true, None) => "part of the FILE".to_owned(),
        (false, false, _) => "FILE".to_owned(),
    };
    let mut said = vec![if model.truncated { format!("{state}, TRUNCATED") } else { state }];
    if !wide {
        return said;
    }
    said.push(format!("{} events", short(model.seen as f64)));
    let length_ns = model.level().frame.as_ref().map_or(0, |frame| frame.span.length_ns());
    said.extend((length_ns > 0).then(|| units::text(length_ns as f64, Unit::Time)));
    said
}

/// The way to here: what each crumb says, and the level that it leads to.
fn crumbs(model: &Model) -> Vec<(String, usize)> {
    let mut crumbs = vec![("all".to_owned(), 0)];
    let quoted = |filter: &String| (format!("[{}]", escape::escaped(filter.as_bytes())), 0);
    crumbs.extend(model.settings.filter.as_ref().map(quoted));
    for (at, level) in model.levels.iter().enumerate().filter(|(at, level)| *at > 0 || level.part.is_some()) {
        let part = level.part.as_ref().map(|part| {
            let value = escape::escaped(part.name.as_ref().unwrap_or(&part.value).as_bytes());
            if part.test.is_some() {
                return value;
            }
            format!("{} {value}", word(&part.field))
        });
        crumbs.push((part.unwrap_or_else(|| format!("{} {}", at + 1, level.view.name)), at));
    }
    if !model.typed.is_empty() {
        let (text, _) = quoted(&model.typed);
        crumbs.push((text, model.levels.len() - 1));
    }
    crumbs
}

/// What a field is in a crumb: `container web`, `proc 31`, `type openat`.
fn word(field: &str) -> &str {
    let last = field.rsplit('.').next().unwrap_or_default();
    let class = field.split('.').next().unwrap_or_default();
    if matches!(last, "name" | "id" | "pid") { class } else { last }
}

/// The level of the crumb at that column of the line of crumbs.
#[must_use]
pub fn crumb_at(model: &Model, x: usize) -> Option<usize> {
    let crumbs = crumbs(model);
    let all: usize = crumbs.iter().map(|(text, _)| text.width() + BETWEEN.len()).sum();
    let room = model.width.saturating_sub(count(model.level()).width() + 4);
    if all.saturating_sub(BETWEEN.len()) > room {
        // The left ones are cut: only Alt and a digit tell them apart.
        return None;
    }
    let mut at = 1;
    for (text, level) in crumbs {
        if (at..at + text.width()).contains(&x) {
            return Some(level);
        }
        at += text.width() + BETWEEN.len();
    }
    None
}

/// How many rows there are.
fn count(level: &Level) -> String {
    let shape = match level.tree.shape {
        Shape::Flat => String::new(),
        Shape::Tree => ", tree".to_owned(),
        Shape::Groups(by) => format!(", by {}", GROUPS[by].0),
    };
    let all = level.frame.as_ref().map_or(0, |frame| frame.rows.len());
    match level.mode {
        Mode::Heat => format!("{} lines", level.heat.lines.len()),
        _ if level.is_list() => {
            let mut said = vec![format!("{} kept", level.kept.len())];
            said.extend((level.unseen > 0).then(|| format!("{} new", level.unseen)));
            said.extend((level.gone > 0).then(|| format!("oldest {} gone", level.gone)));
            said.extend((level.left_out > 0).then(|| format!("{} not shown", level.left_out)));
            said.join(", ")
        }
        _ if level.tree.shape == Shape::Flat && all != level.len() => format!("{} of {all} rows", level.len()),
        _ => format!("{all} rows{shape}"),
    }
}
