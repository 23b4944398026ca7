//! Tables: what counts, what merges, what has no room.

use super::*;
use crate::{fields::Show, output::Span, testing::World};

fn column(name: &str, title: &str) -> Column {
    Column { title: title.to_owned(), field: FieldRef::resolve(name, Show::default()).ok() }
}

fn table(keys: &[(&str, &str)], value: Option<&str>, op: Op, unit: Unit) -> Table {
    Table::new(Spec {
        title: String::new(),
        keys: keys.iter().map(|(name, title)| column(name, title)).collect(),
        values: vec![Value {
            title: "V".into(),
            field: value.and_then(|name| column(name, "").field),
            op,
            unit,
            also: Vec::new(),
            share: false,
            per_second: false,
            total: false,
        }],
        sort: Sort::Value(0),
        each: false,
        any: false,
        filter: None,
        top: 10,
    })
    .unwrap()
}

fn plain(row: Row) -> (f64, Vec<String>) {
    (row.values[0].unwrap(), row.keys.iter().map(|key| String::from_utf8(key.clone()).unwrap()).collect())
}

#[test]
fn totals_are_those_since_the_start() {
    let field = |name: &str| FieldRef::resolve(name, Show::default()).unwrap();
    let value = |total| Value {
        title: "V".into(),
        field: Some(field("evt.buflen")),
        also: Vec::new(),
        op: Op::Sum,
        unit: Unit::Bytes,
        share: false,
        per_second: false,
        total,
    };
    let keys = vec![Column { title: "P".into(), field: Some(field("proc.name")) }];
    let spec = Spec {
        title: String::new(),
        keys,
        values: vec![value(false), value(true)],
        sort: Sort::Value(0),
        filter: None,
        top: 10,
        each: false,
        any: false,
    };
    let (world, mut table) = (World::new(), Table::new(spec).unwrap());
    let mut interval = |reads: &[(u32, i64)]| {
        for (tid, res) in reads {
            world.with(&world.read(*tid, 3, *res, b"x"), |context| table.add(context));
        }
        let rows = table.rows(&world.state, 1.0, 1.0);
        let values = |row: Row| row.values.iter().map(|value| value.unwrap() as u64).collect::<Vec<_>>();
        rows.into_iter().map(values).collect::<Vec<_>>()
    };
    assert_eq!(interval(&[(10, 5), (20, 9)]), [[9, 9], [5, 5]]);
    assert_eq!(interval(&[(10, 7)]), [[7, 12]]);
    assert_eq!(interval(&[(20, 1), (10, 2)]), [[2, 14], [1, 10]]);
}

#[test]
fn bytes_are_summed_by_file_and_failures_do_not_count() {
    let world = World::new();
    let mut table = table(&[("fd.name", "File")], Some("evt.buflen"), Op::Sum, Unit::Bytes);
    for (fd, res) in [(3, 100), (3, 412), (5, 2000), (3, -11), (3, 0)] {
        world.with(&world.read(10, fd, res, b"x"), |context| table.add(context));
    }
    world.with(&world.openat(10, 3, b"/etc/passwd"), |context| table.add(context));
    let rows: Vec<_> = table.rows(&world.state, 1.0, 1.0).into_iter().map(plain).collect();
    assert_eq!(
        rows,
        [(2000.0, vec!["10.0.0.1:40000->10.0.0.2:80".to_owned()]), (512.0, vec!["/etc/passwd".to_owned()]),]
    );
    assert!(table.is_empty());
}

#[test]
fn percents_are_those_of_one_interval_however_many_a_table_has() {
    let mut world = World::new();
    world.state.cpu_interval_ns = 1_000_000_000;
    for seconds in [1, 5] {
        let mut table = table(&[("proc.name", "P")], Some("evt.buflen"), Op::Sum, Unit::Percent);
        for _ in 0..seconds {
            world.with(&world.read(10, 3, 40, b"x"), |context| table.add(context));
        }
        // Intervals are not exact.
        let span = Span { began_ns: 7, ended_ns: seconds * 1_030_000_000 };
        let frame = table.take(&world.state, Moment { span, is_whole: false });
        assert_eq!(frame.rows[0].values[0], Some(40.0), "{seconds} seconds");
    }
}

