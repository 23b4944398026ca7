//! Events that wait for the name of their container: how many, how long, and what is said of that. The engine knows the container and says
//! nothing of it.

use std::time::{Duration, Instant};

use tracer_tests::{
    cgroup::Cgroup,
    command::{Output, tracer},
    engine::{Engine, VERSION},
    level,
    scratch::Scratch,
    session::Session,
};

/// Traces what a shell in a container does, for which a filter by the name of the container waits.
fn trace(script: &str) -> (Output, Duration) {
    let scratch = Scratch::new();
    let engine = Engine::start(
        &scratch.path("engine.sock"),
        0,
        Box::new(|connection, path| match path {
            path if path.ends_with("/version") => connection.whole(VERSION),
            path if path.contains("/containers/json") => connection.whole("[]"),
            _ => {
                connection.wait();
                Ok(())
            }
        }),
    );
    let id = "d".repeat(64);
    let socket = format!("docker={}", engine.socket.display());
    let mut session = Session::lines_of(
        &mut tracer(["--engine-socket", &socket, "--buffer-size", "64M"]),
        "%evt.type %container.id %container.name",
        "container.name!=web and evt.type=getuid",
    );
    let place = Cgroup::make(&format!("/docker/docker-{id}.scope"));
    let begin = Instant::now();
    let ran = place.run(0, script);
    assert!(ran.status.success(), "{ran:?}");
    session.wait_for(&["getuid", &id[..12], "<NA>"]);
    let took = begin.elapsed();
    (session.end(), took)
}

#[test]
fn a_name_that_does_not_come_is_waited_for_once() {
    if !level::root_or_skip() {
        return;
    }
    let (output, took) = trace("id -u; id -u");
    let said = output.errors.matches("the name of container dddddddddddd did not come within 1.5 s").count();
    assert_eq!(said, 1, "{}", output.errors);
    assert!(output.errors.contains("a filter by name does not match them until it is known"), "{}", output.errors);
    assert!(took >= Duration::from_millis(1400), "{took:?}");
}

#[test]
fn more_events_than_can_wait_are_taken_without_a_name_and_that_is_said() {
    if !level::root_or_skip() || !level::program_or_skip("perl") {
        return;
    }
    // 102 is getuid(2).
    let (output, _) = trace("perl -e \"syscall(102) for 1..40000\"");
    let said = output.errors.matches("more than 32768 events wait for the name of their container").count();
    assert_eq!(said, 1, "{}", output.errors);
    let taken = output.lines.iter().filter(|line| line.contains("getuid dddddddddddd")).count();
    assert!(taken >= 40_000, "none is left out: {taken}, {}", output.errors);
}
