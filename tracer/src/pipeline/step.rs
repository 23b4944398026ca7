//! What the loop does at each step: a record becomes an event, is known to the state, and goes to those who want it; and what
//! is due from time to time.

use std::{mem, ops::ControlFlow, rc::Rc, time::Instant};

use tracer_common::{
    events::Category,
    group::{CALL_TABLES, KeyDescriptor},
};

use super::{Pipeline, change::mark, quiet};
use crate::{
    event::{Event, decode},
    fields::{Context, Times},
    message::note,
    sample::{self, Sample},
    sink::{Flow, Tick},
    source::{Losses, Record, Source, live},
    state::{Fd, effects},
};

impl Pipeline {
    /// What is due at each interval, by the clock.
    pub(super) fn interval(&mut self, source: &mut dyn Source) -> anyhow::Result<Flow> {
        let mut flow = Flow::Continue;
        source.interval(self.state.cpu_interval_ns, &mut |record| self.record(record, &mut flow))?;
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        self.state.procfs.renew();
        if flow == Flow::Stop {
            return Ok(flow);
        }
        let now_ns = self.now_ns();
        self.count(source.losses());
        self.asking.outputs.interval(&Tick { state: &self.state, now_ns, stats: &self.stats, failed: false })
    }

    /// Brings up to date what was seen, shown and lost.
    pub(super) fn count(&mut self, losses: Losses) {
        self.stats.losses = losses;
        self.stats.not_in_tables = self.earlier.lost + self.asking.outputs.lost();
        self.stats.shown = self.earlier.shown + self.asking.outputs.shown();
        self.stats.written = self.asking.outputs.written();
    }

    /// Nanoseconds since the epoch: of a capture file, when its last event was.
    pub(super) fn now_ns(&self) -> u64 {
        if self.file_ns != 0 {
            return self.file_ns;
        }
        live::monotonic_ns().wrapping_add(self.epoch.now())
    }

    /// Says that only some of the events are looked at, or are in the capture that is read, when that is known. Of several captures,
    /// the smallest sample counts.
    pub(super) fn say_sample(&mut self) {
        let sample = Sample::both(self.sampler.map(|sampler| sampler.sample()), self.state.sample);
        let Some(sample) = sample.filter(|it| self.stats.sample.is_none_or(|said| said.one_in() < it.one_in())) else {
            return;
        };
        if self.asking.outputs.is_sampled() {
            self.asking.outputs.sample(sample);
            self.stats.sample = Some(sample);
            note(&format!(
                "sampling {sample} of the events: counts and sums are estimates, and lines show only the sample"
            ));
        }
    }

    /// Says why nothing is shown, once.
    pub(super) fn say_quiet(&mut self, now: Instant) {
        if !self.quiet.as_ref().is_some_and(|quiet| quiet.is_due(now)) {
            return;
        }
        self.quiet = None;
        if self.asking.outputs.shown() > 0 {
            return;
        }
        let mut reasons = Vec::new();
        self.asking.outputs.each_filter(&mut |filter| reasons.push(quiet::required(filter, &self.state)));
        note(&quiet::text(self.stats.seen, &reasons));
    }

    /// How many events one stands for; 0 when it is left out.
    fn weight(&self, event: &Event<'_>) -> u32 {
        let chosen = self.sampler.map_or(1, |sampler| sampler.weight(event));
        match self.state.sample {
            Some(read) if event.from_file && !sample::is_exact(event) => chosen.saturating_mul(read.one_in()),
            _ => chosen,
        }
    }

    /// Takes a record. `flow` says that nothing more is wanted.
    pub(super) fn record(&mut self, record: Record<'_>, flow: &mut Flow) -> ControlFlow<()> {
        match self.before.take_if(|_| mark(record) != self.turn) {
            None => self.take(record, flow),
            Some(before) => {
                let now = mem::replace(&mut self.asking, before);
                // Whether the question before has enough does not matter any more.
                let _ = self.take(record, &mut Flow::Continue);
                self.before = Some(mem::replace(&mut self.asking, now));
                if self.failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        }
    }

    /// Takes a record for what is asked now.
    fn take(&mut self, record: Record<'_>, flow: &mut Flow) -> ControlFlow<()> {
        self.number += 1;
        let event = match decode::record(record, self.number, self.epoch.of(record)) {
            Ok(event) => event,
            Err(_) => {
                self.stats.undecoded += 1;
                return ControlFlow::Continue(());
            }
        };
        let event =
            if event.from_file { Event { tgid: effects::process_of(&self.state, &event), ..event } } else { event };
        let all = self.sampler.is_none() && self.state.sample.is_none();
        let event = if all { event } else { Event { weight: self.weight(&event), ..event } };
        match self.event(&event) {
            Ok(Flow::Continue) => ControlFlow::Continue(()),
            Ok(Flow::Stop) => {
                *flow = Flow::Stop;
                ControlFlow::Break(())
            }
            Err(error) => {
                self.failure = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    /// What an event changes before it is shown, its way through the outputs, and what it changes afterwards.
    fn event(&mut self, event: &Event<'_>) -> anyhow::Result<Flow> {
        self.file_ns = if event.from_file { event.time_ns } else { 0 };
        let counts = event.row.category != Category::Internal && !event.hidden && !event.done;
        self.stats.seen += event.group.map_or(u64::from(counts), |group| group.count);
        // Records are of the first place, in which no table is counted beside them.
        self.stats.tables |= match event.group {
            Some(group) if group.of_sockets => 1 << CALL_TABLES,
            Some(_) => event.tables,
            None => u8::from(counts),
        };
        effects::before(&mut self.state, event);
        let mut flow = Flow::Continue;
        let chosen = event.weight != 0;
        let shows = chosen && (event.group.is_some() || self.asking.interest.has(event));
        let writes = self.asking.outputs.writes(event.row);
        if shows || writes {
            // Without anything to show, times are relative to what is written.
            let counts = shows || chosen && !event.hidden && event.row.category != Category::Internal;
            if counts && self.times.first_ns == 0 {
                self.times = Times { first_ns: event.time_ns, previous_ns: event.time_ns };
            }
            // What a connection does by itself is of its cgroup, if nobody here has it.
            let of_nobody = (event.tid == 0 && event.row.is_of_connection())
                .then(|| self.state.containers.of_cgroup(event.cgroup, event.tgid));
            let as_counted = event.group.and_then(|_| effects::of_row(&mut self.state, event));
            let thread = as_counted.as_ref().or_else(|| self.state.thread(event.tid));
            let of_row = event.descriptor.and_then(|key| Fd::of_key(&KeyDescriptor::from_bytes(key))).map(Rc::new);
            let of_thread = || thread.zip(event.fd()).and_then(|(thread, fd)| self.state.fd(thread, fd));
            let of_itself = effects::connection(event).map(Rc::new);
            let fd = of_row.as_ref().or_else(of_thread).or(of_itself.as_ref());
            let container = thread.map(|thread| thread.container).or(of_nobody).unwrap_or_default();
            let fd_out = thread.zip(event.fd_out()).and_then(|(thread, fd)| self.state.fd(thread, fd));
            let context = Context { event, thread, fd, fd_out, container, state: &self.state, times: self.times };
            if writes {
                flow = self.asking.outputs.write(&context)?;
            }
            if shows && flow == Flow::Continue {
                flow = self.asking.outputs.event(&context)?;
            }
            if counts {
                self.times.previous_ns = event.time_ns;
            }
        }
        effects::after(&mut self.state, event);
        Ok(flow)
    }
}
