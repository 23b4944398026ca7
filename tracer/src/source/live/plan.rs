//! Which plan stands at each system call number: what the kernel side does, from the event table.

mod numbered;

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use tracer_common::{
    arch::{self, COMPAT_SIGRETURN, COMPAT_SOCKETCALL, COMPAT_SYSCALLS, NO_RETURN, SOCKETCALLS, SYSCALLS, number_of},
    events::{self, Effect, Event, Flags},
    plan::{
        self, PLAN_COMPAT, PLAN_ENTER, PLAN_PROCEXIT, PLAN_SECOND, PLAN_SIGNAL, PLAN_SOCKETCALL, PLAN_SWITCH, Plan,
    },
    predicate::{PREDICATES, Predicate, subject},
};

use crate::{
    event::Side,
    fields::EventType,
    filter::kernel::{self, Expr, Made, Question, Target},
    sample::Sample,
};

/// What the kernel side knows of which events of a type are asked for; questions about cgroups are added to the list.
pub type Demand<'a> = &'a dyn Fn(&Target<'_>, &mut Vec<Question>) -> Expr;

/// What is wanted of the kernel side.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Whether events of a row are asked for; for a system call with its name.
    pub event: &'a dyn Fn(&'static Event, Option<&'static str>) -> bool,
    /// Whether threads are followed: then the calls that make and change them are wanted from all processes, whatever is
    /// shown.
    pub threads: bool,
    /// Whether descriptors are: then the same goes for the calls that make and close them.
    pub descriptors: bool,
    /// Whether something is asked that the path of an opened file is needed for.
    pub paths: bool,
    /// Which of the events are asked for, as far as the kernel side can tell; all of them when `None`.
    pub demand: Option<Demand<'a>>,
    /// Whether events are counted in the kernel and make no records.
    pub grouped: bool,
    /// Whether something is asked that differs between the descriptors of a call that moves data from one to the other.
    pub sides: bool,
    /// Whether the bytes of reads and writes are asked for: then those of requests that are done count, too.
    pub bytes: bool,
    /// Whether rows of a table that the kernel counts say what the descriptor is.
    pub by_descriptor: bool,
    /// Whether calls that never come back are reported at their beginning, and no others.
    pub ends: bool,
    /// How many of the calls are recorded that are shown and change nothing of what is known; all of them when `None`.
    pub sample: Option<Sample>,
    /// The table whose bytes are added up in the rows of this one, where that can be.
    pub bytes_of: Option<u8>,
    /// What is wanted for tables of calls beyond the first one.
    pub more: &'a [Wanted<'a>],
}

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { threads, descriptors, .. } = self;
        f.debug_struct("Wanted").field("threads", threads).field("descriptors", descriptors).finish_non_exhaustive()
    }
}

impl<'a> Wanted<'a> {
    /// All events of these types, and what keeps names right.
    #[must_use]
    pub fn with_names(event: &'a dyn Fn(&'static Event, Option<&'static str>) -> bool) -> Self {
        Self { threads: true, descriptors: true, paths: true, ..Self::only(event) }
    }

    /// All events of these types, and nothing else.
    #[must_use]
    pub fn only(event: &'a dyn Fn(&'static Event, Option<&'static str>) -> bool) -> Self {
        Self {
            event,
            threads: false,
            descriptors: false,
            paths: false,
            demand: None,
            grouped: false,
            sides: true,
            bytes: false,
            by_descriptor: false,
            ends: false,
            sample: None,
            bytes_of: None,
            more: &[],
        }
    }

    /// Whether events of a row that is no call are asked for.
    #[must_use]
    pub fn hook(&self, row: &'static Event) -> bool {
        (self.event)(row, None) || self.keeps(row) || self.more.iter().any(|wanted| wanted.hook(row))
    }

