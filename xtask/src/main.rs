//! Set-up, build, run, test, bench and documentation tasks of `tracer`, as `cargo xtask NAME`.
//!
//! This file only names the tasks. Each task has a file of its own; what several share is in `command` (running other
//! programs), `page` (tables in the documentation), `sys` (the few system calls that `std` lacks), `apt` (packages of other Debian releases), `ebpf` (the kernel side) and `engine` (a Docker engine).

mod apt;
mod bench;
mod build;
mod check;
mod command;
mod dist;
mod docs;
#[expect(dead_code, reason = "tracer/build.rs uses the rest")]
mod ebpf;
mod engine;
mod fuzz;
mod image;
mod linker;
mod page;
mod peers;
mod pty;
mod run;
mod setup;
mod sys;
mod test;
mod vm;
mod workload;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Set-up, build, run, test, bench and documentation tasks of tracer.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Find or install what building (and, by option, more) needs
    Setup(setup::Options),
    /// Build tracer, kernel side included
    Build(build::Options),
    /// Set up, build for release and run tracer with ARGS, through sudo if need be
    Run(run::Options),
    /// Run all tests, as root, against real containers; a skipped test is a failure
    Test(test::Options),
    /// Check format, lints of both sides, generated pages and wording
    Check(check::Options),
    /// Measure what tracing costs, next to its peers
    Bench(bench::Options),
    /// Boot other kernels in qemu, and run a smoke test and the kernel level of the tests on each
    Vm(vm::Options),
    /// Feed what reads bytes and texts of strangers with damaged ones, for a bounded time
    Fuzz(fuzz::Options),
    /// Make what a release is: archive, packages, image, sums
    Dist(dist::Options),
    /// Make the `tracer` container image
    Image(image::Options),
    /// Rewrite the generated pages
    Docs,
    /// Make a known number of system calls, for tests and the benchmark
    #[command(hide = true)]
    Workload(workload::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Setup(options) => setup::task(&options),
        Task::Build(options) => build::task(&options),
        Task::Run(options) => run::task(&options),
        Task::Test(options) => test::task(&options),
        Task::Check(options) => check::task(&options),
        Task::Bench(options) => bench::task(&options),
        Task::Vm(options) => vm::task(&options),
        Task::Fuzz(options) => fuzz::task(&options),
        Task::Dist(options) => dist::task(&options),
        Task::Image(options) => image::task(&options),
        Task::Docs => docs::task(),
        Task::Workload(options) => workload::task(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
