//! `fdlist.*`: the descriptors that a poll returns.

use std::{io::Write, net::SocketAddr};

use tracer_common::kind::Kind;

use super::{Arg, Context, EventType, Needs, Value, fields};
use crate::{
    event::{FdList, ParamValue, Row},
    state::{Fd, Sock},
};

/// What stands for a descriptor that does not have the value.
const MISSING: &[u8] = b"<NA>";

fn position(row: &Row) -> Option<usize> {
    row.params.iter().position(|param| matches!(param.kind, Kind::FdList))
}

fn no_list(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    position(event.row).is_none().then_some(Value::Missing)
}

fn list<'a>(c: &Context<'a>) -> Option<FdList<'a>> {
    match c.event.params.value(position(c.event.row)?) {
        ParamValue::FdList(list) => Some(list),
        _ => None,
    }
}

/// Each descriptor by `write`, which says nothing of one that has no such value, with commas between.
fn each(c: &Context<'_>, write: impl Fn(i64, Option<&Fd>, &mut Vec<u8>)) -> Value<'static> {
    let Some(list) = list(c) else { return Value::Missing };
    let mut out = Vec::new();
    for (at, (number, _)) in list.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let fd = i32::try_from(number).ok().and_then(|number| c.state.fd(c.thread?, number));
        let before = out.len();
        write(number, fd.map(|fd| &**fd), &mut out);
        if out.len() == before {
            out.extend_from_slice(MISSING);
        }
    }
    if out.is_empty() { Value::Missing } else { Value::made(out) }
}

/// Something of one end of each descriptor that is a socket of the internet.
fn ends(c: &Context<'_>, end: fn(&Sock) -> Option<SocketAddr>, text: fn(SocketAddr) -> String) -> Value<'static> {
    each(c, |_, fd, out| {
        if let Some(end) = fd.and_then(|fd| fd.sock.as_deref()).and_then(end) {
            out.extend_from_slice(text(end).as_bytes());
        }
    })
}

fields! { FIELDS needs STATE;
    "fdlist.nums": Text [by_type(no_list) needs(Needs::NONE) cost(8)] => |c, _| each(c, |number, _, out| {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{number}");
    }), "descriptor numbers, separated by commas";
    "fdlist.names": Text [by_type(no_list) cost(9)] => |c, _| each(c, |_, fd, out| {
        out.extend_from_slice(fd.map_or(b"", |fd| &fd.name));
    }), "descriptor names, separated by commas";
    "fdlist.cips": Text [by_type(no_list) cost(9)] => |c, _| ends(c, Sock::client, |end| end.ip().to_string()),
        "client addresses, separated by commas";
    "fdlist.sips": Text [by_type(no_list) cost(9)] => |c, _| ends(c, Sock::server, |end| end.ip().to_string()),
        "server addresses, separated by commas";
    "fdlist.cports": Text [by_type(no_list) cost(9)] => |c, _| ends(c, Sock::client, |end| end.port().to_string()),
        "client ports, separated by commas";
    "fdlist.sports": Text [by_type(no_list) cost(9)] => |c, _| ends(c, Sock::server, |end| end.port().to_string()),
        "server ports, separated by commas";
}

#[cfg(test)]
mod tests {
    use crate::{
        fields::{FieldRef, Show, Value},
        testing::World,
    };

    #[test]
    fn each_descriptor_of_a_poll_is_shown() {
        let world = World::new();
        let mut list = 3_u16.to_le_bytes().to_vec();
        for fd in [3_i64, 5, 77] {
            list.extend_from_slice(&fd.to_le_bytes());
            list.extend_from_slice(&1_u16.to_le_bytes());
        }
        let params: [&[u8]; 3] = [&3_i64.to_le_bytes(), &list, &0_i64.to_le_bytes()];
        let record = world.record(10, tracer_common::events::code::POLL, &params);
        let text = |name: &str| {
            let field = FieldRef::resolve(name, Show::default()).unwrap();
            world.with(&record, |context| match field.get(context) {
                Value::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(text("fdlist.nums"), "3,5,77");
        assert_eq!(text("fdlist.names"), "/etc/passwd,10.0.0.1:40000->10.0.0.2:80,<NA>");
        assert_eq!((text("fdlist.cips"), text("fdlist.sports")), ("<NA>,10.0.0.1,<NA>".into(), "<NA>,80,<NA>".into()));
    }
}