    /// Whether a table that the kernel counts may have what passes of a row in its rows. What is known of threads and descriptors
    /// needs records; data moved with sockets is of use for that only when these have no peer, and then it makes records anyway.
    fn counts(&self, row: &Event, plan: &Plan) -> bool {
        let follows = self.threads || self.descriptors;
        !follows
            || !self.keeps(row)
            || row.effect == Effect::Transfer && plan.flags & (plan::COMPAT | plan::SOCKETCALL) == 0
    }

    /// Whether events of a row are needed for what is known of threads and descriptors.
    fn keeps(&self, row: &Event) -> bool {
        match row.effect {
            Effect::None => false,
            Effect::Clone
            | Effect::Exec
            | Effect::ProcExit
            | Effect::Chdir
            | Effect::Cwd
            | Effect::Unshare
            | Effect::SetUid
            | Effect::SetGid
            | Effect::SetSid
            | Effect::SetPgid
            | Effect::Prctl
            | Effect::Limit => self.threads,
            // Few, and containers are known by them.
            Effect::CgroupMkdir | Effect::CgroupRmdir => true,
            _ => self.descriptors,
        }
    }
}

/// Whether a call that failed changes nothing of what is known.
fn needs_success(row: &Event) -> bool {
    let begins = matches!(row.effect, Effect::Connect | Effect::Entry);
    let closes = matches!(row.effect, Effect::Close | Effect::CloseRange);
    row.is_syscall() && !begins && !closes
}

/// What the kernel side does.
#[derive(Debug, Default)]
pub struct Plans {
    /// By index.
    pub plans: Vec<(u32, Plan)>,
    /// Those for tables of calls beyond the first one.
    pub more: Vec<Vec<(u32, Plan)>>,
    /// The first one has number 1.
    pub predicates: Vec<Predicate>,
    /// What is asked of cgroups, by number.
    pub questions: Vec<Question>,
    /// Whether a predicate had to be cut, so that more passes than it says.
    pub cut: bool,
    /// Whether a predicate looks at what may be known differently here: then records have to say it.
    pub asks_who: bool,
    /// Whether a system call is wanted.
    pub calls: bool,
    /// Whether programs that are run, or threads that end, are.
    pub lives: bool,
    /// Whether calls are counted in parts: for each of two descriptors, or for each request that they report.
    pub parts: bool,
    /// Whether a table adds up bytes of another one.
    pub numbered: bool,
}

impl Plans {
    /// The plans for a table of calls.
    #[must_use]
    pub fn section(&self, table: usize) -> Option<&[(u32, Plan)]> {
        if table == 0 { Some(&self.plans) } else { self.more.get(table - 1).map(Vec::as_slice) }
    }

    /// Whether events with that index are wanted for any table.
    #[must_use]
    pub fn is_wanted(&self, index: u32) -> bool {
        let is_it = |(at, plan): &(u32, Plan)| *at == index && plan.flags & plan::WANTED != 0;
        (0..=self.more.len()).filter_map(|table| self.section(table)).any(|plans| plans.iter().any(is_it))
    }

    /// The number of a predicate, which is added if it is a new one; `None` when there is no room.
    fn index_of(&mut self, predicate: &Predicate) -> Option<u16> {
        let at = self.predicates.iter().position(|known| known == predicate).unwrap_or(self.predicates.len());
        if at + 1 >= PREDICATES {
            return None;
        }
        if at == self.predicates.len() {
            self.predicates.push(*predicate);
        }
        Some((at + 1) as u16)
    }

    /// Gives a plan its predicate. A plan of which nothing passes is not wanted.
    fn decide(&mut self, plan: &mut Plan, expr: &Expr) {
        match expr.make() {
            Made::Pass => {}
            Made::TooLong => self.cut = true,
            Made::Drop => plan.flags &= !plan::WANTED,
            Made::Steps(predicate, count) => {
                let Some(index) = self.index_of(&predicate) else {
                    self.cut = true;
                    return;
                };
                plan.predicate = index;
                const WHO: [u8; 4] = [subject::Comm, subject::ParentTgid, subject::Uid, subject::Gid];
                self.asks_who |= predicate.steps[..count].iter().any(|step| WHO.contains(&step.subject));
            }
        }
    }
}

