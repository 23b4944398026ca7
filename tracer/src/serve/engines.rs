//! Who asks container engines for clients: threads that keep the rights this takes, which those of the server give up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use hyper::body::Bytes;
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc::Sender, oneshot},
    time::timeout,
};

use crate::{
    confine,
    state::container::{
        EngineSocket, Options,
        engine::{Answered, Event, Question, Row, Wish, ask, follow_events},
    },
    thread::{self, NoThread},
};

/// The most questions at a time; more wait.
const AT_ONCE: usize = 4;
/// How long a question waits until it can be asked; after that it is refused.
const WAITS: Duration = Duration::from_secs(10);
/// The most streams of events, which stay.
const STREAMS: usize = 8;
/// How long a stream waits for a place: that of a client that has just gone becomes free.
const STREAM_WAITS: Duration = Duration::from_secs(1);
/// The most past events of an answer; no more are read.
const MAX_EVENTS: usize = 16_384;
/// After so long without an event a stream says that it lives, so that one whose client has gone ends.
const STILL: Duration = Duration::from_secs(15);

/// What is asked, and where the answer goes; without one, engines could not be asked.
enum Wanted {
    Rows(Question, Option<String>, oneshot::Sender<Vec<Answered>>),
    Past(Wish, String, oneshot::Sender<Past>),
    /// First goes whether there is such an engine.
    Stream(Wish, String, oneshot::Sender<bool>, Sender<Bytes>),
}

/// What has happened, as an engine remembers it.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) rows: Vec<Row>,
    /// What it cannot tell.
    pub(super) lacks: Vec<String>,
    /// Whether there is such an engine.
    pub(super) is_there: bool,
}

/// Asks engines.
#[derive(Debug)]
pub(super) struct Engines {
    /// With a place, so there are never many.
    wanted: mpsc::Sender<(Wanted, OwnedSemaphorePermit)>,
    asking: Arc<Semaphore>,
    streaming: Arc<Semaphore>,
}

impl Engines {
    /// Starts the thread from which the others get their rights.
    ///
    /// # Errors
    /// There can be no thread.
    pub(super) fn start(sockets: Vec<EngineSocket>) -> Result<Self, NoThread> {
        let (wanted, all) = mpsc::channel::<(Wanted, OwnedSemaphorePermit)>();
        thread::begin("asking", move || {
            confine::of_engines();
            let options = Arc::new(Options { sockets, ..Options::default() });
            while let Ok((wanted, place)) = all.recv() {
                let options = Arc::clone(&options);
                let _ = thread::begin("asking", move || {
                    wanted.carry_out(&options);
                    drop(place);
                });
            }
        })?;
        let places = |most| Arc::new(Semaphore::new(most));
        Ok(Self { wanted, asking: places(AT_ONCE), streaming: places(STREAMS) })
    }

    /// Asks once there is a place, and returns the answer; `None` if there is none for too long.
    async fn put<T>(
        &self,
        places: &Arc<Semaphore>,
        patience: Duration,
        wanted: impl FnOnce(oneshot::Sender<T>) -> Wanted,
    ) -> Option<T> {
        let place = timeout(patience, Arc::clone(places).acquire_owned()).await.ok()?.ok()?;
        let (to, answer) = oneshot::channel();
        self.wanted.send((wanted(to), place)).ok()?;
        answer.await.ok()
    }

    /// Asks all engines, or the one of that name; `None` when too much is asked.
    pub(super) async fn ask(&self, question: Question, only: Option<&str>) -> Option<Vec<Answered>> {
        let only = only.map(str::to_owned);
        self.put(&self.asking, WAITS, |to| Wanted::Rows(question, only, to)).await
    }

    /// What has happened; `None` when too much is asked.
    pub(super) async fn past(&self, wish: Wish, only: &str) -> Option<Past> {
        self.put(&self.asking, WAITS, |to| Wanted::Past(wish, only.to_owned(), to)).await
    }

    /// What happens, as server-sent events: whether there is such an engine; `None` when there are too many streams.
    pub(super) async fn stream(&self, wish: Wish, only: &str, pieces: Sender<Bytes>) -> Option<bool> {
        let only = only.to_owned();
        self.put(&self.streaming, STREAM_WAITS, |to| Wanted::Stream(wish, only, to, pieces)).await
    }
}

impl Wanted {
    /// Whoever has gone needs no answer.
    fn carry_out(self, options: &Options) {
        match self {
            Self::Rows(question, only, to) => {
                // Without an answer it is as if too much were asked.
                let _ = ask(options, question, only.as_deref()).map(|answers| to.send(answers));
            }
            Self::Past(wish, only, to) => {
                let (send, events) = mpsc::channel();
                let mut taken = 0_usize;
                let counted = std::cell::Cell::new(0_usize);
                let send = move |event: Event| {
                    counted.set(counted.get() + 1);
                    counted.get() <= MAX_EVENTS && send.send(event).is_ok()
                };
                let asked = follow_events(options, wish, Some(&only), send, || to.is_closed());
                let (mut rows, mut lacks) = (Vec::new(), Vec::new());
                for (_, event) in events {
                    taken += 1;
                    match event {
                        Ok(row) => rows.push(row),
                        Err(why) => lacks.push(why),
                    }
                }
                if taken >= MAX_EVENTS {
                    lacks.push(format!("there are more than {MAX_EVENTS} events: ask for later ones with since"));
                }
                let _ = asked.map(|heard| to.send(Past { rows, lacks, is_there: heard.answered + heard.silent > 0 }));
            }
            Self::Stream(wish, only, is_there, to) => {
                let Ok(answers) = ask(options, Question::Version, Some(&only)) else { return };
                if is_there.send(!answers.is_empty()).is_err() || answers.is_empty() {
                    return;
                }
                let (lost, gone) = (AtomicU64::new(0), to.clone());
                let send = move |(_, event): Event| {
                    let mut message = match event {
                        Ok(row) => serde_json::Value::Object(row),
                        Err(why) => json!({ "lacks": why }),
                    };
                    let before = lost.load(Ordering::Relaxed);
                    if before > 0 {
                        message["lost_before"] = before.into();
                    }
                    // A client that does not read is not waited for.
                    match to.try_send(Bytes::from(format!("data: {message}\n\n"))) {
                        Ok(()) => lost.store(0, Ordering::Relaxed),
                        Err(_) => lost.store(before + 1, Ordering::Relaxed),
                    }
                    !to.is_closed()
                };
                let spoke = std::cell::Cell::new(std::time::Instant::now());
                let stops = || {
                    if spoke.get().elapsed() >= STILL {
                        spoke.set(std::time::Instant::now());
                        let _ = gone.try_send(Bytes::from_static(b": still here\n\n"));
                    }
                    gone.is_closed()
                };
                let _ = follow_events(options, wish, Some(&only), send, stops);
            }
        }
    }
}
