//! Containers of a real podman, of root and of a user: named at once, in commands that are started later, and after its service was killed.

use std::{fs, thread, time::Duration};

use tracer_tests::{
    command::{output, tracer},
    docker::unique,
    level,
    podman::{IMAGE, Podman},
    session::Session,
};

fn needs() -> bool {
    ["podman", "runc", "busybox"].into_iter().all(level::program_or_skip) && level::root_or_skip()
}

/// A user of whom nothing else is there.
const USER: u32 = 61_023;

#[test]
fn containers_of_50_ms_are_named_in_their_events() {
    if needs() {
        short_ones_are_named(&Podman::start(), "false");
    }
}

#[test]
fn containers_of_50_ms_of_a_user_are_named_in_their_events() {
    if needs() && level::program_or_skip("setpriv") {
        short_ones_are_named(&Podman::rootless(USER), "true");
    }
}

#[test]
fn the_service_of_a_user_is_found_when_it_starts_after_tracer() {
    if !needs() || !level::program_or_skip("setpriv") {
        return;
    }
    let mut podman = Podman::rootless(USER);
    podman.kill();
    let _ = fs::remove_file(podman.socket());
    let session = Session::lines_of(&mut tracer(["--buffer-size", "64M"]), "%container.name", "container.claimed=true");
    podman.start_again();
    thread::sleep(Duration::from_millis(2500));
    let name = unique("later");
    podman.run(&name, "for i in 1 2 3 4 5 6 7 8 9; do true; done; sleep 0.05");
    let live = session.end();
    let (named, all) = (live.lines.iter().filter(|line| line.ends_with(&name)).count(), live.lines.len());
    assert!(named > 50 && named * 100 >= all * 99, "{named} of {all}: {}", live.errors);
}

fn short_ones_are_named(podman: &Podman, claimed: &str) {
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &podman.argument()]);
    let filter = format!("container.id!=host and container.claimed={claimed}");
    let session = Session::lines_of(&mut command, "%container.type %container.name %container.image", &filter);
    let names: Vec<String> = (0..5).map(|_| unique("short")).collect();
    for name in &names {
        podman.run(name, "for i in 1 2 3 4 5 6 7 8 9; do true; done; sleep 0.05");
    }
    let live = session.end();
    let of = |name: &str| live.lines.iter().filter(|line| line.ends_with(&format!(" podman {name} {IMAGE}"))).count();
    let named: Vec<usize> = names.iter().map(|name| of(name)).collect();
    let (all, sum) = (live.lines.len(), named.iter().sum::<usize>());
    assert!(named.iter().all(|one| *one > 50) && sum * 100 >= all * 99, "{named:?} of {all}: {}", live.errors);
}

#[test]
fn a_service_that_is_killed_and_returns_names_the_next_container_and_commands_in_it() {
    if !needs() {
        return;
    }
    let mut podman = Podman::start();
    let (first, second) = (unique("first"), unique("second"));
    let filter = "evt.type=execve and proc.name in (id, uname) and container.type=podman";
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &podman.argument()]);
    let mut session = Session::lines_of(&mut command, "%proc.name %container.name", filter);
    podman.sleep(&first);
    podman.exec(&first, &["id"]);
    let _ = session.wait_for(&[&format!("id {first}")]);
    podman.kill();
    thread::sleep(Duration::from_millis(300));
    podman.start_again();
    // Within a second after it has returned.
    thread::sleep(Duration::from_secs(1));
    podman.sleep(&second);
    podman.exec(&second, &["uname"]);
    let _ = session.wait_for(&[&format!("uname {second}")]);
    podman.exec(&first, &["id"]);
    let _ = session.wait_for(&[&format!("id {first}")]);
    let live = session.end();
    assert!(live.lines.iter().all(|line| !line.ends_with(" <NA>")), "{:?} {}", live.lines, live.errors);
    // A list waits for the names, and the doctor knows the version.
    let list = output(["--engine-socket", &podman.argument(), "-c", "lscontainers", "-j"]);
    for name in [&first, &second] {
        assert!(list.lines.iter().any(|line| line.contains(name.as_str())), "{:?}", list.lines);
    }
    let doctor = output(["--doctor", "--engine-socket", &podman.argument()]);
    let line = doctor.lines.iter().find(|line| line.contains("container engine: podman ")).expect("a line");
    assert!(line.starts_with("ok ") && line.ends_with(", 2 containers"), "{line}");
}
