//! What a command line asks of the kernel, without tracing: hooks and calls, what is decided and counted there and why not
//! the rest, and what a record takes.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use tracer_common::{
    arch::SYSCALLS,
    events,
    group::{Counted, Grouping, Number, by},
    plan::{self, PLAN_COMPAT, Plan as CallPlan, PlanParam, Store},
    predicate::{DROP, PASS, Predicate, STEPS},
    wire,
};

use super::{Plan, list::entry};
use crate::{
    fields::{EventType, Needs},
    filter::{Filter, kernel::Target},
    pipeline::Asked,
    source::live::{
        self,
        plan::{self as plans, Plans},
        probes::{PROBES, Probe, When},
    },
};

/// More calls than this are not named.
const MAX_NAMES: usize = 24;

/// Explains a plan, for a kernel that may have the hooks of sockets.
pub fn text(plan: &mut Plan, has_socket_hooks: impl Fn() -> bool, width: usize) -> String {
    let mode = plan.mode();
    let asked = Asked::of(&mut plan.outputs, &mode, has_socket_hooks);
    let plan = &*plan;
    let outputs = &plan.outputs;
    let event = |row, call: Option<&'static str>| asked.collects(outputs, row, call);
    let made = asked.with_wanted(outputs, plans::all);

    let mut out = String::new();
    let mut section = |title: &str, entries: Vec<(String, String)>| {
        if !entries.is_empty() {
            out.push_str(title);
            out.push('\n');
            entries.iter().for_each(|(name, text)| entry(name, text, width, &mut out));
        }
    };
    section("Hooks", hooks(plan, &asked, &made));
    section("System calls", calls(&asked, &made, &event));
    section("In the kernel", tables(&asked));
    section("Filter tests, for the calls that the output needs", filters(plan, &asked, &made, &event));
    section("Sample", sample(plan, &asked, &made));
    section("Records", records(plan, &asked, &made));
    out
}

fn row(name: &str, text: impl Into<String>) -> (String, String) {
    (name.to_owned(), text.into())
}

/// The hooks, with what each is for, or why it is not attached.
fn hooks(plan: &Plan, asked: &Asked, made: &Plans) -> Vec<(String, String)> {
    let attached = asked.with_wanted(&plan.outputs, |wanted| live::programs(&asked.options, wanted, made));
    let is_attached = |probe: &Probe| attached.iter().any(|it| it.program == probe.program);
    let mut probes: Vec<&Probe> = PROBES.iter().filter(|probe| probe.attaches()).collect();
    probes.sort_by_key(|probe| probe.when);
    let mut rows = Vec::new();
    for probe in probes {
        let text = match (is_attached(probe), probe.when.reason_against()) {
            (true, _) if probe.when == When::Switches => {
                match (plan.needs.has(Needs::CPU_TIME), made.is_wanted(plan::PLAN_SWITCH)) {
                    (true, true) => "sums CPU time and reports switches".to_owned(),
                    (true, false) => "sums CPU time, without events".to_owned(),
                    (false, _) => probe.what.to_owned(),
                }
            }
            (true, _) => probe.what.to_owned(),
            (false, Some(why)) => format!("not attached: {why}"),
            (false, None) => continue,
        };
        rows.push(row(probe.hook, text));
    }
    rows
}

fn calls(
    asked: &Asked,
    made: &Plans,
    event: &impl Fn(&'static events::Event, Option<&'static str>) -> bool,
) -> Vec<(String, String)> {
    let (mut shown, mut kept) = (Vec::new(), Vec::new());
    for call in SYSCALLS {
        if !made.is_wanted(call.number.into()) {
            continue;
        }
        let list = if event(events::by_syscall(call.name), Some(call.name)) { &mut shown } else { &mut kept };
        list.push(call.name);
    }
    let mut rows = vec![row("needed for output", format!("{} of {}{}", shown.len(), SYSCALLS.len(), names(&shown)))];
    let of_what = match (asked.threads, asked.descriptors) {
        (_, true) => "threads and descriptors",
        (true, false) => "threads",
        (false, false) if asked.who => {
            rows.push(row(
                "needed for names",
                "none, because records contain name, parent, user and group of their thread",
            ));
            return rows;
        }
        (false, false) => {
            rows.push(row("needed for names", "none, because no output needs names"));
            return rows;
        }
    };
    let text = format!("{}, to track {of_what} of all processes, if they succeed{}", kept.len(), names(&kept));
    rows.push(row("needed for names", text));
    rows
}

