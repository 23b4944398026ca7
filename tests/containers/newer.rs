//! Newer containerds than that of this machine, from other releases of Debian: their own events, and the events of their CRI, which
//! older ones do not tell.

use tracer_tests::{
    command::{output, tracer},
    containerd::{Containerd, IMAGE, NEWER},
    docker::unique,
    level,
    relay::Relay,
    scratch::Scratch,
    session::Session,
    wait,
};

/// Each of them that is there, with what its version begins with.
fn each(test: impl Fn(Containerd, &str)) {
    if !(level::root_or_skip() && level::program_or_skip("runc")) {
        return;
    }
    for (name, version) in NEWER {
        if let Some(containerd) = Containerd::start_newer(name) {
            println!("{name}");
            test(containerd, version);
        }
    }
}

#[test]
fn newer_containerds_name_pods_containers_and_commands_also_after_they_were_killed() {
    each(|mut containerd, version| {
        let doctor = output(["--doctor", "--engine-socket", &containerd.argument()]);
        let line = doctor.lines.iter().find(|line| line.contains("container engine: ")).expect("a line");
        let start = format!("ok   container engine: containerd {version}");
        assert!(line.starts_with(&start) && line.contains("API CRI v1"), "{line}");

        let filter = "evt.type=execve and proc.name in (uname, id, true) and container.id!=host";
        let format = "%proc.name %container.type %k8s.pod.name %container.name %k8s.pod.annotation.note";
        let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &containerd.argument()]);
        let mut session = Session::lines_of(&mut command, format, filter);
        let pod = containerd.pod("first", "burstable", &[]);
        let first = pod.run("one", 0, &["sh", "-c", "/bin/true; exec sleep 1000"]);
        let _ = session.wait_for(&["true containerd first one"]);
        containerd.cri.exec(&first, &["id"]);
        let _ = session.wait_for(&["id containerd first one for people"]);
        let name = unique("newer");
        let _ = containerd.ctr("default", &["run", "--rm", IMAGE, &name, "/bin/true"]);
        let _ = session.wait_for(&[&format!("true containerd <NA> {name}")]);

        let sandbox = pod.sandbox.clone();
        containerd.kill_and_start_again();
        let pod = containerd.pod("second", "", &[]);
        let second = pod.run("two", 0, &["sleep", "1000"]);
        containerd.cri.exec(&second, &["uname"]);
        let _ = session.wait_for(&["uname containerd second two"]);
        let live = session.end();
        assert!(live.lines.iter().all(|line| !line.contains("<NA> <NA>")), "{:?} {}", live.lines, live.errors);
        containerd.cri.remove_pod(&sandbox);
    });
}

/// containerd is followed by its own events, so only its CRI is passed on here, as of a runtime that nobody knows.
#[test]
fn events_of_cri_name_containers_that_no_status_describes() {
    each(|containerd, version| {
        let scratch = Scratch::new();
        let unknown = &["ContainerStatus", "PodSandboxStatus"];
        let relay = Relay::start(&scratch.path("cri.sock"), &containerd.socket(), unknown);
        let filter = "evt.type=execve and proc.name in (uname, id) and container.id!=host";
        let format = "%proc.name %container.id %k8s.pod.name %container.name %k8s.pod.annotation.note %container.image";
        let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &relay.argument()]);
        let mut session = Session::lines_of(&mut command, format, filter);
        wait::until("the events to be followed", || {
            relay.calls().iter().any(|call| call == "GetContainerEvents").then_some(())
        });
        let pod = containerd.pod("web-0", "burstable", &[]);
        let id = pod.run("nginx", 0, &["sleep", "1000"]);
        let expected = format!("{} web-0 nginx for people {IMAGE}", &id[..12]);
        wait::until("the event of the container", || {
            containerd.cri.exec(&id, &["id"]);
            session.wait_for(&["id "]).ends_with(&format!("id {expected}")).then_some(())
        });
        let live = session.end();
        assert!(!live.errors.contains("container engine"), "{version}: {}", live.errors);
        let asked = relay.calls().iter().filter(|call| *call == "GetContainerEvents").count();
        assert_eq!(asked, 1, "{version}: {:?}", relay.calls());
    });
}
