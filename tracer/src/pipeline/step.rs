//! What the loop does at each step: a record becomes an event, is known to the state, and goes to those who want it; and what
//! is due from time to time.

use std::ops::ControlFlow;

use tracer_common::events::Category;

use super::Pipeline;
use crate::{
    event::{Event, decode},
    fields::{Context, Times},
    sink::Flow,
    source::{Record, Source, live},
    state::effects,
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
        let now_ns = self.now_ns();
        Ok(if flow == Flow::Stop { flow } else { self.outputs.interval(&self.state, now_ns)? })
    }

    /// Nanoseconds since the epoch: of a capture file, when its last event was.
    pub(super) fn now_ns(&self) -> u64 {
        if self.file_ns != 0 {
            return self.file_ns;
        }
        live::boot_now_ns().wrapping_add(self.boot_to_epoch_ns)
    }

    /// Takes a record. `flow` says that nothing more is wanted.
    pub(super) fn record(&mut self, record: Record<'_>, flow: &mut Flow) -> ControlFlow<()> {
        self.number += 1;
        let event = match decode::record(record, self.number, self.boot_to_epoch_ns) {
            Ok(event) => event,
            Err(_) => {
                self.stats.undecoded += 1;
                return ControlFlow::Continue(());
            }
        };
        let event =
            if event.from_file { Event { tgid: effects::process_of(&self.state, &event), ..event } } else { event };
        let event = match &self.sampler {
            Some(sampler) => Event { weight: sampler.weight(&event), ..event },
            None => event,
        };
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
        let counts = event.row.category != Category::Internal && !event.hidden;
        self.stats.seen += event.group.map_or(u64::from(counts), |group| group.count);
        effects::before(&mut self.state, event);
        let mut flow = Flow::Continue;
        let chosen = event.weight != 0;
        let shows = chosen && (event.group.is_some() || self.interest.has(event));
        let writes = self.outputs.writes(event.row);
        if shows || writes {
            // Without anything to show, times are relative to what is written.
            let counts = shows || chosen && !event.hidden && event.row.category != Category::Internal;
            if counts && self.times.first_ns == 0 {
                self.times = Times { first_ns: event.time_ns, previous_ns: event.time_ns };
            }
            let thread = self.state.thread(event.tid);
            let fd = thread.zip(event.fd()).and_then(|(thread, fd)| self.state.fd(thread, fd));
            let container = thread.map(|thread| thread.container).unwrap_or_default();
            let context = Context { event, thread, fd, container, state: &self.state, times: self.times };
            if writes {
                flow = self.outputs.write(&context)?;
            }
            if shows && flow == Flow::Continue {
                flow = self.outputs.event(&context)?;
            }
            if counts {
                self.times.previous_ns = event.time_ns;
            }
        }
        effects::after(&mut self.state, event);
        Ok(flow)
    }
}
