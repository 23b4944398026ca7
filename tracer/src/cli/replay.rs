//! A plan carried out on capture files, by a process that gave up all that it does not need for that.

use std::{path::Path, process::ExitCode, sync::Arc, time::SystemTime};

use super::{
    Plan, end,
    excerpt::{self, Again},
    live::{drop_to, say_stats},
    missing,
    progress::Progress,
    stop::Stop,
};
use crate::{
    confine::{self, Paths},
    format::time,
    message::note,
    pipeline::{Limits, Pipeline},
    sample::Sampler,
    scap::ScapError,
    source::replay::Replay,
    state::{Procfs, State, Users},
    stats::Stats,
};

/// Nanoseconds since the epoch.
pub(super) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(0)
}

/// Gives up all that reading does not need, before the first byte of a capture is looked at.
pub(super) fn confine(paths: &Paths, verbose: bool) {
    // What is read when it is first asked for.
    time::load_zone();
    let confined = confine::reading(paths);
    if verbose {
        note(&format!("note: {confined}"));
    }
}

/// Reads the files, one after the other, as planned. If one of them ends in damage, that is said, and returned as the exit code.
///
/// # Errors
/// A file cannot be read or is damaged from its beginning, output cannot be written, or a script failed. What was read before was shown.
pub fn run(plan: Plan) -> anyhow::Result<(Stats, Option<ExitCode>)> {
    let stop = match &plan.screen {
        Some(screen) => Stop::from(Arc::clone(&screen.stop)),
        None => Stop::at_signals(None)?,
    };
    let mut source = Replay::open(plan.read.clone())?.with_users(plan.users).with_length(plan.max_time);
    let state = State { procfs: Procfs::none(), ..State::default() };
    let position = source.position();
    if let Some(screen) = &plan.screen {
        let _ = screen.position.set(Arc::clone(&position));
    }
    // Tables are for the whole of the files: a table for each second of them is read by nobody.
    let limits = Limits::default();
    let mut outputs = plan.outputs;
    if let Some(user) = &plan.drop_to {
        drop_to(user, &Users::read(Path::new("/")))?;
    }
    excerpt::check(&outputs.excerpts(), plan.force)?;
    outputs.open(now_ns()).map_err(|error| missing::of_folder(error, plan.drop_to.as_deref()))?;
    let excerpts = !outputs.excerpts().is_empty();
    let mut paths = Paths { read: source.later(), folders: outputs.folders(), terminal: plan.screen.is_some() };
    // Each question is another pass over the files.
    paths.read.extend(plan.read.iter().filter(|_| plan.screen.is_some()).cloned());
    paths.read.extend(plan.again.iter().filter(|_| excerpts).cloned());
    if plan.screen.as_ref().is_none_or(|screen| screen.confines) {
        confine(&paths, plan.verbose);
    }
    let progress = plan.progress.then(|| Progress::start(position)).transpose()?;
    // The same events each time.
    let sample = plan.sample.filter(|_| outputs.is_sampled());
    let pipeline = Pipeline::new(state, outputs, 0).sampled(sample.map(Sampler::seeded));
    let (stats, outputs, result) = pipeline.run_through(&mut source, limits, &stop);
    drop(progress);
    if plan.screen.is_some() {
        return result.map(|()| (stats, None));
    }
    if let Err(error) = result {
        if stats.seen == 0 || !error.chain().any(|cause| cause.is::<ScapError>()) {
            return Err(error);
        }
        // A capture whose writer was killed ends anywhere. What it has was shown, and is counted.
        let code = end(&error);
        say_stats(&stats, plan.verbose, plan.json);
        return Ok((stats, Some(code)));
    }
    let again = Again { files: &plan.again, users: plan.users, force: plan.force };
    excerpt::write(&outputs.excerpts(), &again, &stop)?;
    say_stats(&stats, plan.verbose, plan.json);
    Ok((stats, None))
}
