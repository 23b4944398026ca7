//! Runs every level of tests, with all that they need: nothing may be skipped.
//!
//! Unit tests and replays run in parallel, the kernel and container levels alone and one test after the other, since
//! they count events of this machine. What else the machine does can make one of these fail: a few that failed run a
//! second time, and are named at the end.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    build,
    command::{cargo, output, run, say, shown},
    engine::{Engine, TEST_IMAGE},
    image, peers, setup, sys,
};

/// Which tests.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Only these levels: unit, cli, replay, kernel, containers
    #[arg(long, value_delimiter = ',')]
    level: Vec<String>,
    /// Only tests whose name has this in it
    filter: Option<String>,
}

/// One scope for all levels: with another, cargo would build dependencies once more, with other features.
const SCOPE: [&str; 6] = ["test", "--workspace", "--exclude", "tracer-ebpf", "--exclude", "tracer-fuzz"];
/// The unit tests, in cargo's words.
const UNIT: [&str; 2] = ["--lib", "--bins"];
/// The package with the end-to-end levels; each level is a test target of that name.
const END_TO_END: &str = "tracer-tests";
/// The levels in order, and whether tests of one may run at the same time.
const LEVELS: &[(&str, bool)] = &[("cli", true), ("replay", true), ("kernel", false), ("containers", false)];

/// So many failed tests of the running machine get a second run; more than these are no accident.
const SECOND_RUNS: usize = 3;

/// The toolbox image of the build under test; not the name that people use.
const TOOLBOX_IMAGE: &str = "tracer-test-toolbox";

/// How a run of tests ended.
#[derive(Debug, Default)]
struct Outcome {
    success: bool,
    counts: Counts,
    /// Names of the tests that failed.
    failed: Vec<String>,
}

/// What a test runner said at its end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    passed: u32,
    failed: u32,
    ignored: u32,
}

/// `cargo xtask test`.
pub(crate) fn task(options: &Options) -> Result<()> {
    let start = Instant::now();
    setup::task(&setup::Options { engine: true, test: true, ..setup::Options::default() })?;
    let wanted = |name: &str| options.level.is_empty() || options.level.iter().any(|level| level == name);
    let levels = existing_levels()?;
    let tracer = build(wanted("unit"), levels.iter().map(|(name, _)| *name).filter(|name| wanted(name)))?;

    let needs_engine = levels.iter().any(|(name, _)| *name == "containers" && wanted(name));
    let engine = needs_engine.then(Engine::start).transpose()?;
    if let Some(engine) = &engine {
        engine.import_test_image()?;
        image::make(engine, &tracer, TOOLBOX_IMAGE)?;
    }

    let mut total = Counts::default();
    let mut problems = Vec::new();
    let mut second = Vec::new();
    let mut run = |name: &str, arguments: &[&str], parallel: bool| -> Result<()> {
        let command = || {
            let mut command = cargo(SCOPE);
            command.args(arguments);
            prepare(&mut command, &tracer, engine.as_ref(), parallel);
            command
        };
        let Outcome { mut success, mut counts, failed } = run_tests(command().args(options.filter.as_deref()))?;
        if !parallel && !failed.is_empty() && failed.len() <= SECOND_RUNS {
            say(format!("level {name}: failed, and run a second time: {}", failed.join(", ")));
            let again = run_tests(command().arg("--exact").args(&failed))?;
            success = again.success;
            counts.passed += again.counts.passed;
            counts.failed = counts.failed.saturating_sub(again.counts.passed);
            second.extend(failed);
        }
        total = total + counts;
        if !success || counts.failed > 0 {
            problems.push(format!("level {name} failed"));
        }
        if counts.ignored > 0 {
            problems.push(format!("level {name}: {} tests are ignored", counts.ignored));
        }
        if counts == Counts::default() && options.filter.is_none() {
            problems.push(format!("level {name} ran no test"));
        }
        Ok(())
    };
    if wanted("unit") {
        run("unit", &[&["--no-fail-fast"], &UNIT[..]].concat(), true)?;
    }
    for (name, parallel) in levels.iter().filter(|(name, _)| wanted(name)) {
        run(name, &["--test", name], *parallel)?;
    }
    if options.level.is_empty() && !levels.iter().any(|(name, _)| *name == "kernel") {
        problems.push("there is no kernel level".to_owned());
    }
    drop(engine);

    let seconds = start.elapsed().as_secs_f64();
    say(format!("test: {} passed, {} failed, {} ignored in {seconds:.0} s", total.passed, total.failed, total.ignored));
    if !second.is_empty() {
        say(format!("WARNING: failed at first, and run a second time: {}", second.join(", ")));
    }
    let missing = peers::missing();
    if !missing.is_empty() {
        say(format!("WARNING: NOT tested with {}, which could not be had (see above)", missing.join(", ")));
    }
    if !problems.is_empty() {
        bail!("test failed: {}", problems.join("; "));
    }
    Ok(())
}

