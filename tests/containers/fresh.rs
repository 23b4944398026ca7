//! A container that lives for a moment has its name from its first event on.

use std::{fs, process::Stdio};

use tracer_tests::{
    docker::{Docker, unique},
    level,
    scratch::Scratch,
    session::Session,
};

#[test]
fn nearly_all_events_of_a_container_of_a_moment_have_its_name() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let cidfile = scratch.path("id").display().to_string();
    let name = unique("fresh");
    let by_id = Session::lines("%container.id %container.name", "container.id!=host");
    let by_name = Session::lines("%container.id %container.name", &format!("container.name={name}"));
    let image = level::image();
    let mut run =
        Docker::default().command(&["run", "--rm", "--name", &name, "--cidfile", &cidfile, &image, "ls", "/"]);
    assert!(run.stdout(Stdio::null()).status().expect("docker").success());
    let (by_id, by_name) = (by_id.end(), by_name.end());

    let id = fs::read_to_string(cidfile).expect("the id of the container");
    let id = format!(" {} ", &id[..12]);
    let of_it: Vec<&String> = by_id.lines.iter().filter(|line| line.contains(&id)).collect();
    let named = of_it.iter().filter(|line| line.ends_with(&format!("{id}{name}"))).count();
    let matched = by_name.lines.iter().filter(|line| line.contains(&id)).count();
    // The start of the runtime inside of the container and the command: some hundred calls.
    assert!(of_it.len() > 100, "{} events have the id", of_it.len());
    assert!(named * 100 >= of_it.len() * 99, "{named} of {} events have the name", of_it.len());
    assert!(matched * 100 >= of_it.len() * 99, "the filter matches {matched} of {} events", of_it.len());
}
