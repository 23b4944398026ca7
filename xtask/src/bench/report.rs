//! The tables, as Markdown.

use std::{collections::BTreeMap, fmt::Write as _, fs, time::Duration};

use anyhow::Result;

use super::{
    capture::{Capture, Reading},
    observer::{self, EMPTY, UNTRACED},
    rounds::Table,
    soak::Soak,
    spread::Spread,
};
use crate::{command::say, page};

/// A load under an observer.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) observer: &'static str,
    /// Of the best run.
    pub(super) wall: Duration,
    /// How many of `unit` a run makes.
    pub(super) calls: u64,
    pub(super) unit: &'static str,
    /// What the observer used during the best run.
    pub(super) cpu: Duration,
    pub(super) seen_per_second: Option<f64>,
    /// Over all runs.
    pub(super) lost: Option<u64>,
    /// Of the capture that the observer wrote.
    pub(super) bytes_per_event: Option<f64>,
    pub(super) max_rss_kib: u64,
}

/// A single measurement.
#[derive(Debug)]
pub(super) struct Extra {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// Something that was measured of the full screen.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) what: String,
    /// In words.
    pub(super) measured: String,
    /// What it may be at most.
    pub(super) most: f64,
    pub(super) holds: bool,
}

const FILE: &str = "docs/performance.md";

/// All tables, and the machine that they are from.
pub(super) fn text(tables: &BTreeMap<&str, Vec<Case>>, extras: &[Extra]) -> String {
    let mut text = format!("Measured on {}.\n", machine());
    for (load, cases) in tables {
        let Some(first) = cases.first() else { continue };
        let _ = write!(text, "\n### Load `{load}`: {} {}s\n\n", grouped(first.calls), first.unit);
        let _ = writeln!(
            text,
            "| case | wall s | added ns per {0} | observer CPU s | events/s | lost | MiB |\n|---|---:|---:|---:|---:|---:|---:|",
            first.unit
        );
        let base = cases.iter().find(|case| case.observer == UNTRACED).map(nanos_per_call);
        for case in cases {
            text += &row(case, base);
        }
    }
    if !extras.is_empty() {
        text += "\n| what | measured |\n|---|---|\n";
        for Extra { name, value } in extras {
            let _ = writeln!(text, "| {name} | {value} |");
        }
    }
    text
}

fn nanos_per_call(case: &Case) -> f64 {
    case.wall.as_secs_f64() * 1e9 / case.calls as f64
}

fn row(case: &Case, base: Option<f64>) -> String {
    let untraced = case.observer == UNTRACED;
    let added = base.filter(|_| !untraced).map(|base| format!("{:.0}", nanos_per_call(case) - base));
    let shrink = observer::named(case.observer).map_or(1, |observer| observer.shrink);
    let size = case.bytes_per_event.map_or_else(String::new, |bytes| format!(" ({bytes:.0} bytes/event)"));
    let note = if shrink > 1 { format!(" (load divided by {shrink})") } else { String::new() };
    let rate = case.seen_per_second.map(|rate| grouped(rate as u64));
    let lost = case.lost.map(grouped);
    let beside = case.max_rss_kib > 0;
    let cpu = beside.then(|| format!("{:.2}", case.cpu.as_secs_f64()));
    let mib = beside.then(|| (case.max_rss_kib / 1024).to_string());
    let cell = |value: Option<String>| value.unwrap_or_default();
    format!(
        "| {}{note}{size} | {:.2} | {} | {} | {} | {} | {} |\n",
        case.observer,
        case.wall.as_secs_f64(),
        cell(added),
        cell(cpu),
        cell(rate),
        cell(lost),
        cell(mib)
    )
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let head = digits.len() % 3;
    let mut text = digits[..head].to_owned();
    for group in digits.as_bytes()[head..].chunks(3) {
        if !text.is_empty() {
            text.push(',');
        }
        text.extend(group.iter().map(|digit| char::from(*digit)));
    }
    text
}

/// What results depend on most.
pub(super) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("Linux {}, {count} CPUs ({})", read("/proc/sys/kernel/osrelease").trim(), model.unwrap_or("unknown"))
}

/// How fast a capture is read.
pub(super) fn captures(capture: &Capture, readings: &[Reading], memory: &[(&str, f64)]) -> String {
    let mib = capture.bytes >> 20;
    let mut text = format!("Measured on {}: {} events, {mib} MiB.\n\n", machine(), grouped(capture.events));
    text += "| reading with | wall s | M events/s | CPU s | MiB of memory |\n|---|---:|---:|---:|---:|\n";
    for Reading { name, wall, cpu, max_rss_kib } in readings {
        let seconds = wall.as_secs_f64();
        let rate = capture.events as f64 / seconds / 1e6;
        let cpu = cpu.as_secs_f64();
        let _ = writeln!(text, "| {name} | {seconds:.2} | {rate:.1} | {cpu:.2} | {} |", max_rss_kib >> 10);
    }
    text += "\n| from memory, as live records | ns per event | M events/s |\n|---|---:|---:|\n";
    for (name, nanos) in memory {
        let _ = writeln!(text, "| {name} | {nanos:.0} | {:.1} |", 1e3 / nanos);
    }
    text
}

