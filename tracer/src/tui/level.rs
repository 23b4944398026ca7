//! A level: a view, how one came to it, and what is selected there. Going back finds it as it was.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    arrange::{Spot, Tree},
    cells::{Needle, is_number, number, text_of},
    data::DataForm,
    heat::Map,
    history::History,
    part::Part,
};
use crate::{
    fields::Show,
    format::escape,
    output::{Frame, Row},
    view::{Compiled, Mode, Place, Shown, View, ask::DATA, spec::Kind, spec::Order},
};

/// The most rows of a list or of text that are kept, and their bytes.
const MAX_KEPT: usize = 500_000;
const MAX_KEPT_BYTES: usize = 32 << 20;

/// A level.
#[derive(Debug)]
pub struct Level {
    pub view: View,
    pub mode: Mode,
    pub part: Option<Part>,
    /// All columns of the view.
    pub shown: Vec<Shown>,
    /// Those on the screen, in their order: places among all.
    pub columns: Vec<usize>,
    /// Widths that the user chose, by place among all.
    pub widths: BTreeMap<usize, u16>,
    /// By which of all columns rows are sorted.
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
    /// The frames before it.
    pub history: History,
    /// The rows in the order of the screen.
    pub spots: Vec<Spot>,
    /// Rows that no event made: groups, and sums of what is folded.
    pub made: Vec<Row>,
    /// How rows belong to each other.
    pub tree: Tree,
    /// Of a list or of text: all rows that are kept, and how many lines each takes.
    pub kept: VecDeque<Row>,
    pub(super) lines: VecDeque<u32>,
    kept_bytes: usize,
    /// Rows of it that came too fast to be kept, and those that are gone because there was no room.
    pub left_out: u64,
    pub gone: u64,
    /// What data looks like.
    pub form: DataForm,
    /// Whether a list or text follows its end, and how many rows came since it does not.
    pub follows: bool,
    pub unseen: u64,
    /// Whether what is shown is from the question before.
    pub stale: bool,
    /// Of a level that was opened on a frozen screen, when its first rows came: nanoseconds since the epoch.
    pub filling_since_ns: Option<u64>,
    /// Of a capture, whether it has all of it; and whether its rows come anew.
    pub complete: bool,
    anew: bool,
    /// Of a heat map, its lines and what is selected of them.
    pub heat: Map,
}

