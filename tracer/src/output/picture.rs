//! What is on a terminal while tables are redrawn there: a line that says how the run is doing, and the tables, which share the room.

use super::text::{Block, table::Widths};
use crate::format::{
    color::{Color, RESET},
    time, units,
    width::cut,
};

/// Which table it is: who draws it, and the number of the table among those of the same.
pub(super) type Place = (usize, usize);

/// How the run is doing at an interval.
#[derive(Debug, Clone, Copy, Default)]
pub struct Status {
    /// Now, nanoseconds since the epoch.
    pub now_ns: u64,
    /// Events that were seen so far.
    pub seen: u64,
    /// Whether an event is seen in each table that counts it.
    pub by_table: bool,
    /// Events that were lost so far.
    pub lost: u64,
}

/// A table of a picture.
#[derive(Debug)]
struct Shown {
    place: Place,
    block: Block,
    widths: Widths,
}

/// The tables that are shown, each as it was last drawn: they may have different intervals.
#[derive(Debug, Default)]
pub(super) struct Picture {
    tables: Vec<Shown>,
    /// What is said of the run in any case: its interval and its filter.
    about: Vec<String>,
    last: Status,
}

impl Picture {
    /// Says what the run is.
    pub(super) fn describe(&mut self, about: Vec<String>) {
        self.about = about;
    }

    /// Whether there is anything to show.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Puts a table into its place.
    pub(super) fn put(&mut self, place: Place, make: impl FnOnce(&mut Widths) -> Block) {
        let at = self.tables.iter().position(|shown| shown.place == place).unwrap_or_else(|| {
            let after = self.tables.iter().position(|shown| shown.place > place).unwrap_or(self.tables.len());
            self.tables.insert(after, Shown { place, block: Block::default(), widths: Widths::new() });
            after
        });
        let shown = &mut self.tables[at];
        shown.block = make(&mut shown.widths);
    }

    /// Takes tables away.
    pub(super) fn remove(&mut self, is_gone: impl Fn(Place) -> bool) {
        self.tables.retain(|shown| !is_gone(shown.place));
    }

    /// The lines on a terminal of that size.
    pub(super) fn lines(&mut self, status: Status, (width, height): (usize, usize), colors: bool) -> Vec<String> {
        let mut lines = vec![self.status(status, width, colors)];
        // The cursor stands on the last line.
        let room = height.saturating_sub(lines.len() + 1);
        for (shown, rows) in self.tables.iter().zip(self.shares(room)) {
            let Some(rows) = rows else { continue };
            if lines.len() > 1 {
                lines.push(String::new());
            }
            let Block { head, rows: all, note } = &shown.block;
            lines.extend(head.iter().chain(all.iter().take(rows)).chain(note).cloned());
        }
        lines
    }

    /// How many rows of each table there is room for; `None` for one of which nothing fits.
    fn shares(&self, room: usize) -> Vec<Option<usize>> {
        let mut left = room;
        let mut shares: Vec<Option<usize>> = Vec::new();
        for (at, shown) in self.tables.iter().enumerate() {
            let fixed = shown.block.fixed() + usize::from(at > 0);
            let fits = left > fixed;
            left -= if fits { fixed } else { 0 };
            shares.push(fits.then_some(0));
        }
        // One row for each in turn, as cards are dealt.
        while left > 0 {
            let before = left;
            for (share, shown) in shares.iter_mut().zip(&self.tables) {
                if let Some(rows) = share.as_mut().filter(|rows| left > 0 && **rows < shown.block.rows.len()) {
                    *rows += 1;
                    left -= 1;
                }
            }
            if left == before {
                break;
            }
        }
        shares
    }

    fn status(&mut self, status: Status, width: usize, colors: bool) -> String {
        let mut clock = Vec::new();
        time::time_of_day(status.now_ns, false, &mut clock);
        let mut parts = vec![String::from_utf8(clock).unwrap_or_default()];
        let seconds = status.now_ns.saturating_sub(self.last.now_ns) as f64 / 1e9;
        let seen = status.seen.saturating_sub(self.last.seen);
        if self.last.now_ns != 0 && status.seen > 0 && seconds > 0.0 {
            let what = if status.by_table { "events/s in all tables" } else { "events/s" };
            parts.push(format!("{} {what}", units::number((seen as f64 / seconds).round())));
        }
        if status.now_ns != self.last.now_ns {
            self.last = status;
        }
        parts.push(format!("{} lost", status.lost));
        parts.extend(self.about.iter().cloned());
        let line = cut(&parts.join("  "), width);
        if colors && status.lost > 0 { format!("{}{line}{RESET}", Color::Red.on()) } else { line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(head: usize, rows: usize) -> Block {
        let lines = |name: &str, count| (0..count).map(|at| format!("{name}{at}")).collect();
        Block { head: lines("head", head), rows: lines("row", rows), note: None }
    }

    fn picture(tables: &[(usize, usize)]) -> Picture {
        let mut picture = Picture::default();
        for (at, (head, rows)) in tables.iter().enumerate() {
            picture.put((at, 0), |_| block(*head, *rows));
        }
        picture
    }

    #[test]
    fn tables_share_the_room() {
        let shares = |tables, room| picture(tables).shares(room);
        assert_eq!(shares(&[(2, 100)], 20), [Some(18)]);
        assert_eq!(shares(&[(2, 100), (2, 3)], 20), [Some(12), Some(3)]);
        assert_eq!(shares(&[(2, 100), (2, 100)], 21), [Some(8), Some(8)]);
        assert_eq!(shares(&[(2, 100), (2, 100), (2, 100)], 7), [Some(1), Some(1), None]);
        let lines = picture(&[(2, 100), (2, 3)]).lines(Status::default(), (80, 24), false);
        assert_eq!(lines.len(), 23);
        assert_eq!(lines[17..], ["", "head0", "head1", "row0", "row1", "row2"]);
    }

    #[test]
    fn a_table_stays_until_it_is_drawn_again() {
        let mut picture = picture(&[(1, 1), (1, 1)]);
        picture.put((0, 0), |_| block(1, 2));
        assert_eq!(picture.lines(Status::default(), (80, 24), false).len(), 1 + 3 + 1 + 2);
        picture.remove(|(page, _)| page == 1);
        assert_eq!(picture.lines(Status::default(), (80, 24), false).len(), 1 + 3);
    }

    #[test]
    fn the_status_says_how_fast_events_come_and_what_was_lost() {
        let mut picture = Picture::default();
        picture.describe(vec!["every 1s".into(), "proc.name=nginx".into()]);
        let second = 1_000_000_000;
        let mut of = |now_ns, seen, lost| {
            picture.status(Status { now_ns, seen, lost, ..Status::default() }, 60, false)[8..].to_owned()
        };
        assert_eq!(of(second, 100, 0), "  0 lost  every 1s  proc.name=nginx");
        assert_eq!(of(3 * second, 2100, 5), "  1000 events/s  5 lost  every 1s  proc.name=nginx");
        let red = picture.status(Status { now_ns: 4 * second, seen: 2100, lost: 5, by_table: false }, 20, true);
        assert!(red.starts_with(Color::Red.on()) && red.ends_with(&format!("  0 events/s{RESET}")), "{red}");
    }
}
