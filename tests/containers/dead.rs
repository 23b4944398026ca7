//! An engine that does not answer costs names, and nothing else.

use std::{
    fs,
    os::unix::net::UnixListener,
    time::{Duration, Instant},
};

use tracer_tests::{
    command::tracer,
    docker::{Docker, unique},
    level,
    scratch::Scratch,
    session::Session,
};

/// How much longer than with an engine the first line may take.
const STALL: Duration = Duration::from_secs(2);

fn notes(errors: &str) -> Vec<&str> {
    errors.lines().filter(|line| line.contains("docker") || line.contains("engine")).collect()
}

/// Lines of a container while no engine answers at `socket`.
fn without_engine(socket: &str) {
    let docker = Docker::default();
    let script = "while true; do cat /etc/passwd >/dev/null; sleep 0.05; done";
    let container = docker.run(&unique("dead"), &[], &["sh", "-c", script]);
    let of_it = format!("container.id={}", container.short_id());
    let first_line = |docker_host: Option<&str>| {
        let start = Instant::now();
        let mut command = tracer([]);
        if let Some(host) = docker_host {
            command.env("DOCKER_HOST", host);
        }
        let mut session = Session::lines_of(&mut command, "%container.id %container.name %evt.type", &of_it);
        let line = session.wait_for(&[container.short_id()]);
        (start.elapsed(), line, session)
    };
    let (usual, line, session) = first_line(None);
    assert!(line.contains(&format!(" {} {} ", container.short_id(), container.name)), "{line}");
    assert_eq!(notes(&session.end().errors), Vec::<&str>::new());

    let (elapsed, line, mut session) = first_line(Some(&format!("unix://{socket}")));
    assert!(elapsed < usual + STALL, "the first line took {elapsed:?}, and {usual:?} with an engine");
    assert!(!line.contains(&container.name), "{line}");
    let note = session.error_line();
    assert!(note.contains(socket) && note.contains("does not answer"), "{note}");
    // And on it goes.
    let _ = session.wait_for(&[container.short_id()]);
    let output = session.end();
    let notes = notes(&output.errors);
    assert!(notes.len() == 1 && notes[0].contains(socket), "{}", output.errors);
}

#[test]
fn a_socket_without_an_engine_is_noted_once_and_ids_are_shown() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let socket = scratch.path("docker.sock");
    drop(UnixListener::bind(&socket).expect("a socket"));
    assert!(fs::exists(&socket).expect("the socket"));
    without_engine(&socket.display().to_string());
}

#[test]
fn an_engine_that_never_answers_is_noted_once_and_ids_are_shown() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let socket = scratch.path("docker.sock");
    // Connections are taken into its queue, and that is all.
    let _silent = UnixListener::bind(&socket).expect("a socket");
    without_engine(&socket.display().to_string());
}
