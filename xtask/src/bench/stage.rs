//! Containers for a measurement: an engine, a network, images from Debian packages.
//!
//! All of it is removed when the measurement ends, also by an error or by Ctrl-C, and also from an engine that was there
//! before: containers and network are found by a label, images by their names.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, id},
};

use anyhow::{Context as _, Result, anyhow, bail};

use super::check_interrupt;
use crate::{
    apt::Apt,
    command::{find_program, output, say, target_dir},
    engine::{self, Engine},
};

/// The Debian release whose packages images are made of.
const SUITE: &str = "bookworm";

/// What keeps a container alive that only `exec` gives work.
pub(super) const WAITING: &[&str] = &["/bin/busybox", "sleep", "1000000"];

/// An engine, and what a measurement has in it.
pub(super) struct Stage {
    engine: Engine,
    /// In the names of all that is made, and its label.
    mark: String,
    has_network: bool,
    images: Vec<String>,
}

impl Stage {
    /// The engine that answers, or one of our own.
    pub(super) fn new() -> Result<Self> {
        let engine = Engine::start()?;
        Ok(Self { engine, mark: format!("tracer-bench-{}", id()), has_network: false, images: Vec::new() })
    }

    /// Where the engine is, for `DOCKER_HOST`; none if it is in the usual place.
    pub(super) fn host(&self) -> Option<String> {
        self.engine.host()
    }

    /// The name of something of this measurement.
    pub(super) fn name(&self, of: &str) -> String {
        format!("{}-{of}", self.mark)
    }

    /// `docker run` with the label that marks the container for removal, and a name.
    pub(super) fn run(&self, name: &str, arguments: &[&str]) -> Command {
        let (label, name) = (self.label(), self.name(name));
        let mut command = self.engine.docker(&["run", "--label", &label, "--name", &name]);
        command.args(arguments);
        command
    }

    /// A network of its own, the usual bridge.
    pub(super) fn make_network(&mut self) -> Result<()> {
        let (label, name) = (self.label(), self.name("net"));
        let mut create = self.engine.docker(&["network", "create", "--driver", "bridge", "--label", &label, &name]);
        output(&mut create)
            .context("cannot make a network\nhint: the engine needs iptables, and bridges in the kernel")?;
        self.has_network = true;
        Ok(())
    }

    /// Starts a container on the network in the background, and returns its address.
    pub(super) fn start(&self, name: &str, image: &str, words: &[&str]) -> Result<String> {
        let network = self.name("net");
        let mut run = self.run(name, &["--detach", "--network", &network, image]);
        output(run.args(words)).with_context(|| format!("container '{name}' does not start"))?;
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let inspected = output(&mut self.engine.docker(&["inspect", "--format", format, &self.name(name)]))?;
        let address = inspected.trim();
        if address.is_empty() {
            bail!("container '{name}' has no address: {}", self.logs(name));
        }
        Ok(address.to_owned())
    }

    /// Runs a program in a container and returns what it printed.
    pub(super) fn exec(&self, name: &str, words: &[String]) -> Result<String> {
        check_interrupt()?;
        let mut exec = self.engine.docker(&["exec", &self.name(name)]);
        let printed = output(exec.args(words));
        check_interrupt()?;
        printed
    }

    /// What a container printed.
    pub(super) fn logs(&self, name: &str) -> String {
        let logs = self.engine.docker(&["logs", "--tail", "20", &self.name(name)]).output();
        let printed = logs.map(|logs| [logs.stdout, logs.stderr].concat()).unwrap_or_default();
        String::from_utf8_lossy(&printed).trim().to_owned()
    }

    /// Makes an image of busybox and some Debian packages, with some files, and returns its name.
    pub(super) fn packaged(&mut self, name: &str, packages: &[&str], files: &[(&str, &str)]) -> Result<String> {
        let root = unpacked(name, packages).map_err(|error| {
            let packages = packages.join(", ");
            anyhow!("cannot get {packages} of Debian's {SUITE}: {error:#}\nhint: see whether `apt-get update` works")
        })?;
        for (path, text) in files {
            let path = root.join(path);
            let folder = path.parent().unwrap_or(&root);
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        self.image(name, &root)
    }

    /// Makes an image of busybox and a static program `/NAME`, and returns its name.
    pub(super) fn with_program(&mut self, name: &str, program: &Path) -> Result<String> {
        let root = target_dir().join("xtask").join(format!("bench-{name}"));
        let _ = fs::remove_dir_all(&root);
        engine::busybox_root(&root)?;
        fs::copy(program, root.join(name)).with_context(|| format!("cannot copy {}", program.display()))?;
        self.image(name, &root)
    }

    fn image(&mut self, name: &str, root: &Path) -> Result<String> {
        check_interrupt()?;
        let image = self.name(name);
        self.images.push(image.clone());
        self.engine.import(root, &[], &image).with_context(|| format!("cannot make image '{image}'"))?;
        Ok(image)
    }

    fn label(&self) -> String {
        format!("tracer.bench={}", self.mark)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let filter = format!("label={}", self.label());
        let containers = output(&mut self.engine.docker(&["ps", "--all", "--quiet", "--filter", &filter]));
        let containers = containers.unwrap_or_default();
        let mut removals = Vec::new();
        if !containers.trim().is_empty() {
            let mut remove = self.engine.docker(&["rm", "--force", "--volumes"]);
            remove.args(containers.lines());
            removals.push(remove);
        }
        if self.has_network {
            removals.push(self.engine.docker(&["network", "rm", &self.name("net")]));
        }
        for image in &self.images {
            removals.push(self.engine.docker(&["rmi", "--force", image]));
        }
        for mut removal in removals {
            if let Err(error) = output(&mut removal) {
                say(format!("bench: something is left behind: {error:#}"));
            }
        }
    }
}

/// The root of an image: busybox, a user `root`, and the packages. Kept under `target/tools`, and used as it is once it is there.
fn unpacked(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = target_dir().join("tools/bench").join(name);
    let root = folder.join("root");
    if root.is_dir() {
        return Ok(root);
    }
    if find_program("apt-get").is_none() || find_program("dpkg-deb").is_none() {
        bail!("there is no apt-get and dpkg-deb on this machine");
    }
    let lists = folder.join("apt");
    let apt = Apt::new(&lists, &[SUITE])?;
    apt.update()?;
    say(format!("fetching {} of Debian's {SUITE}", packages.join(", ")));
    let new = folder.join("new");
    let _ = fs::remove_dir_all(&new);
    engine::busybox_root(&new)?;
    apt.unpack_all(packages, &new)?;
    fs::write(new.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").context("cannot write etc/passwd")?;
    fs::write(new.join("etc/group"), "root:x:0:\n").context("cannot write etc/group")?;
    fs::rename(&new, &root).context("cannot name the folder of the image")?;
    let _ = fs::remove_dir_all(&lists);
    Ok(root)
}
