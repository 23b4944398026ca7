//! The functions that scripts have.

use std::{cell::RefCell, io, rc::Rc};

use rhai::{Dynamic, Engine, EvalAltResult, Map};

use super::{
    meta::{Meta, Taker},
    script::Env,
    value::{Handle, ScriptEvent},
};
use crate::{
    aggregate::{Column, Op, Spec, Table, Value},
    fields::{FieldRef, Unit},
    filter::Filter,
    format::{
        Template,
        color::{Color, RESET},
        units,
    },
};

/// What a script may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Only `chisel(…)` is wanted.
    Describe,
    /// The script declares what it wants.
    Declare,
    /// Events go by.
    Run,
}

/// What a script has declared, and what its functions need.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) phase: Phase,
    pub(super) env: Env,
    pub(super) args: Map,
    pub(super) meta: Option<Meta>,
    pub(super) filter: Option<Filter>,
    pub(super) tables: Vec<Table>,
    pub(super) fields: Vec<FieldRef>,
    pub(super) line: Option<Template>,
    pub(super) interval_ms: Option<u64>,
    pub(super) done: bool,
    /// Output that could not be written: scripts do not see it.
    pub(super) failure: Option<io::Error>,
}

pub(super) type Shared = Rc<RefCell<Declared>>;
type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

impl Declared {
    fn declare(&mut self, what: &str) -> Result<&mut Self> {
        match self.phase {
            Phase::Declare => Ok(self),
            Phase::Describe => Err("chisel(#{ … }) must come before everything else".into()),
            Phase::Run => Err(format!("{what} can be used at the top of the script and in on_init only").into()),
        }
    }

    fn field(&self, name: &str) -> Result<FieldRef> {
        FieldRef::resolve(name, self.env.show).map_err(|error| match error.hint() {
            Some(hint) => format!("{error}; {hint}").into(),
            None => error.to_string().into(),
        })
    }

    fn compile(&self, filter: &str) -> Result<Filter> {
        Filter::compile(filter, self.env.show).map_err(|error| match &error.hint {
            Some(hint) => format!("{error}\n{hint}").into(),
            None => error.to_string().into(),
        })
    }

    fn table(&self, map: Map) -> Result<Table> {
        let mut take = Taker::new(map, "table", &["title", "keys", "value", "filter", "top"])?;
        let mut keys = Vec::new();
        for key in take.array("keys")? {
            keys.push(self.column(key)?);
        }
        let value = self.value(take.map("value")?)?;
        let filter = take.text_if("filter")?.map(|text| self.compile(&text)).transpose()?;
        let top = usize::try_from(take.int_or("top", 10)?).map_err(|_| "table: 'top' is negative")?;
        let spec = Spec { title: take.text_or("title", "")?, keys, value, filter, top };
        Table::new(spec).map_err(|error| error.to_string().into())
    }

    fn column(&self, key: Dynamic) -> Result<Column> {
        if key.is_string() {
            let name = key.into_string()?;
            return Ok(Column { field: self.field(&name)?, title: name });
        }
        let map = key.try_cast::<Map>().ok_or("table: a key is a field, or #{ field: \"…\", title: \"…\" }")?;
        let mut take = Taker::new(map, "key", &["field", "title"])?;
        let name = take.text("field")?;
        Ok(Column { field: self.field(&name)?, title: take.text_or("title", &name)? })
    }

    fn value(&self, map: Map) -> Result<Value> {
        let mut take = Taker::new(map, "value", &["field", "title", "op", "unit"])?;
        let name = take.text_if("field")?;
        let field = name.as_deref().map(|name| self.field(name)).transpose()?;
        let op = take.text_or("op", if field.is_some() { "sum" } else { "count" })?;
        let op = Op::by_name(&op)
            .ok_or_else(|| format!("value: unknown op '{op}'; ops are {}", Op::ALL.map(|(name, _)| name).join(", ")))?;
        let unit = match take.text_if("unit")?.as_deref() {
            None if op == Op::Count => Unit::None,
            None => field.as_ref().map_or(Unit::None, FieldRef::unit),
            Some("none") => Unit::None,
            Some("bytes") => Unit::Bytes,
            Some("time") => Unit::Time,
            Some("percent") => Unit::Percent,
            Some(unit) => {
                return Err(format!("value: unknown unit '{unit}'; units are none, bytes, time, percent").into());
            }
        };
        Ok(Value { title: take.text_or("title", name.as_deref().unwrap_or("Count"))?, field, op, unit })
    }
}

