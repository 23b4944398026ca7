//! What is around the events that chisels marked, taken from a capture that is read a second time.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use super::replay::now_ns;
use crate::message::Shown as _;
use crate::{
    chisel::excerpt::Excerpt,
    files,
    format::color::ColorChoice,
    message::note,
    output::Out,
    pipeline::{Limits, Pipeline},
    sink::{Capture, Outputs, capture, capture::DiskError},
    source::replay::Replay,
    state::{Procfs, State},
};

/// What is read once more, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Again<'a> {
    pub(super) files: &'a [PathBuf],
    /// Whether users and groups are looked up.
    pub(super) users: bool,
    /// Whether files of other users are written over, too.
    pub(super) force: bool,
}

/// Looks whether excerpts can be written, which happens at the end: that is too late to learn that they cannot.
///
/// # Errors
/// A file would not be written to, because another user may have put it there.
pub(super) fn check(excerpts: &[Excerpt], force: bool) -> anyhow::Result<()> {
    for Excerpt { path, .. } in excerpts {
        files::check(path, force).map_err(|source| DiskError::Create { path: path.clone(), source })?;
    }
    Ok(())
}

/// Reads the files once more for each excerpt, by a process that can do no more than that. What stopped the first reading does not stop these.
///
/// # Errors
/// A file cannot be read, or the excerpt cannot be written.
pub(super) fn write(excerpts: &[Excerpt], again: &Again<'_>, stop: &AtomicBool) -> anyhow::Result<()> {
    if excerpts.is_empty() {
        return Ok(());
    }
    stop.store(false, Ordering::Relaxed);
    excerpts.iter().try_for_each(|excerpt| write_one(excerpt, again, stop))
}

fn write_one(excerpt: &Excerpt, again: &Again<'_>, stop: &AtomicBool) -> anyhow::Result<()> {
    let Again { files, users, force } = *again;
    if files.is_empty() {
        // Of a chisel that was loaded again, and did not want this when it began.
        note(&format!("'{}' is not written, because there is no capture to read", excerpt.path.shown()));
        return Ok(());
    }
    let Some(filter) = excerpt.filter() else {
        note(&format!("'{}' is not written, because no event was marked", excerpt.path.shown()));
        return Ok(());
    };
    let options = capture::Options {
        file: excerpt.path.clone(),
        read: files.to_vec(),
        fat: true,
        cpu: true,
        latency: true,
        force,
        ..Default::default()
    };
    let mut outputs = Outputs::new(Some(filter), Vec::new(), Out::stdout(false, false, ColorChoice::Never), None)
        .with_capture(Some(Capture::new(options)));
    outputs.open(now_ns())?;
    let mut source = Replay::open(files.to_vec())?.with_users(users);
    let state = State { procfs: Procfs::none(), ..State::default() };
    let stats = Pipeline::new(state, outputs, 0).run(&mut source, Limits::default(), stop)?;
    note(&format!("'{}': {stats}", excerpt.path.shown()));
    Ok(())
}
