//! What a parameter must be, and the comparison with what it is.
//!
//! ```ignore
//! check!(run, OPENAT { fd: 3, dirfd: AT_FDCWD, name: "/etc/passwd", flags: flags("O_RDONLY"), mode: 0, dev: dev, ino: ino });
//! ```
//! takes the next event of that row and compares *every* parameter: one that is not named is a failure, so a row with a
//! `check!` is tested whole (`coverage.rs` of the kernel level builds on this).

use std::{ffi::CStr, fmt::Write as _};

use tracer::event::{Event, ParamValue, SockAddr, SockTuple, sockaddr::Endpoint};
use tracer_common::events::Param;

/// What a parameter must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Is {
    /// That number.
    Number(i128),
    /// A number within these, both included.
    Between(i128, i128),
    /// That text, those bytes, or that address or tuple in its text form: `1.2.3.4:80`, `1.2.3.4:80->5.6.7.8:90`.
    Bytes(Vec<u8>),
    /// One of those.
    OneOf(Vec<Is>),
    /// These names of bits or of a value, with `|`, in the order of their set.
    Names(&'static str),
    /// These texts.
    List(Vec<Vec<u8>>),
    /// No value.
    Missing,
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl From<$number> for Is {
            fn from(number: $number) -> Self {
                Self::Number(number as i128)
            }
        })*
    };
}
numbers!(i32 u32 i64 u64 usize);

impl From<&str> for Is {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<String> for Is {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

impl From<&CStr> for Is {
    fn from(text: &CStr) -> Self {
        Self::Bytes(text.to_bytes().to_vec())
    }
}

impl From<&[u8]> for Is {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Is {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<std::ops::RangeInclusive<i64>> for Is {
    fn from(range: std::ops::RangeInclusive<i64>) -> Self {
        Self::Between((*range.start()).into(), (*range.end()).into())
    }
}

/// Names of bits, as in `flags("O_CREAT|O_RDWR")`; `""` for none.
#[must_use]
pub fn flags(names: &'static str) -> Is {
    Is::Names(names)
}

/// No value: nothing could be read, or there is nothing.
#[must_use]
pub fn missing() -> Is {
    Is::Missing
}

/// Texts.
pub fn list<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Is {
    Is::List(texts.into_iter().map(|text| text.as_ref().to_vec()).collect())
}

fn address(value: &SockAddr<'_>) -> Vec<u8> {
    match value {
        SockAddr::Inet(address) => Endpoint::new(*address).to_string().into_bytes(),
        SockAddr::Unix(path) => path.to_vec(),
        SockAddr::Other(family) => format!("family {family}").into_bytes(),
    }
}

fn tuple(value: &SockTuple<'_>) -> Vec<u8> {
    match value {
        SockTuple::Inet { source, dest } => {
            format!("{}->{}", Endpoint::new(*source), Endpoint::new(*dest)).into_bytes()
        }
        SockTuple::Unix { path, .. } => path.to_vec(),
        SockTuple::Other(family) => format!("family {family}").into_bytes(),
    }
}

/// The value in the form of an expectation.
fn actual(param: &Param, value: &ParamValue<'_>, expected: &Is) -> Is {
    match value {
        ParamValue::Missing => Is::Missing,
        ParamValue::I64(number) => Is::Number((*number).into()),
        ParamValue::U64(number) => match (expected, param.kind.flag_set()) {
            (Is::Names(_), Some(set)) => {
                let names: Vec<_> = set.names(*number as u32).collect();
                Is::Names(names.join("|").leak())
            }
            _ => Is::Number((*number).into()),
        },
        ParamValue::Text(text) | ParamValue::Bytes(text) => Is::Bytes(text.to_vec()),
        ParamValue::List(texts) => {
            let texts = texts.strip_suffix(b"\0").unwrap_or(texts);
            Is::List(texts.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
        }
        ParamValue::SockAddr(value) => Is::Bytes(address(value)),
        ParamValue::SockTuple(value) => Is::Bytes(tuple(value)),
        ParamValue::FdList(value) => {
            let entries: Vec<_> = value.iter().map(|(fd, events)| format!("{fd}:{events:x}")).collect();
            Is::Bytes(entries.join(" ").into_bytes())
        }
        ParamValue::Ip(address) => Is::Bytes(address.to_string().into_bytes()),
    }
}

/// A parameter in its text form; empty when it has no value.
#[must_use]
pub fn text(event: &Event<'_>, name: &str) -> String {
    let Some((index, param)) = event.row.param(name) else { return String::new() };
    match actual(param, &event.params.value(index), &Is::Missing) {
        Is::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Is::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

impl Is {
    fn holds(&self, actual: &Self) -> bool {
        match (self, actual) {
            (Self::Between(from, to), Self::Number(number)) => from <= number && number <= to,
            (Self::OneOf(all), actual) => all.iter().any(|one| one.holds(actual)),
            (expected, actual) => expected == actual,
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Between(from, to) => format!("{from}..={to}"),
            Self::Bytes(bytes) => format!("\"{}\"", bytes.escape_ascii()),
            Self::Names(names) => format!("[{names}]"),
            Self::List(texts) => texts.iter().fold(String::new(), |mut text, one| {
                let _ = write!(text, "\"{}\" ", one.escape_ascii());
                text
            }),
            Self::OneOf(all) => all.iter().map(Self::show).collect::<Vec<_>>().join(" or "),
            Self::Missing => "no value".to_owned(),
        }
    }
}

/// What is wrong with an event: a line for each parameter that is not as expected or not named. Empty when all is well.
#[must_use]
pub fn differences(event: &Event<'_>, expected: &[(&str, Is)]) -> String {
    let mut text = String::new();
    for (name, is) in expected {
        let Some((index, param)) = event.row.param(name) else {
            let _ = writeln!(text, "  {name}: the row has no such parameter");
            continue;
        };
        let actual = actual(param, &event.params.value(index), is);
        if !is.holds(&actual) {
            let _ = writeln!(text, "  {name}: expected {}, is {}", is.show(), actual.show());
        }
    }
    for param in event.row.params {
        if !expected.iter().any(|(name, _)| *name == param.name) {
            let _ = writeln!(text, "  {}: the test does not name it", param.name);
        }
    }
    text
}

/// See the module's documentation.
#[macro_export]
macro_rules! check {
    ($run:expr, $row:ident { $($param:ident: $is:expr),* $(,)? }) => {
        $run.check(&$row, &[$((stringify!($param), $crate::check::Is::from($is))),*])
    };
    // With more parameters that several events have in common.
    ($run:expr, $row:ident { $($param:ident: $is:expr),* $(,)? }, $more:expr) => {
        $run.check(&$row, &[&[$((stringify!($param), $crate::check::Is::from($is))),*][..], &$more[..]].concat())
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracer::{event::decode, source::inject};
    use tracer_common::events::file::CLOSE;

    #[test]
    fn a_wrong_and_a_forgotten_parameter_are_differences() {
        let record = inject::record(CLOSE.code, 7, 7, &[&(-9i64).to_le_bytes(), &3i64.to_le_bytes()]);
        let event = decode::live(&record, 1, 0).unwrap();
        assert_eq!(differences(&event, &[("res", (-9).into()), ("fd", 3.into())]), "");
        assert_eq!(
            differences(&event, &[("res", 0.into()), ("fx", 3.into())]),
            "  res: expected 0, is -9\n  fx: the row has no such parameter\n  fd: the test does not name it\n"
        );
    }
}
