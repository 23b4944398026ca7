//! What a script has declared, and how its maps become aggregates.

use std::{cell::RefCell, io, mem, rc::Rc};

use rhai::{Dynamic, EvalAltResult, Map};
use tracer_common::{arch::SYSCALLS, events};

use super::{
    env::{Env, Tables},
    excerpt::Excerpt,
    folder::Folder,
    meta::{ArgKind, Meta, Taker},
    value::Handle,
};
use crate::{
    aggregate::{
        Aggregate, Column, HeatMap, HeatSpec, Histogram, HistogramSpec, Line, Listing, Op, Rate, Rows, Snapshot, Sort,
        Spec, Table, Top, Value,
    },
    event::{Row, is_internal},
    fields::{EventType, FieldRef, Show, Unit},
    filter::Filter,
    format::{Template, escape},
    output::Scale,
    sample::Sample,
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
    pub(super) aggregates: Vec<Box<dyn Aggregate>>,
    /// Tables that the script fills.
    pub(super) tallies: Vec<Table>,
    /// Whether the script has read beyond the end of data in this call.
    pub(super) beyond_data: bool,
    /// How often the script has added to them.
    pub(super) additions: u64,
    pub(super) lists: Vec<Listing>,
    /// Titles of the columns of its tables, and whether one of them is the one that the user wants to sort by.
    pub(super) columns: Vec<String>,
    pub(super) is_sorted: bool,
    /// Folders that the user named.
    pub(super) folders: Vec<Folder>,
    /// Captures of what is around events.
    pub(super) excerpts: Vec<Excerpt>,
    pub(super) fields: Vec<FieldRef>,
    /// What scripts get of each field when an event has no value; `()` unless they say so.
    pub(super) others: Vec<Dynamic>,
    pub(super) line: Option<Line>,
    pub(super) interval_ms: Option<u64>,
    /// Bytes of data that it wants of an event; 0 when it does not say.
    pub(super) snaplen: u32,
    /// Time of the event or of the end of the interval, nanoseconds since the epoch.
    pub(super) now_ns: u64,
    /// How many events that of `on_event` stands for; 1 at other times.
    pub(super) weight: u32,
    /// How many events are looked at, when it is not all of them.
    pub(super) sample: Option<Sample>,
    /// Number of the last event that passed the filter.
    pub(super) taken: u64,
    pub(super) done: bool,
    /// What `on_init` printed, until there is something to print below it: a capture may be damaged.
    pub(super) held: Vec<String>,
    /// Output that could not be written: scripts do not see it.
    pub(super) failure: Option<io::Error>,
}

pub(super) type Shared = Rc<RefCell<Declared>>;
pub(super) type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

/// Names of units.
pub(super) const UNITS: [(&str, Unit); 4] =
    [("none", Unit::None), ("bytes", Unit::Bytes), ("time", Unit::Time), ("percent", Unit::Percent)];

impl Declared {
    pub(super) fn new(phase: Phase, env: Env, args: Map) -> Self {
        Self {
            phase,
            env,
            args,
            meta: None,
            filter: None,
            aggregates: Vec::new(),
            tallies: Vec::new(),
            beyond_data: false,
            additions: 0,
            lists: Vec::new(),
            columns: Vec::new(),
            is_sorted: false,
            folders: Vec::new(),
            excerpts: Vec::new(),
            fields: Vec::new(),
            others: Vec::new(),
            line: None,
            interval_ms: None,
            snaplen: 0,
            now_ns: 0,
            weight: 1,
            sample: None,
            taken: 0,
            done: false,
            held: Vec::new(),
            failure: None,
        }
    }

    /// Prints what was held.
    pub(super) fn release(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        mem::take(&mut self.held).iter().try_for_each(|text| self.env.page.line(text.as_bytes()))
    }

