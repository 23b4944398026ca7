//! Which sinks have a table that the kernel counts, and which need events.
//!
//! There is one table of the bytes of sockets, of which no call knows. Any number of sinks share it; its rows are then as fine as all of
//! them together need, if they ask the same of the descriptor: a socket without a peer has no row where its ends are asked for.
//! There are a few tables of calls, each with what passes for its sink. Where another sink needs the records of calls, the first place
//! is for what it asks for, and those tables of calls are counted in the kernel that need no records themselves.

use tracer_common::{
    arch::{SYSCALLS, Syscall},
    events::{self, Category},
    group::{CALL_TABLES, Counted, Grouping, by},
};

use super::{Outputs, Sink};
use crate::{
    event::{Origin, Row},
    fields::EventType,
    filter::Filter,
};

/// The tables that the kernel counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Those of calls by their number. The first is `None` where records are made beside the others.
    pub calls: Vec<Option<Grouping>>,
    /// That of the bytes of sockets.
    pub sockets: Option<Grouping>,
    /// Where the events of each sink come from, in their order.
    pub origins: Vec<Origin>,
    /// Why a sink has no table; `None` if none needs the records of calls.
    pub why: Option<&'static str>,
    /// Sinks whose tables could be counted in the kernel if no other sink needed events, and a sink that does.
    pub demoted: Vec<usize>,
    /// See `demoted`.
    pub needs_events: Option<usize>,
}

impl Tables {
    /// No table, for this reason.
    #[must_use]
    pub fn none(sinks: usize, why: &'static str) -> Self {
        Self { origins: vec![Origin::Records; sinks], why: Some(why), ..Self::empty() }
    }

    fn empty() -> Self {
        let (calls, origins, demoted) = Default::default();
        Self { calls, sockets: None, origins, why: None, demoted, needs_events: None }
    }

