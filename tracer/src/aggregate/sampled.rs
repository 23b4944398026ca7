//! What aggregates make of events that stand for several: counts and sums are those of all, everything else is as it was seen.

use super::{
    Aggregate, Column, HeatMap, HeatSpec, Histogram, HistogramSpec, Line, Moment, Op, Rate, Sort, Spec, Table, Top,
    Value,
};
use crate::{
    fields::{FieldRef, Show, Unit},
    format::Template,
    output::{Frame, Out, Page, Scale},
    sample::Sample,
    testing::World,
};

/// What each event stands for.
const WEIGHT: u32 = 100;

fn field(name: &str) -> FieldRef {
    FieldRef::resolve(name, Show::default()).unwrap()
}

fn value(name: Option<&str>, op: Op) -> Value {
    Value {
        title: "V".into(),
        field: name.map(field),
        op,
        unit: Unit::None,
        also: Vec::new(),
        share: false,
        per_second: false,
        total: false,
    }
}

/// How a frame is drawn, and how many events were looked at.
fn page(json: bool, sampled: bool) -> (Page, Option<Sample>) {
    let sample = "1/100".parse::<Sample>().ok().filter(|_| sampled);
    (if json { Page::json(Out::memory()) } else { Page::plain(Out::memory()) }, sample)
}

/// How the frame of four reads of 10, 20, 30 and 1500 bytes is drawn.
fn print(aggregate: &mut dyn Aggregate, (page, sample): &(Page, Option<Sample>)) -> String {
    let world = World::new();
    for res in [10, 20, 30, 1500] {
        let weight = if sample.is_some() { WEIGHT } else { 1 };
        assert!(world.with_weight(&world.read(10, 3, res, b"x"), weight, |context| aggregate.add(context)));
    }
    let frame = aggregate.take(&world.state, Moment::default());
    page.frame(Frame { sample: *sample, ..frame }).unwrap();
    page.out.text()
}

fn spec(values: Vec<Value>, keys: Vec<Column>) -> Spec {
    Spec { title: String::new(), keys, values, sort: Sort::Value(0), filter: None, top: 10, each: false, any: false }
}

fn by_name() -> Vec<Column> {
    vec![Column { title: "P".into(), field: Some(field("proc.name")) }]
}

#[test]
fn of_a_table_counts_and_sums_are_scaled_and_nothing_else() {
    let ops = [
        (None, Op::Count, 400.0),
        (Some("evt.buflen"), Op::Count, 400.0),
        (Some("evt.buflen"), Op::Sum, 156_000.0),
        (Some("evt.buflen"), Op::Avg, 390.0),
        (Some("evt.buflen"), Op::Min, 10.0),
        (Some("evt.buflen"), Op::Max, 1500.0),
        (Some("evt.buflen"), Op::Distinct, 4.0),
        (Some("evt.buflen"), Op::Percentile(50), 20.0),
    ];
    let values = || ops.iter().map(|(name, op, _)| value(*name, *op)).collect();
    let text = print(&mut Table::new(spec(values(), by_name())).unwrap(), &page(true, true));
    let table: serde_json::Value = serde_json::from_str(&text).unwrap();
    let expected: Vec<f64> = ops.iter().map(|(.., expected)| *expected).collect();
    let row: Vec<f64> = table["data"][0].as_array().unwrap().iter().filter_map(serde_json::Value::as_f64).collect();
    assert_eq!((row, &table["sample"]), (expected, &100.into()), "{text}");
    let exact = print(&mut Table::new(spec(values(), by_name())).unwrap(), &page(true, false));
    assert!(!exact.contains("sample"), "{exact}");
}

#[test]
fn a_table_says_above_it_that_it_is_an_estimate() {
    let lines = |title: &str, sampled| {
        let spec = Spec { title: title.into(), ..spec(vec![value(None, Op::Count)], by_name()) };
        let text = print(&mut Table::new(spec).unwrap(), &page(false, sampled));
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(lines("", true)[..2], ["(estimated from 1/100 of the events)", "V P"]);
    assert_eq!(lines("Calls", true)[0], "Calls (estimated from 1/100 of the events)");
    assert_eq!((lines("", false)[0].as_str(), lines("Calls", false)[0].as_str()), ("V P", "Calls"));
    assert_eq!(lines("", true)[3], "400 bash");
}

#[test]
fn what_a_script_adds_is_scaled_by_its_event() {
    let keys = vec![Column { title: "K".into(), field: None }];
    let mut table = Table::new(spec(vec![value(None, Op::Sum), value(None, Op::Max)], keys)).unwrap();
    table.tally(&[b"x"], &[5.0, 5.0], WEIGHT);
    table.tally(&[b"x"], &[2.0, 7.0], 1);
    assert_eq!(table.rows(&World::new().state, 1.0, 1.0)[0].values, [Some(502.0), Some(7.0)]);
}

#[test]
fn bars_and_colours_stand_for_all_events() {
    let histogram = || {
        let spec = HistogramSpec {
            title: String::new(),
            field: field("evt.buflen"),
            keys: Vec::new(),
            filter: None,
            unit: Unit::Bytes,
            top: 1,
        };
        Histogram::new(spec)
    };
    let text = print(&mut histogram(), &page(true, true));
    assert!(text.ends_with("\"data\":[[8,16,100],[16,32,200],[1024,2048,100]]}],\"sample\":100}\n"), "{text}");
    let text = print(&mut histogram(), &page(false, true));
    assert!(text.starts_with("(estimated from 1/100 of the events)\n        8B - 16B"), "{text}");
    let map = || {
        let (field, range) = (field("evt.buflen"), (0.0, 6400.0));
        HeatMap::new(HeatSpec { field, scale: Scale::Linear, range, unit: Unit::None, title: String::new() }, None)
    };
    let text = print(&mut map(), &page(true, true));
    assert!(text.ends_with("\"data\":[[0,300],[1500,100]],\"sample\":100}\n"), "{text}");
    assert!(print(&mut map(), &page(false, true)).starts_with("(estimated from 1/100 of the events)\n"));
}

#[test]
fn lines_of_an_interval_are_scaled_and_the_largest_events_are_as_they_are() {
    let rate = || Rate::new(vec![value(Some("evt.buflen"), Op::Sum), value(Some("evt.buflen"), Op::Max)], None);
    let text = print(&mut rate(), &page(false, true));
    assert!(text.ends_with(" V:156000 V:1500 (estimated from 1/100 of the events)\n"), "{text}");
    assert!(print(&mut rate(), &page(true, true)).ends_with(",\"V\":156000,\"V\":1500,\"sample\":100}\n"));
    let line = Line::new(Template::parse("%evt.buflen", Show::default()).unwrap(), false);
    assert_eq!(print(&mut Top::new(field("evt.buflen"), 2, line), &page(false, true)), "1500\n30\n");
}
