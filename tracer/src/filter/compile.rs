//! The compiled predicate: fields are functions, names are gone.

use super::{
    ast::Expr,
    check::{Checked, check},
    error::FilterError,
};
use crate::fields::{Arg, ArgRule, Context, Key, Needs, Show};

/// More ancestors than this are not asked.
const MAX_ANCESTORS: usize = 64;

#[derive(Debug)]
pub(super) enum Node {
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Not(Box<Node>),
    Check(Checked),
}

/// Compiles a tree. The parts of `and` and `or` are sorted by cost, which changes no result: tests have no effects.
pub(super) fn compile(filter: &str, expr: &Expr, show: Show) -> Result<Node, FilterError> {
    let all = |parts: &[Expr]| -> Result<Box<[Node]>, FilterError> {
        let mut nodes = parts.iter().map(|part| compile(filter, part, show)).collect::<Result<Vec<_>, _>>()?;
        nodes.sort_by_key(Node::cost);
        Ok(nodes.into())
    };
    Ok(match expr {
        Expr::And(parts) => Node::And(all(parts)?),
        Expr::Or(parts) => Node::Or(all(parts)?),
        Expr::Not(part) => Node::Not(Box::new(compile(filter, part, show)?)),
        Expr::Check(written) => Node::Check(check(filter, written, show)?),
    })
}

impl Node {
    fn cost(&self) -> u32 {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::cost).sum(),
            Self::Not(part) => part.cost(),
            Self::Check(check) => u32::from(check.field.field.cost),
        }
    }

    /// Whether it holds.
    pub(super) fn holds(&self, context: &Context<'_>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(context)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(context)),
            Self::Not(part) => !part.holds(context),
            Self::Check(check) => check.holds(context),
        }
    }

    /// Whether it holds when `ask` says of some tests that it does not know. `None` when that matters.
    pub(super) fn decide(&self, ask: &impl Fn(&Checked) -> Option<bool>) -> Option<bool> {
        // `and` is decided by one false part, `or` by one true part; otherwise one unknown part leaves it open.
        let any = |parts: &[Node], decisive: bool| {
            let mut open = false;
            for part in parts {
                match part.decide(ask) {
                    Some(known) if known == decisive => return Some(decisive),
                    Some(_) => {}
                    None => open = true,
                }
            }
            (!open).then_some(!decisive)
        };
        match self {
            Self::And(parts) => any(parts, false),
            Self::Or(parts) => any(parts, true),
            Self::Not(part) => part.decide(ask).map(|known| !known),
            Self::Check(check) => ask(check),
        }
    }

    pub(super) fn needs(&self) -> Needs {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::needs).collect(),
            Self::Not(part) => part.needs(),
            Self::Check(check) => check.field.needs(),
        }
    }
}

impl Checked {
    pub(super) fn holds(&self, context: &Context<'_>) -> bool {
        let field = &self.field;
        if field.field.arg == ArgRule::Ancestor && field.arg.key == Key::None {
            return self.any_ancestor(context);
        }
        self.test.passes(&field.get(context))
    }

    /// Without a number, one ancestor that passes is enough.
    fn any_ancestor(&self, context: &Context<'_>) -> bool {
        (1..=MAX_ANCESTORS)
            .map(|n| (self.field.field.get)(context, &Arg::index(n)))
            .take_while(|value| !value.is_missing())
            .any(|value| self.test.passes(&value))
    }
}
