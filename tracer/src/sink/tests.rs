//! Tests of what stands before the sinks.

use super::*;
use crate::{
    fields::Show,
    format::Template,
    state::{Container, container::Owner},
    stats::Stats,
    testing::{BOOT_NS, World},
};

fn outputs(filter: Option<&str>, format: &str, max: Option<u64>) -> (Outputs, Out) {
    let out = Out::memory();
    let filter = filter.map(|text| Filter::compile(text, Show::default()).unwrap());
    let template = Template::parse(format, Show::default()).unwrap();
    let sink: Box<dyn Sink> = Box::new(Print::new(Lines::Text(template), out.clone(), false));
    (Outputs::new(filter, vec![sink], out.clone(), max), out)
}

fn pending() -> (World, ContainerKey) {
    let mut world = World::new();
    let fresh = Container { id: "fresh1".into(), lookup: Lookup::Pending, ..Container::default() };
    let key = world.state.containers.add(fresh);
    world.thread(50, 1, "ls", key);
    (world, key)
}

/// The same world after the engine has answered.
fn named() -> World {
    let mut world = World::new();
    let fresh =
        Container { id: "fresh1".into(), name: Some("fresh".into()), lookup: Lookup::Known, ..Container::default() };
    world.state.containers.add(fresh);
    world
}

#[test]
fn lines_stop_at_the_number_that_was_asked_for() {
    let world = World::new();
    let (mut outputs, out) = outputs(Some("evt.type=read"), "%evt.type", Some(2));
    let mut send = |record: &[u8]| world.with(record, |context| outputs.event(context).unwrap());
    assert_eq!(send(&world.read(10, 3, 1, b"x")), Flow::Continue);
    assert_eq!(send(&world.openat(10, 3, b"/x")), Flow::Continue);
    assert_eq!(send(&world.procinfo(10)), Flow::Continue);
    assert_eq!(send(&world.read(10, 3, 1, b"x")), Flow::Stop);
    assert_eq!(out.text(), "read\nread\n");
}

#[test]
fn internal_events_are_never_lines() {
    let world = World::new();
    let (mut outputs, out) = outputs(None, "*%evt.type", None);
    world.with(&world.procinfo(10), |context| outputs.event(context).unwrap());
    assert_eq!(out.text(), "");
    assert_eq!(outputs.shown(), 0);
    assert!(!outputs.wants_row(&tracer_common::events::meta::PROCINFO));
}

#[test]
fn events_of_a_nameless_container_wait_for_its_name_and_others_do_not() {
    let (world, _) = pending();
    let (mut outputs, out) = outputs(Some("container.name=fresh"), "%container.name %evt.type", None);
    world.with(&world.read(50, 3, 1, b"x"), |context| outputs.event(context).unwrap());
    world.with(&world.openat(50, 3, b"/x"), |context| outputs.event(context).unwrap());
    assert_eq!(out.text(), "");
    outputs.idle(&world.state, BOOT_NS + 1_300_000_000).unwrap();
    assert_eq!(out.text(), "", "not yet");
    outputs.idle(&named().state, BOOT_NS + 1_400_000_000).unwrap();
    assert_eq!(out.text(), "fresh read\nfresh openat\n");
}

#[test]
fn events_of_other_containers_and_the_host_are_not_held_back() {
    let (world, _) = pending();
    let (mut outputs, out) = outputs(None, "*%container.name %proc.name", None);
    for tid in [50, 30, 10] {
        world.with(&world.read(tid, 3, 1, b"x"), |context| outputs.event(context).unwrap());
    }
    assert_eq!(out.text(), "web nginx\nhost bash\n");
    outputs.end(&Tick { state: &world.state, now_ns: BOOT_NS, stats: &Stats::default(), failed: false }).unwrap();
    assert_eq!(out.text(), "web nginx\nhost bash\n<NA> ls\n");
}

#[test]
fn a_name_that_never_comes_costs_one_pause_only() {
    let (world, _) = pending();
    let (mut outputs, out) = outputs(None, "*%container.name %evt.type", None);
    let read = world.read(50, 3, 1, b"x");
    world.with(&read, |context| outputs.event(context).unwrap());
    assert_eq!(outputs.hold.said, [false, false]);
    outputs.idle(&world.state, BOOT_NS + 3_000_000_000).unwrap();
    assert_eq!(out.text(), "<NA> read\n");
    assert_eq!(outputs.hold.said, [true, false], "that it came too late");
    world.with(&read, |context| outputs.event(context).unwrap());
    assert_eq!(out.text(), "<NA> read\n<NA> read\n");
}

#[test]
fn events_of_a_users_container_make_way_first() {
    let (mut world, of_machine) = pending();
    let claim =
        Container { id: "claim".into(), lookup: Lookup::Pending, owner: Owner::User(7), ..Container::default() };
    let of_user = world.state.containers.add(claim);
    world.thread(60, 1, "sh", of_user);
    let mut hold = Hold::default();
    // That of the machine is older, and alone.
    world.with(&world.read(50, 3, 1, b"x"), |context| hold.push(context));
    for _ in 0..=hold::MAX_EVENTS {
        world.with(&world.read(60, 3, 1, b"x"), |context| hold.push(context));
    }
    let popped: Vec<ContainerKey> = std::iter::from_fn(|| hold.overflow()).map(|held| held.container()).collect();
    assert_eq!(popped, [of_user, of_user]);
    assert!(hold.has(of_machine));
}

#[test]
fn of_too_many_events_that_wait_the_oldest_are_taken_and_that_is_said() {
    let (world, _) = pending();
    let (mut outputs, out) = outputs(None, "*%container.name %evt.type", None);
    let read = world.read(50, 3, 1, b"x");
    for _ in 0..hold::MAX_EVENTS {
        world.with(&read, |context| outputs.event(context).unwrap());
    }
    assert_eq!((out.text().as_str(), outputs.hold.said), ("", [false, false]));
    for _ in 0..3 {
        world.with(&read, |context| outputs.event(context).unwrap());
    }
    assert_eq!((out.text().as_str(), outputs.hold.said), ("<NA> read\n<NA> read\n<NA> read\n", [false, true]));
}

#[test]
fn what_the_filter_rules_out_anyway_is_not_kept() {
    let (world, key) = pending();
    let (mut outputs, _) = outputs(Some("container.name=fresh and evt.type=execve"), "%evt.type", None);
    world.with(&world.read(50, 3, 1, b"x"), |context| outputs.event(context).unwrap());
    assert!(!outputs.hold.has(key));
}
