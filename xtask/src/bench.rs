//! Measures what tracing costs: known loads, untraced and under tracer and its peers.
//!
//! A case is a load under an observer. The observer is started once and the load is run several times; the best wall
//! time counts, since other work on the machine can only add to it. What the observer says at its end tells what it
//! saw and lost.
//!
//! Servers in containers are measured in rounds instead, since it is throughput that counts there; a soak looks at memory.

mod against;
mod capture;
mod engines;
mod load;
mod observer;
mod report;
mod rounds;
mod service;
mod soak;
mod spread;
mod stage;
mod top;

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use self::{
    load::Load,
    observer::{OBSERVERS, Observer, Running, Subject},
    report::{Case, Extra},
    rounds::{Extent, ROUNDS},
    service::{SERVICES, Service},
};
use crate::{
    build,
    command::{say, shown, target_dir},
    setup, sys,
};

/// Runs of a load under an observer, unless others are asked for.
const REPEAT: u32 = 3;
/// The load of that name is the full screen.
const TOP: &str = "top";
/// Events of the capture that is read.
const CAPTURE_EVENTS: u64 = 8_000_000;

/// What to measure.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Only observers whose name has this in it; untraced is always measured
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these loads: dd, files, request, spawns, paced; and those that are measured only if they are named here: redis and nginx,
    /// servers in containers, and top, the full screen
    #[arg(long, value_delimiter = ',')]
    load: Vec<String>,
    /// How often each load is run under an observer; rounds, for servers in containers [default: 3; 7 rounds]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    /// Divide the size of loads by this
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    shrink: u32,
    /// Leave out idle cost and start time
    #[arg(long)]
    no_extra: bool,
    /// Only captures: how fast they are read
    #[arg(long)]
    captures: bool,
    /// Only memory, over so many minutes in which containers come and go
    #[arg(long, value_name = "MINUTES", conflicts_with = "captures", value_parser = clap::value_parser!(u32).range(1..))]
    soak: Option<u32>,
    /// Only whether wall times differ from those under this other binary of tracer, in rounds of both
    #[arg(long, value_name = "BINARY", conflicts_with_all = ["captures", "soak", "write"])]
    against: Option<PathBuf>,
    /// Only whether container engines that hang, or that answer garbage, slow tracing down
    #[arg(long, conflicts_with_all = ["captures", "soak", "against", "write"])]
    engines: bool,
    /// Put the tables that were measured into docs/performance.md
    #[arg(long)]
    write: bool,
}

/// `cargo xtask bench`.
pub(crate) fn task(options: &Options) -> Result<()> {
    let services = SERVICES.iter().map(|service| service.name);
    let known: Vec<_> = load::all(1).iter().map(|load| load.name).chain(services).chain([TOP]).collect();
    if let Some(unknown) = options.load.iter().find(|part| !known.iter().any(|name| name.contains(part.as_str()))) {
        anyhow::bail!("no load '{unknown}'\nhint: there are {}", known.join(", "));
    }
    let services: Vec<_> = SERVICES.iter().filter(|service| options.names(service.name)).collect();
    let of_screen = options.names(TOP);
    let only_services =
        (of_screen || !services.is_empty()) && !load::all(1).iter().any(|load| options.names(load.name));
    let engine = options.soak.is_some() || !services.is_empty();
    let bench = !options.captures && options.soak.is_none();
    sys::catch_interrupts().context("cannot wait for Ctrl-C")?;
    setup::task(&setup::Options { bench, engine, ..setup::Options::default() })?;
    let subject = Subject { tracer: build::release()?, docker_host: None };
    if let Some(minutes) = options.soak {
        return options.publish("soak", &report::soak(&soak::run(&subject, minutes)?));
    }
    if let Some(before) = &options.against {
        return options.publish(
            "against",
            &against::table(before, &subject, &options.compared(), options.repeat.unwrap_or(against::ROUNDS))?,
        );
    }
    if options.engines {
        return options
            .publish("engines", &engines::table(&subject, options.repeat.unwrap_or(engines::ROUNDS), options.shrink)?);
    }
    let mut failed = 0;
    if !only_services || options.captures {
        failed += loads(options, &subject)?;
    }
    if of_screen && !options.captures {
        mount_tracefs();
        let (text, missed) = top::run(&subject, options.shrink, options.repeat.unwrap_or(REPEAT))?;
        options.publish(TOP, &text)?;
        failed += missed;
    }
    if !options.captures {
        mount_tracefs();
        for service in services {
            failed += in_containers(options, service, &subject)?;
        }
    }
    anyhow::ensure!(failed == 0, "{failed} cases could not be measured");
    Ok(())
}

/// Fails if this task is to end; what it made is removed on the way out.
fn check_interrupt() -> Result<()> {
    anyhow::ensure!(!sys::interrupted(), "interrupted");
    Ok(())
}

impl Options {
    /// Whether a load is named; none is by an empty list.
    fn names(&self, load: &str) -> bool {
        self.load.iter().any(|part| load.contains(part.as_str()))
    }

