//! Tests of one event type, combined, and the steps that they become.

use tracer_common::{
    plan::Store,
    predicate::{DROP, PASS, Predicate, STEPS, Step, Subject, subject},
};

/// The tests of one event type, combined; steps are what the kernel knows of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Always so.
    Always(bool),
    /// A step; with the flag, that it does not hold.
    Step(Step, bool),
    /// All.
    And(Vec<Expr>),
    /// One of them.
    Or(Vec<Expr>),
}

/// Where the next step of a predicate that is being made is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    End(u8),
    /// So many steps before the last one.
    Step(usize),
}

/// What became of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// Everything passes.
    Pass,
    /// It has too many steps: everything passes, although not everything should.
    TooLong,
    /// Nothing passes.
    Drop,
    /// This decides.
    Steps(Box<Predicate>, usize),
}

impl Expr {
    /// One number between two, both included.
    pub(super) fn between(subject: Subject, low: i64, high: i64) -> Self {
        Self::Step(Step { subject: subject as u8, low, high, ..Step::ZERO }, false)
    }

    /// One of these; those left out that ask for all that another one asks for, and for more.
    #[must_use]
    pub fn any_of(parts: Vec<Self>) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        for part in parts.into_iter().filter(|part| *part != Self::Always(false)) {
            if !kept.iter().any(|it| it.follows_from(&part)) {
                kept.retain(|it| !part.follows_from(it));
                kept.push(part);
            }
        }
        Self::Or(kept)
    }

    /// Whether it holds where the other one does, because that one has all its parts.
    #[must_use]
    pub fn follows_from(&self, other: &Self) -> bool {
        let known = other.conjuncts();
        self.conjuncts().iter().all(|part| known.contains(part))
    }

    /// The same where the other one is known to hold.
    #[must_use]
    pub fn given(&self, other: &Self) -> Self {
        let known = other.conjuncts();
        Self::And(self.conjuncts().into_iter().filter(|part| !known.contains(part)).cloned().collect())
    }

    /// The parts that all have to hold.
    fn conjuncts(&self) -> Vec<&Self> {
        match self {
            Self::Always(true) => Vec::new(),
            Self::And(parts) => parts.iter().flat_map(Self::conjuncts).collect(),
            Self::Or(parts) if parts.len() == 1 => parts[0].conjuncts(),
            other => vec![other],
        }
    }

    /// How much work it is for the kernel.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Always(_) => 0,
            Self::Step(step, _) => match step.subject {
                subject::FdClass | subject::Port | subject::Address => 20,
                subject::Cgroup => 4,
                subject::ParentTgid | subject::Uid | subject::Gid | subject::Latency => 2,
                _ => 1,
            },
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::cost).fold(0, u32::saturating_add),
        }
    }

    /// The call succeeded.
    #[must_use]
    pub fn succeeded() -> Self {
        Self::between(Subject::Result, 0, i64::MAX)
    }

    /// The steps.
    #[must_use]
    pub fn make(&self) -> Made {
        let mut steps = Vec::new();
        let first = self.put(Next::End(PASS), Next::End(DROP), &mut steps);
        if let Next::Step(at) = first {
            // Nobody comes to what was put after the first one.
            steps.truncate(at + 1);
        }
        if steps.len() > STEPS {
            return Made::TooLong;
        }
        match first {
            Next::End(PASS) => Made::Pass,
            Next::End(_) => Made::Drop,
            Next::Step(_) => {
                let count = steps.len();
                let at = |next: Next| match next {
                    Next::End(end) => end,
                    Next::Step(from_end) => (count - 1 - from_end) as u8,
                };
                let mut predicate = Predicate { steps: [Step::ZERO; STEPS] };
                for (place, (step, yes, no)) in predicate.steps.iter_mut().zip(steps.into_iter().rev()) {
                    *place = Step { yes: at(yes), no: at(no), ..step };
                }
                Made::Steps(Box::new(predicate), count)
            }
        }
    }

    /// Puts the steps, the last one first, and says where they begin.
    fn put(&self, yes: Next, no: Next, steps: &mut Vec<(Step, Next, Next)>) -> Next {
        match self {
            Self::Always(true) => yes,
            Self::Always(false) => no,
            Self::Step(..) if yes == no => yes,
            Self::Step(step, false) => {
                steps.push((*step, yes, no));
                Next::Step(steps.len() - 1)
            }
            Self::Step(step, true) => Self::Step(*step, false).put(no, yes, steps),
            Self::And(parts) => parts.iter().rev().fold(yes, |next, part| part.put(next, no, steps)),
            Self::Or(parts) => parts.iter().rev().fold(no, |next, part| part.put(yes, next, steps)),
        }
    }
}

pub(super) const fn number(subject: Subject, low: i64, high: i64) -> Step {
    Step { subject: subject as u8, low, high, ..Step::ZERO }
}

pub(super) const fn argument(operand: u32, store: Store, low: i64, high: i64) -> Step {
    Step { operand, store: store as u8, ..number(Subject::Argument, low, high) }
}

pub(super) fn fd_class(operand: u32, classes: u32) -> Step {
    Step { operand, ..number(Subject::FdClass, classes.into(), 0) }
}

pub(super) fn each(ranges: &[(i64, i64)], step: impl Fn(i64, i64) -> Step) -> Expr {
    let ranges = ranges.iter().filter(|(low, high)| low <= high);
    Expr::Or(ranges.map(|(low, high)| Expr::Step(step(*low, *high), false)).collect())
}

pub(super) fn any(subject: Subject, ranges: &[(i64, i64)]) -> Expr {
    each(ranges, |low, high| number(subject, low, high))
}
