//! The order of rows on the screen: sorted, narrowed, and as a tree or in groups, where parts can be folded.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::{
    cells::{Needle, compare},
    level::Level,
};
use crate::{
    output::{Frame, Row},
    view::Place,
};

/// The field of a process, and that of its parent.
pub const PID: &str = "proc.pid";
pub const PARENT: &str = "proc.ppid";
/// What rows can be grouped by: the name of it, and the field.
pub const GROUPS: [(&str, &str); 4] =
    [("executable", "proc.exepath"), ("container", "container.name"), ("pod", "k8s.pod.name"), ("user", "user.name")];
/// The deepest level of a tree that is drawn as such.
const MAX_DEPTH: u16 = 60;

/// What a row is in a tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Node {
    /// Nothing is below it.
    #[default]
    Leaf,
    Open,
    Folded,
}

/// A place on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spot {
    /// Which row of the frame, of the rows that are kept, or of those that were made.
    pub row: usize,
    pub is_made: bool,
    /// Which of its lines, when it has several.
    pub line: u32,
    /// How many rows it is below.
    pub depth: u16,
    pub node: Node,
}

/// How rows belong to each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// They do not.
    #[default]
    Flat,
    /// Children are below their parents.
    Tree,
    /// Rows are below the value that they have in common: which of [`GROUPS`].
    Groups(usize),
}

/// The shape, and what is folded.
#[derive(Debug, Default)]
pub struct Tree {
    pub shape: Shape,
    /// Whether a row is open as long as nobody touched it.
    opens: bool,
    /// Those that are the other way.
    touched: BTreeSet<Vec<Vec<u8>>>,
}

impl Tree {
    /// Another shape. A tree is open at first, groups are folded.
    pub fn set(&mut self, shape: Shape) {
        *self = Self { shape, opens: shape == Shape::Tree, touched: BTreeSet::new() };
    }

    fn is_open(&self, id: &Vec<Vec<u8>>) -> bool {
        self.touched.contains(id) != self.opens
    }

    /// Opens or folds a row.
    pub fn open(&mut self, id: Vec<Vec<u8>>, open: bool) {
        if open == self.opens {
            self.touched.remove(&id);
        } else {
            self.touched.insert(id);
        }
    }

    /// Opens all when the most are folded, and the other way round.
    pub fn all(&mut self) {
        self.opens = !self.opens;
        self.touched.clear();
    }
}

impl Level {
    /// Sorts and filters the rows anew. The selection stays on its row.
    pub fn arrange(&mut self) {
        let place = self.at.saturating_sub(self.scroll);
        let wanted = Needle::new(&self.row_filter);
        self.made.clear();
        self.spots = if self.is_list() { self.of_list(&wanted) } else { self.of_table(&wanted) };
        if self.is_list() {
            if self.follows {
                self.at = self.spots.len().saturating_sub(1);
            }
        } else if let Some(selected) = &self.selected {
            let is_it = |row: &Row| {
                let keys = self.keys();
                match selected.get(keys) {
                    Some(group) => row.line == *group,
                    None => row.line.is_empty() && row.keys.starts_with(selected),
                }
            };
            if let Some(at) = (0..self.spots.len()).find(|at| self.row(*at).is_some_and(is_it)) {
                self.at = at;
            }
        }
        self.at = self.at.min(self.spots.len().saturating_sub(1));
        if self.pinned {
            self.scroll = self.at.saturating_sub(place);
        }
    }

    fn of_list(&self, wanted: &Needle) -> Vec<Spot> {
        let rows = self.kept.iter().zip(&self.lines).enumerate();
        let rows = rows.filter(|(_, (row, _))| self.has_text(row, wanted));
        rows.flat_map(|(row, (_, lines))| (0..*lines).map(move |line| Spot { row, line, ..Spot::default() })).collect()
    }

