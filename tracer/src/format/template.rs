//! The format language of `-p`.
//!
//! Plain text is copied; `%field` is the text of a field, of the longest name that is one; `%Nfield` pads it with blanks
//! or cuts it to N columns of a terminal. Transformers of fields stand as in filters: `%toupper(proc.name)`. A leading `*` prints events
//! that lack some of the fields, with `<NA>` in their place; without it such events are not printed. `%%` is a percent
//! sign. `\n`, `\t`, `\e` and `\\` are a newline, a tab, the escape character and a backslash.

use tracer_common::events;

use crate::{
    event::Row,
    fields::{Context, EventType, FieldError, FieldRef, Needs, Show, Type, Value, Writer},
    filter::{FilterError, Operand},
};

use super::{
    data::{self, DataMode},
    escape::{escape, escape_from},
    width::fit,
};

/// What stands in place of a value that is missing.
pub const MISSING: &[u8] = b"<NA>";

/// The widest column, and the longest format: what a line takes is bounded by them.
const MAX_WIDTH: usize = 1_000;
const MAX_BYTES: usize = 64 << 10;
/// Characters of a format that are shown from what is wrong on.
const SHOWN: usize = 100;

/// What stands there, as much as helps.
fn from_here(rest: &str) -> String {
    match rest.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &rest[..end]),
        None => rest.to_owned(),
    }
}

/// Why a format is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A `%` without a field.
    #[error("no field after '%' at '{rest}'")]
    NoField {
        /// The format from there on.
        rest: String,
    },
    /// What stands behind a `%` is no field.
    #[error("{source} at '{rest}'")]
    Field {
        /// Why.
        source: FieldError,
        /// The format from there on.
        rest: String,
    },
    /// A transformer is wrong.
    #[error("{} at '{rest}'", source.message)]
    Transformer {
        /// Why.
        source: FilterError,
        /// The format from there on.
        rest: String,
    },
    /// A width that no line can have.
    #[error("the width must be from 1 to {MAX_WIDTH}, at '{rest}'")]
    Width {
        /// The format from there on.
        rest: String,
    },
    /// The format is longer than any.
    #[error("it has more than {} KiB", MAX_BYTES >> 10)]
    TooLong,
    /// The field is only for filters.
    #[error("field '{name}' is only for filters: it has several values")]
    FilterOnly {
        /// The field.
        name: String,
    },
}

#[derive(Debug)]
enum Segment {
    Text(Vec<u8>),
    Field(Column),
}

/// A field of a format.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) field: Operand,
    width: Option<usize>,
    /// As it was written.
    pub(super) token: Box<str>,
    /// What it shows has lines and is escaped already.
    has_lines: bool,
    /// Appends its text without a value.
    write: Option<Writer>,
}

impl Column {
    /// Appends the text of the value, safe for a terminal. False if it is missing.
    fn render(&self, context: &Context<'_>, mode: DataMode, out: &mut Vec<u8>) -> bool {
        if let (Some(write), Operand::Field(field)) = (self.write, &self.field) {
            let from = out.len();
            let is_there = write(context, &field.arg, out);
            if !self.has_lines {
                escape_from(out, from);
            }
            return is_there;
        }
        let field = &self.field;
        match field.get(context) {
            value if value.is_missing() => return false,
            Value::Text(bytes) if field.kind() == Type::Bytes => data::write(&bytes, mode, true, out),
            Value::Text(text) if self.has_lines => out.extend_from_slice(&text),
            Value::Text(text) => escape(&text, out),
            value @ Value::List(_) => {
                let from = out.len();
                value.write(field.digits(), out);
                escape_from(out, from);
            }
            // Numbers, addresses and the like are plain by nature.
            value => value.write(field.digits(), out),
        }
        true
    }
}

/// A format, compiled.
#[derive(Debug)]
pub struct Template {
    segments: Vec<Segment>,
    /// Print events that lack a field.
    lenient: bool,
    show: Show,
}

