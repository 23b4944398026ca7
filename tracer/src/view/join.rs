//! The tables of a view as sinks, and the one frame that is made of them: rows of one key are one row, with what is known of it.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use rustc_hash::{FxHashMap, FxHashSet};
use tracer_common::group::Grouping;

use super::compiled::Rest;
use crate::{
    aggregate::{self, Aggregate as _, Column as KeyColumn, Moment, Rows, Spec, Table, TableError},
    fields::{Context, EventType, FieldRef, Needs, Value},
    filter::{
        Filter,
        kernel::{Expr, Question, Target},
    },
    output::{Form, Frame, Row, Span},
    sample::Sample,
    sink::{Shown, Sink, Tick},
    state::{ContainerKey, State, Thread},
};

/// How many events were seen and lost when a frame was made.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Seen.
    pub seen: u64,
    /// Lost.
    pub lost: u64,
}

impl Counts {
    pub(super) fn of(tick: &Tick<'_>) -> Self {
        Self { seen: tick.stats.seen, lost: tick.stats.lost() }
    }
}

/// Who takes the frames of a view; with what was counted, where that is known.
pub type Publish = Box<dyn FnMut(Frame, Option<Counts>) -> anyhow::Result<()>>;

/// What tables have in common whose frames are taken together.
#[derive(Debug)]
pub(crate) struct Board {
    /// The frames of this interval, by table.
    frames: Vec<Option<Frame>>,
    /// When the interval began, nanoseconds since the epoch; 0 when nothing says it.
    began_ns: u64,
    /// Whether a capture is read: then there is one interval, as long as the capture.
    replay: bool,
    interval_ms: u64,
    /// How many more frames are wanted, when that is not all of them.
    left: Option<u64>,
}

/// A board that its tables and whoever takes their frames have.
pub(crate) type SharedBoard = Rc<RefCell<Board>>;

/// Tables whose frames are taken together, as sinks, and where their frames are after each interval. Whoever takes them comes after
/// the sinks.
///
/// # Errors
/// A table makes no sense.
pub(crate) fn board(
    specs: Vec<Spec>,
    replay: bool,
    interval_ms: u64,
) -> Result<(Vec<Box<dyn Sink>>, SharedBoard), TableError> {
    let frames = specs.iter().map(|_| None).collect();
    let board = Rc::new(RefCell::new(Board { frames, began_ns: 0, replay, interval_ms, left: None }));
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    for (at, spec) in specs.into_iter().enumerate() {
        sinks.push(Box::new(Counted { table: Table::new(spec)?, at, board: Rc::clone(&board) }));
    }
    Ok((sinks, board))
}

impl Board {
    /// The time that the frames are about, and the frames by the place of their table. A new interval begins.
    pub(crate) fn take(&mut self, now_ns: u64) -> (Span, Vec<Option<Frame>>) {
        let span = self.moment(now_ns).span;
        self.began_ns = now_ns;
        (span, self.frames.iter_mut().map(Option::take).collect())
    }

    fn moment(&self, now_ns: u64) -> Moment {
        let began_ns = match self.began_ns {
            0 => now_ns.saturating_sub(self.interval_ms * 1_000_000),
            began_ns => began_ns.min(now_ns),
        };
        Moment { span: Span { began_ns, ended_ns: now_ns }, is_whole: self.replay }
    }
}

/// A table of a view.
#[derive(Debug)]
pub struct Counted {
    table: Table,
    at: usize,
    board: Rc<RefCell<Board>>,
}

/// When frames are made.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Once, at the end of a capture.
    pub replay: bool,
    /// Else so often, milliseconds.
    pub interval_ms: u64,
    /// The most of them.
    pub tables: Option<u64>,
}

/// Makes one frame of all tables. It comes after them.
pub struct Joiner {
    rest: Rest,
    /// What events have to pass to count: rows without events have to pass it, too.
    filter: Option<Filter>,
    board: Rc<RefCell<Board>>,
    view: Arc<str>,
    publish: Publish,
    sample: Option<Sample>,
    lost_before: u64,
}

