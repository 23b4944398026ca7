//! Ten thousand cgroups of containers, and cgroups that are deep: what they cost at the start, and that each is found.

use std::{
    fs,
    time::{Duration, Instant},
};

use tracer_tests::{
    cgroup::Cgroup,
    command::{output, tracer},
    docker::unique,
    level,
    session::Session,
};

const COUNT: usize = 10_000;
/// How much longer the start may take with them, also where the machine does other things.
const MOST: Duration = Duration::from_secs(4);
/// How much more memory it may take, KiB.
const MOST_KIB: u64 = 48 << 10;

/// How long it takes until a tracer shows something, and the most memory that it had then, KiB.
fn start() -> (Duration, u64) {
    let start = Instant::now();
    let session = Session::lines_of(&mut tracer(["--buffer-size", "64M"]), "%container.name", "evt.type=bpf");
    let taken = start.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", session.pid())).expect("it runs");
    let _ = session.end();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    (taken, line.trim().trim_end_matches(" kB").parse().expect("a number"))
}

#[test]
fn ten_thousand_containers_hardly_delay_the_start_and_all_are_listed() {
    if !level::root_or_skip() {
        return;
    }
    let (alone, alone_kib) = start();
    let all = Cgroup::make(&format!("/{}", unique("many")));
    let id = |number: usize| format!("{:08x}{number:056x}", std::process::id());
    for number in 0..COUNT {
        fs::create_dir(all.folder.join(format!("docker-{}.scope", id(number)))).expect("a cgroup");
    }
    let (many, many_kib) = start();
    println!("{alone:?} and {alone_kib} KiB without, {many:?} and {many_kib} KiB with {COUNT} containers");
    assert!(many < alone + MOST, "{alone:?} without, {many:?} with {COUNT} containers");
    assert!(many_kib < alone_kib + MOST_KIB, "{alone_kib} KiB without, {many_kib} KiB with {COUNT} containers");
    // All begin alike: the first twelve digits are the same for many of them.
    let list = output(["-c", "lscontainers"]);
    let short = &id(0)[..12];
    let listed = list.lines.iter().filter(|line| line.starts_with("docker ") && line.ends_with(short)).count();
    assert_eq!(listed, COUNT, "{}", list.errors);
}

#[test]
fn a_container_far_down_in_the_tree_is_found() {
    if !level::root_or_skip() {
        return;
    }
    let top = unique("deep");
    let path = format!("/{top}.slice{}", "/level".repeat(40));
    let cgroup = Cgroup::make(&path);
    let id = format!("{:08x}{:056x}", std::process::id(), 7);
    let session = Session::lines_of(
        &mut tracer(["--buffer-size", "64M"]),
        "%container.id %proc.slice",
        "evt.type=execve and proc.name=uname",
    );
    assert!(cgroup.run(0, &(cgroup.enter_below(&format!("docker-{id}.scope")) + "exec uname")).status.success());
    let live = session.end();
    let lines: Vec<&str> = live.lines.iter().filter_map(|line| line.strip_prefix("<NA> ")).collect();
    assert_eq!(lines, [format!("{} {top}.slice", &id[..12])], "{}", live.errors);
}
