//! The loop: next, a [`step`], tick. What is done with an event is elsewhere.

mod asked;
mod change;
mod command;
mod epoch;
mod pace;
mod quiet;
mod step;

pub use asked::{Asked, Mode};
pub use change::Question;
pub use command::{Answer, Commander, Commands, Make, channel};

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use self::{change::Asking, epoch::Epoch, pace::Pace, quiet::Quiet};
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

/// How often CPU time is read and tables are made when nothing else is said.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// When to end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// After so long.
    pub max_time: Option<Duration>,
    /// How often tables are printed and CPU time is read, by the clock.
    pub interval: Option<Duration>,
}

/// CPU time that this process has used.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What questions that are over have counted.
#[derive(Debug, Clone, Copy, Default)]
struct Earlier {
    shown: u64,
    shown_internal: u64,
    lost: u64,
}

/// What the loop works on.
pub struct Pipeline {
    state: State,
    /// What is asked now.
    asking: Asking,
    /// What was asked before, while what still belongs to it comes.
    before: Option<Asking>,
    /// The mark of records that belong to what is asked now.
    turn: u16,
    /// What the source is asked for, once the question has changed.
    asked: Option<Asked>,
    commands: Option<Commands>,
    pace: Pace,
    /// Whether somebody waits for the first frame of each question.
    is_waited_for: bool,
    /// What was counted for questions before.
    earlier: Earlier,
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
    /// Until something was shown, or it was said that nothing is.
    quiet: Option<Quiet>,
}

impl Pipeline {
    /// `to_epoch_ns` is added to the times of records.
    #[must_use]
    pub fn new(state: State, outputs: Outputs, to_epoch_ns: u64) -> Self {
        Self {
            state,
            asking: Asking::new(outputs),
            before: None,
            turn: 0,
            asked: None,
            commands: None,
            pace: Pace::new(None, Instant::now()),
            is_waited_for: false,
            earlier: Earlier::default(),
            epoch: Epoch::new(to_epoch_ns),
            times: Times::default(),
            sampler: None,
            scan: None,
            file_ns: 0,
            number: 0,
            stats: Stats::default(),
            failure: None,
            quiet: None,
        }
    }

    /// The same, in which only some of the events reach the outputs.
    #[must_use]
    pub fn sampled(mut self, sampler: Option<Sampler>) -> Self {
        self.sampler = sampler;
        if let Some(sampler) = sampler {
            self.asking.outputs.write_sample(sampler.sample());
        }
        self.say_sample();
        self
    }

    /// The same, which goes on to read what was there at the start.
    #[must_use]
    pub fn scanning(self, scan: Option<Scan>) -> Self {
        Self { scan, ..self }
    }

    /// The same, which does what is said meanwhile: see [`channel`]. `asked` is what the source was asked for.
    #[must_use]
    pub fn commanded(self, commands: Commands, asked: Asked) -> Self {
        Self { commands: Some(commands), asked: Some(asked), ..self }
    }

    /// The same, which says why nothing is shown if that takes long.
    #[must_use]
    pub fn hinting(self, hints: bool) -> Self {
        Self { quiet: hints.then(Quiet::begin), ..self }
    }

    /// The same, whose first interval is short when somebody waits for what it shows; and so is that of each question after it.
    #[must_use]
    pub fn waited_for(self, is_waited_for: bool) -> Self {
        Self { is_waited_for, ..self }
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
        self.pace = Pace::new(limits.interval, start).waited_for(self.is_waited_for);
        let woken = self.commands.as_ref().map_or(Ok(()), |commands| source.wake_by(commands.fd()));
        let result = loop {
            if let Err(error) = &woken {
                break Err(anyhow::anyhow!("cannot wait for commands: {error}"));
            }
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
            if let Err(error) = self.commands(source) {
                break Err(error);
            }
            let now = Instant::now();
            if let Some(length_ns) = self.pace.over(now) {
                self.state.cpu_interval_ns = length_ns;
                match self.interval(source) {
                    Ok(Flow::Continue) => {}
                    Ok(Flow::Stop) => flow = Flow::Stop,
                    Err(error) => break Err(error),
                }
            }
            let over = limits.max_time.is_some_and(|max| now.duration_since(start) >= max);
            if flow == Flow::Stop {
                break self.enough(source);
            }
            if over || stop.load(Ordering::Relaxed) || drained == Drained::End {
                let last = (drained == Drained::End).then(|| self.pace.length(now));
                break self.rest(source, last);
            }
            self.state.users.refresh(now);
            // A note may come without a change of any container.
            let _ = self.state.containers.poll();
            self.state.containers.notes().iter().for_each(|text| note(text));
            source.follow(&self.state);
            self.say_quiet(now);
            match self.asking.outputs.idle(&self.state, self.now_ns()) {
                Ok(Flow::Continue) => {}
                Ok(Flow::Stop) => break self.enough(source),
                Err(error) => break Err(error),
            }
            if let Some(scan) = &mut self.scan {
                if !scan.next(&mut self.state) {
                    self.scan = None;
                }
                continue;
            }
            let left = limits.max_time.map_or(TICK, |max| max.saturating_sub(now.duration_since(start)));
            if let Drained::Records(count) = drained {
                source.wait(count, self.pace.left(TICK.min(left), now));
            }
        };
        // What comes while the outputs end is not lost: nobody wants it any more.
        let losses = source.losses();
        self.count(losses.clone());
        let now_ns = self.now_ns();
        let ended =
            self.asking.outputs.end(&Tick { state: &self.state, now_ns, stats: &self.stats, failed: result.is_err() });
        self.count(losses);
        // Events of our own are none that are seen, unless somebody is shown them.
        self.stats.seen += self.earlier.shown_internal + self.asking.outputs.shown_internal();
        self.stats.elapsed = start.elapsed();
        self.stats.cpu_time = cpu_time();
        (self.stats, self.asking.outputs, result.and(ended))
    }

    /// Enough was shown. A capture still gets what was lost until now.
    fn enough(&mut self, source: &mut dyn Source) -> anyhow::Result<()> {
        let mut flow = Flow::Continue;
        source.last_losses(&mut |record| self.record(record, &mut flow));
        self.failure.take().map_or(Ok(()), Err)
    }

    /// What is left. Of what has ended by itself, also what is reported for an interval: how long the `last` one was, nanoseconds.
    fn rest(&mut self, source: &mut dyn Source, last: Option<u64>) -> anyhow::Result<()> {
        let mut flow = Flow::Continue;
        source.drain_rest(&mut |record| self.record(record, &mut flow))?;
        if let Some(length_ns) = last.filter(|_| flow == Flow::Continue) {
            self.state.cpu_interval_ns = length_ns;
            source.interval(length_ns, &mut |record| self.record(record, &mut flow))?;
        }
        self.failure.take().map_or(Ok(()), Err)
    }
}
