//! The part of filters that the kernel side decides: from tests to the steps of a [`Predicate`].
//!
//! What the kernel cannot know is left out in such a way that too much passes and never too little: `not` is moved down to
//! the tests, and a test that is not known there holds, whether it stands behind a `not` or in front of it. What passes is
//! tested again, by the whole filter.

use std::rc::Rc;

use tracer_common::{
    arch::SOCKETCALLS,
    events::{self, Effect, Flags},
    group::Counted,
    kind::Kind,
    plan::{self, Op, Plan, Store},
    predicate::{COMPAT_ARGUMENT, DROP, PASS, Predicate, STEPS, Step, Subject, class, subject},
};

use super::{
    Filter,
    compile::{Node, Test as Leaf},
    operator::Operator,
    test::{Test, Texts},
};
use crate::{
    event::decode::layout,
    fields::{Context, EventType, FieldRef, InKernel, Value},
    format::errno,
    state::FdKind,
};

/// More numbers or texts in one test than this are not compared one by one.
const MAX_ALTERNATIVES: usize = 12;
/// More questions about cgroups than this are not asked: an answer is a bit of 64.
const MAX_QUESTIONS: usize = 64;
/// The longest name of a thread.
const MAX_COMM: usize = tracer_common::wire::COMM_LEN - 1;

/// What is asked of the container that a cgroup belongs to.
#[derive(Debug, Clone)]
pub struct Question {
    leaf: Rc<Leaf>,
    negated: bool,
}

impl Question {
    /// The answer for the container of `context`, whose metadata is known.
    #[must_use]
    pub fn answer(&self, context: &Context<'_>) -> bool {
        self.leaf.check.holds(context) != self.negated
    }
}

/// The tests of one event type, combined; steps are what the kernel knows of them.
#[derive(Debug, Clone)]
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

/// What events of a type are made of.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The type.
    pub event: EventType<'a>,
    /// What the kernel side does for it.
    pub plan: &'a Plan,
    /// Whether what passes is counted there, and not tested again.
    pub counted: bool,
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
    fn between(subject: Subject, low: i64, high: i64) -> Self {
        Self::Step(Step { subject: subject as u8, low, high, ..Step::ZERO }, false)
    }

    /// How much work it is for the kernel.
    fn cost(&self) -> u32 {
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

impl Filter {
    /// What the kernel knows of the filter for events of a type. Questions about cgroups are added to `questions`.
    #[must_use]
    pub fn in_kernel(&self, target: &Target<'_>, questions: &mut Vec<Question>) -> Expr {
        over(&self.node, false, target, questions)
    }

    /// Each test as it was written, and whether it is decided, for events of a type, by the type (`None`), in the kernel or
    /// here.
    pub fn tests<'f>(&'f self, target: &'f Target<'f>) -> Vec<(&'f str, Option<bool>)> {
        let mut found = Vec::new();
        self.node.each(&mut |leaf| {
            let known = || !matches!(step(leaf, false, target, &mut Vec::new()), None | Some(Expr::Always(true)));
            let place = leaf.check.by_type(&target.event).is_none().then(known);
            found.push((&*leaf.text, place));
        });
        found
    }
}

/// A call that sends or receives and may tell the socket's peer: it succeeded, and the socket is not connected. Those that
/// have an address as an argument have one.
#[must_use]
pub fn names_its_peer(plan: &Plan) -> Expr {
    let mut parts = vec![Expr::succeeded()];
    let Some(tuple) = plan.params.get(usize::from(plan.tuple)) else { return Expr::And(parts) };
    if plan.flags & (plan::COMPAT | plan::SOCKETCALL) == 0 && tuple.a < 6 {
        if tuple.c < 6 && tuple.d == 0 {
            let missing = argument(tuple.c.into(), Store::U64, 0, 0);
            parts.push(Expr::Step(missing, true));
        }
        // No port lies between these: the step holds where an end has none.
        parts.push(Expr::Step(Step { operand: tuple.a.into(), ..number(Subject::Port, 1, 0) }, false));
    }
    Expr::And(parts)
}

