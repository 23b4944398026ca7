//! What rows of a table tell of the events in them: a test of that can be made of a row instead of each event. Tables that differ in nothing
//! but such tests can be one.

use std::collections::BTreeSet;

use tracer_common::{
    arch::SYSCALLS,
    events::{self, Event},
    group::by,
};

use super::of_row;
use crate::{
    event::Group,
    fields::{Context, EventType, InKernel},
    filter::{Filter, check::Checked},
};

/// What a test says of the events of a row; `None` when a row with this key does not tell, so that the kernel has decided it.
pub(in crate::filter) fn of_group(check: &Checked, group: Group, context: &Context<'_>) -> Option<bool> {
    if of_row(check).is_some() || group.by & by::ERROR != 0 && is_about_result(check) {
        return Some(check.holds(context));
    }
    if group.by & by::CALL != 0 { check.by_type(&EventType::of_event(context.event)) } else { None }
}

/// Whether a test asks no more than whether the call failed, and how.
fn is_about_result(check: &Checked) -> bool {
    let field = check.constant().and_then(|(field, _)| field.field.in_kernel);
    matches!(field, Some(InKernel::Failed | InKernel::ResultName))
}

/// Whether the type decides the test of each event.
fn is_about_type(check: &Checked) -> bool {
    let of_call = |row: &'static Event, call| EventType::of_call(row, call);
    let calls = SYSCALLS.iter().map(|call| of_call(events::by_syscall(call.name), call.name));
    let others = events::all().filter(|row| !row.is_syscall() && !row.is_enter()).map(EventType::of);
    calls.chain(others).all(|event| event.sides().all(|side| check.by_type(&side).is_some()))
}

/// The part of filters, all of which have to pass, that no row tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Untold {
    /// What has to hold, as text.
    parts: BTreeSet<String>,
    /// What the key of a row has to have for the rest, as bits of [`by`].
    asked: u32,
}

impl Untold {
    /// Takes one more filter.
    pub fn add(&mut self, filter: &Filter) {
        for part in filter.node.conjuncts() {
            if part.all(&|test| is_about_type(&test.check) || is_about_result(&test.check)) {
                let of = |check: &Checked| if is_about_result(check) { by::ERROR } else { by::CALL };
                part.each(&mut |test| self.asked |= of(&test.check));
            } else {
                self.parts.insert(part.text());
            }
        }
    }

    /// What rows have to tell, so that the same table can count what passes for both; `None` when no row tells that.
    #[must_use]
    pub fn apart_from(&self, other: &Self) -> Option<u32> {
        (self.parts == other.parts).then_some(self.asked | other.asked)
    }
}
