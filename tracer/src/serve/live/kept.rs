//! Sinks that outlive a question: when it changes because somebody else came or went, they go on in the next one.
//!
//! Both questions have the same sink for a moment, because records of the one before may still come. It ends when its listener has gone.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use tokio::sync::mpsc;
use tracer_common::group::Grouping;

use crate::{
    chisel::excerpt::Excerpt,
    fields::{Context, EventType, Needs},
    filter::{
        Filter,
        kernel::{Expr, Question, Target},
    },
    sample::Sample,
    sink::{Shown, Sink, Tick},
};

/// How exactly intervals of listeners end, milliseconds.
const EVERY_MS: u64 = 200;

/// What goes to a listener.
#[derive(Debug)]
pub(in crate::serve) enum Piece {
    /// Events, as they are sent.
    Text(Vec<u8>),
    /// A frame.
    Frame(serde_json::Value),
    /// Why nothing more comes.
    Failed(String),
}

/// The queue of a listener. It is never waited for.
pub(super) type To = mpsc::Sender<Piece>;

/// When the sinks of a listener are told that an interval is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// As often as they say themselves.
    Own,
    /// So often, nanoseconds.
    Every(u64),
    /// Once, when the listener has heard enough: tables of views as at the end of an interval, chisels as at the end.
    Once { is_view: bool },
}

/// What the sinks of one listener have in common.
#[derive(Debug)]
struct Group {
    filter: Option<Filter>,
    /// `None` for what is always counted.
    to: Option<To>,
    pace: Pace,
    /// When the next interval ends, and when the last one did.
    due_ns: Cell<u64>,
    fired_ns: Cell<u64>,
    is_over: Cell<bool>,
    failed: Cell<bool>,
}

impl Group {
    /// Whether an interval is over. All sinks of the group hear the same in one round.
    fn fires(&self, now_ns: u64) -> bool {
        let interval_ns = match self.pace {
            Pace::Own => return true,
            Pace::Once { .. } => return false,
            Pace::Every(interval_ns) => interval_ns,
        };
        if self.fired_ns.get() == now_ns {
            return true;
        }
        let fires = now_ns + EVERY_MS * 1_000_000 / 2 >= self.due_ns.get();
        if fires {
            self.fired_ns.set(now_ns);
            self.due_ns.set(now_ns + interval_ns);
        }
        fires
    }

    /// An error of a listener's sink is the listener's, and nobody else's.
    fn guard<T>(&self, result: anyhow::Result<T>, otherwise: T) -> anyhow::Result<T> {
        match (result, &self.to) {
            (Err(error), Some(to)) => {
                self.failed.set(true);
                let _ = to.try_send(Piece::Failed(format!("{error:#}")));
                Ok(otherwise)
            }
            (result, _) => result,
        }
    }
}

/// One of them.
struct Kept {
    sink: RefCell<Box<dyn Sink>>,
    group: Rc<Group>,
    /// When it was last told that time goes on.
    heard_ns: Cell<u64>,
}

/// A kept sink in a question.
pub(super) struct Part(Rc<Kept>);

