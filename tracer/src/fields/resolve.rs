//! From a name with its argument to a [`FieldRef`], once.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use tracer_common::{
    arch,
    events::{self, CODES, Flags, LIVE_ONLY},
    kind::Kind,
    plan::Op,
};

use crate::format::DataMode;

use super::{ArgRule, Context, EventType, Field, Needs, Reveals, Type, Unit, Value, all, gone};

/// Why a name is not a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// There is no field of that name.
    #[error("unknown field '{name}'")]
    Unknown {
        /// The name.
        name: String,
        /// The nearest name that there is.
        nearest: Option<String>,
    },
    /// It stands without its argument.
    #[error("field '{name}' needs an argument: {name}[…]")]
    NeedsArg {
        /// The name.
        name: &'static str,
    },
    /// It has an argument that it cannot have.
    #[error("field '{name}' takes no argument '{arg}'")]
    BadArg {
        /// The name.
        name: &'static str,
        /// The argument.
        arg: String,
    },
    /// Its class is gone.
    #[error("field '{name}' was removed: {why}")]
    Gone {
        /// The name.
        name: String,
        /// Why there is no such class any more.
        why: &'static str,
    },
    /// There is no event of that name.
    #[error("there is no event '{name}'")]
    UnknownEvent {
        /// The name.
        name: String,
        /// The nearest name that there is.
        nearest: Option<String>,
    },
    /// No event has that parameter.
    #[error("no event has a parameter '{param}'")]
    UnknownParam {
        /// The parameter.
        param: String,
        /// The nearest one that there is.
        nearest: Option<String>,
    },
}

impl FieldError {
    /// What to do about it, when that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { nearest, .. } | Self::UnknownParam { nearest, .. } | Self::UnknownEvent { nearest, .. } => {
                nearest.as_ref().map(|name| format!("did you mean '{name}'?"))
            }
            Self::NeedsArg { .. } | Self::BadArg { .. } | Self::Gone { .. } => None,
        }
    }
}

/// What `evt.outputtime` shows: `-t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeMode {
    /// Local time of day.
    #[default]
    Human,
    /// Seconds since the epoch.
    Absolute,
    /// Seconds since the first event.
    Relative,
    /// Seconds from entry to exit.
    Latency,
    /// Seconds since the previous event.
    Delta,
}

/// How values are shown, as the options of the command say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Show {
    /// What `evt.outputtime` is.
    pub time: TimeMode,
    /// Data is printed whole, not cut to 80 characters.
    pub whole_data: bool,
    /// What data looks like.
    pub data: DataMode,
    /// Ports have the names of their services.
    pub services: bool,
    /// It is for lines, in which what shows data in several lines has to escape the rest itself.
    pub lines: bool,
}

impl Show {
    /// As without any option.
    pub const PLAIN: Self =
        Self { time: TimeMode::Human, whole_data: false, data: DataMode::Dots, services: false, lines: false };

    /// Whether texts with data in them are escaped where they are made, since the data has lines.
    #[must_use]
    pub fn escapes(&self) -> bool {
        self.lines && self.data != DataMode::Dots
    }
}

/// What stood in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Nothing.
    None,
    /// A number.
    Index(usize),
    /// A name.
    Name(Box<str>),
    /// A parameter of that name.
    Param(Box<ParamAt>),
}

/// Where the parameter of a name stands in each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamAt {
    /// The name.
    pub name: Box<str>,
    by_code: Box<[u8]>,
}

const ABSENT: u8 = u8::MAX;

impl ParamAt {
    fn find(name: &str) -> Option<Self> {
        let mut by_code = vec![ABSENT; CODES.into()];
        let mut found = false;
        // What only rows of captures name is no name, but a name finds its parameter in those rows too.
        for row in events::all().filter(|row| row.code < LIVE_ONLY).chain(events::old()) {
            if let (Some((at, _)), Some(slot)) = (row.param(name), by_code.get_mut(usize::from(row.code))) {
                *slot = at as u8;
                found |= !row.flags.has(Flags::OLD);
            }
        }
        found.then(|| Self { name: name.into(), by_code: by_code.into() })
    }

    /// What it is, in all rows of the running kernel that have it.
    fn kinds(&self) -> impl Iterator<Item = Kind> {
        events::all().filter_map(|row| row.params.get(self.in_row(row.code)?)).map(|param| param.kind)
    }

    /// Whether it is the path of an opened file in one of these rows, which is only recorded where names are asked for.
    fn is_opened_path(&self) -> bool {
        let mut params = events::all().filter_map(|row| row.params.get(self.in_row(row.code)?));
        params.any(|param| param.source.op == Op::OpenedPath)
    }

