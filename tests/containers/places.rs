//! Where tracer stands and what it is told: variables that name an engine, its own cgroup namespace, another mount of the cgroup tree;
//! and containers whose name goes to another one.

use std::process::Command;

use tracer_tests::{
    command::{Running, tracer},
    containerd::Containerd,
    docker::{Docker, unique},
    level,
    podman::Podman,
    scratch::Scratch,
    session::Session,
    wait,
};

/// The containers that are listed when a variable names the engine.
fn listed(variable: &str, address: &str) -> (Vec<String>, String) {
    let mut command = tracer(["-c", "lscontainers", "wide"]);
    command.env_remove("DOCKER_HOST").env(variable, address);
    let listed = Running::start(&mut command).end();
    (listed.lines, listed.errors)
}

#[test]
fn variables_name_engines_as_they_do_for_podman_and_crictl() {
    if !level::root_or_skip() || !["podman", "containerd", "runc"].into_iter().all(level::program_or_skip) {
        return;
    }
    let podman = Podman::start();
    let name = unique("v");
    podman.sleep(&name);
    let (lines, errors) = listed("CONTAINER_HOST", &format!("unix://{}", podman.socket().display()));
    let is_it = |line: &&String| line.starts_with("podman ") && line.contains(&name[..16]);
    assert_eq!(lines.iter().filter(is_it).count(), 1, "{lines:?} {errors}");
    drop(podman);
    let containerd = Containerd::start();
    let pod = containerd.pod("var-0", "", &[]);
    let _ = pod.run("one", 0, &["sleep", "1000"]);
    // crictl takes both forms.
    for address in [format!("unix://{}", containerd.socket().display()), containerd.socket().display().to_string()] {
        let (lines, errors) = listed("CONTAINER_RUNTIME_ENDPOINT", &address);
        let is_it =
            |line: &&String| line.starts_with("containerd ") && line.contains(" one ") && line.contains("var-0");
        assert_eq!(lines.iter().filter(is_it).count(), 1, "{address}: {lines:?} {errors}");
    }
}

const FORMAT: &str = "%proc.name %container.name %container.label.tier";
const FILTER: &str = "evt.type=execve and proc.name=id and container.id!=host";

#[test]
fn a_cgroup_namespace_of_its_own_and_another_mount_of_the_tree_make_no_difference() {
    if !level::engine_or_skip() || !level::program_or_skip("unshare") {
        return;
    }
    let docker = Docker::default();
    let container = docker.run(&unique("place"), &["--label", "tier=web"], &["sleep", "1000"]);
    let expected = format!("id {} web", container.name);
    let seen = |command: &mut Command| {
        let mut session = Session::lines_of(command, FORMAT, FILTER);
        assert!(container.exec(&["id"]).contains("uid="));
        let line = session.wait_for(&[" web"]);
        assert!(line.ends_with(&expected), "{line}");
        let _ = session.end();
    };
    let usual = tracer([]);
    let mut inside = Command::new("unshare");
    inside.args(["--cgroup", "--"]).arg(usual.get_program()).args(usual.get_args());
    seen(&mut inside);
    let scratch = Scratch::new();
    let place = scratch.path("tree");
    std::fs::create_dir(&place).expect("a place to mount at");
    let mut beside = Command::new("unshare");
    let mount = "mount -t cgroup2 none \"$0\" && exec \"$@\"";
    beside.args(["--mount", "--propagation", "private", "sh", "-c", mount]).arg(&place);
    beside.arg(usual.get_program()).args(usual.get_args());
    seen(&mut beside);
}

#[test]
fn a_container_that_is_renamed_and_one_that_gets_its_name_are_told_apart() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let (name, other) = (unique("same"), unique("other"));
    let mut session = Session::lines(FORMAT, FILTER);
    let first = docker.run(&name, &["--label", "tier=a"], &["sleep", "1000"]);
    let _ = first.exec(&["id"]);
    let _ = session.wait_for(&[&format!("id {name} a")]);
    let _ = docker.output(&["rename", &name, &other]);
    let second = docker.run(&name, &["--label", "tier=b"], &["sleep", "1000"]);
    let _ = second.exec(&["id"]);
    let _ = session.wait_for(&[&format!("id {name} b")]);
    wait::until("the new name of the first one", || {
        let _ = first.exec(&["id"]);
        session.wait_for(&[" a"]).contains(&other).then_some(())
    });
    let live = session.end();
    assert!(!live.lines.iter().any(|line| line.contains(&format!("{other} b"))), "{:?}", live.lines);
}
