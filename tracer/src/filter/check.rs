//! Names and types: from a written test to one that can be evaluated.

use std::net::IpAddr;

use rustc_hash::FxHashSet;
use tracer_common::{arch, events};

use super::{
    ast::{Check, Literal, Operator},
    error::FilterError,
    glob,
};
use crate::fields::{FieldRef, Show, Type, Value, nearest};

/// A test of a value. All are false for a missing value.
#[derive(Debug)]
pub enum Test {
    /// There is a value.
    Exists,
    /// Text equals.
    Text(Box<[u8]>),
    /// Text is one of these.
    TextIn(FxHashSet<Box<[u8]>>),
    /// Text contains.
    Contains(Box<[u8]>),
    /// Text contains, in whatever case of ASCII letters; the needle is in lower case.
    Icontains(Box<[u8]>),
    /// Text begins with.
    Startswith(Box<[u8]>),
    /// Text ends with.
    Endswith(Box<[u8]>),
    /// Text matches a shell pattern.
    Glob(Box<[u8]>),
    /// A whole number compares.
    Int(Operator, i128),
    /// A number with a fraction compares.
    Float(Operator, f64),
    /// A number is one of these.
    IntIn(Box<[i128]>),
    /// True or false.
    Bool(bool),
    /// An address is one of these.
    Ip(Box<[IpAddr]>),
    /// The other test is false.
    Differs(Box<Test>),
}

/// A test of a field.
#[derive(Debug)]
pub struct Checked {
    /// The field.
    pub field: FieldRef,
    /// The test.
    pub test: Test,
}

/// Checks names and types.
///
/// # Errors
/// The field, the operator for its type, or the value is wrong.
pub fn check(filter: &str, check: &Check, show: Show) -> Result<Checked, FilterError> {
    let field = FieldRef::resolve(&check.field, show)
        .map_err(|error| FilterError::new(filter, check.field_at.clone(), error.to_string()).hint(error.hint()))?;
    let test = test(filter, check, &field)?;
    Ok(Checked { field, test })
}

fn test(filter: &str, check: &Check, field: &FieldRef) -> Result<Test, FilterError> {
    let kind = field.kind;
    let operator = check.operator;
    if operator == Operator::Exists {
        return Ok(Test::Exists);
    }
    let fits = match kind {
        Type::Text | Type::Bytes => !operator.is_order(),
        Type::Bool | Type::Ip | Type::Net => matches!(operator, Operator::Eq | Operator::Ne | Operator::In),
        Type::Int | Type::Float | Type::Port | Type::Time => !operator.is_text(),
    };
    if !fits {
        let hint = match kind {
            Type::Text | Type::Bytes => "text has the operators = != contains icontains startswith endswith glob in exists",
            Type::Bool | Type::Ip | Type::Net => "it has the operators = != in exists",
            _ => "numbers have the operators = != < <= > >= in exists",
        };
        let what = filter.get(check.operator_at.clone()).unwrap_or_default();
        let message = format!("'{what}' does not work on '{}', which is of type {}", check.field, kind.name());
        return Err(FilterError::new(filter, check.operator_at.clone(), message).hint(Some(hint.to_owned())));
    }
    if matches!(field.field.name, "evt.type" | "syscall.type") && operator != Operator::Glob {
        for value in &check.values {
            event_name(filter, value, operator)?;
        }
    }
    let positive = match kind {
        Type::Text | Type::Bytes => texts(check),
        Type::Int | Type::Time | Type::Port => ints(filter, check)?,
        Type::Float => floats(filter, check)?,
        Type::Bool => bools(filter, check)?,
        Type::Ip | Type::Net => Test::Ip(
            check
                .values
                .iter()
                .map(|value| parsed(filter, value, "an address, such as 10.0.0.1"))
                .collect::<Result<_, _>>()?,
        ),
    };
    Ok(if operator == Operator::Ne { Test::Differs(Box::new(positive)) } else { positive })
}

/// The names of events are known: a wrong one would never match.
fn event_name(filter: &str, value: &Literal, operator: Operator) -> Result<(), FilterError> {
    let text = String::from_utf8_lossy(&value.text);
    let names = || events::all().map(|row| row.name).chain(arch::call_names());
    let known = match operator {
        Operator::Contains => names().any(|name| name.contains(&*text)),
        Operator::Icontains => names().any(|name| name.contains(&text.to_ascii_lowercase())),
        Operator::Startswith => names().any(|name| name.starts_with(&*text)),
        Operator::Endswith => names().any(|name| name.ends_with(&*text)),
        _ => names().any(|name| name == text),
    };
    if known {
        return Ok(());
    }
    let hint = nearest(&text, names()).map(|name| format!("did you mean '{name}'?"));
    Err(FilterError::new(filter, value.at.clone(), format!("no event is called '{text}'"))
        .hint(hint.or_else(|| Some("tracer -L lists the events".to_owned()))))
}

fn first(check: &Check) -> Box<[u8]> {
    check.values.first().map(|value| value.text.clone()).unwrap_or_default().into()
}

fn texts(check: &Check) -> Test {
    match check.operator {
        Operator::In => Test::TextIn(check.values.iter().map(|value| value.text.clone().into()).collect()),
        Operator::Contains => Test::Contains(first(check)),
        Operator::Icontains => Test::Icontains(first(check).to_ascii_lowercase().into()),
        Operator::Startswith => Test::Startswith(first(check)),
        Operator::Endswith => Test::Endswith(first(check)),
        Operator::Glob => Test::Glob(first(check)),
        _ => Test::Text(first(check)),
    }
}

