//! Whether container engines slow tracing down: events per second while one hangs, or answers garbage, as a part of those without it in
//! the same round.

use std::{
    fs,
    io::Write as _,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Stdio, id},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use super::{
    check_interrupt,
    load::{self, Load},
    observer::{Observer, Subject, beside},
    run_load,
    spread::{Spread, confidence, spread},
};
use crate::command::say;

/// Rounds, unless others are asked for.
pub(super) const ROUNDS: u32 = 9;
/// The part of events per second that has to be left.
const LEAST: f64 = 0.97;
/// Each event needs the name of its container, and none is shown, so that what is measured is tracer and not what prints.
const OBSERVER: Observer = beside(
    "tracer, names of containers",
    &["TRACER", "--no-pushdown", "-p", "%container.name", "container.name=nosuch"],
);
/// The load, which makes as many events as there is room for.
const LOAD: &str = "files";
/// What is asked: the name of a case, and its engines; `HANGS` and `LIES` are sockets of this task.
const CASES: [(&str, &[&str]); 5] = [
    ("no engine", &["docker=ABSENT"]),
    ("a Docker that hangs", &["docker=HANGS"]),
    ("a Docker that answers garbage", &["docker=LIES"]),
    ("a containerd that hangs", &["containerd=HANGS"]),
    ("all of them", &["docker=HANGS", "docker=LIES", "containerd=HANGS", "containerd=LIES"]),
];

/// Engines that this task plays, until it ends.
struct Played {
    folder: PathBuf,
}

impl Played {
    fn start() -> Result<Self> {
        // Where nobody else could put another socket, or tracer would not ask.
        let folder = Path::new("/run").join(format!("tracer-bench-{}", id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let this = Self { folder };
        // A connection that nobody reads from stays open until it is dropped.
        this.listen("HANGS", |stream, kept| kept.push(stream))?;
        this.listen("LIES", |mut stream, _| {
            thread::spawn(move || while stream.write_all(&[0xff; 1 << 16]).is_ok() {});
        })?;
        Ok(this)
    }

    fn listen(&self, name: &str, answer: fn(UnixStream, &mut Vec<UnixStream>)) -> Result<()> {
        let socket = self.folder.join(name);
        let listener = UnixListener::bind(&socket).with_context(|| format!("cannot listen at {}", socket.display()))?;
        thread::spawn(move || {
            let mut kept = Vec::new();
            listener.incoming().map_while(Result::ok).for_each(|stream| answer(stream, &mut kept));
        });
        Ok(())
    }

    /// The options of tracer for that case.
    fn options(&self, engines: &[&str]) -> Vec<String> {
        let socket = |engine: &str| {
            let (kind, name) = engine.split_once('=').unwrap_or((engine, ""));
            format!("{kind}={}", self.folder.join(name).display())
        };
        engines.iter().flat_map(|engine| ["--engine-socket".to_owned(), socket(engine)]).collect()
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs all cases in each round, and returns a table. A case that is too slow is an error.
pub(super) fn table(subject: &Subject, rounds: u32, shrink: u32) -> Result<String> {
    let load = load::all(shrink).into_iter().find(|load| load.name == LOAD).context("no such load")?;
    let played = Played::start()?;
    let mut rates = CASES.map(|_| Vec::new());
    for round in 0..rounds as usize {
        for at in 0..CASES.len() {
            // Each round begins with another case.
            let at = (at + round) % CASES.len();
            let (name, engines) = CASES[at];
            say(format!("bench: round {} of {rounds}, {name}", round + 1));
            rates[at].push(rate(&load, subject, &played.options(engines)).with_context(|| name.to_owned())?);
            check_interrupt()?;
        }
    }
    text(&rates, rounds)
}

/// Events per second.
fn rate(load: &Load, subject: &Subject, options: &[String]) -> Result<f64> {
    let mut running = OBSERVER.start_with(subject, options, Stdio::null())?;
    let start = Instant::now();
    run_load(&OBSERVER, load, subject, &running)?;
    let taken = start.elapsed().as_secs_f64();
    let end = running.stop()?;
    let seen = end.seen.context("tracer does not say how many events it saw")?;
    ensure!(seen > load.calls / 2, "tracer saw {seen} events of at least {}", load.calls);
    Ok(seen as f64 / taken)
}

fn text(rates: &[Vec<f64>], rounds: u32) -> Result<String> {
    let [without, ..] = rates else { return Ok(String::new()) };
    let mut text = format!(
        "Events per second as a part of those with {}, {rounds} rounds; the interval has the true median with {:.0} %.\n\n\
         | engines | events/s | ratio | interval | at least |\n|---|---:|---:|---|---:|\n",
        CASES[0].0,
        100.0 * confidence(rounds as usize)
    );
    let mut slow = Vec::new();
    for ((name, _), own) in CASES.iter().zip(rates) {
        let rate = spread(own).context("no round was measured")?.median;
        let ratios: Vec<f64> = own.iter().zip(without).map(|(own, without)| own / without).collect();
        let Spread { median, low, high } = spread(&ratios).context("no round was measured")?;
        if high < LEAST {
            slow.push(*name);
        }
        text += &format!("| {name} | {rate:.0} | {median:.3} | {low:.3} to {high:.3} | {LEAST} |\n");
    }
    ensure!(slow.is_empty(), "{text}\nslower than {LEAST}: {}", slow.join(", "));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_interval_wholly_below_is_too_slow() {
        let rates = |last: [f64; 2]| -> Vec<Vec<f64>> {
            let usual = vec![100.0, 200.0];
            let all = [usual.clone(), usual.clone(), usual.clone(), usual, last.to_vec()];
            all.into()
        };
        let table = text(&rates([90.0, 199.0]), 2).expect("fast enough");
        assert!(table.contains("| all of them | 144 | 0.948 | 0.900 to 0.995 | 0.97 |"), "{table}");
        let error = text(&rates([90.0, 190.0]), 2).expect_err("too slow").to_string();
        assert!(error.ends_with("slower than 0.97: all of them"), "{error}");
    }
}
