//! The toolbox image as people run it: from inside of a container it shows the host, exactly as the binary outside does.

use std::process::Command;

use tracer_tests::{
    command::{Output, Running},
    docker::{Container, Docker, unique},
    level,
    session::{Session, sum},
    wait,
};

/// What a machine needs whose own root may not give away all capabilities: `--privileged` asks for every one.
const WITHOUT_PRIVILEGED: &[&str] = &[
    "--cap-add=SYS_ADMIN",
    "--cap-add=SYS_PTRACE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
];

/// `--privileged`, or what comes nearest where the engine cannot give it.
fn privileges(docker: &Docker) -> &'static [&'static str] {
    let tried = docker.command(&["run", "--rm", "--privileged", &level::image(), "true"]).output().expect("docker");
    let errors = String::from_utf8_lossy(&tried.stderr);
    if tried.status.success() {
        return &["--privileged"];
    }
    assert!(errors.contains("unable to apply caps"), "{errors}");
    println!("the engine cannot give --privileged here; instead: {}", WITHOUT_PRIVILEGED.join(" "));
    WITHOUT_PRIVILEGED
}

/// The socket of the engine that the tests use.
fn socket() -> String {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock").to_owned()
}

/// The command of the documentation, with a name so that it can be ended.
pub(super) fn toolbox(docker: &Docker, name: &str, arguments: &[&str]) -> Command {
    let socket = format!("{}:/host/var/run/docker.sock", socket());
    let image = level::toolbox_image();
    let mut command = docker.command(&["run", "--rm", "--name", name]);
    command.args(privileges(docker)).args(["--pid=host", "-v", "/:/host:ro", "-v", &socket, &image]).args(arguments);
    command
}

/// What a toolbox left behind when a test failed.
pub(super) struct Remove(pub(super) String);

impl Drop for Remove {
    fn drop(&mut self) {
        let _ = Docker::default().command(&["rm", "--force", &self.0]).output();
    }
}

fn end_both(outside: Session, inside: Session) -> [Output; 2] {
    // The signal goes to the client, which passes it on.
    [outside.end(), inside.end()]
}

fn exec(container: &Container, script: &str) {
    let _ = container.exec(&["sh", "-c", script]);
}

#[test]
fn its_tables_equal_those_of_the_binary_outside() {
    if !level::engine_or_skip() {
        return;
    }
    const BLOCK: u64 = 512;
    const BLOCKS: u64 = 700;
    let docker = Docker::default();
    let web = docker.run(&unique("w"), &[], &["sleep", "1000"]);
    exec(&web, &format!("busybox dd if=/dev/zero of=/tmp/input bs={BLOCK} count={BLOCKS} status=none"));
    let (files, net) = (unique("files"), unique("net"));
    let _remove = [Remove(files.clone()), Remove(net.clone())];
    let file_table = ["-pc", "-c", "topcontainers_file", "fd.name in (/tmp/input, /tmp/output)"];
    let net_table = ["-pc", "-c", "topcontainers_net"];
    let sessions = [(&file_table[..], &files), (&net_table[..], &net)].map(|(arguments, name)| {
        (Session::table(arguments), Session::table_of(&mut toolbox(&docker, name, arguments)))
    });

    exec(&web, &format!("dd if=/tmp/input of=/tmp/output bs={BLOCK} count={BLOCKS} status=none"));
    let send = format!("dd if=/dev/zero bs={BLOCK} count={BLOCKS} status=none | busybox nc 127.0.0.1 5000");
    exec(&web, &format!("(sleep 1000 | busybox nc -l -p 5000) >/dev/null 2>&1 & until {send}; do sleep 0.1; done"));
    let [files, net] = sessions.map(|(outside, inside)| end_both(outside, inside));
    for output in files {
        let shown = sum(&output, &[&web.name]);
        assert!(shown.is(2 * BLOCK * BLOCKS), "files: {shown:?}\n{:#?}", output.lines);
    }
    for output in net {
        let shown = sum(&output, &[&web.name]);
        assert!(shown.is(2 * BLOCK * BLOCKS), "network: {shown:?}\n{:#?}", output.lines);
    }
}

#[test]
fn without_the_numbers_of_the_host_it_shows_the_host_and_says_what_it_cannot_know() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let container = docker.run(&unique("other"), &[], &["sleep", "1000"]);
    // A process that runs already; in the toolbox, the tracer itself has a low number, too.
    let mut shell = Command::new("sh").args(["-c", "while :; do umask >/dev/null; sleep 0.05; done"]).spawn().unwrap();
    let format = "*%proc.pid %proc.name %proc.args %container.id %evt.type";
    let arguments = ["-M", "3", "-p", format, "evt.type=umask or (proc.name=tracer and evt.type=epoll_pwait2)"];
    let (plain, mounted): (&[&str], &[&str]) = (&[], &["-v", "/proc:/host/proc:ro"]);
    let [blind, seeing] = [plain, mounted].map(|options| {
        let name = unique("blind");
        let _remove = Remove(name.clone());
        let mut command = docker.command(&["run", "--rm", "--name", &name]);
        command.args(privileges(&docker)).args(options).arg(level::toolbox_image()).args(arguments);
        let running = Running::start(&mut command);
        exec(&container, "umask");
        let inside = wait::until("the tracer in its container", || {
            let id = docker.command(&["inspect", "--format", "{{.State.Pid}}", &name]).output().ok()?.stdout;
            String::from_utf8_lossy(&id).trim().parse().ok().filter(|pid: &u32| *pid != 0)
        });
        (running.end(), inside)
    });
    let _ = (shell.kill(), shell.wait());
    let of = |output: &Output, pid: u32| -> Vec<String> {
        output.lines.iter().filter(|line| line.starts_with(&format!("{pid} "))).cloned().collect()
    };
    for ((output, own), args) in [(blind, "<NA>"), (seeing, "-c while")] {
        let shown = of(&output, shell.id());
        let right = format!("{} sh {args}", shell.id());
        assert!(!shown.is_empty() && shown.iter().all(|line| line.starts_with(&right)), "{right}: {output:?}");
        assert!(of(&output, own).is_empty(), "it traces itself: {output:?}");
        assert_eq!(
            output.errors.contains("note: /proc belongs to a different pid namespace"),
            args == "<NA>",
            "{output:?}"
        );
        assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
    }
}

#[test]
fn it_knows_the_users_of_the_host() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let name = unique("users");
    let _remove = Remove(name.clone());
    let running = Running::start(&mut toolbox(&docker, &name, &["-pc", "-c", "spy_users"]));
    let shown = wait::until("a command of the host to be shown", || {
        let _ = Command::new("sh").args(["-c", "env tracer-command=1 true; :"]).status();
        running.lines().find(|line| line.ends_with(") env tracer-command=1 true"))
    });
    running.interrupt();
    let output = running.end();
    assert!(shown.ends_with(" root) env tracer-command=1 true"), "{shown}");
    assert!(output.errors.contains(" 0 lost"), "{}", output.errors);
}
