//! What a chisel does by the clock: at each interval, and at the end.

use std::{mem, sync::Arc};

use super::{Chisel, DEFAULT_INTERVAL_MS};
use crate::{
    aggregate::{Aggregate, Line, Listing, Moment, When, each_row},
    output::{Form, Frame, Page, Row, Span},
    state::State,
};

/// Rows of a list in one frame.
const ROWS_PER_FRAME: usize = 1024;

/// Intervals of a capture without events that are printed one by one; a longer pause is skipped.
const MAX_PAUSE: u64 = 3600;

impl Chisel {
    /// Whether something is printed at each interval of a capture, too.
    pub(super) fn goes_by_intervals(&self) -> bool {
        self.callbacks.contains(&"on_interval")
            || self.shared.borrow().aggregates.iter().any(|it| it.when() == When::EachInterval)
            || self.has_tallies_of_intervals()
    }

    /// Whether the tables that the script fills are printed at each interval of a capture.
    fn has_tallies_of_intervals(&self) -> bool {
        let shared = self.shared.borrow();
        shared.env.tables.interval_ms.is_some() && !shared.tallies.is_empty()
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
            self.taken_ns = Some(ended_ns - interval_ns);
            self.show(|it| it.when() == When::EachInterval, state, ended_ns)?;
            self.call_interval(ended_ns)?;
            if self.has_tallies_of_intervals() {
                self.show_tallies(state, ended_ns)?;
            }
            self.taken_ns = Some(ended_ns);
        }
        Ok(())
    }

    fn call_interval(&mut self, now_ns: u64) -> anyhow::Result<()> {
        self.pending = false;
        {
            let mut shared = self.shared.borrow_mut();
            shared.release()?;
            shared.now_ns = now_ns;
        }
        let _ = self.call("on_interval", ())?;
        self.failure()
    }

    /// Shows the frames of an interval, and calls `on_interval`.
    ///
    /// # Errors
    /// As for [`Chisel::event`].
    pub fn interval(&mut self, state: &State, now_ns: u64) -> anyhow::Result<()> {
        self.show(|it| it.when() != When::End, state, now_ns)?;
        // What it adds to a tally belongs to this interval.
        self.call_interval(now_ns)?;
        self.show_tallies(state, now_ns)?;
        (self.taken_ns, self.lost_before) = (Some(now_ns), self.lost);
        self.list(state, now_ns)
    }

    /// The moment of a frame that is taken now. Of a capture, tables without intervals are for all of its time.
    fn moment(&self, when: When, now_ns: u64) -> Moment {
        let is_whole = self.shared.borrow().env.replay && when == When::Interval;
        let length_ns = self.interval_ms().unwrap_or(DEFAULT_INTERVAL_MS) * 1_000_000;
        let began_ns = match when {
            When::Interval if is_whole => self.began_ns,
            When::End => self.began_ns,
            // What was counted in the kernel has the time at which it was read: the first interval began one earlier.
            When::Interval | When::EachInterval => {
                self.taken_ns.or(self.began_ns.filter(|_| self.shared.borrow().env.replay))
            }
        };
        let began_ns = began_ns.unwrap_or(now_ns.saturating_sub(length_ns)).min(now_ns);
        Moment { span: Span { began_ns, ended_ns: now_ns }, is_whole }
    }

    /// Events that were lost in the time of a frame before they could count.
    fn dropped(&self, when: When) -> u64 {
        if when == When::End { self.lost } else { self.lost.saturating_sub(self.lost_before) }
    }

    /// Shows the frames of the aggregates that are wanted.
    fn show(&mut self, which: impl Fn(&dyn Aggregate) -> bool, state: &State, now_ns: u64) -> anyhow::Result<()> {
        let count = self.shared.borrow().aggregates.len();
        for at in 0..count {
            let when = {
                let shared = self.shared.borrow();
                let Some(aggregate) = shared.aggregates.get(at).filter(|it| which(&***it)) else { continue };
                aggregate.when()
            };
            let moment = self.moment(when, now_ns);
            let mut shared = self.shared.borrow_mut();
            shared.release()?;
            let sample = shared.sample.filter(|_| shared.samples(&*shared.aggregates[at]));
            let frame = shared.aggregates[at].take(state, moment);
            let (chisel, dropped) = (Arc::clone(&self.name), self.dropped(when));
            let is_short = !shared.env.replay && when != When::End && moment.is_short();
            shared.env.page.frame(Frame { chisel, index: at, is_short, sample, dropped, ..frame })?;
        }
        Ok(())
    }

    fn show_tallies(&self, state: &State, now_ns: u64) -> anyhow::Result<()> {
        let when = if self.has_tallies_of_intervals() { When::EachInterval } else { When::Interval };
        let moment = self.moment(when, now_ns);
        let mut shared = self.shared.borrow_mut();
        let shared = &mut *shared;
        let (before, dropped) = (shared.aggregates.len(), self.dropped(When::Interval));
        for (at, table) in shared.tallies.iter_mut().enumerate() {
            let (frame, chisel) = (table.take(state, moment), Arc::clone(&self.name));
            let (sample, is_short) = (shared.sample, !shared.env.replay && moment.is_short());
            shared.env.page.frame(Frame { chisel, index: before + at, is_short, sample, dropped, ..frame })?;
        }
        Ok(())
    }

    /// Shows the lists, once.
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
        let shown = self.lists(&lists, &page, state, now_ns);
        page.out.cut_lines(None);
        shown?;
        let mut shared = self.shared.borrow_mut();
        // Nothing else is wanted of it.
        shared.done |= shared.aggregates.is_empty() && !self.callbacks.contains(&"on_event");
        Ok(())
    }

    fn lists(&mut self, lists: &[Listing], page: &Page, state: &State, now_ns: u64) -> anyhow::Result<()> {
        for (index, Listing { rows, filter, title, line }) in lists.iter().enumerate() {
            page.out.cut_lines(Some(title));
            // Of a capture that cannot be read, nothing at all may be known.
            let mut count = 0;
            if self.failed {
                each_row(*rows, filter.as_ref(), state, now_ns, &mut |_| {
                    count += 1;
                    anyhow::Ok(())
                })?;
                if count == 0 {
                    continue;
                }
            }
            let Some(line) = line else {
                if !title.is_empty() && !page.json {
                    page.out.text_line(title)?;
                }
                each_row(*rows, filter.as_ref(), state, now_ns, &mut |context| {
                    self.call_with("on_row", context).map(drop)
                })?;
                continue;
            };
            let span = Span { began_ns: now_ns, ended_ns: now_ns };
            let frame = Frame {
                chisel: Arc::clone(&self.name),
                index,
                ..Frame::new(Form::Lines { continues: false }, title, span)
            };
            let mut parts = Parts { page, line, frame };
            each_row(*rows, filter.as_ref(), state, now_ns, &mut |context| match line.row(context) {
                Some(row) => parts.add(row),
                None => Ok(()),
            })?;
            parts.end()?;
        }
        Ok(())
    }

    /// Events ended with an error, which is told after what was gathered until then.
    pub fn events_failed(&mut self) {
        self.failed = true;
    }

    /// Shows what the last, unfinished interval has, and calls `on_interval` for it and `on_end`. A terminal keeps the table of
    /// the last whole interval, unless these add to it.
    ///
    /// # Errors
    /// As for [`Chisel::event`].
    pub fn end(&mut self, state: &State, intervals: u64, now_ns: u64) -> anyhow::Result<()> {
        let redrawn = self.shared.borrow().env.page.out.redraws();
        let (first, failed) = (intervals == 0, self.failed);
        let is_wanted = |it: &dyn Aggregate| match it.is_empty() {
            true => (first || it.when() == When::End) && !failed,
            false => first || it.when() == When::End || !redrawn,
        };
        self.show(is_wanted, state, now_ns)?;
        let before = self.shared.borrow().additions;
        if self.pending {
            self.call_interval(now_ns)?;
        }
        self.list(state, now_ns)?;
        let is_blank = {
            let mut shared = self.shared.borrow_mut();
            let is_blank = failed && shared.taken == 0;
            if !is_blank {
                shared.release()?;
            }
            shared.now_ns = now_ns;
            is_blank
        };
        // A script cannot know that what it has seen is nothing because of the error.
        if !is_blank {
            let _ = self.call("on_end", ())?;
        }
        self.failure()?;
        let (added, tallied) = {
            let shared = self.shared.borrow();
            (shared.additions != before, shared.tallies.iter().any(|table| !table.is_empty()))
        };
        if first && (tallied || !failed) || tallied && (added || !redrawn) {
            self.show_tallies(state, now_ns)?;
        }
        self.say_all_incomplete();
        Ok(())
    }
}

/// A list that is shown in parts, because it may be long.
struct Parts<'a> {
    page: &'a Page,
    line: &'a Line,
    /// The part that is not shown yet.
    frame: Frame,
}

impl Parts<'_> {
    fn add(&mut self, row: Row) -> anyhow::Result<()> {
        self.frame.rows.push(row);
        if self.frame.rows.len() >= ROWS_PER_FRAME { self.show() } else { Ok(()) }
    }

    fn show(&mut self) -> anyhow::Result<()> {
        let next = Frame {
            chisel: Arc::clone(&self.frame.chisel),
            index: self.frame.index,
            ..Frame::new(Form::Lines { continues: true }, "", self.frame.span)
        };
        let part = mem::replace(&mut self.frame, next);
        Ok(self.page.frame(Frame { keys: self.line.columns(), ..part })?)
    }

    /// Shows the rest. A list without rows is shown, too.
    fn end(mut self) -> anyhow::Result<()> {
        let is_first = self.frame.form == Form::Lines { continues: false };
        if is_first || !self.frame.rows.is_empty() { self.show() } else { Ok(()) }
    }
}