/// The rows of hooks that look for a plan of their own.
const HOOKS: &[(u32, &Event)] = &[
    (PLAN_PROCEXIT, &events::process::PROCEXIT),
    (PLAN_SIGNAL, &events::sched::SIGNALDELIVER),
    (PLAN_SWITCH, &events::sched::SWITCH),
];

/// Plans for every call and hook.
#[must_use]
pub fn all(wanted: &Wanted<'_>) -> Plans {
    let mut made = Plans::default();
    let all: Vec<&Wanted<'_>> = std::iter::once(wanted).chain(wanted.more).collect();
    let mut sections: Vec<Section> = all.iter().map(|wanted| section(wanted, &mut made)).collect();
    for (at, wanted) in all.iter().enumerate() {
        let Some(from) = wanted.bytes_of.map(usize::from).filter(|from| *from != at) else { continue };
        if let Ok([table, from]) = sections.get_disjoint_mut([at, from]) {
            numbered::add_up(table, from, &mut made);
        }
    }
    let mut sections = sections.into_iter().map(|section| section.plans);
    Plans { plans: sections.next().unwrap_or_default(), more: sections.collect(), ..made }
}

/// The plans for a table of calls, or for records.
struct Section {
    plans: Vec<(u32, Plan)>,
    /// Of those that are counted, what is asked for, by their index.
    asked: FxHashMap<u32, Expr>,
}