    /// Whether events that can be sampled count there.
    pub(super) fn samples(&self, aggregate: &dyn Aggregate) -> bool {
        let counts = |event: &EventType<'_>| {
            self.filter.as_ref().is_none_or(|filter| filter.may_match(event)) && aggregate.may_count(event)
        };
        // Of a row for many calls, only the name says more.
        let has_name = |row: &&Row| row.code != events::code::GENERIC && !is_internal(row) && !row.live_only();
        let calls = SYSCALLS.iter().map(|call| EventType::of_call(events::by_syscall(call.name), call.name));
        events::all().filter(has_name).map(EventType::of).chain(calls).any(|event| counts(&event))
    }

    pub(super) fn declare(&mut self, what: &str) -> Result<&mut Self> {
        match self.phase {
            Phase::Declare => Ok(self),
            Phase::Describe => Err("chisel(#{ … }) must come before everything else".into()),
            Phase::Run => Err(format!("{what} can only be used at the top of the script and in on_init").into()),
        }
    }

    pub(super) fn field(&self, name: &str) -> Result<FieldRef> {
        FieldRef::resolve(name, self.env.show).map_err(|error| match error.hint() {
            Some(hint) => format!("{error}; {hint}").into(),
            None => error.to_string().into(),
        })
    }

    /// Asks for a field, and says what scripts get of it when an event has none.
    pub(super) fn ask(&mut self, name: &str, other: Dynamic) -> Result<Handle> {
        let field = self.field(name)?;
        let is_simple = other.is_unit() || other.is_string() || other.is_bool() || other.is_int() || other.is_float();
        if !is_simple {
            let found = other.type_name();
            return Err(format!("field: the default is text, a number, true or false, not {found}").into());
        }
        self.fields.push(field);
        self.others.push(other);
        Ok(Handle(self.fields.len() - 1))
    }

    /// The folder that the user named as that argument.
    pub(super) fn folder(&self, name: &str) -> Result<Folder> {
        Ok(Folder::new(&self.path("folder", name, ArgKind::Folder)?, self.env.force)?)
    }

    /// The capture that the user named as that argument.
    pub(super) fn excerpt(&self, name: &str, around_ms: i64) -> Result<Excerpt> {
        let path = self.path("excerpt", name, ArgKind::Capture)?;
        let around_ms = u64::try_from(around_ms).map_err(|_| "excerpt: the time is negative")?;
        Ok(Excerpt::new(path.into(), around_ms.saturating_mul(1_000_000)))
    }

    /// The path that the user gave as an argument of that kind.
    fn path(&self, what: &str, name: &str, kind: ArgKind) -> Result<String> {
        if self.env.read_only {
            return Err(format!("{what}: files may not be written here").into());
        }
        let spec = self.meta.iter().flat_map(|meta| &meta.args).find(|arg| arg.name == name);
        if spec.is_none_or(|spec| spec.kind != kind) {
            let kind = kind.name();
            return Err(format!("{what}: the chisel does not declare an argument '{name}' with the type {kind}").into());
        }
        let path = self.args.get(name).cloned().unwrap_or_default().into_string();
        path.map_err(|_| format!("{what}: argument '{name}' was left out").into())
    }

    pub(super) fn compile(&self, filter: &str) -> Result<Filter> {
        Filter::compile(filter, self.env.show).map_err(|error| match &error.hint {
            Some(hint) => format!("{error}\n{hint}").into(),
            None => error.to_string().into(),
        })
    }

    /// Lines for events, as text or as objects.
    pub(super) fn format(&self, format: &str) -> Result<Line> {
        let show = Show { data: self.env.data, lines: !self.env.page.json, ..self.env.show };
        // What stands between the fields is the script's.
        let format = self.env.page.plain_text(format);
        let template = Template::parse(&escape::printed_text(&format), show).map_err(|error| error.to_string())?;
        Ok(Line::new(template, self.env.page.json))
    }

    /// A filter that may be left out: also `()`, as of an argument.
    fn filter_of(&self, take: &mut Taker) -> Result<Option<Filter>> {
        take.text_if("filter")?.map(|text| self.compile(&text)).transpose()
    }

    /// A table of events, or of what there is.
    pub(super) fn aggregate_table(&mut self, mut map: Map) -> Result<Box<dyn Aggregate>> {
        let Some(of) = map.remove("of") else { return Ok(Box::new(self.table(map, "table", false)?)) };
        let rows = rows("table", &of.to_string())?;
        Ok(Box::new(Snapshot::new(self.table(map, "table", false)?, rows)))
    }

    /// A table; `filled` by the script if its keys are titles.
    pub(super) fn table(&mut self, map: Map, of: &'static str, filled: bool) -> Result<Table> {
        let mut take = Taker::new(map, of, &["title", "keys", "value", "values", "sort", "filter", "top"])?;
        let mut keys = Vec::new();
        for key in take.array("keys")? {
            keys.push(if filled { titled(key)? } else { self.column(key)? });
        }
        let mut values = Vec::new();
        for value in take.one_or_more("value", "values")? {
            values.push(self.value(value, filled)?);
        }
        let filter = self.filter_of(&mut take)?;
        let top = usize::try_from(take.int_or("top", 10)?).map_err(|_| format!("{of}: 'top' is negative"))?;
        let sort = match take.text_if("sort")? {
            None => 0,
            Some(title) => {
                let found = values.iter().position(|value| value.title == title);
                found.ok_or_else(|| {
                    format!("{of}: 'sort' must be the title of a value, and there is no value '{title}'")
                })?
            }
        };
        let Tables { rows, interval_ms, sort: wanted } = &self.env.tables;
        let each = self.env.replay && interval_ms.is_some();
        let (top, sort) = (rows.unwrap_or(top), Sort::Value(sort));
        let mut spec = Spec { title: take.title("")?, keys, values, sort, filter, top, each, any: false };
        if let Some(sort) = wanted.as_ref().and_then(|name| spec.column(name)) {
            (spec.sort, self.is_sorted) = (sort, true);
        }
        let titles: Vec<String> = spec.titles().map(str::to_owned).collect();
        self.columns.extend(titles);
        Table::new(spec).map_err(|error| error.to_string().into())
    }

    fn column(&self, key: Dynamic) -> Result<Column> {
        if key.is_string() {
            let name = key.into_string()?;
            return Ok(Column { field: Some(self.field(&name)?), title: name });
        }
        let map = key.try_cast::<Map>().ok_or("table: a key is a field, or #{ field: \"…\", title: \"…\" }")?;
        let mut take = Taker::new(map, "key", &["field", "title"])?;
        let name = take.text("field")?;
        Ok(Column { field: Some(self.field(&name)?), title: take.title(&name)? })
    }

    /// `filled`: numbers come from the script.
    fn value(&self, map: Map, filled: bool) -> Result<Value> {
        let mut take =
            Taker::new(map, "value", &["field", "also", "title", "op", "unit", "share", "per_second", "total"])?;
        let name = take.text_if("field")?;
        let field = name.as_deref().map(|name| self.field(name)).transpose()?;
        let op = take.text_or("op", if field.is_some() || filled { "sum" } else { "count" })?;
        let op = Op::by_name(&op)
            .ok_or_else(|| format!("value: unknown op '{op}'; ops are {}", Op::ALL.map(|(name, _)| name).join(", ")))?;
        let mut also = Vec::new();
        for name in take.array("also")? {
            also.push(self.field(
                &name.into_string().map_err(|found| format!("value: 'also' must contain fields, not {found}"))?,
            )?);
        }
        if !also.is_empty() && op != Op::Distinct {
            return Err("value: 'also' works only with 'distinct'".into());
        }
        let share = take.flag("share")?;
        let per_second = take.flag("per_second")?;
        if per_second && (share || !matches!(op, Op::Sum | Op::Count)) {
            return Err("value: 'per_second' works only with 'sum' and 'count', and not with 'share'".into());
        }
        let total = take.flag("total")?;
        if total && (share || per_second || filled || !matches!(op, Op::Sum | Op::Count)) {
            return Err("value: 'total' is for 'sum' and 'count' of events only, and not for shares and rates".into());
        }
        let own = field.as_ref().map_or(Unit::None, FieldRef::unit);
        let unit = match take.text_if("unit")? {
            None if matches!(op, Op::Count | Op::Distinct) => Unit::None,
            None => own,
            Some(unit) => self::unit("value", &unit)?,
        };
        if share && !matches!(op, Op::Sum | Op::Count) {
            return Err("value: 'share' works only with 'sum' and 'count', because only these have a total".into());
        }
        if unit != Unit::None && matches!(op, Op::Count | Op::Distinct) && !(share && unit == Unit::Percent) {
            let hint = if unit == Unit::Percent { SHARE } else { "leave out 'unit'" };
            return Err(format!("value: '{}' is a number without a unit; {hint}", op.name()).into());
        }
        if let Some(name) = name.as_deref().filter(|_| !filled && !share) {
            fits("value", name, own, unit)?;
        }
        let title = take.title(name.as_deref().unwrap_or("Count"))?;
        let value = Value { title, field, also, op, unit, share, per_second, total };
        match value.field {
            Some(_) if filled => Err("value: the values of a tally come from the script, not from a field".into()),
            _ if filled => Ok(value),
            _ => value.check().map(|()| value).map_err(|error| error.to_string().into()),
        }
    }

    pub(super) fn rate(&self, map: Map) -> Result<Rate> {
        let mut take = Taker::new(map, "rate", &["value", "values", "filter"])?;
        let mut values = Vec::new();
        for value in take.one_or_more("value", "values")? {
            let value = self.value(value, false)?;
            if value.share || value.per_second || value.total {
                return Err("rate: 'share', 'per_second' and 'total' work only in tables".into());
            }
            values.push(value);
        }
        Ok(Rate::new(values, self.filter_of(&mut take)?))
    }

    pub(super) fn top(&self, map: Map) -> Result<Top> {
        let mut take = Taker::new(map, "top", &["by", "count", "format"])?;
        let by = self.number("top", &take.text("by")?)?;
        let count = usize::try_from(take.int_or("count", 10)?).ok().filter(|count| (1..=1000).contains(count));
        let count = self.env.tables.rows.unwrap_or(count.ok_or("top: 'count' must be from 1 to 1000")?).max(1);
        Ok(Top::new(by, count, self.format(&take.text("format")?)?))
    }

    pub(super) fn heatmap(&self, map: Map) -> Result<HeatMap> {
        let mut take = Taker::new(map, "heatmap", &["field", "scale", "min", "max", "unit", "title"])?;
        let field = self.number("heatmap", &take.text("field")?)?;
        let scale = match take.text_or("scale", "log")?.as_str() {
            "log" => Scale::Log,
            "linear" => Scale::Linear,
            scale => return Err(format!("heatmap: unknown scale '{scale}'; scales are log, linear").into()),
        };
        let range = (take.number("min")?, take.number("max")?);
        if range.0 >= range.1 || scale == Scale::Log && range.0 <= 0.0 {
            return Err("heatmap: 'min' must be below 'max', and above 0 if the scale is log".into());
        }
        let unit = match take.text_if("unit")? {
            None => field.unit(),
            Some(unit) => fits("heatmap", &field.name(), field.unit(), self::unit("heatmap", &unit)?)?,
        };
        let width = self.env.page.heat_columns();
        Ok(HeatMap::new(HeatSpec { field, scale, range, unit, title: take.title("")? }, width))
    }

    pub(super) fn histogram(&self, map: Map) -> Result<Histogram> {
        let mut take = Taker::new(map, "histogram", &["field", "keys", "unit", "filter", "top", "title"])?;
        let field = self.number("histogram", &take.text("field")?)?;
        let mut keys = Vec::new();
        for key in take.array("keys")? {
            keys.push(self.column(key)?);
        }
        let unit = match take.text_if("unit")? {
            None => field.unit(),
            Some(unit) => fits("histogram", &field.name(), field.unit(), self::unit("histogram", &unit)?)?,
        };
        let filter = self.filter_of(&mut take)?;
        let top = usize::try_from(take.int_or("top", 10)?).map_err(|_| "histogram: 'top' is negative")?;
        Ok(Histogram::new(HistogramSpec { title: take.title("")?, field, keys, filter, unit, top }))
    }

    fn number(&self, of: &str, name: &str) -> Result<FieldRef> {
        let field = self.field(name)?;
        match field.kind.is_number() && !field.field.filter_only {
            true => Ok(field),
            false => Err(format!("{of}: field '{name}' is of type {}, not a number", field.kind.name()).into()),
        }
    }

    pub(super) fn list(&self, map: Map) -> Result<Listing> {
        let mut take = Taker::new(map, "list", &["of", "filter", "title", "format"])?;
        let rows = rows("list", &take.text("of")?)?;
        let line = take.text_if("format")?.map(|format| self.format(&format)).transpose()?;
        Ok(Listing { rows, filter: self.filter_of(&mut take)?, title: take.title("")?, line })
    }
}

