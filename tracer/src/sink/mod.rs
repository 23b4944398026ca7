//! Where events end: lines, chisels. [`Outputs`] stands before them: it filters, holds back what still has no container
//! name, and counts what was shown.

mod asks;
mod calls;
pub mod capture;
pub mod chisel;
mod hold;
mod interest;
mod parts;
mod print;
mod slot;
mod strace;
mod summary;
mod tables;
mod tick;
mod trace;

pub use calls::Calls;
pub use capture::Capture;
pub use chisel::ChiselSink;
pub use interest::Interest;
pub use print::{Discard, Lines, Print};
pub use strace::Strace;
pub use summary::Summary;
pub use tables::Tables;
pub use tick::Tick;
pub use trace::Trace;

use std::{
    io,
    ops::ControlFlow,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use rustc_hash::FxHashSet;
use tracer_common::{
    events::{Category, code},
    group::Grouping,
};

use crate::{
    chisel::excerpt::Excerpt,
    event::{Origin, Row, Side},
    fields::{Context, EventType, Needs},
    filter::{
        Filter,
        kernel::{Expr, Question, Target},
    },
    output::{Out, Readers},
    sample::Sample,
    state::{ContainerKey, State, container::Lookup},
};
use hold::Hold;
use slot::Slot;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It was shown or counted.
    Yes,
    /// The sink had no use for it.
    No,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More events are wanted.
    Continue,
    /// Enough: the number that was asked for was shown, or a script said so.
    Stop,
}

/// Where events end.
pub trait Sink {
    /// Takes an event that passed the filter.
    ///
    /// # Errors
    /// Output cannot be written, or a script failed.
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown>;

    /// An interval is over.
    ///
    /// # Errors
    /// As for [`Sink::event`].
    fn interval(&mut self, _tick: &Tick<'_>) -> anyhow::Result<()> {
        Ok(())
    }

    /// There are no more events.
    ///
    /// # Errors
    /// As for [`Sink::event`].
    fn end(&mut self, _tick: &Tick<'_>) -> anyhow::Result<()> {
        Ok(())
    }

    /// What has to be collected for it.
    fn needs(&self) -> Needs;

    /// Whether it has a use for events of that type.
    fn wants(&self, event: &EventType<'_>) -> bool;

    /// Whether it may have a use for the event, whatever the metadata of its container will be.
    fn may_want(&self, context: &Context<'_>) -> bool {
        self.wants(&EventType { side: Side::Whole, ..EventType::of_event(context.event) })
    }

    /// What the kernel side knows of which events of a type it has a use for: never less than those.
    fn demand(&self, target: &Target<'_>, questions: &mut Vec<Question>) -> Expr {
        let _ = questions;
        Expr::Always(self.wants(&target.event))
    }

    /// What can be counted in the kernel instead, when `filter` stands before it; `None` when it needs the events.
    fn grouping(&self, filter: Option<&Filter>) -> Result<Grouping, &'static str> {
        let _ = filter;
        Err("the output needs each event")
    }

    /// Its own filters.
    fn each_filter(&self, visit: &mut dyn FnMut(&Filter)) {
        let _ = visit;
    }

    /// Whether it takes an event once for each of its descriptors that passes, when it moves data between two.
    fn takes_sides(&self) -> bool {
        false
    }

    /// Whether it adds up bytes: then it also takes requests that are done.
    fn adds_bytes(&self) -> bool {
        false
    }

    /// How often [`Sink::interval`] is called, in milliseconds; `None` for never.
    fn interval_ms(&self) -> Option<u64> {
        None
    }

    /// Captures that are to be made of what is around events that it marked.
    fn excerpts(&self) -> Vec<Excerpt> {
        Vec::new()
    }

