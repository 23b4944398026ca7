//! The sink that metrics and pages are made of: it takes the tables of an interval, says which containers run, and hands over a picture
//! of all of it that nobody changes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tokio::sync::watch;

use super::{
    counted::{self, CountedError, Level},
    happened::Happened,
    known::{Known, Looks},
    totals::{Ended, Live, Totals},
};
use crate::{
    fields::{Context, EventType, Needs},
    sink::{Shown, Sink, Tick},
    state::ContainerKey,
    view::{self, SharedBoard},
};

/// How often tables are taken, milliseconds.
pub(super) const INTERVAL_MS: u64 = 1000;

/// What there is at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    /// When it was made, nanoseconds since the epoch; 0 before the first one.
    pub(super) now_ns: u64,
    /// Containers that run, by the whole id; without those whose names may still come, so that no series begins without a name.
    pub(super) live: BTreeMap<String, Live>,
    /// How many more run that are beyond the limits.
    pub(super) left_out: usize,
    /// What outlives them, by workload.
    pub(super) ended: BTreeMap<String, Arc<Ended>>,
    /// What happened to containers lately.
    pub(super) happened: Arc<Happened>,
    /// Events that were seen.
    pub(super) seen: u64,
    /// Events that were lost, by cause.
    pub(super) lost: Vec<(&'static str, u64)>,
    /// Why no engine answers, if none does.
    pub(super) silence: Option<String>,
}

impl Snapshot {
    /// The order in which containers are left out where there is no room, the last ones first: what users claim, then those that began last.
    pub(super) fn ranks(&self) -> HashMap<&str, usize> {
        let mut all: Vec<_> = self.live.iter().collect();
        all.sort_by_key(|(id, live)| (live.known.is_claimed(), live.since_ns, *id));
        all.into_iter().enumerate().map(|(rank, (id, _))| (id.as_str(), rank)).collect()
    }
}

/// Who takes snapshots.
pub(super) type Publish = watch::Sender<Arc<Snapshot>>;

/// The sink, which comes after its tables.
#[derive(Debug)]
struct Gather {
    /// Which table each frame of the board is of.
    places: Vec<usize>,
    board: SharedBoard,
    looks: Looks,
    totals: Totals,
    /// What was known when containers changed last.
    known: BTreeMap<String, (ContainerKey, Arc<Known>)>,
    generation: u64,
    /// What has to be collected for the tables and this.
    needs: Needs,
    publish: Publish,
}

/// The sinks.
///
/// # Errors
/// A table of ours makes no sense.
pub(super) fn sinks(level: Level, max_series: usize, publish: Publish) -> Result<Vec<Box<dyn Sink>>, CountedError> {
    let (places, specs): (Vec<usize>, Vec<_>) = counted::specs(level)?.into_iter().unzip();
    let (mut sinks, board) = view::board(specs, false, INTERVAL_MS)?;
    let looks = Looks::new()?;
    let (totals, known) = (Totals::new(max_series), BTreeMap::new());
    // Fields of parameters do not say that the times of threads are needed, which come as events.
    let needs = if level >= Level::All { Needs::CONTAINER.with(Needs::CPU_TIME) } else { Needs::CONTAINER };
    sinks.push(Box::new(Gather { places, board, looks, totals, known, generation: u64::MAX, needs, publish }));
    Ok(sinks)
}

impl Gather {
    fn take(&mut self, tick: &Tick<'_>) {
        let &Tick { state, now_ns, stats, .. } = tick;
        let (_, frames) = self.board.borrow_mut().take(now_ns);
        for (table, frame) in self.places.iter().zip(frames) {
            frame.iter().for_each(|frame| self.totals.add(*table, frame));
        }
        let generation = state.containers.generation();
        let is_same = std::mem::replace(&mut self.generation, generation) == generation;
        let (looks, before) = (&self.looks, std::mem::take(&mut self.known));
        let running = state.containers.running().map(|(key, container, _)| (&container.full_id, key));
        self.known = running
            .map(|(id, key)| {
                let known =
                    before.get(id).filter(|(before, _)| is_same && *before == key).map(|(_, it)| Arc::clone(it));
                (id.clone(), (key, known.unwrap_or_else(|| Arc::new(looks.at(state, key, now_ns)))))
            })
            .collect();
        let running = self.known.iter().map(|(id, (_, known))| (id.clone(), Arc::clone(known))).collect();
        self.totals.update(running, now_ns, &mut |id| {
            let (key, _) = state.containers.all().find(|(_, container)| container.full_id == id)?;
            Some(looks.at(state, key, now_ns))
        });
        let (live, left_out) = self.totals.told();
        let snapshot = Snapshot {
            now_ns,
            live,
            left_out,
            ended: self.totals.ended.clone(),
            happened: Arc::clone(&self.totals.happened),
            seen: stats.seen,
            lost: stats.causes().collect(),
            silence: state.containers.silence(),
        };
        self.publish.send_replace(Arc::new(snapshot));
    }
}

impl Sink for Gather {
    fn event(&mut self, _context: &Context<'_>) -> anyhow::Result<Shown> {
        Ok(Shown::No)
    }

    fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.take(tick);
        Ok(())
    }

    fn needs(&self) -> Needs {
        self.needs
    }

    fn wants(&self, _event: &EventType<'_>) -> bool {
        false
    }

    fn interval_ms(&self) -> Option<u64> {
        Some(INTERVAL_MS)
    }
}
