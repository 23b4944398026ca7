//! What an engine is to tracer: something that lists containers, says what happens to them, and describes one.
//!
//! A way of asking is one implementation of [`Engine`] and one row of [`Api`]. Which runtimes are asked in which way, and
//! where, the list of runtimes says. What an engine cannot do it says, too ([`Engine::lacks`]).

use std::{fmt, future::Future, pin::Pin, rc::Rc, time::Duration};

use tokio::{task::spawn_local, time::sleep};

use super::{
    Answer, Metadata, Shared,
    ask::{Question, Row, Told, Wish},
    client::{INSPECTION_TIMEOUT, LIST_TIMEOUT, Urgent},
    containerd,
    docker::{self, client::LogBody},
    endpoint::EndpointError,
    http::within,
    logs::LogWish,
    lxd,
    pace::Pace,
    way::Way,
};
use crate::state::container::{Owner, runtime};

/// Pauses before an engine is asked again that does not know a container yet.
pub(super) const AGAIN: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(150), Duration::from_millis(300)];

/// What comes later, on the thread of the engines.
pub(super) type Soon<'a, T> = Pin<Box<dyn Future<Output = Result<T, EndpointError>> + 'a>>;

/// A way of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Docker's HTTP, which Podman has, too.
    Docker,
    /// gRPC: the interface between kubelet and container runtimes (CRI), and of containerd its own services, too.
    Cri,
    /// HTTP of LXD, which Incus has, too.
    Lxd,
}

impl Api {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Docker, Self::Cri, Self::Lxd];

    /// What an engine is called as long as it has not said which it is.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Cri => "containerd",
            Self::Lxd => "lxd",
        }
    }

    /// Learns which engine is there, and agrees with it on a version.
    pub(super) fn greet(self, way: Way, pace: Rc<Pace>) -> Soon<'static, Rc<dyn Engine>> {
        match self {
            Self::Docker => Box::pin(docker::client::greet(way, pace)),
            Self::Cri => Box::pin(containerd::greet(way, pace)),
            Self::Lxd => Box::pin(lxd::client::greet(way, pace)),
        }
    }
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// Which engine it is: `container.type` of its containers.
    pub(super) runtime: &'static str,
    /// The engine's version.
    pub(super) number: String,
    /// The version of the interface to use with it.
    pub(super) api: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, API {}", self.runtime, self.number, self.api)
    }
}

/// The ids of a list.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) ids: Vec<String>,
    /// Whether there are more than may be listed.
    pub(super) is_cut: bool,
}

/// An engine that answers. Whoever implements it bounds what is read: its time, length, number and pace.
pub(super) trait Engine: fmt::Debug {
    /// Which engine it is.
    fn version(&self) -> &Version;

    /// What it cannot do, and what is done instead; `None` if it can do everything.
    fn lacks(&self) -> Option<&'static str> {
        None
    }

    /// Whether it knows a container by the time that its cgroup is there. Others have to be asked again.
    fn knows_at_once(&self) -> bool {
        true
    }

    /// What it calls the container of that id; `None` if it is none that it can have. Ids of digits are the same everywhere.
    fn asked_about<'a>(&self, id: &'a str) -> Option<&'a str> {
        runtime::is_full_id(id).then_some(id)
    }

    /// Tells of the containers that run, and of others if it likes.
    fn list<'a>(&'a self, teller: &'a Teller) -> Soon<'a, Listed>;

    /// Tells what happens to containers, until the connection ends.
    fn events<'a>(&'a self, teller: &'a Teller) -> Soon<'a, ()>;

    /// All of one container; `None` if the engine does not know it.
    fn inspect<'a>(&'a self, id: &'a str) -> Soon<'a, Option<Metadata>>;

    /// Answers a question of a person.
    fn ask(&self, question: Question) -> Soon<'_, Told>;

    /// Tells a person what has happened and, if `wish` says so, what happens, until the connection ends.
    fn tell<'a>(&'a self, wish: Wish, to: &'a mut dyn FnMut(Row)) -> Soon<'a, Told>;

    /// All containers whose logs it gives, those that have stopped included.
    fn with_logs(&self) -> Soon<'_, Vec<Metadata>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The log of a container; `None` if it gives none to anyone.
    fn log<'a>(&'a self, _id: &'a str, _wish: &'a LogWish) -> Soon<'a, Option<LogBody>> {
        Box::pin(async { Ok(None) })
    }
}

