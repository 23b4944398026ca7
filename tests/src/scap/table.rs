//! What is known of events, from `captures/event-table.csv`.

use std::{collections::HashMap, sync::LazyLock};

use super::Rules;

/// An event.
#[derive(Debug)]
pub struct Event {
    /// Name and direction.
    pub name: &'static str,
    /// Whether it is in large blocks.
    pub large: bool,
    /// Numbers of parameters that were ever released.
    counts: Vec<usize>,
    /// The one that released readers know.
    pub released: usize,
    /// In their order.
    pub params: Vec<Param>,
}

/// A parameter.
#[derive(Debug)]
pub struct Param {
    pub name: &'static str,
    pub shape: Shape,
    /// When a released reader cannot do without it.
    needed: Needed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    Never,
    /// If the first parameter, the result of the call, is no error.
    OnSuccess,
    /// The same, if the next parameter has a byte.
    BeforeNext,
    Always,
}

/// What the bytes of a parameter look like. A parameter without a byte has no value, whatever its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// So many bytes.
    Width(usize),
    /// Ends in the only NUL.
    Text,
    /// Anything.
    Bytes,
    /// An address.
    Address,
    /// Two addresses.
    Tuple,
    /// Descriptors with flags, behind their number.
    Fds,
    /// One of these, chosen by the first byte.
    Chosen(Vec<Shape>),
}

static EVENTS: LazyLock<HashMap<u16, Event>> = LazyLock::new(|| {
    let lines = include_str!("../../captures/event-table.csv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| event(line).unwrap_or_else(|| panic!("in the table of events: {line}"))).collect()
});

/// The event of that code.
pub fn by_code(code: u16) -> Option<&'static Event> {
    EVENTS.get(&code)
}

fn event(line: &'static str) -> Option<(u16, Event)> {
    let columns: Vec<_> = line.split(';').collect();
    let [code, name, large, counts, params] = columns[..] else { return None };
    let params: Option<Vec<_>> = params.split_whitespace().map(param).collect();
    let (counts, released) = counts_of(counts)?;
    Some((code.parse().ok()?, Event { name, large: large == "L", counts, released, params: params? }))
}

/// `2 (3) 4` or `0-3`; the number in brackets, else the last, is the released one.
fn counts_of(column: &str) -> Option<(Vec<usize>, usize)> {
    if let Some((first, last)) = column.split_once('-') {
        let last = last.parse().ok()?;
        return Some(((first.parse().ok()?..=last).collect(), last));
    }
    let bracketed = column.split_whitespace().find_map(|count| count.strip_prefix('(')?.strip_suffix(')'));
    let counts = column.split_whitespace().map(|count| count.trim_matches(['(', ')']).parse().ok());
    let counts = counts.collect::<Option<Vec<_>>>()?;
    let released = bracketed.map_or_else(|| counts.last().copied(), |count| count.parse().ok())?;
    Some((counts, released))
}

fn param(column: &'static str) -> Option<Param> {
    let (name, of) = column.split_once(':')?;
    let marks = [('!', Needed::Always), ('+', Needed::OnSuccess), ('&', Needed::BeforeNext)];
    let marked = marks.into_iter().find_map(|(mark, needed)| Some((of.strip_suffix(mark)?, needed)));
    let (of, needed) = marked.unwrap_or((of, Needed::Never));
    Some(Param { name, shape: shape(of)?, needed })
}

impl Param {
    /// Whether a released reader ends where this has no byte. The first parameter of the event is given, and whether the next
    /// one has a byte.
    pub fn is_needed(&self, first: &[u8], next: bool) -> bool {
        let success = || first.try_into().is_ok_and(|result| i64::from_le_bytes(result) >= 0);
        match self.needed {
            Needed::Never => false,
            Needed::OnSuccess => success(),
            Needed::BeforeNext => next && success(),
            Needed::Always => true,
        }
    }
}