/// The names, if there are not too many.
fn names(names: &[&str]) -> String {
    if names.is_empty() || names.len() > MAX_NAMES { String::new() } else { format!(": {}", names.join(", ")) }
}

fn tables(asked: &Asked) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let calls = (0..).zip(&asked.tables.calls).filter_map(|(at, of)| Some((Some(at), of.as_ref()?)));
    for (at, Grouping { by: key, counted, number, bytes_of }) in
        calls.chain(asked.tables.sockets.iter().map(|of| (None, of)))
    {
        let members: Vec<&str> = by::ALL.into_iter().filter(|(bit, _)| key & bit != 0).map(|(_, name)| name).collect();
        let what = match counted {
            Counted::Events => match *number {
                Number::None => "counted in the kernel, without records",
                Number::Bytes if bytes_of.is_some() => {
                    "counted in the kernel, and bytes summed for another table, without records"
                }
                Number::Bytes if asked.tables.calls.iter().flatten().any(|of| of.bytes_of == at) => {
                    "bytes summed in the kernel, most of them in rows of another table, without records"
                }
                Number::Bytes => "counted and bytes summed in the kernel, without records",
                Number::Latency => "counted and times summed in the kernel, without records",
                Number::Failure => "counted in the kernel, failures separately, without records",
                Number::BytesAndFailure => {
                    "counted in the kernel, failures separately, and bytes summed for another table, without records"
                }
                Number::LatencyAndFailure => {
                    "counted in the kernel, failures separately, and times summed, without records"
                }
            },
            Counted::SocketBytes => "bytes of internet sockets are summed in the kernel, without hooks on calls",
            Counted::SliceBytes => {
                "bytes of internet sockets are summed in the kernel, without hooks on calls, together with CPU time"
            }
        };
        rows.push(row("the table", format!("{what}; one row per {}", members.join(", "))));
    }
    rows.extend(asked.tables.why.map(|why| row(if rows.is_empty() { "no table" } else { "from events" }, why)));
    rows
}

/// Where the events are chosen that are looked at, if it is not all of them.
fn sample(plan: &Plan, asked: &Asked, made: &Plans) -> Vec<(String, String)> {
    let Some(wanted) = plan.sample else { return Vec::new() };
    let Some(sample) = asked.sample else {
        let why = if asked.tables.is_any() {
            "the table is counted in the kernel and exact"
        } else {
            "CPU times and lists are exact"
        };
        return vec![row(&wanted.to_string(), format!("not used: {why}"))];
    };
    let is_sampled = |(index, plan): &&(u32, CallPlan)| *index < PLAN_COMPAT && plan.flags & plan::SAMPLE != 0;
    let text = match made.plans.iter().filter(is_sampled).count() {
        0 => "sampled in user space, from all events".to_owned(),
        calls => format!(
            "sampled in the kernel for {calls} calls, before a record is built; in user space for all \
            other events"
        ),
    };
    vec![row(&sample.to_string(), text)]
}

/// Where each test of the filters is decided.
fn filters(
    plan: &Plan,
    asked: &Asked,
    made: &Plans,
    event: &impl Fn(&'static events::Event, Option<&'static str>) -> bool,
) -> Vec<(String, String)> {
    let mut rows = Tests::default();
    for call in SYSCALLS {
        let index = u32::from(call.number);
        let row = events::by_syscall(call.name);
        if !event(row, Some(call.name)) || !made.plans.iter().any(|(at, _)| *at == index) {
            continue;
        }
        let counted = !asked.tables.calls.is_empty();
        // The plans that were made are without what they are decided by.
        let of_call = &CallPlan::of(row, call.id);
        let target = Target { event: EventType::of_call(row, call.name), plan: of_call, counted };
        plan.outputs.each_filter(&mut |filter| count(filter, &target, &mut rows));
    }
    let text = |[by_type, kernel, here]: &[usize; 3]| {
        let mut parts = Vec::new();
        if *kernel > 0 {
            parts.push(if *here > 0 {
                format!("in the kernel for {kernel} calls")
            } else {
                "in the kernel".to_owned()
            });
        }
        if *here > 0 {
            parts.push(if *kernel > 0 {
                format!("in user space for {here}")
            } else if asked.tables.is_any() {
                "in user space, on the rows of the table".to_owned()
            } else {
                "in user space, because the kernel does not know it".to_owned()
            });
        }
        if *by_type > 0 {
            let alone = parts.is_empty();
            parts.push(if alone { "by event type".to_owned() } else { format!("by event type for {by_type}") });
        }
        parts.join(", ")
    };
    let mut found: Vec<(String, String)> =
        rows.rows.iter().map(|(name, counts)| (name.clone(), text(counts))).collect();
    if !plan.pushdown && !found.is_empty() {
        let why = if plan.needs.has(Needs::NEIGHBOURS) {
            "the output shows the time since the previous event"
        } else {
            "--no-pushdown"
        };
        return vec![row("all of them", format!("in user space: {why}"))];
    }
    if !made.predicates.is_empty() {
        let steps: BTreeSet<usize> = made.predicates.iter().map(longest).collect();
        let most = steps.last().copied().unwrap_or_default();
        found.push(row("predicates", format!("{}, with at most {most} steps", made.predicates.len())));
    }
    if !made.questions.is_empty() {
        found.push(row("containers", "looked up by cgroup"));
    }
    found
}

