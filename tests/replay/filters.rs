//! How many events each of many filters lets through, compared with another tool.
//!
//! `filter-counts.csv` has the number of events that sysdig 0.41.4 shows of each capture, or `error`, and then the filter.
//! Each number is ours too, or stands in a list below with its reason. One pass over a capture counts for all filters.

use std::{cell::RefCell, path::PathBuf, rc::Rc, sync::atomic::AtomicBool};

use tracer::{
    fields::{Context, EventType, Needs, Show},
    filter::{Filter, FilterError},
    pipeline::{Limits, Pipeline},
    sink::{Out, Outputs, Shown, Sink},
    source::replay::Replay,
    state::{Procfs, State},
};
use tracer_common::events::Flags;

const COUNTS: &str = include_str!("filter-counts.csv");

/// Fields that are not there yet. A filter that compiles is compared, whether or not its field still stands here.
const MISSING_FIELDS: &[&str] = &[];

/// Filters that mean something else here, or are no errors.
const DIFFERENT: &[(&str, &str)] = &[];

/// A filter and what the other tool shows: by capture, `None` for an error.
struct Expected {
    filter: &'static str,
    counts: Vec<Option<u64>>,
}

fn expected() -> (Vec<&'static str>, Vec<Expected>) {
    let mut lines = COUNTS.lines();
    let captures: Vec<&str> = lines.next().unwrap().split(',').filter(|name| *name != "filter").collect();
    let count = captures.len();
    let all = lines.map(|line| {
        let mut columns = line.splitn(count + 1, ',');
        let counts = columns.by_ref().take(count).map(|column| column.parse().ok()).collect();
        Expected { filter: columns.next().unwrap(), counts }
    });
    (captures, all.collect())
}

/// Counts what passes each filter.
struct Counts {
    filters: Vec<Result<Filter, FilterError>>,
    counts: Rc<RefCell<Vec<u64>>>,
}

impl Sink for Counts {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        let mut counts = self.counts.borrow_mut();
        let event = EventType { row: context.event.row, name: Some(context.event.name()) };
        for (filter, count) in self.filters.iter().zip(counts.iter_mut()) {
            let Ok(filter) = filter else { continue };
            let matches = filter.matches(context);
            // What the type of an event rules out is not even collected.
            assert!(!matches || filter.may_match(&event), "{filter:?}");
            *count += u64::from(matches);
        }
        Ok(Shown::Yes)
    }

    fn needs(&self) -> Needs {
        self.filters.iter().flatten().map(Filter::needs).collect()
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        // Lines are not made of the others either.
        !event.row.flags.has(Flags::INTERNAL)
    }
}

/// How many events of a capture pass each filter.
fn counts(capture: &str, filters: &[Expected]) -> Vec<u64> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).join(format!("{capture}.scap"));
    let counts = Rc::new(RefCell::new(vec![0; filters.len()]));
    let filters = filters.iter().map(|expected| Filter::compile(expected.filter, Show::default())).collect();
    let sink = Counts { filters, counts: Rc::clone(&counts) };
    let outputs = Outputs::new(None, vec![Box::new(sink)], Out::memory(), None);
    let mut source = Replay::open(vec![path]).unwrap();
    let state = State { procfs: Procfs::none(), ..State::default() };
    Pipeline::new(state, outputs, 0).run(&mut source, Limits::default(), &AtomicBool::new(false)).unwrap();
    Rc::try_unwrap(counts).unwrap().into_inner()
}

#[test]
fn filters_let_through_what_they_let_through_in_another_tool() {
    super::utc();
    let (captures, all) = expected();
    let mut wrong = Vec::new();
    for (at, capture) in captures.iter().enumerate() {
        let (mut equal, mut explained, mut missing) = (0, 0, 0);
        for (expected, ours) in all.iter().zip(counts(capture, &all)) {
            let theirs = expected.counts[at];
            let compiled = Filter::compile(expected.filter, Show::default());
            let ours = compiled.as_ref().ok().map(|_| ours);
            let is_missing = compiled.err().is_some_and(|error| {
                MISSING_FIELDS.iter().any(|field| error.message == format!("unknown field '{field}'"))
            });
            if ours == theirs {
                equal += 1;
            } else if is_missing {
                missing += 1;
            } else if DIFFERENT.iter().any(|(filter, _)| *filter == expected.filter) {
                explained += 1;
            } else {
                wrong.push(format!("{capture}: {}: ours {ours:?}, theirs {theirs:?}", expected.filter));
            }
        }
        println!("{capture}: {equal} of {} equal, {explained} explained, {missing} of missing fields", all.len());
    }
    wrong.sort_by_key(|line| line.split_once(": ").map(|(_, rest)| rest.to_owned()));
    assert!(wrong.is_empty(), "{} counts differ:\n{}", wrong.len(), wrong.join("\n"));
}
