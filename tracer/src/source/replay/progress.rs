//! How far reading is, for those who wait.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use crate::scap::Progress;

/// Bytes of the files as they are stored.
#[derive(Debug)]
pub struct Position {
    read: Progress,
    /// Of all files; 0 when the length of one is not known, as of a pipe.
    total: u64,
}

impl Position {
    /// At the beginning of these files.
    #[must_use]
    pub fn of(files: &[PathBuf]) -> Self {
        let length = |path: &PathBuf| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|meta| meta.len());
        let total = files.iter().map(length).try_fold(0, |sum: u64, length| sum.checked_add(length?));
        Self { read: Arc::default(), total: total.unwrap_or(0) }
    }

    /// What counts the bytes of a file.
    pub(super) fn counter(&self) -> Progress {
        Arc::clone(&self.read)
    }

    /// Bytes that were read.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes of all files; `None` when that is not known.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        Some(self.total).filter(|total| *total > 0)
    }
}
