//! Whether memory stays flat: tracer for minutes, while containers come and go.
//!
//! Two tracers run side by side, one whose table the kernel counts and one that gets events. Each container makes a known
//! number of requests on its loopback and writes a file, so that both tables have something to say of it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    check_interrupt,
    observer::{self, Observer, Running, Subject},
    spread::median,
    stage::Stage,
};
use crate::{
    command::{say, shown, target_dir},
    sys,
};

/// What runs: a table that is counted in the kernel, and one that is not. As JSON, which has whole names.
const OBSERVERS: &[Observer] = &[
    observer::beside("tracer -j -pc -c topcontainers_net", &["TRACER", "-j", "-pc", "-c", "topcontainers_net"]),
    observer::beside("tracer -j -pc -c topfiles_bytes", &["TRACER", "-j", "-pc", "-c", "topfiles_bytes"]),
];

/// From one start of a container to the next: 50 a minute.
const START_EVERY: Duration = Duration::from_millis(1200);
/// How long a container sleeps after its work, in turn, in seconds.
const LIVES: &[&str] = &["0.05", "0.2", "0.5", "1", "2"];
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// How long the last containers may take.
const END_TIMEOUT: Duration = Duration::from_secs(60);
/// What a container does: 60 round trips, and 4 MB to a file, which is more than what an idle machine does in a second.
const WORK: &str = "/xtask workload request 60 && dd if=/dev/zero of=/tmp/out bs=4000 count=1000 && sleep ";
/// Memory is flat if the last quarter's median is this near to that of the second, in percent.
const FLAT: f64 = 2.0;

/// What a tracer's memory was at some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sample {
    rss_kib: u64,
    /// The most so far.
    peak_kib: u64,
    /// Kernel memory of the maps that it holds.
    maps_kib: u64,
}

/// A tracer, and what was seen of it.
struct Watched {
    observer: &'static Observer,
    running: Running,
    printed: PathBuf,
    samples: Vec<Sample>,
    start: Instant,
}

/// What the table says of a tracer.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Medians of the resident set in each quarter of the time, in KiB.
    pub(super) quarters: [f64; 4],
    pub(super) peak_kib: u64,
    /// At the first sample and at the last.
    pub(super) maps_kib: (u64, u64),
    /// Of one core, in percent.
    pub(super) cpu: f64,
    pub(super) lost: Option<u64>,
    /// Containers of this measurement that the table named.
    pub(super) named: usize,
}

/// A soak's result.
#[derive(Debug)]
pub(super) struct Soak {
    pub(super) minutes: u32,
    /// Containers that ran and succeeded.
    pub(super) containers: usize,
    pub(super) rows: Vec<Row>,
}

impl Row {
    /// By how much the last quarter's median is above that of the second, in percent.
    pub(super) fn growth(&self) -> f64 {
        100.0 * (self.quarters[3] / self.quarters[1] - 1.0)
    }

    /// Whether memory neither grew nor shrank.
    pub(super) fn is_flat(&self) -> bool {
        self.growth().abs() <= FLAT
    }
}

/// Runs for so many minutes.
pub(super) fn run(subject: &Subject, minutes: u32) -> Result<Soak> {
    let mut stage = Stage::new()?;
    let subject = Subject { docker_host: stage.host(), ..subject.clone() };
    // Built together with tracer, and static.
    let image = stage.with_program("xtask", &subject.tracer.with_file_name("xtask"))?;
    let mut watched =
        OBSERVERS.iter().map(|observer| Watched::start(observer, &subject)).collect::<Result<Vec<_>>>()?;
    let length = Duration::from_secs(60) * minutes;
    say(format!("bench: soak, {minutes} minutes, 50 containers a minute"));
    let containers = churn(&stage, &image, length, &mut watched)?;
    // The interval in which the last ones ended.
    thread::sleep(Duration::from_secs(2));
    let rows = watched.into_iter().map(|watched| watched.end(&stage)).collect::<Result<Vec<_>>>()?;
    Ok(Soak { minutes, containers, rows })
}

