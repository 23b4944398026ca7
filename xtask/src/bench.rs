//! Measures what tracing costs: known loads, untraced and under tracer and its peers.
//!
//! A case is a load under an observer. The observer is started once and the load is run several times; the best wall
//! time counts, since other work on the machine can only add to it. What the observer says at its end tells what it
//! saw and lost.

mod capture;
mod load;
mod observer;
mod report;

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use self::{
    load::Load,
    observer::{OBSERVERS, Observer},
    report::{Case, Extra},
};
use crate::{
    build,
    command::{say, shown, target_dir},
    setup,
};

/// Events of the capture that is read.
const CAPTURE_EVENTS: u64 = 8_000_000;

/// What to measure.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Only observers whose name has this in it; untraced is always measured
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these loads: dd, files, spawns, paced
    #[arg(long, value_delimiter = ',')]
    load: Vec<String>,
    /// How often each load is run under an observer
    #[arg(long, default_value_t = 3)]
    repeat: u32,
    /// Divide the size of loads by this
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    shrink: u32,
    /// Leave out idle cost and start time
    #[arg(long)]
    no_extra: bool,
    /// Only captures: how fast they are read
    #[arg(long)]
    captures: bool,
    /// Put the tables into docs/performance.md
    #[arg(long)]
    write: bool,
}

/// `cargo xtask bench`.
pub(crate) fn task(options: &Options) -> Result<()> {
    setup::task(&setup::Options { bench: !options.captures, ..setup::Options::default() })?;
    let tracer = build::release()?;
    let tracer = tracer.to_string_lossy();
    if options.captures || options.only.is_empty() && options.load.is_empty() {
        let text = captures(options, &tracer)?;
        println!("{text}");
        if options.write {
            report::write("captures", &text)?;
        }
        if options.captures {
            return Ok(());
        }
    }
    mount_tracefs();
    let wanted = |list: &[String], name: &str| list.is_empty() || list.iter().any(|part| name.contains(part));
    let mut failed = 0;
    let mut tables = BTreeMap::<&str, Vec<Case>>::new();
    for observer in OBSERVERS {
        if !(observer.name == observer::UNTRACED || wanted(&options.only, observer.name)) || !observer.installed() {
            continue;
        }
        let suits = |load: &Load| wanted(&options.load, load.name) && (observer.paced || !load.is_paced());
        for load in load::all(options.shrink).into_iter().filter(suits) {
            say(format!("bench: {} under {}", load.name, observer.name));
            match measure(observer, &load, &tracer, options.repeat) {
                Ok(case) => tables.entry(load.name).or_default().push(case),
                Err(error) => {
                    say(format!("bench: not measured: {error:#}"));
                    failed += 1;
                }
            }
        }
    }
    let mut extras = Vec::new();
    if !options.no_extra {
        for (name, measured) in [
            ("CPU of one core while idle, 10 s", idle(&tracer)),
            ("start to first event, 300 processes", first_event(&tracer)),
        ] {
            let value = measured.unwrap_or_else(|error| format!("not measured: {error:#}"));
            extras.push(Extra { name, value });
        }
    }
    let text = report::text(&tables, &extras);
    println!("{text}");
    if options.write {
        report::write("bench", &text)?;
    }
    anyhow::ensure!(failed == 0, "{failed} cases could not be measured");
    Ok(())
}

/// Reads a large capture in every way.
fn captures(options: &Options, tracer: &str) -> Result<String> {
    let folder = target_dir().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut readings = Vec::new();
    let capture = capture::make(&folder, CAPTURE_EVENTS / u64::from(options.shrink))?;
    for way in capture::WAYS {
        say(format!("bench: {} events, {}", capture.events, way.name));
        readings.push(capture::read(tracer, &capture, way, options.repeat)?);
    }
    let mut memory = Vec::new();
    for way in capture::FROM_MEMORY {
        say(format!("bench: from memory, {}", way.name));
        memory.push((way.name, capture::from_memory(tracer, &capture, way.words, options.repeat)?));
    }
    fs::remove_file(&capture.path).with_context(|| format!("cannot remove {}", capture.path.display()))?;
    Ok(report::captures(&capture, &readings, &memory))
}

