//! `fd.*`: the descriptor that an event uses or creates.

mod ends;

use std::borrow::Cow;

use tracer_common::{
    events::{Effect, Flags},
    kind::Kind,
};

use super::{Arg, ArgRule, Context, Digits, EventType, Field, InKernel, Needs, Value, as_name, fields};
use crate::{
    event::decode::layout,
    state::{Fd, FdKind, path},
};

pub(crate) use ends::l4proto;

/// The rows.
pub(super) static FIELDS: &[&[Field]] = &[FILE, ends::FIELDS];

/// Events of a type that has nothing to do with descriptors have no value here.
fn no_fd(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (layout(event.row).fd.is_none() && !event.row.is_of_connection()).then_some(Value::Missing)
}

fn fd<'a>(c: &Context<'a>) -> Option<&'a Fd> {
    c.fd.map(|fd| &**fd)
}

/// Its number. What a call makes is -1 when it failed; what it is given may be -1, or `AT_FDCWD`.
fn number(c: &Context<'_>) -> Option<i32> {
    let at = c.event.fd_param()?;
    let number = i32::try_from(c.event.params.i64(at)?).ok()?;
    Some(if c.event.row.flags.has(Flags::USES_FD) { number } else { number.max(-1) })
}

/// Of a call that failed to open a file, the path as it was passed, and its kind.
fn asked_for<'a>(c: &Context<'a>) -> Option<(&'a [u8], Kind)> {
    let row = c.event.row;
    if row.effect != Effect::Open || !c.event.failed() {
        return None;
    }
    let (at, param) = row.param("name").or_else(|| row.param("path"))?;
    c.event.params.text(at).filter(|path| !path.is_empty()).map(|path| (path, param.kind))
}

/// Its name, or that of the file that could not be opened.
fn name_of<'a>(c: &Context<'a>) -> Option<Cow<'a, [u8]>> {
    match asked_for(c) {
        Some((path, kind)) => as_name(c, kind, path).map(Cow::Owned),
        None => fd(c).map(|fd| Cow::Borrowed(&*fd.name)),
    }
}

/// Descriptors whose name is a path.
fn path_of<'a>(c: &Context<'a>) -> Option<Cow<'a, [u8]>> {
    let is_file = || fd(c).is_some_and(|fd| matches!(fd.kind, FdKind::File | FdKind::Directory));
    let is_path = asked_for(c).is_some() || is_file();
    name_of(c).filter(|name| is_path && name.starts_with(b"/"))
}

/// A part of a path.
fn part<'a>(path: Option<Cow<'a, [u8]>>, part: fn(&[u8]) -> &[u8]) -> Value<'a> {
    match path {
        Some(Cow::Borrowed(path)) => Value::text(part(path)),
        Some(Cow::Owned(path)) => Value::made(part(&path).to_vec()),
        None => Value::Missing,
    }
}

fn directory(path: &[u8]) -> &[u8] {
    path::split(path).0
}

fn filename(path: &[u8]) -> &[u8] {
    path::split(path).1
}

/// A descriptor without a name has an empty one. Of one of which nothing is known the name is missing, since it may have one;
/// in captures of others nothing will ever be known of it.
fn name<'a>(c: &Context<'a>) -> Value<'a> {
    if asked_for(c).is_some() {
        return name_of(c).map_or(Value::Missing, Value::Text);
    }
    let others = c.event.from_file && !c.state.was_live;
    let known = |fd: &&Fd| others || fd.kind != FdKind::Unknown || !fd.name.is_empty();
    fd(c).filter(known).map_or(Value::Missing, |fd| Value::text(&fd.name))
}

fn sockfamily(fd: &Fd) -> Option<&'static str> {
    match fd.kind {
        FdKind::Ipv4 | FdKind::Ipv6 => Some("ip"),
        FdKind::Unix => Some("unix"),
        _ => None,
    }
}

fn uid(c: &Context<'_>) -> Value<'static> {
    c.event.fd().map_or(Value::Missing, |fd| Value::made(format!("{}{fd}", c.event.tid).into_bytes()))
}

fn with_container(c: &Context<'_>, name: &[u8]) -> Value<'static> {
    let id = c.state.containers.get(c.container).id.as_bytes();
    Value::made([id, b":", name].concat())
}

/// The device in the encoding of stat(2): 12 bits of major number, 20 of minor.
fn device(c: &Context<'_>) -> Option<u32> {
    Some(fd(c)?.dev).filter(|dev| *dev != 0)
}

/// `FD_UPPER_LAYER` and `FD_LOWER_LAYER` in file form.
const UPPER_LAYER: u32 = 0x8000;
const LOWER_LAYER: u32 = 0x1_0000;

/// Of files, whether the flags of their opening say something of the layer.
fn layer(c: &Context<'_>, bit: u32) -> Value<'static> {
    fd(c).filter(|fd| matches!(fd.kind, FdKind::File | FdKind::Directory)).map(|fd| fd.flags & bit != 0).into()
}

/// The types of all descriptors of the process, each once, by name; or that of one. Only events that have a number of a
/// descriptor have them, which may be -1.
fn types<'a>(c: &Context<'a>, arg: &Arg) -> Value<'a> {
    let Some(thread) = c.thread.filter(|_| number(c).is_some()) else { return Value::Missing };
    let mut names: Vec<&'static str> = match arg.as_index().map(i32::try_from) {
        Some(Ok(number)) => c.state.fd(thread, number).and_then(|fd| fd.kind.name()).into_iter().collect(),
        Some(Err(_)) => Vec::new(),
        None => c.state.fds.iter(thread.fds).filter_map(|(_, fd)| fd.kind.name()).collect(),
    };
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { Value::Missing } else { Value::List(names.into_iter().map(Value::from).collect()) }
}