/// Starts containers and takes samples; returns how many containers succeeded.
fn churn(stage: &Stage, image: &str, length: Duration, watched: &mut [Watched]) -> Result<usize> {
    let start = Instant::now();
    let (mut next_start, mut next_sample) = (start, start + SAMPLE_EVERY);
    let mut at_work: Vec<Child> = Vec::new();
    let (mut started, mut succeeded, mut failed) = (0, 0, 0);
    loop {
        let now = Instant::now();
        // Containers end by themselves soon, and nothing of them is left then.
        let over = now >= start + length || sys::interrupted();
        if !over && now >= next_start {
            at_work.push(start_container(stage, image, started)?);
            started += 1;
            next_start += START_EVERY;
        }
        if now >= next_sample && next_sample <= start + length {
            for one in &mut *watched {
                one.sample()?;
            }
            next_sample += SAMPLE_EVERY;
        }
        let mut still = Vec::new();
        for mut child in at_work {
            match child.try_wait().context("cannot wait for docker")? {
                None => still.push(child),
                Some(status) if status.success() => succeeded += 1,
                Some(_) => failed += 1,
            }
        }
        at_work = still;
        if over && at_work.is_empty() {
            break;
        }
        ensure!(now < start + length + END_TIMEOUT, "{} containers do not end", at_work.len());
        thread::sleep(Duration::from_millis(20));
    }
    check_interrupt()?;
    if failed > 0 {
        say(format!("bench: {failed} of {started} containers failed"));
    }
    ensure!(succeeded > 0, "no container succeeded\nhint: try `docker run --rm --network none` with an image of yours");
    Ok(succeeded)
}

fn start_container(stage: &Stage, image: &str, number: usize) -> Result<Child> {
    let work = format!("{WORK}{}", LIVES[number % LIVES.len()]);
    let name = container_name(number);
    // Its loopback is all the network that it needs.
    let mut run = stage.run(&name, &["--rm", "--network", "none", image, "/bin/sh", "-c", &work]);
    run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    run.spawn().with_context(|| format!("cannot run `{}`", shown(&run)))
}

fn container_name(number: usize) -> String {
    format!("soak{number}")
}

impl Watched {
    fn start(observer: &'static Observer, subject: &Subject) -> Result<Self> {
        let word = observer.name.rsplit(' ').next().unwrap_or_default();
        let printed = target_dir().join("xtask").join(format!("soak-{word}.txt"));
        fs::create_dir_all(target_dir().join("xtask"))?;
        let file = File::create(&printed).with_context(|| format!("cannot write {}", printed.display()))?;
        let running = observer.start_with(subject, &[], file.into())?;
        Ok(Self { observer, running, printed, samples: Vec::new(), start: Instant::now() })
    }

    fn sample(&mut self) -> Result<()> {
        let folder = Path::new("/proc").join(self.running.pid().unwrap_or_default().to_string());
        let status = fs::read_to_string(folder.join("status")).ok();
        let sample = status.and_then(|status| Sample::new(&status, maps_bytes(&folder.join("fdinfo"))));
        let sample = sample.with_context(|| format!("{} ended before its time", self.observer.name))?;
        self.samples.push(sample);
        Ok(())
    }

    fn end(mut self, stage: &Stage) -> Result<Row> {
        let cpu = 100.0 * self.running.cpu().as_secs_f64() / self.start.elapsed().as_secs_f64();
        let end = self.running.stop()?;
        let text = fs::read(&self.printed).with_context(|| format!("cannot read {}", self.printed.display()))?;
        let name = stage.name("soak");
        let rss: Vec<_> = self.samples.iter().map(|sample| sample.rss_kib as f64).collect();
        let (first, last) = self.samples.first().zip(self.samples.last()).context("no sample was taken")?;
        Ok(Row {
            name: self.observer.name,
            quarters: quarters(&rss).context("too few samples")?,
            peak_kib: last.peak_kib,
            maps_kib: (first.maps_kib, last.maps_kib),
            cpu,
            lost: end.lost,
            named: named(&String::from_utf8_lossy(&text), &name),
        })
    }
}

