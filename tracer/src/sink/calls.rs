//! How much time each call took, as `strace -c -w` prints it: `--summary` of a command.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use super::{Shown, Sink, Tick};
use crate::{
    event::is_internal,
    fields::{Context, EventType, Needs},
    format::strace,
    output::Out,
    sample::Sample,
};

const RULE: &str = "------ ----------- ----------- --------- --------- ----------------";

/// Adds up calls by their names.
#[derive(Debug)]
pub struct Calls {
    by_name: FxHashMap<&'static str, Sums>,
    out: Out,
    sample: Option<Sample>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    calls: u64,
    errors: u64,
    ns: u64,
}

impl Calls {
    /// Into `out`.
    #[must_use]
    pub fn new(out: Out) -> Self {
        Self { by_name: FxHashMap::default(), out, sample: None }
    }

    fn line(&self, name: &str, sums: Sums, all_ns: u64) -> anyhow::Result<()> {
        let share = if all_ns == 0 { 0.0 } else { sums.ns as f64 * 100.0 / all_ns as f64 };
        let each = (sums.ns / 1000).checked_div(sums.calls).unwrap_or(0);
        let errors = if sums.errors == 0 { String::new() } else { sums.errors.to_string() };
        let seconds = sums.ns as f64 / 1e9;
        self.out.text_line(&format!("{share:6.2} {seconds:11.6} {each:11} {:9} {errors:>9} {name}", sums.calls))?;
        Ok(())
    }
}

impl Sink for Calls {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        let event = context.event;
        // The same call was counted for the parent.
        if event.row.effect == tracer_common::events::Effect::Clone && event.result() == Some(0) {
            return Ok(Shown::No);
        }
        let sums = self.by_name.entry(strace::name_of_call(event)).or_default();
        let weight = u64::from(event.weight);
        sums.calls += weight;
        sums.errors += if event.failed() { weight } else { 0 };
        sums.ns += event.latency_ns.unwrap_or(0) * weight;
        Ok(Shown::Yes)
    }

    fn end(&mut self, _tick: &Tick<'_>) -> anyhow::Result<()> {
        if let Some(sample) = self.sample {
            self.out.text_line(&sample.mark())?;
        }
        let mut rows: Vec<(&str, Sums)> = self.by_name.iter().map(|(name, sums)| (*name, *sums)).collect();
        rows.sort_by_key(|(name, sums)| (Reverse(sums.ns), Reverse(sums.calls), *name));
        let total = rows.iter().fold(Sums::default(), |all, (_, sums)| Sums {
            calls: all.calls + sums.calls,
            errors: all.errors + sums.errors,
            ns: all.ns + sums.ns,
        });
        self.out.text_line("% time     seconds  usecs/call     calls    errors syscall")?;
        self.out.text_line(RULE)?;
        rows.iter().try_for_each(|(name, sums)| self.line(name, *sums, total.ns))?;
        self.out.text_line(RULE)?;
        self.line("total", total, total.ns)
    }

    fn sample(&mut self, sample: Sample) {
        self.sample = Some(sample);
    }

    fn needs(&self) -> Needs {
        Needs::LATENCY
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        event.row.is_syscall() && !is_internal(event.row) && !event.row.is_enter()
    }
}
