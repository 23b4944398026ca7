//! Containers for tests: run, look into, and removed when the test ends, also when it fails.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio, id},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{level, wait};

/// A way to an engine: the one that `docker` reaches by itself, or one of a test's own.
#[derive(Debug, Clone, Default)]
pub struct Docker {
    host: Option<String>,
}

/// A name that no other test, and no other run of the tests, uses.
#[must_use]
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("tracer-{prefix}-{}-{}", id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Docker {
    /// The value for DOCKER_HOST; `None` for the usual engine.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// A `docker` command.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host).env_remove("DOCKER_CONTEXT").env_remove("DOCKER_TLS_VERIFY");
        }
        command.args(arguments);
        command
    }

    /// What a `docker` command prints.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("docker can be run");
        assert_success(&output, arguments);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts a container of the test image that runs `command` in the background.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn run(&self, name: &str, options: &[&str], command: &[&str]) -> Container {
        let image = level::image();
        let arguments = [&["run", "--detach", "--name", name][..], options, &[&image], command].concat();
        // By its name, so that one that does not start is removed, too.
        let mut container = Container { docker: self.clone(), id: name.to_owned(), name: name.to_owned() };
        container.id = self.output(&arguments);
        container
    }
}

/// A container that a test started. When it is dropped, the container is removed.
#[derive(Debug)]
pub struct Container {
    docker: Docker,
    /// The whole id.
    pub id: String,
    /// The name that it was started with.
    pub name: String,
}

impl Container {
    /// What tracer shows as `container.id`.
    #[must_use]
    pub fn short_id(&self) -> &str {
        &self.id[..12]
    }

    /// Runs a command inside, as `docker exec` does.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn exec(&self, command: &[&str]) -> String {
        self.docker.output(&[&["exec", self.id.as_str()], command].concat())
    }

    /// The process that the container was started for, by its id on the host.
    ///
    /// # Panics
    /// If the engine does not tell.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.docker.output(&["inspect", "--format", "{{.State.Pid}}", &self.id]).parse().expect("a process id")
    }

    /// The id of its cgroup in the v2 tree; `None` where there is no such tree.
    #[must_use]
    pub fn cgroup(&self) -> Option<u64> {
        cgroup_of(self.pid())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.docker.command(&["rm", "--force", &self.id]).output();
    }
}

/// The id of the cgroup of a process in the v2 tree.
#[must_use]
pub fn cgroup_of(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    let tree = trees.into_iter().find(|tree| tree.join("cgroup.controllers").exists())?;
    Some(fs::metadata(tree.join(path)).ok()?.ino())
}

fn assert_success(output: &Output, arguments: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {}: {errors}", arguments.join(" "));
}

/// An engine of a test's own, which it may stop and kill. It has no network, and its containers outlive it.
#[derive(Debug)]
pub struct OwnEngine {
    folder: PathBuf,
    daemon: Option<Child>,
    /// What it is started with besides what all are.
    options: Vec<String>,
    /// The process whose mounts it sees, if they are not ours.
    mounts_of: Option<u32>,
    /// The way to it.
    pub docker: Docker,
}

impl OwnEngine {
    /// Starts an engine with the test image, which the usual engine gives.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more options.
    ///
    /// # Panics
    /// As for [`OwnEngine::start`].
    #[must_use]
    pub fn start_with(options: &[String]) -> Self {
        Self::start_beside(options, None)
    }

    /// The same where that process sees its mounts.
    ///
    /// # Panics
    /// As for [`OwnEngine::start`].
    #[must_use]
    pub fn start_beside(options: &[String], mounts_of: Option<u32>) -> Self {
        let folder = PathBuf::from("/run").join(unique("engine"));
        fs::create_dir_all(&folder).expect("a folder for the engine");
        let docker = Docker { host: Some(format!("unix://{}", folder.join("docker.sock").display())) };
        let mut this = Self { folder, daemon: None, options: options.to_vec(), mounts_of, docker };
        this.start_again();
        let mut save = Docker::default()
            .command(&["save", &level::image()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("docker save: {error}"));
        let archive = save.stdout.take().expect("the image's archive");
        let loaded = this.docker.command(&["load"]).stdin(archive).output().expect("docker can be run");
        assert_success(&loaded, &["load"]);
        assert!(save.wait().is_ok_and(|status| status.success()), "docker save");
        this
    }

    /// Starts it after it was killed, and waits until it answers.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn start_again(&mut self) {
        let log = fs::File::create(self.folder.join("log")).expect("a log for the engine");
        // In a network namespace of its own: an engine without a bridge removes that of the usual one.
        let mounts_of = self.mounts_of.unwrap_or_else(std::process::id);
        let mut command = Command::new("nsenter");
        command.args([&format!("--mount=/proc/{mounts_of}/ns/mnt"), "unshare"]);
        let start = "busybox ip link set lo up; exec dockerd \"$@\"";
        command.args(["--net", "sh", "-c", start, "dockerd", "--bridge=none", "--iptables=false", "--live-restore"]);
        command.args(&self.options);
        for (option, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            command.arg(option).arg(self.folder.join(name));
        }
        command.arg("--host").arg(self.docker.host().unwrap_or_default());
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        // A killed engine and its containerd, which ends with it, leave these behind. Where nobody reaps orphans, a new
        // engine would take the dead for the living and wait for them.
        for name in ["pid", "exec/containerd/containerd.pid"] {
            let _ = fs::remove_file(self.folder.join(name));
        }
        self.daemon = Some(command.spawn().expect("dockerd can be run"));
        wait::until("an engine to answer", || {
            let answer = self.docker.command(&["version"]).output().ok()?;
            answer.status.success().then_some(())
        });
    }

    /// A program that is run in its network.
    ///
    /// # Panics
    /// If the engine was killed.
    #[must_use]
    pub fn in_its_network(&self, program: &Path) -> Command {
        let daemon = self.daemon.as_ref().expect("an engine that runs");
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", daemon.id())).arg(program);
        command
    }

    /// Runs a program that cannot see the files of the engine, as if the engine were elsewhere.
    ///
    /// # Panics
    /// If the path of the program is no UTF-8.
    #[must_use]
    pub fn without_its_files(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        let hide = "mount -t tmpfs none \"$0\" && exec \"$@\"";
        command.args(["--mount", "--propagation", "private", "sh", "-c", hide]);
        command.arg(self.folder.join("data")).arg(program);
        command
    }

    /// Kills it, without a chance to say so to anyone.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    /// Stops it in good order.
    fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = Command::new("kill").arg(daemon.id().to_string()).status();
            let _ = daemon.wait();
        }
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        if self.daemon.is_none() {
            // Its containers run on, and only an engine can end them.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.start_again()));
        }
        let all = self.docker.command(&["ps", "--all", "--quiet"]).output();
        let all = all.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        for container in all.lines() {
            let _ = self.docker.command(&["rm", "--force", container]).output();
        }
        self.stop();
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.join("data")).stderr(Stdio::null()).status();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
