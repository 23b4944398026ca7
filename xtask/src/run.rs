//! One command from a fresh clone to a running tracer.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Result, anyhow};

use crate::{build, command::shown, sys};

/// What to run.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Arguments of tracer
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// `cargo xtask run`: does not return if tracer starts.
pub(crate) fn task(options: &Options) -> Result<()> {
    let tracer = build::release()?;
    let mut command = if sys::is_root() {
        Command::new(tracer)
    } else {
        let mut sudo = Command::new("sudo");
        // The variables that tracer reads: sudo drops them otherwise.
        sudo.arg("--preserve-env=DOCKER_HOST,HOST_ROOT,XDG_CONFIG_HOME,NO_COLOR").arg(tracer);
        sudo
    };
    command.args(&options.arguments);
    let error = command.exec();
    Err(anyhow!("cannot run `{}`: {error}\nhint: tracer needs root, or sudo", shown(&command)))
}
