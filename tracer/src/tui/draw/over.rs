//! What lies over the screen: help, menus, questions, and the line that is typed.

use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr as _;

use super::{Style, cut, fill, menus, put};
use crate::{
    fields,
    format::{escape, width::padded},
    tui::{
        app::{Model, Overlay, PromptKind},
        keymap::Keys,
        keys::Group,
    },
    view::View,
};

/// The most candidates that are listed.
const MAX_CANDIDATES: usize = 8;

/// Draws it. Returns where the cursor is, if it is there.
pub(super) fn draw(model: &Model, style: Style, area: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
    match model.overlay.as_ref()? {
        Overlay::Help { scroll } => text(" Help", &help(&model.keys), *scroll, style, area, buffer),
        Overlay::Legend { scroll } => {
            let level = model.level();
            text(&format!(" {}", level.view.name), &legend(model), *scroll, style, area, buffer);
        }
        Overlay::Views { line, at } => return Some(views(model, &line.text(), *at, style, area, buffer)),
        Overlay::Sort { at } => menus::sort(model, *at, style, area, buffer),
        Overlay::Columns { at } => menus::columns(model, *at, style, area, buffer),
        Overlay::Cell { column, at } => menus::cell(model, *column, *at, style, area, buffer),
        Overlay::Menu { title, items, at } => menus::of_items(title, items, *at, style, area, buffer),
        Overlay::Actions { at } => menus::actions(model, *at, style, area, buffer),
        Overlay::Confirm { what, yes } => menus::confirm(what, *yes, style, area, buffer),
        Overlay::Palette { line, at } => {
            let cursor = menus::palette(model, line, *at, style, area, buffer);
            if let Some(said) = &model.said {
                let y = usize::from(area.height) - 1;
                put(buffer, area, usize::from(cursor.0) + 3, y, said, style.warn(style.plain()));
            }
            return Some(cursor);
        }
        Overlay::Prompt { kind, line, error, .. } => {
            let name = match kind {
                PromptKind::Search => "search: ",
                PromptKind::Filter => "filter: ",
                PromptKind::RowFilter => "rows with: ",
            };
            let cursor = menus::prompt(name, line, style, area, buffer);
            let y = usize::from(area.height) - 1;
            let blank = " ".repeat(area.width.into());
            let candidates = if *kind == PromptKind::Filter { model.candidates(line).texts } else { Vec::new() };
            if !candidates.is_empty() {
                let mut lines: Vec<String> =
                    candidates.iter().take(MAX_CANDIDATES).map(|name| described(name)).collect();
                let more = candidates.len() - lines.len();
                lines.push(if more > 0 { format!("and {more} more   Tab completes") } else { "Tab completes".into() });
                menus::list(&lines, None, style, area, buffer);
            } else if let Some((at, message)) = error {
                put(buffer, area, 0, y - 1, &blank, style.plain());
                let at = (name.width() + at).min(usize::from(area.width) / 2);
                put(buffer, area, at, y - 1, &format!("^ {message}"), style.warn(style.plain()));
            }
            if let Some(said) = model.said.as_ref().filter(|_| *kind == PromptKind::Search) {
                put(buffer, area, usize::from(cursor.0) + 3, y, said, style.dim());
            }
            return Some(cursor);
        }
    }
    None
}

/// A text over the whole screen.
fn text(title: &str, lines: &[String], scroll: usize, style: Style, area: Rect, buffer: &mut Buffer) {
    buffer.reset();
    fill(buffer, area, 0, style.head());
    put(buffer, area, 0, 0, title, style.strong(style.head()));
    let width = usize::from(area.width).saturating_sub(2);
    let lines: Vec<String> = lines.iter().flat_map(|line| wrapped(line, width)).collect();
    let height = usize::from(area.height) - 2;
    let scroll = scroll.min(lines.len().saturating_sub(height));
    for (y, line) in lines.iter().skip(scroll).take(height).enumerate() {
        put(buffer, area, 1, y + 1, line, style.plain());
    }
    let y = usize::from(area.height) - 1;
    fill(buffer, area, y, style.head());
    put(buffer, area, 1, y, "Up Down PgUp PgDn scroll, any other key closes", style.head());
}

/// Lines that fit, broken at blanks; what follows is as far in as the words of the first one.
pub(super) fn wrapped(line: &str, width: usize) -> Vec<String> {
    if line.width() <= width || width < 20 {
        return vec![line.to_owned()];
    }
    let indent = line.find("  ").map_or(0, |at| at + line[at..].len() - line[at..].trim_start().len()).min(width / 2);
    let (mut lines, mut current) = (Vec::new(), String::new());
    for word in line.split_inclusive(' ') {
        if (current.width() + word.trim_end().width()) > width && !current.trim().is_empty() {
            lines.push(std::mem::replace(&mut current, " ".repeat(indent)));
        }
        current += word;
    }
    lines.push(current);
    lines
}

