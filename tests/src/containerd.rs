//! A containerd of a test's own: with its plugin for Kubernetes, an image, and all of its state in one folder.

use std::{
    cell::RefCell,
    env,
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use crate::{
    cgroup::Cgroup,
    cri::{Cri, PodConfig},
    docker::unique,
    peer, wait,
};

/// The image of pods and containers: busybox under the names that tests call.
pub const IMAGE: &str = "docker.io/library/tracer-test-pod:1";
/// The namespace of Kubernetes, and that of `ctr` unless it is told another.
const NAMESPACES: [&str; 2] = ["k8s.io", "default"];

/// Newer ones than this machine's own, which `cargo xtask setup --test` unpacks: their folders among the peers, and how their
/// versions begin.
pub const NEWER: [(&str, &str); 2] = [("containerd-trixie", "1.7."), ("containerd-sid", "2.")];
/// What is taken of those. runc is this machine's own, because theirs needs a newer C library.
const PROGRAMS: [&str; 3] = ["containerd", "ctr", "containerd-shim-runc-v2"];

/// A containerd. It ends with its containers when it is dropped.
#[derive(Debug)]
pub struct Containerd {
    folder: PathBuf,
    daemon: Option<Child>,
    /// The way to its pods.
    pub cri: Cri,
    sandboxes: RefCell<Vec<String>>,
    cgroups: RefCell<Vec<Cgroup>>,
}

impl Containerd {
    /// Starts it, and gives it the image.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_from(None)
    }

    /// Like [`Containerd::start`], but one of [`NEWER`]; `None` if that is not there.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_newer(name: &str) -> Option<Self> {
        let unpacked = peer::unpacked(name, name)?;
        Some(Self::start_from(Some(&unpacked.join("root/usr/bin"))))
    }

    fn start_from(programs: Option<&Path>) -> Self {
        let folder = PathBuf::from("/run").join(unique("containerd"));
        fs::create_dir_all(folder.join("bin")).expect("a folder for containerd");
        for (programs, name) in programs.into_iter().flat_map(|programs| PROGRAMS.map(|name| (programs, name))) {
            symlink(programs.join(name), folder.join("bin").join(name)).expect("a link to a program");
        }
        let at = folder.display();
        let config = format!(
            "version = 2\nroot = \"{at}/root\"\nstate = \"{at}/state\"\n\
             [grpc]\naddress = \"{at}/state/containerd.sock\"\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{at}/opt\"\n\
             [plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"{IMAGE}\"\nrestrict_oom_score_adj = true\n\
             stream_server_address = \"127.0.0.1\"\nstream_server_port = \"0\"\n"
        );
        fs::write(folder.join("config.toml"), config).expect("a configuration");
        let socket = folder.join("state/containerd.sock");
        let mut this = Self {
            folder,
            daemon: None,
            cri: Cri::new(&socket),
            sandboxes: RefCell::default(),
            cgroups: RefCell::default(),
        };
        this.start_again();
        let archive = this.folder.join("image.tar");
        make_image(&this.folder.join("image"), &archive);
        for namespace in NAMESPACES {
            let _ = this.ctr(namespace, &["images", "import", &archive.display().to_string()]);
        }
        this
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("state/containerd.sock")
    }

    /// What `--engine-socket` takes.
    #[must_use]
    pub fn argument(&self) -> String {
        format!("containerd={}", self.socket().display())
    }

    /// Starts it after it was killed, and waits until it answers.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn start_again(&mut self) {
        let log = File::create(self.folder.join("log")).expect("a log");
        let mut command = self.program("containerd");
        command.arg("--config").arg(self.folder.join("config.toml"));
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        self.daemon = Some(command.spawn().expect("containerd can be run"));
        let cri = self.cri.clone();
        wait::until("containerd to answer", || cri.call("Version", &[]).ok());
    }

    /// Kills it, and starts it again a moment later.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn kill_and_start_again(&mut self) {
        self.kill();
        thread::sleep(Duration::from_millis(300));
        self.start_again();
    }

    /// A program of its own, if it has one, else of this machine.
    fn program(&self, name: &str) -> Command {
        let own = self.folder.join("bin");
        let program = own.join(name);
        let mut command = Command::new(if program.exists() { program.as_path() } else { Path::new(name) });
        let others = env::var_os("PATH").unwrap_or_default();
        let paths = [own].into_iter().chain(env::split_paths(&others));
        command.env("PATH", env::join_paths(paths).expect("paths without a colon"));
        command
    }

    /// Kills it, without a chance to say so to anyone. Its containers run on.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    /// A command of `ctr` in a namespace.
    #[must_use]
    pub fn ctr_command(&self, namespace: &str, arguments: &[&str]) -> Command {
        let mut command = self.program("ctr");
        command.arg("--address").arg(self.socket()).args(["--namespace", namespace]).args(arguments);
        command
    }

    /// What such a command prints.
    ///
    /// # Panics
    /// If it fails.
    pub fn ctr(&self, namespace: &str, arguments: &[&str]) -> String {
        let output = self.ctr_command(namespace, arguments).output().expect("ctr can be run");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ctr {}: {errors}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A pod of that class of service, whose sandbox runs. It is removed at the end.
    #[must_use]
    pub fn pod(&self, name: &str, class: &str, labels: &[(&str, &str)]) -> Pod<'_> {
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let uid = unique("uid");
        let cgroup = ["/kubepods", class, &format!("pod{uid}")].join(if class.is_empty() { "" } else { "/" });
        let cgroup = cgroup.replace("/kubepodspod", "/kubepods/pod");
        let mut config = PodConfig {
            name: name.to_owned(),
            namespace: "prod".to_owned(),
            uid,
            cgroup,
            labels: owned(labels),
            annotations: owned(&[("kubernetes.io/config.source", "api"), ("note", "for people")]),
            logs: Some(self.folder.join("logs").join(name)),
        };
        config.labels.push(("app".to_owned(), name.to_owned()));
        self.cgroups.borrow_mut().push(Cgroup::make(&config.cgroup));
        let sandbox = self.cri.run_pod(&config);
        self.sandboxes.borrow_mut().push(sandbox.clone());
        Pod { containerd: self, config, sandbox }
    }
}

