//! Builds tracer: for this machine, or as one static file that runs on any.

use std::{env, fs, path::PathBuf, process::Command, thread};

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
    command.args(["--bins", "--package", "tracer", "--package", "xtask"]);
    if ebpf::chosen(&workspace()).is_some() {
        run(&mut command)?;
    } else {
        run_beside_setup(&mut command)?;
    }
    Ok(target_dir().join(target()).join("release"))
}

/// Builds while the toolchain of the kernel side is still installed: only the kernel side has to wait for it.
fn run_beside_setup(command: &mut Command) -> Result<()> {
    let comes = workspace().join("target/tools/comes");
    fs::create_dir_all(workspace().join("target/tools")).context("cannot create target/tools")?;
    fs::write(&comes, "").with_context(|| format!("cannot write {}", comes.display()))?;
    let (toolchain, built) = thread::scope(|scope| {
        let toolchain = scope.spawn(|| {
            let toolchain = setup::toolchain(&workspace());
            // The build goes on, and says so itself if there is none.
            let _ = fs::remove_file(&comes);
            toolchain
        });
        let built = run(command.env(ebpf::COMES, &comes));
        (toolchain.join().expect("nothing there panics"), built)
    });
    toolchain.map(drop).and(built)
}

/// Builds a test target of `package` with the C library inside, and returns its binary.
pub(crate) fn test_statically(package: &str, name: &str) -> Result<PathBuf> {
    setup::toolchain(&workspace())?;
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
    if !cfg!(target_os = "linux") {
        bail!("a static binary can only be built on Linux");
    }
    let mut command = cargo([subcommand, "--quiet", "--release", "--target", &target()]);
    let flags = format!("-C target-feature=+crt-static {}", ebpf::remap(&workspace()));
    command.env("RUSTFLAGS", flags).env_remove("CARGO_ENCODED_RUSTFLAGS");
    Ok(command)
}
