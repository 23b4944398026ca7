//! A podman of a test's own, of root or of a user: its store, its image and its service are in one folder.

use std::{
    fs,
    os::unix::fs::chown,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::{
    cgroup::{Cgroup, tree},
    docker::unique,
    wait,
};

/// Its image: busybox under the names that tests call.
pub const IMAGE: &str = "localhost/tracer-test-podman:1";
/// Its own limits are above what some machines allow, and the network needs programs of its own.
const RUN: [&str; 6] =
    ["run", "--pids-limit=0", "--rm", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];

/// What makes a session of a user as systemd gives it one, because podman cannot use cgroups of both versions without root: its own
/// cgroup, and the v2 tree in the usual place. `$1` is the user, `$2` the cgroup.
const SESSION: &str = r#"set -e; user=$1 cgroup=$2; shift 2
    umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; echo $$ >"/sys/fs/cgroup$cgroup/cgroup.procs"
    exec setpriv --reuid="$user" --regid="$user" --clear-groups "$@""#;

/// A podman. It ends with its containers when it is dropped.
#[derive(Debug)]
pub struct Podman {
    folder: PathBuf,
    service: Option<Child>,
    /// Whose it is, if not root's, and the folder and the session in the cgroup tree.
    user: Option<(u32, [Cgroup; 2])>,
}

impl Podman {
    /// Makes the image and starts the service.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_as(None)
    }

    /// Like [`Podman::start`], for a user.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn rootless(uid: u32) -> Self {
        Self::start_as(Some(uid))
    }

    fn start_as(uid: Option<u32>) -> Self {
        // That of a user is where the sockets of users are looked for.
        let own = uid.map(|uid| PathBuf::from("/run/user").join(uid.to_string()));
        let folder = own.unwrap_or_else(|| PathBuf::from("/run").join(unique("podman")));
        fs::create_dir_all(folder.join("podman")).expect("a folder for podman");
        let user = uid.map(|uid| {
            for folder in [&folder, &folder.join("podman")] {
                chown(folder, Some(uid), Some(uid)).expect("an owner");
            }
            let place = Self::place(uid);
            (uid, [place.clone(), place + "/app"].map(|place| Cgroup::make(&place).delegate(uid)))
        });
        let mut this = Self { folder, service: None, user };
        let script = format!(
            r#"set -e; mkdir -p {0}/image; cd {0}/image; mkdir bin proc sys dev etc tmp; cp "$(command -v busybox)" bin/busybox
            for name in sh sleep id uname true dd; do ln -s busybox bin/$name; done
            tar --owner=0 --group=0 -cf ../image.tar ."#,
            this.folder.display()
        );
        let packed = Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
        this.run_to_end(&["import", &this.folder.join("image.tar").display().to_string(), IMAGE]);
        this.start_again();
        this
    }

    /// The folder that systemd gives to a user.
    fn place(uid: u32) -> String {
        format!("/user.slice/user-{uid}.slice/user@{uid}.service")
    }

    /// Starts the service after it was killed, and waits until it answers.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn start_again(&mut self) {
        let socket = self.socket();
        let _ = fs::remove_file(&socket);
        let mut service = self.command(&["system", "service", "--time=0", &format!("unix://{}", socket.display())]);
        service.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.service = Some(service.spawn().expect("podman can be run"));
        wait::until("podman to answer", || std::os::unix::net::UnixStream::connect(&socket).ok());
    }

    /// Kills the service, without a chance to say so to anyone. Containers run on.
    pub fn kill(&mut self) {
        if let Some(mut service) = self.service.take() {
            let _ = service.kill();
            let _ = service.wait();
        }
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("podman/podman.sock")
    }

    /// What `--engine-socket` takes.
    #[must_use]
    pub fn argument(&self) -> String {
        format!("podman={}", self.socket().display())
    }

    /// A command of `podman`.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.user {
            None => Command::new("podman"),
            Some((uid, _)) => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "--propagation", "private", "sh", "-c", SESSION, "sh"]);
                command.arg(uid.to_string()).arg(Self::place(*uid) + "/app");
                // One user is all that there is in its containers: files of others are taken for theirs.
                command.args(["podman", "--storage-opt=vfs.ignore_chown_errors=true"]);
                command.env("HOME", &self.folder).env("XDG_RUNTIME_DIR", &self.folder).current_dir(&self.folder);
                command
            }
        };
        command.arg("--root").arg(self.folder.join("store")).arg("--runroot").arg(self.folder.join("run"));
        // In the form that works in every file system, with events that need no journal. The usual runtime refuses machines on
        // which cgroups of both versions are mounted.
        command.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file", "--runtime=runc"]);
        command.args(arguments);
        command
    }

    /// Runs a program that cannot see the files of its store, as if the engine were elsewhere.
    #[must_use]
    pub fn without_its_files(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new("unshare");
        let hide = "mount -t tmpfs none \"$0\" && exec \"$@\"";
        command.args(["--mount", "--propagation", "private", "sh", "-c", hide]);
        command.arg(self.folder.join("store")).arg(program);
        command
    }

    fn run_to_end(&self, arguments: &[&str]) {
        let output = self.command(arguments).output().expect("podman can be run");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a shell's script in a container of that name, to its end.
    ///
    /// # Panics
    /// If it fails.
    pub fn run(&self, name: &str, script: &str) {
        self.run_to_end(&[&RUN[..], &["--name", name, IMAGE, "sh", "-c", script]].concat());
    }

    /// Starts a container of that name that sleeps.
    ///
    /// # Panics
    /// If it does not start.
    pub fn sleep(&self, name: &str) {
        self.run_to_end(&[&RUN[..], &["--detach", "--name", name, IMAGE, "sleep", "1000"]].concat());
    }

    /// Starts a container of that name, with more options, that runs a shell's script.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_script(&self, name: &str, options: &[&str], script: &str) {
        let what = [IMAGE, "sh", "-c", script];
        self.run_to_end(&[&RUN[..], options, &["--detach", "--name", name], &what].concat());
    }

    /// Runs a command in a container.
    ///
    /// # Panics
    /// If it fails.
    pub fn exec(&self, name: &str, command: &[&str]) {
        self.run_to_end(&[&["exec", name], command].concat());
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.command(&["rm", "--all", "--force", "--time=0"]).output();
        self.kill();
        if let Some((uid, _)) = &self.user {
            // Also the process that keeps the namespaces of a user.
            let _ = fs::write(format!("{}{}/cgroup.kill", tree().display(), Self::place(*uid)), "1");
        }
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.join("store/vfs")).stderr(Stdio::null()).status();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
