//! The command.

use std::process::ExitCode;

use tracer::cli::{self, Live, live};

fn main() -> ExitCode {
    cli::main(Live { run: live::run, doctor: live::doctor, bench_empty: live::bench_empty })
}