#[test]
fn operations_compute_what_they_say() {
    let world = World::new();
    let ops = [(Op::Count, 3.0), (Op::Avg, 20.0), (Op::Min, 10.0), (Op::Max, 30.0), (Op::Sum, 60.0)];
    for (op, expected) in ops.into_iter().chain([(Op::Distinct, 3.0), (Op::Percentile(50), 20.0)]) {
        let mut table = table(&[("evt.type", "T")], Some("evt.buflen"), op, Unit::None);
        for res in [10, 20, 30] {
            world.with(&world.read(10, 3, res, b"x"), |context| table.add(context));
        }
        assert_eq!(table.rows(&world.state, 1.0, 1.0)[0].values[0], Some(expected), "{op:?}");
    }
}

#[test]
fn events_without_room_are_lost_and_are_not_counted() {
    let world = World::new();
    let mut one = table(&[("evt.num", "N")], None, Op::Count, Unit::None);
    for number in 0..MAX_KEYS as u64 + 7 {
        let counted = world.with(&world.read(10, 3, 1, b"x"), |context| {
            one.add(&Context { event: &crate::event::Event { num: number, ..*context.event }, ..*context })
        });
        assert_eq!(counted, number < MAX_KEYS as u64);
    }
    assert_eq!((one.lost(), one.take(&world.state, Moment::default()).lost), (7, 7));
    // The next interval has room again; what was lost stays lost.
    world.with(&world.read(10, 3, 1, b"x"), |context| assert!(one.add(context)));
    assert_eq!((one.lost(), one.take(&world.state, Moment::default()).lost), (7, 0));
    // An event is lost once, whatever of it has no room.
    let mut parts = table(&[("proc.name", "P")], Some("evt.num"), Op::Distinct, Unit::None);
    parts.spec.values.push(Value {
        title: "W".into(),
        field: column("evt.num", "").field,
        also: Vec::new(),
        op: Op::Distinct,
        unit: Unit::None,
        share: false,
        per_second: false,
        total: false,
    });
    parts.places = vec![0, 1];
    parts.parts = MAX_PARTS;
    world.with(&world.read(10, 3, 1, b"x"), |context| assert!(parts.add(context)));
    assert_eq!(parts.lost(), 1);
}

#[test]
fn a_name_that_comes_late_reaches_the_table_and_equal_names_merge() {
    let mut world = World::new();
    let pending = crate::state::Container { id: "ffff".into(), ..Default::default() };
    let late = world.state.containers.add(pending);
    world.thread(40, 1, "job", late);
    let mut table = table(&[("container.name", "C")], None, Op::Count, Unit::None);
    for tid in [30, 40, 40] {
        world.with(&world.read(tid, 3, 1, b"x"), |context| table.add(context));
    }
    assert_eq!(table.rows.len(), 2);
    let rows = table.rows(&world.state, 1.0, 1.0);
    assert_eq!(plain(rows[0].clone()).1, ["ffff"], "without a name, the id");

    let mut named = World::new();
    let container = crate::state::Container { id: "ffff".into(), name: Some("web".into()), ..Default::default() };
    named.state.containers.add(container);
    for tid in [30, 40] {
        world.with(&world.read(tid, 3, 1, b"x"), |context| table.add(context));
    }
    let rows: Vec<_> = table.rows(&named.state, 1.0, 1.0).into_iter().map(plain).collect();
    assert_eq!(rows, [(2.0, vec!["web".to_owned()])]);
}

#[test]
fn a_process_has_its_last_name() {
    let mut world = World::new();
    let mut table = table(&[("proc.main_name", "P"), ("proc.pid", "PID")], None, Op::Count, Unit::None);
    for (name, calls) in [("sh", 3), ("cat", 1)] {
        world.thread(77, 1, name, crate::state::ContainerKey::HOST);
        for _ in 0..calls {
            world.with(&world.read(77, 3, 1, b"x"), |context| table.add(context));
        }
    }
    let rows: Vec<_> = table.rows(&world.state, 1.0, 1.0).into_iter().map(plain).collect();
    assert_eq!(rows, [(4.0, vec!["cat".to_owned(), "77".to_owned()])]);
}