/// A candidate, and what it means if it is a field.
fn described(name: &str) -> String {
    match fields::all().find(|field| field.name == name) {
        Some(field) => format!("{name:<24}  {:<9}  {}", field.kind.name(), field.doc),
        None => name.to_owned(),
    }
}

fn help(keys: &Keys) -> Vec<String> {
    let mut lines = Vec::new();
    for (group, name) in Group::ALL {
        let of_group = keys.bound.iter().filter(|bound| bound.key.group == group && !bound.names.is_empty());
        for (at, bound) in of_group.enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(format!("{name:<8} {:<16}  {}", bound.names.join(" "), bound.key.about));
        }
    }
    let changed = if keys.changed.is_empty() { "none".to_owned() } else { keys.changed.join(", ") };
    lines.extend([String::new(), format!("Keys that you changed in keys.toml: {changed}"), String::new()]);
    lines.push(
        "The mouse: a click selects a row, a second one goes into it, a click on a title sorts, one on a crumb goes there; the right \
         button opens the menu of a cell. In the heat map, dragging selects. Shift selects text."
            .into(),
    );
    lines
}

fn legend(model: &Model) -> Vec<String> {
    let level = model.level();
    let View { id, summary, tips, filter, .. } = &level.view;
    let mut lines = vec![format!("{summary}.")];
    lines.extend(tips.iter().cloned());
    lines.extend([String::new(), format!("View     {id}")]);
    lines.extend(filter.iter().map(|filter| format!("Filter   {filter}")));
    lines.push(format!("Losses   {} events were lost in all", model.lost));
    lines.push("Marks    * marked, x has ended, - not known, ~ an estimate".into());
    lines.push(String::new());
    lines.extend(level.shown.iter().map(|column| format!("{}  {}", padded(&column.title, 10), column.about)));
    if !model.explained.is_empty() {
        lines.extend([String::new(), "What the kernel does for it".to_owned()]);
        lines.extend(model.explained.iter().cloned());
    }
    if !model.log.is_empty() {
        lines.extend([String::new(), "Messages".to_owned()]);
        lines.extend(
            model.log.iter().flat_map(|text| escape::lines(text).lines().map(str::to_owned).collect::<Vec<_>>()),
        );
    }
    lines
}

fn views(model: &Model, typed: &str, at: usize, style: Style, area: Rect, buffer: &mut Buffer) -> (u16, u16) {
    buffer.reset();
    let prompt = format!(" Choose a view  > {}", escape::escaped(typed.as_bytes()));
    let chosen = model.chosen(typed);
    put(buffer, area, 0, 0, &prompt, style.strong(style.plain()));
    let count = format!("{} of {}", chosen.len(), model.views.len());
    put(buffer, area, usize::from(area.width).saturating_sub(count.width() + 1), 0, &count, style.plain());
    let list = 24.min(usize::from(area.width) / 2);
    let height = usize::from(area.height) - 3;
    let first = (at + 1).saturating_sub(height);
    for (row, (number, (view, why))) in chosen.iter().enumerate().skip(first).take(height).enumerate() {
        let look = match (number == at, why) {
            (true, _) => style.selected(),
            (false, Some(_)) => style.dim(),
            (false, None) => style.plain(),
        };
        let name = cut(&view.name, list - 2);
        put(buffer, area, 0, row + 1, &format!(" {name}{}", " ".repeat((list - 1).saturating_sub(name.width()))), look);
    }
    if let Some((view, why)) = chosen.get(at) {
        let width = usize::from(area.width) - list - 2;
        let mut lines = vec![format!("{}.", view.summary), String::new()];
        lines.extend(why.iter().map(|why| format!("Here     {why}")));
        lines.extend(view.filter.iter().map(|filter| format!("Filter   {filter}")));
        lines.extend(view.columns.iter().map(|column| format!("{:<9}{}", column.title, column.about)));
        let lines: Vec<String> = lines.iter().flat_map(|line| wrapped(line, width)).collect();
        for (row, line) in lines.iter().take(height).enumerate() {
            put(buffer, area, list + 1, row + 1, line, style.plain());
        }
    }
    let y = usize::from(area.height) - 1;
    put(buffer, area, 0, y, " Enter open   Esc close   type to narrow", style.dim());
    (area.x + prompt.width().min(usize::from(area.width) - 1) as u16, area.y)
}