/// Whether what passes these filters, all of them, can be counted in the kernel: it has to know each test of them exactly.
/// What the container is may be asked later, of the row.
///
/// # Errors
/// The reason why it cannot.
pub fn can_group(filters: &[&Filter], counted: Counted) -> Result<(), &'static str> {
    let parts: Vec<&Node> = filters.iter().flat_map(|filter| filter.node.conjuncts()).collect();
    let mut rest = parts.into_iter().filter(|part| !is_about_container(part));
    match counted {
        Counted::Events => {
            let exact = rest.all(|part| {
                let possible = |row: &&events::Event| {
                    !row.live_only() && filters.iter().all(|filter| filter.may_match(&EventType::of(row)))
                };
                events::all().filter(possible).all(|row| {
                    let (whole, half) = (Plan::of(row, 0), Plan::compat(row, 0));
                    let packed = Plan { flags: half.flags | plan::SOCKETCALL, ..half };
                    let is_packed = SOCKETCALLS.iter().any(|call| events::by_syscall(call).code == row.code);
                    let exact =
                        |plan| is_exact(part, false, &Target { event: EventType::of(row), plan, counted: true });
                    exact(&whole) && exact(&half) && (!is_packed || exact(&packed))
                })
            });
            if exact { Ok(()) } else { Err("the kernel does not know all tests of the filter exactly") }
        }
        Counted::SocketBytes => {
            let io = || events::all().filter(|row| row.is_io());
            let mut sockets = false;
            for part in rest {
                let Node::Check(leaf) = part else { return Err("the filter is not the one for bytes of the network") };
                let every = io().all(|row| leaf.check.by_type(&EventType::of(row)) == Some(true));
                let inet = || {
                    let (field, test) = leaf.check.constant()?;
                    let inet = 1 << class::NONE | 1 << class::INET | 1 << class::INET6;
                    Some(field.field.in_kernel == Some(InKernel::FdType) && classes(test) == inet)
                };
                if inet() == Some(true) {
                    sockets = true;
                } else if !every {
                    return Err("the filter asks for more than bytes of the network");
                }
            }
            if sockets { Ok(()) } else { Err("bytes are added up in the kernel for internet sockets only") }
        }
    }
}

fn is_about_container(node: &Node) -> bool {
    matches!(node, Node::Check(leaf) if leaf.check.is_about_container())
}

/// Whether the kernel knows exactly for which events of a type the node holds, or, `negated`, does not.
fn is_exact(node: &Node, negated: bool, target: &Target<'_>) -> bool {
    match node {
        Node::And(parts) | Node::Or(parts) => parts.iter().all(|part| is_exact(part, negated, target)),
        Node::Not(part) => is_exact(part, !negated, target),
        Node::Check(leaf) => {
            if leaf.check.by_type(&target.event).is_some() {
                return true;
            }
            let known = leaf.check.constant().and_then(|(field, _)| field.field.in_kernel);
            match known {
                // Each call has a plan of its own.
                Some(InKernel::Type) => true,
                Some(
                    InKernel::Tid
                    | InKernel::Tgid
                    | InKernel::ParentTgid
                    | InKernel::Uid
                    | InKernel::Gid
                    | InKernel::Cpu
                    | InKernel::Comm
                    | InKernel::Result
                    | InKernel::Failed
                    | InKernel::ResultName
                    | InKernel::Bytes
                    | InKernel::Latency
                    | InKernel::FdType,
                ) => is_short(leaf) && step(leaf, negated, target, &mut Vec::new()).is_some(),
                _ => false,
            }
        }
    }
}

/// Whether a test has so few alternatives that each is a step.
fn is_short(leaf: &Leaf) -> bool {
    let Some((_, test)) = leaf.check.constant() else { return false };
    !is_long(test)
}

/// Whether a test has so many numbers that only the least and the greatest of them are compared.
fn is_long(test: &Test) -> bool {
    let test = if let Test::Differs(test) = test { test } else { test };
    matches!(test, Test::IntIn(numbers) if numbers.len() > MAX_ALTERNATIVES)
}