/// What rows that are no events are.
fn rows(what: &str, of: &str) -> Result<Rows> {
    let names = || Rows::ALL.map(|(name, _)| name).join(", ");
    Rows::by_name(of).ok_or_else(|| format!("{what}: there are no '{of}'; {what}s are of {}", names()).into())
}

/// A key that the script fills: its title.
fn titled(key: Dynamic) -> Result<Column> {
    let title = key.into_string().map_err(|found| format!("tally: a key must be a column title, not {found}"))?;
    Ok(Column { title: escape::printed_text(&title), field: None })
}

/// What to write for a part of a total.
const SHARE: &str = "for the percentage of the total, write share: true";

/// A unit that was asked for, if a field that has another one, or none, can be shown with it.
fn fits(of: &str, field: &str, own: Unit, asked: Unit) -> Result<Unit> {
    let name = |unit: Unit| UNITS.iter().find(|(_, known)| *known == unit).map_or("", |(name, _)| name);
    // Only a field knows what it is a percentage of.
    if asked == own || asked == Unit::None || own == Unit::None && asked != Unit::Percent {
        return Ok(asked);
    }
    let hint = if asked == Unit::Percent { format!("; {SHARE}") } else { String::new() };
    let (own, asked) = (name(own), name(asked));
    Err(format!("{of}: '{field}' has the unit '{own}' and cannot be shown as '{asked}'{hint}").into())
}

fn unit(of: &str, name: &str) -> Result<Unit> {
    let unit = UNITS.iter().find(|(known, _)| *known == name).map(|(_, unit)| *unit);
    let names = UNITS.map(|(name, _)| name).join(", ");
    unit.ok_or_else(|| format!("{of}: unknown unit '{name}'; units are {names}").into())
}
