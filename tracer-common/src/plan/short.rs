//! Parameters that are numbers of the call itself: an argument, the result, the number of the call.
//!
//! Each record of a call has all of these at fixed places, which costs the kernel side a few stores. User space finds such
//! parameters there, and for them nothing is done in the kernel.

use super::{COMPAT, MESSAGES, NONE, Op, PLAIN, Plan, PlanParam, Store, op};
use crate::wire::{CALL_RESULT, CALL_SYSCALL, MAX_PARAMS};

/// Where a parameter stands in a record with `wire::FLAG_CALL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// Among the numbers of the call.
    Call {
        /// Its first byte there.
        at: u8,
        /// Its bytes: 1, 2, 4 or 8.
        width: u8,
    },
    /// It is stored, with that index.
    Stored(u8),
}

/// A number of the call, as a parameter has it.
struct Number {
    /// Which one.
    slot: usize,
    /// Its first byte in that.
    at: usize,
    /// Bytes.
    width: u8,
    /// Whether it is an `int` that is widened with its sign; `None` when no more than that is taken of it.
    signed: Option<bool>,
}

impl PlanParam {
    /// The number of the call that it is.
    const fn of_call(self) -> Option<Number> {
        let (slot, at) = match self.op {
            op::Ret => (CALL_RESULT, 0),
            op::Arg | op::ArgSigned if (self.a as usize) < CALL_RESULT => (self.a as usize, 0),
            op::SyscallNumber => (CALL_SYSCALL, 0),
            op::SyscallId => (CALL_SYSCALL, 4),
            _ => return None,
        };
        const U8: u8 = Store::U8 as u8;
        const U16: u8 = Store::U16 as u8;
        const U32: u8 = Store::U32 as u8;
        const VAR: u8 = Store::Var as u8;
        let is_int = self.op == Op::ArgSigned as u8 || self.store == Store::SignedInt as u8;
        let (width, signed) = match self.store {
            U8 => (1, None),
            U16 => (2, None),
            U32 => (4, None),
            VAR => return None,
            _ => (8, Some(is_int)),
        };
        Some(Number { slot, at: 8 * slot + at, width, signed })
    }
}

impl Plan {
    /// The plan without parameters that are numbers of the call, and where each parameter stands then. The result is the same for
    /// a short one.
    #[must_use]
    pub fn short(&self) -> (Self, [Stands; MAX_PARAMS]) {
        let mut plan = Self { count: 0, signed: self.signed, params: [PlanParam::ZERO; MAX_PARAMS], ..*self };
        let mut places = [Stands::Stored(0); MAX_PARAMS];
        // Numbers that are whole to some parameter, and cannot be `int` to another one.
        let mut whole = 0u32;
        for (index, param) in self.params.iter().take(usize::from(self.count)).enumerate() {
            if let Some(number) = param.of_call() {
                let bit = 1 << number.slot;
                let fits = match number.signed {
                    None => true,
                    Some(true) => whole & bit == 0,
                    Some(false) => plan.signed & bit == 0,
                };
                if fits {
                    match number.signed {
                        Some(true) => plan.signed |= bit,
                        Some(false) => whole |= bit,
                        None => {}
                    }
                    places[index] = Stands::Call { at: number.at as u8, width: number.width };
                    continue;
                }
            }
            places[index] = Stands::Stored(plan.count);
            plan.params[usize::from(plan.count)] = *param;
            for named in [&mut plan.iovec, &mut plan.tuple, &mut plan.address, &mut plan.file, &mut plan.path] {
                // Each of them is stored, and moves to the front: it is not met again.
                if usize::from(*named) == index && *named != NONE {
                    *named = plan.count;
                }
            }
            plan.count += 1;
        }
        if plan.count == 0 && self.count != 0 && plan.flags & (COMPAT | MESSAGES) == 0 {
            plan.flags |= PLAIN;
        }
        (plan, places)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::events;

    #[test]
    fn what_is_stored_keeps_its_order_and_what_is_gathered_is_found() {
        for row in events::all().filter(|row| row.is_syscall()) {
            for long in [Plan::of(row, 1), Plan::compat(row, 1)] {
                let (short, places) = long.short();
                let stored: std::vec::Vec<usize> =
                    (0..row.params.len()).filter(|index| matches!(places[*index], Stands::Stored(_))).collect();
                assert_eq!(stored.len(), usize::from(short.count), "{}", row.name);
                for (at, index) in stored.iter().enumerate() {
                    assert_eq!(places[*index], Stands::Stored(at as u8), "{}", row.name);
                    assert_eq!(short.params[at].op, long.params[*index].op, "{}", row.name);
                }
                let named = |plan: &Plan| [plan.iovec, plan.tuple, plan.address, plan.file, plan.path];
                for (before, after) in named(&long).into_iter().zip(named(&short)) {
                    if before == NONE {
                        assert_eq!(after, NONE, "{}", row.name);
                    } else {
                        assert_eq!(places[usize::from(before)], Stands::Stored(after), "{}", row.name);
                    }
                }
            }
        }
    }

    #[test]
    fn a_call_of_numbers_needs_nothing_else() {
        let (read, places) = Plan::of(&events::io::READ, 1).short();
        assert_eq!((read.count, read.flags & PLAIN), (1, 0), "the data");
        assert_eq!(places[0], Stands::Call { at: 48, width: 8 }, "the result");
        let close = events::by_syscall("close");
        let (plan, places) = Plan::of(close, 1).short();
        assert_eq!((plan.count, plan.flags & PLAIN, plan.signed), (0, PLAIN, 1));
        assert_eq!(places[..2], [Stands::Call { at: 48, width: 8 }, Stands::Call { at: 0, width: 8 }]);
        assert_eq!(Plan::compat(close, 1).short().0.flags & PLAIN, 0, "arguments of 32-bit calls are elsewhere");
    }
}
