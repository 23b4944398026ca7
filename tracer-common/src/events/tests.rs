use super::*;
use crate::{arch, plan::Store};

#[test]
fn every_row_is_found_by_its_code() {
    for row in all().chain(old()) {
        assert_eq!(by_code(row.code).map(|found| found.ident), Some(row.ident));
    }
    assert!(by_code(17).is_none());
    assert!(by_code(LIVE_ONLY - 1).is_none());
}

#[test]
fn every_code_of_the_format_has_a_row_or_is_unused() {
    /// The other halves of events that are not calls, and of calls that came after the beginnings were given up.
    const UNUSED: [u16; 35] = [
        17, 147, 153, 187, 197, 229, 233, 235, 245, 261, 269, 271, 273, 281, 287, 291, 323, 325, 355, 357, 359, 361,
        403, 431, 433, 435, 437, 439, 441, 443, 445, 447, 449, 450, 452,
    ];
    for code in (0..LIVE_ONLY).filter(|code| !OWN.contains(code)) {
        let expected = code < 454 && !UNUSED.contains(&code);
        assert_eq!(by_code(code).is_some(), expected, "{code}");
    }
    let of_format = all().filter(|row| !row.live_only() && !row.is_own()).count();
    assert_eq!(old().count(), 454 - UNUSED.len() - of_format);
}

#[test]
fn every_syscall_of_a_row_exists_and_belongs_to_one_row() {
    for row in all() {
        for call in row.syscalls {
            let known = arch::SYSCALLS.iter().any(|entry| entry.name == *call)
                || arch::COMPAT_SYSCALLS.iter().any(|entry| entry.like == *call)
                || arch::SOCKETCALLS.contains(call);
            assert!(known, "{}: no call {call}", row.ident);
            assert_eq!(all().filter(|other| other.syscalls.contains(call)).count(), 1, "{call} has several rows");
        }
    }
}

#[test]
fn scalar_sources_have_scalar_kinds() {
    use crate::plan::Op;
    for row in all() {
        for param in row.params {
            let variable = param.source.op.is_variable();
            let kind_is_variable = param.kind.store() == Store::Var;
            assert!(
                variable == kind_is_variable || param.source.op == Op::Empty,
                "{}.{}: {:?} from {:?}",
                row.ident,
                param.name,
                param.kind,
                param.source
            );
        }
    }
}

#[test]
fn a_row_has_only_sources_that_its_program_knows() {
    use crate::plan::{Op, Place, Plan, RARE, SHORT_PARAMS, TASK};
    for row in all().filter(|row| row.is_syscall() || row.code == code::PROCEXIT) {
        let plan = Plan::of(row, 0);
        let (task, rare) = (plan.flags & TASK != 0, plan.flags & RARE != 0);
        assert!(!(task && rare), "{} reads the task and is rare", row.ident);
        let short = row.params.len() <= SHORT_PARAMS;
        assert!(task || rare || short, "{} has too many parameters for the first program", row.ident);
        for Param { name, source, .. } in row.params {
            let plain = matches!(source.op.place(), Place::First) && !needs_gathering(source.op);
            let known = match (task, rare) {
                (true, _) => matches!(source.op, Op::Task | Op::TaskText | Op::Quota | Op::QuotaText | Op::Ret),
                (_, true) => {
                    plain || source.op.place() == Place::Rare || matches!(source.op, Op::OpenFlags | Op::Dev | Op::Ino)
                }
                _ if row.is_enter() => plain || source.op == Op::SockAddr,
                _ => true,
            };
            assert!(known, "{}.{name}: its program does not know {:?}", row.ident, source.op);
        }
    }
}

/// Sources that only the first program gathers.
fn needs_gathering(op: crate::plan::Op) -> bool {
    use crate::plan::Op;
    matches!(op, Op::Iovec | Op::IovecLen | Op::MsgBytes | Op::MsgLen | Op::MsgControl | Op::SockAddr | Op::SockTuple)
        || matches!(
            op,
            Op::QueuePercent | Op::QueueLen | Op::QueueMax | Op::UserSockAddress | Op::Layer | Op::Vm | Op::Fds
        )
}

#[test]
fn whatever_is_read_from_a_command_line_is_marked() {
    use crate::plan::{Op, TaskField};
    let of_command = [TaskField::Exe, TaskField::Args, TaskField::Env].map(|field| field as u8);
    let mut marked = 0;
    for param in all().flat_map(|row| row.params) {
        let is_read = param.source.op == Op::TaskText && of_command.contains(&param.source.a);
        assert!(!is_read || param.is_command, "{}", param.name);
        marked += usize::from(param.is_command);
    }
    assert!(marked > 10, "{marked}");
}

#[test]
fn names_of_parameters_are_unique_within_a_row() {
    for row in all().chain(old()) {
        for (i, param) in row.params.iter().enumerate() {
            assert_eq!(row.param(param.name).map(|(at, _)| at), Some(i), "{}.{}", row.ident, param.name);
        }
    }
}
