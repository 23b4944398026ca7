//! Menus in the middle of the screen, and the palette.

use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{Style, cut, fill, put};
use crate::{
    format::{escape, width::padded},
    tui::{
        actions::{Confirmed, Offered},
        app::{Item, Model},
        line::Line,
        palette::Offer,
    },
    view::spec::Order,
};

/// A menu in the middle, and what its keys do.
pub(super) fn menu(
    title: &str,
    items: &[String],
    at: usize,
    hint: &str,
    style: Style,
    area: Rect,
    buffer: &mut Buffer,
) {
    let width =
        items.iter().map(|item| item.width()).chain([title.width() + 2, hint.width() + 2]).max().unwrap_or(0) + 4;
    let width = width.min(usize::from(area.width) - 2);
    let height = (items.len() + 2).min(usize::from(area.height) - 2);
    let (x, y) = ((usize::from(area.width) - width) / 2, (usize::from(area.height) - height) / 2);
    let line = |left: &str, middle: &str| format!("{left}{}{left}", middle.repeat(width - 2));
    put(buffer, area, x, y, &line("+", "-"), style.plain());
    put(buffer, area, x + 2, y, &cut(&format!(" {title} "), width - 4), style.strong(style.plain()));
    let first = (at + 1).saturating_sub(height - 2).min(items.len().saturating_sub(height - 2));
    for (row, (number, item)) in items.iter().enumerate().skip(first).take(height - 2).enumerate() {
        put(buffer, area, x, y + 1 + row, &line("|", " "), style.plain());
        let look = if number == at { style.selected() } else { style.plain() };
        let text = cut(item, width - 4);
        let text = format!(" {text}{}", " ".repeat((width - 3).saturating_sub(text.width() + 1)));
        put(buffer, area, x + 1, y + 1 + row, &text, look);
    }
    put(buffer, area, x, y + height - 1, &line("+", "-"), style.plain());
    if !hint.is_empty() {
        put(buffer, area, x + 2, y + height - 1, &cut(&format!(" {hint} "), width - 4), style.dim());
    }
}

fn keyed(items: &[Item]) -> Vec<String> {
    items.iter().map(|item| format!("{}  {}", item.key.unwrap_or(' '), item.text)).collect()
}

pub(super) fn of_items(title: &str, items: &[Item], at: usize, style: Style, area: Rect, buffer: &mut Buffer) {
    menu(title, &keyed(items), at, "Esc close", style, area, buffer);
}

pub(super) fn cell(model: &Model, column: usize, at: usize, style: Style, area: Rect, buffer: &mut Buffer) {
    let (title, items) = model.cell_items(column);
    let title = cut(&title, usize::from(area.width).saturating_sub(12));
    menu(&title, &keyed(&items), at, "Left Right other cell", style, area, buffer);
}

pub(super) fn sort(model: &Model, at: usize, style: Style, area: Rect, buffer: &mut Buffer) {
    let level = model.level();
    let item = |column: &usize| {
        let mark = match (*column == level.sort, level.order) {
            (false, _) => " ",
            (true, Order::Down) => "v",
            (true, Order::Up) => "^",
        };
        format!("{mark} {}", level.shown[*column].title)
    };
    let items: Vec<String> = level.columns.iter().map(item).collect();
    menu("Sort by", &items, at, "", style, area, buffer);
}

pub(super) fn columns(model: &Model, at: usize, style: Style, area: Rect, buffer: &mut Buffer) {
    let level = model.level();
    let item = |column: usize| {
        let mark = if level.columns.contains(&column) { "[x]" } else { "[ ]" };
        let width = level.widths.get(&column).map(|width| format!("  {width} wide")).unwrap_or_default();
        format!("{mark} {:<12}{width}", level.shown[column].title)
    };
    let items: Vec<String> = level.all_columns().into_iter().map(item).collect();
    menu("Columns", &items, at, "Space show  Left Right move  + - width  r reset", style, area, buffer);
}

pub(super) fn actions(model: &Model, at: usize, style: Style, area: Rect, buffer: &mut Buffer) {
    let items = model.actions().into_iter().map(|Offered { key, title, command, dangerous, .. }| {
        let why = command.err().map(|why| format!("  ({why})")).unwrap_or_default();
        format!("{key}  {title}{}{why}", if dangerous { "..." } else { "" })
    });
    menu("Actions", &items.collect::<Vec<_>>(), at, "", style, area, buffer);
}

pub(super) fn confirm(what: &Confirmed, yes: bool, style: Style, area: Rect, buffer: &mut Buffer) {
    let mut lines = what.lines();
    let room = usize::from(area.height) - 6;
    if lines.len() > room {
        let more = lines.len() - room + 1;
        lines.truncate(room - 1);
        lines.push(format!("  and {more} more"));
    }
    let answers = if yes { "  No   [Yes]" } else { " [No]   Yes " };
    lines.extend([String::new(), answers.to_owned()]);
    menu("Do this?", &lines, usize::MAX - 1, "y yes  any other key no", style, area, buffer);
}

/// The palette: the line at the bottom, and what it can be above it.
pub(super) fn palette(
    model: &Model,
    line: &Line,
    at: usize,
    style: Style,
    area: Rect,
    buffer: &mut Buffer,
) -> (u16, u16) {
    let offers = model.offers(&line.text());
    let item = |Offer { word, argument, about }: &Offer| {
        let usage = if argument.is_empty() { word.clone() } else { format!("{word} {argument}") };
        format!("{}  {about}", padded(&usage, 30))
    };
    list(&offers.iter().map(item).collect::<Vec<_>>(), Some(at), style, area, buffer);
    prompt(":", line, style, area, buffer)
}

/// Lines above the prompt: as many as half of the screen has room for, the chosen one in sight.
pub(super) fn list(items: &[String], at: Option<usize>, style: Style, area: Rect, buffer: &mut Buffer) {
    let height = items.len().min(usize::from(area.height) / 2);
    let top = usize::from(area.height) - 1 - height;
    let first = (at.unwrap_or(0) + 1).saturating_sub(height).min(items.len() - height);
    let blank = " ".repeat(area.width.into());
    for (row, (number, item)) in items.iter().enumerate().skip(first).take(height).enumerate() {
        let look = if Some(number) == at { style.selected() } else { style.menu() };
        put(buffer, area, 0, top + row, &blank, look);
        put(buffer, area, 1, top + row, item, look);
    }
}

/// A line that is typed, at the bottom. Returns where the cursor is.
pub(super) fn prompt(name: &str, line: &Line, style: Style, area: Rect, buffer: &mut Buffer) -> (u16, u16) {
    let y = usize::from(area.height) - 1;
    fill(buffer, area, y, style.plain());
    put(buffer, area, 0, y, &" ".repeat(area.width.into()), style.plain());
    // As much of its end as has room, with the cursor in it.
    let room = usize::from(area.width).saturating_sub(name.width() + 1);
    let before = escape::escaped(line.before().as_bytes());
    let text = escape::escaped(line.text().as_bytes());
    let mut skipped = 0;
    let mut letters = text.chars();
    while before.width() - skipped > room
        && let Some(letter) = letters.next()
    {
        skipped += letter.width().unwrap_or(0);
    }
    let shown = letters.as_str();
    put(buffer, area, 0, y, &format!("{name}{shown}"), style.plain());
    let x = (name.width() + before.width() - skipped).min(usize::from(area.width) - 1);
    (area.x + x as u16, area.y + y as u16)
}
