//! Pods and other containers of a real containerd: what their runtime says of them, from the first event on. The pods are made as
//! kubelet makes them, through CRI.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tracer_tests::{
    cgroup::Cgroup,
    command::{Output, Running, output, tracer},
    containerd::{Containerd, IMAGE},
    docker::unique,
    engine::Engine,
    level,
    scratch::Scratch,
    session::Session,
    wait,
};

/// Everything that is known of a pod and its container.
const FIELDS: [&str; 18] = [
    "container.id",
    "container.type",
    "container.name",
    "container.image",
    "container.privileged",
    "k8s.ns.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.pod.qos",
    "k8s.pod.sandbox_id",
    "k8s.pod.label.app",
    "k8s.pod.annotation.note",
    "k8s.container.name",
    "k8s.container.restarts",
    "k8s.container.is_sandbox",
    "k8s.workload.kind",
    "k8s.workload.name",
    "k8s.rs.name",
];

fn needs() -> bool {
    level::root_or_skip() && level::program_or_skip("containerd")
}

/// A format of all fields, with `=` between name and value.
fn format() -> String {
    FIELDS.map(|name| format!("{name}=%{name}")).join(" ")
}

/// The lines of a run, without those of the test's own file.
fn lines<'a>(all: &'a [String], prefix: &str) -> Vec<&'a str> {
    all.iter().filter_map(|line| line.strip_prefix("<NA> ")).filter(|line| line.starts_with(prefix)).collect()
}

#[test]
fn a_pod_has_all_that_its_runtime_says_live_and_in_a_capture() {
    if !needs() {
        return;
    }
    let containerd = Containerd::start();
    let scratch = Scratch::new();
    let file = scratch.path("pod.scap").display().to_string();
    let filter = "evt.type=execve and proc.name in (uname, id, sleep) and container.id!=host";
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &containerd.argument(), "-w", &file]);
    let session = Session::lines_of(&mut command, &format!("%proc.name {}", format()), filter);
    let pod = containerd.pod("web-7d4b9c-x2x4z", "burstable", &[("pod-template-hash", "7d4b9c")]);
    let id = pod.run("nginx", 2, &["sh", "-c", "/bin/uname; exec /bin/sleep 1000"]);
    containerd.cri.exec(&id, &["id"]);
    let live = session.end();
    let expected = |id: &str, sandbox: bool, privileged: &str| {
        let name = if sandbox { "POD" } else { "nginx" };
        let image = if sandbox { "<NA>" } else { IMAGE };
        let (short, restarts) = if sandbox { ("<NA>", "<NA>") } else { ("nginx", "2") };
        let values = [
            &id[..12],
            "containerd",
            name,
            image,
            privileged,
            "prod",
            &pod.config.name,
            &pod.config.uid,
            "Burstable",
            &pod.sandbox[..12],
            &pod.config.name,
            "for people",
            short,
            restarts,
            if sandbox { "true" } else { "false" },
            "Deployment",
            "web",
            "web-7d4b9c",
        ];
        FIELDS.iter().zip(values).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    for (program, id, sandbox) in [("uname", &id, false), ("id", &id, false), ("sleep", &pod.sandbox, true)] {
        let found = lines(&live.lines, &format!("{program} container.id={}", &id[..12]));
        // What its status alone says may come a moment later.
        let all = ["false", "<NA>"].map(|privileged| format!("{program} {}", expected(id, sandbox, privileged)));
        assert!(
            found.len() == 1 && all.iter().any(|one| one == found[0]),
            "{program}: {found:?}, not {all:?}: {}",
            live.errors
        );
    }
    let again = output(["-r", &file, "-p", &format!("*%proc.name {}", format()), filter]);
    let of_id: Vec<_> = again.lines.iter().filter(|line| line.starts_with("id ")).collect();
    assert_eq!(of_id, [&format!("id {}", expected(&id, false, "false"))], "from the capture: {}", again.errors);
    // In tables of a capture and in JSON, too.
    let table = output(["-r", &file, "-pk", "-c", "topscalls", "k8s.workload.name=web and k8s.ns.name=prod"]);
    assert!(table.lines.len() > 2, "{:?}", table.lines);
    let json = output([
        "-r",
        &file,
        "-j",
        "-p",
        "%k8s.pod.name %k8s.container.restarts %k8s.container.is_sandbox",
        "proc.name=id",
    ]);
    let row: Value = serde_json::from_str(&json.lines[0]).expect("JSON");
    assert_eq!((&row["k8s.pod.name"], &row["k8s.container.restarts"]), (&"web-7d4b9c-x2x4z".into(), &2.into()));
    assert_eq!(row["k8s.container.is_sandbox"], false);
}