impl std::fmt::Debug for Joiner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joiner").field("view", &self.view).finish_non_exhaustive()
    }
}

/// The sinks of a view, in their order.
///
/// # Errors
/// A table makes no sense.
pub fn sinks(
    view: &str,
    (specs, rest): (Vec<Spec>, Rest),
    idle_filter: Option<Filter>,
    Times { replay, interval_ms, tables }: Times,
    publish: Publish,
) -> Result<Vec<Box<dyn Sink>>, TableError> {
    let (mut sinks, board) = board(specs, replay, interval_ms)?;
    board.borrow_mut().left = tables;
    let view = Arc::from(view);
    sinks.push(Box::new(Joiner { rest, filter: idle_filter, board, view, publish, sample: None, lost_before: 0 }));
    Ok(sinks)
}

impl Counted {
    fn take(&mut self, tick: &Tick<'_>) {
        let mut board = self.board.borrow_mut();
        let moment = board.moment(tick.now_ns);
        let frame = self.table.take(tick.state, moment);
        if let Some(place) = board.frames.get_mut(self.at) {
            *place = Some(frame);
        }
    }
}

impl Sink for Counted {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        Ok(if self.table.add(context) { Shown::Yes } else { Shown::No })
    }

    fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.take(tick);
        Ok(())
    }

    fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.take(tick);
        Ok(())
    }

    fn needs(&self) -> Needs {
        self.table.needs()
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        self.table.may_count(event)
    }

    fn may_want(&self, context: &Context<'_>) -> bool {
        self.table.filter().is_none_or(|filter| filter.decide_without_container(context) != Some(false))
    }

    fn demand(&self, target: &Target<'_>, questions: &mut Vec<Question>) -> Expr {
        self.table.demand(target, questions)
    }

    fn grouping(&self, before: Option<&Filter>) -> Result<Grouping, &'static str> {
        let filters: Vec<&Filter> = before.into_iter().chain(self.table.filter()).collect();
        self.table.grouping()?.in_kernel(&filters)
    }

    fn each_filter(&self, visit: &mut dyn FnMut(&Filter)) {
        self.table.filter().into_iter().for_each(visit);
    }

    fn takes_sides(&self) -> bool {
        self.needs().has(Needs::SIDES)
    }

    fn adds_bytes(&self) -> bool {
        self.needs().has(Needs::BYTES)
    }

    fn interval_ms(&self) -> Option<u64> {
        let board = self.board.borrow();
        (!board.replay).then_some(board.interval_ms)
    }

    fn lost(&self) -> u64 {
        self.table.lost()
    }

    fn is_done(&self) -> bool {
        self.board.borrow().left == Some(0)
    }
}

impl Joiner {
    /// One frame of those of the tables.
    fn join(&mut self, tick: &Tick<'_>) -> Frame {
        let mut board = self.board.borrow_mut();
        let (span, frames) = board.take(tick.now_ns);
        let mut joined =
            Frame { chisel: Arc::clone(&self.view), sample: self.sample, ..Frame::new(Form::Table, "", span) };
        let lost = tick.stats.losses.total();
        joined.dropped = lost.saturating_sub(std::mem::replace(&mut self.lost_before, lost));
        let frames: Vec<Frame> = frames.into_iter().flatten().collect();
        joined.keys = self.rest.keys.iter().map(key_column).collect();
        joined.values = frames.iter().flat_map(|frame| frame.values.clone()).collect();
        let none = self.none(&frames, board.replay);
        let mut places: FxHashMap<Vec<Vec<u8>>, usize> = FxHashMap::default();
        let mut before = 0;
        for frame in frames {
            joined.lost += frame.lost;
            let width = frame.values.len();
            for row in frame.rows {
                let at = *places.entry(row.keys).or_insert_with_key(|keys| {
                    joined.rows.push(Row { keys: keys.clone(), values: none.clone(), line: Vec::new() });
                    joined.rows.len() - 1
                });
                for (to, value) in joined.rows[at].values[before..before + width].iter_mut().zip(row.values) {
                    *to = value.or(*to);
                }
            }
            before += width;
        }
        drop(board);
        self.add_idle(tick, &mut joined, &none, &places);
        let [texts, numbers] = self.rest.columns();
        joined.keys.extend(texts);
        joined.values.extend(numbers);
        for (at, row) in joined.rows.iter_mut().enumerate() {
            if self.look_up(tick, row) {
                joined.ended.push(at);
            }
        }
        joined
    }

