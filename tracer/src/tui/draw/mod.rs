//! Drawing: from what the interface knows to cells, and nothing else.

mod head;
mod heat;
mod menus;
mod over;
mod pane;
mod style;
mod table;

pub use head::crumb_at;
pub use heat::heat_at;
pub use style::{Style, Theme};
pub use table::column_at;

use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{app::Model, keymap::Bound, keys::Do};
use crate::view::Mode;

/// The least size that anything is shown on.
pub const LEAST: (u16, u16) = (40, 12);
/// The least size with a line of the last seconds.
const WITH_TIMELINE: (u16, u16) = (100, 30);

/// Where things are, for whoever takes keys and the mouse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drawn {
    /// How many rows have room.
    pub page: usize,
    /// Lines above the titles of the columns.
    pub head: usize,
    /// Where the cursor is.
    pub cursor: (u16, u16),
}

impl Drawn {
    /// Tells the model, which keeps the selected row in sight.
    pub fn tell(self, model: &mut Model, width: u16) {
        (model.page, model.head, model.width) = (self.page, self.head, usize::from(width));
        model.level_mut().keep_in_sight(self.page);
    }
}

/// Draws everything.
pub fn draw(model: &Model, style: Style, now: &str, area: Rect, buffer: &mut Buffer) -> Drawn {
    buffer.reset();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("screen too small ({}x{}, {}x{} needed)", area.width, area.height, LEAST.0, LEAST.1);
        put(buffer, area, 0, 0, &text, style.plain());
        return Drawn { page: 1, head: 2, cursor: (0, 0) };
    }
    let has_timeline = area.width >= WITH_TIMELINE.0 && area.height >= WITH_TIMELINE.1 && !model.settings.replay;
    let head = if has_timeline { 3 } else { 2 };
    head::draw(model, style, now, has_timeline, area, buffer);
    let mut rows = Rect { y: area.y + head, height: area.height - head - 1, ..area };
    let level = model.level();
    if model.pane.is_shown() && level.mode != Mode::Heat {
        let height = pane::height(model.pane.size, rows.height);
        rows.height -= height;
        let below = Rect { y: rows.y + rows.height, height, ..rows };
        pane::draw(model, style, below, buffer);
    }
    let page = usize::from(rows.height).saturating_sub(usize::from(level.mode == Mode::Rows));
    let mut cursor = (rows.x, rows.y);
    if level.mode == Mode::Heat {
        heat::draw(model, style, rows, buffer);
    } else if rows.height > 0 {
        cursor = table::draw(model, style, rows, buffer);
    }
    bottom(model, style, area, buffer);
    if let Some(at) = over::draw(model, style, area, buffer) {
        cursor = at;
    }
    Drawn { page, head: head.into(), cursor }
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
    let entry = |bound: &'_ Bound| {
        let short = bound.names.iter().min_by_key(|name| name.len());
        let name = bound.names.first().filter(|_| area.width >= 100).or(short)?;
        Some((name.clone(), bound.key.bar?, bound.key.act == Do::Quit))
    };
    let entries: Vec<_> = model.keys.bound.iter().filter_map(entry).collect();
    let width = |(name, word, _): &(String, &str, bool)| name.width() + word.width() + 1;
    // How one gets out always has room.
    let last: usize = entries.iter().filter(|(.., quits)| *quits).map(width).sum();
    let mut at = 0;
    for it in &entries {
        let (name, word, quits) = it;
        if at + width(it) + if *quits { 0 } else { last } > room {
            continue;
        }
        put(buffer, area, at, y, name, style.strong(style.head()));
        put(buffer, area, at + name.width(), y, word, style.head());
        at += width(it);
    }
    put(buffer, area, usize::from(area.width).saturating_sub(place.width() + 1), y, &place, style.head());
}

pub(super) fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

/// A count in three digits.
pub(super) fn short(count: f64) -> String {
    match count {
        ..10_000.0 => format!("{count:.0}"),
        ..1e6 => format!("{:.0}k", count / 1e3),
        _ => format!("{:.1}M", count / 1e6),
    }
}

pub(super) fn fill(buffer: &mut Buffer, area: Rect, y: usize, style: ratatui::style::Style) {
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
    fitting(text.chars(), room)
}

/// The same for the end.
pub(super) fn cut_left(text: &str, room: usize) -> String {
    fitting(text.chars().rev(), room).chars().rev().collect()
}

/// The characters that fit, with a mark when they are not all. A text may be a thousand times as long as the screen is wide: only what is looked
/// at counts.
fn fitting(characters: impl Iterator<Item = char>, room: usize) -> String {
    let (mut out, mut taken) = (String::new(), 0);
    for character in characters {
        let width = character.width().unwrap_or(0);
        if width == 0 {
            continue;
        }
        if taken + width > room {
            while taken + 1 > room
                && let Some(last) = out.pop()
            {
                taken -= last.width().unwrap_or(0);
            }
            if room > 0 {
                out.push('…');
            }
            return out;
        }
        out.push(character);
        taken += width;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s028_s080_what_is_cut_has_a_mark_and_its_width() {
        assert_eq!((cut("abc", 3).as_str(), cut("abcd", 3).as_str(), cut("abcd", 1).as_str()), ("abc", "ab…", "…"));
        assert_eq!(
            (cut("日本語", 5).as_str(), cut("日本語", 6).as_str(), cut("x", 0).as_str()),
            ("日本…", "日本語", "")
        );
        assert_eq!(cut("e\u{301}\u{200b}f", 2), "ef");
        assert_eq!((cut_left("abcd", 3).as_str(), cut_left("日本語", 5).as_str()), ("…cd", "…本語"));
        // As long as the longest value that is kept, and no slower.
        let long = "日".repeat(1 << 20);
        for _ in 0..1000 {
            assert_eq!(cut(&long, 80).width(), 79);
        }
    }
}
