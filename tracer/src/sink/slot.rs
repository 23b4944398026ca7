//! Which events reach which sink.

use tracer_common::group::by;

use super::Sink;
use crate::{
    event::{Event, Group, Origin},
    fields::EventType,
};

/// A sink, and where its events come from.
pub(super) struct Slot {
    pub(super) sink: Box<dyn Sink>,
    pub(super) origin: Origin,
    /// When its next interval ends, nanoseconds since the epoch.
    pub(super) due_ns: u64,
}

impl Slot {
    /// Whether it takes events that were not counted in the kernel.
    pub(super) fn takes_records(&self) -> bool {
        self.origin != Origin::Sockets
    }

    /// Whether it takes records of events that would be in one of these tables of calls, a bit for each. The first one has all that are in
    /// none.
    pub(super) fn takes_records_of(&self, tables: u8) -> bool {
        match self.origin {
            Origin::Records => tables & 1 != 0,
            Origin::Calls(own) => tables >> own & 1 != 0,
            Origin::Sockets => false,
        }
    }

    /// Whether it takes a row of the table of sockets, or of these tables of calls.
    fn takes_rows_of(&self, group: Group, tables: u8) -> bool {
        match self.origin {
            Origin::Records => false,
            Origin::Calls(own) => !group.of_sockets && tables >> own & 1 != 0,
            Origin::Sockets => group.of_sockets,
        }
    }

    pub(super) fn takes(&self, event: &Event<'_>, again: bool) -> bool {
        match event.group {
            Some(group) if !self.takes_rows_of(group, event.tables) => false,
            // The row may be there for another sink.
            Some(group) if group.by & by::CALL != 0 => self.sink.wants(&EventType::of_event(event)),
            None if !self.takes_records_of(event.tables) => false,
            _ if event.done => self.sink.adds_bytes(),
            _ => !again || self.sink.takes_sides(),
        }
    }
}
