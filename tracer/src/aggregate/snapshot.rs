//! A table of what there is when it is taken, instead of events: containers, processes, threads, descriptors.

use super::{Aggregate, Moment, Rows, Table, When, each_row};
use crate::{
    fields::{Context, EventType, Needs},
    output::Frame,
    state::State,
};

/// The table, and what its rows are.
#[derive(Debug)]
pub struct Snapshot {
    table: Table,
    rows: Rows,
}

impl Snapshot {
    /// A table of rows that are no events.
    #[must_use]
    pub fn new(table: Table, rows: Rows) -> Self {
        Self { table, rows }
    }
}

impl Aggregate for Snapshot {
    fn add(&mut self, _context: &Context<'_>) -> bool {
        false
    }

    fn take(&mut self, state: &State, moment: Moment) -> Frame {
        let table = &mut self.table;
        let add = &mut |context: &Context<'_>| {
            table.add(context);
            Ok::<(), std::convert::Infallible>(())
        };
        // Its own filter is asked by the table.
        let Ok(()) = each_row(self.rows, None, state, moment.span.ended_ns, add);
        self.table.take(state, moment)
    }

    fn when(&self) -> When {
        When::Interval
    }

    /// What there is at the end is not the rest of an interval.
    fn is_empty(&self) -> bool {
        true
    }

    fn lost(&self) -> u64 {
        self.table.lost()
    }

    fn needs(&self) -> Needs {
        self.rows.needs().with(self.table.needs()).without(Needs::CONTAINER_NOW)
    }

    fn may_count(&self, _event: &EventType<'_>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aggregate::{Column, Op, Sort, Spec, Value},
        fields::{FieldRef, Show, Unit},
        testing::World,
    };

    #[test]
    fn rows_are_what_there_is() {
        let world = World::new();
        let field = |name: &str| Some(FieldRef::resolve(name, Show::default()).unwrap());
        let value = |name: &str| Value {
            title: name.into(),
            field: field(name),
            also: Vec::new(),
            op: Op::Max,
            unit: Unit::None,
            share: false,
            per_second: false,
            total: false,
        };
        let spec = Spec {
            title: String::new(),
            keys: vec![Column { title: "Process".into(), field: field("proc.name") }],
            values: vec![value("proc.pid"), value("container.mem.usage")],
            sort: Sort::Value(0),
            filter: None,
            top: 2,
            each: false,
            any: false,
        };
        let mut snapshot = Snapshot::new(Table::new(spec).unwrap(), Rows::Processes);
        let event = world.read(10, 3, 5, b"x");
        assert!(!world.with(&event, |context| snapshot.add(context)), "events are no rows");
        for _ in 0..2 {
            let frame = snapshot.take(&world.state, Moment::default());
            let rows: Vec<_> = frame.rows.iter().map(|row| (&*row.keys[0], &*row.values)).collect();
            // Without cgroups nothing is known of memory.
            let expected: [(&[u8], &[Option<f64>]); 2] =
                [(b"nginx", &[Some(30.0), None]), (b"cat", &[Some(10.0), None])];
            assert!(
                rows.len() == 2 && rows.iter().all(|row| expected.contains(row) || row.1[0] == Some(20.0)),
                "{rows:?}"
            );
        }
    }
}
