//! Builds tracer: for this machine, or as one static file that runs on any.

use std::{env, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    command::{cargo, output, run, target_dir, workspace},
    ebpf, setup,
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

/// Builds the optimised binary and returns its path: the static one, which is what users get and what the other tasks
/// need anyway.
pub(crate) fn release() -> Result<PathBuf> {
    Ok(statically()?.join("tracer"))
}

/// Builds tracer and this program with the C library inside, and returns the folder that they are in.
///
/// Both at once, since cargo builds dependencies anew for another choice of packages.
pub(crate) fn statically() -> Result<PathBuf> {
    let mut command = static_cargo("build")?;
    run(command.args(["--bins", "--package", "tracer", "--package", "xtask"]))?;
    Ok(target_dir().join(target()).join("release"))
}

/// Builds a test target of `package` with the C library inside, and returns its binary.
pub(crate) fn test_statically(package: &str, name: &str) -> Result<PathBuf> {
    let mut command = static_cargo("test")?;
    command.args(["--no-run", "--message-format=json", "--package", package, "--test", name]);
    let messages = output(&mut command)?;
    let built = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let binary = built.filter(|message| message["target"]["name"] == name).find_map(|message| {
        let path = message["executable"].as_str()?;
        Some(PathBuf::from(path))
    });
    binary.with_context(|| format!("cargo built no test binary '{name}'"))
}

fn target() -> String {
    format!("{}-unknown-linux-gnu", env::consts::ARCH)
}

/// The target is named, although it is this machine's own, so that the flags do not reach build scripts.
fn static_cargo(subcommand: &str) -> Result<Command> {
    setup::toolchain(&workspace())?;
    if !cfg!(target_os = "linux") {
        bail!("a static binary can only be built on Linux");
    }
    let mut command = cargo([subcommand, "--quiet", "--release", "--target", &target()]);
    let flags = format!("-C target-feature=+crt-static {}", ebpf::remap(&workspace()));
    command.env("RUSTFLAGS", flags).env_remove("CARGO_ENCODED_RUSTFLAGS");
    Ok(command)
}
