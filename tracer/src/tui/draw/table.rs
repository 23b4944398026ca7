//! The rows: a table, a list, or lines of text.

use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr as _;

use super::{Style, cut, put};
use crate::{
    format::escape,
    output::Row,
    tui::{
        app::Model,
        level::{Level, is_number},
    },
    view::{Mode, Shown, spec::Order},
};

/// A column on the screen: which one, where it begins, how wide it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placed {
    column: usize,
    at: usize,
    width: usize,
}

/// The columns that have room: those that matter least are left out first, then each gets its wished width, and the last one what is left.
fn place(columns: &[Shown], sort: usize, room: usize) -> Vec<Placed> {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let least = |kept: &[usize]| kept.iter().map(|at| usize::from(columns[*at].least) + 1).sum::<usize>();
    while kept.len() > 1 && least(&kept) > room {
        let goes =
            (0..kept.len()).filter(|at| kept[*at] != sort).min_by_key(|at| (columns[kept[*at]].keep, usize::MAX - at));
        let Some(goes) = goes else { break };
        kept.remove(goes);
    }
    let mut spare = room.saturating_sub(least(&kept));
    let mut at = 1;
    let mut placed = Vec::new();
    for column in kept {
        let shown = &columns[column];
        let least = usize::from(shown.least);
        let more = shown.wished.map_or(0, |wished| usize::from(wished) - least).min(spare);
        spare -= more;
        placed.push(Placed { column, at, width: least + more });
        at += least + more + 1;
    }
    // What is left goes to the column that takes the rest, or to the last one.
    let rest = placed.iter().position(|it| columns[it.column].wished.is_none()).or(placed.len().checked_sub(1));
    if let Some(rest) = rest {
        placed[rest].width += spare.saturating_sub(1);
        let moved = spare.saturating_sub(1);
        placed.iter_mut().skip(rest + 1).for_each(|it| it.at += moved);
    }
    placed
}

/// The column whose title is at that place.
#[must_use]
pub fn column_at(model: &Model, x: usize) -> Option<usize> {
    let level = model.level();
    let placed = place(&level.shown, level.sort, model.width);
    placed.iter().find(|it| (it.at..it.at + it.width).contains(&x)).map(|it| it.column)
}

/// Draws the rows. Returns where the cursor is: at the selected row.
pub(super) fn draw(model: &Model, style: Style, area: Rect, buffer: &mut Buffer) -> (u16, u16) {
    let level = model.level();
    let titles = usize::from(level.mode == Mode::Rows);
    let height = usize::from(area.height).saturating_sub(titles);
    let placed = place(&level.shown, level.sort, usize::from(area.width));
    if titles == 1 {
        for it in &placed {
            title(level, *it, style, area, buffer);
        }
    }
    if level.len() == 0 {
        let text = model.empty();
        for (line, text) in super::over::wrapped(&text, usize::from(area.width).saturating_sub(4)).iter().enumerate() {
            put(buffer, area, 2, titles + 1 + line, text, style.dim());
        }
        return (area.x, area.y);
    }
    let first = first(level, height);
    for (line, at) in (first..level.len()).take(height).enumerate() {
        let Some(row) = level.row(at) else { break };
        let y = titles + line;
        let mut look = if at == level.at { style.selected() } else { style.plain() };
        let marked = level.marked.contains(&row.keys);
        if marked {
            look = style.marked(look);
        }
        if level.stale {
            look = look.patch(style.dim());
        }
        if level.mode == Mode::Rows {
            super::fill(buffer, area, y, look);
            put(
                buffer,
                area,
                0,
                y,
                if marked {
                    "*"
                } else if at == level.at {
                    ">"
                } else {
                    " "
                },
                look,
            );
            for it in &placed {
                cell(level, row, *it, look, y, area, buffer);
            }
        } else {
            text(level, row, at, style, look, y, area, buffer);
        }
    }
    (area.x, area.y + (titles + level.at.saturating_sub(first)) as u16)
}

/// The first row on the screen.
fn first(level: &Level, height: usize) -> usize {
    let last = level.len().saturating_sub(height);
    let first = level.scroll.min(level.at).max((level.at + 1).saturating_sub(height));
    first.min(last)
}

fn title(level: &Level, it: Placed, style: Style, area: Rect, buffer: &mut Buffer) {
    let column = &level.shown[it.column];
    let is_sorted = it.column == level.sort && !level.is_list();
    let mark = match (is_sorted, level.order) {
        (false, _) => "",
        (true, Order::Down) => " v",
        (true, Order::Up) => " ^",
    };
    let text = cut(&column.title, it.width.saturating_sub(mark.len())) + mark;
    let at = if is_number(column) { it.at + it.width.saturating_sub(text.width()) } else { it.at };
    put(buffer, area, at, 0, &text, if is_sorted { style.sorted() } else { style.titles() });
}

fn cell(level: &Level, row: &Row, it: Placed, look: ratatui::style::Style, y: usize, area: Rect, buffer: &mut Buffer) {
    let column = &level.shown[it.column];
    let mut text = level.cell(column, row);
    if column.wished.is_none() && level.left > 0 {
        text = text.chars().skip(level.left).collect();
    }
    let text = cut(&text, it.width);
    let at = if is_number(column) { it.at + it.width.saturating_sub(text.width()) } else { it.at };
    put(buffer, area, at, y, &text, look);
}

#[expect(clippy::too_many_arguments, reason = "a row, how it looks, and where it goes")]
fn text(
    level: &Level,
    row: &Row,
    at: usize,
    style: Style,
    look: ratatui::style::Style,
    y: usize,
    area: Rect,
    buffer: &mut Buffer,
) {
    let line = escape::escaped(&row.line);
    let line: String = line.chars().skip(level.left).collect();
    let look =
        if level.mode == Mode::Echo && at != level.at { style.data(row.line.starts_with(b"read")) } else { look };
    put(buffer, area, 0, y, &line, look);
}
