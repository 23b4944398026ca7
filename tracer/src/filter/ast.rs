//! The tree of a filter as it was written, before names and types are checked.

use std::ops::Range;

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// All hold.
    And(Vec<Expr>),
    /// At least one holds.
    Or(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// A test of a field.
    Check(Check),
}

/// A test of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The field with its argument, as written.
    pub field: String,
    /// Where it stands.
    pub field_at: Range<usize>,
    /// The operator.
    pub operator: Operator,
    /// Where that stands.
    pub operator_at: Range<usize>,
    /// What stands on its right: nothing, one value or a list.
    pub values: Vec<Literal>,
}

/// A value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Its text without quotes and escapes.
    pub text: Vec<u8>,
    /// Where it stands.
    pub at: Range<usize>,
}

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
    Glob,
    In,
    Exists,
}

impl Operator {
    /// All operators as they are written; longer ones first where one begins with another.
    pub const ALL: [(&'static str, Self); 14] = [
        ("==", Self::Eq),
        ("!=", Self::Ne),
        ("<=", Self::Le),
        (">=", Self::Ge),
        ("=", Self::Eq),
        ("<", Self::Lt),
        (">", Self::Gt),
        ("contains", Self::Contains),
        ("icontains", Self::Icontains),
        ("startswith", Self::Startswith),
        ("endswith", Self::Endswith),
        ("glob", Self::Glob),
        ("in", Self::In),
        ("exists", Self::Exists),
    ];

    /// Whether it compares sizes.
    #[must_use]
    pub const fn is_order(self) -> bool {
        matches!(self, Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }

    /// Whether it only works on text.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Contains | Self::Icontains | Self::Startswith | Self::Endswith | Self::Glob)
    }
}
