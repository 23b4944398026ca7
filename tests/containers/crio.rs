//! CRI-O, which cannot be installed where tests run: its answers are replayed in their recorded shapes by a server that speaks the
//! same gRPC. The cgroups, the processes in them and tracer are real.

use std::{thread, time::Duration};

use tracer_tests::{
    cgroup::Cgroup,
    command::{output, tracer},
    cri::PodConfig,
    crio::{CREATED, Crio, Events, Known, STARTED, STOPPED},
    docker::unique,
    level,
    scratch::Scratch,
    session::Session,
    wait,
};

const IMAGE: &str = "quay.io/shop/web:2";

/// An id that no other container has.
pub(super) fn id() -> String {
    let number: u64 = unique("id").bytes().fold(7, |hash, byte| hash.wrapping_mul(1_099_511_628_211) ^ u64::from(byte));
    format!("{number:016x}{}", "0f".repeat(24))
}

/// A pod of a Deployment, with its folder in the cgroup tree.
fn pod() -> (PodConfig, Cgroup) {
    let uid = unique("uid");
    let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let pod = PodConfig {
        name: "web-7d4b9c-x2x4z".to_owned(),
        namespace: "prod".to_owned(),
        cgroup: format!("/kubepods/burstable/pod{uid}"),
        uid,
        labels: owned(&[("app", "web"), ("pod-template-hash", "7d4b9c")]),
        annotations: owned(&[("note", "for people")]),
        logs: None,
    };
    let cgroup = Cgroup::make(&pod.cgroup);
    (pod, cgroup)
}

const FORMAT: &str = "%container.type %container.id %container.name %container.image %container.privileged %k8s.ns.name \
    %k8s.pod.name %k8s.pod.label.app %k8s.pod.annotation.note %k8s.pod.ip %k8s.container.restarts %k8s.workload.name";

fn expected(container: &Known<'_>, privileged: &str) -> String {
    format!(
        "cri-o {} {} {IMAGE} {privileged} prod web-7d4b9c-x2x4z web for people 10.85.0.7 {} web",
        &container.id[..12],
        container.name,
        container.restarts
    )
}

#[test]
fn all_that_cri_o_says_of_a_pod_is_shown_also_from_a_capture() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("crio.scap").display().to_string();
    let (pod, folder) = pod();
    let (sandbox, id) = (id(), id());
    let container = Known { pod: &pod, sandbox: &sandbox, id: &id, name: "nginx", restarts: 3, image: IMAGE };
    let crio = Crio::start(&scratch.path("crio.sock"), Events::Told);
    crio.add_sandbox(&pod, &sandbox);
    crio.add(&container);
    let filter = "evt.type=execve and proc.name=uname";
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &crio.argument(), "-w", &file]);
    let session = Session::lines_of(&mut command, FORMAT, filter);
    let ran = folder.run(0, &(folder.enter_below(&format!("crio-{id}")) + "exec uname"));
    assert!(ran.status.success(), "{ran:?}");
    let live = session.end();
    let lines: Vec<&str> = live.lines.iter().filter_map(|line| line.strip_prefix("<NA> ")).collect();
    // Its address and whether it is privileged only its status says, which is asked for.
    assert_eq!(lines, [expected(&container, "true")], "{} {:?}", live.errors, crio.calls());
    let again = output(["-r", &file, "-p", &format!("*{FORMAT}"), filter]);
    assert_eq!(again.lines, lines, "from the capture: {}", again.errors);
}

#[test]
fn events_of_cri_o_name_a_container_that_nothing_else_does() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (pod, folder) = pod();
    let (sandbox, id) = (id(), id());
    let container = Known { pod: &pod, sandbox: &sandbox, id: &id, name: "nginx", restarts: 0, image: IMAGE };
    let crio = Crio::start(&scratch.path("crio.sock"), Events::Told);
    let filter = "evt.type=execve and proc.name in (uname, id)";
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &crio.argument()]);
    let mut session = Session::lines_of(&mut command, &format!("%proc.name {FORMAT}"), filter);
    wait::until("the events to be followed", || {
        crio.calls().iter().any(|call| call == "GetContainerEvents").then_some(())
    });
    // Neither a list nor a status knows it: it is the event that does.
    crio.tell(&container, CREATED);
    crio.tell(&container, STARTED);
    thread::sleep(Duration::from_millis(100));
    let script = folder.enter_below(&format!("crio-{id}.scope"));
    assert!(folder.run(0, &format!("{script} uname; sleep 0.3; exec id")).status.success());
    let first = session.wait_for(&["uname cri-o"]);
    assert!(first.ends_with(&expected(&container, "<NA>")), "{first}");
    // A container that ends is forgotten by the engine, and keeps its name here.
    crio.tell(&container, STOPPED);
    let live = session.end();
    let last = live.lines.iter().find(|line| line.contains(" id cri-o ")).expect("a line");
    assert!(last.ends_with(&expected(&container, "<NA>")), "{last}");
    assert!(!live.errors.contains("container engine"), "{}", live.errors);
}

#[test]
fn a_cri_o_without_events_is_asked_instead_however_it_says_so() {
    if !level::root_or_skip() {
        return;
    }
    for events in [Events::Unimplemented, Events::Refused, Events::Ended] {
        let scratch = Scratch::new();
        let (pod, folder) = pod();
        let (sandbox, id) = (id(), id());
        let container = Known { pod: &pod, sandbox: &sandbox, id: &id, name: "nginx", restarts: 0, image: IMAGE };
        let crio = Crio::start(&scratch.path("crio.sock"), events);
        crio.add_sandbox(&pod, &sandbox);
        let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &crio.argument()]);
        let mut session = Session::lines_of(&mut command, FORMAT, "evt.type=execve and proc.name=uname");
        crio.add(&container);
        let script = folder.enter_below(&format!("crio-{id}"));
        assert!(folder.run(0, &format!("{script} exec uname")).status.success());
        let _ = session.wait_for(&["cri-o"]);
        let live = session.end();
        let lines: Vec<&str> = live.lines.iter().filter_map(|line| line.strip_prefix("<NA> ")).collect();
        assert_eq!(lines, [expected(&container, "true")], "{events:?}: {} {:?}", live.errors, crio.calls());
        assert!(!live.errors.contains("container engine"), "{events:?}: {}", live.errors);
        // It is asked once, and not again and again.
        let asked = crio.calls().iter().filter(|call| *call == "GetContainerEvents").count();
        assert_eq!(asked, 1, "{events:?}");
    }
}