    /// Whether it shows a command line in one of these rows.
    fn is_command(&self) -> bool {
        events::all().filter_map(|row| row.params.get(self.in_row(row.code)?)).any(|param| param.is_command)
    }

    fn in_row(&self, code: u16) -> Option<usize> {
        self.by_code.get(usize::from(code)).filter(|at| **at != ABSENT).map(|at| usize::from(*at))
    }
}

/// The argument of a field, and how its value is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// What stood in brackets.
    pub key: Key,
    /// How values are shown.
    pub show: Show,
}

impl Arg {
    /// A number.
    #[must_use]
    pub const fn index(index: usize) -> Self {
        Self { key: Key::Index(index), show: Show::PLAIN }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn as_index(&self) -> Option<usize> {
        if let Key::Index(index) = self.key { Some(index) } else { None }
    }

    /// The name, if it is one.
    #[must_use]
    pub fn as_name(&self) -> Option<&str> {
        if let Key::Name(name) = &self.key { Some(name) } else { None }
    }

    /// The parameter of the row that is meant, if it has it.
    #[must_use]
    pub fn param(&self, row: &events::Event) -> Option<usize> {
        match &self.key {
            Key::Param(param) => param.in_row(row.code),
            Key::Index(index) => (*index < row.params.len()).then_some(*index),
            Key::None | Key::Name(_) => None,
        }
    }
}

/// A field that a user named, with its argument.
#[derive(Debug, Clone)]
pub struct FieldRef {
    /// The row.
    pub field: &'static Field,
    /// The argument.
    pub arg: Arg,
    /// The type, which for a parameter depends on the argument.
    pub kind: Type,
}

static BY_NAME: LazyLock<FxHashMap<&'static str, &'static Field>> =
    LazyLock::new(|| all().map(|field| (field.name, field)).collect());

impl Field {
    /// The row of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        BY_NAME.get(name).copied()
    }
}

impl FieldRef {
    /// Resolves `class.name`, `class.name[arg]` and, for parameters, `class.name.arg`.
    ///
    /// # Errors
    /// There is no such field, or it has the wrong argument.
    pub fn resolve(text: &str, show: Show) -> Result<Self, FieldError> {
        let (name, arg) = match text.split_once('[') {
            Some((name, arg)) => (name, Some(arg.strip_suffix(']').unwrap_or(arg))),
            None => (text, None),
        };
        if let Some(field) = BY_NAME.get(name).copied() {
            return Self::with_arg(field, arg, show);
        }
        // `evt.arg.name`: the longest row name that is a prefix.
        let dotted = name.rmatch_indices('.').find_map(|(at, _)| {
            let field = BY_NAME.get(&name[..at]).copied()?;
            let has_names = match field.arg {
                ArgRule::None | ArgRule::IndexAllowed | ArgRule::Time => false,
                ArgRule::Ancestor => field.or_name,
                ArgRule::Param | ArgRule::Name | ArgRule::NameAllowed => true,
                ArgRule::IndexOrName | ArgRule::Event | ArgRule::Side => true,
            };
            has_names.then(|| (field, &name[at + 1..]))
        });
        match dotted {
            Some((field, rest)) if arg.is_none() && !rest.is_empty() => Self::with_arg(field, Some(rest), show),
            _ => Err(match gone::why(name) {
                Some(why) => FieldError::Gone { name: name.to_owned(), why },
                None => FieldError::Unknown { name: name.to_owned(), nearest: nearest(name, all().map(|f| f.name)) },
            }),
        }
    }

