//! A plan carried out on capture files.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::SystemTime,
};

use anyhow::Context as _;

use super::{
    Plan,
    live::{drop_to, stop_flag},
    progress::Progress,
};
use crate::{
    chisel::excerpt::Excerpt,
    fields::Show,
    filter::Filter,
    message::note,
    pipeline::{Limits, Pipeline},
    sink::{Capture, Out, Outputs, capture},
    source::replay::Replay,
    state::{Procfs, State, Users},
    stats::Stats,
};

/// Nanoseconds since the epoch.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(0)
}

/// Reads the files once more, and writes what is around the events that were marked.
fn write_excerpt(excerpt: &Excerpt, files: &[PathBuf], users: bool, stop: &AtomicBool) -> anyhow::Result<()> {
    let Some(text) = excerpt.filter() else {
        note(&format!("nothing is written to '{}': no event was marked", excerpt.path.display()));
        return Ok(());
    };
    let filter = Filter::compile(&text, Show::PLAIN).context("the filter of an excerpt")?;
    let options = capture::Options {
        file: excerpt.path.clone(),
        read: files.to_vec(),
        fat: true,
        cpu: true,
        latency: true,
        ..Default::default()
    };
    let mut outputs =
        Outputs::new(Some(filter), Vec::new(), Out::stdout(false), None).with_capture(Some(Capture::new(options)));
    outputs.open(now_ns())?;
    let mut source = Replay::open(files.to_vec())?.with_users(users);
    let state = State { procfs: Procfs::none(), ..State::default() };
    let stats = Pipeline::new(state, outputs, 0).run(&mut source, Limits::default(), stop)?;
    note(&format!("'{}': {stats}", excerpt.path.display()));
    Ok(())
}

/// Reads the files, one after the other, as planned.
///
/// # Errors
/// A file cannot be read or is damaged, output cannot be written, or a script failed. What was read before was shown.
pub fn run(plan: Plan) -> anyhow::Result<Stats> {
    let stop = stop_flag()?;
    let mut source = Replay::open(plan.read.clone())?.with_users(plan.users).with_length(plan.max_time);
    let state = State { procfs: Procfs::none(), ..State::default() };
    // Tables are for the whole of the files: a table for each second of them is read by nobody.
    let limits = Limits::default();
    let progress = plan.progress.then(|| Progress::start(source.position())).transpose()?;
    let mut outputs = plan.outputs;
    if let Some(user) = &plan.drop_to {
        drop_to(user, &Users::read(Path::new("/")))?;
    }
    outputs.open(now_ns())?;
    let (stats, outputs) = Pipeline::new(state, outputs, 0).run_to(&mut source, limits, &stop)?;
    drop(progress);
    for excerpt in outputs.excerpts() {
        write_excerpt(&excerpt, &plan.read, plan.users, &stop)?;
    }
    note(&stats.to_string());
    if plan.verbose {
        note(&stats.speed());
    }
    Ok(stats)
}
