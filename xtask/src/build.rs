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

/// Builds programs of `packages` with the C library inside, and returns the folder that they are in.
///
/// The target is named, although it is this machine's own, so that the flags do not reach build scripts.
pub(crate) fn statically(packages: &[&str]) -> Result<PathBuf> {
    setup::toolchain(&workspace())?;
    let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    if !cfg!(target_os = "linux") {
        bail!("a static binary can only be built on Linux");
    }
    let mut command = cargo(["build", "--quiet", "--release", "--bins", "--target", &target]);
    for package in packages {
        command.args(["--package", package]);
    }
    run(command.env("RUSTFLAGS", "-C target-feature=+crt-static").env_remove("CARGO_ENCODED_RUSTFLAGS"))?;
    Ok(target_dir().join(target).join("release"))
}
