//! From a cgroup to a container, and from an engine to its name: the table alone, without the command.

use std::{
    ops::ControlFlow,
    os::unix::net::UnixListener,
    time::{Duration, Instant},
};

use tracer::{
    event::{ParamValue, decode},
    source::{
        Drained, Record, Source as _,
        live::{Live, Options as LiveOptions, plan::Wanted, to_epoch_ns},
    },
    state::container::{Api, Container, ContainerKey, Containers, Lookup, Options},
};
use tracer_common::events::code;
use tracer_tests::{
    docker::{Docker, OwnEngine, unique},
    level, wait,
};

fn with_engine(docker: &Docker) -> Containers {
    let mut options = Options::default();
    if let Some(host) = docker.host() {
        options.named = vec![(Api::Docker, host.to_owned())];
    }
    Containers::start(&options)
}

/// Waits until the container is as wanted.
fn wait_for(containers: &mut Containers, key: ContainerKey, what: &str, wanted: impl Fn(&Container) -> bool) {
    wait::until(what, || {
        containers.poll();
        wanted(containers.get(key)).then_some(())
    });
}

#[test]
fn a_running_container_is_found_and_named_by_the_list() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let name = unique("list");
    let options = ["--label", "tier=web"];
    let container = docker.run(&name, &options, &["sleep", "1000"]);
    let mut containers = with_engine(&docker);
    let key = containers.of_cgroup(container.cgroup().expect("a v2 tree"), container.pid());
    let found = containers.get(key);
    assert_eq!((found.id.as_str(), found.full_id.as_str()), (container.short_id(), container.id.as_str()));
    assert_eq!(found.runtime, "docker");
    wait_for(&mut containers, key, "all that an inspection tells", |found| found.privileged.is_some());
    let found = containers.get(key);
    assert_eq!(found.name.as_deref(), Some(name.as_str()));
    assert_eq!(found.image.as_deref(), Some(level::image().as_str()));
    assert_eq!(found.image_id.as_deref().map(str::len), Some(64));
    assert_eq!(found.labels.get("tier").map(String::as_str), Some("web"));
    assert_eq!((found.privileged, found.lookup), (Some(false), Lookup::Known));
    assert!(found.ip.as_deref().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok()), "{:?}", found.ip);
    assert_eq!(containers.of_cgroup(1, 1), ContainerKey::HOST);
    assert_eq!(containers.notes(), Vec::<String>::new());
}

#[test]
fn a_container_that_starts_later_is_found_by_a_process_of_it() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let mut containers = with_engine(&docker);
    let name = unique("later");
    let container = docker.run(&name, &[], &["sleep", "1000"]);
    let key = containers.of_cgroup(container.cgroup().expect("a v2 tree"), container.pid());
    assert_eq!(containers.get(key).id, container.short_id());
    wait_for(&mut containers, key, "a name", |found| found.name.as_deref() == Some(&name));
    assert_eq!(containers.of_process(container.pid()), key, "the v1 way gives the same");

    let other = unique("renamed");
    let _ = docker.output(&["rename", &name, &other]);
    wait_for(&mut containers, key, "the new name", |found| found.name.as_deref() == Some(&other));
    let _ = docker.output(&["restart", "--time", "0", &container.id]);
    let again = containers.of_cgroup(container.cgroup().expect("a v2 tree"), container.pid());
    assert_eq!(again, key, "a container that starts again is the same one");
}

