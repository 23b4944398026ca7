//! Chisels of the shelf over workloads in containers whose right answer is known: a web server and its client, memcached,
//! and somebody who types.

mod commands;
mod memcached;
mod web;

use tracer_tests::{
    docker::{Container, Docker},
    wait,
};

/// The address of a container on the bridge.
fn address(container: &Container) -> String {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    Docker::default().output(&["inspect", "--format", format, &container.id])
}

/// Asks a server for something until it answers: the answer.
fn first_answer<T>(container: &Container, ask: impl Fn() -> std::io::Result<T>) -> T {
    wait::until("a server to answer", || {
        let logs = || Docker::default().output(&["logs", &container.id]);
        let state = Docker::default().output(&["inspect", "--format", "{{.State.Running}}", &container.id]);
        assert_eq!(state, "true", "the server ended: {}", logs());
        ask().ok()
    })
}