#[test]
fn pods_are_listed_and_are_rows_of_tables() {
    if !needs() {
        return;
    }
    let containerd = Containerd::start();
    let argument = containerd.argument();
    let pod = containerd.pod("db-0", "", &[("statefulset.kubernetes.io/pod-name", "db-0")]);
    let script = "while true; do dd if=/dev/zero of=/tmp/x bs=512 count=20 status=none; cat /nothing; sleep 0.2; done";
    // Two containers of a pod are one row.
    let containers = ["one", "two"].map(|name| pod.run(name, 0, &["sh", "-c", script]));
    let list = output(["--engine-socket", &argument, "-c", "lspods", "-j"]);
    let rows: Vec<Value> = list.lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mine: Vec<&Value> = rows.iter().filter(|row| row["pod"] == "db-0").collect();
    assert_eq!(mine.len(), 1, "{:?} {}", list.lines, list.errors);
    let found = ["namespace", "workload_kind", "workload", "qos", "sandbox_id"].map(|key| mine[0][key].as_str());
    let expected = ["prod", "StatefulSet", "db", "Guaranteed", &pod.sandbox[..12]];
    assert_eq!(found, expected.map(Some));
    let text = output(["--engine-socket", &argument, "-c", "lspods"]);
    assert!(
        text.lines.iter().any(|line| line.starts_with("prod ") && line.contains(" StatefulSet/db ")),
        "{:?}",
        text.lines
    );
    let list = output(["--engine-socket", &argument, "-c", "lscontainers", "wide"]);
    for id in &containers {
        let line = list.lines.iter().find(|line| line.contains(&id[..12])).expect("a line of the container");
        assert!(line.starts_with("containerd") && line.contains(" db-0 "), "{line}");
    }
    for chisel in ["toppods_file", "toppods_error", "toppods_cpu"] {
        let session = Session::table_of(&mut tracer(["--engine-socket", &argument, "-c", chisel]));
        thread::sleep(Duration::from_millis(2500));
        let table = session.end();
        let rows = table.lines.iter().filter(|line| line.contains("db-0"));
        let rows: Vec<_> = rows.filter(|line| line.split_whitespace().rev().take(2).eq(["db-0", "prod"])).collect();
        assert!(!rows.is_empty(), "{chisel}: {:?} {}", table.lines, table.errors);
    }
}

#[test]
fn containers_of_50_ms_are_named_in_their_events() {
    if !needs() {
        return;
    }
    let containerd = Containerd::start();
    let pod = containerd.pod("batch-0", "besteffort", &[("statefulset.kubernetes.io/pod-name", "batch-0")]);
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &containerd.argument()]);
    let format = "%container.id %container.name %k8s.pod.name %k8s.workload.name";
    let session = Session::lines_of(&mut command, format, "container.id!=host and evt.failed=false");
    let script = "for i in 1 2 3 4 5 6 7 8 9; do true; done; sleep 0.05";
    let (mut of_ctr, mut of_pod) = (Vec::new(), Vec::new());
    for attempt in 0..5 {
        let name = unique("short");
        let _ = containerd.ctr("default", &["run", "--rm", IMAGE, &name, "sh", "-c", script]);
        of_ctr.push(name);
        of_pod.push(pod.run("short", attempt, &["sh", "-c", script]));
        thread::sleep(Duration::from_millis(200));
    }
    let live = session.end();
    for name in &of_ctr {
        let all = lines(&live.lines, &format!("{} ", &name[..12]));
        let named = all.iter().filter(|line| line.contains(&format!(" {name} "))).count();
        // Others of this run may begin alike.
        let others = of_ctr.iter().filter(|other| *other != name && other[..12] == name[..12]).count();
        assert!(named > 50, "{name}: {named} of {}", all.len());
        assert!(others > 0 || named * 100 >= all.len() * 99, "{name}: {named} of {}", all.len());
    }
    let unnamed = live.lines.iter().filter(|line| line.starts_with("<NA> ") && line.split(' ').nth(2) == Some("<NA>"));
    let (unnamed, all) = (unnamed.count(), live.lines.len());
    assert!(unnamed * 100 <= all, "{unnamed} of {all} events have no name: {}", live.errors);
    for id in &of_pod {
        let all = lines(&live.lines, &id[..12]);
        let expected = format!("{} short batch-0 batch", &id[..12]);
        let named = all.iter().filter(|line| **line == expected).count();
        assert!(named > 50 && named * 100 >= all.len() * 99, "{named} of {}: {:?}", all.len(), all.first());
    }
}