impl Level {
    pub fn new(view: View, mode: Mode, part: Option<Part>, containers: bool) -> Result<Self, crate::view::Wrong> {
        let shown = Compiled::of(&view, containers, Show::PLAIN)?.shown;
        let sort = shown.iter().position(|column| column.sort.is_some()).unwrap_or(0);
        let order = shown.get(sort).and_then(|column| column.sort).unwrap_or(Order::Down);
        Ok(Self {
            view,
            mode,
            part,
            columns: (0..shown.len()).collect(),
            widths: BTreeMap::new(),
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
            history: History::default(),
            spots: Vec::new(),
            made: Vec::new(),
            tree: Tree::default(),
            kept: VecDeque::new(),
            lines: VecDeque::new(),
            kept_bytes: 0,
            left_out: 0,
            gone: 0,
            form: DataForm::default(),
            follows: true,
            unseen: 0,
            stale: false,
            filling_since_ns: None,
            complete: false,
            anew: false,
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
        self.spots.len()
    }

    /// The row at that place.
    #[must_use]
    pub fn row(&self, at: usize) -> Option<&Row> {
        let spot = self.spots.get(at)?;
        if spot.is_made {
            self.made.get(spot.row)
        } else if self.is_list() {
            self.kept.get(spot.row)
        } else {
            self.frame.as_ref()?.rows.get(spot.row)
        }
    }

    /// Whether the process of the row at that place has ended.
    #[must_use]
    pub fn has_ended(&self, at: usize) -> bool {
        let (Some(spot), Some(frame)) = (self.spots.get(at), &self.frame) else { return false };
        !spot.is_made && frame.ended.binary_search(&spot.row).is_ok()
    }

    /// Takes a frame. Returns whether the row that somebody selected is gone with it.
    pub fn take(&mut self, frame: &Arc<Frame>) -> bool {
        let was_stale = std::mem::replace(&mut self.stale, false);
        if std::mem::replace(&mut self.anew, false) {
            self.clear();
        }
        if self.mode == Mode::Heat {
            self.heat.take(frame);
            self.frame = Some(Arc::clone(frame));
            return false;
        }
        if !self.is_list() {
            if was_stale {
                self.history.clear();
            }
            self.history.take(frame, self.keys());
            self.frame = Some(Arc::clone(frame));
            self.arrange();
            let is_gone = self.selected.as_ref().is_some_and(|selected| {
                selected.len() == self.keys() && !frame.rows.iter().any(|row| row.keys.starts_with(selected))
            });
            if is_gone {
                // From here on the row in its place is the selected one.
                self.go(self.at);
            }
            return is_gone && !was_stale;
        }
        self.left_out += frame.lost;
        // Where the data is among the texts of a row.
        self.frame = Some(Arc::new(Frame { rows: Vec::new(), ..Frame::clone(frame) }));
        for row in &frame.rows {
            self.kept_bytes += bytes(row);
            self.lines.push_back(self.lines_of(row));
            self.kept.push_back(row.clone());
        }
        let mut gone = 0;
        while self.kept.len() > MAX_KEPT || self.kept_bytes > MAX_KEPT_BYTES {
            let Some(row) = self.kept.pop_front() else { break };
            self.kept_bytes -= bytes(&row);
            gone += self.lines.pop_front().unwrap_or(1) as usize;
            self.gone += 1;
        }
        if !self.follows {
            self.at = self.at.saturating_sub(gone);
            self.scroll = self.scroll.saturating_sub(gone);
            self.unseen += frame.rows.len() as u64;
        }
        self.arrange();
        false
    }

    /// The rows of this level that a level below it would have, when its frame says which those are: for a frozen screen, whose rows
    /// cannot be asked for any more.
    #[must_use]
    pub fn frame_of(&self, below: &Self) -> Option<Arc<Frame>> {
        let (frame, part) = (self.frame.as_ref()?, below.part.as_ref()?);
        let is_alike = self.view.id == below.view.id && !self.is_list() && !below.is_list() && part.test.is_none();
        let at = frame.keys.iter().position(|column| column.name == part.field).filter(|_| is_alike)?;
        let has = |row: &Row| row.keys.get(at).is_some_and(|value| *value == part.value.as_bytes());
        let (mut rows, mut ended) = (Vec::new(), Vec::new());
        for (place, row) in frame.rows.iter().enumerate().filter(|(_, row)| has(row)) {
            if frame.ended.contains(&place) {
                ended.push(rows.len());
            }
            rows.push(row.clone());
        }
        Some(Arc::new(Frame { rows, ended, ..Frame::clone(frame) }))
    }

    /// Its rows come anew, from the beginning of a capture.
    pub fn begin_anew(&mut self) {
        (self.complete, self.anew) = (false, true);
    }

    /// How many lines of the screen a row takes.
    fn lines_of(&self, row: &Row) -> u32 {
        match (self.mode, self.form) {
            (Mode::Echo, DataForm::Text | DataForm::Hex) => {
                1 + u32::try_from(self.form.count(self.text(row, DATA).unwrap_or_default())).unwrap_or(0)
            }
            _ => 1,
        }
    }

    /// Shows data in another form. The selected row stays on its place.
    pub fn set_form(&mut self, form: DataForm) {
        let row = self.spots.get(self.at).map(|spot| spot.row);
        let on_screen = self.at.saturating_sub(self.scroll);
        self.form = form;
        self.lines = self.kept.iter().map(|row| self.lines_of(row)).collect();
        let follows = self.follows;
        self.arrange();
        if let Some(at) = row.and_then(|row| self.spots.iter().position(|spot| spot.row == row)).filter(|_| !follows) {
            self.at = at;
            self.scroll = at.saturating_sub(on_screen);
        }
    }

    /// Forgets the rows of a list or text.
    pub fn clear(&mut self) {
        self.heat.clear();
        if self.is_list() {
            self.kept.clear();
            self.lines.clear();
            (self.kept_bytes, self.left_out, self.gone, self.unseen) = (0, 0, 0, 0);
            (self.at, self.scroll) = (0, 0);
            self.arrange();
        }
    }

    /// How many of the texts of a row are its key.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.view.key.as_ref().map_or(0, |key| 1 + key.also.len())
    }

    /// What tells a row from all others.
    #[must_use]
    pub fn id(&self, row: &Row) -> Vec<Vec<u8>> {
        if !self.is_list() && !row.line.is_empty() {
            // A group: one text more than keys have.
            let mut id = vec![Vec::new(); self.keys()];
            id.push(row.line.clone());
            return id;
        }
        row.keys.iter().take(self.keys()).cloned().collect()
    }

    /// Moves the selection. From here on it is followed.
    pub fn go(&mut self, to: usize) {
        self.at = to.min(self.spots.len().saturating_sub(1));
        self.follows = self.is_list() && self.at + 1 >= self.spots.len();
        if self.follows {
            self.unseen = 0;
        }
        self.selected = self.row(self.at).map(|row| self.id(row));
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

    /// Whether what is shown of a row has that text.
    #[must_use]
    pub fn has_text(&self, row: &Row, wanted: &Needle) -> bool {
        if wanted.is_empty() {
            return true;
        }
        if self.mode == Mode::Rows {
            return self.columns.iter().any(|column| wanted.is_in(&self.shown_cell(&self.shown[*column], row)));
        }
        let data = self.text(row, DATA).unwrap_or_default();
        wanted.is_in(&String::from_utf8_lossy(&row.line))
            || !data.is_empty() && self.form.lines(data).iter().any(|line| wanted.is_in(line))
    }

    /// The same of the line at that place.
    #[must_use]
    pub fn has_text_at(&self, at: usize, wanted: &Needle) -> bool {
        match self.row(at) {
            Some(row) if self.mode == Mode::Rows => self.has_text(row, wanted),
            Some(_) => wanted.is_in(&self.line(at)),
            None => false,
        }
    }

    /// Of text, the line at that place: escaped.
    #[must_use]
    pub fn line(&self, at: usize) -> String {
        let (Some(spot), Some(row)) = (self.spots.get(at), self.row(at)) else { return String::new() };
        let head = || escape::escaped(&row.line);
        if self.mode != Mode::Echo {
            return head();
        }
        let data = self.text(row, DATA).unwrap_or_default();
        match (self.form, spot.line) {
            (DataForm::Dots, _) => format!("{} {}", head(), self.form.lines(data).concat()),
            (_, 0) => head(),
            (form, line) => {
                format!("    {}", form.lines(data).get(line as usize - 1).map_or("", String::as_str))
            }
        }
    }

    /// The text of a row that has that name in the frame.
    #[must_use]
    pub fn text<'r>(&self, row: &'r Row, name: &str) -> Option<&'r [u8]> {
        let at = self.frame.as_ref()?.keys.iter().position(|column| column.name == name)?;
        row.keys.get(at).map(Vec::as_slice)
    }