fn shape(text: &str) -> Option<Shape> {
    Some(match text {
        "text" => Shape::Text,
        "bytes" => Shape::Bytes,
        "sockaddr" => Shape::Address,
        "socktuple" => Shape::Tuple,
        "fds" => Shape::Fds,
        _ => match text.strip_prefix("dyn=") {
            Some(choices) => Shape::Chosen(choices.split('/').map(shape).collect::<Option<_>>()?),
            None => Shape::Width(text.parse().ok()?),
        },
    })
}

impl Event {
    /// What is wrong with this number of parameters.
    pub fn count_fault(&self, count: usize, rules: Rules) -> Option<String> {
        let known = if rules == Rules::Released { self.released } else { self.params.len() };
        if count > known {
            return Some(format!("{count} parameters where readers know {known}"));
        }
        (!self.counts.contains(&count)).then(|| format!("{count} parameters, as no release ever had"))
    }
}

impl Shape {
    /// What is wrong with these bytes; some there are.
    pub fn fault(&self, bytes: &[u8]) -> Option<String> {
        let (len, first) = (bytes.len(), bytes.first().copied().unwrap_or_default());
        let ends_in_nul = || bytes.iter().position(|byte| *byte == 0) == Some(len - 1);
        let fine = match self {
            Self::Width(width) => len == *width,
            Self::Text => ends_in_nul(),
            Self::Bytes => true,
            Self::Address => match first {
                UNIX => bytes[1..].iter().position(|byte| *byte == 0) == len.checked_sub(2),
                INET => len == 1 + 4 + 2,
                INET6 => len == 1 + 16 + 2,
                _ => true,
            },
            Self::Tuple => match first {
                UNIX => len > 17 && bytes[17..].iter().position(|byte| *byte == 0) == Some(len - 18),
                INET => len == 1 + 2 * (4 + 2),
                INET6 => len == 1 + 2 * (16 + 2),
                _ => true,
            },
            Self::Fds => len >= 2 && len == 2 + 10 * usize::from(u16::from_le_bytes([bytes[0], bytes[1]])),
            Self::Chosen(choices) => match choices.get(usize::from(first)) {
                Some(chosen) => return if len == 1 { None } else { chosen.fault(&bytes[1..]) },
                None => false,
            },
        };
        (!fine).then(|| format!("{len} bytes, beginning with {first}, are no {self:?}"))
    }
}

/// Families of addresses.
const UNIX: u8 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;

#[cfg(test)]
mod tests {
    use tracer_common::events;

    use super::*;

    #[test]
    fn the_tracers_own_table_has_the_same_events() {
        let mut same = 0;
        let rows = events::all().chain(events::old()).filter(|row| !row.live_only() && !row.is_own());
        for row in rows {
            let Some(event) = by_code(row.code) else { panic!("{} has a code that nobody knows", row.ident) };
            let names: Vec<_> = event.params.iter().map(|param| param.name).collect();
            let in_files = row.params.iter().filter(|param| !param.source.is_own());
            let own: Vec<_> = in_files.map(|param| param.name).collect();
            assert_eq!(own, names, "{}", row.ident);
            for (param, other) in row.params.iter().zip(&event.params) {
                let width = if let Shape::Width(width) = other.shape { Some(width) } else { None };
                assert_eq!(param.kind.width(), width, "{}.{}", row.ident, param.name);
            }
            same += 1;
        }
        assert!(same > 180, "{same}");
    }

    #[test]
    fn released_readers_know_one_parameter_less_of_three_events() {
        let mut fewer: Vec<_> = EVENTS.iter().filter(|(_, event)| event.released < event.params.len()).collect();
        fewer.sort_by_key(|(code, _)| **code);
        let fewer: Vec<_> = fewer.iter().map(|(_, event)| (event.name, event.params.len() - event.released)).collect();
        assert_eq!(fewer, [("socket <", 1), ("fcntl <", 1), ("execve <", 1)]);
    }
}