/// Builds the tests and the binary that they run, and returns the path of that. Both at once: by itself each leaves a
/// processor idle now and then.
fn build<'a>(unit: bool, levels: impl Iterator<Item = &'a str>) -> Result<PathBuf> {
    let mut command = cargo(SCOPE);
    command.args(["--no-run", "--quiet"]).args(levels.flat_map(|level| ["--test", level]));
    if unit {
        command.args(UNIT);
    }
    thread::scope(|scope| {
        let tracer = scope.spawn(build::release);
        run(&mut command)?;
        tracer.join().expect("nothing there panics")
    })
}

/// The end-to-end levels that there are.
fn existing_levels() -> Result<Vec<(&'static str, bool)>> {
    let text = output(&mut cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cannot read what `cargo metadata` printed")?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let package = packages.iter().find(|package| package["name"] == END_TO_END);
    let targets = package.and_then(|package| package["targets"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let exists =
        |level: &&(&str, bool)| targets.iter().any(|target| target["name"] == level.0 && target["kind"][0] == "test");
    Ok(LEVELS.iter().filter(exists).copied().collect())
}

/// Adds what the tests are told: by environment which binary and engine, by arguments how to run.
fn prepare(command: &mut Command, tracer: &Path, engine: Option<&Engine>, parallel: bool) {
    command.env("TRACER_TEST_LEVEL", "all").env("TRACER_BIN", tracer).env("TRACER_TEST_IMAGE", TEST_IMAGE);
    command.env("TRACER_TEST_TOOLBOX", TOOLBOX_IMAGE).env("TRACER_TEST_PEERS", peers::folder());
    if let Some(host) = engine.and_then(Engine::host) {
        command.env("DOCKER_HOST", host);
    }
    if !sys::is_root() && !parallel {
        let target = format!("CARGO_TARGET_{}_UNKNOWN_LINUX_GNU_RUNNER", std::env::consts::ARCH.to_uppercase());
        command.env(target, "sudo --preserve-env");
    }
    command.arg("--");
    if !parallel {
        command.arg("--test-threads=1");
    }
}

/// Runs a test command, passes on what it prints, and adds up the results that it prints.
fn run_tests(command: &mut Command) -> Result<Outcome> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run `{}`", shown(command)))?;
    let printed = child.stdout.take().context("the test run has no output")?;
    let mut outcome = Outcome::default();
    let mut listed = Vec::new();
    for line in BufReader::new(printed).split(b'\n') {
        let line = line.context("cannot read from the test run")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        list_failed(&line, &mut listed);
        if let Some(more) = parse_result(&line) {
            outcome.counts = outcome.counts + more;
            outcome.failed.append(&mut listed);
        }
    }
    outcome.success = child.wait().context("cannot wait for the test run")?.success();
    Ok(outcome)
}

/// Takes in a line of a test run: the names behind the last "failures:" are of those that failed.
fn list_failed(line: &str, listed: &mut Vec<String>) {
    if line == "failures:" {
        listed.clear();
    } else if let Some(name) = line.strip_prefix("    ").filter(|name| !name.is_empty() && !name.contains(' ')) {
        listed.push(name.to_owned());
    }
}

/// Reads a closing line: `test result: ok. 3 passed; 0 failed; 0 ignored; …`.
fn parse_result(line: &str) -> Option<Counts> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        numbers.split("; ").find_map(|part| part.strip_suffix(what)?.trim().parse::<u32>().ok()).unwrap_or_default()
    };
    Some(Counts { passed: count("passed"), failed: count("failed"), ignored: count("ignored") })
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            passed: self.passed + more.passed,
            failed: self.failed + more.failed,
            ignored: self.ignored + more.ignored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_line_is_counted() {
        let line = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 4 filtered out; finished in 0.1s";
        assert_eq!(parse_result(line), Some(Counts { passed: 3, failed: 1, ignored: 2 }));
        assert_eq!(parse_result("test a_test ... ok"), None);
    }

    #[test]
    fn the_names_behind_the_last_heading_are_of_tests_that_failed() {
        let mut listed = Vec::new();
        let lines =
            ["test a::b ... FAILED", "failures:", "---- a::b stdout ----", "    backtrace", "failures:", "    a::b"];
        lines.iter().for_each(|line| list_failed(line, &mut listed));
        assert_eq!(listed, ["a::b"]);
    }
}
