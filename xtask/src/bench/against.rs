//! Whether tracer has become slower: two binaries, one after the other in each round, under the same loads.
//!
//! What else the machine does changes from minute to minute, so that only the two runs of one round can be compared. A ratio whose whole
//! interval is above [`SLOWER`] is a regression.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};

use super::{
    check_interrupt,
    load::Load,
    observer::{Observer, Subject},
    run_load,
    spread::{Spread, confidence, spread},
};
use crate::command::say;

/// Rounds, unless others are asked for: with nine, the interval leaves out a measurement at each end.
pub(super) const ROUNDS: u32 = 9;
/// How much more wall time is too much.
const SLOWER: f64 = 1.03;

/// Wall time under the binary of now, as a multiple of that under the other one.
struct Ratio {
    observer: &'static str,
    load: &'static str,
    before: Duration,
    now: Duration,
    ratio: Spread,
}

/// Runs both binaries under each observer and load, and returns a table.
pub(super) fn table(
    before: &Path,
    subject: &Subject,
    cases: &[(&'static Observer, Load)],
    rounds: u32,
) -> Result<String> {
    ensure!(before.is_file(), "there is no binary '{}' to compare with", before.display());
    let before = Subject { tracer: before.to_owned(), docker_host: None };
    let mut ratios = Vec::new();
    for (observer, load) in cases {
        say(format!("bench: {} under {}, against the other binary", load.name, observer.name));
        match compare(observer, load, [&before, subject], rounds) {
            Ok(ratio) => {
                // A long run that is cut off has said what it knows.
                let Spread { low, median, high } = ratio.ratio;
                say(format!("bench: {median:.3} of the other one, {low:.3} to {high:.3}"));
                ratios.push(ratio);
            }
            Err(error) => say(format!("bench: not measured: {error:#}")),
        }
        check_interrupt()?;
    }
    ensure!(!ratios.is_empty(), "nothing was measured");
    Ok(text(&ratios, rounds))
}

fn compare(observer: &'static Observer, load: &Load, [before, now]: [&Subject; 2], rounds: u32) -> Result<Ratio> {
    let mut walls = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        check_interrupt()?;
        // Whoever comes first finds other caches.
        let order = if round % 2 == 0 { [(0, before), (1, now)] } else { [(1, now), (0, before)] };
        for (which, subject) in order {
            let mut running = observer.start(subject)?;
            let wall = run_load(observer, load, subject, &running);
            running.stop()?;
            walls[which].push(wall?.as_secs_f64());
        }
    }
    let ratios: Vec<f64> = walls[0].iter().zip(&walls[1]).map(|(before, now)| now / before).collect();
    let least = |walls: &[f64]| Duration::from_secs_f64(walls.iter().copied().fold(f64::MAX, f64::min));
    Ok(Ratio {
        observer: observer.name,
        load: load.name,
        before: least(&walls[0]),
        now: least(&walls[1]),
        ratio: spread(&ratios).context("no round was measured")?,
    })
}

fn text(ratios: &[Ratio], rounds: u32) -> String {
    let mut text = format!(
        "Wall time as a multiple of that under the other binary, {rounds} rounds; the interval has the true median with {:.0} %.\n\n\
         | load | case | before s | now s | ratio | interval | |\n|---|---|---:|---:|---:|---|---|\n",
        100.0 * confidence(rounds as usize)
    );
    for Ratio { observer, load, before, now, ratio: Spread { median, low, high } } in ratios {
        let verdict = match (*low, *high) {
            (low, _) if low > SLOWER => "slower",
            (_, high) if high < 1.0 => "faster",
            _ => "",
        };
        text.push_str(&format!(
            "| {load} | {observer} | {:.2} | {:.2} | {median:.3} | {low:.3} to {high:.3} | {verdict} |\n",
            before.as_secs_f64(),
            now.as_secs_f64()
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_interval_wholly_above_is_slower() {
        let ratio = |median, low, high| Ratio {
            observer: "tracer",
            load: "dd",
            before: Duration::from_secs(1),
            now: Duration::from_secs(1),
            ratio: Spread { median, low, high },
        };
        let text = text(&[ratio(1.05, 1.04, 1.2), ratio(1.05, 1.0, 1.2), ratio(0.9, 0.8, 0.99)], 9);
        let verdicts: Vec<&str> =
            text.lines().skip(4).filter_map(|line| line.split('|').nth(7)).map(str::trim).collect();
        assert_eq!(verdicts, ["slower", "", "faster"], "{text}");
        assert!(text.starts_with("Wall time") && text.contains("with 96 %"), "{text}");
    }
}
