//! Chisels as sinks.

use super::{Shown, Sink, Tick};
use crate::{
    chisel::{Chisel, ChiselError},
    fields::{Context, EventType, Needs},
    message::note,
};

/// A chisel as a sink.
#[derive(Debug)]
pub struct ChiselSink {
    chisel: Chisel,
    intervals: u64,
    /// Whether the run goes on when the script fails.
    among_others: bool,
    /// What failed, when the script did.
    failed: Option<String>,
}

impl ChiselSink {
    /// A chisel that was loaded.
    #[must_use]
    pub fn new(chisel: Chisel) -> Self {
        Self { chisel, intervals: 0, among_others: false, failed: None }
    }

    /// The same beside other sinks: when the script fails, they go on, and it is reported again at the end.
    #[must_use]
    pub fn among_others(self, others: bool) -> Self {
        Self { among_others: others, ..self }
    }

    /// Does something, unless the script failed before.
    fn guard<T>(&mut self, act: impl FnOnce(&mut Self) -> anyhow::Result<T>, otherwise: T) -> anyhow::Result<T> {
        if self.failed.is_some() {
            return Ok(otherwise);
        }
        match act(self) {
            Err(error) if self.among_others && error.is::<ChiselError>() => {
                note(&format!("{error}\nthe others go on without it"));
                self.failed = Some(self.chisel.origin().to_owned());
                Ok(otherwise)
            }
            result => result,
        }
    }
}

impl Sink for ChiselSink {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        let shown = |used| if used { Shown::Yes } else { Shown::No };
        self.guard(|it| it.chisel.event(context).map(shown), Shown::No)
    }

    fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.intervals += 1;
        self.guard(|it| it.chisel.interval(tick.state, tick.now_ns), ())
    }

    fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.guard(|it| it.chisel.end(tick.state, it.intervals, tick.now_ns), ())?;
        match self.failed.take() {
            Some(origin) => anyhow::bail!("chisel {origin} failed, as said above"),
            None => Ok(()),
        }
    }

    fn needs(&self) -> Needs {
        self.chisel.needs()
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        self.chisel.wants(event)
    }

    fn may_want(&self, context: &Context<'_>) -> bool {
        self.chisel.may_want(context)
    }

    fn interval_ms(&self) -> Option<u64> {
        self.chisel.interval_ms()
    }

    fn is_done(&self) -> bool {
        self.failed.is_some() || self.chisel.is_done()
    }
}