/// Makes them. Predicates and questions go to what all of them share.
fn section(wanted: &Wanted<'_>, made: &mut Plans) -> Section {
    let mut of_counted = FxHashMap::default();
    let mut plans = Vec::with_capacity(SYSCALLS.len() + COMPAT_SYSCALLS.len() + SOCKETCALLS.len() + 1);
    let (mut enter, mut seconds) = (Vec::new(), Vec::new());
    let mut add = |index: u32, mut plan: Plan, row: &'static Event, call: Option<&'static str>| {
        let (shown, kept) = ((wanted.event)(row, call), wanted.keeps(row));
        if shown || kept {
            let event = call.map_or_else(|| EventType::of(row), |call| EventType::of_call(row, call));
            plan.flags |= plan::WANTED;
            let counts = shown && wanted.grouped && wanted.counts(row, &plan);
            if counts {
                plan.flags |= plan::GROUP;
                plan.descriptor = kernel::of_counted(&Target { event, plan: &plan, counted: true });
            }
            // An exec that succeeds is reported by another hook, with this plan: it is sampled here, as all hooks are.
            let is_elsewhere = call.is_none() || plan.flags & plan::FAILED_ONLY != 0;
            plan.flags |= if wanted.sample.is_some() && !kept && !is_elsewhere { plan::SAMPLE } else { 0 };
            let mut ask = |event| match wanted.demand {
                _ if !shown => Expr::Always(false),
                None => Expr::Always(true),
                Some(demand) => demand(&Target { event, plan: &plan, counted: wanted.grouped }, &mut made.questions),
            };
            let sides = event.sides().take(if wanted.sides { 2 } else { 1 });
            let mut sides: Vec<(Side, Expr)> = sides.map(|event| (event.side, ask(event))).collect();
            // Where records are made, one side that passes is enough.
            if counts && !wanted.by_descriptor {
                sides.retain(|(_, side)| side.make() != Made::Drop);
                if let [(Side::Out, _)] = &*sides {
                    plan.writes = 1;
                }
                if let [_, (_, second)] = &*sides {
                    let mut of_second = Plan { writes: 1, ..plan };
                    made.decide(&mut of_second, second);
                    plan.flags |= plan::BOTH;
                    plan.second = (PLAN_SECOND as usize + seconds.len()) as u16;
                    seconds.push(of_second);
                    sides.truncate(1);
                }
            }
            let asked = Expr::Or(sides.into_iter().map(|(_, side)| side).collect());
            let kept = match (kept, needs_success(row)) {
                (false, _) => Expr::Always(false),
                (true, true) if row.effect == Effect::Transfer => kernel::names_its_peer(&plan),
                (true, true) if row.effect == Effect::Cloexec => kernel::marks_cloexec(&plan),
                (true, true) => Expr::succeeded(),
                (true, false) => Expr::Always(true),
            };
            let asked = Expr::any_of(vec![kept, asked]);
            made.decide(&mut plan, &asked);
            if counts {
                of_counted.insert(index, asked);
            }
        }
        plan.enter = match call {
            Some(call) if wanted.ends => end_plan(&mut enter, row, &plan, call),
            _ => enter_plan(&mut enter, row, plan.flags),
        };
        plans.push((index, plan));
    };
    // The path of a file is only of use where names are asked for, and takes a read for each directory in it.
    let with_paths = |plan: Plan| if wanted.paths { plan } else { plan.without_opened_path() };
    for call in SYSCALLS {
        let row = events::by_syscall(call.name);
        add(u32::from(call.number), with_paths(Plan::of(row, call.id)), row, Some(call.name));
    }
    for call in COMPAT_SYSCALLS {
        let row = events::by_syscall(call.like);
        add(PLAN_COMPAT + u32::from(call.number), with_paths(Plan::compat(row, call.id)), row, Some(call.name));
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
    made.calls |= plans.iter().any(|(index, plan)| *index < PLAN_PROCEXIT && plan.flags & plan::WANTED != 0);
    let execs = [number_of("execve"), number_of("execveat")].map(u32::from);
    made.lives |= plans
        .iter()
        .any(|(index, plan)| (execs.contains(index) || *index == PLAN_PROCEXIT) && plan.flags & plan::WANTED != 0);
    plans.extend((PLAN_ENTER..).zip(enter));
    plans.extend((PLAN_SECOND..).zip(seconds));
    announce_compat(&mut plans);
    // Decided by whole rows, done with what is left of them.
    plans.iter_mut().for_each(|(_, plan)| *plan = plan.short().0);
    made.parts |= wanted.bytes || plans.iter().any(|(_, plan)| plan.flags & plan::BOTH != 0);
    if wanted.bytes {
        report_requests(&mut plans);
    }
    Section { plans, asked: of_counted }
}

/// The index of the plan for the beginning of a call of this row, which is made if it is a new one; 0 when there is none.
fn enter_plan(plans: &mut Vec<Plan>, row: &Event, flags: u16) -> u16 {
    let begins = row.code.checked_sub(1).and_then(events::by_code);
    let begins = begins.filter(|begins| begins.is_enter() && !begins.flags.has(Flags::OLD));
    let Some(begins) = begins.filter(|_| flags & plan::WANTED != 0) else { return 0 };
    let layout = flags & (plan::COMPAT | plan::SOCKETCALL);
    let mut plan = if layout == 0 { Plan::of(begins, 0) } else { Plan::compat(begins, 0) };
    plan.flags |= layout | plan::WANTED;
    index_of(plans, plan)
}

/// The same of a call that never comes back: its beginning is all that there is of it.
fn end_plan(plans: &mut Vec<Plan>, row: &Event, plan: &Plan, call: &str) -> u16 {
    let never_returns = NO_RETURN.iter().any(|(name, _)| *name == call);
    if !never_returns || plan.flags & plan::WANTED == 0 {
        return 0;
    }
    let flags = plan::WANTED | plan.flags & plan::COMPAT;
    index_of(plans, Plan { flags, ..Plan::of(row, plan.syscall_id) })
}

/// The index of a plan for the beginning of calls, which is added if it is a new one.
fn index_of(plans: &mut Vec<Plan>, plan: Plan) -> u16 {
    let key = |plan: &Plan| (plan.code, plan.flags, plan.syscall_id);
    let at = plans.iter().position(|known| key(known) == key(&plan)).unwrap_or_else(|| {
        plans.push(plan);
        plans.len() - 1
    });
    u16::try_from(PLAN_ENTER as usize + at).unwrap_or(0)
}

/// Calls that report requests as done, beside the calls that such requests stand for. A 32-bit program's are not looked at.
const REPORTS: [u16; 2] = [number_of("io_getevents"), number_of("io_pgetevents")];
const REQUESTED: [u16; 2] = [number_of("pread64"), number_of("pwrite64")];

/// Lets these calls look at requests if anything is wanted of what those stand for.
fn report_requests(plans: &mut [(u32, Plan)]) {
    let of = |number: u16| move |(index, _): &&(u32, Plan)| *index == u32::from(number);
    let wanted = |plan: &Plan| plan.flags & plan::WANTED != 0;
    let asked = REQUESTED.iter().any(|number| plans.iter().find(of(*number)).is_some_and(|(_, plan)| wanted(plan)));
    for (_, plan) in plans.iter_mut().filter(|(index, _)| asked && REPORTS.iter().any(|it| u32::from(*it) == *index)) {
        if !wanted(plan) {
            // Nobody wants the call itself.
            plan.flags = (plan.flags | plan::WANTED) & !(plan::GROUP | plan::PLAIN);
        }
        plan.flags |= plan::REQUESTS;
    }
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
        let wanted = Wanted::with_names(&|row, _| row.code == events::code::READ);
        let plans = all(&wanted).plans;
        let flags = |number: u32| plans.iter().find(|(at, _)| *at == number).map(|(_, plan)| plan.flags);
        assert_eq!(flags(0).map(|flags| flags & plan::WANTED), Some(plan::WANTED), "read");
        assert_eq!(flags(1).map(|flags| flags & plan::WANTED), Some(0), "write");
        assert_eq!(flags(257).map(|flags| flags & plan::WANTED), Some(plan::WANTED), "openat");
        assert_eq!(flags(39).map(|flags| flags & plan::WANTED), Some(0), "getpid");
    }

    #[test]
    fn calls_that_keep_names_right_are_not_sampled() {
        let sample = "1/100".parse().ok();
        let flags = |wanted: Wanted<'_>, number: u32| {
            let plans = all(&Wanted { sample, ..wanted }).plans;
            plans.iter().find(|(at, _)| *at == number).map_or(0, |(_, plan)| plan.flags & plan::SAMPLE)
        };
        let with_names = |number| flags(Wanted::with_names(&|_, _| true), number);
        assert!(with_names(0) != 0 && with_names(39) != 0, "read, getpid");
        assert_eq!((with_names(257), with_names(59), with_names(45)), (0, 0, 0), "openat, execve, recvfrom");
        assert_eq!((with_names(PLAN_PROCEXIT), with_names(PLAN_SWITCH)), (0, 0), "they are no calls");
        let only = |number| flags(Wanted::only(&|_, _| true), number);
        assert!(only(257) != 0 && only(299) != 0, "openat, recvmmsg");
        assert_eq!((only(59), only(PLAN_SIGNAL)), (0, 0), "an exec that succeeds comes from another hook");
        let all = Wanted { sample: None, ..Wanted::only(&|_, _| true) };
        assert!(super::all(&all).plans.iter().all(|(_, plan)| plan.flags & plan::SAMPLE == 0));
    }

    #[test]
    fn a_row_that_reads_the_task_goes_to_the_second_program() {
        let wanted = Wanted::only(&|_, _| true);
        let plans = all(&wanted).plans;
        let flags = |number: u32| plans.iter().find(|(at, _)| *at == number).map_or(0, |(_, plan)| plan.flags);
        assert_ne!(flags(59) & plan::TASK, 0, "execve");
        assert_ne!(flags(59) & plan::FAILED_ONLY, 0);
        assert_eq!(flags(0) & plan::TASK, 0, "read");
    }
}
