//! Whether tables can be counted in the kernel: behind filters that it knows exactly.

use tracer_common::{
    arch::SOCKETCALLS,
    events::{self, Flags},
    group::{Counted, by},
    plan::{self, Plan, UNKNOWN_DESCRIPTOR},
    predicate::class,
};

use super::{Filter, Leaf, Node, Target, classes, is_long, of_counted, of_row, step};
use crate::{
    fields::{EventType, InKernel, Value},
    filter::test::Test,
};

/// Whether what passes these filters, all of them, can be counted in the kernel in a table of the key `by`: it has to know each test
/// of them exactly. What the container is, and the ends of a socket, may be asked later, of the row: with the members that this takes, the key
/// is returned.
///
/// # Errors
/// The reason why it cannot.
pub fn can_group(filters: &[&Filter], by: u32, counted: Counted) -> Result<u32, &'static str> {
    let parts: Vec<&Node> = filters.iter().flat_map(|filter| filter.node.conjuncts()).collect();
    let (of_rows, others): (Vec<&Node>, Vec<&Node>) =
        parts.into_iter().partition(|part| part.all(&|test| of_row(&test.check).is_some()));
    let mut by = by;
    of_rows.iter().for_each(|part| part.each(&mut |test| by |= of_row(&test.check).unwrap_or_default()));
    if by & by::NAME != 0 && !others.iter().any(|part| is_inet(part)) {
        return Err("the kernel knows only the names of internet sockets: add `fd.type in (ipv4, ipv6)` to the filter");
    }
    let mut rest = others.into_iter();
    match counted {
        Counted::Events if events::all().any(|row| row.flags.has(Flags::ASKED) && is_named(filters, row)) => {
            Err("the filter asks for events that the kernel reports one by one")
        }
        Counted::Events => {
            let exact = rest.all(|part| {
                let possible = |row: &&events::Event| {
                    !row.live_only()
                        && !row.flags.has(Flags::ASKED)
                        && filters.iter().all(|filter| filter.may_match(&EventType::of(row)))
                };
                events::all().filter(possible).all(|row| {
                    let (whole, half) = (Plan::of(row, 0), Plan::compat(row, 0));
                    let packed = Plan { flags: half.flags | plan::SOCKETCALL, ..half };
                    let is_packed = SOCKETCALLS.iter().any(|call| events::by_syscall(call).code == row.code);
                    let exact = |plan| {
                        EventType::of(row).sides().all(|event| {
                            let target = Target { event, plan, counted: true };
                            // What makes records is tested again.
                            let makes_records = by & by::DESCRIPTOR != 0 && of_counted(&target) == UNKNOWN_DESCRIPTOR;
                            makes_records || is_exact(part, false, &target)
                        })
                    };
                    exact(&whole) && exact(&half) && (!is_packed || exact(&packed))
                })
            });
            if exact { Ok(by) } else { Err("the kernel cannot decide all tests of the filter") }
        }
        Counted::SocketBytes | Counted::SliceBytes => {
            let io = || events::all().filter(|row| row.is_io());
            let mut sockets = false;
            for part in rest {
                let Node::Check(leaf) = part else { return Err("the filter does not select only network bytes") };
                let mut types = io().flat_map(|row| EventType::of(row).sides());
                let every = types.all(|event| leaf.check.by_type(&event) == Some(true));
                if is_inet(part) {
                    sockets = true;
                } else if !every {
                    return Err("the filter selects more than network bytes");
                }
            }
            if by & (by::FD_KIND | by::ENDS) != 0 && !of_rows.iter().any(|part| is_tcp(part)) {
                return Err(
                    "only the calls of a socket without a peer tell whom it talks to: `fd.l4proto=tcp` excludes such \
                        sockets",
                );
            }
            if sockets { Ok(by) } else { Err("the kernel sums bytes only for internet sockets") }
        }
    }
}

/// Whether filters, all of them, ask for events of a row by what they are.
fn is_named(filters: &[&Filter], row: &'static events::Event) -> bool {
    filters.iter().any(|filter| filter.names(row)) && filters.iter().all(|filter| filter.may_match(&EventType::of(row)))
}

/// Whether a part of a filter asks for internet sockets, and for no more.
fn is_inet(part: &Node) -> bool {
    let inet = 1 << class::NONE | 1 << class::INET | 1 << class::INET6;
    is_test(part, InKernel::FdType, |test| classes(test) == inet)
}

/// Whether it asks for TCP.
fn is_tcp(part: &Node) -> bool {
    let passes = |test: &Test, name: &'static str| test.passes(&Value::from(name));
    is_test(part, InKernel::Protocol, |test| {
        passes(test, "tcp") && !["udp", "icmp", "raw"].into_iter().any(|other| passes(test, other))
    })
}

fn is_test(part: &Node, of: InKernel, is_so: impl Fn(&Test) -> bool) -> bool {
    let Node::Check(leaf) = part else { return false };
    leaf.check.constant().is_some_and(|(field, test)| field.field.in_kernel == Some(of) && is_so(test))
}

/// Whether the kernel knows exactly for which events of a type the node holds, or, `negated`, does not.
pub(super) fn is_exact(node: &Node, negated: bool, target: &Target<'_>) -> bool {
    // What the type decides asks nothing else.
    if node.decide(&|check| check.by_type(&target.event)).is_some() {
        return true;
    }
    match node {
        Node::And(parts) | Node::Or(parts) => parts.iter().all(|part| is_exact(part, negated, target)),
        Node::Not(part) => is_exact(part, !negated, target),
        Node::Stretches(_) => false,
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
