//! What requests are answered from: the newest snapshot, what the kernel's files say, the last minutes, and settings that may change.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use tokio::sync::{oneshot, watch};

use super::{
    disk,
    engines::Engines,
    gather::Snapshot,
    happened::{Happened, Happening, What},
    history::History,
    http::Web,
    live::Desk,
    measured::{Measured, Picture, Process, Reader},
    metrics::{ContainerLabels, LeftOut},
};
use crate::{
    confine,
    message::note,
    state::container::EngineSocket,
    thread::{self, NoThread},
};

/// A picture that is younger serves several who ask at the same time.
pub(super) const FRESH: Duration = Duration::from_millis(500);
/// The most streams of one server, beside which others can still ask.
pub(super) const MAX_STREAMS: usize = 32;
/// While somebody looks, the last minutes are kept in steps of so long; else in steps of [`IDLE_STEP`].
const STEP: Duration = Duration::from_secs(1);
const IDLE_STEP: Duration = Duration::from_secs(60);
/// Who has asked within so long still looks.
const LOOKS_FOR: Duration = Duration::from_secs(60);
/// Whoever has not heard from the engine for so long takes it to be stuck.
const STUCK: Duration = Duration::from_secs(10);

/// What may change while the server runs.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Which labels of containers become labels of metrics.
    pub(super) labels: ContainerLabels,
    /// The most series of `/metrics`.
    pub(super) max_series: usize,
    pub(super) web: Arc<Web>,
}

/// What is asked of the thread that reads files.
enum Question {
    All(oneshot::Sender<Picture>),
    One(String, oneshot::Sender<Option<(Measured, Vec<String>)>>),
    Processes(String, oneshot::Sender<Vec<Process>>),
}

/// All of it.
#[derive(Debug)]
pub(super) struct Site {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    questions: mpsc::Sender<Question>,
    engines: Engines,
    newest: tokio::sync::Mutex<Option<(Instant, Arc<Picture>)>>,
    history: Mutex<History>,
    /// What the kernel's files say that happened.
    read: Mutex<Happened>,
    settings: RwLock<Settings>,
    /// What all paths begin with; empty for nothing.
    prefix: String,
    looked: Mutex<Option<Instant>>,
    streams: Arc<()>,
    desk: Arc<Desk>,
    /// Whether `/metrics` left something out the last time.
    is_cut: AtomicBool,
}

impl Site {
    /// Starts the thread that reads files. It keeps the rights that this takes; the threads of the server need none.
    ///
    /// # Errors
    /// There can be no thread.
    pub(super) fn new(
        snapshots: watch::Receiver<Arc<Snapshot>>,
        settings: Settings,
        prefix: String,
        sockets: Vec<EngineSocket>,
        disk: Option<disk::All>,
        desk: Arc<Desk>,
    ) -> Result<Self, NoThread> {
        let (questions, asked) = mpsc::channel();
        let of_thread = snapshots.clone();
        thread::begin("reader", move || {
            confine::reader();
            let mut reader = Reader::new(disk);
            while let Ok(question) = asked.recv() {
                // Whoever has gone needs no answer.
                match question {
                    Question::All(to) => {
                        let snapshot = Arc::clone(&of_thread.borrow());
                        let _ = to.send(reader.read(&snapshot));
                    }
                    Question::One(path, to) => {
                        let _ = to.send(reader.one(&path));
                    }
                    Question::Processes(path, to) => {
                        let _ = to.send(reader.processes(&path));
                    }
                }
            }
        })?;
        Ok(Self {
            snapshots,
            questions,
            engines: Engines::start(sockets)?,
            newest: tokio::sync::Mutex::default(),
            history: Mutex::default(),
            read: Mutex::default(),
            settings: RwLock::new(settings),
            prefix,
            looked: Mutex::default(),
            streams: Arc::default(),
            desk,
            is_cut: AtomicBool::default(),
        })
    }