    fn of_table(&mut self, wanted: &Needle) -> Vec<Spot> {
        let Some(frame) = self.frame.clone() else { return Vec::new() };
        let mut rows: Vec<usize> = (0..frame.rows.len()).collect();
        if !wanted.is_empty() {
            rows.retain(|at| self.has_text(&frame.rows[*at], wanted));
        }
        if let Some(column) = self.shown.get(self.sort) {
            // Most rows of a large table have the same value, often none: the beginning of their key tells them apart without a look at
            // the rows themselves.
            let start = |row: &Row| {
                let mut start = [0; 8];
                let key = row.keys.first().map_or(&[][..], Vec::as_slice);
                let length = key.len().min(start.len());
                start[..length].copy_from_slice(&key[..length]);
                u64::from_be_bytes(start)
            };
            let value = |row: &Row| match column.place {
                Place::Value(at) => row.values.get(at).copied().flatten(),
                Place::Key(_) => None,
            };
            let ranked = |at: usize| (value(&frame.rows[at]), start(&frame.rows[at]), at);
            let mut ranked: Vec<_> = rows.into_iter().map(ranked).collect();
            let is_counted = matches!(column.place, Place::Value(_));
            ranked.sort_by(|(value, start, at), (other_value, other_start, other)| {
                let (a, b) = (&frame.rows[*at], &frame.rows[*other]);
                let first = if is_counted && value.zip(*other_value).is_some_and(|(a, b)| a.total_cmp(&b).is_eq()) {
                    std::cmp::Ordering::Equal
                } else {
                    compare(column, self.order, a, b)
                };
                first.then_with(|| start.cmp(other_start)).then_with(|| a.keys.cmp(&b.keys))
            });
            rows = ranked.into_iter().map(|(.., at)| at).collect();
        }
        match self.tree.shape {
            Shape::Flat => rows.into_iter().map(|row| Spot { row, ..Spot::default() }).collect(),
            Shape::Tree => self.as_tree(&frame, &rows),
            Shape::Groups(by) => self.in_groups(&frame, &rows, GROUPS[by].1),
        }
    }

    /// Children below their parents, in the order of the rows.
    fn as_tree(&mut self, frame: &Frame, rows: &[usize]) -> Vec<Spot> {
        let pid = |at: usize| number(frame, &frame.rows[at], PID);
        let places: FxHashMap<u64, usize> = rows.iter().filter_map(|at| Some((pid(*at)?, *at))).collect();
        let mut children: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
        let mut roots = Vec::new();
        for at in rows {
            let parent = number(frame, &frame.rows[*at], PARENT).and_then(|parent| places.get(&parent));
            match parent.filter(|parent| *parent != at) {
                Some(parent) => children.entry(*parent).or_default().push(*at),
                None => roots.push(*at),
            }
        }
        let mut spots = Vec::new();
        let mut seen = vec![false; frame.rows.len()];
        // Rows that are each other's parents have no root: they come last.
        for root in roots.iter().chain(rows) {
            let mut left = vec![(*root, 0)];
            while let Some((at, depth)) = left.pop() {
                if std::mem::replace(&mut seen[at], true) {
                    continue;
                }
                let below = children.get(&at).map_or(&[][..], Vec::as_slice);
                let spot = Spot { row: at, depth, ..Spot::default() };
                if below.is_empty() {
                    spots.push(spot);
                } else if self.tree.is_open(&self.id(&frame.rows[at])) {
                    spots.push(Spot { node: Node::Open, ..spot });
                    left.extend(below.iter().rev().map(|child| (*child, (depth + 1).min(MAX_DEPTH))));
                } else {
                    let mut all = vec![at];
                    let mut next = 0;
                    while let Some(at) = all.get(next).copied() {
                        next += 1;
                        for child in children.get(&at).into_iter().flatten() {
                            if !std::mem::replace(&mut seen[*child], true) {
                                all.push(*child);
                            }
                        }
                    }
                    let row = Row { values: self.sums(frame, &all), ..frame.rows[at].clone() };
                    spots.push(Spot { row: self.made.len(), is_made: true, node: Node::Folded, ..spot });
                    self.made.push(row);
                }
            }
        }
        spots
    }

