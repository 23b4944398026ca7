//! Every call that the table knows, made so that it fails if it can: each has its result, and the same one as for strace.

use std::collections::BTreeMap;

use tracer_common::arch::{SYSCALLS, Syscall};
use tracer_tests::{call::call, live::Tracer, scratch::Scratch};

use super::{NAMES, both, is_shown, mark_of, mark_of_steps, parse::Step, strace_or_skip};

/// Calls that would end, stop or fork the workload, or do something to the machine even with arguments that make no sense.
const NOT_MADE: &[&str] = &[
    "exit",
    "exit_group",
    "rt_sigreturn",
    "pause",
    "fork",
    "vfork",
    "sync",
    "vhangup",
    "sched_yield",
    "uretprobe",
    "uprobe",
];

/// Arguments that no call can use, but for some to which they mean everybody.
fn words(name: &str) -> [u64; 6] {
    match name {
        "kill" => [i32::MAX as u64, 0, 0, 0, 0, 0],
        _ => [u64::MAX; 6],
    }
}

fn made() -> impl Iterator<Item = &'static Syscall> {
    SYSCALLS.iter().filter(|call| !NOT_MADE.contains(&call.name))
}

/// The name of a call that strace may not know: it shows the number then.
fn name_of(strace: &str) -> &str {
    let number = strace.strip_prefix("syscall_0x").and_then(|number| u16::from_str_radix(number, 16).ok());
    let known = SYSCALLS.iter().find(|call| Some(call.number) == number);
    NAMES.row(known.map_or(strace, |call| call.name))
}

#[test]
fn every_call_that_fails_has_the_error_that_strace_shows() {
    if !strace_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (run, steps) = both(Tracer::shared(), &scratch, || {
        let _ = tracer_tests::sys!(SYS_sched_get_priority_max, 1);
        for it in made() {
            let _ = call(it.number.into(), &words(it.name));
        }
        []
    });
    let steps = &steps[&run.pid];
    let steps = steps[mark_of_steps(steps)..].iter().filter_map(|step| match step {
        Step::Call(call) if !NOT_MADE.contains(&&*call.name) => Some((name_of(&call.name), call.result)),
        _ => None,
    });
    let events: Vec<_> = run.events().filter(|event| event.tid == run.pid && is_shown(event)).collect();
    let events = events[mark_of(&events)..].iter().filter(|event| event.row.is_syscall());
    let seen: Vec<_> = events.map(|event| (event.name(), event.result())).collect();
    let shown: Vec<_> = steps.collect();
    for (at, (seen, shown)) in seen.iter().zip(&shown).enumerate() {
        assert_eq!(seen, shown, "call {at}: what the tracer and strace have");
    }
    assert_eq!(seen.len(), shown.len());
    assert!(seen.iter().all(|(_, result)| result.is_some()), "every call that returns has a result");

    let errors = |calls: &[(&str, Option<i64>)]| {
        let mut errors = BTreeMap::<String, u32>::new();
        for (name, _) in calls.iter().filter(|(_, result)| result.is_some_and(|result| result < 0)) {
            *errors.entry((*name).to_owned()).or_default() += 1;
        }
        errors
    };
    let errors = (errors(&seen), errors(&shown));
    assert_eq!(errors.0, errors.1);
    println!("{} calls, {} of them with errors", seen.len(), errors.0.len());
    assert!(errors.0.len() > 280, "only {} calls failed", errors.0.len());
}
