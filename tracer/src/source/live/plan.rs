//! Which plan stands at each system call number: what the kernel side does, from the event table.

use tracer_common::{
    arch::SYSCALLS,
    events::{self, Effect, Event},
    plan::{self, PLAN_PROCEXIT, Plan},
};

/// What is wanted of the kernel side.
pub struct Wanted<'a> {
    /// Whether events of a row are asked for; for a system call with its name.
    pub event: &'a dyn Fn(&'static Event, Option<&'static str>) -> bool,
    /// Whether names of threads and descriptors are asked for: then the calls that make and close them are wanted from
    /// all processes, whatever is shown.
    pub state: bool,
}

/// The effects without which names go wrong.
fn keeps_state(row: &Event) -> bool {
    row.effect != Effect::None && !matches!(row.effect, Effect::Transfer)
}

fn is_wanted(wanted: &Wanted<'_>, row: &'static Event, call: Option<&'static str>) -> bool {
    (wanted.event)(row, call) || (wanted.state && keeps_state(row))
}

/// Index and plan for every call and hook.
pub fn all(wanted: &Wanted<'_>) -> impl Iterator<Item = (u32, Plan)> {
    let mut plans = Vec::with_capacity(SYSCALLS.len() + 1);
    for call in SYSCALLS {
        let row = events::by_syscall(call.name);
        let mut plan = Plan::of(row, call.id);
        if is_wanted(wanted, row, Some(call.name)) {
            plan.flags |= plan::WANTED;
        }
        plans.push((u32::from(call.number), plan));
    }
    let mut exit = Plan::of(&events::process::PROCEXIT, 0);
    if is_wanted(wanted, &events::process::PROCEXIT, None) {
        exit.flags |= plan::WANTED;
    }
    plans.push((PLAN_PROCEXIT, exit));
    plans.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_make_descriptors_are_wanted_for_their_names() {
        let wanted = Wanted { event: &|row, _| row.code == events::code::READ, state: true };
        let plans: Vec<_> = all(&wanted).collect();
        let flags = |number: u32| plans.iter().find(|(at, _)| *at == number).map(|(_, plan)| plan.flags);
        assert_eq!(flags(0).map(|flags| flags & plan::WANTED), Some(plan::WANTED), "read");
        assert_eq!(flags(1).map(|flags| flags & plan::WANTED), Some(0), "write");
        assert_eq!(flags(257).map(|flags| flags & plan::WANTED), Some(plan::WANTED), "openat");
        assert_eq!(flags(39).map(|flags| flags & plan::WANTED), Some(0), "getpid");
    }

    #[test]
    fn a_row_that_reads_the_task_goes_to_the_second_program() {
        let wanted = Wanted { event: &|_, _| true, state: false };
        let plans: Vec<_> = all(&wanted).collect();
        let flags = |number: u32| plans.iter().find(|(at, _)| *at == number).map_or(0, |(_, plan)| plan.flags);
        assert_ne!(flags(59) & plan::TASK, 0, "execve");
        assert_ne!(flags(59) & plan::FAILED_ONLY, 0);
        assert_eq!(flags(0) & plan::TASK, 0, "read");
    }
}