#[test]
fn a_fresh_container_has_its_name_from_its_first_event_on() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let mut containers = with_engine(&docker);
    let options = LiveOptions { containers: true, ..LiveOptions::default() };
    let mut live = Live::start(&options, &Wanted::with_names(&|_, _| true)).expect("the kernel side loads");
    let name = unique("fresh");
    let image = level::image();
    let mut run = docker.command(&["run", "--rm", "--name", &name, &image, "ls", "/"]);
    let mut run = run.stdout(std::process::Stdio::null()).spawn().expect("docker");
    let (mut by_id, mut by_name, mut ends) = (0, 0, None);
    let mut id = None;
    wait::until("the container to end", || {
        let mut visit = |record: Record<'_>| {
            let event = decode::record(record, 0, to_epoch_ns()).expect("a record");
            containers.poll();
            if event.row.code == code::CGROUP_MKDIR {
                if let ParamValue::Text(path) = event.params.value(1) {
                    containers.cgroup_added(event.params.u64(0).expect("an id"), path);
                }
                return ControlFlow::Continue(());
            }
            let key = containers.of_cgroup(event.cgroup, event.tgid);
            let container = containers.get(key);
            if container.name.as_deref() == Some(&name) {
                id.get_or_insert_with(|| container.id.clone());
                by_name += 1;
            }
            by_id += usize::from(key != ContainerKey::HOST);
            ControlFlow::Continue(())
        };
        let Ok(Drained::Records(drained)) = live.drain(&mut visit) else { panic!("the source ended") };
        live.wait(drained, Duration::from_millis(20));
        if ends.is_none() && run.try_wait().expect("docker").is_some() {
            ends = Some(Instant::now() + Duration::from_millis(300));
        }
        ends.filter(|end| Instant::now() > *end)
    });
    assert!(id.is_some(), "no event of the container was seen");
    assert!(by_name > 0 && by_name * 100 >= by_id * 99, "{by_name} of {by_id} events have the name");
}

#[test]
fn an_engine_that_dies_and_returns_costs_names_only() {
    if !level::engine_or_skip() {
        return;
    }
    let mut engine = OwnEngine::start();
    let docker = engine.docker.clone();
    let first = docker.run(&unique("first"), &[], &["sleep", "1000"]);
    let mut containers = with_engine(&docker);
    let key = containers.of_cgroup(first.cgroup().expect("a v2 tree"), first.pid());
    wait_for(&mut containers, key, "a name", |found| found.name.as_deref() == Some(&first.name));
    let second = docker.run(&unique("second"), &[], &["sleep", "1000"]);
    let (second_cgroup, second_pid) = (second.cgroup().expect("a v2 tree"), second.pid());

    engine.kill();
    let notes = wait::until("a note", || {
        containers.poll();
        Some(containers.notes()).filter(|notes| !notes.is_empty())
    });
    assert!(notes.len() == 1 && notes[0].contains("lost connection"), "{notes:?}");
    assert_eq!(containers.get(key).name.as_deref(), Some(first.name.as_str()), "what is known stays");
    let other = containers.of_cgroup(second_cgroup, second_pid);
    assert_eq!(containers.get(other).id, second.short_id());
    let unknown = format!("/docker/{}", "1".repeat(64));
    containers.cgroup_added(u64::MAX, unknown.as_bytes());

    engine.start_again();
    let third = docker.run(&unique("third"), &[], &["sleep", "1000"]);
    let key = containers.of_cgroup(third.cgroup().expect("a v2 tree"), third.pid());
    wait_for(&mut containers, key, "a name again", |found| found.name.as_deref() == Some(&third.name));
    assert_eq!(containers.notes(), Vec::<String>::new(), "the return is quiet, and so is what comes after");
}

#[test]
fn a_dead_socket_is_noted_once_and_stalls_nothing() {
    if !level::engine_or_skip() {
        return;
    }
    let container = Docker::default().run(&unique("dead"), &[], &["sleep", "1000"]);
    let (cgroup, pid) = (container.cgroup().expect("a v2 tree"), container.pid());
    let socket = std::env::temp_dir().join(unique("dead.sock"));
    drop(UnixListener::bind(&socket).expect("a socket"));

    let start = Instant::now();
    let named = vec![(Api::Docker, format!("unix://{}", socket.display()))];
    let mut containers = Containers::start(&Options { named, ..Options::default() });
    let key = containers.of_cgroup(cgroup, pid);
    assert!(start.elapsed() < Duration::from_millis(300), "start took {:?}", start.elapsed());
    assert_eq!(containers.get(key).id, container.short_id());
    wait::until("the look-up to be given up", || {
        containers.poll();
        (!containers.pending(key)).then_some(())
    });
    let notes = wait::until("a note", || {
        containers.poll();
        Some(containers.notes()).filter(|notes| !notes.is_empty())
    });
    assert!(notes.len() == 1 && notes[0].contains("does not answer"), "{notes:?}");
    std::fs::remove_file(&socket).expect("the socket");
}
