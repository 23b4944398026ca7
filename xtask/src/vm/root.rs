//! The files of a guest: what is in its first file system, and how it is packed.

use std::{
    fs,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{Options, attach};
use crate::{
    build,
    command::{find_program, output, workspace},
    engine,
};

/// The memory of a guest in which nothing large runs.
pub(super) const MEMORY_MIB: u32 = 1024;

/// The folder of the scripts that run in guests.
fn scripts() -> PathBuf {
    workspace().join("xtask/vm")
}

/// Packs the files of the guests that are the same on each kernel.
pub(super) fn initramfs(folder: &Path, options: &Options) -> Result<PathBuf> {
    let root = folder.join("root");
    let script = if options.attach.is_some() { "attach.sh" } else { "smoke.sh" };
    lay_out(&root, &options.smoke.clone().unwrap_or_else(|| scripts().join(script)))?;
    copy(&build::statically()?.join("xtask"), &root.join("bin/xtask"))?;
    if options.attach == Some(attach::With::Bpftrace) {
        copy_with_libraries("bpftrace", &root)?;
    }
    if !options.smoke_only && options.smoke.is_none() && options.attach.is_none() {
        copy(&build::test_statically("tracer-tests", "kernel")?, &root.join("bin/kernel-level"))?;
    }
    // Loops of several kinds can run at the same time.
    pack(&root, &folder.join(format!("initramfs{}.cpio.gz", attach::suffix(options))))
}

/// Makes a root with busybox, tracer, and a script to run.
pub(super) fn lay_out(root: &Path, script: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(root);
    engine::busybox_root(root)?;
    copy(script, &root.join("smoke.sh"))?;
    for name in ["init", "check.sh"] {
        copy(&scripts().join(name), &root.join(name))?;
    }
    copy(&build::statically()?.join("tracer"), &root.join("bin/tracer"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {}", from.display()))
}

/// The path of a script that runs in guests.
pub(super) fn script(name: &str) -> PathBuf {
    scripts().join(name)
}

/// Packs a root in the form that the kernel reads, and returns the archive.
pub(super) fn pack(root: &Path, archive: &Path) -> Result<PathBuf> {
    let pack = "chmod 755 init && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1";
    let packed = Command::new("sh")
        .args(["-c", pack])
        .current_dir(root)
        .stdout(File::create(archive).with_context(|| format!("cannot write {}", archive.display()))?)
        .status()
        .context("cannot run sh")?;
    if !packed.success() {
        bail!("cannot pack the initramfs: `{pack}` failed");
    }
    Ok(archive.to_owned())
}

/// Copies a program to `/bin` below `root`, and the libraries that it needs to the paths that they have here.
pub(super) fn copy_with_libraries(program: &str, root: &Path) -> Result<()> {
    let program = find_program(program).with_context(|| format!("{program} is not installed"))?;
    // A program without libraries is an error to `ldd`.
    let libraries = output(Command::new("ldd").arg(&program)).unwrap_or_default();
    let place = Path::new("/bin").join(program.file_name().unwrap_or_default());
    let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    for (from, to) in libraries.map(|path| (path.clone(), path)).chain([(program, place)]) {
        let to = root.join(to.strip_prefix("/").unwrap_or(&to));
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        copy(&from, &to)?;
    }
    Ok(())
}