impl Template {
    /// Compiles a format.
    ///
    /// # Errors
    /// A field is not known, or a `%` stands alone.
    pub fn parse(format: &str, show: Show) -> Result<Self, TemplateError> {
        if format.len() > MAX_BYTES {
            return Err(TemplateError::TooLong);
        }
        let (lenient, mut rest) = match format.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, format),
        };
        let mut segments = Vec::new();
        let mut text = Vec::new();
        while let Some(character) = rest.chars().next() {
            match character {
                '%' if rest.starts_with("%%") => {
                    text.push(b'%');
                    rest = &rest[2..];
                }
                '%' => {
                    if !text.is_empty() {
                        segments.push(Segment::Text(std::mem::take(&mut text)));
                    }
                    let (segment, behind) = parse_field(rest, show)?;
                    segments.push(segment);
                    rest = behind;
                }
                '\\' => {
                    let (byte, len) = match rest.as_bytes().get(1) {
                        Some(b'n') => (b'\n', 2),
                        Some(b't') => (b'\t', 2),
                        Some(b'e') => (b'\x1b', 2),
                        Some(b'\\') => (b'\\', 2),
                        _ => (b'\\', 1),
                    };
                    text.push(byte);
                    rest = &rest[len..];
                }
                _ => {
                    let len = character.len_utf8();
                    text.extend_from_slice(&rest.as_bytes()[..len]);
                    rest = &rest[len..];
                }
            }
        }
        if !text.is_empty() {
            segments.push(Segment::Text(text));
        }
        Ok(Self { segments, lenient, show })
    }

    /// Appends the text of an event, without a newline. Returns false, and appends nothing, when a field is missing and
    /// the format does not begin with `*`.
    pub fn render(&self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        for segment in &self.segments {
            let column = match segment {
                Segment::Text(text) => {
                    out.extend_from_slice(text);
                    continue;
                }
                Segment::Field(column) => column,
            };
            let from = out.len();
            if !column.render(context, self.show.data, out) {
                if !self.lenient {
                    out.truncate(start);
                    return false;
                }
                out.extend_from_slice(MISSING);
            }
            if let Some(width) = column.width {
                fit(out, from, width);
            }
        }
        true
    }

    /// Whether a field has a value only for events of a few rows, of which this is one.
    #[must_use]
    pub fn names(&self, row: &'static Row) -> bool {
        let has = |field: &FieldRef, row: &'static Row| {
            !field.by_type(&EventType::of(row)).is_some_and(|value| value.is_missing())
        };
        self.fields().any(|field| {
            let rows = events::all().filter(|row| has(field, row)).count();
            has(field, row) && 10 * rows < events::all().count()
        })
    }

    /// What has to be collected for its fields.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.fields().map(FieldRef::needs).collect()
    }

    /// The fields in their order.
    pub fn fields(&self) -> impl Iterator<Item = &FieldRef> {
        self.segments.iter().flat_map(|segment| match segment {
            Segment::Text(_) => Vec::new(),
            Segment::Field(column) => column.field.fields(),
        })
    }

    /// What stands between its texts, with how it is written.
    pub fn operands(&self) -> impl Iterator<Item = (&str, &Operand)> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Text(_) => None,
            Segment::Field(column) => Some((&*column.token, &column.field)),
        })
    }

    /// The fields without the text between them.
    pub(super) fn into_columns(self) -> impl Iterator<Item = Column> {
        self.segments.into_iter().filter_map(|segment| match segment {
            Segment::Text(_) => None,
            Segment::Field(column) => Some(column),
        })
    }

    pub(super) fn show(&self) -> Show {
        self.show
    }

    pub(super) fn is_lenient(&self) -> bool {
        self.lenient
    }
}

/// Parses `%Nfield[arg]` at the start of `text`, and returns what stands behind it.
fn parse_field(text: &str, show: Show) -> Result<(Segment, &str), TemplateError> {
    let behind = &text[1..];
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    let too_wide = || TemplateError::Width { rest: from_here(text) };
    let width = match &behind[..digits] {
        "" if behind.starts_with('-') && behind[1..].starts_with(|first: char| first.is_ascii_digit()) => {
            return Err(too_wide());
        }
        "" => None,
        number => Some(number.parse().ok().filter(|width| (1..=MAX_WIDTH).contains(width)).ok_or_else(too_wide)?),
    };
    let name_at = &behind[digits..];
    let wrong = |source| TemplateError::Transformer { source, rest: from_here(text) };
    if let Some((field, len)) = Operand::at_start(name_at, show).map_err(wrong)? {
        return finish(field, width, name_at, len, show);
    }
    let len = name_at.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count();
    if len == 0 {
        return Err(TemplateError::NoField { rest: from_here(text) });
    }
    let arg = match name_at[len..].starts_with('[') {
        true => name_at[len..].find(']').map_or(0, |end| end + 1),
        false => 0,
    };
    let first = match FieldRef::resolve(&name_at[..len + arg], show) {
        Ok(field) => return finish(Operand::Field(field), width, name_at, len + arg, show),
        Err(error) => error,
    };
    // What follows the name may look like part of it: "%proc.name." and "%evt.times".
    for shorter in (1..len).rev() {
        if let Ok(field) = FieldRef::resolve(&name_at[..shorter], show) {
            return finish(Operand::Field(field), width, name_at, shorter, show);
        }
    }
    Err(TemplateError::Field { source: first, rest: from_here(text) })
}

