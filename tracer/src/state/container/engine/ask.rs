//! What people ask engines: versions, images, containers, how much these use, and what happens to them. Each engine that answers is asked
//! once, side by side with the others, and what it says becomes rows of the same fields, whatever its interface.
//!
//! Nothing here changes anything: HTTP is asked with GET alone, and gRPC with methods that read ([`super::grpc`]). Command lines and
//! environments are left out, because they may have secrets.

use std::{cell::Cell, collections::HashMap, rc::Rc, time::Duration};

use serde_json::{Map, Value};
use tokio::{
    task::{LocalSet, spawn_local},
    time::sleep,
};

use super::{
    Endpoint,
    api::Engine,
    client::{self, Client},
    endpoints,
    http::HttpError,
    trust,
};
use crate::state::container::{Options, Owner};

/// The most rows of an answer.
pub(super) const MAX_ROWS: usize = 16_384;
/// The most bytes of a list, MiB.
pub(super) const MAX_ANSWER_MIB: usize = 16;
/// How often is looked whether somebody still wants to know.
const LOOK: Duration = Duration::from_millis(100);

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Which version it is.
    Version,
    /// What it is and what it has.
    Info,
    /// Images that are there.
    Images,
    /// Containers, those that have stopped included.
    Containers,
    /// What containers that run use.
    Stats,
}

/// Which events are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// From when on, seconds since the epoch.
    pub since_s: u64,
    /// Whether to go on with those that come.
    pub follow: bool,
}

/// Fields by name. Those that an engine does not say are not there.
pub type Row = Map<String, Value>;

/// What an engine says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// One for each thing.
    pub rows: Vec<Row>,
    /// What it cannot answer, and why.
    pub lacks: Option<&'static str>,
    /// Whether there is more than was read.
    pub is_cut: bool,
}

impl Told {
    /// Only that it cannot answer.
    pub(super) fn cannot(why: &'static str) -> Self {
        Self { lacks: Some(why), ..Self::default() }
    }

    /// One row.
    pub(super) fn one(row: Row) -> Self {
        Self { rows: vec![row], ..Self::default() }
    }
}

/// What became of an engine that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What it is called: the engine, of a user with `@UID`, of several with a number.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// What it says, or why it does not.
    pub told: Result<Told, String>,
}

/// A row without the fields that nothing is known of.
pub(super) fn row<const N: usize>(fields: [(&str, Value); N]) -> Row {
    let known = fields.into_iter().filter(|(_, value)| !value.is_null() && *value != "");
    known.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// An engine to be asked.
struct Asked {
    name: String,
    address: String,
    engine: Result<Rc<dyn Engine>, String>,
}

/// Asks all engines that these options name.
///
/// # Errors
/// There can be no runtime.
pub fn ask(options: &Options, question: Question, only: Option<&str>) -> std::io::Result<Vec<Answered>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answers = LocalSet::new().block_on(&runtime, async {
        let mut tasks = Vec::new();
        for asked in greet_all(options).await.into_iter().filter(|asked| only.is_none_or(|name| asked.is_called(name)))
        {
            tasks.push(spawn_local(async move {
                let told = match &asked.engine {
                    Ok(engine) => engine.ask(question).await.map_err(|error| client::cause(&error)),
                    Err(why) => Err(why.clone()),
                };
                Answered { name: asked.name, address: asked.address, told }
            }));
        }
        let mut answers = Vec::new();
        for task in tasks {
            answers.extend(task.await.ok());
        }
        answers
    });
    runtime.shutdown_background();
    Ok(answers)
}

impl Asked {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.address == name
    }
}

/// What comes of events: the name of an engine, and what happened, or what it cannot tell.
pub type Event = (String, Result<Row, String>);

/// How many engines were there: those that answered, and the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// They answered.
    pub answered: usize,
    /// They are there, or somebody asked for them, and they did not.
    pub silent: usize,
}

