//! Which plan stands at each system call number: what the kernel side does, from the event table.

use std::collections::BTreeSet;

use tracer_common::{
    arch::{self, COMPAT_SIGRETURN, COMPAT_SOCKETCALL, COMPAT_SYSCALLS, SOCKETCALLS, SYSCALLS, number_of},
    events::{self, Effect, Event, Flags},
    plan::{self, PLAN_COMPAT, PLAN_ENTER, PLAN_PROCEXIT, PLAN_SIGNAL, PLAN_SOCKETCALL, PLAN_SWITCH, Plan},
};

/// What is wanted of the kernel side.
pub struct Wanted<'a> {
    /// Whether events of a row are asked for; for a system call with its name.
    pub event: &'a dyn Fn(&'static Event, Option<&'static str>) -> bool,
    /// Whether names of threads and descriptors are asked for: then the calls that make and close them are wanted from
    /// all processes, whatever is shown.
    pub state: bool,
}

impl Wanted<'_> {
    /// Whether events of a row that is no call are asked for.
    #[must_use]
    pub fn hook(&self, row: &'static Event) -> bool {
        is_wanted(self, row, None)
    }
}

/// The effects without which names go wrong.
fn keeps_state(row: &Event) -> bool {
    row.effect != Effect::None && !matches!(row.effect, Effect::Transfer)
}

fn is_wanted(wanted: &Wanted<'_>, row: &'static Event, call: Option<&'static str>) -> bool {
    (wanted.event)(row, call) || (wanted.state && keeps_state(row))
}

/// The rows of hooks that look for a plan of their own.
const HOOKS: &[(u32, &Event)] = &[
    (PLAN_PROCEXIT, &events::process::PROCEXIT),
    (PLAN_SIGNAL, &events::sched::SIGNALDELIVER),
    (PLAN_SWITCH, &events::sched::SWITCH),
];

/// Index and plan for every call and hook.
pub fn all(wanted: &Wanted<'_>) -> impl Iterator<Item = (u32, Plan)> {
    let mut plans = Vec::with_capacity(SYSCALLS.len() + COMPAT_SYSCALLS.len() + SOCKETCALLS.len() + 1);
    let mut enter = Vec::new();
    let mut add = |index: u32, mut plan: Plan, row: &'static Event, call| {
        plan.flags |= if is_wanted(wanted, row, call) { plan::WANTED } else { 0 };
        plan.enter = enter_plan(&mut enter, row, plan.flags);
        plans.push((index, plan));
    };
    for call in SYSCALLS {
        let row = events::by_syscall(call.name);
        add(u32::from(call.number), Plan::of(row, call.id), row, Some(call.name));
    }
    for call in COMPAT_SYSCALLS {
        let row = events::by_syscall(call.like);
        add(PLAN_COMPAT + u32::from(call.number), Plan::compat(row, call.id), row, Some(call.name));
    }
    let socketcall_id = arch::compat_call(COMPAT_SOCKETCALL.into()).map_or(0, |call| call.id);
    for (number, call) in (PLAN_SOCKETCALL + 1..).zip(SOCKETCALLS) {
        let row = events::by_syscall(call);
        let mut plan = Plan::compat(row, socketcall_id);
        plan.flags |= plan::SOCKETCALL;
        add(number, plan, row, Some(call));
    }
    for (index, row) in HOOKS {
        add(*index, Plan::of(row, 0), row, None);
    }
    plans.extend((PLAN_ENTER..).zip(enter));
    announce_compat(&mut plans);
    plans.into_iter()
}

/// The index of the plan for the beginning of a call of this row, which is made if it is a new one; 0 when there is none.
fn enter_plan(plans: &mut Vec<Plan>, row: &Event, flags: u16) -> u16 {
    let begins = row.code.checked_sub(1).and_then(events::by_code);
    let begins = begins.filter(|begins| begins.is_enter() && !begins.flags.has(Flags::OLD));
    let Some(begins) = begins.filter(|_| flags & plan::WANTED != 0) else { return 0 };
    let layout = flags & (plan::COMPAT | plan::SOCKETCALL);
    let mut plan = if layout == 0 { Plan::of(begins, 0) } else { Plan::compat(begins, 0) };
    plan.flags |= layout | plan::WANTED;
    let same = |known: &Plan| known.code == plan.code && known.flags == plan.flags;
    let at = plans.iter().position(same).unwrap_or_else(|| {
        plans.push(plan);
        plans.len() - 1
    });
    u16::try_from(PLAN_ENTER as usize + at).unwrap_or(0)
}

/// A 64-bit call says that the 32-bit call of its number is wanted: the kernel side looks there first.
fn announce_compat(plans: &mut Vec<(u32, Plan)>) {
    let is_wanted = |index: u32, plan: &Plan| {
        let sockets = PLAN_SOCKETCALL..PLAN_SOCKETCALL + plan::SOCKETCALLS;
        let number = if sockets.contains(&index) { COMPAT_SOCKETCALL } else { index.checked_sub(PLAN_COMPAT)? };
        (index < PLAN_PROCEXIT && plan.flags & plan::WANTED != 0).then_some(number)
    };
    let numbers: BTreeSet<u32> = plans.iter().filter_map(|(index, plan)| is_wanted(*index, plan)).collect();
    for number in numbers {
        // rt_sigreturn has no number when it ends, and is looked up under that of the 64-bit call.
        let number = if number == COMPAT_SIGRETURN { number_of("rt_sigreturn").into() } else { number };
        match plans.iter_mut().find(|(index, _)| *index == number) {
            Some((_, plan)) => plan.flags |= plan::COMPAT_TOO,
            None => plans.push((number, Plan { flags: plan::COMPAT_TOO, ..Plan::UNWANTED })),
        }
    }
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