    /// Folders in which it makes files.
    fn folders(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Whether it is about events that can be sampled.
    fn is_sampled(&self) -> bool {
        true
    }

    /// Says that events are sampled: each says how many it stands for.
    fn sample(&mut self, sample: Sample) {
        let _ = sample;
    }

    /// Events so far that it had no room for.
    fn lost(&self) -> u64 {
        0
    }

    /// What a person calls it.
    fn name(&self) -> String {
        "what is printed".to_owned()
    }

    /// Whether it prints anything.
    fn prints(&self) -> bool {
        true
    }

    /// Whether it only lists what there is, and asks for no event.
    fn is_still(&self) -> bool {
        false
    }

    /// Whether it has had enough.
    fn is_done(&self) -> bool {
        false
    }
}

/// All sinks, with what stands before them.
pub struct Outputs {
    filter: Option<Filter>,
    sinks: Vec<Slot>,
    capture: Option<Capture>,
    hold: Hold,
    holds: bool,
    out: Out,
    readers: Readers,
    max_shown: Option<u64>,
    shown: u64,
    /// Those of them that the tracer makes for itself.
    shown_internal: u64,
    /// Names of processes whose events are left out.
    suppressed: FxHashSet<Box<[u8]>>,
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs").field("sinks", &self.sinks.len()).field("shown", &self.shown).finish_non_exhaustive()
    }
}

impl Outputs {
    /// Sinks behind a filter. They end after `max_shown` events when it is given.
    #[must_use]
    pub fn new(filter: Option<Filter>, sinks: Vec<Box<dyn Sink>>, out: Out, max_shown: Option<u64>) -> Self {
        let sinks = sinks.into_iter().map(|sink| Slot { sink, origin: Origin::default(), due_ns: 0 }).collect();
        let suppressed = FxHashSet::default();
        let mut outputs = Self {
            filter,
            sinks,
            capture: None,
            hold: Hold::default(),
            holds: false,
            out,
            readers: Readers::default(),
            max_shown,
            shown: 0,
            shown_internal: 0,
            suppressed,
        };
        outputs.holds = outputs.needs().has(Needs::CONTAINER_NOW);
        outputs
    }

    /// The same without the events of processes with these names.
    #[must_use]
    pub fn without(mut self, names: &[String]) -> Self {
        self.suppressed.extend(names.iter().map(|name| name.as_bytes().into()));
        self
    }

    /// The same with a capture that is written.
    #[must_use]
    pub fn with_capture(mut self, capture: Option<Capture>) -> Self {
        self.capture = capture;
        self
    }

