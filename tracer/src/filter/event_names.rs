//! Every name of every event, in every operator that compares text.

use tracer_common::{
    arch::{COMPAT_SYSCALLS, NO_RETURN, SOCKETCALLS, SYSCALLS},
    events,
};

use super::Filter;
use crate::{
    event::names,
    fields::{EventType, Show},
    testing::World,
};

/// Each call as the kernel side may see it: its event, and its name.
fn calls() -> impl Iterator<Item = (&'static events::Event, &'static str)> {
    let native = SYSCALLS.iter().map(|call| (events::by_syscall(call.name), call.name));
    let compat = COMPAT_SYSCALLS.iter().map(|call| (events::by_syscall(call.like), call.name));
    let packed = SOCKETCALLS.iter().map(|call| (events::by_syscall(call), *call));
    native.chain(compat).chain(packed)
}

fn filter(text: &str) -> Filter {
    Filter::compile(text, Show::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Filters that ask for a name in each way that there is.
fn asking(field: &str, name: &str) -> Vec<String> {
    let (start, end) = name.split_at(name.len() - 1);
    [
        format!("= {name}"),
        format!("in ({name}, nanosleep)"),
        format!("= anyof ({name}, nanosleep)"),
        format!("startswith {name}"),
        format!("endswith {name}"),
        format!("contains {name}"),
        format!("icontains {name}"),
        format!("glob {start}?"),
        format!("iglob *{end}"),
        format!("regex {start}[{end}]"),
        format!("pmatch ({name})"),
        format!("bcontains {}", name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>()),
    ]
    .iter()
    .map(|test| format!("{field} {test}"))
    .collect()
}

#[test]
fn both_names_of_every_call_match_with_every_operator() {
    for (row, call) in calls().filter(|(_, call)| !NO_RETURN.iter().any(|(name, _)| name == call)) {
        let event = EventType::of_call(row, call);
        let name = event.name.unwrap();
        let all = [name, call].into_iter().chain(names::calls_of(name));
        for name in all.collect::<std::collections::BTreeSet<_>>() {
            let asking = ["evt.type", "syscall.type"].into_iter().flat_map(|field| asking(field, name));
            for text in asking.chain([format!("evt.type.is.{name}=1"), format!("not evt.type != {name}")]) {
                assert!(filter(&text).may_match(&event), "{text}: {call}");
            }
            for text in [format!("evt.type != {name}"), format!("not syscall.type in ({name})")] {
                assert!(!filter(&text).may_match(&event), "{text}: {call}");
            }
        }
    }
}

#[test]
fn an_event_matches_by_both_names() {
    let world = World::new();
    let record = world.record(10, events::code::PREAD, &[&5_i64.to_le_bytes()]);
    world.with(&record, |context| {
        for (text, holds) in [
            ("evt.type=pread", true),
            ("evt.type=pread64", true),
            ("evt.type in (read, pread64)", true),
            ("evt.type != pread64", false),
            ("evt.type != anyof (pread64, read)", true),
            ("evt.type != allof (pread64, read)", false),
            ("evt.type.is.pread64=1 and evt.type.is.pwrite64=0", true),
            ("syscall.type endswith 64 and syscall.type endswith ad", true),
        ] {
            assert_eq!(filter(text).matches(context), holds, "{text}");
        }
    });
}

#[test]
fn a_call_with_a_successor_is_advised_unless_that_is_asked_for() {
    let advice = |text: &str| filter(text).advice().to_vec();
    let said = advice("evt.type=open and proc.name=cat");
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("openat instead of open") && said[0].ends_with("evt.type in (open, openat) matches both"));
    assert_eq!(advice("evt.type in (accept, connect)").len(), 1);
    for text in [
        "evt.type in (open, openat)",
        "evt.type=open or evt.type=openat",
        "not evt.type=open",
        "evt.type contains open",
    ] {
        assert_eq!(advice(text), Vec::<String>::new(), "{text}");
    }
    for (old, new) in tracer_common::arch::REPLACED {
        for name in [old, new] {
            assert!(calls().any(|(row, call)| call == *name || row.name == *name), "{name}");
        }
    }
}
