//! What a field is worth in one event, and its type.

use std::{borrow::Cow, io::Write, net::IpAddr};

use crate::format::units::integer;

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// The event has no such value.
    Missing,
    /// Text as the kernel has it: not always UTF-8.
    Text(Cow<'a, [u8]>),
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A number with a fraction.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// An address.
    Ip(IpAddr),
    /// The addresses of both ends: a comparison holds if one of them fulfils it.
    EitherIp([Option<IpAddr>; 2]),
    /// The ports of both ends.
    EitherPort([Option<u16>; 2]),
    /// Several values, of a field whose row says so.
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// Text that lives as long as the event.
    #[must_use]
    pub const fn text(bytes: &'a [u8]) -> Self {
        Self::Text(Cow::Borrowed(bytes))
    }

    /// Text that is never empty: empty text is no value.
    #[must_use]
    pub const fn some_text(bytes: &'a [u8]) -> Self {
        if bytes.is_empty() { Self::Missing } else { Self::text(bytes) }
    }

    /// Text that was made for this event.
    #[must_use]
    pub const fn made(bytes: Vec<u8>) -> Self {
        Self::Text(Cow::Owned(bytes))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing | Self::EitherIp([None, None]) | Self::EitherPort([None, None]))
    }

    /// The number, for sums; `None` for what is not a number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::I64(number) => Some(number as f64),
            Self::U64(number) => Some(number as f64),
            Self::F64(number) => Some(number),
            Self::Bool(flag) => Some(f64::from(u8::from(flag))),
            _ => None,
        }
    }

    /// Appends the value as text, without escaping. Nothing for a missing value.
    pub fn write(&self, digits: Digits, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = match self {
            Self::Missing => Ok(()),
            Self::Text(text) => out.write_all(text),
            Self::I64(number) => match digits {
                Digits::Decimal => {
                    integer(*number, out);
                    Ok(())
                }
                Digits::Hex => write!(out, "{number:X}"),
                Digits::Nine => write!(out, "{number:09}"),
            },
            Self::U64(number) => match digits {
                Digits::Decimal => {
                    integer(*number, out);
                    Ok(())
                }
                Digits::Hex => write!(out, "{number:X}"),
                Digits::Nine => write!(out, "{number:09}"),
            },
            Self::F64(number) => write!(out, "{number:.1}"),
            Self::Bool(flag) => write!(out, "{flag}"),
            Self::Ip(ip) => write!(out, "{ip}"),
            Self::EitherIp(ends) => write_list(ends, out),
            Self::EitherPort(ends) => write_list(ends, out),
            Self::List(values) => {
                out.push(b'(');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    value.write(digits, out);
                }
                out.push(b')');
                Ok(())
            }
        };
    }
}

fn write_list<T: std::fmt::Display>(ends: &[Option<T>], out: &mut Vec<u8>) -> std::io::Result<()> {
    let texts: Vec<String> = ends.iter().flatten().map(ToString::to_string).collect();
    write!(out, "({})", texts.join(","))
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

/// An option is a value that may be missing.
impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

macro_rules! numbers {
    ($variant:ident: $($from:ty),+) => {
        $(impl From<$from> for Value<'_> {
            fn from(number: $from) -> Self {
                Self::$variant(number.into())
            }
        })+
    };
}
numbers!(I64: i32, i64);
numbers!(U64: u16, u32, u64);
numbers!(F64: f64);

impl From<IpAddr> for Value<'_> {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self::text(text)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::text(text.as_bytes())
    }
}

/// The type of a field: which operators a filter may use, and what stands on the right of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// Whole number.
    Int,
    /// Number with a fraction.
    Float,
    /// True or false.
    Bool,
    /// Data as it was read or written: not text.
    Bytes,
    /// Address.
    Ip,
    /// Address, compared with networks.
    Net,
    /// Port number.
    Port,
    /// Whole number of nanoseconds.
    Time,
}

impl Type {
    /// The name in lists for users.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "integer",
            Self::Float => "number",
            Self::Bool => "bool",
            Self::Bytes => "bytes",
            Self::Ip => "address",
            Self::Net => "network",
            Self::Port => "port",
            Self::Time => "nanoseconds",
        }
    }

    /// Whether it can be summed.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Port | Self::Time | Self::Bool)
    }
}

/// How the digits of a whole number are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Digits {
    /// Decimal.
    #[default]
    Decimal,
    /// Hexadecimal, upper case, without a prefix.
    Hex,
    /// Decimal, at least nine digits: a fraction of a second.
    Nine,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_their_field_says() {
        let text = |value: Value<'_>, digits| {
            let mut out = Vec::new();
            value.write(digits, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(Value::U64(34), Digits::Hex), "22");
        assert_eq!(text(Value::U64(34), Digits::Nine), "000000034");
        assert_eq!(text(Value::F64(12.34), Digits::Decimal), "12.3");
        assert_eq!(text(Value::EitherPort([Some(80), None]), Digits::Decimal), "(80)");
        assert_eq!(text(Value::List(vec![Value::U64(10), Value::text(b"a")]), Digits::Hex), "(A,a)");
    }
}