/// Tells the events of all engines until each has ended, or `to` or `stops` says that nobody wants to know.
///
/// # Errors
/// There can be no runtime.
pub fn follow(
    options: &Options,
    wish: Wish,
    only: Option<&str>,
    to: impl Fn(Event) -> bool + 'static,
    stops: impl Fn() -> bool,
) -> std::io::Result<Heard> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let heard = LocalSet::new().block_on(&runtime, async {
        let mut heard = Heard::default();
        let mut tasks = tokio::task::JoinSet::new();
        let (to, is_over) = (Rc::new(to), Rc::new(Cell::new(false)));
        for asked in greet_all(options).await.into_iter().filter(|asked| only.is_none_or(|name| asked.is_called(name)))
        {
            let (to, is_over) = (Rc::clone(&to), Rc::clone(&is_over));
            *if asked.engine.is_ok() { &mut heard.answered } else { &mut heard.silent } += 1;
            tasks.spawn_local(async move {
                let name = asked.name.clone();
                let mut send = |row| {
                    if !is_over.get() && !to((name.clone(), Ok(row))) {
                        is_over.set(true);
                    }
                };
                let why = match &asked.engine {
                    Ok(engine) => match engine.tell(wish, &mut send).await {
                        Ok(told) if told.lacks.is_some() => told.lacks.map(str::to_owned),
                        Ok(_) if wish.follow => Some("it has gone".to_owned()),
                        Ok(_) => None,
                        Err(error) => Some(client::cause(&error)),
                    },
                    Err(why) => Some(why.clone()),
                };
                if let Some(why) = why {
                    let _ = to((name, Err(why)));
                }
            });
        }
        let stopped = async {
            while !stops() && !is_over.get() {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = stopped => {}
            () = async { while tasks.join_next().await.is_some() {} } => {}
        }
        heard
    });
    runtime.shutdown_background();
    Ok(heard)
}

/// Greets all engines that are there, side by side.
async fn greet_all(options: &Options) -> Vec<Asked> {
    let mut tasks = Vec::new();
    for endpoint in endpoints(options) {
        let host_root = options.host_root.clone();
        tasks.push(spawn_local(async move { greet(&endpoint, &host_root).await }));
    }
    let mut all: Vec<Asked> = Vec::new();
    let mut same: HashMap<String, usize> = HashMap::new();
    for task in tasks {
        let Some(mut asked) = task.await.ok().flatten() else { continue };
        // The same engine may be in several places.
        if all.iter().any(|other| other.address == asked.address) {
            continue;
        }
        let count = same.entry(asked.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            asked.name = format!("{}-{count}", asked.name);
        }
        all.push(asked);
    }
    all
}

/// Greets an engine; `None` if it is not there, and nobody asked for it.
async fn greet(endpoint: &Endpoint, host_root: &std::path::Path) -> Option<Asked> {
    let called = |runtime: &str, owner: Owner| match owner {
        Owner::User(uid) => format!("{runtime}@{uid}"),
        Owner::Machine | Owner::Anyone => runtime.to_owned(),
    };
    let mut failed = None;
    for address in endpoint.existing() {
        let owner = match endpoint.owner_of(address, host_root) {
            Ok(owner) => owner,
            Err(distrust) => {
                // Any user could have it said that there is such a socket.
                let why = format!("it is not asked: {distrust} ({})", trust::HINT);
                failed = endpoint.asked_for.then(|| (address.to_string(), Owner::Machine, why)).or(failed);
                continue;
            }
        };
        match Client::greet(endpoint.api, address, owner).await {
            Ok(client) => {
                let name = called(client.engine.version().runtime, owner);
                return Some(Asked { name, address: address.to_string(), engine: Ok(client.engine) });
            }
            // Docker's own containerd has none, and Docker names its containers.
            Err(super::EndpointError::Http(HttpError::NoCri)) if !endpoint.asked_for => {}
            Err(error) => {
                let cause = client::cause(&error);
                let other = match endpoint.asked_for {
                    true => client::another(endpoint.api, address, owner, &cause).await,
                    false => None,
                };
                failed = Some((address.to_string(), owner, other.unwrap_or(cause)));
            }
        }
    }
    let absent = || {
        let address = endpoint.addresses.first().map(ToString::to_string).unwrap_or_default();
        endpoint.asked_for.then(|| (address, Owner::Machine, "the socket does not exist".to_owned()))
    };
    let (address, owner, why) = failed.or_else(absent)?;
    let name = endpoint.runtime.unwrap_or_else(|| endpoint.api.name());
    Some(Asked { name: called(name, owner), address, engine: Err(why) })
}