/// Registers everything.
pub(super) fn register(engine: &mut Engine, shared: &Shared) {
    engine.register_type_with_name::<Handle>("Field");
    engine.register_type_with_name::<ScriptEvent>("Event");
    engine.register_fn("get", |event: &mut ScriptEvent, field: Handle| event.get(field));
    declarations(engine, shared);
    environment(engine, shared);
    texts(engine, shared);
    output(engine, shared);
}

fn declarations(engine: &mut Engine, shared: &Shared) {
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
    let it = Rc::clone(shared);
    engine.register_fn("filter", move |text: &str| -> Result<()> {
        let mut it = it.borrow_mut();
        let filter = it.declare("filter")?.compile(text)?;
        match it.filter.replace(filter) {
            None => Ok(()),
            Some(_) => Err("a chisel has one filter: join them with 'and'".into()),
        }
    });
    let it = Rc::clone(shared);
    engine.register_fn("table", move |map: Map| -> Result<()> {
        let mut it = it.borrow_mut();
        let table = it.declare("table")?.table(map)?;
        it.tables.push(table);
        Ok(())
    });
    let it = Rc::clone(shared);
    engine.register_fn("interval", move |ms: i64| -> Result<()> {
        let mut it = it.borrow_mut();
        let ms = u64::try_from(ms).ok().filter(|ms| *ms >= 10).ok_or("an interval is at least 10 milliseconds")?;
        it.declare("interval")?.interval_ms = Some(ms);
        Ok(())
    });
    let it = Rc::clone(shared);
    engine.register_fn("field", move |name: &str| -> Result<Handle> {
        let mut it = it.borrow_mut();
        let field = it.declare("field")?.field(name)?;
        it.fields.push(field);
        Ok(Handle(it.fields.len() - 1))
    });
    let it = Rc::clone(shared);
    engine.register_fn("format", move |format: &str| -> Result<()> {
        let mut it = it.borrow_mut();
        let show = it.declare("format")?.env.show;
        it.line = Some(Template::parse(format, show).map_err(|error| error.to_string())?);
        Ok(())
    });
}

fn environment(engine: &mut Engine, shared: &Shared) {
    let it = Rc::clone(shared);
    engine.register_fn("show_container", move || it.borrow().env.container);
    let it = Rc::clone(shared);
    engine.register_fn("is_tty", move || it.borrow().env.out.is_terminal());
    let it = Rc::clone(shared);
    engine.register_fn("arg", move |name: &str| -> Result<Dynamic> {
        let it = it.borrow();
        it.args.get(name).cloned().ok_or_else(|| format!("the chisel does not declare an argument '{name}'").into())
    });
    let it = Rc::clone(shared);
    engine.register_fn("stop", move || it.borrow_mut().done = true);
}

fn texts(engine: &mut Engine, shared: &Shared) {
    engine.register_fn("format_bytes", |bytes: i64| units::bytes(bytes as f64));
    engine.register_fn("format_bytes", units::bytes);
    engine.register_fn("format_time", |ns: i64| units::time(ns as f64));
    engine.register_fn("format_time", units::time);
    engine.register_fn("left", |text: &str, width: i64| cell(text, width, false));
    engine.register_fn("right", |text: &str, width: i64| cell(text, width, true));
    for (name, color) in Color::ALL {
        let it = Rc::clone(shared);
        engine.register_fn(name, move |text: &str| match it.borrow().env.colors {
            true => format!("{}{text}{RESET}", color.on()),
            false => text.to_owned(),
        });
    }
}

/// Text padded to a width, or cut to it. Widths are bounded, since scripts have no other bound here.
fn cell(text: &str, width: i64, right: bool) -> String {
    let width = usize::try_from(width).unwrap_or(0).min(1000);
    let text: String = text.chars().take(width).collect();
    if right { format!("{text:>width$}") } else { format!("{text:<width$}") }
}

fn output(engine: &mut Engine, shared: &Shared) {
    let it = Rc::clone(shared);
    engine.on_print(move |text| {
        let mut it = it.borrow_mut();
        let result = it.env.out.line(|line| {
            line.extend_from_slice(text.as_bytes());
            true
        });
        if let Err(error) = result {
            it.failure = Some(error);
        }
    });
    engine.on_debug(|text, _, place| eprintln!("tracer: chisel: {place:?} {text}"));
}
