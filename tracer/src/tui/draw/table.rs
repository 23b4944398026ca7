//! The rows: a table, a list, or lines of text.

use ratatui::{buffer::Buffer, layout::Rect, style::Style as Look};
use unicode_width::UnicodeWidthStr as _;

use super::{Style, cut, put, seconds};
use crate::{
    output::Row,
    tui::{
        app::Model,
        arrange::{Node, Shape, Spot},
        cells::is_number,
        history,
        level::Level,
    },
    view::{Mode, Place, spec::Order},
};

/// How wide the line of the last values is, and what the columns beside it need to have besides their wishes.
const PAST: usize = 15;
const BESIDE: usize = 20;

/// What is in a column of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// That column of all.
    Column(usize),
    /// The last values of that column.
    Past(usize),
}

/// A column on the screen: what is in it, where it begins, how wide it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placed {
    what: What,
    at: usize,
    width: usize,
}

/// The columns that have room: those that matter least are left out first, then each gets its wished width, and one what is left. Those
/// that are scrolled off to the left are not there; the key always is.
fn place(level: &Level, room: usize) -> Vec<Placed> {
    let key = level.key_column();
    let mut off = level.left.min(level.columns.len().saturating_sub(1 + usize::from(key.is_some())));
    let mut kept: Vec<usize> = Vec::new();
    for column in &level.columns {
        if Some(*column) != key && off > 0 {
            off -= 1;
        } else {
            kept.push(*column);
        }
    }
    let least_of = |column: usize| {
        level.widths.get(&column).map_or(usize::from(level.shown[column].least), |width| usize::from(*width))
    };
    let least = |kept: &[usize]| kept.iter().map(|column| least_of(*column) + 1).sum::<usize>();
    while kept.len() > 1 && least(&kept) > room {
        let goes = (0..kept.len())
            .filter(|at| kept[*at] != level.sort && Some(kept[*at]) != key)
            .min_by_key(|at| (level.shown[kept[*at]].keep, usize::MAX - at));
        let Some(goes) = goes else { break };
        kept.remove(goes);
    }
    let mut spare = room.saturating_sub(least(&kept));
    let mut placed = Vec::new();
    for column in kept {
        let least = least_of(column);
        let wished = level.shown[column].wished.filter(|_| !level.widths.contains_key(&column));
        let more = wished.map_or(0, |wished| usize::from(wished).saturating_sub(least)).min(spare);
        spare -= more;
        placed.push(Placed { what: What::Column(column), at: 0, width: least + more });
    }
    let takes_rest = |it: &Placed| matches!(it.what, What::Column(column) if level.shown[column].wished.is_none() && !level.widths.contains_key(&column));
    if let Some(column) = with_past(level).filter(|_| spare > PAST + BESIDE) {
        // Before the column that takes the rest, which is text.
        let at = placed.iter().position(takes_rest).unwrap_or(placed.len());
        placed.insert(at, Placed { what: What::Past(column), at: 0, width: PAST });
        spare -= PAST + 1;
    }
    // What is left goes to the column that takes the rest, or to the last one.
    if let Some(rest) = placed.iter().position(takes_rest).or(placed.len().checked_sub(1)) {
        placed[rest].width += spare.saturating_sub(1);
    }
    let mut at = 1;
    for it in &mut placed {
        it.at = at;
        at += it.width + 1;
    }
    placed
}

/// The column whose last values are shown: that which rows are sorted by, or the first that has them.
fn with_past(level: &Level) -> Option<usize> {
    let has = |column: &usize| level.shown[*column].history && level.history.len() > 1;
    std::iter::once(level.sort).chain(level.columns.iter().copied()).find(has)
}

/// The column whose title is at that place.
#[must_use]
pub fn column_at(model: &Model, x: usize) -> Option<usize> {
    let placed = place(model.level(), model.width);
    placed.iter().find(|it| (it.at..it.at + it.width).contains(&x)).map(|it| match it.what {
        What::Column(column) | What::Past(column) => column,
    })
}

