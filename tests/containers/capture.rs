//! A capture that is written live, beside what is printed: read again, it says the same.

use tracer_tests::{
    command::{Output, Running, output, tracer},
    docker::{Docker, unique},
    level, peer,
    scratch::Scratch,
    session::{Session, sum},
};

/// What depends on all that is known: the event, its thread and ancestors, its descriptor, its container.
const FORMAT: &str = "%evt.type %evt.args|%proc.name %proc.pid %thread.tid %proc.cmdline %proc.cwd %proc.exepath|\
    %proc.aname[1] %proc.apid[2]|%fd.type %fd.name|%container.id %container.name %container.image|%user.name|%evt.latency";

/// What is done while both watch: a container of a moment, and a command in another one.
fn work(docker: &Docker, fresh: &str) {
    let container = docker.run(&unique("stays"), &[], &["sleep", "1000"]);
    let image = level::image();
    assert!(docker.output(&["run", "--rm", "--name", fresh, &image, "ls", "/etc"]).contains("passwd"));
    assert!(
        container.exec(&["sh", "-c", "cat /etc/passwd | grep root; cd /tmp && echo x > x && rm x"]).contains("root")
    );
}

/// The lines that a capture gives for the same format.
fn replay(capture: &str, arguments: &[&str]) -> Output {
    let output = output(["-r", capture].into_iter().chain(arguments.iter().copied()));
    assert!(output.status.success(), "{}", output.errors);
    output
}

/// The lines without those of the beacon, which begin with its path, and without switches, which lines of a live run leave out.
fn own_lines(output: &Output) -> Vec<&str> {
    let lines = output.lines.iter().map(String::as_str);
    let is_beacon = |line: &&str| line.split(' ').next().is_some_and(|word| word.ends_with("/beacon"));
    lines.filter(|line| !is_beacon(line) && !line.contains(" switch ")).collect()
}

fn same(live: &[&str], again: &[&str], what: &str) {
    let differing = live.iter().zip(again).find(|(one, other)| one != other);
    assert!(
        differing.is_none() && live.len() == again.len(),
        "{what}: {} lines live, {} from the capture; the first that differ: {differing:#?}",
        live.len(),
        again.len()
    );
}

#[test]
fn a_capture_says_what_was_printed_beside_it_and_by_another_tracer() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("live.scap").display().to_string();
    let fresh = unique("moment");
    let filter = "container.id!=host";
    let other = Session::lines(FORMAT, filter);
    let session = Session::lines_of(&mut tracer(["-w", &file]), FORMAT, filter);
    work(&Docker::default(), &fresh);
    let (live, other) = (session.end(), other.end());
    let format = format!("*%fd.name {FORMAT}");
    let again = replay(&file, &["-p", &format, filter]);
    let (mut live, mut again, mut other) = (own_lines(&live), own_lines(&again), own_lines(&other));
    assert!(live.iter().filter(|line| line.contains(&format!(" {fresh} "))).count() > 100, "{live:#?}");
    // Lines of a container that is not known yet are printed when it is: in the file all are in the order of time.
    for lines in [&mut live, &mut again, &mut other] {
        lines.sort_unstable();
    }
    same(&live, &again, "the same tracer");
    // What the other one knows of threads that were there before depends on the moment when it looked.
    let other = other.iter().copied().map(without_arguments).collect::<Vec<_>>();
    let mut again = again.into_iter().map(without_arguments).collect::<Vec<_>>();
    let mut other = other;
    again.sort_unstable();
    other.sort_unstable();
    let missing: Vec<_> = again.iter().filter(|line| other.binary_search(line).is_err()).take(3).collect();
    assert!(
        missing.is_empty() && other.len() == again.len(),
        "{} and {} lines: {missing:#?}",
        other.len(),
        again.len()
    );
}

/// The name of the descriptor, the call, and what stands behind its arguments but for the latency.
fn without_arguments(line: &str) -> String {
    let mut parts = line.split('|');
    let call: Vec<&str> = parts.next().unwrap_or_default().split(' ').take(2).collect();
    let rest: Vec<&str> = parts.collect();
    format!("{} {}", call.join(" "), rest[rest.len().saturating_sub(5)..rest.len().saturating_sub(1)].join("|"))
}

#[test]
fn a_filter_by_the_name_of_a_container_captures_it_from_its_first_event() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("named.scap").display().to_string();
    let fresh = unique("named");
    let filter = format!("container.name={fresh}");
    let session = Session::lines_of(&mut tracer(["-w", &file]), FORMAT, &filter);
    work(&Docker::default(), &fresh);
    let live = session.end();
    let again = replay(&file, &["-p", &format!("*%fd.name {FORMAT}"), &filter]);
    let (live, again) = (own_lines(&live), own_lines(&again));
    assert!(live.len() > 100, "{} lines", live.len());
    same(&live, &again, "a container by its name");
}

#[test]
fn tables_are_the_same_live_and_from_the_capture() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("tables.scap").display().to_string();
    let fresh = unique("table");
    // Few enough rows for the shortest table.
    let words = [
        "-pc",
        "-c",
        "topcontainers_file",
        "-c",
        "topscalls",
        "container.id!=host and evt.type in (read, openat, execve)",
    ];
    let running = Running::start(&mut tracer(["-w", &file].into_iter().chain(words)));
    // The first tables are there when it watches.
    let mut seen = Vec::new();
    while seen.iter().filter(|line: &&String| line.is_empty()).count() < 2 {
        seen.push(running.line().expect("a table"));
    }
    work(&Docker::default(), &fresh);
    running.interrupt();
    let mut live = running.end();
    assert!(live.status.success(), "{}", live.errors);
    live.lines.splice(0..0, seen);
    let again = replay(&file, &words);
    let (one, other) = (sum(&live, &[&fresh]), sum(&again, &[&fresh]));
    assert!(one.agrees(other) && !one.is(0), "{one:?} {other:?}");
    for call in ["read", "openat", "execve"] {
        let (one, other) = (sum(&live, &[&fresh, call]), sum(&again, &[&fresh, call]));
        assert!(one.agrees(other) && !one.is(0), "{call}: {one:?} {other:?}\n{:#?}\n{:#?}", live.lines, again.lines);
    }
}

#[test]
fn released_readers_name_the_containers_of_a_capture() {
    if !level::engine_or_skip() {
        return;
    }
    let Some(old) = peer::peer(peer::Tool::Old) else { return };
    let scratch = Scratch::new();
    let file = scratch.path("peers.scap");
    let name = file.display().to_string();
    let fresh = unique("peers");
    let session = Session::lines_of(&mut tracer(["-w", &name]), "%container.name", "container.id!=host");
    work(&Docker::default(), &fresh);
    let live = session.end();
    let said = old.read(&file, &["-p", "*%container.name %container.image", &format!("container.name={fresh}")]);
    assert_eq!(said.fault(), None);
    let count = own_lines(&live).iter().filter(|line| line.ends_with(&fresh)).count();
    // It does not show calls that it does not know.
    let found = said.output.lines.len();
    assert!(found * 10 >= count * 6, "{found} of {count} events");
    assert!(said.output.lines.iter().all(|line| line.contains(&level::image())), "{:?}", said.output.lines.first());
}
