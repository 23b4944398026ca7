//! A simple function as a tree.

use std::rc::Rc;

use super::{
    super::declared::Declared,
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
    /// A function without arguments that says what is so during the event.
    Asked(fn(&Declared) -> Value),
    /// `RECEIVER.METHOD(ARGUMENT)`
    Call(Method, Box<Node>, Option<Box<Node>>),
    /// A text with expressions in it.
    Text(Vec<Node>),
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

/// A function of a value that changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Len,
    IsEmpty,
    Contains,
    StartsWith,
    EndsWith,
    Size,
    Http,
    Dns,
}

impl Method {
    /// All of them, with the number of their arguments.
    const ALL: [(&'static str, usize, Self); 8] = [
        ("len", 0, Self::Len),
        ("is_empty", 0, Self::IsEmpty),
        ("contains", 1, Self::Contains),
        ("starts_with", 1, Self::StartsWith),
        ("ends_with", 1, Self::EndsWith),
        ("size", 0, Self::Size),
        ("http", 0, Self::Http),
        ("dns", 0, Self::Dns),
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

    /// Whether it leaves all variables and the function as they are: then it is no matter when it is run.
    pub(super) fn is_pure(&self) -> bool {
        match self {
            Self::SetLocal(..) | Self::SetThis(..) | Self::SetEntry(..) | Self::Return(_) => false,
            _ => !self.any_inner(|node| !node.is_pure()),
        }
    }

    /// Whether the function may end in it.
    pub(super) fn may_return(&self) -> bool {
        matches!(self, Self::Return(_)) || self.any_inner(Self::may_return)
    }

    fn any_inner(&self, is: impl Fn(&Self) -> bool) -> bool {
        match self {
            Self::Bail | Self::Const(_) | Self::Local(_) | Self::This(_) | Self::Asked(_) => false,
            Self::Entry(_, one)
            | Self::Field(one)
            | Self::Not(one)
            | Self::Negative(one)
            | Self::SetLocal(_, _, one)
            | Self::SetThis(_, _, one)
            | Self::Return(one) => is(one),
            Self::Call(_, receiver, argument) => is(receiver) || argument.as_deref().is_some_and(is),
            Self::Math(_, two) | Self::Compare(_, two) | Self::SetEntry(_, _, two) => two.iter().any(is),
            Self::If(three) => three.iter().any(is),
            Self::Text(all) | Self::And(all) | Self::Or(all) | Self::Coalesce(all) | Self::Block(all) => {
                all.iter().any(is)
            }
        }
    }
}
