//! Chisels as sinks.

use super::{Shown, Sink, Tick};
use crate::{
    chisel::Chisel,
    fields::{Context, EventType, Needs},
};

/// A chisel as a sink.
#[derive(Debug)]
pub struct ChiselSink {
    chisel: Chisel,
    intervals: u64,
}

impl ChiselSink {
    /// A chisel that was loaded.
    #[must_use]
    pub fn new(chisel: Chisel) -> Self {
        Self { chisel, intervals: 0 }
    }
}

impl Sink for ChiselSink {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        Ok(if self.chisel.event(context)? { Shown::Yes } else { Shown::No })
    }

    fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.intervals += 1;
        self.chisel.interval(tick.state)
    }

    fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.chisel.end(tick.state, self.intervals)
    }

    fn needs(&self) -> Needs {
        self.chisel.needs()
    }

    fn wants(&self, event: &EventType) -> bool {
        self.chisel.wants(event)
    }

    fn may_want(&self, context: &Context<'_>) -> bool {
        self.chisel.may_want(context)
    }

    fn interval_ms(&self) -> Option<u64> {
        self.chisel.interval_ms()
    }

    fn is_done(&self) -> bool {
        self.chisel.is_done()
    }
}