    /// The text of a cell: escaped, and `-` where nothing is known.
    #[must_use]
    pub fn cell(&self, column: &Shown, row: &Row) -> String {
        self.shown_cell(column, row).into_owned()
    }

    /// The same, which may be a part of the row.
    fn shown_cell<'r>(&self, column: &Shown, row: &'r Row) -> Cow<'r, str> {
        if self.is_list() {
            // The rows of a list have the key before their columns.
            let at = self.shown.iter().position(|it| std::ptr::eq(it, column)).unwrap_or(0);
            return text_of(row.keys.get(at + usize::from(self.view.key.is_some())).map(Vec::as_slice), column);
        }
        let is_group = !row.line.is_empty();
        match column.place {
            Place::Key(at) if is_group && row.keys.get(at).is_none_or(Vec::is_empty) => Cow::Borrowed(""),
            Place::Key(at) => text_of(row.keys.get(at).map(Vec::as_slice), column),
            Place::Value(at) => match row.values.get(at).copied().flatten() {
                Some(value) if column.adds && self.is_estimated() => number(value, column.unit) + "~",
                Some(value) => number(value, column.unit),
                None if is_group => Cow::Borrowed(""),
                None => Cow::Borrowed("-"),
            },
        }
    }

    /// Whether what was counted is not exact: of a sample, or of an interval in which events were lost.
    fn is_estimated(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.sample.is_some() || frame.dropped > 0)
    }

    /// Scrolls so that the selected row is on a screen with room for so many.
    pub fn keep_in_sight(&mut self, page: usize) {
        let page = page.max(1);
        self.scroll = self.scroll.min(self.at).max((self.at + 1).saturating_sub(page));
        self.scroll = self.scroll.min(self.spots.len().saturating_sub(page));
    }
}

fn bytes(row: &Row) -> usize {
    row.line.len() + row.keys.iter().map(|key| key.len() + 24).sum::<usize>() + 64
}