/// A pod.
#[derive(Debug)]
pub struct Pod<'a> {
    containerd: &'a Containerd,
    /// What kubelet would say of it.
    pub config: PodConfig,
    /// The id of its sandbox.
    pub sandbox: String,
}

impl Pod<'_> {
    /// Runs a command in a container of that name, which is started for the `attempt`th time, and returns its id.
    #[must_use]
    pub fn run(&self, name: &str, attempt: u32, command: &[&str]) -> String {
        let cri = &self.containerd.cri;
        let id = cri.create((&self.config, &self.sandbox), name, attempt, IMAGE, command);
        cri.start(&id);
        id
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        for sandbox in self.sandboxes.take() {
            self.cri.remove_pod(&sandbox);
        }
        for namespace in NAMESPACES {
            let of = |arguments: &[&str]| -> Option<Output> { self.ctr_command(namespace, arguments).output().ok() };
            let Some(tasks) = of(&["tasks", "ls", "-q"]) else { continue };
            for task in String::from_utf8_lossy(&tasks.stdout).lines() {
                let _ = of(&["tasks", "rm", "--force", task]);
                let _ = of(&["containers", "rm", task]);
            }
        }
        self.kill();
        unmount_below(&self.folder);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What is still mounted in a folder.
fn unmount_below(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let at = mounts.lines().rev().filter_map(|line| line.split(' ').nth(1));
    for at in at.filter(|at| Path::new(at).starts_with(folder)) {
        let _ = Command::new("umount").args(["--lazy", at]).output();
    }
}

/// Packs an image with busybox, in the form that engines save.
fn make_image(folder: &Path, archive: &Path) {
    let script = format!(
        r#"set -e; mkdir -p {0}/root/bin {0}/root/proc {0}/root/sys {0}/root/dev {0}/root/etc {0}/root/tmp; cd {0}
        cp "$(command -v busybox)" root/bin/busybox
        for name in sh sleep id uname true ls cat dd seq; do ln -sf busybox root/bin/$name; done
        tar -C root --owner=0 --group=0 -cf layer.tar .
        sum=$(sha256sum layer.tar | cut -d' ' -f1)
        echo '{{"architecture":"{2}","os":"linux","config":{{"Cmd":["/bin/sleep","1000000"]}},"rootfs":{{"type":"layers","diff_ids":["sha256:'$sum'"]}}}}' > config.json
        echo '[{{"Config":"config.json","RepoTags":["tracer-test-pod:1"],"Layers":["layer.tar"]}}]' > manifest.json
        tar -cf {1} manifest.json config.json layer.tar"#,
        folder.display(),
        archive.display(),
        if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" },
    );
    let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
