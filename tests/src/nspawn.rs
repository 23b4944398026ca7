//! Machines of a real systemd-nspawn, which `cargo xtask setup --test` unpacks. It runs without a systemd that it could tell of
//! them, so the cgroup that systemd makes for a machine is made here, and so is what systemd-machined writes about it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{cgroup::Cgroup, docker::unique, peer, rootfs};

/// Where systemd-machined has a file for each machine.
const MACHINES: &str = "/run/systemd/machines";

/// A machine that can be started, until it is dropped.
#[derive(Debug)]
pub struct Nspawn {
    /// What it is called.
    pub name: String,
    folder: PathBuf,
    launcher: PathBuf,
    cgroup: Cgroup,
}

impl Nspawn {
    /// Makes its root, and its cgroup as that of a machine started by hand; `None` if systemd-nspawn is not there.
    #[must_use]
    pub fn prepare(name: &str) -> Option<Self> {
        Self::prepare_in(&format!("machine-{}.scope", escaped(name)), name)
    }

    /// The same, as a service.
    #[must_use]
    pub fn prepare_service(name: &str) -> Option<Self> {
        Self::prepare_in(&format!("systemd-nspawn@{}.service", escaped(name)), name)
    }

    fn prepare_in(unit: &str, name: &str) -> Option<Self> {
        let launcher = peer::unpacked("nspawn", "systemd-nspawn")?.join("run");
        let folder = PathBuf::from("/run").join(unique("nspawn"));
        rootfs::make(&folder, &["sh", "sleep", "uname", "id", "true", "dd"]);
        for path in ["usr", "var"] {
            fs::create_dir_all(folder.join(path)).expect("a folder");
        }
        fs::write(folder.join("etc/os-release"), "ID=busybox\n").expect("what a system says of itself");
        let cgroup = Cgroup::make(&format!("/machine.slice/{unit}"));
        Some(Self { name: name.to_owned(), folder, launcher, cgroup })
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.folder
    }

    /// Writes what systemd-machined writes about a machine of that class. Source: systemd, src/machine/machine.c.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn register(&self, class: &str) {
        fs::create_dir_all(MACHINES).expect("a folder of machines");
        let text = format!(
            "# This is private data. Do not parse.\nNAME={0}\nSCOPE=machine-{0}.scope\nSERVICE=systemd-nspawn\nROOT={1}\nLEADER={2}\nCLASS={class}\n",
            self.name,
            self.folder.display(),
            std::process::id()
        );
        fs::write(Path::new(MACHINES).join(&self.name), text).expect("a file of the machine");
    }

    /// Runs a shell in it.
    ///
    /// # Panics
    /// If it fails.
    pub fn run(&self, script: &str) {
        let ran = self.cgroup.run(
            0,
            &format!(
                "exec \"{}\" --register=no --keep-unit --quiet --directory=\"{}\" --machine=\"{}\" --as-pid2 --console=pipe \
                 /bin/sh -c \"{script}\"",
                self.launcher.display(),
                self.folder.display(),
                self.name
            ),
        );
        // After the end it cannot remove all that it made for itself, because it was not told to whom to leave it.
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() || errors.contains("propagate"), "{ran:?}");
    }
}

impl Drop for Nspawn {
    fn drop(&mut self) {
        let _ = fs::remove_file(Path::new(MACHINES).join(&self.name));
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A name in the name of a unit.
fn escaped(name: &str) -> String {
    name.replace('-', "\\x2d")
}
