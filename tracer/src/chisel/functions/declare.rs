//! Functions that say what a chisel wants.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, Map};

use super::super::{
    declared::{Phase, Result},
    meta::Meta,
    value::{ExcerptHandle, FolderHandle, Handle, Tally},
};
use super::Function;

/// The least interval, milliseconds.
const MIN_INTERVAL_MS: u64 = 10;

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        usage: "chisel(#{ summary, description, category, args })",
        doc: "what the chisel is; comes first; only `summary` is required",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("chisel", move |map: Map| -> Result<()> {
                let mut it = it.borrow_mut();
                it.meta = Some(Meta::from_map(map)?);
                match it.phase {
                    // Nothing behind this is wanted.
                    Phase::Describe => Err(EvalAltResult::ErrorTerminated(Dynamic::UNIT, rhai::Position::NONE).into()),
                    Phase::Declare => Ok(()),
                    Phase::Run => it.declare("chisel").map(|_| ()),
                }
            });
        },
    },
    Function {
        usage: "filter(\"…\")",
        doc: "which events it gets; the filter of the command line holds too",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("filter", move |text: &str| -> Result<()> {
                let mut it = it.borrow_mut();
                let filter = it.declare("filter")?.compile(text)?;
                match it.filter.replace(filter) {
                    None => Ok(()),
                    Some(_) => Err("a chisel has one filter: join them with 'and'".into()),
                }
            });
        },
    },
    Function {
        usage: "table(#{ keys, value or values, sort, filter, top, title })",
        doc: "a table, printed and emptied at each interval; of a capture, one table at its end",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("table", move |map: Map| -> Result<()> {
                let mut it = it.borrow_mut();
                let table = it.declare("table")?.table(map, "table", false)?;
                it.aggregates.push(Box::new(table));
                Ok(())
            });
        },
    },
    Function {
        usage: "tally(#{ keys, value or values, sort, top, title })",
        doc: "a table that the script fills with `add`; its keys are the titles of their columns",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("tally", move |map: Map| -> Result<Tally> {
                let mut it = it.borrow_mut();
                let table = it.declare("tally")?.table(map, "tally", true)?;
                it.tallies.push(table);
                Ok(Tally(it.tallies.len() - 1))
            });
        },
    },
    Function {
        usage: "rate(#{ value or values, filter })",
        doc: "a line with the values of all events of the interval, at each interval, of captures too",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("rate", move |map: Map| -> Result<()> {
                let mut it = it.borrow_mut();
                let rate = it.declare("rate")?.rate(map)?;
                it.aggregates.push(Box::new(rate));
                Ok(())
            });
        },
    },
    Function {
        usage: "top(#{ by, count, format })",
        doc: "the events with the largest `by`, a number, as lines at the end; 10 if `count` is left out",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("top", move |map: Map| -> Result<()> {
                let mut it = it.borrow_mut();
                let top = it.declare("top")?.top(map)?;
                it.aggregates.push(Box::new(top));
                Ok(())
            });
        },
    },
    Function {
        usage: "heatmap(#{ field, scale, min, max, unit, title })",
        doc: "a line of colours at each interval: where the values of the field were between `min` and `max`, and how many; \
              `scale` is `log` or `linear`",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("heatmap", move |map: Map| -> Result<()> {
                let mut it = it.borrow_mut();
                let map = it.declare("heatmap")?.heatmap(map)?;
                it.aggregates.push(Box::new(map));
                Ok(())
            });
        },
    },
    Function {
        usage: "histogram(#{ field, keys, unit, filter, top, title })",
        doc: "bars that show how the values of the field are spread, at each interval; one for each value of the keys",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("histogram", move |map: Map| -> Result<()> {
                let mut it = it.borrow_mut();
                let histogram = it.declare("histogram")?.histogram(map)?;
                it.aggregates.push(Box::new(histogram));
                Ok(())
            });
        },
    },
    Function {
        usage: "list(#{ of, filter, title, format })",
        doc: "what there is: `threads`, `processes`, `fds` or `containers`, once; each is a line of the format, or a call of \
              `on_row`",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("list", move |map: Map| -> Result<()> {
                let mut it = it.borrow_mut();
                let list = it.declare("list")?.list(map)?;
                it.lists.push(list);
                Ok(())
            });
        },
    },
    Function {
        usage: "format(\"…\")",
        doc: "a line for each event, in the language of `-p`; with `-j`, an object with its fields",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("format", move |format: &str| -> Result<()> {
                let mut it = it.borrow_mut();
                let line = it.declare("format")?.format(format)?;
                it.line = Some(line);
                Ok(())
            });
        },
    },
    Function {
        usage: "field(\"…\")",
        doc: "a field that `on_event` and `on_row` read; see [fields](fields.md)",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("field", move |name: &str| -> Result<Handle> {
                it.borrow_mut().declare("field")?.ask(name, Dynamic::UNIT)
            });
        },
    },
    Function {
        usage: "field(\"…\", or)",
        doc: "the same, with the value that `get` gives when the event has none: a text, a number, true or false, in place of `()`",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("field", move |name: &str, or: Dynamic| -> Result<Handle> {
                it.borrow_mut().declare("field")?.ask(name, or)
            });
        },
    },
    Function {
        usage: "folder(\"name\")",
        doc: "the folder that the user named as this argument, of the type `folder`; the only place where a script writes",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("folder", move |name: &str| -> Result<FolderHandle> {
                let mut it = it.borrow_mut();
                let folder = it.declare("folder")?.folder(name)?;
                it.folders.push(folder);
                Ok(FolderHandle(it.folders.len() - 1))
            });
        },
    },
    Function {
        usage: "excerpt(\"name\", ms)",
        doc: "the capture that the user named as this argument, of the type `capture`: of the capture that is read, or written \
              live, so much before and behind each event that is marked",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("excerpt", move |name: &str, around_ms: i64| -> Result<ExcerptHandle> {
                let mut it = it.borrow_mut();
                let excerpt = it.declare("excerpt")?.excerpt(name, around_ms)?;
                it.excerpts.push(excerpt);
                Ok(ExcerptHandle(it.excerpts.len() - 1))
            });
        },
    },
    Function {
        usage: "interval(ms)",
        doc: "how often; 1000 if it is left out",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("interval", move |ms: i64| -> Result<()> {
                let mut it = it.borrow_mut();
                let ms = u64::try_from(ms).ok().filter(|ms| *ms >= MIN_INTERVAL_MS);
                let ms = ms.ok_or_else(|| format!("an interval is at least {MIN_INTERVAL_MS} milliseconds"))?;
                it.declare("interval")?.interval_ms = Some(ms);
                Ok(())
            });
        },
    },
    Function {
        usage: "snaplen(bytes)",
        doc: "how much data of each event is wanted, if more than `-s` says",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("snaplen", move |bytes: i64| -> Result<()> {
                let mut it = it.borrow_mut();
                let max = tracer_common::wire::MAX_SNAPLEN;
                let bytes = u32::try_from(bytes).ok().filter(|bytes| *bytes <= max);
                it.declare("snaplen")?.snaplen = bytes.ok_or_else(|| format!("snaplen is from 0 to {max}"))?;
                Ok(())
            });
        },
    },
];
