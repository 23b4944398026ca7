//! A table: values first, then keys, in columns.

use super::{
    Block, Room,
    layout::{GAP, Layout},
};
use crate::{
    format::{
        color::RESET,
        escape::escaped,
        units,
        width::{cut_middle, pad, width},
    },
    output::Frame,
    sample::Sample,
};

/// Of headings, on terminals: reversed.
const MARKED: &str = "\x1b[7m";

/// The widths that columns had so far: on a terminal they do not become smaller, because columns that move cannot be read.
pub(in crate::output) type Widths = Vec<usize>;

/// The table as text. `widths` are those of the columns of the table that it replaces, and afterwards its own.
pub(in crate::output) fn block(frame: &Frame, room: Room, widths: &mut Widths) -> Block {
    let titles: Vec<&str> = frame.values.iter().chain(&frame.keys).map(|column| column.title.as_str()).collect();
    let rows: Vec<Vec<String>> = frame
        .rows
        .iter()
        .map(|row| {
            let values = row.values.iter().zip(&frame.values);
            let values = values.map(|(value, column)| value.map_or("-".to_owned(), |it| units::text(it, column.unit)));
            values.chain(row.keys.iter().map(|key| escaped(key))).collect()
        })
        .collect();
    widths.resize(titles.len(), 0);
    for (column, most) in widths.iter_mut().enumerate() {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
        *most = cells.chain([width(titles[column]), *most]).max().unwrap_or(0);
    }
    let (values, keys) = widths.split_at(frame.values.len());
    let is_number = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(frame.values.len() + column)).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let numbers: Vec<bool> = (0..keys.len()).map(is_number).collect();
    let layout = Layout::new(values, keys, frame.sort, &numbers, room.width);
    let head = line(&titles, &layout, room);
    let mut lines = Sample::title(&frame.title, frame.sample).map(|title| title.lines().map(str::to_owned).collect());
    let lines: &mut Vec<String> = lines.get_or_insert_default();
    if room.styled {
        let mut marked = String::new();
        pad(&head, layout.width().min(room.width.unwrap_or(usize::MAX)), false, &mut marked);
        lines.push(format!("{MARKED}{marked}{RESET}"));
    } else {
        // The last column is as wide as it needs to be, the line below the head is not.
        let rule = layout.width().min(room.width.unwrap_or(80)).max(width(&head));
        lines.extend([head, "-".repeat(rule)]);
    }
    let note = (frame.lost > 0)
        .then(|| format!("({} events are not counted, because the table has too many keys)", frame.lost));
    let rows = rows.iter().map(|row| {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        line(&cells, &layout, room)
    });
    Block { head: std::mem::take(lines), rows: rows.collect(), note }.fit(room)
}

/// Cells in columns: values at the right of theirs, keys at the left.
fn line(cells: &[&str], layout: &Layout, room: Room) -> String {
    let mut line = String::new();
    let values = layout.values.iter().map(|width| width.map(|width| (width, true)));
    let keys = layout.keys.iter().map(|width| Some((*width, false)));
    for (at, (cell, column)) in cells.iter().zip(values.chain(keys)).enumerate() {
        let Some((columns, right)) = column else { continue };
        if !line.is_empty() {
            line.extend(std::iter::repeat_n(' ', GAP));
        }
        if right {
            pad(cell, columns, true, &mut line);
        } else {
            let shown = if room.width.is_some() { cut_middle(cell, columns, room.mark()) } else { (*cell).to_owned() };
            let is_last = at + 1 == cells.len();
            pad(&shown, if is_last { 0 } else { columns }, false, &mut line);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::frame::testing::processes;

    const ASCII: Room = Room { width: Some(24), unicode: false, styled: false };

    fn lines(frame: &Frame, room: Room) -> Vec<String> {
        block(frame, room, &mut Vec::new()).lines().map(str::to_owned).collect()
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        assert_eq!(
            lines(&processes(), Room::PLAIN),
            [
                " Bytes  Process                   PID",
                "-------------------------------------",
                "1.50KB  a-very-long-process-name  12",
                "    3B  c\\x0at                    7",
            ]
        );
    }

    #[test]
    fn lines_respect_the_terminal() {
        let frame = Frame { lost: 5, ..processes() };
        assert_eq!(
            lines(&frame, ASCII),
            [
                " Bytes  Process      PID",
                "------------------------",
                "1.50KB  a-ver~-name  12",
                "    3B  c\\x0at       7",
                "(5 events are not counte",
            ]
        );
        assert_eq!(lines(&frame, Room { unicode: true, ..ASCII })[2], "1.50KB  a-ver…-name  12");
        let styled = lines(&frame, Room { styled: true, ..ASCII });
        assert_eq!(styled[0], "\x1b[7m Bytes  Process      PID\x1b[00m");
    }

    #[test]
    fn columns_stay_where_they_were() {
        let mut widths = Vec::new();
        let first = block(&processes(), Room::PLAIN, &mut widths);
        let mut second = processes();
        second.rows.remove(0);
        let second = block(&second, Room::PLAIN, &mut widths);
        assert_eq!(first.head, second.head);
        assert_eq!(second.rows, &first.rows[1..]);
    }
}
