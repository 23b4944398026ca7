//! Every call that the table knows, made so that it fails if it can: each has its result, and the same one as for strace.

use std::collections::BTreeMap;

use tracer_common::arch::{SYSCALLS, Syscall};
use tracer_tests::{
    call::call,
    command::{self, Output, Running},
    level,
    live::Tracer,
    scratch::Scratch,
    workload::Workload,
};

use super::{super::grouped, NAMES, both, is_shown, mark_of, mark_of_steps, parse::Step, strace_or_skip};

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
        // With all flags it would make a queue.
        "msgget" => [0x7ace_7ace, 0, 0, 0, 0, 0],
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

/// Errors by call.
const ERRORS: &str = r##"
chisel(#{ summary: "errors of calls" });
interval(INTERVAL);
table(#{
    keys: [#{ field: "evt.type", title: "T" }],
    value: #{ field: "evt.count.error", title: "N", op: "sum" },
    top: 100000,
});
"##;

/// Makes all of them, and says how many failed by the word of the kernel.
fn make_all() -> [i64; 2] {
    let mut counts = [0; 2];
    for it in made() {
        let result = call(it.number.into(), &words(it.name));
        counts[usize::from(result < 0)] += 1;
    }
    counts
}

#[test]
fn errors_by_call_are_the_same_in_the_kernel_from_events_and_from_a_capture() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let chisel = grouped::chisel(&scratch, "errors", ERRORS);
    let capture = scratch.path("capture.scap");
    let capture = capture.to_str().unwrap();
    let workload = Workload::fork(make_all);
    let filter = format!("proc.pid={}", workload.pid);
    let line = "%evt.type %evt.rawres %evt.res %evt.failed %evt.count.error";
    let writes = Running::start(&mut command::tracer(["-w", capture, "-p", line, "--unbuffered", &filter]));
    assert!(writes.line().is_some(), "the workload waits in calls");
    let mut said = [0; 2];
    let outputs = grouped::both(&chisel, &[&filter], || {
        workload.start();
        said = workload.end().1;
    });
    writes.interrupt();
    let live = writes.end();
    assert!(live.errors.contains(" 0 lost"), "{}", live.errors);

    let replayed = command::output(["-r", capture, "-p", line]);
    // How long the workload waits for its start differs, and nothing else.
    let calls =
        |output: &Output| output.lines.iter().filter(|line| !line.starts_with("poll 0")).cloned().collect::<Vec<_>>();
    let (live_lines, lines) = (calls(&live), calls(&replayed));
    for (live, line) in live_lines.iter().zip(&lines) {
        assert_eq!(live, line, "a line of the capture is the one that was printed when it was made");
    }
    assert_eq!(live_lines.len(), lines.len());
    let failed = live.lines.iter().filter(|line| line.contains(" true 1")).count() as u64;
    assert!(failed >= said[1] as u64, "{failed} errors, the calls alone had {}", said[1]);

    let table = command::output(["-j", "-r", capture, "-c", &chisel]);
    let of = |output: &Output| {
        let (mut sums, _) = grouped::sums(output.lines.iter());
        // How long the workload waits for its start differs from run to run, and no wait fails.
        sums.retain(|_, count| *count > 0);
        sums
    };
    let [counted, events] = outputs.each_ref().map(of);
    assert_eq!(counted, events, "in the kernel, and from events");
    assert_eq!(events, of(&table), "from events, and from a capture");
    assert_eq!(events.values().sum::<u64>(), failed);
}
