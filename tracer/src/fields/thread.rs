//! `thread.*`.

use super::{Needs, Unit, Value, fields};

fields! { FIELDS needs STATE;
    "thread.tid": Int [needs(Needs::NONE)] => |c, _| c.event.tid.into(), "thread id";
    "thread.ismain": Bool [needs(Needs::NONE)] => |c, _| (c.event.tid == c.event.tgid).into(), "whether it is the main thread of its process";
    "thread.vtid": Int => |c, _| c.thread.map(|t| t.vtid).into(), "thread id in its own pid namespace";
    "thread.nametid": Text [cost(8)] => |c, _| c.thread.map_or(Value::Missing, |t| {
        let mut text = t.comm.to_vec();
        text.extend_from_slice(t.tid.to_string().as_bytes());
        Value::made(text)
    }), "name and id in one, as a key for tables";
    "thread.cpu": Float [unit(Unit::Percent) needs(Needs::CPU_TIME.with(Needs::STATE))] => |c, _| c.thread.map(|t| t.cpu_percent).into(),
        "CPU use of the thread in the last second, percent of one CPU";
}
