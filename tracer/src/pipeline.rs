//! The loop: next, a [`step`], tick. What is done with an event is elsewhere.

mod epoch;
mod step;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use self::epoch::Epoch;
use rustix::time::{ClockId, clock_gettime};

use crate::{
    fields::Times,
    message::note,
    sample::Sampler,
    sink::{Flow, Interest, Outputs, Tick},
    source::{Drained, Source},
    state::{State, procfs::Scan},
    stats::Stats,
};

/// How often waiting output is looked at, at least.
const TICK: Duration = Duration::from_millis(50);

/// When to end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// After so long.
    pub max_time: Option<Duration>,
    /// How often tables are printed and CPU time is read, by the clock.
    pub interval: Option<Duration>,
}

/// When the next interval ends. One that ended late does not shorten the next one by much: tables wait for about a whole one.
fn following(due: Instant, interval: Duration, now: Instant) -> Instant {
    if now.saturating_duration_since(due) > interval / 4 { now + interval } else { due + interval }
}

/// CPU time that this process has used.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What the loop works on.
pub struct Pipeline {
    state: State,
    outputs: Outputs,
    interest: Interest,
    epoch: Epoch,
    times: Times,
    sampler: Option<Sampler>,
    /// What is still to be read of what was there at the start.
    scan: Option<Scan>,
    /// Of a capture file: time of its last event, nanoseconds since the epoch.
    file_ns: u64,
    number: u64,
    stats: Stats,
    failure: Option<anyhow::Error>,
}

impl Pipeline {
    /// `to_epoch_ns` is added to the times of records.
    #[must_use]
    pub fn new(state: State, outputs: Outputs, to_epoch_ns: u64) -> Self {
        let interest = Interest::of(&outputs);
        Self {
            state,
            outputs,
            interest,
            epoch: Epoch::new(to_epoch_ns),
            times: Times::default(),
            sampler: None,
            scan: None,
            file_ns: 0,
            number: 0,
            stats: Stats::default(),
            failure: None,
        }
    }

    /// The same, in which only some of the events reach the outputs.
    #[must_use]
    pub fn sampled(mut self, sampler: Option<Sampler>) -> Self {
        self.sampler = sampler;
        if let Some(sampler) = sampler {
            self.outputs.write_sample(sampler.sample());
        }
        self.say_sample();
        self
    }

    /// The same, which goes on to read what was there at the start.
    #[must_use]
    pub fn scanning(self, scan: Option<Scan>) -> Self {
        Self { scan, ..self }
    }

    /// Runs until the source ends, a limit is reached, the outputs have enough, or `stop` is set.
    ///
    /// # Errors
    /// The source broke, output cannot be written, or a script failed. What was gathered before was shown.
    pub fn run(self, source: &mut dyn Source, limits: Limits, stop: &AtomicBool) -> anyhow::Result<Stats> {
        self.run_to(source, limits, stop).map(|(stats, _)| stats)
    }

    /// The same, and the outputs when all has gone through them.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn run_to(
        self,
        source: &mut dyn Source,
        limits: Limits,
        stop: &AtomicBool,
    ) -> anyhow::Result<(Stats, Outputs)> {
        let (stats, outputs, result) = self.run_through(source, limits, stop);
        result.map(|()| (stats, outputs))
    }

    /// The same, with what was counted until it failed.
    pub fn run_through(
        mut self,
        source: &mut dyn Source,
        limits: Limits,
        stop: &AtomicBool,
    ) -> (Stats, Outputs, anyhow::Result<()>) {
        let start = Instant::now();
        let mut due = limits.interval.map(|interval| start + interval);
        let mut sampled = start;
        let result = loop {
            let mut flow = Flow::Continue;
            if let Some(step) = source.step() {
                self.epoch.step(step);
            }
            let drained = source.drain(&mut |record| self.record(record, &mut flow));
            let drained = match self.failure.take().map_or(drained, Err) {
                Ok(drained) => drained,
                Err(error) => break Err(error),
            };
            if drained == Drained::Metadata {
                match source.metadata(&mut self.state) {
                    Ok(()) => self.say_sample(),
                    Err(error) => break Err(error),
                }
            }
            let now = Instant::now();
            if due.is_some_and(|due| now >= due) {
                self.state.cpu_interval_ns = now.duration_since(sampled).as_nanos() as u64;
                sampled = now;
                due = due.zip(limits.interval).map(|(due, interval)| following(due, interval, now));
                match self.interval(source) {
                    Ok(Flow::Continue) => {}
                    Ok(Flow::Stop) => flow = Flow::Stop,
                    Err(error) => break Err(error),
                }
            }
            let over = limits.max_time.is_some_and(|max| now.duration_since(start) >= max);
            if flow == Flow::Stop {
                break Ok(());
            }
            if over || stop.load(Ordering::Relaxed) || drained == Drained::End {
                let last = (drained == Drained::End).then(|| now.duration_since(sampled));
                break self.rest(source, last);
            }
            self.state.users.refresh(now);
            // A note may come without a change of any container.
            let _ = self.state.containers.poll();
            self.state.containers.notes().iter().for_each(|text| note(text));
            source.follow(&self.state);
            match self.outputs.idle(&self.state, self.now_ns()) {
                Ok(Flow::Continue) => {}
                Ok(Flow::Stop) => break Ok(()),
                Err(error) => break Err(error),
            }
            if let Some(scan) = &mut self.scan {
                if !scan.next(&mut self.state) {
                    self.scan = None;
                }
                continue;
            }
            let left = limits.max_time.map_or(TICK, |max| max.saturating_sub(now.duration_since(start)));
            let next = due.map_or(TICK, |due| due.saturating_duration_since(now));
            if let Drained::Records(count) = drained {
                source.wait(count, TICK.min(left).min(next));
            }
        };
        // What comes while the outputs end is not lost: nobody wants it any more.
        let losses = source.losses();
        self.count(losses.clone());
        let now_ns = self.now_ns();
        let ended = self.outputs.end(&Tick { state: &self.state, now_ns, stats: &self.stats });
        self.count(losses);
        // Events of our own are none that are seen, unless somebody is shown them.
        self.stats.seen += self.outputs.shown_internal();
        self.stats.elapsed = start.elapsed();
        self.stats.cpu_time = cpu_time();
        (self.stats, self.outputs, result.and(ended))
    }

    /// What is left. Of what has ended by itself, also what is reported for an interval: the `last` one is as long as it was.
    fn rest(&mut self, source: &mut dyn Source, last: Option<Duration>) -> anyhow::Result<()> {
        let mut flow = Flow::Continue;
        source.drain_rest(&mut |record| self.record(record, &mut flow))?;
        if let Some(last) = last.filter(|_| flow == Flow::Continue) {
            self.state.cpu_interval_ns = last.as_nanos() as u64;
            source.interval(self.state.cpu_interval_ns, &mut |record| self.record(record, &mut flow))?;
        }
        self.failure.take().map_or(Ok(()), Err)
    }
}
