//! The same cases with every runtime that can run here: a filter that the kernel decides, lines, `-pk`, JSON, a table, a capture and its
//! replay, and tracer in a container with the host at `/host`.

use std::{thread, time::Duration};

use serde_json::Value;
use tracer_tests::{
    cgroup::Cgroup,
    command::{Output, Running, output, tracer},
    containerd::{self, Containerd, NEWER},
    cri::PodConfig,
    crio::{Crio, Events, Known},
    docker::{Docker, unique},
    level,
    lxd::{self, Lxd},
    nspawn::Nspawn,
    podman::{self, Podman},
    scratch::Scratch,
    session::Session,
};

use super::{lxc::Lxc, toolbox};

/// Each runtime, and what plays it.
const RUNTIMES: [(&str, fn()); 11] = [
    ("docker", docker),
    ("podman", || of_podman(Podman::start())),
    ("podman, rootless", || of_podman(Podman::rootless(USER))),
    ("containerd, CRI", || of_cri(Some(Containerd::start()))),
    ("containerd, ctr", ctr),
    (NEWER[0].0, || of_cri(Containerd::start_newer(NEWER[0].0))),
    (NEWER[1].0, || of_cri(Containerd::start_newer(NEWER[1].0))),
    ("cri-o, replayed", crio),
    ("lxc", lxc),
    ("lxd", lxd),
    ("systemd-nspawn", nspawn),
];
/// A user of whom nothing else is there.
const USER: u32 = 61_024;
/// What each container does: it waits until all see it, writes and starts a program.
const WRITES: u64 = 700;
const SCRIPT: &str =
    "sleep 1.5; dd if=/bin/sh of=/dev/null bs=64 count=700 status=none; /bin/uname >/dev/null; sleep 1.5";
const FORMAT: &str = "%proc.name %container.type %container.name %container.image %k8s.ns.name %k8s.pod.name";
const FIELDS: [&str; 3] = ["container.type", "container.name", "k8s.pod.name"];

/// A container that is to come, and what is known of it.
struct Case {
    runtime: &'static str,
    name: String,
    image: Option<&'static str>,
    /// Its namespace and its pod.
    pod: Option<(String, String)>,
    /// What `--engine-socket` takes; none for the usual engine, and for runtimes without one.
    engine: Option<String>,
}

#[test]
fn every_runtime_is_the_same_in_filters_lines_tables_captures_and_containers() {
    let programs = ["podman", "setpriv", "containerd", "runc", "lxc-start", "busybox"];
    if !level::engine_or_skip() || !programs.into_iter().all(level::program_or_skip) {
        return;
    }
    for (name, play) in RUNTIMES {
        // Shown if it fails.
        println!("{name}");
        play();
    }
}

/// The first numbers of the rows of that container, in all tables together.
fn counted(output: &Output, name: &str) -> u64 {
    let tables = output.lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let rows = tables.flat_map(|table| table["data"].as_array().cloned().unwrap_or_default());
    let of_it = rows.filter(|row| row.as_array().is_some_and(|cells| cells.iter().any(|cell| cell == name)));
    of_it.filter_map(|row| row.as_array()?.iter().find_map(Value::as_f64)).sum::<f64>() as u64
}

impl Case {
    /// The line that is expected of `uname`.
    fn line(&self) -> String {
        let (namespace, pod) = self.pod.as_ref().map_or(("<NA>", "<NA>"), |(a, b)| (a.as_str(), b.as_str()));
        let (runtime, name, image) = (self.runtime, &self.name, self.image.unwrap_or("<NA>"));
        format!("uname {runtime} {name} {image} {namespace} {pod}")
    }

    fn is_row(&self, line: &str) -> bool {
        let Ok(row) = serde_json::from_str::<Value>(line) else { return false };
        let pod = self.pod.as_ref().map_or(Value::Null, |(_, pod)| pod.as_str().into());
        let expected = [self.runtime.into(), self.name.as_str().into(), pod];
        FIELDS.iter().zip(expected).all(|(field, value)| row[field] == value)
    }

