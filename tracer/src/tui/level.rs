//! A level: a view, how one came to it, and what is selected there. Going back finds it as it was.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use super::heat::Map;
use crate::{
    fields::Unit,
    format::{escape, units},
    output::{Frame, Row},
    view::{Compiled, Mode, Place, Shown, View, spec::Kind, spec::Order},
};

/// The most rows of a list or of text that are kept, and their bytes.
const MAX_KEPT: usize = 500_000;
const MAX_KEPT_BYTES: usize = 32 << 20;

/// How one came to a level: a value that a field must have, or another test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub field: String,
    pub value: String,
    /// The test, where it is another one; `value` says it to people.
    pub test: Option<String>,
}

impl Part {
    /// As a test of the filter language.
    #[must_use]
    pub fn filter(&self) -> String {
        if let Some(test) = &self.test {
            return test.clone();
        }
        let quoted: String = self
            .value
            .chars()
            .flat_map(|it| ['\\'].into_iter().filter(move |_| matches!(it, '"' | '\\')).chain([it]))
            .collect();
        format!("{}=\"{quoted}\"", self.field)
    }
}

/// A level.
#[derive(Debug)]
pub struct Level {
    pub view: View,
    pub mode: Mode,
    pub part: Option<Part>,
    /// The columns of the screen.
    pub shown: Vec<Shown>,
    /// By which of them rows are sorted.
    pub sort: usize,
    pub order: Order,
    /// Only rows with that text.
    pub row_filter: String,
    /// The key of the selected row, once somebody chose it.
    pub selected: Option<Vec<Vec<u8>>>,
    /// Its place among the rows that are shown.
    pub at: usize,
    /// The first row on the screen.
    pub scroll: usize,
    /// Columns that are scrolled off to the left.
    pub left: usize,
    /// Whether the selection stays at its place on the screen.
    pub pinned: bool,
    /// Keys of rows that are marked.
    pub marked: BTreeSet<Vec<Vec<u8>>>,
    /// The newest frame.
    pub frame: Option<Arc<Frame>>,
    /// Rows of the frame in the order of the screen.
    pub rows: Vec<usize>,
    /// Of a list or of text: all rows that are kept.
    pub kept: VecDeque<Row>,
    kept_bytes: usize,
    /// Rows of it that are gone because there was no room.
    pub left_out: u64,
    /// Whether a list or text follows its end.
    pub follows: bool,
    /// Whether what is shown is from the question before.
    pub stale: bool,
    /// Of a heat map, its lines and what is selected of them.
    pub heat: Map,
}

impl Level {
    pub fn new(view: View, mode: Mode, part: Option<Part>, containers: bool) -> Result<Self, crate::view::Wrong> {
        let shown = Compiled::of(&view, containers, crate::fields::Show::PLAIN)?.shown;
        let sort = shown.iter().position(|column| column.sort.is_some()).unwrap_or(0);
        let order = shown.get(sort).and_then(|column| column.sort).unwrap_or(Order::Down);
        Ok(Self {
            view,
            mode,
            part,
            shown,
            sort,
            order,
            row_filter: String::new(),
            selected: None,
            at: 0,
            scroll: 0,
            left: 0,
            pinned: false,
            marked: BTreeSet::new(),
            frame: None,
            rows: Vec::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            left_out: 0,
            follows: true,
            stale: false,
            heat: Map::default(),
        })
    }

