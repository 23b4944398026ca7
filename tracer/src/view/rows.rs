//! Events as rows: those of a list, and lines of text.

use tracer_common::events::Flags;

use crate::{
    fields::{Context, EventType, FieldRef, Needs},
    filter::kernel::{Expr, Question, Target},
    format::Template,
    output::{Column, Form, Frame, Row, Span},
    sink::{Shown, Sink, Tick},
};

use super::{
    Publish,
    details::Fields,
    join::{Counts, text},
};

/// How often rows are handed over, milliseconds.
pub const EVERY_MS: u64 = 200;
/// The most rows that are handed over at once. More nobody can read; they are counted.
const MAX_ROWS: usize = 5_000;
/// The same in bytes.
const MAX_BYTES: usize = 4 << 20;
/// The most rows of them that have all fields: a thousand a second. To collect more would take too much of the engine's time.
const MAX_WITH_FIELDS: usize = 200;

/// What is shown of an event.
#[derive(Debug)]
pub enum What {
    /// The values of fields.
    Fields(Vec<FieldRef>),
    /// A line, and the values of fields that Enter can go into.
    Line(Template, Vec<FieldRef>),
}

/// Hands over events as rows, some at a time.
pub struct EventRows {
    what: What,
    /// All fields, when they come with rows.
    all: Option<Fields>,
    publish: Publish,
    replay: bool,
    rows: Vec<Row>,
    bytes: usize,
    /// Rows that there was no room for since the last ones were handed over.
    left_out: u64,
}

impl std::fmt::Debug for EventRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventRows").field("what", &self.what).finish_non_exhaustive()
    }
}

impl EventRows {
    /// Rows of events.
    #[must_use]
    pub fn new(what: What, all: Option<Fields>, replay: bool, publish: Publish) -> Self {
        Self { what, all, publish, replay, rows: Vec::new(), bytes: 0, left_out: 0 }
    }

    fn hand_over(&mut self, now_ns: u64, counts: Option<Counts>) -> anyhow::Result<()> {
        if self.rows.is_empty() && self.left_out == 0 && counts.is_none() {
            return Ok(());
        }
        let (What::Fields(fields) | What::Line(_, fields)) = &self.what;
        let keys = fields.iter().map(|field| Column { unit: field.unit(), ..Column::key(field.name(), field.name()) });
        let span = Span { began_ns: now_ns, ended_ns: now_ns };
        let frame = Frame {
            keys: keys.collect(),
            rows: std::mem::take(&mut self.rows),
            lost: std::mem::take(&mut self.left_out),
            ..Frame::new(Form::Lines { continues: true }, "", span)
        };
        self.bytes = 0;
        (self.publish)(frame, counts)
    }
}

impl Sink for EventRows {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        if context.event.row.flags.has(Flags::INTERNAL) {
            return Ok(Shown::No);
        }
        let is_full = self.rows.len() >= MAX_ROWS || self.bytes >= MAX_BYTES;
        if is_full && self.replay {
            self.hand_over(context.event.time_ns, None)?;
        } else if is_full {
            self.left_out += 1;
            return Ok(Shown::Yes);
        }
        let mut line = Vec::new();
        let (What::Fields(fields) | What::Line(_, fields)) = &self.what;
        let mut keys: Vec<Vec<u8>> = fields.iter().map(|field| text(field, context)).collect();
        if let What::Line(template, _) = &self.what
            && !template.render(context, &mut line)
        {
            return Ok(Shown::No);
        }
        if let Some(all) = self.all.as_ref().filter(|_| self.rows.len() < MAX_WITH_FIELDS) {
            keys.push(all.of(context));
        }
        self.bytes += line.len() + keys.iter().map(Vec::len).sum::<usize>();
        self.rows.push(Row { keys, values: Vec::new(), line });
        Ok(Shown::Yes)
    }

    fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.hand_over(tick.now_ns, Some(Counts::of(tick)))
    }

    fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.hand_over(tick.now_ns, Some(Counts::of(tick)))
    }

    fn needs(&self) -> Needs {
        let (line, fields) = match &self.what {
            What::Fields(fields) => (Needs::NONE, fields),
            What::Line(template, fields) => (template.needs(), fields),
        };
        fields.iter().map(FieldRef::needs).chain([line]).collect()
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        !event.row.flags.has(Flags::INTERNAL)
    }

    fn demand(&self, target: &Target<'_>, _questions: &mut Vec<Question>) -> Expr {
        Expr::Always(self.wants(&target.event))
    }

    fn interval_ms(&self) -> Option<u64> {
        Some(EVERY_MS)
    }
}
