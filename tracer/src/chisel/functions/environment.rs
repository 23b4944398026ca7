//! Functions for what events, arguments and surroundings are.

use std::rc::Rc;

use rhai::Dynamic;

use super::super::{
    declared::Result,
    dns, http,
    value::{Data, Handle, ScriptEvent},
};
use super::Function;

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        usage: "evt.get(field)",
        doc: "value of the field: text, a number, true or false, an array, data, or `()` if the event has none",
        register: |engine, _| {
            engine.register_fn("get", |event: &mut ScriptEvent, field: Handle| event.get(field));
        },
    },
    Function {
        usage: "weight()",
        doc: "how many events the one of `on_event` stands for: N with `--sample 1/N`, else 1. Numbers that the script adds up \
              itself are to be multiplied by it; tables and tallies do so themselves",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("weight", move || i64::from(it.borrow().weight));
        },
    },
    Function {
        usage: "data.dots()",
        doc: "data in one line, with a point for each byte that is no printable character",
        register: |engine, _| {
            engine.register_fn("dots", |data: &mut Data| data.dots());
        },
    },
    Function {
        usage: "data.ascii()",
        doc: "data as text: its printable characters and line ends",
        register: |engine, _| {
            engine.register_fn("ascii", |data: &mut Data| data.ascii());
        },
    },
    Function {
        usage: "data.size()",
        doc: "bytes of the data that were taken",
        register: |engine, _| {
            engine.register_fn("size", |data: &mut Data| data.0.len() as i64);
        },
    },
    Function {
        usage: "data.http()",
        doc: "the beginning of a message of HTTP/1 as a map, or `()`: of a request `method`, `url`; of a response `code`, \
              `length`, its size in bytes or -1",
        register: |engine, _| {
            engine.register_fn("http", |data: &mut Data| http::parse(&data.0).map_or(Dynamic::UNIT, Dynamic::from_map));
        },
    },
    Function {
        usage: "data.dns()",
        doc: "a message of DNS as a map, or `()`: `id`, `answer`, whether it is one, `name`, `type`, `code`, `answers`",
        register: |engine, _| {
            engine.register_fn("dns", |data: &mut Data| dns::parse(&data.0).map_or(Dynamic::UNIT, Dynamic::from_map));
        },
    },
    Function {
        usage: "arg(\"name\")",
        doc: "value of an argument; `()` if it was left out and has no `default_value`",
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
        doc: "whether containers are to be shown: `-pc`",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("show_container", move || it.borrow().env.container);
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
        doc: "time of the event, or of the end of the interval: nanoseconds since the epoch",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("now", move || it.borrow().now_ns as i64);
        },
    },
    Function {
        usage: "stop()",
        doc: "ends the chisel, and the tracer when no other one runs",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("stop", move || it.borrow_mut().done = true);
        },
    },
];
