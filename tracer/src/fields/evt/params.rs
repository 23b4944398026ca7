//! Parameters, result and data of the event.

use tracer_common::kind::Kind;

use super::{super::absolute, time::written};
use crate::{
    event::{ParamValue, Row, decode::layout},
    fields::{Arg, ArgRule, Context, EventType, InKernel, Key, Needs, Reveals, Value, fields},
    format::{args, errno},
};

/// Every call that returns has a result; whether a capture says it, depends on the event.
fn no_result(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    let returns = event.row.is_syscall() && !event.row.is_enter();
    (!returns).then_some(Value::Missing)
}

/// A parameter that the row does not have is missing in all its events.
fn no_param(event: &EventType<'_>, arg: &Arg) -> Option<Value<'static>> {
    arg.param(event.row).is_none().then_some(Value::Missing)
}

fn raw_arg<'a>(c: &Context<'a>, arg: &Arg) -> Value<'a> {
    let Some(at) = arg.param(c.event.row) else { return Value::Missing };
    match c.event.params.value(at) {
        ParamValue::Missing => Value::Missing,
        // A time that is not known. Of calls it is what they asked for: none.
        ParamValue::U64(u64::MAX) if c.event.row.is_of_connection() => Value::Missing,
        ParamValue::I64(number) => Value::I64(number),
        ParamValue::U64(number) => Value::U64(number),
        ParamValue::Text(bytes) | ParamValue::List(bytes) | ParamValue::Bytes(bytes) => Value::text(bytes),
        ParamValue::Ip(ip) => Value::Ip(ip),
        ParamValue::SockAddr(_) | ParamValue::SockTuple(_) | ParamValue::FdList(_) => args::argument(c, at, arg.show),
    }
}

/// Bytes that were transferred; an error transfers none and has no value, and neither has a call that only looks at what it
/// will receive.
pub(super) fn buflen(c: &Context<'_>) -> Option<u64> {
    if !c.event.row.is_io() || c.event.peeked {
        return None;
    }
    c.event.result().and_then(|result| u64::try_from(result).ok())
}

pub(super) fn no_io(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (!event.row.is_io()).then_some(Value::Missing)
}

fn result_name(c: &Context<'_>) -> Value<'static> {
    match c.event.result() {
        None => Value::Missing,
        Some(0..) => "SUCCESS".into(),
        Some(error) => errno::name(error).into(),
    }
}

/// Data that was read or written; of a call that moved none, no bytes.
fn data<'a>(c: &Context<'a>) -> Value<'a> {
    match layout(c.event.row).data {
        Some(at) => Value::text(c.event.params.raw(usize::from(at)).unwrap_or_default()),
        None => Value::Missing,
    }
}

fn no_data(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    layout(event.row).data.is_none().then_some(Value::Missing)
}

/// The path parameter of a row that the argument means: the first, or with `dst` the second.
fn path_param(row: &Row, arg: &Arg) -> Option<(usize, Kind)> {
    let which = if let Key::Index(which) = arg.key { which } else { 0 };
    let paths = row.params.iter().enumerate().filter(|(_, param)| matches!(param.kind, Kind::Path | Kind::PathAt(_)));
    paths.map(|(at, param)| (at, param.kind)).nth(which)
}