/// A service under observers, in rounds.
pub(super) fn service(table: &Table) -> String {
    let Table { service, command, rounds, confidence, rows, .. } = table;
    let mut text = format!("Measured on {}: `{command}`, {rounds} rounds.\n\n", machine());
    let _ = writeln!(
        text,
        "Medians; in brackets the interval that has the true median with a probability of {confidence:.0} %. \
         Ratios are to \"{EMPTY}\" in the same round.\n"
    );
    let _ = writeln!(text, "| {} under | requests/s | % of {EMPTY} | aim | observer CPU | lost | MiB |", service.name);
    text += "|---|---:|---:|---|---:|---:|---:|\n";
    for row in rows {
        let Spread { median, low, high } = row.rate;
        let rate = format!("{} [{}, {}]", grouped(median as u64), grouped(low as u64), grouped(high as u64));
        let percent = |Spread { median, low, high }| format!("{median:.1} [{low:.1}, {high:.1}]");
        let aim =
            row.target.zip(row.ratio).map(|(least, ratio)| aim(least, ratio, *confidence >= SURE)).unwrap_or_default();
        let ratio = row.ratio.map(percent).unwrap_or_default();
        let beside = row.max_rss_kib > 0;
        let cpu = if beside { format!("{:.1} %", row.cpu) } else { String::new() };
        let lost = row.lost.map(grouped).unwrap_or_default();
        let mib = if beside { (row.max_rss_kib >> 10).to_string() } else { String::new() };
        let _ = writeln!(text, "| {} | {rate} | {ratio} | {aim} | {cpu} | {lost} | {mib} |", row.name);
    }
    text
}

/// Percent from which on an interval has the last word, and not the median alone.
const SURE: f64 = 95.0;

/// Whether a ratio is what it is to be, and how sure that is.
fn aim(least: f64, ratio: Spread, sure: bool) -> String {
    let said = if sure && ratio.low >= least {
        "reached"
    } else if sure && ratio.high < least {
        "missed"
    } else if ratio.median >= least {
        "reached by the median"
    } else {
        "missed by the median"
    };
    format!("{least:.0}: {said}")
}

/// What was measured of the full screen.
pub(super) fn top(lines: &[Line]) -> String {
    let mut text = format!("Measured on {}.\n\n| what | measured | at most | |\n|---|---:|---:|---|\n", machine());
    for Line { what, measured, most, holds } in lines {
        let _ = writeln!(text, "| {what} | {measured} | {most} | {} |", if *holds { "holds" } else { "missed" });
    }
    text
}

/// A load under several observers, with what each adds as a multiple of what others add.
pub(super) fn compared(load: &str, cases: &[Case]) -> String {
    let Some(base) = cases.iter().find(|case| case.observer == UNTRACED).map(nanos_per_call) else {
        return String::new();
    };
    let added = |case: &Case| nanos_per_call(case) - base;
    let of = |name: &str| cases.iter().find(|case| case.observer.contains(name)).map(added);
    let others = [of("topscalls"), of("bpftrace")];
    let mut text =
        format!("\n| load `{load}` under | added ns per call | of -c topscalls | of bpftrace | lost | MiB |\n");
    text += "|---|---:|---:|---:|---:|---:|\n";
    for case in cases.iter().filter(|case| case.observer != UNTRACED) {
        let ratio = |other: Option<f64>| {
            let other = other.filter(|other| *other > 0.0);
            other.map_or_else(String::new, |other| format!("{:.2}", added(case) / other))
        };
        let [calls, bpftrace] = others.map(ratio);
        let lost = case.lost.map(grouped).unwrap_or_default();
        let (name, added, mib) = (case.observer, added(case), case.max_rss_kib >> 10);
        let _ = writeln!(text, "| {name} | {added:.0} | {calls} | {bpftrace} | {lost} | {mib} |");
    }
    text
}

/// Memory over minutes.
pub(super) fn soak(soak: &Soak) -> String {
    let Soak { minutes, containers, rows } = soak;
    let mut text = format!("Measured on {}: {minutes} minutes, {containers} containers.\n\n", machine());
    text += "| | MiB, median of the quarters | MiB at most | KiB of maps, first and last | last quarter to second \
             | CPU | lost | containers named |\n|---|---:|---:|---:|---|---:|---:|---:|\n";
    for row in rows {
        let quarters = row.quarters.map(|kib| format!("{:.1}", kib / 1024.0)).join(", ");
        let flat = if row.is_flat() { "flat" } else { "not flat" };
        let lost = row.lost.map(grouped).unwrap_or_default();
        let (first, last) = row.maps_kib;
        let _ = writeln!(
            text,
            "| `{}` | {quarters} | {:.1} | {}, {} | {:+.1} %: {flat} | {:.1} % | {lost} | {} |",
            row.name,
            row.peak_kib as f64 / 1024.0,
            grouped(first),
            grouped(last),
            row.growth(),
            row.cpu,
            row.named
        );
    }
    text
}

/// Puts tables into the page, between the lines of that name.
pub(super) fn write(name: &str, text: &str) -> Result<()> {
    page::fill(FILE, name, text)?;
    say(format!("wrote {FILE}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_as_sure_as_the_interval() {
        let said = |median, low, high| aim(98.0, Spread { median, low, high }, true);
        assert_eq!(said(99.0, 98.0, 100.0), "98: reached");
        assert_eq!(said(99.0, 97.0, 100.0), "98: reached by the median");
        assert_eq!(said(97.5, 97.0, 100.0), "98: missed by the median");
        assert_eq!(said(97.5, 97.0, 97.9), "98: missed");
        assert_eq!(aim(98.0, Spread { median: 99.0, low: 99.0, high: 99.0 }, false), "98: reached by the median");
    }

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(["1", "999", "1,000", "1,234,567"].map(str::to_owned), [1, 999, 1000, 1_234_567].map(grouped));
    }
}
