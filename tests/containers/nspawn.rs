//! Machines of a real systemd-nspawn: names, and what systemd-machined writes about them.

use std::time::Duration;

use tracer_tests::{
    command::{output, tracer},
    docker::unique,
    level,
    nspawn::Nspawn,
    scratch::Scratch,
    session::Session,
};

#[test]
fn a_machine_of_systemd_nspawn_is_a_container_with_a_name_and_a_root() {
    if !(level::root_or_skip() && level::program_or_skip("busybox") && level::program_or_skip("setpriv")) {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("nspawn.scap").display().to_string();
    let filter = "evt.type=execve and proc.name in (uname, id) and container.type=systemd-nspawn";
    let format = "%proc.name %container.type %container.id %container.name %proc.unit %container.mounts %container.label.machine.class";
    let mut command = tracer(["--buffer-size", "64M", "-w", &file]);
    let mut session = Session::lines_of(&mut command, format, filter);
    let mut expected = Vec::new();
    for (program, is_service) in [("uname", false), ("id", true)] {
        let name = unique("nspawn");
        let prepare = if is_service { Nspawn::prepare_service } else { Nspawn::prepare };
        let Some(machine) = prepare(&name) else { return };
        machine.register("container");
        machine.run(&format!("/bin/{program}"));
        let escaped = name.replace('-', "\\x2d");
        let unit =
            if is_service { format!("systemd-nspawn@{escaped}.service") } else { format!("machine-{escaped}.scope") };
        let root = machine.root().display();
        let line = format!("{program} systemd-nspawn {name} {name} {unit} {root}:/::true: container");
        let _ = session.wait_for(&[&line]);
        expected.push(line);
    }
    let _ = session.end();
    let again = output(["-r", &file, "-p", &format!("*{format}"), filter]);
    assert_eq!(again.lines, expected, "from the capture: {}", again.errors);
}

#[test]
fn a_virtual_machine_is_no_container_also_if_that_is_said_after_its_cgroup_was_made() {
    if !(level::root_or_skip() && level::program_or_skip("busybox") && level::program_or_skip("setpriv")) {
        return;
    }
    let session = Session::lines_of(
        &mut tracer(["--buffer-size", "64M"]),
        "%proc.name %container.type %container.id",
        "evt.type=execve and proc.name in (uname, id) and container.id exists and proc.unit startswith machine-",
    );
    let Some(machine) = Nspawn::prepare(&unique("vm")) else { return };
    std::thread::sleep(Duration::from_millis(50));
    machine.register("vm");
    machine.run("sleep 0.5; /bin/uname; sleep 0.2");
    let live = session.end();
    let of_it: Vec<_> = live.lines.iter().filter(|line| line.contains("uname ")).collect();
    assert!(of_it.len() == 1 && of_it[0].ends_with("uname host host"), "{:?} {}", live.lines, live.errors);
}
