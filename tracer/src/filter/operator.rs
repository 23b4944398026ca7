//! The operators: how they are written, what stands on their right, and the types that they work on. One row each.

use std::cmp::Ordering;

use crate::fields::Type;

/// What is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the language")]
pub enum Operator {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Contains,
    Icontains,
    Startswith,
    Endswith,
    Bcontains,
    Bstartswith,
    Glob,
    Iglob,
    Regex,
    In,
    Intersects,
    Pmatch,
    Exists,
}

/// What stands on the right of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// A value.
    Value,
    /// A list in brackets.
    List,
}

/// Types that have the same operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Numbers, times and ports.
    Number,
    /// True or false.
    Bool,
    /// Text.
    Text,
    /// Data.
    Bytes,
    /// Addresses and networks.
    Address,
    /// Several values.
    List,
}

impl Class {
    /// The class of a type; a list of whatever type is a class of its own.
    #[must_use]
    pub const fn of(kind: Type, list: bool) -> Self {
        match kind {
            _ if list => Self::List,
            Type::Int | Type::Float | Type::Port | Type::Time => Self::Number,
            Type::Bool => Self::Bool,
            Type::Text => Self::Text,
            Type::Bytes => Self::Bytes,
            Type::Ip | Type::Net => Self::Address,
        }
    }

    /// What has these operators, for messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "numbers have",
            Self::Bool => "true and false have",
            Self::Text => "text has",
            Self::Bytes => "data has",
            Self::Address => "addresses have",
            Self::List => "lists have",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    /// As it is written.
    pub text: &'static str,
    /// The operator.
    pub operator: Operator,
    /// What stands on its right.
    pub takes: Takes,
    classes: u8,
}

const fn row(text: &'static str, operator: Operator, takes: Takes, classes: &[Class]) -> Row {
    let (mut bits, mut at) = (0, 0);
    while at < classes.len() {
        bits |= classes[at].bit();
        at += 1;
    }
    Row { text, operator, takes, classes: bits }
}

const SINGLE: &[Class] = &[Class::Number, Class::Bool, Class::Text, Class::Bytes, Class::Address];
const ALL: &[Class] = &[Class::Number, Class::Bool, Class::Text, Class::Bytes, Class::Address, Class::List];
const ORDER: &[Class] = &[Class::Number, Class::Text];
const TEXTS: &[Class] = &[Class::Text, Class::Bytes];
const TEXT: &[Class] = &[Class::Text];

/// The operators; of signs the longer ones first where one begins with another.
pub static ROWS: [Row; 20] = [
    row("==", Operator::Eq, Takes::Value, SINGLE),
    row("!=", Operator::Ne, Takes::Value, SINGLE),
    row("<=", Operator::Le, Takes::Value, ORDER),
    row(">=", Operator::Ge, Takes::Value, ORDER),
    row("=", Operator::Eq, Takes::Value, SINGLE),
    row("<", Operator::Lt, Takes::Value, ORDER),
    row(">", Operator::Gt, Takes::Value, ORDER),
    row("contains", Operator::Contains, Takes::Value, TEXTS),
    row("icontains", Operator::Icontains, Takes::Value, TEXTS),
    row("startswith", Operator::Startswith, Takes::Value, TEXTS),
    row("endswith", Operator::Endswith, Takes::Value, TEXTS),
    row("bcontains", Operator::Bcontains, Takes::Value, TEXTS),
    row("bstartswith", Operator::Bstartswith, Takes::Value, TEXTS),
    row("glob", Operator::Glob, Takes::Value, TEXT),
    row("iglob", Operator::Iglob, Takes::Value, TEXT),
    row("regex", Operator::Regex, Takes::Value, TEXTS),
    row("in", Operator::In, Takes::List, ALL),
    row("intersects", Operator::Intersects, Takes::List, ALL),
    row("pmatch", Operator::Pmatch, Takes::List, TEXT),
    row("exists", Operator::Exists, Takes::Nothing, ALL),
];

impl Row {
    /// Whether it is a word, not signs.
    #[must_use]
    pub const fn is_word(&self) -> bool {
        self.text.as_bytes()[0].is_ascii_alphabetic()
    }
}

/// The operators as they are written, once each, for messages.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.text).filter(|text| *text != "==")
}

/// The operators of a class, for messages.
#[must_use]
pub fn names_for(class: Class) -> String {
    let rows = ROWS.iter().filter(|row| row.text != "==" && row.operator.works_on(class));
    rows.map(|row| row.text).collect::<Vec<_>>().join(" ")
}

impl Operator {
    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        // `==` stands first; what is printed is `=`.
        ROWS.iter().rfind(|row| row.operator == self).unwrap_or(&ROWS[0])
    }

    /// Whether values of that class can be tested with it.
    #[must_use]
    pub fn works_on(self, class: Class) -> bool {
        self.row().classes & class.bit() != 0
    }

    /// Whether it compares sizes.
    #[must_use]
    pub const fn is_order(self) -> bool {
        matches!(self, Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }

    /// Whether values in that order pass; those that are no comparison pass when equal.
    #[must_use]
    pub fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
            Self::Ne => order.is_ne(),
            _ => order.is_eq(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_operator() {
        for row in &ROWS {
            assert_eq!(row.operator.row().operator, row.operator);
            assert!(row.text == "==" || std::ptr::eq(row.operator.row(), row), "{}", row.text);
        }
        assert_eq!(Operator::Eq.row().text, "=");
    }

    #[test]
    fn no_sign_hides_a_longer_one() {
        for (at, row) in ROWS.iter().enumerate().filter(|(_, row)| !row.is_word()) {
            assert!(ROWS[at + 1..].iter().all(|later| !later.text.starts_with(row.text)), "{}", row.text);
        }
    }
}