    /// What two binaries are compared in: all ways of tracer and all loads that are asked for and whose time tells something.
    fn compared(&self) -> Vec<(&'static Observer, Load)> {
        let observers = OBSERVERS.iter().filter(|it| it.is_tracer() && takes(&self.only, it.name));
        let loads = load::all(self.shrink).into_iter().filter(|load| takes(&self.load, load.name) && !load.is_paced());
        let loads: Vec<Load> = loads.collect();
        observers.flat_map(|observer| loads.iter().map(move |load| (observer, load.clone()))).collect()
    }

    /// Prints tables, and puts them into the page if that is asked for.
    fn publish(&self, name: &str, text: &str) -> Result<()> {
        println!("{text}");
        if self.write { report::write(name, text) } else { Ok(()) }
    }
}

/// Whether a list of parts of names takes a name; an empty one takes all.
fn takes(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|part| name.contains(part.as_str()))
}

/// A server in a container under observers; returns how many runs could not be measured.
fn in_containers(options: &Options, service: &'static Service, subject: &Subject) -> Result<usize> {
    let extent = Extent { rounds: options.repeat.unwrap_or(ROUNDS), shrink: options.shrink };
    let table = rounds::measure(service, subject, extent, |name| takes(&options.only, name))?;
    options.publish(service.name, &report::service(&table))?;
    Ok(table.failed)
}

/// Captures and the loads of this machine's own, as far as they are asked for; returns how many cases could not be measured.
fn loads(options: &Options, subject: &Subject) -> Result<usize> {
    let tracer = subject.tracer.to_string_lossy();
    let repeat = options.repeat.unwrap_or(REPEAT);
    if options.captures || options.only.is_empty() && options.load.is_empty() {
        let text = captures(options, &tracer)?;
        options.publish("captures", &text)?;
        if options.captures {
            return Ok(0);
        }
    }
    mount_tracefs();
    let mut failed = 0;
    let mut tables = BTreeMap::<&str, Vec<Case>>::new();
    for observer in OBSERVERS {
        if !(observer.name == observer::UNTRACED || takes(&options.only, observer.name)) || !observer.installed() {
            continue;
        }
        let suits = |load: &Load| takes(&options.load, load.name) && (observer.paced || !load.is_paced());
        for load in load::all(options.shrink).into_iter().filter(suits) {
            say(format!("bench: {} under {}", load.name, observer.name));
            let measured = measure(observer, &load, subject, repeat);
            check_interrupt()?;
            match measured {
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
            ("CPU of one core while idle, 10 s", idle(subject)),
            ("start to first event, 300 processes", first_event(&tracer)),
        ] {
            check_interrupt()?;
            let value = measured.unwrap_or_else(|error| format!("not measured: {error:#}"));
            extras.push(Extra { name, value });
        }
    }
    let text = report::text(&tables, &extras);
    options.publish("bench", &text)?;
    Ok(failed)
}

/// Reads a large capture in every way.
fn captures(options: &Options, tracer: &str) -> Result<String> {
    let folder = target_dir().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let repeat = options.repeat.unwrap_or(REPEAT);
    let mut readings = Vec::new();
    let capture = capture::make(&folder, CAPTURE_EVENTS / u64::from(options.shrink))?;
    for way in capture::WAYS {
        check_interrupt()?;
        say(format!("bench: {} events, {}", capture.events, way.name));
        readings.push(capture::read(tracer, &capture, way, repeat)?);
    }
    let mut memory = Vec::new();
    for way in capture::FROM_MEMORY {
        check_interrupt()?;
        say(format!("bench: from memory, {}", way.name));
        memory.push((way.name, capture::from_memory(tracer, &capture, way.words, repeat)?));
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
fn measure(observer: &'static Observer, load: &Load, subject: &Subject, repeat: u32) -> Result<Case> {
    let load = load.divided(observer.shrink);
    let repeat = if load.is_paced() { 1 } else { repeat };
    let mut running = observer.start(subject)?;
    let (mut best, mut cpu) = (Duration::MAX, Duration::ZERO);
    let mut total = Duration::ZERO;
    for _ in 0..repeat {
        let cpu_before = running.cpu();
        let wall = run_load(observer, &load, subject, &running)?;
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
fn run_load(observer: &Observer, load: &Load, subject: &Subject, running: &Running) -> Result<Duration> {
    let mut command = observer.wrap(&load.words, subject, running)?;
    let start = Instant::now();
    let status = command.status().with_context(|| format!("cannot run `{}`", shown(&command)))?;
    let wall = start.elapsed();
    anyhow::ensure!(status.success(), "`{}` failed: {status}", shown(&command));
    Ok(wall)
}

/// What an idle machine pays while tracer waits for a process that is not there.
fn idle(subject: &Subject) -> Result<String> {
    let observer = observer::named("tracer, nothing matches")?;
    let mut running = observer.start(subject)?;
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
