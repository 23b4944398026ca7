//! Sending logs elsewhere: one queue and one thread for each target.
//!
//! `target` reads URLs of the kinds that `protocol` lists; `queue` holds what has not arrived, with `spill` on disk; a `worker` sends it with a transport: `http`
//! (requests), `wire` (messages), `files`. `trust` is for TLS. Each protocol has a file.
//!
//! When a queue is full, reading stops: then the files of the runtimes are the buffer. With [`Full::Drop`] new lines are dropped and counted.

mod clickhouse;
mod elastic;
mod files;
mod fluent;
mod gelf;
mod http;
mod lines;
mod loki;
mod otlp;
mod protocol;
mod queue;
mod spill;
mod syslog;
mod target;
mod trust;
mod wire;
mod worker;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use self::{
    queue::{Queue, Record},
    spill::Spill,
};
use super::{Entry, Writer, follow::now_ns, sink::Sink};
use crate::{message::note, thread};

pub use protocol::{ALL, Protocol, Rest, Scheme, TargetOption, describe, forms};
pub use queue::Tally;
pub use target::{Target, TargetError};

/// How long what is left at the end is tried to be sent, after the last success.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How often is looked whether the run is to end while a queue is full.
const LOOK: Duration = Duration::from_millis(100);

/// How often it is written down how far what is on disk has arrived.
const SYNC: Duration = Duration::from_secs(1);

/// What is done with a line for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Full {
    /// Wait: the logs themselves are the buffer
    #[default]
    Wait,
    /// Drop it, and count it as lost
    Drop,
}

/// How lines wait for a target.
#[derive(Debug, Clone, Default)]
pub struct Queues {
    /// How many bytes in memory.
    pub max_bytes: usize,
    /// What is done when there is no room.
    pub full: Full,
    /// A folder for those that have no room in memory, and how many bytes.
    pub spill: Option<(PathBuf, u64)>,
}

struct Line {
    target: Target,
    queue: Arc<Queue>,
    worker: Option<JoinHandle<()>>,
}

/// Sends records to targets.
pub struct Shipper {
    lines: Vec<Line>,
    full: Full,
    gives_up: bool,
    stop: Arc<AtomicBool>,
    handed_over: u64,
    /// When it was last written down how far what is on disk has arrived.
    synced: Instant,
}

/// What this machine is called.
fn own_host() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

impl Shipper {
    /// Begins to send to these targets, each with a queue. With `gives_up`, `stop` is set when a target takes nothing for long: a run that is to end must
    /// not wait for ever.
    ///
    /// # Errors
    /// A target cannot be used as it is, and why.
    pub fn start(
        targets: &[Target],
        Queues { max_bytes, full, spill }: &Queues,
        gives_up: bool,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, String> {
        let mut lines = Vec::new();
        for target in targets {
            let transport = (target.prepared)().map_err(|why| format!("cannot send to {target}: {why}"))?;
            let spill = spill.as_ref().map(|(root, max)| Spill::open(root, &target.name(), *max)).transpose()?;
            let queue = Arc::new(Queue::new(*max_bytes, spill));
            let (own_queue, name) = (Arc::clone(&queue), target.url.clone());
            let worker = thread::begin("logs to a target", move || worker::work(&own_queue, &name, transport));
            let worker = worker.map_err(|error| format!("{error}\nhint: {}", error.hint()))?;
            lines.push(Line { target: target.clone(), queue, worker: Some(worker) });
        }
        Ok(Self { lines, full: *full, gives_up, stop, handed_over: 0, synced: Instant::now() })
    }

    fn wait_for_all(&mut self) {
        self.lines.iter().for_each(|line| line.queue.close(PATIENCE));
        for line in &mut self.lines {
            let _ = line.worker.take().map(JoinHandle::join);
            line.queue.keep_rest();
        }
    }

    /// What became of everything, for each target.
    #[must_use]
    pub fn end(mut self) -> Vec<(Target, Tally)> {
        self.wait_for_all();
        let ended = self.lines.into_iter().map(|line| (line.target, line.queue.end("not sent when the run ended")));
        ended.collect()
    }
}

impl Sink for Shipper {
    fn expect(&mut self, _: &Writer) {}

    fn entry(&mut self, writer: &Arc<Writer>, entry: &Entry) -> io::Result<()> {
        let record = Arc::new(Record { writer: Arc::clone(writer), entry: entry.clone(), read_ns: now_ns() });
        let number = self.handed_over;
        self.handed_over += 1;
        for Line { queue, target, .. } in &self.lines {
            if queue.is_broken() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if target.wanted.as_ref().is_some_and(|wanted| !wanted.wants(writer, entry)) {
                continue;
            }
            if self.full == Full::Drop {
                if !queue.push(number, &record, Duration::ZERO) {
                    queue.lose("the queue was full");
                }
                continue;
            }
            let mut success = (queue.ended(), Instant::now());
            while !queue.push(number, &record, LOOK) {
                if queue.ended() != success.0 {
                    success = (queue.ended(), Instant::now());
                }
                if self.gives_up && success.1.elapsed() >= PATIENCE {
                    note(&format!("warning: {target} has taken nothing for {} s: no more is read", PATIENCE.as_secs()));
                    self.stop.store(true, Ordering::Relaxed);
                }
                if self.stop.load(Ordering::Relaxed) {
                    queue.lose("the queue was full when the run ended");
                    break;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.lines.iter().any(|line| line.queue.is_broken()) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.synced.elapsed() >= SYNC {
            self.synced = Instant::now();
            self.settled();
        }
        Ok(())
    }

    fn handed_over(&self) -> u64 {
        self.handed_over
    }

    fn settled(&mut self) -> u64 {
        for Line { queue, target, .. } in &self.lines {
            if let Err(error) = queue.sync() {
                note(&format!("warning: cannot keep lines for {target} on disk: {error}"));
                // Nothing more is known to be safe.
                return 0;
            }
        }
        self.lines.iter().filter_map(|line| line.queue.first()).min().unwrap_or(self.handed_over)
    }

    fn drain(&mut self) -> io::Result<()> {
        self.wait_for_all();
        Ok(())
    }
}