    /// What the numbers of a row are when nothing was counted. What a capture does not have at all was not measured: it is not zero.
    fn none(&self, frames: &[Frame], replay: bool) -> Vec<Option<f64>> {
        let mut none = self.rest.none.clone();
        let counted = frames.iter().flat_map(|frame| std::iter::repeat_n(!frame.rows.is_empty(), frame.values.len()));
        for ((none, measured), counted) in none.iter_mut().zip(&self.rest.measured).zip(counted) {
            if *measured && !counted && replay {
                *none = None;
            }
        }
        none
    }

    /// Adds the rows of what is there although nothing happened to it.
    fn add_idle(
        &self,
        tick: &Tick<'_>,
        joined: &mut Frame,
        none: &[Option<f64>],
        places: &FxHashMap<Vec<Vec<u8>>, usize>,
    ) {
        let Some(rows) = self.rest.idle.rows() else { return };
        let keys = &self.rest.keys;
        // Several containers may be of one row, as those of a pod are.
        let mut added: FxHashSet<Vec<Vec<u8>>> = FxHashSet::default();
        let _: Result<(), std::convert::Infallible> =
            aggregate::each_row(rows, None, tick.state, tick.now_ns, &mut |context| {
                let is_over = rows == Rows::Containers && tick.state.containers.is_over(context.container);
                if is_over || self.filter.as_ref().is_some_and(|filter| !filter.may_match_thread(context)) {
                    return Ok(());
                }
                let text = |key: &KeyColumn| key.field.as_ref().map_or_else(Vec::new, |field| text(field, context));
                let row: Vec<Vec<u8>> = keys.iter().map(text).collect();
                let is_new = row.first().is_some_and(|key| !key.is_empty()) && !places.contains_key(&row);
                if is_new && added.insert(row.clone()) {
                    joined.rows.push(Row { keys: row, values: none.to_vec(), line: Vec::new() });
                }
                Ok(())
            });
    }

    /// Adds what is known of a row by its key. Returns whether the process or thread that it is about has ended.
    fn look_up(&self, tick: &Tick<'_>, row: &mut Row) -> bool {
        let Rest { texts, numbers, .. } = &self.rest;
        if texts.is_empty() && numbers.is_empty() {
            return false;
        }
        let thread = self.thread(tick.state, row);
        // Of a capture, what has ended at its end says nothing of the rest of it.
        let has_ended = !self.board.borrow().replay && thread.is_some_and(|thread| thread.exited_ns.is_some());
        let container = match thread {
            Some(thread) => Some(thread.container),
            None => self.container(tick.state, row),
        };
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        if thread.is_none() && container.is_none() {
            keys.resize(texts.len(), Vec::new());
            values.resize(numbers.len(), None);
        } else {
            aggregate::with_row(tick.state, tick.now_ns, thread, None, container.unwrap_or_default(), &mut |context| {
                keys = texts.iter().map(|(field, otherwise)| either(field, otherwise.as_ref(), context)).collect();
                values = numbers.iter().map(|field| field.get(context).as_f64()).collect();
            });
        }
        row.keys.append(&mut keys);
        row.values.append(&mut values);
        has_ended
    }

