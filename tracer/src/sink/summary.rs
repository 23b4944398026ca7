//! How often each event happened: `-S`. With `-j`, one object with all of them.

use std::cmp::Reverse;

use tracer_common::events::{Category, code};

use super::{Shown, Sink, Tick};
use crate::{
    event::Row,
    fields::{Context, EventType, Needs},
    output::Out,
    sample::Sample,
};

/// Lines of the table.
const LINES: usize = 100;
const RULE: &str = "----------------------";

/// Counts events and prints a table of them at the end.
#[derive(Debug)]
pub struct Summary {
    /// By code.
    rows: Vec<(Option<&'static Row>, u64)>,
    /// Of generic events, by call; few calls are different pointers.
    calls: Vec<(&'static str, u64)>,
    out: Out,
    json: bool,
    /// Internal events too.
    internal: bool,
    sample: Option<Sample>,
}

impl Summary {
    /// Into `out`. Internal events are counted when `internal` is set.
    #[must_use]
    pub fn new(out: Out, json: bool, internal: bool) -> Self {
        Self { rows: Vec::new(), calls: Vec::new(), out, json, internal, sample: None }
    }

    fn table(&self) -> Vec<(char, &'static str, u64)> {
        let rows = self.rows.iter().filter_map(|(row, count)| {
            let row = (*row)?;
            Some((if row.code.is_multiple_of(2) { '>' } else { '<' }, row.name, *count))
        });
        let mut table: Vec<_> = rows.chain(self.calls.iter().map(|(name, count)| ('<', *name, *count))).collect();
        table.sort_by_key(|(_, name, count)| (Reverse(*count), *name));
        table
    }
}

impl Sink for Summary {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        let row = context.event.row;
        if !self.internal && row.category == Category::Internal {
            return Ok(Shown::No);
        }
        let weight = u64::from(context.event.weight);
        if row.code == code::GENERIC {
            let name = context.event.name();
            match self.calls.iter_mut().find(|(known, _)| std::ptr::eq(*known, name) || *known == name) {
                Some((_, count)) => *count += weight,
                None => self.calls.push((name, weight)),
            }
            return Ok(Shown::No);
        }
        let code = usize::from(row.code);
        if self.rows.len() <= code {
            self.rows.resize(code + 1, (None, 0));
        }
        self.rows[code] = (Some(row), self.rows[code].1 + weight);
        Ok(Shown::No)
    }

    fn end(&mut self, _tick: &Tick<'_>) -> anyhow::Result<()> {
        if self.json {
            let events = self.table().into_iter().map(|(direction, name, count)| {
                serde_json::json!({ "evt.dir": direction.to_string(), "evt.type": name, "count": count })
            });
            let mut object = serde_json::json!({ "summary": events.collect::<Vec<_>>() });
            if let Some(sample) = self.sample {
                object["sample"] = sample.one_in().into();
            }
            return Ok(self.out.text_line(&object.to_string())?);
        }
        if let Some(sample) = self.sample {
            self.out.text_line(&sample.mark())?;
        }
        for line in [RULE, "Event           #Calls", RULE] {
            self.out.text_line(line)?;
        }
        for (direction, name, count) in self.table().into_iter().take(LINES) {
            self.out.text_line(&format!("{direction} {name:<15} {count}"))?;
        }
        Ok(())
    }

    fn name(&self) -> String {
        "--summary".to_owned()
    }

    fn sample(&mut self, sample: Sample) {
        self.sample = Some(sample);
    }

    fn needs(&self) -> Needs {
        Needs::NONE
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        !event.row.live_only() && (self.internal || event.row.category != Category::Internal)
    }
}