/// Whether a range of results has all of one sign, or lies in the errors: of the messages of a call, the first one has its error,
/// and none of them has one when the call has none.
fn is_of_sign((low, high): &(i64, i64)) -> bool {
    *high < 0 || *low <= 0 && *high == i64::MAX
}

/// An expression that holds whenever the node does, or, `negated`, whenever it does not.
fn over(node: &Node, negated: bool, target: &Target<'_>, questions: &mut Vec<Question>) -> Expr {
    let mut all = |parts: &[Node]| {
        let mut parts: Vec<Expr> = parts.iter().map(|part| over(part, negated, target, questions)).collect();
        parts.sort_by_key(Expr::cost);
        parts
    };
    match (node, negated) {
        (Node::And(parts), false) | (Node::Or(parts), true) => Expr::And(all(parts)),
        (Node::Or(parts), false) | (Node::And(parts), true) => Expr::Or(all(parts)),
        (Node::Not(part), _) => over(part, !negated, target, questions),
        (Node::Check(leaf), _) => match leaf.check.by_type(&target.event) {
            Some(holds) => Expr::Always(holds != negated),
            None => step(leaf, negated, target, questions).unwrap_or(Expr::Always(true)),
        },
    }
}

/// What the kernel knows of a test; `None` when it knows nothing.
fn step(leaf: &Rc<Leaf>, negated: bool, target: &Target<'_>, questions: &mut Vec<Question>) -> Option<Expr> {
    let (field, test) = leaf.check.constant()?;
    let of_call = target.plan.flags & plan::SOCKETCALL == 0;
    let single = !target.event.row.flags.has(Flags::SEVERAL);
    // Of what every event has, the contrary is known, too.
    let numbers = |subject: Subject| Some(any(subject, &ranges(test, negated)?));
    // What has no number holds no test, and the contrary of each.
    let positive = |subject: Subject| {
        let ranges: Vec<_> = ranges(test, false)?.into_iter().map(|(from, to)| (from.max(0), to)).collect();
        let steps = ranges.iter().filter(|(low, high)| low <= high);
        let steps = steps.map(|(low, high)| Expr::Step(number(subject, *low, *high), negated)).collect();
        let is_known = (single || ranges.iter().all(is_of_sign)) && !(negated && is_long(test));
        is_known.then_some(if negated { Expr::And(steps) } else { Expr::Or(steps) })
    };
    match field.field.in_kernel? {
        InKernel::Tid => numbers(Subject::Tid),
        InKernel::Tgid => numbers(Subject::Tgid),
        InKernel::ParentTgid => numbers(Subject::ParentTgid),
        InKernel::Uid => numbers(Subject::Uid),
        InKernel::Gid => numbers(Subject::Gid),
        InKernel::Cpu => numbers(Subject::Cpu),
        InKernel::Comm => comm(test, negated),
        InKernel::Result => {
            let ranges = ranges(test, negated).filter(|ranges| single || ranges.iter().all(is_of_sign))?;
            Some(any(Subject::Result, &ranges))
        }
        InKernel::Failed => match test {
            Test::Bool(wanted) => Some(failed(*wanted != negated)),
            _ => None,
        },
        InKernel::ResultName => result_name(test, negated),
        InKernel::Bytes => positive(Subject::Result),
        // The beginning of an exec is kept for the thread that it began with.
        InKernel::Latency if target.plan.flags & plan::EXEC != 0 => None,
        InKernel::Latency => positive(Subject::Latency),
        InKernel::Param if of_call => param(field, test, negated, target),
        InKernel::FdType if target.counted => counted_fd_type(test, negated, target),
        InKernel::Descriptor | InKernel::FdType | InKernel::Port | InKernel::Ip if of_call => {
            let fd = descriptor(target)?;
            match field.field.in_kernel? {
                InKernel::Descriptor => {
                    let ranges = ranges(test, negated).filter(|_| !negated)?;
                    Some(each(&ranges, |low, high| argument(fd, Store::SignedInt, low, high)))
                }
                InKernel::FdType if !negated => Some(Expr::Step(fd_class(fd, classes(test)), false)),
                InKernel::Port if !negated => {
                    // Neither end has the port: that is not known of both ends here.
                    let ranges = ranges(test, false).filter(|_| !matches!(test, Test::Differs(_)))?;
                    Some(each(&ranges, |low, high| Step { operand: fd, ..number(Subject::Port, low, high) }))
                }
                InKernel::Ip if !negated => address(test, fd),
                _ => None,
            }
        }
        InKernel::Container => {
            let same = |asked: &Question| Rc::ptr_eq(&asked.leaf, leaf) && asked.negated == negated;
            let operand = questions.iter().position(same).or_else(|| {
                questions.push(Question { leaf: Rc::clone(leaf), negated });
                questions.len().checked_sub(1).filter(|at| *at < MAX_QUESTIONS)
            })? as u32;
            Some(Expr::Step(Step { operand, ..number(Subject::Cgroup, 0, 0) }, false))
        }
        InKernel::Type
        | InKernel::Vpid
        | InKernel::Failure
        | InKernel::Param
        | InKernel::Descriptor
        | InKernel::FdType
        | InKernel::Port
        | InKernel::Ip => None,
    }
}

