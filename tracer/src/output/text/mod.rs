//! Frames as text, one way for each form.

pub(super) mod bars;
pub(super) mod heat;
pub(super) mod rate;
pub(super) mod table;

/// Cuts lines and their number to what a terminal has room for. The note, if there is one, is kept below them.
fn fit(lines: &mut Vec<String>, note: Option<String>, width: Option<usize>, height: Option<usize>) {
    if let Some(height) = height {
        lines.truncate(height.saturating_sub(usize::from(note.is_some())));
    }
    lines.extend(note);
    for line in lines {
        if let Some((at, _)) = width.and_then(|width| line.char_indices().nth(width)) {
            line.truncate(at);
        }
    }
}
