//! What a change must pass besides the tests: format, lints of both sides, generated pages, plain words.

mod words;

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
    ("words", words::check),
];

/// Which checks are run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only the checks whose names begin so, such as format or words
    #[arg(value_name = "NAME")]
    only: Vec<String>,
}

/// `cargo xtask check`: runs every check, also when one fails.
pub(crate) fn task(options: &Options) -> Result<()> {
    let is_wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| name.starts_with(only));
    if let Some(unknown) = options.only.iter().find(|only| !CHECKS.iter().any(|(name, _)| name.starts_with(*only))) {
        let names: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
        bail!("there is no check '{unknown}'\nhint: checks are {}", names.join("; "));
    }
    setup::toolchain(&workspace())?;
    let mut failed = Vec::new();
    for (name, check) in CHECKS.iter().filter(|(name, _)| is_wanted(name)) {
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