#[test]
fn an_id_in_two_namespaces_is_two_containers() {
    if !needs() {
        return;
    }
    let containerd = Containerd::start();
    let filter = "evt.type=execve and proc.name=id and container.type=containerd";
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &containerd.argument()]);
    let session = Session::lines_of(&mut command, "%container.name %container.image %container.label.tier", filter);
    for (namespace, tier) in [("k8s.io", "kube"), ("default", "own")] {
        let label = format!("tier={tier}");
        let _ = containerd
            .ctr(namespace, &["run", "--rm", "--label", &label, IMAGE, "same", "sh", "-c", "sleep 0.3; /bin/id"]);
    }
    let live = session.end();
    assert_eq!(lines(&live.lines, "same").len(), 2, "{:?} {}", live.lines, live.errors);
    assert!(lines(&live.lines, "same").contains(&format!("same {IMAGE} own").as_str()), "{:?}", live.lines);
}

#[test]
fn a_containerd_that_is_killed_and_returns_names_the_next_pod() {
    if !needs() {
        return;
    }
    let mut containerd = Containerd::start();
    let filter = "evt.type=execve and proc.name in (id, uname) and container.id!=host";
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &containerd.argument()]);
    let mut session =
        Session::lines_of(&mut command, "%proc.name %k8s.pod.name %container.name %k8s.pod.annotation.note", filter);
    let pod = containerd.pod("first", "", &[]);
    let first = pod.run("one", 0, &["sleep", "1000"]);
    let sandbox = pod.sandbox.clone();
    containerd.cri.exec(&first, &["id"]);
    let _ = session.wait_for(&["id first one for people"]);
    containerd.kill_and_start_again();
    let pod = containerd.pod("second", "", &[]);
    let second = pod.run("two", 0, &["sleep", "1000"]);
    containerd.cri.exec(&second, &["uname"]);
    // Name and pod are in its bundle; what only the engine knows may come a moment later, and then is there for what follows.
    let _ = session.wait_for(&["uname second two"]);
    wait::until("the engine to have told the rest", || {
        containerd.cri.exec(&second, &["uname"]);
        session.wait_for(&["uname second two"]).contains("for people").then_some(())
    });
    let live = session.end();
    let named = |line: &&str| line.starts_with("uname second two");
    assert!(lines(&live.lines, "uname").iter().all(named), "{:?} {}", live.lines, live.errors);
    containerd.cri.remove_pod(&sandbox);
}

#[test]
fn a_runtime_that_hangs_or_lies_delays_nobody() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let hanging = Engine::start(
        &scratch.path("hangs.sock"),
        0,
        Box::new(|connection, _| {
            connection.wait();
            Ok(())
        }),
    );
    let lying = Engine::start(
        &scratch.path("lies.sock"),
        0,
        Box::new(|connection, _| {
            while connection.is_wanted() {
                connection.send(vec![0xff; 1 << 16])?;
            }
            Ok(())
        }),
    );
    let of = |engine: &Engine| format!("containerd={}", engine.socket.display());
    let run = |more: &[&str]| {
        // The kernel keeps all other events out.
        let filter = ["-p", "%container.name", "proc.name=true and evt.type=execve"];
        let running = Running::start(&mut tracer([more, &filter].concat()));
        running.attached();
        let load = "i=0; while [ $i -lt 3000 ]; do /bin/true; i=$((i+1)); done";
        let start = Instant::now();
        assert!(Command::new("sh").args(["-c", load]).stdout(Stdio::null()).status().expect("a shell").success());
        let taken = start.elapsed();
        running.interrupt();
        let ended = running.end();
        assert!(ended.errors.contains(", 0 lost") && ended.lines.len() >= 3000, "{}", ended.errors);
        (taken, ended)
    };
    let (alone, _) = run(&[]);
    let (beside, ended) = run(&["--engine-socket", &of(&hanging), "--engine-socket", &of(&lying)]);
    for engine in [&hanging, &lying] {
        let note = format!("container engine at '{}' does not answer", engine.socket.display());
        assert!(ended.errors.contains(&note), "{note}: {}", ended.errors);
    }
    println!("3,000 processes {alone:?}, beside engines that hang and lie {beside:?}");
    assert!(beside.as_secs_f64() <= alone.as_secs_f64() * 1.5 + 0.5, "{alone:?} and {beside:?}");
}

