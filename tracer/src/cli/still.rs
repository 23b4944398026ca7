//! Lists of what there is now: processes, descriptors, sockets, containers. Nothing is traced for them, so they need no rights that only
//! tracing needs; what other users own is listed as far as this user may see it.

use std::{sync::atomic::Ordering, time::Duration};

use nix::unistd::Uid;

use super::{Plan, live::say_stats, missing, replay::now_ns, stop::Stop};
use crate::{
    fields::Needs,
    message::note,
    pipeline::{Limits, Pipeline},
    source::{Drained, Source, Visit},
    state::{
        Containers, Host, Procfs, State, Users, container, host_root,
        procfs::{self, View},
    },
    stats::Stats,
};

/// How often it is looked whether names of containers have come.
const PAUSE: Duration = Duration::from_millis(10);

/// A source without events.
struct Still;

impl Source for Still {
    fn drain(&mut self, _visit: Visit<'_>) -> anyhow::Result<Drained> {
        Ok(Drained::Records(0))
    }

    fn wait(&mut self, _drained: usize, at_most: Duration) {
        std::thread::sleep(at_most.min(PAUSE));
    }
}

/// Lists what is planned.
///
/// # Errors
/// Output cannot be written, or a script failed.
pub(super) fn run(plan: Plan) -> anyhow::Result<Stats> {
    let stop = Stop::at_signals(None)?;
    let (root, _) = host_root();
    let view = View::find(root, None);
    let engines = container::Options {
        metadata: plan.needs.has(Needs::CONTAINER),
        sockets: plan.engine_sockets,
        verbose: plan.verbose,
        host_root: root.clone(),
        view: view.clone(),
        ..container::Options::default()
    };
    let mut state = State {
        containers: Containers::start(&engines),
        host: Host::read(root),
        users: if plan.users { Users::read(root) } else { Users::default() },
        procfs: Procfs::of_view(&view, root).with_args_limit(plan.args_limit),
        ..State::default()
    };
    if !Uid::effective().is_root() {
        note("note: without root, files and sockets of other users' processes are not listed");
    }
    // Without it the list would be there before the names are.
    state.containers.settle(container::engine::DEADLINE, || stop.load(Ordering::Relaxed));
    let descriptors = plan.needs.has(Needs::STATE);
    let mut scan = state.procfs.scan(procfs::Wanted { descriptors, threads: false, whole: true });
    let scan = scan.first(&mut state, &stop).then_some(scan);
    let mut outputs = plan.outputs;
    outputs.open(now_ns()).map_err(|error| missing::of_folder(error, None))?;
    let interval = plan.interval_ms.map(Duration::from_millis);
    let limits = Limits { max_time: plan.max_time, interval };
    let pipeline = Pipeline::new(state, outputs, crate::source::live::to_epoch_ns()).scanning(scan);
    let (stats, _) = pipeline.run_to(&mut Still, limits, &stop)?;
    say_stats(&stats, plan.verbose, plan.json);
    Ok(stats)
}
