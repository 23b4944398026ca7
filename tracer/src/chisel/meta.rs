//! What a chisel says of itself.

use std::ops::RangeInclusive;

use rhai::{Dynamic, Map};

use crate::{fields::nearest, format::escape};

/// How often tables can be printed, milliseconds: up to once a day.
pub const INTERVALS_MS: RangeInclusive<u64> = 10..=86_400_000;

/// Type of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// Text.
    String,
    /// A whole number.
    Int,
    /// A time in milliseconds that something takes.
    Milliseconds,
    /// How often something is printed, in milliseconds.
    Interval,
    /// A number of things.
    Count,
    /// A number of bytes.
    Size,
    /// A port of TCP or UDP.
    Port,
    /// A field.
    Field,
    /// A filter.
    Filter,
    /// A folder that the script may write into.
    Folder,
    /// A capture file that is written.
    Capture,
    /// What a row of a table of processes stands for.
    Grouping,
}

impl ArgKind {
    const ALL: [(&'static str, Self); 12] = [
        ("string", Self::String),
        ("int", Self::Int),
        ("milliseconds", Self::Milliseconds),
        ("interval", Self::Interval),
        ("count", Self::Count),
        ("size", Self::Size),
        ("port", Self::Port),
        ("field", Self::Field),
        ("filter", Self::Filter),
        ("folder", Self::Folder),
        ("capture", Self::Capture),
        ("grouping", Self::Grouping),
    ];

    /// Whether it names a file or folder that is written.
    #[must_use]
    pub const fn is_written(self) -> bool {
        matches!(self, Self::Folder | Self::Capture)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("string", |(name, _)| name)
    }

    /// What a number may be, and in what it is counted; `None` if it is no number.
    #[must_use]
    pub fn bounds(self) -> Option<(RangeInclusive<i64>, &'static str)> {
        let interval = |ms: &u64| i64::try_from(*ms).unwrap_or(i64::MAX);
        match self {
            Self::Int => Some((i64::MIN..=i64::MAX, "")),
            Self::Milliseconds => Some((0..=interval(INTERVALS_MS.end()), "milliseconds")),
            Self::Interval => Some((interval(INTERVALS_MS.start())..=interval(INTERVALS_MS.end()), "milliseconds")),
            Self::Count => Some((0..=1_000_000_000, "")),
            Self::Size => Some((0..=1 << 40, "bytes")),
            Self::Port => Some((1..=0xffff, "")),
            Self::String | Self::Field | Self::Filter | Self::Folder | Self::Capture | Self::Grouping => None,
        }
    }
}

/// An argument that a chisel takes.
#[derive(Debug, Clone)]
pub struct ArgSpec {
    /// Its name.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Its type.
    pub kind: ArgKind,
    /// Whether it may be left out.
    pub optional: bool,
    /// Its value then.
    pub default: Dynamic,
    /// The values that it may have; any if there are none.
    pub choices: Vec<String>,
}

impl ArgSpec {
    /// What its value may be, in words: its type, or the values that there are.
    #[must_use]
    pub fn expects(&self) -> String {
        if self.choices.is_empty() { self.kind.name().to_owned() } else { self.choices.join(" or ") }
    }
}

/// What a chisel says of itself.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// One line.
    pub summary: String,
    /// A paragraph.
    pub description: String,
    /// Under which heading it is listed.
    pub category: String,
    /// Its arguments in their order.
    pub args: Vec<ArgSpec>,
    /// Why it cannot read captures, if it cannot.
    pub live: Option<String>,
}

impl Meta {
    /// What it does, and what it does not work on.
    #[must_use]
    pub fn about(&self) -> String {
        let live = self.live.iter().map(|why| format!(" It works only on a running machine: {why}."));
        std::iter::once(self.description.clone()).chain(live).collect()
    }

    /// The name with the arguments, optional ones in brackets.
    #[must_use]
    pub fn synopsis(&self, name: &str) -> String {
        let args = self.args.iter();
        let args = args.map(|arg| if arg.optional { format!(" [{}]", arg.name) } else { format!(" {}", arg.name) });
        std::iter::once(name.to_owned()).chain(args).collect()
    }

    /// Whether it cannot do without arguments.
    #[must_use]
    pub fn needs_args(&self) -> bool {
        self.args.iter().any(|arg| !arg.optional)
    }

    pub(super) fn from_map(map: Map) -> Result<Self, String> {
        let mut take = Taker::new(map, "chisel", &["summary", "description", "category", "args", "live"])?;
        let meta = Self {
            summary: take.text("summary")?,
            description: take.text_or("description", "")?,
            category: take.text_or("category", "Other")?,
            args: take.array("args")?.into_iter().map(arg).collect::<Result<_, _>>()?,
            live: take.text_if("live")?,
        };
        match meta.args.windows(2).find(|two| two[0].optional && !two[1].optional) {
            Some(two) => Err(format!("argument '{}' must be optional, because the one before it is", two[1].name)),
            None => Ok(meta),
        }
    }
}

