//! `evt.*`.

use tracer_common::{
    events::{Category, Flags, Param, code},
    kind::Kind,
};

use super::{Arg, ArgRule, Context, Digits, EventType, Needs, TimeMode, Unit, Value, fields};
use crate::{
    event::{ParamValue, Row, decode::layout},
    format::{args, errno, time, units},
    state::FdKind,
};

const SECOND: u64 = 1_000_000_000;

fn relative(c: &Context<'_>) -> u64 {
    c.event.time_ns.saturating_sub(c.times.first_ns)
}

fn delta(c: &Context<'_>) -> u64 {
    match c.times.previous_ns {
        0 => 0,
        previous => c.event.time_ns.saturating_sub(previous),
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> Value<'static> {
    let mut out = Vec::with_capacity(32);
    write(&mut out);
    Value::made(out)
}

fn output_time(c: &Context<'_>, mode: TimeMode) -> Value<'static> {
    match mode {
        TimeMode::Human => text(|out| time::time_of_day(c.event.time_ns, true, out)),
        TimeMode::Absolute => text(|out| time::seconds(c.event.time_ns, out)),
        TimeMode::Relative => text(|out| time::seconds(relative(c), out)),
        TimeMode::Latency => {
            c.event.latency_ns.map_or(Value::Missing, |latency_ns| text(|out| time::seconds(latency_ns, out)))
        }
        TimeMode::Delta => text(|out| time::seconds(delta(c), out)),
    }
}

fn has_result(row: &Row) -> bool {
    let is_result = |p: &Param| matches!(p.kind, Kind::Errno | Kind::Fd | Kind::Pid) || p.name == "res";
    row.is_syscall() && !row.is_enter() && row.params.first().is_some_and(is_result)
}

fn no_result(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (!has_result(event.row)).then_some(Value::Missing)
}

fn name_of(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    event.name.map(Into::into)
}

fn syscall_name(event: &EventType<'_>, arg: &Arg) -> Option<Value<'static>> {
    if event.row.is_syscall() { name_of(event, arg) } else { Some(Value::Missing) }
}

fn io(row: &Row, flag: Flags) -> bool {
    row.flags.has(flag)
}

fn io_dir(row: &Row) -> Option<&'static str> {
    if io(row, Flags::READS_FROM_FD) {
        Some("read")
    } else if io(row, Flags::WRITES_TO_FD) {
        Some("write")
    } else {
        None
    }
}

/// `evt.category` of a row; `None` when it depends on the descriptor.
fn fixed_category(row: &Row) -> Option<&'static str> {
    Some(match row.category {
        Category::Other => "other",
        Category::File => "file",
        Category::Net => "net",
        Category::Ipc => "ipc",
        Category::Memory => "memory",
        Category::Process => "process",
        Category::Sleep => "sleep",
        Category::System => "system",
        Category::Signal => "signal",
        Category::User => "user",
        Category::Time => "time",
        Category::Wait => "wait",
        Category::Scheduler => "scheduler",
        Category::Internal => "internal",
        Category::IoRead | Category::IoWrite | Category::IoOther => return None,
    })
}

fn category(c: &Context<'_>) -> &'static str {
    fixed_category(c.event.row).unwrap_or_else(|| match c.fd.map(|fd| fd.kind) {
        None | Some(FdKind::Unknown) => "unknown",
        Some(FdKind::File | FdKind::Directory) => "file",
        Some(FdKind::Ipv4 | FdKind::Ipv6) => "net",
        Some(FdKind::Unix | FdKind::Pipe) => "ipc",
        Some(_) => "other",
    })
}

/// A parameter that the row does not have is missing in all its events.
fn no_param(event: &EventType<'_>, arg: &Arg) -> Option<Value<'static>> {
    arg.param(event.row).is_none().then_some(Value::Missing)
}

fn raw_arg<'a>(c: &Context<'a>, arg: &Arg) -> Value<'a> {
    let Some(at) = arg.param(c.event.row) else { return Value::Missing };
    match c.event.params.value(at) {
        ParamValue::Missing => Value::Missing,
        ParamValue::I64(number) => Value::I64(number),
        ParamValue::U64(number) => Value::U64(number),
        ParamValue::Text(bytes) | ParamValue::List(bytes) | ParamValue::Bytes(bytes) => Value::text(bytes),
        ParamValue::SockAddr(_) | ParamValue::SockTuple(_) | ParamValue::FdList(_) | ParamValue::Ip(_) => {
            args::argument(c, at, arg.show)
        }
    }
}

/// Bytes that were transferred; an error transfers none and has no value.
fn buflen(c: &Context<'_>) -> Option<u64> {
    if !c.event.row.is_io() {
        return None;
    }
    c.event.result().and_then(|result| u64::try_from(result).ok())
}

fn no_io(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (!event.row.is_io()).then_some(Value::Missing)
}

fn result_name(c: &Context<'_>) -> Value<'static> {
    match c.event.result() {
        None => Value::Missing,
        Some(0..) => "SUCCESS".into(),
        Some(error) => errno::name(error).into(),
    }
}

fn count_if(condition: bool) -> Value<'static> {
    u32::from(condition).into()
}

fn failed_on(c: &Context<'_>, kinds: &[FdKind]) -> Value<'static> {
    count_if(c.event.failed() && c.fd.is_some_and(|fd| kinds.contains(&fd.kind)))
}

fn opens(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (!is_open(event.row)).then_some(Value::Bool(false))
}

fn is_open(row: &Row) -> bool {
    matches!(row.code, code::OPEN | code::OPENAT | code::OPENAT2)
}

fn open_flag(c: &Context<'_>, bits: u64) -> Value<'static> {
    let flags = is_open(c.event.row).then(|| c.event.row.param("flags")).flatten();
    let flags = flags.and_then(|(at, _)| c.event.params.u64(at)).unwrap_or(0);
    (!c.event.failed() && flags & bits != 0).into()
}

/// In file form: `O_RDONLY`, `O_WRONLY`, and the bit of a file that the call created.
const READ_BIT: u64 = 1;
const WRITE_BIT: u64 = 2;
const CREATED_BIT: u64 = 0x4000;

fn arg_type(event: &EventType<'_>, arg: &Arg) -> Option<Value<'static>> {
    let name = arg.as_name()?;
    event.name.map(|event| count_if(event == name))
}

/// Even codes are the beginning of something, in the words of the `.scap` format.
fn direction(row: &Row) -> &'static str {
    if row.code.is_multiple_of(2) { ">" } else { "<" }
}

fields! { FIELDS needs NONE;
    "evt.num": Int => |c, _| c.event.num.into(), "running number of the event in this session; internal events count too";
    "evt.time": Text [cost(8)] => |c, _| text(|out| time::time_of_day(c.event.time_ns, true, out)),
        "local time of day with nanoseconds";
    "evt.time.s": Text [cost(8)] => |c, _| text(|out| time::time_of_day(c.event.time_ns, false, out)),
        "local time of day, seconds only";
    "evt.time.iso8601": Text [cost(8)] => |c, _| text(|out| time::iso8601(c.event.time_ns, out)),
        "date and time in UTC, as ISO 8601";
    "evt.datetime": Text [cost(8)] => |c, _| text(|out| time::date_time(c.event.time_ns, true, out)),
        "local date and time with nanoseconds";
    "evt.datetime.s": Text [cost(8)] => |c, _| text(|out| time::date_time(c.event.time_ns, false, out)),
        "local date and time, seconds only";
    "evt.rawtime": Time => |c, _| c.event.time_ns.into(), "time since the epoch";
    "evt.rawtime.s": Int => |c, _| (c.event.time_ns / SECOND).into(), "whole seconds since the epoch";
    "evt.rawtime.ns": Time [digits(Digits::Nine)] => |c, _| (c.event.time_ns % SECOND).into(),
        "nanoseconds within the second";
    "evt.reltime": Time [digits(Digits::Nine)] => |c, _| relative(c).into(), "time since the first event";
    "evt.reltime.s": Int => |c, _| (relative(c) / SECOND).into(), "whole seconds since the first event";
    "evt.reltime.ns": Time [digits(Digits::Nine)] => |c, _| (relative(c) % SECOND).into(), "nanoseconds within that second";
    "evt.deltatime": Time => |c, _| delta(c).into(), "time since the previous event";
    "evt.deltatime.s": Int => |c, _| (delta(c) / SECOND).into(), "whole seconds of it";
    "evt.deltatime.ns": Time [digits(Digits::Nine)] => |c, _| (delta(c) % SECOND).into(), "nanoseconds within that second";
    "evt.outputtime": Text [cost(8)] => |c, arg| output_time(c, arg.show.time), "the time that -t chooses";
    "evt.latency": Time [needs(Needs::LATENCY)] => |c, _| c.event.latency_ns.into(), "time from entry to exit";
    "evt.latency.s": Int [needs(Needs::LATENCY)] => |c, _| c.event.latency_ns.map(|ns| ns / SECOND).into(),
        "whole seconds of it";
    "evt.latency.ns": Time [needs(Needs::LATENCY) digits(Digits::Nine)] => |c, _| {
        c.event.latency_ns.map(|ns| ns % SECOND).into()
    }, "nanoseconds within that second";
    "evt.latency.human": Text [needs(Needs::LATENCY) cost(8)] => |c, _| c.event.latency_ns.map_or(Value::Missing, |ns| {
        Value::made(units::time(ns as f64).into_bytes())
    }), "the same for people, such as 4.97us";
    "evt.type": Text [by_type(name_of)] => |c, _| c.event.name().into(), "name of the event, such as openat";
    "evt.type.is": Int [arg(ArgRule::Name) by_type(arg_type)] => |c, arg| {
        count_if(arg.as_name() == Some(c.event.name()))
    }, "1 if the event has that name, else 0";
    "syscall.type": Text [by_type(syscall_name)] => |c, _| {
        if c.event.row.is_syscall() { c.event.name().into() } else { Value::Missing }
    }, "name of the system call; missing for other events";
    "evt.dir": Text [by_type(|event, _| Some(direction(event.row).into()))] => |c, _| direction(c.event.row).into(),
        "direction: < for the end of a call, > for its beginning and for what is no call";
    "evt.category": Text [by_type(|event, _| fixed_category(event.row).map(Into::into)) cost(2)] => |c, _| category(c).into(),
        "file, net, ipc, process and others; of reads and writes, by their descriptor";
    "evt.cpu": Int => |c, _| c.event.cpu.into(), "CPU on which it happened";
    "evt.args": Text [cost(12) needs(Needs::PAYLOAD.with(Needs::STATE))] => |c, arg| args::all(c, arg.show),
        "all parameters, as name=value";
    "evt.info": Text [cost(12) needs(Needs::PAYLOAD.with(Needs::STATE))] => |c, arg| args::all(c, arg.show),
        "the same";
    "evt.arg": Text [arg(ArgRule::Param) by_type(no_param) cost(8) needs(Needs::STATE)] => |c, arg| {
        arg.param(c.event.row).map_or(Value::Missing, |at| args::argument(c, at, arg.show))
    }, "one parameter as text: resolved, if it has a meaning of its own";
    "evt.rawarg": Text [arg(ArgRule::Param) by_type(no_param)] => raw_arg, "one parameter as a value of its own type";
    "evt.res": Text [by_type(no_result)] => |c, _| result_name(c), "SUCCESS, or the name of the error";
    "evt.rawres": Int [by_type(no_result)] => |c, _| c.event.result().into(), "result: a number, or the negative error";
    "evt.failed": Bool [by_type(|event, _| (!has_result(event.row)).then_some(Value::Bool(false)))] => |c, _| {
        c.event.failed().into()
    }, "whether the result is an error";
    "evt.buffer": Text [by_type(no_io) needs(Needs::PAYLOAD) cost(2)] => |c, _| match layout(c.event.row).data {
        Some(at) => c.event.params.raw(usize::from(at)).into(),
        None => Value::Missing,
    }, "data that was read or written, as much as was taken";
    "evt.buflen": Int [by_type(no_io) unit(Unit::Bytes)] => |c, _| buflen(c).into(), "bytes that were read or written";
    "evt.is_io": Bool [by_type(|event, _| Some(event.row.is_io().into()))] => |c, _| c.event.row.is_io().into(),
        "whether it reads or writes a descriptor";
    "evt.is_io_read": Bool [by_type(|event, _| Some(io(event.row, Flags::READS_FROM_FD).into()))] => |c, _| {
        io(c.event.row, Flags::READS_FROM_FD).into()
    }, "whether it reads from a descriptor";
    "evt.is_io_write": Bool [by_type(|event, _| Some(io(event.row, Flags::WRITES_TO_FD).into()))] => |c, _| {
        io(c.event.row, Flags::WRITES_TO_FD).into()
    }, "whether it writes to a descriptor";
    "evt.io_dir": Text [by_type(|event, _| Some(io_dir(event.row).into()))] => |c, _| io_dir(c.event.row).into(),
        "read or write";
    "evt.is_wait": Bool [by_type(|event, _| Some(io(event.row, Flags::WAITS).into()))] => |c, _| {
        io(c.event.row, Flags::WAITS).into()
    }, "whether the call waits";
    "evt.is_open_read": Bool [by_type(opens)] => |c, _| open_flag(c, READ_BIT), "whether it opened a file for reading";
    "evt.is_open_write": Bool [by_type(opens)] => |c, _| open_flag(c, WRITE_BIT), "whether it opened a file for writing";
    "evt.is_open_create": Bool [by_type(opens)] => |c, _| open_flag(c, CREATED_BIT), "whether it created a file by opening it";
    "evt.count": Int [by_type(|_, _| Some(count_if(true)))] => |_, _| count_if(true), "always 1, for sums";
    "evt.count.error": Int => |c, _| count_if(c.event.failed()), "1 for an event that failed, else 0";
    "evt.count.error.file": Int [needs(Needs::STATE)] => |c, _| failed_on(c, &[FdKind::File, FdKind::Directory]),
        "1 for an event that failed on a file, else 0";
    "evt.count.error.net": Int [needs(Needs::STATE)] => |c, _| failed_on(c, &[FdKind::Ipv4, FdKind::Ipv6]),
        "1 for an event that failed on an internet socket, else 0";
    "evt.count.exit": Int [by_type(|_, _| Some(count_if(true)))] => |_, _| count_if(true), "1 for events at the exit: always";
    "evt.count.procinfo": Int => |c, _| {
        count_if(c.event.row.code == code::PROCINFO && c.event.tid == c.event.tgid)
    }, "1 for the procinfo event of a main thread, else 0";
    "evt.count.threadinfo": Int => |c, _| count_if(c.event.row.code == code::PROCINFO), "1 for a procinfo event, else 0";
}
