//! Functions that say what a chisel wants.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, Map};

use super::super::{
    declared::{Phase, Result},
    meta::{INTERVALS_MS, Meta},
    value::{ExcerptHandle, FolderHandle, Handle, Tally},
};
use super::Function;

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        usage: "chisel(#{ summary, description, category, args, live })",
        doc: "describes the chisel; must come first; only `summary` is required. `live` says why the chisel cannot read \
            captures, if it cannot",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("chisel", move |map: Map| -> Result<()> {
                let mut it = it.borrow_mut();
                let meta = Meta::from_map(map)?;
                if let Some(why) = meta.live.as_ref().filter(|_| it.env.replay) {
                    return Err(format!("this chisel works only on a running machine: {why}").into());
                }
                it.meta = Some(meta);
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
        doc: "events that the chisel gets; the filter of the command line applies too",
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
        usage: "table(#{ keys, value or values, sort, filter, top, title, of })",
        doc: "a table that is printed and emptied at each interval; with `-r`, one table at the end of the capture. Its \
            rows are of events or, with `of`, of all `threads`, `processes`, `fds` or `containers` that exist then",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("table", move |map: Map| -> Result<()> {
                let mut it = it.borrow_mut();
                let table = it.declare("table")?.aggregate_table(map)?;
                it.aggregates.push(table);
                Ok(())
            });
        },
    },
    Function {
        usage: "tally(#{ keys, value or values, sort, top, title })",
        doc: "a table that the script fills with `add`; `keys` are the column titles",
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
        doc: "one line per interval with the values over all its events, also with `-r`",
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
        doc: "prints the events with the largest `by`, a number, at the end; `count` defaults to 10",
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
        doc: "one coloured line per interval: how many values of the field were in each part of the range from `min` \
            to `max`; `scale` is `log` or `linear`",
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
        doc: "bars that show the distribution of the field's values, per interval; one histogram for each value of the keys",
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
        doc: "lists all `threads`, `processes`, `fds` or `containers`, once; each is a line of the format, or a call \
            of `on_row`",
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
        doc: "prints each event in this format, as with `-p`; with `-j`, as an object with its fields",
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
        doc: "a field for `on_event` and `on_row` to read; see [fields](fields.md)",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("field", move |name: &str| -> Result<Handle> {
                it.borrow_mut().declare("field")?.ask(name, Dynamic::UNIT)
            });
        },
    },
    Function {
        usage: "field(\"…\", or)",
        doc: "a field with a default: `get` returns `or` (text, number, true or false) instead of `()` if the event does not have the field",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("field", move |name: &str, or: Dynamic| -> Result<Handle> {
                it.borrow_mut().declare("field")?.ask(name, or)
            });
        },
    },
    Function {
        usage: "folder(\"name\")",
        doc: "the folder named by this argument, which has the type `folder`; the only place where a script can write",
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
        doc: "the capture named by this argument, which has the type `capture`; it gets the events up to `ms` \
            milliseconds before and after each marked event, from the capture that is read or written",
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
        doc: "length of the interval; defaults to 1000",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("interval", move |ms: i64| -> Result<()> {
                let mut it = it.borrow_mut();
                let ms = u64::try_from(ms).ok().filter(|ms| INTERVALS_MS.contains(ms));
                let (least, most) = (INTERVALS_MS.start(), INTERVALS_MS.end());
                let ms = ms.ok_or_else(|| format!("an interval has {least} to {most} milliseconds"))?;
                it.declare("interval")?.interval_ms = Some(ms);
                Ok(())
            });
        },
    },
    Function {
        usage: "snaplen(bytes)",
        doc: "bytes of data needed from each event, if that is more than `-s`",
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