#[test]
fn doctor_says_what_each_engine_can_and_what_it_knows() {
    if !needs() {
        return;
    }
    let containerd = Containerd::start();
    let pod = containerd.pod("web", "", &[]);
    let _ = pod.run("nginx", 0, &["sleep", "1000"]);
    let doctor = output(["--doctor", "--engine-socket", &containerd.argument()]);
    let line = doctor.lines.iter().find(|line| line.contains("container engine: containerd 1.")).expect("a line");
    assert!(line.starts_with("ok ") && line.contains("API CRI v1") && line.ends_with(", 2 containers"), "{line}");
}

#[test]
fn doctor_says_of_each_container_without_a_name_why() {
    if !needs() {
        return;
    }
    let containerd = Containerd::start();
    let pod = containerd.pod("web", "", &[]);
    let known = pod.run("nginx", 0, &["sleep", "1000"]);
    // Nobody made this one.
    let unknown = format!("{:012x}{}", std::process::id(), "5a".repeat(26));
    let _cgroup = Cgroup::make(&format!("/kubepods/burstable/podgone/{unknown}"));
    let about = |doctor: &Output, id: &str| {
        let at = doctor.lines.iter().position(|line| line.contains(&id[..12]));
        at.map(|at| (doctor.lines[at].clone(), doctor.lines[at + 1].clone()))
    };
    let doctor = output(["--doctor", "--engine-socket", &containerd.argument()]);
    let (line, hint) = about(&doctor, &unknown).unwrap_or_else(|| panic!("{:?}", doctor.lines));
    let start = format!("warn container {} (cri) has no name: containerd 1.", &unknown[..12]);
    let socket = containerd.socket().display().to_string();
    assert!(line.starts_with(&start) && line.ends_with(&format!(" at {socket} does not know it")), "{line}");
    assert!(hint.starts_with("     hint: its cgroup may be left over"), "{hint}");
    assert_eq!(about(&doctor, &known), None, "it has a name");
    let doctor = output(["--doctor", "--engine-socket", "containerd=/nonexistent/a.sock"]);
    let (line, _) = about(&doctor, &unknown).unwrap_or_else(|| panic!("{:?}", doctor.lines));
    assert!(line.ends_with("none of the engines that were asked for (/nonexistent/a.sock) is there"), "{line}");
}

#[test]
fn container_events_say_which_pod() {
    if !needs() {
        return;
    }
    let containerd = Containerd::start();
    let pod = containerd.pod("web-0", "", &[]);
    let arguments = ["--buffer-size", "64M", "--engine-socket", &containerd.argument(), "-c", "container_events"];
    let running = Running::start(&mut tracer(arguments));
    running.attached();
    let id = pod.run("nginx", 0, &["sh", "-c", "/bin/sleep 0.3; exit 3"]);
    containerd.cri.exec(&id, &["uname"]);
    thread::sleep(Duration::from_millis(900));
    running.interrupt();
    let ended = running.end();
    let mine: Vec<&str> =
        ended.lines.iter().filter_map(|line| Some(line.split_once(" prod/web-0/nginx ")?.1)).collect();
    for expected in ["start sh -c", "exec uname", "die sh exit code 3"] {
        assert!(mine.iter().any(|line| line.starts_with(expected)), "{expected}: {:?} {}", ended.lines, ended.errors);
    }
}
