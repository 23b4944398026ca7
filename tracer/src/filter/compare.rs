//! Comparisons of two values of the same event. False when one is missing.

use std::cmp::Ordering;

use super::{operator::Operator, prefixes::Prefixes, test};
use crate::{fields::Value, glob};

/// Whether the operator holds.
#[must_use]
pub fn holds(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Missing, _) | (_, Value::Missing) => false,
        _ if operator == Operator::Ne => holds_either(Operator::Ne, left, right),
        (Value::List(values), right) => match operator {
            Operator::In => !values.is_empty() && values.iter().all(|value| is_in(value, right)),
            Operator::Intersects => values.iter().any(|value| is_in(value, right)),
            _ => false,
        },
        _ if matches!(operator, Operator::In | Operator::Intersects) => is_in(left, right),
        (Value::Text(path), _) if operator == Operator::Pmatch => prefixes(right).matches(path),
        _ => holds_either(operator, left, right),
    }
}

fn prefixes(right: &Value<'_>) -> Prefixes {
    let text = |value: &Value<'_>| match value {
        Value::Text(text) => Some(text.to_vec()),
        _ => None,
    };
    let paths: Vec<Vec<u8>> = match right {
        Value::List(values) => values.iter().filter_map(text).collect(),
        value => text(value).into_iter().collect(),
    };
    Prefixes::new(paths.iter().map(Vec::as_slice))
}

fn is_in(left: &Value<'_>, right: &Value<'_>) -> bool {
    match right {
        Value::List(values) => values.iter().any(|value| holds_either(Operator::Eq, left, value)),
        value => holds_either(Operator::Eq, left, value),
    }
}

/// One of both ends is enough; for a difference, none may be equal.
fn holds_either(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> bool {
    let (left, right) = (ends(left), ends(right));
    let mut pairs = left.iter().flatten().flat_map(|left| right.iter().flatten().map(move |right| (left, right)));
    match operator {
        Operator::Ne => {
            let mut any = false;
            let all = pairs.all(|(left, right)| {
                any = true;
                order(left, right).is_some_and(|order| order.is_ne())
            });
            any && all
        }
        operator => pairs.any(|(left, right)| single(operator, left, right)),
    }
}

/// The values of both ends, or the only one.
fn ends<'v>(value: &'v Value<'_>) -> [Option<Value<'v>>; 2] {
    match value {
        Value::Missing => [None, None],
        Value::EitherIp(ends) => ends.map(|end| end.map(Value::Ip)),
        Value::EitherPort(ends) => ends.map(|end| end.map(Into::into)),
        Value::Text(text) => [Some(Value::text(text)), None],
        value => [Some(value.clone()), None],
    }
}

fn single(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> bool {
    if let (Value::Text(left), Value::Text(right)) = (left, right) {
        match operator {
            Operator::Contains => return memchr::memmem::find(left, right).is_some(),
            Operator::Icontains => return test::contains_ignoring_case(left, &right.to_ascii_lowercase()),
            Operator::Startswith => return left.starts_with(right),
            Operator::Endswith => return left.ends_with(right),
            Operator::Glob => return glob::matches(right, left, false),
            Operator::Iglob => return glob::matches(&right.to_ascii_lowercase(), left, true),
            _ if operator.is_order() => {
                return test::number(left)
                    .zip(test::number(right))
                    .is_some_and(|(left, right)| operator.accepts(left.cmp(&right)));
            }
            _ => {}
        }
    }
    let is_comparison = operator.is_order() || operator == Operator::Eq;
    is_comparison && order(left, right).is_some_and(|order| operator.accepts(order))
}

/// `None` when they are of different types.
fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Ip(left), Value::Ip(right)) => Some(left.to_canonical().cmp(&right.to_canonical())),
        (Value::F64(_), _) | (_, Value::F64(_)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        _ => Some(integer(left)?.cmp(&integer(right)?)),
    }
}

fn integer(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::I64(number) => Some((*number).into()),
        Value::U64(number) => Some((*number).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_by_their_type() {
        let text = |text: &'static str| Value::text(text.as_bytes());
        let list = Value::List(vec![text("a"), text("b")]);
        let ports = Value::EitherPort([Some(80), Some(4000)]);
        let cases = [
            (Operator::Eq, text("a"), text("a"), true),
            (Operator::Ne, text("a"), text("a"), false),
            (Operator::Ne, text("a"), Value::Missing, false),
            (Operator::Ne, text("1"), Value::I64(2), false),
            (Operator::Lt, Value::I64(-1), Value::U64(u64::MAX), true),
            (Operator::Gt, Value::F64(1.5), Value::I64(1), true),
            (Operator::Eq, Value::F64(f64::NAN), Value::F64(f64::NAN), false),
            (Operator::Lt, text("9"), text("10"), true),
            (Operator::Contains, text("abc"), text("bc"), true),
            (Operator::Icontains, text("aBc"), text("Bc"), true),
            (Operator::Startswith, text("abc"), text("b"), false),
            (Operator::Endswith, text("abc"), text("bc"), true),
            (Operator::Glob, text("abc"), text("a*"), true),
            (Operator::Iglob, text("ABC"), text("a*C"), true),
            (Operator::Pmatch, text("/usr/lib"), text("/usr"), true),
            (Operator::In, text("a"), list.clone(), true),
            (Operator::In, list.clone(), list.clone(), true),
            (Operator::In, list.clone(), text("a"), false),
            (Operator::Intersects, list.clone(), text("a"), true),
            (Operator::Eq, ports.clone(), Value::U64(80), true),
            (Operator::Ne, ports.clone(), Value::U64(80), false),
            (Operator::Ne, ports.clone(), Value::U64(81), true),
            (Operator::Lt, ports, Value::U64(100), true),
            (Operator::Ne, Value::EitherPort([None, None]), Value::U64(80), false),
        ];
        for (operator, left, right, expected) in cases {
            assert_eq!(holds(operator, &left, &right), expected, "{left:?} {operator:?} {right:?}");
        }
    }
}