fields! { FILE needs FD;
    "fd.num": Int [in_kernel(InKernel::Descriptor) by_type(no_fd) needs(Needs::SIDES)] => |c, _| number(c).into(),
        "descriptor number; -1 if the call does not use one or failed to create one; -100 (AT_FDCWD) for the working directory";
    "fd.type": Text [in_kernel(InKernel::FdType) by_type(no_fd)] => |c, _| fd(c).and_then(|fd| fd.kind.name()).into(),
        "what the descriptor refers to: file, directory, ipv4, ipv6, unix, pipe, event, eventpoll and so on";
    "fd.typechar": Text [by_type(no_fd)] => |c, _| {
        let letter = fd(c).map(|fd| fd.kind.letter());
        letter.or_else(|| asked_for(c).map(|_| FdKind::File.letter())).into()
    },
        "fd.type as one letter: f d 4 6 u p e s l i t n k b r m P, or o if unknown";
    "fd.name": Text [in_kernel(InKernel::FdName) by_type(no_fd) cost(2)] => |c, arg| match fd(c).filter(|_| arg.show.services) {
        Some(fd) if !fd.name.is_empty() => Value::Text(fd.shown_name(true)),
        _ => name(c),
    }, "path, even if the file could not be opened; for a socket, client->server or its own address";
    "fd.nameraw": Text [by_type(no_fd) cost(2)] => |c, _| {
        let raw = || fd(c).and_then(|fd| fd.raw_name.as_deref());
        asked_for(c).map(|(path, _)| path).or_else(raw).map_or_else(|| name(c), Value::text)
    }, "path as passed to the call that opened it; fd.name is where it led";
    "fd.directory": Text [by_type(no_fd) cost(2)] => |c, _| part(path_of(c), directory),
        "directory of the file";
    "fd.filename": Text [by_type(no_fd) cost(2)] => |c, _| part(path_of(c), filename),
        "file name without its directory";
    "fd.sockfamily": Text [by_type(no_fd)] => |c, _| fd(c).and_then(sockfamily).into(), "ip or unix";
    "fd.uid": Text [by_type(no_fd) needs(Needs::SIDES) cost(8)] => |c, _| uid(c),
        "thread id and descriptor number joined, as a table key";
    "fd.containername": Text [by_type(no_fd) cost(8)] => |c, _| {
        name_of(c).map_or(Value::Missing, |name| with_container(c, &name))
    }, "container id and fd.name joined, as a table key";
    "fd.containerdirectory": Text [by_type(no_fd) cost(8)] => |c, _| {
        path_of(c).map_or(Value::Missing, |path| with_container(c, directory(&path)))
    }, "container id and fd.directory joined, as a table key";
    "fd.dev": Int [by_type(no_fd) digits(Digits::Hex)] => |c, _| device(c).into(),
        "device number of the filesystem";
    "fd.dev.major": Int [by_type(no_fd)] => |c, _| device(c).map(|dev| dev >> 8 & 0xfff).into(),
        "major part of fd.dev";
    "fd.dev.minor": Int [by_type(no_fd)] => |c, _| {
        device(c).map(|dev| dev & 0xff | dev >> 12 & 0xfff00).into()
    }, "minor part of fd.dev";
    "fd.ino": Int [by_type(no_fd)] => |c, _| fd(c).filter(|fd| fd.ino != 0).map(|fd| fd.ino).into(),
        "inode number";
    "fd.types": Text [arg(ArgRule::IndexAllowed) by_type(no_fd) list() cost(20)] => types,
        "types of all descriptors of the process, or of one; only for events that have a descriptor";
    "fd.name_changed": Bool [by_type(no_fd)] => |c, _| fd(c).map(|fd| fd.renamed_by == c.event.num).into(),
        "whether this event gave the descriptor its name: an open, a connection, or a datagram with a different address";
    "fd.is_upper_layer": Bool [by_type(no_fd)] => |c, _| layer(c, UPPER_LAYER),
        "whether the file is in the upper layer of an overlay, as reported when it was opened";
    "fd.is_lower_layer": Bool [by_type(no_fd)] => |c, _| layer(c, LOWER_LAYER),
        "whether the file is in a lower layer of an overlay, as reported when it was opened";
}
