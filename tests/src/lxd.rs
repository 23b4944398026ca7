//! An LXD of a test's own, with an image and all of its state in one folder. `cargo xtask setup --test` unpacks it.

use std::{
    env,
    fs::{self, File},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use crate::{docker::unique, peer, rootfs, wait};

/// The image of its containers, as tracer shows it.
pub const IMAGE: &str = "busybox/1";
/// Its name in LXD.
const ALIAS: &str = "tracer-test";
/// What the kernel of a machine without AppArmor needs, and root in a container that is root outside.
const CONFIG: [&str; 4] = ["-c", "security.privileged=true", "-c", "raw.lxc=lxc.apparmor.profile=unconfined"];

/// An LXD. It ends with its containers when it is dropped.
#[derive(Debug)]
pub struct Lxd {
    folder: PathBuf,
    daemon: Option<Child>,
}

impl Lxd {
    /// Starts it, and gives it the image; `None` if it is not there.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let unpacked = peer::unpacked("lxd", "LXD")?.join("root");
        let folder = PathBuf::from("/run").join(unique("lxd"));
        // What this machine has itself is taken from it: it fits its C library.
        let own = |from: &[&str], to: &str, others: &[PathBuf]| {
            let to = folder.join(to);
            fs::create_dir_all(&to).expect("a folder for LXD");
            for file in from.iter().filter_map(|from| fs::read_dir(unpacked.join(from)).ok()).flatten().flatten() {
                let is_elsewhere = others.iter().any(|other| other.join(file.file_name()).exists());
                if !is_elsewhere && !to.join(file.file_name()).exists() {
                    symlink(file.path(), to.join(file.file_name())).expect("a link");
                }
            }
        };
        let programs: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
        own(&["usr/bin", "usr/sbin", "bin", "sbin"], "bin", &programs);
        let libraries = ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu"].map(PathBuf::from);
        own(&["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"], "lib", &libraries);
        let mut this = Self { folder, daemon: None };
        this.start_again();
        this.give_image();
        Some(this)
    }

    fn give_image(&self) {
        let image = self.folder.join("image");
        let root = image.join("rootfs");
        rootfs::make(&root, &["sh", "sleep", "uname", "id", "true", "dd"]);
        fs::write(root.join("sbin/init"), "#!/bin/sh\nexec /bin/sleep 1000000\n").expect("an init");
        fs::set_permissions(root.join("sbin/init"), fs::Permissions::from_mode(0o755)).expect("rights");
        let about = "architecture: x86_64\ncreation_date: 1700000000\nproperties:\n  os: busybox\n  release: \"1\"\n";
        fs::write(image.join("metadata.yaml"), about).expect("what it says of itself");
        let archive = self.folder.join("image.tar.gz").display().to_string();
        let mut pack = Command::new("tar");
        pack.arg("-C").arg(&image).args(["-czf", &archive, "metadata.yaml", "rootfs"]);
        assert!(pack.status().expect("tar").success());
        let _ = self.lxc(&["storage", "create", "default", "dir"]);
        let _ = self.lxc(&["profile", "device", "add", "default", "root", "disk", "path=/", "pool=default"]);
        let _ = self.lxc(&["image", "import", &archive, "--alias", ALIAS]);
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.state().join("unix.socket")
    }

    /// What `--engine-socket` takes.
    #[must_use]
    pub fn argument(&self) -> String {
        format!("lxd={}", self.socket().display())
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn command(&self, program: &str) -> Command {
        let own = self.folder.join("bin");
        let mut command = Command::new(own.join(program));
        let paths = env::var_os("PATH").unwrap_or_default();
        let paths = [own].into_iter().chain(env::split_paths(&paths));
        command.env("PATH", env::join_paths(paths).expect("paths without a colon"));
        command.env("LD_LIBRARY_PATH", self.folder.join("lib")).env("LXD_DIR", self.state());
        command.env("HOME", &self.folder).stdin(Stdio::null());
        command
    }

    /// What a command of its client prints.
    ///
    /// # Panics
    /// If it fails.
    pub fn lxc(&self, arguments: &[&str]) -> String {
        let output = self.try_lxc(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "lxc {}: {errors}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn try_lxc(&self, arguments: &[&str]) -> Output {
        self.command("lxc").args(arguments).output().expect("lxc can be run")
    }

    /// Makes a container and starts it, with more options.
    pub fn launch(&self, name: &str, options: &[&str]) {
        let _ = self.lxc(&[&["launch", ALIAS, name], &CONFIG[..], options].concat());
    }

    /// Starts it after it was killed, and waits until it answers.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn start_again(&mut self) {
        fs::create_dir_all(self.state()).expect("a folder for its state");
        let log = File::create(self.folder.join("log")).expect("a log");
        let mut command = self.command("lxd");
        command.args(["--group", "root"]).stdout(log.try_clone().expect("a log")).stderr(log);
        self.daemon = Some(command.spawn().expect("LXD can be run"));
        wait::until("LXD to answer", || self.try_lxc(&["list"]).status.success().then_some(()));
    }

    /// Kills it, without a chance to say so to anyone. Its containers run on.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

impl Drop for Lxd {
    fn drop(&mut self) {
        if self.daemon.is_some() {
            let projects = self.try_lxc(&["project", "list", "--format", "csv"]).stdout;
            for project in String::from_utf8_lossy(&projects).lines().filter_map(|line| line.split([',', ' ']).next()) {
                let _ = self.try_lxc(&["stop", "--all", "--force", "--project", project]);
            }
        }
        self.kill();
        for mounted in ["shmounts", "devlxd"] {
            let _ = Command::new("umount").arg("-l").arg(self.state().join(mounted)).output();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
