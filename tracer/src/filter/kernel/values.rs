//! What the kernel knows of tests of numbers and texts.

use tracer_common::{
    kind::Kind,
    plan::{Op, Store},
    predicate::{Step, Subject},
};

use super::{
    Expr, MAX_ALTERNATIVES, Target,
    descriptor::operand,
    expr::{argument, each, number},
};
use crate::{
    fields::FieldRef,
    filter::{
        operator::Operator,
        test::{Test, Texts},
    },
    format::errno,
};

/// The longest name of a thread.
const MAX_COMM: usize = tracer_common::wire::COMM_LEN - 1;

/// Whether a test has so many numbers that only the least and the greatest of them are compared.
pub(super) fn is_long(test: &Test) -> bool {
    let test = if let Test::Differs(test) = test { test } else { test };
    matches!(test, Test::IntIn(numbers) if numbers.len() > MAX_ALTERNATIVES)
}

/// Whether a range of results has all of one sign, or lies in the errors: of the messages of a call, the first one has its error,
/// and none of them has one when the call has none.
pub(super) fn is_of_sign((low, high): &(i64, i64)) -> bool {
    *high < 0 || *low <= 0 && *high == i64::MAX
}

/// The numbers that pass, in order and apart from each other; of many, all between the first and the last. `None` when the
/// test is of another kind.
pub(super) fn ranges(test: &Test, negated: bool) -> Option<Vec<(i64, i64)>> {
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

pub(super) fn positive_ranges(test: &Test) -> Option<Vec<(i64, i64)>> {
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
pub(super) fn texts(test: &Test, negated: bool) -> Option<(Vec<&[u8]>, bool)> {
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

pub(super) fn texts_of_differs(test: &Test, negated: bool) -> Option<(Vec<&[u8]>, bool)> {
    // The contrary of a difference holds, too, where there is no value.
    if negated { None } else { texts(test, true) }
}

/// Of a name of a thread.
pub(super) fn comm(test: &Test, negated: bool) -> Option<Expr> {
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

pub(super) fn failed(failed: bool) -> Expr {
    if failed { Expr::between(Subject::Result, i64::MIN, -1) } else { Expr::succeeded() }
}

/// Of the name of a result.
pub(super) fn result_name(test: &Test, negated: bool) -> Option<Expr> {
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

/// Of an argument that is a plain number.
pub(super) fn param(field: &FieldRef, test: &Test, negated: bool, target: &Target<'_>) -> Option<Expr> {
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
