//! Functions that show something.

use std::rc::Rc;

use rhai::{Array, Dynamic, Map};

use super::super::{
    declared::{Declared, Phase, Result},
    value::{Data, ExcerptHandle, FolderHandle, Tally, write_json},
};
use super::Function;
use crate::{format::escape, message::said_by};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        usage: "print(text)",
        doc: "prints a line; with `-j`, an object that contains it",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.on_print(move |text| print(&mut it.borrow_mut(), text));
            engine.on_debug(|text, _, place| said_by("chisel", &format!("{place:?} {text}")));
        },
    },
    Function {
        usage: "emit_json(map)",
        doc: "prints a map as one line of JSON",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("emit_json", move |map: Map| emit_json(&mut it.borrow_mut(), map));
        },
    },
    Function {
        usage: "tally.add(keys, value)",
        doc: "adds to the row with these keys, an array of text; pass several values as an array, too. Sampled events \
            are scaled",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("add", move |tally: &mut Tally, keys: Array, value: Dynamic| -> Result<()> {
                let mut it = it.borrow_mut();
                Addition::new(&it, *tally, &keys, value)?.apply(&mut it);
                Ok(())
            });
        },
    },
    Function {
        usage: "folder.append(name, data)",
        doc: "appends data or text to a file, and returns the file's name; characters in `name` other than letters, \
            digits and `.-_` become dots",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("append", move |folder: &mut FolderHandle, name: &str, data: Data| -> Result<String> {
                append(&mut it.borrow_mut(), *folder, name, &data.0)
            });
            let it = Rc::clone(shared);
            engine.register_fn("append", move |folder: &mut FolderHandle, name: &str, text: &str| -> Result<String> {
                append(&mut it.borrow_mut(), *folder, name, text.as_bytes())
            });
        },
    },
    Function {
        usage: "excerpt.mark(tid, time)",
        doc: "marks an event by thread and time (`evt.rawtime`); the events around it are written at the end",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("mark", move |excerpt: &mut ExcerptHandle, tid: i64, time: i64| -> Result<()> {
                let mut it = it.borrow_mut();
                let Some(excerpt) = it.excerpts.get_mut(excerpt.0) else { return Ok(()) };
                excerpt.mark(tid, u64::try_from(time).unwrap_or(0)).map_err(Into::into)
            });
        },
    },
    Function {
        usage: "folder.count()",
        doc: "number of files written",
        register: |engine, shared| {
            let it = Rc::clone(shared);
            engine.register_fn("count", move |folder: &mut FolderHandle| {
                it.borrow().folders.get(folder.0).map_or(0, |folder| folder.count() as i64)
            });
        },
    },
];

/// Prints a line.
pub(in super::super) fn print(it: &mut Declared, text: &str) {
    if it.phase == Phase::Declare && it.env.replay {
        it.held.push(text.to_owned());
        return;
    }
    let result = it.env.page.line(text.as_bytes());
    keep(it, result);
}

/// Prints a map as a line of JSON.
pub(in super::super) fn emit_json(it: &mut Declared, map: Map) {
    let result = it.env.page.out.line(|line| {
        write_json(&Dynamic::from_map(map), line);
        true
    });
    keep(it, result.map(|_| ()));
}

/// What is added to a table that the script fills.
#[derive(Debug)]
pub(in super::super) struct Addition {
    tally: Tally,
    keys: Vec<String>,
    numbers: Vec<f64>,
}

impl Addition {
    /// Of keys, and of a value or an array of them.
    ///
    /// # Errors
    /// There are more or fewer of them than the table has, or a value is no number.
    pub(in super::super) fn new(it: &Declared, tally: Tally, keys: &Array, value: Dynamic) -> Result<Self> {
        let Some(table) = it.tallies.get(tally.0) else {
            return Ok(Self { tally, keys: Vec::new(), numbers: Vec::new() });
        };
        let values = if value.is_array() { value.into_array()? } else { vec![value] };
        let shape = (keys.len(), values.len());
        if shape != table.shape() {
            let (keys, values) = table.shape();
            return Err(format!("add: the tally has {keys} keys and {values} values, not {shape:?}").into());
        }
        let exact = it.env.page.json;
        let text = |key: &Dynamic| if exact { key.to_string() } else { escape::owned(key.to_string()) };
        let keys = keys.iter().map(text).collect();
        let mut numbers = Vec::with_capacity(values.len());
        for value in &values {
            let number = value.as_float().or_else(|_| value.as_int().map(|number| number as f64));
            numbers.push(number.map_err(|found| format!("add: a value is a number, not {found}"))?);
        }
        Ok(Self { tally, keys, numbers })
    }

    pub(in super::super) fn apply(self, it: &mut Declared) {
        let weight = it.weight;
        let keys: Vec<&[u8]> = self.keys.iter().map(String::as_bytes).collect();
        it.additions += 1;
        if let Some(table) = it.tallies.get_mut(self.tally.0) {
            table.tally(&keys, &self.numbers, weight);
        }
    }
}

fn append(it: &mut Declared, folder: FolderHandle, name: &str, data: &[u8]) -> Result<String> {
    if it.phase != Phase::Run {
        return Err("append works in functions only, while events go by".into());
    }
    match it.folders.get_mut(folder.0) {
        Some(folder) => folder.append(name, data).map_err(Into::into),
        None => Ok(name.to_owned()),
    }
}

/// Output that failed ends the run; scripts do not see it.
fn keep(it: &mut Declared, result: std::io::Result<()>) {
    if let Err(error) = result {
        it.failure = Some(error);
    }
}