    /// Rows below the value that they have in common.
    fn in_groups(&mut self, frame: &Frame, rows: &[usize], field: &str) -> Vec<Spot> {
        let mut groups: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        for at in rows {
            groups.entry(self.text(&frame.rows[*at], field).unwrap_or_default()).or_default().push(*at);
        }
        let name_at = self.name_column().and_then(|column| match self.shown[column].place {
            Place::Key(at) => Some(at),
            Place::Value(_) => None,
        });
        let mut made: Vec<(Row, Vec<usize>)> = Vec::new();
        for (value, members) in groups {
            let mut keys = vec![Vec::new(); frame.keys.len()];
            let name = if value.is_empty() { &b"(none)"[..] } else { value };
            if let Some(cell) = name_at.and_then(|at| keys.get_mut(at)) {
                *cell = [name, format!(" ({})", members.len()).as_bytes()].concat();
            }
            // What tells it from other rows is its line, which is never empty.
            let line = [b"=", value].concat();
            made.push((Row { keys, values: self.sums(frame, &members), line }, members));
        }
        if let Some(column) = self.shown.get(self.sort) {
            made.sort_by(|(a, _), (b, _)| compare(column, self.order, a, b).then_with(|| a.line.cmp(&b.line)));
        }
        let mut spots = Vec::new();
        for (row, members) in made {
            let is_open = self.tree.is_open(&self.id(&row));
            let node = if is_open { Node::Open } else { Node::Folded };
            spots.push(Spot { row: self.made.len(), is_made: true, node, ..Spot::default() });
            self.made.push(row);
            if is_open {
                spots.extend(members.into_iter().map(|row| Spot { row, depth: 1, ..Spot::default() }));
            }
        }
        spots
    }

    /// The values of several rows as one: sums of what can be added. The rest is that of the first row if there is only one.
    fn sums(&self, frame: &Frame, rows: &[usize]) -> Vec<Option<f64>> {
        let adds = |at: usize| self.shown.iter().any(|column| column.adds && column.place == Place::Value(at));
        let value = |at: usize| {
            let mut values = rows.iter().map(|row| frame.rows[*row].values.get(at).copied().flatten());
            if adds(at) {
                values.flatten().reduce(|sum, value| sum + value)
            } else {
                values.next().flatten().filter(|_| rows.len() == 1)
            }
        };
        (0..frame.values.len()).map(value).collect()
    }

    /// The column in which the tree is drawn: that which takes the rest, or the last one with text.
    #[must_use]
    pub fn name_column(&self) -> Option<usize> {
        let is_text = |at: &&usize| matches!(self.shown[**at].place, Place::Key(_)) && !self.shown[**at].is_key;
        let texts = || self.columns.iter().filter(is_text);
        texts().find(|at| self.shown[**at].wished.is_none()).or_else(|| texts().next_back()).copied()
    }

    /// The value of a group that is at that place.
    #[must_use]
    pub fn group_at(&self, at: usize) -> Option<(&'static str, String)> {
        let Shape::Groups(by) = self.tree.shape else { return None };
        let value = self.row(at)?.line.strip_prefix(b"=")?;
        Some((GROUPS[by].1, String::from_utf8(value.to_vec()).ok()?))
    }
}

/// A number of a row by the name of its column, wherever it is.
fn number(frame: &Frame, row: &Row, name: &str) -> Option<u64> {
    if let Some(at) = frame.keys.iter().position(|column| column.name == name) {
        return std::str::from_utf8(row.keys.get(at)?).ok()?.parse().ok();
    }
    let at = frame.values.iter().position(|column| column.name == name)?;
    row.values.get(at).copied().flatten().map(|value| value as u64)
}