const fn number(subject: Subject, low: i64, high: i64) -> Step {
    Step { subject: subject as u8, low, high, ..Step::ZERO }
}

const fn argument(operand: u32, store: Store, low: i64, high: i64) -> Step {
    Step { operand, store: store as u8, ..number(Subject::Argument, low, high) }
}

fn fd_class(operand: u32, classes: u32) -> Step {
    Step { operand, ..number(Subject::FdClass, classes.into(), 0) }
}

fn each(ranges: &[(i64, i64)], step: impl Fn(i64, i64) -> Step) -> Expr {
    let ranges = ranges.iter().filter(|(low, high)| low <= high);
    Expr::Or(ranges.map(|(low, high)| Expr::Step(step(*low, *high), false)).collect())
}

fn any(subject: Subject, ranges: &[(i64, i64)]) -> Expr {
    each(ranges, |low, high| number(subject, low, high))
}

/// The numbers that pass, in order and apart from each other; of many, all between the first and the last. `None` when the
/// test is of another kind.
fn ranges(test: &Test, negated: bool) -> Option<Vec<(i64, i64)>> {
    let found = match test {
        Test::Differs(test) => return ranges(test, !negated),
        test => positive_ranges(test)?,
    };
    if !negated {
        return Some(match (found.first(), found.last()) {
            (Some((low, _)), Some((_, high))) if found.len() > MAX_ALTERNATIVES => vec![(*low, *high)],
            _ => found,
        });
    }
    if found.len() > MAX_ALTERNATIVES {
        return None;
    }
    let mut rest = Vec::new();
    let mut from = Some(i64::MIN);
    for (low, high) in found {
        if let (Some(from), Some(before)) = (from, low.checked_sub(1)) {
            rest.push((from, before));
        }
        from = high.checked_add(1);
    }
    rest.extend(from.map(|from| (from, i64::MAX)));
    Some(rest)
}

fn positive_ranges(test: &Test) -> Option<Vec<(i64, i64)>> {
    let clamp = |number: i128| number.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    let whole = |low: i128, high: i128| {
        let out = low > high || low > i64::MAX.into() || high < i64::MIN.into();
        if out { Vec::new() } else { vec![(clamp(low), clamp(high))] }
    };
    Some(match test {
        Test::Exists => vec![(i64::MIN, i64::MAX)],
        Test::Int(operator, right) => match operator {
            Operator::Eq => whole(*right, *right),
            Operator::Lt => whole(i128::MIN, right.checked_sub(1)?),
            Operator::Le => whole(i128::MIN, *right),
            Operator::Gt => whole(right.checked_add(1)?, i128::MAX),
            Operator::Ge => whole(*right, i128::MAX),
            _ => return None,
        },
        Test::IntIn(wanted) => {
            let mut found: Vec<(i64, i64)> = wanted.iter().flat_map(|number| whole(*number, *number)).collect();
            found.dedup();
            found
        }
        _ => return None,
    })
}

