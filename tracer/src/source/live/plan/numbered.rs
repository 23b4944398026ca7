//! A table of bytes whose calls another table of the same keys counts anyway: the bytes are added up in the rows of that one, so that a call
//! has one row and one look-up.

use rustc_hash::FxHashMap;
use tracer_common::plan::{self, NO_NUMBER, PLAN_PROCEXIT, Plan};

use super::{Plans, REQUESTED, Section};
use crate::filter::kernel::Made;

/// Lets `table` add up the bytes of what passes for both, and leaves to `from` what is not as simple: calls that count for two descriptors,
/// and those that requests stand for.
pub(super) fn add_up(table: &mut Section, from: &mut Section, made: &mut Plans) {
    let mut others: FxHashMap<u32, &mut Plan> = from.plans.iter_mut().map(|(index, plan)| (*index, plan)).collect();
    for (index, plan) in &mut table.plans {
        plan.numbered = NO_NUMBER;
        let is_call = *index < PLAN_PROCEXIT && REQUESTED.iter().all(|number| u32::from(*number) != *index);
        let other = others.get_mut(index).filter(|other| is_call && is_simple(plan) && is_simple(other));
        let Some(other) = other else { continue };
        let Some((asked, of_other)) = table.asked.get(index).zip(from.asked.get(index)) else { continue };
        // What passes for the other table has to pass for this one.
        if !asked.follows_from(of_other) {
            continue;
        }
        plan.numbered = match of_other.given(asked).make() {
            Made::Pass => 0,
            Made::Drop => NO_NUMBER,
            Made::TooLong => continue,
            Made::Steps(predicate, _) => match made.index_of(&predicate) {
                Some(index) => index,
                None => continue,
            },
        };
        other.flags &= !plan::WANTED;
        made.numbered = true;
    }
}

/// Whether a call of this plan is counted once, and in a row.
fn is_simple(plan: &Plan) -> bool {
    plan.flags & (plan::WANTED | plan::GROUP) == plan::WANTED | plan::GROUP
        && plan.flags & (plan::BOTH | plan::REQUESTS) == 0
}