    /// The text of the key of that name.
    fn key<'r>(&self, row: &'r Row, names: &[&str]) -> Option<&'r str> {
        let is_it = |key: &KeyColumn| key.field.as_ref().is_some_and(|field| names.contains(&field.field.name));
        let at = self.rest.keys.iter().position(is_it)?;
        std::str::from_utf8(row.keys.get(at)?).ok().filter(|text| !text.is_empty())
    }

    fn thread<'s>(&self, state: &'s State, row: &Row) -> Option<&'s Rc<Thread>> {
        let number = self.key(row, &["thread.tid"]).or_else(|| self.key(row, &["proc.pid"]))?;
        state.thread(number.parse().ok()?)
    }

    fn container(&self, state: &State, row: &Row) -> Option<ContainerKey> {
        if let Some(id) = self.key(row, &["container.id", "container.full_id"]) {
            return state.containers.by_id(id);
        }
        if let Some(pod) = self.key(row, &["k8s.pod.name"]) {
            // Any container of the pod knows the pod.
            return state.containers.of_pod(self.key(row, &["k8s.ns.name"]), pod);
        }
        let name = self.key(row, &["container.name"])?;
        if name == "host" {
            return Some(ContainerKey::HOST);
        }
        state.containers.all().find(|(_, it)| it.name.as_deref() == Some(name)).map(|(key, _)| key)
    }

    fn show(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        if self.is_done() {
            return Ok(());
        }
        let frame = self.join(tick);
        if let Some(left) = &mut self.board.borrow_mut().left {
            *left = left.saturating_sub(1);
        }
        (self.publish)(frame, Some(Counts::of(tick)))
    }
}

impl super::spec::Idle {
    fn rows(self) -> Option<Rows> {
        match self {
            Self::None => None,
            Self::Processes => Some(Rows::Processes),
            Self::Threads => Some(Rows::Threads),
            Self::Containers => Some(Rows::Containers),
        }
    }
}

fn key_column(column: &KeyColumn) -> crate::output::Column {
    let name = column.field.as_ref().map_or_else(|| column.title.clone(), FieldRef::name);
    crate::output::Column::key(column.title.clone(), name)
}

/// The value of a field; of another one in brackets where it has none.
fn either(field: &FieldRef, otherwise: Option<&FieldRef>, context: &Context<'_>) -> Vec<u8> {
    let own = text(field, context);
    let Some(other) = otherwise.filter(|_| own.is_empty()) else { return own };
    let other = text(other, context);
    if other.is_empty() { other } else { [b"[", other.as_slice(), b"]"].concat() }
}

/// The value of a field as text; empty when it is missing.
pub(super) fn text(field: &FieldRef, context: &Context<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    match field.get(context) {
        Value::Missing => {}
        value => value.write(field.field.digits, &mut text),
    }
    text
}

impl Sink for Joiner {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        let mut board = self.board.borrow_mut();
        if board.began_ns == 0 && board.replay {
            board.began_ns = context.event.time_ns;
        }
        Ok(Shown::No)
    }

    fn interval(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        self.show(tick)
    }

    fn end(&mut self, tick: &Tick<'_>) -> anyhow::Result<()> {
        if self.board.borrow().replay { self.show(tick) } else { Ok(()) }
    }

    fn needs(&self) -> Needs {
        let filter = self.filter.as_ref().map_or(Needs::NONE, Filter::needs);
        self.rest.needs().with(filter.without(Needs::CONTAINER_NOW))
    }

    /// Of a capture, any event says when it began.
    fn wants(&self, _event: &EventType<'_>) -> bool {
        self.board.borrow().replay
    }

    fn interval_ms(&self) -> Option<u64> {
        let board = self.board.borrow();
        (!board.replay).then_some(board.interval_ms)
    }

    fn sample(&mut self, sample: Sample) {
        self.sample = Some(sample);
    }

    fn is_done(&self) -> bool {
        self.board.borrow().left == Some(0)
    }
}
