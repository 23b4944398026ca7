//! A line for each call, as strace writes it: `--strace`.

use tracer_common::events::code;

use super::{Shown, Sink};
use crate::{
    event::{Row, is_internal},
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
        is_shown(event.row)
    }
}

/// Whether events of a row are what strace shows: the ends of calls, signals, and the ends of threads.
pub(super) fn is_shown(row: &Row) -> bool {
    matches!(row.code, code::PROCEXIT | code::SIGNALDELIVER) || row.is_syscall() && !is_internal(row) && !row.is_enter()
}