    fn with_arg(field: &'static Field, arg: Option<&str>, show: Show) -> Result<Self, FieldError> {
        let bad = |arg: &str| FieldError::BadArg { name: field.name, arg: arg.to_owned() };
        let mut kind = field.kind;
        let Some(arg) = arg else {
            let may_stand_alone = match field.arg {
                ArgRule::None | ArgRule::IndexAllowed | ArgRule::Ancestor | ArgRule::NameAllowed => true,
                ArgRule::Side => true,
                ArgRule::Name | ArgRule::IndexOrName | ArgRule::Param | ArgRule::Event | ArgRule::Time => false,
            };
            if !may_stand_alone {
                return Err(FieldError::NeedsArg { name: field.name });
            }
            return Ok(Self { field, arg: Arg { key: Key::None, show }, kind });
        };
        let name = || Key::Name(arg.trim_matches(['"', '\'']).into());
        let key = match field.arg {
            ArgRule::None => return Err(bad(arg)),
            ArgRule::Ancestor if field.or_name => arg.parse().map_or_else(|_| name(), Key::Index),
            ArgRule::IndexAllowed | ArgRule::Ancestor | ArgRule::Time => Key::Index(arg.parse().map_err(|_| bad(arg))?),
            ArgRule::Name | ArgRule::NameAllowed => name(),
            ArgRule::IndexOrName => arg.parse().map_or_else(|_| name(), Key::Index),
            ArgRule::Side => match arg {
                "src" => Key::Index(0),
                "dst" => Key::Index(1),
                _ => return Err(bad(arg)),
            },
            ArgRule::Event => match arg.parse() {
                Ok(code) => Key::Index(code),
                Err(_) if events::all().chain(events::old()).any(|row| row.name == arg) => name(),
                Err(_) if arch::call_names().any(|call| call == arg) => name(),
                Err(_) => {
                    let names = events::all().map(|row| row.name).chain(arch::call_names());
                    return Err(FieldError::UnknownEvent { name: arg.to_owned(), nearest: nearest(arg, names) });
                }
            },
            ArgRule::Param => match arg.parse() {
                Ok(index) if field.name == "evt.arg" => Key::Index(index),
                _ => {
                    let param = ParamAt::find(arg).ok_or_else(|| FieldError::UnknownParam {
                        param: arg.to_owned(),
                        nearest: nearest(arg, events::all().flat_map(|row| row.params).map(|param| param.name)),
                    })?;
                    if field.name == "evt.rawarg" {
                        kind = raw_type(arg);
                    }
                    Key::Param(Box::new(param))
                }
            },
        };
        Ok(Self { field, arg: Arg { key, show }, kind })
    }

    /// The value in an event.
    #[must_use]
    pub fn get<'a>(&self, context: &Context<'a>) -> Value<'a> {
        (self.field.get)(context, &self.arg)
    }

    /// The value that all events of a type have; `None` when it depends on the event.
    #[must_use]
    pub fn by_type(&self, event: &EventType<'_>) -> Option<Value<'static>> {
        (self.field.by_type)(event, &self.arg)
    }

    /// What has to be collected for it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let of_param = |kind: Kind| kind_needs(kind, self.field.shows_data);
        let of_key: Needs = match &self.arg.key {
            Key::Param(param) if param.is_opened_path() => Needs::STATE,
            Key::Param(param) => param.kinds().map(of_param).collect(),
            // Which parameter the number stands for depends on the event.
            Key::Index(_) if self.field.arg == ArgRule::Param => {
                events::all().flat_map(|row| row.params).map(|param| of_param(param.kind)).collect()
            }
            Key::Index(_) | Key::None | Key::Name(_) => Needs::NONE,
        };
        let latency = self.field.name == "evt.outputtime" && self.arg.show.time == TimeMode::Latency;
        let needs = self.field.needs.with(of_key);
        if latency { needs.with(Needs::LATENCY) } else { needs }
    }

    /// Whether it shows a command line or an environment.
    #[must_use]
    pub fn reveals_command(&self) -> bool {
        match (self.field.reveals, &self.arg.key) {
            (Reveals::Nothing, _) => false,
            (Reveals::Params, Key::Param(param)) => param.is_command(),
            (Reveals::Command | Reveals::Params, _) => true,
        }
    }

    /// Its unit: of results of reads and writes, bytes.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.field.unit
    }

    /// The name with its argument.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.arg.key {
            Key::None => self.field.name.to_owned(),
            Key::Index(index) => format!("{}[{index}]", self.field.name),
            Key::Name(name) => format!("{}[{name}]", self.field.name),
            Key::Param(param) => format!("{}.{}", self.field.name, param.name),
        }
    }
}

/// What the text of a parameter of that kind needs; its plain value needs less, unless `means` is set: then it is shown with what
/// it means.
fn kind_needs(kind: Kind, means: bool) -> Needs {
    match kind {
        Kind::Bytes => Needs::PAYLOAD,
        // Letters of their types, in both.
        Kind::FdList => Needs::STATE,
        // Names of files, and directories that paths begin at.
        Kind::Fd | Kind::Fd32 | Kind::Path | Kind::PathAt(_) if means => Needs::STATE,
        // Names of other threads.
        Kind::Pid | Kind::Pid32 if means => Needs::THREADS,
        Kind::Dyn(set) => set.kinds.iter().map(|kind| kind_needs(*kind, means)).collect(),
        Kind::Fd | Kind::Fd32 | Kind::Path | Kind::PathAt(_) | Kind::Pid | Kind::Pid32 => Needs::NONE,
        Kind::Errno
        | Kind::U8
        | Kind::I16
        | Kind::U16
        | Kind::U32
        | Kind::U64
        | Kind::Low32
        | Kind::I32
        | Kind::I64
        | Kind::Hex8
        | Kind::Hex32
        | Kind::HexI32
        | Kind::Hex64
        | Kind::Oct32
        | Kind::Text
        | Kind::List
        | Kind::SockAddr
        | Kind::SockTuple
        | Kind::Flags8(_)
        | Kind::Flags16(_)
        | Kind::Flags32(_)
        | Kind::Enum8(_)
        | Kind::Enum16(_)
        | Kind::Enum32(_)
        | Kind::Mode(_)
        | Kind::SigSet
        | Kind::RelTime
        | Kind::Uid
        | Kind::Gid
        | Kind::Signal
        | Kind::AbsTime
        | Kind::SyscallId
        | Kind::Port
        | Kind::Ip4
        | Kind::Ip6
        | Kind::TextArray
        | Kind::PairArray => Needs::NONE,
    }
}

