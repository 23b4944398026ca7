//! The command.

use std::process::ExitCode;

use tracer::{
    cli::{self, Live, live},
    memory::Memory,
};

#[global_allocator]
static MEMORY: Memory = Memory;

fn main() -> ExitCode {
    cli::main(Live { run: live::run, doctor: live::doctor, bench_empty: live::bench_empty })
}
