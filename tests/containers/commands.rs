//! Commands that people run in containers.

use tracer_tests::{
    command::{Running, tracer},
    docker::{Container, Docker, unique},
    level, wait,
};

/// The line of a command: `4080 14:01:20 root@web) ps aux`.
fn is_command(line: &str, who: &str, command: &str) -> bool {
    line.trim_start().split_once(") ").is_some_and(|(head, ran)| {
        let mut words = head.split(' ');
        words.next().is_some_and(|pid| pid.parse::<u32>().is_ok()) && words.nth(1) == Some(who) && ran == command
    })
}

/// A tracer that has shown a command in the container, so that it watches.
fn watching(container: &Container) -> Running {
    let running = Running::start(&mut tracer(["-pc", "-c", "spy_users"]));
    let docker = Docker::default();
    let started = wait::until("the first command to be shown", || {
        let _ = docker.output(&["exec", &container.id, "true"]);
        running.lines().find(|line| line.ends_with(") true"))
    });
    assert!(is_command(&started, &format!("root@{}", container.name), "true"), "{started}");
    running
}

#[test]
fn a_command_that_enters_a_container_is_shown_with_it() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let container = docker.run(&unique("web"), &[], &["sleep", "1000"]);
    let running = watching(&container);
    let _ = docker.output(&["exec", &container.id, "ps", "-o", "pid"]);
    // With their paths, since busybox runs its own commands without an exec.
    let _ = docker.output(&["exec", &container.id, "sh", "-c", "cd /tmp; /bin/ls /; /bin/id -u"]);
    running.interrupt();
    let output = running.end();
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
    let who = format!("root@{}", container.name);
    for command in ["ps -o pid", "sh -c cd /tmp; /bin/ls /; /bin/id -u", "cd /tmp", "/bin/ls /", "/bin/id -u"] {
        let shown = output.lines.iter().filter(|line| is_command(line, &who, command)).count();
        assert_eq!(shown, 1, "{command} by {who}: {:#?}", output.lines);
    }
    // What the runtime does to get there is not a command of anybody.
    let runtime = output.lines.iter().find(|line| line.contains(&who) && line.contains("runc"));
    assert_eq!(runtime, None);
}