    /// Whether a line of `-pk` says where it comes from.
    fn is_of_kubernetes(&self, line: &str) -> bool {
        let pod = self.pod.as_ref().is_none_or(|(namespace, pod)| line.contains(namespace) && line.contains(pod));
        pod && line.contains(&self.name) && line.contains("uname")
    }

    /// Everything that tracer shows of the container that `run` runs.
    fn check(&self, run: impl FnOnce(&str)) {
        let scratch = Scratch::new();
        let file = scratch.path("every.scap").display().to_string();
        let engine: Vec<&str> = self.engine.iter().flat_map(|engine| ["--engine-socket", engine]).collect();
        let with = |more: &[&str]| tracer([&engine[..], &["--buffer-size", "16M"], more].concat());
        let of_it = format!("container.name={}", self.name);
        let start = format!("{of_it} and evt.type=execve and proc.name=uname");
        let writes = format!("{of_it} and evt.type=write");
        let json = format!("*{}", FIELDS.map(|field| format!("%{field}")).join(" "));
        let table = ["-j", "-c", "topcontainers_syscalls", &writes];

        let lines = Session::lines_of(&mut with(&["-w", &file]), FORMAT, &of_it);
        let [rows, pods] = [&["-j", "-p", &json, &start][..], &["-pk", &start]].map(|words| {
            let running = Running::start(&mut with(words));
            running.attached();
            running
        });
        let name = unique("inside");
        let _remove = toolbox::Remove(name.clone());
        let inside: Vec<&str> = engine.iter().copied().chain(table).collect();
        let tables = [with(&table), toolbox::toolbox(&Docker::default(), &name, &inside)].map(|mut command| {
            let running = Running::start(&mut command);
            // It watches when it prints the first table.
            assert!(running.line().is_some(), "no table: {}", running.end().errors);
            running
        });
        run(SCRIPT);
        thread::sleep(Duration::from_millis(300));

        let lines = lines.end();
        let own: Vec<_> = lines.lines.iter().filter(|line| line.contains(" uname ")).collect();
        assert!(own.iter().any(|line| line.ends_with(&self.line())), "{}: {own:?} {}", self.line(), lines.errors);
        let end = |running: Running| {
            running.interrupt();
            running.end()
        };
        let (rows, pods) = (end(rows), end(pods));
        assert!(rows.lines.len() == 1 && self.is_row(&rows.lines[0]), "JSON: {:?} {}", rows.lines, rows.errors);
        assert!(pods.lines.len() == 1 && self.is_of_kubernetes(&pods.lines[0]), "-pk: {:?}", pods.lines);
        for (table, what) in tables.into_iter().zip(["outside", "in a container"]) {
            let table = end(table);
            let count = counted(&table, &self.name);
            assert!(count >= WRITES, "a table {what}: {count}, {:#?} {}", table.lines, table.errors);
        }

        let again = |words: &[&str]| output([&["-r", &file], words].concat());
        let replayed = again(&["-p", &format!("*{FORMAT}"), &start]);
        assert_eq!(replayed.lines, [self.line()], "from the capture: {}", replayed.errors);
        let (rows, pods) = (again(&["-j", "-p", &json, &start]), again(&["-pk", &start]));
        assert!(rows.lines.len() == 1 && self.is_row(&rows.lines[0]), "JSON, from the capture: {:?}", rows.lines);
        assert!(pods.lines.len() == 1 && self.is_of_kubernetes(&pods.lines[0]), "-pk, from it: {:?}", pods.lines);
        let table = again(&table);
        assert!(counted(&table, &self.name) >= WRITES, "a table of the capture: {:#?}", table.lines);
    }
}

fn docker() {
    let image: &'static str = level::image().leak();
    let case = Case { runtime: "docker", name: unique("every"), image: Some(image), pod: None, engine: None };
    case.check(|script| {
        let _ = Docker::default().output(&["run", "--rm", "--name", &case.name, image, "sh", "-c", script]);
    });
}

