//! Filters over named texts that are not fields of events, such as those of a line of a log: the same language, with fields of their own.

use super::{
    Test,
    ast::{Expr, Operand},
    check::Checker,
    error::{FilterError, did_you_mean},
    parse::parse,
};
use crate::fields::{Show, Value};

/// A field of such a filter.
pub trait TextField: Sized {
    /// The field of that name.
    fn by_name(name: &str) -> Option<Self>;

    /// The names of all fields.
    fn names() -> Vec<&'static str>;

    /// Whether it is an id, of which a filter may have more digits than its value.
    fn is_id(&self) -> bool;
}

/// A compiled filter.
#[derive(Debug)]
pub struct TextFilter<F> {
    node: Node<F>,
}

#[derive(Debug)]
enum Node<F> {
    And(Box<[Node<F>]>),
    Or(Box<[Node<F>]>),
    Not(Box<Node<F>>),
    Test(F, Test),
}

impl<F: TextField> TextFilter<F> {
    /// Compiles a filter.
    ///
    /// # Errors
    /// As [`super::Filter::compile`].
    pub fn compile(filter: &str) -> Result<Self, FilterError> {
        let mut checker = Checker::new(filter, Show::PLAIN);
        let node = compile(filter, &mut checker, &parse(filter)?)?;
        Ok(Self { node })
    }

    /// Whether it holds, with these values. A value may be open, with `None`: then this is `None` if that decides.
    pub fn decide<'v>(&self, value: &impl Fn(&F) -> Option<Value<'v>>) -> Option<bool> {
        self.node.decide(value)
    }
}

fn compile<F: TextField>(filter: &str, checker: &mut Checker<'_>, expr: &Expr) -> Result<Node<F>, FilterError> {
    let mut all = |parts: &[Expr]| parts.iter().map(|part| compile(filter, checker, part)).collect::<Result<_, _>>();
    Ok(match expr {
        Expr::And(parts) => Node::And(all(parts)?),
        Expr::Or(parts) => Node::Or(all(parts)?),
        Expr::Not(part) => Node::Not(Box::new(compile(filter, checker, part)?)),
        Expr::Check(check) => {
            let error = |message: String| FilterError::new(filter, check.left.at().0.clone(), message);
            let Operand::Field { name, .. } = &check.left else {
                return Err(error("transformers work on events, not on lines".to_owned()));
            };
            let field = F::by_name(name).ok_or_else(|| {
                let hint = did_you_mean(name, F::names().into_iter());
                let all = || format!("fields are {}", F::names().join(", "));
                let name: String = name.chars().take(60).collect();
                error(format!("unknown field '{name}'")).hint(Some(hint.unwrap_or_else(all)))
            })?;
            let test = checker.check_text(check, field.is_id())?;
            Node::Test(field, test)
        }
    })
}

impl<F> Node<F> {
    fn decide<'v>(&self, value: &impl Fn(&F) -> Option<Value<'v>>) -> Option<bool> {
        // `and` is decided by one false part, `or` by one true part; otherwise one open part leaves it open.
        let any = |parts: &[Self], decisive: bool| {
            let mut is_open = false;
            for part in parts {
                match part.decide(value) {
                    Some(known) if known == decisive => return Some(decisive),
                    Some(_) => {}
                    None => is_open = true,
                }
            }
            (!is_open).then_some(!decisive)
        };
        match self {
            Self::And(parts) => any(parts, false),
            Self::Or(parts) => any(parts, true),
            Self::Not(part) => part.decide(value).map(|known| !known),
            Self::Test(field, test) => value(field).map(|value| test.passes(&value)),
        }
    }
}
