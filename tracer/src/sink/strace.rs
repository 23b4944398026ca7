//! A line for each call, as strace writes it: `--strace`.

use tracer_common::events::code;

use super::{Shown, Sink};
use crate::{
    event::is_internal,
    fields::{Context, EventType, Needs},
    format::strace,
    output::Out,
};

/// Prints calls, signals and ends of threads.
#[derive(Debug)]
pub struct Strace {
    out: Out,
}

impl Strace {
    /// Into `out`.
    #[must_use]
    pub fn new(out: Out) -> Self {
        Self { out }
    }
}

impl Sink for Strace {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        let shown = self.out.line(|line| strace::write(context.event, line))?;
        Ok(if shown { Shown::Yes } else { Shown::No })
    }

    fn needs(&self) -> Needs {
        Needs::LATENCY.with(Needs::PAYLOAD)
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        let row = event.row;
        matches!(row.code, code::PROCEXIT | code::SIGNALDELIVER)
            || row.is_syscall() && !is_internal(row) && !row.is_enter()
    }
}
