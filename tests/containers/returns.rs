//! Engines that are killed and come back: how soon after that the next container has its name, and all that only the engine knows.
//! The seconds are printed.

use std::{
    thread,
    time::{Duration, Instant},
};

use tracer_tests::{
    command::tracer,
    containerd::Containerd,
    docker::{OwnEngine, unique},
    level,
    lxd::Lxd,
    podman::Podman,
    session::Session,
};

/// What the container does for three seconds.
const SCRIPT: &str = "i=0; while [ $i -lt 60 ]; do /bin/uname >/dev/null; sleep 0.05; i=$((i+1)); done";
/// The longest time until all is known. It is meant to be a second; a busy machine may take longer.
const LONGEST: Duration = Duration::from_secs(5);

/// Kills an engine, starts it again, which ends when it answers, and runs a container.
fn measure<E>(what: &str, argument: &str, engine: &mut E, kill: fn(&mut E), start: fn(&mut E), run: impl Fn(&E, &str)) {
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", argument]);
    let filter = "evt.type=execve and proc.name=uname and container.id!=host";
    let session = Session::lines_of(&mut command, "%evt.rawtime %container.name %container.privileged", filter);
    kill(engine);
    thread::sleep(Duration::from_millis(300));
    start(engine);
    let answers = Instant::now();
    let name = unique("back");
    run(engine, &name);
    let ran = answers.elapsed();
    let live = session.end();
    let lines: Vec<[&str; 3]> = live
        .lines
        .iter()
        .filter_map(|line| line.trim_start_matches("<NA> ").split(' ').collect::<Vec<_>>().try_into().ok())
        .collect();
    let time = |is_it: &dyn Fn(&[&str; 3]) -> bool| {
        let line = lines.iter().find(|line| is_it(line))?;
        line[0].parse::<u64>().ok().map(Duration::from_nanos)
    };
    let first = time(&|_| true).unwrap_or_else(|| panic!("{what}: no events: {}", live.errors));
    let since = |at: Option<Duration>| at.map(|at| at.saturating_sub(first));
    let (named, told) = (since(time(&|line| line[1] == name)), since(time(&|line| line[2] != "<NA>")));
    println!("{what}: named {named:?} after its first event, all is known after {told:?}; it ran for {ran:?}");
    for (which, after) in [("a name", named), ("what only the engine knows", told)] {
        assert!(
            after.is_some_and(|after| after < LONGEST),
            "{what}: {which}: {after:?} {:?} {}",
            live.lines,
            live.errors
        );
    }
    // What is known stays, and nothing is there twice.
    let later = lines.iter().skip_while(|line| line[1] != name);
    assert!(later.clone().count() > 10 && later.into_iter().all(|line| line[1] == name), "{what}: {:?}", live.lines);
}

#[test]
fn the_next_container_is_known_soon_after_its_engine_has_come_back() {
    if !level::engine_or_skip() || !["podman", "containerd", "runc", "busybox"].into_iter().all(level::program_or_skip)
    {
        return;
    }
    let mut docker = OwnEngine::start();
    let argument = format!("docker={}", docker.docker.host().unwrap_or_default());
    measure("Docker", &argument, &mut docker, OwnEngine::kill, OwnEngine::start_again, |engine, name| {
        let image = level::image();
        let _ = engine.docker.output(&["run", "--rm", "--name", name, &image, "sh", "-c", SCRIPT]);
    });
    drop(docker);
    let mut podman = Podman::start();
    let argument = podman.argument();
    measure("the service of Podman", &argument, &mut podman, Podman::kill, Podman::start_again, |engine, name| {
        engine.run(name, SCRIPT);
    });
    drop(podman);
    let mut containerd = Containerd::start();
    let argument = containerd.argument();
    measure("containerd", &argument, &mut containerd, Containerd::kill, Containerd::start_again, |engine, name| {
        let _ = engine.pod("back", "", &[]).run(name, 0, &["sh", "-c", SCRIPT]);
        thread::sleep(Duration::from_millis(3500));
    });
    drop(containerd);
    let Some(mut lxd) = Lxd::start() else { return };
    let argument = lxd.argument();
    measure("LXD", &argument, &mut lxd, Lxd::kill, Lxd::start_again, |engine, name| {
        engine.launch(name, &[]);
        let _ = engine.lxc(&["exec", name, "--", "/bin/sh", "-c", SCRIPT]);
    });
}