/// The type of a parameter with its native type; rows that have another one give no value.
fn raw_type(name: &str) -> Type {
    let kind = events::all().find_map(|row| row.param(name)).map(|(_, param)| param.kind);
    match kind {
        Some(
            Kind::Text
            | Kind::Path
            | Kind::PathAt(_)
            | Kind::List
            | Kind::SockAddr
            | Kind::SockTuple
            | Kind::FdList
            | Kind::Dyn(_),
        )
        | None => Type::Text,
        Some(Kind::Bytes) => Type::Bytes,
        Some(_) => Type::Int,
    }
}

/// The name that was probably meant.
#[must_use]
pub fn nearest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let limit = (wrong.chars().count() / 3).max(1);
    names
        .map(|name| {
            // Of names that are as near, the one that begins alike.
            let alike = wrong.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
            (distance(wrong, name), std::cmp::Reverse(alike), name)
        })
        .filter(|(distance, ..)| *distance <= limit)
        .min()
        .map(|(.., name)| name.to_owned())
}

/// Edits (insert, delete, replace, swap of neighbours) from one text to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut best = (last[j] + usize::from(a[i] != b[j])).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<FieldRef, FieldError> {
        FieldRef::resolve(text, Show::default())
    }

    #[test]
    fn names_resolve_with_their_arguments() {
        for name in [
            "evt.num",
            "evt.arg[0]",
            "evt.arg.name",
            "evt.rawarg.res",
            "proc.aname[2]",
            "proc.env[HOME]",
            "proc.aenv[HOME]",
            "proc.aenv[2]",
            "evt.around[1506127469900617765]",
            "container.mount[0]",
            "container.mount[/a/*]",
            "fd.types[3]",
        ] {
            assert_eq!(resolve(name).unwrap().name(), name);
        }
        assert_eq!(resolve("evt.rawarg.res").unwrap().kind, Type::Int);
        assert_eq!(resolve("evt.rawarg.data").unwrap().kind, Type::Bytes);
        assert_eq!(resolve("thread.cgroup.cpu").unwrap().arg.as_name(), Some("cpu"));
        assert_eq!(resolve("container.label[a.b/c]").unwrap().arg.as_name(), Some("a.b/c"));
    }

    #[test]
    fn data_is_taken_for_those_who_ask_for_it() {
        let takes = |name: &str| resolve(name).unwrap().needs().has(Needs::PAYLOAD);
        assert!(takes("evt.arg.data") && takes("evt.arg[1]") && takes("evt.rawarg.img") && takes("evt.buffer"));
        assert!(!takes("evt.arg.name") && !takes("evt.rawarg.fd") && !takes("proc.aname[1]"));
    }

    #[test]
    fn wrong_names_get_a_suggestion() {
        assert_eq!(resolve("proc.nmae").unwrap_err().hint().as_deref(), Some("did you mean 'proc.name'?"));
        assert_eq!(resolve("evt.arg.falgs").unwrap_err().hint().as_deref(), Some("did you mean 'flags'?"));
        assert_eq!(resolve("evt.type.is.opnat").unwrap_err().hint().as_deref(), Some("did you mean 'openat'?"));
        assert!(resolve("span.id").unwrap_err().to_string().starts_with("field 'span.id' was removed: "));
        assert!(matches!(resolve("evt.abspath[x]"), Err(FieldError::BadArg { .. })));
        assert!(matches!(resolve("evt.around"), Err(FieldError::NeedsArg { .. })));
        assert!(matches!(resolve("evt.arg"), Err(FieldError::NeedsArg { .. })));
        assert!(matches!(resolve("evt.num[3]"), Err(FieldError::BadArg { .. })));
        assert!(matches!(resolve("proc.name.x"), Err(FieldError::Unknown { .. })));
    }
}
