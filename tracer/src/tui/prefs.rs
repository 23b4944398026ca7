//! How the user had the views: order, columns, widths; and the filters that were typed. Kept in a file of the user's own.
//!
//! The file is JSON. What it says of views and columns that are not there any more is ignored.

use std::{collections::BTreeMap, io, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::level::Level;
use crate::{
    files::{self, Folder, Refused},
    message::Shown as _,
    view::{Place, spec::Order},
};

/// The file in the folder for state.
const FILE: &str = "top.json";
/// The longest one that is read.
const MAX_BYTES: u64 = 256 << 10;

/// How the user had a view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ViewPrefs {
    /// The title of the column that rows are sorted by, and whether the largest comes first.
    pub sort: Option<String>,
    pub down: bool,
    /// Titles of the columns on the screen, in their order; none for all.
    pub columns: Vec<String>,
    /// Widths by title.
    pub widths: BTreeMap<String, u16>,
}

/// How the user had all views.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prefs {
    /// Filters that were typed, the newest last.
    pub filters: Vec<String>,
    pub views: BTreeMap<String, ViewPrefs>,
}

impl Prefs {
    /// Those of the file; none when there is no file.
    ///
    /// # Errors
    /// It cannot be read or understood, in words.
    pub fn load() -> Result<Self, String> {
        let Some(path) = files::state_folder().map(|folder| folder.join(FILE)) else { return Ok(Self::default()) };
        match files::read(&path, MAX_BYTES) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.shown())),
            Err(Refused::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("cannot read {}: {error}", path.shown())),
        }
    }

    /// Makes a level as the user had its view.
    pub fn apply(&self, level: &mut Level) {
        let Some(prefs) = self.views.get(&level.view.id) else { return };
        let place = |title: &String| level.shown.iter().position(|column| column.title == *title);
        let mut columns: Vec<usize> = Vec::new();
        for at in prefs.columns.iter().filter_map(place) {
            if !columns.contains(&at) {
                columns.push(at);
            }
        }
        let widths = prefs.widths.iter().filter_map(|(title, width)| Some((place(title)?, (*width).clamp(3, 200))));
        let widths: BTreeMap<usize, u16> = widths.collect();
        let sort = prefs.sort.as_ref().and_then(place);
        if let Some(key) = level.key_column().filter(|key| !columns.is_empty() && !columns.contains(key)) {
            columns.insert(0, key);
        }
        if !columns.is_empty() {
            level.columns = columns;
        }
        level.widths = widths;
        if let Some(sort) = sort.filter(|sort| level.columns.contains(sort)) {
            (level.sort, level.order) = (sort, if prefs.down { Order::Down } else { Order::Up });
        }
    }

    /// Remembers how a level is.
    pub fn remember(&mut self, level: &Level) {
        let title = |at: &usize| level.shown.get(*at).map(|column| column.title.clone());
        let all: Vec<usize> = (0..level.shown.len()).collect();
        let columns = if level.columns == all { Vec::new() } else { level.columns.iter().filter_map(title).collect() };
        let widths = level.widths.iter().filter_map(|(at, width)| Some((title(at)?, *width))).collect();
        let prefs = ViewPrefs { sort: title(&level.sort), down: level.order == Order::Down, columns, widths };
        self.views.insert(level.view.id.clone(), prefs);
    }
}

/// Where they are kept. It is opened at the start: once a capture is read, this process makes no folders any more.
#[derive(Debug)]
pub struct Keeper {
    folder: Folder,
    path: PathBuf,
}

impl Keeper {
    /// Opens the folder; it is made if it is missing. `None` without a home.
    ///
    /// # Errors
    /// It cannot be made, or is not the user's alone, in words.
    pub fn open() -> Result<Option<Self>, String> {
        let Some(path) = files::state_folder() else { return Ok(None) };
        match Folder::open(&path, false) {
            Ok(folder) => Ok(Some(Self { folder, path })),
            Err(error) => Err(format!("the order and columns of views are not kept in {}: {error}", path.shown())),
        }
    }

    /// Writes the file, all or nothing.
    ///
    /// # Errors
    /// It cannot be written, in words.
    pub fn save(&self, prefs: &Prefs) -> Result<(), String> {
        let text = serde_json::to_vec_pretty(prefs).map_err(io::Error::from);
        let written = text.and_then(|text| self.folder.replace(FILE, &text));
        written.map_err(|error| format!("cannot keep the order and columns of views in {}: {error}", self.path.shown()))
    }
}

impl Level {
    /// The column of the key, which is always there.
    #[must_use]
    pub fn key_column(&self) -> Option<usize> {
        self.shown.iter().position(|column| column.place == Place::Key(0)).filter(|_| !self.is_list())
    }

    /// Shows or hides a column. The key stays, and so does one at least.
    pub fn show_column(&mut self, column: usize) {
        match self.columns.iter().position(|it| *it == column) {
            Some(_) if Some(column) == self.key_column() || self.columns.len() == 1 => {}
            Some(at) => {
                self.columns.remove(at);
                if self.sort == column {
                    self.sort = self.columns[0];
                    self.arrange();
                }
            }
            // Where it was in the view: before the first one that comes after it there.
            None => {
                let at = self.columns.iter().position(|it| *it > column).unwrap_or(self.columns.len());
                self.columns.insert(at, column);
            }
        }
    }

    /// Moves a column of the screen; returns its new place.
    pub fn move_column(&mut self, at: usize, right: bool) -> usize {
        let to = if right { at + 1 } else { at.wrapping_sub(1) };
        if at >= self.columns.len() || to >= self.columns.len() {
            return at;
        }
        self.columns.swap(at, to);
        to
    }

    /// Makes a column wider or narrower.
    pub fn widen(&mut self, column: usize, by: i16) {
        let Some(shown) = self.shown.get(column) else { return };
        let now = self.widths.get(&column).copied().or(shown.wished).unwrap_or(shown.least);
        self.widths.insert(column, now.saturating_add_signed(by).clamp(3, 200));
    }

    /// All columns as the view has them.
    pub fn reset_columns(&mut self) {
        self.columns = (0..self.shown.len()).collect();
        self.widths.clear();
    }
}
