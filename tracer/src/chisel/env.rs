//! What a chisel is told of the run that it is part of.

use crate::{
    fields::Show,
    format::DataMode,
    output::{Out, Page},
};

/// What the user asks of all tables, whatever the chisel says of its own.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// How many rows they have: `--rows`.
    pub rows: Option<usize>,
    /// How often they are printed, milliseconds: `--interval`.
    pub interval_ms: Option<u64>,
    /// The column by which they are sorted: `--sort`.
    pub sort: Option<String>,
}

/// Where a chisel runs.
#[derive(Debug, Clone)]
pub struct Env {
    /// How values are shown.
    pub show: Show,
    /// How data is shown where it is printed: `-A`, `-x`, `-X` and `-b`. Filters know nothing of it.
    pub data: DataMode,
    /// Whether containers are to be shown: `-pc`.
    pub container: bool,
    /// Where it prints.
    pub page: Page,
    /// Whether events are those of capture files.
    pub replay: bool,
    /// Whether the interpreter runs all functions, simple ones too: to compare with.
    pub interpreted: bool,
    /// Whether it writes into folders that other users can change: `--force`.
    pub force: bool,
    /// Whether it may not make or write files and folders.
    pub read_only: bool,
    /// What is asked of tables.
    pub tables: Tables,
}

impl Env {
    /// As without any option, into `out`.
    #[must_use]
    pub fn plain(out: Out) -> Self {
        Self {
            show: Show::default(),
            data: DataMode::Dots,
            container: false,
            page: Page::plain(out),
            replay: false,
            interpreted: false,
            force: false,
            read_only: false,
            tables: Tables::default(),
        }
    }
}