fn no_path(event: &EventType<'_>, arg: &Arg) -> Option<Value<'static>> {
    path_param(event.row, arg).is_none().then_some(Value::Missing)
}

fn abspath(c: &Context<'_>, arg: &Arg) -> Value<'static> {
    let path = path_param(c.event.row, arg).and_then(|(at, kind)| Some((c.event.params.text(at)?, kind)));
    path.filter(|(path, _)| !path.is_empty())
        .map_or(Value::Missing, |(path, kind)| Value::made(absolute(c, kind, path)))
}

fn all(c: &Context<'_>, arg: &Arg, out: &mut Vec<u8>) -> bool {
    args::write_all(c, arg.show, out);
    true
}

/// Milliseconds between the event and a point in time, begun ones too.
fn around(c: &Context<'_>, arg: &Arg) -> Value<'static> {
    let Key::Index(point_ns) = arg.key else { return Value::Missing };
    c.event.time_ns.abs_diff(point_ns as u64).div_ceil(1_000_000).into()
}

/// What shows parameters with their meaning and their data.
const ALL: Needs = Needs::PAYLOAD.with(Needs::STATE);

fields! { FIELDS needs NONE;
    "evt.args": Text [reveals(Reveals::Params) shows_data() cost(12) needs(ALL) write(all)] => |c, arg| written(all, c, arg),
        "all parameters, as name=value";
    "evt.info": Text [reveals(Reveals::Params) shows_data() cost(12) needs(ALL) write(all)] => |c, arg| written(all, c, arg),
        "like evt.args; messages to the system log are decoded in syslog.*";
    "evt.arg": Text [reveals(Reveals::Params) shows_data() arg(ArgRule::Param) by_type(no_param) cost(8)] => |c, arg| {
        arg.param(c.event.row).map_or(Value::Missing, |at| args::argument(c, at, arg.show))
    }, "one parameter as text, decoded if it is a flag, a descriptor or the like";
    "evt.rawarg": Text [reveals(Reveals::Params) in_kernel(InKernel::Param) arg(ArgRule::Param) by_type(no_param)] => raw_arg, "one parameter as its raw value";
    "evt.res": Text [in_kernel(InKernel::ResultName) by_type(no_result)] => |c, _| result_name(c), "SUCCESS, or the error name, such as ENOENT";
    "evt.rawres": Int [in_kernel(InKernel::Result) by_type(no_result)] => |c, _| c.event.result().into(), "return value; negative for an error";
    "evt.failed": Bool [in_kernel(InKernel::Failed) by_type(no_result)] => |c, _| c.event.result().map(|result| result < 0).into(),
        "whether the call returned an error";
    "evt.buffer": Bytes [by_type(no_data) needs(Needs::PAYLOAD) cost(2)] => |c, _| data(c),
        "data read or written, up to the limit of -s";
    "evt.abspath": Text [arg(ArgRule::Side) by_type(no_path) needs(Needs::STATE) cost(8)] => abspath,
        "absolute path; for calls with two paths, the first, or the second with dst";
    "evt.around": Int [arg(ArgRule::Time) filter_only() cost(2)] => around,
        "evt.around[time]=500 matches events within 500 ms of this time, which is in nanoseconds since the epoch";
}

#[cfg(test)]
mod tests {
    use crate::{
        fields::{FieldRef, Show, Value},
        testing::{BOOT_NS, World},
    };

    #[test]
    fn the_largest_number_of_a_call_is_a_number_and_a_time_that_is_not_known_is_none() {
        use tracer_common::events::{memory::MADVISE, tcp::TCP_CLOSE};
        let world = World::new();
        let all = |code: u16, name: &str| {
            let row = tracer_common::events::by_code(code).unwrap();
            let values: Vec<Vec<u8>> =
                row.params.iter().map(|param| vec![0xff; param.kind.width().unwrap_or(0)]).collect();
            let values: Vec<&[u8]> = values.iter().map(|value| &value[..]).collect();
            let record = crate::source::inject::record(code, 10, 10, &values);
            let field = FieldRef::resolve(name, Show::default()).unwrap();
            world.with(&record, |context| field.get(context) == Value::Missing)
        };
        assert!(!all(MADVISE.code, "evt.rawarg.length"));
        assert!(all(TCP_CLOSE.code, "evt.rawarg.duration"));
    }

    #[test]
    fn a_point_in_time_is_so_many_milliseconds_away() {
        let world = World::new();
        let record = world.openat(10, 3, b"/etc/passwd");
        let away = |ns: u64| {
            let name = format!("evt.around[{ns}]");
            let field = FieldRef::resolve(&name, Show::default()).unwrap();
            world.with(&record, |context| field.get(context).as_f64())
        };
        let event_ns = BOOT_NS + 1_234_567_890;
        assert_eq!(away(event_ns), Some(0.0));
        assert_eq!((away(event_ns + 2_000_000), away(event_ns - 2_000_001)), (Some(2.0), Some(3.0)));
    }

    #[test]
    fn both_paths_of_a_call_are_found() {
        let world = World::new();
        let params: [&[u8]; 3] = [&0_i64.to_le_bytes(), b"a\0", b"/b/../c\0"];
        let record = world.record(10, tracer_common::events::code::RENAME, &params);
        let path = |name: &str| {
            let field = FieldRef::resolve(name, Show::default()).unwrap();
            world.with(&record, |context| match field.get(context) {
                Value::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!((path("evt.abspath"), path("evt.abspath.src")), ("/home/me/a".into(), "/home/me/a".into()));
        assert_eq!(path("evt.abspath.dst"), "/c");
    }
}
