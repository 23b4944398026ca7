//! The full screen: how soon it answers and draws, what it costs the machine, how long a capture takes, and how much memory it needs.
//!
//! It runs on a pseudo-terminal, and a key is answered when the row that it selects is drawn.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    capture::{self, Way},
    check_interrupt,
    load::Load,
    measure,
    observer::{self, Subject, UNTRACED},
    report::{self, Case, Line},
};
use crate::{
    command::{output, say, target_dir},
    pty::Pty,
    sys,
};

/// What starts a selected row: it is drawn reversed.
const SELECTED: &str = "\x1b[7m";
const SIZE: (u16, u16) = (120, 40);
const DOWN: &[u8] = b"\x1b[B";
const UP: &[u8] = b"\x1b[A";
/// How often a key is pressed while the machine is busy, and the pause before each: not in step with intervals.
const PRESSES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(53);
/// How long it is idle.
const IDLE: Duration = Duration::from_secs(20);
/// How long a start may take.
const START: Duration = Duration::from_secs(30);
/// What it is compared with on loads: the full screen as JSON, which asks the same questions, and tables that are counted alike.
const COMPARED: &[&str] = &[
    UNTRACED,
    "tracer -c topscalls",
    "bpftrace @[comm] = count()",
    "tracer top -v containers",
    "tracer top -v procs",
    "tracer top -v syscalls",
];

/// What was measured, as text, and how many cases could not be.
pub(super) fn run(subject: &Subject, shrink: u32, repeat: u32) -> Result<(String, usize)> {
    let mut bench = Bench { subject, shrink, repeat, lines: Vec::new(), failed: 0, peak_kib: 0 };
    type Part = fn(&mut Bench<'_>) -> Result<()>;
    let parts: [(&str, Part); 6] = [
        ("drawing", |bench| bench.drawing()),
        ("start", |bench| bench.start()),
        ("idle", |bench| bench.idle()),
        ("keys under load, system calls", |bench| bench.keys("syscalls")),
        ("keys under load, processes", |bench| bench.keys("procs")),
        ("captures", |bench| bench.captures()),
    ];
    for (name, part) in parts {
        say(format!("bench: top, {name}"));
        let done = part(&mut bench);
        check_interrupt()?;
        if let Err(error) = done {
            say(format!("bench: not measured: {name}: {error:#}"));
            bench.failed += 1;
        }
    }
    let mib = bench.peak_kib as f64 / 1024.0;
    bench.line("resident at most, MiB", mib, format!("{mib:.0}"), 140.0);
    let mut text = report::top(&bench.lines);
    for load in ["dd", "request"] {
        text += &bench.load(load)?;
    }
    Ok((text, bench.failed))
}

struct Bench<'b> {
    subject: &'b Subject,
    shrink: u32,
    repeat: u32,
    lines: Vec<Line>,
    failed: usize,
    peak_kib: u64,
}

