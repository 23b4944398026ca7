//! One line for each event.

use tracer_common::events::Flags;

use super::{Out, Shown, Sink};
use crate::{
    event::Row,
    fields::{Context, EventType, Needs},
    format::Template,
};

/// Prints events by a format.
#[derive(Debug)]
pub struct Print {
    template: Template,
    out: Out,
}

impl Print {
    /// Into `out`.
    #[must_use]
    pub fn new(template: Template, out: Out) -> Self {
        Self { template, out }
    }
}

/// Events that the tracer makes for itself are no lines.
const fn is_hidden(row: &Row) -> bool {
    row.flags.has(Flags::INTERNAL)
}

impl Sink for Print {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        if is_hidden(context.event.row) {
            return Ok(Shown::No);
        }
        let shown = self.out.line(|line| self.template.render(context, line))?;
        Ok(if shown { Shown::Yes } else { Shown::No })
    }

    fn needs(&self) -> Needs {
        self.template.needs()
    }

    fn wants(&self, event: &EventType) -> bool {
        !is_hidden(event.row)
    }
}

/// Takes all events and shows none: `-q`.
#[derive(Debug, Clone, Copy)]
pub struct Discard;

impl Sink for Discard {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        Ok(if is_hidden(context.event.row) { Shown::No } else { Shown::Yes })
    }

    fn needs(&self) -> Needs {
        Needs::NONE
    }

    fn wants(&self, event: &EventType) -> bool {
        !is_hidden(event.row)
    }
}