#[test]
fn a_row_may_have_several_values() {
    let world = World::new();
    let mut table = Table::new(Spec {
        title: String::new(),
        keys: vec![column("proc.name", "P")],
        values: [(None, Op::Count), (Some("evt.buflen"), Op::Max), (Some("evt.latency"), Op::Percentile(99))]
            .map(|(name, op)| Value {
                title: "V".into(),
                field: name.and_then(|name| column(name, "").field),
                op,
                unit: Unit::None,
                also: Vec::new(),
                share: false,
                per_second: false,
                total: false,
            })
            .into(),
        sort: Sort::Value(0),
        each: false,
        any: false,
        filter: None,
        top: 10,
    })
    .unwrap();
    for res in [10, 30] {
        world.with(&world.read(10, 3, res, b"x"), |context| table.add(context));
    }
    world.with(&world.openat(10, 3, b"/x"), |context| table.add(context));
    let rows = table.rows(&world.state, 1.0, 1.0);
    assert_eq!(rows[0].values, [Some(3.0), Some(30.0), None], "what has no latency counts, too");
    table.tally(&[b"x"], &[1.0, 2.0, 3.0], 1);
    assert_eq!(table.rows(&world.state, 1.0, 1.0)[0].keys, [b"x"]);
}

#[test]
fn types_rule_events_out() {
    use tracer_common::events::{file, io, process};
    let table = table(&[("fd.name", "File")], Some("evt.buflen"), Op::Sum, Unit::Bytes);
    assert!(table.may_count(&EventType::of(&io::READ)));
    assert!(!table.may_count(&EventType::of(&file::OPENAT)));
    assert!(!table.may_count(&EventType::of(&process::EXECVE)));
}

#[test]
fn declarations_without_sense_are_refused() {
    let spec = |keys: Vec<Column>, field: Option<&str>, op| Spec {
        title: String::new(),
        keys,
        values: vec![Value {
            title: String::new(),
            field: field.and_then(|f| column(f, "").field),
            op,
            unit: Unit::None,
            also: Vec::new(),
            share: false,
            per_second: false,
            total: false,
        }],
        sort: Sort::Value(0),
        each: false,
        any: false,
        filter: None,
        top: 1,
    };
    assert!(matches!(Table::new(spec(vec![], None, Op::Count)), Err(TableError::NoKeys)));
    let keys = || vec![column("proc.name", "")];
    let check = |field, op| spec(keys(), field, op).values[0].check();
    assert!(matches!(check(Some("fd.name"), Op::Sum), Err(TableError::NotANumber { .. })));
    assert!(matches!(check(None, Op::Sum), Err(TableError::NoField)));
    assert!(check(Some("fd.name"), Op::Distinct).is_ok());
    assert!(matches!(Table::new(spec(vec![column("fd.ip", "")], None, Op::Count)), Err(TableError::Several { .. })));
}

/// The kernel keeps calls, failures and times of a key in one row; bytes count for each descriptor of a call, so they are alone.
#[test]
fn one_row_in_the_kernel_has_calls_failures_and_times() {
    let value = |name: &str, op| Value {
        title: "V".into(),
        field: (!name.is_empty()).then(|| FieldRef::resolve(name, Show::default()).unwrap()),
        op,
        unit: Unit::None,
        also: Vec::new(),
        share: false,
        per_second: false,
        total: false,
    };
    let grouping = |values: Vec<Value>| {
        let keys = vec![column("proc.pid", "PID")];
        let sort = Sort::Value(0);
        Table::new(Spec { title: String::new(), keys, values, sort, each: false, any: false, filter: None, top: 10 })
            .unwrap()
            .grouping()
    };
    let all = grouping(vec![
        value("", Op::Count),
        value("evt.count.error", Op::Sum),
        value("evt.latency", Op::Avg),
        value("evt.latency", Op::Percentile(99)),
    ]);
    let all = all.unwrap();
    assert_eq!((all.by, all.number), (by::TGID | by::RANGE, Number::LatencyAndFailure));
    assert!(grouping(vec![value("evt.buflen", Op::Sum), value("evt.latency", Op::Sum)]).is_err());
    // The same rows are enough for a table that asks less of them.
    let calls = grouping(vec![value("", Op::Count)]).unwrap();
    assert_eq!(calls.with(all), Some(all));
}
