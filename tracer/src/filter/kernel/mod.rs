//! The part of filters that the kernel side decides: from tests to the steps of a [`Predicate`].
//!
//! What the kernel cannot know is left out in such a way that too much passes and never too little: `not` is moved down to
//! the tests, and a test that is not known there holds, whether it stands behind a `not` or in front of it. What passes is
//! tested again, by the whole filter.

mod descriptor;
mod expr;
mod table;
mod told;
mod values;

use std::rc::Rc;

use tracer_common::{
    events::Flags,
    flags::{FIOCLEX, FIONCLEX},
    plan::{self, NONE, Plan, Store},
    predicate::{COMPAT_ARGUMENT, QUESTIONS, Step, Subject},
};

pub(super) use self::told::of_group;
pub use self::{
    descriptor::of_counted,
    expr::{Expr, Made},
    table::can_group,
    told::Untold,
};
use self::{
    descriptor::{address, classes, counted_fd_type, descriptor},
    expr::{any, argument, each, fd_class, number},
    values::{comm, failed, is_long, is_of_sign, param, ranges, result_name},
};
use super::{
    Filter,
    check::Checked,
    compile::{Node, Test as Leaf},
    test::Test,
};
use crate::fields::{Context, EventType, InKernel};

/// More numbers or texts in one test than this are not compared one by one.
const MAX_ALTERNATIVES: usize = 12;

/// What is asked of the container that a cgroup belongs to.
#[derive(Debug, Clone)]
pub struct Question {
    leaf: Rc<Leaf>,
    negated: bool,
}

impl Question {
    /// Whether it is about the path of a cgroup, and not about a container.
    #[must_use]
    pub fn is_about_path(&self) -> bool {
        self.leaf.check.constant().is_some_and(|(field, _)| field.field.in_kernel == Some(InKernel::Cgroup))
    }

    /// The answer for the container of `context`, whose metadata is known.
    #[must_use]
    pub fn answer(&self, context: &Context<'_>) -> bool {
        self.leaf.check.holds(context) != self.negated
    }
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

/// An `ioctl` that succeeds and has a descriptor closed at an exec, or not: of that, what is known of descriptors has to hear.
#[must_use]
pub fn marks_cloexec(plan: &Plan) -> Expr {
    let operand = 1 + if plan.flags & plan::COMPAT != 0 { COMPAT_ARGUMENT } else { 0 };
    let request = argument(operand, Store::U32, FIONCLEX.into(), FIOCLEX.into());
    Expr::And(vec![Expr::succeeded(), Expr::Step(request, false)])
}

/// The members of the key of a table, when a test can be made of its rows instead of each event: of the container and of the ends
/// of sockets.
#[must_use]
fn of_row(check: &Checked) -> Option<u32> {
    if check.is_about_container() || check.is_about_ends() { check.constant()?.0.field.in_kernel?.key() } else { None }
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
        // A capture that is read again is not filtered in the kernel.
        (Node::Stretches(_), _) => Expr::Always(true),
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
        InKernel::Bytes if target.plan.message_flags != NONE => positive(Subject::Taken),
        InKernel::Bytes => positive(Subject::Result),
        // The beginning of an exec is kept for the thread that it began with.
        InKernel::Latency if target.plan.flags & plan::EXEC != 0 => None,
        // Of the messages of a call only the first one is timed, and the call goes on with the others only if that passes.
        InKernel::Latency if single => positive(Subject::Latency),
        InKernel::Param if of_call => param(field, test, negated, target),
        InKernel::FdType if target.counted => counted_fd_type(test, negated, target),
        InKernel::Descriptor | InKernel::FdType | InKernel::Port(_) | InKernel::Ip(_) if of_call => {
            let fd = descriptor(target)?;
            match field.field.in_kernel? {
                InKernel::Descriptor => {
                    let ranges = ranges(test, negated).filter(|_| !negated)?;
                    Some(each(&ranges, |low, high| argument(fd, Store::SignedInt, low, high)))
                }
                InKernel::FdType if !negated => Some(Expr::Step(fd_class(fd, classes(test)), false)),
                InKernel::Port(_) if !negated => {
                    // Neither end has the port: that is not known of both ends here.
                    let ranges = ranges(test, false).filter(|_| !matches!(test, Test::Differs(_)))?;
                    Some(each(&ranges, |low, high| Step { operand: fd, ..number(Subject::Port, low, high) }))
                }
                InKernel::Ip(_) if !negated => address(test, fd),
                _ => None,
            }
        }
        InKernel::Container | InKernel::Cgroup => {
            let same = |asked: &Question| asked.leaf.text == leaf.text && asked.negated == negated;
            let operand = questions.iter().position(same).or_else(|| {
                questions.push(Question { leaf: Rc::clone(leaf), negated });
                questions.len().checked_sub(1).filter(|at| *at < QUESTIONS as usize)
            })? as u32;
            Some(Expr::Step(Step { operand, ..number(Subject::Cgroup, 0, 0) }, false))
        }
        InKernel::Type
        | InKernel::Latency
        | InKernel::Vpid
        | InKernel::Failure
        | InKernel::BytesIn
        | InKernel::BytesOut
        | InKernel::MainName
        | InKernel::UserName
        | InKernel::Param
        | InKernel::Descriptor
        | InKernel::FdType
        | InKernel::Port(_)
        | InKernel::Ip(_)
        | InKernel::Protocol
        | InKernel::FdName
        | InKernel::Role => None,
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::events;

    use super::*;
    use crate::fields::Show;

    /// What becomes of a filter for a call.
    fn made(filter: &str, call: &'static str) -> Made {
        let row = events::by_syscall(call);
        let target = Target { event: EventType::of_call(row, call), plan: &Plan::of(row, 0), counted: false };
        Filter::compile(filter, Show::default()).unwrap().in_kernel(&target, &mut Vec::new()).make()
    }

    #[test]
    fn the_time_of_a_call_with_several_messages_is_decided_here() {
        for filter in ["evt.latency exists", "not evt.latency exists", "evt.latency>1000", "not evt.latency>1000"] {
            assert_eq!(made(filter, "sendmmsg"), Made::Pass, "{filter}");
            assert!(matches!(made(filter, "sendmsg"), Made::Steps(..)), "{filter}");
        }
    }

    #[test]
    fn errors_of_messages_are_those_of_their_call_and_bytes_are_not() {
        for filter in ["evt.res=EBADF", "evt.rawres<0", "evt.buflen exists"] {
            assert!(matches!(made(filter, "sendmmsg"), Made::Steps(..)), "{filter}");
        }
        for filter in ["evt.rawres=7", "evt.buflen>7", "not evt.buflen>7"] {
            assert_eq!(made(filter, "sendmmsg"), Made::Pass, "{filter}");
        }
    }
}