fn arg(value: Dynamic) -> Result<ArgSpec, String> {
    let map = value.try_cast::<Map>().ok_or("args: expected maps, such as #{ name: \"key\" }")?;
    let mut take = Taker::new(map, "args", &["name", "description", "type", "optional", "default_value", "choices"])?;
    let mut choices: Vec<String> = take.array("choices")?.into_iter().map(|choice| choice.to_string()).collect();
    let kind = take.text_or("type", "string")?;
    let names = ArgKind::ALL.map(|(name, _)| name);
    let mut default = take.any("default_value").unwrap_or(Dynamic::UNIT);
    if kind == ArgKind::Grouping.name() {
        choices = super::grouping::names().map(str::to_owned).collect();
        default = super::grouping::DEFAULT.into();
    }
    Ok(ArgSpec {
        name: take.text("name")?,
        description: take.text_or("description", "")?,
        kind: ArgKind::ALL
            .iter()
            .find(|(name, _)| *name == kind)
            .map(|(_, kind)| *kind)
            .ok_or_else(|| format!("args: unknown type '{kind}'; types are {}", names.join(", ")))?,
        optional: take
            .any("optional")
            .map_or(Ok(!default.is_unit()), |value| value.as_bool())
            .map_err(|found| format!("args: 'optional' is true or false, not {found}"))?,
        default,
        choices,
    })
}

/// Takes entries out of a map that a script gave, and knows which ones there may be.
pub(super) struct Taker {
    map: Map,
    of: &'static str,
}

impl Taker {
    pub(super) fn new(map: Map, of: &'static str, known: &[&str]) -> Result<Self, String> {
        if let Some(wrong) = map.keys().find(|key| !known.contains(&key.as_str())) {
            let meant = nearest(wrong, known.iter().copied());
            let hint = meant
                .map_or_else(|| format!("entries are {}", known.join(", ")), |name| format!("did you mean '{name}'?"));
            return Err(format!("{of}: unknown entry '{wrong}'; {hint}"));
        }
        Ok(Self { map, of })
    }

    pub(super) fn any(&mut self, key: &str) -> Option<Dynamic> {
        self.map.remove(key).filter(|value| !value.is_unit())
    }

    fn as_text(&self, key: &str, value: Dynamic) -> Result<String, String> {
        value.into_string().map_err(|found| format!("{}: '{key}' is text, not {found}", self.of))
    }

    pub(super) fn text_if(&mut self, key: &str) -> Result<Option<String>, String> {
        self.any(key).map(|value| self.as_text(key, value)).transpose()
    }

    pub(super) fn text(&mut self, key: &str) -> Result<String, String> {
        self.text_if(key)?.ok_or_else(|| format!("{}: '{key}' is missing", self.of))
    }

    pub(super) fn text_or(&mut self, key: &str, default: &str) -> Result<String, String> {
        Ok(self.text_if(key)?.unwrap_or_else(|| default.to_owned()))
    }

    /// A title, which may have lines and colours.
    pub(super) fn title(&mut self, default: &str) -> Result<String, String> {
        self.text_or("title", default).map(|title| escape::printed_text(&title))
    }

    pub(super) fn int_or(&mut self, key: &str, default: i64) -> Result<i64, String> {
        match self.any(key) {
            None => Ok(default),
            Some(value) => {
                value.as_int().map_err(|found| format!("{}: '{key}' is a whole number, not {found}", self.of))
            }
        }
    }

    /// True or false; false if it is left out.
    pub(super) fn flag(&mut self, key: &str) -> Result<bool, String> {
        let wrong = |found| format!("{}: '{key}' is true or false, not {found}", self.of);
        self.map.remove(key).map_or(Ok(false), |value| value.as_bool()).map_err(wrong)
    }

    pub(super) fn array(&mut self, key: &str) -> Result<Vec<Dynamic>, String> {
        match self.any(key) {
            None => Ok(Vec::new()),
            Some(value) => value.into_array().map_err(|found| format!("{}: '{key}' is an array, not {found}", self.of)),
        }
    }

    /// A number, with a fraction or without.
    pub(super) fn number(&mut self, key: &str) -> Result<f64, String> {
        let value = self.any(key).ok_or_else(|| format!("{}: '{key}' is missing", self.of))?;
        let number = value.as_float().or_else(|_| value.as_int().map(|number| number as f64));
        number.map_err(|found| format!("{}: '{key}' is a number, not {found}", self.of))
    }

    /// The maps under `one` or under `several`.
    pub(super) fn one_or_more(&mut self, one: &str, several: &str) -> Result<Vec<Map>, String> {
        let wrong = |of: &str, key: &str| format!("{of}: '{key}' is a map, such as #{{ field: \"evt.buflen\" }}");
        let values = match (self.any(one), self.array(several)?) {
            (Some(_), values) if !values.is_empty() => {
                return Err(format!("{}: '{one}' or '{several}', not both", self.of));
            }
            (Some(value), _) => vec![value],
            (None, values) if values.is_empty() => return Err(format!("{}: '{one}' is missing", self.of)),
            (None, values) => values,
        };
        values.into_iter().map(|value| value.try_cast::<Map>().ok_or_else(|| wrong(self.of, one))).collect()
    }
}
