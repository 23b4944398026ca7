//! Loss is counted: what is seen and what is said to be lost are together what was done.

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;
use tracer::{
    event::decode,
    source::{
        Source as _,
        live::{Live, Options, plan::Wanted},
    },
};
use tracer_tests::{
    command::{self, Running},
    level,
    scratch::Scratch,
    sys,
    workload::Workload,
};

/// A call that nothing else on a machine makes.
const RARE: &str = "sched_rr_get_interval";
/// How often it is made.
const CALLS: u64 = 200_000;

/// One flood at a time: losses are those of the whole machine.
static ALONE: Mutex<()> = Mutex::new(());

fn flood() -> Workload<1> {
    Workload::fork(|| {
        for _ in 0..CALLS {
            let _ = sys!(SYS_sched_rr_get_interval, -1, 0);
        }
        [CALLS as i64]
    })
}

#[test]
fn seen_and_lost_are_together_what_was_done() {
    if !level::root_or_skip() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let options = Options { ring_bytes: Some(64 << 10), ..Options::default() };
    let mut live = Live::start(&options, &Wanted::only(&|_, call| call == Some(RARE))).unwrap();
    let workload = flood();
    workload.start();
    // Nobody reads meanwhile.
    let (_, said) = workload.end();
    let (mut seen, mut other, mut said_lost) = (0, 0, 0);
    live.drain_rest(&mut |record| {
        match decode::record(record, 0, 0) {
            Ok(event) if event.name() == RARE => seen += 1,
            Ok(event) if event.name() == "drop" => said_lost += event.params.u64(0).unwrap_or(0),
            _ => other += 1,
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    let losses = live.losses();
    assert_eq!(other, 0, "only one call was asked for");
    assert_eq!(seen + losses.total(), said[0] as u64, "{losses:?}");
    assert_eq!(said_lost, losses.total(), "drop events say it, too");
    assert!(seen >= 500, "the ring had room for some: {seen}");
    assert!(losses.ring_full > 100_000, "{losses:?}");
    assert_eq!(losses.by_cpu.iter().map(|cpu| cpu.ring_full).sum::<u64>(), losses.ring_full);
}

/// The number in front of a word of the closing line.
fn number(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().unwrap();
    before
        .split([' ', '('])
        .rfind(|part| !part.is_empty())
        .and_then(|part| part.parse().ok())
        .unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn the_closing_line_says_what_was_lost() {
    if !level::root_or_skip() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // A beacon of another rare call says when the tracer runs.
    let beacon = Workload::fork(|| {
        loop {
            let _ = (sys!(SYS_sched_get_priority_max, 99), sys!(SYS_poll, 0, 0, 20));
        }
    });
    let _: &Workload<0> = &beacon;
    beacon.start();
    let filter = format!("evt.type in ({RARE}, sched_get_priority_max)");
    let args = ["--buffer-size", "4K", "--unbuffered", "-p", "%evt.type", &filter];
    let running = Running::start(&mut command::tracer(args));
    let mut before = u64::from(running.line().is_some());
    let workload = flood();
    workload.start();
    let (_, said) = workload.end();
    beacon.kill();
    running.interrupt();
    let output = running.end();
    let rare = output.lines.iter().filter(|line| *line == RARE).count() as u64;
    before += output.lines.iter().filter(|line| *line != RARE).count() as u64;
    let closing = output.errors.lines().find(|line| line.contains("events seen")).expect("a closing line");
    let (seen, shown, lost) = (number(closing, " events seen"), number(closing, " shown"), number(closing, " lost"));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!((shown, seen), (rare + before, rare + before), "{closing}");
    assert!(lost > 0, "4 KiB are too small for a flood: {closing}");
    // The beacon may have lost some of its own: at most as many as it made meanwhile.
    let done = said[0] as u64;
    assert!(rare + lost >= done && rare + lost <= done + 500, "{rare} and {lost} of {done}: {closing}");
    assert!(output.errors.contains("ring full"), "{}", output.errors);
    assert!(output.errors.contains("--buffer-size"), "the remedy is named: {}", output.errors);
}

#[test]
fn programs_are_told_what_was_lost_by_cause_and_cpu() {
    if !level::root_or_skip() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let filter = format!("evt.type in ({RARE}, drop)");
    let args = ["--buffer-size", "4K", "--fail-on-drop", "-j", "-p", "%evt.type %evt.args", &filter];
    let running = Running::start(&mut command::tracer(args));
    // Floods until lines come: there is no other sign that it watches.
    let first = loop {
        let workload = flood();
        workload.start();
        let _ = workload.end();
        if let Some(line) = running.lines().next() {
            break line;
        }
    };
    running.interrupt();
    let output = running.end();
    assert_eq!(output.status.code(), Some(3), "{}", output.errors);
    let json = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let summary = json(output.errors.lines().find(|line| line.starts_with('{')).expect("a summary"));
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{summary}"));
    let lost = number(&summary["lost"]);
    let closing = output.errors.lines().find(|line| line.contains("events seen")).expect("a closing line");
    assert!(lost > 0 && closing.contains(&format!(", {lost} lost (ring full ")), "{closing} {summary}");
    let causes = summary["lost_by_cause"].as_object().expect("an object");
    assert_eq!(causes.values().map(number).sum::<u64>(), lost, "{summary}");
    let cpus = summary["lost_by_cpu"].as_array().expect("an array");
    assert_eq!(cpus.iter().map(|cpu| number(&cpu["lost"])).sum::<u64>(), number(&causes["ring_full"]), "{summary}");
    assert!(cpus.iter().all(|cpu| number(&cpu["ring_full"]) > 0 && cpu["cpu"].is_u64()), "{summary}");
    assert!(number(&summary["cpu_ns"]) > 0 && number(&summary["elapsed_ns"]) > 0, "{summary}");
    // Among the lines it is said, too, CPU by CPU.
    let lines = std::iter::once(&first).chain(&output.lines).map(|line| json(line));
    let drops = lines.filter(|line| line["evt.type"] == "drop");
    let said = drops.map(|line| line["evt.args"].as_str()?.strip_prefix("ratio=")?.parse::<u64>().ok());
    assert_eq!(said.map(Option::unwrap_or_default).sum::<u64>(), lost, "{summary}");
}

/// A capture says how many events it lacks, also to those who read it later.
#[test]
fn a_capture_keeps_what_was_lost() {
    if !level::root_or_skip() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scratch = Scratch::new();
    let capture = scratch.path("lost.scap");
    let capture = capture.to_str().unwrap();
    let running =
        Running::start(&mut command::tracer(["--buffer-size", "4K", "-w", capture, &format!("evt.type={RARE}")]));
    running.attached();
    let workload = flood();
    workload.start();
    let _ = workload.end();
    running.interrupt();
    let written = running.end();
    let closing = |errors: &str| errors.lines().find(|line| line.contains("events seen")).unwrap().to_owned();
    let lost = number(&closing(&written.errors), " lost");
    assert!(lost > 0, "{}", written.errors);
    let read = command::output(["-r", capture, "-q", "--fail-on-drop"]);
    assert!(closing(&read.errors).ends_with(&format!(" {lost} lost (when it was captured {lost})")), "{}", read.errors);
    assert_eq!(read.status.code(), Some(3));
    let info = command::output(["info", capture]).lines.join("\n");
    assert!(info.contains(&format!(", for {lost} events lost when it was captured")), "{info}");

    // One that ends because it has enough events says it, too.
    let options = ["--buffer-size", "4K", "-n", "20000", "-w", capture];
    let running = Running::start(&mut command::tracer(options));
    running.attached();
    let workload = flood();
    workload.start();
    let _ = workload.end();
    let written = running.end();
    let lost = number(&closing(&written.errors), " lost");
    assert!(lost > 0, "{}", written.errors);
    let read = command::output(["-r", capture, "-q"]);
    assert!(closing(&read.errors).ends_with(&format!(" {lost} lost (when it was captured {lost})")), "{}", read.errors);
}

/// More rows than the kernel keeps for an interval: what it had no room for is lost, and the rest is counted.
#[test]
fn rows_that_the_kernel_had_no_room_for_are_lost() {
    const NAMES: u64 = 100_000;
    if !level::root_or_skip() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scratch = Scratch::new();
    let file = scratch.path("names.rhai");
    let chisel = format!(
        "chisel(#{{ summary: \"a call by the names of who makes it\" }});\ninterval(600000);
filter(\"evt.type={RARE}\");
table(#{{ keys: [\"proc.name\"], value: #{{ op: \"count\" }}, top: 1000000 }});\n"
    );
    std::fs::write(&file, chisel).unwrap();
    let words = ["-j", "--fail-on-drop", "-v", "-c", file.to_str().unwrap()];
    let explained = command::output(["--explain"].into_iter().chain(words)).lines.join("\n");
    assert!(explained.contains("the table "), "counted in the kernel: {explained}");
    let workload = Workload::fork(|| {
        for number in 0..NAMES {
            let name = format!("n{number}\0");
            let _ = (sys!(SYS_prctl, libc::PR_SET_NAME, name.as_ptr()), sys!(SYS_sched_rr_get_interval, -1, 0));
        }
        [NAMES as i64]
    });
    let running = Running::start(&mut command::tracer(words));
    running.attached();
    workload.start();
    let (_, said) = workload.end();
    running.interrupt();
    let output = running.end();
    assert_eq!(output.status.code(), Some(3), "{}", output.errors);
    let table: Value = serde_json::from_str(&output.lines[0]).unwrap();
    let rows = table["data"].as_array().unwrap();
    let counted: u64 = rows.iter().filter_map(|row| row[1].as_u64()).sum();
    let summary = output.errors.lines().find(|line| line.starts_with('{')).unwrap();
    let summary: Value = serde_json::from_str(summary).unwrap();
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{summary}"));
    let lost = number(&summary["lost_by_cause"]["groups"]);
    assert!(lost > 0 && counted > 0, "{summary}");
    assert_eq!(counted + lost, said[0] as u64, "{summary}");
    assert_eq!(number(&summary["lost"]), lost, "{summary}");
    let cpus = summary["lost_by_cpu"].as_array().unwrap();
    assert_eq!(cpus.iter().map(|cpu| number(&cpu["groups"])).sum::<u64>(), lost, "{summary}");
}
