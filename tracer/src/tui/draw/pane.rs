//! The pane of fields, below the rows.

use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{Style, cut, put};
use crate::{
    format::escape,
    tui::{
        app::Model,
        data::DataForm,
        pane::{Line, Size},
    },
};

/// The widest name that is not cut.
const NAME: usize = 30;

/// How many lines it takes of so many.
pub(super) fn height(size: Size, of: u16) -> u16 {
    match size {
        Size::Off => 0,
        Size::Half => (of / 2).max(4).min(of.saturating_sub(3)),
        Size::Full => of,
    }
}

/// Draws it: its fields with their values whole, the selected one in sight.
pub(super) fn draw(model: &Model, style: Style, area: Rect, buffer: &mut Buffer) {
    let fields = model.details();
    let width = usize::from(area.width);
    let keys = if model.pane.focus { "Enter menu  Esc back to the rows" } else { "Tab to the fields  i larger, off" };
    let title = format!("- detail - {} fields - b {} - {keys} ", fields.len(), model.level().form.name());
    let line = format!("{title}{}", "-".repeat(width.saturating_sub(title.width())));
    put(buffer, area, 0, 0, &line, if model.pane.focus { style.strong(style.plain()) } else { style.dim() });
    let name_width = fields.iter().map(|field| field.name.width()).max().unwrap_or(0).min(NAME);
    let room = width.saturating_sub(name_width + 4).max(1);
    let at = model.pane.at.min(fields.len().saturating_sub(1));
    // Lines, and the field that each is of.
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, field) in fields.iter().enumerate() {
        for (line, text) in values(field, model.level().form, room).into_iter().enumerate() {
            let name = if line == 0 { cut(&field.name, name_width) } else { String::new() };
            let pad = " ".repeat(name_width.saturating_sub(name.width()));
            lines.push((number, format!("{name}{pad}  {text}")));
        }
    }
    lines.extend(model.details_missing().map(|why| (usize::MAX, why.to_owned())));
    let height = usize::from(area.height).saturating_sub(1);
    let first = lines.iter().position(|(number, _)| *number == at).unwrap_or(0);
    let last = lines.iter().rposition(|(number, _)| *number == at).unwrap_or(0);
    // The whole value if it has room, its beginning if not.
    let scroll = (last + 1).saturating_sub(height).min(first).min(lines.len().saturating_sub(height));
    for (y, (number, text)) in lines.iter().skip(scroll).take(height).enumerate() {
        let look = if model.pane.focus && *number == at { style.selected() } else { style.plain() };
        put(buffer, area, 1, y + 1, text, if *number == usize::MAX { style.dim() } else { look });
    }
    if fields.is_empty() {
        put(buffer, area, 1, 1, "no row is selected", style.dim());
    }
}

/// A value in lines that fit.
fn values(field: &Line, form: DataForm, width: usize) -> Vec<String> {
    let is_data = field.name == crate::view::ask::DATA || field.name == "evt.arg.data";
    if is_data {
        return form.lines(&field.value).iter().flat_map(|line| broken(line, width)).collect();
    }
    broken(&escape::escaped(&field.value), width)
}

/// A text in pieces of that width. Characters without width are left out.
fn broken(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line, mut taken) = (Vec::new(), String::new(), 0);
    for character in text.chars() {
        let wide = character.width().unwrap_or(0);
        if wide == 0 {
            continue;
        }
        if taken + wide > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            taken = 0;
        }
        line.push(character);
        taken += wide;
    }
    lines.push(line);
    lines
}
