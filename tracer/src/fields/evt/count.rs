//! Numbers to sum: events, errors and bytes, by what they are about.

use tracer_common::events::{Category, code, old::code::INFRASTRUCTURE_EVENT_E as INFRA};

use super::{
    count_if, ends,
    kind::category,
    params::{buflen, no_io},
};
use crate::{
    event::Event,
    fields::{Arg, Context, EventType, InKernel, Needs, Unit, Value, fields},
    state::FdKind,
};

/// What a failed event was about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    File,
    Net,
    Memory,
    Other,
}

fn about(c: &Context<'_>) -> About {
    match c.fd.map(|fd| fd.kind) {
        Some(FdKind::File | FdKind::Directory) => About::File,
        Some(FdKind::Ipv4 | FdKind::Ipv6 | FdKind::Unix) => About::Net,
        Some(_) => About::Other,
        // A descriptor that was not made.
        None => match (c.event.row.code, c.event.row.category) {
            (code::OPEN | code::OPENAT | code::OPENAT2 | code::CREAT | code::OPEN_BY_HANDLE_AT, _) => About::File,
            (code::ACCEPT | code::ACCEPT4, _) => About::Net,
            (_, Category::Memory) => About::Memory,
            _ => About::Other,
        },
    }
}

fn failed(c: &Context<'_>, what: About) -> Value<'static> {
    count_if(c.event.failed() && about(c) == what)
}

fn cannot_fail(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (!event.row.is_syscall()).then_some(count_if(false))
}

/// The data of an infrastructure event of Docker: `name: value` parts of its description.
fn infra<'a>(c: &Context<'a>, part: &[u8]) -> Value<'a> {
    let (row, params) = (c.event.row, c.event.params);
    let text = |name: &str| row.param(name).and_then(|(at, _)| params.text(at));
    if row.code != INFRA || text("source") != Some(b"docker") {
        return Value::Missing;
    }
    let parts = text("description").unwrap_or_default().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let found = parts.filter_map(|part_of| part_of.strip_prefix(part)?.strip_prefix(b":")).next();
    found.map(<[u8]>::trim_ascii).into()
}

fn infra_name<'a>(c: &Context<'a>) -> Value<'a> {
    match c.event.row.code {
        INFRA if c.event.params.text(0) == Some(b"docker") => c.event.params.text(1).into(),
        _ => Value::Missing,
    }
}

fn no_infra(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (event.row.code != INFRA).then_some(Value::Missing)
}

/// Bytes that went one way, on descriptors of a category. Empty names stand for all.
fn bytes(c: &Context<'_>, goes: impl Fn(&Event<'_>) -> bool, about: &str) -> Value<'static> {
    let counts = goes(c.event) && (about.is_empty() || category(c) == about);
    buflen(c).filter(|_| counts).into()
}

fn no_read(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (event.reads() == Some(false)).then_some(Value::Missing)
}

fn no_write(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (event.writes() == Some(false)).then_some(Value::Missing)
}

fn no_procinfo(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (event.row.code != code::PROCINFO).then_some(count_if(false))
}

/// What an error on a kind of descriptor needs.
const STATE: Needs = Needs::STATE;
/// What bytes need: each descriptor has its own.
const SIDES: Needs = Needs::SIDES.with(Needs::BYTES);
/// Bytes of a kind of descriptor need both.
const FD: Needs = Needs::FD.with(Needs::BYTES);

