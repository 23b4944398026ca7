//! Services under observers, interleaved: each round measures every case once, and cases are compared within a round.
//!
//! What the machine does besides changes from minute to minute; a ratio of two runs that are seconds apart is hardly
//! touched by it. Each round begins with another case, so that no case has always the same one before it.

use std::time::Instant;

use anyhow::Result;

use super::{
    check_interrupt,
    observer::{self, EMPTY, Observer, Subject, UNTRACED},
    service::{Service, Up},
    spread::{Spread, confidence, median, spread},
    stage::Stage,
};
use crate::command::say;

/// Rounds unless others are asked for.
pub(super) const ROUNDS: u32 = 7;

/// What is measured: an observer's name, and the least part of the throughput under [`EMPTY`] that it is to leave, in percent.
const CASES: &[(&str, Option<f64>)] = &[
    (UNTRACED, None),
    (EMPTY, None),
    ("tracer, nothing matches", None),
    ("tracer -c topcontainers_net", Some(98.0)),
    ("tracer -c topprocs_net", Some(98.0)),
    ("tracer -w", Some(80.0)),
    ("bpftrace @[comm] = count()", None),
];

/// One run of a service's client under an observer.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Requests per second.
    rate: f64,
    /// Of one core, what the observer used, in percent.
    cpu: f64,
    /// None if the observer does not say.
    lost: Option<u64>,
    max_rss_kib: u64,
}

/// A case in all rounds; a round in which it could not be measured has none.
#[derive(Debug)]
struct Case {
    observer: &'static Observer,
    target: Option<f64>,
    runs: Vec<Option<Run>>,
}

/// What the table says of a case.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Requests per second.
    pub(super) rate: Spread,
    /// Percent of the throughput under [`EMPTY`] in the same round.
    pub(super) ratio: Option<Spread>,
    pub(super) target: Option<f64>,
    /// Of one core, in percent.
    pub(super) cpu: f64,
    /// Over all rounds; none if the observer does not say.
    pub(super) lost: Option<u64>,
    /// The most of all rounds.
    pub(super) max_rss_kib: u64,
}

/// A service's table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) service: &'static Service,
    /// The client's command line.
    pub(super) command: String,
    pub(super) rounds: u32,
    /// How often an interval has the true value, in percent.
    pub(super) confidence: f64,
    pub(super) rows: Vec<Row>,
    /// Runs that could not be measured.
    pub(super) failed: usize,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) rounds: u32,
    pub(super) shrink: u32,
}

/// Measures a service under those observers that `wanted` takes; [`UNTRACED`] and [`EMPTY`] are always there.
pub(super) fn measure(
    service: &'static Service,
    subject: &Subject,
    extent: Extent,
    wanted: impl Fn(&str) -> bool,
) -> Result<Table> {
    let mut stage = Stage::new()?;
    stage.make_network()?;
    let subject = Subject { docker_host: stage.host(), ..subject.clone() };
    let up = service.start(&mut stage)?;
    let mut cases = Vec::new();
    for (name, target) in CASES.iter().filter(|(name, _)| [UNTRACED, EMPTY].contains(name) || wanted(name)) {
        let observer = observer::named(name)?;
        if observer.installed() {
            cases.push(Case { observer, target: *target, runs: Vec::new() });
        } else {
            say(format!("bench: {name} is not installed, and left out\nhint: run `cargo xtask setup --bench`"));
        }
    }
    // The first run after the start finds cold caches.
    up.load(extent.shrink)?;
    let count = cases.len();
    for round in 0..extent.rounds {
        for at in 0..count {
            let case = &mut cases[(at + round as usize) % count];
            let name = case.observer.name;
            say(format!("bench: {}, round {} of {}, under {name}", service.name, round + 1, extent.rounds));
            let run = run(&up, case.observer, &subject, extent.shrink);
            check_interrupt()?;
            if let Err(error) = &run {
                say(format!("bench: not measured: {error:#}"));
            }
            case.runs.push(run.ok());
        }
    }
    let failed = cases.iter().flat_map(|case| &case.runs).filter(|run| run.is_none()).count();
    Ok(Table {
        service,
        command: service.words("HOST", extent.shrink).join(" "),
        rounds: extent.rounds,
        confidence: 100.0 * confidence(extent.rounds as usize),
        rows: rows(&cases),
        failed,
    })
}

fn run(up: &Up<'_>, observer: &Observer, subject: &Subject, shrink: u32) -> Result<Run> {
    let mut running = observer.start(subject)?;
    let (start, cpu) = (Instant::now(), running.cpu());
    let rate = up.load(shrink)?;
    let cpu = running.cpu().saturating_sub(cpu).as_secs_f64() / start.elapsed().as_secs_f64();
    let end = running.stop()?;
    Ok(Run { rate, cpu: 100.0 * cpu, lost: end.lost, max_rss_kib: end.max_rss_kib })
}

fn rows(cases: &[Case]) -> Vec<Row> {
    let empty = cases.iter().find(|case| case.observer.name == EMPTY).map_or(&[][..], |case| &case.runs);
    let rows = cases.iter().filter_map(|case| {
        let runs: Vec<_> = case.runs.iter().flatten().collect();
        let rates: Vec<_> = runs.iter().map(|run| run.rate).collect();
        let same_round = case.runs.iter().zip(empty);
        let ratios: Vec<_> =
            same_round.filter_map(|(run, empty)| Some(100.0 * run.as_ref()?.rate / empty.as_ref()?.rate)).collect();
        Some(Row {
            name: case.observer.name,
            rate: spread(&rates)?,
            ratio: spread(&ratios).filter(|_| case.observer.name != EMPTY),
            target: case.target,
            cpu: median(&runs.iter().map(|run| run.cpu).collect::<Vec<_>>())?,
            lost: runs.iter().map(|run| run.lost).sum(),
            max_rss_kib: runs.iter().map(|run| run.max_rss_kib).max()?,
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, rates: [Option<f64>; 3]) -> Case {
        let run = |rate| Run { rate, cpu: 1.0, lost: Some(2), max_rss_kib: 3 };
        let observer = observer::named(name).expect("an observer");
        Case { observer, target: None, runs: rates.map(|rate| rate.map(run)).into() }
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        // Throughput halves from round to round, and the ratio stays.
        let cases =
            [case(EMPTY, [Some(100.0), Some(50.0), None]), case("tracer -w", [Some(90.0), Some(45.0), Some(1.0)])];
        let rows = rows(&cases);
        assert_eq!(rows[0].ratio, None);
        let ratio = rows[1].ratio.expect("a ratio");
        assert!((ratio.low - 90.0).abs() < 1e-9 && (ratio.high - 90.0).abs() < 1e-9, "{ratio:?}");
        assert_eq!((rows[1].rate.median, rows[1].lost), (45.0, Some(6)));
    }

    #[test]
    fn every_case_has_an_observer() {
        for (name, _) in CASES {
            assert!(observer::named(name).is_ok(), "{name}");
        }
    }
}
