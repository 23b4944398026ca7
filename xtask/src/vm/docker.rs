//! The guest with a Docker engine of its own, on a host whose root cannot be written to.
//!
//! `docker run --privileged` is refused where the root of the building machine does not have all capabilities itself. In
//! a guest it has. The command is that of the README, word for word.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{Guest, kernels::Kernel, root};
use crate::{command::workspace, image};

/// The kernel that it is booted with; one is enough, because what differs between kernels is tested on each without an engine.
const KERNEL: &str = "6.12";
/// Engine, client and runtime are 200 MB, which are there twice until the guest has left its first file system.
const MEMORY_MIB: u32 = 2048;
/// The engine and what it runs.
const PROGRAMS: [&str; 5] = ["dockerd", "docker", "containerd", "containerd-shim-runc-v2", "runc"];

/// The guest, if its kernel is among those.
pub(super) fn guest<'a>(kernels: &'a [Kernel], initramfs: &'a Path) -> Option<Guest<'a>> {
    // A kernel that was given is taken as it is.
    let kernel = if kernels.len() == 1 { kernels.first() } else { kernels.iter().find(|it| it.label == KERNEL) }?;
    Some(Guest { label: format!("docker-{}", kernel.label), kernel, initramfs, memory_mib: MEMORY_MIB })
}

/// Packs its files.
pub(super) fn initramfs(folder: &Path) -> Result<PathBuf> {
    let root = folder.join("root-docker");
    root::lay_out(&root, &root::script("docker.sh"))?;
    for program in PROGRAMS {
        root::copy_with_libraries(program, &root)?;
    }
    let readme = workspace().join("README.md");
    let readme = fs::read_to_string(&readme).with_context(|| format!("cannot read {}", readme.display()))?;
    let command = privileged(&readme).context("the README has no command `docker run … --privileged …`")?;
    let changes = image::changes().join("\n") + "\n";
    for (name, text) in [
        ("readme.sh", command.as_str()),
        ("image", &changes),
        ("read-only-root", ""),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        ("etc/group", "root:x:0:\n"),
        ("etc/hosts", "127.0.0.1 localhost\n"),
        ("etc/resolv.conf", ""),
    ] {
        fs::write(root.join(name), text).with_context(|| format!("cannot write {name} of the guest"))?;
    }
    root::pack(&root, &folder.join("initramfs-docker.cpio.gz"))
}

/// The first command of that kind in a text, with the lines that continue it.
fn privileged(text: &str) -> Option<String> {
    let mut lines =
        text.lines().skip_while(|line| !(line.starts_with("docker run ") && line.contains(" --privileged ")));
    let mut command = String::new();
    loop {
        let line = lines.next()?;
        command += line;
        command.push('\n');
        if !line.ends_with('\\') {
            return Some(command);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_taken_with_the_lines_that_continue_it() {
        let text = "docker run a\n```\ndocker run --rm --privileged \\\n    -v /:/host:ro \\\n    tracer\nmore\n";
        let command = "docker run --rm --privileged \\\n    -v /:/host:ro \\\n    tracer\n";
        assert_eq!(privileged(text).as_deref(), Some(command));
        assert_eq!(privileged("docker run a\n"), None);
    }

    #[test]
    fn the_readme_has_one() {
        let readme = fs::read_to_string(workspace().join("README.md")).expect("a README");
        assert!(privileged(&readme).is_some_and(|command| command.contains(":/host:ro")), "{readme}");
    }
}
