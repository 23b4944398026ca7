//! Functions that make text of values.

use std::rc::Rc;

use super::Function;
use crate::format::{color::Color, time, units, width::fitted};

/// The widest cell: scripts have no other bound here.
const MAX_WIDTH: usize = 1000;

macro_rules! color {
    ($name:literal, $color:expr, $doc:literal) => {
        Function {
            usage: concat!($name, "(text)"),
            doc: $doc,
            register: |engine, shared| {
                let it = Rc::clone(shared);
                engine.register_fn($name, move |text: &str| it.borrow().env.page.colored($color, text));
            },
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        usage: "left(text, width)",
        doc: "left-aligns the text in `width` columns of the terminal; pads or cuts it",
        register: |engine, _| {
            engine.register_fn("left", |text: &str, width: i64| cell(text, width, false));
        },
    },
    Function {
        usage: "right(text, width)",
        doc: "right-aligns the text in `width` columns of the terminal; pads or cuts it",
        register: |engine, _| {
            engine.register_fn("right", |text: &str, width: i64| cell(text, width, true));
        },
    },
    Function {
        usage: "quote(text)",
        doc: "quotes the text for use as a value in a filter",
        register: |engine, _| {
            engine.register_fn("quote", quoted);
        },
    },
    Function {
        usage: "format_bytes(n)",
        doc: "bytes with a unit: `1.45KB`",
        register: |engine, _| {
            engine.register_fn("format_bytes", |bytes: i64| units::bytes(bytes as f64));
            engine.register_fn("format_bytes", units::bytes);
        },
    },
    Function {
        usage: "format_time(ns)",
        doc: "nanoseconds with a unit: `4.97us`, `29ms`",
        register: |engine, _| {
            engine.register_fn("format_time", |ns: i64| units::time(ns as f64));
            engine.register_fn("format_time", units::time);
        },
    },
    Function {
        usage: "time_of_day(ns)",
        doc: "local time of day: `14:01:07`",
        register: |engine, _| {
            engine.register_fn("time_of_day", |ns: i64| shown(ns, |ns, out| time::time_of_day(ns, false, out)));
        },
    },
    Function {
        usage: "date_time(ns)",
        doc: "local date and time: `2023-07-28 14:01:07`",
        register: |engine, _| {
            engine.register_fn("date_time", |ns: i64| shown(ns, |ns, out| time::date_time(ns, false, out)));
        },
    },
    color!("red", Color::Red, "the text in red, if colours are on"),
    color!("green", Color::Green, "the text in green"),
    color!("yellow", Color::Yellow, "the text in yellow"),
    color!("blue", Color::Blue, "the text in blue"),
    color!("magenta", Color::Magenta, "the text in magenta"),
    color!("cyan", Color::Cyan, "the text in cyan"),
];

/// Text in quotes.
pub(in super::super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A point in time.
pub(in super::super) fn shown(ns: i64, write: impl FnOnce(u64, &mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(u64::try_from(ns).unwrap_or(0), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Text padded to a width, or cut to it.
pub(in super::super) fn cell(text: &str, width: i64, right: bool) -> String {
    let width = usize::try_from(width).unwrap_or(0).min(MAX_WIDTH);
    fitted(text, width, right)
}
