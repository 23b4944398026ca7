//! What a chisel does by the clock: at each interval, and at the end.

use super::{Chisel, DEFAULT_INTERVAL_MS};
use crate::{
    aggregate::{Aggregate, Listing, When, each_row},
    state::State,
};

/// Intervals of a capture without events that are printed one by one; a longer pause is skipped.
const MAX_PAUSE: u64 = 3600;

impl Chisel {
    /// Whether something is printed at each interval of a capture, too.
    pub(super) fn goes_by_intervals(&self) -> bool {
        self.callbacks.contains(&"on_interval")
            || self.shared.borrow().aggregates.iter().any(|it| it.when() == When::EachInterval)
    }

    /// Ends the intervals of a capture that are over when an event comes. They are multiples of their length.
    pub(super) fn intervals_until(&mut self, time_ns: u64, state: &State) -> anyhow::Result<()> {
        let interval_ns = self.interval_ms().unwrap_or(DEFAULT_INTERVAL_MS) * 1_000_000;
        let begun_ns = time_ns / interval_ns * interval_ns;
        let Some(mut ended_ns) = self.ended_ns else {
            self.ended_ns = Some(begun_ns);
            return Ok(());
        };
        if begun_ns <= ended_ns {
            return Ok(());
        }
        self.ended_ns = Some(begun_ns);
        if (begun_ns - ended_ns) / interval_ns > MAX_PAUSE {
            ended_ns = begun_ns - interval_ns;
        }
        while ended_ns < begun_ns {
            ended_ns += interval_ns;
            self.print(|it| it.when() == When::EachInterval, state, ended_ns)?;
            self.call_interval(ended_ns)?;
        }
        Ok(())
    }

    fn call_interval(&mut self, now_ns: u64) -> anyhow::Result<()> {
        self.pending = false;
        self.shared.borrow_mut().now_ns = now_ns;
        let _ = self.call("on_interval", ())?;
        self.failure()
    }

    /// Prints what is printed at each interval, and calls `on_interval`.
    ///
    /// # Errors
    /// As for [`Chisel::event`].
    pub fn interval(&mut self, state: &State, now_ns: u64) -> anyhow::Result<()> {
        self.print(|it| it.when() != When::End, state, now_ns)?;
        // What it adds to a tally belongs to this interval.
        self.call_interval(now_ns)?;
        self.print_tallies(state, now_ns)?;
        self.list(state, now_ns)
    }

    fn print(&self, which: impl Fn(&dyn Aggregate) -> bool, state: &State, now_ns: u64) -> anyhow::Result<()> {
        let mut shared = self.shared.borrow_mut();
        let shared = &mut *shared;
        for at in 0..shared.aggregates.len() {
            if which(&*shared.aggregates[at]) {
                shared.env.page.sample = shared.sample.filter(|_| shared.samples(&*shared.aggregates[at]));
                shared.aggregates[at].print(&shared.env.page, state, now_ns)?;
            }
        }
        Ok(())
    }

    fn print_tallies(&self, state: &State, now_ns: u64) -> anyhow::Result<()> {
        let mut shared = self.shared.borrow_mut();
        let shared = &mut *shared;
        shared.env.page.sample = shared.sample;
        for table in &mut shared.tallies {
            table.print(&shared.env.page, state, now_ns)?;
        }
        Ok(())
    }

    /// Prints the lists, once.
    fn list(&mut self, state: &State, now_ns: u64) -> anyhow::Result<()> {
        if self.listed {
            return Ok(());
        }
        self.listed = true;
        let lists = std::mem::take(&mut self.shared.borrow_mut().lists);
        if lists.is_empty() {
            return Ok(());
        }
        let page = self.shared.borrow().env.page.clone();
        for Listing { rows, filter, title, line } in &lists {
            if !title.is_empty() && !page.json {
                page.out.text_line(title)?;
            }
            each_row(*rows, filter.as_ref(), state, now_ns, &mut |context| match line {
                Some(line) => Ok(_ = page.out.line(|out| line.render(context, out))?),
                None => self.call_with("on_row", context).map(drop),
            })?;
        }
        let mut shared = self.shared.borrow_mut();
        // Nothing else is wanted of it.
        shared.done |= shared.aggregates.is_empty() && !self.callbacks.contains(&"on_event");
        Ok(())
    }

    /// Prints what the last, unfinished interval has, and calls `on_interval` for it and `on_end`. A terminal keeps the table of
    /// the last whole interval, unless these add to it.
    ///
    /// # Errors
    /// As for [`Chisel::event`].
    pub fn end(&mut self, state: &State, intervals: u64, now_ns: u64) -> anyhow::Result<()> {
        let terminal = self.shared.borrow().env.page.out.is_terminal();
        let first = intervals == 0;
        self.print(|it| first || it.when() == When::End || !it.is_empty() && !terminal, state, now_ns)?;
        let before = self.shared.borrow().additions;
        if self.pending {
            self.call_interval(now_ns)?;
        }
        self.list(state, now_ns)?;
        self.shared.borrow_mut().now_ns = now_ns;
        let _ = self.call("on_end", ())?;
        self.failure()?;
        let (added, tallied) = {
            let shared = self.shared.borrow();
            (shared.additions != before, shared.tallies.iter().any(|table| !table.is_empty()))
        };
        if first || tallied && (added || !terminal) {
            self.print_tallies(state, now_ns)?;
        }
        self.say_all_incomplete();
        Ok(())
    }
}
