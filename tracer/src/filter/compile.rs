//! The compiled predicate: fields are functions, names are gone.

use std::rc::Rc;

use tracer_common::events::{self, old};

use super::{
    ast::Expr,
    check::{Checked, Checker},
    error::FilterError,
    stretches::Stretches,
};
use crate::fields::{Context, EventType, Needs};

#[derive(Debug)]
pub(super) enum Node {
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Not(Box<Node>),
    Check(Rc<Test>),
    Stretches(Box<Stretches>),
}

/// A test, and what the code of an event says of it.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) check: Checked,
    decided: Decided,
    /// As it was written.
    pub(super) text: Box<str>,
}

/// Compiles a tree. The parts of `and` and `or` are sorted by cost, which changes no result: tests have no effects.
pub(super) fn compile(checker: &mut Checker<'_>, expr: &Expr) -> Result<Node, FilterError> {
    let mut all = |parts: &[Expr]| -> Result<Box<[Node]>, FilterError> {
        let mut nodes = parts.iter().map(|part| compile(checker, part)).collect::<Result<Vec<_>, _>>()?;
        nodes.sort_by_cached_key(Node::cost);
        Ok(nodes.into())
    };
    Ok(match expr {
        Expr::And(parts) => Node::And(all(parts)?),
        Expr::Or(parts) => Node::Or(all(parts)?),
        Expr::Not(part) => {
            let named = checker.named.len();
            let node = compile(checker, part)?;
            // What is excluded is not asked for.
            checker.named.truncate(named);
            Node::Not(Box::new(node))
        }
        Expr::Check(written) => {
            let check = checker.check(written)?;
            let decided = Decided::new(|event| check.by_type(event));
            Node::Check(Rc::new(Test { check, decided, text: written.to_string().into() }))
        }
    })
}

impl Node {
    fn cost(&self) -> u32 {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::cost).fold(0, u32::saturating_add),
            Self::Not(part) => part.cost(),
            // A bit is looked up, and the field is only asked for what is left.
            Self::Check(test) if test.decided.mostly() => 0,
            Self::Check(test) => test.check.cost(),
            Self::Stretches(_) => 1,
        }
    }

    /// Whether it holds.
    pub(super) fn holds(&self, context: &Context<'_>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(context)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(context)),
            Self::Not(part) => !part.holds(context),
            Self::Check(test) => test.decided.get(context.event.row.code).unwrap_or_else(|| test.check.holds(context)),
            Self::Stretches(stretches) => stretches.has(context.event.tid.into(), context.event.time_ns),
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
            Self::Check(test) => ask(&test.check),
            Self::Stretches(_) => None,
        }
    }

    /// The parts that all have to hold.
    pub(super) fn conjuncts(&self) -> Vec<&Node> {
        match self {
            Self::And(parts) => parts.iter().flat_map(Node::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// Whether all tests are such.
    pub(super) fn all(&self, is_such: &impl Fn(&Test) -> bool) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().all(|part| part.all(is_such)),
            Self::Not(part) => part.all(is_such),
            Self::Check(test) => is_such(test),
            Self::Stretches(_) => false,
        }
    }

    /// What it asks, as text.
    pub(super) fn text(&self) -> String {
        let all = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts.iter().map(Self::text).collect();
            format!("({})", parts.join(word))
        };
        match self {
            Self::And(parts) => all(parts, " and "),
            Self::Or(parts) => all(parts, " or "),
            Self::Not(part) => format!("not {}", part.text()),
            Self::Check(test) => test.text.to_string(),
            Self::Stretches(stretches) => format!("{stretches:?}"),
        }
    }

    /// Every test, in the order in which they are asked.
    pub(super) fn each<'n>(&'n self, visit: &mut impl FnMut(&'n Rc<Test>)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.each(visit)),
            Self::Not(part) => part.each(visit),
            Self::Check(test) => visit(test),
            Self::Stretches(_) => {}
        }
    }

    pub(super) fn needs(&self) -> Needs {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::needs).collect(),
            Self::Not(part) => part.needs(),
            Self::Check(test) => test.check.needs(),
            Self::Stretches(_) => Needs::NONE,
        }
    }
}

const WORDS: usize = events::CODES as usize / 64;
/// Codes from here on are not looked up: there are few of them.
const CODES: u16 = WORDS as u16 * 64;

/// What the code of an event decides, as bits. Which call a generic event is, its code does not say.
#[derive(Debug)]
pub(super) struct Decided {
    known: [u64; WORDS],
    holds: [u64; WORDS],
}

impl Decided {
    /// Asks for each row.
    pub(super) fn new(ask: impl Fn(&EventType<'_>) -> Option<bool>) -> Self {
        let mut decided = Self { known: [0; WORDS], holds: [0; WORDS] };
        for row in (0..CODES).filter_map(events::by_code) {
            let event = EventType::of(row);
            let event = if row.code == old::code::GENERIC_E { EventType { name: None, ..event } } else { event };
            if let Some(holds) = ask(&event) {
                let (word, bit) = place(row.code);
                decided.known[word] |= bit;
                decided.holds[word] |= if holds { bit } else { 0 };
            }
        }
        decided
    }

    /// What it decides for a code; `None` when it does not.
    pub(super) fn get(&self, code: u16) -> Option<bool> {
        if code >= CODES {
            return None;
        }
        let (word, bit) = place(code);
        (self.known[word] & bit != 0).then_some(self.holds[word] & bit != 0)
    }

    /// Whether it decides for most codes.
    fn mostly(&self) -> bool {
        let known: u32 = self.known.iter().map(|word| word.count_ones()).sum();
        known as usize * 4 > events::all().count() * 3
    }
}

const fn place(code: u16) -> (usize, u64) {
    ((code / 64) as usize, 1 << (code % 64))
}
