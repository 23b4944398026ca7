//! A simple function as a tree.

use std::rc::Rc;

use super::{
    effects::Action,
    natives::Native,
    ops::{Compare, Math},
    value::Value,
};

/// The name of a variable of the script, which functions have as a property of `this`.
pub(super) type Name = Rc<str>;

/// An expression or a statement. What the interpreter has to run is [`Node::Bail`].
#[derive(Debug)]
pub(super) enum Node {
    /// The interpreter has to run the whole function.
    Bail,
    Const(Value),
    /// A variable of the function.
    Local(usize),
    /// `this.NAME`
    This(Name),
    /// `this.NAME[KEY]`, of a map
    Entry(Name, Box<Node>),
    /// `evt.get(HANDLE)`
    Field(Box<Node>),
    /// A function of the program that changes nothing.
    Native(Native, Vec<Node>),
    /// A function of the program that has an effect.
    Effect(Action, Vec<Node>),
    /// A function of a text or a map.
    Call(Method, Vec<Node>),
    /// A text with expressions in it.
    Text(Vec<Node>),
    Array(Vec<Node>),
    Map(Vec<(Name, Node)>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Math(Math, Box<[Node; 2]>),
    Compare(Compare, Box<[Node; 2]>),
    And(Vec<Node>),
    Or(Vec<Node>),
    /// `A ?? B`
    Coalesce(Vec<Node>),
    /// Condition, then, else.
    If(Box<[Node; 3]>),
    /// The value is that of the last one.
    Block(Vec<Node>),
    /// A variable of the function gets a value, or is changed.
    SetLocal(usize, Option<Math>, Box<Node>),
    /// `this.NAME = VALUE`
    SetThis(Name, Option<Math>, Box<Node>),
    /// `this.NAME[KEY] = VALUE`: key and value.
    SetEntry(Name, Option<Math>, Box<[Node; 2]>),
    Return(Box<Node>),
}

/// A function of texts and maps that changes nothing. Maps are not copied for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Len,
    IsEmpty,
    Contains,
    StartsWith,
    EndsWith,
}

impl Method {
    /// All of them, with the number of their arguments, of which the first may stand before a point.
    const ALL: [(&'static str, usize, Self); 5] = [
        ("len", 1, Self::Len),
        ("is_empty", 1, Self::IsEmpty),
        ("contains", 2, Self::Contains),
        ("starts_with", 2, Self::StartsWith),
        ("ends_with", 2, Self::EndsWith),
    ];

    pub(super) fn of(name: &str, arguments: usize) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, count, _)| *known == name && *count == arguments);
        found.map(|(_, _, method)| *method)
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, _, method)| *method == self).map_or("", |(name, ..)| name)
    }
}

impl Node {
    pub(super) fn is_bail(&self) -> bool {
        matches!(self, Self::Bail)
    }

    /// Whether it changes nothing and does not end the function: then it is no matter when it is run.
    pub(super) fn is_pure(&self) -> bool {
        match self {
            Self::SetLocal(..) | Self::SetThis(..) | Self::SetEntry(..) | Self::Effect(..) | Self::Return(_) => false,
            _ => !self.any_inner(|node| !node.is_pure()),
        }
    }

    /// Whether the function may end in it.
    pub(super) fn may_return(&self) -> bool {
        matches!(self, Self::Return(_)) || self.any_inner(Self::may_return)
    }

    fn any_inner(&self, is: impl Fn(&Self) -> bool) -> bool {
        match self {
            Self::Bail | Self::Const(_) | Self::Local(_) | Self::This(_) => false,
            Self::Entry(_, one)
            | Self::Field(one)
            | Self::Not(one)
            | Self::Negative(one)
            | Self::SetLocal(_, _, one)
            | Self::SetThis(_, _, one)
            | Self::Return(one) => is(one),
            Self::Math(_, two) | Self::Compare(_, two) | Self::SetEntry(_, _, two) => two.iter().any(is),
            Self::If(three) => three.iter().any(is),
            Self::Map(all) => all.iter().any(|(_, node)| is(node)),
            Self::Text(all)
            | Self::Array(all)
            | Self::Native(_, all)
            | Self::Call(_, all)
            | Self::Effect(_, all)
            | Self::And(all)
            | Self::Or(all)
            | Self::Coalesce(all)
            | Self::Block(all) => all.iter().any(is),
        }
    }
}
