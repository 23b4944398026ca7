//! One line for each event.

use tracer_common::events::Flags;

use super::{Shown, Sink};
use crate::{
    event::Row,
    fields::{Context, EventType, Needs},
    format::{Template, json::Json},
    output::Out,
};

/// How events are written.
#[derive(Debug)]
pub enum Lines {
    /// As the text of a format.
    Text(Template),
    /// As objects.
    Json(Json),
}

/// Prints events, a line each.
#[derive(Debug)]
pub struct Print {
    lines: Lines,
    out: Out,
    /// Internal events too.
    internal: bool,
    /// Events that are left out.
    without: Option<&'static Row>,
}

impl Print {
    /// Into `out`. Events that only tell the reader something are lines when `internal` is set.
    #[must_use]
    pub fn new(lines: Lines, out: Out, internal: bool) -> Self {
        Self { lines, out, internal, without: None }
    }

    /// The same without events of that row.
    #[must_use]
    pub fn without(self, row: Option<&'static Row>) -> Self {
        Self { without: row, ..self }
    }

    fn hides(&self, row: &Row) -> bool {
        !self.internal && is_hidden(row) || self.without.is_some_and(|it| it.code == row.code)
    }
}

/// Events that the tracer makes for itself are no lines.
const fn is_hidden(row: &Row) -> bool {
    row.flags.has(Flags::INTERNAL)
}

impl Sink for Print {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        if self.hides(context.event.row) {
            return Ok(Shown::No);
        }
        let shown = self.out.line(|line| match &self.lines {
            Lines::Text(template) => template.render(context, line),
            Lines::Json(json) => json.render(context, line),
        })?;
        Ok(if shown { Shown::Yes } else { Shown::No })
    }

    fn needs(&self) -> Needs {
        match &self.lines {
            Lines::Text(template) => template.needs(),
            Lines::Json(json) => json.needs(),
        }
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        !self.hides(event.row)
    }
}

/// Takes all events and shows none: `-q`.
#[derive(Debug, Clone, Copy)]
pub struct Discard;

impl Sink for Discard {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        Ok(if is_hidden(context.event.row) { Shown::No } else { Shown::Yes })
    }

    fn prints(&self) -> bool {
        false
    }

    fn needs(&self) -> Needs {
        Needs::NONE
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        !is_hidden(event.row)
    }
}
