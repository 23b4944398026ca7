//! Which sinks have a table that the kernel counts, and which need events.
//!
//! There is room for two tables, because they are counted by different hooks: one of calls, and one of the bytes of sockets, of which no
//! call knows. Any number of sinks share the table of sockets, whose rows are then as fine as all of them together need, if they ask the
//! same of the descriptor: a socket without a peer has no row where its ends are asked for. The table of
//! calls stands in for the records of calls, so nothing else may need these.

use tracer_common::{
    arch::{SYSCALLS, Syscall},
    events::{self, Category},
    group::{Counted, Grouping, by},
};

use super::Sink;
use crate::{
    event::{Origin, Row},
    fields::EventType,
    filter::Filter,
};

/// The tables that the kernel counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// That of calls.
    pub calls: Option<Grouping>,
    /// That of the bytes of sockets.
    pub sockets: Option<Grouping>,
    /// Where the events of each sink come from, in their order.
    pub origins: Vec<Origin>,
    /// Why a sink has no table; `None` if none needs the records of calls.
    pub why: Option<&'static str>,
}

impl Tables {
    /// No table, for this reason.
    #[must_use]
    pub fn none(sinks: usize, why: &'static str) -> Self {
        Self { calls: None, sockets: None, origins: vec![Origin::Records; sinks], why: Some(why) }
    }

    /// What these sinks can have counted in the kernel, after a filter.
    #[must_use]
    pub fn of<'s>(
        sinks: impl Iterator<Item = &'s dyn Sink>,
        filter: Option<&Filter>,
        has_socket_hooks: impl Fn() -> bool,
    ) -> Self {
        let mut tables = Self { calls: None, sockets: None, origins: Vec::new(), why: None };
        let mut of_calls = 0;
        for sink in sinks {
            let origin = match sink.grouping(filter) {
                Ok(Grouping { counted: Counted::SocketBytes, .. }) if !has_socket_hooks() => {
                    tables.why.get_or_insert("the kernel has no hooks of sockets, as from 6.3 on");
                    Origin::Records
                }
                Ok(Grouping { counted: Counted::SocketBytes, by, .. }) if !tables.shares_sockets(by) => {
                    tables.why.get_or_insert("another table of sockets asks something else of their ends");
                    Origin::Records
                }
                Ok(grouping) if grouping.counted == Counted::SocketBytes => {
                    tables.sockets.get_or_insert(grouping).by |= grouping.by;
                    Origin::Sockets
                }
                Ok(grouping) => {
                    of_calls += 1;
                    tables.calls = Some(grouping);
                    Origin::Calls
                }
                Err(why) => {
                    if asks_records(sink) {
                        tables.why.get_or_insert(why);
                    }
                    Origin::Records
                }
            };
            tables.origins.push(origin);
        }
        match tables.why {
            _ if of_calls > 1 => tables.without_calls("there are several tables of calls"),
            Some(why) if of_calls == 1 => tables.without_calls(why),
            _ => tables,
        }
    }

    /// Whether a table with this key can be part of the table of sockets.
    fn shares_sockets(&self, by: u32) -> bool {
        self.sockets.is_none_or(|sockets| sockets.by & by::DESCRIPTOR == by & by::DESCRIPTOR)
    }

    /// The same without a table of calls, for this reason.
    #[must_use]
    pub fn without_calls(mut self, why: &'static str) -> Self {
        self.calls = None;
        for origin in self.origins.iter_mut().filter(|origin| **origin == Origin::Calls) {
            *origin = Origin::Records;
        }
        self.why = Some(why);
        self
    }

    /// Whether the kernel counts anything.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.calls.is_some() || self.sockets.is_some()
    }
}

/// Whether a sink may have a use for events that the kernel side makes records of. What the tracer tells itself at each interval, such as
/// CPU time, takes none.
fn asks_records(sink: &dyn Sink) -> bool {
    let of_call = |call: &Syscall| EventType::of_call(events::by_syscall(call.name), call.name);
    let is_hook = |row: &&'static Row| !row.is_syscall() && row.category != Category::Internal;
    let hooks = events::all().filter(is_hook).map(EventType::of);
    SYSCALLS.iter().map(of_call).chain(hooks).any(|event| sink.wants(&event))
}