    /// Whether rows come one after the other, and are not a table.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.mode != Mode::Rows || self.view.kind == Kind::List
    }

    /// How many rows there are to look at.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The row at that place.
    #[must_use]
    pub fn row(&self, at: usize) -> Option<&Row> {
        let at = *self.rows.get(at)?;
        if self.is_list() { self.kept.get(at) } else { self.frame.as_ref()?.rows.get(at) }
    }

    /// Takes a frame.
    pub fn take(&mut self, frame: &Arc<Frame>) {
        self.stale = false;
        if self.mode == Mode::Heat {
            self.heat.take(frame);
            self.frame = Some(Arc::clone(frame));
            return;
        }
        if self.is_list() {
            self.left_out += frame.lost;
            for row in &frame.rows {
                self.kept_bytes += bytes(row);
                self.kept.push_back(row.clone());
            }
            let mut gone = 0;
            while self.kept.len() > MAX_KEPT || self.kept_bytes > MAX_KEPT_BYTES {
                let Some(row) = self.kept.pop_front() else { break };
                self.kept_bytes -= bytes(&row);
                gone += 1;
            }
            if !self.follows {
                self.at = self.at.saturating_sub(gone);
                self.scroll = self.scroll.saturating_sub(gone);
            }
            let fields = Frame { rows: Vec::new(), ..Frame::clone(frame) };
            self.frame = Some(Arc::new(fields));
        } else {
            self.frame = Some(Arc::clone(frame));
        }
        self.arrange();
    }

    /// Forgets the rows of a list or text.
    pub fn clear(&mut self) {
        self.heat.clear();
        if self.is_list() {
            self.kept.clear();
            (self.kept_bytes, self.left_out, self.at, self.scroll) = (0, 0, 0, 0);
            self.arrange();
        }
    }

    /// Sorts and filters the rows anew. The selection stays on its row.
    pub fn arrange(&mut self) {
        let place = self.at.saturating_sub(self.scroll);
        let wanted = self.row_filter.to_lowercase();
        let mut rows: Vec<usize> = if self.is_list() {
            (0..self.kept.len()).filter(|at| self.has_text(&self.kept[*at], &wanted)).collect()
        } else {
            let all = self.frame.as_ref().map_or(0, |frame| frame.rows.len());
            let rows = self.frame.as_ref().map_or(&[][..], |frame| &frame.rows);
            (0..all).filter(|at| self.has_text(&rows[*at], &wanted)).collect()
        };
        if !self.is_list()
            && let (Some(column), Some(frame)) = (self.shown.get(self.sort), &self.frame)
        {
            rows.sort_by(|a, b| {
                let (a, b) = (&frame.rows[*a], &frame.rows[*b]);
                compare(column, self.order, a, b).then_with(|| a.keys.cmp(&b.keys))
            });
        }
        self.rows = rows;
        if self.is_list() {
            if self.follows {
                self.at = self.rows.len().saturating_sub(1);
            }
        } else if let Some(selected) = &self.selected {
            let keys = self.keys();
            let is_it = |row: &Row| row.keys.get(..keys) == selected.get(..keys);
            match (0..self.rows.len()).find(|at| self.row(*at).is_some_and(is_it)) {
                Some(at) => self.at = at,
                None => self.at = self.at.min(self.rows.len().saturating_sub(1)),
            }
        }
        self.at = self.at.min(self.rows.len().saturating_sub(1));
        if self.pinned {
            self.scroll = self.at.saturating_sub(place);
        }
    }

    /// How many of the texts of a row are its key.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.view.key.as_ref().map_or(0, |key| 1 + key.also.len())
    }

    /// Moves the selection. From here on it is followed.
    pub fn go(&mut self, to: usize) {
        self.at = to.min(self.rows.len().saturating_sub(1));
        self.follows = self.is_list() && self.at + 1 >= self.rows.len();
        self.selected = self.row(self.at).map(|row| row.keys.clone());
    }

    /// Sorts by a column, the other way round if it is sorted by it already.
    pub fn sort_by(&mut self, column: usize) {
        if self.is_list() || column >= self.shown.len() {
            return;
        }
        self.order = match self.order {
            Order::Down if self.sort == column => Order::Up,
            Order::Up if self.sort == column => Order::Down,
            _ if is_number(&self.shown[column]) => Order::Down,
            _ => Order::Up,
        };
        self.sort = column;
        self.arrange();
    }

    /// Whether what is shown of a row has that text, in small letters.
    #[must_use]
    pub fn has_text(&self, row: &Row, wanted: &str) -> bool {
        if wanted.is_empty() {
            return true;
        }
        if self.mode != Mode::Rows {
            return String::from_utf8_lossy(&row.line).to_lowercase().contains(wanted);
        }
        self.shown.iter().any(|column| self.cell(column, row).to_lowercase().contains(wanted))
    }

    /// The text of a cell: escaped, and `-` where nothing is known.
    #[must_use]
    pub fn cell(&self, column: &Shown, row: &Row) -> String {
        // The rows of a list have the key before their columns.
        let shift = if self.is_list() { self.list_shift() } else { 0 };
        match column.place {
            _ if self.is_list() => {
                let at = self.shown.iter().position(|it| std::ptr::eq(it, column)).unwrap_or(0);
                text_of(row.keys.get(at + shift).map(Vec::as_slice), column)
            }
            Place::Key(at) => text_of(row.keys.get(at).map(Vec::as_slice), column),
            Place::Value(at) => match row.values.get(at).copied().flatten() {
                Some(value) => number(value, column.unit),
                None => "-".to_owned(),
            },
        }
    }

    fn list_shift(&self) -> usize {
        usize::from(self.view.key.is_some())
    }
}

/// A number as short as a cell should be.
fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes if value == 0.0 => "0".to_owned(),
        Unit::Bytes if value < 1024.0 => format!("{value:.0}B"),
        Unit::Bytes => units::bytes(value),
        Unit::Percent => format!("{value:.1}"),
        Unit::None if value.fract() != 0.0 => format!("{value:.1}"),
        _ => units::text(value, unit),
    }
}

fn text_of(text: Option<&[u8]>, column: &Shown) -> String {
    match text {
        None | Some([]) => "-".to_owned(),
        Some(text) if column.unit != Unit::None => {
            let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
            parsed.map_or_else(|| escape::escaped(text), |value| number(value, column.unit))
        }
        Some(text) => escape::escaped(text),
    }
}

/// Whether its cells are to the right, and the largest comes first.
#[must_use]
pub fn is_number(column: &Shown) -> bool {
    matches!(column.place, Place::Value(_)) || column.is_key || column.unit != Unit::None
}

fn compare(column: &Shown, order: Order, a: &Row, b: &Row) -> Ordering {
    let known = |ordering: Ordering| if order == Order::Down { ordering.reverse() } else { ordering };
    match column.place {
        Place::Value(at) => {
            let value = |row: &Row| row.values.get(at).copied().flatten();
            match (value(a), value(b)) {
                (Some(a), Some(b)) => known(a.total_cmp(&b)),
                // What is not known comes last.
                (a, b) => b.is_some().cmp(&a.is_some()),
            }
        }
        Place::Key(at) => {
            let text = |row: &'_ Row| row.keys.get(at).cloned().unwrap_or_default();
            let (a, b) = (text(a), text(b));
            let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
            match (number(&a), number(&b)) {
                _ if a.is_empty() || b.is_empty() => b.is_empty().cmp(&a.is_empty()).reverse(),
                (Some(a), Some(b)) => known(a.total_cmp(&b)),
                _ => known(a.cmp(&b)),
            }
        }
    }
}

fn bytes(row: &Row) -> usize {
    row.line.len() + row.keys.iter().map(Vec::len).sum::<usize>() + 64
}

impl Level {
    /// Scrolls so that the selected row is on a screen with room for so many.
    pub fn keep_in_sight(&mut self, page: usize) {
        let page = page.max(1);
        self.scroll = self.scroll.min(self.at).max((self.at + 1).saturating_sub(page));
        self.scroll = self.scroll.min(self.rows.len().saturating_sub(page));
    }
}