    /// Whether all of them only list what there is: then nothing has to be traced.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.capture.is_none() && !self.sinks.is_empty() && self.sinks.iter().all(|slot| slot.sink.is_still())
    }

    /// Whether any of them is about events that can be sampled.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.capture.is_some() || self.sinks.iter().any(|slot| slot.takes_records() && slot.sink.is_sampled())
    }

    /// Says to those that show something that events are sampled.
    pub fn sample(&mut self, sample: Sample) {
        self.sinks.iter_mut().filter(|slot| slot.takes_records()).for_each(|slot| slot.sink.sample(sample));
    }

    /// Says to the capture how many of the events that come are chosen.
    pub fn write_sample(&mut self, sample: Sample) {
        self.capture.iter_mut().for_each(|capture| capture.sample(sample));
    }

    /// Makes the file of the capture, if one is written. `now_ns` is the time that its name may have. From here on it is watched
    /// whether somebody reads what is written.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(&mut self, now_ns: u64) -> anyhow::Result<()> {
        if let Some(capture) = &mut self.capture {
            let target = capture.open(now_ns)?;
            target.iter().for_each(|target| self.readers.watch(target.as_fd()));
        }
        if self.sinks.iter().any(|slot| slot.sink.prints()) {
            self.readers.watch(io::stdout().as_fd());
        }
        Ok(())
    }

    /// Whether an event is to be written, or may be.
    #[must_use]
    #[inline]
    pub fn writes(&self, row: &Row) -> bool {
        self.capture.is_some() && !row.live_only()
    }

    /// Writes an event to the capture if the filter wants it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, context: &Context<'_>) -> anyhow::Result<Flow> {
        let Some(capture) = &mut self.capture else { return Ok(Flow::Continue) };
        if is_suppressed(&self.suppressed, context) {
            return Ok(Flow::Continue);
        }
        // What was lost is no event that was asked for, and is written also when there are enough of those.
        if context.event.row.code == code::DROP {
            return capture.event(context, self.filter.as_ref()).map(|_| Flow::Continue);
        }
        if self.max_shown.is_some_and(|max| self.shown >= max) {
            return Ok(Flow::Stop);
        }
        let wanted = capture.event(context, self.filter.as_ref())?;
        if self.sinks.is_empty() {
            self.shown += u64::from(wanted);
            if self.max_shown.is_some_and(|max| self.shown >= max) {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Folders in which files are made from now on.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        let excerpts = self.excerpts();
        let excerpts = excerpts.iter().map(|excerpt| match excerpt.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => Path::new(".").to_owned(),
        });
        let capture = self.capture.iter().filter_map(Capture::folder);
        self.sinks.iter().flat_map(|slot| slot.sink.folders()).chain(capture).chain(excerpts).collect()
    }

    /// Events and bytes that were written to the capture; `None` without one.
    #[must_use]
    pub fn written(&self) -> Option<(u64, u64)> {
        self.capture.as_ref().map(|capture| (capture.events(), capture.bytes()))
    }

    /// Takes an event: shows it, or holds it back for a moment if it is in a container whose name is still asked for.
    ///
    /// # Errors
    /// Output cannot be written, or a script failed.
    pub fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Flow> {
        if context.event.row.live_only() {
            return Ok(Flow::Continue);
        }
        if is_suppressed(&self.suppressed, context) {
            return Ok(Flow::Continue);
        }
        if self.holds && context.container != ContainerKey::HOST && self.hold_back(context)? {
            return Ok(Flow::Continue);
        }
        self.show(context)
    }

    /// Whether the event was held back. Those of its container that were held back before it go first.
    fn hold_back(&mut self, context: &Context<'_>) -> anyhow::Result<bool> {
        let pending = context.state.containers.get(context.container).lookup == Lookup::Pending;
        if !pending || self.hold.gave_up(context.container) {
            if self.hold.has(context.container) {
                self.release(context.state, context.event.time_ns)?;
            }
            return Ok(false);
        }
        let may_pass = |filter: &Filter| context.any_side(|side| filter.decide_without_container(side) != Some(false));
        if !self.filter.as_ref().is_none_or(may_pass) || !self.sinks.iter().any(|slot| slot.sink.may_want(context)) {
            return Ok(true);
        }
        self.hold.push(context);
        while let Some(held) = self.hold.overflow() {
            held.with(context.state, |context| self.show(context))?;
        }
        Ok(true)
    }

    /// Shows what was held back and has waited long enough, or has its name now.
    fn release(&mut self, state: &State, now_ns: u64) -> anyhow::Result<Flow> {
        while let Some(held) = self.hold.next(state, now_ns) {
            if held.with(state, |context| self.show(context))? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    fn show(&mut self, context: &Context<'_>) -> anyhow::Result<Flow> {
        let mut shown = None;
        let failed = context.each_side(|context| {
            if self.filter.as_ref().is_some_and(|filter| !filter.matches(context)) {
                return ControlFlow::Continue(());
            }
            if self.max_shown.is_some_and(|max| self.shown >= max) {
                return ControlFlow::Break(None);
            }
            let again = shown.is_some();
            let shown = shown.get_or_insert(Shown::No);
            for slot in self.sinks.iter_mut().filter(|slot| slot.takes(context.event, again)) {
                match slot.sink.event(context) {
                    Ok(Shown::Yes) => *shown = Shown::Yes,
                    Ok(Shown::No) => {}
                    Err(error) => return ControlFlow::Break(Some(error)),
                }
            }
            ControlFlow::Continue(())
        });
        match (failed, shown) {
            (ControlFlow::Break(None), _) => return Ok(Flow::Stop),
            (ControlFlow::Break(Some(error)), _) => return Err(error),
            (ControlFlow::Continue(()), None) => return Ok(Flow::Continue),
            (ControlFlow::Continue(()), Some(_)) => {}
        }
        if shown == Some(Shown::Yes) {
            let count = context.event.group.map_or(u64::from(!context.event.done), |group| group.count);
            self.shown += count;
            self.shown_internal += if context.event.row.category == Category::Internal { count } else { 0 };
        }
        let enough = self.max_shown.is_some_and(|max| self.shown >= max);
        Ok(if enough || self.is_done() { Flow::Stop } else { Flow::Continue })
    }

    fn is_done(&self) -> bool {
        // A capture is written until somebody ends it.
        self.capture.is_none() && !self.sinks.is_empty() && self.sinks.iter().all(|slot| slot.sink.is_done())
    }

    /// To be called when there are no records for the moment, and at least every 100 ms: shows what was held back long
    /// enough, and writes out what was buffered.
    ///
    /// # Errors
    /// Output cannot be written, also since nobody reads it any more, or a script failed.
    pub fn idle(&mut self, state: &State, now_ns: u64) -> anyhow::Result<Flow> {
        self.readers.check()?;
        self.out.look_at_keys();
        let flow = if self.hold.is_empty() { Flow::Continue } else { self.release(state, now_ns)? };
        if let Some(capture) = &mut self.capture {
            capture.idle(state, self.filter.as_ref())?;
        }
        self.out.flush()?;
        Ok(flow)
    }

    /// To be called every [`Outputs::interval_ms`].
    ///
    /// # Errors
    /// Output cannot be written, or a script failed.
    pub fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<Flow> {
        let &Tick { state, now_ns, .. } = tick;
        let flow = self.idle(state, now_ns)?;
        for slot in &mut self.sinks {
            let Some(interval_ns) = slot.sink.interval_ms().map(|ms| ms * 1_000_000) else { continue };
            // A tick that comes a little early counts: it was meant for this interval.
            if now_ns + interval_ns / 4 >= slot.due_ns {
                slot.due_ns = now_ns + interval_ns;
                slot.sink.interval(tick)?;
            }
        }
        self.out.draw(tick.status())?;
        Ok(if self.is_done() { Flow::Stop } else { flow })
    }

    /// To be called once, after the last event. What is still held back is shown as it is.
    ///
    /// # Errors
    /// Output cannot be written, or a script failed.
    pub fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        let &Tick { state, now_ns, .. } = tick;
        self.release(state, u64::MAX)?;
        // Each of them ends, whatever becomes of the others.
        let ends: Vec<_> = self.sinks.iter_mut().map(|slot| slot.sink.end(tick)).collect();
        self.out.draw(tick.status())?;
        self.out.leave();
        let written = self.capture.as_mut().map(|capture| capture.end(state, self.filter.as_ref(), now_ns));
        ends.into_iter().chain(written).collect()
    }

    /// Captures that are to be made when all was read.
    #[must_use]
    pub fn excerpts(&self) -> Vec<Excerpt> {
        self.sinks.iter().flat_map(|slot| slot.sink.excerpts()).collect()
    }

    /// The shortest interval of the sinks, in milliseconds; `None` when none has one.
    #[must_use]
    pub fn interval_ms(&self) -> Option<u64> {
        self.sinks.iter().filter_map(|slot| slot.sink.interval_ms()).min()
    }

    /// Those of the events that were shown or counted that the tracer makes for itself.
    #[must_use]
    pub fn shown_internal(&self) -> u64 {
        self.shown_internal
    }

    /// Events that reached the sinks, and that these had no room for.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sinks.iter().map(|slot| slot.sink.lost()).sum()
    }

    /// Events that were shown or counted.
    #[must_use]
    pub fn shown(&self) -> u64 {
        self.shown
    }
}

/// Whether an event belongs to a process whose events are left out.
fn is_suppressed(names: &FxHashSet<Box<[u8]>>, context: &Context<'_>) -> bool {
    !names.is_empty() && context.thread.is_some_and(|thread| names.contains(&thread.comm))
}

#[cfg(test)]
mod tests;