    /// The newest snapshot.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// Snapshots as they come: only those that come from now on are changes.
    pub(super) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        let mut snapshots = self.snapshots.clone();
        snapshots.mark_unchanged();
        snapshots
    }

    /// What the kernel's files say, not older than that; those who ask at the same time share it.
    pub(super) async fn picture(&self, max_age: Duration) -> Arc<Picture> {
        let mut newest = self.newest.lock().await;
        if let Some((at, picture)) = &*newest
            && at.elapsed() <= max_age
        {
            return Arc::clone(picture);
        }
        let (to, answer) = oneshot::channel();
        let asked = self.questions.send(Question::All(to)).is_ok();
        let picture = if asked { answer.await.ok() } else { None };
        let picture = Arc::new(picture.unwrap_or_else(|| Picture { failed: true, ..Picture::default() }));
        let before = newest.replace((Instant::now(), Arc::clone(&picture))).map(|(_, before)| before);
        let snapshot = self.snapshot();
        if let Some(before) = before {
            self.compare(&snapshot, &before, &picture);
        }
        self.history.lock().unwrap_or_else(PoisonError::into_inner).add(&snapshot, &picture);
        picture
    }

    /// Which containers had processes killed for want of memory between two pictures.
    fn compare(&self, snapshot: &Snapshot, before: &Picture, now: &Picture) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, measured) in &now.containers {
            let kills = |measured: &Measured| measured.resources.memory.oom_kills;
            let (Some(live), Some(kills_now)) = (snapshot.live.get(id), kills(measured)) else { continue };
            // What was not there before has begun with none.
            let kills_before = before.containers.get(id).map_or(Some(0), kills).unwrap_or(kills_now);
            if kills_now > kills_before && (before.containers.contains_key(id) || !live.was_there) {
                read.add(&live.known.cgroup, measured.now_ns, What::OomKill);
            }
        }
    }

    /// What happened behind these numbers, as tracing saw it and as the kernel's files say, and the numbers of the newest: nothing is told
    /// twice to who asks with them again.
    pub(super) fn happened(&self, [traced, read]: [u64; 2]) -> (Vec<Arc<Happening>>, [u64; 2]) {
        let (of_files, snapshot) = (self.read.lock().unwrap_or_else(PoisonError::into_inner), self.snapshot());
        let all = snapshot.happened.since(traced).chain(of_files.since(read)).map(Arc::clone).collect();
        (all, [snapshot.happened.last(), of_files.last()])
    }

    /// What the files of one cgroup say, and the names of those in it.
    pub(super) async fn cgroup(&self, path: &str) -> Option<(Measured, Vec<String>)> {
        let (to, answer) = oneshot::channel();
        self.questions.send(Question::One(path.to_owned(), to)).ok()?;
        answer.await.ok()?
    }

    /// The processes of a cgroup.
    pub(super) async fn processes(&self, path: &str) -> Vec<Process> {
        let (to, answer) = oneshot::channel();
        let asked = self.questions.send(Question::Processes(path.to_owned(), to)).is_ok();
        if asked { answer.await.unwrap_or_default() } else { Vec::new() }
    }

    /// Who asks the engines.
    pub(super) fn engines(&self) -> &Engines {
        &self.engines
    }

    /// Looks at the last minutes.
    pub(super) fn with_history<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        look(&self.history.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Somebody looks at the last minutes: from now on they are kept in small steps.
    pub(super) fn looked(&self) {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Keeps the last minutes.
    pub(super) async fn keep_history(&self) {
        let mut idle = IDLE_STEP;
        loop {
            tokio::time::sleep(STEP).await;
            let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let looks = looked.is_some_and(|at| at.elapsed() < LOOKS_FOR);
            idle += STEP;
            if looks || idle >= IDLE_STEP {
                idle = Duration::ZERO;
                // Whoever scrapes has made a point.
                let _ = self.picture(if looks { STEP / 2 } else { IDLE_STEP }).await;
            }
        }
    }

    /// What protects the server.
    pub(super) fn web(&self) -> Arc<Web> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner).web)
    }

    /// Which labels become labels of metrics, and how many series there may be.
    pub(super) fn of_metrics(&self) -> (ContainerLabels, usize) {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        (settings.labels.clone(), settings.max_series)
    }

    /// Says what `/metrics` leaves out, when that begins.
    pub(super) fn left_out(&self, left_out: LeftOut) {
        let LeftOut { whole, containers, details, cut } = left_out;
        let is_some = whole + details > 0;
        if is_some && !self.is_cut.swap(is_some, Ordering::Relaxed) {
            let all = whole + details;
            note(&format!(
                "warning: /metrics leaves out {all} series because of --max-series: {containers} containers, and errors and durations of {cut} \
                 others\nhint: a higher --max-series shows them; tracer_workload_* has the sums of all"
            ));
        } else if !is_some {
            self.is_cut.store(false, Ordering::Relaxed);
        }
    }

    /// Changes what may change.
    pub(super) fn change(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// The path of a request below the prefix; `None` for one that is not below it.
    pub(super) fn own_path(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(&self.prefix)?;
        if rest.is_empty() {
            return Some("/".to_owned());
        }
        rest.starts_with('/').then(|| rest.to_owned())
    }

    /// What all links begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Where the running kernel is asked.
    pub(super) fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }

    /// A place for a stream, for as long as it is held; `None` if there are `most` already.
    pub(super) fn stream(&self, most: usize) -> Option<Arc<()>> {
        (Arc::strong_count(&self.streams) <= most).then(|| Arc::clone(&self.streams))
    }

    /// Why the engine is not well; `None` if it is.
    pub(super) fn illness(&self) -> Option<String> {
        let snapshot = self.snapshot();
        if snapshot.now_ns == 0 {
            return Some("tracing has not begun yet".to_owned());
        }
        let age = Duration::from_nanos(super::measured::epoch_ns().saturating_sub(snapshot.now_ns));
        (age > STUCK).then(|| format!("nothing was heard from the engine for {} s", age.as_secs()))
    }
}