/// Tests of text that are comparisons with one or several; `None` when it is another test. With the flag, none may be equal.
fn texts(test: &Test, negated: bool) -> Option<(Vec<&[u8]>, bool)> {
    match test {
        Test::Text(text) => Some((vec![text], negated)),
        Test::TextIn(Texts::Few(texts)) => Some((texts.iter().map(|text| &**text).collect(), negated)),
        Test::TextIn(Texts::Many(texts)) if texts.len() <= MAX_ALTERNATIVES => {
            let mut texts: Vec<&[u8]> = texts.iter().map(|text| &**text).collect();
            texts.sort_unstable();
            Some((texts, negated))
        }
        Test::Differs(test) => texts_of_differs(test, negated),
        _ => None,
    }
}

fn texts_of_differs(test: &Test, negated: bool) -> Option<(Vec<&[u8]>, bool)> {
    // The contrary of a difference holds, too, where there is no value.
    if negated { None } else { texts(test, true) }
}

/// Of a name of a thread.
fn comm(test: &Test, negated: bool) -> Option<Expr> {
    let begins = |text: &[u8], count: usize| {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        let word = |at: usize| i64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        Step { operand: count as u32, ..number(Subject::Comm, word(0), word(8)) }
    };
    if let Test::Startswith(start) = test {
        let step = || Expr::Step(begins(start, start.len()), negated);
        return Some(if start.len() > MAX_COMM { Expr::Always(negated) } else { step() });
    }
    let (texts, not) = texts(test, negated)?;
    // An empty name is none.
    let possible = texts.into_iter().filter(|text| (1..=MAX_COMM).contains(&text.len()));
    let steps = possible.map(|text| Expr::Step(begins(text, text.len() + 1), not)).collect();
    Some(if not { Expr::And(steps) } else { Expr::Or(steps) })
}

fn failed(failed: bool) -> Expr {
    if failed { Expr::between(Subject::Result, i64::MIN, -1) } else { Expr::succeeded() }
}

/// Of the name of a result.
fn result_name(test: &Test, negated: bool) -> Option<Expr> {
    let (texts, not) = texts(test, negated)?;
    let mut steps = Vec::new();
    for text in texts {
        let name = std::str::from_utf8(text).ok()?;
        let result = |number: i64| Expr::between(Subject::Result, number, number);
        let step = if name == "SUCCESS" { Expr::succeeded() } else { result(-errno::number(name)?) };
        steps.push(match step {
            Expr::Step(step, _) => Expr::Step(step, not),
            other => other,
        });
    }
    Some(if not { Expr::And(steps) } else { Expr::Or(steps) })
}

/// The argument that is the descriptor of a call. Where the call makes or closes descriptors, it is not asked what stands
/// behind it: that has changed by then.
fn descriptor(target: &Target<'_>) -> Option<u32> {
    let row = target.event.row;
    if !matches!(row.effect, Effect::None | Effect::Transfer) || !row.flags.has(Flags::USES_FD) {
        return None;
    }
    let param = target.plan.params.get(usize::from(layout(row).fd?))?;
    (param.op == Op::Arg as u8 && param.a < 6).then(|| operand(param.a, target))
}

/// An argument of a call, as steps name it.
fn operand(argument: u8, target: &Target<'_>) -> u32 {
    u32::from(argument) + if target.plan.flags & plan::COMPAT != 0 { COMPAT_ARGUMENT } else { 0 }
}

/// Of the type of a descriptor, when the kernel has the last word; `None` when its classes do not say.
fn counted_fd_type(test: &Test, negated: bool, target: &Target<'_>) -> Option<Expr> {
    let holds = |kind: &FdKind| kind.name().is_some_and(|name| test.passes(&Value::from(name)));
    let mut mask = 0;
    for class in (0..class::COUNT).filter(|class| *class != class::NONE) {
        let mut kinds = kinds_of(class).map(|kind| holds(&kind));
        let first = kinds.next()?;
        if kinds.any(|other| other != first) {
            return None;
        }
        mask |= u32::from(first) << class;
    }
    if target.plan.flags & plan::SOCKETCALL == 0 {
        return Some(Expr::Step(fd_class(descriptor(target)?, mask), negated));
    }
    // The descriptor of such a call is a socket, or the call fails.
    (mask & class::SOCKETS == 0).then_some(Expr::Always(negated))
}

