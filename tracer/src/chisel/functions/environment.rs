//! Functions for what events, arguments and surroundings are.

use std::{
    ops::{Range, RangeInclusive},
    rc::Rc,
};

use rhai::{Dynamic, Engine};

use super::super::{
    declared::{Result, Shared},
    dns, grouping, http,
    value::{Data, Form, Handle, ScriptEvent},
};
use super::Function;

/// What stands in data, or `()` beyond its end: an event whose data is too short for a script is one without a value.
fn found(it: &Shared, value: Option<i64>) -> Dynamic {
    if value.is_none() {
        it.borrow_mut().beyond_data = true;
    }
    value.map_or(Dynamic::UNIT, Dynamic::from)
}

/// A function that reads a number of so many bytes.
fn integer(engine: &mut Engine, shared: &Shared, name: &'static str, read: fn(&Data, i64, usize) -> Option<i64>) {
    let it = Rc::clone(shared);
    engine.register_fn(name, move |data: &mut Data, at: i64, len: i64| -> Result<Dynamic> {
        let len = usize::try_from(len).ok().filter(|len| (1..=8).contains(len));
        let len = len.ok_or_else(|| format!("{name}: a number has 1 to 8 bytes"))?;
        Ok(found(&it, read(data, at, len)))
    });
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        usage: "evt.get(field)",
        doc: "value of the field: text, number, true or false, array, data, or `()` if the event does not have it",
        register: |engine, _| {
            engine.register_fn("get", |event: &mut ScriptEvent, field: Handle| event.get(field));
        },
    },
    Function {
        usage: "weight()",
        doc: "number of events that the current one represents: N with `--sample 1/N`, else 1. Multiply by it when \
            the script counts in its own variables; tables and tallies do so themselves",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("weight", move || i64::from(it.borrow().weight));
        },
    },
    Function {
        usage: "data.dots()",
        doc: "data in one line, with a dot for each byte that is not printable",
        register: |engine, _| {
            engine.register_fn("dots", |data: &mut Data| data.dots());
        },
    },
    Function {
        usage: "data.ascii()",
        doc: "data as text: only printable characters and newlines",
        register: |engine, _| {
            engine.register_fn("ascii", |data: &mut Data| data.ascii());
        },
    },
    Function {
        usage: "data.show(form)",
        doc: "data as `-A`, `-x`, `-X` or `-b` ask for, without them in the form `\"dots\"` or `\"ascii\"`: for what is printed",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("show", move |data: &mut Data, form: &str| -> Result<String> {
                let names = || Form::ALL.map(|(name, _)| name).join(" or ");
                let form = Form::by_name(form).ok_or_else(|| format!("show: the form is {}", names()))?;
                Ok(data.show(it.borrow().env.data, form))
            });
        },
    },
    Function {
        usage: "data.size()",
        doc: "number of captured bytes",
        register: |engine, _| {
            engine.register_fn("size", |data: &mut Data| data.0.len() as i64);
        },
    },
    Function {
        usage: "data.len()",
        doc: "number of captured bytes, too; `data[at]` is a byte (-1 is the last one) and `data[from..to]` a slice",
        register: |engine, shared| {
            engine.register_fn("len", |data: &mut Data| data.0.len() as i64);
            let it = Rc::clone(shared);
            engine.register_indexer_get(move |data: &mut Data, at: i64| found(&it, data.byte(at)));
            engine.register_indexer_get(|data: &mut Data, range: Range<i64>| data.part(range.start, range.end));
            engine.register_indexer_get(|data: &mut Data, range: RangeInclusive<i64>| {
                data.part(*range.start(), range.end().saturating_add(1))
            });
        },
    },
    Function {
        usage: "data.slice(from, len)",
        doc: "up to `len` bytes, starting at `from`",
        register: |engine, _| {
            engine.register_fn("slice", |data: &mut Data, from: i64, len: i64| {
                data.part(from, from.saturating_add(len.max(0)))
            });
        },
    },
    Function {
        usage: "data.uint_be(at, len)",
        doc: "unsigned integer of 1 to 8 bytes, big-endian, as in most network protocols; `()` beyond the end; capped \
            at 2^63-1",
        register: |engine, shared| integer(engine, shared, "uint_be", Data::uint_be),
    },
    Function {
        usage: "data.uint_le(at, len)",
        doc: "unsigned integer, little-endian",
        register: |engine, shared| integer(engine, shared, "uint_le", Data::uint_le),
    },
    Function {
        usage: "data.int_be(at, len)",
        doc: "signed integer, big-endian",
        register: |engine, shared| integer(engine, shared, "int_be", Data::int_be),
    },
    Function {
        usage: "data.int_le(at, len)",
        doc: "signed integer, little-endian",
        register: |engine, shared| integer(engine, shared, "int_le", Data::int_le),
    },
    Function {
        usage: "data.index_of(text)",
        doc: "position of the text in the data, or -1",
        register: |engine, _| {
            engine.register_fn("index_of", |data: &mut Data, text: &str| {
                memchr::memmem::find(&data.0, text.as_bytes()).map_or(-1, |at| at as i64)
            });
        },
    },
    Function {
        usage: "data.http()",
        doc: "parses the start of an HTTP/1 message into a map, or returns `()`: `method` and `url` for a request; \
            `code` and `length` (size in bytes, or -1) for a response",
        register: |engine, _| {
            engine.register_fn("http", |data: &mut Data| http::parse(&data.0).map_or(Dynamic::UNIT, Dynamic::from_map));
        },
    },
    Function {
        usage: "data.dns()",
        doc: "parses a DNS message into a map, or returns `()`: `id`, `answer` (true or false), `name`, `type`, `code`, `answers`",
        register: |engine, _| {
            engine.register_fn("dns", |data: &mut Data| dns::parse(&data.0).map_or(Dynamic::UNIT, Dynamic::from_map));
        },
    },
    Function {
        usage: "arg(\"name\")",
        doc: "value of an argument; `()` if it was omitted and has no `default_value`",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("arg", move |name: &str| -> Result<Dynamic> {
                let it = it.borrow();
                let value = it.args.get(name).cloned();
                value.ok_or_else(|| format!("the chisel does not declare an argument '{name}'").into())
            });
        },
    },
    Function {
        usage: "show_container()",
        doc: "whether to show containers (`-pc`)",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("show_container", move || it.borrow().env.container);
        },
    },
    Function {
        usage: "keys_of(grouping)",
        doc: "table keys for an argument of the type `grouping`: one row per `process`, `thread`, process `name`, \
            `user`, `container` or `pod`; with `-pc`, containers are added as a key",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("keys_of", move |name: &str| -> Result<rhai::Array> {
                let keys = grouping::keys(name, it.borrow().env.container);
                let names = || grouping::names().collect::<Vec<_>>().join(", ");
                keys.ok_or_else(|| format!("keys_of: unknown grouping '{name}'; expected one of {}", names()).into())
            });
        },
    },
    Function {
        usage: "is_tty()",
        doc: "whether output goes to a terminal",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("is_tty", move || it.borrow().env.page.out.is_terminal());
        },
    },
    Function {
        usage: "is_json()",
        doc: "whether output is JSON: `-j`",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("is_json", move || it.borrow().env.page.json);
        },
    },
    Function {
        usage: "now()",
        doc: "time of the event, or of the interval's end, in nanoseconds since the epoch",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("now", move || it.borrow().now_ns as i64);
        },
    },
    Function {
        usage: "stop()",
        doc: "ends the chisel, and tracer if no other chisel runs",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("stop", move || it.borrow_mut().done = true);
        },
    },
];
