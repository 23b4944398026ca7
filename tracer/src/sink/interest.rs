//! Which events anyone wants, looked up by number: most events are wanted by nobody, and that must cost nothing.

use tracer_common::{
    arch::{COMPAT_SYSCALLS, MAX_SYSCALLS, SYSCALLS},
    events::{self, CODES, code},
};

use super::Outputs;
use crate::{event::Event, fields::EventType};

/// What the outputs want.
#[derive(Debug)]
pub struct Interest {
    /// By code.
    rows: Box<[bool]>,
    /// Of generic events by number of the system call, 64 bits and then 32.
    calls: Box<[bool]>,
    /// Of generic events of capture files, by portable number.
    ids: Box<[bool]>,
}

impl Interest {
    /// Asks the outputs for each kind of event.
    #[must_use]
    pub fn of(outputs: &Outputs) -> Self {
        let rows = (0..CODES).map(|code| events::by_code(code).is_some_and(|row| outputs.wants_row(row))).collect();
        let mut calls = vec![false; 2 * MAX_SYSCALLS];
        let mut ids = vec![false; 2 * MAX_SYSCALLS];
        let native = SYSCALLS.iter().map(|call| (usize::from(call.number), call.id, call.name));
        let compat = COMPAT_SYSCALLS.iter().map(|call| (MAX_SYSCALLS + usize::from(call.number), call.id, call.name));
        for (at, id, name) in native.chain(compat) {
            let wants = outputs.wants(&EventType::of_call(&events::meta::GENERIC, name));
            calls[at] = wants;
            if let Some(by_id) = ids.get_mut(usize::from(id)) {
                *by_id |= wants;
            }
        }
        Self { rows, calls: calls.into(), ids: ids.into() }
    }

    /// Whether anyone wants this event.
    #[must_use]
    pub fn has(&self, event: &Event<'_>) -> bool {
        let number = |index| event.params.u64(index).unwrap_or(0) as usize;
        let (table, at) = match event.row.code {
            _ if event.hidden => return false,
            code::GENERIC if event.from_file && !event.is_named_by_number() => (&self.ids, number(0)),
            code::GENERIC if event.compat => (&self.calls, number(1).saturating_add(MAX_SYSCALLS)),
            code::GENERIC => (&self.calls, number(1)),
            code => (&self.rows, usize::from(code)),
        };
        table.get(at).copied().unwrap_or(false)
    }
}