/// Peers need tracefs; that it is there already is no error.
fn mount_tracefs() {
    let mut mount = Command::new("mount");
    let mount = mount.args(["-t", "tracefs", "none", "/sys/kernel/tracing"]);
    let _ = mount.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Runs a load under an observer.
fn measure(observer: &'static Observer, load: &Load, tracer: &str, repeat: u32) -> Result<Case> {
    let load = load.divided(observer.shrink);
    let repeat = if load.is_paced() { 1 } else { repeat.max(1) };
    let mut running = observer.start(tracer)?;
    let (mut best, mut cpu) = (Duration::MAX, Duration::ZERO);
    let mut total = Duration::ZERO;
    for _ in 0..repeat {
        let cpu_before = running.cpu();
        let wall = run_load(observer, &load)?;
        if wall < best {
            (best, cpu) = (wall, running.cpu().saturating_sub(cpu_before));
        }
        total += wall;
    }
    let end = running.stop()?;
    Ok(Case {
        observer: observer.name,
        wall: best,
        calls: load.calls,
        unit: load.unit,
        cpu,
        seen_per_second: end.seen.map(|seen| seen as f64 / total.as_secs_f64()),
        lost: end.lost,
        bytes_per_event: end.bytes_per_event,
        max_rss_kib: end.max_rss_kib,
    })
}

/// The wall time of one run.
fn run_load(observer: &Observer, load: &Load) -> Result<Duration> {
    let mut command = observer.wrap(&load.words);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().with_context(|| format!("cannot run `{}`", shown(&command)))?;
    let wall = start.elapsed();
    anyhow::ensure!(status.success(), "`{}` failed: {status}", shown(&command));
    Ok(wall)
}

/// What an idle machine pays while tracer waits for a process that is not there.
fn idle(tracer: &str) -> Result<String> {
    let observer = observer::named("tracer, nothing matches")?;
    let mut running = observer.start(tracer)?;
    let before = running.cpu();
    thread::sleep(Duration::from_secs(10));
    let used = running.cpu().saturating_sub(before);
    let end = running.stop()?;
    let mib = end.max_rss_kib / 1024;
    Ok(format!("{:.1} %, {mib} MiB resident at most", used.as_secs_f64() * 10.0))
}

/// The time from exec to the line of the first event, among 300 processes; on any machine something switches at once.
fn first_event(tracer: &str) -> Result<String> {
    let mut others: Vec<Child> = Vec::new();
    let result = (|| {
        for _ in 0..300 {
            others.push(Command::new("sleep").arg("600").spawn().context("cannot run sleep")?);
        }
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            let mut command = Command::new(tracer);
            let command = command.args(["--unbuffered", "-n", "1"]);
            let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut running = command.spawn().context("cannot run tracer")?;
            // The event is there when its line is.
            let mut line = [0; 1];
            let read = running.stdout.as_mut().map(|stdout| stdout.read_exact(&mut line));
            best = best.min(start.elapsed());
            let status = running.wait().and_then(|status| read.unwrap_or(Ok(())).map(|()| status));
            if !status.as_ref().is_ok_and(std::process::ExitStatus::success) {
                anyhow::bail!("`{}` failed: {status:?}", shown(command));
            }
        }
        Ok(format!("{} ms", best.as_millis()))
    })();
    for mut child in others {
        let _ = child.kill();
        let _ = child.wait();
    }
    result
}

/// A small file for loads to read, and its path.
fn sample_file() -> String {
    let path = target_dir().join("xtask/sample");
    let _ = fs::create_dir_all(target_dir().join("xtask"));
    let _ = fs::write(&path, "a small file to read\n");
    path.to_string_lossy().into_owned()
}