impl Bench<'_> {
    /// Adds what was measured, in words, and what it may be at most.
    fn line(&mut self, what: &str, value: f64, measured: String, most: f64) {
        self.lines.push(Line { what: what.to_owned(), measured, most, holds: value <= most });
    }

    fn top(&self, words: &[&str]) -> Result<Pty> {
        let mut command = Command::new(&self.subject.tracer);
        // Nothing of the settings of whoever measures.
        let state = target_dir().join("xtask/top-state");
        command.arg("top").args(words).env("XDG_STATE_HOME", &state).env("XDG_CONFIG_HOME", &state);
        Pty::start(&mut command, SIZE)
    }

    fn end(&mut self, pty: Pty) -> Result<String> {
        let (text, usage) = pty.quit()?;
        self.peak_kib = self.peak_kib.max(usage.max_rss_kib);
        Ok(text)
    }

    /// What the interface does by itself, without a terminal.
    fn drawing(&mut self) -> Result<()> {
        let said = output(Command::new(&self.subject.tracer).args(["top", "--bench-screen"]))?;
        for line in said.lines() {
            let mut words = line.split(';');
            let name = words.next().unwrap_or_default();
            let mut number = || words.next().and_then(|word| word.parse::<f64>().ok()).context("no number");
            let (median, p99) = (number()?, number()?);
            let (value, most) = match name {
                "drawing 120x40" => (median, 3.0),
                "drawing 300x100" | "a frame of 10,000 processes" => (median, 10.0),
                _ => (p99, 50.0),
            };
            self.line(&format!("{name}, ms"), value, format!("{median:.2}; p99 {p99:.2}"), most);
        }
        ensure!(said.contains("drawing 120x40"), "it does not say how long drawing takes: {said}");
        Ok(())
    }

    /// From the start to the first rows: an interval, and half a second.
    fn start(&mut self) -> Result<()> {
        let mut times = Vec::new();
        for _ in 0..self.repeat.max(3) {
            let began = Instant::now();
            let mut pty = self.top(&[])?;
            pty.wait(SELECTED, START)?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            self.end(pty)?;
        }
        let median = percentile(&mut times, 50);
        self.line("start to first rows, ms", median, format!("{median:.0}"), 1500.0);
        Ok(())
    }

    fn idle(&mut self) -> Result<()> {
        let mut pty = self.top(&[])?;
        pty.wait(SELECTED, START)?;
        pty.read_for(Duration::from_secs(3))?;
        let (time, bytes) = (IDLE / self.shrink.min(10), pty.bytes);
        let before = observer::cpu_of(pty.pid());
        pty.read_for(time)?;
        let used = observer::cpu_of(pty.pid()).saturating_sub(before);
        let percent = 100.0 * used.as_secs_f64() / time.as_secs_f64();
        let bytes = (pty.bytes - bytes) as f64 / time.as_secs_f64();
        self.line("idle, % of a CPU", percent, format!("{percent:.2}; {bytes:.0} bytes/s to the terminal"), 0.5);
        self.end(pty)?;
        Ok(())
    }

    /// From a key to the row that it selects, at a million events a second.
    fn keys(&mut self, view: &str) -> Result<()> {
        let mut pty = self.top(&["-v", view])?;
        pty.wait(SELECTED, START)?;
        let load = Load::paced(self.shrink.min(3));
        let mut busy = Busy::start(&load.words)?;
        pty.read_for(Duration::from_secs(2))?;
        let mut times = Vec::new();
        for press in 0..PRESSES / self.shrink.min(4) {
            pty.read_for(PAUSE)?;
            let key = if press % 2 == 0 { DOWN } else { UP };
            times.push(pty.press(key, SELECTED)?.as_secs_f64() * 1e3);
        }
        ensure!(busy.is_running()?, "the load has ended before the keys");
        drop(busy);
        let said = self.end(pty)?;
        let lost = observer::number_before(&said, " lost").context("it does not say what was lost")?;
        let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
        let what = format!("key to screen at 1 M events/s, {view}, p99 ms");
        self.line(&what, p99, format!("{p99:.1}; median {p50:.1}"), 50.0);
        self.line(&format!("lost meanwhile, {view}"), lost as f64, report::grouped(lost), 0.0);
        Ok(())
    }

    /// One pass over a capture, as many times as long as that of `-c topscalls`; and how soon the screen has rows.
    fn captures(&mut self) -> Result<()> {
        let folder = target_dir().join("bench");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let capture = capture::make(&folder, super::CAPTURE_EVENTS / u64::from(self.shrink))?;
        let tracer = self.subject.tracer.to_string_lossy().into_owned();
        let repeat = self.repeat;
        let time = |words: &'static [&'static str]| -> Result<f64> {
            check_interrupt()?;
            let way = Way { name: "", words };
            Ok(capture::read(&tracer, &capture, &way, repeat)?.wall.as_secs_f64())
        };
        let base = time(&["-c", "topscalls"])?;
        let path = capture.path.to_string_lossy().into_owned();
        for view in ["syscalls", "procs"] {
            let mut walls = Vec::new();
            for _ in 0..repeat.max(1) {
                check_interrupt()?;
                let began = Instant::now();
                output(Command::new(&tracer).args(["top", "-j", "-v", view, "-r", &path]))?;
                walls.push(began.elapsed().as_secs_f64());
            }
            let wall = percentile(&mut walls, 0);
            let what =
                format!("{} events by {view}, times of -c topscalls ({base:.2} s)", report::grouped(capture.events));
            self.line(&what, wall / base, format!("{:.2} ({wall:.2} s)", wall / base), 2.0);
        }
        let began = Instant::now();
        let mut pty = self.top(&["-v", "syscalls", "-r", &path])?;
        pty.wait(SELECTED, START)?;
        let first = began.elapsed().as_secs_f64();
        // No other word of that view has these letters.
        pty.wait("FILE", Duration::from_secs(120))?;
        let whole = began.elapsed().as_secs_f64();
        self.line(
            "on the screen, times of -c topscalls",
            whole / base,
            format!("{:.2} ({whole:.2} s)", whole / base),
            2.0,
        );
        self.line("first rows of it, ms", first * 1e3, format!("{:.0}", first * 1e3), 1500.0);
        self.end(pty)?;
        std::fs::remove_file(&capture.path).with_context(|| format!("cannot remove {}", capture.path.display()))
    }

    /// What it adds to calls, beside what tables like it add.
    fn load(&mut self, name: &str) -> Result<String> {
        let load = Load::named(name, self.shrink).with_context(|| format!("no load '{name}'"))?;
        let mut cases: Vec<Case> = Vec::new();
        for name in COMPARED {
            let observer = observer::named(name)?;
            if !observer.installed() {
                say(format!("bench: {name} is not installed"));
                continue;
            }
            say(format!("bench: {} under {name}", load.name));
            let measured = measure(observer, &load, self.subject, self.repeat);
            check_interrupt()?;
            match measured {
                Ok(case) => cases.push(case),
                Err(error) => {
                    say(format!("bench: not measured: {error:#}"));
                    self.failed += 1;
                }
            }
        }
        Ok(report::compared(load.name, &cases))
    }
}

/// A load that runs beside; it ends with this.
struct Busy(Child);

impl Busy {
    fn start(words: &[String]) -> Result<Self> {
        let (program, arguments) = words.split_first().context("no load")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = sys::as_service(&mut command).spawn().context("cannot start the load")?;
        thread::sleep(Duration::from_millis(100));
        Ok(Self(child))
    }

    fn is_running(&mut self) -> Result<bool> {
        Ok(self.0.try_wait().context("cannot wait for the load")?.is_none())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// That part of the times, in percent, is shorter.
fn percentile(times: &mut [f64], part: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let mut times: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!([0, 50, 99].map(|part| percentile(&mut times, part)), [1.0, 101.0, 199.0]);
        assert!(percentile(&mut [], 50).is_nan());
    }

    #[test]
    fn all_that_is_compared_can_be_measured() {
        assert!(COMPARED.iter().all(|name| observer::named(name).is_ok()));
    }
}