/// The classes of descriptors for which a test of their type may hold.
fn classes(test: &Test) -> u32 {
    let may = |kinds: &dyn Fn(FdKind) -> bool, class: u32| {
        let held = FdKind::ALL.into_iter().filter(|kind| kinds(*kind)).filter_map(FdKind::name);
        let holds = held.into_iter().any(|name| test.passes(&Value::from(name)));
        if holds { 1 << class } else { 0 }
    };
    let socket = |kind: FdKind| kinds_of(class::INET6).chain(kinds_of(class::UNIX)).any(|it| it == kind);
    (1 << class::NONE)
        // A name in a file system may stand for a pipe, too.
        | may(&|kind| !socket(kind) && kind != FdKind::Netlink, class::NO_SOCKET)
        | may(&|kind| !socket(kind) && kind != FdKind::Netlink, class::FILE)
        | may(&|kind| kind == FdKind::Ipv4, class::INET)
        | may(&|kind| kinds_of(class::INET6).any(|it| it == kind), class::INET6)
        | may(&|kind| kind == FdKind::Unix, class::UNIX)
        | may(&|kind| !socket(kind), class::OTHER)
}

/// What the descriptors of a class are here.
fn kinds_of(of: u32) -> impl Iterator<Item = FdKind> {
    FdKind::ALL.into_iter().filter(move |kind| match kind {
        FdKind::File => of == class::FILE,
        FdKind::Ipv4 => of == class::INET || of == class::INET6,
        FdKind::Ipv6 => of == class::INET6,
        FdKind::Unix => of == class::UNIX,
        FdKind::Netlink | FdKind::Unknown => of == class::OTHER,
        _ => of == class::NO_SOCKET,
    })
}

/// Of an address of either end.
fn address(test: &Test, fd: u32) -> Option<Expr> {
    let v4 = |network: u32, mask: u32| {
        Expr::Step(Step { operand: fd, ..number(Subject::Address, network.into(), mask.into()) }, false)
    };
    let v6 = || Expr::Step(fd_class(fd, 1 << class::NONE | 1 << class::INET6), false);
    let steps: Vec<Expr> = match test {
        Test::Ip(wanted) => wanted
            .iter()
            .map(|ip| match ip {
                std::net::IpAddr::V4(ip) => v4((*ip).into(), u32::MAX),
                std::net::IpAddr::V6(_) => v6(),
            })
            .collect(),
        Test::Net(wanted) => {
            wanted.iter().map(|network| network.v4().map_or_else(v6, |(network, mask)| v4(network, mask))).collect()
        }
        _ => return None,
    };
    (steps.len() <= MAX_ALTERNATIVES).then_some(Expr::Or(steps))
}

/// Of an argument that is a plain number.
fn param(field: &FieldRef, test: &Test, negated: bool, target: &Target<'_>) -> Option<Expr> {
    let at = field.arg.param(target.event.row)?;
    let (param, row) = (target.plan.params.get(at)?, target.event.row.params.get(at)?);
    let signed = matches!(row.kind, Kind::Fd | Kind::Pid | Kind::I32 | Kind::I64 | Kind::I16);
    let store = row.kind.live_store();
    let plain = matches!(row.kind, Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 | Kind::Uid | Kind::Gid) || signed;
    if param.op != Op::Arg as u8 || param.a >= 6 || !plain || negated {
        return None;
    }
    let ranges = ranges(test, false)?;
    // A number above those that have a sign is one below zero here.
    let beyond = |(low, high): &(i64, i64)| store == Store::U64 && !signed && (*low < 0 || *high == i64::MAX);
    // The kernel stores the lower bytes, which user space reads with a sign.
    let narrow = signed && matches!(store, Store::U8 | Store::U16 | Store::U32);
    if narrow || ranges.iter().any(beyond) {
        return None;
    }
    Some(each(&ranges, |low, high| argument(operand(param.a, target), store, low, high)))
}
