//! How a file was opened.

use tracer_common::events::code;

use crate::{
    event::Row,
    fields::{Arg, Context, EventType, Value, fields},
};

/// In file form: `O_RDONLY`, `O_WRONLY`, `O_CREAT`, `O_TMPFILE`, and the bit of a file that the call created.
const READ_BIT: u64 = 1;
const WRITE_BIT: u64 = 2;
const MAKES_BITS: u64 = 0x4 | 0x2000;
const CREATED_BIT: u64 = 0x4000;
/// Any permission to execute.
const EXECUTE: u64 = 0o111;

fn opens(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (!is_open(event.row)).then_some(Value::Bool(false))
}

/// The same for those that may make a file.
fn makes(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    let may = is_open(event.row) || event.row.code == code::CREAT;
    (!may).then_some(Value::Bool(false))
}

fn is_open(row: &Row) -> bool {
    matches!(row.code, code::OPEN | code::OPENAT | code::OPENAT2 | code::OPEN_BY_HANDLE_AT)
}

fn number(c: &Context<'_>, name: &str) -> u64 {
    c.event.row.param(name).and_then(|(at, _)| c.event.params.u64(at)).unwrap_or(0)
}

/// Also of a call that failed: it says what was asked for.
fn open_flag(c: &Context<'_>, bits: u64) -> bool {
    is_open(c.event.row) && number(c, "flags") & bits != 0
}

fn created(c: &Context<'_>) -> bool {
    !c.event.failed() && open_flag(c, CREATED_BIT) || c.event.row.code == code::CREAT && !c.event.failed()
}

/// Whether it made a file, or would have made it, that may be executed.
fn executable(c: &Context<'_>) -> bool {
    let made = open_flag(c, MAKES_BITS) || c.event.row.code == code::CREAT;
    made && number(c, "mode") & EXECUTE != 0
}

fields! { FIELDS needs NONE;
    "evt.is_open_read": Bool [by_type(opens) cost(2)] => |c, _| open_flag(c, READ_BIT).into(),
        "whether the call opens a file for reading, successfully or not";
    "evt.is_open_write": Bool [by_type(opens) cost(2)] => |c, _| open_flag(c, WRITE_BIT).into(),
        "whether the call opens a file for writing, successfully or not";
    "evt.is_open_exec": Bool [by_type(makes) cost(2)] => |c, _| executable(c).into(),
        "whether the call asks to create a file with an executable mode, successfully or not";
    "evt.is_open_create": Bool [by_type(makes) cost(2)] => |c, _| created(c).into(),
        "whether the call created the file that it opened";
}