/// The column whose field is the first `len` bytes of `text`, and what stands behind it.
fn finish(
    field: Operand,
    width: Option<usize>,
    text: &str,
    len: usize,
    show: Show,
) -> Result<(Segment, &str), TemplateError> {
    if let Some(field) = field.fields().into_iter().find(|field| field.field.filter_only) {
        return Err(TemplateError::FilterOnly { name: field.name() });
    }
    let has_lines = show.escapes() && matches!(&field, Operand::Field(field) if field.field.shows_data);
    let write = if let Operand::Field(field) = &field { field.field.write } else { None };
    let column = Column { field, width, token: text[..len].into(), has_lines, write };
    Ok((Segment::Field(column), &text[len..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    fn names(format: &str) -> Vec<String> {
        Template::parse(format, Show::default()).unwrap().fields().map(FieldRef::name).collect()
    }

    #[test]
    fn the_longest_name_wins_and_the_rest_is_text() {
        assert_eq!(names("%evt.time.s: %proc.name. %evt.arg.name"), ["evt.time.s", "proc.name", "evt.arg.name"]);
        assert_eq!(names("*%5proc.aname[2])"), ["proc.aname[2]"]);
        assert_eq!(names("%proc.name%proc.pid"), ["proc.name", "proc.pid"]);
        assert_eq!(names("%proc.name(%proc.pid)"), ["proc.name", "proc.pid"]);
    }

    #[test]
    fn transformers_stand_as_in_filters() {
        let world = World::new();
        let record = world.openat(10, 3, b"/etc/passwd");
        let rendered = |format: &str| {
            let mut out = Vec::new();
            let template = Template::parse(format, Show::default()).unwrap();
            world.with(&record, |context| template.render(context, &mut out));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(rendered("%toupper(proc.name)(%proc.pid)"), "BASH(10)");
        assert_eq!(rendered("%8basename( fd.name ):%len(fd.name)"), "passwd  :11");
        assert_eq!(rendered("%concat(proc.pname, \"\\n\", proc.name)"), "init\\x0abash", "text is escaped");
        assert_eq!(rendered("*%b64(concat(proc.name, \"!\"))."), "<NA>.");
    }

    #[test]
    fn a_time_that_is_not_known_is_missing() {
        let world = World::new();
        let record = world.openat(10, 3, b"/etc/passwd");
        let rendered = |format: &str| {
            let show = Show { time: crate::fields::TimeMode::Latency, ..Show::default() };
            let mut out = b"in front".to_vec();
            let shown = world.with(&record, |context| Template::parse(format, show).unwrap().render(context, &mut out));
            (shown, String::from_utf8(out).unwrap())
        };
        assert_eq!(rendered("%evt.num %evt.outputtime"), (false, "in front".to_owned()));
        assert_eq!(rendered("*|%evt.outputtime|%6evt.outputtime|"), (true, "in front|<NA>|<NA>  |".to_owned()));
    }

    #[test]
    fn wrong_formats_name_the_place() {
        let error = |format: &str| Template::parse(format, Show::default()).unwrap_err().to_string();
        assert_eq!(error("100%"), "no field after '%' at '%'");
        assert_eq!(error("a % b"), "no field after '%' at '% b'");
        assert_eq!(error("x %foo.bar y"), "unknown field 'foo.bar' at '%foo.bar y'");
        assert_eq!(error("x %len(proc.pid)"), "'len' takes one field that is text, data or a list at '%len(proc.pid)'");
        assert_eq!(error("%len(proc.name"), "the bracket is not closed at '%len(proc.name'");
        assert_eq!(error("%fd.ip"), "field 'fd.ip' is only for filters: it has several values");
    }

    #[test]
    fn widths_are_columns_of_a_terminal() {
        let world = World::new();
        for (name, expected) in
            [("/日本語", "|/日本語   |/日本|"), ("/grüße", "|/grüße    |/grüß|"), ("/ab🚀", "|/ab🚀     |/ab🚀|")]
        {
            let record = world.openat(10, 3, name.as_bytes());
            let mut out = Vec::new();
            let template = Template::parse("|%10evt.arg.name|%5evt.arg.name|", Show::default()).unwrap();
            assert!(world.with(&record, |context| template.render(context, &mut out)));
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