/// An engine that is asked over gRPC, without limits of time: those are the same for all of them.
pub(super) trait Remote: fmt::Debug {
    /// Which engine it is.
    fn version(&self) -> &Version;

    /// What it cannot do.
    fn lacks(&self) -> Option<&'static str>;

    /// Tells of the containers that run.
    async fn hand_over(&self, teller: &Teller) -> Result<Listed, EndpointError>;

    /// Tells what happens to containers, until the connection ends.
    async fn follow(&self, teller: &Teller) -> Result<(), EndpointError>;

    /// All of one container.
    async fn describe(&self, id: &str) -> Result<Option<Metadata>, EndpointError>;

    /// Answers a question of a person.
    async fn reply(&self, question: Question) -> Result<Told, EndpointError>;

    /// Tells a person what happens, until the connection ends.
    async fn report(&self, wish: Wish, to: &mut dyn FnMut(Row)) -> Result<Told, EndpointError>;
}

impl<R: Remote> Engine for R {
    fn version(&self) -> &Version {
        Remote::version(self)
    }

    fn lacks(&self) -> Option<&'static str> {
        Remote::lacks(self)
    }

    /// A sandbox is known once it has started.
    fn knows_at_once(&self) -> bool {
        false
    }

    fn list<'a>(&'a self, teller: &'a Teller) -> Soon<'a, Listed> {
        Box::pin(within(LIST_TIMEOUT, self.hand_over(teller)))
    }

    fn events<'a>(&'a self, teller: &'a Teller) -> Soon<'a, ()> {
        Box::pin(self.follow(teller))
    }

    fn inspect<'a>(&'a self, id: &'a str) -> Soon<'a, Option<Metadata>> {
        Box::pin(within(INSPECTION_TIMEOUT, self.describe(id)))
    }

    fn ask(&self, question: Question) -> Soon<'_, Told> {
        Box::pin(within(LIST_TIMEOUT, self.reply(question)))
    }

    fn tell<'a>(&'a self, wish: Wish, to: &'a mut dyn FnMut(Row)) -> Soon<'a, Told> {
        Box::pin(self.report(wish, to))
    }
}

/// To whom an engine tells what it knows.
pub(super) struct Teller {
    /// Whose containers it may name.
    owner: Owner,
    /// `None` when only the number of containers is wanted.
    to: Option<(Rc<Shared>, Rc<Urgent>)>,
}

impl Teller {
    /// Passes everything on.
    pub(super) fn new(owner: Owner, shared: &Rc<Shared>, urgent: &Rc<Urgent>) -> Self {
        Self { owner, to: Some((Rc::clone(shared), Rc::clone(urgent))) }
    }

    /// Drops everything.
    pub(super) fn silent(owner: Owner) -> Self {
        Self { owner, to: None }
    }

    /// A container of the list.
    pub(super) async fn listed(&self, metadata: Box<Metadata>) {
        if let Some((shared, _)) = &self.to {
            shared.answer(Answer::Found(self.owner, metadata)).await;
        }
    }

    /// Something happened to a container. `inspect`: there is more to know now than this says.
    pub(super) async fn happened(&self, metadata: Box<Metadata>, inspect: bool) {
        let Some((shared, urgent)) = &self.to else { return };
        if inspect {
            urgent.add(&metadata.full_id);
        }
        shared.answer(Answer::Found(self.owner, metadata)).await;
    }

    /// There is something to know of that container.
    pub(super) fn inspect(&self, id: &str) {
        if let Some((_, urgent)) = &self.to {
            urgent.add(id);
        }
    }

    /// There is something to know of that container, now or in a moment.
    pub(super) fn inspect_soon(&self, id: &str) {
        let Some((_, urgent)) = &self.to else { return };
        urgent.add(id);
        let (urgent, id) = (Rc::clone(urgent), id.to_owned());
        spawn_local(async move {
            for pause in AGAIN {
                sleep(pause).await;
                urgent.add(&id);
            }
        });
    }

    /// The container of that id has ended.
    pub(super) async fn ended(&self, id: String) {
        if let Some((shared, _)) = &self.to {
            shared.answer(Answer::Ended(self.owner, id)).await;
        }
    }
}
