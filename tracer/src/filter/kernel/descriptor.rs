//! What the kernel knows of tests of descriptors: their numbers, what they are, and their addresses.

use std::net::IpAddr;

use tracer_common::{
    events::{Effect, Flags},
    plan::{self, NO_DESCRIPTOR, Op, UNKNOWN_DESCRIPTOR},
    predicate::{COMPAT_ARGUMENT, Step, Subject, class},
};

use super::{
    Expr, MAX_ALTERNATIVES, Target,
    expr::{fd_class, number},
};
use crate::{
    event::{Side, decode::layout},
    fields::Value,
    filter::test::Test,
    state::FdKind,
};

/// The argument that is the descriptor of a call. Where the call makes or closes descriptors, it is not asked what stands
/// behind it: that has changed by then.
pub(super) fn descriptor(target: &Target<'_>) -> Option<u32> {
    let row = target.event.row;
    if !matches!(row.effect, Effect::None | Effect::Transfer | Effect::Cloexec) || !row.flags.has(Flags::USES_FD) {
        return None;
    }
    let layout = layout(row);
    let fd = if target.event.side == Side::Out { layout.fd_out } else { layout.fd };
    let param = target.plan.params.get(usize::from(fd?))?;
    (param.op == Op::Arg as u8 && param.a < 6).then(|| operand(param.a, target))
}

/// The same for a plan of events that are counted.
#[must_use]
pub fn of_counted(target: &Target<'_>) -> u32 {
    if layout(target.event.row).fd.is_none() {
        NO_DESCRIPTOR
    } else if target.plan.flags & plan::SOCKETCALL != 0 || target.event.row.moves_between_fds() {
        UNKNOWN_DESCRIPTOR
    } else {
        descriptor(target).unwrap_or(UNKNOWN_DESCRIPTOR)
    }
}

/// An argument of a call, as steps name it.
pub(super) fn operand(argument: u8, target: &Target<'_>) -> u32 {
    u32::from(argument) + if target.plan.flags & plan::COMPAT != 0 { COMPAT_ARGUMENT } else { 0 }
}

/// Of the type of a descriptor, when the kernel has the last word; `None` when its classes do not say.
pub(super) fn counted_fd_type(test: &Test, negated: bool, target: &Target<'_>) -> Option<Expr> {
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
pub(super) fn classes(test: &Test) -> u32 {
    let may = |kinds: &dyn Fn(FdKind) -> bool, class: u32| {
        let held = FdKind::ALL.into_iter().filter(|kind| kinds(*kind)).filter_map(FdKind::name);
        let holds = held.into_iter().any(|name| test.passes(&Value::from(name)));
        if holds { 1 << class } else { 0 }
    };
    let socket = |kind: FdKind| kinds_of(class::INET6).chain(kinds_of(class::UNIX)).any(|it| it == kind);
    (1 << class::NONE)
        // A name in a file system may stand for a pipe, too.
        | may(&|kind| !socket(kind) && !matches!(kind, FdKind::Netlink | FdKind::Packet), class::NO_SOCKET)
        | may(&|kind| !socket(kind) && !matches!(kind, FdKind::Netlink | FdKind::Packet), class::FILE)
        | may(&|kind| kind == FdKind::Ipv4, class::INET)
        | may(&|kind| kinds_of(class::INET6).any(|it| it == kind), class::INET6)
        | may(&|kind| kind == FdKind::Unix, class::UNIX)
        | may(&|kind| !socket(kind), class::OTHER)
}

/// What the descriptors of a class are here.
pub(super) fn kinds_of(of: u32) -> impl Iterator<Item = FdKind> {
    FdKind::ALL.into_iter().filter(move |kind| match kind {
        FdKind::File => of == class::FILE,
        FdKind::Ipv4 => of == class::INET || of == class::INET6,
        FdKind::Ipv6 => of == class::INET6,
        FdKind::Unix => of == class::UNIX,
        FdKind::Netlink | FdKind::Packet | FdKind::Unknown => of == class::OTHER,
        _ => of == class::NO_SOCKET,
    })
}

/// Of an address of either end.
pub(super) fn address(test: &Test, fd: u32) -> Option<Expr> {
    let v4 = |network: u32, mask: u32| {
        Expr::Step(Step { operand: fd, ..number(Subject::Address, network.into(), mask.into()) }, false)
    };
    let v6 = || Expr::Step(fd_class(fd, 1 << class::NONE | 1 << class::INET6), false);
    let steps: Vec<Expr> = match test {
        Test::Ip(wanted) => wanted
            .iter()
            .map(|ip| match ip {
                IpAddr::V4(ip) => v4((*ip).into(), u32::MAX),
                IpAddr::V6(_) => v6(),
            })
            .collect(),
        Test::Net(wanted) => {
            wanted.iter().map(|network| network.v4().map_or_else(v6, |(network, mask)| v4(network, mask))).collect()
        }
        _ => return None,
    };
    (steps.len() <= MAX_ALTERNATIVES).then_some(Expr::Or(steps))
}
