//! Builds tracer: for this machine, or as one static file that runs on any.

use std::{env, path::PathBuf};

use anyhow::{Result, bail};

use crate::{
    command::{cargo, run, target_dir, workspace},
    setup,
};

/// How to build.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Optimised
    #[arg(long)]
    release: bool,
}

/// `cargo xtask build`.
pub(crate) fn task(options: &Options) -> Result<()> {
    setup::toolchain(&workspace())?;
    let release = options.release.then_some("--release");
    run(cargo(["build", "--package", "tracer"]).args(release))
}

/// Builds the optimised binary and returns its path.
pub(crate) fn release() -> Result<PathBuf> {
    setup::toolchain(&workspace())?;
    run(&mut cargo(["build", "--quiet", "--release", "--package", "tracer", "--bin", "tracer"]))?;
    Ok(target_dir().join("release/tracer"))
}

/// Builds tracer and this program with the C library inside, and returns the folder that they are in.
///
/// Both at once, since cargo builds dependencies anew for another choice of packages. The target is named, although it
/// is this machine's own, so that the flags do not reach build scripts.
pub(crate) fn statically() -> Result<PathBuf> {
    setup::toolchain(&workspace())?;
    if !cfg!(target_os = "linux") {
        bail!("a static binary can only be built on Linux");
    }
    let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut command = cargo(["build", "--quiet", "--release", "--bins", "--package", "tracer", "--package", "xtask"]);
    command.args(["--target", &target]).env("RUSTFLAGS", "-C target-feature=+crt-static");
    run(command.env_remove("CARGO_ENCODED_RUSTFLAGS"))?;
    Ok(target_dir().join(target).join("release"))
}
