//! Whether tables can be counted in the kernel: behind filters that it knows exactly.

use tracer_common::{
    arch::SOCKETCALLS,
    events,
    group::Counted,
    plan::{self, Plan},
    predicate::class,
};

use super::{Filter, Leaf, Node, Target, classes, is_about_container, is_long, step};
use crate::fields::{EventType, InKernel};

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

/// Whether the kernel knows exactly for which events of a type the node holds, or, `negated`, does not.
pub(super) fn is_exact(node: &Node, negated: bool, target: &Target<'_>) -> bool {
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
pub(super) fn is_short(leaf: &Leaf) -> bool {
    let Some((_, test)) = leaf.check.constant() else { return false };
    !is_long(test)
}
