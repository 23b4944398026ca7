//! A heat map of latency: for each interval, how many events took how long. The kernel counts the ranges.

use std::collections::BTreeMap;

use tracer_common::group::{self, Grouping, Number, by};

use super::{Counts, Publish};
use crate::{
    aggregate,
    fields::{Context, EventType, FieldRef, Needs, Show, Unit},
    filter::{
        Filter,
        kernel::{Expr, Question, Target},
    },
    output::{Column, Form, Frame, Kind, Row, Scale, Span},
    sink::{Shown, Sink, Tick},
};

/// From 1 ns to 100 s, as csysdig has it.
pub const LIMITS: (f64, f64) = (1.0, 1e11);
/// The field of the map.
pub const FIELD: &str = "evt.latency";

/// Counts events by how long they took.
pub struct Heat {
    field: FieldRef,
    /// By range ([`group::range`]), how many.
    counts: BTreeMap<u32, u64>,
    lines: u32,
    began_ns: u64,
    interval_ms: u64,
    /// Of a capture, when the interval ends, nanoseconds since the epoch.
    due_ns: u64,
    replay: bool,
    publish: Publish,
}

impl std::fmt::Debug for Heat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heat").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Heat {
    /// A map with a line for each interval; of a capture, by the time of its events.
    ///
    /// # Errors
    /// There is no such field.
    pub fn new(interval_ms: u64, replay: bool, show: Show, publish: Publish) -> anyhow::Result<Self> {
        let field = FieldRef::resolve(FIELD, show)?;
        Ok(Self { field, counts: BTreeMap::new(), lines: 0, began_ns: 0, interval_ms, due_ns: 0, replay, publish })
    }

    fn line(&mut self, now_ns: u64, counts: Option<Counts>) -> anyhow::Result<()> {
        let began_ns = match self.began_ns {
            0 => now_ns.saturating_sub(self.interval_ms * 1_000_000),
            began_ns => began_ns,
        };
        self.began_ns = now_ns;
        let form = Form::Heat { scale: Scale::Log, limits: LIMITS, number: self.lines };
        self.lines = self.lines.wrapping_add(1);
        let row = |(range, count): (u32, u64)| Row {
            values: vec![Some(group::limits(range).0 as f64), Some(count as f64)],
            ..Row::default()
        };
        let from = Column { title: "From".into(), name: FIELD.into(), unit: Unit::Time, kind: Kind::Key };
        let count = Column { title: "Count".into(), name: "evt.count".into(), unit: Unit::None, kind: Kind::Counter };
        let frame = Frame {
            values: vec![from, count],
            rows: std::mem::take(&mut self.counts).into_iter().map(row).collect(),
            ..Frame::new(form, "", Span { began_ns, ended_ns: now_ns })
        };
        (self.publish)(frame, counts)
    }
}

impl Sink for Heat {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        let event = context.event;
        if self.replay {
            if self.due_ns == 0 {
                (self.began_ns, self.due_ns) = (event.time_ns, event.time_ns + self.interval_ms * 1_000_000);
            }
            // An interval without events is a line, too: time is to scale.
            while event.time_ns >= self.due_ns {
                let due_ns = self.due_ns;
                self.line(due_ns, None)?;
                self.due_ns = due_ns + self.interval_ms * 1_000_000;
            }
        }
        let (range, count) = match event.group {
            Some(group) => match group.numbers(Number::Latency) {
                Some(numbers) => (numbers.range, group.count),
                None => return Ok(Shown::No),
            },
            None => match self.field.get(context).as_f64() {
                Some(latency) => (group::range(latency.max(0.0) as u64), event.weight.into()),
                None => return Ok(Shown::No),
            },
        };
        *self.counts.entry(range).or_default() += count;
        Ok(Shown::Yes)
    }

    fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        if self.replay { Ok(()) } else { self.line(tick.now_ns, Some(Counts::of(tick))) }
    }

    fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        if self.replay { self.line(tick.now_ns, Some(Counts::of(tick))) } else { Ok(()) }
    }

    fn needs(&self) -> Needs {
        self.field.needs()
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        !self.field.by_type(event).is_some_and(|value| value.is_missing())
    }

    fn demand(&self, target: &Target<'_>, _questions: &mut Vec<Question>) -> Expr {
        Expr::Always(self.wants(&target.event))
    }

    fn grouping(&self, before: Option<&Filter>) -> Result<Grouping, &'static str> {
        let filters: Vec<&Filter> = before.into_iter().collect();
        aggregate::Counts { by: by::RANGE, number: Number::Latency, sums_only: false }.in_kernel(&filters)
    }

    fn interval_ms(&self) -> Option<u64> {
        (!self.replay).then_some(self.interval_ms)
    }
}
