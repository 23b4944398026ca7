//! A container of LXC, which has no engine to ask: its name is in the path of its cgroup.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    thread,
    time::Duration,
};

use tracer_tests::{
    command::{output, tracer},
    docker::unique,
    level, rootfs,
    scratch::Scratch,
    session::Session,
};

/// A container, until it is dropped.
pub(super) struct Lxc {
    folder: PathBuf,
    /// What it is called.
    pub(super) name: String,
}

impl Lxc {
    /// Starts one that sleeps, with busybox and nothing else.
    pub(super) fn start() -> Self {
        let name = unique("lxc");
        let folder = PathBuf::from("/run").join(&name);
        let root = folder.join(&name).join("rootfs");
        rootfs::make(&root, &["sleep", "uname", "sh", "dd"]);
        let config = format!(
            "lxc.uts.name = {name}\nlxc.rootfs.path = dir:{}\nlxc.init.cmd = /bin/sleep 1000\nlxc.net.0.type = none\n\
             lxc.apparmor.profile = unconfined\nlxc.cap.drop =\nlxc.tty.max = 0\nlxc.autodev = 0\n",
            root.display()
        );
        fs::write(folder.join(&name).join("config"), config).expect("a configuration");
        let this = Self { folder, name };
        let started = this.run("lxc-start", &["--daemon"]);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        this
    }

    /// Runs a program of LXC on it.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> Output {
        output_of(Command::new(program).arg("-P").arg(&self.folder).args(["-n", &self.name]).args(arguments))
    }
}

impl Drop for Lxc {
    fn drop(&mut self) {
        let _ = self.run("lxc-stop", &["--kill"]);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn output_of(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

#[test]
fn a_container_of_lxc_has_its_name_live_and_in_a_capture() {
    if !(level::root_or_skip() && level::program_or_skip("lxc-start") && level::program_or_skip("busybox")) {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("lxc.scap").display().to_string();
    let filter = "evt.type=execve and proc.name in (uname, sleep) and container.type!=docker";
    let format = "%proc.name %container.type %container.id %container.name %container.claimed";
    let mut command = tracer(["--buffer-size", "64M", "-w", &file]);
    let mut session = Session::lines_of(&mut command, format, filter);
    let lxc = Lxc::start();
    let name = &lxc.name;
    let first = session.wait_for(&["sleep lxc"]);
    assert!(first.ends_with(&format!("sleep lxc {name} {name} false")), "{first}");
    let ran = lxc.run("lxc-attach", &["--", "/bin/uname"]);
    assert!(ran.status.success(), "{ran:?}");
    let second = session.wait_for(&["uname lxc"]);
    assert!(second.ends_with(&format!("uname lxc {name} {name} false")), "{second}");
    let _ = session.end();
    let again = output(["-r", &file, "-p", &format!("*{format}"), &format!("container.id={name} and {filter}")]);
    let expected = ["sleep", "uname"].map(|program| format!("{program} lxc {name} {name} false"));
    assert_eq!(again.lines, expected, "{}", again.errors);

    let list = output(["-c", "lscontainers"]);
    // As much of it as the column has room for.
    let shown = &name[..name.len().min(19)];
    assert!(list.lines.iter().any(|line| line.starts_with("lxc ") && line.contains(shown)), "{:?}", list.lines);
    // Its memory is in its cgroup as of any other.
    let session = Session::table_of(&mut tracer(["-c", "topcontainers_mem"]));
    thread::sleep(Duration::from_millis(1500));
    let table = session.end();
    assert!(table.lines.iter().any(|line| line.ends_with(name) && line.contains("KB")), "{:?}", table.lines);
    // The monitor is outside: it is a process of the host.
    let monitor = output(["-r", &file, "-c", "ps", "proc.name=lxc-start and container.id!=host"]);
    assert_eq!(monitor.lines.iter().filter(|line| line.contains("lxc-start")).count(), 0, "{:?}", monitor.lines);
}