fn parsed<T: std::str::FromStr>(filter: &str, value: &Literal, expected: &str) -> Result<T, FilterError> {
    let text = std::str::from_utf8(&value.text).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| FilterError::new(filter, value.at.clone(), format!("expected {expected}")))
}

/// `=` for both equality and its negation; the order operators as they are.
fn compare(operator: Operator) -> Operator {
    if operator.is_order() { operator } else { Operator::Eq }
}

fn ints(filter: &str, check: &Check) -> Result<Test, FilterError> {
    let values: Box<[i128]> = check
        .values
        .iter()
        .map(|value| {
            parsed::<i64>(filter, value, "a whole number").map(i128::from).or_else(|error| {
                // Above the signed range only as an unsigned number.
                parsed::<u64>(filter, value, "a whole number").map(i128::from).map_err(|_| error)
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(match (&*values, check.operator) {
        ([one], operator) if operator != Operator::In => Test::Int(compare(operator), *one),
        _ => Test::IntIn(values),
    })
}

fn floats(filter: &str, check: &Check) -> Result<Test, FilterError> {
    match (&*check.values, check.operator) {
        ([one], operator) if operator != Operator::In => {
            Ok(Test::Float(compare(operator), parsed(filter, one, "a number")?))
        }
        _ => ints(filter, check),
    }
}

fn bools(filter: &str, check: &Check) -> Result<Test, FilterError> {
    let values: Vec<bool> =
        check.values.iter().map(|value| parsed(filter, value, "true or false")).collect::<Result<_, _>>()?;
    Ok(match *values {
        [one] => Test::Bool(one),
        // A list: both values are all there are, none is no match.
        [] => Test::IntIn(Box::default()),
        _ if values.contains(&true) && values.contains(&false) => Test::Exists,
        _ => Test::Bool(values[0]),
    })
}

fn int(operator: Operator, left: i128, right: i128) -> bool {
    match operator {
        Operator::Lt => left < right,
        Operator::Le => left <= right,
        Operator::Gt => left > right,
        Operator::Ge => left >= right,
        _ => left == right,
    }
}

fn float(operator: Operator, left: f64, right: f64) -> bool {
    match operator {
        Operator::Lt => left < right,
        Operator::Le => left <= right,
        Operator::Gt => left > right,
        Operator::Ge => left >= right,
        _ => left == right,
    }
}

fn contains_ignoring_case(text: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || text.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    let mut text = text;
    while let Some(at) = text.iter().position(|byte| byte == first) {
        text = &text[at + 1..];
        if text.starts_with(rest) {
            return true;
        }
    }
    false
}

impl Test {
    /// Whether the value passes.
    #[must_use]
    pub fn passes(&self, value: &Value<'_>) -> bool {
        if value.is_missing() {
            return false;
        }
        match (self, value) {
            (Self::Exists, _) => true,
            // Of either end: it differs if neither is equal.
            (Self::Differs(test), value) => test.fits(value) && !test.passes(value),
            (Self::Text(wanted), Value::Text(text)) => **text == **wanted,
            (Self::TextIn(wanted), Value::Text(text)) => wanted.contains(&**text),
            (Self::Contains(needle), Value::Text(text)) => contains(text, needle),
            (Self::Icontains(needle), Value::Text(text)) => contains_ignoring_case(text, needle),
            (Self::Startswith(start), Value::Text(text)) => text.starts_with(start),
            (Self::Endswith(end), Value::Text(text)) => text.ends_with(end),
            (Self::Glob(pattern), Value::Text(text)) => glob::matches(pattern, text),
            (Self::Int(operator, right), Value::I64(left)) => int(*operator, i128::from(*left), *right),
            (Self::Int(operator, right), Value::U64(left)) => int(*operator, i128::from(*left), *right),
            (Self::Int(operator, right), Value::EitherPort(ends)) => {
                ends.iter().flatten().any(|left| int(*operator, i128::from(*left), *right))
            }
            (Self::IntIn(wanted), Value::I64(number)) => wanted.contains(&i128::from(*number)),
            (Self::IntIn(wanted), Value::U64(number)) => wanted.contains(&i128::from(*number)),
            (Self::IntIn(wanted), Value::F64(number)) => wanted.iter().any(|wanted| *wanted as f64 == *number),
            (Self::IntIn(wanted), Value::EitherPort(ends)) => {
                ends.iter().flatten().any(|port| wanted.contains(&i128::from(*port)))
            }
            (Self::Float(operator, right), Value::F64(left)) => float(*operator, *left, *right),
            (Self::Bool(wanted), Value::Bool(flag)) => wanted == flag,
            (Self::Ip(wanted), Value::Ip(ip)) => wanted.contains(ip),
            (Self::Ip(wanted), Value::EitherIp(ends)) => ends.iter().flatten().any(|ip| wanted.contains(ip)),
            // The parameter has another type in this event.
            _ => false,
        }
    }

    /// Whether the value is of the type of the test.
    fn fits(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Int(..) | Self::IntIn(_) | Self::Float(..) => {
                value.as_f64().is_some() || matches!(value, Value::EitherPort(_))
            }
            Self::Bool(_) => matches!(value, Value::Bool(_)),
            Self::Ip(_) => matches!(value, Value::Ip(_) | Value::EitherIp(_)),
            Self::Exists | Self::Differs(_) => true,
            _ => matches!(value, Value::Text(_)),
        }
    }
}