/// Tests of filters in the order in which they were met, and for how many calls each is decided by type, in the kernel, and here.
#[derive(Default)]
struct Tests {
    rows: Vec<(String, [usize; 3])>,
    by_text: FxHashMap<String, usize>,
}

/// Adds up where the tests of a filter are decided.
fn count(filter: &Filter, target: &Target<'_>, tests: &mut Tests) {
    for (text, place) in filter.tests(target) {
        let at = tests.by_text.get(text).copied().unwrap_or_else(|| {
            tests.rows.push((text.to_owned(), [0; 3]));
            tests.by_text.insert(text.to_owned(), tests.rows.len() - 1);
            tests.rows.len() - 1
        });
        tests.rows[at].1[match place {
            None => 0,
            Some(true) => 1,
            Some(false) => 2,
        }] += 1;
    }
}

/// The most steps on a way through a predicate.
fn longest(predicate: &Predicate) -> usize {
    let mut longest = [0; STEPS];
    for at in (0..STEPS).rev() {
        let step = &predicate.steps[at];
        let next = |next: u8| match next {
            PASS | DROP => 0,
            next => longest.get(usize::from(next)).copied().unwrap_or(0),
        };
        longest[at] = 1 + next(step.yes).max(next(step.no));
    }
    longest[0]
}

fn records(plan: &Plan, asked: &Asked, made: &Plans) -> Vec<(String, String)> {
    if asked.tables.calls.iter().flatten().any(|it| it.by & by::DESCRIPTOR != 0) {
        let what = "for calls whose row the kernel cannot be sure of: on sockets without a peer, and calls that \
            create or close one";
        return vec![row("some", what), row("none", "for all other calls: the table is read once per interval")];
    }
    if asked.tables.is_any() && asked.tables.why.is_none() {
        return vec![row("none", "the table is read once per interval")];
    }
    let mut rows = Vec::new();
    let payload = plan.needs.has(Needs::PAYLOAD);
    rows.push(row(
        "data",
        if payload {
            format!("at most {} bytes of each call", plan.snaplen)
        } else {
            "none, because no output shows data".to_owned()
        },
    ));
    let wanted = made.plans.iter().filter(|(index, plan)| *index < PLAN_COMPAT && plan.flags & plan::WANTED != 0);
    let sizes: BTreeSet<usize> = wanted.map(|(_, plan)| fixed_bytes(plan, asked.who)).collect();
    if let (Some(least), Some(most)) = (sizes.first(), sizes.last()) {
        rows.push(row("bytes", format!("{least} to {most} for header and numbers, plus text and data")));
    }
    rows.push(row(
        "cost",
        "docs/performance.md: a call that no output needs costs 50 ns, a test in the kernel 10 to 40 ns more, a \
            record 150 to 600 ns, its latency 60 ns",
    ));
    rows
}