impl Sample {
    /// From `/proc/PID/status`; none if the process ended.
    fn new(status: &str, maps_bytes: u64) -> Option<Self> {
        let kib = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name))?;
            value.trim().strip_suffix(" kB")?.parse().ok()
        };
        Some(Self { rss_kib: kib("VmRSS:")?, peak_kib: kib("VmHWM:")?, maps_kib: maps_bytes >> 10 })
    }
}

/// What the kernel holds for the maps among a process's descriptors: `memlock` of their `fdinfo`, each map once.
fn maps_bytes(fdinfo: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(fdinfo) else { return 0 };
    let texts = entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let maps: BTreeSet<_> = texts.filter_map(|text| map_memory(&text)).collect();
    maps.iter().map(|(_, bytes)| bytes).sum()
}

/// A map's number and its memory, from its `fdinfo`.
fn map_memory(fdinfo: &str) -> Option<(u64, u64)> {
    let number = |name: &str| fdinfo.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    number("map_type:")?;
    Some((number("map_id:")?, number("memlock:")?))
}

/// The median of each quarter; none if there are fewer than four.
fn quarters(samples: &[f64]) -> Option<[f64; 4]> {
    let count = samples.len();
    let quarter = |at: usize| median(&samples[count * at / 4..count * (at + 1) / 4]);
    Some([quarter(0)?, quarter(1)?, quarter(2)?, quarter(3)?])
}

/// How many different names that begin so, and go on with a number, are in a text.
fn named(text: &str, start: &str) -> usize {
    let numbers = text.split(start).skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    numbers.flatten().filter(|number| !number.is_empty()).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_flat_within_two_percent_of_the_second_quarter() {
        let row = |quarters| Row { name: "", quarters, peak_kib: 0, maps_kib: (0, 0), cpu: 0.0, lost: None, named: 0 };
        assert!(row([80.0, 100.0, 120.0, 101.9]).is_flat());
        assert!(!row([100.0, 100.0, 100.0, 102.1]).is_flat());
        assert!(!row([100.0, 100.0, 100.0, 97.0]).is_flat());
    }

    #[test]
    fn quarters_have_all_samples() {
        assert_eq!(quarters(&[1.0, 1.0, 2.0, 2.0, 3.0, 9.0, 3.0, 4.0]), Some([1.0, 2.0, 6.0, 3.5]));
        assert_eq!(quarters(&[1.0, 2.0, 3.0]), None);
    }

    #[test]
    fn memory_is_read_as_the_kernel_writes_it() {
        let status = "Name:\ttracer\nVmHWM:\t   85000 kB\nVmRSS:\t   55000 kB\n";
        let expected = Sample { rss_kib: 55000, peak_kib: 85000, maps_kib: 2 };
        assert_eq!(Sample::new(status, 2048), Some(expected));
        assert_eq!(Sample::new("Name:\ttracer\nState:\tZ (zombie)\n", 0), None);
        let map = "pos:\t0\nmap_type:\t27\nkey_size:\t0\nmemlock:\t8401304\nmap_id:\t7\nfrozen:\t0\n";
        assert_eq!(map_memory(map), Some((7, 8_401_304)));
        assert_eq!(map_memory("pos:\t0\nprog_type:\t26\nmemlock:\t4096\nprog_id:\t7\n"), None);
    }

    #[test]
    fn a_name_counts_once() {
        let text = "12KB  bench-1-soak3\n9KB  bench-1-soak31 bench-1-soak3\n1KB  bench-1-soak\n";
        assert_eq!(named(text, "bench-1-soak"), 2);
    }
}
