//! What lies over the screen: help, menus, questions, and the line that is typed.

use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr as _;

use super::{Style, cut, fill, put};
use crate::{
    format::escape,
    tui::{
        app::{Model, Offered, Overlay, PromptKind},
        keys::{Group, KEYS},
    },
    view::View,
};

/// Draws it. Returns where the cursor is, if it is there.
pub(super) fn draw(model: &Model, style: Style, area: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
    match model.overlay.as_ref()? {
        Overlay::Help { scroll } => text(" Help", &help(), *scroll, style, area, buffer),
        Overlay::Legend { scroll } => {
            let level = model.level();
            text(&format!(" {}", level.view.name), &legend(model), *scroll, style, area, buffer);
        }
        Overlay::Views { line, at } => return Some(views(model, &line.text(), *at, style, area, buffer)),
        Overlay::Sort { at } => {
            let level = model.level();
            let items: Vec<String> = level.shown.iter().map(|it| it.title.clone()).collect();
            menu("Sort by", &items, *at, style, area, buffer);
        }
        Overlay::Actions { at } => {
            let items = model.actions().into_iter().map(|Offered { key, title, command, dangerous, .. }| {
                let why = command.err().map(|why| format!("  ({why})")).unwrap_or_default();
                format!("{key}  {title}{}{why}", if dangerous { "..." } else { "" })
            });
            menu("Actions", &items.collect::<Vec<_>>(), *at, style, area, buffer);
        }
        Overlay::Confirm { what, yes, .. } => {
            let text = what.iter().map(|word| escape::escaped(word.as_bytes())).collect::<Vec<_>>().join(" ");
            let answers = if *yes { "  No   [Yes]" } else { " [No]   Yes " };
            menu("Do this?", &[text, String::new(), answers.to_owned()], 9, style, area, buffer);
        }
        Overlay::Prompt { kind, line, error, .. } => {
            let y = usize::from(area.height) - 1;
            let name = match kind {
                PromptKind::Search => "search: ",
                PromptKind::Filter => "filter: ",
                PromptKind::RowFilter => "rows with: ",
            };
            fill(buffer, area, y, style.plain());
            let blank = " ".repeat(area.width.into());
            put(buffer, area, 0, y, &blank, style.plain());
            put(buffer, area, 0, y, &format!("{name}{}", escape::escaped(line.text().as_bytes())), style.plain());
            if let Some((at, message)) = error {
                put(buffer, area, 0, y - 1, &blank, style.plain());
                let at = (name.width() + at).min(usize::from(area.width) / 2);
                put(buffer, area, at, y - 1, &format!("^ {message}"), style.warn(style.plain()));
            }
            let x = (name.width() + line.before().width()).min(usize::from(area.width) - 1);
            return Some((area.x + x as u16, area.y + y as u16));
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

fn help() -> Vec<String> {
    let mut lines = Vec::new();
    for (group, name) in Group::ALL {
        for (at, key) in KEYS.iter().filter(|key| key.group == group).enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(format!("{name:<8} {:<16}  {}", key.names.join(" "), key.about));
        }
    }
    lines.push(String::new());
    lines.push(
        "The mouse: a click selects a row, a second one goes into it, a click on a title sorts. Shift selects text."
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
    lines.push(String::new());
    lines.extend(level.shown.iter().map(|column| format!("{:<10}  {}", column.title, column.about)));
    if !model.log.is_empty() {
        lines.extend([String::new(), "Messages".to_owned()]);
        lines.extend(
            model.log.iter().flat_map(|text| escape::lines(text).lines().map(str::to_owned).collect::<Vec<_>>()),
        );
    }
    lines
}

/// A menu in the middle.
fn menu(title: &str, items: &[String], at: usize, style: Style, area: Rect, buffer: &mut Buffer) {
    let width = items.iter().map(|item| item.width()).chain([title.width()]).max().unwrap_or(0) + 4;
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
