//! Who asks container engines for clients: threads that keep the rights this takes, which those of the server give up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use hyper::body::Bytes;
use serde_json::json;
use tokio::sync::{mpsc::Sender, oneshot};

use crate::{
    confine,
    state::container::{
        EngineSocket, Options,
        engine::{Answered, Event, Question, Row, Wish, ask, follow_events},
    },
    thread::{self, NoThread},
};

/// The most questions at a time; more are refused.
const AT_ONCE: usize = 4;
/// The most streams of events, which stay.
const STREAMS: usize = 8;
/// The most past events of an answer; no more are read.
const MAX_EVENTS: usize = 16_384;
/// After so long without an event a stream says that it lives, so that one whose client has gone ends.
const STILL: Duration = Duration::from_secs(15);

/// What a client wants to know; nothing means that it is refused.
type Answers = oneshot::Sender<Option<Vec<Answered>>>;
/// The same of events, with what engines cannot tell.
type Happened = oneshot::Sender<Option<(Vec<Row>, Vec<String>)>>;

/// What is asked.
enum Wanted {
    Rows(Question, Option<String>, Answers),
    Past(Wish, String, Happened),
    Stream(Wish, String, Sender<Bytes>),
}

/// Asks engines.
#[derive(Debug)]
pub(super) struct Engines {
    wanted: mpsc::SyncSender<Wanted>,
}

impl Engines {
    /// Starts the thread from which the others get their rights.
    ///
    /// # Errors
    /// There can be no thread.
    pub(super) fn start(sockets: Vec<EngineSocket>) -> Result<Self, NoThread> {
        let (wanted, all) = mpsc::sync_channel(AT_ONCE);
        thread::begin("asking", move || {
            confine::of_engines();
            let options = Arc::new(Options { sockets, ..Options::default() });
            let (asking, streaming) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            while let Ok(wanted) = all.recv() {
                let (count, most) = match &wanted {
                    Wanted::Stream(..) => (&streaming, STREAMS),
                    Wanted::Rows(..) | Wanted::Past(..) => (&asking, AT_ONCE),
                };
                // What is dropped is refused.
                if count.load(Ordering::Relaxed) >= most {
                    continue;
                }
                count.fetch_add(1, Ordering::Relaxed);
                let place = Place(Arc::clone(count));
                let options = Arc::clone(&options);
                let _ = thread::begin("asking", move || {
                    wanted.carry_out(&options);
                    drop(place);
                });
            }
        })?;
        Ok(Self { wanted })
    }

    /// Asks all engines, or the one of that name; `None` when too much is asked.
    pub(super) async fn ask(&self, question: Question, only: Option<&str>) -> Option<Vec<Answered>> {
        let (to, answer) = oneshot::channel();
        self.wanted.try_send(Wanted::Rows(question, only.map(str::to_owned), to)).ok()?;
        answer.await.ok()?
    }

    /// What has happened, as an engine remembers it, and what it cannot tell.
    pub(super) async fn past(&self, wish: Wish, only: &str) -> Option<(Vec<Row>, Vec<String>)> {
        let (to, answer) = oneshot::channel();
        self.wanted.try_send(Wanted::Past(wish, only.to_owned(), to)).ok()?;
        answer.await.ok()?
    }

    /// What happens, as server-sent events; whether there is room for one more.
    pub(super) fn stream(&self, wish: Wish, only: &str, to: Sender<Bytes>) -> bool {
        self.wanted.try_send(Wanted::Stream(wish, only.to_owned(), to)).is_ok()
    }
}

/// One of those that ask at the same time.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Wanted {
    /// Whoever has gone needs no answer.
    fn carry_out(self, options: &Options) {
        match self {
            Self::Rows(question, only, to) => {
                let _ = to.send(ask(options, question, only.as_deref()).ok());
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
                let _ = to.send(asked.ok().map(|_| (rows, lacks)));
            }
            Self::Stream(wish, only, to) => {
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
