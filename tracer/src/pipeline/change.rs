//! From one question to the next. While the source passes on, both are there, and each record goes to the one that it is marked for.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use tracer_common::wire;

use super::{Asked, Interest, Outputs, Pipeline, pace::Pace};
use crate::{
    sink::{Flow, Tick},
    source::{Record, Source, live::plan::Wanted},
    state::{Births, FdTables, State, Threads, procfs},
};

/// What is asked: who is shown what, and what that takes.
#[derive(Debug)]
pub struct Question {
    /// Filter and sinks.
    pub outputs: Outputs,
    /// What the source is asked for.
    pub asked: Asked,
    /// How often tables are made and CPU time is read.
    pub interval: Option<Duration>,
}

impl Question {
    /// Calls `then` with what the source is asked for.
    pub fn with_wanted<T>(&self, then: impl FnOnce(&Wanted<'_>) -> T) -> T {
        self.asked.with_wanted(&self.outputs, then)
    }

    /// What has to be read of `/proc`; `None` when threads are not followed.
    #[must_use]
    pub fn scan(&self) -> Option<procfs::Wanted> {
        let Asked { threads, descriptors, whole, .. } = self.asked;
        threads.then(|| procfs::Wanted { descriptors, threads: self.outputs.written().is_some(), whole })
    }
}

/// A question in the loop.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) outputs: Outputs,
    pub(super) interest: Interest,
}

impl Asking {
    pub(super) fn new(outputs: Outputs) -> Self {
        Self { interest: Interest::of(&outputs), outputs }
    }
}

/// How threads are followed, in the terms of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Following {
    threads: bool,
    descriptors: bool,
    names: bool,
}

impl Following {
    fn of(asked: &Asked) -> Self {
        let Asked { threads, descriptors, who, .. } = *asked;
        Self { threads, descriptors, names: threads || who }
    }

    fn tell(self, state: &mut State) {
        (state.brief, state.nameless) = (!self.threads, !self.names);
    }
}

/// The mark of a record: whose it is.
pub(super) fn mark(record: Record<'_>) -> u16 {
    match record {
        Record::Wire(bytes) => {
            let flags = bytes.get(wire::FLAGS..wire::FLAGS + 2).and_then(|bytes| bytes.try_into().ok());
            flags.map_or(0, u16::from_le_bytes) & wire::FLAG_TURN
        }
        Record::File(_) => 0,
    }
}

impl Pipeline {
    /// Carries out what was said. An error of a question leaves the one before as it is; the outer error ends the loop.
    pub(super) fn commands(&mut self, source: &mut dyn Source) -> anyhow::Result<()> {
        while let Some(command) = self.commands.as_ref().and_then(super::Commands::next) {
            let (make, command) = command.open();
            let made = make().and_then(|question| {
                question.with_wanted(|wanted| source.prepare(&question.asked.options, wanted))?;
                self.open_outputs(question)
            });
            match made {
                Ok(question) => {
                    self.pass_on(source, question)?;
                    command.answer(Ok(()));
                }
                Err(error) => {
                    source.give_up();
                    command.answer(Err(error));
                }
            }
        }
        Ok(())
    }

    fn open_outputs(&self, mut question: Question) -> anyhow::Result<Question> {
        question.outputs.open(self.now_ns())?;
        Ok(question)
    }

    /// Goes over to a question that the source is ready for.
    fn pass_on(&mut self, source: &mut dyn Source, question: Question) -> anyhow::Result<()> {
        let now = Instant::now();
        let scan = question.scan();
        let (last, next) = (self.following(), Following::of(&question.asked));
        // While both are there, what one of them needs is known.
        let both = Following { threads: last.threads || next.threads, names: last.names || next.names, ..next };
        both.tell(&mut self.state);
        let mut outputs = question.outputs;
        if let Some(sample) = self.stats.sample
            && outputs.is_sampled()
        {
            outputs.sample(sample);
        }
        self.before = Some(std::mem::replace(&mut self.asking, Asking::new(outputs)));
        self.turn ^= wire::FLAG_TURN;
        let length_ns = self.pace.length(now);
        self.state.cpu_interval_ns = length_ns;
        let mut flow = Flow::Continue;
        source.pass_on(length_ns, &mut |record| {
            // Whoever has enough, the other one may not.
            let _ = self.record(record, &mut flow);
            if self.failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        source.follow(&self.state);
        self.end_last()?;
        self.asked = Some(question.asked);
        let pace = Pace::new(question.interval.or(Some(super::INTERVAL)), Instant::now());
        self.pace = pace.waited_for(self.is_waited_for);

        next.tell(&mut self.state);
        if next.threads && (!last.threads || next.descriptors && !last.descriptors) {
            // Attached first and read then, as at the start.
            self.scan = scan.map(|wanted| self.state.procfs.scan(wanted).begun());
        } else if !next.threads {
            // What is not followed any more is soon wrong.
            (self.state.threads, self.state.fds) = (Threads::default(), FdTables::default());
            self.state.births = Births::default();
            self.scan = None;
        }
        Ok(())
    }

    /// Ends the question before: its last frames have all that came after its last interval.
    fn end_last(&mut self) -> anyhow::Result<()> {
        let Some(mut last) = self.before.take() else { return Ok(()) };
        let tick = Tick { state: &self.state, now_ns: self.now_ns(), stats: &self.stats, failed: false };
        let ended = last.outputs.end(&tick);
        self.earlier.shown += last.outputs.shown();
        self.earlier.lost += last.outputs.lost();
        self.earlier.shown_internal += last.outputs.shown_internal();
        ended
    }

    fn following(&self) -> Following {
        let threads = !self.state.brief;
        let descriptors = self.asked.as_ref().map_or(threads, |asked| asked.descriptors);
        Following { threads, descriptors, names: !self.state.nameless }
    }
}