/// What a record of a plan takes without texts and data.
fn fixed_bytes(plan: &CallPlan, who: bool) -> usize {
    let params = &plan.params[..usize::from(plan.count)];
    let width = |param: &PlanParam| match param.store {
        store if store == Store::U8 as u8 => 1,
        store if store == Store::U16 as u8 => 2,
        store if store == Store::U32 as u8 => 4,
        store if store == Store::Var as u8 => 0,
        _ => 8,
    };
    wire::CALL_LENGTHS
        + 2 * params.len()
        + params.iter().map(width).sum::<usize>()
        + if who { wire::WHO_LEN } else { 0 }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        chisel::Library,
        cli::Args,
        fields::{FieldRef, Show},
    };

    fn explain(words: &[&str]) -> String {
        let args = Args::try_parse_from(std::iter::once("tracer").chain(words.iter().copied())).unwrap();
        text(&mut crate::cli::run::plan(&args, &Library::builtin(), &[]).unwrap(), || true, 100)
    }

    /// Whether some line has all of these.
    fn says(text: &str, parts: &[&str]) -> bool {
        text.lines().any(|line| parts.iter().all(|part| line.contains(part)))
    }

    #[test]
    fn tables_that_the_kernel_counts_need_no_call() {
        let text = explain(&["-c", "topcontainers_net"]);
        assert!(says(&text, &["sys_exit", "not attached"]), "{text}");
        assert!(
            says(&text, &["sock_send_length"]) && says(&text, &["the table", "bytes of internet sockets"]),
            "{text}"
        );
        let text = explain(&["-c", "topprocs_cpu"]);
        assert!(
            says(&text, &["sys_exit", "not attached"]) && says(&text, &["sched_switch", "sums CPU time"]),
            "{text}"
        );
        let text = explain(&["-c", "topscalls"]);
        assert!(says(&text, &["the table", "counted", "event"]) && says(&text, &["none", "interval"]), "{text}");
        let text = explain(&["-pc", "-c", "topprocs_net"]);
        assert!(says(&text, &["the table", "bytes of internet sockets"]), "{text}");
        let text = explain(&["-c", "syscall_latency"]);
        assert!(says(&text, &["the table", "times summed"]) && says(&text, &["range of the value"]), "{text}");
        let text = explain(&["-c", "topfiles_bytes"]);
        assert!(says(&text, &["no table", "only the names of internet sockets"]), "{text}");
        // More tests than there are steps: what passed too much would be counted.
        let many = (1..13).map(|pid| format!("proc.pid={pid}")).collect::<Vec<_>>().join(" or ");
        let filter = format!("({many}) and ({})", many.replace("proc.pid", "evt.cpu"));
        let text = explain(&["-c", "topscalls", &filter]);
        assert!(says(&text, &["no table", "too many tests"]), "{text}");
    }

    #[test]
    fn tables_of_calls_are_counted_beside_what_needs_records() {
        let text = explain(&["-c", "spy_users", "-c", "topscalls", "-c", "topscalls_time"]);
        assert!(
            says(&text, &["the table", "without records"]) && says(&text, &["the table", "times summed"]),
            "{text}"
        );
        assert!(says(&text, &["from events", "the script processes each event"]), "{text}");
        let sampled = explain(&["--sample", "1/10", "-c", "spy_users", "-c", "topscalls"]);
        assert!(says(&sampled, &["no table", "--sample"]), "{sampled}");
    }

    #[test]
    fn tables_of_connections_are_counted_and_what_is_not_known_makes_records() {
        for (chisel, row) in [("topconns", "socket name"), ("topports_server", "server port")] {
            let text = explain(&["-c", chisel]);
            assert!(text.contains(row) && says(&text, &["some", "cannot be sure"]), "{text}");
            assert!(
                says(&text, &["sys_exit", "when they return"]) && says(&text, &["fd.type in", "in the kernel"]),
                "{text}"
            );
            let text = explain(&["-c", chisel, "fd.l4proto=tcp"]);
            assert!(says(&text, &["the table", "bytes of internet sockets"]) && text.contains(row), "{text}");
            assert!(says(&text, &["sys_exit", "not attached"]), "{text}");
        }
        // What has no peer is left to events, which such a table has none of.
        let text = explain(&["-c", "topconns", "fd.l4proto!=udp"]);
        assert!(says(&text, &["the table", "counted"]), "{text}");
        // The rows say ports and protocols, so that tests of these can be made of them.
        let text = explain(&["-c", "topprocs_net", "fd.sport=443 and fd.l4proto=tcp"]);
        assert!(says(&text, &["the table", "bytes of internet sockets"]) && text.contains("server port"), "{text}");
        assert!(says(&explain(&["-c", "topscalls", "not fd.port=22"]), &["the table", "counted"]));
        assert!(says(&explain(&["-c", "topscalls", "fd.port=22 or proc.name=sshd"]), &["no table"]));
        assert!(says(&explain(&["-c", "topscalls", "fd.name contains x"]), &["no table"]));
    }

    #[test]
    fn a_sample_is_chosen_in_the_kernel_where_nothing_is_lost_for_names() {
        let text = explain(&["--sample", "1/50", "evt.type in (read, openat)"]);
        assert!(says(&text, &["1/50", "in the kernel for 1 calls"]), "{text}");
        let text = explain(&["--sample", "1/50", "evt.type=openat"]);
        assert!(says(&text, &["1/50", "sampled in user space"]), "{text}");
        for exact in [&["-c", "topscalls"][..], &["-c", "topprocs_cpu"], &["-c", "lsof"]] {
            let text = explain(&[&["--sample", "1/50"][..], exact].concat());
            assert!(says(&text, &["1/50", "not used"]), "{exact:?}: {text}");
        }
        let text = explain(&["--sample", "1/50", "--no-pushdown", "-c", "topscalls"]);
        assert!(says(&text, &["1/50", "in the kernel for"]), "{text}");
        assert!(!explain(&["--sample", "1/1"]).contains("Sample"));
    }

    /// Of each chisel, what its text names decides what is kept: no chisel without a field of descriptors keeps them.
    #[test]
    fn chisels_keep_what_their_fields_need() {
        let arguments = [
            ("fdbytes_by", "fd.type"),
            ("fdcount_by", "fd.type"),
            ("fdtime_by", "fd.type"),
            ("fileslower", "0"),
            ("netlower", "1"),
            ("scallslower", "500"),
            ("spy_ip", "127.0.0.1"),
            ("spy_port", "8080"),
            ("udp_extract", "/nonexistent"),
        ];
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || "._[]".contains(letter);
        let (mut keep, mut do_not) = (Vec::new(), Vec::new());
        for (name, source) in Library::builtin().list() {
            let argument =
                arguments.iter().find(|(known, _)| *known == name).map(|(_, argument)| (*argument).to_owned());
            // These write files, which captures keep everything for, or in a folder.
            if ["around", "udp_extract"].contains(&&*name) {
                continue;
            }
            // Code only: the examples above it say other things.
            let code = source.text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let words: Vec<FieldRef> = code
                .chain(argument.as_deref())
                .flat_map(|line| line.split(|letter| !is_word(letter)))
                .filter_map(|word| {
                    FieldRef::resolve(word.trim_start_matches(|it: char| it.is_ascii_digit()), Show::PLAIN).ok()
                })
                .collect();
            assert!(!words.is_empty(), "{name}");
            let named =
                |what| words.iter().any(|field| field.needs().has(what)) || what == Needs::STATE && name == "lsof";
            for container in [&[][..], &["-pc"]] {
                let words: Vec<&str> = ["tracer", "-c", &name].into_iter().chain(container.iter().copied()).collect();
                let args = Args::try_parse_from(words).unwrap();
                let mut plan =
                    crate::cli::run::plan(&args, &Library::builtin(), std::slice::from_ref(&argument)).unwrap();
                let mode = plan.mode();
                let asked = Asked::of(&mut plan.outputs, &mode, || true);
                let kept = asked.descriptors;
                assert!(!kept || named(Needs::STATE), "{name} keeps descriptors, and names no field that needs them");
                // What the kernel decides or counts needs none here.
                assert!(plan.needs.has(Needs::STATE) == named(Needs::STATE), "{name}: {:?}", plan.needs);
                assert!(!plan.needs.has(Needs::PAYLOAD) || named(Needs::PAYLOAD), "{name}");
                assert!(!plan.needs.has(Needs::LATENCY) || named(Needs::LATENCY), "{name}");
                assert!(!plan.needs.has(Needs::CPU_TIME) || named(Needs::CPU_TIME), "{name}");
                if kept { &mut keep } else { &mut do_not }.push(name.clone());
            }
        }
        for name in ["spy_users", "ps", "lscontainers", "oom_and_exits", "container_events", "stdout", "topprocs_net"] {
            assert!(do_not.iter().any(|it| it == name) && !keep.iter().any(|it| it == name), "{name}");
        }
        assert!(keep.len() > 30 && do_not.len() > 30, "{} {}", keep.len(), do_not.len());
    }

    #[test]
    fn each_test_of_a_filter_has_its_place() {
        let text = explain(&["proc.name=nginx and evt.type in (open, openat) and fd.name contains /etc"]);
        assert!(says(&text, &["proc.name=nginx", "in the kernel"]), "{text}");
        assert!(says(&text, &["fd.name contains /etc", "in user space"]), "{text}");
        assert!(says(&text, &["needed for output", "2 of", "open, openat"]), "{text}");
        assert!(says(&text, &["needed for names", "threads and descriptors"]), "{text}");
        let text = explain(&["-p", "%evt.type %proc.name", "proc.name=nosuch"]);
        assert!(says(&text, &["needed for names", "none", "records contain"]), "{text}");
        let text = explain(&["--no-pushdown", "proc.name=nginx"]);
        assert!(says(&text, &["all of them", "--no-pushdown"]), "{text}");
    }
}
