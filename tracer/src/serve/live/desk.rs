//! Who listens, and what the engine is asked for them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    kept::{self, Piece, To},
    question::Question,
    secret::Shows,
};
use crate::{
    fields::Show,
    filter::Filter,
    output::Out,
    pipeline::{self, Answer, Asked, Commander, Mode},
    sink::{Outputs, Sink},
    source::live::groups,
    thread::NoThread,
};

/// The most who listen at a time: each costs the engine's time.
const MAX_LISTENERS: usize = 16;
/// Pieces that wait for a listener.
const QUEUE: usize = 64;
/// Whoever has not been answered by the engine for so long is told so.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is always counted, among the listeners.
const ALWAYS: u64 = 0;

/// How the engine is asked.
pub struct Engine {
    /// The filter before everything.
    pub filter: Option<String>,
    /// Sizes and switches, whatever is asked for.
    pub mode: Box<dyn Fn() -> anyhow::Result<Mode> + Send + Sync>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl Engine {
    /// What is always counted and what these listeners want, as one question. In the engine's thread.
    fn outputs(&self, listeners: &[u64]) -> anyhow::Result<Outputs> {
        let filter = self.filter.as_deref().map(|text| Filter::compile(text, Show::PLAIN)).transpose()?;
        Ok(Outputs::new(filter, kept::parts(listeners), Out::memory(), None))
    }

    /// The first question: what is always counted.
    pub(in crate::serve) fn begin(&self, sinks: Vec<Box<dyn Sink>>) -> anyhow::Result<Outputs> {
        kept::keep(ALWAYS, None, sinks, None, kept::Pace::Own, crate::serve::measured::epoch_ns());
        self.outputs(&[ALWAYS])
    }

    fn question(&self, listeners: &BTreeMap<u64, (Question, To)>, shows: Shows) -> anyhow::Result<pipeline::Question> {
        for (listener, (question, to)) in listeners {
            // Who has gone meanwhile needs none.
            if !kept::has(*listener) && !to.is_closed() {
                let (filter, sinks, pace) = question.sinks(shows, to.clone())?;
                kept::keep(*listener, filter, sinks, Some(to.clone()), pace, crate::serve::measured::epoch_ns());
            }
        }
        let all: Vec<u64> = listeners.keys().copied().chain([ALWAYS]).collect();
        let mut outputs = self.outputs(&all)?;
        let asked = Asked::of(&mut outputs, &(self.mode)()?, groups::has_socket_hooks);
        let interval = outputs.interval_ms().map(Duration::from_millis);
        Ok(pipeline::Question { outputs, asked, interval })
    }
}

#[derive(Debug, Default)]
struct Listeners {
    last: u64,
    open: BTreeMap<u64, (Question, To)>,
}

/// Why nobody can listen.
#[derive(Debug, thiserror::Error)]
pub(in crate::serve) enum Refused {
    #[error("{MAX_LISTENERS} clients look at events, tables and chisels already; try again later")]
    TooMany,
    #[error("tracing has not begun yet")]
    NotYet,
    #[error("the engine does not answer")]
    Stuck,
    #[error("the kernel cannot be asked: {0}")]
    Engine(String),
    #[error(transparent)]
    Thread(#[from] NoThread),
}

/// Where clients ask.
#[derive(Debug)]
pub(in crate::serve) struct Desk {
    commander: Commander,
    engine: OnceLock<Arc<Engine>>,
    listeners: Mutex<Listeners>,
    shows: Shows,
}

impl Desk {
    pub(in crate::serve) fn new(commander: Commander, shows: Shows) -> Self {
        Self { commander, engine: OnceLock::new(), listeners: Mutex::default(), shows }
    }

    /// From here on, clients may ask.
    pub(in crate::serve) fn open(&self, engine: Arc<Engine>) {
        let _ = self.engine.set(engine);
    }

    /// What clients are shown.
    pub(in crate::serve) fn shows(&self) -> Shows {
        self.shows
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for what all want who are there. Commands are carried out in the order in which they are put, under the lock.
    fn put(&self, listeners: &Listeners) -> Option<Answer> {
        let (engine, shows, open) = (Arc::clone(self.engine.get()?), self.shows, listeners.open.clone());
        Some(self.commander.ask(move || engine.question(&open, shows)))
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// Too many do, or the engine cannot be asked.
    pub(in crate::serve) async fn listen(self: &Arc<Self>, question: Question) -> Result<Listening, Refused> {
        let (to, pieces) = mpsc::channel(QUEUE);
        let (listener, answer) = {
            let mut listeners = self.listeners();
            if listeners.open.len() >= MAX_LISTENERS {
                return Err(Refused::TooMany);
            }
            listeners.last += 1;
            let listener = listeners.last;
            listeners.open.insert(listener, (question, to));
            (listener, self.put(&listeners))
        };
        // Whatever happens from here on, it is removed.
        let listening = Listening { listener, desk: Arc::clone(self), pieces };
        let answer = answer.ok_or(Refused::NotYet)?;
        let answer = tokio::task::spawn_blocking(move || answer.recv_timeout(PATIENCE)).await;
        match answer {
            Ok(Ok(Ok(()))) => Ok(listening),
            Ok(Ok(Err(error))) => Err(Refused::Engine(format!("{error:#}"))),
            Ok(Err(_)) | Err(_) => Err(Refused::Stuck),
        }
    }

    fn leave(&self, listener: u64) {
        let mut listeners = self.listeners();
        if listeners.open.remove(&listener).is_some() {
            let _ = self.put(&listeners);
        }
    }
}

/// Somebody who listens; not any more when it is dropped.
#[derive(Debug)]
pub(in crate::serve) struct Listening {
    listener: u64,
    desk: Arc<Desk>,
    pieces: mpsc::Receiver<Piece>,
}

impl Listening {
    /// The next piece; `None` when no more comes.
    pub(in crate::serve) async fn next(&mut self) -> Option<Piece> {
        self.pieces.recv().await
    }

    /// It has heard enough: what is left comes, and then nothing more.
    pub(in crate::serve) fn finish(&self) {
        self.desk.leave(self.listener);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.finish();
    }
}