fn of_podman(podman: Podman) {
    let engine = Some(podman.argument());
    let case = Case { runtime: "podman", name: unique("every"), image: Some(podman::IMAGE), pod: None, engine };
    case.check(|script| podman.run(&case.name, script));
}

/// A container of a pod; nothing if that containerd is not there, which was said.
fn of_cri(containerd: Option<Containerd>) {
    let Some(containerd) = containerd else { return };
    let (name, pod) = (unique("every"), unique("pod"));
    let case = Case {
        runtime: "containerd",
        name: name.clone(),
        image: Some(containerd::IMAGE),
        pod: Some(("prod".to_owned(), pod.clone())),
        engine: Some(containerd.argument()),
    };
    case.check(|script| {
        let pod = containerd.pod(&pod, "burstable", &[]);
        let _ = pod.run(&name, 0, &["sh", "-c", script]);
        thread::sleep(Duration::from_millis(3500));
    });
}

fn ctr() {
    let containerd = Containerd::start();
    let (name, image, engine) = (unique("every"), Some(containerd::IMAGE), Some(containerd.argument()));
    let case = Case { runtime: "containerd", name, image, pod: None, engine };
    case.check(|script| {
        let _ = containerd.ctr("default", &["run", "--rm", containerd::IMAGE, &case.name, "sh", "-c", script]);
    });
}

/// Its answers are replayed, because it cannot be installed here; the cgroup and what runs in it are real.
fn crio() {
    const IMAGE: &str = "quay.io/shop/web:2";
    let scratch = Scratch::new();
    let uid = unique("uid");
    let pod = PodConfig {
        name: unique("pod"),
        namespace: "prod".to_owned(),
        cgroup: format!("/kubepods/burstable/pod{uid}"),
        uid,
        ..PodConfig::default()
    };
    let folder = Cgroup::make(&pod.cgroup);
    let (sandbox, id) = (super::crio::id(), super::crio::id());
    let crio = Crio::start(&scratch.path("crio.sock"), Events::Told);
    crio.add_sandbox(&pod, &sandbox);
    let name = unique("every");
    crio.add(&Known { pod: &pod, sandbox: &sandbox, id: &id, name: &name, restarts: 0, image: IMAGE });
    let pod = Some((pod.namespace.clone(), pod.name));
    let case = Case { runtime: "cri-o", name, image: Some(IMAGE), pod, engine: Some(crio.argument()) };
    case.check(|script| run_in(&folder, &format!("crio-{id}.scope"), script));
}

fn lxc() {
    let lxc = Lxc::start();
    let case = Case { runtime: "lxc", name: lxc.name.clone(), image: None, pod: None, engine: None };
    case.check(|script| {
        let ran = lxc.run("lxc-attach", &["--", "/bin/sh", "-c", script]);
        assert!(ran.status.success(), "{ran:?}");
    });
}

/// Nothing if it is not there, which was said.
fn lxd() {
    let Some(lxd) = Lxd::start() else { return };
    let (name, engine) = (unique("every"), Some(lxd.argument()));
    lxd.launch(&name, &[]);
    let case = Case { runtime: "lxc", name, image: Some(lxd::IMAGE), pod: None, engine };
    case.check(|script| {
        let _ = lxd.lxc(&["exec", &case.name, "--", "/bin/sh", "-c", script]);
    });
}

/// Nothing if it is not there, which was said.
fn nspawn() {
    let Some(machine) = Nspawn::prepare(&unique("every")) else { return };
    let case = Case { runtime: "systemd-nspawn", name: machine.name.clone(), image: None, pod: None, engine: None };
    case.check(|script| machine.run(script));
}

/// Runs a script in a cgroup below.
fn run_in(folder: &Cgroup, below: &str, script: &str) {
    let ran = folder.run(0, &(folder.enter_below(below) + script));
    assert!(ran.status.success(), "{ran:?}");
}