/// Draws the rows. Returns where the cursor is: at the selected row.
pub(super) fn draw(model: &Model, style: Style, area: Rect, buffer: &mut Buffer) -> (u16, u16) {
    let level = model.level();
    let titles = usize::from(level.mode == Mode::Rows);
    let height = usize::from(area.height).saturating_sub(titles);
    let placed = place(level, usize::from(area.width));
    if titles == 1 {
        for it in &placed {
            title(model, *it, style, area, buffer);
        }
    }
    if level.len() == 0 {
        let text = model.empty();
        for (line, text) in super::over::wrapped(&text, usize::from(area.width).saturating_sub(4)).iter().enumerate() {
            put(buffer, area, 2, titles + 1 + line, text, style.dim());
        }
        return (area.x, area.y);
    }
    let largest: Vec<f64> = placed.iter().map(|it| largest(level, *it)).collect();
    let first = first(level, height);
    for (line, at) in (first..level.len()).take(height).enumerate() {
        let (Some(row), Some(spot)) = (level.row(at), level.spots.get(at)) else { break };
        let y = titles + line;
        let mut look = if at == level.at { style.selected() } else { style.plain() };
        let marked = !level.marked.is_empty() && level.marked.contains(&level.id(row));
        if marked {
            look = style.marked(look);
        }
        if level.stale && !model.frozen {
            look = look.patch(style.dim());
        }
        if level.mode == Mode::Rows {
            let has_ended = level.has_ended(at);
            if has_ended {
                look = look.patch(style.dim());
            }
            super::fill(buffer, area, y, look);
            let mark = match (marked, at == level.at) {
                (true, _) => "*",
                (false, _) if has_ended => "x",
                (false, true) => ">",
                (false, false) => " ",
            };
            put(buffer, area, 0, y, mark, look);
            for (it, largest) in placed.iter().zip(&largest) {
                cell(level, (row, *spot), *it, *largest, look, y, area, buffer);
            }
        } else {
            text(level, row, at, style, look, y, area, buffer);
        }
    }
    (area.x, area.y + (titles + level.at.saturating_sub(first)) as u16)
}

/// The largest of the last values of a column.
fn largest(level: &Level, it: Placed) -> f64 {
    match it.what {
        What::Past(column) => match level.shown[column].place {
            Place::Value(at) => level.history.largest(at, PAST),
            Place::Key(_) => 0.0,
        },
        What::Column(_) => 0.0,
    }
}

/// The first row on the screen.
fn first(level: &Level, height: usize) -> usize {
    let last = level.len().saturating_sub(height);
    let first = level.scroll.min(level.at).max((level.at + 1).saturating_sub(height));
    first.min(last)
}

fn title(model: &Model, it: Placed, style: Style, area: Rect, buffer: &mut Buffer) {
    let level = model.level();
    let column = match it.what {
        What::Column(column) => column,
        What::Past(column) => {
            let span = seconds(model.settings.interval_ms * PAST as u64);
            let text = cut(&format!("{} {span}", level.shown[column].title), it.width);
            put(buffer, area, it.at + it.width.saturating_sub(text.width()), 0, &text, style.titles());
            return;
        }
    };
    let is_sorted = column == level.sort && !level.is_list();
    let column = &level.shown[column];
    let mark = match (is_sorted, level.order) {
        (false, _) => "",
        (true, Order::Down) => " v",
        (true, Order::Up) => " ^",
    };
    let text = cut(&column.title, it.width.saturating_sub(mark.len())) + mark;
    let at = if is_number(column) { it.at + it.width.saturating_sub(text.width()) } else { it.at };
    put(buffer, area, at, 0, &text, if is_sorted { style.sorted() } else { style.titles() });
}

#[expect(clippy::too_many_arguments, reason = "a cell, how it looks, and where it goes")]
fn cell(
    level: &Level,
    (row, spot): (&Row, Spot),
    it: Placed,
    largest: f64,
    look: Look,
    y: usize,
    area: Rect,
    buffer: &mut Buffer,
) {
    let number = match it.what {
        What::Column(column) => column,
        What::Past(column) => {
            if let (Place::Value(at), true) = (level.shown[column].place, row.line.is_empty()) {
                let keys = row.keys.get(..level.keys()).unwrap_or_default();
                let text = history::line(&level.history.values(keys, at, PAST), largest, it.width);
                put(buffer, area, it.at, y, &text, look);
            }
            return;
        }
    };
    let column = &level.shown[number];
    let mut text = level.cell(column, row);
    if level.tree.shape != Shape::Flat && Some(number) == level.name_column() {
        let mark = match spot.node {
            Node::Leaf => "  ",
            Node::Open => "- ",
            Node::Folded => "+ ",
        };
        text = format!("{}{mark}{text}", "  ".repeat(spot.depth.into()));
    }
    let scrolled = level.left.saturating_sub(level.columns.len().saturating_sub(2));
    if column.wished.is_none() && scrolled > 0 {
        text = text.chars().skip(scrolled * 4).collect();
    }
    let text = cut(&text, it.width);
    let at = if is_number(column) { it.at + it.width.saturating_sub(text.width()) } else { it.at };
    put(buffer, area, at, y, &text, look);
}

#[expect(clippy::too_many_arguments, reason = "a row, how it looks, and where it goes")]
fn text(level: &Level, row: &Row, at: usize, style: Style, look: Look, y: usize, area: Rect, buffer: &mut Buffer) {
    let line: String = level.line(at).chars().skip(level.left).collect();
    let is_head = level.spots.get(at).is_some_and(|spot| spot.line == 0);
    let look = if level.mode == Mode::Echo && at != level.at && is_head {
        style.data(row.line.starts_with(b"read"))
    } else {
        look
    };
    if at == level.at {
        super::fill(buffer, area, y, look);
    }
    put(buffer, area, 0, y, &line, look);
}
