//! The command.

use std::process::ExitCode;

use tracer::cli::{self, Failure, Live};

fn main() -> ExitCode {
    cli::main(Live { run: |_| missing(), doctor: || missing(), bench_empty: |_| missing() })
}

/// This build has no live source.
fn missing<T>() -> anyhow::Result<T> {
    Err(Failure::new("this build cannot trace: it has no live source").into())
}
