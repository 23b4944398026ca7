//! Operators as the language has them (rhai 1.27, `func/builtin.rs`), for the types that are known here. `None`: the interpreter
//! has to say, be it an error or a result that is not known here.

use std::fmt::Write as _;

use rhai::{Dynamic, ImmutableString, Token};

use super::value::Value;

/// Longer texts are made by the interpreter only, which bounds the work of a run.
const MAX_MADE: usize = 4096;

/// An operator that computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Math {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Math {
    pub(super) fn of(token: &Token) -> Option<Self> {
        Some(match token {
            Token::Plus | Token::PlusAssign => Self::Add,
            Token::Minus | Token::MinusAssign => Self::Subtract,
            Token::Multiply | Token::MultiplyAssign => Self::Multiply,
            Token::Divide | Token::DivideAssign => Self::Divide,
            Token::Modulo | Token::ModuloAssign => Self::Remainder,
            _ => return None,
        })
    }

    /// `left op right`.
    pub(super) fn apply(self, left: &Value, right: &Value) -> Option<Value> {
        match (left, right) {
            (Value::Int(left), Value::Int(right)) => self.of_ints(*left, *right).map(Value::Int),
            (Value::Float(left), Value::Float(right)) => Some(Value::Float(self.of_floats(*left, *right))),
            (Value::Float(left), Value::Int(right)) => Some(Value::Float(self.of_floats(*left, *right as f64))),
            (Value::Int(left), Value::Float(right)) => Some(Value::Float(self.of_floats(*left as f64, *right))),
            (Value::Text(_), _) | (_, Value::Text(_)) if self == Self::Add => joined(&[left, right]),
            _ => None,
        }
    }

    /// What the variable is behind `variable op= right`. The type of a variable does not change.
    pub(super) fn assign(self, variable: &Value, right: &Value) -> Option<Value> {
        match (variable, right) {
            (Value::Int(_), Value::Int(_))
            | (Value::Float(_), Value::Float(_) | Value::Int(_))
            | (Value::Text(_), Value::Text(_)) => self.apply(variable, right),
            _ => None,
        }
    }

    fn of_ints(self, left: i64, right: i64) -> Option<i64> {
        match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide => left.checked_div(right),
            Self::Remainder => left.checked_rem(right),
        }
    }

    fn of_floats(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Remainder => left % right,
        }
    }
}

/// An operator that compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    pub(super) fn of(token: &Token) -> Option<Self> {
        Some(match token {
            Token::EqualsTo => Self::Equal,
            Token::NotEqualsTo => Self::NotEqual,
            Token::LessThan => Self::Less,
            Token::LessThanEqualsTo => Self::LessOrEqual,
            Token::GreaterThan => Self::Greater,
            Token::GreaterThanEqualsTo => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// `left op right`.
    pub(super) fn apply(self, left: &Value, right: &Value) -> Option<bool> {
        match (left, right) {
            (Value::Text(left), Value::Text(right)) => Some(self.in_order(left.as_str(), right.as_str())),
            (Value::Int(left), Value::Int(right)) => Some(self.in_order(left, right)),
            (Value::Bool(left), Value::Bool(right)) => Some(self.in_order(left, right)),
            (Value::Float(left), Value::Float(right)) => Some(self.of_floats(*left, *right)),
            (Value::Float(left), Value::Int(right)) => Some(self.of_floats(*left, *right as f64)),
            (Value::Int(left), Value::Float(right)) => Some(self.of_floats(*left as f64, *right)),
            (Value::Unit, Value::Unit) => Some(self == Self::Equal),
            (Value::Other(_), Value::Other(_)) => None,
            (Value::Other(_), _) | (_, Value::Other(_)) if !matches!(self, Self::Equal | Self::NotEqual) => None,
            // Values of different types are different, and none is less.
            _ => Some(self == Self::NotEqual),
        }
    }

    fn in_order<T: PartialOrd + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    /// The language takes numbers for equal that are nearly so.
    fn of_floats(self, left: f64, right: f64) -> bool {
        let scale = if left * right == 0.0 { 1.0 } else { left.abs().max(right.abs()) };
        // Of a zero and what is no number.
        if scale == 0.0 {
            return matches!(self, Self::Equal | Self::LessOrEqual | Self::GreaterOrEqual);
        }
        match self {
            Self::Equal => (left - right).abs() / scale <= f64::EPSILON,
            Self::NotEqual => (left - right).abs() / scale > f64::EPSILON,
            Self::Less => (right - left) / scale > f64::EPSILON,
            Self::LessOrEqual => (right - left) / scale > -f64::EPSILON,
            Self::Greater => (left - right) / scale > f64::EPSILON,
            Self::GreaterOrEqual => (left - right) / scale > -f64::EPSILON,
        }
    }
}

/// `-value`.
pub(super) fn negative(value: &Value) -> Option<Value> {
    match value {
        Value::Int(number) => number.checked_neg().map(Value::Int),
        Value::Float(number) => Some(Value::Float(-number)),
        _ => None,
    }
}

/// Values as one text, as the language shows them.
pub(super) fn joined(values: &[&Value]) -> Option<Value> {
    // A text alone is not copied.
    if let [Value::Text(text), Value::Unit] | [Value::Unit, Value::Text(text)] = values {
        return Some(Value::Text(text.clone()));
    }
    let mut text = String::new();
    for value in values {
        append(value, &mut text)?;
    }
    Some(Value::Text(ImmutableString::from(text)))
}

/// Appends a value to a text as the language shows it.
pub(super) fn append(value: &Value, text: &mut String) -> Option<()> {
    match value {
        Value::Unit => {}
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => text.push_str(itoa::Buffer::new().format(*number)),
        Value::Float(number) => write!(text, "{}", Dynamic::from_float(*number)).ok()?,
        Value::Text(more) if more.len() > MAX_MADE => return None,
        Value::Text(more) => text.push_str(more),
        Value::Other(_) => return None,
    }
    (text.len() <= MAX_MADE).then_some(())
}
