//! `evt.*`: the event itself.

mod count;
mod kind;
mod open;
mod params;
mod time;

use super::{Field, Value, fields};
use crate::event::Row;

/// The rows.
pub(super) static FIELDS: &[&[Field]] =
    &[NUMBER, time::FIELDS, kind::FIELDS, params::FIELDS, open::FIELDS, count::FIELDS];

fn count_if(condition: bool) -> Value<'static> {
    u32::from(condition).into()
}

/// Whether it is the end of something: even codes are the beginning, in the words of the `.scap` format.
fn ends(row: &Row) -> bool {
    !row.code.is_multiple_of(2)
}

fields! { NUMBER needs NONE;
    "evt.num": Int => |c, _| c.event.num.into(),
        "sequence number of the event; internal events are numbered too";
}