    /// What these sinks can have counted in the kernel, after a filter.
    #[must_use]
    pub fn of<'s>(
        sinks: impl Iterator<Item = &'s dyn Sink>,
        filter: Option<&Filter>,
        has_socket_hooks: impl Fn() -> bool,
    ) -> Self {
        let mut tables = Self::empty();
        for (at, sink) in sinks.enumerate() {
            let origin = match sink.grouping(filter) {
                Ok(Grouping { counted: Counted::SocketBytes, .. }) if !has_socket_hooks() => {
                    tables.why.get_or_insert("the kernel has no socket hooks, which exist from 6.3 on");
                    Origin::Records
                }
                Ok(Grouping { counted: Counted::SocketBytes, by, .. }) if !tables.shares_sockets(by) => {
                    tables.why.get_or_insert("another socket table has different keys");
                    Origin::Records
                }
                Ok(grouping) if grouping.counted == Counted::SocketBytes => {
                    tables.sockets.get_or_insert(grouping).by |= grouping.by;
                    Origin::Sockets
                }
                Ok(grouping) => {
                    tables.calls.push(Some(grouping));
                    Origin::Calls(u8::try_from(tables.calls.len() - 1).unwrap_or(u8::MAX))
                }
                Err(why) => {
                    if asks_records(sink) {
                        tables.why.get_or_insert(why);
                        tables.needs_events.get_or_insert(at);
                    }
                    Origin::Records
                }
            };
            tables.origins.push(origin);
        }
        if tables.calls.len() > CALL_TABLES as usize {
            tables.why.get_or_insert("there are more tables of calls than the kernel side supports");
        }
        if tables.why.is_some() { tables.beside_records() } else { tables.descriptors_first() }
    }

    /// The same, in which records are made of what the first place asks for. A table by descriptors needs that place itself, so it is
    /// counted from events, and so are those for which there is no place left.
    fn beside_records(mut self) -> Self {
        if self.calls.is_empty() {
            return self;
        }
        let mut calls = vec![None];
        for (at, origin) in self.origins.iter_mut().enumerate() {
            let Origin::Calls(own) = *origin else { continue };
            let grouping = self.calls[usize::from(own)];
            let is_by_descriptor = grouping.is_some_and(|grouping| grouping.by & by::DESCRIPTOR != 0);
            *origin = if is_by_descriptor || calls.len() >= CALL_TABLES as usize {
                self.demoted.push(at);
                Origin::Records
            } else {
                calls.push(grouping);
                Origin::Calls(u8::try_from(calls.len() - 1).unwrap_or(u8::MAX))
            };
        }
        self.calls = if calls.len() > 1 { calls } else { Vec::new() };
        self
    }

    /// Whether records are made beside tables of calls.
    #[must_use]
    pub fn is_beside_records(&self) -> bool {
        matches!(self.calls.first(), Some(None))
    }

    /// The same, in which the first table of calls is one by descriptors, if there is one: what keeps names right is recorded there. A
    /// call that names its peer passes for that, and such a table has no row for it.
    fn descriptors_first(mut self) -> Self {
        let Some(at) = self.calls.iter().flatten().position(|grouping| grouping.by & by::DESCRIPTOR != 0) else {
            return self;
        };
        self.calls.swap(0, at);
        for origin in &mut self.origins {
            *origin = match *origin {
                Origin::Calls(0) => Origin::Calls(u8::try_from(at).unwrap_or(u8::MAX)),
                Origin::Calls(own) if usize::from(own) == at => Origin::Calls(0),
                origin => origin,
            };
        }
        self
    }

    /// Whether a table with this key can be part of the table of sockets.
    fn shares_sockets(&self, by: u32) -> bool {
        self.sockets.is_none_or(|sockets| sockets.by & by::DESCRIPTOR == by & by::DESCRIPTOR)
    }

    /// The same, in which the sinks of one table of calls have another one, with what `both` need.
    #[must_use]
    pub fn shared(mut self, table: usize, with: usize, both: Grouping) -> Self {
        self.calls[with] = Some(both);
        self.calls.remove(table);
        for origin in &mut self.origins {
            if let Origin::Calls(own) = origin {
                let at = usize::from(*own);
                let at = if at == table { with } else { at - usize::from(at > table) };
                *own = u8::try_from(at).unwrap_or(u8::MAX);
            }
        }
        self
    }

    /// The same, in which a table of calls adds up the bytes of another one as well, with what `both` need.
    #[must_use]
    pub fn numbered(mut self, table: usize, bytes_of: usize, both: Grouping) -> Self {
        self.calls[table] = Some(Grouping { bytes_of: u8::try_from(bytes_of).ok(), ..both });
        self
    }

    /// The same without a table of calls, for this reason.
    #[must_use]
    pub fn without_calls(mut self, why: &'static str) -> Self {
        self.calls.clear();
        for (at, origin) in self.origins.iter_mut().enumerate().filter(|(_, it)| matches!(it, Origin::Calls(_))) {
            self.demoted.push(at);
            *origin = Origin::Records;
        }
        self.why = Some(why);
        self
    }

    /// Whether the kernel counts anything.
    #[must_use]
    pub fn is_any(&self) -> bool {
        !self.calls.is_empty() || self.sockets.is_some()
    }
}

impl Outputs {
    /// What can be counted in the kernel instead of here.
    #[must_use]
    pub fn tables(&self, has_socket_hooks: impl Fn() -> bool) -> Tables {
        let none = |why| self.no_tables(why);
        if self.capture.is_some() {
            return none("a capture is written");
        }
        if self.max_shown.is_some() {
            return none("events are counted in user space, because -n stops after N of them");
        }
        if !self.suppressed.is_empty() {
            return none("processes are left out by name");
        }
        Tables::of(self.sinks.iter().map(|slot| &*slot.sink), self.filter.as_ref(), has_socket_hooks)
    }

    /// What a person calls the sink of that number.
    #[must_use]
    pub fn name(&self, sink: usize) -> String {
        self.sinks.get(sink).map(|slot| slot.sink.name()).unwrap_or_default()
    }

    /// Nothing, for this reason.
    #[must_use]
    pub fn no_tables(&self, why: &'static str) -> Tables {
        Tables::none(self.sinks.len(), why)
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