fields! { FIELDS needs NONE;
    "evt.count": Int [by_type(|_, _| Some(count_if(true)))] => |_, _| count_if(true), "always 1; sum it to count events";
    "evt.count.error": Int [in_kernel(InKernel::Failure) by_type(cannot_fail)] => |c, _| count_if(c.event.failed()),
        "1 if the event failed, else 0";
    "evt.count.error.file": Int [by_type(cannot_fail) needs(STATE)] => |c, _| failed(c, About::File),
        "1 if the event failed on a file, else 0";
    "evt.count.error.net": Int [by_type(cannot_fail) needs(STATE)] => |c, _| failed(c, About::Net),
        "1 if the event failed on a socket, else 0";
    "evt.count.error.memory": Int [by_type(cannot_fail) needs(STATE)] => |c, _| failed(c, About::Memory),
        "1 if a memory call failed, else 0";
    "evt.count.error.other": Int [by_type(cannot_fail) needs(STATE)] => |c, _| failed(c, About::Other),
        "1 if the event failed on anything else, else 0";
    "evt.count.exit": Int [by_type(|event, _| Some(count_if(ends(event.row))))] => |c, _| count_if(ends(c.event.row)),
        "1 for a syscall exit, else 0";
    "evt.count.procinfo": Int [by_type(no_procinfo) table_only()] => |c, _| {
        count_if(c.event.row.code == code::PROCINFO && c.event.tid == c.event.tgid)
    }, "1 for the procinfo event of a main thread, else 0";
    "evt.count.threadinfo": Int [by_type(no_procinfo) table_only()] => |c, _| {
        count_if(c.event.row.code == code::PROCINFO)
    }, "1 for a procinfo event, else 0";
    "evt.buflen": Int [in_kernel(InKernel::Bytes) by_type(no_io) unit(Unit::Bytes) needs(SIDES)] => |c, _| buflen(c).into(), "bytes read or written";
    "evt.buflen.in": Int [in_kernel(InKernel::BytesIn) by_type(no_read) unit(Unit::Bytes) needs(SIDES) table_only()] => |c, _| {
        bytes(c, |event| event.reads(), "")
    }, "bytes read";
    "evt.buflen.out": Int [in_kernel(InKernel::BytesOut) by_type(no_write) unit(Unit::Bytes) needs(SIDES) table_only()] => |c, _| {
        bytes(c, |event| event.writes(), "")
    }, "bytes written";
    "evt.buflen.file": Int [by_type(no_io) unit(Unit::Bytes) needs(FD) table_only()] => |c, _| {
        bytes(c, |_| true, "file")
    }, "bytes read from or written to files";
    "evt.buflen.file.in": Int [by_type(no_read) unit(Unit::Bytes) needs(FD) table_only()] => |c, _| {
        bytes(c, |event| event.reads(), "file")
    }, "bytes read from files";
    "evt.buflen.file.out": Int [by_type(no_write) unit(Unit::Bytes) needs(FD) table_only()] => |c, _| {
        bytes(c, |event| event.writes(), "file")
    }, "bytes written to files";
    "evt.buflen.net": Int [by_type(no_io) unit(Unit::Bytes) needs(FD) table_only()] => |c, _| {
        bytes(c, |_| true, "net")
    }, "bytes sent and received over internet sockets";
    "evt.buflen.net.in": Int [by_type(no_read) unit(Unit::Bytes) needs(FD) table_only()] => |c, _| {
        bytes(c, |event| event.reads(), "net")
    }, "bytes received from internet sockets";
    "evt.buflen.net.out": Int [by_type(no_write) unit(Unit::Bytes) needs(FD) table_only()] => |c, _| {
        bytes(c, |event| event.writes(), "net")
    }, "bytes sent over internet sockets";
    "evt.infra.docker.name": Text [by_type(no_infra) table_only()] => |c, _| infra_name(c),
        "name of a Docker event; only in old captures";
    "evt.infra.docker.container.id": Text [by_type(no_infra) table_only()] => |c, _| infra(c, b"ID"),
        "container id of a Docker event; only in old captures";
    "evt.infra.docker.container.name": Text [by_type(no_infra) table_only()] => |c, _| infra(c, b"Name"),
        "container name of a Docker event; only in old captures";
    "evt.infra.docker.container.image": Text [by_type(no_infra) table_only()] => |c, _| infra(c, b"Image"),
        "container image of a Docker event; only in old captures";
}
