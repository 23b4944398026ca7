//! How much time each call took, as `strace -c -w` prints it: `--summary` of a command. The kernel adds it up when nothing else is
//! asked for.

use std::{cmp::Reverse, collections::BTreeSet};

use rustc_hash::FxHashMap;
use tracer_common::{
    events::{self, Effect, Flags},
    group::{Counted, Grouping, Number, by},
};

use super::{Shown, Sink, Tick};
use crate::{
    event::is_internal,
    fields::{Context, EventType, Needs, Show},
    filter::{
        Filter, FilterError,
        kernel::{self, Expr, Question, Target},
    },
    format::strace,
    output::Out,
    sample::Sample,
};

const RULE: &str = "------ ----------- ----------- --------- --------- ----------------";

/// Adds up calls by their names.
#[derive(Debug)]
pub struct Calls {
    by_name: FxHashMap<&'static str, Sums>,
    filter: Filter,
    out: Out,
    sample: Option<Sample>,
    /// Whether calls are timed.
    timed: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    calls: u64,
    errors: u64,
    ns: u64,
}

impl Calls {
    /// Into `out`.
    ///
    /// # Errors
    /// None that anybody can do something about.
    pub fn new(out: Out) -> Result<Self, FilterError> {
        let clones = events::all().filter(|row| row.effect == Effect::Clone && row.is_syscall() && !row.is_enter());
        let names: BTreeSet<&str> = clones.map(|row| row.name).collect();
        let names: Vec<&str> = names.into_iter().collect();
        // The parent's call is the same one.
        let text = format!("not (evt.type in ({}) and evt.rawres=0)", names.join(", "));
        let filter = Filter::compile(&text, Show::default())?;
        Ok(Self { by_name: FxHashMap::default(), filter, out, sample: None, timed: false })
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
        if !self.filter.matches(context) {
            return Ok(Shown::No);
        }
        let sums = self.by_name.entry(strace::name_of_call(event)).or_default();
        let weight = u64::from(event.weight);
        let (count, ns) = match event.group {
            Some(group) => (group.count, group.numbers.map(|numbers| numbers.sum)),
            None => (weight, event.latency_ns.map(|ns| ns * weight)),
        };
        self.timed |= ns.is_some();
        // Of the messages of a call only the first one is timed: the others are no calls.
        let is_more = self.timed && ns.is_none() && event.row.flags.has(Flags::SEVERAL);
        let (calls, ns) = (if is_more { 0 } else { count }, ns.unwrap_or(0));
        sums.calls += calls;
        sums.errors += if event.failed() { calls } else { 0 };
        sums.ns += ns;
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

    fn name(&self) -> String {
        "--summary".to_owned()
    }

    fn sample(&mut self, sample: Sample) {
        self.sample = Some(sample);
    }

    fn needs(&self) -> Needs {
        Needs::LATENCY
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        event.row.is_syscall() && !is_internal(event.row) && !event.row.is_enter() && self.filter.may_match(event)
    }

    fn demand(&self, target: &Target<'_>, questions: &mut Vec<Question>) -> Expr {
        if self.wants(&target.event) { self.filter.in_kernel(target, questions) } else { Expr::Always(false) }
    }

    fn each_filter(&self, visit: &mut dyn FnMut(&Filter)) {
        visit(&self.filter);
    }

    fn grouping(&self, before: Option<&Filter>) -> Result<Grouping, &'static str> {
        let filters: Vec<&Filter> = before.into_iter().chain([&self.filter]).collect();
        let by = kernel::can_group(&filters, by::CALL | by::NUMBER | by::ERROR, Counted::Events)?;
        Ok(Grouping { by, counted: Counted::Events, number: Number::Latency, bytes_of: None })
    }
}
