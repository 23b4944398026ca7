//! What a change must pass besides the tests: format, lints of both sides, generated pages.

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{cargo, run, say, workspace},
    docs, setup,
};

/// A check by name.
type Check = (&'static str, fn() -> Result<()>);

const CHECKS: &[Check] = &[
    ("format", format),
    ("clippy, user side", clippy_user),
    ("clippy, kernel side", clippy_kernel),
    ("generated pages", docs::check),
];

/// `cargo xtask check`: runs every check, also when one fails.
pub(crate) fn task() -> Result<()> {
    setup::toolchain(&workspace())?;
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        match check() {
            Ok(()) => say(format!("check {name}: ok")),
            Err(error) => {
                say(format!("check {name}: FAILED: {error:#}"));
                failed.push(*name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("check failed: {}", failed.join("; "));
    }
    Ok(())
}

fn format() -> Result<()> {
    run(&mut cargo(["fmt", "--all", "--check"])).context("hint: run `cargo fmt --all`")
}

fn clippy_user() -> Result<()> {
    let scope = ["clippy", "--quiet", "--workspace", "--exclude", "tracer-ebpf", "--all-targets"];
    run(cargo(scope).args(["--", "-D", "warnings"]))
}

fn clippy_kernel() -> Result<()> {
    let workspace = workspace();
    let toolchain = setup::toolchain(&workspace)?;
    let mut clippy = toolchain.cargo("clippy", &workspace);
    run(clippy.args(["--quiet", "--", "-D", "warnings"]))
}
