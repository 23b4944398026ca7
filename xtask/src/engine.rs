//! A Docker engine for container tests and the image: the one that answers, else one of our own.
//!
//! Our own has all its state under one folder in `/run`, no network but the usual bridge, and ends with this task:
//! its containers are removed, the daemon is stopped, and the folder goes, also when a test failed. A task that was
//! killed leaves the folder behind; the next one removes it.

use std::{
    env, fs,
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio, id},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{find_program, output, say, shown, target_dir},
    sys,
};

/// The image that container tests run: busybox and nothing else.
pub(crate) const TEST_IMAGE: &str = "tracer-test";

const PREFIX: &str = "tracer-xtask-";
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// An engine that answers.
pub(crate) struct Engine {
    daemon: Option<Daemon>,
}

/// An engine of our own.
struct Daemon {
    child: Child,
    folder: PathBuf,
}

impl Engine {
    /// The engine that `docker` reaches by itself, else a new one.
    pub(crate) fn start() -> Result<Self> {
        let engine = Self { daemon: None };
        if engine.answers() {
            return Ok(engine);
        }
        if let Some(host) = env::var_os("DOCKER_HOST") {
            say(format!("no engine answers at DOCKER_HOST={}", host.display()));
        }
        if !sys::is_root() {
            bail!("no Docker engine answers\nhint: start one, or run this task as root");
        }
        remove_leftovers();
        let engine = Self { daemon: Some(Daemon::start()?) };
        engine.wait_until_up()?;
        Ok(engine)
    }

    /// Where the engine is, for `DOCKER_HOST`; none if it is where clients look by themselves.
    pub(crate) fn host(&self) -> Option<String> {
        self.daemon.as_ref().map(|daemon| format!("unix://{}", daemon.folder.join("docker.sock").display()))
    }

    /// A `docker` command for this engine.
    pub(crate) fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        if let Some(host) = self.host() {
            command.env("DOCKER_HOST", host).env_remove("DOCKER_CONTEXT").env_remove("DOCKER_TLS_VERIFY");
        }
        command.args(arguments);
        command
    }

    fn answers(&self) -> bool {
        output(&mut self.docker(&["version", "--format", "{{.Server.Version}}"])).is_ok()
    }

    fn wait_until_up(&self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.answers() {
            if Instant::now() > deadline {
                bail!("dockerd does not answer after {START_TIMEOUT:?}\nhint: see {}", log_path().display());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Makes an image from the files under `root`, with `changes` in Dockerfile words.
    pub(crate) fn import(&self, root: &Path, changes: &[&str], name: &str) -> Result<()> {
        let mut tar = Command::new("tar");
        let mut tar = tar.args(["--owner=0", "--group=0", "--numeric-owner", "-c", "-C"]).arg(root).arg(".");
        tar = tar.stdout(Stdio::piped());
        let mut pack = tar.spawn().with_context(|| format!("cannot run `{}`", shown(tar)))?;
        let archive = pack.stdout.take().context("tar has no output")?;
        let mut import = self.docker(&["import"]);
        for change in changes {
            import.args(["--change", change]);
        }
        import.args(["-", name]).stdin(archive).stdout(Stdio::null());
        let imported = crate::command::run(&mut import);
        let packed = pack.wait().context("cannot wait for tar")?;
        imported?;
        if !packed.success() {
            bail!("`{}` failed: {packed}", shown(tar));
        }
        Ok(())
    }

    /// Makes [`TEST_IMAGE`].
    pub(crate) fn import_test_image(&self) -> Result<()> {
        let root = target_dir().join("xtask/test-image");
        let _ = fs::remove_dir_all(&root);
        busybox_root(&root)?;
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33:web:/tmp:/bin/sh\n")?;
        fs::write(root.join("etc/group"), "root:x:0:\nweb:x:33:\n")?;
        self.import(&root, &["CMD [\"/bin/sh\"]", "LABEL tracer.test=1"], TEST_IMAGE)
    }
}

/// Lays out a root with busybox under all its names, and the usual empty folders.
pub(crate) fn busybox_root(root: &Path) -> Result<()> {
    let busybox = find_program("busybox").context("busybox is not installed")?;
    let loader = b"/ld-linux";
    if fs::read(&busybox)?.windows(loader.len()).any(|bytes| bytes == loader) {
        bail!("{} needs shared libraries\nhint: install the package busybox-static", busybox.display());
    }
    for folder in ["bin", "dev", "etc", "proc", "sys", "tmp", "root"] {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::copy(&busybox, root.join("bin/busybox")).context("cannot copy busybox")?;
    for name in output(Command::new(&busybox).arg("--list"))?.lines().filter(|name| *name != "busybox") {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name))?;
    }
    Ok(())
}

fn log_path() -> PathBuf {
    target_dir().join("xtask/dockerd.log")
}

impl Daemon {
    fn start() -> Result<Self> {
        let dockerd =
            find_program("dockerd").context("dockerd is not installed\nhint: run `cargo xtask setup --engine`")?;
        let folder = Path::new("/run").join(format!("{PREFIX}{}", id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::create_dir_all(target_dir().join("xtask"))?;
        let log = File::create(log_path()).context("cannot write dockerd's log")?;
        let mut command = Command::new(dockerd);
        command
            .arg("--data-root")
            .arg(folder.join("data"))
            .arg("--exec-root")
            .arg(folder.join("exec"))
            .arg("--pidfile")
            .arg(folder.join("pid"))
            .arg("--host")
            .arg(format!("unix://{}", folder.join("docker.sock").display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        say("starting a Docker engine of our own");
        let child =
            sys::as_service(&mut command).spawn().with_context(|| format!("cannot run `{}`", shown(&command)))?;
        Ok(Self { child, folder })
    }

    fn stop(&mut self) {
        let _ = sys::signal(&self.child, libc::SIGTERM);
        let deadline = Instant::now() + STOP_TIMEOUT;
        while !matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
            if Instant::now() > deadline {
                say("dockerd does not stop: killing it");
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        remove_folder(&self.folder);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.daemon.is_none() {
            return;
        }
        if let Ok(containers) = output(&mut self.docker(&["ps", "--all", "--quiet"]))
            && !containers.trim().is_empty()
        {
            let mut remove = self.docker(&["rm", "--force"]);
            let _ = output(remove.args(containers.lines()));
        }
        if let Some(daemon) = &mut self.daemon {
            daemon.stop();
        }
    }
}

/// Folders of tasks that are gone.
fn remove_leftovers() {
    let Ok(entries) = fs::read_dir("/run") else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            remove_folder(&entry.path());
        }
    }
}

/// Removes an engine's folder, and first what is still mounted in it.
fn remove_folder(folder: &Path) {
    let mut mounts = String::new();
    let _ = File::open("/proc/self/mounts").and_then(|mut file| file.read_to_string(&mut mounts));
    let inside =
        mounts.lines().rev().filter_map(|line| line.split(' ').nth(1)).filter(|at| Path::new(at).starts_with(folder));
    for at in inside {
        let _ = output(Command::new("umount").args(["--lazy", at]));
    }
    if let Err(error) = fs::remove_dir_all(folder) {
        let _ = writeln!(std::io::stderr(), "xtask: cannot remove {}: {error}", folder.display());
    }
}
