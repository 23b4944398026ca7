//! What kind of event it is: name, direction, category, whether it reads, writes or waits.

use tracer_common::events::{Category, Flags, old::code::ASYNCEVENT_E as ASYNC};

use crate::{
    event::{Row, names},
    fields::{Arg, ArgRule, Context, EventType, InKernel, Key, Needs, Value, fields},
    state::FdKind,
};

use super::{count_if, ends};

fn name_of(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    event.name.map(Into::into)
}

fn syscall_name(event: &EventType<'_>, arg: &Arg) -> Option<Value<'static>> {
    if event.row.is_syscall() { name_of(event, arg) } else { Some(Value::Missing) }
}

fn io_dir(reads: bool, writes: bool) -> Option<&'static str> {
    match (reads, writes) {
        (true, _) => Some("read"),
        (false, true) => Some("write"),
        (false, false) => None,
    }
}

fn io_dir_of(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    Some(io_dir(event.reads()?, event.writes()?).into())
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

pub(super) fn category(c: &Context<'_>) -> &'static str {
    fixed_category(c.event.row).unwrap_or_else(|| match c.fd.map(|fd| fd.kind) {
        None | Some(FdKind::Unknown) => "unknown",
        Some(FdKind::File | FdKind::Directory) => "file",
        Some(FdKind::Ipv4 | FdKind::Ipv6) => "net",
        Some(FdKind::Unix | FdKind::Pipe | FdKind::Event | FdKind::Signal | FdKind::Inotify) => "ipc",
        Some(_) => "other",
    })
}

/// Whether the event has the name or number of the argument.
fn is_type(event: &EventType<'_>, arg: &Arg) -> Option<Value<'static>> {
    match &arg.key {
        Key::Index(code) => Some(count_if(usize::from(event.row.code) == *code)),
        Key::Name(wanted) => {
            event.name.map(|name| count_if(name == &**wanted || names::calls_of(name).any(|call| call == &**wanted)))
        }
        Key::None | Key::Param(_) => Some(Value::Missing),
    }
}

fn category_of(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    fixed_category(event.row).map(Into::into)
}

fn no_write(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (event.writes() == Some(false)).then_some(Value::Bool(false))
}

fn is_async(row: &Row) -> bool {
    row.code == ASYNC
}

fn direction(row: &Row) -> &'static str {
    if ends(row) { "<" } else { ">" }
}

fields! { FIELDS needs NONE;
    "evt.type": Text [in_kernel(InKernel::Type) by_type(name_of)] => |c, _| c.event.name().into(), "event name, such as openat";
    "evt.type.is": Int [arg(ArgRule::Event) by_type(is_type)] => |c, arg| {
        is_type(&EventType::of_event(c.event), arg).unwrap_or(Value::Missing)
    }, "1 if the event has this name or number, else 0";
    "syscall.type": Text [by_type(syscall_name)] => |c, _| {
        if c.event.row.is_syscall() { c.event.name().into() } else { Value::Missing }
    }, "system call name; missing for other events";
    "evt.dir": Text [by_type(|event, _| Some(direction(event.row).into()))] => |c, _| direction(c.event.row).into(),
        "direction: < for syscall exit, > for syscall entry and for other events";
    "evt.category": Text [by_type(category_of) cost(2) needs(Needs::FD)] => |c, _| category(c).into(),
        "file, net, ipc, process and so on; for reads and writes, the category of the descriptor";
    "evt.cpu": Int [in_kernel(InKernel::Cpu)] => |c, _| c.event.cpu.into(), "CPU that the event happened on";
    "evt.is_io": Bool [by_type(|event, _| Some(event.row.is_io().into()))] => |c, _| c.event.row.is_io().into(),
        "whether the event reads from or writes to a descriptor";
    "evt.is_io_read": Bool [by_type(|event, _| event.reads().map(Value::from)) needs(Needs::SIDES)] => |c, _| c.event.reads().into(),
        "whether the event reads from a descriptor";
    "evt.is_io_write": Bool [by_type(|event, _| event.writes().map(Value::from)) needs(Needs::SIDES)] => |c, _| c.event.writes().into(),
        "whether the event writes to a descriptor";
    "evt.io_dir": Text [by_type(io_dir_of) needs(Needs::SIDES)] => |c, _| io_dir(c.event.reads(), c.event.writes()).into(),
        "read or write";
    "evt.is_wait": Bool [by_type(|event, _| Some(event.row.flags.has(Flags::WAITS).into()))] => |c, _| {
        c.event.row.flags.has(Flags::WAITS).into()
    }, "whether the call waits";
    "evt.is_syslog": Bool [by_type(no_write) needs(Needs::FD) cost(2)] => |c, _| {
        (c.event.writes() && crate::fields::syslog::is_log(c)).into()
    }, "whether the event writes to the system log socket";
    "evt.is_journal": Bool [by_type(no_write) needs(Needs::FD) cost(2)] => |c, _| {
        (c.event.writes() && crate::fields::journal::is_journal(c)).into()
    }, "whether the event sends to the systemd journal's socket";
    "evt.pluginname": Text [by_type(|_, _| Some(Value::Missing))] => |_, _| Value::Missing,
        "plugin that made the event; always missing, because there are no plugins";
    "evt.plugininfo": Text [by_type(|_, _| Some(Value::Missing))] => |_, _| Value::Missing,
        "text from the plugin; always missing, because there are no plugins";
    "evt.source": Text [by_type(|_, _| Some("syscall".into()))] => |_, _| "syscall".into(), "event source; always syscall";
    "evt.is_async": Bool [by_type(|event, _| Some(is_async(event.row).into()))] => |c, _| is_async(c.event.row).into(),
        "whether a tool added the event to the capture; such an event is not a system call";
    "evt.asynctype": Text [by_type(|event, _| (!is_async(event.row)).then_some(Value::Missing))] => |c, _| {
        if is_async(c.event.row) { c.event.params.text(1).into() } else { Value::Missing }
    }, "kind of an event that a tool added to the capture";
    "evt.hostname": Text => |c, _| Value::some_text(&c.state.host.name), "host name of the machine";
}
