//! The tree of a filter as it was written, before names and types are checked. Its text ([`std::fmt::Display`]) parses to
//! an equal tree.

use std::{fmt, ops::Range};

use super::{operator::Operator, transform::Transformer};

/// Where something stands in the filter, in bytes. All places are equal: two trees are equal when they say the same.
#[derive(Debug, Clone, Default)]
pub struct Place(pub Range<usize>);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

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
    Check(Box<Check>),
}

/// A test of a field, or of what is made of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is tested.
    pub left: Operand,
    /// The operator.
    pub operator: Operator,
    /// Where that stands.
    pub operator_at: Place,
    /// What stands on its right.
    pub right: Right,
}

/// Something that has a value in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A field with its argument, as written.
    Field {
        /// Its text.
        name: String,
        /// Where it stands.
        at: Place,
    },
    /// A transformer.
    Call(Call),
}

/// A transformer and what it works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which one.
    pub transformer: Transformer,
    /// What stands in its brackets.
    pub args: Vec<Argument>,
    /// What stands in square brackets behind them.
    pub part: Option<String>,
    /// Where it stands.
    pub at: Place,
}

/// What stands in the brackets of a transformer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A field or another transformer.
    Operand(Operand),
    /// Quoted text.
    Text(Literal),
    /// A list in brackets.
    List(Vec<Argument>, Place),
}

/// What stands on the right of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Right {
    /// Nothing.
    Nothing,
    /// A value.
    Value(Literal),
    /// Values, and how many of them have to pass when the operator takes one.
    List(Option<Quantifier>, Vec<Literal>),
    /// A value of the same event.
    Call(Call),
}

/// How many values of a list have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// One and no more.
    OneOf,
    /// At least one.
    AnyOf,
    /// Every one.
    AllOf,
}

impl Quantifier {
    /// How they are written.
    pub const ALL: [(&'static str, Self); 3] = [("oneof", Self::OneOf), ("anyof", Self::AnyOf), ("allof", Self::AllOf)];

    /// How it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }
}

/// A value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Its text without quotes and escapes.
    pub text: Vec<u8>,
    /// Where it stands.
    pub at: Place,
}

impl Operand {
    /// Where it stands.
    #[must_use]
    pub const fn at(&self) -> &Place {
        match self {
            Self::Field { at, .. } | Self::Call(Call { at, .. }) => at,
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            parts.iter().enumerate().try_for_each(|(at, part)| {
                f.write_str(if at == 0 { "" } else { word })?;
                match part {
                    // Without brackets it would become a part of the outer one.
                    Self::And(_) | Self::Or(_) => write!(f, "({part})"),
                    Self::Not(_) | Self::Check(_) => write!(f, "{part}"),
                }
            })
        };
        match self {
            Self::And(parts) => join(f, parts, " and "),
            Self::Or(parts) => join(f, parts, " or "),
            Self::Not(part) => write!(f, "not({part})"),
            Self::Check(check) => write!(f, "{check}"),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = self.operator.row();
        let blank = if operator.is_word() || matches!(self.right, Right::List(..)) { " " } else { "" };
        write!(f, "{}{blank}{}", self.left, operator.text)?;
        match &self.right {
            Right::Nothing => Ok(()),
            Right::Value(value) => write!(f, "{blank}{value}"),
            Right::Call(call) => write!(f, "{blank}{call}"),
            Right::List(quantifier, values) => {
                if let Some(quantifier) = quantifier {
                    write!(f, " {}", quantifier.name())?;
                }
                f.write_str(" (")?;
                list(f, values)?;
                f.write_str(")")
            }
        }
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, all: &[T]) -> fmt::Result {
    all.iter().enumerate().try_for_each(|(at, one)| write!(f, "{}{one}", if at == 0 { "" } else { ", " }))
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { name, .. } => f.write_str(name),
            Self::Call(call) => write!(f, "{call}"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.transformer.row().name)?;
        list(f, &self.args)?;
        f.write_str(")")?;
        self.part.as_ref().map_or(Ok(()), |part| write!(f, "[{part}]"))
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operand(operand) => write!(f, "{operand}"),
            Self::Text(text) => text.quoted(f),
            Self::List(all, _) => {
                f.write_str("(")?;
                list(f, all)?;
                f.write_str(")")
            }
        }
    }
}

impl Literal {
    /// In quotes.
    fn quoted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for chunk in self.text.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' | '\\' => write!(f, "\\{character}")?,
                    character if character.is_ascii_control() => write!(f, "\\x{:02x}", character as u32)?,
                    character => write!(f, "{character}")?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        f.write_str("\"")
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:+@%*-".contains(byte);
        match std::str::from_utf8(&self.text) {
            Ok(text) if !text.is_empty() && self.text.iter().all(is_plain) => f.write_str(text),
            _ => self.quoted(f),
        }
    }
}