thread_local! {
    /// Sinks stay in the thread of the engine: those that go on, by listener.
    static KEPT: RefCell<BTreeMap<u64, Vec<Rc<Kept>>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Whether there are sinks of that listener.
pub(super) fn has(listener: u64) -> bool {
    KEPT.with_borrow(|kept| kept.contains_key(&listener))
}

/// Keeps sinks for a listener, after a filter.
pub(super) fn keep(
    listener: u64,
    filter: Option<Filter>,
    sinks: Vec<Box<dyn Sink>>,
    to: Option<To>,
    pace: Pace,
    now_ns: u64,
) {
    let due_ns = if let Pace::Every(interval_ns) = pace { now_ns + interval_ns } else { 0 };
    let (due_ns, fired_ns, is_over, failed) = (Cell::new(due_ns), Cell::default(), Cell::default(), Cell::default());
    let group = Rc::new(Group { filter, to, pace, due_ns, fired_ns, is_over, failed });
    let kept = sinks
        .into_iter()
        .map(|sink| Rc::new(Kept { sink: RefCell::new(sink), group: Rc::clone(&group), heard_ns: Cell::new(now_ns) }));
    KEPT.with_borrow_mut(|all| all.insert(listener, kept.collect()));
}

/// The sinks of these listeners for the next question. Those of all others end with the present one.
pub(super) fn parts(listeners: &[u64]) -> Vec<Box<dyn Sink>> {
    KEPT.with_borrow_mut(|all| {
        all.retain(|listener, kept| {
            let stays = listeners.contains(listener);
            kept.iter().for_each(|kept| kept.group.is_over.set(!stays));
            stays
        });
        let parts = all.values().flatten().map(|kept| Box::new(Part(Rc::clone(kept))) as Box<dyn Sink>);
        parts.collect()
    })
}

impl Part {
    fn each<T>(&self, act: impl FnOnce(&mut dyn Sink) -> anyhow::Result<T>, otherwise: T) -> anyhow::Result<T> {
        let group = &self.0.group;
        if group.failed.get() {
            return Ok(otherwise);
        }
        let result = act(&mut **self.0.sink.borrow_mut());
        group.guard(result, otherwise)
    }
}

impl Sink for Part {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        if self.0.group.filter.as_ref().is_some_and(|filter| !filter.matches(context)) {
            return Ok(Shown::No);
        }
        self.each(|sink| sink.event(context), Shown::No)
    }

    fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.0.heard_ns.set(tick.now_ns);
        if !self.0.group.fires(tick.now_ns) {
            return Ok(());
        }
        self.each(|sink| sink.interval(tick), ())
    }

    fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        let group = &self.0.group;
        if !group.is_over.get() {
            // Questions may change faster than an interval is over: nobody may starve for that.
            let own_ns = self.interval_ms().unwrap_or(u64::MAX).saturating_mul(1_000_000);
            let is_late = tick.now_ns.saturating_sub(self.0.heard_ns.get()) >= own_ns;
            return if is_late { self.interval(tick) } else { Ok(()) };
        }
        let is_view = group.pace == Pace::Once { is_view: true };
        self.each(|sink| if is_view { sink.interval(tick) } else { sink.end(tick) }, ())
    }

    fn needs(&self) -> Needs {
        let filter = self.0.group.filter.as_ref().map_or(Needs::NONE, Filter::needs);
        self.0.sink.borrow().needs().with(filter)
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        self.0.group.filter.as_ref().is_none_or(|filter| filter.may_match(event)) && self.0.sink.borrow().wants(event)
    }

    fn may_want(&self, context: &Context<'_>) -> bool {
        let filter = self.0.group.filter.as_ref();
        filter.is_none_or(|filter| filter.decide_without_container(context) != Some(false))
            && self.0.sink.borrow().may_want(context)
    }

    fn demand(&self, target: &Target<'_>, questions: &mut Vec<Question>) -> Expr {
        let sink = self.0.sink.borrow();
        let Some(filter) = &self.0.group.filter else { return sink.demand(target, questions) };
        Expr::And(vec![filter.in_kernel(target, questions), sink.demand(target, questions)])
    }

    fn grouping(&self, before: Option<&Filter>) -> Result<Grouping, &'static str> {
        match (before, &self.0.group.filter) {
            (Some(_), Some(_)) => Err("there are two filters before it"),
            (one, other) => self.0.sink.borrow().grouping(one.or(other.as_ref())),
        }
    }

    fn each_filter(&self, visit: &mut dyn FnMut(&Filter)) {
        self.0.group.filter.iter().for_each(&mut *visit);
        self.0.sink.borrow().each_filter(visit);
    }

    fn takes_sides(&self) -> bool {
        self.0.sink.borrow().takes_sides()
    }

    fn adds_bytes(&self) -> bool {
        self.0.sink.borrow().adds_bytes()
    }

    fn interval_ms(&self) -> Option<u64> {
        match self.0.group.pace {
            Pace::Own => self.0.sink.borrow().interval_ms(),
            Pace::Every(_) => Some(EVERY_MS),
            Pace::Once { .. } => None,
        }
    }

    fn excerpts(&self) -> Vec<Excerpt> {
        self.0.sink.borrow().excerpts()
    }

    fn is_sampled(&self) -> bool {
        self.0.sink.borrow().is_sampled()
    }

    fn sample(&mut self, sample: Sample) {
        self.0.sink.borrow_mut().sample(sample);
    }

    fn lost(&self) -> u64 {
        self.0.sink.borrow().lost()
    }

    fn name(&self) -> String {
        self.0.sink.borrow().name()
    }

    /// Nothing is written to standard output.
    fn prints(&self) -> bool {
        false
    }
}
